/* SPDX-License-Identifier: ISC */
/*
 * From IP packets to what SIP is handed: headers that lie about lengths,
 * extension headers, fragments, and the same packet in two places.  Each
 * packet has memory of just its size, so that a sanitizer sees who reads on.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/capture/link.h"
#include "src/capture/packet.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

#define SEC INT64_C(1000000)

/* 5060 > 5060, "hi", and the same with a length of its own. */
#define UDP(len) "\x13\xc4\x13\xc4\0" len "\0\0hi"
#define GOOD	 UDP("\x0a")
/* 5060 > 5060, seq 1, ack 0, SYN: `off` is the length of the header. */
#define TCP(off) "\x13\xc4\x13\xc4\0\0\0\1\0\0\0\0" off "\2\xff\xff\0\0\0\0"

static const struct capture_port ports[] = { { IPPROTO_UDP, 5060 },
	{ IPPROTO_TCP, 5060 } };
static const struct capture_stats *stats;
static struct packets *packets, *skipping;
static struct packet_source raw;
static int64_t now;
static unsigned int got;
static char text[64];
static char stream[64]; /* bytes of TCP */

static void
on_udp(void *ctx, const struct datagram *d)
{
	(void)ctx;
	got++;
	assert_int_equal(d->proto, IPPROTO_UDP);
	assert_true(d->payload.len < sizeof(text));
	memcpy(text, d->payload.p, d->payload.len);
	text[d->payload.len] = '\0';
}

static enum capture_more
on_tcp(void *ctx, void **user, const struct datagram *d)
{
	(void)ctx;
	(void)user;
	assert_true(strlen(stream) + d->payload.len < sizeof(stream));
	strncat(stream, d->payload.p, d->payload.len);
	return CAPTURE_WHOLE;
}

static void
on_end(void *ctx, void *user)
{
	(void)ctx;
	(void)user;
}

static const struct capture_sink sink = { .udp = on_udp,
	.tcp = on_tcp,
	.tcp_end = on_end };

static const struct capture_sink *with = &sink;

static int
setup(void **state)
{
	(void)state;
	raw = (struct packet_source) { .dlt = DLT_RAW };
	got = 0;
	now = SEC;
	text[0] = stream[0] = '\0';
	packets = packets_new(ports, ROWS(ports));
	skipping = packets_new(ports, ROWS(ports));
	stats = packets_stats(packets);
	return packets == NULL || skipping == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	packets_free(packets, &sink);
	packets_free(skipping, &sink);
	return 0;
}

/*
 * A frame that packets_skip() says may be skipped has no effect in
 * packets_add(), but that it is counted as ignored.
 */
static void
add_as_if_skipped(struct span frame)
{
	struct capture_stats before = *stats;
	unsigned int had = got;
	bool skip = packets_skip(skipping, raw.dlt, frame);

	packets_add(packets, &raw, now, frame, with);
	if (!skip)
		return;
	before.packets++;
	before.ignored++;
	assert_memory_equal(&before, stats, sizeof(before));
	assert_int_equal(got, had);
}

static void
send_ip(const void *ip, size_t iplen, const void *rest, size_t len)
{
	char *p = malloc(iplen + len);

	assert_non_null(p);
	memcpy(p, ip, iplen);
	if (len > 0)
		memcpy(p + iplen, rest, len);
	add_as_if_skipped((struct span) { p, iplen + len });
	free(p);
}

static bool back;	   /* the other way */
static uint8_t number = 9; /* of the IPv4 packet */

/* 198.51.100.7 > 192.0.2.10; `total` as it is said to be. */
static void
send4(uint8_t first, uint16_t total, uint16_t off, uint8_t proto,
    const char *data, size_t len)
{
	uint8_t h[20] = { first, 0, (uint8_t)(total >> 8), (uint8_t)total, 0,
		number, (uint8_t)(off >> 8), (uint8_t)off, 64, proto, 0, 0, 198,
		51, 100, 7, 192, 0, 2, 10 };

	if (back) {
		memcpy(h + 12, "\xc0\0\2\x0a", 4);
		memcpy(h + 16, "\xc6\x33\x64\x07", 4);
	}
	send_ip(h, sizeof(h), data, len);
}

