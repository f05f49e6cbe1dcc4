/* SPDX-License-Identifier: ISC */
#ifndef TESTS_PROXY_PROCESS_PLAY_H
#define TESTS_PROXY_PROCESS_PLAY_H

#include "src/proxy/process.h"
#include "tests/unit/child_play.h"

/*
 * A proxy process with one listener each for FTP, TFTP and tables, whose
 * firewall and status process and clients are the test.
 */
#define FASTER 100 /* than they should be are all timers */

extern struct conf *conf;
extern struct proxy_args args;
extern struct ipc fw, status; /* our ends */
extern int journal[2];
extern int64_t idle; /* what the child is to believe; 0: the truth */

int proxy_begin(void **state);
int proxy_end_all(void **state);
/* With tables of these names; NULL: the proxy serves no tables. */
int proxy_begin_with(const char *allowed);

void start(void);
/* A firewall process, that is told everything. */
void link_it(void);
/* A status process, which has been told all. */
void connect_status(void);

struct endpoint name_of(int fd);
/* Where this service listens. */
struct endpoint at(enum listen_kind kind);
/* A client inside, connected to the service. */
int client(int type, enum listen_kind kind);
/* What a client reads next; "" after so many ms, or at the end. */
const char *heard(int fd, int ms);

#define NO_SERVER "421 The server cannot be reached\r\n"

/* The answer to the question where a client wanted to go. */
void answer_nowhere(uint64_t seq);
void answer_target(struct endpoint target);
/* The answer to the last change of a pinhole or a table. */
void answer(enum ph_err err);
/* A datagram that adds an entry; its sender. */
int send_entry(const char *what);
/* That, and the packet filter takes it. */
void enter(const char *what);

#endif
