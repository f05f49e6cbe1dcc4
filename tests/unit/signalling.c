/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "src/conf/conf.h"
#include "src/engine/signalling.h"
#include "tests/unit/unit.h"

#define IN  "192.0.2.10"
#define OUT "198.51.100.7"

static const char text[] = "protect 192.0.2.0/24\n"
			   "sip { port { 5060 5080 } }\n";
static struct conf *conf;

static int
setup(void **state)
{
	(void)state;
	return conf_parse(&conf, span_of(text), "test", NULL, 0, stderr) ==
		PH_OK
	    ? 0
	    : -1;
}

static int
teardown(void **state)
{
	(void)state;
	conf_free(conf);
	return 0;
}

static struct datagram
packet(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	struct datagram d = { 0 };

	assert_int_equal(addr_parse(span_of(src), &d.src.addr), PH_OK);
	assert_int_equal(addr_parse(span_of(dst), &d.dst.addr), PH_OK);
	d.src.port = sport;
	d.dst.port = dport;
	return d;
}

static void
the_protected_hosts_own_port_decides(void **state)
{
	/* clang-format off */
	static const struct {
		const char		*what;
		const char		*src;
		uint16_t		 sport;
		const char		*dst;
		uint16_t		 dport;
		enum stream_origin	 origin;
		bool			 fits;
	} rows[] = {
		{ "a server, called", OUT, 40000, IN, 5060, ORIGIN_SRC, true },
		{ "a server of another port", OUT, 40000, IN, 5080, ORIGIN_SRC, true },
		{ "a server that calls", IN, 5060, OUT, 5060, ORIGIN_SRC, true },
		{ "a telephone that calls", IN, 40000, OUT, 5060, ORIGIN_SRC, true },
		{ "and is answered", OUT, 5060, IN, 40000, ORIGIN_DST, true },
		{ "FTP data from port 20", IN, 20, OUT, 5060, ORIGIN_SRC, false },
		{ "the same, joined", IN, 20, OUT, 5060, ORIGIN_UNKNOWN, false },
		{ "the same, the other way", OUT, 5060, IN, 20, ORIGIN_DST, false },
		{ "the least port", IN, 1023, OUT, 5060, ORIGIN_SRC, false },
		{ "the next", IN, 1024, OUT, 5060, ORIGIN_SRC, true },
		{ "passive data to port 5060", IN, 40000, OUT, 5060, ORIGIN_DST, false },
		{ "a connection from port 5060", OUT, 5060, IN, 40000, ORIGIN_SRC, false },
		{ "a web server", OUT, 5060, IN, 80, ORIGIN_SRC, false },
		{ "passive data of port 5060", IN, 5060, OUT, 40000, ORIGIN_DST, false },
		{ "between two of ours", IN, 5060, "192.0.2.11", 40000, ORIGIN_DST, true },
		{ "from a strange port of ours", "192.0.2.11", 5060, IN, 7, ORIGIN_SRC, false },
		{ "between strangers", OUT, 5060, "203.0.113.1", 7, ORIGIN_SRC, true },
		{ "called by one of ours", IN, 40000, "192.0.2.11", 5060, ORIGIN_DST, false },
		{ "to no signalling port", IN, 40000, OUT, 40001, ORIGIN_SRC, false },
		{ "from none", OUT, 40001, IN, 40000, ORIGIN_DST, false },
		{ "UDP, telephone", IN, 40000, OUT, 5060, ORIGIN_UNKNOWN, true },
		{ "UDP, its server", OUT, 5060, IN, 40000, ORIGIN_UNKNOWN, true },
		{ "UDP, echo", OUT, 5060, IN, 7, ORIGIN_UNKNOWN, false },
		{ "UDP, what it echoes", IN, 7, OUT, 5060, ORIGIN_UNKNOWN, false },
	};
	/* clang-format on */
	struct datagram d;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].what);
		d = packet(rows[i].src, rows[i].sport, rows[i].dst,
		    rows[i].dport);
		d.origin = (uint8_t)rows[i].origin;
		assert_int_equal(signalling_fits(conf, &d), rows[i].fits);
	}
	/* In mid-connection nobody speaks first. */
	d = packet(IN, 5060, OUT, 40000);
	d.origin = ORIGIN_DST;
	assert_false(signalling_fits(conf, &d));
	d.resumed = true;
	assert_true(signalling_fits(conf, &d));
	/* The message answers a request that we missed. */
	d = packet(IN, 5060, OUT, 40000);
	d.origin = ORIGIN_DST;
	d.answers = true;
	assert_true(signalling_fits(conf, &d));
	d = packet(IN, 5061, OUT, 5060);
	d.origin = ORIGIN_DST;
	d.answers = true;
	assert_false(signalling_fits(conf, &d));
}

