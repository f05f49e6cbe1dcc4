/* SPDX-License-Identifier: ISC */
#ifndef TESTS_PROXY_TABLES_PLAY_H
#define TESTS_PROXY_TABLES_PLAY_H

#include "src/base/timers.h"
#include "tables/wire.h"
#include "tests/unit/proxy_play.h"

/*
 * The service of tables, with the tables "bad" and "good": datagrams come from
 * the loopback, and the firewall process is the test.
 */
#define SECRET "0123456789012345678901234567890123456789"
#define T0     (INT64_C(1700000000) * USEC_PER_SEC)

extern struct proxy_tables *tables_service;
extern struct key tables_key;
extern struct iface tables_own;
extern char *tables_names[];
extern struct checkpoint *tables_journal;
extern int tables_files[2];

int tables_prepare(void **state);
/* That, and a service without a journal. */
int tables_setup(void **state);
int tables_teardown(void **state);
void tables_start(bool first_run);

/* A file without a name. */
int tables_file(void);

/* "203.0.113.9/32 ..." for a table; send it, and let it be read. */
void tables_ask_in(const char *table, uint8_t command, const char *what,
    uint32_t ttl_s);
/* For the table "bad". */
void tables_ask(uint8_t command, const char *what, uint32_t ttl_s);
/* The client is told so. */
void tables_assert_reply(enum wire_status status, uint64_t refused);
void tables_assert_no_reply(void);

/* Question `i` to the firewall process, the last one: "add 0 60 203.0.113.9".
 */
void tables_assert_asked(size_t i, const char *want);
void tables_answer(enum ph_err err);
/* The next one comes when a timer ends; how long that is. */
int64_t tables_next_question(void);

#endif
