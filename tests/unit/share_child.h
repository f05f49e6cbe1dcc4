/* SPDX-License-Identifier: ISC */
#ifndef TESTS_SHARE_CHILD_H
#define TESTS_SHARE_CHILD_H

#include <sys/types.h>

#include "src/process/ipc.h"
#include "src/share/group.h"
#include "tests/unit/unit.h"

/*
 * A real share process, "fw1" of the group "fw", whose monitor, engine, status
 * process and server of Redis are the test.  A server has two connections: 0
 * for commands, 1 for the stream.
 */
#define PATIENCE 10000 /* ms, for anything that is to happen */
#define SECOND	 USEC_PER_SEC

/* What the child is made to believe. */
extern struct belief {
	int64_t ahead;	/* of our clock */
	int64_t set;	/* the clock on the wall was, by */
	bool recovered; /* the way to the engine has, from a full queue */
} * belief;

/* Commands of the child; v has the words of the last one that was read. */
extern struct child_in {
	char raw[1 << 18];
	size_t len;
	int n;
	struct span v[12];
} in[2];

extern struct record_group group;	   /* its key is in a file */
extern struct ipc monitor, engine, status; /* our ends */
extern struct ipc_msg msg;
extern pid_t child;
extern int far[2];	/* the server's ends */
extern char body[5000]; /* of calls */

int begin(void **state);
int end(void **state);
/* Anew: so many calls, and the rest of its statement "share". */
void configure(int limit, const char *more);
void start(void);
/* It has a server, an engine and a status process. */
void join(void);
int exit_status(void);

void server_says(int i, const char *text);
/* The next command begins with these words. */
void server_reads(int i, const char *want);
/* A record that it wrote. */
struct record record_of(struct span s);
/* A record that is told to the stream; a hello may come before. */
struct record server_is_told(enum record_type type);
/* A record of a box comes by the stream, which is asked again. */
void box_brings(const char *box, enum record_type type, const uint8_t *key,
    uint64_t version, struct span text, int64_t ago);
/* So many times 2 seconds: each has a hello, which comes back. */
void time_goes(int turns);

void tell(struct ipc *c, enum ipc_type type, uint64_t seq, int fd);
/* The next message of this type; those that it is well may come before. */
void expect(struct ipc *c, enum ipc_type type);
/* The monitor gives the child a way to somebody. */
void link_it(struct ipc *c, enum ipc_type type);
/* It asks for its connection `i` to the server, and gets one. */
void connect_it(int i);
/* A call of the engine, from `offset` on: the bytes 1 to 3 are its name. */
void engine_tells(uint64_t id, bool changed, uint32_t offset, uint32_t n,
    uint32_t total);
const uint8_t *key_of(const char *name);

/* How many lines of its log have this text; as many, after a while. */
int lines(const char *text);
void logs(const char *text, int want);

#define CHILD(f) cmocka_unit_test_setup_teardown(f, begin, end)

#endif
