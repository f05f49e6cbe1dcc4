/* SPDX-License-Identifier: ISC */
#ifndef PINHOLECTL_TOP_H
#define PINHOLECTL_TOP_H

#include <stdbool.h>

/* A full screen of calls, until somebody quits.  The exit status. */
int top_run(const char *path, bool fallback, int seconds);

#endif
