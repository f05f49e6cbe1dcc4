/* SPDX-License-Identifier: ISC */
/*
 * The engine shows its calls and pinholes, ends calls on request, and reports
 * messages that it has no use for.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/engine/asked.h"
#include "src/engine/helpers.h"
#include "src/engine/hints.h"
#include "src/engine/tell.h"
#include "tests/unit/blocks.h"
#include "tests/unit/engine_play.h"

#define CALL_ID(n) span_of("c" #n "@example")

/* The packet filter saw packets of a call's pinhole. */
static void
seen(enum pinhole_dir way, unsigned int ends, int64_t at)
{
	size_t i;

	for (i = 0; i < filter.n; i++)
		if (filter.hole[i].dir == way)
			engine_seen(engine, filter.hole[i].id, ends, at);
}

/* A call that crosses the firewall twice is one, whatever leg is silent. */
static void
media_of_a_call_are_those_of_all_its_legs(void **state)
{
	struct silence s;
	int64_t began = now;
	uint64_t first[2];
	size_t i;

	(void)state;
	assert_false(engine_media(engine, CALL_ID(1), &s));
	call(1);
	assert_true(engine_media(engine, CALL_ID(1), &s));
	assert_int_equal(s.inside, 0);
	assert_int_equal(s.outside, 0);
	assert_int_equal(filter.n, 2);
	for (i = 0; i < 2; i++)
		first[i] = filter.hole[i].id;
	phone = "198.51.100.8";
	call(1);
	assert_int_equal(filter.n, 4);
	call(2);
	/* The second leg later, then the first. */
	seen(PINHOLE_IN, FW_SEEN_FROM, began + 1 * USEC_PER_SEC);
	for (i = 0; i < 2; i++)
		engine_seen(engine, first[i], FW_SEEN_FROM | FW_SEEN_TO,
		    began + 5 * USEC_PER_SEC);
	assert_true(engine_media(engine, CALL_ID(1), &s));
	assert_true(s.inside == began + 5 * USEC_PER_SEC);
	assert_true(s.outside == began + 5 * USEC_PER_SEC);
	for (i = 0; i < filter.n; i++)
		if (filter.hole[i].id != first[0] &&
		    filter.hole[i].id != first[1])
			engine_seen(engine, filter.hole[i].id,
			    FW_SEEN_FROM | FW_SEEN_TO,
			    began + 9 * USEC_PER_SEC);
	assert_true(engine_media(engine, CALL_ID(1), &s));
	assert_true(s.inside == began + 9 * USEC_PER_SEC);
	assert_true(s.outside == began + 9 * USEC_PER_SEC);
	assert_false(engine_media(engine, CALL_ID(3), &s));
}

static void
what_a_backend_does_not_report_is_not_shown(void **state)
{
	struct silence s;

	(void)state;
	place.activity = false;
	engine_begin();
	call(1);
	assert_false(engine_media(engine, CALL_ID(1), &s));
}

/* The calls as the engine shows them: "c1 2 accepted;c2 0;". */
static char shown[512];
static int64_t call_since;
static size_t nholes;

static void
show_call(void *ctx, const struct call_view *v)
{
	char text[64];

	(void)ctx;
	snprintf(text, sizeof(text), "%.2s%s%s;", v->call_id.p,
	    v->accepted ? " accepted" : "", v->held ? " held" : "");
	strlcat(shown, text, sizeof(shown));
	assert_true(v->since == call_since);
	assert_false(v->over);
}

static void
show_hole(void *ctx, const struct claims_view *v)
{
	(void)ctx;
	nholes++;
	assert_true(v->hole.deadline > now);
	assert_true(v->since == now);
	assert_int_equal(v->seen, v->hole.dir == PINHOLE_IN ? now + 7 : 0);
	assert_int_equal(v->why, REASON_ANSWER);
	assert_true(v->hole.id != 0);
}

static unsigned int
show(void)
{
	struct engine_viewer v = { NULL, show_call, show_hole };
	uint64_t at = 0;
	unsigned int n = 0;

	shown[0] = '\0';
	nholes = 0;
	call_since = now;
	while (engine_view(engine, &at, &v) && n < 100)
		n++;
	return n;
}

