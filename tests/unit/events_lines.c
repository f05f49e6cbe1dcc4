/* SPDX-License-Identifier: ISC */
/* Lines of events, whole, and all who are told of one besides. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "src/process/events.h"
#include "tests/unit/unit.h"

#define NOW INT64_C(1000000005)

static char said[4096];
static unsigned int nlines;

/* All lines, each with a | behind it. */
static void
on_line(void *ctx, const char *text)
{
	assert_ptr_equal(ctx, said);
	nlines++;
	strlcat(said, text, sizeof(said));
	strlcat(said, "|", sizeof(said));
}

static struct addr
parsed(const char *text)
{
	struct addr a = { 0 };

	if (text != NULL)
		assert_int_equal(addr_parse(span_of(text), &a), PH_OK);
	return a;
}

static void
begin(struct events *ev, enum events_format format, int verbose)
{
	memset(ev, 0, sizeof(*ev));
	ev->format = format;
	ev->verbose = verbose;
	ev->line = on_line;
	ev->ctx = said;
	said[0] = '\0';
	nlines = 0;
}

static void
each_part_of_a_pinhole_is_in_its_line(void **state)
{
	/* clang-format off */
	static const struct {
		uint8_t proto, dir;
		const char *from;
		uint8_t len;
		uint16_t from_port;
		const char *to;
		uint16_t lo, hi;
		const char *call, *text, *json;
	} rows[] = {
		{ IPPROTO_UDP, PINHOLE_IN, "198.51.100.7", 32, 0, "192.0.2.10",
		    10000, 10001, "c@d",
		    " in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (ack) call=c@d|",
		    "\"dir\":\"in\",\"call\":\"c@d\",\"proto\":\"udp\",\"src\":\"198.51.100.7\",\"sport\":null,\"dst\":\"192.0.2.10\",\"dport\":10000,\"dport_end\":10001,\"reason\":\"ack\"}|" },
		{ IPPROTO_TCP, PINHOLE_OUT, "192.0.2.10", 32, 1, "198.51.100.7",
		    4000, 4000, "",
		    " out tcp 192.0.2.10 port 1 -> 198.51.100.7 port 4000 (ack)|",
		    "\"dir\":\"out\",\"call\":null,\"proto\":\"tcp\",\"src\":\"192.0.2.10\",\"sport\":1,\"dst\":\"198.51.100.7\",\"dport\":4000,\"dport_end\":4000,\"reason\":\"ack\"}|" },
		{ IPPROTO_UDP, PINHOLE_OUT, "2001:db8::", 32, 65535, "2001:db8:1::5",
		    1024, 65535, "x\"\n",
		    " out udp 2001:db8::/32 port 65535 -> 2001:db8:1::5 port 1024:65535 (ack) call=x\"\\x0a|",
		    "\"dir\":\"out\",\"call\":\"x\\\"\\u000a\",\"proto\":\"udp\",\"src\":\"2001:db8::/32\",\"sport\":65535,\"dst\":\"2001:db8:1::5\",\"dport\":1024,\"dport_end\":65535,\"reason\":\"ack\"}|" },
		{ IPPROTO_TCP, PINHOLE_IN, NULL, 0, 0, "192.0.2.10",
		    1024, 1025, "c",
		    " in tcp any -> 192.0.2.10 port 1024:1025 (ack) call=c|",
		    "\"dir\":\"in\",\"call\":\"c\",\"proto\":\"tcp\",\"src\":\"any\",\"sport\":null,\"dst\":\"192.0.2.10\",\"dport\":1024,\"dport_end\":1025,\"reason\":\"ack\"}|" },
	};
	/* clang-format on */
	char want[1024];
	struct events ev;
	struct pinhole h;
	struct events_owner owner = { 8, 9, { NULL, 0 } };
	size_t i;
	int how;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		for (how = 0; how < 4; how++) {
			begin(&ev, how & 1 ? EVENTS_JSON : EVENTS_TEXT, 2);
			memset(&h, 0, sizeof(h));
			h.id = 77 + i;
			h.proto = rows[i].proto;
			h.dir = rows[i].dir;
			h.from.addr = parsed(rows[i].from);
			h.from.len = rows[i].len;
			h.from_port = rows[i].from_port;
			h.to = parsed(rows[i].to);
			h.to_lo = rows[i].lo;
			h.to_hi = rows[i].hi;
			owner.call = span_of(rows[i].call);
			if (how & 2)
				events_close(&ev, NOW, &h, &owner, REASON_ACK);
			else
				events_open(&ev, NOW, &h, &owner, REASON_ACK);
			if (how & 1)
				snprintf(want, sizeof(want),
				    "{\"ts\":1000.000005,\"event\":\"%s\","
				    "\"id\":%zu,%s",
				    how & 2 ? "close" : "open", 77 + i,
				    rows[i].json);
			else
				snprintf(want, sizeof(want),
				    "1000.000005 %s %zu%s",
				    how & 2 ? "close" : "open", 77 + i,
				    rows[i].text);
			assert_string_equal(said, want);
		}
}

