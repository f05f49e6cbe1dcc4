/* SPDX-License-Identifier: ISC */
#ifndef COMPLETE_H
#define COMPLETE_H

#include <stdbool.h>
#include <stdio.h>

/* The completions of a shell, from the table of verbs.  False: no such. */
bool complete_print(const char *shell, FILE *f);

#endif
