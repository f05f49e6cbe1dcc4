/* SPDX-License-Identifier: ISC */
/* The pinholes of a proxy, and what becomes of them. */
#include <stdio.h>
#include <string.h>

#include "src/base/timers.h"
#include "tests/unit/proxy_link_play.h"

static void
an_open_pinhole_is_announced_when_the_filter_has_it(void **state)
{
	const struct fw_change *c;
	uint64_t id;

	(void)state;
	id = open_port(4000, true);
	assert_int_equal(id, first);
	c = expect_change(FW_OPEN);
	assert_int_equal(c->hole.to_lo, 4000);
	assert_int_equal(c->hole.deadline, now + LEASE * USEC_PER_SEC);
	assert_int_equal(c->pad, 0);
	assert_string_equal(heard(), "");
	assert_int_equal(answered.n, 0);
	result(PH_OK);
	assert_int_equal(answered.n, 1);
	assert_int_equal(answered.err, PH_OK);
	assert_string_equal(heard(), "open 1 request;");
	expect_nothing();

	proxy_close(proxy, id, REASON_DONE);
	expect_change(FW_CLOSE);
	assert_string_equal(heard(), "close 1 done;");
	assert_int_equal(gone, 0);
	/* Nobody waits for the answer to a request that was closed. */
	result(PH_OK);
	assert_int_equal(answered.n, 1);
}

static void
a_refusal_says_why(void **state)
{
	static const struct {
		enum ph_err err;
		const char *said;
	} t[] = {
		{ PH_EDENIED, "refuse 0 address;" },
		{ PH_EBAD, "refuse 0 address;" },
		{ PH_ELIMIT, "refuse 0 limit;" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(t); i++) {
		assert_int_not_equal(open_port(4000, true), 0);
		expect_change(FW_OPEN);
		result(t[i].err);
		assert_int_equal(answered.n, i + 1);
		assert_int_equal(answered.err, t[i].err);
		assert_string_equal(heard(), t[i].said);
		expect_change(FW_CLOSE);
	}
}

static void
two_that_wait_for_one_pinhole_are_both_answered(void **state)
{
	uint64_t seq;

	(void)state;
	assert_int_not_equal(open_port(4000, true), 0);
	expect_change(FW_OPEN);
	seq = msg.hdr.seq;
	now += USEC_PER_SEC;
	assert_int_not_equal(open_port(4000, true), 0);
	expect_change(FW_OPEN);
	assert_true(msg.hdr.seq > seq);
	result(PH_OK);
	assert_int_equal(answered.n, 2);
	assert_string_equal(heard(), "open 1 request;open 2 request;");
}

/* Neither to the question, nor to the close that takes its place. */
static void
who_closes_hears_no_answer(void **state)
{
	static const enum ph_err errs[] = { PH_OK, PH_EDENIED, PH_EAGAIN };
	uint64_t id, seq;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(errs); i++) {
		id = open_port(4000, true);
		expect_change(FW_OPEN);
		seq = msg.hdr.seq;
		proxy_close(proxy, id, REASON_DONE);
		expect_change(FW_CLOSE);
		assert_true(msg.hdr.seq > seq);
		result(errs[i]);
		memset(&msg, 0, sizeof(msg));
		msg.hdr.seq = seq;
		result(errs[i]);
		assert_int_equal(answered.n, 0);
		assert_int_equal(gone, 0);
		assert_string_equal(heard(), "");
		expect_nothing();
	}
}

/* Packets renew it, but not each of them. */
static void
packets_renew_what_asked_for_it(void **state)
{
	uint64_t fw_id;

	(void)state;
	(void)open_port(4000, true);
	fw_id = expect_change(FW_OPEN)->hole.id;
	result(PH_OK);
	now += LEASE / 4 * USEC_PER_SEC - 1;
	about(IPC_SEEN_FROM, fw_id);
	expect_nothing();
	now++;
	about(IPC_SEEN_TO, fw_id);
	assert_int_equal(expect_change(FW_OPEN)->hole.deadline,
	    now + LEASE * USEC_PER_SEC);
	expect_nothing();
	now += LEASE / 4 * USEC_PER_SEC - 1;
	about(IPC_SEEN_FROM, fw_id);
	expect_nothing();
}

static void
nothing_renews_what_did_not_ask_for_it(void **state)
{
	uint64_t fw_id;

	(void)state;
	(void)open_port(4000, false);
	fw_id = expect_change(FW_OPEN)->hole.id;
	result(PH_OK);
	now += LEASE / 2 * USEC_PER_SEC;
	about(IPC_SEEN_FROM, fw_id);
	expect_nothing();
}

