/* SPDX-License-Identifier: ISC */
/*
 * What comes off the wire, from frames to datagrams and bytes in order.  The
 * captures of test-pcaps/capture go through all of it; here are the corners.
 */
#include <pcap/dlt.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/capture/ipfrag.h"
#include "src/capture/link.h"
#include "src/capture/packet.h"
#include "src/capture/tcpstream.h"
#include "tests/unit.h"

#define SEC INT64_C(1000000)

static void
frames_lead_to_ip_or_nowhere(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*what;
		int		 dlt;
		const char	*frame;
		size_t		 len;
		enum ph_err	 rc;
		uint8_t		 dir;
	} rows[] = {
#define F(s) s, sizeof(s) - 1
#define MACS "\2\0\0\0\0\1\2\0\0\0\0\2"
		{ "ethernet",		DLT_EN10MB, F(MACS "\x08\0\x45"), PH_OK, PKT_UNKNOWN },
		{ "ethernet, v6",	DLT_EN10MB, F(MACS "\x86\xdd\x60"), PH_OK, PKT_UNKNOWN },
		{ "too short",		DLT_EN10MB, F("\2\0\0"), PH_EMALFORMED, PKT_UNKNOWN },
		{ "nothing in it",	DLT_EN10MB, F(MACS "\x08\0"), PH_EMALFORMED, PKT_UNKNOWN },
		{ "arp",		DLT_EN10MB, F(MACS "\x08\x06\0\1"), PH_EUNSUPPORTED, PKT_UNKNOWN },
		{ "four tags",		DLT_EN10MB, F(MACS "\x81\0\0\1\x88\xa8\0\1\x91\0\0\1\x81\0\0\1\x08\0\x45"), PH_OK, PKT_UNKNOWN },
		{ "five tags",		DLT_EN10MB, F(MACS "\x81\0\0\1\x81\0\0\1\x81\0\0\1\x81\0\0\1\x81\0\0\1\x08\0\x45"), PH_EUNSUPPORTED, PKT_UNKNOWN },
		{ "tag cut off",	DLT_EN10MB, F(MACS "\x81\0\0"), PH_EMALFORMED, PKT_UNKNOWN },
		{ "pppoe",		DLT_EN10MB, F(MACS "\x88\x64\x11\0\0\1\0\3\0\x21\x45"), PH_OK, PKT_UNKNOWN },
		{ "pppoe lies",		DLT_EN10MB, F(MACS "\x88\x64\x11\0\0\1\0\x99\0\x21\x45"), PH_EMALFORMED, PKT_UNKNOWN },
		{ "pppoe, lcp",		DLT_EN10MB, F(MACS "\x88\x64\x11\0\0\1\0\3\xc0\x21\1"), PH_EUNSUPPORTED, PKT_UNKNOWN },
		{ "cooked, in",		DLT_LINUX_SLL, F("\0\0\0\1\0\6\1\2\3\4\5\6\0\0\x08\0\x45"), PH_OK, PKT_IN },
		{ "cooked, out",	DLT_LINUX_SLL, F("\0\4\0\1\0\6\1\2\3\4\5\6\0\0\x08\0\x45"), PH_OK, PKT_OUT },
		{ "cooked v2, out",	DLT_LINUX_SLL2, F("\x08\0\0\0\0\0\0\7\0\1\4\6\1\2\3\4\5\6\0\0\x45"), PH_OK, PKT_OUT },
		{ "cooked v2, short",	DLT_LINUX_SLL2, F("\x08\0\0\0\0\0\0\7\0\1\4\6"), PH_EMALFORMED, PKT_UNKNOWN },
/* Recorded on Linux 6.18 from `any`, but for the older kernels' types. */
#define SLL2(type, dir) type "\0\0\0\0\0\2\0\1" dir "\6\2\0\0\0\0\x99\0\0"
#define IP4 "\x45\0\0\x1d\0\1\0\0\x40\x11\x8e\x8a\xc0\0\2\x0a\xc6\x33\x64\7" \
	"\x13\xc4\x13\xc4\0\x09\0\0h"
#define IP6 "\x60\0\0\0\0\0\x11\x40\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1" \
	"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
		{ "inner tag, in",	DLT_LINUX_SLL2, F(SLL2("\x08\0", "\0") "\0\x1e\x08\0" IP4), PH_OK, PKT_IN },
		{ "two inner tags, in",	DLT_LINUX_SLL2, F(SLL2("\x08\0", "\0") "\0\2\x81\0\0\3\x08\0" IP4), PH_OK, PKT_IN },
		{ "inner tag, in, v6",	DLT_LINUX_SLL2, F(SLL2("\x86\xdd", "\0") "\0\x1e\x86\xdd" IP6), PH_OK, PKT_IN },
		{ "priority 2, 0x500",	DLT_LINUX_SLL2, F(SLL2("\x08\0", "\0") "\x45\0\x08\0" IP4), PH_OK, PKT_IN },
		{ "priority 3, v6",	DLT_LINUX_SLL2, F(SLL2("\x86\xdd", "\0") "\x60\1\x86\xdd" IP6), PH_OK, PKT_IN },
		{ "9100, then 8100",	DLT_LINUX_SLL2, F(SLL2("\x91\0", "\0") "\0\x14\x81\0\0\x1e\x08\0" IP4), PH_OK, PKT_IN },
		{ "older, inner tag",	DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") "\0\x1e\x08\0" IP4), PH_OK, PKT_IN },
		{ "older, tag gone, out", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\4") IP4), PH_OK, PKT_OUT },
		{ "older, v6, out",	DLT_LINUX_SLL2, F(SLL2("\x88\xa8", "\4") IP6), PH_OK, PKT_OUT },
		{ "tag, then pppoe",	DLT_LINUX_SLL2, F(SLL2("\x88\x64", "\0") "\0\x1e\x88\x64\x11\0\0\1\0\x1f\0\x21" IP4), PH_OK, PKT_IN },
		{ "arp is arp",		DLT_LINUX_SLL2, F(SLL2("\x08\6", "\0") "\0\1\x08\0\6\4" IP4), PH_EUNSUPPORTED, PKT_IN },
		{ "v1, inner tag",	DLT_LINUX_SLL, F("\0\0\0\1\0\6\1\2\3\4\5\6\0\0\x08\0" "\0\x1e\x08\0" IP4), PH_OK, PKT_IN },
		{ "raw",		DLT_RAW, F("\x60"), PH_OK, PKT_UNKNOWN },
		{ "raw, version 5",	DLT_RAW, F("\x50"), PH_EUNSUPPORTED, PKT_UNKNOWN },
		{ "null",		DLT_NULL, F("\2\0\0\0\x45"), PH_OK, PKT_UNKNOWN },
		{ "loop",		DLT_LOOP, F("\0\0\0\x18\x60"), PH_OK, PKT_UNKNOWN },
		{ "unknown link",	DLT_IEEE802_11, F("\2\0\0\0\x45"), PH_EUNSUPPORTED, PKT_UNKNOWN },
#undef F
	};
	/* clang-format on */
	struct link_packet p;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		assert_int_equal(link_decode(rows[i].dlt,
				     (struct span) { rows[i].frame,
					 rows[i].len },
				     &p),
		    rows[i].rc);
		if (rows[i].rc != PH_OK)
			continue;
		assert_int_equal(p.dir, rows[i].dir);
		/* The packet is what the frame ends with. */
		assert_ptr_equal(p.ip.p + p.ip.len,
		    rows[i].frame + rows[i].len);
		if (p.ip.len > 1)
			assert_true(p.ip.len == sizeof(IP4) - 1 ||
			    p.ip.len == sizeof(IP6) - 1);
	}
}

