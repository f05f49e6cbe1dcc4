/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

/* cmocka needs these before it, in this order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

/* A struct of counters, all of them uint64_t: none has gone below zero. */
#define assert_counted(c)                                                      \
	do {                                                                   \
		const uint64_t *each_ = (const void *)(c);                     \
		size_t i_;                                                     \
                                                                               \
		for (i_ = 0; i_ < sizeof(*(c)) / sizeof(*each_); i_++)         \
			assert_true(each_[i_] < UINT64_MAX / 2);               \
	} while (0)

#endif
