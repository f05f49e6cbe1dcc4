/* SPDX-License-Identifier: ISC */
/*
 * Stories of calls: what is kept, how much of it at most, and how it is told.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/timers.h"
#include "src/engine/asked.h"
#include "src/engine/story.h"
#include "src/engine/tell.h"
#include "tests/unit/blocks.h"
#include "tests/unit/unit.h"

#define LIMIT_ASKED 8
#define LIMIT_ENDED 4
#define LIMIT_BYTES 8192
#define LIMIT_LOG   1000

static struct story *story;
static struct conf *conf;
static int64_t now;
static char told[65536];

static int
setup(void **state)
{
	static const struct story_limits limits = { LIMIT_ASKED, LIMIT_ENDED,
		LIMIT_BYTES, LIMIT_LOG };

	(void)state;
	story = story_new(&limits);
	assert_non_null(story);
	assert_int_equal(conf_parse(&conf,
			     span_of("protect 192.0.2.0/24\n"
				     "sip { media { 192.0.2.10 } port "
				     "10000:20000 }\n"),
			     "test", NULL, 0, stderr),
	    PH_OK);
	now = INT64_C(1700000000) * USEC_PER_SEC;
	told[0] = '\0';
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	story_free(story);
	conf_free(conf);
	return 0;
}

static struct datagram
from_to(struct addr from, struct addr to)
{
	struct datagram d = { .ts = now, .proto = IPPROTO_UDP };

	d.src.addr = from;
	d.dst.addr = to;
	return d;
}

static struct datagram
from_phone(void)
{
	return from_to(addr_v4(198, 51, 100, 7), addr_v4(192, 0, 2, 10));
}

static struct datagram
from_pbx(void)
{
	return from_to(addr_v4(192, 0, 2, 10), addr_v4(198, 51, 100, 7));
}

/* A request (status 0) or response; `counts`: sip/ has used it. */
static void
message(struct datagram d, struct span call_id, enum sip_method method,
    uint16_t status, uint32_t cseq, bool counts)
{
	struct sip_message m = { .request = status == 0,
		.method = method,
		.status = status,
		.call_id = call_id,
		.cseq = cseq };

	story_hear(story, now, &d, &m);
	if (counts)
		story_counts(story);
	story_judged(story, NULL);
	now += 1000;
}

static void
misfit(struct span call_id, uint32_t cseq, const char *why)
{
	struct datagram d = from_phone();
	struct sip_message m = { .request = true,
		.method = SIP_BYE,
		.call_id = call_id,
		.cseq = cseq };

	story_hear(story, now, &d, &m);
	story_judged(story, why);
	now += 1000;
}

static struct span
numbered(const char *prefix, int i)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s%d", prefix, i);
	return span_of(text);
}

static size_t
count(void)
{
	const struct story_call *c;
	size_t n = 0;

	for (c = story_first(story); c != NULL; c = story_next(c))
		n++;
	return n;
}

static size_t
count_records(const struct story_call *c)
{
	struct cursor r = story_records(c);
	struct story_entry e;
	size_t n = 0;

	while (story_read(&r, &e))
		n++;
	return n;
}

static void
on_line(void *ctx, const char *text)
{
	(void)ctx;
	assert_null(strchr(text, '\n'));
	strlcat(told, text, sizeof(told));
	strlcat(told, "\n", sizeof(told));
}

static struct tell
teller(void)
{
	return (struct tell) { .story = story, .conf = conf, .line = on_line };
}

static void
tell(const char *name)
{
	const struct story_call *c = NULL;
	struct tell t = teller();

	told[0] = '\0';
	assert_int_equal(tell_find(story, span_of(name), &c), TELL_ONE);
	tell_call(&t, c);
}

static const struct pinhole *
hole(uint64_t id)
{
	static struct pinhole h;
	struct addr a = addr_v4(198, 51, 100, 7);

	h = (struct pinhole) { .id = id,
		.proto = IPPROTO_UDP,
		.dir = PINHOLE_IN,
		.to_lo = 10000,
		.to_hi = 10001,
		.to = addr_v4(192, 0, 2, 10) };
	h.from = prefix_host(&a);
	return &h;
}

