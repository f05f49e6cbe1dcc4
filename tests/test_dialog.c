/* SPDX-License-Identifier: ISC */
/*
 * Calls as short plays: who says what when, and what opens and closes.
 *
 *	o	198.51.100.7, a phone outside		i	192.0.2.10, the
 *PBX p	198.51.100.9, a proxy outside		g	192.0.2.20, a gateway x
 *203.0.113.66, somebody else
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sip/dialog.h"
#include "src/holes.h"
#include "tests/unit.h"

struct step {
	int t;		  /* seconds */
	const char *path; /* "o>i": from and to; "": only time passes */
	const char *what; /* "INVITE", "200 INVITE"; "!" first: with reliable */
	unsigned int cseq;
	const char *branch, *from, *to; /* tags */
	const char *sdp;    /* "addr port", or a whole body, or NULL */
	const char *expect; /* event lines, without time and Call-ID */
};

struct world {
	struct sip *sip;
	struct holes *holes;
	struct timers timers;
	unsigned int commits;
	int64_t media;
	char log[8192];
	struct strbuf text;
};

static void
on_line(void *ctx, const char *line)
{
	struct world *w = ctx;
	struct span s = span_of(line), rest;
	size_t end;

	(void)span_cut(s, ' ', &rest);
	for (end = 0; end < rest.len; end++)
		if (span_has_prefix(span_sub(rest, end, 6), " call="))
			break;
	strbuf_add(&w->text, span_sub(rest, 0, end));
	strbuf_str(&w->text, "\n");
}

static void
on_commit(void *ctx, const struct fw_change *changes, size_t n)
{
	struct world *w = ctx;

	(void)changes;
	(void)n;
	w->commits++;
}

static void
on_wants(void *ctx, const struct sip_wants *s, int64_t now)
{
	struct world *w = ctx;
	struct holes_want want = { s->call, s->call_id, s->holes, s->nholes,
		s->open, s->close, 300 * USEC_PER_SEC };

	holes_want(w->holes, &want, now);
}

static void
on_refuse(void *ctx, struct span call_id, const struct sip_refusal *r,
    int64_t now)
{
	struct world *w = ctx;
	struct event_refusal e = { r->src, r->dst, r->dport, r->reason,
		EVENT_SAID_SDP };

	holes_refuse(w->holes, &e, call_id, now);
}

static void
on_changed(void *ctx, uint64_t call)
{
	struct world *w = ctx;
	static char buf[SIP_EXPORT_MAX];
	size_t len;

	/* Whatever state a call is in, it can be written down. */
	assert_int_equal(sip_export(w->sip, call, buf, sizeof(buf), &len),
	    PH_OK);
}

static void
on_gone(void *ctx, uint64_t call)
{
	(void)ctx;
	(void)call;
}

static int64_t
on_last_media(void *ctx, uint64_t call)
{
	(void)call;
	return ((struct world *)ctx)->media;
}

static struct prefix protect[1], server[1], media[2];

static struct sip_config
default_config(void)
{
	struct sip_config c = { 0 };

	assert_int_equal(prefix_parse(span_of("192.0.2.0/24"), &protect[0]),
	    PH_OK);
	assert_int_equal(prefix_parse(span_of("192.0.2.10"), &server[0]),
	    PH_OK);
	assert_int_equal(prefix_parse(span_of("192.0.2.10"), &media[0]), PH_OK);
	assert_int_equal(prefix_parse(span_of("192.0.2.20"), &media[1]), PH_OK);
	c.policy.protect = protect;
	c.policy.nprotect = 1;
	c.policy.server = server;
	c.policy.nserver = 1;
	c.policy.media = media;
	c.policy.nmedia = 2;
	c.policy.media_lo = 1024;
	c.policy.media_hi = 65535;
	c.policy.max_streams = 16;
	c.early_media = true;
	c.limit_calls = 1000;
	c.limit_per_source = 200;
	c.timeout_setup = 180;
	c.timeout_max = 43200;
	return c;
}

static void
world_open(struct world *w, const struct sip_config *c)
{
	struct sip_sink up = { w, on_wants, on_refuse, on_changed, on_gone,
		on_last_media };
	struct holes_sink down = { w, on_commit };
	struct events ev = { EVENTS_TEXT, 0, NULL, NULL, on_line, w };

	memset(w, 0, sizeof(*w));
	w->text = strbuf_of(w->log, sizeof(w->log));
	timers_init(&w->timers);
	w->holes = holes_new(1000, &ev, &down);
	w->sip = sip_new(c, &up, &w->timers);
	assert_non_null(w->holes);
	assert_non_null(w->sip);
}

