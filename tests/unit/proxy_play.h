/* SPDX-License-Identifier: ISC */
#ifndef TESTS_PROXY_PLAY_H
#define TESTS_PROXY_PLAY_H

#include "src/proxy/proxy.h"
#include "tests/unit/unit.h"

/*
 * The proxy process as its services see it: what they ask is written down
 * here, and the test answers.  They have real sockets on the loopback.
 */
#define PLAY_WISHES  64
#define PLAY_TARGETS 4096

struct proxy {
	struct event_base *base;
	struct conf conf;
	int64_t now;
	bool broke; /* no question can be asked any more */
	struct play_wish {
		struct proxy_wish w;
		uint64_t id;
		bool closed, forgotten;
		enum reason why;
	} wish[PLAY_WISHES];
	size_t nwishes;
	struct play_target {
		struct fw_flow flow;
		proxy_target *answer;
		void *ctx;
	} target[PLAY_TARGETS];
	size_t ntargets;
	struct play_table {
		struct proxy_table t;
		struct prefix v[64];
		proxy_answer *answer;
		void *ctx;
	} table[PLAY_WISHES];
	size_t ntables;
};

extern struct proxy play;

int play_begin(void **state);
int play_end(void **state);

/* The parties of FTP and TFTP, each with an address of the loopback. */
#define CLIENT "127.0.0.2"
#define OTHER  "127.0.0.3" /* another client */
#define SERVER "127.0.0.4"
#define OURS   "127.0.0.5" /* for `source` */

/*
 * A service listens here, for lines[1].  The last line is none: a loop that
 * finds it goes too far.
 */
extern struct listener at;
extern struct conf_proxy lines[3];
extern int client, server; /* -1: not connected */
extern struct endpoint client_at, server_at;

/*
 * play_begin(), and set up `at`, `lines` and the configuration for one service,
 * whose sockets are of `type`.  The clients are protected.  Returns the
 * server's socket, bound to server_at.
 */
int play_begin_line(void **state, enum listen_kind kind, int type);

/* Let the event loop do what there is to do. */
void play_run(void);

/* A socket at a free port of this address, which is written to *bound. */
int play_socket(int type, const char *addr, struct endpoint *bound);
int play_connect(int type, const char *addr, const struct endpoint *to);
/* What is written there goes at once, whatever is not acknowledged. */
void play_hurry(int fd);
struct endpoint play_name(int fd);

/* Answer the last question about where a client wanted to go. */
void play_found(const struct endpoint *target);
void play_not_found(enum ph_err err);
/* Answer the last wish. */
struct play_wish *play_wished(void);
void play_answer(enum ph_err err);

/*
 * The bytes that have arrived, as text that ends with a NUL; "" when there are
 * none, and "(end)" when the peer has closed.
 */
const char *play_read(int fd);
size_t play_got(void); /* bytes of that */
void play_write(int fd, const char *text);

/*
 * What was logged since the last call, a line each: "w" (a warning), "i" or "d"
 * (debug), and the text.  A number that differs from run to run, of a session
 * or an ephemeral port, is shown as "#".
 */
const char *play_logged(void);
extern unsigned long play_session; /* the last that was in the log */

/* The n-th allocation, socket or event from now on fails; 0: none does. */
extern unsigned int play_fail;

/* The timer that was set last, and how long it is to wait; -1: none was. */
extern struct event *play_timer;
extern int64_t play_timer_us;

/* That time is over. */
void play_timer_fire(void);
/* Of the two that were set last, the one that is to wait so long. */
void play_timer_pick(int64_t us);

/* A descriptor of ours that is connected to this end, but for `not`. */
int play_descriptor(const struct endpoint *peer, int not );
/* The service's own socket takes nothing any more. */
void play_mute(void);
/* So many descriptors are open. */
unsigned int play_descriptors(void);

#endif
