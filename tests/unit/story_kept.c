/* SPDX-License-Identifier: ISC */
/* Which messages a story keeps, for how long, and in how much room. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/timers.h"
#include "src/engine/story.h"
#include "src/engine/tell.h"
#include "src/engine/words.h"
#include "tests/unit/blocks.h"
#include "tests/unit/latest.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

static struct story *story;
static const int64_t now = INT64_C(1700000000) * USEC_PER_SEC;

static int
setup(void **state)
{
	static const struct story_limits limits = { 8, 4, 8192, 1000 };

	(void)state;
	story = story_new(&limits);
	assert_non_null(story);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	story_free(story);
	return 0;
}

/* An INVITE that the call table takes. */
static void
invited(const char *call_id)
{
	struct datagram d = { .ts = now };
	struct sip_message m = { .request = true,
		.method = SIP_INVITE,
		.call_id = span_of(call_id),
		.cseq = 1 };

	story_hear(story, now, &d, &m);
	story_counts(story);
	story_judged(story, NULL);
}

static const struct pinhole *
hole(uint64_t id)
{
	static struct pinhole h;

	h = (struct pinhole) { .id = id,
		.proto = IPPROTO_UDP,
		.dir = PINHOLE_IN,
		.to = addr_v4(192, 0, 2, 10) };
	h.from = prefix_host(&h.to);
	return &h;
}

/* Short logs go for the one that grows. */
static void
a_long_log_takes_the_room_of_several(void **state)
{
	static const struct story_limits small = { 8, 8, 512, 512 };
	static const char *const names[] = { "a", "b", "c", "d" };
	struct story_call *c[4];
	size_t i;

	(void)state;
	story_free(story);
	assert_non_null(story = story_new(&small));
	for (i = 0; i < ROWS(c); i++) {
		c[i] = story_join(story, span_of(names[i]), true, true, now);
		story_hole(story, now, true, hole(1), c[i]->call_id,
		    REASON_ANSWER);
		assert_false(c[i]->cut);
	}
	assert_int_equal(story_bytes(story), 512);
	while (c[0]->size < 512 && c[0]->left_out == 0)
		story_hole(story, now, true, hole(1), c[0]->call_id,
		    REASON_ANSWER);
	assert_int_equal(c[0]->size, 512);
	assert_int_equal(c[0]->left_out, 0);
	assert_int_equal(story_dropped(story), 3);
	for (i = 1; i < ROWS(c); i++)
		assert_true(c[i]->cut);
}

static void
logs_have_room_for_the_calls_that_may_be(void **state)
{
	static const struct {
		uint32_t calls;
		size_t bytes;
	} rows[] = { { 0, 1 << 20 }, { 16384, 1 << 20 },
		{ 16385, (1 << 20) + 64 }, { 65535, (4 << 20) - 64 },
		{ 20000, 1280000 }, { 65536, 4 << 20 }, { 65537, 4 << 20 },
		{ UINT32_MAX, 4 << 20 } };
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		const struct story_limits l = story_limits_live(rows[i].calls);

		assert_int_equal(l.asked, 1024);
		assert_int_equal(l.ended, 200);
		assert_int_equal(l.bytes, rows[i].bytes);
		assert_int_equal(l.log, 4096);
	}
	story_free(NULL);
}

static void
only_a_call_that_was_seen_late_has_lost_its_beginning(void **state)
{
	(void)state;
	assert_true(story_join(story, span_of("late"), true, false, now)->cut);
	assert_false(story_join(story, span_of("old"), true, true, now)->cut);
	invited("new");
	assert_false(story_join(story, span_of("new"), false, false, now)->cut);
}

/* The message at hand comes before what it has opened. */
static void
a_story_begins_with_its_message(void **state)
{
	struct datagram d = { .ts = now };
	struct sip_message m = { .method = SIP_INVITE,
		.status = 200,
		.call_id = span_of("c"),
		.cseq = 1 };
	const struct story_call *c;
	struct story_entry e;
	struct cursor r;

	(void)state;
	story_hear(story, now, &d, &m);
	story_counts(story);
	c = story_join(story, span_of("c"), true, false, now);
	assert_non_null(c);
	assert_false(c->cut);
	r = story_records(c);
	assert_true(story_read(&r, &e));
	assert_int_equal(e.status, 200);
	assert_false(story_read(&r, &e));
	/* Once. */
	story_judged(story, NULL);
	r = story_records(c);
	assert_true(story_read(&r, &e));
	assert_false(story_read(&r, &e));
}

static void
where_nobody_asks_nothing_is_counted(void **state)
{
	struct story *none = story_new(&story_limits_none);
	struct datagram d = { .ts = now };
	struct sip_message m = { .call_id = span_of("c") };
	uint64_t n;

	(void)state;
	assert_non_null(none);
	story_ignored(none, now, &d, span_of("c"), "a reason");
	story_hear(none, now, &d, &m);
	story_judged(none, "another one");
	assert_null(story_why(none, 0, &n));
	assert_null(story_stray(none, 0));
	story_free(none);
}

