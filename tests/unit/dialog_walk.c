/* SPDX-License-Identifier: ISC */
/*
 * Messages by chance, most of which almost fit: after each of them all tables,
 * counters, weights and timers agree with the calls.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "sip/state.h"
#include "tests/unit/dialog_play.h"
#include "tests/unit/random.h"

#define ANY(t) ((t)[pick(ROWS(t))])

static const char *const sdps[] = { NULL, NULL, "198.51.100.7 4000",
	"192.0.2.10 10000", "192.0.2.10 12000", "192.0.2.20 10000",
	"0.0.0.0 10000", "198.51.100.7 6000", "AMBIGUOUS", "v=1\r\n",
	"v=0\r\nc=IN IP4 192.0.2.10\r\nm=audio 10000 RTP/AVP 0\r\n"
	"a=candidate:1 1 UDP 1 192.0.2.10 11000 typ host\r\n"
	"m=video 10002 RTP/AVP 31\r\na=sendonly\r\n",
	"v=0\r\nc=IN IP4 198.51.100.7\r\nm=audio 4000 RTP/AVP 0\r\n"
	"m=application 4002 TCP/BFCP *\r\n" };

/* A request, and the Call-ID that it was sent with. */
struct request {
	struct step s;
	const char *call_id;
};

/*
 * In c1 the outside calls, in c2 the inside, in c3 a server in a gateway's
 * name.  The caller's tag is a, the callee's z or y.
 */
static struct request
ask_something(int t)
{
	static const char *const what[] = { "INVITE", "INVITE", "ACK", "BYE",
		"CANCEL", "PRACK", "UPDATE", "UPDATE", "INVITE", "OPTIONS" };
	static const char *const branches[] = { "b1", "b1", "b2", "c3" };
	static const char *const tags[] = { "z", "z", "y" };
	static const char *const ids[] = { "c1", "c1", "c2", "c3" };
	static const char *const paths[2][3] = { { "o>i", "i>o", "g>o" },
		{ "i>o", "o>i", "o>g" } };
	struct request r = { { t, "", ANY(what), 1 + pick(2), ANY(branches),
				 "a", pick(3) == 0 ? "" : ANY(tags), ANY(sdps),
				 "" },
		ANY(ids) };
	bool callee = r.s.to[0] != '\0' && pick(3) == 0;
	const char *tag = r.s.from;

	r.s.path = paths[callee][r.call_id[1] - '1'];
	if (callee) {
		r.s.from = r.s.to;
		r.s.to = tag;
	}
	if (pick(20) == 0)
		r.s.path = pick(2) == 0 ? "x>i" : "o>x";
	return r;
}

/* A request, or an answer to one of the last. */
static void
say_something(struct world *w, int64_t now)
{
	static const char *const codes[] = { "100", "180", "!183", "200", "200",
		"200", "401", "408", "481", "488" };
	static struct request last[4];
	struct request r;
	char path[4] = "", what[16];
	unsigned int i = pick(ROWS(last));

	if (last[i].call_id == NULL || pick(2) == 0) {
		last[i] = ask_something((int)(now / USEC_PER_SEC));
		say(w, &last[i].s, last[i].call_id);
		return;
	}
	r = last[i];
	snprintf(what, sizeof(what), "%s %s", ANY(codes), r.s.what);
	snprintf(path, sizeof(path), "%c>%c", r.s.path[2], r.s.path[0]);
	r.s.path = path;
	r.s.what = what;
	r.s.t = (int)(now / USEC_PER_SEC);
	r.s.sdp = ANY(sdps);
	if (r.s.to[0] == '\0')
		r.s.to = pick(3) == 0 ? "y" : "z";
	say(w, &r.s, r.call_id);
}