static void
junk_begins_no_story(void **state)
{
	struct datagram d = from_phone();
	int i;

	(void)state;
	for (i = 0; i < 10000; i++) {
		message(from_phone(), numbered("scan", i), SIP_INVITE, 0, 1,
		    false);
		message(from_phone(), numbered("late", i), SIP_BYE, 0, 1, true);
		misfit(numbered("bye", i), 1, "it belongs to no call");
		story_ignored(story, now, &d, numbered("bad", i), "not SIP");
	}
	assert_int_equal(count(), 0);
	assert_int_equal(story_bytes(story), 0);
	assert_non_null(story_stray(story, STORY_STRAYS - 1));
	assert_null(story_stray(story, STORY_STRAYS));
}

static void
unanswered_calls_are_limited(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 10000; i++)
		message(from_phone(), numbered("c", i), SIP_INVITE, 0, 1, true);
	assert_int_equal(count(), LIMIT_ASKED);
	assert_true(story_bytes(story) <= LIMIT_BYTES);
}

static void
calls_that_are_over_are_limited(void **state)
{
	struct story_call *c;
	int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		c = story_join(story, numbered("c", i), true, false, now);
		assert_non_null(c);
		story_hole(story, now, true, hole(1), numbered("c", i),
		    REASON_ANSWER);
		story_leave(story, c);
	}
	assert_int_equal(count(), LIMIT_ENDED);
	/* A flood of calls that nobody answers does not wash them out. */
	for (i = 0; i < 1000; i++)
		message(from_phone(), numbered("f", i), SIP_INVITE, 0, 1, true);
	assert_int_equal(count(), LIMIT_ENDED + LIMIT_ASKED);
	tell("c99");
	assert_non_null(strstr(told, "opened 1: udp from 198.51.100.7 to "));
}

static void
a_long_story_keeps_its_beginning_and_its_end(void **state)
{
	const struct story_call *c;
	int i;

	(void)state;
	message(from_phone(), span_of("long"), SIP_INVITE, 0, 1, true);
	message(from_pbx(), span_of("long"), SIP_INVITE, 180, 1, false);
	for (i = 2; i < 5000; i++)
		message(from_phone(), span_of("long"), SIP_UPDATE, 0,
		    (uint32_t)i, true);
	message(from_phone(), span_of("long"), SIP_BYE, 0, 5000, true);
	c = story_first(story);
	assert_true(c->size <= LIMIT_LOG);
	assert_int_equal(count_records(c) + c->left_out, 5001);
	tell("long");
	assert_non_null(strstr(told, "INVITE: asks for a call"));
	assert_non_null(strstr(told, "180 to INVITE: it rings"));
	assert_non_null(strstr(told, "BYE: hangs up"));
	assert_non_null(strstr(told, "lines were left out"));
}

static void
forged_messages_do_not_fill_a_story(void **state)
{
	const struct story_call *c;
	int i;

	(void)state;
	message(from_phone(), span_of("c"), SIP_INVITE, 0, 1, true);
	for (i = 0; i < 5000; i++)
		misfit(span_of("c"), (uint32_t)i, "its tags are not");
	message(from_pbx(), span_of("c"), SIP_INVITE, 200, 1, true);
	c = story_first(story);
	assert_int_equal(count_records(c), 2 + STORY_IGNORED);
	misfit(span_of("c"), 3, "its tags are not");
	assert_int_equal(c->left_out, 5000 - STORY_IGNORED);
	tell("c");
	assert_non_null(strstr(told, "its tags are not (seen 2 times)"));
	assert_non_null(strstr(told, "ignored, BYE: its tags are not"));
}

