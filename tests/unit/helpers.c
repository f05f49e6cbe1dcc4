/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/blocks.h"
#include "tests/unit/helpers_play.h"

static void
what_is_seen_at_two_interfaces_is_watched_once(void **state)
{
	static const char a[] = "192.0.2.10", b[] = "192.0.2.77";
	struct world *w = world_new(FTP);
	void *here = NULL, *there = NULL;

	(void)state;
	/* Between two inside networks: each side counts where it comes in. */
	ftp(w, &here, INNER, PKT_IN, a, b, true, "PASV\r\n");
	ftp(w, &there, OTHER, PKT_OUT, a, b, true, "PASV\r\n");
	ftp(w, &there, OTHER, PKT_IN, b, a, false,
	    "227 (192,0,2,77,156,64)\r\n");
	ftp(w, &here, INNER, PKT_OUT, b, a, false,
	    "227 (192,0,2,77,156,64)\r\n");
	assert_events(w,
	    "open 1 in tcp 192.0.2.10 -> 192.0.2.77 port 40000 (request);");
	/* The connection is over when both interfaces have seen its end. */
	engine_tcp_end(w->e, here);
	engine_run(w->e, NOW);
	assert_events(w, "");
	engine_tcp_end(w->e, there);
	engine_run(w->e, NOW);
	assert_events(w,
	    "close 1 in tcp 192.0.2.10 -> 192.0.2.77 port 40000 (done);");
	world_free(w);
}

static void
only_what_passes_the_inside_counts(void **state)
{
	static const char in[] = "192.0.2.10", out[] = "198.51.100.7";
	struct world *w = world_new(FTP);
	void *user = NULL, *outside = NULL, *own = NULL;
	struct datagram d;

	(void)state;
	/* Forged: from inside, but it did not come in there. */
	ftp(w, &outside, OUTER, PKT_IN, in, out, true,
	    "PORT 192,0,2,10,156,64\r\n");
	ftp(w, &user, INNER, PKT_OUT, in, out, true,
	    "PORT 192,0,2,10,156,64\r\n");
	assert_events(w, "");
	ftp(w, &user, INNER, PKT_IN, in, out, true,
	    "PORT 192,0,2,10,156,64\r\n");
	assert_events(w,
	    "open 1 in tcp 198.51.100.7 -> 192.0.2.10 port 40000 (request);");
	ftp(w, &user, INNER, PKT_OUT, out, in, false, "500 no\r\n");
	assert_events(w,
	    "close 1 in tcp 198.51.100.7 -> 192.0.2.10 port 40000 (reject);");
	/* To the firewall itself, and between two that are not ours. */
	d = packet(IPPROTO_TCP, INNER, PKT_IN, in, 40000, "198.51.100.1", 21);
	d.payload = span_of("PORT 192,0,2,10,156,64\r\n");
	assert_int_equal(engine_tcp(w->e, NOW, &own, &d), CAPTURE_END);
	engine_tcp_end(w->e, own);
	assert_events(w, "");
	engine_tcp_end(w->e, user);
	engine_tcp_end(w->e, outside);
	world_free(w);
}

/* A stranger may choose his own port: from 21 to a web server, say. */
static void
the_end_that_was_connected_to_is_the_server(void **state)
{
	static const char in[] = "192.0.2.10", out[] = "198.51.100.7";
	/* clang-format off */
	static const struct {
		uint16_t		 in, out;	/* ports */
		enum stream_origin	 origin;	/* as the inside says it */
		bool			 opens;
	} rows[] = {
		{ 40000, 21, ORIGIN_SRC, true },
		{ 21, 40000, ORIGIN_DST, false },	/* its PORT is no command */
		{ 80, 21, ORIGIN_DST, false },
		{ 8080, 21, ORIGIN_DST, false },
		{ 40000, 21, ORIGIN_DST, false },
		{ 21, 21, ORIGIN_SRC, true },
		{ 21, 21, ORIGIN_DST, false },
		{ 40000, 21, ORIGIN_UNKNOWN, true },
		{ 1023, 21, ORIGIN_UNKNOWN, false },
		{ 1024, 21, ORIGIN_UNKNOWN, true },
		{ 80, 21, ORIGIN_UNKNOWN, false },
		{ 21, 21, ORIGIN_UNKNOWN, false },
		{ 21, 80, ORIGIN_UNKNOWN, false },
	};
	/* clang-format on */
	struct world *w;
	struct datagram d;
	void *user;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%u %u %d\n", rows[i].in, rows[i].out,
		    rows[i].origin);
		w = world_new(FTP);
		user = NULL;
		d = packet(IPPROTO_TCP, INNER, PKT_IN, in, rows[i].in, out,
		    rows[i].out);
		d.origin = (uint8_t)rows[i].origin;
		d.payload = span_of("PORT 192,0,2,10,21,56\r\n");
		(void)engine_tcp(w->e, NOW, &user, &d);
		assert_int_equal(strstr(w->events, "open") != NULL,
		    rows[i].opens);
		engine_tcp_end(w->e, user);
		world_free(w);
	}
}

