/* SPDX-License-Identifier: ISC */
/*
 * From frames to datagrams and bytes in order.  The captures of
 * test-pcaps/capture go through all of it; here are the corners.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/capture/capture.h"
#include "src/capture/ipfrag.h"
#include "src/capture/link.h"
#include "src/capture/packet.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

#define SEC INT64_C(1000000)

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

static struct addr
flooder(uint32_t i)
{
	return addr_v4(10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i);
}

struct flood {
	struct ipfrag *f;
	struct capture_stats stats;
};

static enum ph_err
flood_piece(struct flood *w, const struct frag_key *key, uint32_t off,
    bool more)
{
	struct span whole;
	uint8_t proto;

	return ipfrag_add(w->f, SEC, key, off, more, 17,
	    SPAN_LITERAL("aaaaaaaa"), &whole, &proto, &w->stats);
}

static void
a_flood_of_fragments_costs_its_own_source(void **state)
{
	struct flood w = { ipfrag_new(), { 0 } };
	struct frag_key first = frag_key(1), key = frag_key(0), late;
	uint32_t i;

	(void)state;
	assert_int_equal(flood_piece(&w, &first, 0, true), PH_ETRUNC);
	/* One source after the other, each with more than `first` has. */
	for (i = 0; i < 40000; i++) {
		key = frag_key(i);
		key.src = flooder(i / 256);
		assert_int_equal(flood_piece(&w, &key, 0, true), PH_ETRUNC);
	}
	assert_true(w.stats.frag_limits > 30000);
	assert_int_equal(flood_piece(&w, &first, 8, false), PH_OK);
	ipfrag_free(w.f);
	/* In its name: what is new is kept, and what is old gives way. */
	w.f = ipfrag_new();
	for (i = 0; i < 10000; i++) {
		key = frag_key(1000000 + i);
		assert_int_equal(flood_piece(&w, &key, 0, true), PH_ETRUNC);
	}
	late = frag_key(3);
	assert_int_equal(flood_piece(&w, &late, 0, true), PH_ETRUNC);
	for (i = 0; i < 1000; i++) {
		key = frag_key(2000000 + i);
		assert_int_equal(flood_piece(&w, &key, 0, true), PH_ETRUNC);
	}
	assert_int_equal(flood_piece(&w, &late, 8, false), PH_OK);
	ipfrag_free(w.f);
}

/* Eight bytes far behind cost the room of all that is before them. */
static void
fragments_are_bounded_in_bytes(void **state)
{
	struct flood w = { ipfrag_new(), { 0 } };
	struct frag_key key, first = frag_key(1);
	uint32_t i;

	(void)state;
	assert_int_equal(flood_piece(&w, &first, 65520, true), PH_ETRUNC);
	for (i = 0; i < 1000; i++) {
		key = frag_key(i);
		/* To the source, every address of its /64 belongs. */
		key.src = (struct addr) { AF_INET6, { 0x20, 1, 0xd, 0xb8 } };
		key.src.b[14] = (uint8_t)(i >> 8);
		key.src.b[15] = (uint8_t)i;
		assert_int_equal(flood_piece(&w, &key, 65520, true), PH_ETRUNC);
	}
	assert_in_range(w.stats.frag_limits, 1000 - FRAG_MAX_BYTES / 65536,
	    1000);
	for (i = 0; i < 65520; i += 8)
		if (flood_piece(&w, &first, i, true) == PH_ELIMIT)
			break;
	/*
	 * The first datagram was still kept: it ended at FRAG_MAX_PIECES
	 * pieces.
	 */
	assert_int_equal(i, 8 * (FRAG_MAX_PIECES - 1));
	ipfrag_free(w.f);
	w = (struct flood) { ipfrag_new(), { 0 } };
	for (i = 0; i <= FRAG_MAX_PIECES; i++)
		(void)flood_piece(&w, &first, 8 * i, true);
	assert_int_equal(w.stats.frag_limits, 1);
	ipfrag_free(w.f);
}