static void
a_message_sent_again_is_one_line(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 3; i++)
		message(from_phone(), span_of("c"), SIP_INVITE, 0, 1, i == 0);
	for (i = 0; i < 600; i++)
		message(from_pbx(), span_of("c"), SIP_INVITE, 200, 1, i == 0);
	message(from_pbx(), span_of("c"), SIP_INVITE, 100, 1, false);
	message(from_pbx(), span_of("c"), SIP_OTHER, 200, 2, false);
	assert_int_equal(count_records(story_first(story)), 2);
	tell("c");
	assert_non_null(strstr(told, "asks for a call (seen 3 times)"));
	assert_non_null(strstr(told, "(seen 255 times)"));
	assert_non_null(strstr(told, "no ACK was seen"));
}

static void
all_logs_together_are_limited(void **state)
{
	static char name[64][16];
	struct story_call *c[64];
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(c); i++) {
		snprintf(name[i], sizeof(name[i]), "c%zu", i);
		c[i] = story_join(story, span_of(name[i]), true, false, now);
		assert_non_null(c[i]);
	}
	for (k = 0; k < 40; k++)
		for (i = 0; i < ROWS(c); i++) {
			story_hole(story, now, true, hole(i), c[i]->call_id,
			    REASON_REINVITE);
			assert_true(story_bytes(story) <= LIMIT_BYTES);
		}
	/* The story that has grown last is whole. */
	assert_true(count_records(c[63]) > 0);
	assert_int_equal(c[63]->left_out, 0);
	/* The calls go on, and so does whoever refers to them. */
	assert_int_equal(count(), ROWS(c));
	for (i = 0; i < ROWS(c); i++)
		story_leave(story, c[i]);
	assert_int_equal(count(), LIMIT_ENDED);
}

static void
without_a_log_nothing_is_kept(void **state)
{
	struct story *none = story_new(&story_limits_none);

	(void)state;
	assert_non_null(none);
	assert_null(story_join(none, span_of("c"), true, false, now));
	assert_int_equal(story_bytes(none), 0);
	story_free(none);
}

static void
a_log_never_drops_itself(void **state)
{
	static const struct story_limits small = { 1, 1, 700, LIMIT_LOG };
	struct story_call *c;
	int i;

	(void)state;
	story_free(story);
	assert_non_null(story = story_new(&small));
	c = story_join(story, span_of("c"), true, true, now);
	for (i = 0; i < 100; i++)
		story_hole(story, now, true, hole(1), c->call_id,
		    REASON_ANSWER);
	assert_false(c->cut);
	assert_true(count_records(c) > 5);
	assert_true(c->left_out > 0);
	assert_true(story_bytes(story) <= 700);
}

static void
an_accepted_call_without_pinholes_is_kept(void **state)
{
	struct story_call *c;
	int i;

	(void)state;
	message(from_phone(), span_of("c"), SIP_INVITE, 0, 1, true);
	message(from_pbx(), span_of("c"), SIP_INVITE, 200, 1, true);
	c = story_join(story, span_of("c"), false, false, now);
	story_leave(story, c);
	for (i = 0; i < 100; i++)
		message(from_phone(), numbered("f", i), SIP_INVITE, 0, 1, true);
	tell("c");
	assert_non_null(strstr(told, "accepted, over, nothing was opened"));
}

/* A change that is accepted again and again is not the call's own 200. */
static void
changes_need_no_ack(void **state)
{
	struct datagram d = from_phone();
	struct sip_message m = { .request = true,
		.method = SIP_INVITE,
		.call_id = span_of("c"),
		.to_tag = span_of("z"),
		.cseq = 2 };
	int i;

	(void)state;
	message(from_phone(), span_of("c"), SIP_INVITE, 0, 1, true);
	message(from_pbx(), span_of("c"), SIP_INVITE, 200, 1, true);
	story_hear(story, now, &d, &m);
	story_counts(story);
	story_judged(story, NULL);
	for (i = 0; i < 3; i++)
		message(from_pbx(), span_of("c"), SIP_INVITE, 200, 2, i == 0);
	tell("c");
	assert_non_null(strstr(told, "INVITE: asks to change the call"));
	assert_non_null(strstr(told, "accepts the change (seen 3 times)"));
	assert_null(strstr(told, "no ACK"));
}

