/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sip/message.h"
#include "src/base/strbuf.h"
#include "tests/unit/unit.h"

/* The least an INVITE must have, and an SDP that need not be good. */
#define INVITE "INVITE sip:bob@example.com SIP/2.0\r\n"
#define OK200  "SIP/2.0 200 OK\r\n"
#define VIA    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n"
#define FROM   "From: <sip:alice@example.com>;tag=f1\r\n"
#define TO     "To: <sip:bob@example.com>\r\n"
#define CALL   "Call-ID: c1@example.com\r\n"
#define CSEQ   "CSeq: 1 INVITE\r\n"
#define BASE   VIA FROM TO CALL CSEQ
#define SDP    "v=0\r\n"

/* A copy of its own size, so that ASan sees a byte too far. */
static struct span
heap(const char *bytes, size_t len)
{
	char *p = malloc(len > 0 ? len : 1);

	assert_non_null(p);
	memcpy(p, bytes, len);
	return (struct span) { p, len };
}

static void
drop(struct span s)
{
	free((void *)(uintptr_t)s.p);
}

static int
init(void **state)
{
	(void)state;
	return sip_message_init() == PH_OK ? 0 : -1;
}

struct reject_row {
	const char *what, *in;
	size_t len;
	enum sip_reject udp, tcp;
};

#define R(what, in, both)                                                      \
	{                                                                      \
		what, in, sizeof(in) - 1, SIP_REJECT_##both, SIP_REJECT_##both \
	}
#define R2(what, in, udp, tcp)                                                 \
	{                                                                      \
		what, in, sizeof(in) - 1, SIP_REJECT_##udp, SIP_REJECT_##tcp   \
	}
#define L0 "Content-Length: 0\r\n"

static void
check(const char *what, const char *in, size_t len, bool stream,
    enum sip_reject want)
{
	struct span text = heap(in, len);
	enum sip_reject why = SIP_REJECT_MAX;
	struct sip_message m;
	enum ph_err rc = sip_message_parse(&m, text, stream, &why);

	printf("%s (%s): %s\n", what, stream ? "tcp" : "udp",
	    sip_reject_name(why));
	assert_int_equal(why, want);
	assert_int_equal(rc == PH_OK, want == SIP_REJECT_NONE);
	if (rc != PH_OK)
		assert_null(m.impl);
	sip_message_free(&m);
	drop(text);
}

