/* SPDX-License-Identifier: ISC */
#ifndef TESTS_BLOCKS_H
#define TESTS_BLOCKS_H

/*
 * A group of tests in which every block of memory is given back, those of the
 * SIP parser, too, and every timer: blocks_begin() is its setup, and
 * blocks_end() adds a failure to `failed` if one is left.
 */
int blocks_begin(void **state);
int blocks_end(int failed);

#endif
