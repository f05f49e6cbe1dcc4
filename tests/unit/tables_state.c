/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdio.h>
#include <string.h>

#include "src/base/timers.h"
#include "tables/entries.h"
#include "tables/replay.h"
#include "tables/state.h"
#include "tests/unit/unit.h"

#define T0  (INT64_C(1700000000) * USEC_PER_SEC)
#define SEC USEC_PER_SEC

static struct prefix
prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(span_of(text), &p), PH_OK);
	return p;
}

static void
records_survive_and_rubbish_does_not(void **state)
{
	static const uint64_t bad_keys[] = { 0, STATE_KEY_CHUNK,
		STATE_KEY_FLOOR | 1, STATE_KEY_FLOOR | STATE_KEY_CHUNK };
	struct state_record r, back;
	uint8_t buf[STATE_MAX];
	uint64_t key;
	size_t i, n;

	(void)state;
	memset(&r, 0, sizeof(r));
	r.kind = STATE_ENTRY;
	r.u.entry.id = 77;
	r.u.entry.prefix = prefix("2001:db8:9::/47");
	r.u.entry.until = ENTRY_FOREVER;
	snprintf(r.u.entry.table, sizeof(r.u.entry.table), "spammer");
	n = state_encode(&r, &key, buf);
	assert_int_equal(key, 77);
	assert_int_equal(state_decode(key, buf, n, &back), PH_OK);
	assert_memory_equal(&r, &back, sizeof(r));
	for (i = 0; i < n; i++)
		assert_int_equal(state_decode(key, buf, i, &back),
		    PH_EMALFORMED);
	for (i = 0; i < ROWS(bad_keys); i++)
		assert_int_equal(state_decode(bad_keys[i], buf, n, &back),
		    PH_EMALFORMED);
	buf[2] = 44; /* a host bit */
	assert_int_equal(state_decode(key, buf, n, &back), PH_EMALFORMED);
	buf[2] = 0;
	assert_int_equal(state_decode(key, buf, n, &back), PH_EMALFORMED);
	buf[2] = 129;
	assert_int_equal(state_decode(key, buf, n, &back), PH_EMALFORMED);

	memset(&r, 0, sizeof(r));
	r.kind = STATE_CHUNK;
	r.u.chunk.number = 5;
	r.u.chunk.latest = 1700000000;
	r.u.chunk.n = 2;
	r.u.chunk.tag[0] = 1;
	r.u.chunk.tag[1] = UINT64_MAX;
	n = state_encode(&r, &key, buf);
	assert_int_equal(state_decode(key, buf, n, &back), PH_OK);
	assert_memory_equal(&r, &back, sizeof(r));
	buf[1] = 3;
	assert_int_equal(state_decode(key, buf, n, &back), PH_EMALFORMED);
	memset(&r, 0, sizeof(r));
	r.kind = STATE_FLOOR;
	r.u.floor = UINT32_MAX;
	n = state_encode(&r, &key, buf);
	assert_int_equal(state_decode(key, buf, n, &back), PH_OK);
	assert_memory_equal(&r, &back, sizeof(r));
}

/* A clock too far ahead would make us refuse all datagrams. */
static void
nobodys_clock_is_taken_from_a_file(void **state)
{
	struct replay_chunk c = { .number = 1, .n = 1, .tag = { 1 } };
	struct replay *r = replay_new(100);
	uint32_t t = (uint32_t)(T0 / SEC);

	(void)state;
	assert_non_null(r);
	c.latest = t + 86401;
	assert_int_equal(replay_load(r, &c, T0), PH_EMALFORMED);
	assert_int_equal(replay_load_floor(r, UINT32_MAX, T0), PH_EMALFORMED);
	assert_int_equal(replay_floor(r), 0);
	assert_int_equal(replay_load_floor(r, t - 1000, T0), PH_OK);
	assert_int_equal(replay_floor(r), t - 1000);
	c.latest = t;
	assert_int_equal(replay_load(r, &c, T0), PH_OK);
	assert_int_equal(replay_take(r, 1, t, T0), PH_EEXIST);
	assert_int_equal(replay_take(r, 2, t, T0), PH_OK);
	assert_int_equal(replay_chunk(r)->number, 2);
	/* Too old to be needed, but not to count for the floor. */
	c.number = 3;
	c.tag[0] = 9;
	c.latest = t - 61;
	assert_int_equal(replay_load(r, &c, T0), PH_EGONE);
	assert_int_equal(replay_floor(r), t - 61);
	c.latest = t - 60;
	assert_int_equal(replay_load(r, &c, T0), PH_OK);
	assert_int_equal(replay_count(r), 3);
	replay_free(r);
}

