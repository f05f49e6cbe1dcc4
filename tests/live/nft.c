/* SPDX-License-Identifier: ISC */
/*
 * Packets from one namespace to another through a third: which pass, which do
 * not, and when that ends.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/live/nftlab.h"

static void
test_outside_may_speak_first(void **state)
{
	int out = out_at(4000), other = out_at(4002), in = in_at(10000);
	struct pinhole h;

	(void)state;
	STOP(out, "192.0.2.20", 10000, in);
	h = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10000);
	PASS(out, "192.0.2.20", 10000, in);
	PASS(in, "198.51.100.7", 4000, out);
	/* Any source port may come (RFC 3264 promises no symmetry). */
	PASS(other, "192.0.2.20", 10000, in);
	closed(&h);
	close(out);
	close(other);
	close(in);
}

static void
test_inside_may_speak_first(void **state)
{
	int out = out_at(4004), in = in_at(10004), asym = in_at(10006);
	struct pinhole a, b;

	(void)state;
	STOP(in, "198.51.100.7", 4004, out);
	a = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10004);
	PASS(in, "198.51.100.7", 4004, out);
	PASS(out, "192.0.2.20", 10004, in);
	/* From a port that it has not named, too, to the one it was told. */
	STOP(asym, "198.51.100.7", 4004, out);
	b = opened(PINHOLE_OUT, "192.0.2.20", "198.51.100.7", 4004);
	PASS(asym, "198.51.100.7", 4004, out);
	PASS(out, "192.0.2.20", 10006, asym);
	closed(&a);
	closed(&b);
	close(out);
	close(in);
	close(asym);
}

static void
test_nobody_rides_on_an_outward_pinhole(void **state)
{
	int out = out_at(4010), in = in_at(10010);
	struct pinhole h;

	(void)state;
	h = opened(PINHOLE_OUT, "192.0.2.20", "198.51.100.7", 4010);
	STOP(out, "192.0.2.20", 10010, in);
	PASS(in, "198.51.100.7", 4010, out);
	PASS(out, "192.0.2.20", 10010, in);
	closed(&h);
	close(out);
	close(in);
}

static void
test_third_parties_stay_out(void **state)
{
	int third = third_at(4020), in = in_at(10020), beside = in_at(10021);
	int out = out_at(4020);
	struct pinhole h;

	(void)state;
	h = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10020);
	STOP(third, "192.0.2.20", 10020, in);
	STOP(out, "192.0.2.20", 10021, beside);
	PASS(out, "192.0.2.20", 10020, in);
	STOP(third, "192.0.2.20", 10020, in);
	closed(&h);
	close(third);
	close(in);
	close(beside);
	close(out);
}

static void
test_closing_stops_running_media_both_ways(void **state)
{
	int out = out_at(4030), in = in_at(10030);
	struct pinhole a, b;

	(void)state;
	a = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10030);
	b = opened(PINHOLE_OUT, "192.0.2.20", "198.51.100.7", 4030);
	PASS(out, "192.0.2.20", 10030, in);
	PASS(in, "198.51.100.7", 4030, out);
	PASS(out, "192.0.2.20", 10030, in);
	closed(&a);
	closed(&b);
	STOP(out, "192.0.2.20", 10030, in);
	STOP(in, "198.51.100.7", 4030, out);
	/* And the same ports open again for the next call. */
	a = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10030);
	PASS(in, "198.51.100.7", 4030, out);
	PASS(out, "192.0.2.20", 10030, in);
	closed(&a);
	STOP(out, "192.0.2.20", 10030, in);
	close(out);
	close(in);
}

static void
test_presence_and_absence_never_fail(void **state)
{
	struct pinhole h =
	    lab_hole(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 1);
	struct pinhole twin;

	(void)state;
	assert_int_equal(lab_commit(FW_CLOSE, &h), PH_OK);
	assert_int_equal(lab_commit(FW_OPEN, &h), PH_OK);
	assert_int_equal(lab_commit(FW_OPEN, &h), PH_OK);
	twin = h;
	twin.id = h.id + 1000;
	assert_int_equal(lab_commit(FW_OPEN, &twin), PH_OK);
	assert_int_equal(lab_commit(FW_CLOSE, &h), PH_OK);
	assert_int_equal(lab_commit(FW_CLOSE, &h), PH_OK);
	assert_int_equal(lab_commit(FW_CLOSE, &twin), PH_OK);
	/* Behind our back. */
	assert_int_equal(lab_commit(FW_OPEN, &h), PH_OK);
	assert_int_equal(system("nft flush set inet pinholed udp4_in"), 0);
	assert_int_equal(lab_commit(FW_CLOSE, &h), PH_OK);
}