/* clang-format off */
#define PHONE "198.51.100.7"
#define PBX   "192.0.2.10"
static const struct {
	enum event_said said;
	enum reason reason;
	const char *dst;
	uint16_t dport;
	const char *head;	/* behind the source */
	const char *why;
} refusals[] = {
	{ EVENT_SAID_SDP, REASON_NOT_PROTECTED, PBX, 4000, " -> " PBX " port 4000 (not-protected)",
	    "SDP from " PHONE " names " PBX ", which is not in `media` (or, without it, in `protect`)" },
	{ EVENT_SAID_SDP, REASON_NOT_SERVER, PBX, 4000, " -> " PBX " port 4000 (not-server)",
	    "SDP from " PHONE " names " PBX ", which is not its sender; only a `server` may name other hosts" },
	{ EVENT_SAID_SDP, REASON_PORT_RANGE, PBX, 0, " -> " PBX " (port-range)",
	    "SDP from " PHONE " names no usable port: not a number from 1024 to 65535, or too many at once" },
	{ EVENT_SAID_SDP, REASON_PORT_RANGE, PBX, 1, " -> " PBX " port 1 (port-range)",
	    "SDP from " PHONE " names port 1 of " PBX "; ports below 1024 are never opened" },
	{ EVENT_SAID_SDP, REASON_PORT_RANGE, PBX, 1023, " -> " PBX " port 1023 (port-range)",
	    "SDP from " PHONE " names port 1023 of " PBX "; ports below 1024 are never opened" },
	{ EVENT_SAID_SDP, REASON_PORT_RANGE, PBX, 1024, " -> " PBX " port 1024 (port-range)",
	    "SDP from " PHONE " names port 1024 of " PBX ": outside the ports of `media`, a port of the signalling, or the first of more ports (port/n) than there may be" },
	{ EVENT_SAID_SDP, REASON_ADDRESS, NULL, 0, " (address)",
	    "SDP from " PHONE " names no address in numbers: c= is missing, broken or a host name, which is never resolved" },
	{ EVENT_SAID_SDP, REASON_ADDRESS, PHONE, 4002, " -> " PHONE " port 4002 (address)",
	    "SDP from " PHONE " names its port 4002, which an outsider had named first" },
	{ EVENT_SAID_SDP, REASON_ADDRESS, PBX, 4002, " -> " PBX " port 4002 (address)",
	    "SDP from " PHONE " names " PBX ", which is not its sender and not an address that media could come from, or an outsider had named it first" },
	{ EVENT_SAID_SDP, REASON_AMBIGUOUS, NULL, 0, " (ambiguous)",
	    "the message from " PHONE " can be read in two ways: two c= lines, two SDP bodies or an encoded body" },
	{ EVENT_SAID_SDP, REASON_LIMIT, NULL, 0, " (limit)",
	    PHONE " has reached a limit: too many calls, too many of it that nobody has accepted, or too many streams in one; see `limit` in pinholed.conf(5)" },
	{ EVENT_SAID_SDP, REASON_MALFORMED, NULL, 0, " (malformed)",
	    "the SDP from " PHONE " breaks its grammar" },
	{ EVENT_SAID_SDP, REASON_POLICY, NULL, 0, " (policy)", "policy" },
	{ EVENT_SAID_FTP, REASON_ADDRESS, PBX, 4000, " -> " PBX " port 4000 (address)",
	    PHONE " wants an FTP data connection to " PBX ", which it may not name; see `loose` in pinholed.conf(5)" },
	{ EVENT_SAID_FTP, REASON_PORT_RANGE, PBX, 80, " -> " PBX " port 80 (port-range)",
	    PHONE " wants an FTP data connection to port 80 of " PBX ", which is below 1024" },
	{ EVENT_SAID_FTP, REASON_LIMIT, PBX, 80, " -> " PBX " port 80 (limit)",
	    PHONE " wants an FTP data connection, and there are too many" },
	{ EVENT_SAID_TFTP, REASON_PORT_RANGE, PBX, 69, " -> " PBX " port 69 (port-range)",
	    PHONE " wants a TFTP transfer to port 69 of " PBX ", which is below 1024" },
	{ EVENT_SAID_TFTP, REASON_NOT_SERVER, PBX, 4000, " -> " PBX " port 4000 (not-server)", "not-server" },
};
/* clang-format on */

