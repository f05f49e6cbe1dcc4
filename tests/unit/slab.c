/* SPDX-License-Identifier: ISC */
#include <stdint.h>
#include <string.h>

#include "src/base/slab.h"
#include "tests/unit/unit.h"

#define MANY 5000

static struct piece {
	uint8_t *p;
	size_t size;
	uint8_t fill;
} pieces[MANY];

static size_t
size_of(unsigned int i)
{
	return i * 7919 % (SLAB_MAX + 100);
}

static void
piece_take(unsigned int i)
{
	struct piece *at = &pieces[i];
	size_t k;

	at->size = size_of(i);
	at->fill = (uint8_t)(i % 255 + 1);
	at->p = slab_new(at->size);
	assert_non_null(at->p);
	assert_int_equal((uintptr_t)at->p % 8, 0);
	for (k = 0; k < at->size; k++)
		assert_int_equal(at->p[k], 0);
	memset(at->p, at->fill, at->size);
}

static void
piece_give_back(unsigned int i)
{
	struct piece *at = &pieces[i];
	size_t k;

	for (k = 0; k < at->size; k++)
		assert_int_equal(at->p[k], at->fill);
	slab_free(at->p, at->size);
	at->p = NULL;
}

/* Each is zeroed, and nobody else writes to it. */
static void
pieces_are_zeroed_and_apart(void **state)
{
	unsigned int round, i;

	(void)state;
	slab_free(NULL, 8);
	for (round = 0; round < 4; round++) {
		for (i = 0; i < MANY; i++)
			if (pieces[i].p == NULL)
				piece_take(i);
		/* Some of each page, in no order. */
		for (i = 0; i < MANY; i++)
			if (i * 31 % 4 != round)
				piece_give_back(i * 7 % MANY);
		for (i = 0; i < MANY; i++)
			if (pieces[i].p != NULL && round == 3)
				piece_give_back(i);
	}
}

/* What all have given back is there for others, whatever their order was. */
static void
what_is_given_back_is_used_again(void **state)
{
	uintptr_t lo = UINTPTR_MAX, hi = 0;
	static uint8_t *p[MANY];
	unsigned int round, i;

	(void)state;
	for (round = 0; round < 50; round++) {
		for (i = 0; i < MANY; i++) {
			assert_non_null(p[i] = slab_new(40));
			lo = (uintptr_t)p[i] < lo ? (uintptr_t)p[i] : lo;
			hi = (uintptr_t)p[i] > hi ? (uintptr_t)p[i] : hi;
		}
		for (i = 0; i < MANY; i++)
			slab_free(p[round % 2 == 0 ? i : MANY - 1 - i], 40);
	}
#ifndef SANITIZED
	assert_true(hi - lo < 4 << 20); /* there are other pages between */
#endif
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_and_apart),
		cmocka_unit_test(what_is_given_back_is_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
