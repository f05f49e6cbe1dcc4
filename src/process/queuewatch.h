/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_QUEUEWATCH_H
#define PROCESS_QUEUEWATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "src/compat/packetq.h"
#include "src/process/ipc.h"

/*
 * The deadline of packets that the kernel holds, whatever has become of the
 * process that should read or release them.
 *
 * Nothing is noted about single packets.  Four times within the time that a
 * packet may wait, we ask the kernel for the number of the newest one.  What
 * is still there after three more questions has waited for three quarters of
 * that time at least, and for all of it at most, and gets its verdict.
 *
 * While no packet comes we ask once a second, and wait for the socket to become
 * readable and for IPC_WAITS: an engine that is quick has read the packet
 * before we can see that there was one.  The firewall process does this for the
 * engine, and the monitor, with twice the time, for the firewall process.
 */
#define QUEUEWATCH_STEPS   3
#define QUEUEWATCH_SOCKETS 2

struct queuewatch {
	const struct packetq *queue;	 /* fd -1: there is nothing to watch */
	int64_t every;			 /* between questions */
	bool pass;			 /* the verdict of what is late */
	bool asleep;			 /* no packet comes */
	int64_t at;			 /* of the next question */
	uint32_t last[QUEUEWATCH_STEPS]; /* the newest number, then */
	unsigned int known;		 /* how many of them there are */
	unsigned int quiet;		 /* questions since a packet came */
	uint32_t gone;			 /* up to here, none waits any more */
	bool gone_known;
	uint64_t expired, dropped; /* so far */
	bool begun;
	uint64_t dropped_before;
	/* The process through which packets come to the engine, if any. */
	bool carrier;
	/* To wait for, never to be read by ipc_recv(). */
	struct ipc socket[QUEUEWATCH_SOCKETS];
};

/* `hold_ms` is how long a packet may wait at most. */
void queuewatch_init(struct queuewatch *w, const struct packetq *queue,
    uint32_t hold_ms, bool pass);

/* The sockets to wait for while there is nothing to ask; fd -1: none. */
struct ipc *queuewatch_socket(struct queuewatch *w, size_t i);
/*
 * One of the sockets has become readable, or the engine has sent IPC_WAITS: ask
 * often again.
 */
void queuewatch_wake(struct queuewatch *w, int64_t now);

/* How long no packet has come at least, when a watch stops to ask often. */
int64_t queuewatch_attention(uint32_t hold_ms);

/* Ask, if it is time; when to be called next, or INT64_MAX: no queue. */
int64_t queuewatch_run(struct queuewatch *w, int64_t now);

#endif
