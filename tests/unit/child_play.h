/* SPDX-License-Identifier: ISC */
#ifndef TESTS_CHILD_PLAY_H
#define TESTS_CHILD_PLAY_H

#include <sys/types.h>

#include "src/process/ipc.h"
#include "tests/unit/unit.h"

/*
 * A real process, a child of the test, which is its monitor and all its other
 * neighbours.
 */
#define PATIENCE 10000 /* ms, for anything that is to happen */

extern struct ipc monitor; /* our end */
extern struct ipc_msg msg; /* received last, or to send next */
extern pid_t child;	   /* 0: it has ended */

/* At the begin and the end of a test. */
void process_begin(void);
void process_end(void);

/* Begin it, and wait until it is ready. */
void process_start(int (*run)(int monitor_fd));
/* Wait until it has ended: its exit status, or the signal as -N. */
int process_status(void);
/* The monitor tells it to go, and it does. */
void process_quit(void);
/* All that it has logged, and its events. */
const char *process_said(void);
/* It says so, within a while. */
void await_said(const char *text);

/* With msg, which is empty afterwards. */
void tell(struct ipc *c, enum ipc_type type, uint64_t seq, int fd);
/* The next message is of this type; its descriptor, or -1. */
int expect(struct ipc *c, enum ipc_type type);
/* The next message, but for those that the process is well; as expect(). */
int receive(struct ipc *c);
/* The next message of this type; others are left out. */
void await(struct ipc *c, enum ipc_type type);
/* The monitor gives it a way to a neighbour, which is the test as well. */
void introduce(struct ipc *c, enum ipc_type type);

#endif