static void
glance_at_something(struct world *w, int64_t now)
{
	static const char *const texts[] = {
		"BYE sip:i SIP/2.0\r\nCall-ID: c1\r\nFrom: <sip:a>;tag=a\r\n"
		"To: <sip:z>;tag=z\r\nCSeq: 2 BYE\r\n\r\n",
		"SIP/2.0 200 OK\r\nCall-ID: c1\r\nCall-ID: c2\r\n"
		"From: <sip:a>;tag=a\r\nTo: <sip:z>;tag=z\r\nCSeq: 2 BYE\r\n"
		"Via: SIP/2.0/UDP i;branch=b1\r\n\r\n",
		"INVITE sip:i SIP/2.0\r\nCall-ID: c3\r\nFrom: <sip:a>;tag=a\r\n"
		"To: <sip:z>\r\nCSeq: 1 INVITE\r\n\r\n"
		"v=0\r\nc=IN IP4 192.0.2.10\r\nm=audio 10000 RTP/AVP 0\r\n",
	};
	struct datagram d = { 0 };
	struct sip_glance g;

	d.proto = IPPROTO_UDP;
	d.src = who(pick(2) == 0 ? 'o' : 'i');
	d.dst = who(d.src.addr.b[0] == 192 ? 'o' : 'i');
	if (sip_message_glance(&g, span_of(ANY(texts))))
		sip_overhear(w->sip, now, &d, &g);
}

/* What others may do to a call, by its id or by its name. */
static void
do_something(struct world *w, int64_t now)
{
	static uint8_t buf[SIP_EXPORT_MAX];
	const struct call *c = call_after(w->sip, 0);
	uint64_t id, same;
	size_t len;

	if (c == NULL)
		return;
	id = c->id;
	switch (pick(6)) {
	case 0:
		sip_silent(w->sip, id, now);
		break;
	case 1:
		assert_true(sip_end(w->sip, id, REASON_CLOSED, now));
		break;
	case 2:
		(void)sip_close(w->sip, span_of("c2"), REASON_CLOSED, now);
		break;
	case 3:
		w->media = now;
		break;
	default:
		if (c->dead)
			break;
		assert_int_equal(sip_export(w->sip, id, buf, sizeof(buf), &len),
		    PH_OK);
		assert_int_equal(sip_import_peer(w->sip, buf, len, false, now,
				     &same),
		    PH_OK);
		assert_int_equal(same, id);
		break;
	}
}

static void
walk(const struct sip_config *config, uint32_t from)
{
	int64_t now = USEC_PER_SEC, next;
	struct world w;
	int i;

	seed = from;
	world_open(&w, config);
	for (i = 0; i < 4000; i++) {
		switch (pick(24)) {
		case 0:
			do_something(&w, now);
			break;
		case 1:
			glance_at_something(&w, now);
			break;
		case 2:
			now += pick(40) * USEC_PER_SEC;
			timers_run(&w.timers, now);
			break;
		case 3:
			/* Exactly when the next thing is to happen. */
			next = timers_next(&w.timers);
			if (next != INT64_MAX && next > now)
				now = next;
			timers_run(&w.timers, now);
			break;
		case 4:
			now++;
			timers_run(&w.timers, now);
			break;
		default:
			now = now / USEC_PER_SEC * USEC_PER_SEC;
			say_something(&w, now);
		}
		strbuf_reset(&w.text);
		world_check(&w, now);
	}
	/* In the end all is forgotten by itself. */
	w.media = 0;
	for (i = 0; i < 10 && call_after(w.sip, 0) != NULL; i++) {
		now += config->timeout_max * USEC_PER_SEC;
		timers_run(&w.timers, now);
		world_check(&w, now);
	}
	assert_null(call_after(w.sip, 0));
	assert_int_equal(sip_counters(w.sip)->bytes, 0);
	assert_int_equal(w.sip->mentions.n, 0);
	assert_int_equal(timers_next(&w.timers), INT64_MAX);
	/* Each call that began is gone. */
	assert_int_equal(w.gone, sip_counters(w.sip)->calls_total);
	world_close(&w);
}

static void
all_tables_agree_whatever_is_said(void **state)
{
	struct sip_config config = default_config();
	uint32_t i;

	(void)state;
	config.timeout_max = 600;
	for (i = 0; i < 16; i++) {
		printf("walk %u\n", i);
		config.early_media = i % 4 != 1;
		config.policy.hold_close = i % 4 == 2;
		config.limit_calls = i % 4 == 3 ? 2 : 1000;
		walk(&config, i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_tables_agree_whatever_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
