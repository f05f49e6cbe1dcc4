/* SPDX-License-Identifier: ISC */
/* What the proxy asks, who hears the answer, and what is told of it all. */
#include <netinet/in.h>

#include <event2/event.h>

#include <string.h>
#include <unistd.h>

#include "src/base/strbuf.h"
#include "src/base/timers.h"
#include "tests/unit/proxy_link_play.h"

/* A question without an answer within 10 seconds has failed. */
static void
a_question_waits_for_ten_seconds(void **state)
{
	struct fw_flow flow = { .proto = IPPROTO_TCP };

	(void)state;
	assert_int_not_equal(open_port(4000, true), 0);
	expect_change(FW_OPEN);
	now += 1;
	assert_true(proxy_original(proxy, &flow, on_target, &answered));
	assert_true(proxy_table(proxy, &(struct proxy_table) { .op = 1 },
	    on_answer, &answered));
	now += 10 * USEC_PER_SEC - 2;
	second_is_over();
	assert_int_equal(answered.n, 0);
	now++;
	second_is_over();
	assert_int_equal(answered.n, 1);
	assert_int_equal(answered.err, PH_EAGAIN);
	assert_string_equal(heard(), "refuse 0 limit;");
	second_is_over();
	assert_int_equal(answered.n, 1);
	now++;
	second_is_over();
	assert_int_equal(answered.n, 3);
	assert_int_equal(answered.err, PH_EAGAIN);
	assert_int_equal(answered.target.addr.af, AF_UNSPEC);
	assert_string_equal(heard(), "");
	second_is_over();
	assert_int_equal(answered.n, 3);
}

static void
where_a_client_wanted_to_go(void **state)
{
	struct fw_flow flow = { .proto = IPPROTO_TCP,
		.client = { addr_v4(192, 0, 2, 10), 1025 },
		.local = { addr_v4(127, 0, 0, 1), 8021 } };
	struct endpoint server = { addr_v4(198, 51, 100, 7), 21 };
	uint64_t seq;

	(void)state;
	assert_true(proxy_original(proxy, &flow, on_target, &answered));
	expect(IPC_ORIGINAL);
	seq = msg.hdr.seq;
	assert_int_equal(msg.u.original.flow.proto, IPPROTO_TCP);
	assert_int_equal(endpoint_cmp(&msg.u.original.flow.client,
			     &flow.client),
	    0);
	assert_int_equal(endpoint_cmp(&msg.u.original.flow.local, &flow.local),
	    0);
	/* An answer to another question, and one of another kind. */
	memset(&msg, 0, sizeof(msg));
	msg.u.target.target = server;
	assert_int_equal(ipc_send(&fw, IPC_TARGET, seq + 1, &msg, -1), PH_OK);
	memset(&msg, 0, sizeof(msg));
	assert_int_equal(ipc_send(&fw, IPC_RESULT, seq, &msg, -1), PH_OK);
	turn();
	assert_int_equal(answered.n, 0);
	msg.u.target.err = PH_OK;
	msg.u.target.target = server;
	assert_int_equal(ipc_send(&fw, IPC_TARGET, seq, &msg, -1), PH_OK);
	turn();
	assert_int_equal(answered.n, 1);
	assert_int_equal(answered.err, PH_OK);
	assert_int_equal(endpoint_cmp(&answered.target, &server), 0);
}

