/* SPDX-License-Identifier: ISC */
#ifndef TESTS_ENGINE_PLAY_H
#define TESTS_ENGINE_PLAY_H

#include "src/engine/engine.h"
#include "tests/unit/unit.h"

/*
 * An engine between a phone outside and a PBX inside, and all that comes out
 * of it.  Time is `now` and stands still but for pass().
 */
#define ROOM   64
#define INSIDE 7
#define UPLINK 3
#define PBX    "192.0.2.10"
#define PHONE  "198.51.100.7"
#define OWN    "198.51.100.1" /* the firewall */

extern struct conf *conf;
extern struct engine *engine;
extern struct engine_place place; /* for the next engine_begin() */
extern int64_t now;
/* Above 0 the next engine's events are counted, and not in `said`. */
extern int verbose;

/* The pinholes that the packet filter has, and how often it was told. */
extern struct filter {
	struct pinhole hole[ROOM];
	size_t n;
	unsigned int told;
} filter;

/* The records of the journal. */
extern struct record {
	uint64_t key;
	size_t len;
	uint8_t bytes[8192];
} record[ROOM];
extern size_t nrecord;
extern unsigned int written;

extern char said[4096];	  /* "open answer;close bye;" */
extern char spoken[2048]; /* what an administrator is told, each with a ; */
extern size_t nlines;	  /* events */
extern size_t ncommits;	  /* to the packet filter */
extern size_t ntold;	  /* times that a call was told of */
extern size_t nover;	  /* those at its end */

/* The last message to other boxes. */
extern struct shared {
	uint64_t id;
	enum reason why;
	size_t len, n, seen;
	uint8_t bytes[8192];
} shared;

/*
 * The phone's address, and the addresses that SDP names instead of its
 * sender's.
 */
extern const char *phone, *media_of_phone, *media_of_pbx;
extern const char *header; /* in all messages */
extern const char *from_tag;

/* Where the next message is seen; 0: where it counts. */
extern uint8_t dir;
extern uint32_t ifindex;

int setup(void **state);
int teardown(void **state);
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* A new engine, which adopts nothing. */
void engine_begin(void);
/* A new engine with these statements of `sip`. */
void configure(const char *sip);

/*
 * "INVITE" or "200 INVITE" of call `n`: caller's tag a, callee's tag b; SDP
 * names port `port` of whoever speaks, 0: none.
 */
void message(bool from_pbx, const char *what, unsigned int n, unsigned int cseq,
    uint16_t port, const char *mode);
void call(unsigned int n);
void hang_up(unsigned int n, unsigned int cseq);

/* Run on second by second, with or without media at both ends. */
void pass(int64_t seconds, bool media);

uint64_t counter(const char *name);

#endif