static void
test_ipv6_is_the_same(void **state)
{
	int out = netns_socket(OUTSIDE, SOCK_DGRAM, "2001:db8:1::7", 4040);
	int third = netns_socket(OUTSIDE, SOCK_DGRAM, "2001:db8:1::66", 4040);
	int in = netns_socket(INSIDE, SOCK_DGRAM, "2001:db8:2::20", 10040);
	struct pinhole a, b;

	(void)state;
	STOP(out, "2001:db8:2::20", 10040, in);
	a = opened(PINHOLE_IN, "2001:db8:1::7", "2001:db8:2::20", 10040);
	b = opened(PINHOLE_OUT, "2001:db8:2::20", "2001:db8:1::7", 4040);
	STOP(third, "2001:db8:2::20", 10040, in);
	PASS(in, "2001:db8:1::7", 4040, out);
	PASS(out, "2001:db8:2::20", 10040, in);
	closed(&a);
	closed(&b);
	STOP(out, "2001:db8:2::20", 10040, in);
	STOP(in, "2001:db8:1::7", 4040, out);
	close(out);
	close(third);
	close(in);
}

static void
test_a_range_is_every_port_of_it(void **state)
{
	int out = out_at(4050), rtp = in_at(10050), rtcp = in_at(10051);
	int beyond = in_at(10052);
	struct pinhole h;

	(void)state;
	h = lab_hole(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10050);
	h.to_hi = 10051;
	lab_do(FW_OPEN, &h);
	PASS(out, "192.0.2.20", 10050, rtp);
	PASS(out, "192.0.2.20", 10051, rtcp);
	STOP(out, "192.0.2.20", 10052, beyond);
	closed(&h);
	STOP(out, "192.0.2.20", 10051, rtcp);
	close(out);
	close(rtp);
	close(rtcp);
	close(beyond);
}

static void
test_any_source_and_prefixes(void **state)
{
	struct prefix remotes[2];
	int out = out_at(4060), third = third_at(4060);
	int in = in_at(10060), in2 = in_at(10062);
	struct pinhole any, net;

	(void)state;
	assert_int_equal(prefix_parse(span_of("198.51.100.64/26"), &remotes[0]),
	    PH_OK);
	assert_int_equal(prefix_parse(span_of("2001:db8:1::/64"), &remotes[1]),
	    PH_OK);
	lab_close(NULL);
	config.remotes = remotes;
	config.nremotes = 2;
	lab_open();
	any = opened(PINHOLE_IN, "any", "192.0.2.20", 10060);
	PASS(out, "192.0.2.20", 10060, in);
	PASS(third, "192.0.2.20", 10060, in);
	net = opened(PINHOLE_IN, "198.51.100.64/26", "192.0.2.20", 10062);
	STOP(out, "192.0.2.20", 10062, in2);
	PASS(third, "192.0.2.20", 10062, in2);
	PASS(in2, "198.51.100.66", 4060, third);
	closed(&any);
	closed(&net);
	STOP(third, "192.0.2.20", 10060, in);
	STOP(third, "192.0.2.20", 10062, in2);
	/* A remote that the configuration does not name has no set. */
	net = lab_hole(PINHOLE_IN, "198.51.100.0/26", "192.0.2.20", 10062);
	assert_int_equal(lab_commit(FW_OPEN, &net), PH_EBAD);
	close(out);
	close(third);
	close(in);
	close(in2);
	lab_close(NULL);
}

static void
test_a_source_port_can_be_asked_for(void **state)
{
	int out = out_at(4070), other = out_at(4072), in = in_at(10070);
	struct pinhole h;

	(void)state;
	h = lab_hole(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10070);
	h.from_port = 4070;
	lab_do(FW_OPEN, &h);
	STOP(other, "192.0.2.20", 10070, in);
	STOP(in, "198.51.100.7", 4072, other);
	PASS(out, "192.0.2.20", 10070, in);
	PASS(in, "198.51.100.7", 4070, out);
	closed(&h);
	STOP(out, "192.0.2.20", 10070, in);
	close(out);
	close(other);
	close(in);
}

