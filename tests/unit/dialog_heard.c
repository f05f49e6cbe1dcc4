/* SPDX-License-Identifier: ISC */
/* What ends a call among messages that could not be read. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "sip/state.h"
#include "tests/unit/dialog_play.h"

static const struct step set_up[] = { CALL_SET_UP };

/* The words of a text that are separated by blanks. */
static struct sip_words
words_of(const char *text)
{
	struct sip_words w = { 0 };
	struct span rest = span_of(text);

	while (rest.len > 0)
		w.word[w.n++] = span_cut(rest, ' ', &rest);
	return w;
}

static const struct txn *
last_txn(const struct world *w)
{
	const struct txn *t, *last = NULL;

	TAILQ_FOREACH(t, &call_first(w->sip, span_of("c1"))->txns, entry)
		last = t;
	assert_non_null(last);
	return last;
}

struct heard {
	const char *path;
	bool bye;
	unsigned int status; /* 0: a request */
	const char *call_ids, *from, *to, *branch;
	unsigned int cseq;
};

static void
hear(struct world *w, const struct heard *h, int64_t now)
{
	struct datagram d = { .proto = IPPROTO_UDP };
	struct sip_glance g = { 0 };

	g.bye = h->bye;
	g.request = h->status == 0;
	g.status = (uint16_t)h->status;
	g.cseq = h->cseq;
	g.call_id = words_of(h->call_ids);
	g.from_tag = words_of(h->from);
	g.to_tag = words_of(h->to);
	g.branch = words_of(h->branch);
	d.src = who(h->path[0]);
	d.dst = who(h->path[2]);
	sip_overhear(w->sip, now, &d, &g);
}

#define EIGHTH(s) "1 2 3 4 5 6 7 " s

/* clang-format off */
static void
an_answer_of_the_inside_is_believed(void **state)
{
	static const struct {
		struct heard h;
		bool ends;
	} rows[] = {
		{ { "i>o", true, 200, "c1", "a", "z", "", 9 }, true },
		{ { "i>o", true, 299, "c1", "a", "z", "", 9 }, true },
		/* Each word that some reader may take. */
		{ { "i>o", true, 200, "x c1", "a", "z", "", 9 }, true },
		{ { "i>o", true, 200, EIGHTH("c1"), "a", "z", "", 9 }, true },
		{ { "i>o", true, 200, "c1", "x a", "z", "", 9 }, true },
		{ { "i>o", true, 200, "c1", EIGHTH("a"), "z", "", 9 }, true },
		{ { "i>o", true, 200, "c1", "a", "x z", "", 9 }, true },
		{ { "i>o", true, 200, "c1", "a", EIGHTH("z"), "", 9 }, true },
		/* The callee asked, wherever the answer goes. */
		{ { "i>o", true, 200, "c1", "z", "a", "", 9 }, true },
		{ { "g>x", true, 200, "c1", "a", "z", "", 9 }, true },
		/* Not this call, not these tags, no end. */
		{ { "i>o", true, 200, "x", "a", "z", "", 9 }, false },
		{ { "i>o", true, 200, "", "a", "z", "", 9 }, false },
		{ { "i>o", true, 200, "c1", "x", "z", "", 9 }, false },
		{ { "i>o", true, 200, "c1", "a", "x", "", 9 }, false },
		{ { "i>o", true, 200, "c1", "", "z", "", 9 }, false },
		{ { "i>o", true, 200, "c1", "a", "", "", 9 }, false },
		{ { "i>o", true, 200, "c1", "a", "a", "", 9 }, false },
		{ { "i>o", true, 200, "c1", "z", "z", "", 9 }, false },
		{ { "i>o", true, 100, "c1", "a", "z", "", 9 }, false },
		{ { "i>o", true, 199, "c1", "a", "z", "", 9 }, false },
		{ { "i>o", true, 300, "c1", "a", "z", "", 9 }, false },
		{ { "i>o", true, 481, "c1", "a", "z", "", 9 }, false },
		{ { "i>o", false, 200, "c1", "a", "z", "", 9 }, false },
		/* Nor an outsider's. */
		{ { "o>i", true, 200, "c1", "a", "z", "", 9 }, false },
		{ { "o>i", true, 200, "c1", "z", "a", "", 9 }, false },
		{ { "o>x", true, 200, "c1", "z", "a", "", 9 }, false },
	};
	struct sip_config c = default_config();
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("row %zu\n", i);
		world_open(&w, &c);
		play_in(&w, set_up, ROWS(set_up));
		strbuf_reset(&w.text);
		hear(&w, &rows[i].h, 10 * USEC_PER_SEC);
		assert_string_equal(w.log, rows[i].ends ? CLOSE_IN("bye") CLOSE_OUT("bye") : "");
		world_check(&w, 10 * USEC_PER_SEC);
		/* Said again, it ends nothing more. */
		strbuf_reset(&w.text);
		hear(&w, &rows[i].h, 10 * USEC_PER_SEC);
		assert_string_equal(w.log, "");
		world_close(&w);
	}
}