/* One that grows takes no more room than one that was large at once. */
static void
a_fragment_that_grows_costs_what_it_has(void **state)
{
	struct flood w = { ipfrag_new(), { 0 } };
	struct frag_key key;
	uint32_t n, i, off;

	(void)state;
	for (n = 0; w.stats.frag_limits == 0; n++) {
		key = frag_key(n);
		assert_int_equal(flood_piece(&w, &key, 65520, true), PH_ETRUNC);
	}
	ipfrag_free(w.f);
	/* One fewer than was too many; the last of them in small steps. */
	w = (struct flood) { ipfrag_new(), { 0 } };
	for (i = 0; i < n - 1; i++) {
		key = frag_key(i);
		for (off = i == n - 2 ? 8 : 65520; off < 65520; off *= 2)
			assert_int_equal(flood_piece(&w, &key, off, true),
			    PH_ETRUNC);
		if (i < n - 2)
			assert_int_equal(flood_piece(&w, &key, 65520, true),
			    PH_ETRUNC);
	}
	assert_int_equal(w.stats.frag_limits, 0);
	/* Another one makes room, of one datagram and not more. */
	key = frag_key(n);
	assert_int_equal(flood_piece(&w, &key, 65520, true), PH_ETRUNC);
	assert_int_equal(w.stats.frag_limits, 1);
	ipfrag_free(w.f);
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
	struct capture_sink sink = { NULL, on_udp, NULL, NULL, NULL, NULL };
	struct packet_source raw = { .dlt = DLT_RAW };
	const uint32_t seven = 7;
	char f[64];
	struct span s = { f, 0 };

	(void)state;
	s.len = udp_frame(f, 1, 5060, 10);
	packets_add(p, &raw, SEC, s, &sink);
	packets_add(p, &raw, SEC + 20, s, &sink);
	assert_int_equal(nudp, 1);
	assert_int_equal(packets_stats(p)->duplicates, 1);
	/* Going out is another sighting than coming in. */
	raw.dir = PKT_OUT;
	raw.ifindex = 2;
	packets_add(p, &raw, SEC + 30, s, &sink);
	raw = (struct packet_source) { .dlt = DLT_RAW };
	assert_int_equal(nudp, 2);
	/* A retransmission comes later, or under another id. */
	packets_add(p, &raw, 2 * SEC, s, &sink);
	s.len = udp_frame(f, 2, 5060, 10);
	packets_add(p, &raw, 2 * SEC, s, &sink);
	assert_int_equal(nudp, 4);
	/* Other ports, and a UDP length that lies. */
	s.len = udp_frame(f, 3, 5061, 10);
	f[20] = 0;
	packets_add(p, &raw, 3 * SEC, s, &sink);
	s.len = udp_frame(f, 4, 5060, 11);
	packets_add(p, &raw, 3 * SEC, s, &sink);
	assert_int_equal(nudp, 4);
	assert_int_equal(packets_stats(p)->malformed, 1);
	/* An interface nobody asked for. */
	s.len = udp_frame(f, 5, 5060, 10);
	raw.dir = PKT_IN;
	raw.ifindex = 8;
	raw.ifs = &seven;
	raw.nifs = 1;
	packets_add(p, &raw, 4 * SEC, s, &sink);
	assert_int_equal(nudp, 4);
	packets_free(p, &sink);
}