static void
test_it_works_without_connection_tracking(void **state)
{
	int out = out_at(4080), in = in_at(10080);
	struct pinhole h;

	(void)state;
	lab_load("table inet raw { chain c {"
		 " type filter hook prerouting priority raw; notrack\n}\n}\n");
	h = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10080);
	PASS(out, "192.0.2.20", 10080, in);
	PASS(in, "198.51.100.7", 4080, out);
	closed(&h);
	STOP(out, "192.0.2.20", 10080, in);
	STOP(in, "198.51.100.7", 4080, out);
	close(out);
	close(in);
}

/* Errors about media are the user's `related`, and not ours to drop. */
static void
test_icmp_errors_come_back(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct pinhole h;
	int out = out_at(4085), error = 0, i;
	socklen_t len = sizeof(error);

	(void)state;
	h = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10085);
	memcpy(&sin.sin_addr, lab_addr("192.0.2.20").b, 4);
	sin.sin_port = htons(10085);
	assert_int_equal(connect(out, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(send(out, "x", 1, 0), 1);
	for (i = 0; i < 20 && error == 0; i++) {
		usleep(20 * 1000);
		assert_int_equal(getsockopt(out, SOL_SOCKET, SO_ERROR, &error,
				     &len),
		    0);
	}
	assert_int_equal(error, ECONNREFUSED);
	closed(&h);
	close(out);
}

/*
 * A call whose SDP names the port of the signalling itself, or of another
 * connection that the user's own rules have let through for long.
 */
static void
test_what_was_the_users_stays_the_users(void **state)
{
	int out = out_at(5060), in = in_at(5060);
	struct pinhole h;
	int i;

	(void)state;
	for (i = 0; i < 5; i++) {
		PASS(in, "198.51.100.7", 5060, out);
		PASS(out, "192.0.2.20", 5060, in);
		usleep(600 * 1000);
	}
	h = opened(PINHOLE_OUT, "192.0.2.20", "198.51.100.7", 5060);
	PASS(in, "198.51.100.7", 5060, out);
	PASS(out, "192.0.2.20", 5060, in);
	closed(&h);
	PASS(in, "198.51.100.7", 5060, out);
	PASS(out, "192.0.2.20", 5060, in);
	close(out);
	close(in);
}

/* Two sweeps of a closed connection, half a minute apart. */
static void
test_a_closed_port_is_not_barred_for_ever(void **state)
{
	int out = out_at(5060), in = in_at(10090);
	struct pinhole h;
	int64_t t = lab_now(), end = t + 100 * 1000000LL;
	enum ph_err err;

	(void)state;
	h = opened(PINHOLE_OUT, "192.0.2.20", "198.51.100.7", 5060);
	PASS(in, "198.51.100.7", 5060, out);
	PASS(out, "192.0.2.20", 10090, in);
	closed(&h);
	/* Although the user lets out what goes to port 5060. */
	STOP(in, "198.51.100.7", 5060, out);
	while (t < end)
		t = fw_nftables.tick(fw, t, &err);
	PASS(in, "198.51.100.7", 5060, out);
	close(out);
	close(in);
}

static void
test_a_sweep_spares_what_is_open(void **state)
{
	int out = out_at(4092), in = in_at(10092), in2 = in_at(10094);
	struct pinhole a, b;
	int64_t t = lab_now(), end = t + 100 * 1000000LL;
	enum ph_err err;
	int i, more[3];

	(void)state;
	a = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10092);
	b = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10094);
	PASS(out, "192.0.2.20", 10092, in);
	PASS(in, "198.51.100.7", 4092, out);
	PASS(in2, "198.51.100.7", 4092, out);
	for (i = 0; i < 3; i++) {
		more[i] = out_at((uint16_t)(4094 + i));
		PASS(more[i], "192.0.2.20", 10094, in2);
		close(more[i]);
	}
	closed(&b);
	assert_int_equal(lab_lines("conntrack -L -m 0x10000 2>&- | grep udp"),
	    5);
	while (t < end)
		t = fw_nftables.tick(fw, t, &err);
	assert_int_equal(lab_lines("conntrack -L -m 0x10000 2>&- | grep udp"),
	    1);
	PASS(out, "192.0.2.20", 10092, in);
	closed(&a);
	close(out);
	close(in);
	close(in2);
}

