/* SPDX-License-Identifier: ISC */
#ifndef TESTS_PROCESS_PLAY_H
#define TESTS_PROCESS_PLAY_H

#include <sys/types.h>

#include "src/engine/process.h"
#include "src/process/ipc.h"
#include "tests/unit/fake_capture.h"
#include "tests/unit/unit.h"

/*
 * An engine process: a real one, whose monitor, firewall process, status
 * process, share process and wire are the test.
 */
#define PATIENCE 10000 /* ms, for anything that is to happen */

extern struct conf *conf;
extern struct engine_args args; /* of the next start() */
extern struct packetq queue;	/* likewise; fd -1: there is none */
extern struct listeners listeners;
extern struct ipc monitor, fw, status, sharer; /* our ends */
extern struct ipc_msg msg; /* the last received, or the next to be sent */
extern pid_t child;
extern uint64_t seq; /* of the last message to the firewall process */

int begin(void **state);
int end(void **state);
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

/* The process begins, and has opened its capture. */
void start(void);
/* Ask it to end; `want` is its exit status. */
void quit(bool keep, int want);
int exit_status(void);

/* A descriptor for a new neighbour, which the monitor sends as `type`. */
void give(enum ipc_type type, struct ipc *ours);
/* A firewall process, when nothing is open. */
void link_it(void);

/* The next message is of this type; IPC_BEATs are left out. */
void expect(struct ipc *c, enum ipc_type type);
/* The next one of this type. */
void await(struct ipc *c, enum ipc_type type);
/* Send `msg`, which is empty then. */
void tell(struct ipc *c, enum ipc_type type, int fd);

/* What the process has logged, and its events. */
const char *logged(void);
void await_log(const char *what);

/* A message of call `call`; from the telephone outside, or the PBX inside. */
struct wire sip_wire(bool inside, const char *first, const char *cseq,
    unsigned int call, uint16_t port, int64_t stamp);
void sip(bool inside, const char *first, const char *cseq, unsigned int call,
    uint16_t port, int64_t stamp);
void call(unsigned int n, int64_t stamp);
void hang_up(unsigned int n, int64_t stamp);
/* Something else that happens at the capture. */
void wire(enum wire_kind kind, int64_t v);

/* The timer of the process is set to so many microseconds. */
void await_timer(int64_t us);
/* How often it was set so far. */
unsigned int timers_set(void);

/* The next message to the firewall process: so many changes of this kind. */
void commits(enum fw_op op, unsigned int n, int64_t stamp);
/* The capture was read until a turn had so many messages from the wire. */
void dispatched(const char *want);

#endif
