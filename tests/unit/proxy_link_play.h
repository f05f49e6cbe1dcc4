/* SPDX-License-Identifier: ISC */
#ifndef TESTS_PROXY_LINK_PLAY_H
#define TESTS_PROXY_LINK_PLAY_H

#include "src/proxy/link.h"
#include "tests/unit/unit.h"

/* The pinholes of a proxy, whose firewall process is the test. */
#define LEASE 60

extern struct event_base *base;
extern struct proxy *proxy;
extern struct ipc fw; /* our end */
extern struct ipc_msg msg;
extern int64_t now;
extern uint64_t first; /* id */
extern unsigned int lost, emptied, gone;
extern struct answered {
	unsigned int n;
	enum ph_err err;
	struct endpoint target;
} answered;

int link_setup(void **state);
int link_teardown(void **state);
/* The process of this number, which has no firewall process yet. */
int link_setup_as(uint32_t number);
void link_up(void);

/* Let the event loop do what there is to do. */
void turn(void);

/* The proxy looks at its questions once a second: now. */
void second_is_over(void);

/* For questions, with the context &answered. */
void on_answer(void *ctx, enum ph_err err);
void on_target(void *ctx, enum ph_err err, const struct endpoint *target);

/* Ask for a pinhole, 198.51.100.7 to 192.0.2.10 at this port. */
uint64_t open_port(uint16_t port, bool renew);

/* The next message to the firewall process is of this type. */
void expect(enum ipc_type type);
void expect_nothing(void);
/* One change of one pinhole. */
const struct fw_change *expect_change(enum fw_op op);
/* It answers what was asked last. */
void result(enum ph_err err);
/* It tells something about a pinhole. */
void about(enum ipc_type type, uint64_t fw_id);
void about_all(enum ipc_type type, const uint64_t *fw_id, uint32_t n);

/* The events since the last call, as "open 1 request;". */
const char *heard(void);

#endif
