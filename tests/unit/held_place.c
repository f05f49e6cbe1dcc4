/* SPDX-License-Identifier: ISC */
/* Where a packet counts that waits before it is routed. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "src/base/wire.h"
#include "src/capture/link.h"
#include "src/capture/packet.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

#define PORT 5060

static const struct capture_port ports[] = { { IPPROTO_UDP, PORT },
	{ IPPROTO_TCP, PORT } };
static struct datagram got;
static unsigned int n;

static void
on_udp(void *ctx, const struct datagram *d)
{
	(void)ctx;
	got = *d;
	n++;
}

static struct prefix
prefix(const char *text)
{
	struct prefix p;

	assert_true(prefix_parse(span_of(text), &p) == PH_OK);
	return p;
}

static enum capture_more
on_tcp(void *ctx, void **user, const struct datagram *d)
{
	(void)ctx;
	(void)user;
	(void)d;
	return CAPTURE_WHOLE;
}

static const struct capture_sink sink = { .udp = on_udp, .tcp = on_tcp };

static void
play(struct packets *p, const struct packet_held *from, const char *src,
    const char *dst)
{
	struct prefix a = prefix(src), b = prefix(dst);
	uint8_t buf[64];
	struct writer w = writer_of(buf, sizeof(buf));

	writer_u32(&w, 0x45000000 | (20 + 8 + 4));
	writer_u32(&w, 0);
	writer_u32(&w, 64u << 24 | IPPROTO_UDP << 16);
	writer_copy(&w, a.addr.b, 4);
	writer_copy(&w, b.addr.b, 4);
	writer_u32(&w, (uint32_t)PORT << 16 | PORT);
	writer_u32(&w, (8 + 4) << 16);
	writer_copy(&w, "text", 4);
	n = 0;
	memset(&got, 0, sizeof(got));
	packets_held(p, from, 1000000,
	    (struct span) { (const char *)buf, w.len }, &sink);
}

static void
the_protected_end_tells_the_place(void **state)
{
	const struct prefix inside = prefix("192.0.2.0/23");
	const struct packet_net nets[] = { { prefix("192.0.2.1"), 0 },
		{ prefix("192.0.2.0/24"), 3 } };
	uint32_t ifs[] = { 3, 4 };
	struct packet_held from = { 5, 0, ifs, 1, &inside, 1, nets, 2 };
	/* clang-format off */
	static const struct {
		const char *src, *dst;
		uint32_t indev;
		size_t nifs;
		unsigned int n;
		uint32_t ifindex;
		uint8_t dir;
	} rows[] = {
		/* From outside: where it will leave. */
		{ "198.51.100.7", "192.0.2.20", 5, 2, 1, 3, PKT_OUT },
		{ "198.51.100.7", "192.0.2.20", 0, 2, 1, 3, PKT_OUT },
		/* For us: where it came in, if that counts. */
		{ "198.51.100.7", "192.0.2.1", 4, 2, 1, 4, PKT_IN },
		{ "198.51.100.7", "192.0.2.1", 5, 2, 0, 0, 0 },
		{ "198.51.100.7", "192.0.2.1", 4, 1, 0, 0, 0 },
		/* From inside: where it came in. */
		{ "192.0.2.20", "198.51.100.7", 4, 1, 0, 0, 0 },
		{ "192.0.2.20", "198.51.100.7", 4, 2, 1, 4, PKT_IN },
		{ "192.0.2.20", "198.51.100.7", 3, 2, 1, 3, PKT_IN },
		{ "192.0.2.20", "198.51.100.7", 5, 2, 0, 0, 0 },
		{ "192.0.2.20", "198.51.100.7", 0, 2, 0, 0, 0 },
		/* Behind a router: by the only interface, or not known. */
		{ "198.51.100.7", "192.0.3.20", 5, 1, 1, 3, PKT_OUT },
		{ "198.51.100.7", "192.0.3.20", 5, 2, 0, 0, 0 },
	};
	/* clang-format on */
	struct packets *p = packets_new(ports, 2);
	size_t i;

	(void)state;
	assert_non_null(p);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		from.indev = rows[i].indev;
		from.nifs = rows[i].nifs;
		play(p, &from, rows[i].src, rows[i].dst);
		assert_int_equal(n, rows[i].n);
		assert_int_equal(got.ifindex, rows[i].ifindex);
		assert_int_equal(got.dir, rows[i].dir);
	}
	packets_free(p, &sink);
}

