/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_HINTS_H
#define ENGINE_HINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/datagram.h"
#include "src/base/strbuf.h"

/*
 * Signalling that passes by and opens nothing, because `protect` or `port` do
 * not name what they should.  Counts messages by their first line alone, and
 * remembers a few of the addresses and ports.
 */
#define HINTS_MAX 8

struct hints {
	uint64_t ours;	    /* messages of a protected host, on our ports */
	uint64_t strangers; /* neither end is protected */
	uint64_t elsewhere; /* on other ports */
	struct addr addr[HINTS_MAX];
	size_t naddr;
	uint16_t port[HINTS_MAX];
	size_t nport;
	bool more;   /* there were more addresses */
	int64_t due; /* live: when to log; 0: nothing to log */
	bool logged;
};

/* UDP ports where SIP is often found: what a live capture looks at as well. */
extern const uint16_t hints_ports[];
extern const size_t hints_nports;

/* A datagram or segment on one of our ports; `ours`: one end is protected. */
void hints_message(struct hints *h, int64_t now, const struct datagram *d,
    bool ours);
/* A datagram on another port. */
void hints_elsewhere(struct hints *h, int64_t now, const struct datagram *d);

/* The hints, a line each.  `followed`: SIP is. */
void hints_text(const struct hints *h, bool followed, struct strbuf *out);

/*
 * Live: log it, five seconds after the first such message and then every ten
 * minutes, if no other messages came.
 */
void hints_run(struct hints *h, int64_t now,
    void (*log_line)(void *ctx, const char *text), void *ctx);

#endif
