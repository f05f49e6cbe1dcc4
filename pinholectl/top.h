/* SPDX-License-Identifier: ISC */
#ifndef TOP_H
#define TOP_H

#include <stdbool.h>

/* A full screen of calls, until somebody quits.  The exit status. */
int top_run(const char *path, bool fallback);

#endif