static struct sip_message
message(bool request, uint16_t status, uint32_t cseq, const char *branch)
{
	struct sip_message m = { 0 };

	m.request = request;
	m.method = SIP_INVITE;
	m.status = status;
	m.call_id = span_of("a84b4c76e66710");
	m.cseq = cseq;
	m.branch = span_of(branch);
	return m;
}

static void
what_only_comes_back_is_an_echo(void **state)
{
	struct datagram to = packet(OUT, 5060, IN, 7777);
	struct datagram back = packet(IN, 7777, OUT, 5060);
	struct datagram pbx = packet(OUT, 5060, IN, 5060);
	struct datagram pbx_back = packet(IN, 5060, OUT, 5060);
	struct datagram elsewhere = packet(IN, 7777, "198.51.100.8", 5060);
	struct datagram neighbour = packet("192.0.2.11", 7777, OUT, 5060);
	struct sip_message invite = message(true, 0, 1, "z9hG4bK1");
	struct sip_message ok = message(false, 200, 1, "z9hG4bK1");
	struct sip_message ringing = message(false, 180, 1, "z9hG4bK1");
	struct sip_message again = message(true, 0, 1, "z9hG4bK2");
	struct echoes *e = echoes_new();

	(void)state;
	assert_non_null(e);
	assert_false(echoes_input(e, conf, 0, &to, &invite));
	assert_true(echoes_input(e, conf, 1, &back, &invite));
	/* Twice is no better, nor from the next port. */
	assert_true(echoes_input(e, conf, 2, &back, &invite));
	back.src.port = 7778;
	assert_true(echoes_input(e, conf, 2, &back, &invite));
	back.src.port = 7777;
	/* A telephone answers, and calls by itself. */
	assert_false(echoes_input(e, conf, 3, &back, &ringing));
	assert_false(echoes_input(e, conf, 4, &back, &ok));
	assert_false(echoes_input(e, conf, 5, &back, &again));
	/* Each of several messages is remembered. */
	assert_false(echoes_input(e, conf, 5, &to, &again));
	assert_true(echoes_input(e, conf, 5, &back, &again));
	assert_true(echoes_input(e, conf, 5, &back, &invite));
	/* Its answers, sent by somebody to it, come back as they were. */
	assert_false(echoes_input(e, conf, 6, &to, &ok));
	assert_true(echoes_input(e, conf, 7, &back, &ok));
	/* Not from another, nor of a server, which may be a proxy. */
	assert_false(echoes_input(e, conf, 8, &elsewhere, &ok));
	assert_false(echoes_input(e, conf, 8, &neighbour, &ok));
	assert_false(echoes_input(e, conf, 9, &pbx, &again));
	assert_false(echoes_input(e, conf, 10, &pbx_back, &again));
	/* For a while. */
	assert_true(echoes_input(e, conf, 6 + ECHO_WITHIN, &back, &ok));
	assert_false(echoes_input(e, conf, 7 + ECHO_WITHIN, &back, &ok));
	echoes_free(e);
}

/* The last ECHOES_MAX are known, and no others. */
static void
the_last_echoes_are_known(void **state)
{
	struct datagram to = packet(OUT, 5060, IN, 7777);
	struct datagram back = packet(IN, 7777, OUT, 5060);
	struct sip_message m = message(true, 0, 1, "z9hG4bK1");
	struct echoes *e = echoes_new();
	uint32_t i;

	(void)state;
	assert_non_null(e);
	for (i = 0; i < 3 * ECHOES_MAX; i++) {
		m.cseq = i * 7919 % (3 * ECHOES_MAX);
		assert_false(echoes_input(e, conf, 0, &to, &m));
		/* Said twice, it is remembered once. */
		if (i % 16 == 0)
			assert_false(echoes_input(e, conf, 0, &to, &m));
	}
	for (i = 0; i < 3 * ECHOES_MAX; i++) {
		m.cseq = i * 7919 % (3 * ECHOES_MAX);
		assert_int_equal(echoes_input(e, conf, 0, &back, &m),
		    i >= 2 * ECHOES_MAX);
	}
	echoes_free(e);
}