static void
what_could_be_read_in_two_ways_is_refused(void **state)
{
	/* clang-format off */
	static const struct reject_row rows[] = {
		R("the least", INVITE BASE L0 "\r\n", NONE),
		R2("no Content-Length", INVITE BASE "\r\n", NONE, LENGTH),
		R("LF only", "INVITE sip:b@x SIP/2.0\nVia: SIP/2.0/UDP h;branch=1\n"
		    "From: <sip:a@x>\nTo: <sip:b@x>\nCall-ID: c\n"
		    "CSeq: 1 INVITE\nContent-Length: 0\n\n", NONE),
		R("one LF among CRLFs", INVITE VIA FROM TO CALL "CSeq: 1 INVITE\n" L0 "\r\n", SYNTAX),
		R("LF before a fold", INVITE VIA FROM TO CALL "CSeq: 1\n INVITE\r\n" L0 "\r\n", NONE),
		R("blank line of LF alone", INVITE BASE L0 "\n", SYNTAX),
		R("lone CR", INVITE BASE "Y: a\rb\r\n" L0 "\r\n", SYNTAX),
		R("NUL in the head", INVITE BASE "Y: a\0b\r\n" L0 "\r\n", SYNTAX),
		R("no blank line", INVITE BASE L0, SYNTAX),
		R("fold of blanks only", INVITE BASE "Y: a\r\n \t\r\n" L0 "\r\n", SYNTAX),
		R("folded start line", "INVITE sip:bob@example.com\r\n SIP/2.0\r\n" BASE L0 "\r\n", SYNTAX),
		R("fold of nothing", INVITE " Y: a\r\n" BASE L0 "\r\n", SYNTAX),
		R("a line without colon", INVITE BASE "nonsense\r\n" L0 "\r\n", SYNTAX),
		R("a name of two words", INVITE BASE "Content Length: 5\r\n" L0 "\r\n", SYNTAX),
		R("no name", INVITE BASE ": 5\r\n" L0 "\r\n", SYNTAX),
		R("fold before the colon", INVITE BASE "Y\r\n : 5\r\n" L0 "\r\n", SYNTAX),
		R("blanks before the colon", INVITE VIA FROM TO "Call-ID \t: c\r\n" CSEQ L0 "\r\n", NONE),

		R("three blanks", "INVITE sip:b@x  SIP/2.0\r\n" BASE L0 "\r\n", SYNTAX),
		R("one blank", "INVITE sip:b@x\r\n" BASE L0 "\r\n", SYNTAX),
		R("trailing blank", "INVITE sip:b@x SIP/2.0 \r\n" BASE L0 "\r\n", SYNTAX),
		R("TAB", "INVITE\tsip:b@x SIP/2.0\r\n" BASE L0 "\r\n", SYNTAX),
		R("other version", "INVITE sip:b@x SIP/7.0\r\n" BASE L0 "\r\n", SYNTAX),
		R("lower-case version", "INVITE sip:b@x sip/2.0\r\n" BASE L0 "\r\n", SYNTAX),
		R("leading blank", " INVITE sip:b@x SIP/2.0\r\n" BASE L0 "\r\n", SYNTAX),
		R("method that is no token", "IN(ITE sip:b@x SIP/2.0\r\n" BASE L0 "\r\n", SYNTAX),
		R("HTTP", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", SYNTAX),

		R("no reason", "SIP/2.0 200 \r\n" BASE L0 "\r\n", NONE),
		R("no reason, no blank", "SIP/2.0 200\r\n" BASE L0 "\r\n", NONE),
		R("status 99", "SIP/2.0 099 X\r\n" BASE L0 "\r\n", RANGE),
		R("status 700", "SIP/2.0 700 X\r\n" BASE L0 "\r\n", RANGE),
		R("two digits", "SIP/2.0 20 X\r\n" BASE L0 "\r\n", RANGE),
		R("four digits", "SIP/2.0 2000 X\r\n" BASE L0 "\r\n", RANGE),
		R("2^32+5", "SIP/2.0 4294967301 X\r\n" BASE L0 "\r\n", RANGE),
		R("words", "SIP/2.0 two X\r\n" BASE L0 "\r\n", SYNTAX),
		R("signed", "SIP/2.0 +20 X\r\n" BASE L0 "\r\n", SYNTAX),
		R("two blanks", "SIP/2.0  200 OK\r\n" BASE L0 "\r\n", SYNTAX),
		R("status with a letter", "SIP/2.0 200a OK\r\n" BASE L0 "\r\n", SYNTAX),

		R("no Via", INVITE FROM TO CALL CSEQ L0 "\r\n", MISSING),
		R("no From", INVITE VIA TO CALL CSEQ L0 "\r\n", MISSING),
		R("no To", INVITE VIA FROM CALL CSEQ L0 "\r\n", MISSING),
		R("no Call-ID", INVITE VIA FROM TO CSEQ L0 "\r\n", MISSING),
		R("no CSeq", INVITE VIA FROM TO CALL L0 "\r\n", MISSING),
		R("empty Call-ID", INVITE VIA FROM TO "Call-ID:\r\n" CSEQ L0 "\r\n", MISSING),
		R2("no fields", INVITE "\r\n", MISSING, LENGTH),

		R("two Call-IDs", INVITE BASE CALL L0 "\r\n", DUPLICATE),
		R("two, one compact", INVITE BASE "i: c1@example.com\r\n" L0 "\r\n", DUPLICATE),
		R("two, one folded", INVITE BASE "CALL-id\t:\r\n c1@example.com\r\n" L0 "\r\n", DUPLICATE),
		R("two From", INVITE BASE "f: <sip:a@x>;tag=2\r\n" L0 "\r\n", DUPLICATE),
		R("two To", INVITE BASE "T: <sip:a@x>\r\n" L0 "\r\n", DUPLICATE),
		R("two CSeq", INVITE BASE CSEQ L0 "\r\n", DUPLICATE),
		R("two lengths", INVITE BASE L0 "l: 0\r\n\r\n", DUPLICATE),
		R("two types", INVITE BASE L0 "c: a/b\r\nContent-Type: a/c\r\n\r\n", DUPLICATE),
		R("two encodings", INVITE BASE L0 "e: gzip\r\nContent-Encoding: gzip\r\n\r\n", DUPLICATE),
		R("two RSeq", "SIP/2.0 183 X\r\n" BASE L0 "RSeq: 1\r\nRSeq: 1\r\n\r\n", DUPLICATE),
		R("two RAck", INVITE BASE L0 "RAck: 1 1 INVITE\r\nRAck: 1 1 INVITE\r\n\r\n", DUPLICATE),
		R("two intervals", INVITE BASE L0 "x: 90\r\nSession-Expires: 90\r\n\r\n", DUPLICATE),
		R("two tags", INVITE VIA TO CALL CSEQ L0 "From: <sip:a@x>;tag=1;Tag=2\r\n\r\n", DUPLICATE),
		R("two branches", INVITE FROM TO CALL CSEQ L0 "v: SIP/2.0/UDP h;branch=1;branch=2\r\n\r\n", DUPLICATE),
		R("two Via", INVITE BASE VIA L0 "\r\n", NONE),

		R("CSeq 2^31-1", INVITE VIA FROM TO CALL "CSeq: 2147483647 INVITE\r\n" L0 "\r\n", NONE),
		R("CSeq 2^31", INVITE VIA FROM TO CALL "CSeq: 2147483648 INVITE\r\n" L0 "\r\n", RANGE),
		R("CSeq 2^65", INVITE VIA FROM TO CALL "CSeq: 36893488147419103232 INVITE\r\n" L0 "\r\n", RANGE),
		R("CSeq -1", INVITE VIA FROM TO CALL "CSeq: -1 INVITE\r\n" L0 "\r\n", SYNTAX),
		R("CSeq without method", INVITE VIA FROM TO CALL "CSeq: 1\r\n" L0 "\r\n", SYNTAX),
		R("CSeq without number", INVITE VIA FROM TO CALL "CSeq: INVITE\r\n" L0 "\r\n", SYNTAX),
		R("CSeq of three words", OK200 VIA FROM TO CALL "CSeq: 1 INVITE X\r\n" L0 "\r\n", SYNTAX),
		R("another method in CSeq", INVITE VIA FROM TO CALL "CSeq: 1 BYE\r\n" L0 "\r\n", MISMATCH),
		R("other case in CSeq", INVITE VIA FROM TO CALL "CSeq: 1 invite\r\n" L0 "\r\n", MISMATCH),

		R("tag with a quote", INVITE VIA TO CALL CSEQ L0 "From: <sip:a@x>;tag=\"1\"\r\n\r\n", SYNTAX),
		R("tag with a blank", INVITE VIA TO CALL CSEQ L0 "From: <sip:a@x>;tag=1 2\r\n\r\n", SYNTAX),
		R("an address in a parameter", INVITE VIA TO CALL CSEQ L0 "From: sip:a@x;y=\"<z>z\";tag=1\r\n\r\n", NONE),
		R("two parties", INVITE VIA TO CALL CSEQ L0 "From: <sip:a@x>;tag=1,<sip:b@x>;tag=2\r\n\r\n", SYNTAX),
		R("two addresses", INVITE VIA TO CALL CSEQ L0 "From: sip:a@x;tag=1 <sip:b@x>;tag=2\r\n\r\n", SYNTAX),
		R("two in a row", INVITE VIA TO CALL CSEQ L0 "From: <sip:a@x>;tag=1 <sip:b@x>;tag=2\r\n\r\n", SYNTAX),
		R("a list", INVITE VIA TO CALL CSEQ L0 "From: <sip:a@x>, <sip:b@x>;tag=2\r\n\r\n", SYNTAX),
		R("a list with names", INVITE VIA TO CALL CSEQ L0 "From: \"\\\"<\" <sip:a@x>,\"b\"<sip:b@x>;tag=2\r\n\r\n", SYNTAX),
		R("Call-ID of two words", INVITE VIA FROM TO "Call-ID: a b\r\n" CSEQ L0 "\r\n", SYNTAX),
		R("escape in the Call-ID", INVITE VIA FROM TO "Call-ID: a\x1b[2J\r\n" CSEQ L0 "\r\n", SYNTAX),
		R("empty From", INVITE VIA "From: \" \r\n" TO CALL CSEQ L0 "\r\n", SYNTAX),
		R("unbalanced quote", INVITE VIA "From: \"a <sip:a@x>;tag=1\r\n" TO CALL CSEQ L0 "\r\n", SYNTAX),
		R("bad Via", INVITE "Via: h\r\n" FROM TO CALL CSEQ L0 "\r\n", SYNTAX),
		R("RSeq 2^32", "SIP/2.0 183 X\r\n" BASE L0 "RSeq: 4294967296\r\n\r\n", RANGE),
		R("RSeq 1x", "SIP/2.0 183 X\r\n" BASE L0 "RSeq: 1x\r\n\r\n", SYNTAX),
		R("no RSeq", "SIP/2.0 183 X\r\n" BASE L0 "RSeq:\r\n\r\n", SYNTAX),
		R("RAck 2^32", INVITE BASE L0 "RAck: 4294967296 1 INVITE\r\n\r\n", RANGE),
		R("RAck of 2^31", INVITE BASE L0 "RAck: 1 2147483648 INVITE\r\n\r\n", RANGE),
		R("RAck of 2^31-1", INVITE BASE L0 "RAck: 4294967295 2147483647 INVITE\r\n\r\n", NONE),
		R("RSeq x", "SIP/2.0 183 X\r\n" BASE L0 "RSeq: x\r\n\r\n", SYNTAX),
		R("RAck of two words", INVITE BASE L0 "RAck: 1 INVITE\r\n\r\n", SYNTAX),
		R("no interval", INVITE BASE L0 "x:\r\n\r\n", NONE),
	};
	/* clang-format on */
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		check(rows[i].what, rows[i].in, rows[i].len, false,
		    rows[i].udp);
		check(rows[i].what, rows[i].in, rows[i].len, true, rows[i].tcp);
	}
}

