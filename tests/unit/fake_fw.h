/* SPDX-License-Identifier: ISC */
#ifndef TESTS_FAKE_FW_H
#define TESTS_FAKE_FW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/conf/conf.h"
#include "src/fw/table.h"

/*
 * A packet filter that does what it is told: fails when asked to, has room
 * for so many, remembers what it has, and checks that nobody tells it twice.
 * With it a table of what is wanted, and what the table answered.
 */
#define FAKE_ROOM 5000

struct fw {
	struct pinhole hole[FAKE_ROOM];
	struct fw_entry *entry[FAKE_ROOM];
	size_t n, room;
	enum ph_err fail;     /* the next commit */
	enum ph_err fails[8]; /* and those after it, one by one */
	size_t nfails, largest;
	int64_t next_tick; /* 0: never */
	bool lost;	   /* everything, and nobody has been told */
	bool was_lost;	   /* may be told to remove what it does not have */
	uint16_t bad_port; /* a pinhole it finds no sense in */
	unsigned int commits, changes, settles, cuts;
	int64_t slow; /* microseconds that a commit takes */
	int64_t clock;
	enum ph_err tick_err, settle_rc, activity_rc;
	unsigned int seen_all; /* FW_SEEN_*: what all have sent */
	uint64_t packets;      /* and how many each time */
};

extern struct fw fake;
extern const struct fw_ops fake_ops;
extern const struct fw_ops bare_ops; /* the least that one may be */

/* The answers of the firewall process, by role. */
struct fake_answers {
	unsigned int results;
	struct ipc_result last;
	uint64_t last_seq;
	unsigned int closed, seen, seen_to;
	uint64_t closed_id, seen_id;
	unsigned int counts;
	struct ipc_count count; /* the last */
};
extern struct fake_answers got[IPC_NROLES];

extern struct conf *conf;
extern struct fw_policy policy;
extern struct fwtable *table;
extern struct ipc_commit batch;
extern int64_t now;

int fake_setup(void **state);
int fake_teardown(void **state);

/* A new table in the place of the old one. */
void make_table(const struct fw_ops *ops);

struct pinhole *fake_find(uint64_t id);

/* One change in the batch: port tells the tuples apart. */
void add(enum fw_op op, uint64_t id, uint16_t port, int64_t for_s);
void send_as(enum ipc_role role, uint64_t seq);
/* Add and send, as the engine. */
void open_one(uint64_t id, uint16_t port, int64_t for_s);

/* Whether the filter has the one with this port, and for how many seconds. */
bool has(uint16_t port);
int64_t left(uint16_t port);

#endif
