/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/engine_play.h"

struct conf *conf;
struct engine *engine;
struct engine_place place;
int64_t now;
int verbose;

struct filter filter;
struct record record[ROOM];
size_t nrecord;
unsigned int written;
char said[4096];
char spoken[2048];
size_t nlines, ntold, nover, ncommits;

static void
on_commit(void *ctx, const struct fw_change *c, size_t n)
{
	size_t i, k;

	(void)ctx;
	ncommits++;
	for (i = 0; i < n; i++) {
		filter.told++;
		for (k = 0; k < filter.n; k++)
			if (filter.hole[k].id == c[i].hole.id)
				break;
		if (c[i].op == FW_OPEN) {
			assert_true(k < ROOM);
			filter.hole[k] = c[i].hole;
			filter.n += k == filter.n;
		} else if (k < filter.n) /* else it is from before us */
			filter.hole[k] = filter.hole[--filter.n];
	}
}

static void
on_checkpoint(void *ctx, uint64_t key, const void *p, size_t len)
{
	size_t k;

	(void)ctx;
	written++;
	for (k = 0; k < nrecord; k++)
		if (record[k].key == key)
			break;
	if (len == 0) {
		if (k < nrecord)
			record[k] = record[--nrecord];
		return;
	}
	assert_true(k < ROOM && len <= sizeof(record[k].bytes));
	record[k].key = key;
	record[k].len = len;
	memcpy(record[k].bytes, p, len);
	nrecord += k == nrecord;
}

static void
on_line(void *ctx, const char *text)
{
	const char *event = strstr(text, "\"event\":\"");
	const char *why = strstr(text, "\"reason\":\"");
	char word[64];

	(void)ctx;
	nlines++;
	if (verbose > 0)
		return;
	assert_true(event != NULL && why != NULL);
	event += 9;
	why += 10;
	snprintf(word, sizeof(word), "%.*s %.*s;", (int)strcspn(event, "\""),
	    event, (int)strcspn(why, "\""), why);
	strlcat(said, word, sizeof(said));
}

static void
on_say(void *ctx, const char *text)
{
	(void)ctx;
	strlcat(spoken, text, sizeof(spoken));
	strlcat(spoken, ";", sizeof(spoken));
}

/* The last record that other boxes were told. */
struct shared shared;

static bool
on_share(void *ctx, uint64_t id, const void *p, size_t len, enum reason why)
{
	(void)ctx;
	assert_true(len <= sizeof(shared.bytes));
	shared.id = id;
	shared.why = why;
	shared.len = len;
	if (len > 0)
		memcpy(shared.bytes, p, len);
	shared.n++;
	return true;
}

static void
on_share_seen(void *ctx, uint64_t id, int64_t inside, int64_t outside)
{
	(void)ctx;
	(void)inside;
	(void)outside;
	shared.id = id;
	shared.seen++;
}

static void
on_call(void *ctx, const struct call_view *v)
{
	(void)ctx;
	ntold++;
	nover += v->over;
}

void
engine_begin(void)
{
	struct events ev = { .format = verbose > 0 ? EVENTS_TEXT : EVENTS_JSON,
		.verbose = verbose,
		.line = on_line };
	struct engine_sink sink = { .commit = on_commit,
		.checkpoint = on_checkpoint,
		.log_line = on_say,
		.call = on_call,
		.share = on_share,
		.share_seen = on_share_seen };

	engine_free(engine);
	memset(&filter, 0, sizeof(filter));
	said[0] = '\0';
	spoken[0] = '\0';
	nlines = ntold = nover = ncommits = 0;
	assert_int_equal(engine_new(&engine, conf, &place, &ev, &sink), PH_OK);
}

void
configure(const char *sip)
{
	char text[512];

	conf_free(conf);
	snprintf(text, sizeof(text), "protect 192.0.2.0/24\nsip { %s }\n", sip);
	assert_int_equal(conf_parse(&conf, span_of(text), "test", NULL, 0,
			     stderr),
	    PH_OK);
	engine_begin();
}

int
setup(void **state)
{
	/* The last one is not of the list. */
	static const uint32_t inside[] = { INSIDE, UPLINK };
	static struct addr own;

	(void)state;
	own = addr_v4(198, 51, 100, 1);
	place = (struct engine_place) { true, &own, 1, inside, 1, true, NULL };
	nrecord = 0;
	written = 0;
	now = INT64_C(1000000000) * USEC_PER_SEC;
	configure("timeout setup 60 idle 100 max 1000");
	return 0;
}

