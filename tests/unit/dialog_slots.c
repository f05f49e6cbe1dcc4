/* SPDX-License-Identifier: ISC */
/* A Call-ID has so many legs, a call so many forks and transactions. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "sip/state.h"
#include "tests/unit/dialog_play.h"

static void
a_call_id_has_32_legs(void **state)
{
	/* clang-format off */
	struct step ask = { 1, "o>i", "INVITE", 1, "b1", "t", "", "198.51.100.7 4000", "" };
	struct step ring = { 1, "i>o", "180 INVITE", 1, "b1", "t", "z", NULL, "" };
	struct step reply = { 2, "i>o", "200 INVITE", 1, "b1", "t", "z", "192.0.2.10 10000", "" };
	/* clang-format on */
	struct sip_config c = default_config();
	const struct sip_counters *n;
	char tag[16];
	struct world w;
	int i;

	(void)state;
	ask.from = ring.from = reply.from = tag;
	world_open(&w, &c);
	n = sip_counters(w.sip);
	for (i = 0; i <= SIP_MAX_LEGS; i++) {
		snprintf(tag, sizeof(tag), "t%d", i);
		assert_int_equal(n->limit_calls, 0);
		say(&w, &ask, "c1");
		say(&w, &ring, "c1");
	}
	assert_int_equal(n->calls, SIP_MAX_LEGS);
	assert_int_equal(n->limit_calls, 1);
	assert_int_equal(n->evicted, 0);
	/* The one too many opens nothing, and cost the others nothing. */
	say(&w, &reply, "c1");
	assert_string_equal(w.log, "");
	snprintf(tag, sizeof(tag), "t%d", SIP_MAX_LEGS - 1);
	say(&w, &reply, "c1");
	assert_string_equal(w.log, OPEN_IN OPEN_OUT);
	/* Another Call-ID has legs of its own. */
	say(&w, &ask, "c2");
	assert_int_equal(n->calls, SIP_MAX_LEGS + 1);
	world_close(&w);
}

/* Requests of the outside in the call, all with SDP. */
static void
say_updates(struct world *w, unsigned int first, unsigned int end,
    const char *path, const char *what, const char *sdp)
{
	char branch[16];
	struct step s = { 3, path, what, 0, branch, "a", "z", sdp, "" };

	for (s.cseq = first; s.cseq < end; s.cseq++) {
		snprintf(branch, sizeof(branch), "u%u", s.cseq);
		say(w, &s, "c1");
	}
}

#define UPDATE	    "o>i", "UPDATE", "198.51.100.7 4000"
#define UPDATE_DONE "i>o", "200 UPDATE", "192.0.2.10 10000"

