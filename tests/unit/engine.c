/* SPDX-License-Identifier: ISC */
/*
 * The engine as its process sees it: where a message counts, how long a
 * pinhole stays without a renewal, what a successor knows, and the limits.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/engine/ports.h"
#include "tests/unit/blocks.h"
#include "tests/unit/engine_play.h"

static void
a_message_counts_in_one_place(void **state)
{
	static const struct {
		bool from_pbx;
		uint8_t dir;
		uint32_t ifindex;
	} elsewhere[] = {
		/* Not yet let through, or on another way. */
		{ false, PKT_IN, UPLINK },
		{ false, PKT_OUT, UPLINK },
		/* A host inside that claims to be a telephone outside. */
		{ false, PKT_IN, INSIDE },
		/* An inside source that comes from outside is forged. */
		{ true, PKT_IN, UPLINK },
		{ true, PKT_OUT, UPLINK },
		{ true, PKT_OUT, INSIDE },
	};
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		dir = elsewhere[i].dir;
		ifindex = elsewhere[i].ifindex;
		message(false, "INVITE", 1, 1, 4000, "sendrecv");
	}
	assert_int_equal(counter("calls_total"), 0);
	message(false, "INVITE", 1, 1, 4000, "sendrecv");
	for (i = 3; i < ROWS(elsewhere); i++) {
		dir = elsewhere[i].dir;
		ifindex = elsewhere[i].ifindex;
		message(true, "200 INVITE", 1, 1, 10000, "sendrecv");
	}
	assert_int_equal(filter.n, 0);
	assert_int_equal(counter("seen_elsewhere"), 6);
	message(true, "200 INVITE", 1, 1, 10000, "sendrecv");
	assert_int_equal(filter.n, 2);
	assert_string_equal(said, "open answer;open answer;");
}

static void
a_lease_is_renewed_in_time(void **state)
{
	int i;

	(void)state;
	call(1);
	assert_int_equal(filter.n, 2);
	assert_true(filter.hole[0].deadline <= now + 100 * USEC_PER_SEC);
	for (i = 0; i < 400; i++) {
		pass(1, true);
		assert_int_equal(filter.n, 2);
		assert_true(filter.hole[0].deadline > now);
	}
	/* Not at every second. */
	assert_true(filter.told <= 2 * (1 + 400 / 40));
	/*
	 * A pinhole that the filter has lost comes back with the next renewal.
	 */
	engine_lost(engine, filter.hole[0].id);
	filter.hole[0] = filter.hole[1];
	filter.n = 1;
	pass(60, true);
	assert_int_equal(filter.n, 2);
	filter.n = 0;
	engine_resend(engine, now);
	assert_int_equal(filter.n, 2);
	assert_string_equal(said, "open answer;open answer;");
	hang_up(1, 2);
	assert_int_equal(filter.n, 0);
	assert_true(engine_next(engine) > now);
}

static void
silence_ends_a_call(void **state)
{
	(void)state;
	call(1);
	/* Whenever it is that the timer would look again. */
	pass(37, true);
	pass(99, false);
	assert_int_equal(filter.n, 2);
	pass(2, false);
	assert_int_equal(filter.n, 0);
	assert_non_null(strstr(said, "close idle;close idle;"));
}

/* And so does what the protected side says in the call. */
static void
an_answer_from_inside_is_life(void **state)
{
	(void)state;
	call(1);
	pass(90, false);
	message(false, "UPDATE", 1, 2, 0, NULL);
	message(true, "200 UPDATE", 1, 2, 0, NULL);
	pass(99, false);
	assert_int_equal(filter.n, 2);
	/* The outside alone may ask as often as it likes. */
	message(false, "UPDATE", 1, 3, 0, NULL);
	pass(2, false);
	assert_int_equal(filter.n, 0);
	assert_non_null(strstr(said, "close idle;close idle;"));
}

static void
only_the_outside_may_not_keep_a_call(void **state)
{
	int i;
	size_t k;

	(void)state;
	call(1);
	/* Four times as long as silence is borne, and no longer. */
	for (i = 0; i < 410; i++) {
		now += USEC_PER_SEC;
		for (k = 0; k < filter.n; k++)
			engine_seen(engine, filter.hole[k].id,
			    filter.hole[k].dir == PINHOLE_IN ? FW_SEEN_FROM
							     : FW_SEEN_TO,
			    now);
		engine_run(engine, now);
		if (i == 390)
			assert_int_equal(filter.n, 2);
	}
	assert_int_equal(filter.n, 0);
	assert_non_null(strstr(said, "close idle;"));
}

