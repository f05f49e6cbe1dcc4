/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_HANDLE_H
#define CAPTURE_HANDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/strbuf.h"
#include "src/capture/merge.h"
#include "src/capture/packet.h"
#include "src/capture/sink.h"

/*
 * The inside of a capture, shared by capture.c (files and what is common)
 * and live_linux.c or live_bsd.c.
 */
struct capture_config;
struct large;
struct pcap;
struct pcap_pkthdr;

#define CAPTURE_MAX_HANDLES MERGE_MAX
#define CAPTURE_MAX_IFS	    16
#define CAPTURE_SNAPLEN	    65280 /* the largest packet */

struct capture_handle {
	struct pcap *pcap;
	int dlt;
	uint8_t dir; /* where the handle, not the packet, tells it */
	uint32_t ifindex;
	bool has_mac; /* Ethernet, where the kernel does not compare it */
	uint8_t mac[6];
};

struct capture {
	struct capture_port *ports;
	struct packets *packets;
	struct capture_handle handles[CAPTURE_MAX_HANDLES];
	size_t nhandles;
	bool live;
	uint32_t ifs[CAPTURE_MAX_IFS]; /* only these interfaces; none: all */
	char names[CAPTURE_MAX_IFS][32];
	size_t nifs;
	struct prefix *inside; /* for packets that are held */
	size_t ninside;
	struct packet_net *nets; /* likewise, before they are routed */
	size_t nnets;
	struct merge merge;  /* live, where a handle sees one direction */
	bool bound;	     /* live on Linux, to the only interface */
	unsigned int errors; /* of that socket, since `checked` */
	bool waiting;	     /* packets that no descriptor will announce */
	struct large *large; /* live on Linux; one allocation */
	uint64_t missed;     /* packets that it does not have whole */
	struct filetime *filetime; /* NULL: live */
	int64_t stamp;		   /* of the packet being handed over */
	int64_t checked;	   /* when the interfaces were last looked at */
};

struct capture *capture_new(const struct capture_config *config);
void capture_frame(struct capture *c, const struct capture_handle *handle,
    const struct pcap_pkthdr *h, const unsigned char *bytes, int64_t ts,
    const struct capture_sink *sink);

/*
 * The kernel's filter, as a pcap-filter(7) expression: our ports, and every
 * fragment, for only the first has ports.  `tags` where a `vlan` keyword works
 * (Ethernet): a tag may be there for the sake of its priority alone.
 */
void capture_filter(const struct capture_port *ports, size_t nports, bool tags,
    struct strbuf *out);

#endif