static void
a_call_has_16_transactions(void **state)
{
	/* clang-format off */
	static const struct step set_up[] = { CALL_SET_UP };
	static const struct step moved[] = {
		{ 4, "i>o", "INVITE",     2, "b7", "z", "a", "192.0.2.10 12000", "" },
		{ 4, "o>i", "200 INVITE", 2, "b7", "z", "a", "198.51.100.7 4000", "" },
	};
	static const struct step moves[] = {
		{ 4, "i>o", "INVITE",     2, "b7", "z", "a", "192.0.2.10 12000",
		    "open 3 in udp 198.51.100.7 -> 192.0.2.10 port 12000:12001 (reinvite)\n" },
	};
	static const struct step hang_up[] = {
		{ 5, "i>o", "BYE",     3, "b8", "z", "a", NULL, "" },
		{ 5, "o>i", "200 BYE", 3, "b8", "z", "a", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	const struct sip_counters *n;
	struct call *call;
	struct world w;

	(void)state;
	world_open(&w, &c);
	n = sip_counters(w.sip);
	play_in(&w, set_up, ROWS(set_up));
	call = call_first(w.sip, span_of("c1"));
	/* The first of them takes the slot of the INVITE, which is over. */
	say_updates(&w, 10, 10 + SIP_MAX_TXNS, UPDATE);
	assert_int_equal(call->ntxns, SIP_MAX_TXNS);
	assert_int_equal(n->limit_transactions, 0);
	say_updates(&w, 50, 53, UPDATE);
	assert_int_equal(call->ntxns, SIP_MAX_TXNS);
	assert_int_equal(n->limit_transactions, 3);
	/* Now nothing else fits, but a BYE of ours does. */
	play_in(&w, moved, ROWS(moved));
	assert_int_equal(n->limit_transactions, 4);
	play_in(&w, hang_up, ROWS(hang_up));
	world_close(&w);

	/* Transactions that are over make room, the oldest first. */
	world_open(&w, &c);
	n = sip_counters(w.sip);
	play_in(&w, set_up, ROWS(set_up));
	say_updates(&w, 10, 10 + SIP_MAX_TXNS, UPDATE);
	say_updates(&w, 12, 13, UPDATE_DONE);
	play_in(&w, moves, ROWS(moves));
	assert_int_equal(n->limit_transactions, 0);
	assert_int_equal(n->forged, 0);
	say_updates(&w, 12, 13, UPDATE_DONE);
	assert_int_equal(n->forged, 1);
	say_updates(&w, 13, 14, UPDATE_DONE);
	assert_int_equal(n->forged, 1);
	world_close(&w);
}

static void
say_forks(struct world *w, unsigned int first, unsigned int end,
    const char *what, const char *sdp)
{
	char tag[16];
	struct step s = { 2, "o>i", what, 1, "b1", "a", tag, sdp, "" };
	unsigned int i;

	for (i = first; i < end; i++) {
		snprintf(tag, sizeof(tag), "f%u", i);
		say(w, &s, "c1");
	}
}

/*
 * A fork too many that rings is ignored.  If it is accepted, one that rings
 * makes room, together with its own transactions.
 */
static void
a_call_has_16_forks(void **state)
{
	/* clang-format off */
	static const struct step ask[] = {
		{ 1, "i>o", "INVITE", 1, "b1", "a", "", "192.0.2.10 10000", "" },
	};
	static const struct step updates[] = {
		{ 3, "o>i", "UPDATE", 2, "b2", "f0", "a", "198.51.100.7 4000", "" },
		{ 3, "o>i", "UPDATE", 2, "b3", "f1", "a", "198.51.100.7 4002", "" },
	};
	static const struct step replies[] = {
		{ 5, "i>o", "200 UPDATE", 2, "b2", "f0", "a", "192.0.2.10 10000", "" },
		{ 5, "i>o", "200 UPDATE", 2, "b3", "f1", "a", "192.0.2.10 10000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 4002:4003 (update)\n" },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	const struct sip_counters *n;
	struct call *call;
	struct world w;

	(void)state;
	world_open(&w, &c);
	n = sip_counters(w.sip);
	play_in(&w, ask, ROWS(ask));
	say_forks(&w, 0, SIP_MAX_DIALOGS, "180 INVITE", NULL);
	call = call_first(w.sip, span_of("c1"));
	assert_int_equal(call->ndialogs, SIP_MAX_DIALOGS);
	assert_int_equal(n->limit_dialogs, 0);
	play_in(&w, updates, ROWS(updates));
	say_forks(&w, 50, 51, "180 INVITE", NULL);
	assert_int_equal(n->limit_dialogs, 1);
	strbuf_reset(&w.text);
	say_forks(&w, 60, 61, "200 INVITE", "198.51.100.7 4000");
	assert_string_equal(w.log, OPEN_IN OPEN_OUT);
	assert_int_equal(n->limit_dialogs, 1);
	assert_int_equal(call->ndialogs, SIP_MAX_DIALOGS);
	assert_null(dialog_find(call, span_of("f0")));
	assert_int_equal(n->forged, 0);
	play_in(&w, replies, ROWS(replies));
	assert_int_equal(n->forged, 1);
	/* All accepted: none makes room for another. */
	say_forks(&w, 1, SIP_MAX_DIALOGS, "200 INVITE", "198.51.100.7 4000");
	strbuf_reset(&w.text);
	say_forks(&w, 70, 71, "200 INVITE", "198.51.100.7 6000");
	assert_string_equal(w.log, "");
	assert_int_equal(n->limit_dialogs, 2);
	world_close(&w);
}

/* Old sessions that stay a while; of more, the oldest goes first. */
static void
a_dialog_has_4_sessions_behind_it(void **state)
{
	static const struct step set_up[] = { CALL_SET_UP };
	struct sip_config c = default_config();
	struct sdp_side *const *side;
	char branch[16], sdp[32], old[64];
	struct step ask = { 0, "o>i", "UPDATE", 0, branch, "a", "z", sdp, "" };
	struct step reply = { 0, "i>o", "200 UPDATE", 0, branch, "a", "z",
		"192.0.2.10 10000", "" };
	const struct dialog *d;
	unsigned int k, n;
	struct world w;
	size_t i;

	(void)state;
	world_open(&w, &c);
	play_in(&w, set_up, ROWS(set_up));
	for (k = 1; k <= 10; k++) {
		ask.t = reply.t = 5 + (int)k / 4;
		ask.cseq = reply.cseq = k + 1;
		snprintf(branch, sizeof(branch), "u%u", k);
		snprintf(sdp, sizeof(sdp), "198.51.100.7 %u", 4000 + 10 * k);
		say(&w, &ask, "c1");
		strbuf_reset(&w.text);
		say(&w, &reply, "c1");
		world_check(&w, ask.t * USEC_PER_SEC);
		/* In, out, and out to those before. */
		assert_int_equal(w.nholes, 2 + (k < 4 ? k : 4));
		snprintf(old, sizeof(old), "port %u:%u (replaced)",
		    4000 + 10 * (k - 5), 4001 + 10 * (k - 5));
		assert_int_equal(strstr(w.log, "(replaced)") != NULL, k > 4);
		/* Of several that are as old, any goes. */
		if (k >= 5 && k <= 7)
			assert_non_null(strstr(w.log, old));
		d = TAILQ_FIRST(&call_first(w.sip, span_of("c1"))->dialogs);
		for (i = n = 0; i < SIP_MAX_PAST; i++) {
			side = d->past[i].side;
			n += d->past[i].until != 0;
			assert_true(d->past[i].until == 0 ||
			    (side[CALLER] != NULL && side[CALLEE] != NULL));
		}
		assert_int_equal(n, k < 4 ? k : 4);
	}
	/* Three seconds behind the last, none is left. */
	timers_run(&w.timers, 10 * USEC_PER_SEC);
	assert_int_equal(w.nholes, 2);
	assert_null(d->past);
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_id_has_32_legs),
		cmocka_unit_test(a_call_has_16_transactions),
		cmocka_unit_test(a_call_has_16_forks),
		cmocka_unit_test(a_dialog_has_4_sessions_behind_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