static void
tables_are_changed_by_their_index(void **state)
{
	struct addr a = addr_v4(203, 0, 113, 9);
	struct prefix v[IPC_PREFIXES];
	struct proxy_table t = { .index = 5,
		.op = FW_TABLE_DELETE,
		.v = v,
		.n = 2,
		.ttl_s = 77 };

	(void)state;
	memset(v, 0, sizeof(v));
	v[0] = v[1] = prefix_host(&a);
	v[1].len = 24;
	assert_true(proxy_table(proxy, &t, on_answer, &answered));
	expect(IPC_TABLE);
	assert_int_equal(msg.u.table.index, 5);
	assert_int_equal(msg.u.table.op, FW_TABLE_DELETE);
	assert_int_equal(msg.u.table.ttl_s, 77);
	assert_int_equal(msg.u.table.n, 2);
	assert_int_equal(msg.u.table.prefixes[1].len, 24);
	result(PH_EGONE);
	assert_int_equal(answered.n, 1);
	assert_int_equal(answered.err, PH_EGONE);
	t.n = IPC_PREFIXES;
	assert_true(proxy_table(proxy, &t, on_answer, &answered));
	t.n++;
	assert_false(proxy_table(proxy, &t, on_answer, &answered));
	t.n = 0;
	t.v = NULL;
	assert_true(proxy_table(proxy, &t, on_answer, &answered));
	about(IPC_EMPTIED, 0);
	assert_int_equal(emptied, 1);
}

/* Each of the entries, from none to as many as fit. */
static void
all_entries_of_a_change_are_told(void **state)
{
	static const size_t ns[] = { 0, 1, 2, IPC_PREFIXES - 1, IPC_PREFIXES };
	static struct prefix v[IPC_PREFIXES];
	struct proxy_table t = { .index = 1, .op = FW_TABLE_ADD, .v = v };
	struct addr a;
	size_t i, k;

	(void)state;
	for (k = 0; k < ROWS(v); k++) {
		a = addr_v4(203, 0, 113, (uint8_t)k);
		v[k] = prefix_host(&a);
	}
	for (i = 0; i < ROWS(ns); i++) {
		t.n = ns[i];
		t.ttl_s = (uint32_t)i;
		assert_true(proxy_table(proxy, &t, on_answer, &answered));
		expect(IPC_TABLE);
		assert_int_equal(msg.u.table.n, ns[i]);
		assert_int_equal(msg.u.table.op, FW_TABLE_ADD);
		assert_int_equal(msg.u.table.index, 1);
		assert_int_equal(msg.u.table.ttl_s, i);
		for (k = 0; k < ns[i]; k++) {
			assert_true(
			    addr_eq(&msg.u.table.prefixes[k].addr, &v[k].addr));
			assert_int_equal(msg.u.table.prefixes[k].len, 32);
		}
		/* The next one has others. */
		memset(&msg, 0, sizeof(msg));
		for (k = 0; k < ROWS(v); k++)
			v[k].addr.b[2]++;
	}
}

/* The successor is told of pinholes; other questions have failed. */
static void
a_new_firewall_process_is_told_of_all_pinholes(void **state)
{
	struct fw_flow flow = { .proto = IPPROTO_TCP };

	(void)state;
	(void)open_port(4000, true);
	expect_change(FW_OPEN);
	result(PH_OK);
	(void)heard();
	(void)open_port(4002, true); /* waits for its answer */
	assert_true(proxy_original(proxy, &flow, on_target, &answered));
	ipc_close(&fw);
	turn();
	assert_int_equal(lost, 1);
	assert_int_equal(answered.n, 2);
	assert_int_equal(answered.err, PH_EAGAIN);
	assert_string_equal(heard(), "");

	link_up();
	expect(IPC_BEGIN);
	assert_int_equal(expect_change(FW_OPEN)->hole.to_lo, 4000);
	result(PH_OK);
	assert_int_equal(expect_change(FW_OPEN)->hole.to_lo, 4002);
	assert_int_equal(answered.n, 2);
	result(PH_OK);
	assert_int_equal(answered.n, 3);
	assert_string_equal(heard(), "open 2 request;");
	expect(IPC_SETTLE);
	expect_nothing();
}