static void
each_refusal_is_told_and_explained(void **state)
{
	struct event_refusal r = { .src = parsed(PHONE) };
	struct events ev;
	char want[1024];
	size_t i;
	int verbose;

	(void)state;
	for (i = 0; i < ROWS(refusals); i++)
		for (verbose = 0; verbose < 3; verbose++) {
			begin(&ev, EVENTS_TEXT, verbose);
			r.dst = parsed(refusals[i].dst);
			r.dport = refusals[i].dport;
			r.reason = refusals[i].reason;
			r.said = refusals[i].said;
			events_refuse(&ev, NOW, &r,
			    verbose == 2 ? (struct span) { NULL, 0 }
					 : span_of("c d"));
			snprintf(want, sizeof(want),
			    "1000.000005 refuse " PHONE "%s%s|%s%s%s",
			    refusals[i].head, verbose == 2 ? "" : " call=c d",
			    verbose > 0 ? "    " : "",
			    verbose > 0 ? refusals[i].why : "",
			    verbose > 0 ? "|" : "");
			assert_string_equal(said, want);
		}
}

static void
a_refusal_in_json_is_one_line(void **state)
{
	struct event_refusal r = { .src = parsed(PHONE),
		.dst = parsed(PBX),
		.dport = 80,
		.reason = REASON_PORT_RANGE };
	struct events ev;

	(void)state;
	begin(&ev, EVENTS_JSON, 2);
	events_refuse(&ev, NOW, &r, span_of("c"));
	assert_string_equal(said,
	    "{\"ts\":1000.000005,\"event\":\"refuse\",\"call\":\"c\","
	    "\"src\":\"" PHONE "\",\"dst\":\"" PBX "\",\"dport\":80,"
	    "\"reason\":\"port-range\"}|");
	events_ignore(&ev, NOW, &r.src, &r.dst, "noise");
	assert_int_equal(nlines, 1);
}

static void
what_is_ignored_is_told_on_request_alone(void **state)
{
	const struct addr src = parsed(PHONE), dst = parsed(PBX);
	struct events ev;
	int verbose;

	(void)state;
	for (verbose = 0; verbose < 4; verbose++) {
		begin(&ev, EVENTS_TEXT, verbose);
		events_ignore(&ev, NOW, &src, &dst, "noise");
		assert_string_equal(said,
		    verbose < 2 ? ""
				: "1000.000005 ignore " PHONE " -> " PBX
				  ": noise|");
	}
}

