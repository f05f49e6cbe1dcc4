/* SPDX-License-Identifier: ISC */
/* A packet that was recorded twice counts once; another one does not. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "src/base/wire.h"
#include "src/capture/link.h"
#include "src/capture/packet.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

#define MS    INT64_C(1000)
#define BYTES 80

static const struct capture_port ports[] = { { IPPROTO_UDP, 5060 } };
static struct packets *packets;
static unsigned int got;

/* What tells packets apart. */
static struct {
	uint32_t src, dst, ifindex;
	uint16_t sport, dport, id;
	uint8_t dir;
	char text[BYTES];
	size_t len;
} p;

static void
on_udp(void *ctx, const struct datagram *d)
{
	(void)ctx;
	assert_int_equal(d->payload.len, p.len);
	got++;
}

static const struct capture_sink sink = { .udp = on_udp };

/* Does it count? */
static bool
counts(int64_t ts)
{
	const struct packet_source from = { .dlt = DLT_RAW,
		.dir = p.dir,
		.ifindex = p.ifindex };
	const struct capture_stats *s = packets_stats(packets);
	uint64_t duplicates = s->duplicates, total = s->packets;
	uint8_t b[28 + BYTES];
	struct writer w = writer_of(b, sizeof(b));
	unsigned int before = got;

	writer_u32(&w, 0x45000000 | (uint32_t)(28 + p.len));
	writer_u32(&w, (uint32_t)p.id << 16);
	writer_u32(&w, 64u << 24 | IPPROTO_UDP << 16);
	writer_u32(&w, p.src);
	writer_u32(&w, p.dst);
	writer_u16(&w, p.sport);
	writer_u16(&w, p.dport);
	writer_u32(&w, (uint32_t)(8 + p.len) << 16);
	writer_copy(&w, p.text, p.len);
	packets_add(packets, &from, ts,
	    (struct span) { (const char *)b, w.len }, &sink);
	assert_int_equal(s->packets, total + 1);
	assert_int_equal(got - before + s->duplicates - duplicates, 1);
	return got > before;
}

static int
setup(void **state)
{
	(void)state;
	memset(&p, 0, sizeof(p));
	p.src = 0xc6336407;
	p.dst = 0xc000020a;
	p.ifindex = 3;
	p.sport = p.dport = 5060;
	p.id = 9;
	p.dir = PKT_IN;
	p.len = 4;
	packets = packets_new(ports, ROWS(ports));
	return packets != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	packets_free(packets, &sink);
	return 0;
}

/* The packet, changed like this, is another one. */
#define OTHER(change)                                                          \
	do {                                                                   \
		teardown(state);                                               \
		setup(state);                                                  \
		assert_true(counts(MS));                                       \
		change;                                                        \
		if (!counts(MS))                                               \
			fail_msg("%s", #change);                               \
		assert_false(counts(MS));                                      \
	} while (0)

static void
another_packet_counts(void **state)
{
	OTHER(p.src++);
	OTHER(p.src += 1u << 24);
	OTHER(p.dst++);
	OTHER(p.dst += 1u << 24);
	OTHER((p.src = 0xc000020a, p.dst = 0xc6336407));
	OTHER(p.sport++);
	OTHER(p.sport += 256);
	OTHER(p.dport++);
	OTHER(p.dport += 256);
	OTHER(p.dir = PKT_OUT);
	OTHER(p.dir = PKT_UNKNOWN);
	OTHER(p.ifindex++);
	OTHER(p.ifindex += 1u << 24);
	OTHER(p.id++);
	OTHER(p.id += 256);
	OTHER(p.len++);
	OTHER(p.len--);
}

/* Each byte counts, and so does where the payload ends. */
static void
each_byte_tells_packets_apart(void **state)
{
	size_t len, i;

	for (len = 1; len <= BYTES; len++) {
		teardown(state);
		setup(state);
		p.len = len;
		assert_true(counts(MS));
		for (i = 0; i < len; i++) {
			p.text[i] ^= 1;
			if (!counts(MS + 51 * MS * (int64_t)i))
				fail_msg("byte %zu of %zu", i, len);
			/* As it was, half a moment later. */
			p.text[i] ^= 1;
			(void)counts(MS + 51 * MS * (int64_t)i);
		}
		p.len = len - 1;
		assert_true(counts(MS + 51 * MS * (int64_t)len));
	}
}

/* Two bytes change places: of one word, and far from each other. */
static void
their_order_counts(void **state)
{
	size_t i, k;

	(void)state;
	p.len = 64;
	for (i = 0; i < p.len; i++)
		for (k = i + 1; k < p.len; k++) {
			teardown(state);
			setup(state);
			p.len = 64;
			p.text[i] = 'a';
			p.text[k] = 'b';
			assert_true(counts(MS));
			p.text[i] = 'b';
			p.text[k] = 'a';
			assert_true(counts(MS));
			assert_false(counts(MS));
		}
}

static void
a_moment_is_50_milliseconds(void **state)
{
	(void)state;
	assert_true(counts(MS));
	assert_false(counts(MS));
	assert_false(counts(51 * MS));
	assert_true(counts(51 * MS + 1));
	/* That is the one that counts from now on. */
	assert_false(counts(101 * MS + 1));
	assert_true(counts(101 * MS + 2));
}

/* The last 64 are known. */
static void
so_many_are_known_at_once(void **state)
{
	(void)state;
	for (p.id = 1; p.id <= 64; p.id++)
		assert_true(counts(MS));
	for (p.id = 1; p.id <= 64; p.id++)
		assert_false(counts(2 * MS));
	p.id = 65;
	assert_true(counts(MS));
	p.id = 2;
	assert_false(counts(MS));
	p.id = 1;
	assert_true(counts(MS));
	/* Which took the place of the second. */
	p.id = 3;
	assert_false(counts(MS));
	p.id = 2;
	assert_true(counts(MS));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(another_packet_counts),
		CASE(each_byte_tells_packets_apart),
		CASE(their_order_counts),
		CASE(a_moment_is_50_milliseconds),
		CASE(so_many_are_known_at_once),
	};

	return starve_left(cmocka_run_group_tests(tests, NULL, NULL), 0);
}