/* 2001:db8::7 > 2001:db8::10. */
static void
send6(uint16_t plen, uint8_t next, const char *data, size_t len)
{
	uint8_t h[40] = { 0x60, 0, 0, 0, (uint8_t)(plen >> 8), (uint8_t)plen,
		next, 64, 0x20, 1, 0x0d, 0xb8 };

	memcpy(h + 24, h + 8, 4);
	h[back ? 39 : 23] = 7;
	h[back ? 23 : 39] = 0x10;
	send_ip(h, sizeof(h), data, len);
}

/* clang-format off */
static const struct row {
	const char	*what;
	uint8_t		 first;		/* 6: IPv6 */
	uint16_t	 length;	/* total of IPv4, payload of IPv6 */
	uint8_t		 proto;
	const char	*data;
	size_t		 len;
	const char	*text;		/* NULL: malformed */
} rows[] = {
#define D(s) s, sizeof(s) - 1
	{ "as it should be",		0x45, 30, 17, D(GOOD), "hi" },
	{ "more than there is",		0x45, 31, 17, D(GOOD), NULL },
	{ "much more",			0x45, 65535, 17, D(GOOD), NULL },
	{ "less than the header",	0x45, 19, 17, D(GOOD), NULL },
	{ "the header alone",		0x45, 20, 17, D(GOOD), NULL },
	{ "padding",			0x45, 30, 17, D(GOOD "xxxx"), "hi" },
	{ "less than UDP says",		0x45, 29, 17, D(GOOD), NULL },
	{ "left to the card",		0x45, 0, 17, D(GOOD), "hi" },
	{ "a header of 16 bytes",	0x44, 30, 17, D(GOOD), NULL },
	{ "a header of 60 bytes",	0x4f, 30, 17, D(GOOD), NULL },
	{ "options",			0x46, 34, 17, D("\1\1\1\1" GOOD), "hi" },
	{ "UDP says 9",			0x45, 30, 17, D(UDP("\x09")), "h" },
	{ "UDP says 8",			0x45, 30, 17, D(UDP("\x08")), "" },
	{ "UDP says 7",			0x45, 30, 17, D(UDP("\x07")), NULL },
	{ "UDP says 0",			0x45, 30, 17, D(UDP("\x00")), NULL },
	{ "UDP says 11",		0x45, 30, 17, D(UDP("\x0b")), NULL },
	{ "half a UDP header",		0x45, 24, 17, D("\x13\xc4\x13\xc4"), NULL },

	{ "IPv6",			6, 10, 17, D(GOOD), "hi" },
	{ "IPv6, more than there is",	6, 11, 17, D(GOOD), NULL },
	{ "IPv6, much more",		6, 65535, 17, D(GOOD), NULL },
	{ "IPv6, padding",		6, 10, 17, D(GOOD "xxxx"), "hi" },
	{ "IPv6, less than UDP says",	6, 9, 17, D(GOOD), NULL },
	{ "IPv6, length 0",		6, 0, 17, D(GOOD), NULL },
	{ "IPv6, length 0, of ICMP",	6, 0, 58, D(GOOD), NULL },
	{ "IPv6, length 0, a fragment",	6, 0, 44, D(GOOD), NULL },
	{ "hop by hop",			6, 18, 0, D("\x11\0\1\4\0\0\0\0" GOOD), "hi" },
	{ "routing",			6, 18, 43, D("\x11\0\1\4\0\0\0\0" GOOD), "hi" },
	{ "destination, 16 bytes",	6, 26, 60,
	  D("\x11\1\1\4\0\0\0\0\0\0\0\0\0\0\0\0" GOOD), "hi" },
	{ "AH counts in fours",		6, 34, 51,
	  D("\x11\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" GOOD), "hi" },
	{ "AH, longer than that",	6, 18, 51, D("\x11\4\0\0\0\0\0\0" GOOD), NULL },
	{ "an extension longer than the packet", 6, 18, 60,
	  D("\x11\2\1\4\0\0\0\0" GOOD), NULL },
	{ "an extension that goes past the length", 6, 8, 60,
	  D("\x11\1\1\4\0\0\0\0\0\0\0\0\0\0\0\0" GOOD), NULL },
	{ "half an extension",		6, 1, 60, D("\x11"), NULL },
	{ "an atomic fragment",		6, 18, 44, D("\x11\0\0\0\0\0\0\1" GOOD), "hi" },
	{ "half a fragment header",	6, 4, 44, D("\x11\0\0\0"), NULL },
#define EXT(next) next "\0\1\4\0\0\0\0"
#define EXT6	  EXT("\x3c") EXT("\x3c") EXT("\x3c") EXT("\x3c") EXT("\x3c") EXT("\x3c")
	{ "seven extensions",		6, 66, 60, D(EXT6 EXT("\x11") GOOD), "hi" },
	{ "eight extensions",		6, 74, 60,
	  D(EXT6 EXT("\x3c") EXT("\x11") GOOD), NULL },
	{ "nine extensions",		6, 82, 60,
	  D(EXT6 EXT("\x3c") EXT("\x3c") EXT("\x11") GOOD), NULL },
};
/* clang-format on */