static void
world_close(struct world *w)
{
	sip_free(w->sip);
	holes_free(w->holes);
}

static struct endpoint
who(char c)
{
	struct endpoint e = { addr_v4(198, 51, 100, 7), 5060 };

	switch (c) {
	case 'o':
		break;
	case 'i':
		e.addr = addr_v4(192, 0, 2, 10);
		break;
	case 'g':
		e.addr = addr_v4(192, 0, 2, 20);
		break;
	case 'p':
		e.addr = addr_v4(198, 51, 100, 9);
		break;
	case 'x':
		e.addr = addr_v4(203, 0, 113, 66);
		break;
	default:
		fail_msg("nobody is called %c", c);
	}
	return e;
}

static enum sip_method
method_of(const char *s)
{
	static const char *const names[] = { "?", "INVITE", "ACK", "BYE",
		"CANCEL", "PRACK", "UPDATE" };
	size_t i;

	for (i = 1; i < ROWS(names); i++)
		if (strcmp(names[i], s) == 0)
			return (enum sip_method)i;
	return SIP_OTHER;
}

static void
say(struct world *w, const struct step *s, const char *call_id)
{
	char body[1024];
	struct sip_message m = { 0 };
	struct datagram d = { 0 };
	const char *what = s->what;
	char addr[64];
	unsigned int port;

	if (*what == '!') {
		m.reliable = true;
		m.rseq = 1;
		what++;
	}
	if (what[0] >= '1' && what[0] <= '6') {
		m.status = (uint16_t)strtoul(what, NULL, 10);
		what += 4;
	} else
		m.request = true;
	m.method = method_of(what);
	m.call_id = span_of(call_id);
	m.from_tag = span_of(s->from);
	m.to_tag = span_of(s->to);
	m.branch = span_of(s->branch);
	m.cseq = s->cseq;
	if (m.method == SIP_PRACK) {
		m.rack_rseq = 1;
		m.rack_cseq = 1;
		m.rack_method = SIP_INVITE;
	}
	if (s->sdp != NULL && strcmp(s->sdp, "AMBIGUOUS") == 0)
		m.body = SIP_BODY_AMBIGUOUS;
	else if (s->sdp != NULL) {
		if (s->sdp[1] == '=')
			snprintf(body, sizeof(body), "%s", s->sdp);
		else {
			assert_int_equal(sscanf(s->sdp, "%63s %u", addr, &port),
			    2);
			snprintf(body, sizeof(body),
			    "v=0\r\no=- 1 1 IN IP4 %s"
			    "\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"
			    "m=audio %u RTP/AVP 0\r\n",
			    addr, addr, port);
		}
		m.body = SIP_BODY_SDP;
		m.sdp = span_of(body);
	}
	d.proto = IPPROTO_UDP;
	d.src = who(s->path[0]);
	d.dst = who(s->path[2]);
	sip_input(w->sip, s->t * USEC_PER_SEC, &d, &m);
}

static void
play_in(struct world *w, const struct step *steps, size_t n)
{
	const struct step *s;

	for (s = steps; s < steps + n; s++) {
		printf("%d %s %s\n", s->t, s->path, s->what);
		strbuf_reset(&w->text);
		timers_run(&w->timers, s->t * USEC_PER_SEC);
		if (s->path[0] != '\0')
			say(w, s, "c1");
		assert_string_equal(w->log, s->expect);
	}
}

static void
play(const struct sip_config *c, const struct step *steps, size_t n)
{
	struct world w;

	world_open(&w, c);
	play_in(&w, steps, n);
	world_close(&w);
}

#define PLAY(steps)                                                            \
	do {                                                                   \
		struct sip_config config_ = default_config();                  \
		play(&config_, steps, ROWS(steps));                            \
	} while (0)

/* clang-format off */
#define OPEN_IN	"open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (answer)\n"
#define OPEN_OUT "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (answer)\n"
#define CLOSE_IN(why) "close 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (" why ")\n"
#define CLOSE_OUT(why) "close 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (" why ")\n"

