/* SPDX-License-Identifier: ISC */
/* The party that named an inside port first, and the bounds of this memory. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "sip/mentions.h"
#include "sip/state.h"
#include "tests/unit/dialog_play.h"

/* Somebody says this SDP to one of ours, in a call of its own. */
static void
tell(struct world *w, struct addr from, char to, const char *call_id,
    const char *branch, const char *sdp)
{
	struct sip_message m = { 0 };
	struct datagram d = { 0 };

	m.request = true;
	m.method = SIP_INVITE;
	m.call_id = span_of(call_id);
	m.from_tag = span_of("a");
	m.branch = span_of(branch);
	m.cseq = 1;
	m.body = SIP_BODY_SDP;
	m.sdp = span_of(sdp);
	d.proto = IPPROTO_UDP;
	d.src.addr = from;
	d.dst = who(to);
	sip_input(w->sip, USEC_PER_SEC, &d, &m);
}

static struct addr
outsider(uint32_t n)
{
	return addr_v4(203, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n);
}

/* An outsider names `ports` ports from `first` on, in a call of its own. */
static void
lie(struct world *w, uint32_t source, unsigned int first, unsigned int ports)
{
	char body[2048], call_id[32];
	struct strbuf b = strbuf_of(body, sizeof(body));
	unsigned int i;

	strbuf_str(&b, "v=0\r\nc=IN IP4 192.0.2.10\r\n");
	for (i = 0; i < ports; i++)
		strbuf_fmt(&b, "m=audio %u RTP/AVP 0\r\n", first + 2 * i);
	snprintf(call_id, sizeof(call_id), "lie%u.%u", source, first);
	tell(w, outsider(source), 'i', call_id, "b1", body);
}

/* Whether a call of the inside with this port opens it. */
static bool
opens(struct world *w, unsigned int port, const char *call_id)
{
	char sdp[64];
	struct step ask = { 2, "i>o", "INVITE", 1, "b1", "a", "", sdp, "" };
	struct step reply = { 2, "o>i", "200 INVITE", 1, "b1", "a", "z",
		"198.51.100.7 4000", "" };

	snprintf(sdp, sizeof(sdp), "192.0.2.10 %u", port);
	say(w, &ask, call_id);
	strbuf_reset(&w->text);
	say(w, &reply, call_id);
	return strncmp(w->log, "open", 4) == 0;
}

static void
few_mentions_count_and_many_do_not(void **state)
{
	struct sip_config c = default_config();
	struct world w;

	(void)state;
	world_open(&w, &c);
	lie(&w, 1, 10000, SIP_MENTIONS_SOURCE);
	assert_false(opens(&w, 10000, "c1"));
	assert_false(opens(&w, 10000 + 2 * (SIP_MENTIONS_SOURCE - 1), "c2"));
	assert_true(opens(&w, 10000 + 2 * SIP_MENTIONS_SOURCE, "c3"));
	/* With one port more than its limit, the source is no longer heard. */
	lie(&w, 1, 11000, 1);
	assert_true(opens(&w, 10002, "c4"));
	world_close(&w);
}

static void
what_can_be_spoilt_is_bounded_for_all_sources(void **state)
{
	struct sip_config c = default_config();
	struct world w;
	uint32_t i;

	(void)state;
	world_open(&w, &c);
	for (i = 0; i < SIP_MENTIONS_TARGET; i++)
		lie(&w, i, 10000 + 2 * i, 1);
	assert_false(opens(&w, 10000, "c1"));
	lie(&w, i, 10000 + 2 * i, 1);
	assert_true(opens(&w, 10002, "c2"));
	world_close(&w);
}

