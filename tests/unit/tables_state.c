/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdio.h>
#include <string.h>

#include "src/base/timers.h"
#include "tables/entries.h"
#include "tables/replay.h"
#include "tables/state.h"
#include "tests/unit/starve.h"
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

/* One byte is changed, or the length: each field has its bounds. */
static void
a_record_with_a_wrong_byte_is_refused(void **state)
{
	enum { ENTRY, CHUNK, FLOOR, END };
	/* clang-format off */
	static const struct {
		int base;
		uint64_t key;	/* 0: its own */
		size_t at;
		uint8_t byte;
		int more;	/* bytes */
		enum ph_err rc;
	} t[] = {
	{ ENTRY, 0, 0, STATE_ENTRY, 0, PH_OK },
	{ ENTRY, 0, 0, 0, 0, PH_EMALFORMED },
	{ ENTRY, 0, 0, 5, 0, PH_EMALFORMED },
	{ ENTRY, 0, 0, STATE_CHUNK, 0, PH_EMALFORMED },
	{ ENTRY, 0, 0, STATE_FLOOR, 0, PH_EMALFORMED },
	{ ENTRY, 0, 0, STATE_END, 0, PH_EMALFORMED },
	{ ENTRY, STATE_KEY_CHUNK - 1, 0, STATE_ENTRY, 0, PH_OK },
	{ ENTRY, STATE_KEY_CHUNK, 0, STATE_ENTRY, 0, PH_EMALFORMED },
	{ ENTRY, 0, 1, 5, 0, PH_EMALFORMED },	/* neither 4 nor 6 */
	{ ENTRY, 0, 1, 0, 0, PH_EMALFORMED },
	{ ENTRY, 0, 2, 0, 0, PH_EMALFORMED },	/* the length */
	{ ENTRY, 0, 2, 25, 0, PH_OK },
	{ ENTRY, 0, 2, 24, 0, PH_EMALFORMED },
	{ ENTRY, 0, 2, 32, 0, PH_OK },
	{ ENTRY, 0, 2, 33, 0, PH_EMALFORMED },
	{ ENTRY, 0, 3, 1, 0, PH_EMALFORMED },	/* the pad */
	{ ENTRY, 0, 7, 1, 0, PH_EMALFORMED },
	{ ENTRY, 0, 8, 0x7f, 0, PH_OK },	/* until */
	{ ENTRY, 0, 8, 0x80, 0, PH_EMALFORMED },
	{ ENTRY, 0, 19, 0x81, 0, PH_EMALFORMED }, /* the address */
	{ ENTRY, 0, 20, 1, 0, PH_EMALFORMED },
	{ ENTRY, 0, 31, 1, 0, PH_EMALFORMED },
	{ ENTRY, 0, 32, 0, 0, PH_EMALFORMED },	/* the table */
	{ ENTRY, 0, 63, 'x', 0, PH_OK },
	{ ENTRY, 0, 0, STATE_ENTRY, 1, PH_EMALFORMED },
	{ ENTRY, 0, 0, STATE_ENTRY, -1, PH_EMALFORMED },
	{ CHUNK, 0, 0, STATE_CHUNK, 0, PH_OK },
	{ CHUNK, STATE_KEY_CHUNK + 1, 0, STATE_CHUNK, 0, PH_OK },
	{ CHUNK, STATE_KEY_CHUNK, 0, STATE_CHUNK, 0, PH_EMALFORMED },
	{ CHUNK, STATE_KEY_FLOOR - 1, 0, STATE_CHUNK, 0, PH_OK },
	{ CHUNK, STATE_KEY_FLOOR, 0, STATE_CHUNK, 0, PH_EMALFORMED },
	{ CHUNK, 5, 0, STATE_CHUNK, 0, PH_EMALFORMED },
	{ CHUNK, 0, 1, 1, 0, PH_EMALFORMED },
	{ CHUNK, 0, 1, 0, -16, PH_EMALFORMED },
	{ CHUNK, 0, 1, 1, -8, PH_OK },
	{ CHUNK, 0, 1, 64, 62 * 8, PH_OK },
	{ CHUNK, 0, 1, 65, 63 * 8, PH_EMALFORMED },
	{ CHUNK, 0, 2, 1, 0, PH_EMALFORMED },
	{ CHUNK, 0, 3, 1, 0, PH_EMALFORMED },
	{ CHUNK, 0, 0, STATE_CHUNK, 1, PH_EMALFORMED },
	{ CHUNK, 0, 0, STATE_CHUNK, -1, PH_EMALFORMED },
	{ FLOOR, 0, 0, STATE_FLOOR, 0, PH_OK },
	{ FLOOR, STATE_KEY_END, 0, STATE_FLOOR, 0, PH_EMALFORMED },
	{ FLOOR, 0, 1, 1, 0, PH_EMALFORMED },
	{ FLOOR, 0, 2, 1, 0, PH_EMALFORMED },
	{ FLOOR, 0, 3, 1, 0, PH_EMALFORMED },
	{ FLOOR, 0, 7, 1, 0, PH_OK },
	{ FLOOR, 0, 0, STATE_FLOOR, 1, PH_EMALFORMED },
	{ FLOOR, 0, 0, STATE_FLOOR, -1, PH_EMALFORMED },
	{ END, 0, 0, STATE_END, 0, PH_OK },
	{ END, STATE_KEY_FLOOR, 0, STATE_END, 0, PH_EMALFORMED },
	{ END, 0, 1, 1, 0, PH_EMALFORMED },
	{ END, 0, 2, 1, 0, PH_EMALFORMED },
	{ END, 0, 3, 1, 0, PH_EMALFORMED },
	{ END, 0, 4, 1, 0, PH_EMALFORMED },
	{ END, 0, 7, 1, 0, PH_EMALFORMED },
	{ END, 0, 0, STATE_END, 1, PH_EMALFORMED },
	{ END, 0, 0, STATE_END, -1, PH_EMALFORMED },
	};
	/* clang-format on */
	struct state_record r, back;
	uint8_t buf[STATE_MAX + 64];
	uint64_t key;
	size_t i, n;

	(void)state;
	for (i = 0; i < ROWS(t); i++) {
		memset(&r, 0, sizeof(r));
		memset(buf, 0, sizeof(buf));
		r.kind = (enum state_kind)(STATE_ENTRY + t[i].base);
		if (t[i].base == ENTRY) {
			r.u.entry.id = 77;
			r.u.entry.prefix = prefix("203.0.113.128/25");
			r.u.entry.until = T0;
			strlcpy(r.u.entry.table, "spammer", WIRE_NAME);
		} else if (t[i].base == CHUNK) {
			r.u.chunk.number = 5;
			r.u.chunk.latest = 1700000000;
			r.u.chunk.n = 2;
		}
		n = state_encode(&r, &key, buf);
		buf[t[i].at] = t[i].byte;
		if (state_decode(t[i].key != 0 ? t[i].key : key, buf,
			(size_t)((int)n + t[i].more), &back) != t[i].rc)
			fail_msg("%zu", i);
	}
}