static void
headers_that_lie_are_no_packets(void **state)
{
	uint64_t bad = 0;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		const struct row *r = &rows[i];
		unsigned int before = got;

		printf("%s\n", r->what);
		now += SEC;
		if (r->first == 6)
			send6(r->length, r->proto, r->data, r->len);
		else
			send4(r->first, r->length, 0, r->proto, r->data,
			    r->len);
		assert_int_equal(got - before, r->text != NULL);
		if (r->text != NULL)
			assert_string_equal(text, r->text);
		bad += r->text == NULL;
		assert_int_equal(stats->malformed, bad);
	}
	assert_int_equal(stats->packets, ROWS(rows));
	assert_int_equal(stats->ignored, 0);
}

/* Up to its last byte, whatever it says it carries. */
static void
half_a_header_of_ipv6_is_none(void **state)
{
	static const uint8_t protos[] = { 17, 6, 58, 59, 44, 0 };
	uint8_t h[40] = { 0x60 };
	size_t i, n;

	(void)state;
	for (i = 0; i < ROWS(protos); i++)
		for (n = 1; n <= sizeof(h); n++) {
			teardown(state);
			setup(state);
			h[6] = protos[i];
			send_ip(h, n, NULL, 0);
			assert_int_equal(stats->malformed, 1);
			assert_int_equal(stats->ignored, 0);
		}
}

static void
tcp_headers_have_five_words_at_least(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		uint64_t bad;
	} v[] = {
		{ D(TCP("\x50")), 0 },
		{ D(TCP("\x40")), 1 },
		{ D(TCP("\x60")), 1 },
		{ D(TCP("\x60") "\1\1\1\1"), 0 },
		{ D(TCP("\x50")) - 1, 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(v); i++) {
		printf("%zu\n", i);
		teardown(state);
		setup(state);
		send4(0x45, (uint16_t)(20 + v[i].len), 0, 6, v[i].data,
		    v[i].len);
		assert_int_equal(stats->malformed, v[i].bad);
		/*
		 * A packet of IPv6 without a length, as offload leaves it, is
		 * TCP.
		 */
		teardown(state);
		setup(state);
		send6(0, 6, v[i].data, v[i].len);
		assert_int_equal(stats->malformed, v[i].bad);
	}
}

static void
other_ports_and_protocols_are_ignored(void **state)
{
	(void)state;
	send4(0x45, 30, 0, 17, "\x13\xc5\x13\xc5\0\x0a\0\0hi", 10);
	send4(0x45, 40, 0, 6,
	    "\x13\xc5\x13\xc5\0\0\0\1\0\0\0\0\x50\2\xff\xff\0\0\0\0", 20);
	send4(0x45, 30, 0, 132, GOOD, 10);
	assert_int_equal(stats->ignored, 3);
	assert_int_equal(got, 0);
	/* Either end is enough. */
	send4(0x45, 30, 0, 17, "\x13\xc5\x13\xc4\0\x0a\0\0hi", 10);
	send4(0x45, 30, 0, 17, "\x13\xc4\x13\xc5\0\x0a\0\0hi", 10);
	assert_int_equal(got, 2);
	assert_int_equal(stats->malformed, 0);
}

/* How the checksum of a TCP segment is. */
enum sum {
	SUM_RIGHT,
	SUM_LEFT, /* to the card: that of the pseudo header */
	SUM_WRONG
};

static uint16_t
sum16(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < len; i++)
		sum += (uint32_t)p[i] << (i % 2 == 0 ? 8 : 0);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void