/* All that names a message is kept, and tells it from the others. */
static void
a_message_is_kept_as_it_was(void **state)
{
	static const struct {
		bool request, within;
		enum sip_method method;
		uint16_t status;
		uint32_t cseq;
	} rows[] = {
		{ true, false, SIP_INVITE, 0, 1 },
		{ true, true, SIP_INVITE, 0, 1 },
		{ false, false, SIP_INVITE, 0, 1 },
		{ true, true, SIP_BYE, 0, 1 },
		{ false, false, SIP_BYE, 200, 1 },
		{ false, false, SIP_BYE, 481, 1 },
		{ false, false, SIP_BYE, 481, UINT32_MAX },
	};
	struct datagram d = { .ts = now };
	struct story_entry e;
	struct cursor r;
	size_t i;
	int twice;

	(void)state;
	for (twice = 0; twice < 2; twice++)
		for (i = 0; i < ROWS(rows); i++) {
			struct sip_message m = { .request = rows[i].request,
				.method = rows[i].method,
				.status = rows[i].status,
				.call_id = span_of("c"),
				.cseq = rows[i].cseq,
				.body = SIP_BODY_SDP };

			if (rows[i].within)
				m.to_tag = span_of("z");
			story_hear(story, now, &d, &m);
			if (!twice)
				story_counts(story);
			story_judged(story, NULL);
		}
	r = story_records(story_first(story));
	for (i = 0; i < ROWS(rows); i++) {
		assert_true(story_read(&r, &e));
		assert_int_equal(e.request, rows[i].request);
		assert_int_equal(e.within, rows[i].within);
		assert_int_equal(e.method, rows[i].method);
		assert_int_equal(e.status, rows[i].status);
		assert_int_equal(e.cseq, rows[i].cseq);
		assert_int_equal(e.body, SIP_BODY_SDP);
		assert_int_equal(e.times, 2);
	}
	assert_false(story_read(&r, &e));
}

/* Of each stream all is kept, of so many; and the next record is whole. */
static void
streams_are_kept_as_they_were(void **state)
{
	static const struct addr six = { AF_INET6,
		{ 0x20, 1, 0xd, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9 } };
	static struct sdp sdp;
	struct datagram d = { .ts = now };
	struct sip_message m = { .request = true,
		.method = SIP_UPDATE,
		.call_id = span_of("c"),
		.body = SIP_BODY_SDP,
		.cseq = 77 };
	struct story_entry e;
	struct cursor r;
	uint64_t times;
	uint8_t n, i;

	(void)state;
	invited("c");
	/* More than there is room for changes nothing else. */
	story_ignored(story, now, &d, span_of(""), "a reason");
	memset(sdp.media, 0xff, sizeof(sdp.media));
	sdp.nmedia = ROWS(sdp.media);
	story_hear(story, now, &d, &m);
	story_described(story, &sdp);
	story_judged(story, NULL);
	assert_string_equal(story_why(story, 0, &times), "a reason");
	assert_int_equal(times, 1);
	assert_null(story_why(story, 1, &times));
	for (n = 0; n < 6; n++) {
		sdp.nmedia = n;
		for (i = 0; i < n; i++) {
			sdp.media[i].addr =
			    i % 2 == 1 ? six : addr_v4(198, 51, 100, i);
			sdp.media[i].port = (uint16_t)(4000 + 256 * i + n);
			sdp.media[i].mode = (enum sdp_mode)(i % 4);
			sdp.media[i].fault = (enum sdp_fault)((i + n) % 4);
		}
		d.src.addr = n % 2 == 0 ? six : addr_v4(192, 0, 2, n);
		d.dst.addr = n % 2 == 1 ? six : addr_v4(192, 0, 2, n);
		m.cseq = n;
		story_hear(story, now, &d, &m);
		story_described(story, &sdp);
		story_counts(story);
		story_judged(story, NULL);
		/* What is said of a message later is said of none. */
		story_described(story, &sdp);
	}
	r = story_records(story_first(story));
	assert_true(story_read(&r, &e));
	assert_true(story_read(&r, &e));
	assert_int_equal(e.cseq, 77);
	assert_int_equal(e.nstreams, ROWS(sdp.media));
	for (n = 0; n < 6; n++) {
		assert_true(story_read(&r, &e));
		assert_int_equal(e.cseq, n);
		assert_int_equal(e.from.af == AF_INET6, n % 2 == 0);
		assert_int_equal(e.to.af == AF_INET6, n % 2 == 1);
		assert_int_equal(e.nstreams, n);
		for (i = 0; i < n && i < STORY_STREAMS; i++) {
			const struct story_stream *s = &e.stream[i];

			assert_int_equal(s->where.addr.af == AF_INET6,
			    i % 2 == 1);
			assert_int_equal(s->where.addr.b[3],
			    i % 2 == 1 ? 0xb8 : i);
			assert_int_equal(s->where.port, 4000 + 256 * i + n);
			assert_int_equal(s->mode, i % 4);
			assert_int_equal(s->fault, (i + n) % 4);
		}
	}
	assert_false(story_read(&r, &e));
}