static void
content_length_tells_the_truth_or_the_message_goes(void **state)
{
#define TYPED INVITE BASE "Content-Type: application/sdp\r\n"
	/* clang-format off */
	static const struct reject_row rows[] = {
		R("exact", TYPED "Content-Length: 5\r\n\r\n" SDP, NONE),
		R("compact", TYPED "l: 5\r\n\r\n" SDP, NONE),
		R("folded", TYPED "Content-Length:\r\n 5\r\n\r\n" SDP, NONE),
		R("leading zeros", TYPED "l: 00005\r\n\r\n" SDP, NONE),
		R2("missing", TYPED "\r\n" SDP, NONE, LENGTH),
		R2("shorter", TYPED "l: 3\r\n\r\n" SDP, NONE, LENGTH),
		R("longer", TYPED "l: 6\r\n\r\n" SDP, LENGTH),
		R("0 with a body", TYPED "l: 0\r\n\r\n" SDP, LENGTH),
		R("negative", TYPED "l: -5\r\n\r\n" SDP, LENGTH),
		R("plus", TYPED "l: +5\r\n\r\n" SDP, LENGTH),
		R("2^32+5", TYPED "l: 4294967301\r\n\r\n" SDP, LENGTH),
		R("2^64+5", TYPED "l: 18446744073709551621\r\n\r\n" SDP, LENGTH),
		R("5abc", TYPED "l: 5abc\r\n\r\n" SDP, LENGTH),
		R("5 5", TYPED "l: 5 5\r\n\r\n" SDP, LENGTH),
		R("5, 5", TYPED "l: 5, 5\r\n\r\n" SDP, LENGTH),
		R("empty", TYPED "l:\r\n\r\n" SDP, LENGTH),
		R("hexadecimal", TYPED "l: 0x5\r\n\r\n" SDP, LENGTH),
		R2("keep-alive behind", INVITE BASE L0 "\r\n\r\n\r\n", NONE, LENGTH),
		R2("NULs behind", INVITE BASE L0 "\r\n\0\0\0", NONE, LENGTH),
		R2("another request behind", INVITE BASE L0 "\r\n\r\n" INVITE BASE L0 "\r\n", NONE, LENGTH),
		R2("a response behind", INVITE BASE L0 "\r\n" OK200, NONE, LENGTH),
		R("junk behind", INVITE BASE L0 "\r\nx", LENGTH),
	};
	/* clang-format on */
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		check(rows[i].what, rows[i].in, rows[i].len, false,
		    rows[i].udp);
		check(rows[i].what, rows[i].in, rows[i].len, true, rows[i].tcp);
	}
}

