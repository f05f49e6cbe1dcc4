/* SPDX-License-Identifier: ISC */
/*
 * Numbers for walks and tables: the same on every machine and every run, so
 * that a failure comes again. Each test file that includes this has its own.
 */
#ifndef TESTS_UNIT_RANDOM_H
#define TESTS_UNIT_RANDOM_H

#include <stdint.h>

static uint32_t seed = 1;

/* One of 0..n-1. */
static inline uint32_t
pick(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)seed * n) >> 32);
}

#endif