static char told[8192];

static void
on_line(void *ctx, const char *text)
{
	(void)ctx;
	strlcat(told, text, sizeof(told));
	strlcat(told, "\n", sizeof(told));
}

/* The latest calls are listed, latest first; of the same time, in order. */
static void
the_latest_are_listed(void **state)
{
	static const struct story_limits limits = { 64, 64, 1 << 20, 1000 };
	static const size_t many[] = { 1, 19, 20, 21, 22, 60 };
	struct tell t = { .line = on_line };
	size_t order[TELL_LIST], i, k, n;
	char want[128], name[32];
	int64_t at[64];
	const char *p;

	(void)state;
	for (k = 0; k < ROWS(many); k++) {
		story_free(story);
		assert_non_null(story = story_new(&limits));
		t.story = story;
		for (i = 0; i < many[k]; i++) {
			at[i] = now + pick(40) * USEC_PER_SEC;
			snprintf(name, sizeof(name), "call%02zu", i);
			assert_non_null(story_join(story, span_of(name), true,
			    false, at[i]));
		}
		n = latest(at, many[k], order, TELL_LIST);
		told[0] = '\0';
		tell_list(&t, span_of("call"));
		snprintf(want, sizeof(want), "The latest %zu of %zu calls:\n",
		    n, many[k]);
		p = strstr(told,
		    n < many[k] ? want : "The calls, the latest first:\n");
		assert_non_null(p);
		for (i = 0; i < n; i++) {
			p = strchr(p, '\n') + 1;
			snprintf(want, sizeof(want), "  call%02zu  ", order[i]);
			assert_int_equal(strncmp(p + 29, want, strlen(want)),
			    0);
		}
		assert_string_equal(strchr(p, '\n'), "\n");
	}
}

/* Where `media` is not written, no advice is about it. */
static void
advice_is_about_what_is_written(void **state)
{
	static const struct {
		const char *sip, *refused, *advice;
	} rows[] = {
		{ "",
		    "the SDP of 192.0.2.10 names 10.0.0.5, which is neither "
		    "its sender nor in `protect`",
		    "add 10.0.0.5 to `protect`; add 192.0.2.10 to `server`, "
		    "for it names another host" },
		{ "media 192.0.2.10",
		    "the SDP of 192.0.2.10 names 10.0.0.5, which is neither "
		    "its sender nor in `media`",
		    "add 10.0.0.5 to `protect` and to `media`; add 192.0.2.10 "
		    "to `server`, for it names another host" },
		/* As long as the default, and yet written. */
		{ "media 192.0.2.0/24",
		    "the SDP of 192.0.2.10 names 10.0.0.5, which is neither "
		    "its sender nor in `media`",
		    "add 10.0.0.5 to `protect` and to `media`; add 192.0.2.10 "
		    "to `server`, for it names another host" },
	};
	struct story_entry e = { .kind = STORY_REFUSE,
		.reason = REASON_NOT_PROTECTED,
		.from = addr_v4(192, 0, 2, 10),
		.to = addr_v4(10, 0, 0, 5),
		.dport = 4000 };
	char text[1024];
	struct strbuf b;
	struct conf *conf;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		snprintf(text, sizeof(text),
		    "protect 192.0.2.0/24\nsip { %s }\n", rows[i].sip);
		assert_int_equal(conf_parse(&conf, span_of(text), "test", NULL,
				     0, stderr),
		    PH_OK);
		b = strbuf_of(text, sizeof(text));
		words_refused(conf, &e, &b);
		assert_string_equal(text, rows[i].refused);
		strbuf_reset(&b);
		words_advice(conf, &e, &b);
		assert_string_equal(text, rows[i].advice);
		conf_free(conf);
	}
}

/* A call of which something was refused is not one that nobody accepted. */
static void
a_refused_call_is_not_washed_out(void **state)
{
	struct event_refusal r = { .reason = REASON_LIMIT };
	char name[16];
	int i;

	(void)state;
	invited("c");
	story_refused(story, now, &r, span_of("c"));
	story_leave(story, story_join(story, span_of("c"), false, false, now));
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		invited(name);
	}
	assert_true(
	    span_eq_str(story_find_from(story, span_of("c"))->call_id, "c"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(a_long_log_takes_the_room_of_several),
		TEST(logs_have_room_for_the_calls_that_may_be),
		TEST(only_a_call_that_was_seen_late_has_lost_its_beginning),
		TEST(a_story_begins_with_its_message),
		TEST(where_nobody_asks_nothing_is_counted),
		TEST(a_message_is_kept_as_it_was),
		TEST(streams_are_kept_as_they_were),
		TEST(the_latest_are_listed),
		TEST(advice_is_about_what_is_written),
		TEST(a_refused_call_is_not_washed_out),
	};

	return blocks_end(cmocka_run_group_tests(tests, blocks_begin, NULL));
}
