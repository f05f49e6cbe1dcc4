/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_LARGE_LINUX_H
#define CAPTURE_LARGE_LINUX_H

#include <stdbool.h>

/*
 * Packets that are larger than a slot of the kernel's ring.
 *
 * The ring has only their beginning; the kernel puts the whole of each into
 * the queue of the packet socket as well, in the same order (packet(7),
 * PACKET_COPY_THRESH).  A packet that finds the queue full is not in it.
 */
#define LARGE_MAX 65536 /* bytes of a packet */

struct pcap;
struct pcap_pkthdr;
struct large; /* free() it */

/*
 * Behind pcap_setfilter(), whose filter must ask for all of each packet.
 * `slot`: as pcap_set_snaplen(); `link`: how many bytes libpcap puts before a
 * packet; `room`: bytes of packets that may wait.  NULL: no memory, or no such
 * queue.
 */
struct large *large_new(struct pcap *p, unsigned int slot, unsigned int link,
    unsigned int room);

/*
 * The whole of a packet that libpcap says is cut, with the bytes before it; *h
 * becomes its header.  NULL: there is none.
 */
const unsigned char *large_take(struct large *l, struct pcap_pkthdr *h,
    const unsigned char *bytes);

/* The socket was readable, and the ring empty. */
void large_idle(struct large *l);

/*
 * To be called now and then: empties the queue if it was out of step with the
 * ring.  A packet that stays at its head hides all that come later.
 */
void large_tidy(struct large *l);

#endif