static void
all_calls_are_shown_once(void **state)
{
	(void)state;
	assert_int_equal(show(), 0);
	call(1);
	message(false, "INVITE", 2, 1, 5000, "sendrecv");
	call(3);
	seen(PINHOLE_IN, FW_SEEN_FROM, now + 7);
	assert_int_equal(show(), 3);
	assert_string_equal(shown, "c1 accepted;c2;c3 accepted;");
	assert_int_equal(nholes, 4);
}

static char told[1024];

static void
on_line(void *ctx, const char *text)
{
	(void)ctx;
	strlcat(told, text, sizeof(told));
	strlcat(told, "\n", sizeof(told));
}

static void
see_call(void *ctx, const struct call_view *v)
{
	(void)ctx;
	call_since = v->since;
}

static void
see_hole(void *ctx, const struct claims_view *v)
{
	(void)ctx;
	nholes += v->owner.call.len > 0;
}

/* How old a call is, and what is open for it, outlives the engine. */
static void
a_successor_knows_what_is_open_and_since_when(void **state)
{
	struct engine_viewer v = { NULL, see_call, see_hole };
	struct tell t = { .line = on_line };
	const struct story_call *c;
	uint64_t at = 0;

	(void)state;
	t.now = now;
	call(1);
	pass(20, true);
	engine_flush(engine);
	engine_begin();
	engine_adopt(engine, record[0].key, record[0].bytes, record[0].len,
	    now);
	nholes = 0;
	while (engine_view(engine, &at, &v))
		continue;
	assert_int_equal(nholes, 2);
	assert_true(call_since == t.now);
	t.story = engine_story(engine);
	t.conf = conf;
	assert_int_equal(tell_find_hole(t.story, filter.hole[0].id, &c),
	    TELL_ONE);
	told[0] = '\0';
	tell_call(&t, c);
	assert_non_null(strstr(told, "; accepted, 2 pinholes are open\n"));
	assert_non_null(strstr(told,
	    "   +20.000  open since before 1: udp from 198.51.100.7 to "
	    "192.0.2.10 port "));
	hang_up(1, 2);
	told[0] = '\0';
	tell_call(&t, c);
	assert_non_null(strstr(told, "; accepted, over\n"));
}

static void
a_call_is_closed_on_request(void **state)
{
	(void)state;
	call(1);
	call(2);
	assert_int_equal(engine_close(engine, CALL_ID(7), 0, now), 0);
	assert_int_equal(engine_close(engine, span_of(""), 0, now), 0);
	/* Both have the telephone's port. */
	assert_int_equal(filter.n, 3);
	assert_int_equal(engine_close(engine, CALL_ID(1), 0, now), 1);
	assert_int_equal(filter.n, 2);
	assert_string_equal(said,
	    "open answer;open answer;open answer;open answer;"
	    "close closed;close closed;");
	/* A closed call stays closed, whatever its ends still say. */
	message(false, "INVITE", 1, 2, 4000, "sendrecv");
	message(true, "200 INVITE", 1, 2, 10002, "sendrecv");
	assert_int_equal(filter.n, 2);
}

/* Either end makes a message ours. */
static void
a_message_of_a_protected_host_needs_no_hint(void **state)
{
	const struct hints *h = engine_hints(engine);
	struct datagram d = { .proto = IPPROTO_TCP,
		.dir = PKT_OUT,
		.ifindex = UPLINK,
		.src = { addr_v4(192, 0, 2, 10), 40000 },
		.dst = { addr_v4(198, 51, 100, 7), 5060 },
		.payload = span_of("BYE sip:x SIP/2.0\r\n") };
	void *user = NULL;

	(void)state;
	message(false, "INVITE", 1, 1, 4000, NULL);
	assert_int_equal(h->ours, 1);
	message(true, "200 INVITE", 1, 1, 10000, NULL);
	assert_int_equal(h->ours, 2);
	assert_int_equal(h->strangers, 0);
	/* By TCP, too, whatever becomes of it. */
	d.ts = now;
	assert_int_equal(engine_tcp(engine, now, &user, &d), CAPTURE_WHOLE);
	assert_int_equal(h->ours, 3);
	conf->protect.n = 0;
	message(false, "INVITE", 2, 1, 4000, NULL);
	assert_int_equal(h->ours, 3);
	assert_int_equal(h->strangers, 1);
}