/* Frames that a trunk port or a switch that floods brings to an interface. */
static void
live_only_what_the_interface_takes_counts(void **state)
{
	static const struct capture_port port = { IPPROTO_UDP, 5060 };
	static const char udp[] = "\x45\0\0\x1e\0\0\0\0\x40\x11\0\0"
				  "\xc6\x33\x64\x07\xc0\0\2\x0a"
				  "\x13\xc4\x13\xc4\0\x0a\0\0hi";
#define F(s) s, sizeof(s) - 1
#define ME   "\2\0\0\0\0\1"
#define YOU  "\2\0\0\0\0\2"
	/* clang-format off */
	static const struct {
		const char *what;
		int dlt;
		const char *head;
		size_t len;
		uint8_t dir;
		bool live;
	} rows[] = {
		{ "plain",	 DLT_EN10MB, F(ME YOU "\x08\0"), PKT_IN, true },
		{ "to all",	 DLT_EN10MB, F("\xff\xff\xff\xff\xff\xff" YOU "\x08\0"), PKT_IN, true },
		{ "to a group",	 DLT_EN10MB, F("\1\0\x5e\0\0\1" YOU "\x08\0"), PKT_IN, true },
		{ "to CARP",	 DLT_EN10MB, F("\0\0\x5e\0\1\7" YOU "\x08\0"), PKT_IN, true },
		{ "to VRRP, v6", DLT_EN10MB, F("\0\0\x5e\0\2\7" YOU "\x08\0"), PKT_IN, true },
		{ "not quite",	 DLT_EN10MB, F("\0\0\x5e\0\3\7" YOU "\x08\0"), PKT_IN, false },
		{ "to another",	 DLT_EN10MB, F("\2\0\0\0\0\3" YOU "\x08\0"), PKT_IN, false },
		{ "we send",	 DLT_EN10MB, F(YOU ME "\x08\0"), PKT_OUT, true },
		{ "VLAN",	 DLT_EN10MB, F(ME YOU "\x81\0\0\5\x08\0"), PKT_IN, false },
		{ "VLAN, we send", DLT_EN10MB, F(YOU ME "\x81\0\0\5\x08\0"), PKT_OUT, false },
		{ "priority",	 DLT_EN10MB, F(ME YOU "\x81\0\xe0\0\x08\0"), PKT_IN, true },
		{ "two of them", DLT_EN10MB, F(ME YOU "\x88\xa8\0\0\x81\0\0\0\x08\0"), PKT_IN, false },
		{ "QinQ",	 DLT_EN10MB, F(ME YOU "\x88\xa8\0\5\x81\0\0\6\x08\0"), PKT_IN, false },
		{ "PPPoE",	 DLT_EN10MB, F(ME YOU "\x88\x64\x11\0\0\1\0\x20\0\x21"), PKT_IN, false },
#define SLL2_OF(type, dir) F(type "\0\0\0\0\0\2\0\1" dir "\6\2\0\0\0\0\x99\0\0")
#define SLL2_TAG(type, dir) F(type "\0\0\0\0\0\2\0\1" dir "\6\2\0\0\0\0\x99\0\0" "\0\x1e\x08\0")
		{ "cooked",	 DLT_LINUX_SLL2, SLL2_OF("\x08\0", "\0"), PKT_IN, true },
		{ "cooked, out", DLT_LINUX_SLL2, SLL2_OF("\x08\0", "\4"), PKT_OUT, true },
		{ "cooked, to all", DLT_LINUX_SLL2, SLL2_OF("\x08\0", "\1"), PKT_IN, false },
		{ "cooked, to a group", DLT_LINUX_SLL2, SLL2_OF("\x08\0", "\2"), PKT_IN, false },
		{ "cooked, to another", DLT_LINUX_SLL2, SLL2_OF("\x08\0", "\3"), PKT_IN, false },
		{ "cooked, tag gone", DLT_LINUX_SLL2, SLL2_OF("\x81\0", "\4"), PKT_OUT, false },
		{ "cooked, inner tag", DLT_LINUX_SLL2, SLL2_TAG("\x08\0", "\0"), PKT_IN, false },
		{ "older, inner tag", DLT_LINUX_SLL2, SLL2_TAG("\x81\0", "\0"), PKT_IN, false },
	};
	/* clang-format on */
#undef F
	struct packet_source from = { 0 };
	struct capture_sink sink = { NULL, on_udp, NULL, NULL, NULL, NULL };
	struct packets *p;
	char frame[128];
	int live;
	size_t i;

	(void)state;
	for (i = 0; i < 2 * ROWS(rows); i++) {
		printf("%s, %s\n", rows[i / 2].what, i % 2 ? "live" : "file");
		live = i % 2;
		memcpy(frame, rows[i / 2].head, rows[i / 2].len);
		memcpy(frame + rows[i / 2].len, udp, sizeof(udp) - 1);
		from = (struct packet_source) { .dlt = rows[i / 2].dlt,
			.dir = rows[i / 2].dir,
			.live = live,
			.has_mac = true,
			.mac = { 2, 0, 0, 0, 0, 1 } };
		nudp = 0;
		assert_non_null(p = packets_new(&port, 1));
		packets_add(p, &from, SEC,
		    (struct span) { frame, rows[i / 2].len + sizeof(udp) - 1 },
		    &sink);
		assert_int_equal(nudp, !live || rows[i / 2].live);
		assert_int_equal(packets_stats(p)->foreign, 1 - nudp);
		packets_free(p, &sink);
	}
}