static void
test_tcp_media_stops_when_closed(void **state)
{
	int listener, ends[2];
	struct pinhole h;
	char c;

	(void)state;
	listener = netns_socket(INSIDE, SOCK_STREAM, "192.0.2.20", 10100);
	assert_false(netns_connects(OUTSIDE, "198.51.100.7", "192.0.2.20",
	    10100, listener, ends));
	h = lab_hole(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10100);
	h.proto = IPPROTO_TCP;
	lab_do(FW_OPEN, &h);
	assert_true(netns_connects(OUTSIDE, "198.51.100.7", "192.0.2.20", 10100,
	    listener, ends));
	assert_int_equal(write(ends[0], "a", 1), 1);
	assert_int_equal(read(ends[1], &c, 1), 1);
	closed(&h);
	assert_int_equal(write(ends[0], "b", 1), 1);
	usleep(300 * 1000);
	assert_int_equal(recv(ends[1], &c, 1, MSG_DONTWAIT), -1);
	close(ends[0]);
	close(ends[1]);
	close(listener);
}

static void
test_one_connection_outlives_its_pinhole(void **state)
{
	int listener, ends[2], more[2];
	struct pinhole h;
	int64_t t = lab_now(), end = t + 100 * 1000000LL;
	enum ph_err err;
	char c;

	(void)state;
	/* Even if the user does not accept `established`. */
	lab_load("delete table inet user\n"
		 "table inet user { chain forward {"
		 " type filter hook forward priority filter; policy drop;"
		 " meta mark & 0x10000 == 0x10000 accept\n}\n}\n");
	listener = netns_socket(OUTSIDE, SOCK_STREAM, "198.51.100.7", 20);
	h = lab_hole(PINHOLE_OUT, "192.0.2.20", "198.51.100.7", 20);
	h.proto = IPPROTO_TCP;
	h.once = 1;
	lab_do(FW_OPEN, &h);
	assert_true(netns_connects(INSIDE, "192.0.2.20", "198.51.100.7", 20,
	    listener, ends));
	assert_false(netns_connects(INSIDE, "192.0.2.20", "198.51.100.7", 20,
	    listener, more));
	assert_int_equal(write(ends[0], "a", 1), 1);
	assert_int_equal(read(ends[1], &c, 1), 1);
	closed(&h);
	while (t < end)
		t = fw_nftables.tick(fw, t, &err);
	assert_int_equal(write(ends[1], "b", 1), 1);
	usleep(100 * 1000);
	assert_int_equal(recv(ends[0], &c, 1, MSG_DONTWAIT), 1);
	close(ends[0]);
	close(ends[1]);
	close(listener);
}

/* The PBX on the firewall: input and output. */
static void
test_the_firewall_itself_can_be_protected(void **state)
{
	int out = out_at(4110), in, beside;
	struct pinhole a, b;

	(void)state;
	lab_close(NULL);
	lab_load("table inet own {"
		 " chain i { type filter hook input priority filter;"
		 " policy drop; ct state established accept;"
		 " icmpv6 type nd-neighbor-solicit accept;"
		 " meta mark & 0x10000 == 0x10000 accept;\n}\n"
		 " chain o { type filter hook output priority filter;"
		 " policy drop; ct state established accept;"
		 " meta mark & 0x10000 == 0x10000 accept;\n}\n}\n");
	config.local = true;
	lab_open();
	in = netns_socket(FIREWALL, SOCK_DGRAM, "198.51.100.1", 10110);
	beside = netns_socket(FIREWALL, SOCK_DGRAM, "198.51.100.1", 10112);
	STOP(out, "198.51.100.1", 10110, in);
	STOP(in, "198.51.100.7", 4110, out);
	a = opened(PINHOLE_IN, "198.51.100.7", "198.51.100.1", 10110);
	b = opened(PINHOLE_OUT, "198.51.100.1", "198.51.100.7", 4110);
	STOP(out, "198.51.100.1", 10112, beside);
	PASS(beside, "198.51.100.7", 4110, out);
	PASS(out, "198.51.100.1", 10112, beside);
	PASS(in, "198.51.100.7", 4110, out);
	PASS(out, "198.51.100.1", 10110, in);
	closed(&a);
	closed(&b);
	STOP(out, "198.51.100.1", 10110, in);
	STOP(in, "198.51.100.7", 4110, out);
	close(out);
	close(in);
	close(beside);
}

