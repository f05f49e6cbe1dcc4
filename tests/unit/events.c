/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/timers.h"
#include "src/process/events.h"
#include "tests/unit/unit.h"

/* The cases in test-pcaps hold the keys and words of events. */

static char said[1024];

static void
on_line(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(said, sizeof(said), "%s", text);
}

/* The clock has been set by an hour since we started. */
static int64_t
hour_later(int64_t now)
{
	return now + 3600 * USEC_PER_SEC;
}

static void
every_event_bears_the_time_on_the_wall(void **state)
{
	static const enum events_format formats[] = { EVENTS_TEXT,
		EVENTS_JSON };
	struct events ev = { 0 };
	struct pinhole h = { .proto = IPPROTO_UDP,
		.dir = PINHOLE_IN,
		.to = addr_v4(192, 0, 2, 10),
		.to_lo = 10000,
		.to_hi = 10001 };
	struct event_refusal r = { addr_v4(198, 51, 100, 7),
		addr_v4(10, 0, 0, 1), 4000, REASON_ADDRESS, EVENT_SAID_SDP };
	const char *want;
	int64_t now = 1000 * USEC_PER_SEC + 5;
	size_t i;

	(void)state;
	ev.line = on_line;
	ev.verbose = 2;
	for (i = 0; i < 2 * ROWS(formats); i++) {
		ev.format = formats[i % ROWS(formats)];
		ev.wall = i < ROWS(formats) ? NULL : hour_later;
		want = ev.wall == NULL ? "1000.000005" : "4600.000005";
		events_open(&ev, now, &h,
		    &(struct events_owner) { 1, 1, span_of("c") },
		    REASON_ANSWER);
		assert_non_null(strstr(said, want));
		events_close(&ev, now, &h,
		    &(struct events_owner) { 1, 1, span_of("c") }, REASON_BYE);
		assert_non_null(strstr(said, want));
		ev.verbose = 0; /* or why comes last */
		events_refuse(&ev, now, &r, span_of("c"));
		assert_non_null(strstr(said, want));
		ev.verbose = 2;
		if (ev.format == EVENTS_JSON)
			continue;
		events_ignore(&ev, now, &r.src, &r.dst, "noise");
		assert_non_null(strstr(said, want));
	}
}

static char lines[1024];

static void
on_each_line(void *ctx, const char *text)
{
	(void)ctx;
	strlcat(lines, text, sizeof(lines));
	strlcat(lines, "|", sizeof(lines));
}

static void
explain(const struct fw_config *c, const struct pinhole *h, struct strbuf *out)
{
	assert_null(c);
	strbuf_fmt(out, "rule %u\nand another", h->to_lo);
}

/* Events of text are followed by the rules that stand for them. */
static void
rules_follow_their_event(void **state)
{
	struct events ev = { .line = on_each_line, .verbose = 1 };
	struct pinhole h = { .proto = IPPROTO_UDP, .to_lo = 9, .to_hi = 9 };
	struct events_owner owner = { 1, 1, span_of("c") };
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		ev.explain = i < 3 ? explain : NULL;
		ev.verbose = i != 1;
		ev.format = i == 2 ? EVENTS_JSON : EVENTS_TEXT;
		lines[0] = '\0';
		events_open(&ev, 1, &h, &owner, REASON_ANSWER);
		if (i == 0)
			assert_non_null(
			    strstr(lines, "|    rule 9|    and another|"));
		else
			assert_null(strstr(lines, "rule"));
	}
}

static void
nobody_has_set_the_clock(void **state)
{
	int64_t now;

	(void)state;
	clock_start();
	now = clock_now();
	assert_in_range(clock_wall(now) - now + USEC_PER_SEC, 0,
	    2 * USEC_PER_SEC);
}

