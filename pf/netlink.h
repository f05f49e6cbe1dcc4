/* SPDX-License-Identifier: ISC */
#ifndef PF_NETLINK_H
#define PF_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/span.h"

/*
 * The messages of "pfctl", the generic netlink family that replaces ioctls of
 * FreeBSD: 15 has dropped GETRULE, GETSTATUS, GETSTATES and KILLSTATES.
 * Requests to bytes and bytes to replies, nothing else: it knows no socket and
 * not what a rule means.  Numbers are those of <netpfil/pf/pf_nl.h>, so that
 * what was built on an older release, which has no such file, works on a newer
 * kernel.
 *
 * Integers are the host's, except for ports and ids, which are handed on as pf
 * has them.  A field that is missing in a reply is zero.
 */
#define P_NL_REQUEST 1536 /* bytes; a path of an anchor has up to 1023 */

/* All write to buf and return how many bytes; seq comes back in replies. */
size_t p_nl_put_family(uint8_t *buf, uint32_t seq);
size_t p_nl_put_status(uint8_t *buf, uint16_t family, uint32_t seq);
size_t p_nl_put_states(uint8_t *buf, uint16_t family, uint32_t seq);
size_t p_nl_put_rule(uint8_t *buf, uint16_t family, uint32_t seq,
    const char *anchor, uint8_t action, uint32_t nr, uint32_t ticket);
size_t p_nl_put_kill(uint8_t *buf, uint16_t family, uint32_t seq, uint64_t id,
    uint32_t creator);

struct p_nl_msg {
	uint32_t seq;
	bool last;	   /* nothing follows with this seq */
	int error;	   /* an errno, of the last */
	struct span attrs; /* of all others */
};

/* Cut the next message from what was received; false: no whole one left. */
bool p_nl_next(struct span *in, struct p_nl_msg *out);

/* The attributes of a reply; false: not what was asked for. */
bool p_nl_get_family(struct span attrs, uint16_t *out);
bool p_nl_get_running(struct span attrs, bool *out);

struct p_nl_key {
	uint8_t addr[2][16];
	uint16_t port[2]; /* network order */
};

struct p_nl_state {
	uint64_t id;	  /* network order */
	uint32_t creator; /* as DIOCGETSTATES has it */
	uint8_t af, proto, direction;
	struct p_nl_key wire, stack;
	uint64_t packets[2];
	uint8_t peers[2]; /* PFUDPS_*, of src and dst; 255: not said */
};

bool p_nl_get_state(struct span attrs, struct p_nl_state *out);

struct p_nl_side {
	uint8_t type, op;
	uint8_t addr[16], mask[16];
	uint16_t port[2]; /* network order */
};

struct p_nl_rule {
	uint8_t action, direction, af, proto;
	uint32_t max_states;
	struct p_nl_side src, dst;
	char label[64]; /* the first */
	char ifname[16];
	char anchor_call[1024];
};

bool p_nl_get_rule(struct span attrs, struct p_nl_rule *out);

#endif
