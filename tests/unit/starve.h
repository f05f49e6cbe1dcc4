/* SPDX-License-Identifier: ISC */
#ifndef TESTS_STARVE_H
#define TESTS_STARVE_H

/*
 * Memory that runs out.  A test that uses it is linked with --wrap for malloc,
 * calloc, realloc and reallocarray.
 */

/* The n-th allocation from now on fails, and no other; 0: none. */
void starve(unsigned int n);
/* How many there have been since; and nothing fails any more. */
unsigned int starve_end(void);

#endif