static void
what_is_told_is_escaped(void **state)
{
	static const char hostile[] = "\033[2J</script>\xff\n%s";
	struct tell t = teller();

	(void)state;
	message(from_phone(), (struct span) { hostile, sizeof(hostile) - 1 },
	    SIP_INVITE, 0, 1, true);
	tell("\\x1b");
	assert_non_null(strstr(told, "call \\x1b[2J</script>\\xff\\x0a%s\n"));
	tell_list(&t, span_of("none"));
	assert_non_null(strstr(told, "  \\x1b[2J"));
	assert_null(strchr(told, '\033'));
}

static void
a_call_id_may_be_long(void **state)
{
	static char name[4096];

	(void)state;
	memset(name, 'x', sizeof(name));
	message(from_phone(), (struct span) { name, sizeof(name) }, SIP_INVITE,
	    0, 1, true);
	assert_int_equal(story_first(story)->call_id.len, STORY_NAME);
}

static void
a_call_is_found_by_its_beginning(void **state)
{
	const struct story_call *c;
	struct tell t = teller();
	int i;

	(void)state;
	message(from_phone(), span_of("abc1"), SIP_INVITE, 0, 1, true);
	message(from_phone(), span_of("abc2"), SIP_INVITE, 0, 1, true);
	message(from_phone(), span_of("abc"), SIP_INVITE, 0, 1, true);
	assert_int_equal(tell_find(story, span_of("ab"), &c), TELL_MANY);
	assert_int_equal(tell_find(story, span_of("abc"), &c), TELL_ONE);
	assert_int_equal(tell_find(story, span_of("abc2"), &c), TELL_ONE);
	assert_true(span_eq_str(c->call_id, "abc2"));
	assert_int_equal(tell_find(story, span_of("abd"), &c), TELL_NONE);
	tell_list(&t, span_of("ab"));
	assert_non_null(strstr(told, "More than one Call-ID"));
	assert_non_null(strstr(told, "  abc1  not answered"));
	told[0] = '\0';
	misfit(span_of("none"), 1, "it belongs to no call that is followed");
	tell_list(&t, span_of("abd"));
	assert_non_null(strstr(told, "No Call-ID begins with \"abd\""));
	assert_non_null(strstr(told, "  abc2  not answered"));
	assert_non_null(strstr(told, "198.51.100.7 -> 192.0.2.10: it belongs"));
	/* By the number of one of its pinholes. */
	story_hole(story, now, true, hole(77), span_of("abc1"), REASON_ANSWER);
	assert_int_equal(tell_find(story, span_of("77"), &c), TELL_ONE);
	assert_true(span_eq_str(c->call_id, "abc1"));
	/* However many there are, the list is short. */
	for (i = 0; i < 1000; i++) {
		snprintf(told, sizeof(told), "z%d", i);
		(void)story_join(story, span_of(told), true, false, now++);
	}
	told[0] = '\0';
	tell_list(&t, span_of("z"));
	assert_non_null(strstr(told, "The latest 20 of 1000 calls:"));
	assert_non_null(strstr(told, "z999"));
	assert_null(strstr(told, "z979 "));
}

static bool
nothing_to_tell(void *ctx, uint64_t *at)
{
	(void)ctx;
	(void)at;
	return false;
}

static void
nothing_counted(void *ctx,
    void (*each)(void *each_ctx, const char *name, uint64_t v, bool gauge),
    void *each_ctx)
{
	(void)ctx;
	(void)each;
	(void)each_ctx;
}

