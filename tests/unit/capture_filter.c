/* SPDX-License-Identifier: ISC */
/*
 * The frames of Ethernet that the filter has the kernel show us, as libpcap
 * itself runs the filter.
 */
#include <netinet/in.h>

#include <pcap.h>

#include <string.h>

#include "src/capture/handle.h"
#include "tests/unit/unit.h"

#define MACS 0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2
/* To port 5060 (0x13c4) or another, whole or a later fragment. */
#define IP4_TO(proto, frag, hi, lo)                                            \
	0x45, 0, 0, 28, 0, 0, 0, frag, 64, proto, 0, 0, 192, 0, 2, 1, 192, 0,  \
	    2, 2, 0x10, 0, hi, lo, 0, 8, 0, 0
#define IP6_TO(proto, hi, lo)                                                  \
	0x60, 0, 0, 0, 0, 8, proto, 64, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0,  \
	    0, 0, 0, 0, 0, 1, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0,   \
	    0, 0, 2, 0x10, 0, hi, lo, 0, 8, 0, 0
#define VLAN  0x81, 0, 0, 5
#define QINQ  0x88, 0xa8, 0, 6
#define IP4   8, 0
#define IP6   0x86, 0xdd
/* Session data; what is in it is looked at later. */
#define PPPOE 0x88, 0x64, 0x11, 0, 0, 1, 0, 30, 0, 0x21

static void
compile(const char *text, struct bpf_program *prog)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, 65535);

	assert_non_null(p);
	if (pcap_compile(p, prog, text, 1, 0) != 0)
		fail_msg("%s: %s", text, pcap_geterr(p));
	pcap_close(p);
}

static bool
passes(const struct bpf_program *prog, const uint8_t *frame, size_t len)
{
	struct pcap_pkthdr h = { .caplen = (bpf_u_int32)len,
		.len = (bpf_u_int32)len };

	return pcap_offline_filter(prog, &h, frame) != 0;
}

/* OpenBSD's own libpcap knows one tag. */
static bool
is_beyond(const char *name)
{
	return strstr(pcap_lib_version(), "OpenBSD") != NULL &&
	    strcmp(name, "QinQ") == 0;
}

static void
signalling_is_seen_however_it_is_wrapped(void **state)
{
	static const struct capture_port ports[] = { { IPPROTO_UDP, 5060 },
		{ IPPROTO_TCP, 5061 } };
	/* clang-format off */
	static const struct {
		const char *name;
		bool seen;
		uint8_t frame[128];
	} rows[] = {
		{ "plain",	   true,  { MACS, IP4, IP4_TO(17, 0, 0x13, 0xc4) } },
		{ "TCP",	   true,  { MACS, IP4, IP4_TO(6, 0, 0x13, 0xc5) } },
		{ "other port",	   false, { MACS, IP4, IP4_TO(17, 0, 0x13, 0xc6) } },
		{ "other proto",   false, { MACS, IP4, IP4_TO(6, 0, 0x13, 0xc4) } },
		{ "fragment",	   true,  { MACS, IP4, IP4_TO(17, 9, 0, 0) } },
		{ "IPv6",	   true,  { MACS, IP6, IP6_TO(17, 0x13, 0xc4) } },
		{ "IPv6 fragment", true,  { MACS, IP6, IP6_TO(44, 0, 0) } },
		{ "IPv6 other",	   false, { MACS, IP6, IP6_TO(17, 0x13, 0xc6) } },
		{ "VLAN",	   true,  { MACS, VLAN, IP4, IP4_TO(17, 0, 0x13, 0xc4) } },
		{ "VLAN other",	   false, { MACS, VLAN, IP4, IP4_TO(17, 0, 0x13, 0xc6) } },
		{ "VLAN fragment", true,  { MACS, VLAN, IP4, IP4_TO(17, 9, 0, 0) } },
		{ "VLAN IPv6",	   true,  { MACS, VLAN, IP6, IP6_TO(17, 0x13, 0xc4) } },
		{ "QinQ",	   true,  { MACS, QINQ, VLAN, IP4, IP4_TO(17, 0, 0x13, 0xc4) } },
		{ "QinQ other",	   false, { MACS, QINQ, VLAN, IP4, IP4_TO(17, 0, 0x13, 0xc6) } },
		{ "PPPoE",	   true,  { MACS, PPPOE, IP4_TO(17, 0, 0x13, 0xc4) } },
		{ "PPPoE in VLAN", true,  { MACS, VLAN, PPPOE, IP4_TO(17, 0, 0x13, 0xc4) } },
		{ "ARP",	   false, { MACS, 8, 6 } },
	};
	/* clang-format on */
	char text[4096];
	struct strbuf f = strbuf_of(text, sizeof(text));
	struct bpf_program prog;
	size_t i;

	(void)state;
	capture_filter(ports, 2, true, &f);
	assert_false(f.full);
	/* No operators: see capture_filter(). */
	assert_null(strpbrk(text, "&|+-*/"));
	compile(text, &prog);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!is_beyond(rows[i].name) &&
		    passes(&prog, rows[i].frame, sizeof(rows[i].frame)) !=
			rows[i].seen)
			fail_msg("%s: %s", rows[i].name, text);
	pcap_freecode(&prog);
}

/* Where there are no tags, libpcap knows no `vlan`. */
static void
tags_are_looked_for_where_there_are_some(void **state)
{
	static const struct capture_port ports[] = { { IPPROTO_UDP, 5060 },
		{ IPPROTO_TCP, 5061 } };
	char plain[4096], tagged[4096];
	struct strbuf a = strbuf_of(plain, sizeof(plain));
	struct strbuf b = strbuf_of(tagged, sizeof(tagged));

	(void)state;
	capture_filter(ports, 2, false, &a);
	capture_filter(ports, 2, true, &b);
	assert_null(strstr(plain, "vlan"));
	assert_null(strstr(plain, "ether"));
	assert_memory_equal(plain, tagged, strlen(plain));
	assert_non_null(strstr(plain, " or udp port 5060 or tcp port 5061)"));
	strbuf_reset(&a);
	capture_filter(ports, 0, false, &a);
	assert_null(strstr(plain, "port"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signalling_is_seen_however_it_is_wrapped),
		cmocka_unit_test(tags_are_looked_for_where_there_are_some),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