static void
who_is_forgotten_hears_nothing(void **state)
{
	struct fw_flow flow = { .proto = IPPROTO_TCP };
	uint64_t fw_id, seq;
	int other;

	(void)state;
	(void)open_port(4000, true);
	fw_id = expect_change(FW_OPEN)->hole.id;
	assert_true(proxy_original(proxy, &flow, on_target, &answered));
	proxy_forget(proxy, &other);
	proxy_forget(proxy, &answered);
	seq = msg.hdr.seq;
	expect(IPC_ORIGINAL);
	memset(&msg, 0, sizeof(msg));
	assert_int_equal(ipc_send(&fw, IPC_RESULT, seq, &msg, -1), PH_OK);
	about(IPC_CLOSED, fw_id);
	assert_int_equal(answered.n, 0);
	assert_int_equal(gone, 0);
	assert_string_equal(heard(), "open 1 request;close 1 idle;");
}

static void
another_who_is_forgotten_makes_no_difference(void **state)
{
	uint64_t fw_id;
	int other;

	(void)state;
	(void)open_port(4000, true);
	fw_id = expect_change(FW_OPEN)->hole.id;
	proxy_forget(proxy, &other);
	result(PH_OK);
	assert_int_equal(answered.n, 1);
	about(IPC_CLOSED, fw_id);
	assert_int_equal(gone, 1);
}

static unsigned int others;

static void
on_other(void *ctx, enum ph_err err)
{
	assert_ptr_equal(ctx, &others);
	assert_int_equal(err, PH_OK);
	others++;
}

static void
on_other_target(void *ctx, enum ph_err err, const struct endpoint *target)
{
	(void)target;
	on_other(ctx, err);
}

/* Of each kind of question one that is forgotten, and one that is not. */
static void
only_the_forgotten_hear_nothing(void **state)
{
	struct fw_flow flow = { .proto = IPPROTO_TCP };
	struct proxy_table t = { .op = FW_TABLE_FLUSH };
	uint64_t seq[4];
	int i;

	(void)state;
	others = 0;
	assert_true(proxy_original(proxy, &flow, on_target, &answered));
	assert_true(proxy_original(proxy, &flow, on_other_target, &others));
	assert_true(proxy_table(proxy, &t, on_answer, &answered));
	assert_true(proxy_table(proxy, &t, on_other, &others));
	for (i = 0; i < 4; i++) {
		expect(i < 2 ? IPC_ORIGINAL : IPC_TABLE);
		seq[i] = msg.hdr.seq;
		if (i > 0)
			assert_true(seq[i] > seq[i - 1]);
	}
	proxy_forget(proxy, &answered);
	memset(&msg, 0, sizeof(msg));
	for (i = 3; i >= 0; i--) {
		assert_int_equal(ipc_send(&fw, i < 2 ? IPC_TARGET : IPC_RESULT,
				     seq[i], &msg, -1),
		    PH_OK);
		turn();
		assert_int_equal(others, i == 3 || i == 2 ? 1 : 2);
	}
	assert_int_equal(answered.n, 0);
	/* No question is left. */
	now += 3;
	assert_int_equal(proxy_idle(proxy), 3);
}

static size_t viewed;

static void
on_view(void *ctx, const struct claims_view *v)
{
	assert_ptr_equal(ctx, &viewed);
	assert_int_equal(v->hole.to_lo, 4000 + 2 * viewed);
	viewed++;
}

static void
on_packets_view(void *ctx, const struct claims_view *v)
{
	*(uint64_t *)ctx = v->packets;
}