send_tcp(bool v6, uint8_t seq, uint8_t flags, const char *data, enum sum how)
{
	/* Both addresses, the length, the protocol, and the segment. */
	uint8_t b[128] = { 0 }, *seg = b + (v6 ? 40 : 12);
	size_t len = 20 + strlen(data);
	uint16_t sum;

	if (v6) {
		memcpy(b, "\x20\1\x0d\xb8", 4);
		memcpy(b + 16, b, 4);
		b[15] = 7;
		b[31] = 0x10;
	} else
		memcpy(b, "\xc6\x33\x64\x07\xc0\0\2\x0a", 8);
	b[v6 ? 35 : 11] = (uint8_t)len;
	b[v6 ? 39 : 9] = 6;
	memcpy(seg, TCP("\x50"), 20);
	seg[7] = seq;
	seg[11] = 1;
	seg[13] = flags;
	memcpy(seg + 20, data, strlen(data));
	sum = how == SUM_LEFT ? sum16(b, (size_t)(seg - b))
			      : (uint16_t)~sum16(b, (size_t)(seg - b) + len);
	sum += how == SUM_WRONG ? 0x0100 : 0;
	seg[16] = (uint8_t)(sum >> 8);
	seg[17] = (uint8_t)sum;
	if (v6)
		send6((uint16_t)len, 6, (char *)seg, len);
	else
		send4(0x45, (uint16_t)(20 + len), 0, 6, (char *)seg, len);
}

/* Of two versions of the same bytes the receiver takes what it can check. */
static void
a_checksum_tells_which_bytes_count(void **state)
{
	static const struct {
		enum sum first, second;
		const char *read;
	} sums[] = {
		{ SUM_RIGHT, SUM_WRONG, "abcde" },
		{ SUM_LEFT, SUM_WRONG, "abcde" },
		/* The receiver may have either version. */
		{ SUM_WRONG, SUM_RIGHT, "abc" },
		{ SUM_RIGHT, SUM_LEFT, "abc" },
		{ SUM_WRONG, SUM_WRONG, "abc" },
	};
	size_t i;
	int v6;

	for (i = 0; i < ROWS(sums); i++)
		for (v6 = 0; v6 < 2; v6++) {
			teardown(state);
			setup(state);
			send_tcp(v6, 0, 2, "", SUM_RIGHT);
			back = true;
			send_tcp(v6, 0, 18, "", SUM_RIGHT);
			back = false;
			send_tcp(v6, 1, 16, "abc", sums[i].first);
			send_tcp(v6, 1, 16, "xyz", sums[i].second);
			send_tcp(v6, 4, 16, "de", SUM_RIGHT);
			print_message("%zu %d\n", i, v6);
			assert_string_equal(stream, sums[i].read);
			assert_int_equal(stats->tcp_conflicts, 1);
		}
}

static void
on_other(void *ctx, const struct datagram *d)
{
	(void)ctx;
	(void)d;
	got += 100;
}

/* A replay looks at them for SIP on a port that is not configured. */
static void
bytes_on_other_ports_are_handed_on_if_wanted(void **state)
{
	static const struct capture_sink both = { .udp = on_udp,
		.tcp = on_tcp,
		.tcp_end = on_end,
		.other = on_other };

	(void)state;
	with = &both;
	send4(0x45, 30, 0, 17, "\x13\xc5\x13\xc5\0\x0a\0\0Hi", 10);
	assert_int_equal(got, 100);
	send4(0x45, 30, 0, 17, "\x13\xc5\x13\xc5\0\x0a\0\0hi", 10);
	send4(0x45, 28, 0, 17, "\x13\xc5\x13\xc5\0\x08\0\0", 8);
	send4(0x45, 40, 0, 6,
	    "\x13\xc5\x13\xc5\0\0\0\1\0\0\0\0\x50\2\xff\xff\0\0\0\0", 20);
	assert_int_equal(got, 100);
	send4(0x45, 41, 0, 6,
	    "\x13\xc5\x13\xc5\0\0\0\1\0\0\0\0\x50\2\xff\xff\0\0\0\0H", 21);
	assert_int_equal(got, 200);
	send4(0x45, 30, 0, 17, GOOD, 10);
	assert_int_equal(got, 201);
	with = &sink;
}

