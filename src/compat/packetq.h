/* SPDX-License-Identifier: ISC */
#ifndef COMPAT_PACKETQ_H
#define COMPAT_PACKETQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/strbuf.h"

/*
 * Packets that wait for a verdict.  They are numbered, each with one more than
 * the one before, modulo 2^32.
 *
 * On Linux they wait in the kernel, in the queue of NFQUEUE: one socket, from
 * which the engine reads copies.  Only CAP_NET_ADMIN may give verdicts or
 * change the queue, by whatever process opened it.  The kernel drops what
 * waits when the last descriptor of the socket is closed, and when any program
 * takes a base chain away.
 *
 * With pf they wait with us, for divert(4) gives the packets themselves to
 * whoever reads the socket, who may write them back.  The firewall process
 * reads, puts them where the monitor can reach them, too, and hands copies to
 * the engine, which has neither the socket nor that memory.  The kernel drops
 * what comes while nobody has the socket.
 */
struct packetq {
	int fd;	      /* what to wait for; -1: none */
	int other_fd; /* likewise, for the other family; or -1 */
	uint32_t number;
	bool open; /* a packet that finds no room passes; else is dropped */

	/* Linux */
	int list_fd;   /* the kernel's list of all queues */
	uint32_t port; /* the socket's, by which the kernel knows it */

	/* divert(4) */
	int copies[2]; /* to the engine: written to the second */
	struct divert *divert;
	struct ring *own; /* where our process puts packets; or NULL */
};

/* No queue: all functions but packetq_open() do nothing. */
void packetq_init(struct packetq *q);

/* Needs privilege.  PH_EEXIST: another program has it; PH_EUNSUPPORTED. */
PH_NODISCARD enum ph_err packetq_open(struct packetq *q, uint32_t number,
    bool open, struct strbuf *why);
void packetq_close(struct packetq *q);

/*
 * In the firewall process, before privilege goes: take what a process cannot
 * share.
 */
void packetq_fork(struct packetq *q);

/* In the engine: from now on it reads copies, and can do nothing else. */
void packetq_reader(struct packetq *q);

/* Whether packetq_open() would do, of which nothing stays. */
PH_NODISCARD enum ph_err packetq_try(uint32_t number, struct strbuf *why);

/*
 * Whether packets come to the engine through the firewall process; it then
 * calls packetq_carry() when a descriptor becomes readable.
 */
extern const bool packetq_carried;
void packetq_carry(const struct packetq *q);

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