/* On Linux both interfaces are known, or one: the other is none. */
static void
both_interfaces_tell_the_place(void **state)
{
	const struct prefix inside = prefix("192.0.2.0/24");
	static const uint32_t ifs[] = { 3, 4, 5 };
	/* clang-format off */
	static const struct {
		const char *src, *dst;
		uint32_t indev, outdev;
		size_t nifs;
		unsigned int n;
		uint32_t ifindex;
		uint8_t dir;
	} rows[] = {
		/* Through us. */
		{ "198.51.100.7", "192.0.2.20", 5, 3, 1, 1, 3, PKT_OUT },
		{ "198.51.100.7", "192.0.2.20", 5, 4, 1, 0, 0, 0 },
		{ "198.51.100.7", "192.0.2.20", 5, 4, 2, 1, 4, PKT_OUT },
		{ "198.51.100.7", "192.0.2.20", 3, 5, 2, 0, 0, 0 },
		{ "192.0.2.20", "198.51.100.7", 3, 5, 1, 1, 3, PKT_IN },
		{ "192.0.2.20", "198.51.100.7", 5, 3, 1, 0, 0, 0 },
		{ "192.0.2.20", "192.0.2.21", 3, 4, 2, 1, 3, PKT_IN },
		/* To us, and from us. */
		{ "198.51.100.7", "192.0.2.20", 3, 0, 1, 1, 3, PKT_IN },
		{ "192.0.2.20", "198.51.100.7", 3, 0, 1, 1, 3, PKT_IN },
		{ "192.0.2.20", "198.51.100.7", 0, 3, 1, 1, 3, PKT_OUT },
		{ "198.51.100.7", "192.0.2.20", 0, 3, 1, 1, 3, PKT_OUT },
		{ "198.51.100.7", "192.0.2.20", 0, 4, 1, 0, 0, 0 },
		/* Any interface counts. */
		{ "198.51.100.7", "192.0.2.20", 5, 9, 0, 1, 9, PKT_OUT },
		{ "192.0.2.20", "198.51.100.7", 9, 5, 0, 1, 9, PKT_IN },
	};
	/* clang-format on */
	struct packets *p = packets_new(ports, 2);
	struct packet_held from;
	size_t i;

	(void)state;
	assert_non_null(p);
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%zu\n", i);
		from = (struct packet_held) { rows[i].indev, rows[i].outdev,
			ifs, rows[i].nifs, &inside, 1, NULL, 0 };
		play(p, &from, rows[i].src, rows[i].dst);
		assert_int_equal(n, rows[i].n);
		assert_int_equal(got.ifindex, rows[i].ifindex);
		assert_int_equal(got.dir, rows[i].dir);
		assert_int_equal(got.held, rows[i].n);
	}
	packets_free(p, &sink);
}

/*
 * Before it is routed, a segment between two protected hosts is left to its
 * copy: is one ignored?
 */
static void
a_segment_from_inside_to_inside_is_left_out(void **state)
{
	const struct prefix inside = prefix("192.0.2.0/24");
	const struct packet_net nets[] = { { prefix("0.0.0.0/0"), 3 } };
	const struct packet_held from = { 3, 0, NULL, 0, &inside, 1, nets, 1 };
	/* clang-format off */
	static const struct {
		const char *src, *dst;
		uint8_t proto;
		bool ignored;
	} rows[] = {
		{ "192.0.2.20", "192.0.2.21", IPPROTO_TCP, true },
		{ "192.0.2.20", "198.51.100.7", IPPROTO_TCP, false },
		{ "198.51.100.7", "192.0.2.20", IPPROTO_TCP, false },
		{ "198.51.100.7", "198.51.100.8", IPPROTO_TCP, false },
		{ "192.0.2.20", "192.0.2.21", IPPROTO_UDP, false },
	};
	/* clang-format on */
	struct packets *p;
	struct writer w;
	uint8_t buf[64];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		struct prefix a = prefix(rows[i].src), b = prefix(rows[i].dst);

		memset(buf, 0, sizeof(buf));
		w = writer_of(buf, sizeof(buf));
		writer_u32(&w, 0x45000000 | (20 + 20));
		writer_u32(&w, 0);
		writer_u32(&w, 64u << 24 | (uint32_t)rows[i].proto << 16);
		writer_copy(&w, a.addr.b, 4);
		writer_copy(&w, b.addr.b, 4);
		writer_u32(&w, (uint32_t)PORT << 16 | PORT);
		if (rows[i].proto == IPPROTO_UDP)
			writer_u32(&w, 20 << 16);
		buf[32] = 0x50;
		assert_non_null(p = packets_new(ports, 2));
		packets_held(p, &from, 1000000,
		    (struct span) { (const char *)buf, 40 }, &sink);
		assert_int_equal(packets_stats(p)->packets, 1);
		assert_int_equal(packets_stats(p)->malformed, 0);
		assert_int_equal(packets_stats(p)->ignored, rows[i].ignored);
		packets_free(p, &sink);
	}
}