static void
a_log_has_the_beginning_of_a_call_id(void **state)
{
	struct events ev = { .line = on_line, .shorten = true };
	struct pinhole h = { .proto = IPPROTO_UDP };
	struct event_refusal r = { addr_v4(198, 51, 100, 7),
		addr_v4(10, 0, 0, 1), 4000, REASON_ADDRESS, EVENT_SAID_SDP };
	struct span just = span_of("a23456789b123456789c");
	struct span longer = span_of("a23456789b123456789cx@pc33");

	(void)state;
	events_open(&ev, 1, &h, &(struct events_owner) { 1, 1, just },
	    REASON_ANSWER);
	assert_non_null(strstr(said, " call=a23456789b123456789c"));
	assert_null(strstr(said, "..."));
	events_open(&ev, 1, &h, &(struct events_owner) { 1, 1, longer },
	    REASON_ANSWER);
	assert_non_null(strstr(said, " call=a23456789b123456789c..."));
	events_refuse(&ev, 1, &r, longer);
	assert_non_null(strstr(said, " call=a23456789b123456789c..."));
	ev.format = EVENTS_JSON;
	events_close(&ev, 1, &h, &(struct events_owner) { 1, 1, longer },
	    REASON_BYE);
	assert_non_null(strstr(said, "\"call\":\"a23456789b123456789c...\","));
	events_refuse(&ev, 1, &r, longer);
	assert_non_null(strstr(said, "\"call\":\"a23456789b123456789c...\","));
	events_refuse(&ev, 1, &r, (struct span) { NULL, 0 });
	assert_non_null(strstr(said, "\"call\":null,"));
	/* Not in a log, all of it. */
	ev.shorten = false;
	events_close(&ev, 1, &h, &(struct events_owner) { 1, 1, longer },
	    REASON_BYE);
	assert_non_null(strstr(said, "9cx@pc33\","));
}

static void
a_refusal_is_explained_once(void **state)
{
	/* clang-format off */
	static const struct {
		enum event_said	 said;
		enum reason	 reason;
		uint16_t	 dport;
		const char	*line;	/* the second one */
	} rows[] = {
		{ EVENT_SAID_SDP, REASON_NOT_PROTECTED, 4000, "    SDP from 198.51.100.7 names 10.0.0.1, which is not in `media` (or, without it, in `protect`)" },
		{ EVENT_SAID_SDP, REASON_NOT_SERVER, 4000, "    SDP from 198.51.100.7 names 10.0.0.1, which is not its sender; only a `server` may name other hosts" },
		{ EVENT_SAID_SDP, REASON_PORT_RANGE, 80, "    SDP from 198.51.100.7 names port 80 of 10.0.0.1; ports below 1024 are never opened" },
		{ EVENT_SAID_SDP, REASON_MALFORMED, 4000, "    the SDP from 198.51.100.7 breaks its grammar" },
		{ EVENT_SAID_FTP, REASON_ADDRESS, 4000, "    198.51.100.7 wants an FTP data connection to 10.0.0.1, which it may not name; see `loose` in pinholed.conf(5)" },
		{ EVENT_SAID_FTP, REASON_PORT_RANGE, 80, "    198.51.100.7 wants an FTP data connection to port 80 of 10.0.0.1, which is below 1024" },
		{ EVENT_SAID_TFTP, REASON_LIMIT, 80, "    198.51.100.7 wants a TFTP transfer, and there are too many" },
	};
	/* clang-format on */
	struct events ev = { .line = on_line, .verbose = 1 };
	struct event_refusal r = { addr_v4(198, 51, 100, 7),
		addr_v4(10, 0, 0, 1), 0, REASON_NONE, EVENT_SAID_SDP };
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		r.said = rows[i].said;
		r.reason = rows[i].reason;
		r.dport = rows[i].dport;
		events_refuse(&ev, 1, &r, (struct span) { NULL, 0 });
		assert_string_equal(said, rows[i].line);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_bears_the_time_on_the_wall),
		cmocka_unit_test(a_log_has_the_beginning_of_a_call_id),
		cmocka_unit_test(rules_follow_their_event),
		cmocka_unit_test(nobody_has_set_the_clock),
		cmocka_unit_test(a_refusal_is_explained_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
