/* SPDX-License-Identifier: ISC */
/* Calls that another process or machine has written down. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "sip/mentions.h"
#include "tests/unit/export_play.h"

/* No deadline is later than it could be if it were set now. */
static void
deadlines_are_at_most_what_is_configured(void **state)
{
	struct sip_config config = default_config();
	const int64_t setup = NOW + config.timeout_setup * USEC_PER_SEC;
	const int64_t early = NOW + 2 * config.timeout_setup * USEC_PER_SEC;
	const int64_t max = NOW + config.timeout_max * USEC_PER_SEC;
	const struct {
		int64_t at, setup, early, max;
	} rows[] = {
		{ 0, setup, early, max },
		{ 1, 1, 1, 1 },
		{ setup - 1, setup - 1, setup - 1, setup - 1 },
		{ setup, setup, setup, setup },
		{ setup + 1, setup, setup + 1, setup + 1 },
		{ early, setup, early, early },
		{ early + 1, setup, early, early + 1 },
		{ max, setup, early, max },
		{ max + 1, setup, early, max },
		{ INT64_MAX, setup, early, max },
	};
	static const struct {
		int64_t at, began, txn;
	} begun[] = {
		{ 0, NOW, 0 },
		{ 1, 1, 1 },
		{ NOW - 1, NOW - 1, NOW - 1 },
		{ NOW, NOW, NOW },
		{ NOW + 1, NOW, NOW },
	};
	const struct call *out;
	struct world w, v;
	struct call *c;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows) + ROWS(begun); i++) {
		world_open(&w, &config);
		world_open(&v, &config);
		c = small_call(&w);
		if (i < ROWS(rows)) {
			c->setup_until = c->max_until = rows[i].at;
			TAILQ_FIRST(&c->dialogs)->early_until = rows[i].at;
		} else {
			c->began = begun[i - ROWS(rows)].at;
			TAILQ_FIRST(&c->txns)->began = c->began;
		}
		save(&w, c->id);
		assert_int_equal(sip_import(v.sip, bytes, nbytes, NOW), PH_OK);
		out = call_by_id(v.sip, c->id);
		if (i < ROWS(rows)) {
			assert_int_equal(out->setup_until, rows[i].setup);
			assert_int_equal(out->max_until, rows[i].max);
			assert_int_equal(TAILQ_FIRST(&out->dialogs)
					     ->early_until,
			    rows[i].early);
		} else {
			assert_int_equal(out->began,
			    begun[i - ROWS(rows)].began);
			assert_int_equal(TAILQ_FIRST(&out->txns)->began,
			    begun[i - ROWS(rows)].txn);
		}
		world_close(&v);
		world_close(&w);
	}
}

/* Only as many calls as the limit says; none is evicted for another. */
static void
there_is_room_up_to_the_limit(void **state)
{
	struct sip_config config = default_config();
	const struct sip_counters *n;
	struct world w, v;
	struct call *c;
	unsigned int i;

	(void)state;
	config.limit_calls = 2;
	world_open(&w, &config);
	world_open(&v, &config);
	n = sip_counters(v.sip);
	c = small_call(&w);
	for (i = 0; i < 3; i++) {
		assert_int_equal(call_set_id(c, 10 + i), PH_OK);
		c->text[0]++; /* of its Call-ID */
		save(&w, c->id);
		assert_int_equal(sip_import(v.sip, bytes, nbytes, NOW),
		    i < 2 ? PH_OK : PH_ELIMIT);
	}
	assert_int_equal(n->calls, 2);
	assert_int_equal(n->evicted, 0);
	/* The same id, or the same names: it is here already. */
	for (i = 0; i < 2; i++) {
		assert_int_equal(call_set_id(c, i == 0 ? 11 : 99), PH_OK);
		c->text[0] = (char)(c->text[0] - i);
		save(&w, c->id);
		assert_int_equal(sip_import(v.sip, bytes, nbytes, NOW),
		    PH_EEXIST);
	}
	world_close(&v);
	world_close(&w);
}