static void
noise_is_told_from_bad_messages(void **state)
{
	/* clang-format off */
	static const struct reject_row rows[] = {
		R("empty", "", NOISE),
		R("CRLF", "\r\n", NOISE),
		R("double CRLF", "\r\n\r\n", NOISE),
		R("NULs", "\0\0\0\0", NOISE),
		R("many NULs", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", NOISE),
		R("STUN", "\x00\x01\x00\x00\x21\x12\xa4\x42" "abcdefghijkl", NOISE),
		R("RTP", "\x80\x00\x12\x34" "abcdefghijklmnop", NOISE),
		R("RTCP", "\x80\xc8\x12\x34" "abcdefghijklmnop", NOISE),
		R("DTLS", "\x16\xfe\xfd\x00" "abcdefghijklmnop", NOISE),
		R("short word", "jaK", NOISE),
		R("CRLF, then a message", "\r\n\r\n" INVITE BASE L0 "\r\n", NONE),
		R("long word", "abcdefghijklmnopqrstuvwxyz", SYNTAX),
	};
	/* clang-format on */
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		check(rows[i].what, rows[i].in, rows[i].len, false,
		    rows[i].udp);
}

static void
sizes_have_limits(void **state)
{
	static char big[SIP_MAX_MESSAGE + 2];
	struct span line;
	size_t n, i;

	(void)state;
	/* As many fields as allowed; one more is one too many. */
	for (i = 0; i < 2; i++) {
		n = (size_t)snprintf(big, sizeof(big), "%s", INVITE BASE);
		line = SPAN_LITERAL("Y: y\r\n");
		while (n < strlen(INVITE BASE) +
			(SIP_MAX_HEADERS - 5 + i) * line.len) {
			memcpy(big + n, line.p, line.len);
			n += line.len;
		}
		memcpy(big + n, "\r\n", 2);
		check("fields", big, n + 2, false,
		    i == 0 ? SIP_REJECT_NONE : SIP_REJECT_SIZE);
	}
	/* A line. */
	n = (size_t)snprintf(big, sizeof(big), "%sY: %08000d\r\n\r\n",
	    INVITE BASE, 0);
	check("long line", big, n, false, SIP_REJECT_NONE);
	n = (size_t)snprintf(big, sizeof(big), "%sY: %09000d\r\n\r\n",
	    INVITE BASE, 0);
	check("too long a line", big, n, false, SIP_REJECT_SIZE);
	n = (size_t)snprintf(big, sizeof(big),
	    "%sY: %08000d\r\n %08000d\r\n\r\n", INVITE BASE, 0, 0);
	check("too long a field", big, n, false, SIP_REJECT_SIZE);
	for (i = 0; i < 2; i++) {
		n = (size_t)snprintf(big, sizeof(big), "%sY: %0*d\r\n\r\n",
		    INVITE BASE, (int)(8188 + i), 0);
		check("the longest line", big, n, false,
		    i == 0 ? SIP_REJECT_NONE : SIP_REJECT_SIZE);
		n = (size_t)snprintf(big, sizeof(big),
		    "%sY: %04000d\r\n %0*d\r\n\r\n", INVITE BASE, 0,
		    (int)(4186 + i), 0);
		check("the longest field", big, n, false,
		    i == 0 ? SIP_REJECT_NONE : SIP_REJECT_SIZE);
	}
	n = (size_t)snprintf(big, sizeof(big), "%sAZ-az09: y\r\n\r\n",
	    INVITE BASE);
	check("letters of a name", big, n, false, SIP_REJECT_NONE);
	/* A head. */
	n = (size_t)snprintf(big, sizeof(big),
	    "%sY: %08000d\r\nY: %08000d\r\nY: %08000d\r\n\r\n", INVITE BASE, 0,
	    0, 0);
	check("too long a head", big, n, false, SIP_REJECT_SIZE);
	/* A value that libosip2 would get. */
	n = (size_t)snprintf(big, sizeof(big),
	    "%sFrom: <sip:%05000d@x>\r\n\r\n", INVITE VIA TO CALL CSEQ, 0);
	check("too long a party", big, n, false, SIP_REJECT_SIZE);
	for (i = 0; i < 2; i++) {
		n = (size_t)snprintf(big, sizeof(big),
		    "%sFrom: <sip:%0*d@x>;tag=1\r\n\r\n",
		    INVITE VIA TO CALL CSEQ, (int)(4096 - 14 + i), 0);
		check("a party of 4096 bytes, and one more", big, n, false,
		    i == 0 ? SIP_REJECT_NONE : SIP_REJECT_SIZE);
	}
	for (i = 0; i < 2; i++) {
		n = (size_t)snprintf(big, sizeof(big), "%sFrom: <sip:a@x>",
		    INVITE VIA TO CALL CSEQ);
		while (
		    n < strlen(INVITE VIA TO CALL CSEQ) + 15 + 6 + 2 * (62 + i))
			n += (size_t)snprintf(big + n, sizeof(big) - n, "%s",
			    big[n - 1] == '>' ? ";tag=1" : ";a");
		n += (size_t)snprintf(big + n, sizeof(big) - n, "\r\n\r\n");
		check("63 parameters, and one more", big, n, false,
		    i == 0 ? SIP_REJECT_NONE : SIP_REJECT_SIZE);
	}
	/* A message. */
	memset(big, 'x', sizeof(big));
	n = (size_t)snprintf(big, sizeof(big), "%s\r\n", INVITE BASE);
	big[n] = 'x';
	check("largest message", big, SIP_MAX_MESSAGE, false, SIP_REJECT_NONE);
	check("too large a message", big, SIP_MAX_MESSAGE + 1, false,
	    SIP_REJECT_SIZE);
}

static void
assert_span(struct span s, const char *want)
{
	assert_int_equal(s.len, strlen(want));
	assert_memory_equal(s.p, want, s.len);
}

static void
fields_are_read_whatever_their_form(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*what, *in;
		const char	*call_id, *from_tag, *to_tag, *branch, *contact;
		enum sip_method	 method;
		uint16_t	 status;
		uint32_t	 cseq;
	} rows[] = {
		{ "plain", INVITE BASE "Contact: <sip:a@192.0.2.9:5062>\r\n\r\n",
		  "c1@example.com", "f1", "", "z9hG4bKa", "192.0.2.9", SIP_INVITE, 0, 1 },
		{ "compact",
		  "BYE sip:b@x SIP/2.0\r\nv:SIP/2.0/TCP h;branch=b1\r\nf:sip:a@x;tag=t1\r\n"
		  "t:\"B, \\\"o\\\" b\"<sip:b@x;tag=no>;tag=t2\r\ni:c\r\nCSeq:7 BYE\r\n"
		  "m:sip:a@[2001:db8::9];transport=tcp\r\n\r\n",
		  "c", "t1", "t2", "b1", "2001:db8::9", SIP_BYE, 0, 7 },
		{ "folded and in any case",
		  "SIP/2.0 183 Session Progress\r\nVIA:\r\n SIP / 2.0\r\n /UDP\r\n"
		  "  h\r\n ;branch\r\n = b2\r\nfROM: \"x;tag=no\"\r\n\t<sip:a@x>\r\n ;tag =\r\n t1\r\n"
		  "To: <sip:b@x> ; TAG=t2\r\nCall-Id\t:\r\n c\r\ncseq:\r\n\t7\r\n\tINVITE\r\n\r\n",
		  "c", "t1", "t2", "b2", "none", SIP_INVITE, 183, 7 },
		{ "several Vias in a line",
		  "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;x=\",\";branch=1, SIP/2.0/UDP b;branch=2\r\n"
		  "Via: SIP/2.0/UDP c;branch=3\r\n" FROM TO CALL CSEQ "\r\n",
		  "c1@example.com", "f1", "", "1", "none", SIP_INVITE, 200, 1 },
		{ "RFC 2543", "OPTIONS sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n"
		  "From: sip:a@x\r\n" TO CALL "CSeq: 1 OPTIONS\r\n\r\n",
		  "c1@example.com", "", "", "", "none", SIP_OTHER, 0, 1 },
		{ "no INVITE", "invite sip:b@x SIP/2.0\r\n" VIA FROM TO CALL "CSeq: 1 invite\r\n\r\n",
		  "c1@example.com", "f1", "", "z9hG4bKa", "none", SIP_OTHER, 0, 1 },
		{ "tag without value", INVITE VIA "From: <sip:a@x>;tag\r\n" TO CALL CSEQ "\r\n",
		  "c1@example.com", "", "", "z9hG4bKa", "none", SIP_INVITE, 0, 1 },
		{ "Contact *", INVITE BASE "Contact: *\r\n\r\n",
		  "c1@example.com", "f1", "", "z9hG4bKa", "none", SIP_INVITE, 0, 1 },
		{ "Contact with a name", INVITE BASE "Contact: <sip:a@pc.example.com>\r\n\r\n",
		  "c1@example.com", "f1", "", "z9hG4bKa", "none", SIP_INVITE, 0, 1 },
		{ "Contact tel", INVITE BASE "Contact: <tel:+15551234>\r\n\r\n",
		  "c1@example.com", "f1", "", "z9hG4bKa", "none", SIP_INVITE, 0, 1 },
		{ "two Contacts", INVITE BASE "m: <sip:a@192.0.2.1>, <sip:a@192.0.2.2>\r\n\r\n",
		  "c1@example.com", "f1", "", "z9hG4bKa", "none", SIP_INVITE, 0, 1 },
		{ "two Contact fields", INVITE BASE "m: <sip:a@192.0.2.1>\r\nm: <sip:a@192.0.2.1>\r\n\r\n",
		  "c1@example.com", "f1", "", "z9hG4bKa", "none", SIP_INVITE, 0, 1 },
		{ "Contact without brackets", INVITE BASE "m: <sip:a@2001:db8::9:5060>\r\n\r\n",
		  "c1@example.com", "f1", "", "z9hG4bKa", "none", SIP_INVITE, 0, 1 },
		{ "Contact that is junk", INVITE BASE "m: <<\"\r\n\r\n",
		  "c1@example.com", "f1", "", "z9hG4bKa", "none", SIP_INVITE, 0, 1 },
		{ "emergency", "INVITE urn:service:sos SIP/2.0\r\n" VIA FROM
		  "To: <urn:service:sos>\r\n" CALL CSEQ "m: <sips:a@192.0.2.9>\r\n\r\n",
		  "c1@example.com", "f1", "", "z9hG4bKa", "192.0.2.9", SIP_INVITE, 0, 1 },
		{ "name not quoted", INVITE VIA "From: M\xc3\xbcller, J. <sip:m@x;user=phone>;tag=t1\r\n"
		  TO CALL CSEQ "\r\n",
		  "c1@example.com", "t1", "", "z9hG4bKa", "none", SIP_INVITE, 0, 1 },
	};
	/* clang-format on */
	char buf[ADDR_STRLEN];
	struct sip_message m;
	enum sip_reject why;
	struct span in;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		in = heap(rows[i].in, strlen(rows[i].in));
		printf("%s\n", rows[i].what);
		assert_int_equal(sip_message_parse(&m, in, false, &why), PH_OK);
		assert_span(m.call_id, rows[i].call_id);
		assert_span(m.from_tag, rows[i].from_tag);
		assert_span(m.to_tag, rows[i].to_tag);
		assert_span(m.branch, rows[i].branch);
		assert_string_equal(addr_format(&m.contact, buf),
		    rows[i].contact);
		assert_int_equal(m.method, rows[i].method);
		assert_int_equal(m.request, rows[i].status == 0);
		assert_int_equal(m.status, rows[i].status);
		assert_int_equal(m.cseq, rows[i].cseq);
		sip_message_free(&m);
		drop(in);
	}
}