/* A letter for each call of a tap, and a sign for each of a watch. */
static char told[64];
static int teller;
static struct pinhole hole = { .id = 7,
	.proto = IPPROTO_UDP,
	.to_lo = 5,
	.to_hi = 5 };
static const struct events_owner owns = { 3, 4, { "c", 1 } };
static const struct event_refusal refusal = { .reason = REASON_LIMIT };

static void
on_opened(void *ctx, int64_t ts, const struct pinhole *h,
    const struct events_owner *owner, enum reason why)
{
	assert_true(ctx == &teller && ts == NOW && h == &hole &&
	    owner == &owns && why == REASON_ANSWER);
	strlcat(told, "o", sizeof(told));
}

static void
on_closed(void *ctx, int64_t ts, const struct pinhole *h, enum reason why)
{
	assert_true(
	    ctx == &teller && ts == NOW && h == &hole && why == REASON_BYE);
	strlcat(told, "c", sizeof(told));
}

static void
on_refused(void *ctx, int64_t ts, const struct event_refusal *r,
    struct span call)
{
	assert_true(
	    ctx == &teller && ts == NOW && r == &refusal && call.len == 1);
	strlcat(told, "r", sizeof(told));
}

static void
on_hole(void *ctx, int64_t ts, bool open, const struct pinhole *h,
    const struct events_owner *owner, enum reason why)
{
	assert_true(ctx == &told && ts == NOW && h == &hole && owner == &owns &&
	    why == (open ? REASON_ANSWER : REASON_BYE));
	strlcat(told, open ? "+" : "-", sizeof(told));
}

static enum form
form_of(const struct fw_config *config, const struct pinhole *h)
{
	assert_true((const void *)config == &teller && h == &hole);
	return FORM_RULE + 1;
}

static void
explain(const struct fw_config *config, const struct pinhole *h,
    struct strbuf *out)
{
	assert_true((const void *)config == &teller && h == &hole);
	strbuf_str(out, "one\ntwo\n\nfour");
}

static void
all_who_listen_are_told(void **state)
{
	static const struct events_tap tap = { &teller, on_opened, on_closed,
		on_refused };
	struct form_counts forms;
	struct events ev;
	int with, json;

	(void)state;
	for (with = 0; with < 4; with++)
		for (json = 0; json < 2; json++) {
			begin(&ev, json ? EVENTS_JSON : EVENTS_TEXT, 1);
			memset(&forms, 0, sizeof(forms));
			told[0] = '\0';
			ev.fw_config = (const void *)&teller;
			if (with & 1) {
				ev.tap = &tap;
				ev.form = form_of;
				ev.explain = explain;
			}
			if (with & 2) {
				ev.watch.hole = on_hole;
				ev.watch.ctx = &told;
				ev.forms = &forms;
			}
			events_open(&ev, NOW, &hole, &owns, REASON_ANSWER);
			assert_int_equal(nlines, with & 1 && !json ? 5 : 1);
			if (with & 1 && !json)
				assert_non_null(strstr(said,
				    "|    one|    two|    |    four|"));
			events_close(&ev, NOW, &hole, &owns, REASON_BYE);
			assert_int_equal(nlines, with & 1 && !json ? 6 : 2);
			ev.verbose = 0;
			events_refuse(&ev, NOW, &refusal, span_of("c"));
			assert_int_equal(nlines, with & 1 && !json ? 7 : 3);
			assert_string_equal(told,
			    with == 0	    ? ""
				: with == 1 ? "ocr"
				: with == 2 ? "+-"
					    : "o+c-r");
			assert_int_equal(forms.opened[FORM_RULE + 1],
			    with == 3);
			assert_int_equal(forms.opened[FORM_RULE], 0);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_part_of_a_pinhole_is_in_its_line),
		cmocka_unit_test(each_refusal_is_told_and_explained),
		cmocka_unit_test(a_refusal_in_json_is_one_line),
		cmocka_unit_test(what_is_ignored_is_told_on_request_alone),
		cmocka_unit_test(all_who_listen_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