static void
without_reports_silence_is_not_judged(void **state)
{
	(void)state;
	place.activity = false;
	engine_begin();
	call(1);
	pass(990, false);
	assert_int_equal(filter.n, 2);
	pass(11, false);
	assert_int_equal(filter.n, 0);
	assert_non_null(strstr(said, "close max-duration;"));
}

static void
no_call_lasts_for_ever(void **state)
{
	(void)state;
	call(1);
	pass(990, true);
	assert_int_equal(filter.n, 2);
	pass(11, true);
	assert_int_equal(filter.n, 0);
	assert_non_null(strstr(said, "close max-duration;"));
}

static void
hold_outlives_silence(void **state)
{
	(void)state;
	call(1);
	pass(50, true);
	message(false, "INVITE", 1, 2, 4000, "sendonly");
	message(true, "200 INVITE", 1, 2, 10002, "recvonly");
	message(false, "ACK", 1, 2, 0, NULL);
	pass(300, false);
	assert_int_equal(filter.n, 2);
	/* Resumed: silence counts from here. */
	message(false, "INVITE", 1, 3, 4000, "sendrecv");
	message(true, "200 INVITE", 1, 3, 10002, "sendrecv");
	message(false, "ACK", 1, 3, 0, NULL);
	pass(98, false);
	assert_int_equal(filter.n, 2);
	pass(4, false);
	assert_int_equal(filter.n, 0);
	assert_non_null(strstr(said, "close idle;"));
}

static void
a_successor_knows_the_call(void **state)
{
	struct pinhole before[2];
	size_t i, k;

	(void)state;
	call(1);
	message(false, "INVITE", 2, 1, 5000, "sendrecv");
	assert_int_equal(written, 0);
	engine_flush(engine);
	assert_int_equal(written, 2);
	assert_int_equal(nrecord, 2);
	engine_flush(engine);
	assert_int_equal(written, 2);
	memcpy(before, filter.hole, sizeof(before));
	engine_begin();
	for (i = 0; i < nrecord; i++)
		engine_adopt(engine, record[i].key, record[i].bytes,
		    record[i].len, now);
	assert_int_equal(filter.n, 2);
	assert_string_equal(said, "");
	for (i = 0; i < 2; i++) {
		for (k = 0; k < 2; k++)
			if (filter.hole[k].id == before[i].id)
				break;
		assert_true(k < 2);
		assert_int_equal(pinhole_cmp(&filter.hole[k], &before[i]), 0);
		assert_true(filter.hole[k].deadline > now);
	}
	assert_int_equal(counter("calls"), 2);
	/* The first ends, the second is answered, under an id of its own. */
	pass(20, true);
	hang_up(1, 2);
	assert_int_equal(filter.n, 0);
	assert_string_equal(said, "close bye;close bye;");
	message(true, "200 INVITE", 2, 1, 10004, "sendrecv");
	assert_int_equal(filter.n, 2);
	assert_true(filter.hole[0].id > before[0].id);
	assert_true(filter.hole[0].id > before[1].id);
	pass(99, false);
	assert_int_equal(filter.n, 2);
	hang_up(2, 2);
	pass(64, false);
	engine_flush(engine);
	assert_int_equal(nrecord, 0);
}

static void
silence_counts_for_a_successor_too(void **state)
{
	(void)state;
	call(1);
	engine_flush(engine);
	assert_int_equal(nrecord, 1);
	engine_begin();
	engine_adopt(engine, record[0].key, record[0].bytes, record[0].len,
	    now);
	/* Twice is once. */
	engine_adopt(engine, record[0].key, record[0].bytes, record[0].len,
	    now);
	assert_int_equal(filter.n, 2);
	assert_int_equal(counter("calls"), 1);
	pass(110, false);
	assert_int_equal(filter.n, 0);
	assert_string_equal(said, "close idle;close idle;");
}

/*
 * A pinhole that an accepted offer has replaced stays open for as long as in
 * the engine before.
 */
