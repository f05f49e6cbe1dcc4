/* SPDX-License-Identifier: ISC */
#ifndef PF_SYS_H
#define PF_SYS_H

#include <stdbool.h>
#include <stdint.h>

#include "pf/gate.h"
#include "pf/rules.h"
#include "pf/tree.h"
#include "src/base/err.h"
#include "src/base/strbuf.h"
#include "src/fw/fw.h"

/*
 * The calls that differ between systems, and between a kernel and a test:
 * common.c decides, a struct p_sys makes the ioctls. freebsd.c and openbsd.c
 * are the real ones.
 *
 * Functions return PH_OK or the error for errno (p_error): PH_EAGAIN (EBUSY),
 * PH_ELIMIT, PH_EBAD, PH_EGONE, PH_EIO; and PH_EUNSUPPORTED where this kernel
 * has no such call (ENODEV).
 */
struct p_dev;

/* One side of a flow as pf tracks it. */
struct p_state {
	uint64_t id;
	uint32_t creator;
	uint8_t proto;
	/*
	 * The end that began it and the other end: on the wire, and as seen
	 * inside.
	 */
	struct endpoint src, dst;
	struct endpoint in_src, in_dst;
	uint64_t packets[2]; /* from src, from dst */
	bool outward;	     /* made by a packet that left */
};

struct p_sys {
	enum p_dialect dialect;

	/* /dev/pf, for changes or only to look. */
	enum ph_err (*open)(struct p_dev **out, bool write, struct strbuf *why);
	void (*close)(struct p_dev *d);

	/* Write all dirty nodes in one transaction, or nothing. */
	enum ph_err (*write)(struct p_dev *d, struct p_tree *tree,
	    const struct fw_config *config);

	/*
	 * Empty every ruleset below the anchor, and the anchor, with the table
	 * in it.
	 */
	enum ph_err (*flush)(struct p_dev *d, const char *anchor);

	/* The pass rules in and below the anchor, as far as p_rule goes. */
	enum ph_err (*rules)(struct p_dev *d, const char *anchor,
	    void (*found)(void *ctx, const struct p_rule *r), void *ctx);

	enum ph_err (*enabled)(struct p_dev *d, bool *yes);
	/* A number that no other node has; NULL: it is not known. */
	uint32_t (*host)(struct p_dev *d);
	/* Does the main ruleset call the anchor, in the ruleset of part? */
	enum ph_err (*hooked)(struct p_dev *d, const char *anchor,
	    enum p_part part, bool *yes);
	/*
	 * How many rules outside the anchor make packets of this port of
	 * divert(4) wait, and how many of those are of a kind that cannot.
	 */
	enum ph_err (*diverted)(struct p_dev *d, const char *anchor,
	    uint16_t port, size_t *n, size_t *bad);
	/* How many rules the anchor itself has in one ruleset. */
	enum ph_err (*count)(struct p_dev *d, const char *anchor,
	    enum p_part part, size_t *n);

	enum ph_err (*states)(struct p_dev *d,
	    void (*found)(void *ctx, const struct p_state *s), void *ctx);
	enum ph_err (*kill)(struct p_dev *d, uint64_t id, uint32_t creator);
	/* For states mode: one side of a flow that no rule made. */
	enum ph_err (*add)(struct p_dev *d, const struct p_state *s, bool log);

	enum ph_err (*original)(struct p_dev *d, const struct fw_flow *flow,
	    struct endpoint *out);
	enum ph_err (*table)(struct p_dev *d, const char *name,
	    enum fw_table_op op, const struct prefix *v, size_t n);

	/*
	 * The table of the remotes in our anchor (gate.h), and how many it has.
	 * Both NULL: the top of the tree does without.
	 */
	enum ph_err (*gate)(struct p_dev *d, const char *anchor,
	    enum p_gate_op op, const struct prefix *v, size_t n);
	enum ph_err (
	    *gate_count)(struct p_dev *d, const char *anchor, size_t *n);

	void (*pause)(uint32_t us); /* between two tries */
};

/* Our error for an errno value. */
enum ph_err p_error(int error);

/* The ioctl(2) of the real ones; a test puts its own here. */
extern int (*p_ioctl)(int fd, unsigned long request, void *arg);

extern const struct p_sys p_sys_native;

/*
 * Says in `why`, for `pinholed -n`, which of the user's rules divert signalling
 * in a way that loses packets, and the rules to add if none diverts it.
 */
void p_divert_check(const struct p_sys *sys, struct p_dev *dev,
    const struct fw_config *config, struct strbuf *why);

/* The fw_ops, the first two for a given system. */
PH_NODISCARD enum ph_err p_open(struct fw **out, const struct p_sys *sys,
    const struct fw_config *config, int64_t now, struct strbuf *why);
PH_NODISCARD enum ph_err p_check(const struct p_sys *sys,
    const struct fw_config *config, struct strbuf *why);
PH_NODISCARD enum ph_err p_add(struct fw *fw, struct fw_entry *e);
void p_remove(struct fw *fw, struct fw_entry *e);
PH_NODISCARD enum ph_err p_commit(struct fw *fw, const struct fw_edit *edits,
    size_t n, int64_t now);
void p_cut(struct fw *fw, const struct pinhole *hole, int64_t now);
PH_NODISCARD enum ph_err p_settle(struct fw *fw, int64_t now);
PH_NODISCARD enum ph_err p_activity(struct fw *fw, fw_seen_fn seen, void *ctx,
    int64_t now);
int64_t p_tick(struct fw *fw, int64_t now, enum ph_err *err);
PH_NODISCARD enum ph_err p_original(struct fw *fw, const struct fw_flow *flow,
    struct endpoint *out);
PH_NODISCARD enum ph_err p_table(struct fw *fw, size_t index,
    enum fw_table_op op, const struct prefix *v, size_t n, uint32_t ttl_s);
void p_close(struct fw *fw, bool keep);

#endif