/* Media, mostly: a replay must not spend more than a glance on it. */
static void
what_has_other_ports_is_skipped(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*what;
		const char	*ip;
		size_t		 len;
		bool		 skip;
	} frames[] = {
#define V4(total, off, proto) "\x45\0\0" total "\0\1" off "\x40" proto "\0\0" "\xc6\x33\x64\7\xc0\0\2\x0a"
#define V6(len, next) "\x60\0\0\0\0" len next "\x40" "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7" "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x10"
#define OTHER(len, text) "\x13\xc5\x27\x10\0" len "\0\0" text
#define F(s) s, sizeof(s) - 1
		{ "media",		F(V4("\x1e", "\0\0", "\x11") OTHER("\x0a", "\x80\0")), true },
		{ "not fragmented",	F(V4("\x1e", "\x40\0", "\x11") OTHER("\x0a", "\x80\0")), true },
		{ "padded",		F(V4("\x1e", "\0\0", "\x11") OTHER("\x0a", "\x80\0") "\0"), true },
		{ "no bytes",		F(V4("\x1c", "\0\0", "\x11") OTHER("\x08", "")), true },
		{ "IPv6",		F(V6("\x0a", "\x11") OTHER("\x0a", "\x80\0")), true },
		{ "text",		F(V4("\x1e", "\0\0", "\x11") OTHER("\x0a", "SI")), false },
		{ "one letter",		F(V4("\x1d", "\0\0", "\x11") OTHER("\x09", "S")), false },
		{ "one byte",		F(V4("\x1d", "\0\0", "\x11") OTHER("\x09", "\x80")), true },
		{ "text behind it",	F(V4("\x1d", "\0\0", "\x11") OTHER("\x08", "S")), true },
		{ "to our port",	F(V4("\x1e", "\0\0", "\x11") "\x27\x10\x13\xc4\0\x0a\0\0\x80\0"), false },
		{ "from our port",	F(V4("\x1e", "\0\0", "\x11") "\x13\xc4\x27\x10\0\x0a\0\0\x80\0"), false },
		{ "a first fragment",	F(V4("\x1e", "\x20\0", "\x11") OTHER("\x0a", "\x80\0")), false },
		{ "a later fragment",	F(V4("\x1e", "\0\1", "\x11") OTHER("\x0a", "\x80\0")), false },
		{ "TCP",		F(V4("\x1e", "\0\0", "\6") OTHER("\x0a", "\x80\0")), false },
		{ "IPv6 with more",	F(V6("\x0a", "\0") OTHER("\x0a", "\x80\0")), false },
		{ "longer than it is",	F(V4("\x1f", "\0\0", "\x11") OTHER("\x0a", "\x80\0")), false },
		{ "UDP says more",	F(V4("\x1e", "\0\0", "\x11") OTHER("\x0b", "\x80\0")), false },
		{ "UDP says nothing",	F(V4("\x1e", "\0\0", "\x11") OTHER("\0", "\x80\0")), false },
		{ "IPv6 cut off",	F(V6("\x08", "\x11")), false },
		{ "nothing",		F(""), false },
#undef F
	};
	/* clang-format on */
	size_t i;
	char *p;

	(void)state;
	for (i = 0; i < ROWS(frames); i++) {
		p = malloc(frames[i].len + 1);
		assert_non_null(p);
		memcpy(p, frames[i].ip, frames[i].len);
		print_message("%s\n", frames[i].what);
		assert_int_equal(packets_skip(skipping, DLT_RAW,
				     (struct span) { p, frames[i].len }),
		    frames[i].skip);
		add_as_if_skipped((struct span) { p, frames[i].len });
		free(p);
	}
	assert_int_equal(packets_stats(skipping)->ignored,
	    packets_stats(skipping)->packets);
}

static void
a_glance_is_for_ports_of_udp(void **state)
{
	static const struct capture_port mixed[] = { { IPPROTO_TCP, 21 },
		{ IPPROTO_UDP, 69 } };
	/* clang-format off */
	static const struct {
		const char	*frame;
		size_t		 len;
		int		 dlt;
		bool		 skip;
	} glances[] = {
#define F(s) s, sizeof(s) - 1
#define TO(port) V4("\x1e", "\0\0", "\x11") "\x27\x10\0" port "\0\x0a\0\0\x80\0"
#define MACS "\2\0\0\0\0\1\2\0\0\0\0\2"
		{ F(TO("\x15")), DLT_RAW, true },
		{ F(TO("\x45")), DLT_RAW, false },
		{ F(MACS "\x08\0" TO("\x15")), DLT_EN10MB, true },
		{ F(MACS "\x08\0" TO("\x45")), DLT_EN10MB, false },
		{ F(MACS "\x08\6" TO("\x15")), DLT_EN10MB, false },
		{ F(MACS "\x08"), DLT_EN10MB, false },
#undef F
#undef TO
#undef MACS
	};
	/* clang-format on */
	struct packets *p = packets_new(mixed, ROWS(mixed));
	size_t i;

	(void)state;
	assert_non_null(p);
	for (i = 0; i < ROWS(glances); i++)
		assert_int_equal(packets_skip(p, glances[i].dlt,
				     (struct span) { glances[i].frame,
					 glances[i].len }),
		    glances[i].skip);
	packets_free(p, &sink);
}

