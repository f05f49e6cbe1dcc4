/* SPDX-License-Identifier: ISC */
/* Transactions from the request to the end of their time. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "sip/state.h"
#include "tests/unit/dialog_play.h"

/* A step, and the last transaction of the call after it. */
struct txn_step {
	struct step s;
	const char *txn;
};

static const char *
last_txn(const struct world *w, char buf[128])
{
	struct call *c = call_first(w->sip, span_of("c1"));
	struct strbuf b = strbuf_of(buf, 128);
	const struct txn *t = NULL, *each;

	if (c == NULL)
		return "gone";
	TAILQ_FOREACH(each, &c->txns, entry)
		t = each;
	if (t == NULL)
		return "none";
	strbuf_fmt(&b, "%s by %s, %u..", sip_method_name(t->method),
	    t->role == CALLER ? "caller" : "callee",
	    (unsigned int)(t->began / USEC_PER_SEC));
	if (t->until != 0)
		strbuf_fmt(&b, "%u", (unsigned int)(t->until / USEC_PER_SEC));
	strbuf_str(&b, t->dlg != NULL ? ", in" : ", out");
	if (t->offer != NULL)
		strbuf_fmt(&b, ", offer %u", t->offer->media[0].port);
	if (t->answer != NULL)
		strbuf_fmt(&b, ", answer %u", t->answer->media[0].port);
	if (t->bad != REASON_NONE)
		strbuf_fmt(&b, ", %s", reason_name(t->bad));
	strbuf_fmt(&b, "%s%s%s%s", t->own ? ", own" : "",
	    t->cancelled ? ", cancelled" : "", t->done ? ", done" : "",
	    t->refused ? ", refused" : "");
	return buf;
}

static void
follow(const struct txn_step *steps, size_t n)
{
	struct sip_config c = default_config();
	const struct txn_step *s;
	char buf[128];
	struct world w;

	world_open(&w, &c);
	for (s = steps; s < steps + n; s++) {
		printf("%d %s %s\n", s->s.t, s->s.path, s->s.what);
		timers_run(&w.timers, s->s.t * USEC_PER_SEC);
		if (s->s.path[0] != '\0')
			say(&w, &s->s, "c1");
		assert_string_equal(last_txn(&w, buf), s->txn);
		world_check(&w, s->s.t * USEC_PER_SEC);
	}
	world_close(&w);
}

#define FOLLOW(steps) follow(steps, ROWS(steps))

#define PHONE "198.51.100.7 4000"
#define PBX   "192.0.2.10 10000"

/* clang-format off */
#define TALKING \
	{ { 1, "o>i", "INVITE",     1, "b1", "a", "",  PHONE, NULL }, "INVITE by caller, 1.., out, offer 4000" }, \
	{ { 2, "i>o", "100 INVITE", 1, "b1", "a", "",  NULL, NULL }, "INVITE by caller, 1.., out, offer 4000" }, \
	{ { 3, "i>o", "183 INVITE", 1, "b1", "a", "z", PBX, NULL }, "INVITE by caller, 1.., out, offer 4000" }, \
	{ { 4, "i>o", "200 INVITE", 1, "b1", "a", "z", PBX, NULL }, "INVITE by caller, 1..36, out, offer 4000, done" }