static void
a_data_connection_must_begin_in_time(void **state)
{
	static const char in[] = "192.0.2.10", out[] = "198.51.100.7";
	struct world *w = world_new(FTP);
	void *user = NULL;

	(void)state;
	ftp(w, &user, INNER, PKT_IN, in, out, true,
	    "PORT 192,0,2,10,156,64\r\n");
	assert_true(w->deadline == NOW + 2 * USEC_PER_SEC);
	assert_true(w->once);
	engine_run(w->e, NOW + 2 * USEC_PER_SEC - 1);
	assert_null(strstr(w->events, "close"));
	engine_run(w->e, NOW + 2 * USEC_PER_SEC);
	assert_non_null(strstr(w->events, "(idle)"));
	strbuf_reset(&w->out);
	/* Seen by the packet filter: it has begun. */
	ftp(w, &user, INNER, PKT_IN, in, out, true,
	    "PORT 192,0,2,10,156,65\r\n");
	engine_seen(w->e, w->fw_id, FW_SEEN_FROM | FW_SEEN_TO,
	    NOW + USEC_PER_SEC);
	engine_run(w->e, NOW + 5 * USEC_PER_SEC);
	assert_non_null(strstr(w->events, "(done)"));
	strbuf_reset(&w->out);
	/* At once is in time. */
	ftp(w, &user, INNER, PKT_IN, in, out, true,
	    "PORT 192,0,2,10,156,65\r\n");
	engine_seen(w->e, w->fw_id, FW_SEEN_FROM, NOW);
	engine_run(w->e, NOW + 5 * USEC_PER_SEC);
	assert_non_null(strstr(w->events, "(done)"));
	strbuf_reset(&w->out);
	/* No successor would know of it. */
	ftp(w, &user, INNER, PKT_IN, in, out, true,
	    "PORT 192,0,2,10,156,66\r\n");
	strbuf_reset(&w->out);
	engine_leave(w->e, NOW + 6 * USEC_PER_SEC);
	assert_events(w,
	    "close 4 in tcp 198.51.100.7 -> 192.0.2.10 port 40002 (shutdown);");
	engine_tcp_end(w->e, user);
	world_free(w);
}

static void
an_engine_that_stops_closes_what_it_opened(void **state)
{
	static const char in[] = "192.0.2.10", out[] = "198.51.100.7";
	struct world *w = world_new(FTP);
	void *user = NULL;

	(void)state;
	ftp(w, &user, INNER, PKT_IN, in, out, true, "PORT 192,0,2,10\r\n");
	assert_events(w, "");
	assert_int_equal(world_counted(w, "ftp_ignored"), 1);
	ftp(w, &user, INNER, PKT_IN, in, out, true,
	    "PORT 192,0,2,10,156,64\r\n");
	strbuf_reset(&w->out);
	engine_shutdown(w->e, NOW);
	assert_events(w,
	    "close 1 in tcp 198.51.100.7 -> 192.0.2.10 port 40000 (shutdown);");
	engine_tcp_end(w->e, user);
	world_free(w);
}