/* Lines about what is ignored: so many a second, and anew in the next. */
static void
strangers_fill_no_log(void **state)
{
	static const struct {
		int64_t later;
		unsigned int messages;
		size_t lines;
	} rows[] = { { 0, 19, 19 }, { 0, 1, 20 }, { 0, 1, 20 },
		{ USEC_PER_SEC - 1, 30, 20 }, { 1, 1, 21 }, { 0, 30, 40 },
		{ USEC_PER_SEC, 2, 42 } };
	size_t i;

	(void)state;
	verbose = 2;
	engine_begin();
	for (i = 0; i < ROWS(rows); i++) {
		unsigned int n = rows[i].messages;

		now += rows[i].later;
		while (n-- > 0)
			message(false, "BYE", 9, 2, 0, NULL);
		assert_int_equal(nlines, rows[i].lines);
	}
}

/* Only where there is a port to watch; a proxy needs no helper. */
static void
a_helper_has_a_port(void **state)
{
	static const struct {
		const char *conf;
		bool ftp, tftp;
	} rows[] = {
		{ "sip { }", false, false },
		{ "ftp { proxy on 127.0.0.1 port 8021 }\n"
		  "tftp { proxy on 127.0.0.1 port 6969 }",
		    false, false },
		{ "ftp { port 21 }", true, false },
		{ "tftp { port 69 }", false, true },
		{ "ftp { port 21 }\ntftp { port 69 }", true, true },
	};
	char text[8192];
	struct strbuf b;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		struct counters c = { .form = COUNTERS_LINES, .out = &b };

		snprintf(text, sizeof(text), "protect 192.0.2.0/24\n%s\n",
		    rows[i].conf);
		conf_free(conf);
		assert_int_equal(conf_parse(&conf, span_of(text), "test", NULL,
				     0, stderr),
		    PH_OK);
		engine_begin();
		b = strbuf_of(text, sizeof(text));
		engine_report(engine, &c);
		assert_int_equal(strstr(text, "ftp_connections ") != NULL,
		    rows[i].ftp);
		assert_int_equal(strstr(text, "tftp_transfers ") != NULL,
		    rows[i].tftp);
	}
}

#define RRQ "\0\1file\0octet\0"

static void
a_transfer(uint16_t port)
{
	struct datagram d = { .proto = IPPROTO_UDP,
		.dir = PKT_IN,
		.ifindex = INSIDE };

	d.src = (struct endpoint) { addr_v4(192, 0, 2, 10), port };
	d.dst = (struct endpoint) { addr_v4(198, 51, 100, 7), 69 };
	d.payload = (struct span) { RRQ, sizeof(RRQ) - 1 };
	engine_udp(engine, now, &d);
}

static void
a_transfer_has_pinholes_and_no_call(void **state)
{
	(void)state;
	/* Unless `tftp` says so, nobody's. */
	a_transfer(20000);
	assert_int_equal(filter.n, 0);
	configure("}\ntftp { port 69");
	a_transfer(20000);
	a_transfer(20001);
	assert_int_equal(filter.n, 2);
	assert_int_equal(engine_close(engine, span_of(""), HELPER_TFTP_ASKER,
			     now),
	    1);
	assert_int_equal(filter.n, 1);
	assert_int_equal(filter.hole[0].to_lo, 20001);
	assert_string_equal(said, "open request;open request;close closed;");
}

