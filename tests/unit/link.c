/* SPDX-License-Identifier: ISC */
/* Where a frame's IP packet begins, and what the frame says about it. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/datagram.h"
#include "src/capture/link.h"
#include "src/capture/packet.h"
#include "tests/unit/unit.h"

/* clang-format off */
#define F(s) s, sizeof(s) - 1
#define ETHER "\2\0\0\0\0\1\2\0\0\0\0\2"
#define SLL(pkttype, type) "\0" pkttype "\0\1\0\6\1\2\3\4\5\6\0\0" type
#define SLL2(type, pkttype) type "\0\0\1\2\3\4\0\1" pkttype "\6\2\0\0\0\0\x99\0\0"
/* UDP, one byte; the checksum is right. */
#define IP4 "\x45\0\0\x1d\0\1\0\0\x40\x11\x8e\x8a\xc0\0\2\x0a\xc6\x33\x64\7" \
	"\x13\xc4\x13\xc4\0\x09\0\0h"
#define ADDRS6 "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1" \
	"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
#define IP6(len) "\x60\0\0\0\0" len "\x11\x40" ADDRS6
#define PFLOG(len, dir) len \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" dir

static const struct {
	const char	*what;
	int		 dlt;
	const char	*frame;
	size_t		 len;
	enum ph_err	 rc;
	size_t		 at;	/* where the packet begins, */
	size_t		 behind;	/* bytes behind it */
	uint8_t		 dir;
	bool		 foreign;
	uint32_t	 ifindex;
} rows[] = {
	{ "ethernet", DLT_EN10MB, F(ETHER "\x08\0" IP4), .rc = PH_OK, .at = 14 },
	{ "ethernet, one byte", DLT_EN10MB, F(ETHER "\x08\0\x4f"), .rc = PH_OK, .at = 14 },
	{ "another EtherType", DLT_EN10MB, F(ETHER "\x08\1" IP4), .rc = PH_EUNSUPPORTED },
	{ "the version tells", DLT_EN10MB, F(ETHER "\x86\xdd" IP4), .rc = PH_OK, .at = 14 },
	{ "version 3", DLT_EN10MB, F(ETHER "\x08\0\x3f"), .rc = PH_EUNSUPPORTED },
	{ "version 5", DLT_EN10MB, F(ETHER "\x08\0\x5f"), .rc = PH_EUNSUPPORTED },
	{ "version 7", DLT_EN10MB, F(ETHER "\x08\0\x7f"), .rc = PH_EUNSUPPORTED },
	{ "a VLAN", DLT_EN10MB, F(ETHER "\x81\0\0\1\x08\0" IP4), .rc = PH_OK, .at = 18, .foreign = true },
	{ "the last VLAN", DLT_EN10MB, F(ETHER "\x91\0\x0f\xff\x08\0" IP4), .rc = PH_OK, .at = 18, .foreign = true },
	{ "VLAN 2048", DLT_EN10MB, F(ETHER "\x88\xa8\x08\0\x08\0" IP4), .rc = PH_OK, .at = 18, .foreign = true },
	{ "priority alone", DLT_EN10MB, F(ETHER "\x81\0\xf0\0\x08\0" IP4), .rc = PH_OK, .at = 18 },
	{ "priority twice", DLT_EN10MB, F(ETHER "\x81\0\xf0\0\x81\0\0\0\x08\0" IP4), .rc = PH_OK, .at = 22, .foreign = true },
	{ "four tags", DLT_EN10MB, F(ETHER "\x81\0\0\1\x88\xa8\0\1\x91\0\0\1\x81\0\0\1\x08\0" IP4), .rc = PH_OK, .at = 30, .foreign = true },
	{ "five tags", DLT_EN10MB, F(ETHER "\x81\0\0\1\x81\0\0\1\x81\0\0\1\x81\0\0\1\x81\0\0\1\x08\0" IP4), .rc = PH_EUNSUPPORTED },
	{ "nothing in it", DLT_EN10MB, F(ETHER "\x08\0"), .rc = PH_EMALFORMED },
	{ "a tag of a tag", DLT_EN10MB, F(ETHER "\x81\0\0\1\x08\6" IP4), .rc = PH_EUNSUPPORTED },

	{ "PPPoE", DLT_EN10MB, F(ETHER "\x88\x64\x11\0\0\7\0\x1f\0\x21" IP4), .rc = PH_OK, .at = 22, .foreign = true },
	{ "PPPoE, padded", DLT_EN10MB, F(ETHER "\x88\x64\x11\0\0\7\0\x1f\0\x21" IP4 "\0\0\0"), .rc = PH_OK, .at = 22, .behind = 3, .foreign = true },
	{ "PPPoE, nothing", DLT_EN10MB, F(ETHER "\x88\x64\x11\0\0\7\0\2\0\x21" IP4), .rc = PH_EMALFORMED },
	{ "PPPoE, length 1", DLT_EN10MB, F(ETHER "\x88\x64\x11\0\0\7\0\1\0\x21" IP4), .rc = PH_EMALFORMED },
	{ "PPPoE, length 0", DLT_EN10MB, F(ETHER "\x88\x64\x11\0\0\7\0\0\0\x21" IP4), .rc = PH_EMALFORMED },
	{ "PPPoE, one byte", DLT_EN10MB, F(ETHER "\x88\x64\x11\0\0\7\0\3\0\x57\x60"), .rc = PH_OK, .at = 22, .foreign = true },
	{ "PPPoE, one more", DLT_EN10MB, F(ETHER "\x88\x64\x11\0\0\7\0\4\0\x57\x60"), .rc = PH_EMALFORMED },
	{ "PPPoE, code 1", DLT_EN10MB, F(ETHER "\x88\x64\x11\1\0\7\0\x1f\0\x21" IP4), .rc = PH_EMALFORMED },
	{ "PPPoE, another protocol", DLT_EN10MB, F(ETHER "\x88\x64\x11\0\0\7\0\x1f\0\x22" IP4), .rc = PH_EUNSUPPORTED },
	{ "PPPoE, version 2", DLT_EN10MB, F(ETHER "\x88\x64\x21\0\0\7\0\x1f\0\x21" IP4), .rc = PH_EMALFORMED },
	{ "PPPoE, type 0", DLT_EN10MB, F(ETHER "\x88\x64\x10\0\0\7\0\x1f\0\x21" IP4), .rc = PH_EMALFORMED },
	{ "PPPoE, a session ends", DLT_EN10MB, F(ETHER "\x88\x64\x11\xa7\0\7\0\x1f\0\x21" IP4), .rc = PH_EMALFORMED },
	{ "PPPoE, IPCP", DLT_EN10MB, F(ETHER "\x88\x64\x11\0\0\7\0\x1f\x80\x21" IP4), .rc = PH_EUNSUPPORTED },
	{ "PPPoE, LCP", DLT_EN10MB, F(ETHER "\x88\x64\x11\0\0\7\0\x1f\xc0\x21" IP4), .rc = PH_EUNSUPPORTED },
	{ "PPPoE in a VLAN", DLT_EN10MB, F(ETHER "\x81\0\0\0\x88\x64\x11\0\0\7\0\x1f\0\x21" IP4), .rc = PH_OK, .at = 26, .foreign = true },

	{ "cooked, for us", DLT_LINUX_SLL, F(SLL("\0", "\x08\0") IP4), .rc = PH_OK, .at = 16, .dir = PKT_IN },
	{ "cooked, to all", DLT_LINUX_SLL, F(SLL("\1", "\x08\0") IP4), .rc = PH_OK, .at = 16, .dir = PKT_IN, .foreign = true },
	{ "cooked, to a group", DLT_LINUX_SLL, F(SLL("\2", "\x08\0") IP4), .rc = PH_OK, .at = 16, .dir = PKT_IN, .foreign = true },
	{ "cooked, to another", DLT_LINUX_SLL, F(SLL("\3", "\x86\xdd") IP6("\0")), .rc = PH_OK, .at = 16, .dir = PKT_IN, .foreign = true },
	{ "cooked, by us", DLT_LINUX_SLL, F(SLL("\4", "\x08\0") IP4), .rc = PH_OK, .at = 16, .dir = PKT_OUT },
	{ "cooked, looped", DLT_LINUX_SLL, F(SLL("\5", "\x08\0") IP4), .rc = PH_OK, .at = 16, .dir = PKT_IN },
	{ "cooked 2, for us", DLT_LINUX_SLL2, F(SLL2("\x08\0", "\0") IP4), .rc = PH_OK, .at = 20, .dir = PKT_IN, .ifindex = 0x01020304 },
	{ "cooked 2, by us", DLT_LINUX_SLL2, F(SLL2("\x86\xdd", "\4") IP6("\0")), .rc = PH_OK, .at = 20, .dir = PKT_OUT, .ifindex = 0x01020304 },
	{ "cooked 2, to another", DLT_LINUX_SLL2, F(SLL2("\x08\0", "\3") IP4), .rc = PH_OK, .at = 20, .dir = PKT_IN, .foreign = true, .ifindex = 0x01020304 },

#define IN .dir = PKT_IN, .ifindex = 0x01020304
#define TAG .foreign = true, .dir = PKT_IN, .ifindex = 0x01020304
	/* The tag is gone, and its type is left. */
	{ "tag gone", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") IP4), .rc = PH_OK, .at = 20, TAG },
	{ "tag gone, padded", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") IP4 "\0"), .rc = PH_OK, .at = 20, TAG },
	{ "tag gone, v6", DLT_LINUX_SLL2, F(SLL2("\x88\xa8", "\0") IP6("\0")), .rc = PH_OK, .at = 20, TAG },
	{ "tag gone, v6, length 1", DLT_LINUX_SLL2, F(SLL2("\x88\xa8", "\0") IP6("\1") "h"), .rc = PH_OK, .at = 20, TAG },
	{ "tag gone, v6, padded", DLT_LINUX_SLL2, F(SLL2("\x88\xa8", "\0") IP6("\1") "hh"), .rc = PH_OK, .at = 20, TAG },
	{ "tag gone, v6 cut off", DLT_LINUX_SLL2, F(SLL2("\x88\xa8", "\0") IP6("\2") "h"), .rc = PH_EUNSUPPORTED },
	{ "half a v6 header", DLT_LINUX_SLL2, F(SLL2("\x88\xa8", "\0") "\x60\0\0\0\0\0\x11\x40\x20\1"), .rc = PH_EUNSUPPORTED },
	{ "one byte longer than there is", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") "\x45\0\0\x15" "1234567890123456"), .rc = PH_EUNSUPPORTED },
	{ "a header alone", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") "\x45\0\0\x14" "1234567890123456"), .rc = PH_OK, .at = 20, TAG },
	{ "shorter than a header", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") "\x45\0\0\x13" "1234567890123456"), .rc = PH_EUNSUPPORTED },
	{ "no length", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") "\x45\0\0\0" "1234567890123456"), .rc = PH_OK, .at = 20, TAG },
	{ "a header of 16 bytes", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") "\x44\0\0\x14" "1234567890123456"), .rc = PH_EUNSUPPORTED },
	{ "options", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") "\x46\0\0\x18" "1234567890123456ABCD"), .rc = PH_OK, .at = 20, TAG },
	{ "options longer than the packet", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") "\x46\0\0\x17" "1234567890123456ABCD"), .rc = PH_EUNSUPPORTED },
	{ "no length, and cut off", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") "\x45\0\0"), .rc = PH_EMALFORMED },
	/* Tags before the packet. */
	{ "one tag", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") "\0\x1e\x08\0" IP4), .rc = PH_OK, .at = 24, TAG },
	{ "four tags", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") "\0\1\x88\xa8\0\2\x91\0\0\3\x81\0\0\4\x08\0" IP4), .rc = PH_OK, .at = 36, TAG },
	{ "five tags", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") "\0\1\x88\xa8\0\2\x91\0\0\3\x81\0\0\4\x81\0\0\5\x08\0" IP4), .rc = PH_EUNSUPPORTED },
	{ "a tag that is cut off", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") "\0"), .rc = PH_EMALFORMED },
	{ "a tag, and nothing", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") "\0\1\x08\0"), .rc = PH_EMALFORMED },
	{ "a tag of priority 3, v6", DLT_LINUX_SLL2, F(SLL2("\x86\xdd", "\0") "\x60\0\x86\xdd" IP6("\0")), .rc = PH_OK, .at = 24, TAG },
	{ "a flow like a type", DLT_LINUX_SLL2, F(SLL2("\x86\xdd", "\0") "\x60\0\x86\xdd\0\0\x11\x40" ADDRS6), .rc = PH_OK, .at = 20, IN },
	/* Recorded on Linux 6.18 from `any`, but for the older kernels' types. */
	{ "inner tag", DLT_LINUX_SLL2, F(SLL2("\x08\0", "\0") "\0\x1e\x08\0" IP4), .rc = PH_OK, .at = 24, TAG },
	{ "two inner tags", DLT_LINUX_SLL2, F(SLL2("\x08\0", "\0") "\0\2\x81\0\0\3\x08\0" IP4), .rc = PH_OK, .at = 28, TAG },
	{ "inner tag, v6", DLT_LINUX_SLL2, F(SLL2("\x86\xdd", "\0") "\0\x1e\x86\xdd" IP6("\0")), .rc = PH_OK, .at = 24, TAG },
	{ "priority 2, 0x500", DLT_LINUX_SLL2, F(SLL2("\x08\0", "\0") "\x45\0\x08\0" IP4), .rc = PH_OK, .at = 24, TAG },
	{ "priority 3, v6", DLT_LINUX_SLL2, F(SLL2("\x86\xdd", "\0") "\x60\1\x86\xdd" IP6("\0")), .rc = PH_OK, .at = 24, TAG },
	{ "9100, then 8100", DLT_LINUX_SLL2, F(SLL2("\x91\0", "\0") "\0\x14\x81\0\0\x1e\x08\0" IP4), .rc = PH_OK, .at = 28, TAG },
	{ "length left for later", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") "\x45\0\0\0\0\1\0\0\x40\x11\x8e\x8a\xc0\0\2\x0a\xc6\x33\x64\7"), .rc = PH_OK, .at = 20, TAG },
	{ "tag, then PPPoE", DLT_LINUX_SLL2, F(SLL2("\x88\x64", "\0") "\0\x1e\x88\x64\x11\0\0\1\0\x1f\0\x21" IP4), .rc = PH_OK, .at = 32, TAG },
	{ "cooked, inner tag", DLT_LINUX_SLL, F(SLL("\0", "\x08\0") "\0\x1e\x08\0" IP4), .rc = PH_OK, .at = 20, .foreign = true, .dir = PKT_IN },
	/* A frame of another protocol is no IP, whatever it looks like. */
	{ "ARP", DLT_LINUX_SLL2, F(SLL2("\x08\6", "\0") IP4), .rc = PH_EUNSUPPORTED },
	{ "ARP, told at length", DLT_LINUX_SLL2, F(SLL2("\x08\6", "\0") "\0\1\x08\0\6\4" IP4), .rc = PH_EUNSUPPORTED },
	{ "ARP in a VLAN", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") "\0\1\x08\6" IP4), .rc = PH_EUNSUPPORTED },
	{ "PPPoE behind us", DLT_LINUX_SLL2, F(SLL2("\x88\x64", "\0") "\x11\0\0\7\0\x1f\0\x21" IP4), .rc = PH_OK, .at = 28, TAG },
	{ "PPPoE is no IP", DLT_LINUX_SLL2, F(SLL2("\x88\x64", "\0") IP4), .rc = PH_EMALFORMED },
	{ "PPPoE, cut off", DLT_LINUX_SLL2, F(SLL2("\x88\x64", "\0")), .rc = PH_EMALFORMED },
	{ "a VLAN, then PPPoE", DLT_LINUX_SLL2, F(SLL2("\x81\0", "\0") "\0\1\x88\x64\x11\0\0\7\0\x1f\0\x21" IP4), .rc = PH_OK, .at = 32, TAG },
	{ "no number of tags", DLT_LINUX_SLL2, F(SLL2("\x08\0", "\0") "\x45"), .rc = PH_OK, .at = 20, IN },
	{ "no tags, and no version", DLT_LINUX_SLL2, F(SLL2("\x08\0", "\0") "\x55"), .rc = PH_EUNSUPPORTED },
#undef IN
#undef TAG

	{ "raw", DLT_RAW, F(IP4), .rc = PH_OK, .at = 0 },
	{ "raw v4", DLT_IPV4, F(IP4), .rc = PH_OK, .at = 0 },
	{ "raw v6", DLT_IPV6, F(IP6("\0")), .rc = PH_OK, .at = 0 },
	{ "nothing", DLT_RAW, F(""), .rc = PH_EMALFORMED },
	{ "loopback", DLT_NULL, F("\2\0\0\0" IP4), .rc = PH_OK, .at = 4 },
	{ "loopback, cut off", DLT_NULL, F("\2\0\0\0"), .rc = PH_EMALFORMED },
	{ "loopback, in order", DLT_LOOP, F("\0\0\0\x18" IP6("\0")), .rc = PH_OK, .at = 4 },
	{ "pflog, 61", DLT_PFLOG, F(PFLOG("\x3d", "\1") "\0\0\0" IP4), .rc = PH_OK, .at = 64, .dir = PKT_IN },
	{ "pflog, 64", DLT_PFLOG, F(PFLOG("\x40", "\2") "\0\0\0" IP4), .rc = PH_OK, .at = 64, .dir = PKT_OUT },
	{ "pflog, 65", DLT_PFLOG, F(PFLOG("\x41", "\3") "\0\0\0\0\0\0\0" IP4), .rc = PH_OK, .at = 68 },
	{ "pflog, 68", DLT_PFLOG, F(PFLOG("\x44", "\0") "\0\0\0\0\0\0\0" IP4), .rc = PH_OK, .at = 68 },
	{ "pflog, 60", DLT_PFLOG, F(PFLOG("\x3c", "\1") "\0\0\0" IP4), .rc = PH_EMALFORMED },
	{ "pflog, 255", DLT_PFLOG, F(PFLOG("\xff", "\1") "\0\0\0" IP4), .rc = PH_EMALFORMED },
	{ "pflog, cut off", DLT_PFLOG, F("\x3d\0\0\0"), .rc = PH_EMALFORMED },
	{ "of no link that we know", DLT_IEEE802_11, F(IP4), .rc = PH_EUNSUPPORTED },
};
/* clang-format on */

/* Frames in memory of their own size, for a sanitizer. */
static enum ph_err
decode(size_t i, size_t len, struct link_packet *out, char **bytes)
{
	*bytes = malloc(len + 1);
	assert_non_null(*bytes);
	memcpy(*bytes + 1, rows[i].frame, len);
	memset(out, 0xff, sizeof(*out));
	return link_decode(rows[i].dlt, (struct span) { *bytes + 1, len }, out);
}

static void
a_frame_leads_to_its_packet(void **state)
{
	struct link_packet p;
	char *bytes;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].what);
		assert_int_equal(decode(i, rows[i].len, &p, &bytes),
		    rows[i].rc);
		if (rows[i].rc != PH_OK) {
			free(bytes);
			continue;
		}
		assert_int_equal(p.dir, rows[i].dir);
		assert_int_equal(p.foreign, rows[i].foreign);
		assert_int_equal(p.ifindex, rows[i].ifindex);
		assert_int_equal(p.station.len,
		    rows[i].dlt == DLT_EN10MB ? LINK_MAC : 0);
		if (rows[i].dlt == DLT_EN10MB)
			assert_ptr_equal(p.station.p, bytes + 1);
		assert_ptr_equal(p.ip.p, bytes + 1 + rows[i].at);
		assert_int_equal(p.ip.len,
		    rows[i].len - rows[i].at - rows[i].behind);
		free(bytes);
	}
}

/* A frame that ends before its packet begins has none. */
static void
a_frame_that_is_cut_off_has_no_packet(void **state)
{
	struct link_packet p;
	enum ph_err rc;
	char *bytes;
	size_t i, n;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		for (n = 0; n < rows[i].len; n++) {
			rc = decode(i, n, &p, &bytes);
			/* Cooked, half a packet may look like another. */
			if (rows[i].dlt == DLT_EN10MB && n <= rows[i].at)
				assert_int_not_equal(rc, PH_OK);
			if (rc == PH_OK) {
				assert_true(p.ip.len > 0);
				assert_true(p.ip.p > bytes);
				assert_true(p.ip.p + p.ip.len <= bytes + 1 + n);
			}
			free(bytes);
		}
}

static unsigned int got;

static void
on_udp(void *ctx, const struct datagram *d)
{
	(void)ctx;
	assert_int_equal(d->ifindex, 0x01020304);
	got++;
}

/* Live, and in a file. */
static void
a_frame_counts_once(void **state)
{
	static const struct capture_port port = { IPPROTO_UDP, 5060 };
	const struct capture_sink sink = { .udp = on_udp };
	struct packet_source from = { .ifindex = 0x01020304 };
	struct capture_stats s;
	struct link_packet link;
	struct packets *p;
	char *bytes;
	enum ph_err rc;
	size_t i;

	(void)state;
	for (i = 0; i < 2 * ROWS(rows); i++) {
		got = 0;
		from.dlt = rows[i / 2].dlt;
		from.live = i % 2;
		assert_non_null(p = packets_new(&port, 1));
		rc = decode(i / 2, rows[i / 2].len, &link, &bytes);
		packets_add(p, &from, 1,
		    (struct span) { bytes + 1, rows[i / 2].len }, &sink);
		free(bytes);
		s = *packets_stats(p);
		assert_int_equal(s.packets, 1);
		assert_int_equal(got + s.ignored + s.malformed + s.foreign +
			s.fragments,
		    1);
		if (rc != PH_OK)
			assert_int_equal(s.ignored, rc == PH_EUNSUPPORTED);
		else
			assert_int_equal(s.foreign,
			    from.live && rows[i / 2].foreign);
		packets_free(p, &sink);
	}
}

/* A cooked frame of a tag that is gone, and the packet in it. */
static unsigned char large[20 + 40 + 65535];

static enum ph_err
decode_large(size_t len, struct link_packet *out)
{
	static const unsigned char head[20] = { 0x81, 0, 0, 0, 1, 2, 3, 4, 0, 1,
		0, 6, 2, 0, 0, 0, 0, 0x99, 0, 0 };

	memcpy(large, head, sizeof(head));
	return link_decode(DLT_LINUX_SLL2,
	    (struct span) { (const char *)large, sizeof(head) + len }, out);
}

static void
put16(unsigned char *at, unsigned int v)
{
	at[0] = (unsigned char)(v >> 8);
	at[1] = (unsigned char)v;
}

static unsigned int
get16(const unsigned char *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

/*
 * A length that could be the type behind a tag as well: the checksum of the
 * header decides.  Its sum is folded as often as that takes.
 */
static void
a_length_like_a_type_is_a_length(void **state)
{
	static const unsigned int types[] = { 0x0800, 0x86dd, 0x8100, 0x88a8,
		0x9100, 0x8864 };
	unsigned char *ip = large + 20;
	struct link_packet p;
	unsigned int i, k, n, sum, carries = 0;

	(void)state;
	srandom(4);
	for (i = 0; i < 600; i++) {
		n = 20 + 4 * (i % 11);
		memset(large, 0, sizeof(large));
		/* No other place looks like a packet. */
		for (k = 4; k < n; k += 2)
			put16(ip + k, 0x7000 | (random() & 0x8fff));
		if (i % 7 == 0)
			memset(ip + 4, 0xff, n - 4);
		ip[0] = (unsigned char)(0x40 | n / 4);
		ip[1] = 0;
		put16(ip + 2, types[i % 6]);
		put16(ip + 10, 0);
		for (k = sum = 0; k < n; k += 2)
			sum += get16(ip + k);
		carries += sum >> 16 > 1;
		while (sum >> 16 != 0)
			sum = (sum & 0xffff) + (sum >> 16);
		put16(ip + 10, 0xffff - sum);
		assert_int_equal(decode_large(types[i % 6], &p), PH_OK);
		assert_ptr_equal(p.ip.p, ip);
		assert_int_equal(p.ip.len, types[i % 6]);
		assert_true(p.foreign);
		put16(ip + 10, (0xffff - sum) ^ 0x10);
		if (decode_large(types[i % 6], &p) == PH_OK)
			assert_ptr_not_equal(p.ip.p, ip);
	}
	assert_true(carries > 200);
}

/* A length of IPv6 that could be the beginning of IPv4. */
static void
a_length_like_a_header_is_a_length(void **state)
{
	unsigned char *ip = large + 20;
	struct link_packet p;

	(void)state;
	memset(large, 0, sizeof(large));
	memcpy(ip, "\x60\0\0\0\x45\0\x11\x40", 8);
	memcpy(ip + 8, ADDRS6, 32);
	assert_int_equal(decode_large(40 + 0x4500, &p), PH_OK);
	assert_ptr_equal(p.ip.p, ip);
	assert_int_equal(p.ip.len, 40 + 0x4500);
}

static void
links_that_are_supported_are_read(void **state)
{
	struct link_packet p;
	char *bytes;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		if (decode(i, rows[i].len, &p, &bytes) == PH_OK)
			assert_true(link_supported(rows[i].dlt));
		free(bytes);
	}
	assert_false(link_supported(DLT_IEEE802_11));
	assert_false(link_supported(-1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_leads_to_its_packet),
		cmocka_unit_test(a_frame_that_is_cut_off_has_no_packet),
		cmocka_unit_test(a_frame_counts_once),
		cmocka_unit_test(a_length_like_a_type_is_a_length),
		cmocka_unit_test(a_length_like_a_header_is_a_length),
		cmocka_unit_test(links_that_are_supported_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