/* A connection too many is not watched; one that is over makes room. */
static void
so_many_connections_of_ftp_are_watched(void **state)
{
	static const char in[] = "192.0.2.10", out[] = "198.51.100.7";
	static void *user[CONF_FTP_MAX + 1];
	struct world *w = world_new(FTP);
	struct datagram d;
	uint16_t i;

	(void)state;
	for (i = 0; i <= CONF_FTP_MAX; i++) {
		d = packet(IPPROTO_TCP, INNER, PKT_IN, in,
		    (uint16_t)(20000 + i), out, 21);
		d.payload = span_of("USER a\r\n");
		assert_int_equal(engine_tcp(w->e, NOW, &user[i], &d) ==
			CAPTURE_END,
		    i == CONF_FTP_MAX);
	}
	engine_tcp_end(w->e, user[7]);
	engine_run(w->e, NOW);
	user[7] = NULL;
	assert_int_not_equal(engine_tcp(w->e, NOW, &user[7], &d), CAPTURE_END);
	for (i = 0; i <= CONF_FTP_MAX; i++)
		if (user[i] != NULL)
			engine_tcp_end(w->e, user[i]);
	world_free(w);
}

/* The same, later: a client's line, or a server's. */
static void
ftp_at(struct world *w, void **user, int64_t now, bool client, const char *text)
{
	static const char in[] = "192.0.2.10", out[] = "198.51.100.7";
	struct datagram d = client
	    ? packet(IPPROTO_TCP, INNER, PKT_IN, in, 40000, out, 21)
	    : packet(IPPROTO_TCP, INNER, PKT_OUT, out, 21, in, 40000);

	d.payload = span_of(text);
	engine_run(w->e, now);
	assert_true(engine_tcp(w->e, now, user, &d));
}

#define ACTIVE(id, what, why)                                                  \
	what " " id " in tcp 198.51.100.7 -> 192.0.2.10 port 40000 (" why ");"

static void
the_time_of_active_mode_runs_anew(void **state)
{
	struct world *w = world_new(FTP);
	int64_t now = NOW;
	void *user = NULL;

	(void)state;
	/* A server that takes 2.1 seconds to say yes. */
	ftp_at(w, &user, now, true, "PORT 192,0,2,10,156,64\r\n");
	ftp_at(w, &user, now += 2100000, false, "200 ok\r\n");
	assert_events(w,
	    ACTIVE("1", "open", "request") ACTIVE("1", "close", "idle")
		ACTIVE("2", "open", "request"));
	assert_true(w->deadline == now + 2 * USEC_PER_SEC);
	/* A client that thinks before it asks for the file. */
	ftp_at(w, &user, now += 1900000, true, "RETR file\r\n");
	assert_true(w->deadline == now + 2 * USEC_PER_SEC);
	ftp_at(w, &user, now += 1900000, false, "150 here\r\n");
	assert_events(w, "");
	/*
	 * The data connection has begun, so the next one needs another pinhole.
	 */
	ftp_at(w, &user, now += 500000, true, "RETR file\r\n");
	assert_events(w, ACTIVE("2", "close", "done"));
	ftp_at(w, &user, now, false, "226 done\r\n");
	ftp_at(w, &user, now, true, "RETR file\r\n");
	assert_events(w, "");
	/*
	 * Nor may another connection come if the packet filter has seen the
	 * first.
	 */
	ftp_at(w, &user, now, true, "PORT 192,0,2,10,156,64\r\n");
	strbuf_reset(&w->out);
	engine_seen(w->e, w->fw_id, FW_SEEN_FROM, now + 1);
	ftp_at(w, &user, now + USEC_PER_SEC, true, "LIST\r\n");
	assert_true(w->deadline == now + 2 * USEC_PER_SEC);
	ftp_at(w, &user, now += 3 * USEC_PER_SEC, true, "LIST\r\n");
	assert_events(w, ACTIVE("3", "close", "done"));
	engine_tcp_end(w->e, user);
	user = NULL;
	/* The next one may be late again. */
	ftp_at(w, &user, now, true, "PORT 192,0,2,10,156,64\r\n");
	ftp_at(w, &user, now, false, "200 ok\r\n");
	ftp_at(w, &user, now, true, "RETR file\r\n");
	ftp_at(w, &user, now, false, "150 here\r\n");
	ftp_at(w, &user, now, false, "226 done\r\n");
	ftp_at(w, &user, now, true, "PORT 192,0,2,10,156,64\r\n");
	strbuf_reset(&w->out);
	ftp_at(w, &user, now += 2100000, false, "200 ok\r\n");
	assert_events(w,
	    ACTIVE("5", "close", "idle") ACTIVE("6", "open", "request"));
	/* A PORT that the server refuses closes its pinhole. */
	ftp_at(w, &user, now, true, "PORT 192,0,2,10,156,64\r\n");
	ftp_at(w, &user, now, false, "500 no\r\n");
	ftp_at(w, &user, now, true, "LIST\r\n");
	assert_events(w,
	    ACTIVE("6", "close", "replaced") ACTIVE("7", "open", "request")
		ACTIVE("7", "close", "reject"));
	engine_tcp_end(w->e, user);
	world_free(w);
}