static struct {
	uint64_t key;
	uint8_t bytes[256];
	size_t len;
} kept;

static void
on_remember(void *ctx, uint64_t key, const void *p, size_t len)
{
	(void)ctx;
	assert_true(len <= sizeof(kept.bytes));
	if (len == 0)
		return;
	kept.key = key;
	kept.len = len;
	memcpy(kept.bytes, p, len);
}

static enum capture_more
on_tcp(void *ctx, void **user, const struct datagram *d)
{
	(void)ctx;
	(void)user;
	(void)d;
	return CAPTURE_WHOLE;
}

static void
on_tcp_end(void *ctx, void *user)
{
	(void)ctx;
	(void)user;
}

/* The beginning of a connection of FTP. */
static struct capture *
connection_open(const struct capture_sink *sink)
{
	static const struct capture_port ftp = { IPPROTO_TCP, 21 };
	const struct capture_config config = { .ports = &ftp, .nports = 1 };
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct capture *c;
	int64_t ts;
	int i;

	assert_int_equal(capture_open_file(&c, &config,
			     PCAPS "/ftp/epsv/input.pcap", &why),
	    PH_OK);
	if (kept.len > 0)
		capture_adopt(c, kept.key + 7, kept.bytes, kept.len, SEC);
	for (i = 0; i < 5; i++)
		assert_int_equal(capture_next(c, sink, 0, &ts, &why), PH_OK);
	capture_flush(c, sink);
	return c;
}

/* Or a connection would be remembered under the name of another. */
static void
a_successor_gives_no_name_twice(void **state)
{
	const struct capture_sink sink = { .udp = on_udp,
		.tcp = on_tcp,
		.tcp_end = on_tcp_end,
		.remember = on_remember };
	struct capture *c;

	(void)state;
	kept.len = 0;
	c = connection_open(&sink);
	assert_int_equal(kept.key, CAPTURE_KEY_MIN);
	assert_true(kept.len > 0);
	capture_close(c, NULL);
	c = connection_open(&sink);
	assert_true(kept.key >= CAPTURE_KEY_MIN + 7);
	capture_close(c, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragments_come_in_any_order_and_never_overlap),
		cmocka_unit_test(fragments_wait_for_thirty_seconds),
		cmocka_unit_test(a_flood_of_fragments_costs_its_own_source),
		cmocka_unit_test(fragments_are_bounded_in_bytes),
		cmocka_unit_test(a_fragment_that_grows_costs_what_it_has),
		cmocka_unit_test(a_packet_seen_twice_counts_once),
		cmocka_unit_test(live_only_what_the_interface_takes_counts),
		cmocka_unit_test(a_successor_gives_no_name_twice),
	};

	return starve_left(cmocka_run_group_tests(tests, NULL, NULL), 0);
}