/* The text that the status process gets for a name or a number, into `told`. */
static enum ph_err
ask(const char *name, uint64_t id)
{
	static struct feed f;
	static struct ipc_msg m;
	struct ipc_which w;
	struct feed_calls calls = { nothing_to_tell, nothing_counted, NULL };
	struct ipc ours, theirs;
	int fds[2], passed;

	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(&ours, fds[0]);
	ipc_init(&theirs, fds[1]);
	feed_init(&f, &calls, &ours);
	w = (struct ipc_which) { .id = id, .n = (uint32_t)strlen(name) };
	memcpy(w.call, name, w.n);
	told[0] = '\0';
	asked_story(&f, 5, &w, NULL, story, conf);
	do {
		assert_int_equal(ipc_recv(&theirs, &m, &passed), PH_OK);
		assert_int_equal(m.hdr.seq, 5);
		if (m.hdr.type == IPC_FEED_TEXT)
			strncat(told, m.u.feed_text.text, m.u.feed_text.n);
	} while (m.hdr.type != IPC_DONE);
	ipc_close(&ours);
	ipc_close(&theirs);
	return (enum ph_err)m.u.done.err;
}

/* Wherever a message ends among the lines, all of them arrive. */
static void
no_line_is_cut_between_messages(void **state)
{
	static char direct[sizeof(told)];
	struct datagram d = from_phone();
	struct tell t = teller();
	char name[STORY_NAME];
	size_t i, n;

	(void)state;
	for (i = 0; i < STORY_STRAYS; i++)
		story_ignored(story, now, &d, span_of(""),
		    "a reason that is as long as a line of text, and so long "
		    "that no message has room for a list of them all: so the "
		    "answer is more than one");
	for (n = 1; n < 200; n++) {
		memset(name, 'a' + (int)(n % 26), sizeof(name));
		message(from_phone(), (struct span) { name, 50 + n },
		    SIP_INVITE, 0, 1, true);
		for (i = 0; i < LIMIT_ASKED - 1; i++) {
			memset(name, 'A' + (int)i, sizeof(name));
			message(from_phone(), (struct span) { name, 250 },
			    SIP_INVITE, 0, 1, true);
		}
		told[0] = '\0';
		tell_list(&t, span_of("?"));
		strlcpy(direct, told, sizeof(direct));
		assert_true(strlen(direct) > IPC_TEXT);
		assert_int_equal(ask("?", 0), PH_EGONE);
		assert_int_equal(strlen(told), strlen(direct));
		for (i = 0; told[i] != '\0'; i++)
			assert_int_equal(told[i] == '\n', direct[i] == '\n');
	}
}

static void
the_status_process_is_answered(void **state)
{
	size_t i, lines = 0;

	(void)state;
	for (i = 0; i < 40; i++)
		story_refused(story, now,
		    &(struct event_refusal) { .reason = REASON_MALFORMED },
		    story_join(story, span_of("abc"), true, false, now)
			->call_id);
	story_hole(story, now, true, hole(77), span_of("abc"), REASON_ANSWER);
	assert_int_equal(ask("ab", 0), PH_OK);
	/* More than one message has room for, and in whole lines. */
	for (i = 0; told[i] != '\0'; i++)
		lines += told[i] == '\n';
	assert_true(strlen(told) > IPC_TEXT / 2);
	assert_true(lines > 20);
	assert_non_null(strstr(told, "opened 77: udp"));
	assert_int_equal(ask("", 77), PH_OK);
	assert_int_equal(strncmp(told, "call abc\n", 9), 0);
	assert_int_equal(ask("nobody", 0), PH_EGONE);
	assert_non_null(strstr(told, "  abc  "));
	assert_int_equal(ask("", 78), PH_EGONE);
	/* A stranger's Call-ID may look like the number of a pinhole. */
	(void)story_join(story, span_of("77"), true, false, now);
	assert_int_equal(ask("", 77), PH_OK);
	assert_int_equal(strncmp(told, "call abc\n", 9), 0);
	(void)story_join(story, span_of("abd"), true, false, now);
	assert_int_equal(ask("ab", 0), PH_EAMBIGUOUS);
	/* A Call-ID that was cut for the terminal. */
	(void)story_join(story, span_of("one...two"), true, false, now);
	assert_int_equal(ask("one...", 0), PH_OK);
	assert_int_equal(ask("on...", 0), PH_OK);
	assert_int_equal(strncmp(told, "call one...two\n", 15), 0);
	assert_int_equal(ask("ab...", 0), PH_EAMBIGUOUS);
	/* A number that no pinhole has may begin a Call-ID. */
	(void)story_join(story, span_of("5-1"), true, false, now);
	assert_int_equal(ask("", 5), PH_OK);
	assert_int_equal(strncmp(told, "call 5-1\n", 9), 0);
}

