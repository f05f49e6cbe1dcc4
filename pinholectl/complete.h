/* SPDX-License-Identifier: ISC */
#ifndef PINHOLECTL_COMPLETE_H
#define PINHOLECTL_COMPLETE_H

#include <stdbool.h>
#include <stdio.h>

/* The completions of a shell, from the table of verbs.  False: no such. */
bool complete_print(const char *shell, FILE *f);

#endif
