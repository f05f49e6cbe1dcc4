/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sip/sdp.h"
#include "tests/unit/unit.h"

/* The SDP of a phone, down to the line under test. */
#define V    "v=0\r\n"
#define O    "o=- 1 2 IN IP4 192.0.2.1\r\n"
#define C    "c=IN IP4 192.0.2.1\r\n"
#define T    "t=0 0\r\n"
#define HEAD V O "s=-\r\n" C T
#define M    "m=audio 49170 RTP/AVP 0\r\n"

static struct sdp sdp;

/* Parse a copy of exactly its size, so that ASan sees a byte too far. */
static enum ph_err
parse_bytes(const char *text, size_t len, size_t *where)
{
	char *p = malloc(len > 0 ? len : 1);
	enum ph_err rc;

	assert_non_null(p);
	memcpy(p, text, len);
	rc = sdp_parse(&sdp, (struct span) { p, len }, where);
	free(p);
	return rc;
}

static enum ph_err
parse(const char *text)
{
	return parse_bytes(text, strlen(text), NULL);
}

static void
bodies_are_read_as_servers_read_them(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*what, *in;
		enum ph_err	 rc;
		unsigned int	 nmedia;
	} rows[] = {
		{ "plain",		HEAD M,					PH_OK, 1 },
		{ "LF only",		"v=0\no=- 1 2 IN IP4 192.0.2.1\ns=-\n"
					"c=IN IP4 192.0.2.1\nt=0 0\n"
					"m=audio 49170 RTP/AVP 0\n",		PH_OK, 1 },
		{ "no final line end",	HEAD "m=audio 49170 RTP/AVP 0",		PH_OK, 1 },
		{ "final CR",		HEAD "m=audio 49170 RTP/AVP 0\r",	PH_OK, 1 },
		{ "a= before t=",	V O "s=-\r\n" C "a=x\r\n" T M,		PH_OK, 1 },
		{ "t= before c=",	V O "s=-\r\n" T C M,			PH_OK, 1 },
		{ "b= before c=",	V O "s=-\r\nb=AS:64\r\n" C T M,		PH_OK, 1 },
		{ "media c= after a=",	V O T M "a=ptime:20\r\n" C,		PH_OK, 1 },
		{ "unknown y= (GB28181)", HEAD M "y=0100000001\r\nf=\r\n",	PH_OK, 1 },
		{ "empty s=",		V O "s=\r\n" C T M,			PH_OK, 1 },
		{ "no t=, no o=, no s=", V C M,					PH_OK, 1 },
		{ "no media",		HEAD,					PH_OK, 0 },
		{ "only v=",		"v=0",					PH_OK, 0 },
		{ "trailing blank lines", HEAD M "\r\n\n\r\n",			PH_OK, 1 },
		{ "blank behind v=",	"v=0 \r\n" C M,				PH_OK, 1 },

		{ "empty",		"",					PH_EMALFORMED, 0 },
		{ "no v=",		O C M,					PH_EMALFORMED, 0 },
		{ "v= not first",	O V C M,				PH_EMALFORMED, 0 },
		{ "v=1",		"v=1\r\n" O C M,			PH_EMALFORMED, 0 },
		{ "text",		"hello",				PH_EMALFORMED, 0 },
		{ "HTML",		V "<html>\r\n",				PH_EMALFORMED, 0 },
		{ "blank line inside",	HEAD "\r\n" M,				PH_EMALFORMED, 0 },
		{ "line of blanks",	HEAD " \r\n" M,				PH_EMALFORMED, 0 },
		{ "indented line",	HEAD " " M,				PH_EMALFORMED, 0 },
		{ "blank before =",	HEAD "m =audio 49170 RTP/AVP 0\r\n",	PH_EMALFORMED, 0 },
		{ "lone CR",		HEAD "a=x\rm=audio 1 RTP/AVP 0\r\n" M,	PH_EMALFORMED, 0 },
		{ "CRs as line ends",	"v=0\rc=IN IP4 192.0.2.1\r",		PH_EMALFORMED, 0 },
		{ "two c= at the top",	HEAD C M,				PH_EAMBIGUOUS, 0 },
		{ "two different c=",	HEAD "c=IN IP4 198.51.100.1\r\n" M,	PH_EAMBIGUOUS, 0 },
		{ "two bodies in one",	HEAD M HEAD M,				PH_EAMBIGUOUS, 0 },
	};
	/* clang-format on */
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		assert_int_equal(parse(rows[i].in), rows[i].rc);
		assert_int_equal(sdp.nmedia, rows[i].nmedia);
		if (rows[i].nmedia > 0) {
			assert_int_equal(sdp.media[0].fault, SDP_OK);
			assert_int_equal(sdp.media[0].port, 49170);
		}
	}
}