struct piece {
	uint32_t off;
	bool more;
	const char *bytes;
	enum ph_err rc;
};

static struct frag_key
frag_key(uint32_t id)
{
	struct frag_key k;

	memset(&k, 0, sizeof(k));
	k.src = addr_v4(198, 51, 100, 7);
	k.dst = addr_v4(192, 0, 2, 10);
	k.id = id;
	return k;
}

static void
assemble(const struct piece *pieces, size_t n, const char *want)
{
	struct frag_key key = frag_key(1);
	struct capture_stats stats = { 0 };
	struct ipfrag *f = ipfrag_new();
	struct span whole;
	uint8_t proto;
	size_t i;

	assert_non_null(f);
	for (i = 0; i < n; i++) {
		printf("%u %s\n", pieces[i].off, pieces[i].bytes);
		assert_int_equal(ipfrag_add(f, SEC, &key, pieces[i].off,
				     pieces[i].more, 17,
				     span_of(pieces[i].bytes), &whole, &proto,
				     &stats),
		    pieces[i].rc);
		if (pieces[i].rc == PH_OK)
			assert_true(span_eq_str(whole, want));
	}
	ipfrag_free(f);
}

static void
fragments_come_in_any_order_and_never_overlap(void **state)
{
	/* clang-format off */
	static const struct piece ordered[] = {
		{ 0,  true,  "aaaaaaaa", PH_ETRUNC },
		{ 8,  true,  "bbbbbbbb", PH_ETRUNC },
		{ 16, false, "cc",	 PH_OK },
	};
	static const struct piece reversed[] = {
		{ 16, false, "cc",	 PH_ETRUNC },
		{ 8,  true,  "bbbbbbbb", PH_ETRUNC },
		{ 8,  true,  "bbbbbbbb", PH_ETRUNC },	/* again: the same */
		{ 0,  true,  "aaaaaaaa", PH_OK },
	};
	static const struct piece overlap[] = {
		{ 0,  true,  "aaaaaaaaAAAAAAAA", PH_ETRUNC },
		{ 8,  true,  "bbbbbbbb", PH_EMALFORMED },
		{ 16, false, "cc",	 PH_EMALFORMED },	/* condemned */
	};
	static const struct piece changed[] = {
		{ 0,  true,  "aaaaaaaa", PH_ETRUNC },
		{ 0,  true,  "xxxxxxxx", PH_EMALFORMED },
	};
	static const struct piece last_or_not[] = {
		{ 0,  true,  "aaaaaaaa", PH_ETRUNC },
		{ 0,  false, "aaaaaaaa", PH_EMALFORMED },
		{ 8,  false, "bb",	 PH_EMALFORMED },
	};
	static const struct piece two_ends[] = {
		{ 16, false, "cc",	 PH_ETRUNC },
		{ 24, false, "dd",	 PH_EMALFORMED },
	};
	static const struct piece beyond_the_end[] = {
		{ 8,  true,  "bbbbbbbb", PH_ETRUNC },
		{ 0,  false, "aa",	 PH_EMALFORMED },
	};
	static const struct piece odd[] = { { 0, true, "aaaaaaa", PH_EMALFORMED } };
	static const struct piece empty[] = { { 8, true, "", PH_EMALFORMED } };
	static const struct piece too_far[] = { { 65528, false, "aaaaaaaa", PH_EMALFORMED } };
	/* clang-format on */

	(void)state;
	assemble(ordered, ROWS(ordered), "aaaaaaaabbbbbbbbcc");
	assemble(reversed, ROWS(reversed), "aaaaaaaabbbbbbbbcc");
	assemble(overlap, ROWS(overlap), NULL);
	assemble(changed, ROWS(changed), NULL);
	assemble(last_or_not, ROWS(last_or_not), NULL);
	assemble(two_ends, ROWS(two_ends), NULL);
	assemble(beyond_the_end, ROWS(beyond_the_end), NULL);
	assemble(odd, ROWS(odd), NULL);
	assemble(empty, ROWS(empty), NULL);
	assemble(too_far, ROWS(too_far), NULL);
}

