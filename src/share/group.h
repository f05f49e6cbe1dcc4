/* SPDX-License-Identifier: ISC */
#ifndef SHARE_GROUP_H
#define SHARE_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/reason.h"
#include "src/base/span.h"
#include "src/share/boxes.h"
#include "src/share/record.h"

/*
 * The calls of a group of boxes: which of them are ours, what has to be told
 * to the others, and which of their records to believe.
 *
 * The box that last saw a message of a call owns it, and renews its key.  Each
 * change adds 1 to the version; of two records the later version counts, of
 * equal versions the one that was written later, then that of the greater
 * name.  The end of a call is a version, too, and is remembered for
 * GROUP_MEMORY, so that a box which was cut off for as long still hears of it.
 * A process that was just started remembers nothing: for it, a replay brings
 * back a call that ended less than GROUP_OLD ago.  When the owner is
 * silent for BOXES_LEASE, the first living box by name takes its calls over,
 * and if that does not, the next one does.
 *
 * Knows neither sockets nor the server nor what a call is; time is an
 * argument.  See the table of failures in doc/share.md.
 */
#define GROUP_TTL     (60 * USEC_PER_SEC) /* of a call's key */
#define GROUP_RENEW   (20 * USEC_PER_SEC) /* how often it is renewed */
#define GROUP_GRACE   (30 * USEC_PER_SEC) /* for others to say it is theirs */
#define GROUP_REWRITE (5 * 60 * USEC_PER_SEC)	/* a record is dated anew */
#define GROUP_OLD     (10 * 60 * USEC_PER_SEC)	/* and is not believed */
#define GROUP_MEMORY  (120 * 60 * USEC_PER_SEC) /* of the end of a call */

/* Which box judges whether a call is silent; see engine/sharing.h. */
enum group_role {
	GROUP_THEIRS,	/* the owner does */
	GROUP_OURS,	/* we do */
	GROUP_RELEASED, /* the owner found it silent: we do, now */
	GROUP_LOST,	/* no box knows it: the same */
};

struct group_ops {
	/* To the server.  The value is written, and told to the stream. */
	void (*write)(void *ctx, const uint8_t *key, uint64_t version,
	    const uint8_t *p, size_t len);
	void (*erase)(void *ctx, const uint8_t *key, uint64_t version,
	    const uint8_t *p, size_t len);
	void (*publish)(void *ctx, const uint8_t *p, size_t len);
	void (*renew)(void *ctx, const uint8_t *key);
	/* How many of these may be called now. */
	size_t (*room)(void *ctx);

	/* To the engine.  `fresh`: only if it has no such call. */
	void (*offer)(void *ctx, const uint8_t *key, struct span body,
	    bool fresh);
	void (*end)(void *ctx, uint64_t id, enum reason why);
	void (*seen)(void *ctx, uint64_t id, uint32_t inside_s,
	    uint32_t outside_s);
	void (*role)(void *ctx, uint64_t id, enum group_role role);
	void *ctx;
};

struct group_stats {
	uint64_t calls, owned; /* now */
	uint64_t waiting;      /* now: changes to write */
	uint64_t writes, erases, renewals, bytes;
	uint64_t received, adopted, ended;
	uint64_t refused[RECORD_REFUSALS];
	uint64_t takeovers;
	uint64_t twins; /* signs of life of another box of our name */
	char old_box[RECORD_NAME]; /* of the last RECORD_OLD */
	int64_t old_by;		   /* how much older than our clock it was */
	int64_t lag;	/* of the last record of ours that came back */
	int64_t echoed; /* when it did */
};

struct group;

struct group_setup {
	struct record_group group; /* copied */
	const char *name;	   /* of this box */
	uint64_t boot;		   /* a random number */
	size_t limit;		   /* calls */
	struct group_ops ops;
};

struct group *group_new(const struct group_setup *setup, int64_t now);
void group_free(struct group *g);

/*
 * From the engine.  A call has changed here, or (`changed` false) is one of
 * all, which come between group_begin() and group_end(): those that do not
 * come are no more, and then it is offered those that it has not got.
 */
void group_begin(struct group *g);
void group_end(struct group *g, int64_t now);
void group_call(struct group *g, uint64_t id, struct span names,
    struct span body, bool changed, int64_t now);
void group_gone(struct group *g, uint64_t id, enum reason why, int64_t now);
/* Media of a call that another box owns: how long ago, or UINT32_MAX. */
void group_seen(struct group *g, uint64_t id, uint32_t inside_s,
    uint32_t outside_s, int64_t now);
/*
 * The engine's answer to an offer: the call's id in this engine, or the error.
 */
void group_took(struct group *g, const uint8_t *key, uint64_t id,
    enum ph_err err, int64_t now);

/* From the server. */
void group_record(struct group *g, const void *p, size_t len, int64_t now);
void group_joined(struct group *g, int64_t now); /* all keys were read */
void group_lost(struct group *g, int64_t now);	 /* the connection */
void group_written(struct group *g, const uint8_t *key, uint64_t version,
    bool ok, int64_t now);
void group_renewed(struct group *g, const uint8_t *key, bool exists);

/*
 * Write, renew and take over the calls whose time has come.  Returns when to
 * call it again.
 */
int64_t group_run(struct group *g, int64_t now);
/* This box goes: others take over at once. */
void group_leave(struct group *g, int64_t now);

void group_stats(const struct group *g, struct group_stats *out);
const struct boxes *group_boxes(const struct group *g);
const char *group_name(const struct group *g);

/* The engine has missed something: offer it every call again. */
void group_retell(struct group *g);

#endif