static void
errors_say_where_and_leave_nothing(void **state)
{
	static const char nul[] = HEAD M "a=\0\r\n";
	static const char inside[] = HEAD M "\r\n" M;
	static const struct sdp zero;
	size_t where = 77;

	(void)state;
	assert_int_equal(parse_bytes(nul, sizeof(nul) - 1, &where),
	    PH_EMALFORMED);
	assert_memory_equal(&sdp, &zero, sizeof(sdp));
	assert_int_equal(parse_bytes(inside, sizeof(inside) - 1, &where),
	    PH_EMALFORMED);
	assert_int_equal(where, strlen(HEAD M));
	assert_memory_equal(&sdp, &zero, sizeof(sdp));
}

static void
addresses_come_from_the_nearest_c_line(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*what, *session, *media;
		enum sdp_fault	 fault;
		const char	*addr;
	} rows[] = {
		{ "session",		"IN IP4 192.0.2.1", NULL,		SDP_OK, "192.0.2.1" },
		{ "media",		NULL, "IN IP4 192.0.2.2",		SDP_OK, "192.0.2.2" },
		{ "media wins",		"IN IP4 192.0.2.1", "IN IP4 192.0.2.2",	SDP_OK, "192.0.2.2" },
		{ "media wins over a bad one", "IN IP4 x y", "IN IP4 192.0.2.2", SDP_OK, "192.0.2.2" },
		{ "and also if it is bad", "IN IP4 192.0.2.1", "IN IP4 junk!",	SDP_FAULT_ADDRESS, NULL },
		{ "none",		NULL, NULL,				SDP_FAULT_ADDRESS, NULL },
		{ "IPv6",		"IN IP6 2001:db8::1", NULL,		SDP_OK, "2001:db8::1" },
		{ "lower case",		"in ip4 192.0.2.1", NULL,		SDP_OK, "192.0.2.1" },
		{ "hold",		"IN IP4 0.0.0.0", NULL,			SDP_OK, "0.0.0.0" },
		{ "multicast, TTL",	"IN IP4 224.2.1.1/127", NULL,		SDP_OK, "224.2.1.1" },
		{ "multicast, count",	"IN IP4 224.2.1.1/127/3", NULL,		SDP_OK, "224.2.1.1" },
		{ "multicast, IPv6",	"IN IP6 ff15::101/3", NULL,		SDP_OK, "ff15::101" },
		{ "trailing blank",	"IN IP4 192.0.2.1 ", NULL,		SDP_OK, "192.0.2.1" },
		{ "link-local",		"IN IP6 fe80::1", NULL,			SDP_OK, "fe80::1" },
		{ "v4-mapped",		"IN IP6 ::ffff:192.0.2.1", NULL,	SDP_OK, "::ffff:192.0.2.1" },
		{ "IPv6 as IP4",	"IN IP4 ::1", NULL,			SDP_FAULT_ADDRESS, NULL },
		{ "IPv4 as IP6",	"IN IP6 192.0.2.1", NULL,		SDP_FAULT_ADDRESS, NULL },
		{ "other network",	"TN RFC2543 1", NULL,			SDP_FAULT_ADDRESS, NULL },
		{ "other type",		"IN E164 192.0.2.1", NULL,		SDP_FAULT_ADDRESS, NULL },
		{ "no network",		"IP4 192.0.2.1", NULL,			SDP_FAULT_ADDRESS, NULL },
		{ "empty",		"", NULL,				SDP_FAULT_ADDRESS, NULL },
		{ "no address",		"IN IP4", NULL,				SDP_FAULT_ADDRESS, NULL },
		{ "two blanks",		"IN  IP4 192.0.2.1", NULL,		SDP_FAULT_ADDRESS, NULL },
		{ "two addresses",	"IN IP4 192.0.2.1 192.0.2.2", NULL,	SDP_FAULT_ADDRESS, NULL },
		{ "too big a byte",	"IN IP4 999.1.1.1", NULL,		SDP_FAULT_ADDRESS, NULL },
		{ "something behind",	"IN IP4 192.0.2.1;evil", NULL,		SDP_FAULT_ADDRESS, NULL },
		{ "both",		"IN IP4 999.1.1.1;evil", NULL,		SDP_FAULT_ADDRESS, NULL },
		{ "octal",		"IN IP4 192.0.02.1", NULL,		SDP_FAULT_ADDRESS, NULL },
		{ "three bytes",	"IN IP4 192.0.2", NULL,			SDP_FAULT_ADDRESS, NULL },
		{ "zone",		"IN IP6 fe80::1%eth0", NULL,		SDP_FAULT_ADDRESS, NULL },
		{ "brackets",		"IN IP6 [2001:db8::1]", NULL,		SDP_FAULT_ADDRESS, NULL },
		{ "TTL with letters",	"IN IP4 192.0.2.1/x", NULL,		SDP_FAULT_ADDRESS, NULL },
		{ "empty TTL",		"IN IP4 192.0.2.1/", NULL,		SDP_FAULT_ADDRESS, NULL },
		{ "name",		"IN IP4 pc33.example.com", NULL,	SDP_FAULT_NAME, NULL },
		{ "name that looks like an address", "IN IP4 192.0.2.1.example", NULL, SDP_FAULT_NAME, NULL },
		{ "name of one letter",	"IN IP4 Z", NULL,			SDP_FAULT_NAME, NULL },
		{ "name of IPv6",	"IN IP6 pc33", NULL,			SDP_FAULT_NAME, NULL },
	};
	/* clang-format on */
	char buf[ADDR_STRLEN], text[512];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", V,
		    rows[i].session != NULL ? "c=" : "a=x",
		    rows[i].session != NULL ? rows[i].session : "", "\r\n" M,
		    rows[i].media != NULL ? "c=" : "a=x",
		    rows[i].media != NULL ? rows[i].media : "", "\r\n");
		assert_int_equal(parse(text), PH_OK);
		assert_int_equal(sdp.nmedia, 1);
		assert_int_equal(sdp.media[0].fault, rows[i].fault);
		assert_int_equal(sdp.media[0].port, 49170);
		if (rows[i].addr != NULL)
			assert_string_equal(addr_format(&sdp.media[0].addr,
						buf),
			    rows[i].addr);
	}
}

