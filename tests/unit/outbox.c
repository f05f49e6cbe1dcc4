/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/engine/outbox.h"
#include "tests/unit/unit.h"

static struct outbox box;
static uint64_t ids[512];
static size_t nids, nsent;
static const int64_t now = 1000000;

static void
on_send(void *ctx, const struct fw_change *changes, size_t n)
{
	size_t i;

	(void)ctx;
	assert_in_range(n, 1, IPC_BATCH);
	nsent++;
	for (i = 0; i < n; i++)
		ids[nids++] = changes[i].hole.id;
}

static int
begin(void **state)
{
	(void)state;
	memset(&box, 0, sizeof(box));
	box.send = on_send;
	nids = nsent = 0;
	return 0;
}

static void
put(enum fw_op op, uint64_t id, int64_t at)
{
	struct fw_change c = { .op = op };

	c.hole.id = id;
	outbox_add(&box, &c, 1, at);
}

static void
closes_wait_for_each_other(void **state)
{
	(void)state;
	put(FW_CLOSE, 1, now);
	put(FW_CLOSE, 2, now + 3000);
	assert_int_equal(outbox_run(&box, now + 3999), now + OUTBOX_WITHIN);
	assert_int_equal(nsent, 0);
	/* The first of them has waited for long enough. */
	assert_int_equal(outbox_run(&box, now + OUTBOX_WITHIN), INT64_MAX);
	assert_int_equal(nsent, 1);
	assert_int_equal(nids, 2);
	put(FW_CLOSE, 3, now + 6000);
	assert_int_equal(outbox_run(&box, now + 6000),
	    now + 6000 + OUTBOX_WITHIN);
}

static void
what_opens_takes_the_closes_along(void **state)
{
	static const enum fw_op hasty[] = { FW_OPEN, FW_CUT };
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(hasty); i++) {
		begin(NULL);
		put(FW_CLOSE, 1, now);
		put(hasty[i], 2, now);
		assert_int_equal(nsent, 1);
		assert_int_equal(ids[0], 1);
		assert_int_equal(ids[1], 2);
		assert_int_equal(outbox_run(&box, now), INT64_MAX);
	}
}

static void
the_order_stays_however_many(void **state)
{
	struct fw_change v[200];
	size_t i;

	(void)state;
	memset(v, 0, sizeof(v));
	for (i = 0; i < ROWS(v); i++) {
		v[i].op = FW_CLOSE;
		v[i].hole.id = i;
	}
	put(FW_CLOSE, 1000, now);
	outbox_add(&box, v, ROWS(v), now);
	assert_int_equal(nsent, 3);
	outbox_flush(&box);
	assert_int_equal(nids, ROWS(v) + 1);
	for (i = 0; i < ROWS(v); i++)
		assert_int_equal(ids[i + 1], i);
	outbox_flush(&box);
	assert_int_equal(nsent, 4);
}

static void
a_clock_set_back_holds_nothing_up(void **state)
{
	(void)state;
	put(FW_CLOSE, 1, now);
	assert_int_equal(outbox_run(&box, now - 10000), INT64_MAX);
	assert_int_equal(nsent, 1);
	/*
	 * Another firewall process need not know of changes that waited for the
	 * last.
	 */
	put(FW_CLOSE, 2, now);
	outbox_forget(&box);
	assert_int_equal(outbox_run(&box, now + 10000), INT64_MAX);
	assert_int_equal(nsent, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(closes_wait_for_each_other, begin),
		cmocka_unit_test_setup(what_opens_takes_the_closes_along,
		    begin),
		cmocka_unit_test_setup(the_order_stays_however_many, begin),
		cmocka_unit_test_setup(a_clock_set_back_holds_nothing_up,
		    begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
