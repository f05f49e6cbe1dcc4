/* SPDX-License-Identifier: ISC */
#ifndef TESTS_TABLES_PLAY_H
#define TESTS_TABLES_PLAY_H

#include "src/base/timers.h"
#include "tables/server.h"
#include "tables/state.h"
#include "tests/unit/unit.h"

#define T0  (INT64_C(1700000000) * USEC_PER_SEC)
#define SEC USEC_PER_SEC

/*
 * A packet filter and a state file of paper: a list of what the filter holds,
 * which refuses overlaps as an interval set of nftables does.
 */
#define PAPER_HELD    64
#define PAPER_KEPT    4096
#define PAPER_WAITING 4096
struct paper {
	struct {
		uint16_t table;
		struct prefix prefix;
		uint32_t ttl_s;
	} held[PAPER_HELD];
	size_t n;	    /* held */
	size_t changes;	    /* told so far */
	enum ph_err answer; /* to the next changes */
	bool hold_back;	    /* changes wait until tables_settle() */
	struct server_change waiting[PAPER_WAITING];
	size_t nwaiting;
	struct {
		uint64_t key;
		size_t len;
		uint8_t p[STATE_MAX];
	} kept[PAPER_KEPT]; /* in the state file */
	size_t nkept;
};

extern struct paper paper;
extern struct server *server;
extern struct server_config config;
extern struct server_job job;	   /* the last one sent */
extern struct key keys[2];	   /* the second is called "mail" */
extern int64_t now;		   /* us */
extern const struct addr stranger; /* who sends */

/* A server of the tables "spammer" (0) and "blocked" (1), for 10 entries. */
int tables_setup(void **state);
int tables_teardown(void **state);
/* A server from `config`. */
void tables_start(void);
void tables_settle(void);
struct prefix tables_prefix(const char *text);
struct wire_request tables_request(uint8_t version, uint8_t command,
    const char *table, const char *what);
enum server_verdict tables_send(const struct wire_request *r,
    const struct key *k);
/* A request of version 3, signed with "mail". */
enum server_verdict tables_say(uint8_t command, const char *table,
    const char *what);
/* Say it, and have it taken. */
#define TAKE(command, table, what)                                             \
	assert_int_equal(tables_say(command, table, what), SERVER_TAKEN)
/* "198.51.100.7 3600, ...": what the filter holds in one table. */
const char *tables_contents(uint16_t table);
void tables_pass(int64_t usec);
struct server_counters tables_counters(void);
/* A new server loads the state file; tables_restart() ends the old one first.
 */
void tables_begin_again(void);
void tables_restart(void);

#define CASE(f)                                                                \
	cmocka_unit_test_setup_teardown(f, tables_setup, tables_teardown)

#endif
