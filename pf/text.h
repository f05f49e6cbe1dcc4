/* SPDX-License-Identifier: ISC */
#ifndef PF_TEXT_H
#define PF_TEXT_H

#include <stdio.h>

/*
 * -b pf-text: the rules that the ioctls would make, for people and for
 * pfctl -nf -.  Where they go, stdout unless told otherwise; for tests.
 */
void pf_text_output(FILE *f);

#endif