static void
no_data_go_to_a_port_of_signalling(void **state)
{
	static const char in[] = "192.0.2.10", out[] = "198.51.100.7";
	struct world *w = world_new(ALL);
	void *user = NULL;

	(void)state;
	ftp(w, &user, INNER, PKT_IN, in, out, true,
	    "PORT 192,0,2,10,19,196\r\n");
	assert_events(w,
	    "refuse 192.0.2.10 -> 192.0.2.10 port 5060 "
	    "(port-range);");
	ftp(w, &user, INNER, PKT_IN, in, out, true, "EPSV\r\n");
	ftp(w, &user, INNER, PKT_OUT, out, in, false, "500 no\r\n");
	ftp(w, &user, INNER, PKT_OUT, out, in, false, "229 (|||5080|)\r\n");
	assert_events(w,
	    "refuse 198.51.100.7 -> 198.51.100.7 port 5080 "
	    "(port-range);");
	engine_tcp_end(w->e, user);
	/* A request to port 5060 is read as SIP, which it is not. */
	tftp(w, NOW, in, 5060, out);
	assert_events(w, "");
	tftp(w, NOW, in, 5061, out);
	assert_non_null(strstr(w->events, "open "));
	world_free(w);
}

/* Private addresses are hosts; a group, or nobody, is none. */
static void
data_go_to_hosts_only(void **state)
{
	static const struct {
		const char *data, *said;
	} rows[] = {
		{ "10,0,0,5,4,0", "open" },
		{ "10,0,0,5,3,255", "refuse" },
		{ "10,0,0,6,4,0", "open" },
		{ "224,0,0,5,4,0", "" },
		{ "127,0,0,1,4,0", "" },
		{ "0,0,0,0,4,0", "" },
		{ "172,16,0,7,4,0", "" },
	};
	struct world *w;
	char line[64];
	void *user;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].data);
		w = world_new("protect { 10.0.0.0/8 127.0.0.0/8 224.0.0.0/4 "
			      "0.0.0.0/32 }\nftp { port 21\nloose yes }\n");
		user = NULL;
		snprintf(line, sizeof(line), "PORT %s\r\n", rows[i].data);
		ftp(w, &user, INNER, PKT_IN, "10.0.0.5", "172.16.0.7", true,
		    line);
		assert_int_equal(strncmp(w->events, rows[i].said,
				     strlen(rows[i].said)),
		    0);
		if (rows[i].said[0] == '\0')
			assert_null(strstr(w->events, "open"));
		engine_tcp_end(w->e, user);
		world_free(w);
	}
}

/* A PORT that we refuse takes the place of the one before. */
static void
a_port_that_is_refused_ends_the_one_before(void **state)
{
	struct world *w = world_new(ALL);
	void *user = NULL;

	(void)state;
	ftp_at(w, &user, NOW, true, "PORT 192,0,2,10,156,64\r\n");
	ftp_at(w, &user, NOW, false, "200 ok\r\n");
	ftp_at(w, &user, NOW + 3 * USEC_PER_SEC, true,
	    "PORT 192,0,2,10,19,196\r\n");
	assert_events(w,
	    ACTIVE("1", "open", "request")
		ACTIVE("1", "close", "idle") "refuse 192.0.2.10 -> 192.0.2.10 "
					     "port 5060 (port-range);");
	ftp_at(w, &user, NOW + 3 * USEC_PER_SEC, false, "200 ok\r\n");
	ftp_at(w, &user, NOW + 3 * USEC_PER_SEC, true, "RETR file\r\n");
	assert_events(w, "");
	engine_tcp_end(w->e, user);
	world_free(w);
}