/* Of both versions of IP, and of none. */
static void
a_held_packet_is_of_ip(void **state)
{
	/* UDP from port 5060 to 5060, "text". */
	static const char udp[] = "\x13\xc4\x13\xc4\0\x0c\0\0text";
	const struct packet_held from = { 3, 4, NULL, 0, NULL, 0, NULL, 0 };
	const struct capture_stats *s;
	struct packets *p;
	struct writer w;
	uint8_t buf[64];
	unsigned int version;

	(void)state;
	for (version = 0; version < 16; version++) {
		w = writer_of(buf, sizeof(buf));
		writer_u32(&w,
		    version << 28 | (version == 4 ? 5u << 24 | 32 : 0));
		writer_u32(&w, version == 4 ? 0 : 12 << 16 | IPPROTO_UDP << 8);
		if (version == 4)
			writer_u32(&w, 64u << 24 | IPPROTO_UDP << 16);
		while (w.len < (version == 4 ? 20 : 40))
			writer_u8(&w, 1);
		writer_copy(&w, udp, sizeof(udp) - 1);
		assert_non_null(p = packets_new(ports, 2));
		s = packets_stats(p);
		n = 0;
		packets_held(p, &from, 1000000,
		    (struct span) { (const char *)buf, w.len }, &sink);
		print_message("%u\n", version);
		assert_int_equal(n, version == 4 || version == 6);
		assert_int_equal(s->malformed, n == 0);
		packets_held(p, &from, 1000000, (struct span) { NULL, 0 },
		    &sink);
		assert_int_equal(s->malformed, 1 + (n == 0));
		assert_int_equal(s->packets, 2);
		assert_int_equal(s->ignored, 0);
		packets_free(p, &sink);
	}
}

/* A segment, held or as libpcap reads it at the same place. */
static void
segment(struct packets *p, bool held, uint32_t seq, uint32_t ack, uint8_t flags)
{
	const struct packet_held from = { 3, 0, NULL, 0, NULL, 0, NULL, 0 };
	const struct packet_source copy = { .dlt = DLT_RAW,
		.dir = PKT_IN,
		.ifindex = 3 };
	uint8_t buf[64];
	struct writer w = writer_of(buf, sizeof(buf));
	struct span ip;

	writer_u32(&w, 0x45000000 | 44);
	writer_u32(&w, 0);
	writer_u32(&w, 64u << 24 | IPPROTO_TCP << 16);
	writer_u32(&w, 0xc6336407);
	writer_u32(&w, 0xc000020a);
	writer_u32(&w, (uint32_t)PORT << 16 | PORT);
	writer_u32(&w, seq);
	writer_u32(&w, ack);
	writer_u32(&w, 0x50000000 | (uint32_t)flags << 16);
	writer_u32(&w, 0);
	writer_copy(&w, "text", 4);
	ip = (struct span) { (const char *)buf, w.len };
	if (held)
		packets_held(p, &from, 1000000, ip, &sink);
	else
		packets_add(p, &copy, 1000000, ip, &sink);
}

static void
segments_of_other_numbers_are_no_twins(void **state)
{
	/* clang-format off */
	static const struct {
		uint32_t seq, ack;
		uint8_t flags;
		bool twin;
	} rows[] = {
		{ 1, 2, 0x10, true },
		{ 2, 2, 0x10, false },
		{ 1, 3, 0x10, false },
		{ 2, 1, 0x10, false },
		{ 1, 2, 0x18, false },
	};
	/* clang-format on */
	struct packets *p;
	size_t i;
	int held;

	(void)state;
	for (i = 0; i < 2 * ROWS(rows); i++) {
		held = i % 2;
		assert_non_null(p = packets_new(ports, 2));
		assert_true(packets_pair(p));
		segment(p, held, 1, 2, 0x10);
		segment(p, !held, rows[i / 2].seq, rows[i / 2].ack,
		    rows[i / 2].flags);
		assert_int_equal(packets_stats(p)->twins, rows[i / 2].twin);
		assert_int_equal(packets_stats(p)->packets, 2);
		packets_free(p, &sink);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_protected_end_tells_the_place),
		cmocka_unit_test(both_interfaces_tell_the_place),
		cmocka_unit_test(a_held_packet_is_of_ip),
		cmocka_unit_test(segments_of_other_numbers_are_no_twins),
		cmocka_unit_test(a_segment_from_inside_to_inside_is_left_out),
	};

	return starve_left(cmocka_run_group_tests(tests, NULL, NULL), 0);
}