/* To or from the firewall itself: where it leaves, and where it comes. */
static void
the_firewalls_own_messages_count_where_they_pass(void **state)
{
	struct addr own = addr_v4(192, 0, 2, 10);

	(void)state;
	place.own = &own;
	engine_begin();
	/* Forged: from us, but it comes in. */
	dir = PKT_OUT, ifindex = UPLINK;
	message(false, "INVITE", 1, 1, 4000, "sendrecv");
	dir = PKT_OUT, ifindex = INSIDE;
	message(false, "INVITE", 1, 1, 4000, "sendrecv");
	assert_int_equal(counter("calls_total"), 0);
	dir = PKT_IN, ifindex = UPLINK;
	message(false, "INVITE", 1, 1, 4000, "sendrecv");
	assert_int_equal(counter("calls_total"), 1);
	dir = PKT_IN, ifindex = UPLINK;
	message(true, "200 INVITE", 1, 1, 10000, "sendrecv");
	dir = PKT_IN, ifindex = INSIDE;
	message(true, "200 INVITE", 1, 1, 10000, "sendrecv");
	assert_int_equal(filter.n, 0);
	assert_int_equal(counter("seen_elsewhere"), 4);
	dir = PKT_OUT, ifindex = UPLINK;
	message(true, "200 INVITE", 1, 1, 10000, "sendrecv");
	assert_int_equal(filter.n, 2);
	place.own = NULL;
	place.nown = 0;
}

/* Where `limit calls` is reached, explain says so. */
static void
a_call_without_room_is_explained(void **state)
{
	struct tell t = { .line = on_line };
	const struct story_call *c;
	unsigned int n;

	(void)state;
	configure("limit calls 2");
	for (n = 1; n <= 4; n++)
		call(n);
	assert_int_equal(filter.n, 3); /* one is the telephone's */
	assert_string_equal(said,
	    "open answer;open answer;open answer;open answer;refuse limit;");
	t.story = engine_story(engine);
	t.conf = conf;
	assert_int_equal(tell_find(t.story, CALL_ID(3), &c), TELL_ONE);
	told[0] = '\0';
	tell_call(&t, c);
	assert_non_null(
	    strstr(told, "not opened (limit): there are too many calls"));
	assert_non_null(strstr(told, "raise `limit calls`"));
	/* The next is not reported within ten seconds. */
	told[0] = '\0';
	tell_list(&t, CALL_ID(4));
	assert_non_null(strstr(told,
	    PHONE " -> " PBX ": there is no room for its call; see `limit`"));
}

/* The answer to explain names the length, and no call without SDP. */
static void
what_is_too_long_is_said(void **state)
{
	static char tag[300];
	struct tell t = { .line = on_line };

	(void)state;
	memset(tag, 'x', sizeof(tag) - 1);
	from_tag = tag;
	call(1);
	assert_int_equal(filter.n, 0);
	t.story = engine_story(engine);
	t.conf = conf;
	assert_null(story_first(t.story));
	told[0] = '\0';
	tell_list(&t, span_of("c1"));
	assert_non_null(strstr(told,
	    PHONE " -> " PBX ": its Call-ID or a tag has more than 256 bytes"));
}

/* Strangers send these: so many lines a second, each second anew. */
static void
so_many_lines_tell_of_what_is_ignored(void **state)
{
	size_t burst, i;

	(void)state;
	verbose = 2;
	engine_begin();
	for (i = 0; i < 1000; i++)
		message(false, "BYE", 1, 2, 0, NULL);
	burst = nlines;
	assert_in_range(burst, 1, 100);
	now += USEC_PER_SEC - 1;
	message(false, "BYE", 1, 2, 0, NULL);
	assert_int_equal(nlines, burst);
	now += 1;
	for (i = 0; i < 1000; i++)
		message(false, "BYE", 1, 2, 0, NULL);
	assert_int_equal(nlines, 2 * burst);
	/* On request none, or all. */
	engine_verbose(engine, 1);
	now += USEC_PER_SEC;
	message(false, "BYE", 1, 2, 0, NULL);
	assert_int_equal(nlines, 2 * burst);
	engine_verbose(engine, 2);
	message(false, "BYE", 1, 2, 0, NULL);
	assert_int_equal(nlines, 2 * burst + 1);
}

