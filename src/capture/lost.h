/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_LOST_H
#define CAPTURE_LOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/queue.h"
#include "src/base/tree.h"
#include "src/base/wire.h"
#include "src/capture/sink.h"

/*
 * Which end began each TCP connection that the reader has lost sight of,
 * because it had to leave a full room or was silent for too long.  Such a
 * connection may go on.  Without this memory the reader would join it in its
 * middle, not knowing who began it, and an end could bring that about for its
 * own connection.
 *
 * Two addresses are remembered.  That of the client stands for its source (an
 * IPv4 address or an IPv6 /64), because a client that begins one connection
 * begins many.  If both addresses have begun connections, the memory says
 * nothing.  If a connection between them was none of the reader's, no other is
 * joined.
 *
 * The memory has room for LOST_MAX pairs of addresses.  For one more, it
 * forgets the pair whose last lost connection is longest ago.
 */
#define LOST_MAX    16384
#define LOST_RECORD 3 /* the first byte of a record; see tcprecord.c */

enum {
	LOST_BY_A = 1, /* a, or its source, began one */
	LOST_BY_B = 2,
	LOST_MUTE = 4, /* one of them was none of the reader's */
};

struct lost_pair {
	RB_ENTRY(lost_pair) node;
	TAILQ_ENTRY(lost_pair) age;
	uint64_t key; /* 0: nobody remembers it */
	struct addr source, server;
	bool mute;
};

RB_HEAD(lost_tree, lost_pair);

struct lost {
	struct lost_tree tree;
	TAILQ_HEAD(, lost_pair) ages;
	size_t n;
};

void lost_init(struct lost *l);
void lost_clear(struct lost *l);

/*
 * Without a sink, or where it remembers nothing, no successor knows.
 * *next_key is the next free one.
 */
void lost_note(struct lost *l, const struct addr *client,
    const struct addr *server, bool mute, const struct capture_sink *sink,
    uint64_t *next_key);
/* LOST_* of the connections between these two; 0: nothing is known. */
unsigned int lost_between(struct lost *l, const struct addr *a,
    const struct addr *b);

/* The rest of a record, behind its first byte; false: it is none. */
bool lost_adopt(struct lost *l, uint64_t key, struct cursor *r);

#endif