static void
the_memory_of_mentions_is_bounded(void **state)
{
	struct sip_config c = default_config();
	const struct mention *k;
	struct call *call;
	struct world w;
	unsigned int n;
	uint32_t i;

	(void)state;
	c.limit_calls = 4000;
	world_open(&w, &c);
	lie(&w, 0, 9000, 1);
	for (i = 1; i < 1500; i++)
		lie(&w, i, 10000, 16);
	assert_int_equal(w.sip->mentions.n, SIP_MENTIONS_MAX);
	/* Each counted where it is. */
	for (i = 1; i <= 1500; i++) {
		if ((call = call_by_id(w.sip, i)) == NULL)
			continue;
		n = 0;
		TAILQ_FOREACH(k, &call->mentions, entry)
			n++;
		assert_int_equal(n, call->nmentions);
	}
	/*
	 * A source that mentions much does not push out one that mentions
	 * little.
	 */
	assert_non_null(TAILQ_FIRST(&w.sip->mentions.age[0]));
	assert_int_equal(TAILQ_FIRST(&w.sip->mentions.age[0])->m.where.port,
	    9000);
	/*
	 * A source may mention much to have its mentions forgotten: the call
	 * remembers that it has forgotten some.
	 */
	call = call_first(w.sip, span_of("lie1.10000"));
	assert_non_null(call);
	assert_true(call->nmentions < 16);
	assert_true(call->forgot);
	sip_shutdown(w.sip, REASON_SHUTDOWN, 2 * USEC_PER_SEC);
	assert_int_equal(w.sip->mentions.n, 0);
	assert_true(RB_EMPTY(&w.sip->mentions.tree));
	assert_true(RB_EMPTY(&w.sip->mentions.tallies));
	world_close(&w);
}

/* Many others made it be forgotten. */
static void
who_mentions_little_is_not_suspect(void **state)
{
	struct sip_config c = default_config();
	struct call *call;
	struct world w;
	uint32_t i;

	(void)state;
	c.limit_calls = 4000;
	world_open(&w, &c);
	for (i = 0; i <= SIP_MENTIONS_MAX / SIP_MENTIONS_SOURCE; i++)
		lie(&w, i, 10000, SIP_MENTIONS_SOURCE);
	assert_int_equal(w.sip->mentions.n, SIP_MENTIONS_MAX);
	assert_true(TAILQ_EMPTY(&w.sip->mentions.age[1]));
	call = call_first(w.sip, span_of("lie0.10000"));
	assert_non_null(call);
	assert_true(call->nmentions < SIP_MENTIONS_SOURCE);
	assert_false(call->forgot);
	world_close(&w);
}