static void
a_bye_of_the_inside_waits_for_its_answer(void **state)
{
	static const struct {
		struct heard h;
		bool waits;
		enum role role;
		const char *branch;
	} rows[] = {
		{ { "i>o", true, 0, "c1", "z", "a", "b7", 7 }, true, CALLEE, "b7" },
		{ { "i>o", true, 0, "x c1", "x z", "x a", "b7 b8", 7 }, true, CALLEE, "b7" },
		{ { "i>o", true, 0, EIGHTH("c1"), EIGHTH("z"), EIGHTH("a"), "", 7 }, true, CALLEE, "" },
		{ { "g>x", true, 0, "c1", "z", "a", "b7", 7 }, true, CALLEE, "b7" },
		{ { "i>o", true, 0, "c1", "a", "z", "b7", 7 }, true, CALLER, "b7" },
		{ { "i>o", false, 0, "c1", "z", "a", "b7", 7 }, false, 0, NULL },
		{ { "i>o", true, 0, "c2", "z", "a", "b7", 7 }, false, 0, NULL },
		{ { "i>o", true, 0, "c1", "y", "a", "b7", 7 }, false, 0, NULL },
		{ { "i>o", true, 0, "c1", "z", "y", "b7", 7 }, false, 0, NULL },
		{ { "o>i", true, 0, "c1", "a", "z", "b7", 7 }, false, 0, NULL },
		{ { "o>i", true, 0, "c1", "z", "a", "b7", 7 }, false, 0, NULL },
	};
	struct sip_config c = default_config();
	const struct txn *t;
	struct call *call;
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("row %zu\n", i);
		world_open(&w, &c);
		play_in(&w, set_up, ROWS(set_up));
		strbuf_reset(&w.text);
		hear(&w, &rows[i].h, 40 * USEC_PER_SEC);
		/* Sent again, it is the same. */
		hear(&w, &rows[i].h, 41 * USEC_PER_SEC);
		world_check(&w, 41 * USEC_PER_SEC);
		call = call_first(w.sip, span_of("c1"));
		t = last_txn(&w);
		assert_int_equal(t->method == SIP_BYE, rows[i].waits);
		assert_int_equal(call->ntxns, rows[i].waits ? 2 : 1);
		if (rows[i].waits) {
			assert_int_equal(t->role, rows[i].role);
			assert_int_equal(t->cseq, 7);
			assert_int_equal(t->began, 40 * USEC_PER_SEC);
			assert_int_equal(t->until, 72 * USEC_PER_SEC);
			assert_true(span_eq_str(txn_branch_of(t), rows[i].branch));
		}
		timers_run(&w.timers, 72 * USEC_PER_SEC - 1);
		assert_string_equal(w.log, "");
		timers_run(&w.timers, 72 * USEC_PER_SEC);
		assert_string_equal(w.log, rows[i].waits ? CLOSE_IN("bye") CLOSE_OUT("bye") : "");
		world_close(&w);
	}
}