static void
a_call_is_told_of_as_it_changes(void **state)
{
	(void)state;
	message(false, "INVITE", 1, 1, 4000, "sendrecv");
	engine_flush(engine);
	assert_int_equal(ntold, 1);
	engine_flush(engine);
	assert_int_equal(ntold, 1);
	message(true, "200 INVITE", 1, 1, 10000, "sendrecv");
	engine_flush(engine);
	assert_int_equal(ntold, 2);
	/* Its pinholes expire later after each renewal. */
	pass(60, true);
	assert_in_range(ntold, 3, 4);
	assert_int_equal(nover, 0);
	hang_up(1, 2);
	pass(64, false);
	assert_int_equal(nover, 1);
}

static void
what_several_packets_change_goes_in_one_commit(void **state)
{
	(void)state;
	engine_gather(engine, true);
	call(1);
	call(2);
	assert_int_equal(ncommits, 0);
	engine_gather(engine, false);
	assert_int_equal(ncommits, 1);
	assert_int_equal(filter.n, 3);
	call(3);
	assert_int_equal(ncommits, 2);
}

/* Live: strangers can cause any number of them. */
static void
refusals_have_only_so_many_events(void **state)
{
	unsigned int i;
	size_t events;

	(void)state;
	configure("media 192.0.2.11");
	for (i = 0; i < 100; i++)
		call(i);
	for (events = i = 0; said[i] != '\0'; i++)
		events += said[i] == ';';
	assert_in_range(events, 10, 50);
	assert_string_equal(spoken, "");
	pass(61, false);
	assert_non_null(strstr(spoken, " more refused, not shown;"));
	spoken[0] = '\0';
	pass(130, false);
	assert_string_equal(spoken, "");
	/* A replay shows them all. */
	place.live = false;
	engine_begin();
	call(1);
	said[0] = '\0';
	for (i = 2; i < 52; i++)
		call(i);
	for (events = i = 0; said[i] != '\0'; i++)
		events += said[i] == ';';
	assert_true(events >= 50);
}

/* The commonest mistake. */
static void
a_wrong_protect_is_told_of(void **state)
{
	struct datagram d = { .proto = IPPROTO_UDP,
		.dir = PKT_OUT,
		.ifindex = INSIDE };

	(void)state;
	d.src = (struct endpoint) { addr_v4(198, 51, 100, 7), 5060 };
	d.dst = (struct endpoint) { addr_v4(203, 0, 113, 7), 5060 };
	d.payload = span_of("INVITE sip:x SIP/2.0\r\n\r\n");
	engine_udp(engine, now, &d);
	pass(10, false);
	assert_non_null(strstr(spoken, "none to or from a protected host"));
	/* The same for a port that is not in `port`. */
	engine_begin();
	d.dst.addr = addr_v4(192, 0, 2, 10);
	d.src.port = d.dst.port = 5070;
	engine_udp(engine, now, &d);
	pass(10, false);
	assert_non_null(strstr(spoken, "5070"));
	/* With a call to or from one there is nothing wrong. */
	engine_begin();
	call(1);
	pass(10, false);
	assert_string_equal(spoken, "");
}

static bool
nothing_to_tell(void *ctx, uint64_t *at)
{
	(void)ctx;
	(void)at;
	return false;
}

static struct ipc answers;
static struct ipc_msg answer;

/* The next message to the status process is this. */
static void
assert_answer(enum ipc_type type, uint64_t seq, enum ph_err err)
{
	int fd;

	assert_int_equal(ipc_recv(&answers, &answer, &fd), PH_OK);
	assert_int_equal(answer.hdr.type, type);
	assert_int_equal(answer.hdr.seq, seq);
	if (type == IPC_DONE)
		assert_int_equal(answer.u.done.err, err);
}

static void
assert_no_answer(void)
{
	int fd;

	assert_int_equal(ipc_recv(&answers, &answer, &fd), PH_EAGAIN);
}

