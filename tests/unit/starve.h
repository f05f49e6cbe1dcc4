/* SPDX-License-Identifier: ISC */
#ifndef TESTS_STARVE_H
#define TESTS_STARVE_H

/*
 * Memory that runs out, and is counted.  starving_test() of CMakeLists.txt
 * links a test with it.
 */

/* The n-th allocation from now on fails, and no other; 0: none. */
void starve(unsigned int n);
/* How many there have been since; and nothing fails any more. */
unsigned int starve_end(void);

/* The blocks that were allocated so far, without those that were freed. */
int starve_blocks(void);
/* As the end of main(): `failed`, and one more if a block is left. */
int starve_left(int failed, int before);

#endif