static void
a_successor_knows_what_was_replaced(void **state)
{
	(void)state;
	call(1);
	message(false, "INVITE", 1, 3, 4010, "sendrecv");
	message(true, "200 INVITE", 1, 3, 10010, "sendrecv");
	message(false, "ACK", 1, 3, 0, NULL);
	assert_int_equal(filter.n, 4);
	engine_flush(engine);
	assert_int_equal(nrecord, 1);
	engine_begin();
	engine_adopt(engine, record[0].key, record[0].bytes, record[0].len,
	    now);
	assert_int_equal(filter.n, 4);
	assert_string_equal(said, "");
	pass(2, true);
	assert_int_equal(filter.n, 4);
	pass(2, true);
	assert_int_equal(filter.n, 2);
	assert_string_equal(said, "close replaced;close replaced;");
}

#define CANDIDATE(at) "sendrecv\r\na=candidate:1 1 UDP 1 " at " typ host"

static void
a_successor_knows_candidates(void **state)
{
	size_t n;

	(void)state;
	message(false, "INVITE", 1, 1, 4000, CANDIDATE("198.51.100.7 4004"));
	message(true, "200 INVITE", 1, 1, 10000, CANDIDATE("192.0.2.10 10004"));
	engine_flush(engine);
	n = filter.n;
	assert_true(n > 2);
	engine_begin();
	engine_adopt(engine, record[0].key, record[0].bytes, record[0].len,
	    now);
	assert_int_equal(filter.n, n);
	assert_string_equal(said, "");
}

static void
a_record_is_whole_or_nothing(void **state)
{
	size_t len;
	uint8_t *copy;

	(void)state;
	call(1);
	engine_flush(engine);
	for (len = 0; len < record[0].len; len++) {
		engine_begin();
		copy = malloc(len + 1);
		assert_non_null(copy);
		memcpy(copy, record[0].bytes, len);
		copy = realloc(copy, len > 0 ? len : 1);
		engine_adopt(engine, record[0].key, copy, len, now);
		free(copy);
		assert_int_equal(filter.n, 0);
		assert_int_equal(counter("calls"), 0);
	}
}

/* A reload to a configuration without `sip`: each open has its close. */
static void
a_successor_that_follows_no_calls_closes_them(void **state)
{
	(void)state;
	call(1);
	engine_flush(engine);
	assert_int_equal(nrecord, 1);
	conf->sip.on = false;
	engine_begin();
	engine_adopt(engine, record[0].key, record[0].bytes, record[0].len,
	    now);
	assert_string_equal(said, "close policy;close policy;");
	assert_int_equal(filter.n, 0);
	assert_int_equal(nrecord, 0);
	assert_int_equal(counter("pinholes"), 0);
}

static void
shutdown_leaves_calls_for_a_successor(void **state)
{
	(void)state;
	call(1);
	engine_leave(engine, now);
	assert_int_equal(filter.n, 2);
	engine_shutdown(engine, now);
	assert_int_equal(filter.n, 0);
	assert_string_equal(said,
	    "open answer;open answer;close shutdown;close shutdown;");
	assert_int_equal(nrecord, 1);
	engine_begin();
	engine_adopt(engine, record[0].key, record[0].bytes, record[0].len,
	    now);
	assert_int_equal(filter.n, 2);
	/* Their end was announced: they have new names. */
	assert_non_null(strstr(said, "open "));
	hang_up(1, 2);
	assert_int_equal(filter.n, 0);
}

static void
strangers_invite_only_so_often(void **state)
{
	unsigned int i;

	(void)state;
	configure("limit rate 5");
	for (i = 0; i < 20; i++)
		message(false, "INVITE", i, 1, 4000, "sendrecv");
	assert_in_range(counter("calls_total"), 5, 10);
	assert_int_equal(counter("limit_rate"), 20 - counter("calls_total"));
	/* The inside may, and the outside may end what it began. */
	for (i = 100; i < 120; i++)
		message(true, "INVITE", i, 1, 10000, "sendrecv");
	assert_int_equal(counter("limit_rate") + counter("calls_total"), 40);
	assert_true(counter("calls_total") >= 25);
	now += 2 * USEC_PER_SEC;
	message(false, "INVITE", 200, 1, 4000, "sendrecv");
	message(true, "200 INVITE", 200, 1, 10000, "sendrecv");
	assert_int_equal(filter.n, 2);
}

