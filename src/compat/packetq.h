/* SPDX-License-Identifier: ISC */
#ifndef COMPAT_PACKETQ_H
#define COMPAT_PACKETQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/strbuf.h"

/*
 * The kernel's queue of packets that wait for a verdict, on Linux that of
 * NFQUEUE.  One socket: whoever has it may read the packets, and only
 * CAP_NET_ADMIN may give verdicts or change the queue, by whatever process
 * opened it.  The kernel drops what waits when the last descriptor of the
 * socket is closed, and when any program takes a base chain away.
 *
 * Packets are numbered, each with one more than the one before, modulo 2^32.
 */
struct packetq {
	int fd;	     /* -1: none */
	int list_fd; /* the kernel's list of all queues */
	uint32_t number;
	uint32_t port; /* the socket's, by which the kernel knows it */
	bool open;     /* a packet that finds no room passes; else is dropped */
};

/* No queue: all functions but packetq_open() do nothing. */
void packetq_init(struct packetq *q);

/* Needs privilege.  PH_EEXIST: another program has it; PH_EUNSUPPORTED. */
PH_NODISCARD enum ph_err packetq_open(struct packetq *q, uint32_t number,
    bool open, struct strbuf *why);
void packetq_close(struct packetq *q);

/* After fork(2), before privilege goes: what a process cannot share. */
void packetq_fork(struct packetq *q);

/*
 * The socket port of the program that has this queue; 0: nobody has, or this
 * cannot be known.
 */
uint32_t packetq_owner(uint32_t number);

/* Bytes of messages: src/capture/nfqueue.h.  0: there is none. */
size_t packetq_read(const struct packetq *q, void *buf, size_t size);

/* The packets up to `last`, and all that came before them, go or are lost. */
void packetq_verdict(const struct packetq *q, uint32_t last, bool pass);

struct packetq_state {
	uint32_t waiting; /* without a verdict */
	uint32_t last;	  /* the number of the newest packet */
	uint64_t dropped; /* for want of room, with `open` false */
};

/* False: not known. */
bool packetq_state(const struct packetq *q, struct packetq_state *out);

/*
 * From now on no packet waits: those that come pass at once, and those that
 * wait are let go.  packetq_resume() ends this.
 */
void packetq_pause(const struct packetq *q);
void packetq_resume(const struct packetq *q);

#endif