const char *phone = PHONE, *media_of_phone, *media_of_pbx;
const char *header = "", *from_tag = "a";

int
teardown(void **state)
{
	(void)state;
	phone = PHONE;
	media_of_phone = media_of_pbx = NULL;
	header = "";
	from_tag = "a";
	verbose = 0;
	engine_free(engine);
	engine = NULL;
	conf_free(conf);
	conf = NULL;
	return 0;
}

uint8_t dir;
uint32_t ifindex;

/*
 * "INVITE" or "200 INVITE" of call `n`: caller's tag a, callee's tag b; SDP
 * names port `port` of whoever speaks, 0: none.
 */
void
message(bool from_pbx, const char *what, unsigned int n, unsigned int cseq,
    uint16_t port, const char *mode)
{
	const char *me = from_pbx ? PBX : phone, *it = from_pbx ? phone : PBX;
	const char *media = from_pbx ? media_of_pbx : media_of_phone;
	const char *method = strchr(what, ' ') ? strchr(what, ' ') + 1 : what;
	bool answer = method != what, tagged = answer || cseq > 1;
	char sdp[256] = "", text[1024], first[64];
	struct datagram d = { 0 };

	if (port != 0)
		snprintf(sdp, sizeof(sdp),
		    "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\n"
		    "t=0 0\r\nm=audio %u RTP/AVP 0\r\na=%s\r\n",
		    me, media != NULL ? media : me, port, mode);
	if (answer)
		snprintf(first, sizeof(first), "SIP/2.0 %.3s X", what);
	else
		snprintf(first, sizeof(first), "%s sip:x@example SIP/2.0",
		    what);
	if (strcmp(method, "ACK") == 0)
		tagged = true;
	d.payload.p = text;
	d.payload.len = (size_t)snprintf(text, sizeof(text),
	    "%s\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%u%u%s\r\n"
	    "From: <sip:a@example>;tag=%s\r\nTo: <sip:b@example>%s\r\n"
	    "Call-ID: c%u@example\r\nCSeq: %u %s\r\n%s%s"
	    "Content-Length: %zu\r\n\r\n%s",
	    first, n, cseq, method, from_tag, tagged ? ";tag=b" : "", n, cseq,
	    method, header,
	    port != 0 ? "Content-Type: application/sdp\r\n" : "", strlen(sdp),
	    sdp);
	d.ts = now;
	d.proto = IPPROTO_UDP;
	d.dir = dir != PKT_UNKNOWN ? dir : from_pbx ? PKT_IN : PKT_OUT;
	d.ifindex = ifindex != 0 ? ifindex : INSIDE;
	assert_int_equal(addr_parse(span_of(me), &d.src.addr), PH_OK);
	assert_int_equal(addr_parse(span_of(it), &d.dst.addr), PH_OK);
	d.src.port = d.dst.port = 5060;
	engine_udp(engine, now, &d);
	dir = PKT_UNKNOWN;
	ifindex = 0;
}

void
call(unsigned int n)
{
	message(false, "INVITE", n, 1, 4000, "sendrecv");
	message(true, "200 INVITE", n, 1, (uint16_t)(10000 + 2 * n),
	    "sendrecv");
	message(false, "ACK", n, 1, 0, NULL);
}

void
hang_up(unsigned int n, unsigned int cseq)
{
	message(false, "BYE", n, cseq, 0, NULL);
	message(true, "200 BYE", n, cseq, 0, NULL);
}

/* Run on second by second, with or without media at both ends. */
void
pass(int64_t seconds, bool media)
{
	size_t i;

	for (; seconds > 0; seconds--) {
		now += USEC_PER_SEC;
		for (i = 0; media && i < filter.n; i++)
			engine_seen(engine, filter.hole[i].id,
			    FW_SEEN_FROM | FW_SEEN_TO, now);
		engine_run(engine, now);
	}
}

uint64_t
counter(const char *name)
{
	char text[8192], key[64];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct counters c = { .form = COUNTERS_LINES, .out = &b };
	const char *p;

	engine_report(engine, &c);
	assert_false(b.full);
	snprintf(key, sizeof(key), "\n%s ", name);
	p = strstr(text, key);
	assert_non_null(p);
	return strtoull(p + strlen(key), NULL, 10);
}