static void
calls_that_nobody_accepted_give_way(void **state)
{
	unsigned int i;

	(void)state;
	configure("limit calls 10 per source 10");
	call(1);
	for (i = 2; i <= 12; i++)
		message(false, "INVITE", i, 1, 4000, "sendrecv");
	assert_true(counter("calls") <= 10);
	assert_true(counter("calls_evicted") + counter("limit_per_source") +
		counter("limit_calls") >=
	    2);
	/* The running one is none of them. */
	assert_int_equal(filter.n, 2);
	hang_up(1, 2);
	assert_string_equal(said,
	    "open answer;open answer;close bye;close bye;");
}

static void
nothing_but_sip_is_read(void **state)
{
	struct datagram d = { .proto = IPPROTO_UDP,
		.dir = PKT_OUT,
		.ifindex = INSIDE };

	(void)state;
	d.src.addr = addr_v4(198, 51, 100, 7);
	d.dst.addr = addr_v4(192, 0, 2, 10);
	d.payload = span_of("OPTIONS sip:x@example SIP/2.0\r\n\r\n");
	d.src.port = d.dst.port = 69;
	engine_udp(engine, now, &d);
	assert_int_equal(counter("sip_rejected_syntax"), 0);
	d.dst.port = 5060;
	d.src.port = 40000;
	engine_udp(engine, now, &d);
	d.src.port = 5060;
	d.dst.port = 7;
	engine_udp(engine, now, &d);
	assert_int_equal(counter("sip_other_ports"), 1);
	assert_int_equal(filter.n, 0);
}

static void
each_port_is_captured_once(void **state)
{
	static const struct capture_port want[] = { { IPPROTO_UDP, 5060 },
		{ IPPROTO_TCP, 5060 }, { IPPROTO_UDP, 5080 },
		{ IPPROTO_TCP, 5080 } };
	struct capture_port *v;
	struct ports ports;
	size_t i, k, n, times;

	(void)state;
	configure("port { 5060 5080 }");
	assert_int_equal(engine_ports(conf, &v, &n), PH_OK);
	assert_true(n >= ROWS(want));
	for (i = 0; i < ROWS(want); i++) {
		for (times = k = 0; k < n; k++)
			times += v[k].proto == want[i].proto &&
			    v[k].port == want[i].port;
		assert_int_equal(times, 1);
	}
	free(v);
	/* A port of two protocols is in the list once, too. */
	ports = conf->tftp.port;
	conf->tftp.port = conf->sip.port;
	conf->tftp.on = true;
	assert_int_equal(engine_ports(conf, &v, &k), PH_OK);
	assert_int_equal(k, n);
	free(v);
	conf->tftp.port = ports;
	conf->tftp.on = false;
	conf->sip.on = false;
	assert_int_equal(engine_ports(conf, &v, &n), PH_OK);
	assert_int_equal(n, 0);
	free(v);
}

/*
 * Media to or from an address of the firewall itself would be a way into it.
 * Nothing opens there, whether a phone, a PBX or a server names it.
 */
static void
the_firewalls_own_address_is_no_remote(void **state)
{
	static const struct {
		const char *what, *sip, *phone, *phone_says, *pbx_says;
		const char *said;
		size_t holes;
	} rows[] = {
		{ "a phone names it", "", PHONE, OWN, NULL,
		    "open answer;refuse address;", 1 },
		{ "and only SDP counts", "remote sdp", PHONE, OWN, NULL,
		    "refuse address;", 0 },
		{ "or all may come", "remote any", PHONE, OWN, NULL,
		    "open answer;", 1 },
		{ "or those listed", "remote 203.0.113.0/24", PHONE, OWN, NULL,
		    "open answer;refuse address;", 1 },
		{ "a PBX names it", "", PHONE, NULL, OWN,
		    "refuse not-protected;", 0 },
		{ "a server names it", "server " PBX, PHONE, NULL, OWN, "", 0 },
		{ "the firewall calls", "", OWN, NULL, NULL, "refuse address;",
		    0 },
		{ "the firewall calls for a phone", "", OWN, PHONE, NULL,
		    "open answer;open answer;", 2 },
	};
	struct addr own;
	char sip[128];
	size_t i, k;

	(void)state;
	assert_int_equal(addr_parse(span_of(OWN), &own), PH_OK);
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		snprintf(sip, sizeof(sip), "%s", rows[i].sip);
		configure(sip);
		phone = rows[i].phone;
		media_of_phone = rows[i].phone_says;
		media_of_pbx = rows[i].pbx_says;
		call(1);
		assert_string_equal(said, rows[i].said);
		assert_int_equal(filter.n, rows[i].holes);
		for (k = 0; k < filter.n; k++) {
			assert_false(addr_eq(&filter.hole[k].to, &own));
			assert_false(filter.hole[k].from.len == 32 &&
			    addr_eq(&filter.hole[k].from.addr, &own));
		}
	}
}