static void
an_invite_is_kept_64_t1_after_its_end(void **state)
{
	static const struct txn_step accepted[] = {
		TALKING,
		{ { 20, "i>o", "200 INVITE", 1, "b1", "a", "z", PBX, NULL }, "INVITE by caller, 1..36, out, offer 4000, done" },
		/* Another answer may still come, and counts for its own time. */
		{ { 21, "i>o", "200 INVITE", 1, "b1", "a", "y", PBX, NULL }, "INVITE by caller, 1..53, out, offer 4000, done" },
		{ { 22, "i>o", "486 INVITE", 1, "b1", "a", "y", NULL, NULL }, "INVITE by caller, 1..53, out, offer 4000, done" },
		{ { 52, "", "", 0, "", "", "", NULL, NULL }, "INVITE by caller, 1..53, out, offer 4000, done" },
		{ { 53, "", "", 0, "", "", "", NULL, NULL }, "none" },
	};
	/* Another INVITE of the same caller reaches the same callee. */
	static const struct txn_step twice[] = {
		{ { 1, "o>i", "INVITE",     1, "b1", "a", "",  PHONE, NULL }, "INVITE by caller, 1.., out, offer 4000" },
		{ { 1, "o>i", "INVITE",     1, "b2", "a", "",  PHONE, NULL }, "INVITE by caller, 1.., out, offer 4000" },
		{ { 2, "i>o", "200 INVITE", 1, "b1", "a", "z", PBX, NULL }, "INVITE by caller, 1.., out, offer 4000" },
		{ { 5, "i>o", "200 INVITE", 1, "b2", "a", "z", PBX, NULL }, "INVITE by caller, 1..37, out, offer 4000, done" },
		{ { 36, "", "", 0, "", "", "", NULL, NULL }, "INVITE by caller, 1..37, out, offer 4000, done" },
		{ { 37, "", "", 0, "", "", "", NULL, NULL }, "none" },
	};
	static const struct txn_step refused[] = {
		{ { 1, "o>i", "INVITE",     1, "b1", "a", "",  PHONE, NULL }, "INVITE by caller, 1.., out, offer 4000" },
		{ { 7, "i>o", "486 INVITE", 1, "b1", "a", "z", NULL, NULL }, "INVITE by caller, 1..39, out, done, refused" },
		{ { 8, "i>o", "486 INVITE", 1, "b1", "a", "z", NULL, NULL }, "INVITE by caller, 1..39, out, done, refused" },
		{ { 9, "i>o", "200 INVITE", 1, "b1", "a", "z", PBX, NULL }, "INVITE by caller, 1..39, out, done, refused" },
		{ { 39, "", "", 0, "", "", "", NULL, NULL }, "gone" },
	};
	static const struct txn_step cancelled[] = {
		{ { 1, "o>i", "INVITE",     1, "b1", "a", "",  PHONE, NULL }, "INVITE by caller, 1.., out, offer 4000" },
		{ { 2, "o>i", "CANCEL",     1, "b1", "a", "",  NULL, NULL }, "INVITE by caller, 1..34, out, offer 4000, cancelled" },
		{ { 3, "o>i", "CANCEL",     1, "b1", "a", "",  NULL, NULL }, "INVITE by caller, 1..34, out, offer 4000, cancelled" },
		{ { 4, "i>o", "180 INVITE", 1, "b1", "a", "z", NULL, NULL }, "INVITE by caller, 1..34, out, offer 4000, cancelled" },
		{ { 5, "i>o", "487 INVITE", 1, "b1", "a", "z", NULL, NULL }, "INVITE by caller, 1..37, out, cancelled, done, refused" },
		{ { 6, "o>i", "CANCEL",     1, "b1", "a", "",  NULL, NULL }, "INVITE by caller, 1..37, out, cancelled, done, refused" },
	};
	/* None of these ends it. */
	static const struct txn_step not_cancelled[] = {
		{ { 1, "o>i", "INVITE",     1, "b1", "a", "",  PHONE, NULL }, "INVITE by caller, 1.., out, offer 4000" },
		{ { 2, "o>i", "CANCEL",     2, "b1", "a", "",  NULL, NULL }, "INVITE by caller, 1.., out, offer 4000" },
		{ { 2, "o>i", "CANCEL",     1, "b2", "a", "",  NULL, NULL }, "INVITE by caller, 1.., out, offer 4000" },
		{ { 2, "x>i", "CANCEL",     1, "b1", "a", "",  NULL, NULL }, "INVITE by caller, 1.., out, offer 4000" },
		{ { 2, "o>g", "CANCEL",     1, "b1", "a", "",  NULL, NULL }, "INVITE by caller, 1.., out, offer 4000" },
	};

	(void)state;
	FOLLOW(accepted);
	FOLLOW(twice);
	FOLLOW(refused);
	FOLLOW(cancelled);
	FOLLOW(not_cancelled);
}

