/* SPDX-License-Identifier: ISC */
#ifndef COMPAT_RING_H
#define COMPAT_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Packets that wait, in memory that several processes share.
 *
 * One process puts them in.  Any may take them out, so that they do not stay
 * in the hands of one that has been stopped or killed: each packet is taken by
 * one alone.  There is no lock that such a process could keep.
 *
 * A packet takes whole cells, one behind the other.  All zeros are an empty
 * ring.
 */
#define RING_CELL  1024
#define RING_CELLS 4096
#define RING_PLACE 28

/* Where a packet came from: a socket address of the system, and which socket.
 */
struct ring_place {
	uint32_t socket;
	uint32_t len;
	unsigned char address[RING_PLACE];
};

struct ring_head {
	_Atomic uint32_t state; /* FREE but in the first cell of a packet */
	_Atomic uint32_t id;
	uint32_t len;
	struct ring_place place;
};

struct ring {
	_Atomic uint32_t writer; /* the process that puts in; 0: none does */
	_Atomic uint32_t begin, end;
	struct ring_head heads[RING_CELLS];
	unsigned char bytes[RING_CELLS][RING_CELL];
};

struct ring_packet {
	uint32_t id;
	size_t len;
	struct ring_place place;
	const void *bytes;
	uint32_t cell;
};

/* Become the writer; packets that wait stay. */
void ring_begin(struct ring *r, uint32_t writer);

/*
 * The writer alone.  False: there is no room.  `*at` is where to take it from.
 */
bool ring_put(struct ring *r, const struct ring_packet *p, uint32_t *at);

/*
 * Take the oldest packet with a number up to `last`; false: there is none.
 * `*at` is where to look, a ring_first() at first.  What was taken stays where
 * it is until ring_done().
 */
uint32_t ring_first(const struct ring *r);
bool ring_take(struct ring *r, uint32_t *at, uint32_t last,
    struct ring_packet *out);
void ring_done(struct ring *r, const struct ring_packet *p);

/* How many wait. */
uint32_t ring_waiting(const struct ring *r);

#endif