static void
a_piece_waits_for_so_long(void **state)
{
	(void)state;
	send4(0x45, 28, 0x2000, 17, "\x13\xc4\x13\xc4\0\x0a\0\0", 8);
	packets_expire(packets, now + 29 * SEC, &sink);
	assert_int_equal(stats->frag_timeouts, 0);
	packets_expire(packets, now + 30 * SEC, &sink);
	assert_int_equal(stats->frag_timeouts, 1);
	assert_false(link_supported(105)); /* IEEE 802.11 */
}

#define PIECE(next, off) next "\0\0" off "\0\0\0\7"

static void
fragments_belong_to_one_protocol_and_place(void **state)
{
	(void)state;
	/* The first one says what it is (RFC 8200 section 4.5). */
	send6(16, 44, PIECE("\x11", "\1") "\x13\xc4\x13\xc4\0\x0a\0\0", 16);
	assert_int_equal(got, 0);
	send6(10, 44, PIECE("\x06", "\x08") "hi", 10);
	assert_int_equal(got, 1);
	assert_string_equal(text, "hi");
	now += SEC;
	/* In IPv4 the protocol is part of the name (RFC 791). */
	send4(0x45, 28, 0x2000, 17, "\x13\xc4\x13\xc4\0\x0a\0\0", 8);
	send4(0x45, 22, 1, 6, "hi", 2);
	assert_int_equal(got, 1);
	/* The direction, too, is part of the name. */
	raw.dir = PKT_OUT;
	send4(0x45, 22, 1, 17, "hi", 2);
	assert_int_equal(got, 1);
	raw.dir = PKT_UNKNOWN;
	raw.ifindex = 7;
	send4(0x45, 22, 1, 17, "hi", 2);
	assert_int_equal(got, 1);
	raw.ifindex = 0;
	send4(0x45, 22, 1, 17, "hi", 2);
	assert_int_equal(got, 2);
	assert_int_equal(stats->malformed, 0);
	/* Both pieces came in. */
	now += SEC;
	raw.dir = PKT_IN;
	raw.ifindex = 7;
	send4(0x45, 28, 0x2000, 17, "\x13\xc4\x13\xc4\0\x0a\0\0", 8);
	send4(0x45, 22, 1, 17, "hi", 2);
	assert_int_equal(got, 3);
	raw.dir = PKT_UNKNOWN;
	raw.ifindex = 0;
	/* Pieces for two hosts are pieces of two packets. */
	now += SEC;
	send4(0x45, 28, 0x2000, 17, "\x13\xc4\x13\xc4\0\x0a\0\0", 8);
	send_ip("\x45\0\0\x16\0\x09\0\x01\x40\x11\0\0\xc6\x33\x64\x07"
		"\xc0\0\x02\x0b",
	    20, "hi", 2);
	assert_int_equal(got, 3);
	send_ip("\x45\0\0\x16\0\x09\0\x01\x40\x11\0\0\xc6\x33\x64\x08"
		"\xc0\0\x02\x0a",
	    20, "hi", 2);
	assert_int_equal(got, 3);
	/* "Don't fragment" makes no fragment. */
	now += SEC;
	send4(0x45, 30, 0x4000, 17, GOOD, 10);
	assert_int_equal(got, 4);
	/* The last piece of a packet is one, although no more come. */
	now += SEC;
	send4(0x45, 30, 2, 17, GOOD, 10);
	assert_int_equal(got, 4);
}

/* Pieces of many packets at once, at several interfaces. */
static void
pieces_of_many_packets_find_each_other(void **state)
{
	char rest[] = "aa";
	unsigned int i, k;

	(void)state;
	for (i = 0; i < 100; i++) {
		k = i * 37 % 100;
		number = (uint8_t)(k / 4);
		raw.ifindex = 1 + k % 4;
		send4(0x45, 28, 0x2000, 17, "\x13\xc4\x13\xc4\0\x0a\0\0", 8);
	}
	assert_int_equal(got, 0);
	for (i = 0; i < 100; i++) {
		k = i * 61 % 100;
		number = (uint8_t)(k / 4);
		raw.ifindex = 1 + k % 4;
		rest[0] = (char)('0' + k / 10);
		rest[1] = (char)('0' + k % 10);
		send4(0x45, 22, 1, 17, rest, 2);
		assert_int_equal(got, i + 1);
		assert_string_equal(text, rest);
	}
	number = 9;
	assert_int_equal(stats->frag_overlaps, 0);
}