static void
extensions_are_read(void **state)
{
	static const unsigned int status[] = { 100, 101, 199, 200 };
	char text[512];
	struct sip_message m;
	enum sip_reject why;
	size_t i;
	int n;

	(void)state;
	assert_int_equal(sip_message_parse(&m,
			     SPAN_LITERAL("SIP/2.0 183 X\r\n" BASE
					  "RSeq: 4294967295\r\n\r\n"),
			     false, &why),
	    PH_OK);
	assert_true(m.reliable);
	assert_int_equal(m.rseq, UINT32_MAX);
	sip_message_free(&m);

	/* Neither 100 nor a final response is reliable: RFC 3262. */
	for (i = 0; i < ROWS(status); i++) {
		n = snprintf(text, sizeof(text),
		    "SIP/2.0 %u X\r\n" BASE "RSeq: 1\r\n\r\n", status[i]);
		assert_int_equal(sip_message_parse(&m,
				     (struct span) { text, (size_t)n }, false,
				     &why),
		    PH_OK);
		assert_int_equal(m.reliable, i > 0 && i < 3);
		sip_message_free(&m);
	}

	assert_int_equal(
	    sip_message_parse(&m,
		SPAN_LITERAL("PRACK sip:b@x SIP/2.0\r\n" VIA FROM TO CALL
			     "CSeq: 2 PRACK\r\nrack: 776656\r\n 1 \t INVITE\r\n"
			     "x: 1800 ;refresher=uac\r\n\r\n"),
		false, &why),
	    PH_OK);
	assert_int_equal(m.method, SIP_PRACK);
	assert_int_equal(m.rack_rseq, 776656);
	assert_int_equal(m.rack_cseq, 1);
	assert_int_equal(m.rack_method, SIP_INVITE);
	assert_int_equal(m.session_expires, 1800);
	sip_message_free(&m);

	/* An interval that is none costs the timer, not the call. */
	assert_int_equal(sip_message_parse(&m,
			     SPAN_LITERAL(OK200 BASE "x: 99999999999\r\n\r\n"),
			     false, &why),
	    PH_OK);
	assert_int_equal(m.session_expires, 0);
	sip_message_free(&m);
	sip_message_free(NULL);
}