/* Idle: it could have been renewed, and nothing was seen. */
static void
what_closed_by_itself_says_whether_it_was_used(void **state)
{
	static const struct {
		bool renew, used;
		const char *said;
	} t[] = {
		{ true, false, "idle;" },
		{ true, true, "done;" },
		{ false, false, "done;" },
	};
	char want[32];
	uint64_t fw_id;
	unsigned int i;

	(void)state;
	for (i = 0; i < ROWS(t); i++) {
		(void)open_port(4000, t[i].renew);
		fw_id = expect_change(FW_OPEN)->hole.id;
		result(PH_OK);
		(void)heard();
		if (t[i].used)
			about(IPC_SEEN_FROM, fw_id);
		about(IPC_CLOSED, fw_id);
		snprintf(want, sizeof(want), "close %u %s", i + 1, t[i].said);
		assert_string_equal(heard(), want);
		assert_int_equal(gone, i + 1);
		expect_change(FW_CLOSE);
	}
}

/* Two have the same pinhole, and one has another. */
static void
what_is_told_of_a_pinhole_is_for_all_who_have_it(void **state)
{
	static const uint32_t ns[] = { 0, 1, 2 };
	uint64_t fw_id[2];
	size_t i;
	int k;

	for (i = 0; i < ROWS(ns); i++) {
		link_teardown(state);
		link_setup(state);
		(void)open_port(4000, true);
		fw_id[0] = expect_change(FW_OPEN)->hole.id;
		result(PH_OK);
		(void)open_port(4000, true);
		expect_change(FW_OPEN);
		result(PH_OK);
		(void)open_port(4002, true);
		fw_id[1] = expect_change(FW_OPEN)->hole.id;
		result(PH_OK);
		assert_string_equal(heard(),
		    "open 1 request;open 2 request;open 3 request;");
		now += LEASE / 2 * USEC_PER_SEC;
		about_all(IPC_SEEN_FROM, fw_id, ns[i]);
		for (k = 0; k < (int)ns[i]; k++)
			assert_int_equal(expect_change(FW_OPEN)->hole.id,
			    fw_id[k]);
		expect_nothing();
		about_all(IPC_CLOSED, fw_id, ns[i]);
		assert_string_equal(heard(),
		    ns[i] == 0	     ? ""
			: ns[i] == 1 ? "close 1 done;close 2 done;"
				     : "close 1 done;close 2 done;"
				       "close 3 done;");
		assert_int_equal(gone, ns[i] == 0 ? 0 : ns[i] + 1);
	}
}

/* A pinhole that one of two closes stays for the other. */
static void
what_one_closes_another_keeps(void **state)
{
	uint64_t id[2], fw_id;

	(void)state;
	id[0] = open_port(4000, true);
	fw_id = expect_change(FW_OPEN)->hole.id;
	result(PH_OK);
	id[1] = open_port(4000, true);
	expect_change(FW_OPEN);
	result(PH_OK);
	(void)heard();
	proxy_close(proxy, id[0], REASON_DONE);
	assert_string_equal(heard(), "close 1 done;");
	expect_nothing();
	about(IPC_SEEN_FROM, fw_id);
	about(IPC_CLOSED, fw_id);
	assert_string_equal(heard(), "close 2 done;");
	assert_int_equal(gone, 1);
	assert_false(proxy_end(proxy, id[1], REASON_CLOSED));
}

static void
a_shutdown_closes_everything(void **state)
{
	(void)state;
	(void)open_port(4000, true);
	expect_change(FW_OPEN);
	result(PH_OK);
	(void)open_port(4002, true);
	expect_change(FW_OPEN);
	(void)heard();
	proxy_shutdown(proxy, REASON_SHUTDOWN);
	assert_string_equal(heard(), "close 1 shutdown;");
	expect_change(FW_CLOSE);
	expect_change(FW_CLOSE);
	assert_int_equal(gone, 0);
}

static void
a_person_ends_a_request(void **state)
{
	uint64_t id = open_port(4000, true);

	(void)state;
	expect_change(FW_OPEN);
	result(PH_OK);
	(void)heard();
	assert_false(proxy_end(proxy, id + 1, REASON_CLOSED));
	assert_int_equal(gone, 0);
	assert_true(proxy_end(proxy, id, REASON_CLOSED));
	assert_string_equal(heard(), "close 1 closed;");
	assert_int_equal(gone, 1);
	assert_false(proxy_end(proxy, id, REASON_CLOSED));
	expect_change(FW_CLOSE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, link_setup, link_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_open_pinhole_is_announced_when_the_filter_has_it),
		T(a_refusal_says_why),
		T(two_that_wait_for_one_pinhole_are_both_answered),
		T(who_closes_hears_no_answer),
		T(packets_renew_what_asked_for_it),
		T(nothing_renews_what_did_not_ask_for_it),
		T(what_closed_by_itself_says_whether_it_was_used),
		T(what_is_told_of_a_pinhole_is_for_all_who_have_it),
		T(what_one_closes_another_keeps),
		T(a_shutdown_closes_everything),
		T(a_person_ends_a_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