/* Entries that are loaded join one generation, and are dropped with it. */
static void
chunks_are_loaded_and_dropped(void **state)
{
	/* clang-format off */
	static const struct {
		uint64_t number;
		uint32_t n;
		int64_t latest;		/* after T0 */
		enum ph_err rc;
		size_t count;		/* remembered afterwards */
		uint32_t floor;		/* before T0, 0: none */
	} t[] = {
	{ 0, 1, 0, PH_EMALFORMED, 0, 0 },
	{ REPLAY_NUMBER_MAX + 1, 1, 0, PH_EMALFORMED, 0, 0 },
	{ 7, 0, 0, PH_EMALFORMED, 0, 0 },
	{ 7, REPLAY_CHUNK + 1, 0, PH_EMALFORMED, 0, 0 },
	{ 7, 1, 86401, PH_EMALFORMED, 0, 0 },
	{ 7, 3, 0, PH_OK, 3, 0 },
	{ 9, 4, -60, PH_OK, 4, 0 },		/* the same again, and one more */
	{ 8, 4, -61, PH_EGONE, 4, 61 },
	{ 4, 5, -62, PH_EGONE, 4, 61 },
	{ 5, 64, 86400, PH_OK, 64, 61 },
	};
	/* clang-format on */
	struct replay *r = replay_new(66);
	uint32_t second = (uint32_t)(T0 / SEC), i;
	struct replay_chunk c;
	size_t row;

	(void)state;
	assert_non_null(r);
	for (row = 0; row < ROWS(t); row++) {
		memset(&c, 0, sizeof(c));
		c.number = t[row].number;
		c.n = t[row].n;
		c.latest = (uint32_t)(second + t[row].latest);
		for (i = 0; i < REPLAY_CHUNK; i++)
			c.tag[i] = i + 1;
		if (replay_load(r, &c, T0) != t[row].rc)
			fail_msg("%zu", row);
		assert_int_equal(replay_count(r), t[row].count);
		assert_int_equal(replay_floor(r),
		    t[row].floor != 0 ? second - t[row].floor : 0);
	}
	/* Tag 0 stands for none.  There is room for two more. */
	c.tag[0] = 0;
	c.tag[1] = 1000;
	c.n = 2;
	c.number = 6;
	c.latest = second;
	assert_int_equal(replay_load(r, &c, T0), PH_OK);
	assert_int_equal(replay_count(r), 65);
	c.tag[0] = 1001;
	c.tag[1] = 1002;
	assert_int_equal(replay_load(r, &c, T0), PH_ELIMIT);
	assert_int_equal(replay_count(r), 66);
	/* Numbers go on; the loaded ones are dropped with their generation. */
	assert_int_equal(replay_take(r, 5, second, T0), PH_EEXIST);
	assert_int_equal(replay_take(r, 1003, second, T0), PH_ELIMIT);
	assert_int_equal(replay_take(r, 1003, second + 60, T0 + 60 * SEC),
	    PH_OK);
	assert_int_equal(replay_chunk(r)->number, 10);
	assert_int_equal(replay_dropped(r), 0);
	assert_int_equal(replay_take(r, 1004, second + 120, T0 + 120 * SEC),
	    PH_OK);
	assert_int_equal(replay_dropped(r), 0);
	/* One of them is from tomorrow, and so is the floor. */
	assert_int_equal(replay_take(r, 1005, second + 180, T0 + 180 * SEC),
	    PH_EGONE);
	for (i = 4; i <= 9; i++)
		assert_int_equal(replay_dropped(r), i);
	assert_int_equal(replay_dropped(r), 0);
	assert_int_equal(replay_floor(r), second + 86400);
	assert_int_equal(replay_count(r), 2);
	replay_free(r);
}