static void
the_session_is_found_or_the_body_is_ambiguous(void **state)
{
#define MIXED	"c: multipart/mixed;boundary=b\r\n\r\n"
#define PART	"--b\r\n"
#define END	"--b--\r\n"
#define SDPTYPE "Content-Type: application/sdp\r\n"
#define LONG                                                                   \
	"what comes before the first part is longer than the head of the "     \
	"second one and its body"
#define B70                                                                    \
	"12345678901234567890123456789012345678901234567890123456789012345678" \
	"90"
#define TEXT "Content-Type: text/plain\r\n\r\nhello\r\n"
	/* clang-format off */
	static const struct {
		const char	*what, *in;
		enum sip_body	 body;
		const char	*sdp;
	} rows[] = {
		{ "plain", SDPTYPE "\r\nv=0", SIP_BODY_SDP, "v=0" },
		{ "no body", SDPTYPE "\r\n", SIP_BODY_NONE, "" },
		{ "no type", "\r\nv=0", SIP_BODY_NONE, "" },
		{ "upper case with parameter", "c:APPLICATION/SDP;charset=utf-8\r\n\r\nv=0", SIP_BODY_SDP, "v=0" },
		{ "blanks around the slash", "c: application / sdp ;x\r\n\r\nv=0", SIP_BODY_SDP, "v=0" },
		{ "folded type", "c:\r\n application/sdp\r\n ; a=b\r\n\r\nv=0", SIP_BODY_SDP, "v=0" },
		{ "another type", "c: application/sdpx\r\n\r\nv=0", SIP_BODY_NONE, "" },
		{ "text", "c: text/plain\r\n\r\nv=0", SIP_BODY_NONE, "" },
		{ "a part that is all head", "c: multipart/mixed;boundary=\"x:y\"\r\n\r\n" LONG "\r\n--x:y\r\nq: 1\r\n--x:y\r\n"
		  TEXT "--x:y\r\n" SDPTYPE "\r\nv=0\r\n--x:y--\r\n", SIP_BODY_AMBIGUOUS, "" },
		{ "two types in one", "c: application/sdp, text/plain\r\n\r\nv=0", SIP_BODY_AMBIGUOUS, "" },
		{ "half a type", "c: application\r\n\r\nv=0", SIP_BODY_AMBIGUOUS, "" },
		{ "gzip", SDPTYPE "Content-Encoding: gzip\r\n\r\nv=0", SIP_BODY_AMBIGUOUS, "" },
		{ "gzip, compact", SDPTYPE "e: gzip\r\n\r\nv=0", SIP_BODY_AMBIGUOUS, "" },
		{ "identity", SDPTYPE "e: Identity\r\n\r\nv=0", SIP_BODY_SDP, "v=0" },
		{ "gzip text", "c: text/plain\r\ne: gzip\r\n\r\nv=0", SIP_BODY_NONE, "" },
		{ "base64", SDPTYPE "Content-Transfer-Encoding: base64\r\n\r\nv=0", SIP_BODY_AMBIGUOUS, "" },
		{ "session", SDPTYPE "Content-Disposition: Session;handling=required\r\n\r\nv=0", SIP_BODY_SDP, "v=0" },
		{ "early-session", SDPTYPE "Content-Disposition: early-session\r\n\r\nv=0", SIP_BODY_NONE, "" },
		{ "NUL inside", SDPTYPE "\r\nv=0", SIP_BODY_SDP, "v=0" },

		{ "one part", MIXED PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_SDP, "v=0" },
		{ "second part", MIXED PART TEXT PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_SDP, "v=0" },
		{ "preamble and epilogue", MIXED "hello\r\n" PART SDPTYPE "\r\nv=0\r\n" END "bye", SIP_BODY_SDP, "v=0" },
		{ "its line end is its own", MIXED PART SDPTYPE "\r\nv=0\r\n\r\n" END, SIP_BODY_SDP, "v=0\r\n" },
		{ "quoted boundary", "c: multipart/mixed; a=\"x;boundary=no\"; BOUNDARY=\"b b\"\r\n\r\n"
		  "--b b\r\n" SDPTYPE "\r\nv=0\r\n--b b--", SIP_BODY_SDP, "v=0" },
		{ "LF only", MIXED "--b\nc: application/sdp\n\nv=0\n--b--\n", SIP_BODY_SDP, "v=0" },
		{ "padding", MIXED "--b \t\r\n" SDPTYPE "\r\nv=0\r\n--b-- ", SIP_BODY_SDP, "v=0" },
		{ "no SDP", MIXED PART TEXT PART TEXT END, SIP_BODY_NONE, "" },
		{ "part without head", MIXED PART "\r\nv=0\r\n" END, SIP_BODY_NONE, "" },
		{ "part without body", MIXED PART SDPTYPE "\r\n" END, SIP_BODY_NONE, "" },
		{ "early-session beside it", MIXED PART SDPTYPE "Content-Disposition: early-session\r\n\r\nv=1\r\n"
		  PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_SDP, "v=0" },
		{ "8bit part", MIXED PART SDPTYPE "Content-Transfer-Encoding: 8Bit\r\n\r\nv=0\r\n" END, SIP_BODY_SDP, "v=0" },
		{ "nested", MIXED PART "c: multipart/alternative;boundary=i\r\n\r\n--i\r\n" SDPTYPE
		  "\r\nv=0\r\n--i--\r\n" END, SIP_BODY_SDP, "v=0" },
		{ "nested once more", MIXED PART "c: multipart/mixed;boundary=i\r\n\r\n--i\r\n"
		  "c: multipart/mixed;boundary=j\r\n\r\n--j\r\n" SDPTYPE "\r\nv=0\r\n--j--\r\n--i--\r\n" END,
		  SIP_BODY_AMBIGUOUS, "" },

		{ "two sessions", MIXED PART SDPTYPE "\r\nv=0\r\n" PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_AMBIGUOUS, "" },
		{ "one nested, one not", MIXED PART "c: multipart/mixed;boundary=i\r\n\r\n--i\r\n" SDPTYPE
		  "\r\nv=0\r\n--i--\r\n" PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_AMBIGUOUS, "" },
		{ "base64 part", MIXED PART SDPTYPE "Content-Transfer-Encoding: base64\r\n\r\ndj0w\r\n" END, SIP_BODY_AMBIGUOUS, "" },
		{ "gzip part", MIXED PART SDPTYPE "Content-Encoding: gzip\r\n\r\nv=0\r\n" END, SIP_BODY_AMBIGUOUS, "" },
		{ "two types in a part", MIXED PART SDPTYPE "c: text/plain\r\n\r\nv=0\r\n" END, SIP_BODY_AMBIGUOUS, "" },
		{ "no boundary", "c: multipart/mixed\r\n\r\n" PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_AMBIGUOUS, "" },
		{ "two boundaries", "c: multipart/mixed;boundary=b;boundary=b\r\n\r\n" PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_AMBIGUOUS, "" },
		{ "empty boundary", "c: multipart/mixed;boundary=\r\n\r\n" PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_AMBIGUOUS, "" },
		{ "a parameter without a value", "c: multipart/mixed;x;boundary=b\r\n\r\n" PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_SDP, "v=0" },
		{ "a parameter without a name", "c: multipart/mixed;;boundary=b\r\n\r\n" PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_SDP, "v=0" },
		{ "a value without a name", "c: multipart/mixed;=x;boundary=b\r\n\r\n" PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_SDP, "v=0" },
		{ "DEL in the boundary", "c: multipart/mixed;boundary=b\177\r\n\r\n--b\177\r\n" SDPTYPE "\r\nv=0\r\n--b\177--\r\n",
		  SIP_BODY_AMBIGUOUS, "" },
		{ "a control in the boundary", "c: multipart/mixed;boundary=b\001\r\n\r\n--b\001\r\n" SDPTYPE "\r\nv=0\r\n--b\001--\r\n",
		  SIP_BODY_AMBIGUOUS, "" },
		{ "unclosed quote", "c: multipart/mixed;boundary=\"b\r\n\r\n" PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_AMBIGUOUS, "" },
		{ "escaped boundary", "c: multipart/mixed;boundary=\"\\b\"\r\n\r\n" PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_AMBIGUOUS, "" },
		{ "not closed", MIXED PART SDPTYPE "\r\nv=0\r\n", SIP_BODY_AMBIGUOUS, "" },
		{ "closed at once", MIXED END, SIP_BODY_AMBIGUOUS, "" },
		{ "no delimiter", MIXED SDPTYPE "\r\nv=0\r\n", SIP_BODY_AMBIGUOUS, "" },
		{ "empty part", MIXED PART PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_AMBIGUOUS, "" },
		{ "part without blank line", MIXED PART SDPTYPE END, SIP_BODY_AMBIGUOUS, "" },
		{ "a line that begins like a delimiter", MIXED PART SDPTYPE "\r\nv=0\r\n--bb\r\n" END, SIP_BODY_AMBIGUOUS, "" },
		{ "lines that are almost delimiters", MIXED PART SDPTYPE "\r\nv=0\r\nx-b\r\n-xb\r\n--x\r\n--\r\n-\r\n\r\n" END,
		  SIP_BODY_SDP, "v=0\r\nx-b\r\n-xb\r\n--x\r\n--\r\n-\r\n" },
		{ "a delimiter with blanks, and the end", MIXED "--b\t \r\n" SDPTYPE "\r\nv=0\r\n--b--\t\n", SIP_BODY_SDP, "v=0" },
		{ "an end that goes on", MIXED PART SDPTYPE "\r\nv=0\r\n--b--x\r\n", SIP_BODY_AMBIGUOUS, "" },
		{ "an end with three dashes", MIXED PART SDPTYPE "\r\nv=0\r\n--b---\r\n", SIP_BODY_AMBIGUOUS, "" },
		{ "an end with one dash", MIXED PART SDPTYPE "\r\nv=0\r\n--b-\r\n" END, SIP_BODY_AMBIGUOUS, "" },
		{ "a preamble that begins like one", MIXED "--bb\r\n" PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_AMBIGUOUS, "" },
		{ "an epilogue that begins like one", MIXED PART SDPTYPE "\r\nv=0\r\n" END "--bb\r\n", SIP_BODY_AMBIGUOUS, "" },
		{ "the longest boundary", "c: multipart/mixed;boundary=" B70 "\r\n\r\n--" B70 "\r\n" SDPTYPE "\r\nv=0\r\n--" B70 "--",
		  SIP_BODY_SDP, "v=0" },
		{ "too long a boundary", "c: multipart/mixed;boundary=" B70 "x\r\n\r\n--" B70 "x\r\n" SDPTYPE "\r\nv=0\r\n--" B70 "x--",
		  SIP_BODY_AMBIGUOUS, "" },
		{ "a boundary of one blank at its end", "c: multipart/mixed;boundary=\"b \"\r\n\r\n--b \r\n" SDPTYPE "\r\nv=0\r\n--b --",
		  SIP_BODY_AMBIGUOUS, "" },
		{ "an empty quoted boundary", "c: multipart/mixed;boundary=\"\"\r\n\r\n--\r\n" SDPTYPE "\r\nv=0\r\n----", SIP_BODY_AMBIGUOUS, "" },
		{ "a quote in the boundary", "c: multipart/mixed;boundary=b\"\r\n\r\n--b\"\r\n" SDPTYPE "\r\nv=0\r\n--b\"--", SIP_BODY_AMBIGUOUS, "" },
		{ "something behind a quoted value", "c: multipart/mixed;boundary=\"b\"x\r\n\r\n" PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_AMBIGUOUS, "" },
		{ "an escaped quote before the boundary", "c: multipart/mixed;x=\"\\\";boundary=y\";boundary=b\r\n\r\n" PART SDPTYPE "\r\nv=0\r\n" END,
		  SIP_BODY_SDP, "v=0" },
		{ "blanks around all of it", "c: multipart/mixed ; boundary = b ; x\r\n\r\n" PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_SDP, "v=0" },
		{ "tilde and exclamation mark", "c: multipart/mixed;boundary=~!\r\n\r\n--~!\r\n" SDPTYPE "\r\nv=0\r\n--~!--", SIP_BODY_SDP, "v=0" },
		{ "a body that is all delimiters", MIXED PART "\r\n" END, SIP_BODY_NONE, "" },
		{ "a third part with a session", MIXED PART TEXT PART TEXT PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_SDP, "v=0" },
		{ "7bit", SDPTYPE "Content-Transfer-Encoding: 7BIT\r\n\r\nv=0", SIP_BODY_SDP, "v=0" },
		{ "binary", SDPTYPE "Content-Transfer-Encoding: Binary\r\n\r\nv=0", SIP_BODY_SDP, "v=0" },
		{ "both encodings, one bad", SDPTYPE "e: identity\r\nContent-Transfer-Encoding: x\r\n\r\nv=0", SIP_BODY_AMBIGUOUS, "" },
		{ "a multipart of another disposition", "Content-Disposition: x\r\n" MIXED PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_SDP, "v=0" },
		{ "an empty disposition", SDPTYPE "Content-Disposition:\r\n\r\nv=0", SIP_BODY_SDP, "v=0" },
		{ "an empty type", "c:\r\n\r\nv=0", SIP_BODY_AMBIGUOUS, "" },
		{ "text that is no type", "c: appli cation/sdp\r\n\r\nv=0", SIP_BODY_AMBIGUOUS, "" },
		{ "text/sdp", "c: text/sdp\r\n\r\nv=0", SIP_BODY_NONE, "" },
		{ "more behind the end", MIXED PART SDPTYPE "\r\nv=0\r\n" END PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_AMBIGUOUS, "" },
		{ "gzip multipart", "e: gzip\r\n" MIXED PART SDPTYPE "\r\nv=0\r\n" END, SIP_BODY_AMBIGUOUS, "" },
	};
	/* clang-format on */
	char text[2048];
	struct sip_message m;
	enum sip_reject why;
	struct span in;
	size_t i, n;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		n = (size_t)snprintf(text, sizeof(text), "%s%s", INVITE BASE,
		    rows[i].in);
		assert_true(n < sizeof(text));
		in = heap(text, n);
		assert_int_equal(sip_message_parse(&m, in, false, &why), PH_OK);
		assert_int_equal(m.body, rows[i].body);
		assert_span(m.sdp, rows[i].sdp);
		if (m.body == SIP_BODY_SDP)
			assert_true(m.sdp.p >= in.p &&
			    m.sdp.p + m.sdp.len <= in.p + in.len);
		sip_message_free(&m);
		drop(in);
	}
}

