/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>

#include <event2/event.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/strbuf.h"
#include "src/base/timers.h"
#include "src/proxy/link.h"
#include "tests/unit/unit.h"

/* The pinholes of a proxy, whose firewall process is this test. */
#define LEASE 60

int64_t __wrap_clock_now(void);
int __wrap_event_add(struct event *ev, const struct timeval *tv);
int __real_event_add(struct event *ev, const struct timeval *tv);

static struct event_base *base;
static struct channel channel;
static struct feed feed;
static struct ipc feed_ipc;
static struct proxy *proxy;
static struct ipc fw; /* our end */
static struct ipc_msg msg;
static int64_t now;
static char said[4096];
static unsigned int lost, emptied;
static uint64_t first; /* id */

static struct {
	unsigned int n;
	enum ph_err err;
	struct endpoint target;
} answered;
static unsigned int gone;
static const struct conf conf;

int64_t
__wrap_clock_now(void)
{
	return now;
}

/* It looks at its questions once a second. */
int
__wrap_event_add(struct event *ev, const struct timeval *tv)
{
	if (tv != NULL && event_get_base(ev) == base)
		assert_true(tv->tv_sec == 1 && tv->tv_usec == 0);
	return __real_event_add(ev, tv);
}

static void
on_answer(void *ctx, enum ph_err err)
{
	assert_ptr_equal(ctx, &answered);
	answered.n++;
	answered.err = err;
}

static void
on_target(void *ctx, enum ph_err err, const struct endpoint *target)
{
	on_answer(ctx, err);
	answered.target = *target;
}

static void
on_gone(void *ctx)
{
	assert_ptr_equal(ctx, &answered);
	gone++;
}

static void
on_lost(void *ctx)
{
	(void)ctx;
	lost++;
}

static void
on_emptied(void *ctx)
{
	(void)ctx;
	emptied++;
}

/* "open 1 request;" with the id counted from that of the first pinhole. */
static void
on_line(void *ctx, const char *line)
{
	char event[16], why[24], text[96];
	const char *id = strstr(line, "\"id\":"),
		   *reason = strstr(line, "\"reason\":\"");
	uint64_t n = 0;

	(void)ctx;
	assert_non_null(reason);
	assert_int_equal(sscanf(strstr(line, "\"event\":\"") + 9, "%15[a-z]",
			     event),
	    1);
	assert_int_equal(sscanf(reason + 10, "%23[a-z-]", why), 1);
	if (id != NULL) {
		assert_int_equal(sscanf(id + 5, "%" SCNu64, &n), 1);
		n -= first - 1;
	}
	assert_non_null(strstr(line, "\"src\":\"198.51.100.7\","));
	assert_non_null(strstr(line, "\"dst\":\"192.0.2.10\",\"dport\":4"));
	snprintf(text, sizeof(text), "%s %u %s;", event, (unsigned int)n, why);
	strlcat(said, text, sizeof(said));
}

static const char *
heard(void)
{
	static char text[sizeof(said)];

	strlcpy(text, said, sizeof(text));
	said[0] = '\0';
	return text;
}

static void
turn(void)
{
	int i;

	for (i = 0; i < 4; i++)
		event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
}

static void
link_up(void)
{
	int fds[2];

	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_close(&fw);
	ipc_init(&fw, fds[1]);
	assert_int_equal(proxy_link(proxy, fds[0]), PH_OK);
	turn();
}

/* The next message to the firewall process is of this type. */
static void
expect(enum ipc_type type)
{
	int fd;

	turn();
	assert_int_equal(ipc_recv(&fw, &msg, &fd), PH_OK);
	assert_int_equal(msg.hdr.type, type);
}

static void
expect_nothing(void)
{
	int fd;

	turn();
	assert_int_equal(ipc_recv(&fw, &msg, &fd), PH_EAGAIN);
}

/* One change of one pinhole. */
static const struct fw_change *
expect_change(enum fw_op op)
{
	expect(IPC_COMMIT);
	assert_int_equal(msg.u.commit.n, 1);
	assert_int_equal(msg.u.commit.changes[0].op, op);
	return &msg.u.commit.changes[0];
}

static void
result(enum ph_err err)
{
	uint64_t seq = msg.hdr.seq;

	memset(&msg, 0, sizeof(msg));
	msg.u.result.err = err;
	assert_int_equal(ipc_send(&fw, IPC_RESULT, seq, &msg, -1), PH_OK);
	turn();
}

