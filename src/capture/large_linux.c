/* SPDX-License-Identifier: ISC */
#include <pcap.h>

#include <sys/socket.h>
#include <linux/if_packet.h>

#include <stdlib.h>
#include <string.h>

#include "src/capture/large_linux.h"

#define ALIGNED	  16 /* a slot, and what is in it: TPACKET_ALIGNMENT */
#define LINK_MOST 64

struct large {
	int fd;
	unsigned int link;
	unsigned int fits; /* bytes of a packet that a slot holds */
	bool amiss;	   /* ring and queue were out of step */
	unsigned char bytes[LINK_MOST + LARGE_MAX];
};

/*
 * A slot holds the bytes that were asked for, behind headers that end where
 * they are aligned but for the room that libpcap has reserved, and is as long
 * as alignment makes it.
 */
static bool
slot_holds(int fd, unsigned int slot, unsigned int *fits)
{
	unsigned int reserved;
	socklen_t len = sizeof(reserved);

	if (getsockopt(fd, SOL_PACKET, PACKET_RESERVE, &reserved, &len) != 0)
		return false;
	*fits = slot + -(slot + reserved) % ALIGNED;
	return true;
}

struct large *
large_new(struct pcap *p, unsigned int slot, unsigned int link,
    unsigned int room)
{
	struct large *l = calloc(1, sizeof(*l));
	int yes = 1, size = (int)(room / 2); /* which the kernel doubles */

	if (l == NULL)
		return NULL;
	l->fd = pcap_fileno(p);
	l->link = link;
	/* Without the privilege, the queue is shorter. */
	if (size > 0 &&
	    setsockopt(l->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
		sizeof(size)) != 0)
		(void)setsockopt(l->fd, SOL_SOCKET, SO_RCVBUF, &size,
		    sizeof(size));
	if (link > LINK_MOST || !slot_holds(l->fd, slot, &l->fits) ||
	    setsockopt(l->fd, SOL_PACKET, PACKET_COPY_THRESH, &yes,
		sizeof(yes)) != 0) {
		free(l);
		return NULL;
	}
	return l;
}

/* The length of the first in the queue, which stays there; -1: there is none.
 */
static ssize_t
queue_peek(const struct large *l, void *p, size_t size)
{
	return recv(l->fd, p, size, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
}

static bool
queue_drop(const struct large *l)
{
	return recv(l->fd, NULL, 0, MSG_TRUNC | MSG_DONTWAIT) != -1;
}

const unsigned char *
large_take(struct large *l, struct pcap_pkthdr *h, const unsigned char *bytes)
{
	size_t len = h->len - l->link, cut = h->caplen - l->link;

	if (h->caplen < l->link || len > LARGE_MAX)
		return NULL;
	/* libpcap counts its own bytes as if they needed room in the slot. */
	if (len <= l->fits) {
		h->caplen = h->len;
		return bytes;
	}
	if (queue_peek(l, l->bytes + l->link, len) != (ssize_t)len ||
	    memcmp(l->bytes + l->link, bytes + l->link, cut) != 0) {
		l->amiss = true;
		return NULL;
	}
	(void)queue_drop(l);
	memcpy(l->bytes, bytes, l->link);
	h->caplen = h->len;
	return l->bytes;
}

void
large_idle(struct large *l)
{
	unsigned char first;

	if (queue_peek(l, &first, sizeof(first)) != -1)
		l->amiss = true;
}

void
large_tidy(struct large *l)
{
	if (!l->amiss)
		return;
	l->amiss = false;
	while (queue_drop(l))
		continue;
}