/* Append `s` as often as fits, and leave room for a few bytes. */
static size_t
repeat(char *buf, size_t n, size_t size, const char *s)
{
	size_t len = strlen(s);

	while (n + len + 64 <= size) {
		memcpy(buf + n, s, len);
		n += len;
	}
	return n;
}

static void
no_message_costs_much(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*what, *begin, *again, *end;
		size_t		 size;
	} rows[] = {
		{ "escapes in a user part", INVITE VIA TO CALL CSEQ "From: <sip:", "%41", "@x>\r\n\r\n", 4200 },
		{ "parameters", INVITE VIA TO CALL CSEQ "From: <sip:a@x>", ";a=\"b\"", "\r\n\r\n", 600 },
		{ "headers in a URI", INVITE BASE "m: <sip:a@x?a=b", "&a=b", ">\r\n\r\n", 500 },
		{ "blanks in a Via", INVITE FROM TO CALL CSEQ "Via: SIP/2.0/", " \t", "UDP h\r\n\r\n", 8000 },
		{ "Vias in a Via", INVITE FROM TO CALL CSEQ "Via: SIP/2.0/UDP a", ", SIP/2.0/UDP a", "\r\n\r\n", 4200 },
		{ "folds", INVITE BASE "Y: ", "\r\n y", "\r\n\r\n", 8000 },
		{ "lines of a head", INVITE BASE, "Y:\r\n", "\r\n", 800 },
		{ "parts", INVITE BASE MIXED, "--b\r\n\r\n\r\n", "--b--\r\n", 65000 },
		{ "lines of a part", INVITE BASE MIXED "--b\r\n\r\n", "--\r\n", "--b--\r\n", 65000 },
		{ "line ends", INVITE BASE MIXED "--b\r\n\r\n", "\n", "--b--\r\n", 65000 },
		{ "parts inside a part", INVITE BASE MIXED "--b\r\nc:multipart/x;boundary=i\r\n\r\n",
		  "--i\r\n\r\n\r\n", "--i--\r\n--b--\r\n", 65000 },
		{ "line ends before a message", "", "\r\n", INVITE "\r\n", 65000 },
	};
	/* clang-format on */
	static char buf[SIP_MAX_MESSAGE];
	struct timespec a, b;
	struct sip_message m;
	enum sip_reject why;
	int64_t us;
	size_t i, n;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		n = (size_t)snprintf(buf, sizeof(buf), "%s", rows[i].begin);
		n = repeat(buf, n, rows[i].size, rows[i].again);
		n += (size_t)snprintf(buf + n, sizeof(buf) - n, "%s",
		    rows[i].end);
		assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a),
		    0);
		(void)!sip_message_parse(&m, (struct span) { buf, n }, false,
		    &why);
		assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b),
		    0);
		sip_message_free(&m);
		us = (int64_t)(b.tv_sec - a.tv_sec) * 1000000 +
		    (b.tv_nsec - a.tv_nsec) / 1000;
		printf("%s: %s, %lld us\n", rows[i].what, sip_reject_name(why),
		    (long long)us);
		/* Far below, but for sanitizers and a busy machine. */
		assert_true(us < 50000);
	}
}

