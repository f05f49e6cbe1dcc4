/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include <osipparser2/osip_parser.h>
#include <osipparser2/osip_port.h>
#include <osipparser2/sdp_message.h>
#include <pcap.h>

/*
 * The least that a replay has to do, to compare it with: `reader floor FILE`
 * has libpcap read each packet, `reader osip FILE` also has libosip2 read each
 * message and its SDP.  The frames are those that captures.py writes:
 * Ethernet, IPv4 without options, UDP port 5060.
 */
#define HEADERS (14 + 20 + 8)

static void
no_trace(const char *file, int line, osip_trace_level_t level,
    const char *format, va_list ap)
{
	(void)file;
	(void)line;
	(void)level;
	(void)format;
	(void)ap;
}

static int
parse(const char *text, size_t len)
{
	osip_message_t *m;
	osip_body_t *body;
	sdp_message_t *sdp;
	int good = 0;

	if (osip_message_init(&m) != OSIP_SUCCESS)
		return 0;
	if (osip_message_parse(m, text, len) == OSIP_SUCCESS) {
		good = 1;
		if (osip_message_get_body(m, 0, &body) >= 0 &&
		    sdp_message_init(&sdp) == OSIP_SUCCESS) {
			good = sdp_message_parse(sdp, body->body) == 0;
			sdp_message_free(sdp);
		}
	}
	osip_message_free(m);
	return good;
}

static int
is_sip(const unsigned char *p)
{
	return ((p[34] << 8) | p[35]) == 5060 || ((p[36] << 8) | p[37]) == 5060;
}

int
main(int argc, char **argv)
{
	char why[PCAP_ERRBUF_SIZE];
	unsigned long packets = 0, messages = 0;
	const unsigned char *p;
	struct pcap_pkthdr *h;
	pcap_t *pcap;
	int i, osip;

	if (argc != 3 || (pcap = pcap_open_offline(argv[2], why)) == NULL) {
		fprintf(stderr, "usage: reader floor|osip FILE\n");
		return 2;
	}
	osip = strcmp(argv[1], "osip") == 0;
	osip_trace_initialize_func(OSIP_FATAL, no_trace);
	for (i = OSIP_FATAL; i < END_TRACE_LEVEL; i++)
		osip_trace_disable_level((osip_trace_level_t)i);
	if (parser_init() != 0)
		return 2;
	while (pcap_next_ex(pcap, &h, &p) == 1) {
		packets++;
		if (osip && h->caplen > HEADERS && is_sip(p))
			messages +=
			    (unsigned long)parse((const char *)p + HEADERS,
				h->caplen - HEADERS);
	}
	pcap_close(pcap);
	printf("%lu packets, %lu messages\n", packets, messages);
	return 0;
}