static void
one_bad_stream_leaves_the_others_alone(void **state)
{
	static const char text[] =
	    HEAD "m=audio 1000 RTP/AVP 0\r\n" C C /* two, even the same */
		 "m=audio 2000 RTP/AVP 0\r\n"
		 "m=audio 99999 RTP/AVP 0\r\n"
		 "m=audio 3000 RTP/AVP 0\r\nc=IN IP4 host.example\r\n"
		 "m=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\n";
	static const enum sdp_fault want[] = { SDP_FAULT_AMBIGUOUS, SDP_OK,
		SDP_FAULT_PORT, SDP_FAULT_NAME, SDP_OK };
	size_t i;

	(void)state;
	assert_int_equal(parse(text), PH_OK);
	assert_int_equal(sdp.nmedia, ROWS(want));
	for (i = 0; i < ROWS(want); i++)
		assert_int_equal(sdp.media[i].fault, want[i]);
	/* Without a c= for all, each needs its own. */
	assert_int_equal(parse(V M M C), PH_OK);
	assert_int_equal(sdp.media[0].fault, SDP_FAULT_ADDRESS);
	assert_int_equal(sdp.media[1].fault, SDP_OK);
}

static void
ports_are_numbers_that_exist(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*what, *m;
		enum sdp_fault	 fault;
		uint16_t	 port, n;
	} rows[] = {
		{ "plain",		"audio 49170 RTP/AVP 0",	SDP_OK, 49170, 1 },
		{ "odd",		"audio 5005 RTP/AVP 0",		SDP_OK, 5005, 1 },
		{ "refused",		"audio 0 RTP/AVP 0",		SDP_OK, 0, 1 },
		{ "leading zeros",	"audio 049170 RTP/AVP 0",	SDP_OK, 49170, 1 },
		{ "two pairs",		"audio 49170/2 RTP/AVP 0",	SDP_OK, 49170, 2 },
		{ "one pair",		"audio 49170/1 RTP/AVP 0",	SDP_OK, 49170, 1 },
		{ "low",		"audio 22 RTP/AVP 0",		SDP_OK, 22, 1 },
		{ "highest",		"audio 65535 RTP/AVP 0",	SDP_OK, 65535, 1 },
		{ "last two pairs",	"audio 65532/2 RTP/AVP 0",	SDP_OK, 65532, 2 },
		{ "two pairs too far",	"audio 65533/2 RTP/AVP 0",	SDP_FAULT_PORT, 65533, 1 },
		{ "two single ports",	"image 65534/2 udptl t38",	SDP_OK, 65534, 2 },
		{ "one too far",	"image 65535/2 udptl t38",	SDP_FAULT_PORT, 65535, 1 },
		{ "no pair",		"audio 49170/0 RTP/AVP 0",	SDP_FAULT_PORT, 49170, 1 },
		{ "too many pairs",	"audio 49170/999 RTP/AVP 0",	SDP_FAULT_PORT, 49170, 1 },
		{ "count wraps",	"audio 49170/4294967297 RTP/AVP 0", SDP_FAULT_PORT, 49170, 1 },
		{ "empty count",	"audio 49170/ RTP/AVP 0",	SDP_FAULT_PORT, 49170, 1 },
		{ "refused, odd count",	"audio 0/999 RTP/AVP 0",	SDP_OK, 0, 1 },
		{ "65536",		"audio 65536 RTP/AVP 0",	SDP_FAULT_PORT, 0, 1 },
		{ "70000",		"audio 70000 RTP/AVP 0",	SDP_FAULT_PORT, 0, 1 },
		{ "2^32+100",		"audio 4294967396 RTP/AVP 0",	SDP_FAULT_PORT, 0, 1 },
		{ "negative",		"audio -1 RTP/AVP 0",		SDP_FAULT_PORT, 0, 1 },
		{ "letters",		"audio abc RTP/AVP 0",		SDP_FAULT_PORT, 0, 1 },
		{ "number and letters",	"audio 49170a RTP/AVP 0",	SDP_FAULT_PORT, 0, 1 },
		{ "hexadecimal",	"audio 0x50 RTP/AVP 0",		SDP_FAULT_PORT, 0, 1 },
		{ "TAB before the port", "audio\t49170 RTP/AVP 0",	SDP_FAULT_SYNTAX, 0, 1 },
		{ "TAB behind the port", "audio 49170\tRTP/AVP 0",	SDP_FAULT_SYNTAX, 0, 1 },
		{ "TAB at the end",	"audio 49170 RTP/AVP 0\t",	SDP_FAULT_SYNTAX, 0, 1 },
		{ "two blanks",		"audio  49170 RTP/AVP 0",	SDP_FAULT_SYNTAX, 0, 1 },
		{ "leading blank",	" audio 49170 RTP/AVP 0",	SDP_FAULT_SYNTAX, 0, 1 },
		{ "no transport",	"audio 49170",			SDP_FAULT_SYNTAX, 0, 1 },
		{ "no port",		"audio",			SDP_FAULT_SYNTAX, 0, 1 },
		{ "nothing",		"",				SDP_FAULT_SYNTAX, 0, 1 },
		{ "no formats",		"audio 49170 RTP/AVP",		SDP_OK, 49170, 1 },
		{ "other media",	"x-new 49170 RTP/AVP 0",	SDP_OK, 49170, 1 },
	};
	/* clang-format on */
	char text[512];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		snprintf(text, sizeof(text), "%sm=%s\r\n", HEAD, rows[i].m);
		assert_int_equal(parse(text), PH_OK);
		assert_int_equal(sdp.nmedia, 1);
		assert_int_equal(sdp.media[0].fault, rows[i].fault);
		assert_int_equal(sdp.media[0].port, rows[i].port);
		if (rows[i].fault == SDP_OK)
			assert_int_equal(sdp.media[0].nports, rows[i].n);
	}
}