static void
nothing_is_written_to_stdout(void **state)
{
	static const char bad[] =
	    INVITE "Via: \r\n x\r\n" FROM TO CALL CSEQ "\r\n";
	int saved = dup(STDOUT_FILENO);
	FILE *f = tmpfile();
	struct sip_message m;
	enum sip_reject why;
	long size;

	(void)state;
	assert_true(saved != -1);
	assert_non_null(f);
	fflush(stdout);
	assert_true(dup2(fileno(f), STDOUT_FILENO) != -1);
	assert_int_not_equal(sip_message_parse(&m,
				 (struct span) { bad, sizeof(bad) - 1 }, false,
				 &why),
	    PH_OK);
	fflush(stdout);
	size = ftell(f);
	assert_true(dup2(saved, STDOUT_FILENO) != -1);
	close(saved);
	assert_int_equal(size, 0);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	assert_int_equal(ftell(f), 0);
	fclose(f);
}

static void
every_reason_has_a_name(void **state)
{
	int r, s;

	(void)state;
	for (r = 0; r < SIP_REJECT_MAX; r++)
		for (s = 0; s < r; s++)
			assert_string_not_equal(sip_reject_name(r),
			    sip_reject_name(s));
	assert_string_equal(sip_reject_name(SIP_REJECT_MAX), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
		cmocka_unit_test(
		    content_length_tells_the_truth_or_the_message_goes),
		cmocka_unit_test(noise_is_told_from_bad_messages),
		cmocka_unit_test(sizes_have_limits),
		cmocka_unit_test(fields_are_read_whatever_their_form),
		cmocka_unit_test(extensions_are_read),
		cmocka_unit_test(the_session_is_found_or_the_body_is_ambiguous),
		cmocka_unit_test(no_message_costs_much),
		cmocka_unit_test(nothing_is_written_to_stdout),
		cmocka_unit_test(every_reason_has_a_name),
	};

	return cmocka_run_group_tests(tests, init, NULL);
}
