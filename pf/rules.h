/* SPDX-License-Identifier: ISC */
#ifndef PF_RULES_H
#define PF_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/dialect.h"
#include "src/base/addr.h"
#include "src/base/pinhole.h"
#include "src/base/strbuf.h"
#include "src/fw/fw.h"

/*
 * The rules of a pinhole in pf, before any system's structs: pure values that
 * freebsd.c and openbsd.c hand to their kernel and text.c prints in the grammar
 * of pfctl(8).
 *
 * A pinhole has up to three parts, which live in different rulesets.  With F
 * the `from`, T the `to` and ports lo:hi:
 *
 *	pass	PINHOLE_IN	pass quick proto udp from F to T port lo:hi
 *				pass quick proto udp from T port lo:hi to F
 *		PINHOLE_OUT	pass quick proto udp from F to T port lo:hi
 *	rdr	rdr ... from F to R port p -> T port lo
 *	nat	nat ... from F to T port lo:hi -> N port p
 *
 * The pass rules have no direction, for a forwarded packet is seen twice, and
 * keep state.  FreeBSD translates before it filters, so with nat_to one more
 * rule lets N out; OpenBSD translates in the pass rule itself.  All rules of a
 * pinhole bear its id as their label, in decimal.
 *
 * The prefix p_ keeps the names apart from those of <net/pfvar.h>.
 */
enum p_part {
	P_PASS,
	P_RDR,
	P_NAT,
	P_NPARTS,
};

enum p_action {
	P_ACT_PASS,
	P_ACT_RDR, /* OpenBSD: pass in ... rdr-to */
	P_ACT_NAT, /* OpenBSD: pass out ... nat-to */
	P_ACT_ANCHOR,
	P_ACT_RDR_ANCHOR, /* FreeBSD only, as the next */
	P_ACT_NAT_ANCHOR,
};

enum p_way {
	P_BOTH,
	P_IN,
	P_OUT,
};

/* Addresses first to last, ports lo to hi; AF_UNSPEC and lo 0 mean any. */
struct p_side {
	struct prefix net;
	struct addr last; /* with net a host: a range up to here, or none */
	bool remotes;	  /* of net, those in the table: see gate.h */
	uint16_t lo, hi;
};

#define P_NAMELEN 64
#define P_REMOTES "remotes" /* the table, in our anchor */

struct p_rule {
	uint8_t action; /* enum p_action */
	uint8_t way;	/* enum p_way */
	uint8_t af;	/* AF_UNSPEC: any */
	uint8_t proto;	/* 0: any */
	uint64_t label; /* 0: none */
	struct p_side src, dst;
	struct endpoint target; /* of rdr and nat; port 0: kept */
	const char *on;		/* interface, or NULL */
	struct addr gateway;	/* reply-to, with `on`; AF_UNSPEC: none */
	uint32_t max_states;	/* 0: no limit */
	const char *tag;	/* or NULL, as is the next */
	const char *queue;
	char anchor[P_NAMELEN]; /* P_ACT_*ANCHOR: absolute, no leading slash */
};

/* Seconds that a UDP state lives: nothing back yet, one packet, both ways. */
#define P_UDP_FIRST    60
#define P_UDP_SINGLE   30
#define P_UDP_MULTIPLE 60

/* The most rules one part of a pinhole can come to. */
size_t p_rules_max(const struct fw_config *config);

/*
 * Write the rules of one part to v, which has room for p_rules_max();
 * returns how many, 0 if the pinhole has no such part.
 */
size_t p_rules(const struct pinhole *hole, enum p_part part,
    enum p_dialect dialect, const struct fw_config *config, struct p_rule *v);

/*
 * The order within one ruleset: what must win first, and equal addresses
 * next to each other, so that pf's skip steps jump over them.
 */
int p_rule_cmp(const struct p_rule *a, const struct p_rule *b);

/*
 * A rule of a pinhole as one line, without the newline, as pfctl -f would read
 * it.
 */
void p_rule_print(const struct p_rule *r, enum p_dialect dialect,
    const struct fw_config *config, struct strbuf *out);

/* The line(s) for the user's main ruleset. */
void p_hook_print(enum p_dialect dialect, const struct fw_config *config,
    bool filter, bool rdr, bool nat, struct strbuf *out);

#endif