/* What was said comes back as the mention of that side which said it. */
static void
mentions_come_back_the_insides_first(void **state)
{
	static const struct {
		uint16_t port;
		bool outside;
	} expected[] = {
		{ 5000, false }, /* both sides in a dialog */
		{ 6000, true },	 /* the outside alone */
		{ 7000, false }, /* the inside's late offer */
		{ 8000, false }, /* the inside's own offer */
		{ 8002, true },	 /* an answer to it */
		{ 9000, true },	 /* the outside's offer */
		{ 9002, false }, /* an answer to it */
	};
	static const uint16_t ports[2][8] = {
		{ 5000, 6000, 0 /* a lie that was repeated */, 0, 8002, 9000 },
		{ 5000, 5500, 7000, 8000, 0, 0, 9002 },
	};
	struct sip_config config = default_config();
	struct sdp_candidate none[1] = { 0 };
	struct sdp_media m = { .addr = INSIDE,
		.nports = 1,
		.candidates = none };
	struct addr in = INSIDE, out = OUTSIDE;
	struct world w, v;
	struct dialog *d;
	struct call *c;
	struct txn *t;
	size_t i;

	(void)state;
	world_open(&w, &config);
	world_open(&v, &config);
	c = call_of(&w);
	d = dialog_new(c, span_of("to"), 1, false);
#define SIDE(who, number)                                                      \
	(m.port = ports[who][number],                                          \
	    sdp_side_new(&m, 1, false, (who) ? &in : &out))
	d->side[CALLER] = SIDE(0, 0);
	d->side[CALLEE] = SIDE(1, 0);
	assert_true(late_begin(d, &(struct late) { .side = SIDE(1, 2) }));
	t = txn_new(c, SIP_UPDATE, 1, span_of("b1"));
	t->dlg = d;
	t->role = CALLEE;
	t->offer = SIDE(1, 3);
	t->answer = SIDE(0, 4);
	t = txn_new(c, SIP_UPDATE, 1, span_of("b2"));
	t->dlg = d;
	t->offer = SIDE(0, 5);
	t->answer = SIDE(1, 6);
	d = dialog_new(c, span_of("to2"), 1, false);
	d->side[CALLER] = SIDE(0, 1);
	m.repeated = 1;
	d->side[CALLEE] = SIDE(1, 1);
#undef SIDE
	save(&w, c->id);
	assert_int_equal(sip_import(v.sip, bytes, nbytes, NOW), PH_OK);
	c = call_by_id(v.sip, c->id);
	for (i = 0; i < ROWS(expected); i++) {
		const struct mention *k;

		TAILQ_FOREACH(k, &c->mentions, entry)
			if (k->where.port == expected[i].port)
				break;
		assert_non_null(k);
		assert_int_equal(k->outside, expected[i].outside);
	}
	assert_int_equal(c->nmentions, ROWS(expected));
	world_close(&v);
	world_close(&w);
}

static void
the_key_is_the_names_alone(void **state)
{
	static uint8_t first[SIP_EXPORT_MAX];
	struct sip_config config = default_config();
	struct span key, again, call_id;
	struct world w;
	struct call *c;
	uint64_t id;
	size_t i;

	(void)state;
	world_open(&w, &config);
	c = small_call(&w);
	save(&w, c->id);
	assert_int_equal(sip_export_names(bytes, nbytes, &id, &call_id), PH_OK);
	assert_int_equal(id, c->id);
	assert_true(span_eq(call_id, call_id_of(c)));
	assert_int_equal(sip_export_key(bytes, nbytes, &key), PH_OK);
	assert_ptr_equal(key.p, bytes + 9);
	assert_int_equal(key.len, 2 + 11 + 2 + 4 + 5 + 5);
	for (i = 0; i < 9 + key.len; i++)
		assert_int_equal(sip_export_key(bytes, i, &again),
		    PH_EMALFORMED);
	assert_int_equal(sip_export_key(bytes, i, &again), PH_OK);
	memcpy(first, bytes, nbytes);
	key.p = (const char *)first + 9;
	assert_int_equal(call_set_id(c, 1000), PH_OK);
	call_accept(c, NOW);
	save(&w, 1000);
	assert_int_equal(sip_export_key(bytes, nbytes, &again), PH_OK);
	assert_true(span_eq(key, again));
	/* Another layout is none of ours. */
	bytes[0]++;
	assert_int_equal(sip_export_key(bytes, nbytes, &again), PH_EMALFORMED);
	assert_int_equal(sip_export_names(bytes, nbytes, &id, &call_id),
	    PH_EMALFORMED);
	assert_int_equal(sip_import(w.sip, bytes, nbytes, NOW), PH_EMALFORMED);
	world_close(&w);
}