/* One question waits at a time, and none is answered too soon. */
static void
questions_wait_for_their_turn(void **state)
{
	static struct feed f;
	struct feed_calls calls = { nothing_to_tell, NULL, NULL };
	struct ipc_msg m = { .hdr.seq = 1 };
	struct asked a = { 0 };
	struct ipc ours;
	int64_t began;
	int fds[2];

	(void)state;
	call(1);
	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(&ours, fds[0]);
	ipc_init(&answers, fds[1]);
	feed_init(&f, &calls, &ours);
	assert_true(asked_due(&a) == INT64_MAX);
	asked_run(&a, &f, engine, conf);
	assert_no_answer();
	m.u.which.n = 2;
	memcpy(m.u.which.call, "c1", 2);
	asked_put(&a, &f, &m);
	assert_true(asked_due(&a) == 0);
	m.hdr.seq = 2;
	m.u.which.n = 0;
	asked_put(&a, &f, &m);
	assert_answer(IPC_DONE, 2, PH_EAGAIN);
	assert_no_answer();
	began = clock_now();
	asked_run(&a, &f, engine, conf);
	assert_answer(IPC_FEED_TEXT, 1, PH_OK);
	assert_memory_equal(answer.u.feed_text.text, "call c1@example\n", 16);
	assert_answer(IPC_DONE, 1, PH_OK);
	assert_true(asked_due(&a) == INT64_MAX);
	/* A 20th of the time: as long as it took, 19 times more. */
	assert_true(a.next >= began);
	assert_true(a.next <= began + 21 * (clock_now() - began));
	asked_run(&a, &f, engine, conf);
	assert_no_answer();
	/* Not before its time. */
	m.hdr.seq = 3;
	m.u.which.n = 2;
	asked_put(&a, &f, &m);
	a.next = clock_now() + 3600 * USEC_PER_SEC;
	assert_true(asked_due(&a) == a.next);
	asked_run(&a, &f, engine, conf);
	assert_no_answer();
	a.next = clock_now();
	asked_run(&a, &f, engine, conf);
	assert_answer(IPC_FEED_TEXT, 3, PH_OK);
	assert_answer(IPC_DONE, 3, PH_OK);
	/* Of a name that was cut, and of none. */
	m.hdr.seq = 4;
	m.u.which.n = 5;
	memcpy(m.u.which.call, "c1@...", 6);
	m.u.which.n = 6;
	a.next = 0;
	asked_put(&a, &f, &m);
	asked_run(&a, &f, engine, conf);
	assert_answer(IPC_FEED_TEXT, 4, PH_OK);
	assert_memory_equal(answer.u.feed_text.text, "call c1@example\n", 16);
	assert_answer(IPC_DONE, 4, PH_OK);
	m.u.which.n = 5;
	a.next = 0;
	asked_put(&a, &f, &m);
	asked_run(&a, &f, engine, conf);
	assert_answer(IPC_FEED_TEXT, 4, PH_OK);
	assert_answer(IPC_DONE, 4, PH_EGONE);
	m.u.which.id = 1;
	m.u.which.n = 0;
	a.next = 0;
	asked_put(&a, &f, &m);
	asked_run(&a, &f, engine, conf);
	assert_answer(IPC_FEED_TEXT, 4, PH_OK);
	assert_memory_equal(answer.u.feed_text.text, "call c1@example\n", 16);
	assert_answer(IPC_DONE, 4, PH_OK);
	ipc_close(&ours);
	ipc_close(&answers);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(questions_wait_for_their_turn),
		CASE(media_of_a_call_are_those_of_all_its_legs),
		CASE(what_a_backend_does_not_report_is_not_shown),
		CASE(all_calls_are_shown_once),
		CASE(a_successor_knows_what_is_open_and_since_when),
		CASE(a_message_of_a_protected_host_needs_no_hint),
		CASE(strangers_fill_no_log),
		CASE(a_helper_has_a_port),
		CASE(a_call_is_closed_on_request),
		CASE(a_transfer_has_pinholes_and_no_call),
		CASE(the_firewalls_own_messages_count_where_they_pass),
		CASE(a_call_without_room_is_explained),
		CASE(what_is_too_long_is_said),
		CASE(so_many_lines_tell_of_what_is_ignored),
		CASE(a_call_is_told_of_as_it_changes),
		CASE(what_several_packets_change_goes_in_one_commit),
		CASE(refusals_have_only_so_many_events),
		CASE(a_wrong_protect_is_told_of),
	};

	return blocks_end(cmocka_run_group_tests(tests, blocks_begin, NULL));
}