static void
test_nat_in_front_does_not_matter(void **state)
{
	int out = out_at(4120), in = in_at(10120);
	struct pinhole a, b;

	(void)state;
	lab_load(
	    "table inet usernat {"
	    " chain pre { type nat hook prerouting priority dstnat;"
	    "  iifname fwout udp dport 10000-10200 dnat ip to 192.0.2.20\n}\n"
	    " chain post { type nat hook postrouting priority srcnat;"
	    "  oifname fwout masquerade\n}\n}\n");
	STOP(out, "198.51.100.1", 10120, in);
	a = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10120);
	b = opened(PINHOLE_OUT, "192.0.2.20", "198.51.100.7", 4120);
	PASS(out, "198.51.100.1", 10120, in);
	PASS(in, "198.51.100.7", 4120, out);
	assert_string_equal(netns_last_source(), "198.51.100.1:10120");
	closed(&a);
	closed(&b);
	STOP(out, "198.51.100.1", 10120, in);
	STOP(in, "198.51.100.7", 4120, out);
	close(out);
	close(in);
}

static void
test_redirection_comes_and_goes_with_the_pinhole(void **state)
{
	int out = out_at(4130), third = third_at(4130), in = in_at(10130);
	int other = netns_socket(INSIDE, SOCK_DGRAM, "192.0.2.21", 10131);
	struct pinhole h, g;
	int64_t t;
	enum ph_err err;

	(void)state;
	h = lab_hole(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10130);
	h.rdr_from = lab_endpoint("198.51.100.1", 49441);
	lab_do(FW_OPEN, &h);
	STOP(third, "198.51.100.1", 49441, in);
	PASS(out, "198.51.100.1", 49441, in);
	PASS(in, "198.51.100.7", 4130, out);
	assert_string_equal(netns_last_source(), "198.51.100.1:49441");
	/* The same port leads elsewhere with the next request. */
	g = lab_hole(PINHOLE_IN, "198.51.100.7", "192.0.2.21", 10131);
	g.rdr_from = h.rdr_from;
	assert_int_equal(lab_commit(FW_OPEN, &g), PH_EBAD);
	closed(&h);
	STOP(out, "198.51.100.1", 49441, in);
	lab_do(FW_OPEN, &g);
	t = lab_now() + 200 * 1000;
	while (t < lab_now() + 300 * 1000)
		t = fw_nftables.tick(fw, t, &err);
	PASS(out, "198.51.100.1", 49441, other);
	closed(&g);
	close(out);
	close(third);
	close(in);
	close(other);
}

static void
test_sources_can_be_translated(void **state)
{
	int out = out_at(4140), in = in_at(10140);
	struct pinhole h;

	(void)state;
	h = lab_hole(PINHOLE_OUT, "192.0.2.20", "198.51.100.7", 4140);
	h.nat_to = lab_endpoint("198.51.100.1", 0);
	lab_do(FW_OPEN, &h);
	PASS(in, "198.51.100.7", 4140, out);
	assert_string_equal(netns_last_source(), "198.51.100.1:10140");
	PASS(out, "198.51.100.1", 10140, in);
	closed(&h);
	STOP(in, "198.51.100.7", 4140, out);
	h = lab_hole(PINHOLE_OUT, "192.0.2.20", "198.51.100.7", 4142);
	h.nat_to = lab_endpoint("198.51.100.1", 50000);
	lab_do(FW_OPEN, &h);
	close(out);
	out = out_at(4142);
	PASS(in, "198.51.100.7", 4142, out);
	assert_string_equal(netns_last_source(), "198.51.100.1:50000");
	closed(&h);
	close(out);
	close(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(test_outside_may_speak_first),
		LIVE(test_inside_may_speak_first),
		LIVE(test_nobody_rides_on_an_outward_pinhole),
		LIVE(test_third_parties_stay_out),
		LIVE(test_closing_stops_running_media_both_ways),
		LIVE(test_presence_and_absence_never_fail),
		LIVE(test_ipv6_is_the_same),
		LIVE(test_a_range_is_every_port_of_it),
		LIVE(test_any_source_and_prefixes),
		LIVE(test_a_source_port_can_be_asked_for),
		LIVE(test_it_works_without_connection_tracking),
		LIVE(test_icmp_errors_come_back),
		LIVE(test_what_was_the_users_stays_the_users),
		LIVE(test_a_closed_port_is_not_barred_for_ever),
		LIVE(test_a_sweep_spares_what_is_open),
		LIVE(test_tcp_media_stops_when_closed),
		LIVE(test_one_connection_outlives_its_pinhole),
		LIVE(test_the_firewall_itself_can_be_protected),
		LIVE(test_nat_in_front_does_not_matter),
		LIVE(test_redirection_comes_and_goes_with_the_pinhole),
		LIVE(test_sources_can_be_translated),
	};

	return lab_main(tests, ROWS(tests));
}