static void
nothing_is_wrong_with_a_refused_stream(void **state)
{
	static const char *const lines[] = { "", C C, "c=IN IP4 junk!\r\n",
		"c=IN IP4 host.example\r\n", "a=rtcp:0\r\n",
		"a=rtcp:1\r\na=rtcp:2\r\n" };
	char text[512];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(lines); i++) {
		snprintf(text, sizeof(text), "%sm=audio 0 RTP/AVP 0\r\n%s", V,
		    lines[i]);
		assert_int_equal(parse(text), PH_OK);
		assert_int_equal(sdp.media[0].fault, SDP_OK);
		assert_int_equal(sdp.media[0].port, 0);
	}
	/* The next one is judged for itself. */
	assert_int_equal(parse(V "m=audio 0 RTP/AVP 0\r\n" M), PH_OK);
	assert_int_equal(sdp.media[1].fault, SDP_FAULT_ADDRESS);
}

static void
transports_decide_what_is_opened(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*proto;
		enum sdp_kind	 kind;
	} rows[] = {
		{ "RTP/AVP",		SDP_RTP },
		{ "rtp/avp",		SDP_RTP },
		{ "RTP/AVPF",		SDP_RTP },
		{ "RTP/SAVP",		SDP_RTP },
		{ "RTP/SAVPF",		SDP_RTP },
		{ "UDP/TLS/RTP/SAVP",	SDP_RTP },
		{ "UDP/TLS/RTP/SAVPF",	SDP_RTP },
		{ "udptl",		SDP_UDP },
		{ "UDPTL",		SDP_UDP },
		{ "UDP/TLS/UDPTL",	SDP_UDP },
		{ "UDP/BFCP",		SDP_UDP },
		{ "UDP/TLS/BFCP",	SDP_UDP },
		{ "UDP/DTLS/SCTP",	SDP_UDP },
		{ "DTLS/SCTP",		SDP_UDP },
		{ "UDP",		SDP_UDP },
		{ "TCP",		SDP_TCP },
		{ "TCP/MSRP",		SDP_TCP },
		{ "TCP/TLS/MSRP",	SDP_TCP },
		{ "TCP/BFCP",		SDP_TCP },
		{ "TCP/TLS/BFCP",	SDP_TCP },
		{ "TCP/RTP/AVP",	SDP_TCP },
		{ "tcp/dtls/sctp",	SDP_TCP },
		{ "TCPX",		SDP_OTHER },
		{ "RTP/AVPX",		SDP_OTHER },
		{ "SCTP",		SDP_OTHER },
		{ "vat",		SDP_OTHER },
	};
	/* clang-format on */
	char text[512];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].proto);
		snprintf(text, sizeof(text), "%sm=x 5000 %s *\r\n", HEAD,
		    rows[i].proto);
		assert_int_equal(parse(text), PH_OK);
		assert_int_equal(sdp.media[0].fault, SDP_OK);
		assert_int_equal(sdp.media[0].kind, rows[i].kind);
	}
}

