/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/engine/report.h"
#include "src/engine/words.h"
#include "tests/unit/trace_world.h"

static const char *const hosts[] = { "198.51.100.7", "192.0.2.10", "192.0.2.77",
	"10.0.0.1", "8.8.8.8", "9.9.9.9", "2001:db8:2::10", "0.0.0.0" };

static struct addr
address(const char *s)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(s), &a), PH_OK);
	return a;
}

/* After its caller's words, those of `b`. */
static void
put(struct strbuf *b)
{
	strbuf_fmt(&trace.out, "%s\n", b->p);
	strbuf_reset(b);
}

static void
words_of_responses(struct strbuf *b)
{
	static const uint16_t status[] = { 100, 179, 180, 181, 183, 199, 200,
		202, 299, 300, 302, 399, 400, 401, 403, 404, 407, 408, 480, 481,
		486, 487, 488, 489, 491, 500, 502, 503, 504, 600, 601, 602, 603,
		604, 606, 699 };
	struct story_entry e = { .kind = STORY_MESSAGE, .times = 1 };
	size_t i;

	e.method = SIP_INVITE;
	for (i = 0; i < ROWS(status); i++) {
		e.status = status[i];
		words_message(&e, b);
		put(b);
	}
	e.status = 200;
	e.within = true;
	words_message(&e, b);
	put(b);
	e.method = SIP_UPDATE;
	e.times = 2;
	words_message(&e, b);
	put(b);
	words_ignored(engine_story(trace.engine), &e, b);
	put(b);
}

static void
words_of_requests(struct strbuf *b)
{
	struct story_entry e = { .kind = STORY_MESSAGE,
		.times = 3,
		.request = true };

	for (e.method = 0; e.method <= SIP_UPDATE; e.method++) {
		e.within = false;
		words_message(&e, b);
		put(b);
		e.within = true;
		words_message(&e, b);
		put(b);
	}
}

static void
words_of_streams(struct strbuf *b)
{
	struct story_entry e = { .kind = STORY_MESSAGE,
		.times = 1,
		.request = true,
		.method = SIP_INVITE,
		.body = SIP_BODY_SDP,
		.from = address(hosts[0]) };
	struct story_stream *s = e.stream;
	size_t i, k;

	for (i = 0; i < ROWS(hosts); i++)
		for (k = 0; k <= SDP_INACTIVE; k++) {
			e.from = address(hosts[i == 3 ? 4 : 0]);
			e.nstreams = 1;
			s[0] = (struct story_stream) {
				.where = { address(hosts[i]), 4000 }
			};
			s[0].mode = (uint8_t)k;
			words_message(&e, b);
			put(b);
		}
	for (k = 0; k <= SDP_FAULT_SYNTAX; k++) {
		s[0].fault = (uint8_t)k;
		s[0].where.port = (uint16_t)(k == 0 ? 0 : 4000);
		words_message(&e, b);
		put(b);
	}
	s[2] = s[1] = s[0] =
	    (struct story_stream) { .where = { address(hosts[0]), 4000 } };
	for (e.nstreams = 0; e.nstreams < 6; e.nstreams++) {
		words_message(&e, b);
		put(b);
	}
	e.body = SIP_BODY_AMBIGUOUS;
	words_message(&e, b);
	put(b);
}

static void
words_of_refusals(struct strbuf *b)
{
	static const uint16_t ports[] = { 0, 1, 1023, 1024, 5060, 5061, 9999,
		10000, 20000, 20001, 65535 };
	struct story_entry e = { .kind = STORY_REFUSE };
	size_t i, k;
	int r;

	for (r = 0; r < REASON_COUNT; r++) {
		e.reason = (enum reason)r;
		e.dport = 4000;
		for (i = 0; i < ROWS(hosts); i++)
			for (k = 0; k < ROWS(hosts); k++) {
				e.from = address(hosts[i]);
				e.to = address(hosts[k]);
				if (r != REASON_NOT_PROTECTED &&
				    r != REASON_NOT_SERVER &&
				    r != REASON_ADDRESS && i + k > 0)
					continue;
				words_refused(trace.conf, &e, b);
				strbuf_str(b, ": ");
				words_advice(trace.conf, &e, b);
				put(b);
			}
	}
	e.reason = REASON_ADDRESS;
	memset(&e.to, 0, sizeof(e.to));
	words_refused(trace.conf, &e, b);
	put(b);
	e.reason = REASON_PORT_RANGE;
	e.from = address(hosts[1]);
	e.to = address(hosts[2]);
	for (i = 0; i < ROWS(ports); i++) {
		e.dport = ports[i];
		words_refused(trace.conf, &e, b);
		strbuf_str(b, ": ");
		words_advice(trace.conf, &e, b);
		put(b);
	}
}

void
trace_words(void)
{
	static char text[4096];
	struct strbuf b = strbuf_of(text, sizeof(text));

	words_of_responses(&b);
	words_of_requests(&b);
	words_of_streams(&b);
	words_of_refusals(&b);
}

/* What the page of --report says, without the page. */
void
trace_report(void)
{
	static char page[1 << 20];
	char dir[] = "/tmp/pinholed-test.XXXXXX", path[64], *data, *end;
	struct report *r;
	FILE *f;
	size_t n;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/page", dir);
	r = report_open(path, "a <capture>");
	assert_non_null(r);
	assert_int_equal(report_write(r, engine_story(trace.engine),
			     trace.conf),
	    0);
	report_close(r);
	assert_non_null(f = fopen(path, "r"));
	n = fread(page, 1, sizeof(page) - 1, f);
	fclose(f);
	page[n] = '\0';
	data = strstr(page, "{\"capture\"");
	assert_non_null(data);
	end = strstr(data, "</script>");
	assert_non_null(end);
	strbuf_add(&trace.out, (struct span) { data, (size_t)(end - data) });
	strbuf_str(&trace.out, "\n");
	/* The page goes on, and nothing else is left in the directory. */
	assert_non_null(strstr(end, "</html>"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}