/* Of the BYE that o sent to i with b5 and 7, as c1, from a to z. */
static void
an_answer_along_its_bye_decides(void **state)
{
	static const struct step bye[] = {
		CALL_SET_UP,
		{ 5, "o>i", "BYE", 7, "b5", "a", "z", NULL, "" },
	};
	static const struct {
		struct heard h;
		bool ends, done;
	} rows[] = {
		{ { "i>o", true, 481, "c1", "a", "z", "b5", 7 }, true, true },
		{ { "i>o", true, 408, "c1", "a", "z", "b5", 7 }, true, true },
		{ { "i>o", true, 200, "c1", "a", "z", "b5", 7 }, true, true },
		{ { "i>o", true, 300, "c1", "a", "z", "b5", 7 }, false, true },
		{ { "i>o", true, 401, "c1", "a", "z", "b5", 7 }, false, true },
		{ { "i>o", true, 407, "c1", "a", "z", "b5", 7 }, false, true },
		{ { "i>o", true, 409, "c1", "a", "z", "b5", 7 }, false, true },
		{ { "i>o", true, 480, "c1", "a", "z", "b5", 7 }, false, true },
		{ { "i>o", true, 482, "c1", "a", "z", "b5", 7 }, false, true },
		{ { "i>o", true, 199, "c1", "a", "z", "b5", 7 }, false, false },
		/* The tag of the callee may be lost. */
		{ { "i>o", true, 481, "c1", "a", "", "b5", 7 }, true, true },
		{ { "i>o", true, 481, EIGHTH("c1"), EIGHTH("a"), "", EIGHTH("b5"), 7 }, true, true },
		{ { "i>o", true, 481, "x c1", "x a", "", "x b5", 7 }, true, true },
		{ { "i>o", true, 481, "x", "a", "z", "b5", 7 }, false, false },
		{ { "i>o", true, 481, "c1", "x", "z", "b5", 7 }, false, false },
		{ { "i>o", true, 481, "c1", "z", "a", "b5", 7 }, false, false },
		{ { "i>o", true, 481, "c1", "a", "z", "b6", 7 }, false, false },
		{ { "i>o", true, 481, "c1", "a", "z", "", 7 }, false, false },
		{ { "i>o", true, 481, "c1", "a", "z", "b5", 6 }, false, false },
		{ { "i>o", true, 481, "c1", "a", "z", "b5", 8 }, false, false },
		{ { "o>i", true, 481, "c1", "a", "z", "b5", 7 }, false, false },
		{ { "g>o", true, 481, "c1", "a", "z", "b5", 7 }, false, false },
		{ { "i>x", true, 481, "c1", "a", "z", "b5", 7 }, false, false },
		/* As a request it is none. */
		{ { "o>i", true, 0, "c1", "a", "z", "b5", 7 }, false, false },
	};
	struct sip_config c = default_config();
	const struct txn *t;
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("row %zu\n", i);
		world_open(&w, &c);
		play_in(&w, bye, ROWS(bye));
		strbuf_reset(&w.text);
		hear(&w, &rows[i].h, 10 * USEC_PER_SEC);
		assert_string_equal(w.log, rows[i].ends ? CLOSE_IN("bye") CLOSE_OUT("bye") : "");
		world_check(&w, 10 * USEC_PER_SEC);
		t = last_txn(&w);
		assert_int_equal(t->method, SIP_BYE);
		assert_int_equal(t->done, rows[i].done);
		assert_int_equal(t->until, (rows[i].done ? 42 : 37) * USEC_PER_SEC);
		world_close(&w);
	}
}
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_of_the_inside_is_believed),
		cmocka_unit_test(a_bye_of_the_inside_waits_for_its_answer),
		cmocka_unit_test(an_answer_along_its_bye_decides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