/* An accepted call from outside, up to the ACK. */
#define CALL_SET_UP \
	{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4000", "" }, \
	{ 1, "i>o", "100 INVITE", 1, "b1", "a", "",  NULL, "" }, \
	{ 1, "i>o", "180 INVITE", 1, "b1", "a", "z", NULL, "" }, \
	{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", OPEN_IN OPEN_OUT }, \
	{ 2, "o>i", "ACK",        1, "b2", "a", "z", NULL, "" }

static void
nothing_opens_before_the_answer(void **state)
{
	static const struct step refused[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4000", "" },
		{ 1, "i>o", "100 INVITE", 1, "b1", "a", "",  NULL, "" },
		{ 1, "i>o", "486 INVITE", 1, "b1", "a", "z", NULL, "" },
		{ 1, "o>i", "ACK",        1, "b1", "a", "z", NULL, "" },
		/* A 200 after that belongs to nothing. */
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", "" },
		{ 200, "", "", 0, "", "", "", NULL, "" },
	};
	static const struct step accepted[] = {
		CALL_SET_UP,
		{ 3, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", "" },
		{ 9, "o>i", "BYE",        2, "b3", "a", "z", NULL, "" },
		{ 9, "i>o", "200 BYE",    2, "b3", "a", "z", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
		/* Stragglers do not reopen it. */
		{ 10, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", "" },
		{ 10, "o>i", "ACK",        1, "b2", "a", "z", NULL, "" },
	};

	(void)state;
	PLAY(refused);
	PLAY(accepted);
}

static void
the_last_invite_counts_after_a_challenge(void **state)
{
	static const struct step steps[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4998", "" },
		{ 1, "i>o", "401 INVITE", 1, "b1", "a", "y", NULL, "" },
		{ 1, "o>i", "ACK",        1, "b1", "a", "y", NULL, "" },
		{ 2, "o>i", "INVITE",     2, "b2", "a", "",  "198.51.100.7 4000", "" },
		{ 2, "o>i", "INVITE",     2, "b2", "a", "",  "198.51.100.7 4000", "" },
		{ 3, "i>o", "200 INVITE", 2, "b2", "a", "z", "192.0.2.10 10000", OPEN_IN OPEN_OUT },
	};

	(void)state;
	PLAY(steps);
}

static void
an_answer_must_come_back_along_its_transaction(void **state)
{
	static const struct step steps[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "x>i", "200 INVITE", 1, "b1", "a", "z", "203.0.113.66 4000", "" },
		{ 2, "o>i", "200 INVITE", 1, "bX", "a", "z", "198.51.100.7 4000", "" },
		{ 2, "o>i", "200 INVITE", 2, "b1", "a", "z", "198.51.100.7 4000", "" },
		{ 2, "o>i", "200 INVITE", 1, "b1", "q", "z", "198.51.100.7 4000", "" },
		{ 3, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", OPEN_IN OPEN_OUT },
	};

	(void)state;
	PLAY(steps);
}

static void
early_media_opens_and_the_answer_wins(void **state)
{
	static const struct step steps[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "183 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000",
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (early)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (early)\n" },
		{ 3, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4002",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 4002:4003 (answer)\n"
		    CLOSE_OUT("replaced") },
	};
	static const struct step cancelled[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "183 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000",
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (early)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (early)\n" },
		{ 3, "i>o", "CANCEL",     1, "b1", "a", "",  NULL, "" },
		{ 3, "o>i", "200 CANCEL", 1, "b1", "a", "",  NULL, "" },
		{ 3, "o>i", "487 INVITE", 1, "b1", "a", "z", NULL, CLOSE_IN("cancel") CLOSE_OUT("cancel") },
	};
	static const struct step unanswered[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "183 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000",
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (early)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (early)\n" },
		{ 181, "", "", 0, "", "", "", NULL, "" },
		{ 182, "", "", 0, "", "", "", NULL, CLOSE_IN("setup-timeout") CLOSE_OUT("setup-timeout") },
	};
	/* 183, reliable; the 200 says nothing new. */
	static const struct step silent[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "!183 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", "" },
		{ 3, "o>i", "200 INVITE", 1, "b1", "a", "z", NULL, OPEN_IN OPEN_OUT },
	};
	struct sip_config c = default_config();

	(void)state;
	PLAY(steps);
	PLAY(cancelled);
	PLAY(unanswered);
	c.early_media = false;
	play(&c, silent, ROWS(silent));
}

static void
forks_live_until_64_t1_after_the_answer(void **state)
{
	static const struct step steps[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "183 INVITE", 1, "b1", "a", "y", "198.51.100.7 6000",
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (early)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (early)\n" },
		{ 2, "o>i", "183 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (early)\n" },
		{ 3, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", "" },
		{ 34, "", "", 0, "", "", "", NULL, "" },
		{ 35, "", "", 0, "", "", "", NULL,
		    "close 2 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (replaced)\n" },
	};

	(void)state;
	PLAY(steps);
}

static void
a_late_offer_opens_with_the_ack(void **state)
{
	static const struct step steps[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  NULL, "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", "" },
		{ 2, "x>i", "ACK",        1, "b2", "a", "z", "203.0.113.66 4000", "" },
		{ 2, "o>i", "ACK",        1, "b2", "a", "z", "198.51.100.7 4000",
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (ack)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (ack)\n" },
		{ 3, "o>i", "ACK",        1, "b2", "a", "z", "198.51.100.7 4000", "" },
	};

	(void)state;
	PLAY(steps);
}

static void
a_reinvite_keeps_the_old_media_until_it_is_answered(void **state)
{
	static const struct step inside[] = {
		CALL_SET_UP,
		{ 5, "i>o", "INVITE",     7, "b5", "z", "a", "192.0.2.20 12000",
		    "open 3 in udp 198.51.100.7 -> 192.0.2.20 port 12000:12001 (reinvite)\n"
		    "open 4 out udp 192.0.2.20 -> 198.51.100.7 port 4000:4001 (reinvite)\n" },
		{ 6, "o>i", "200 INVITE", 7, "b5", "z", "a", "198.51.100.7 4000", "" },
		{ 6, "i>o", "ACK",        7, "b6", "z", "a", NULL, "" },
		{ 8, "", "", 0, "", "", "", NULL, "" },
		{ 9, "", "", 0, "", "", "", NULL, CLOSE_IN("replaced") CLOSE_OUT("replaced") },
	};
	static const struct step rejected[] = {
		CALL_SET_UP,
		{ 5, "i>o", "INVITE",     7, "b5", "z", "a", "192.0.2.20 12000",
		    "open 3 in udp 198.51.100.7 -> 192.0.2.20 port 12000:12001 (reinvite)\n"
		    "open 4 out udp 192.0.2.20 -> 198.51.100.7 port 4000:4001 (reinvite)\n" },
		{ 6, "o>i", "488 INVITE", 7, "b5", "z", "a", NULL,
		    "close 3 in udp 198.51.100.7 -> 192.0.2.20 port 12000:12001 (reject)\n"
		    "close 4 out udp 192.0.2.20 -> 198.51.100.7 port 4000:4001 (reject)\n" },
		{ 20, "", "", 0, "", "", "", NULL, "" },
	};
	static const struct step outside[] = {
		CALL_SET_UP,
		{ 5, "o>i", "INVITE",     2, "b5", "a", "z", "198.51.100.7 6000", "" },
		{ 6, "i>o", "200 INVITE", 2, "b5", "a", "z", "192.0.2.10 10000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (reinvite)\n" },
		{ 9, "", "", 0, "", "", "", NULL, CLOSE_OUT("replaced") },
	};
	/* Direct media between two outside phones: nothing to keep open. */
	static const struct step direct[] = {
		CALL_SET_UP,
		{ 5, "i>o", "INVITE",     7, "b5", "z", "a", "198.51.100.9 7000", "" },
		{ 6, "o>i", "200 INVITE", 7, "b5", "z", "a", "198.51.100.7 4000",
		    CLOSE_IN("replaced") CLOSE_OUT("replaced") },
	};
	static const struct step gone[] = {
		CALL_SET_UP,
		{ 5, "o>i", "INVITE",     2, "b5", "a", "z", "198.51.100.7 6000", "" },
		{ 6, "i>o", "481 INVITE", 2, "b5", "a", "z", NULL, CLOSE_IN("reject") CLOSE_OUT("reject") },
	};

	(void)state;
	PLAY(inside);
	PLAY(rejected);
	PLAY(outside);
	PLAY(direct);
	PLAY(gone);
}

static void
a_bye_is_believed_from_the_peer_and_when_answered(void **state)
{
	static const struct step forged[] = {
		CALL_SET_UP,
		{ 5, "x>i", "BYE",        2, "b5", "a", "z", NULL, "" },
		{ 5, "i>x", "200 BYE",    2, "b5", "a", "z", NULL, "" },
		{ 5, "o>i", "BYE",        2, "b6", "a", "q", NULL, "" },
		{ 5, "i>o", "200 BYE",    2, "b6", "a", "q", NULL, "" },
		{ 90, "", "", 0, "", "", "", NULL, "" },
	};
	static const struct step challenged[] = {
		CALL_SET_UP,
		{ 5, "o>i", "BYE",        2, "b5", "a", "z", NULL, "" },
		{ 5, "i>o", "401 BYE",    2, "b5", "a", "z", NULL, "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
		{ 61, "o>i", "BYE",        3, "b6", "a", "z", NULL, "" },
		{ 61, "i>o", "481 BYE",    3, "b6", "a", "z", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
	};
	static const struct step unanswered[] = {
		CALL_SET_UP,
		{ 5, "i>o", "BYE",        9, "b5", "z", "a", NULL, "" },
		{ 6, "i>o", "BYE",        9, "b5", "z", "a", NULL, "" },
		{ 36, "", "", 0, "", "", "", NULL, "" },
		{ 37, "", "", 0, "", "", "", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
	};

	(void)state;
	PLAY(forged);
	PLAY(challenged);
	PLAY(unanswered);
}

static void
a_spiral_is_two_legs(void **state)
{
	/* One Call-ID, one pair of tags, in and out again by the PBX. */
	static const struct step steps[] = {
		CALL_SET_UP,
		{ 3, "i>p", "INVITE",     1, "c1", "a", "",  "192.0.2.10 11000", "" },
		{ 4, "p>i", "200 INVITE", 1, "c1", "a", "z", "198.51.100.9 8000",
		    "open 3 in udp 198.51.100.9 -> 192.0.2.10 port 11000:11001 (answer)\n"
		    "open 4 out udp 192.0.2.10 -> 198.51.100.9 port 8000:8001 (answer)\n" },
		{ 5, "o>i", "BYE",        2, "b5", "a", "z", NULL, "" },
		{ 5, "i>o", "200 BYE",    2, "b5", "a", "z", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
		{ 60, "", "", 0, "", "", "", NULL, "" },
		{ 61, "i>p", "BYE",       2, "c5", "a", "z", NULL, "" },
		{ 61, "p>i", "200 BYE",   2, "c5", "a", "z", NULL,
		    "close 3 in udp 198.51.100.9 -> 192.0.2.10 port 11000:11001 (bye)\n"
		    "close 4 out udp 192.0.2.10 -> 198.51.100.9 port 8000:8001 (bye)\n" },
	};

	(void)state;
	PLAY(steps);
}

static void
a_cancel_that_crosses_the_answer_has_lost(void **state)
{
	static const struct step steps[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4000", "" },
		{ 2, "o>i", "CANCEL",     1, "b1", "a", "",  NULL, "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", OPEN_IN OPEN_OUT },
		{ 2, "i>o", "200 CANCEL", 1, "b1", "a", "z", NULL, "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
	};

	(void)state;
	PLAY(steps);
}

static void
prack_and_update_carry_offers(void **state)
{
	static const struct step prack[] = {
		{ 1, "o>i", "INVITE",      1, "b1", "a", "",  NULL, "" },
		{ 2, "i>o", "!183 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", "" },
		{ 3, "o>i", "PRACK",       2, "b2", "a", "z", "198.51.100.7 4000",
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (early)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (early)\n" },
		{ 3, "i>o", "200 PRACK",   2, "b2", "a", "z", NULL, "" },
		{ 4, "i>o", "200 INVITE",  1, "b1", "a", "z", NULL, "" },
	};
	static const struct step update[] = {
		CALL_SET_UP,
		{ 5, "o>i", "UPDATE",      2, "b5", "a", "z", "198.51.100.7 6000", "" },
		{ 5, "i>o", "200 UPDATE",  2, "b5", "a", "z", "192.0.2.10 10000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (update)\n" },
		{ 9, "", "", 0, "", "", "", NULL, CLOSE_OUT("replaced") },
		{ 10, "o>i", "UPDATE",     3, "b6", "a", "z", "198.51.100.7 7000", "" },
		{ 10, "i>o", "491 UPDATE", 3, "b6", "a", "z", NULL, "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
	};

	(void)state;
	PLAY(prack);
	PLAY(update);
}

static void
glare_never_leaves_a_call_without_media(void **state)
{
	static const struct step steps[] = {
		CALL_SET_UP,
		{ 5, "o>i", "INVITE",     2, "b5", "a", "z", "198.51.100.7 6000", "" },
		{ 5, "i>o", "INVITE",     7, "b6", "z", "a", "192.0.2.10 12000",
		    "open 3 in udp 198.51.100.7 -> 192.0.2.10 port 12000:12001 (reinvite)\n" },
		{ 5, "i>o", "491 INVITE", 2, "b5", "a", "z", NULL, "" },
		{ 5, "o>i", "491 INVITE", 7, "b6", "z", "a", NULL,
		    "close 3 in udp 198.51.100.7 -> 192.0.2.10 port 12000:12001 (reject)\n" },
		{ 7, "o>i", "INVITE",     3, "b7", "a", "z", "198.51.100.7 6000", "" },
		{ 7, "i>o", "200 INVITE", 3, "b7", "a", "z", "192.0.2.10 10000",
		    "open 4 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (reinvite)\n" },
		{ 10, "", "", 0, "", "", "", NULL, CLOSE_OUT("replaced") },
	};

	(void)state;
	PLAY(steps);
}

static void
an_early_update_that_is_refused_changes_nothing(void **state)
{
	static const struct step steps[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "!183 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000",
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (early)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (early)\n" },
		{ 3, "i>o", "UPDATE",     2, "b2", "a", "z", "192.0.2.20 12000", "" },
		{ 3, "o>i", "504 UPDATE", 2, "b2", "a", "z", NULL, "" },
		{ 4, "i>o", "UPDATE",     3, "b3", "a", "z", "192.0.2.10 10000", "" },
		{ 4, "o>i", "200 UPDATE", 3, "b3", "a", "z", "198.51.100.7 4002",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 4002:4003 (update)\n"
		    CLOSE_OUT("replaced") },
		{ 5, "o>i", "200 INVITE", 1, "b1", "a", "z", NULL, "" },
	};

	(void)state;
	PLAY(steps);
}

static void
a_late_offer_without_its_ack_opens_nothing(void **state)
{
	static const struct step steps[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  NULL, "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", "" },
		{ 40, "", "", 0, "", "", "", NULL, "" },
		{ 41, "i>o", "BYE",        9, "b5", "z", "a", NULL, "" },
		{ 41, "o>i", "481 BYE",    9, "b5", "z", "a", NULL, "" },
	};

	(void)state;
	PLAY(steps);
}

static void
hold_keeps_the_door_open(void **state)
{
	static const struct step steps[] = {
		CALL_SET_UP,
		{ 5, "o>i", "INVITE",     2, "b5", "a", "z", "0.0.0.0 4000", "" },
		{ 5, "i>o", "200 INVITE", 2, "b5", "a", "z", "192.0.2.10 10000", "" },
		{ 30, "o>i", "INVITE",     3, "b6", "a", "z", "198.51.100.7 4000", "" },
		{ 30, "i>o", "200 INVITE", 3, "b6", "a", "z", "192.0.2.10 10000", "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
	};

	(void)state;
	PLAY(steps);
}

static void
a_call_without_media_ends_with_its_session_timer(void **state)
{
	static const struct step steps[] = { CALL_SET_UP };
	struct sip_config c = default_config();
	struct sip_message m = { 0 };
	struct datagram d = { 0 };
	struct world w;

	(void)state;
	world_open(&w, &c);
	play_in(&w, steps, ROWS(steps));
	/* A refresh: UPDATE without a body, 90 seconds more. */
	m.request = true;
	m.method = SIP_UPDATE;
	m.call_id = span_of("c1");
	m.from_tag = span_of("a");
	m.to_tag = span_of("z");
	m.branch = span_of("b9");
	m.cseq = 2;
	d.proto = IPPROTO_UDP;
	d.src = who('o');
	d.dst = who('i');
	sip_input(w.sip, 10 * USEC_PER_SEC, &d, &m);
	m.request = false;
	m.status = 200;
	m.session_expires = 90;
	d.src = who('i');
	d.dst = who('o');
	sip_input(w.sip, 10 * USEC_PER_SEC, &d, &m);
	strbuf_reset(&w.text);
	w.media = 120 * USEC_PER_SEC;
	timers_run(&w.timers, 132 * USEC_PER_SEC);
	assert_string_equal(w.log, "");
	timers_run(&w.timers, 200 * USEC_PER_SEC);
	assert_string_equal(w.log,
	    CLOSE_IN("session-timer") CLOSE_OUT("session-timer"));
	world_close(&w);
}

static void
each_protected_host_speaks_for_itself(void **state)
{
	static const struct step steps[] = {
		{ 1, "o>g", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4000", "" },
		{ 2, "g>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000",
		    "refuse 192.0.2.20 -> 192.0.2.10 port 10000 (not-server)\n" },
	};
	static const struct step not_media[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4000", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.77 10000",
		    "refuse 192.0.2.10 -> 192.0.2.77 port 10000 (not-protected)\n" },
	};
	static const struct step low[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4000", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 22",
		    "refuse 192.0.2.10 -> 192.0.2.10 port 22 (port-range)\n" },
	};

	(void)state;
	PLAY(steps);
	PLAY(not_media);
	PLAY(low);
}

static void
outsiders_choose_who_may_come_and_never_where(void **state)
{
	static const struct step nat[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "192.168.1.10 4000", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", OPEN_IN },
	};
	static const struct step forged[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "192.0.2.77 4000", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", OPEN_IN
		    "refuse 198.51.100.7 -> 192.0.2.77 port 4000 (address)\n" },
	};
	static const struct step elsewhere[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.9 4000", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", OPEN_IN
		    "open 2 in udp 198.51.100.9 -> 192.0.2.10 port 10000:10001 (answer)\n"
		    "open 3 out udp 192.0.2.10 -> 198.51.100.9 port 4000:4001 (answer)\n" },
	};
	static const struct step ambiguous[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "AMBIGUOUS", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000",
		    "refuse 198.51.100.7 -> 192.0.2.10 (ambiguous)\n" },
	};

	(void)state;
	PLAY(nat);
	PLAY(forged);
	PLAY(elsewhere);
	PLAY(ambiguous);
}
/* clang-format on */

static void
a_flood_evicts_only_its_own(void **state)
{
	struct sip_config c = default_config();
	struct step s = { 1, "x>i", "INVITE", 1, "b1", "a", "",
		"203.0.113.66 4000", "" };
	static const struct step legit[] = { CALL_SET_UP };
	char call_id[32];
	struct world w;
	int i;

	(void)state;
	c.limit_per_source = 20;
	world_open(&w, &c);
	say(&w, &legit[0], "c1");
	for (i = 0; i < 6000; i++) {
		snprintf(call_id, sizeof(call_id), "flood%d", i);
		say(&w, &s, call_id);
	}
	assert_int_equal(sip_counters(w.sip)->calls, 21);
	strbuf_reset(&w.text);
	say(&w, &legit[3], "c1");
	assert_string_equal(w.log, OPEN_IN OPEN_OUT);
	world_close(&w);
}

static void
a_call_survives_being_written_down(void **state)
{
	static const struct step before[] = { CALL_SET_UP };
	/* clang-format off */
	static const struct step after[] = {
		{ 9, "o>i", "BYE",        2, "b3", "a", "q", NULL, "" },
		{ 9, "o>i", "BYE",        2, "b3", "a", "z", NULL, "" },
		{ 9, "i>o", "200 BYE",    2, "b3", "a", "z", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	struct world w, v;
	static char buf[SIP_EXPORT_MAX], cut[SIP_EXPORT_MAX];
	size_t len, i;

	(void)state;
	world_open(&w, &c);
	play_in(&w, before, ROWS(before));
	assert_int_equal(sip_export(w.sip, 1, buf, sizeof(buf), &len), PH_OK);
	world_close(&w);

	world_open(&v, &c);
	/* No part of it, and nothing with a byte too many, is taken. */
	for (i = 0; i < len; i++)
		assert_int_not_equal(sip_import(v.sip, buf, i, 0), PH_OK);
	memcpy(cut, buf, len);
	assert_int_not_equal(sip_import(v.sip, cut, len + 1, 0), PH_OK);
	assert_int_equal(sip_counters(v.sip)->calls, 0);
	assert_int_equal(sip_import(v.sip, buf, len, 5 * USEC_PER_SEC), PH_OK);
	assert_int_equal(sip_import(v.sip, buf, len, 5 * USEC_PER_SEC),
	    PH_EEXIST);
	play_in(&v, after, ROWS(after));
	world_close(&v);
}

static void
a_call_that_was_taken_over_can_still_change(void **state)
{
	/* clang-format off */
	static const struct step before[] = {
		CALL_SET_UP,
		{ 5, "o>i", "UPDATE",      2, "b5", "a", "z", "198.51.100.7 6000", "" },
		{ 5, "i>o", "200 UPDATE",  2, "b5", "a", "z", "192.0.2.10 10000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (update)\n" },
		/* By now its transactions are forgotten. */
		{ 60, "", "", 0, "", "", "", NULL, CLOSE_OUT("replaced") },
	};
	static const struct step after[] = {
		{ 70, "o>i", "INVITE",     3, "b7", "a", "z", "198.51.100.7 7000", "" },
		{ 70, "i>o", "200 INVITE", 3, "b7", "a", "z", "192.0.2.10 10000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 7000:7001 (reinvite)\n" },
		{ 80, "", "", 0, "", "", "", NULL,
		    "close 2 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (replaced)\n" },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	static char buf[SIP_EXPORT_MAX];
	struct world w, v;
	size_t len;

	(void)state;
	world_open(&w, &c);
	play_in(&w, before, ROWS(before));
	assert_int_equal(sip_export(w.sip, 1, buf, sizeof(buf), &len), PH_OK);
	world_close(&w);

	world_open(&v, &c);
	assert_int_equal(sip_import(v.sip, buf, len, 61 * USEC_PER_SEC), PH_OK);
	play_in(&v, after, ROWS(after));
	world_close(&v);
}

static void
a_refresh_without_change_costs_nothing(void **state)
{
	/* clang-format off */
	static const struct step before[] = { CALL_SET_UP };
	static const struct step refresh[] = {
		{ 5, "i>o", "INVITE",     7, "b5", "z", "a", "192.0.2.10 10000", "" },
		{ 5, "o>i", "200 INVITE", 7, "b5", "z", "a", "198.51.100.7 4000", "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	unsigned int commits;
	struct world w;

	(void)state;
	world_open(&w, &c);
	play_in(&w, before, ROWS(before));
	commits = w.commits;
	play_in(&w, refresh, ROWS(refresh));
	assert_int_equal(w.commits, commits);
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_opens_before_the_answer),
		cmocka_unit_test(the_last_invite_counts_after_a_challenge),
		cmocka_unit_test(
		    an_answer_must_come_back_along_its_transaction),
		cmocka_unit_test(early_media_opens_and_the_answer_wins),
		cmocka_unit_test(forks_live_until_64_t1_after_the_answer),
		cmocka_unit_test(a_late_offer_opens_with_the_ack),
		cmocka_unit_test(
		    a_reinvite_keeps_the_old_media_until_it_is_answered),
		cmocka_unit_test(
		    a_bye_is_believed_from_the_peer_and_when_answered),
		cmocka_unit_test(a_spiral_is_two_legs),
		cmocka_unit_test(a_cancel_that_crosses_the_answer_has_lost),
		cmocka_unit_test(prack_and_update_carry_offers),
		cmocka_unit_test(glare_never_leaves_a_call_without_media),
		cmocka_unit_test(
		    an_early_update_that_is_refused_changes_nothing),
		cmocka_unit_test(a_late_offer_without_its_ack_opens_nothing),
		cmocka_unit_test(hold_keeps_the_door_open),
		cmocka_unit_test(
		    a_call_without_media_ends_with_its_session_timer),
		cmocka_unit_test(each_protected_host_speaks_for_itself),
		cmocka_unit_test(outsiders_choose_who_may_come_and_never_where),
		cmocka_unit_test(a_flood_evicts_only_its_own),
		cmocka_unit_test(a_call_survives_being_written_down),
		cmocka_unit_test(a_call_that_was_taken_over_can_still_change),
		cmocka_unit_test(a_refresh_without_change_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