static int64_t open_since;

static bool
seen_from_inside(void *ctx, struct span call_id, struct silence *s)
{
	(void)ctx;
	*s = (struct silence) { .inside = now - 3 * USEC_PER_SEC,
		.since = open_since,
		.timeout = 10 * USEC_PER_SEC };
	return span_eq_str(call_id, "c");
}

static void
a_running_call_says_which_side_sends(void **state)
{
	struct tell t = teller();

	(void)state;
	(void)story_join(story, span_of("c"), true, false, now);
	t.media = seen_from_inside;
	t.now = now;
	open_since = now - 9 * USEC_PER_SEC;
	tell_call(&t, story_first(story));
	assert_non_null(strstr(told,
	    "3 s ago, and the outside has not been looked at yet."));
	told[0] = '\0';
	open_since = now - 10 * USEC_PER_SEC;
	tell_call(&t, story_first(story));
	assert_non_null(strstr(told,
	    "Through its pinholes, the inside was last seen to send 3 s ago, "
	    "and the outside has sent nothing."));
}

static void
an_adopted_call_says_so(void **state)
{
	struct story_call *c;

	(void)state;
	c = story_join(story, span_of("old"), true, true, now);
	tell("old");
	assert_non_null(strstr(told, "It began before this engine knew of it"));
	/* The pinholes of before are not known. */
	assert_null(strstr(told, "nothing was opened"));
	story_leave(story, c);
}

/* Refused pinholes, and the statement to change. */
static const struct {
	enum reason reason;
	uint8_t from[4], to[4];
	uint16_t port;
	const char *says, *advice;
} refused[] = {
	{ REASON_NOT_PROTECTED, { 192, 0, 2, 10 }, { 10, 0, 0, 5 }, 4000,
	    "names 10.0.0.5, which is neither its sender nor in `media`",
	    "add 10.0.0.5 to `protect` and to `media`; add 192.0.2.10 to "
	    "`server`" },
	{ REASON_NOT_PROTECTED, { 192, 0, 2, 11 }, { 192, 0, 2, 11 }, 4000,
	    "names 192.0.2.11, which is not in `media`",
	    "what to change: add 192.0.2.11 to `media`\n" },
	{ REASON_NOT_PROTECTED, { 192, 0, 2, 10 }, { 203, 0, 113, 5 }, 4000,
	    "names 203.0.113.5",
	    "write `external 203.0.113.5 for 192.0.2.10`" },
	{ REASON_NOT_SERVER, { 192, 0, 2, 10 }, { 192, 0, 2, 10 }, 4000,
	    "192.0.2.10 is no `server`", "add 192.0.2.10 to `server`" },
	{ REASON_PORT_RANGE, { 192, 0, 2, 10 }, { 192, 0, 2, 10 }, 4000,
	    "names port 4000 of 192.0.2.10, and `media` allows only "
	    "10000:20000",
	    "let `media` have the ports" },
	{ REASON_PORT_RANGE, { 192, 0, 2, 10 }, { 192, 0, 2, 10 }, 80,
	    "ports below 1024", "the sender has to use other ports" },
	{ REASON_PORT_RANGE, { 192, 0, 2, 10 }, { 192, 0, 2, 10 }, 5060,
	    "one of the signalling (`port`)", "other ports" },
	{ REASON_ADDRESS, { 198, 51, 100, 7 }, { 192, 0, 2, 10 }, 4000,
	    "which is outside, names 192.0.2.10, which is in `protect`",
	    "then add it to `protect`" },
	{ REASON_ADDRESS, { 192, 0, 2, 10 }, { 192, 0, 2, 10 }, 4000,
	    "which an outsider had named first", "as a proxy it repeats" },
	{ REASON_ADDRESS, { 198, 51, 100, 7 }, { 127, 0, 0, 1 }, 4000,
	    "from which media cannot come", "has to name another address" },
	{ REASON_LIMIT, { 198, 51, 100, 7 }, { 192, 0, 2, 10 }, 0,
	    "too many calls", "raise `limit calls`, `limit per source` or" },
	{ REASON_AMBIGUOUS, { 198, 51, 100, 7 }, { 192, 0, 2, 10 }, 0,
	    "can be read in two ways", "has to send other SDP" },
	{ REASON_MALFORMED, { 198, 51, 100, 7 }, { 192, 0, 2, 10 }, 0,
	    "breaks its grammar", "has to send other SDP" },
};

