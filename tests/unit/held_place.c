/* SPDX-License-Identifier: ISC */
/* Where a packet counts that waits before it is routed. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "src/base/wire.h"
#include "src/capture/packet.h"
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

static const struct capture_sink sink = { .udp = on_udp };

static struct prefix
prefix(const char *text)
{
	struct prefix p;

	assert_true(prefix_parse(span_of(text), &p) == PH_OK);
	return p;
}

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
		/* From inside: where it came in. */
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
	/* On Linux both interfaces are known. */
	from = (struct packet_held) { 5, 3, ifs, 1, &inside, 1, NULL, 0 };
	play(p, &from, "198.51.100.7", "192.0.2.20");
	assert_int_equal(got.ifindex, 3);
	assert_int_equal(got.dir, PKT_OUT);
	packets_free(p, &sink);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_protected_end_tells_the_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