static void
a_floor_is_not_of_another_day(void **state)
{
	struct replay *r = replay_new(10);
	uint32_t second = (uint32_t)(T0 / SEC);

	(void)state;
	assert_non_null(r);
	assert_int_equal(replay_load_floor(r, second + 86401, T0),
	    PH_EMALFORMED);
	assert_int_equal(replay_floor(r), 0);
	assert_int_equal(replay_load_floor(r, second + 86400, T0), PH_OK);
	assert_int_equal(replay_load_floor(r, second, T0), PH_OK);
	assert_int_equal(replay_floor(r), second + 86400);
	assert_int_equal(replay_take(r, 1, second + 86400, T0), PH_EGONE);
	assert_int_equal(replay_take(r, 1, second + 86401, T0), PH_OK);
	replay_free(r);
	replay_free(NULL);
}

/* A chunk has the latest time of its datagrams, and at most 64 of them. */
static void
a_chunk_tells_what_was_taken(void **state)
{
	static const int times[] = { 5, 9, 7 };
	struct replay *r = replay_new(1000);
	uint32_t second = (uint32_t)(T0 / SEC), i;
	const struct replay_chunk *c;

	(void)state;
	assert_non_null(r);
	c = replay_chunk(r);
	assert_int_equal(c->n, 0);
	for (i = 0; i < 64; i++) {
		assert_int_equal(replay_take(r, 100 + i,
				     second + (uint32_t)times[i % 3], T0),
		    PH_OK);
		assert_int_equal(c->n, i + 1);
		assert_int_equal(c->tag[i], 100 + i);
		assert_int_equal(c->latest, second + (i == 0 ? 5u : 9u));
		assert_int_equal(c->number, 1);
	}
	/* A tag of nothing but zeros is one, too. */
	assert_int_equal(replay_take(r, 0, second + 1, T0), PH_OK);
	assert_int_equal(c->number, 2);
	assert_int_equal(c->n, 1);
	assert_int_equal(c->tag[0], 1);
	assert_int_equal(c->latest, second + 1);
	assert_int_equal(replay_take(r, 0, second + 1, T0), PH_EEXIST);
	/* One microsecond before a minute, and at it. */
	assert_int_equal(replay_take(r, 2, second, T0 + 60 * SEC - 1), PH_OK);
	assert_int_equal(c->number, 2);
	assert_int_equal(replay_take(r, 3, second, T0 + 60 * SEC), PH_OK);
	assert_int_equal(c->number, 3);
	assert_int_equal(c->n, 1);
	replay_free(r);
}