static void
a_refusal_says_what_to_change(void **state)
{
	struct event_refusal r = { .said = EVENT_SAID_SDP };
	const uint8_t *f, *t;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(refused); i++) {
		struct span id = numbered("call", (int)i);
		char name[32];

		snprintf(name, sizeof(name), "%.*s", (int)id.len, id.p);
		f = refused[i].from;
		t = refused[i].to;
		r.src = addr_v4(f[0], f[1], f[2], f[3]);
		r.dst = addr_v4(t[0], t[1], t[2], t[3]);
		r.dport = refused[i].port;
		r.reason = refused[i].reason;
		(void)story_join(story, span_of(name), true, false, now);
		story_refused(story, now, &r, span_of(name));
		tell(name);
		assert_non_null(strstr(told, refused[i].says));
		assert_non_null(strstr(told, refused[i].advice));
	}
}

/* Most calls have no log: room for one is found without a look at those. */
static void
a_record_costs_the_same_among_many_calls(void **state)
{
	clock_t began = clock();
	int i;

	(void)state;
	for (i = 0; i < 40000; i++) {
		message(from_phone(), numbered("live", i), SIP_INVITE, 0, 1,
		    true);
		assert_non_null(
		    story_join(story, numbered("live", i), true, false, now));
	}
	assert_true((clock() - began) / CLOCKS_PER_SEC < 3);
}

static void
reasons_to_ignore_are_limited(void **state)
{
	static char why[100][8];
	struct datagram d = from_phone();
	uint64_t n, all = 0;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(why); i++)
		story_ignored(story, now, &d, span_of(""), why[i]);
	for (i = 0; story_why(story, i, &n) != NULL; i++)
		all += n;
	assert_string_equal(story_why(story, i - 1, &n), "other reasons");
	assert_int_equal(i, STORY_WHYS);
	assert_int_equal(all, ROWS(why));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(junk_begins_no_story),
		TEST(unanswered_calls_are_limited),
		TEST(calls_that_are_over_are_limited),
		TEST(a_long_story_keeps_its_beginning_and_its_end),
		TEST(forged_messages_do_not_fill_a_story),
		TEST(a_message_sent_again_is_one_line),
		TEST(all_logs_together_are_limited),
		TEST(without_a_log_nothing_is_kept),
		TEST(a_log_never_drops_itself),
		TEST(an_accepted_call_without_pinholes_is_kept),
		TEST(changes_need_no_ack),
		TEST(what_is_told_is_escaped),
		TEST(a_call_id_may_be_long),
		TEST(a_call_is_found_by_its_beginning),
		TEST(no_line_is_cut_between_messages),
		TEST(the_status_process_is_answered),
		TEST(a_running_call_says_which_side_sends),
		TEST(an_adopted_call_says_so),
		TEST(a_refusal_says_what_to_change),
		TEST(a_record_costs_the_same_among_many_calls),
		TEST(reasons_to_ignore_are_limited),
	};

	return blocks_end(cmocka_run_group_tests(tests, blocks_begin, NULL));
}
