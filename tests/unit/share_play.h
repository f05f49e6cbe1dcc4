/* SPDX-License-Identifier: ISC */
#ifndef TESTS_SHARE_PLAY_H
#define TESTS_SHARE_PLAY_H

#include "src/share/group.h"
#include "tests/unit/unit.h"

/*
 * Several boxes and a server, all of paper.  Engines are an array of calls;
 * the server is an array of keys and a stream, and can be cut off, emptied,
 * full, or made to lie.
 */
#define BOXES  3
#define CALLS  8
#define STREAM 512
#define SECOND USEC_PER_SEC

struct value {
	uint8_t key[RECORD_KEY];
	uint8_t bytes[1024];
	size_t len;
	int64_t until;
};

struct play_call {
	char name[16], body[32]; /* empty: none */
	enum group_role role;
	bool ended;
	unsigned int roles;
};

extern struct play_box {
	struct group *g;
	struct play_call call[CALLS]; /* id - 1 */
	size_t at;		      /* of the stream */
	bool linked;
	bool refuses; /* its configuration forbids every call */
	size_t seen;
	uint32_t inside_s;
} boxes[BOXES];

extern struct value keys[CALLS], stream[STREAM];
extern size_t nstream;
extern bool full; /* the server writes nothing */
extern int64_t now;

void box_start(size_t i);
void box_join(size_t i);
void box_cut(size_t i);
void box_kill(size_t i);
void pass(int seconds);
void tell(size_t i, uint64_t id, const char *body, bool changed);
struct play_call *call_of(size_t i, const char *name);
void assert_body(size_t i, const char *name, const char *body);
uint64_t id_of(size_t i, const char *name);
struct group_stats stats_of(size_t i);
int setup(void **state);
int teardown(void **state);
void stream_add(const uint8_t *p, size_t len);

#define PLAY(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