/* Where no refresh comes, media alone keep a call with a session timer. */
static void
media_outlast_a_session_timer(void **state)
{
	(void)state;
	configure("timeout setup 60 idle 500 max 5000");
	header = "Session-Expires: 90\r\n";
	call(1);
	pass(300, true);
	assert_int_equal(filter.n, 2);
	pass(70, false);
	assert_int_equal(filter.n, 0);
	assert_non_null(strstr(said, "close session-timer;"));
	/* A call without media from its beginning. */
	call(2);
	pass(115, false);
	assert_int_equal(filter.n, 2);
	pass(10, false);
	assert_int_equal(filter.n, 0);
}

/* The statements about media of a configuration, down to the packet filter. */
static void
the_configuration_is_heeded(void **state)
{
	static const struct {
		const char *sip, *pbx_says;
		uint16_t port;
		const char *said;
	} rows[] = {
		{ "port { 5060 5080 }", NULL, 5080,
		    "open answer;refuse port-range;" },
		{ "port { 5060 5080 }", NULL, 5079,
		    "open answer;refuse port-range;" },
		{ "port { 5060 }", NULL, 5080, "open answer;open answer;" },
		{ "external " OWN " for " PBX, OWN, 10000,
		    "open answer;open answer;" },
		{ "media 192.0.2.11", NULL, 10000, "refuse not-protected;" },
		{ "media { 192.0.2.11 192.0.2.10 }", NULL, 10000,
		    "open answer;open answer;" },
		{ "media 192.0.2.10 port 10001:20000", NULL, 10000,
		    "refuse port-range;" },
		/* RTCP is beyond it. */
		{ "media 192.0.2.10 port 1024:10000", NULL, 10000,
		    "open answer;open answer;refuse port-range;" },
		{ "media 192.0.2.10 port 1024:10001", NULL, 10000,
		    "open answer;open answer;" },
		{ "media 192.0.2.10 port 1024:9999", NULL, 10000,
		    "refuse port-range;" },
		{ "server " PBX, "192.0.2.11", 10000,
		    "open answer;open answer;" },
		{ "", "192.0.2.11", 10000, "refuse not-server;" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].sip);
		configure(rows[i].sip);
		media_of_pbx = rows[i].pbx_says;
		message(false, "INVITE", 1, 1, 4000, "sendrecv");
		message(true, "200 INVITE", 1, 1, rows[i].port, "sendrecv");
		assert_string_equal(said, rows[i].said);
	}
	/* With `redirect` the packet filter is told of the alias. */
	for (i = 0; i < 2; i++) {
		configure(i == 0 ? "external " OWN " for " PBX
				 : "external " OWN " for " PBX
				   "\nredirect yes");
		media_of_pbx = OWN;
		call(1);
		assert_int_equal(filter.hole[0].rdr_from.addr.af != AF_UNSPEC,
		    i);
		assert_int_equal(filter.hole[0].dir, PINHOLE_IN);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_message_counts_in_one_place),
		CASE(a_lease_is_renewed_in_time),
		CASE(silence_ends_a_call),
		CASE(an_answer_from_inside_is_life),
		CASE(only_the_outside_may_not_keep_a_call),
		CASE(without_reports_silence_is_not_judged),
		CASE(no_call_lasts_for_ever),
		CASE(hold_outlives_silence),
		CASE(media_outlast_a_session_timer),
		CASE(the_configuration_is_heeded),
		CASE(the_firewalls_own_address_is_no_remote),
		CASE(a_successor_knows_the_call),
		CASE(silence_counts_for_a_successor_too),
		CASE(a_successor_knows_what_was_replaced),
		CASE(a_successor_knows_candidates),
		CASE(a_record_is_whole_or_nothing),
		CASE(a_successor_that_follows_no_calls_closes_them),
		CASE(shutdown_leaves_calls_for_a_successor),
		CASE(strangers_invite_only_so_often),
		CASE(calls_that_nobody_accepted_give_way),
		CASE(nothing_but_sip_is_read),
		CASE(each_port_is_captured_once),
	};

	return blocks_end(cmocka_run_group_tests(tests, blocks_begin, NULL));
}