/* clang-format off */
static void
a_lie_is_written_down_with_its_call(void **state)
{
	static const struct step before[] = {
		{ 1, "x>i", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 1, "i>o", "INVITE",     1, "b2", "a", "",  "192.0.2.10 10000", "" },
		{ 1, "o>i", "180 INVITE", 1, "b2", "a", "z", NULL, "" },
	};
	static const struct step after[] = {
		{ 5, "o>i", "200 INVITE", 1, "b2", "a", "z", "198.51.100.7 4000",
		    "refuse 192.0.2.10 -> 192.0.2.10 port 10000 (address)\n" },
		{ 6, "i>o", "INVITE",     2, "b3", "a", "z", "192.0.2.10 10000", "" },
		{ 6, "o>i", "200 INVITE", 2, "b3", "a", "z", "198.51.100.7 4000", "" },
		{ 7, "i>o", "INVITE",     3, "b4", "a", "z", "192.0.2.10 12000",
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 12000:12001 (reinvite)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (reinvite)\n" },
		{ 7, "o>i", "200 INVITE", 3, "b4", "a", "z", "198.51.100.7 4000", "" },
	};
	struct sip_config c = default_config();
	static char buf[2][SIP_EXPORT_MAX];
	struct world w, v;
	size_t len[2], i;

	(void)state;
	world_open(&w, &c);
	play_in(&w, before, ROWS(before));
	for (i = 0; i < 2; i++)
		assert_int_equal(sip_export(w.sip, i + 1, buf[i],
		    sizeof(buf[i]), &len[i]), PH_OK);
	world_close(&w);

	world_open(&v, &c);
	for (i = 0; i < 2; i++)
		assert_int_equal(sip_import(v.sip, buf[i], len[i],
		    4 * USEC_PER_SEC), PH_OK);
	play_in(&v, after, ROWS(after));
	world_close(&v);
}
/* clang-format on */

static void
step(struct world *w, const char *call_id, const char *path, const char *what,
    const char *sdp)
{
	char branch[16];
	struct step s = { 2, path, what, 1, branch, "a",
		what[0] >= '1' && what[0] <= '6' ? "z" : "", sdp, "" };

	snprintf(branch, sizeof(branch), "b%s", call_id);
	strbuf_reset(&w->text);
	say(w, &s, call_id);
}

#define PBX   "192.0.2.10 10000"
#define PHONE "198.51.100.7 4000"

static bool
opened(const struct world *w)
{
	return strncmp(w->log, "open", 4) == 0;
}

static void
what_the_inside_told_somebody_he_may_say(void **state)
{
	struct sip_config c = default_config();
	struct world w;

	(void)state;
	/* By its call. */
	world_open(&w, &c);
	step(&w, "c1", "i>p", "INVITE", PBX);
	step(&w, "c2", "p>g", "INVITE", PBX);
	assert_int_equal(w.sip->mentions.n, 0);
	step(&w, "c3", "x>g", "INVITE", PBX);
	assert_int_equal(w.sip->mentions.n, 1);
	/* The call is over, and so is the excuse. */
	step(&w, "c1", "p>i", "486 INVITE", NULL);
	step(&w, "c4", "p>g", "INVITE", PBX);
	assert_int_equal(w.sip->mentions.n, 2);
	world_close(&w);
	/* By its answer. */
	world_open(&w, &c);
	step(&w, "c1", "p>i", "INVITE", "198.51.100.9 4000");
	step(&w, "c1", "i>p", "200 INVITE", PBX);
	assert_true(opened(&w));
	step(&w, "c2", "p>g", "INVITE", PBX);
	assert_int_equal(w.sip->mentions.n, 0);
	world_close(&w);
	/* In the same call, whoever repeats it. */
	world_open(&w, &c);
	step(&w, "c1", "i>o", "INVITE", PBX);
	step(&w, "c1", "p>i", "INVITE", PBX);
	assert_int_equal(w.sip->mentions.n, 0);
	world_close(&w);
}

static void
the_first_word_counts_while_its_call_lives(void **state)
{
	struct sip_config c = default_config();
	struct world w;

	(void)state;
	world_open(&w, &c);
	step(&w, "c0", "i>o", "INVITE", PBX);
	lie(&w, 1, 10000, 1);
	assert_true(opens(&w, 10000, "c1"));
	world_close(&w);
	world_open(&w, &c);
	step(&w, "c0", "i>o", "INVITE", PBX);
	step(&w, "c0", "o>i", "486 INVITE", NULL);
	lie(&w, 1, 10000, 1);
	assert_false(opens(&w, 10000, "c1"));
	world_close(&w);
	/* The liar's word, too, counts only while its call lives. */
	world_open(&w, &c);
	step(&w, "c0", "x>i", "INVITE", PBX);
	assert_false(opens(&w, 10000, "c1"));
	step(&w, "c0", "i>x", "486 INVITE", NULL);
	assert_true(opens(&w, 10000, "c2"));
	world_close(&w);
}

/* A server may repeat what was said to another server; a telephone may not. */
static void
only_servers_repeat_what_others_were_told(void **state)
{
	struct sip_config c = default_config();
	struct prefix two[2];
	struct world w;

	(void)state;
	two[0] = c.policy.server[0];
	assert_int_equal(prefix_parse(span_of("192.0.2.20"), &two[1]), PH_OK);
	world_open(&w, &c);
	step(&w, "c1", "x>i", "INVITE", "192.0.2.20 9000");
	step(&w, "c2", "g>o", "INVITE", "192.0.2.20 9000");
	step(&w, "c2", "o>g", "200 INVITE", PHONE);
	assert_true(opened(&w));
	step(&w, "c3", "x>g", "INVITE", PBX);
	assert_true(opens(&w, 10000, "c4"));
	world_close(&w);
	c.policy.server = two;
	c.policy.nserver = 2;
	world_open(&w, &c);
	step(&w, "c1", "x>i", "INVITE", "192.0.2.20 9000");
	step(&w, "c2", "g>o", "INVITE", "192.0.2.20 9000");
	step(&w, "c2", "o>g", "200 INVITE", PHONE);
	assert_false(opened(&w));
	step(&w, "c3", "x>g", "INVITE", PBX);
	assert_false(opens(&w, 10000, "c4"));
	world_close(&w);
}

/* An ACK of the inside is no answer to a stranger who called. */
static void
the_acks_sdp_may_be_repeated(void **state)
{
	/* clang-format off */
	static const struct step steps[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  PHONE, "" },
		{ 1, "i>o", "200 INVITE", 1, "b1", "a", "z", PBX,
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (answer)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (answer)\n" },
		{ 2, "i>o", "INVITE",     7, "b7", "z", "a", NULL, "" },
		{ 2, "o>i", "200 INVITE", 7, "b7", "z", "a", PHONE, "" },
		{ 2, "i>o", "ACK",        7, "b8", "z", "a", "192.0.2.10 12000",
		    "refuse 192.0.2.10 -> 192.0.2.10 port 12000 (address)\n" },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	struct world w;

	(void)state;
	world_open(&w, &c);
	lie(&w, 2, 12000, 1);
	play_in(&w, steps, ROWS(steps) - 1);
	strbuf_reset(&w.text);
	say(&w, &steps[4], "c1");
	assert_non_null(strstr(w.log, steps[4].expect));
	assert_null(strstr(w.log, "open"));
	world_close(&w);
}

/* A server that answers strangers does not repeat other strangers. */
static void
answering_strangers_a_host_speaks_for_itself(void **state)
{
	/* clang-format off */
	static const struct step again[] = {
		{ 3, "i>o", "INVITE",     7, "b7", "z", "a", "192.0.2.10 12000", "" },
		{ 3, "o>i", "200 INVITE", 7, "b7", "z", "a", PHONE,
		    "refuse 192.0.2.10 -> 192.0.2.10 port 12000 (address)\n"
		},
	};
	/* clang-format on */
	struct sip_config c = default_config();
	struct world w;

	(void)state;
	/* The liar's call has not been accepted: chance. */
	world_open(&w, &c);
	lie(&w, 1, 10000, 1);
	step(&w, "c1", "o>i", "INVITE", PHONE);
	step(&w, "c1", "i>o", "200 INVITE", PBX);
	assert_true(opened(&w));
	/* SDP that the inside sends later by itself may repeat the liar's. */
	lie(&w, 2, 12000, 1);
	say(&w, &again[0], "c1");
	strbuf_reset(&w.text);
	say(&w, &again[1], "c1");
	assert_non_null(strstr(w.log, again[1].expect));
	world_close(&w);
	/* The liar's call has been accepted, with other SDP. */
	world_open(&w, &c);
	step(&w, "c0", "x>i", "INVITE", PBX);
	step(&w, "c0", "i>x", "200 INVITE", "192.0.2.10 15000");
	step(&w, "c1", "o>i", "INVITE", PHONE);
	step(&w, "c1", "i>o", "200 INVITE", PBX);
	assert_false(opened(&w));
	world_close(&w);
	/* The inside made that call. */
	world_open(&w, &c);
	step(&w, "c0", "i>x", "INVITE", "192.0.2.10 15000");
	step(&w, "c0", "x>i", "183 INVITE", PBX);
	step(&w, "c1", "o>i", "INVITE", PHONE);
	step(&w, "c1", "i>o", "200 INVITE", PBX);
	assert_false(opened(&w));
	world_close(&w);
}

#define LINES "v=0\r\nc=IN IP4 192.0.2.10\r\n"

/* Everything that a stream names is named: RTCP and candidates as well. */
static void
each_port_that_is_named_is_a_mention(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*sdp;
		unsigned int	 n;
		unsigned int	 taken, open; /* 0: none */
	} rows[] = {
		{ LINES "m=audio 10000 RTP/AVP 0\r\n", 1, 10000, 10002 },
		{ LINES "m=audio 1024 RTP/AVP 0\r\n", 1, 1024, 1026 },
		{ LINES "m=audio 1023 RTP/AVP 0\r\n", 0, 0, 1024 },
		{ LINES "m=audio 0 RTP/AVP 0\r\n", 0, 0, 1024 },
		{ LINES "m=audio 10000 RTP/AVP 0\r\na=rtcp:12000\r\n", 2, 12000, 10002 },
		{ LINES "m=audio 10000 RTP/AVP 0\r\na=rtcp:12000 IN IP4 198.51.100.3\r\n", 1, 10000, 12000 },
		{ "v=0\r\nc=IN IP4 198.51.100.3\r\nm=audio 10000 RTP/AVP 0\r\n"
		    "a=rtcp:12000 IN IP4 192.0.2.10\r\n", 1, 12000, 10000 },
		{ LINES "m=audio 9000 RTP/AVP 0\r\nm=audio 10000 RTP/AVP 0\r\n", 2, 10000, 10002 },
		{ LINES "m=audio 9000 RTP/AVP 0\r\n"
		    "a=candidate:1 1 UDP 100 192.0.2.10 11000 typ host\r\n"
		    "a=candidate:2 1 UDP 90 192.0.2.10 12000 typ host\r\n", 3, 12000, 10000 },
		{ "v=0\r\nc=IN IP4 192.0.2.20\r\nm=audio 10000 RTP/AVP 0\r\n", 1, 0, 10000 },
		{ "v=0\r\nm=audio 10000 RTP/AVP 0\r\nc=IN IP4 192.0.2.10\r\n"
		    "c=IN IP4 192.0.2.11\r\na=rtcp:12000 IN IP4 192.0.2.10\r\n", 0, 0, 12000 },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("row %zu\n", i);
		world_open(&w, &c);
		tell(&w, outsider(1), 'i', "lie", "b1", rows[i].sdp);
		assert_int_equal(w.sip->mentions.n, rows[i].n);
		/* Said twice, it is the same mention. */
		tell(&w, outsider(1), 'i', "lie", "b2", rows[i].sdp);
		assert_int_equal(w.sip->mentions.n, rows[i].n);
		if (rows[i].taken != 0)
			assert_false(opens(&w, rows[i].taken, "c1"));
		assert_true(opens(&w, rows[i].open, "c2"));
		world_close(&w);
	}
}

/* TCP is not telephony, and a mention on its port always counts. */
static bool
opens_tcp(struct world *w, unsigned int port, const char *call_id)
{
	char sdp[160];

	snprintf(sdp, sizeof(sdp),
	    LINES "m=application %u TCP/BFCP *\r\na=setup:passive\r\n", port);
	step(w, call_id, "i>o", "INVITE", sdp);
	step(w, call_id, "o>i", "200 INVITE",
	    "v=0\r\nc=IN IP4 198.51.100.7\r\n"
	    "m=application 4000 TCP/BFCP *\r\na=setup:active\r\n");
	return opened(w);
}

static void
floods_of_mentions_count_against_tcp(void **state)
{
	struct sip_config c = default_config();
	char call_id[16];
	struct world w;
	uint32_t i;

	(void)state;
	world_open(&w, &c);
	assert_true(opens_tcp(&w, 9000, "c0"));
	lie(&w, 1, 10000, SIP_MENTIONS_SOURCE + 1);
	assert_true(opens(&w, 10000, "c1"));
	assert_false(opens_tcp(&w, 10002, "c2"));
	assert_true(opens_tcp(&w, 11000, "c3"));
	/* More than we look at, and none that could be it. */
	for (i = 0; i < 65; i++) {
		snprintf(call_id, sizeof(call_id), "g%u", i);
		tell(&w, outsider(100 + i), 'g', call_id, "b1",
		    LINES "m=audio 14000 RTP/AVP 0\r\n");
	}
	assert_true(opens(&w, 14000, "c4"));
	assert_false(opens_tcp(&w, 14000, "c5"));
	world_close(&w);
	/* As many as we look at. */
	world_open(&w, &c);
	for (i = 0; i < 60; i++) {
		snprintf(call_id, sizeof(call_id), "g%u", i);
		tell(&w, outsider(100 + i), 'g', call_id, "b1",
		    LINES "m=audio 14000 RTP/AVP 0\r\n");
	}
	assert_true(opens_tcp(&w, 14000, "c5"));
	world_close(&w);
}

static void
a_share_of_mentions_is_that_of_a_64(void **state)
{
	struct sip_config c = default_config();
	char call_id[16], sdp[64];
	struct world w;
	struct addr a;
	uint32_t i;

	(void)state;
	world_open(&w, &c);
	assert_int_equal(addr_parse(span_of("2001:db8::1"), &a), PH_OK);
	for (i = 0; i <= SIP_MENTIONS_SOURCE; i++) {
		assert_true(TAILQ_EMPTY(&w.sip->mentions.age[1]));
		a.b[15] = (uint8_t)i;
		snprintf(call_id, sizeof(call_id), "six%u", i);
		snprintf(sdp, sizeof(sdp), LINES "m=audio %u RTP/AVP 0\r\n",
		    10000 + 2 * i);
		tell(&w, a, 'i', call_id, "b1", sdp);
	}
	assert_false(TAILQ_EMPTY(&w.sip->mentions.age[1]));
	assert_true(opens(&w, 10000, "c1"));
	world_close(&w);
}

/*
 * One call may name SIP_MENTIONS_CALL ports, and remembers that it forgot
 * others.
 */
static struct call *
name_too_many(struct world *w, struct addr from, char to)
{
	char branch[16], body[2048];
	struct strbuf b = strbuf_of(body, sizeof(body));
	const struct mention *k;
	struct call *call;
	unsigned int i, n, port = 10000;

	for (i = 0; i < SIP_MENTIONS_CALL / (2 * SDP_MAX_MEDIA) + 3; i++) {
		strbuf_reset(&b);
		strbuf_str(&b, LINES);
		for (n = 0; n < SDP_MAX_MEDIA; n++, port += 2)
			strbuf_fmt(&b, "m=audio %u RTP/AVP 0\r\na=rtcp:%u\r\n",
			    port, port + 1);
		snprintf(branch, sizeof(branch), "b%u", i);
		tell(w, from, to, "lie", branch, body);
	}
	call = call_first(w->sip, span_of("lie"));
	assert_non_null(call);
	n = 0;
	TAILQ_FOREACH(k, &call->mentions, entry)
		n++;
	assert_int_equal(n, call->nmentions);
	assert_int_equal(n, SIP_MENTIONS_CALL);
	assert_int_equal(TAILQ_FIRST(&call->mentions)->where.port,
	    port - SIP_MENTIONS_CALL);
	return call;
}

static void
a_call_keeps_its_latest_mentions(void **state)
{
	struct sip_config c = default_config();
	struct world w;

	(void)state;
	world_open(&w, &c);
	assert_true(name_too_many(&w, outsider(1), 'i')->forgot);
	assert_int_equal(w.sip->mentions.n, SIP_MENTIONS_CALL);
	world_close(&w);
	/* The inside fills its own, and hides nothing by it. */
	world_open(&w, &c);
	assert_false(name_too_many(&w, who('i').addr, 'o')->forgot);
	assert_int_equal(w.sip->mentions.n, 0);
	world_close(&w);
}

/* Of a call that begins anew, only what outsiders have said is kept. */
static void
a_lie_outlasts_the_end_of_its_call(void **state)
{
	/* clang-format off */
	static const struct step steps[] = {
		{ 1, "x>i", "INVITE",     1, "b1", "a", "",  PBX, "" },
		{ 2, "i>x", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 15000",
		    "open 1 in udp 203.0.113.66 -> 192.0.2.10 port 15000:15001 (answer)\n"
		    "refuse 203.0.113.66 -> 192.0.2.10 port 10000 (address)\n" },
		{ 3, "i>x", "BYE",        9, "b2", "z", "a", NULL, "" },
		{ 3, "x>i", "200 BYE",    9, "b2", "z", "a", NULL,
		    "close 1 in udp 203.0.113.66 -> 192.0.2.10 port 15000:15001 (bye)\n" },
		{ 4, "x>i", "INVITE",     2, "b3", "a", "",  NULL, "" },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	const struct mention *k;
	struct call *call;
	struct world w;

	(void)state;
	world_open(&w, &c);
	play_in(&w, steps, ROWS(steps));
	call = call_first(w.sip, span_of("c1"));
	assert_non_null(call);
	assert_false(call->dead);
	assert_int_equal(call->nmentions, 1);
	k = TAILQ_FIRST(&call->mentions);
	assert_true(k->outside);
	assert_int_equal(k->where.port, 10000);
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_mentions_count_and_many_do_not),
		cmocka_unit_test(what_can_be_spoilt_is_bounded_for_all_sources),
		cmocka_unit_test(the_memory_of_mentions_is_bounded),
		cmocka_unit_test(who_mentions_little_is_not_suspect),
		cmocka_unit_test(a_lie_is_written_down_with_its_call),
		cmocka_unit_test(what_the_inside_told_somebody_he_may_say),
		cmocka_unit_test(the_first_word_counts_while_its_call_lives),
		cmocka_unit_test(only_servers_repeat_what_others_were_told),
		cmocka_unit_test(the_acks_sdp_may_be_repeated),
		cmocka_unit_test(answering_strangers_a_host_speaks_for_itself),
		cmocka_unit_test(each_port_that_is_named_is_a_mention),
		cmocka_unit_test(floods_of_mentions_count_against_tcp),
		cmocka_unit_test(a_share_of_mentions_is_that_of_a_64),
		cmocka_unit_test(a_call_keeps_its_latest_mentions),
		cmocka_unit_test(a_lie_outlasts_the_end_of_its_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
