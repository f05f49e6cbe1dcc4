/* SPDX-License-Identifier: ISC */
#ifndef TESTS_FAKE_PCAP_H
#define TESTS_FAKE_PCAP_H

#include <pcap.h>

#include <sys/socket.h>
#include <linux/if_packet.h>

#include <stdint.h>

/*
 * A libpcap and a packet socket that take notes, and fail when asked to.  For
 * the functions that the linker wraps, see CMakeLists.txt.
 */
#define PAPER_FD 7

/* Calls that may fail. */
enum call {
	NONE,
	CREATE,
	ACTIVATE,
	DATALINK,
	NONBLOCK,
	COMPILE,
	SETFILTER,
	LOCK,
	BIND,
	RESERVE,
	THRESH,
	FORCE
};

extern struct paper {
	enum call fails;
	int rc; /* of pcap_activate() */
	char calls[512], filter[2048];
	struct bpf_insn insns[32];
	unsigned int ninsns;
	int program; /* allocated by pcap_compile() */
	unsigned int reserve, room;
	struct sockaddr_ll bound;
	uint32_t index[3]; /* of em0, em1 and em2; 0: there is none */
	/* What the next pcap_dispatch() finds. */
	int result, max;
	const unsigned char *frame;
	struct pcap_pkthdr head;
	/* The queue of the socket: as many, all of them these bytes. */
	int waiting, dropped;
	const unsigned char *large;
	size_t largelen;
} paper;

/* The one that there is. */
pcap_t *paper_pcap(void);

#endif
