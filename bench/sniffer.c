/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <netinet/in.h>

#include <pcap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "nft/batch.h"
#include "nft/netlink.h"
#include "src/base/histogram.h"

/*
 * The least that can open a pinhole in time: one process reads copies of
 * packets, takes the port from the SDP of each 200 that leaves the PBX, and
 * adds an element to set udp4_in of table inet sniffer by netlink, all in
 * libpcap's callback.  It checks nothing and closes nothing.  At SIGTERM it
 * prints the histogram that /metrics of pinholed has.
 */
static struct nlsock *nl;
static struct batch batch;
static struct histogram setup;
static struct addr pbx;
static pcap_t *pcap;

static void
on_frame(unsigned char *user, const struct pcap_pkthdr *h,
    const unsigned char *p)
{
	struct addr from = addr_from_bytes(AF_INET, p + 26);
	struct addr to = addr_from_bytes(AF_INET, p + 30);
	char text[2048];
	size_t len = h->caplen - 42;
	struct timespec ts;
	struct elem e;
	char *m;

	(void)user;
	if (h->caplen < 42 || len >= sizeof(text) || !addr_eq(&from, &pbx))
		return;
	memcpy(text, p + 42, len);
	text[len] = '\0';
	if (strncmp(text, "SIP/2.0 200", 11) != 0 ||
	    (m = strstr(text, "\nm=audio ")) == NULL)
		return;
	e = elem_host(SET_IN, IPPROTO_UDP, &to, &from,
	    (uint16_t)strtol(m + 9, NULL, 10));
	batch_begin(&batch, nlsock_seq(nl));
	batch_element(&batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, &e, NULL,
	    10000);
	batch_end(&batch);
	if (nlsock_transact(nl, &batch, NULL, NULL) != 0)
		return;
	clock_gettime(CLOCK_REALTIME, &ts);
	histogram_add(&setup,
	    (ts.tv_sec - h->ts.tv_sec) * 1000000 + ts.tv_nsec / 1000 -
		h->ts.tv_usec);
}

static void
on_term(int sig)
{
	(void)sig;
	pcap_breakloop(pcap);
}

int
main(int argc, char **argv)
{
	char why[PCAP_ERRBUF_SIZE];
	struct sigaction sa = { .sa_handler = on_term };
	struct bpf_program prog;
	int i;

	if (argc != 3 || addr_parse(span_of(argv[2]), &pbx) != PH_OK ||
	    (nl = nlsock_open()) == NULL ||
	    (pcap = pcap_create(argv[1], why)) == NULL)
		return 2;
	batch_init(&batch, "sniffer");
	pcap_set_immediate_mode(pcap, 1);
	pcap_set_snaplen(pcap, 4096);
	if (pcap_activate(pcap) < 0 ||
	    pcap_compile(pcap, &prog, "udp port 5060", 1, 0) != 0 ||
	    pcap_setfilter(pcap, &prog) != 0)
		return 2;
	sigaction(SIGTERM, &sa, NULL);
	alarm(600);
	puts("ready");
	fflush(stdout);
	(void)pcap_loop(pcap, -1, on_frame, NULL);
	for (i = 0; i <= HISTOGRAM_BOUNDS; i++)
		printf("%u %llu\n",
		    i < HISTOGRAM_BOUNDS ? histogram_bounds[i] : 0,
		    (unsigned long long)setup.n[i]);
	return 0;
}