static void
other_interfaces_are_ignored(void **state)
{
	static const uint32_t ifs[] = { 7, 9 };

	(void)state;
	raw.ifs = ifs;
	raw.nifs = 2;
	for (raw.ifindex = 6; raw.ifindex < 11; raw.ifindex++) {
		now += SEC;
		send4(0x45, 30, 0, 17, GOOD, 10);
	}
	assert_int_equal(got, 2);
	assert_int_equal(stats->ignored, 3);
	/* Where nobody knows the interface, all count or none. */
	raw.ifindex = 0;
	now += SEC;
	send4(0x45, 30, 0, 17, GOOD, 10);
	assert_int_equal(got, 3);
}

/* Segmentation offload makes frames that no length of 16 bits can tell. */
static void
what_is_longer_than_its_length_can_say(void **state)
{
	static char segment[70000] = UDP("\x0a");

	(void)state;
	send4(0x45, 0, 0, 17, segment, sizeof(segment));
	assert_int_equal(got, 1);
	assert_string_equal(text, "hi");
	assert_int_equal(stats->malformed, 0);
	now += SEC;
	send4(0x45, 0, 0, 17, segment, 65515);
	now += SEC;
	send4(0x45, 0, 0, 17, segment, 65516);
	assert_int_equal(got, 3);
}

/*
 * A tag of priority 2 and the type behind it read like the first bytes of an
 * IPv4 header that is long enough; its checksum tells.
 */
static void
a_tag_is_no_header(void **state)
{
	static const char head[] = "\x08\0\0\0\0\0\0\2\0\1\0\6"
				   "\2\0\0\0\0\x99\0\0"
				   "\x45\0\x08\0\x45\0\0\x1d";
	static char frame[20 + 0x900];
	struct link_packet p;

	(void)state;
	memcpy(frame, head, sizeof(head) - 1);
	assert_int_equal(link_decode(DLT_LINUX_SLL2,
			     (struct span) { frame, sizeof(frame) }, &p),
	    PH_OK);
	assert_ptr_equal(p.ip.p, frame + 24);
	/* The same, with the checksum of a header. */
	memset(frame + 24, 0, 16);
	frame[30] = (char)0xb2;
	frame[31] = (char)0xff;
	assert_int_equal(link_decode(DLT_LINUX_SLL2,
			     (struct span) { frame, sizeof(frame) }, &p),
	    PH_OK);
	assert_ptr_equal(p.ip.p, frame + 20);
	assert_false(p.foreign);
	/* So it is one where the type says that there was a tag. */
	frame[0] = (char)0x81;
	assert_int_equal(link_decode(DLT_LINUX_SLL2,
			     (struct span) { frame, sizeof(frame) }, &p),
	    PH_OK);
	assert_ptr_equal(p.ip.p, frame + 20);
	assert_true(p.foreign);
	frame[31] ^= 1;
	assert_int_equal(link_decode(DLT_LINUX_SLL2,
			     (struct span) { frame, sizeof(frame) }, &p),
	    PH_EUNSUPPORTED);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(headers_that_lie_are_no_packets),
		CASE(half_a_header_of_ipv6_is_none),
		CASE(tcp_headers_have_five_words_at_least),
		CASE(other_ports_and_protocols_are_ignored),
		CASE(fragments_belong_to_one_protocol_and_place),
		CASE(pieces_of_many_packets_find_each_other),
		CASE(a_checksum_tells_which_bytes_count),
		CASE(bytes_on_other_ports_are_handed_on_if_wanted),
		CASE(what_has_other_ports_is_skipped),
		CASE(a_glance_is_for_ports_of_udp),
		CASE(a_piece_waits_for_so_long),
		CASE(other_interfaces_are_ignored),
		CASE(what_is_longer_than_its_length_can_say),
		CASE(a_tag_is_no_header),
	};

	return starve_left(cmocka_run_group_tests(tests, NULL, NULL), 0);
}
