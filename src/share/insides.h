/* SPDX-License-Identifier: ISC */
#ifndef SHARE_INSIDES_H
#define SHARE_INSIDES_H

#include "src/base/queue.h"
#include "src/base/tree.h"
#include "src/share/group.h"

/*
 * The insides of a group, for entry.c (the table), heard.c (what the engine and
 * other boxes tell) and run.c (what is due).
 */
struct entry {
	RB_ENTRY(entry) by_key;
	RB_ENTRY(entry) by_id;	   /* while id is not 0 */
	TAILQ_ENTRY(entry) queued; /* while dirty */
	TAILQ_ENTRY(entry) aged;   /* on g->owned or g->ended, by `at` */
	uint8_t key[RECORD_KEY];
	uint64_t id; /* in the engine; 0: not there */
	uint64_t version, sent, acked;
	int64_t written;
	int64_t seen;	 /* the last RECORD_SEEN was written then */
	struct box *box; /* the owner; NULL: this box */
	int64_t at;	 /* renew it, or forget its end */
	uint8_t *body;
	size_t len;
	enum reason why; /* it ended */
	bool ended, dirty, listed;
	bool told;    /* by the engine, since group_begin() */
	bool unsure;  /* the engine has it; nobody else has named it yet */
	bool missing; /* not read again since the connection was lost */
	bool ours;    /* the engine was told to judge it itself */
};

RB_HEAD(entry_keys, entry);
RB_HEAD(entry_ids, entry);
TAILQ_HEAD(entry_list, entry);
RB_PROTOTYPE(entry_keys, entry, by_key, )
RB_PROTOTYPE(entry_ids, entry, by_id, )

struct group {
	struct group_setup setup;
	char name[RECORD_NAME];
	struct entry_keys keys;
	struct entry_ids ids;
	struct entry_list dirty, owned, ended;
	size_t n, nended, ndirty, nowned;
	struct boxes boxes;
	struct group_stats stats;
	bool joined;
	bool settled;	  /* GROUP_GRACE after it */
	bool alone;	  /* the server was gone for BOXES_LEASE */
	int64_t since;	  /* joined, or lost */
	int64_t hello_at; /* next */
	int64_t write_at; /* not before, for the server refused */
	uint8_t buf[RECORD_MAX];
};

/* entry.c */
struct entry *entry_find(struct group *g, const uint8_t *key);
struct entry *entry_by_id(struct group *g, uint64_t id);
struct entry *entry_new(struct group *g, const uint8_t *key); /* or NULL */
void entry_free(struct group *g, struct entry *e);
void entry_set_id(struct group *g, struct entry *e, uint64_t id);
void entry_set_box(struct group *g, struct entry *e, struct box *box,
    int64_t now);
bool entry_set_body(struct entry *e, struct span body);
void entry_dirty(struct group *g, struct entry *e, bool yes);
void entry_end(struct group *g, struct entry *e, enum reason why, int64_t now);
/* Make this box the owner of the call, which makes a new version of it. */
void entry_take(struct group *g, struct entry *e, int64_t now);
void entry_role(struct group *g, struct entry *e, enum group_role role);

#endif