static void
rtcp_may_be_elsewhere(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*what, *lines;
		enum sdp_fault	 fault;
		const char	*rtcp;
		bool		 mux, only;
	} rows[] = {
		{ "nothing said",	"",					SDP_OK, "none:0", false, false },
		{ "port",		"a=rtcp:53020\r\n",			SDP_OK, "none:53020", false, false },
		{ "port and address",	"a=rtcp:53020 IN IP4 192.0.2.9\r\n",	SDP_OK, "192.0.2.9:53020", false, false },
		{ "IPv6",		"a=rtcp:53020 IN IP6 2001:db8::9\r\n",	SDP_OK, "[2001:db8::9]:53020", false, false },
		{ "browser",		"a=rtcp:9 IN IP4 0.0.0.0\r\n",		SDP_OK, "0.0.0.0:9", false, false },
		{ "name",		"a=rtcp:53020 IN IP4 h.example\r\n",	SDP_OK, "none:53020", false, false },
		{ "mux",		"a=rtcp-mux\r\n",			SDP_OK, "none:0", true, false },
		{ "only mux",		"a=rtcp-mux\r\na=rtcp-mux-only\r\n",	SDP_OK, "none:0", true, true },
		{ "port 0",		"a=rtcp:0\r\n",				SDP_FAULT_PORT, NULL, false, false },
		{ "too big",		"a=rtcp:65536\r\n",			SDP_FAULT_PORT, NULL, false, false },
		{ "letters",		"a=rtcp:x\r\n",				SDP_FAULT_PORT, NULL, false, false },
		{ "empty",		"a=rtcp\r\n",				SDP_FAULT_PORT, NULL, false, false },
		{ "other family",	"a=rtcp:53020 IN IP4 ::1\r\n",		SDP_FAULT_ADDRESS, NULL, false, false },
		{ "junk",		"a=rtcp:53020 junk\r\n",		SDP_FAULT_ADDRESS, NULL, false, false },
		{ "twice",		"a=rtcp:53020\r\na=rtcp:53022\r\n",	SDP_FAULT_AMBIGUOUS, NULL, false, false },
		{ "twice the same",	"a=rtcp:53020\r\na=rtcp:53020\r\n",	SDP_FAULT_AMBIGUOUS, NULL, false, false },
	};
	/* clang-format on */
	char buf[ADDR_STRLEN], text[512];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		snprintf(text, sizeof(text), "%s%s%s", HEAD, M, rows[i].lines);
		assert_int_equal(parse(text), PH_OK);
		assert_int_equal(sdp.media[0].fault, rows[i].fault);
		if (rows[i].rtcp == NULL)
			continue;
		assert_string_equal(endpoint_format(&sdp.media[0].rtcp, buf),
		    rows[i].rtcp);
		assert_int_equal(sdp.media[0].rtcp_mux, rows[i].mux);
		assert_int_equal(sdp.media[0].rtcp_mux_only, rows[i].only);
	}
}

