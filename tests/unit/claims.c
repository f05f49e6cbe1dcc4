/* SPDX-License-Identifier: ISC */
/* Who named an inside port first, and that this memory has bounds. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "sip/call.h"
#include "tests/unit/dialog_play.h"

/* An outsider names `ports` ports from `first` on, in a call of its own. */
static void
lie(struct world *w, uint32_t source, unsigned int first, unsigned int ports)
{
	char body[2048], call_id[32];
	struct strbuf b = strbuf_of(body, sizeof(body));
	struct sip_message m = { 0 };
	struct datagram d = { 0 };
	unsigned int i;

	strbuf_str(&b, "v=0\r\nc=IN IP4 192.0.2.10\r\n");
	for (i = 0; i < ports; i++)
		strbuf_fmt(&b, "m=audio %u RTP/AVP 0\r\n", first + 2 * i);
	snprintf(call_id, sizeof(call_id), "lie%u.%u", source, first);
	m.request = true;
	m.method = SIP_INVITE;
	m.call_id = span_of(call_id);
	m.from_tag = span_of("a");
	m.branch = span_of("b1");
	m.cseq = 1;
	m.body = SIP_BODY_SDP;
	m.sdp = span_of(body);
	d.proto = IPPROTO_UDP;
	d.src.addr = addr_v4(203, (uint8_t)(source >> 16),
	    (uint8_t)(source >> 8), (uint8_t)source);
	d.dst = who('i');
	sip_input(w->sip, USEC_PER_SEC, &d, &m);
}

/* What the inside's call by this port opens, if anything. */
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
few_claims_count_and_many_do_not(void **state)
{
	struct sip_config c = default_config();
	struct world w;

	(void)state;
	world_open(&w, &c);
	lie(&w, 1, 10000, SIP_CLAIMS_SOURCE);
	assert_false(opens(&w, 10000, "c1"));
	assert_false(opens(&w, 10000 + 2 * (SIP_CLAIMS_SOURCE - 1), "c2"));
	assert_true(opens(&w, 10000 + 2 * SIP_CLAIMS_SOURCE, "c3"));
	/* One port more, and the source is no longer heard. */
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
	for (i = 0; i < SIP_CLAIMS_TARGET; i++)
		lie(&w, i, 10000 + 2 * i, 1);
	assert_false(opens(&w, 10000, "c1"));
	lie(&w, i, 10000 + 2 * i, 1);
	assert_true(opens(&w, 10002, "c2"));
	world_close(&w);
}

static void
the_memory_of_claims_is_bounded(void **state)
{
	struct sip_config c = default_config();
	struct world w;
	uint32_t i;

	(void)state;
	c.limit_calls = 4000;
	world_open(&w, &c);
	lie(&w, 0, 9000, 1);
	for (i = 1; i < 1500; i++)
		lie(&w, i, 10000, 16);
	assert_int_equal(w.sip->claims.n, SIP_CLAIMS_MAX);
	/* Who claims little is not pushed out by who claims much. */
	assert_non_null(TAILQ_FIRST(&w.sip->claims.age[0]));
	assert_int_equal(TAILQ_FIRST(&w.sip->claims.age[0])->where.port, 9000);
	sip_shutdown(w.sip, REASON_SHUTDOWN, 2 * USEC_PER_SEC);
	assert_int_equal(w.sip->claims.n, 0);
	assert_true(RB_EMPTY(&w.sip->claims.tree));
	assert_true(RB_EMPTY(&w.sip->claims.tallies));
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_claims_count_and_many_do_not),
		cmocka_unit_test(what_can_be_spoilt_is_bounded_for_all_sources),
		cmocka_unit_test(the_memory_of_claims_is_bounded),
		cmocka_unit_test(a_lie_is_written_down_with_its_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