/* What the packet filter has counted, of each as many as it tells of. */
static void
packets_are_shown_as_they_were_counted(void **state)
{
	uint64_t fw_id[2], at, packets;
	int i, told;

	(void)state;
	for (i = 0; i < 2; i++) {
		(void)open_port((uint16_t)(4000 + 2 * i), true);
		fw_id[i] = expect_change(FW_OPEN)->hole.id;
		result(PH_OK);
	}
	for (told = 2; told > 0; told--) {
		memset(&msg, 0, sizeof(msg));
		msg.u.packets.n = (uint32_t)told;
		for (i = 0; i < 2; i++) {
			msg.u.packets.v[i].id = fw_id[i];
			msg.u.packets.v[i].packets = 100u * (3 - told) + i;
		}
		assert_int_equal(ipc_send(&fw, IPC_PACKETS, 0, &msg, -1),
		    PH_OK);
		turn();
		for (i = 0, at = 0; i < 2; i++) {
			assert_true(
			    proxy_view(proxy, &at, on_packets_view, &packets));
			assert_int_equal(packets,
			    i == 0 ? 100 * (3 - told) : 101);
		}
	}
}

static void
each_request_is_shown_once(void **state)
{
	uint64_t at = 0;
	int i;

	(void)state;
	viewed = 0;
	for (i = 0; i < 3; i++) {
		(void)open_port((uint16_t)(4000 + 2 * i), true);
		expect_change(FW_OPEN);
		result(PH_OK);
	}
	for (i = 0; i < 3; i++)
		assert_true(proxy_view(proxy, &at, on_view, &viewed));
	assert_int_equal(viewed, 3);
	assert_int_equal(at, first + 2);
	assert_false(proxy_view(proxy, &at, on_view, &viewed));
}

static void
it_is_idle_when_nothing_is_open_or_asked(void **state)
{
	uint64_t id;

	(void)state;
	now += 7;
	assert_int_equal(proxy_idle(proxy), 7);
	id = open_port(4000, true);
	now += 5;
	assert_int_equal(proxy_idle(proxy), 0);
	expect_change(FW_OPEN);
	result(PH_OK);
	assert_int_equal(proxy_idle(proxy), 0);
	proxy_close(proxy, id, REASON_DONE);
	assert_int_equal(proxy_idle(proxy), 5);
	assert_true(proxy_table(proxy, &(struct proxy_table) { .op = 1 },
	    on_answer, &answered));
	now += 9;
	assert_int_equal(proxy_idle(proxy), 0);
}

static void
the_counters_count(void **state)
{
	char text[256];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct counters c = { .form = COUNTERS_WORDS, .out = &b };
	uint64_t id = open_port(4000, true);

	(void)state;
	expect_change(FW_OPEN);
	result(PH_OK);
	(void)open_port(4002, true);
	expect_change(FW_OPEN);
	result(PH_EDENIED);
	expect_change(FW_CLOSE);
	(void)open_port(4004, true);
	expect_change(FW_OPEN);
	result(PH_OK);
	proxy_close(proxy, id, REASON_DONE);
	assert_true(proxy_table(proxy, &(struct proxy_table) { .op = 1 },
	    on_answer, &answered));
	ipc_close(&fw);
	turn();
	proxy_report(proxy, &c);
	assert_string_equal(text,
	    "open=1 opened=2 closed=1 refused=1 questions=4 unanswered=1");
}

/* Its ids do not meet those of the process before it. */
static void
ids_begin_anew_with_each_process(void **state)
{
	(void)state;
	link_teardown(state);
	assert_int_equal(link_setup_as(4096 + 2), 0);
	link_up();
	assert_int_equal(open_port(4000, true), first);
	assert_int_equal(first, (UINT64_C(1) << 40) + (UINT64_C(2) << 28) + 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, link_setup, link_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_question_waits_for_ten_seconds),
		T(where_a_client_wanted_to_go),
		T(tables_are_changed_by_their_index),
		T(all_entries_of_a_change_are_told),
		T(a_new_firewall_process_is_told_of_all_pinholes),
		T(who_is_forgotten_hears_nothing),
		T(another_who_is_forgotten_makes_no_difference),
		T(only_the_forgotten_hear_nothing),
		T(packets_are_shown_as_they_were_counted),
		T(each_request_is_shown_once),
		T(it_is_idle_when_nothing_is_open_or_asked),
		T(the_counters_count),
		T(ids_begin_anew_with_each_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