static void
the_session_sets_what_media_does_not(void **state)
{
	(void)state;
	assert_int_equal(parse(HEAD M), PH_OK);
	assert_int_equal(sdp.media[0].mode, SDP_SENDRECV);
	assert_int_equal(sdp.media[0].setup, SDP_SETUP_NONE);

	assert_int_equal(parse(HEAD "a=inactive\r\na=setup:passive\r\n" M M
				    "a=sendonly\r\na=setup:ACTIVE\r\n" M
				    "a=recvonly \r\na=setup:actpass\r\n" M
				    "a=sendrecv\r\na=setup:holdconn\r\n" M
				    "a=SENDONLY\r\na=setup:other\r\n"),
	    PH_OK);
	assert_int_equal(sdp.nmedia, 5);
	assert_int_equal(sdp.media[0].mode, SDP_INACTIVE);
	assert_int_equal(sdp.media[0].setup, SDP_PASSIVE);
	assert_int_equal(sdp.media[1].mode, SDP_SENDONLY);
	assert_int_equal(sdp.media[1].setup, SDP_ACTIVE);
	assert_int_equal(sdp.media[2].mode, SDP_RECVONLY);
	assert_int_equal(sdp.media[2].setup, SDP_ACTPASS);
	assert_int_equal(sdp.media[3].mode, SDP_SENDRECV);
	assert_int_equal(sdp.media[3].setup, SDP_HOLDCONN);
	/* An attribute that we do not know changes nothing. */
	assert_int_equal(sdp.media[4].mode, SDP_INACTIVE);
	assert_int_equal(sdp.media[4].setup, SDP_PASSIVE);
}

