/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_TCPCONN_H
#define CAPTURE_TCPCONN_H

#include "src/base/queue.h"
#include "src/base/shares.h"
#include "src/base/tree.h"
#include "src/capture/handshake.h"
#include "src/capture/lost.h"
#include "src/capture/tcpside.h"

/*
 * The insides of tcpstream.h: connections.  Included by tcpstream.c (what
 * segments do) and tcprecord.c (what a successor has to know).
 */
/*
 * A segment outside the window.  If the other end confirms it, our own position
 * was wrong.
 */
struct stray {
	bool used;
	bool from_a;
	uint32_t seq, end, ack;
};

enum phase {
	HALF, /* a SYN, its answer, or bytes that nobody has acknowledged */
	OPEN,
	DYING, /* open, for all we know; but a RST went by */
};

struct conn {
	RB_ENTRY(conn) node;
	TAILQ_ENTRY(conn) change; /* in changed */
	uint64_t key;		  /* 0: nobody remembers it */
	bool changed;		  /* since it was remembered */
	bool adopted;		  /* and no segment of it was seen yet */
	TAILQ_ENTRY(conn) age;	  /* in halves, ages or dying */
	TAILQ_ENTRY(conn) gap;	  /* in gaps or late */
	struct share_item room;
	struct endpoint a, b; /* a < b */
	uint32_t ifindex;
	enum phase phase;
	bool client_a;	   /* a began it, or sent the bytes that wait */
	bool midstream;	   /* nobody saw who began it */
	bool joining;	   /* while it is HALF: there are bytes */
	bool supposed;	   /* midstream, but lost.h knows who began others */
	bool resumed;	   /* adopted, and not begun anew since */
	bool early;	   /* a SYN had bytes, which nobody reads */
	bool deaf;	   /* of no interest */
	bool stuck;	   /* in gaps, or in late */
	bool late;	   /* in late */
	uint8_t dir[2];	   /* enum pkt_dir, of packets of a and of b */
	uint32_t first[2]; /* after their SYNs, unless midstream */
	int64_t last;
	int64_t stuck_since;
	struct handshake handshake;
	struct stray stray;	/* the latest */
	struct tcpside side[2]; /* sent by a, sent by b */
	void *user;
};

RB_HEAD(conn_tree, conn);
TAILQ_HEAD(conn_list, conn);

struct tcpstream {
	struct conn_tree tree;
	struct shares half_room, open_room, byte_room;
	struct conn_list halves; /* oldest first */
	struct conn_list ages;	 /* open, idlest first */
	struct conn_list dying;	 /* likewise */
	struct conn_list gaps;	 /* oldest first */
	struct conn_list late;	 /* likewise */
	struct conn_list changed;
	struct lost lost;      /* open ones */
	struct lost lost_half; /* others, of which a SYN was answered */
	size_t ndying;
	uint64_t next_key;
};

/*
 * The arguments of the functions that handle one packet, or the passing of
 * time.
 */
struct feed {
	struct tcpstream *t;
	struct conn *c;
	struct tcpside *side;
	uint8_t dir;
	int64_t now;
	const struct capture_sink *sink;
	struct capture_stats *stats;
};

struct conn *tcpstream_find(struct tcpstream *t, const struct conn *key);
/* A connection between the two ends of `key`, in its first phase, or NULL. */
struct conn *conn_new(struct feed *f, const struct conn *key, bool from_a);
/* Into the room of those that are open; another may have to go for it. */
void conn_open(struct feed *f);

#endif