static void
fragments_wait_for_thirty_seconds(void **state)
{
	struct frag_key key = frag_key(1);
	struct capture_stats stats = { 0 };
	struct ipfrag *f = ipfrag_new();
	struct span whole;
	uint8_t proto;

	(void)state;
	assert_int_equal(ipfrag_add(f, SEC, &key, 0, true, 17,
			     SPAN_LITERAL("aaaaaaaa"), &whole, &proto, &stats),
	    PH_ETRUNC);
	assert_int_equal(ipfrag_add(f, 31 * SEC, &key, 8, false, 17,
			     SPAN_LITERAL("b"), &whole, &proto, &stats),
	    PH_ETRUNC);
	assert_int_equal(stats.frag_timeouts, 1);
	ipfrag_free(f);
}

static void
fragments_of_a_flood_are_bounded(void **state)
{
	struct capture_stats stats = { 0 };
	struct ipfrag *f = ipfrag_new();
	struct frag_key key;
	struct span whole;
	uint8_t proto;
	uint32_t i;

	(void)state;
	/* One source fills its own share and no more. */
	for (i = 0; i < 1000; i++) {
		key = frag_key(i);
		(void)!ipfrag_add(f, SEC, &key, 0, true, 17,
		    SPAN_LITERAL("aaaaaaaa"), &whole, &proto, &stats);
	}
	assert_int_equal(stats.frag_limits, 1000 - FRAG_MAX_SOURCE);
	/* Many sources make the oldest go; the newest still gets through. */
	for (i = 0; i < 20000; i++) {
		key = frag_key(i);
		key.src = addr_v4(10, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
		    (uint8_t)i);
		(void)!ipfrag_add(f, SEC, &key, 0, true, 17,
		    SPAN_LITERAL("aaaaaaaa"), &whole, &proto, &stats);
	}
	assert_int_equal(ipfrag_add(f, SEC, &key, 8, false, 17,
			     SPAN_LITERAL("b"), &whole, &proto, &stats),
	    PH_OK);
	ipfrag_free(f);
}

/* Eight bytes far behind cost the room of all that is before them. */
static void
fragments_of_one_source_are_bounded_in_bytes(void **state)
{
	struct capture_stats stats = { 0 };
	struct ipfrag *f = ipfrag_new();
	struct frag_key key;
	struct span whole;
	uint8_t proto;
	uint32_t i, kept = 0;

	(void)state;
	/* To the source, every address of its /64 belongs. */
	for (i = 0; i < 1000; i++) {
		key = frag_key(i);
		key.src = (struct addr) { AF_INET6, { 0x20, 1, 0xd, 0xb8 } };
		key.src.b[14] = (uint8_t)(i >> 8);
		key.src.b[15] = (uint8_t)i;
		kept += ipfrag_add(f, SEC, &key, 65520, true, 17,
			    SPAN_LITERAL("aaaaaaaa"), &whole, &proto,
			    &stats) == PH_ETRUNC;
	}
	assert_in_range(kept, 1, FRAG_SOURCE_BYTES / 65536);
	assert_int_equal(stats.frag_limits, 1000 - kept);
	/* Another has his share. */
	key.src.b[7] = 1;
	assert_int_equal(ipfrag_add(f, SEC, &key, 65520, true, 17,
			     SPAN_LITERAL("aaaaaaaa"), &whole, &proto, &stats),
	    PH_ETRUNC);
	ipfrag_free(f);
}

struct heard {
	char text[512];
	struct strbuf b;
	size_t total;
	unsigned int ends;
	size_t stop_after; /* lose interest once so much was heard */
};

static bool
on_tcp(void *ctx, void **user, const struct datagram *d)
{
	struct heard *h = ctx;

	*user = h;
	h->total += d->payload.len;
	if (d->joined)
		strbuf_str(&h->b, "|");
	strbuf_add(&h->b, d->payload);
	return h->stop_after == 0 || h->b.len < h->stop_after;
}