/* In that order, and nothing of another table. */
static void
what_is_within_and_around_is_found(void **state)
{
	static const char *const all[] = { "203.0.112.0/22", "203.0.112.0/23",
		"203.0.112.0/24", "203.0.112.0", "203.0.113.255", "203.0.114.0",
		"203.0.111.255", "203.0.116.0", "2001:db8::/32" };
	struct entries *e = entries_new(100);
	struct prefix p = prefix("203.0.112.0/23");
	struct entry *x = NULL;
	char text[ADDR_STRLEN];
	size_t i;

	(void)state;
	assert_non_null(e);
	/* A table without an entry has never been counted. */
	assert_int_equal(entries_count_in(e, 0), 0);
	for (i = 0; i < ROWS(all); i++) {
		struct prefix q = prefix(all[i]);

		assert_int_equal(entries_add(e, 1, &q, 1, 1, &x), PH_OK);
		assert_true(x->fresh);
		assert_int_equal(entries_add(e, i == 2 ? 0 : 2, &q, 1, 1, &x),
		    PH_OK);
	}
	for (x = NULL, i = 2; i < 5; i++) {
		x = entries_within(e, 1, &p, x);
		assert_non_null(x);
		assert_string_equal(prefix_format(&x->prefix, text), all[i]);
	}
	assert_null(entries_within(e, 1, &p, x));
	p = prefix("203.0.112.0");
	for (x = NULL, i = 0; i < 3; i++) {
		x = entries_around(e, 1, &p, x);
		assert_non_null(x);
		assert_string_equal(prefix_format(&x->prefix, text), all[i]);
	}
	assert_null(entries_around(e, 1, &p, x));
	assert_null(entries_around(e, 3, &p, NULL));
	p = prefix("2001:db8::1");
	assert_non_null(entries_around(e, 1, &p, NULL));
	assert_null(entries_within(e, 1, &p, NULL));
	entries_free(e);
}

static void
the_memory_for_replays_is_bounded(void **state)
{
	struct replay *r = replay_new(100);
	uint32_t t = (uint32_t)(T0 / SEC);
	uint64_t i;

	(void)state;
	assert_non_null(r);
	for (i = 1; i <= 100; i++)
		assert_int_equal(replay_take(r, i << 32, t, T0), PH_OK);
	assert_int_equal(replay_take(r, 7, t, T0), PH_ELIMIT);
	assert_int_equal(replay_take(r, UINT64_C(9) << 32, t, T0), PH_EEXIST);
	assert_int_equal(replay_take(r, 7, t, T0 + 60 * SEC), PH_OK);
	assert_int_equal(replay_count(r), 101);
	assert_int_equal(replay_dropped(r), 0);
	assert_int_equal(replay_take(r, 8, t + 180, T0 + 120 * SEC), PH_OK);
	assert_int_equal(replay_take(r, 9, t + 180, T0 + 180 * SEC), PH_OK);
	/* The first hundred are gone, and the floor is where they were. */
	assert_int_equal(replay_count(r), 3);
	assert_int_equal(replay_floor(r), t);
	assert_int_equal(replay_take(r, 10, t, T0), PH_EGONE);
	assert_int_equal(replay_dropped(r), 1);
	assert_int_equal(replay_dropped(r), 2);
	assert_int_equal(replay_dropped(r), 0);
	replay_free(r);
}

/* However many there are, each is known, and nothing else is. */
static void
the_table_of_replays_grows(void **state)
{
	struct replay *r = replay_new(10000);
	uint32_t t = (uint32_t)(T0 / SEC);
	uint64_t i, tag;

	(void)state;
	assert_non_null(r);
	for (i = 1; i <= 10000; i++) {
		tag = i * UINT64_C(0x9e3779b97f4a7c15);
		assert_int_equal(replay_take(r, tag, t, T0), PH_OK);
		assert_int_equal(replay_take(r, tag, t, T0), PH_EEXIST);
	}
	assert_int_equal(replay_count(r), 10000);
	for (i = 1; i <= 10000; i++)
		assert_int_equal(replay_take(r,
				     i * UINT64_C(0x9e3779b97f4a7c15), t, T0),
		    PH_EEXIST);
	assert_int_equal(replay_take(r, 1, t, T0), PH_ELIMIT);
	replay_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_survive_and_rubbish_does_not),
		cmocka_unit_test(nobodys_clock_is_taken_from_a_file),
		cmocka_unit_test(the_memory_for_replays_is_bounded),
		cmocka_unit_test(the_table_of_replays_grows),
		cmocka_unit_test(what_is_within_and_around_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
