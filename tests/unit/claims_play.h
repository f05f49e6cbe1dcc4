/* SPDX-License-Identifier: ISC */
#ifndef TESTS_CLAIMS_PLAY_H
#define TESTS_CLAIMS_PLAY_H

#include "src/process/claims.h"
#include "tests/unit/unit.h"

/*
 * The changes that the packet filter was told, and the events, in their order:
 *
 *	+1:2000@60.	a commit that opens id 1, port 2000, for 60 s
 *	-1:2000.	one that closes it
 *	/2000:4000.	one that ends what began at 2000 toward 4000
 *	open 1 c 2000 answer;
 */
#define LOG_SIZE 65536
extern char told[LOG_SIZE], said[LOG_SIZE];

extern int64_t now;
extern struct claims *claims;
extern struct pinhole last; /* opened in the filter */

struct claims *table_from(size_t limit, uint64_t first_id);
struct claims *table(size_t limit);
/* A table of 1000, and empty logs. */
int claims_setup(void **state);
int claims_teardown(void **state);
/* From 198.51.100.7 to this port of 192.0.2.10, and to the next one. */
struct pinhole hole(uint16_t port);

#define TOLD(text)                                                             \
	do {                                                                   \
		assert_string_equal(told, text);                               \
		told[0] = '\0';                                                \
	} while (0)
#define SAID(text)                                                             \
	do {                                                                   \
		assert_string_equal(said, text);                               \
		said[0] = '\0';                                                \
	} while (0)

#define CASE(f)                                                                \
	cmocka_unit_test_setup_teardown(f, claims_setup, claims_teardown)

#endif