static void
on_end(void *ctx, void *user)
{
	(void)user;
	((struct heard *)ctx)->ends++;
}

struct seg {
	uint32_t seq;
	uint8_t flags;
	const char *bytes;
	bool back; /* from the server */
	uint32_t ack;
};

static void
feed_one(struct tcpstream *t, const struct seg *s, int64_t ts,
    const struct capture_sink *sink, struct capture_stats *stats)
{
	struct datagram d = { 0 };
	struct endpoint e;

	d.ts = ts;
	d.proto = IPPROTO_TCP;
	d.src.addr = addr_v4(198, 51, 100, 7);
	d.src.port = 40000;
	d.dst.addr = addr_v4(192, 0, 2, 10);
	d.dst.port = 5060;
	if (s->back) {
		e = d.src;
		d.src = d.dst;
		d.dst = e;
	}
	d.payload = span_of(s->bytes);
	tcpstream_add(t, &d, s->seq, s->ack, s->flags, sink, stats);
}

static void
feed(const struct seg *segs, size_t n, const char *want, size_t stop_after,
    struct capture_stats *stats)
{
	struct tcpstream *t = tcpstream_new();
	struct heard h = { 0 };
	struct capture_sink sink = { &h, NULL, on_tcp, on_end };
	size_t i;

	h.b = strbuf_of(h.text, sizeof(h.text));
	h.stop_after = stop_after;
	for (i = 0; i < n; i++)
		feed_one(t, &segs[i], (int64_t)i, &sink, stats);
	assert_string_equal(h.text, want);
	tcpstream_free(t, &sink);
	assert_int_equal(h.ends > 0, want[0] != '\0');
}

/* Client 9 and server 99 have met. */
#define MET                                                                    \
	{ 9, TCP_SYN, "", false, 0 }, { 99, TCP_SYN | TCP_ACK, "", true, 10 }, \
	{                                                                      \
		10, TCP_ACK, "", false, 100                                    \
	}
/* And the client has said "ab". */
#define SAID                                                                   \
	MET,                                                                   \
	{                                                                      \
		10, TCP_ACK, "ab", false, 100                                  \
	}

