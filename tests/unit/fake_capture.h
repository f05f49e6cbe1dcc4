/* SPDX-License-Identifier: ISC */
#ifndef TESTS_FAKE_CAPTURE_H
#define TESTS_FAKE_CAPTURE_H

#include <stdbool.h>

#include "src/base/datagram.h"

/*
 * A capture of paper, and interfaces, for a process that the test has forked:
 * what comes from the wire is a message on a socket that the test writes to.
 * Whatever the process does with its capture is a line that the test reads.
 */
enum wire_kind {
	WIRE_UDP,
	WIRE_TCP,
	WIRE_TCP_END,
	WIRE_FAIL,  /* capture_dispatch() fails */
	WIRE_DUE,   /* capture_due() is in `value` microseconds */
	WIRE_MORE,  /* capture_waiting() is true once */
	WIRE_KEEP,  /* a connection has changed: its record is `text` */
	WIRE_DROPS, /* the kernel has dropped `value` packets so far */
	WIRE_MOVED, /* an interface was made anew */
	WIRE_DEAF,  /* one was away for a moment */
	WIRE_CLOCK, /* it is `value` microseconds later */
	WIRE_STILL, /* from now on the clock moves by WIRE_CLOCK alone */
};

struct wire {
	enum wire_kind kind;
	int64_t value;
	int64_t stamp; /* of the packet */
	struct endpoint src, dst;
	uint8_t dir;
	uint32_t ifindex; /* 0: that of in0, 7 */
	uint32_t len;
	char text[1500];
};

/* Before the process is forked. */
void fake_capture_begin(void);
void fake_capture_end(void);
void fake_capture_wire(const struct wire *w);
/*
 * The packet waits in the queue, of which fake_capture_queue() is what to wait
 * for; `silent`: nothing becomes readable there.
 */
void fake_capture_hold(const struct wire *w, uint32_t number, bool silent);
int fake_capture_queue(void);
/* The next line of what was done; "" if there is none within `ms`. */
const char *fake_capture_done(int ms);

#endif