static void
candidates_are_read_and_names_are_not_resolved(void **state)
{
#define CAND "a=candidate:"
	/* clang-format off */
	static const struct {
		const char	*what, *line, *want;
		bool		 tcp;
		uint8_t		 component;
	} rows[] = {
		{ "host", CAND "1 1 UDP 2130706431 192.0.2.9 5000 typ host", "192.0.2.9:5000", false, 1 },
		{ "RTCP", CAND "1 2 udp 2130706430 192.0.2.9 5001 typ host", "192.0.2.9:5001", false, 2 },
		{ "srflx", CAND "2 1 UDP 1694498815 198.51.100.3 45664 typ srflx raddr 10.0.1.1 rport 8998", "198.51.100.3:45664", false, 1 },
		{ "prflx", CAND "2 1 UDP 1 198.51.100.3 45664 typ prflx raddr 10.0.1.1 rport 8998", "198.51.100.3:45664", false, 1 },
		{ "relay", CAND "3 1 UDP 1 198.51.100.4 50000 typ RELAY raddr 0.0.0.0 rport 0", "198.51.100.4:50000", false, 1 },
		{ "IPv6", CAND "3 1 UDP 1 2001:db8::9 5000 typ host", "[2001:db8::9]:5000", false, 1 },
		{ "TCP", CAND "4 1 TCP 1 192.0.2.9 9 typ host tcptype active", "192.0.2.9:9", true, 1 },
		{ "browser", CAND "842163049 1 udp 1677729535 198.51.100.3 45664 typ srflx raddr 0.0.0.0 rport 0 generation 0 ufrag jKqr network-cost 999", "198.51.100.3:45664", false, 1 },
		{ "leading blank", CAND " 1 1 UDP 1 192.0.2.9 5000 typ host", "192.0.2.9:5000", false, 1 },
		{ "mDNS", CAND "1 1 UDP 1 6f6a8ab2-9d4c-4b5d.local 5000 typ host", NULL, false, 0 },
		{ "component 3", CAND "1 3 UDP 1 192.0.2.9 5000 typ host", NULL, false, 0 },
		{ "component 0", CAND "1 0 UDP 1 192.0.2.9 5000 typ host", NULL, false, 0 },
		{ "port 0", CAND "1 1 UDP 1 192.0.2.9 0 typ host", NULL, false, 0 },
		{ "port too big", CAND "1 1 UDP 1 192.0.2.9 65536 typ host", NULL, false, 0 },
		{ "other type", CAND "1 1 UDP 1 192.0.2.9 5000 typ magic", NULL, false, 0 },
		{ "no type", CAND "1 1 UDP 1 192.0.2.9 5000", NULL, false, 0 },
		{ "other transport", CAND "1 1 SCTP 1 192.0.2.9 5000 typ host", NULL, false, 0 },
		{ "no priority", CAND "1 1 UDP x 192.0.2.9 5000 typ host", NULL, false, 0 },
		{ "bad address", CAND "1 1 UDP 1 999.0.2.9 5000 typ host", NULL, false, 0 },
		{ "empty", "a=candidate", NULL, false, 0 },
	};
	/* clang-format on */
	char buf[ADDR_STRLEN], text[512];
	const struct sdp_candidate *c = &sdp.media[0].candidates[0];
	struct endpoint e;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		snprintf(text, sizeof(text), "%s%s%s\r\n", HEAD,
		    "m=audio 9 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n",
		    rows[i].line);
		assert_int_equal(parse(text), PH_OK);
		assert_true(sdp.media[0].ice);
		assert_int_equal(sdp.media[0].fault, SDP_OK);
		assert_int_equal(sdp.media[0].ncandidates,
		    rows[i].want != NULL ? 1 : 0);
		if (rows[i].want == NULL)
			continue;
		e.addr = c->addr;
		e.port = c->port;
		assert_string_equal(endpoint_format(&e, buf), rows[i].want);
		assert_int_equal(c->tcp, rows[i].tcp);
		assert_int_equal(c->component, rows[i].component);
	}
	assert_int_equal(parse(HEAD M), PH_OK);
	assert_false(sdp.media[0].ice);
	/* Credentials for all media count for each. */
	assert_int_equal(parse(HEAD "a=ice-ufrag:x\r\n" M), PH_OK);
	assert_true(sdp.media[0].ice);
}

static void
candidates_have_a_limit(void **state)
{
	char text[4096];
	size_t i, n;

	(void)state;
	n = (size_t)snprintf(text, sizeof(text), "%s%s", HEAD, M);
	for (i = 0; i < 2 * SDP_MAX_CANDIDATES; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    CAND "1 1 UDP 1 192.0.2.%zu 5000 typ host\r\n", i);
	assert_int_equal(parse(text), PH_OK);
	assert_int_equal(sdp.media[0].ncandidates, SDP_MAX_CANDIDATES);
	/* The first ones: they are what the peer prefers. */
	for (i = 0; i < SDP_MAX_CANDIDATES; i++)
		assert_int_equal(sdp.media[0].candidates[i].addr.b[3], i);
}