static void
segments_become_bytes_in_order(void **state)
{
	/* clang-format off */
	static const struct seg plain[] = {
		{ 0xfffffffe, TCP_SYN, "", false, 0 },
		{ 0xffffffff, TCP_SYN | TCP_ACK, "", true, 0xffffffff },
		{ 0xffffffff, TCP_ACK, "ab", false, 0 },
		{ 0, TCP_ACK, "", true, 1 },
		{ 1, TCP_ACK, "cd", false, 0 },
	};
	static const struct seg shuffled[] = {
		{ 9, TCP_SYN, "", false, 0 },
		{ 99, TCP_SYN | TCP_ACK, "", true, 10 },
		{ 14, TCP_ACK, "ef", false, 100 },
		{ 12, TCP_ACK, "cd", false, 100 },
		{ 12, TCP_ACK, "cdef", false, 100 },
		{ 10, TCP_ACK, "ab", false, 100 },
		{ 10, TCP_ACK, "abcdefgh", false, 100 },
	};
	static const struct seg both[] = { SAID,
		{ 100, TCP_ACK, "cd", true, 12 },
		{ 12, TCP_ACK, "ef", false, 102 },
	};
	static const struct seg keep_alive[] = { SAID,
		{ 11, TCP_ACK, "?", false, 100 },
		{ 11, TCP_ACK, "", false, 100 },
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg again[] = {
		{ 9, TCP_SYN, "", false, 0 }, SAID,
		{ 10, TCP_ACK | TCP_FIN, "ab", false, 100 },
		{ 12, TCP_ACK, "past the end", false, 100 },
	};
	static const struct seg early_end[] = { SAID,
		{ 14, TCP_ACK | TCP_FIN, "ef", false, 100 },
		{ 16, TCP_ACK, "past the end", false, 100 },
		{ 12, TCP_ACK, "cd", false, 100 },
		{ 16, TCP_ACK, "past the end", false, 100 },
	};
	/* clang-format on */
	struct capture_stats stats = { 0 };

	(void)state;
	feed(plain, ROWS(plain), "abcd", 0, &stats);
	feed(shuffled, ROWS(shuffled), "abcdefgh", 0, &stats);
	feed(both, ROWS(both), "abcdef", 0, &stats);
	feed(keep_alive, ROWS(keep_alive), "abcd", 0, &stats);
	feed(again, ROWS(again), "ab", 0, &stats);
	feed(early_end, ROWS(early_end), "abcdef", 0, &stats);
	feed(plain, ROWS(plain), "ab", 1, &stats);
	assert_int_equal(stats.tcp_conflicts, 0);
	assert_int_equal(stats.tcp_implausible, 0);
	assert_int_equal(stats.tcp_midstream, 0);
	assert_int_equal(stats.tcp_connections, 7);
}

static void
what_nobody_answers_is_not_read(void **state)
{
	/* clang-format off */
	/* Begun unseen: from the first bytes of each side. */
	static const struct seg joined[] = {
		{ 9, TCP_ACK, "", false, 100 },
		{ 10, TCP_ACK, "ab", false, 100 },
		{ 16, TCP_ACK, "ef", false, 100 },
		{ 100, TCP_ACK, "xy", true, 12 },
		{ 12, TCP_ACK, "cdcd", false, 102 },
		{ 102, TCP_ACK, "z", true, 18 },
	};
	static const struct seg one_way[] = {
		{ 10, TCP_ACK, "ab", false, 100 },
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg not_taken[] = {
		{ 10, TCP_ACK, "ab", false, 100 },
		{ 100, TCP_ACK, "", true, 10 },
		{ 101, TCP_ACK, "", true, 12 },
	};
	static const struct seg forged_before[] = {
		{ 4711, TCP_ACK, "XX", false, 8000 },
		{ 10, TCP_ACK, "ab", false, 100 },
		{ 100, TCP_ACK, "", true, 12 },
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg only_reset[] = {
		{ 9, TCP_RST, "ab", false, 0 },
		{ 9, TCP_SYN | TCP_ACK, "ab", true, 0 },
	};
	static const struct seg no_answer[] = {
		{ 9, TCP_SYN, "", false, 0 },
		{ 10, TCP_ACK, "ab", false, 100 },
	};
	static const struct seg only_an_answer[] = {
		{ 99, TCP_SYN | TCP_ACK, "", true, 10 },
		{ 10, TCP_ACK, "ab", false, 100 },
	};
	/* A flood's sender does not know what he was answered. */
	static const struct seg blind[] = {
		{ 9, TCP_SYN, "", false, 0 },
		{ 99, TCP_SYN | TCP_ACK, "", true, 10 },
		{ 10, TCP_ACK, "ab", false, 101 },
		{ 10, 0, "ab", false, 100 },
	};
	static const struct seg refused[] = {
		{ 9, TCP_SYN, "", false, 0 },
		{ 0, TCP_RST | TCP_ACK, "", true, 10 },
		{ 99, TCP_SYN | TCP_ACK, "", true, 10 },
		{ 10, TCP_ACK, "ab", false, 100 },
	};
	/* clang-format on */
	struct capture_stats stats = { 0 };

	(void)state;
	feed(one_way, ROWS(one_way), "", 0, &stats);
	feed(not_taken, ROWS(not_taken), "", 0, &stats);
	feed(only_reset, ROWS(only_reset), "", 0, &stats);
	feed(no_answer, ROWS(no_answer), "", 0, &stats);
	feed(only_an_answer, ROWS(only_an_answer), "", 0, &stats);
	assert_int_equal(stats.tcp_implausible, 0);
	feed(blind, ROWS(blind), "", 0, &stats);
	assert_int_equal(stats.tcp_implausible, 2);
	feed(refused, ROWS(refused), "", 0, &stats);
	assert_int_equal(stats.tcp_midstream, 0);
	assert_int_equal(stats.tcp_connections, 0);
	feed(joined, ROWS(joined), "|ab|xycdcdefz", 0, &stats);
	feed(forged_before, ROWS(forged_before), "|abcd", 0, &stats);
	assert_int_equal(stats.tcp_midstream, 2);
}

static void
of_two_versions_the_first_counts(void **state)
{
	/* clang-format off */
	static const struct seg waiting[] = { MET,
		{ 12, TCP_ACK, "cd", false, 100 },
		{ 12, TCP_ACK, "XX", false, 100 },
		{ 10, TCP_ACK, "abYYef", false, 100 },
	};
	static const struct seg around[] = { MET,
		{ 12, TCP_ACK, "cd", false, 100 },
		{ 16, TCP_ACK, "gh", false, 100 },
		{ 11, TCP_ACK, "bXXefXXi", false, 100 },
		{ 10, TCP_ACK, "a", false, 100 },
	};
	static const struct seg delivered[] = { SAID,
		{ 10, TCP_ACK, "XXcd", false, 100 },
		{ 10, TCP_ACK, "YYYY", false, 100 },
	};
	/* clang-format on */
	struct capture_stats stats = { 0 };

	(void)state;
	feed(waiting, ROWS(waiting), "abcdef", 0, &stats);
	assert_int_equal(stats.tcp_conflicts, 2);
	feed(around, ROWS(around), "abcdefghi", 0, &stats);
	assert_int_equal(stats.tcp_conflicts, 4);
	feed(delivered, ROWS(delivered), "abcd", 0, &stats);
}

static void
strangers_end_no_connection(void **state)
{
	/* clang-format off */
	static const struct seg late_syn[] = { SAID,
		{ 9, TCP_SYN, "", false, 0 },
		{ 99, TCP_SYN | TCP_ACK, "", true, 10 },
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg forged_syn[] = { SAID,
		{ 5000, TCP_SYN, "", false, 0 },
		{ 100, TCP_ACK, "", true, 12 },		/* challenged */
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg forged_first[] = {
		{ 5000, TCP_SYN, "", false, 0 },
		{ 6000, TCP_SYN, "", false, 0 }, SAID,
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg forged_reset[] = { SAID,
		{ 13, TCP_RST, "", false, 0 },
		{ 11, TCP_RST, "", false, 0 },
		{ 4000000000u, TCP_RST, "", false, 0 },
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg forged_end[] = { SAID,
		{ 4000000000u, TCP_FIN | TCP_ACK, "", false, 100 },
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg far_ahead[] = { SAID,
		{ 12 + TCP_WINDOW, TCP_ACK, "zz", false, 100 },
		{ 12 - TCP_WINDOW - 1, TCP_ACK, "zz", false, 100 },
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg forged_ack[] = { SAID,
		{ 12, TCP_ACK, "XX", false, 100 + TCP_WINDOW + 1 },
		{ 12, TCP_ACK, "YY", false, 100 - TCP_WINDOW - 1 },
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg forged_answer[] = {
		{ 9, TCP_SYN, "", false, 0 },
		{ 7777, TCP_SYN | TCP_ACK, "", true, 4711 },
		{ 99, TCP_SYN | TCP_ACK, "", true, 10 },
		{ 100, TCP_ACK, "ab", true, 10 },
		{ 10, TCP_ACK, "cd", false, 102 },
	};
	static const struct seg forged_refusal[] = {
		{ 9, TCP_SYN, "", false, 0 },
		{ 0, TCP_RST | TCP_ACK, "", true, 4711 },
		{ 0, TCP_RST, "", true, 10 }, SAID,
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	/* clang-format on */
	struct capture_stats stats = { 0 };

	(void)state;
	feed(late_syn, ROWS(late_syn), "abcd", 0, &stats);
	feed(forged_syn, ROWS(forged_syn), "abcd", 0, &stats);
	feed(forged_first, ROWS(forged_first), "abcd", 0, &stats);
	assert_int_equal(stats.tcp_implausible, 0);
	feed(forged_reset, ROWS(forged_reset), "abcd", 0, &stats);
	feed(forged_end, ROWS(forged_end), "abcd", 0, &stats);
	feed(far_ahead, ROWS(far_ahead), "abcd", 0, &stats);
	feed(forged_ack, ROWS(forged_ack), "abcd", 0, &stats);
	feed(forged_answer, ROWS(forged_answer), "abcd", 0, &stats);
	feed(forged_refusal, ROWS(forged_refusal), "abcd", 0, &stats);
	assert_int_equal(stats.tcp_implausible, 3 + 1 + 2 + 2 + 1 + 2);
	assert_int_equal(stats.tcp_gaps, 0);
	assert_int_equal(stats.tcp_midstream, 0);
	assert_int_equal(stats.tcp_connections, 9);
}

static void
a_port_used_again_is_a_new_connection(void **state)
{
	/* clang-format off */
	static const struct seg reused[] = { SAID,
		{ 5000, TCP_SYN, "", false, 0 },
		{ 900, TCP_SYN | TCP_ACK, "", true, 5001 },
		{ 5001, TCP_ACK, "cd", false, 901 },
		{ 901, TCP_ACK, "ef", true, 5003 },
	};
	static const struct seg reset[] = { SAID,
		{ 12, TCP_RST, "", false, 0 },
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg half_closed_reset[] = { SAID,
		{ 12, TCP_FIN | TCP_ACK, "", false, 100 },
		{ 13, TCP_RST, "", false, 0 },
		{ 100, TCP_ACK, "cd", true, 13 },
	};
	static const struct seg closed[] = { SAID,
		{ 12, TCP_FIN | TCP_ACK, "", false, 100 },
		{ 100, TCP_FIN | TCP_ACK, "", true, 13 },
		{ 13, TCP_ACK, "cd", false, 101 },
	};
	/* clang-format on */
	struct capture_stats stats = { 0 };

	(void)state;
	feed(reused, ROWS(reused), "abcdef", 0, &stats);
	assert_int_equal(stats.tcp_connections, 2);
	assert_int_equal(stats.tcp_midstream, 0);
	feed(reset, ROWS(reset), "ab", 0, &stats);
	feed(half_closed_reset, ROWS(half_closed_reset), "ab", 0, &stats);
	feed(closed, ROWS(closed), "ab", 0, &stats);
	assert_int_equal(stats.tcp_midstream, 0);
}

/* Many connections, heard by one. */
struct crowd {
	struct tcpstream *t;
	struct heard h;
	struct capture_sink sink;
	struct capture_stats stats;
};

static void
crowd_new(struct crowd *c)
{
	memset(c, 0, sizeof(*c));
	c->h.b = strbuf_of(c->h.text, sizeof(c->h.text));
	c->sink = (struct capture_sink) { &c->h, NULL, on_tcp, on_end };
	assert_non_null(c->t = tcpstream_new());
}

static void
crowd_seg(struct crowd *c, int64_t ts, uint32_t seq, const char *bytes)
{
	struct seg s = { seq, TCP_ACK, bytes, false, 100 };

	feed_one(c->t, &s, ts, &c->sink, &c->stats);
}

static void
crowd_met(struct crowd *c)
{
	static const struct seg met[] = { MET };
	size_t i;

	for (i = 0; i < ROWS(met); i++)
		feed_one(c->t, &met[i], 0, &c->sink, &c->stats);
}

static void
crowd_other(struct crowd *c, uint8_t net, uint32_t i, bool open,
    struct span bytes, uint32_t ahead)
{
	struct datagram d = { 0 };
	struct endpoint client, server;

	client.addr = addr_v4(10, net, 0, 1);
	client.port = (uint16_t)(1024 + i);
	server.addr = addr_v4(192, 0, 2, 10);
	server.port = 5060;
	d.proto = IPPROTO_TCP;
	d.src = client;
	d.dst = server;
	tcpstream_add(c->t, &d, i, 0, TCP_SYN, &c->sink, &c->stats);
	if (!open)
		return;
	d.src = server;
	d.dst = client;
	tcpstream_add(c->t, &d, 7, i + 1, TCP_SYN | TCP_ACK, &c->sink,
	    &c->stats);
	d.src = client;
	d.dst = server;
	d.payload = bytes;
	tcpstream_add(c->t, &d, i + 1 + ahead, 8, TCP_ACK, &c->sink, &c->stats);
}

#define NOTHING ((struct span) { NULL, 0 })

static void
a_gap_may_heal_for_a_minute(void **state)
{
	struct crowd c;
	char big[1401];
	uint32_t ahead;

	(void)state;
	crowd_new(&c);
	crowd_met(&c);
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	/* All but the first of a window; then the first heals it. */
	for (ahead = 1400; ahead + 1400 <= TCP_WINDOW; ahead += 1400)
		crowd_seg(&c, 0, 10 + ahead, big);
	crowd_seg(&c, 60 * SEC, 10, big);
	assert_int_equal(c.h.total, ahead);
	assert_int_equal(c.stats.tcp_implausible, 0);
	tcpstream_expire(c.t, 200 * SEC, &c.sink, &c.stats);
	assert_int_equal(c.h.ends, 0);
	/* Once more, and nothing heals it, whatever else goes by. */
	crowd_seg(&c, 200 * SEC, 10 + ahead + 1400, big);
	crowd_seg(&c, 230 * SEC, 10 + ahead + 4200, big);
	tcpstream_expire(c.t, 260 * SEC, &c.sink, &c.stats);
	assert_int_equal(c.h.ends, 0);
	crowd_seg(&c, 260 * SEC + 1, 10 + ahead, big);
	assert_int_equal(c.stats.tcp_gaps, 1);
	assert_int_equal(c.h.ends, 1);
	assert_int_equal(c.h.total, ahead);
	tcpstream_free(c.t, &c.sink);
}

/* A segment of one byte takes as much room as one of a hundred. */
static void
crumbs_are_bounded(void **state)
{
	struct crowd c;
	uint32_t i;

	(void)state;
	crowd_new(&c);
	crowd_met(&c);
	for (i = TCP_MAX_PIECES; i > 0; i--)
		crowd_seg(&c, 1, 9 + 2 * i, "x");
	assert_int_equal(c.h.total, 0);
	/* Full; what closes the gaps needs no room. */
	crowd_seg(&c, 2, 10, "y");
	assert_int_equal(c.h.total, 2);
	for (i = 1; i < TCP_MAX_PIECES; i++)
		crowd_seg(&c, 2, 10 + 2 * i, "y");
	assert_int_equal(c.h.total, 2 * TCP_MAX_PIECES);
	assert_int_equal(c.stats.tcp_gaps, 0);
	for (i = TCP_MAX_PIECES + 1; i > 0; i--)
		crowd_seg(&c, 3, 11 + 2 * TCP_MAX_PIECES + 2 * i, "x");
	assert_int_equal(c.stats.tcp_gaps, 1);
	assert_int_equal(c.h.ends, 1);
	tcpstream_free(c.t, &c.sink);
}

/* Connections without an end, and none that works is lost for them. */
static void
a_flood_of_syns_costs_no_open_connection(void **state)
{
	struct crowd c;
	uint32_t i;

	(void)state;
	crowd_new(&c);
	crowd_met(&c);
	for (i = 0; i < TCP_MAX_HALF + 1000; i++)
		crowd_other(&c, 0, i, false, NOTHING, 0);
	assert_int_equal(c.stats.tcp_limits, 1000);
	crowd_seg(&c, 1, 10, "ab");
	assert_string_equal(c.h.text, "ab");
	assert_int_equal(c.h.ends, 0);
	tcpstream_free(c.t, &c.sink);
}

static void
who_opens_most_loses_first(void **state)
{
	struct crowd c;
	uint32_t i;

	(void)state;
	crowd_new(&c);
	crowd_met(&c);
	for (i = 0; i < TCP_MAX_CONNS + 1000; i++)
		crowd_other(&c, 0, i, true, NOTHING, 0);
	assert_int_equal(c.stats.tcp_limits, 1001);
	assert_int_equal(c.stats.tcp_connections, TCP_MAX_CONNS + 1001);
	crowd_seg(&c, 0, 10, "ab");
	assert_string_equal(c.h.text, "ab");
	/* From others, the idlest goes, which is his. */
	for (i = 0; i < TCP_MAX_SOURCE; i++)
		crowd_other(&c, 1, i, true, NOTHING, 0);
	crowd_seg(&c, 0, 12, "cd");
	assert_string_equal(c.h.text, "abcd");
	tcpstream_free(c.t, &c.sink);
}

static void
the_oldest_gap_makes_room(void **state)
{
	static char crumb[65000];
	const struct span bytes = { crumb, sizeof(crumb) };
	struct crowd c;
	uint32_t i;

	(void)state;
	crowd_new(&c);
	crowd_met(&c);
	for (i = 0; i < TCP_MAX_BYTES / sizeof(crumb) + 100; i++) {
		if (i == 50)
			crowd_seg(&c, 0, 12, "cd");
		crowd_other(&c, 0, i, true, bytes, 1);
	}
	assert_in_range(c.stats.tcp_gaps, 99, 102);
	assert_int_equal(c.stats.tcp_limits, c.stats.tcp_gaps);
	assert_int_equal(c.h.total, 0);
	/* The one with "cd" was among those that went. */
	crowd_seg(&c, 0, 10, "ab");
	assert_int_equal(c.h.total, 0);
	assert_int_equal(c.stats.tcp_midstream, 0);
	tcpstream_free(c.t, &c.sink);
}

static unsigned int nudp;

static void
on_udp(void *ctx, const struct datagram *d)
{
	(void)ctx;
	(void)d;
	nudp++;
}

/* UDP 198.51.100.7:5060 > 192.0.2.10:`dport`, "hi", with an IP id. */
static size_t
udp_frame(char out[64], uint8_t id, uint16_t dport, uint16_t udplen)
{
	static const char head[] = "\x45\0\0\x1e\0\0\0\0\x40\x11\0\0"
				   "\xc6\x33\x64\x07\xc0\0\2\x0a\x13\xc4";

	memcpy(out, head, sizeof(head) - 1);
	out[5] = (char)id;
	out[22] = (char)(dport >> 8);
	out[23] = (char)dport;
	out[24] = (char)(udplen >> 8);
	out[25] = (char)udplen;
	out[26] = out[27] = 0;
	memcpy(out + 28, "hi", 2);
	return 30;
}

static void
a_packet_seen_twice_counts_once(void **state)
{
	static const struct capture_port port = { IPPROTO_UDP, 5060 };
	struct packets *p = packets_new(&port, 1);
	struct capture_sink sink = { NULL, on_udp, on_tcp, on_end };
	char f[64];
	struct span s = { f, 0 };

	(void)state;
	s.len = udp_frame(f, 1, 5060, 10);
	packets_add(p, DLT_RAW, SEC, s, NULL, 0, PKT_UNKNOWN, 0, &sink);
	packets_add(p, DLT_RAW, SEC + 20, s, NULL, 0, PKT_UNKNOWN, 0, &sink);
	assert_int_equal(nudp, 1);
	assert_int_equal(packets_stats(p)->duplicates, 1);
	/* Going out is another sighting than coming in. */
	packets_add(p, DLT_RAW, SEC + 30, s, NULL, 0, PKT_OUT, 2, &sink);
	assert_int_equal(nudp, 2);
	/* A retransmission comes later, or under another id. */
	packets_add(p, DLT_RAW, 2 * SEC, s, NULL, 0, PKT_UNKNOWN, 0, &sink);
	s.len = udp_frame(f, 2, 5060, 10);
	packets_add(p, DLT_RAW, 2 * SEC, s, NULL, 0, PKT_UNKNOWN, 0, &sink);
	assert_int_equal(nudp, 4);
	/* Other ports, and a UDP length that lies. */
	s.len = udp_frame(f, 3, 5061, 10);
	f[20] = 0;
	packets_add(p, DLT_RAW, 3 * SEC, s, NULL, 0, PKT_UNKNOWN, 0, &sink);
	s.len = udp_frame(f, 4, 5060, 11);
	packets_add(p, DLT_RAW, 3 * SEC, s, NULL, 0, PKT_UNKNOWN, 0, &sink);
	assert_int_equal(nudp, 4);
	assert_int_equal(packets_stats(p)->malformed, 1);
	/* An interface nobody asked for. */
	s.len = udp_frame(f, 5, 5060, 10);
	packets_add(p, DLT_RAW, 4 * SEC, s, (const uint32_t[]) { 7 }, 1, PKT_IN,
	    8, &sink);
	assert_int_equal(nudp, 4);
	packets_free(p, &sink);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_lead_to_ip_or_nowhere),
		cmocka_unit_test(fragments_come_in_any_order_and_never_overlap),
		cmocka_unit_test(fragments_wait_for_thirty_seconds),
		cmocka_unit_test(fragments_of_a_flood_are_bounded),
		cmocka_unit_test(fragments_of_one_source_are_bounded_in_bytes),
		cmocka_unit_test(segments_become_bytes_in_order),
		cmocka_unit_test(what_nobody_answers_is_not_read),
		cmocka_unit_test(of_two_versions_the_first_counts),
		cmocka_unit_test(strangers_end_no_connection),
		cmocka_unit_test(a_port_used_again_is_a_new_connection),
		cmocka_unit_test(a_gap_may_heal_for_a_minute),
		cmocka_unit_test(crumbs_are_bounded),
		cmocka_unit_test(a_flood_of_syns_costs_no_open_connection),
		cmocka_unit_test(who_opens_most_loses_first),
		cmocka_unit_test(the_oldest_gap_makes_room),
		cmocka_unit_test(a_packet_seen_twice_counts_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