static void
a_request_in_a_dialog_has_its_time(void **state)
{
	static const struct txn_step update[] = {
		TALKING,
		{ { 40, "i>o", "UPDATE",     7, "b5", "z", "a", "192.0.2.10 12000", NULL }, "UPDATE by callee, 40..72, in, offer 12000" },
		{ { 41, "i>o", "UPDATE",     7, "b5", "z", "a", PBX, NULL }, "UPDATE by callee, 40..72, in, offer 12000" },
		{ { 42, "o>i", "100 UPDATE", 7, "b5", "z", "a", NULL, NULL }, "UPDATE by callee, 40..72, in, offer 12000" },
		{ { 43, "o>i", "200 UPDATE", 7, "b5", "z", "a", PHONE, NULL }, "UPDATE by callee, 40..75, in, offer 12000, done" },
		{ { 44, "o>i", "481 UPDATE", 7, "b5", "z", "a", NULL, NULL }, "UPDATE by callee, 40..75, in, offer 12000, done" },
		{ { 74, "", "", 0, "", "", "", NULL, NULL }, "UPDATE by callee, 40..75, in, offer 12000, done" },
		{ { 75, "", "", 0, "", "", "", NULL, NULL }, "none" },
		{ { 76, "o>i", "UPDATE",     3, "b6", "a", "z", "AMBIGUOUS", NULL }, "UPDATE by caller, 76..108, in, ambiguous" },
		{ { 77, "i>o", "488 UPDATE", 3, "b6", "a", "z", NULL, NULL }, "UPDATE by caller, 76..109, in, ambiguous, done" },
		{ { 109, "", "", 0, "", "", "", NULL, NULL }, "none" },
	};
	static const struct txn_step reinvite[] = {
		TALKING,
		{ { 40, "o>i", "INVITE",     2, "b5", "a", "z", "198.51.100.7 6000", NULL }, "INVITE by caller, 40..220, in, offer 6000" },
		{ { 41, "i>o", "100 INVITE", 2, "b5", "a", "z", "192.0.2.10 11000", NULL }, "INVITE by caller, 40..220, in, offer 6000" },
		{ { 42, "i>o", "183 INVITE", 2, "b5", "a", "z", "192.0.2.10 12000", NULL }, "INVITE by caller, 40..220, in, offer 6000, answer 12000" },
		{ { 43, "i>o", "183 INVITE", 2, "b5", "a", "z", "192.0.2.10 13000", NULL }, "INVITE by caller, 40..220, in, offer 6000, answer 13000" },
		{ { 44, "i>o", "180 INVITE", 2, "b5", "a", "z", NULL, NULL }, "INVITE by caller, 40..220, in, offer 6000, answer 13000" },
		{ { 45, "i>o", "200 INVITE", 2, "b5", "a", "z", NULL, NULL }, "INVITE by caller, 40..77, in, offer 6000, answer 13000, done" },
		{ { 46, "i>o", "183 INVITE", 2, "b5", "a", "z", PBX, NULL }, "INVITE by caller, 40..77, in, offer 6000, answer 13000, done" },
		{ { 77, "", "", 0, "", "", "", NULL, NULL }, "none" },
	};
	static const struct txn_step refused[] = {
		TALKING,
		{ { 40, "i>o", "INVITE",     2, "b5", "z", "a", PBX, NULL }, "INVITE by callee, 40..220, in, offer 10000" },
		{ { 50, "o>i", "488 INVITE", 2, "b5", "z", "a", NULL, NULL }, "INVITE by callee, 40..82, in, done, refused" },
		{ { 82, "", "", 0, "", "", "", NULL, NULL }, "none" },
	};
	static const struct txn_step prack[] = {
		{ { 1, "o>i", "INVITE",      1, "b1", "a", "",  PHONE, NULL }, "INVITE by caller, 1.., out, offer 4000" },
		{ { 2, "i>o", "!183 INVITE", 1, "b1", "a", "z", PBX, NULL }, "INVITE by caller, 1.., out, offer 4000" },
		{ { 3, "o>i", "PRACK",       2, "b2", "a", "z", NULL, NULL }, "INVITE by caller, 1.., out, offer 4000" },
		{ { 4, "o>i", "PRACK",       3, "b3", "a", "z", "198.51.100.7 6000", NULL }, "PRACK by caller, 4..36, in, offer 6000" },
		{ { 5, "i>o", "200 PRACK",   3, "b3", "a", "z", PBX, NULL }, "PRACK by caller, 4..37, in, offer 6000, done" },
	};

	(void)state;
	FOLLOW(update);
	FOLLOW(reinvite);
	FOLLOW(refused);
	FOLLOW(prack);
}

static void
a_bye_has_64_t1_for_its_answer(void **state)
{
	static const struct txn_step theirs[] = {
		TALKING,
		{ { 40, "o>i", "BYE",     2, "b5", "a", "z", NULL, NULL }, "BYE by caller, 40..72, in" },
		{ { 41, "o>i", "BYE",     2, "b5", "a", "z", NULL, NULL }, "BYE by caller, 40..72, in" },
		{ { 42, "i>o", "100 BYE", 2, "b5", "a", "z", NULL, NULL }, "BYE by caller, 40..72, in" },
		{ { 43, "i>o", "401 BYE", 2, "b5", "a", "z", NULL, NULL }, "BYE by caller, 40..75, in, done" },
		{ { 44, "o>i", "BYE",     3, "b6", "a", "z", NULL, NULL }, "BYE by caller, 44..76, in" },
		{ { 75, "", "", 0, "", "", "", NULL, NULL }, "BYE by caller, 44..76, in" },
		{ { 76, "", "", 0, "", "", "", NULL, NULL }, "none" },
		{ { 107, "", "", 0, "", "", "", NULL, NULL }, "none" },
		{ { 108, "", "", 0, "", "", "", NULL, NULL }, "gone" },
	};
	static const struct txn_step ours[] = {
		TALKING,
		{ { 40, "i>o", "BYE",     9, "b5", "z", "a", NULL, NULL }, "BYE by callee, 40..72, in, own" },
		{ { 41, "o>i", "481 BYE", 9, "b5", "z", "a", NULL, NULL }, "BYE by callee, 40..73, in, own, done" },
		{ { 73, "", "", 0, "", "", "", NULL, NULL }, "gone" },
	};
	/* The branch of one that was relayed begins with c. */
	static const struct txn_step relayed[] = {
		TALKING,
		{ { 40, "i>o", "BYE",     9, "c5", "z", "a", NULL, NULL }, "BYE by callee, 40..72, in" },
		{ { 41, "o>i", "401 BYE", 9, "c5", "z", "a", NULL, NULL }, "BYE by callee, 40..73, in, done" },
		{ { 73, "", "", 0, "", "", "", NULL, NULL }, "none" },
	};

	(void)state;
	FOLLOW(theirs);
	FOLLOW(ours);
	FOLLOW(relayed);
}
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_invite_is_kept_64_t1_after_its_end),
		cmocka_unit_test(a_request_in_a_dialog_has_its_time),
		cmocka_unit_test(a_bye_has_64_t1_for_its_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