/* Every part of what tells messages apart does. */
static void
what_differs_is_no_echo(void **state)
{
	static char longest[251];
	struct datagram to = packet(OUT, 5060, IN, 7777);
	struct datagram back = packet(IN, 7777, OUT, 5060);
	struct sip_message m = message(false, 200, 1, longest), other;
	struct echoes *e = echoes_new();
	int i;

	(void)state;
	assert_non_null(e);
	memset(longest, 'b', sizeof(longest) - 1);
	m.branch = span_of(longest);
	assert_false(echoes_input(e, conf, 0, &to, &m));
	for (i = 0; i < 7; i++) {
		other = m;
		switch (i) {
		case 0:
			other.request = true;
			break;
		case 1:
			other.method = SIP_BYE;
			break;
		case 2:
			other.status = 180;
			break;
		case 3:
			other.cseq = 2;
			break;
		case 4:
			other.call_id = span_of("a84b4c76e66711");
			break;
		case 5:
			other.branch = span_sub(m.branch, 1, 99);
			break;
		case 6:
			/* Lengths count: "12 3" is not "1 23". */
			other.call_id = span_of("a84b4c76e6671");
			break;
		}
		assert_false(echoes_input(e, conf, 1, &back, &other));
	}
	assert_true(echoes_input(e, conf, 1, &back, &m));
	echoes_free(e);
}

/* A signalling port of the same host is not the strange one. */
static void
a_servers_port_does_not_echo(void **state)
{
	struct datagram to = packet(OUT, 5060, IN, 7777);
	struct datagram back = packet(IN, 7777, OUT, 5060);
	struct datagram pbx = packet(OUT, 5060, IN, 5060);
	struct datagram pbx_back = packet(IN, 5060, OUT, 5060);
	struct sip_message m = message(true, 0, 1, "z9hG4bK1");
	struct echoes *e = echoes_new();

	(void)state;
	assert_non_null(e);
	assert_false(echoes_input(e, conf, 0, &to, &m));
	assert_false(echoes_input(e, conf, 1, &pbx_back, &m));
	assert_true(echoes_input(e, conf, 1, &back, &m));
	m.cseq = 2;
	assert_false(echoes_input(e, conf, 2, &pbx, &m));
	assert_false(echoes_input(e, conf, 3, &back, &m));
	/* A message that the host is sent again is new again. */
	m.cseq = 3;
	assert_false(echoes_input(e, conf, 4, &to, &m));
	assert_false(echoes_input(e, conf, ECHO_WITHIN, &to, &m));
	assert_true(echoes_input(e, conf, ECHO_WITHIN + 5, &back, &m));
	echoes_free(e);
}

static void
echoes_are_bounded(void **state)
{
	struct datagram to = packet(OUT, 5060, IN, 7777);
	struct datagram back = packet(IN, 7777, OUT, 5060);
	struct echoes *e = echoes_new();
	struct sip_message m;
	uint32_t i;

	(void)state;
	assert_non_null(e);
	for (i = 0; i <= ECHOES_MAX; i++) {
		m = message(true, 0, i, "z9hG4bK1");
		assert_false(echoes_input(e, conf, i, &to, &m));
	}
	m = message(true, 0, 0, "z9hG4bK1");
	assert_false(echoes_input(e, conf, i, &back, &m));
	m = message(true, 0, 1, "z9hG4bK1");
	assert_true(echoes_input(e, conf, i, &back, &m));
	/* A message that was forgotten is as new. */
	for (i = 0; i <= 2 * ECHOES_MAX; i++) {
		m = message(true, 0, i, "z9hG4bK2");
		assert_false(echoes_input(e, conf, i, &to, &m));
		assert_true(echoes_input(e, conf, i, &back, &m));
	}
	echoes_free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_protected_hosts_own_port_decides),
		cmocka_unit_test(what_only_comes_back_is_an_echo),
		cmocka_unit_test(the_last_echoes_are_known),
		cmocka_unit_test(what_differs_is_no_echo),
		cmocka_unit_test(a_servers_port_does_not_echo),
		cmocka_unit_test(echoes_are_bounded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