/* Between which hosts a pinhole may be, and to which ports. */
static void
helpers_open_only_this(void **state)
{
	static const struct {
		const char *from, *to;
		char dir; /* i(n), o(ut) or none */
	} rows[] = {
		{ "198.51.100.7", "192.0.2.10", 'i' },
		{ "192.0.2.10", "198.51.100.7", 'o' },
		{ "192.0.2.10", "192.0.2.11", 'i' },
		{ "10.0.0.1", "192.0.2.10", 'i' },
		{ "198.51.100.7", "203.0.113.1", '-' },
		{ "192.0.2.10", "192.0.2.10", '-' },
		{ "2001:db8:1::7", "192.0.2.10", '-' },
		{ "2001:db8:1::7", "2001:db8:2::10", 'i' },
		{ "2001:db8:2::10", "2001:db8:1::7", 'o' },
		/* Our own address outside, and one that is protected. */
		{ "198.51.100.1", "192.0.2.10", '-' },
		{ "192.0.2.10", "198.51.100.1", '-' },
		{ "192.0.2.1", "198.51.100.7", 'o' },
		{ "198.51.100.7", "192.0.2.1", 'i' },
		/* No host at all. */
		{ "127.0.0.1", "192.0.2.10", '-' },
		{ "192.0.2.10", "127.0.0.1", '-' },
		{ "192.0.2.10", "224.0.0.1", '-' },
		{ "192.0.2.10", "255.255.255.255", '-' },
		{ "0.0.0.0", "192.0.2.10", '-' },
		{ "192.0.2.10", "169.254.1.1", '-' },
	};
	static const struct {
		uint16_t port;
		bool sip, none;
	} ports[] = { { 0, true, true }, { 1023, true, true },
		{ 1024, false, false }, { 5059, false, false },
		{ 5060, true, false }, { 5061, false, false },
		{ 5080, true, false }, { 65535, false, false } };
	static const struct addr own[] = { { AF_INET, { 192, 0, 2, 1 } },
		{ AF_INET, { 198, 51, 100, 1 } } };
	struct world *w = world_new("protect { 192.0.2.0/24 2001:db8:2::/64 "
				    "}\nsip { port { 5060 5080 } }\n");
	struct helper_place place = { .conf = w->conf, .own = own, .nown = 2 };
	struct endpoint to = { .port = 4000 };
	struct pinhole h;
	struct addr from;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s to %s\n", rows[i].from, rows[i].to);
		assert_int_equal(addr_parse(span_of(rows[i].from), &from),
		    PH_OK);
		assert_int_equal(addr_parse(span_of(rows[i].to), &to.addr),
		    PH_OK);
		assert_int_equal(helper_pinhole(&place, IPPROTO_TCP, &from, &to,
				     &h),
		    rows[i].dir != '-');
		if (rows[i].dir == '-')
			continue;
		assert_int_equal(h.dir,
		    rows[i].dir == 'i' ? PINHOLE_IN : PINHOLE_OUT);
		assert_int_equal(h.proto, IPPROTO_TCP);
		assert_true(addr_eq(&h.from.addr, &from));
		assert_int_equal(h.from.len, from.af == AF_INET ? 32 : 128);
		assert_true(addr_eq(&h.to, &to.addr));
		assert_int_equal(h.to_lo, 4000);
		assert_int_equal(h.to_hi, 4000);
		assert_int_equal(h.from_port, 0);
	}
	for (i = 0; i < ROWS(ports); i++) {
		w->conf->sip.on = true;
		assert_int_equal(helper_refuses_port(&place, ports[i].port),
		    ports[i].sip);
		w->conf->sip.on = false;
		assert_int_equal(helper_refuses_port(&place, ports[i].port),
		    ports[i].none);
	}
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(helpers_open_only_this),
		cmocka_unit_test(
		    what_is_seen_at_two_interfaces_is_watched_once),
		cmocka_unit_test(only_what_passes_the_inside_counts),
		cmocka_unit_test(the_end_that_was_connected_to_is_the_server),
		cmocka_unit_test(a_data_connection_must_begin_in_time),
		cmocka_unit_test(an_engine_that_stops_closes_what_it_opened),
		cmocka_unit_test(so_many_connections_of_ftp_are_watched),
		cmocka_unit_test(the_time_of_active_mode_runs_anew),
		cmocka_unit_test(no_data_go_to_a_port_of_signalling),
		cmocka_unit_test(data_go_to_hosts_only),
		cmocka_unit_test(a_port_that_is_refused_ends_the_one_before),
	};

	return blocks_end(cmocka_run_group_tests(tests, blocks_begin, NULL));
}