/* The call of another machine, and its later state. */
static void
a_peers_call_is_taken_in_place_of_ours(void **state)
{
	struct sip_config config = default_config();
	static uint8_t before[SIP_EXPORT_MAX];
	struct world w, v;
	struct call *c;
	size_t len;
	uint64_t id;

	(void)state;
	world_open(&w, &config);
	world_open(&v, &config);
	c = full_call(&w);
	assert_int_equal(call_set_id(c, 77), PH_OK);
	save(&w, 77);
	v.sip->next_id = 5;
	assert_int_equal(sip_import_peer(v.sip, bytes, nbytes, false, NOW, &id),
	    PH_OK);
	assert_int_equal(id, 5);
	assert_int_equal(v.wants, 1);
	same_calls(c, call_by_id(v.sip, 5));
	/* Later; then it keeps its id here. */
	c->setup_until -= 3;
	save(&w, 77);
	assert_int_equal(sip_import_peer(v.sip, bytes, nbytes, true, NOW, &id),
	    PH_OK);
	assert_int_equal(id, 5);
	assert_int_equal(v.wants, 1);
	assert_int_equal(call_by_id(v.sip, 5)->setup_until, c->setup_until + 3);
	assert_int_equal(sip_import_peer(v.sip, bytes, nbytes, false, NOW, &id),
	    PH_OK);
	assert_int_equal(id, 5);
	assert_int_equal(v.wants, 2);
	same_calls(c, call_by_id(v.sip, 5));
	assert_int_equal(v.gone, 0);
	/* What cannot be read changes nothing. */
	assert_int_equal(sip_export(v.sip, 5, before, sizeof(before), &len),
	    PH_OK);
	assert_int_equal(sip_import_peer(v.sip, bytes, nbytes - 1, false, NOW,
			     &id),
	    PH_EMALFORMED);
	assert_int_equal(sip_import_peer(v.sip, bytes, 20, false, NOW, &id),
	    PH_EMALFORMED);
	assert_int_equal(v.wants, 2);
	same_calls(c, call_by_id(v.sip, 5));
	assert_int_equal(sip_export(v.sip, 5, bytes, sizeof(bytes), &nbytes),
	    PH_OK);
	assert_int_equal(nbytes, len);
	assert_memory_equal(bytes, before, len);
	/* One that is not here any more is new. */
	save(&w, 77);
	assert_true(sip_end(v.sip, 5, REASON_CLOSED, NOW));
	v.sip->next_id = 9;
	assert_int_equal(sip_import_peer(v.sip, bytes, nbytes, false, NOW, &id),
	    PH_OK);
	assert_int_equal(id, 9);
	world_close(&v);
	world_close(&w);
}

/* Numbers far ahead of ours would leave us none. */
static void
a_peers_numbers_are_near_ours(void **state)
{
	struct sip_config config = default_config();
	const uint64_t ahead = UINT64_C(1) << 32;
	struct world w, v;
	struct call *c;
	uint64_t id;

	(void)state;
	world_open(&w, &config);
	world_open(&v, &config);
	c = small_call(&w);
	TAILQ_FIRST(&c->txns)->serial = v.sip->next_serial + ahead + 1;
	save(&w, c->id);
	assert_int_equal(sip_import_peer(v.sip, bytes, nbytes, false, NOW, &id),
	    PH_EMALFORMED);
	assert_int_equal(id, 0);
	v.sip->next_serial = 1;
	TAILQ_FIRST(&c->txns)->serial = v.sip->next_serial + ahead;
	save(&w, c->id);
	assert_int_equal(sip_import_peer(v.sip, bytes, nbytes, false, NOW, &id),
	    PH_OK);
	assert_true(v.sip->next_serial > 1 + ahead);
	world_close(&v);
	world_close(&w);
}

/* A call that is over, here or there. */
static void
what_is_over_stays_over(void **state)
{
	struct sip_config config = default_config();
	struct world w, v;
	struct call *c;
	uint64_t id;

	(void)state;
	world_open(&w, &config);
	world_open(&v, &config);
	c = call_of(&w);
	save(&w, c->id);
	assert_int_equal(sip_import(v.sip, bytes, nbytes, NOW), PH_OK);
	call_settle(call_by_id(v.sip, c->id), NOW);
	assert_true(call_by_id(v.sip, c->id)->dead);
	assert_int_equal(sip_import_peer(v.sip, bytes, nbytes, false, NOW, &id),
	    PH_EGONE);
	assert_int_equal(id, c->id);
	assert_int_equal(sip_import_peer(v.sip, bytes, nbytes, true, NOW, &id),
	    PH_EGONE);
	world_close(&v);
	world_open(&v, &config);
	bytes[9 + 2 + 11 + 2 + 4 + 5 + 5 + 1] = 1; /* dead */
	assert_int_equal(sip_import(v.sip, bytes, nbytes, NOW), PH_EGONE);
	assert_int_equal(sip_import_peer(v.sip, bytes, nbytes, false, NOW, &id),
	    PH_EGONE);
	assert_int_equal(sip_counters(v.sip)->calls, 0);
	call_settle(c, NOW);
	assert_int_equal(sip_export(w.sip, c->id, bytes, sizeof(bytes),
			     &nbytes),
	    PH_EBAD);
	world_close(&v);
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deadlines_are_at_most_what_is_configured),
		cmocka_unit_test(there_is_room_up_to_the_limit),
		cmocka_unit_test(mentions_come_back_the_insides_first),
		cmocka_unit_test(the_key_is_the_names_alone),
		cmocka_unit_test(a_peers_call_is_taken_in_place_of_ours),
		cmocka_unit_test(a_peers_numbers_are_near_ours),
		cmocka_unit_test(what_is_over_stays_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