static void
about(enum ipc_type type, uint64_t fw_id)
{
	memset(&msg, 0, sizeof(msg));
	msg.u.ids.n = 1;
	msg.u.ids.ids[0] = fw_id;
	assert_int_equal(ipc_send(&fw, type, 0, &msg, -1), PH_OK);
	turn();
}

static int
setup_as(uint32_t number)
{
	struct proxy_setup s = { .fw = &channel,
		.conf = &conf,
		.number = number,
		.lost = on_lost,
		.emptied = on_emptied,
		.feed = &feed };

	memset(&answered, 0, sizeof(answered));
	gone = lost = emptied = 0;
	said[0] = '\0';
	now = 1000 * USEC_PER_SEC;
	ipc_init(&fw, -1);
	ipc_init(&feed_ipc, -1);
	memset(&feed, 0, sizeof(feed));
	feed_init(&feed, &feed.calls, &feed_ipc);
	if ((base = event_base_new()) == NULL)
		return -1;
	s.base = base;
	s.events.format = EVENTS_JSON;
	s.events.line = on_line;
	first = (UINT64_C(1) << 40) + (UINT64_C(1) << 28) * (number % 4096) + 1;
	return (proxy = proxy_new(&s)) != NULL ? 0 : -1;
}

static int
setup(void **state)
{
	(void)state;
	if (setup_as(3) != 0)
		return -1;
	link_up();
	expect(IPC_BEGIN);
	expect(IPC_SETTLE);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	proxy_free(proxy);
	channel_close(&channel);
	ipc_close(&fw);
	event_base_free(base);
	return 0;
}

static uint64_t
open_port(uint16_t port, bool renew)
{
	struct addr from = addr_v4(198, 51, 100, 7);
	struct proxy_wish w = { .lease_s = LEASE,
		.renew = renew,
		.answer = on_answer,
		.gone = on_gone,
		.ctx = &answered };

	w.hole.proto = IPPROTO_UDP;
	w.hole.dir = PINHOLE_IN;
	w.hole.from = prefix_host(&from);
	w.hole.to = addr_v4(192, 0, 2, 10);
	w.hole.to_lo = w.hole.to_hi = port;
	return proxy_open(proxy, &w);
}

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

/* A question without an answer within 10 seconds has failed. */
static void
a_question_waits_for_ten_seconds(void **state)
{
	struct timeval second = { 1, 50000 };

	(void)state;
	assert_int_not_equal(open_port(4000, true), 0);
	expect_change(FW_OPEN);
	now += 10 * USEC_PER_SEC - 1;
	event_base_loopexit(base, &second);
	event_base_dispatch(base);
	assert_int_equal(answered.n, 0);
	now++;
	event_base_loopexit(base, &second);
	event_base_dispatch(base);
	assert_int_equal(answered.n, 1);
	assert_int_equal(answered.err, PH_EAGAIN);
	assert_string_equal(heard(), "refuse 0 limit;");
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
	teardown(state);
	assert_int_equal(setup_as(4096 + 2), 0);
	link_up();
	assert_int_equal(open_port(4000, true), first);
	assert_int_equal(first, (UINT64_C(1) << 40) + (UINT64_C(2) << 28) + 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_open_pinhole_is_announced_when_the_filter_has_it),
		T(a_refusal_says_why),
		T(two_that_wait_for_one_pinhole_are_both_answered),
		T(a_question_waits_for_ten_seconds),
		T(who_closes_hears_no_answer),
		T(packets_renew_what_asked_for_it),
		T(nothing_renews_what_did_not_ask_for_it),
		T(what_closed_by_itself_says_whether_it_was_used),
		T(where_a_client_wanted_to_go),
		T(tables_are_changed_by_their_index),
		T(a_new_firewall_process_is_told_of_all_pinholes),
		T(who_is_forgotten_hears_nothing),
		T(another_who_is_forgotten_makes_no_difference),
		T(a_shutdown_closes_everything),
		T(a_person_ends_a_request),
		T(packets_are_shown_as_they_were_counted),
		T(each_request_is_shown_once),
		T(it_is_idle_when_nothing_is_open_or_asked),
		T(the_counters_count),
		T(ids_begin_anew_with_each_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