static void
without_memory_nothing_is_taken(void **state)
{
	struct prefix p = prefix("203.0.113.7"), q = prefix("203.0.113.8");
	uint32_t second = (uint32_t)(T0 / SEC), i;
	struct entries *e;
	struct replay *r;
	struct entry *x;

	(void)state;
	starve(1);
	assert_null(replay_new(10));
	starve(1);
	assert_null(entries_new(10));
	(void)starve_end();
	assert_non_null(r = replay_new(2000));
	starve(1);
	assert_int_equal(replay_take(r, 1, second, T0), PH_ENOMEM);
	(void)starve_end();
	assert_int_equal(replay_chunk(r)->n, 0);
	for (i = 1; i <= 512; i++)
		assert_int_equal(replay_take(r, i, second, T0), PH_OK);
	starve(1);
	assert_int_equal(replay_take(r, 600, second, T0), PH_ENOMEM);
	(void)starve_end();
	assert_int_equal(replay_count(r), 512);
	assert_int_equal(replay_take(r, 600, second, T0), PH_OK);
	replay_free(r);
	/* The list of tables, and then the entry. */
	assert_non_null(e = entries_new(10));
	for (i = 1; i <= 2; i++) {
		starve(i);
		assert_int_equal(entries_add(e, 3, &p, T0, 1, &x), PH_ENOMEM);
		assert_null(x);
		(void)starve_end();
		assert_int_equal(entries_count(e), 0);
		assert_int_equal(entries_count_in(e, 3), 0);
		assert_null(entries_due(e));
	}
	assert_int_equal(entries_add(e, 3, &p, T0, 1, &x), PH_OK);
	assert_int_equal(entries_add(e, 2, &q, T0, 1, &x), PH_OK);
	assert_int_equal(entries_count_in(e, 3), 1);
	entries_free(e);
	entries_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_survive_and_rubbish_does_not),
		cmocka_unit_test(a_record_with_a_wrong_byte_is_refused),
		cmocka_unit_test(chunks_are_loaded_and_dropped),
		cmocka_unit_test(a_floor_is_not_of_another_day),
		cmocka_unit_test(a_chunk_tells_what_was_taken),
		cmocka_unit_test(without_memory_nothing_is_taken),
		cmocka_unit_test(nobodys_clock_is_taken_from_a_file),
		cmocka_unit_test(the_memory_for_replays_is_bounded),
		cmocka_unit_test(the_table_of_replays_grows),
		cmocka_unit_test(what_is_within_and_around_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