static void
bundles_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(
	    parse(HEAD "a=group:LS x\r\na=group:BUNDLE a b\r\n"
		       "a=group:BUNDLE c\r\n" M "a=mid:a\r\n"
		       "m=video 0 RTP/AVP 0\r\na=bundle-only\r\na=mid:b\r\n" M
		       "a=mid:c\r\n" M "a=mid:x\r\n" M "a=mid:x\r\na=mid:a\r\n"
		       "m=audio 0 RTP/AVP 0\r\n"),
	    PH_OK);
	assert_int_equal(sdp.nmedia, 6);
	assert_true(sdp.media[0].in_bundle);
	assert_int_equal(sdp.media[0].bundle, 0);
	assert_true(sdp.media[1].in_bundle);
	assert_int_equal(sdp.media[1].bundle, 0);
	assert_true(sdp.media[1].bundle_only);
	assert_int_equal(sdp.media[1].fault, SDP_OK);
	assert_true(sdp.media[2].in_bundle);
	assert_int_equal(sdp.media[2].bundle, 1);
	assert_false(sdp.media[3].in_bundle);
	/* A stream has one name. */
	assert_false(sdp.media[4].in_bundle);
	assert_false(sdp.media[5].bundle_only);
}

static void
the_version_is_a_number_or_nothing(void **state)
{
	(void)state;
	assert_int_equal(parse(V "o=- 1 18446744073709551615 IN IP4 x\r\n"),
	    PH_OK);
	assert_true(sdp.version == UINT64_MAX);
	assert_int_equal(parse(V "o=- 1 18446744073709551616 IN IP4 x\r\n"),
	    PH_OK);
	assert_true(sdp.version == 0);
	assert_int_equal(parse(V "o=jane smith\r\n"), PH_OK);
	assert_true(sdp.version == 0);
}

static int64_t
cpu_us(void)
{
	struct timespec ts;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts), 0);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
too_much_costs_little(void **state)
{
	/* A body as large as messages get, filled with one kind of line. */
	static const char *const lines[] = { "m=audio 49170 RTP/AVP 0\r\n",
		"a=mid:x\r\n", "a=group:BUNDLE a a a a a a a a a a a a a a\r\n",
		"a=candidate:1 1 UDP 1 192.0.2.9 5000 typ host\r\n", "a=\r\n",
		"c=IN IP4 192.0.2.1\r\n", "y=\n" };
	static char text[65000];
	size_t i, n, len;
	int64_t t;

	(void)state;
	for (i = 0; i < ROWS(lines); i++) {
		n = (size_t)snprintf(text, sizeof(text), "%s%s%s", HEAD,
		    i == 1 ? "a=group:BUNDLE a a a a a a a a a a a a a a\r\n"
			   : "",
		    i == 2 ? "" : M);
		len = strlen(lines[i]);
		while (n + len <= sizeof(text)) {
			memcpy(text + n, lines[i], len);
			n += len;
		}
		t = cpu_us();
		assert_int_equal(parse_bytes(text, n, NULL), PH_OK);
		t = cpu_us() - t;
		printf("%zu bytes: %lld us\n", n, (long long)t);
		/* Far below this, but sanitizers take their time. */
		assert_true(t < 50000);
		if (i == 0) {
			assert_true(sdp.more);
			assert_int_equal(sdp.nmedia, SDP_MAX_MEDIA);
			assert_int_equal(sdp.media[SDP_MAX_MEDIA - 1].fault,
			    SDP_OK);
		} else
			assert_false(sdp.more);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_are_read_as_servers_read_them),
		cmocka_unit_test(errors_say_where_and_leave_nothing),
		cmocka_unit_test(addresses_come_from_the_nearest_c_line),
		cmocka_unit_test(one_bad_stream_leaves_the_others_alone),
		cmocka_unit_test(ports_are_numbers_that_exist),
		cmocka_unit_test(nothing_is_wrong_with_a_refused_stream),
		cmocka_unit_test(transports_decide_what_is_opened),
		cmocka_unit_test(rtcp_may_be_elsewhere),
		cmocka_unit_test(the_session_sets_what_media_does_not),
		cmocka_unit_test(
		    candidates_are_read_and_names_are_not_resolved),
		cmocka_unit_test(candidates_have_a_limit),
		cmocka_unit_test(bundles_are_told_apart),
		cmocka_unit_test(the_version_is_a_number_or_nothing),
		cmocka_unit_test(too_much_costs_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
