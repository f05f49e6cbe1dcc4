/* SPDX-License-Identifier: ISC */
#ifndef FW_H
#define FW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/dialect.h"
#include "src/base/err.h"
#include "src/base/form.h"
#include "src/base/pinhole.h"
#include "src/base/strbuf.h"

/*
 * The functions that a packet filter must offer.
 *
 * A backend knows no calls.  It gets pinholes: addresses, ports and numbers,
 * never text from the wire.  The ledger (table.h) keeps the list of them; a
 * backend brings them into the kernel.
 *
 * All times are microseconds since the epoch, as given by the caller.  Calls
 * are synchronous, run in the firewall process and never log.
 */

/* The change that a client of the firewall process asks for. */
enum fw_op {
	FW_OPEN = 1, /* also when already open: same id, new deadline */
	/*
	 * By id and tuple.  Established flows stop, too, except the connection
	 * of a TCP pinhole that was good for one connection.
	 */
	FW_CLOSE = 2,
	FW_CUT = 3, /* see fw_ops.cut */
};

struct fw_change {
	uint32_t op; /* enum fw_op */
	uint32_t pad;
	struct pinhole hole; /* whole for all of them */
};

/*
 * What the packet filter should have: one entry for each tuple, however many
 * claims it has.  Entries belong to the ledger, which alone counts claims,
 * knows deadlines and undoes what failed.  A backend keeps at `own` what it
 * made of an entry, and reads the rest here.
 */
struct fw_entry {
	uint64_t id : 48; /* the ledger's, */
	uint64_t class : 16;
	int64_t deadline; /* and likewise */
	void *own;	  /* the backend's; NULL in a new entry */
	/*
	 * Packets that activity() has counted, in both directions; 0 where
	 * the backend cannot count them.
	 */
	uint64_t packets;
	bool in_filter; /* see ledger.h */
	/*
	 * pinhole_pack(); there may be hundreds of thousands of entries, and
	 * the memory of one may end with its tuple.
	 */
	uint8_t tuple[PINHOLE_PACKED];
};

/* An entry's pinhole. */
static inline struct pinhole
fw_entry_hole(const struct fw_entry *e)
{
	struct pinhole h = pinhole_unpack(e->tuple);

	h.id = e->id;
	h.deadline = e->deadline;
	h.class = e->class;
	return h;
}

/* And back; returns how long the tuple is. */
static inline size_t
fw_entry_set(struct fw_entry *e, const struct pinhole *h)
{
	e->id = h->id;
	e->deadline = h->deadline;
	e->class = h->class;
	return pinhole_pack(h, e->tuple);
}

enum fw_edit_op {
	FW_ADD = 1,
	FW_REPLACE, /* another deadline; or it may be lost: see tick() */
	FW_REMOVE,
};

struct fw_edit {
	enum fw_edit_op op;
	struct fw_entry *entry;
};

/* A connection as NAT has changed it: see fw_ops.original. */
struct fw_flow {
	uint8_t proto;
	struct endpoint client; /* as seen by our socket */
	struct endpoint local;	/* where our socket received it */
};

enum fw_table_op {
	FW_TABLE_ADD = 1,
	FW_TABLE_DELETE = 2,
	FW_TABLE_FLUSH = 3,
};

#define FW_CAP_DEADLINE 0x02 /* the kernel enforces deadlines itself */
#define FW_CAP_OFFLINE	0x20 /* touches no packet filter: good for -r */
#define FW_CAP_HOLD	0x10 /* can make signalling wait in a queue */
#define FW_CAP_LATCH	0x80
#define FW_CAP_RULES	0x40 /* prints rules: events among them are comments */

/* An outside interface and the gateway to answer through (pf reply-to). */
struct fw_uplink {
	const char *ifname;
	struct addr gateway;
};

/* Options of pf for a class of pinholes; NULL: those of all others. */
struct fw_class {
	const char *tag;
	const char *queue;
};

/*
 * Packets of signalling that wait for a verdict until their pinholes are open:
 * those from or to `hosts` that have one of the ports at either end.
 */
struct fw_hold {
	bool on;
	uint16_t queue; /* the kernel's number for it */
	const struct prefix *hosts;
	size_t nhosts;
	const uint16_t *udp, *tcp;
	size_t nudp, ntcp;
	/*
	 * The kernel drops what waits when a base chain goes, so a backend
	 * calls this before (`yes`), for nothing to wait, and afterwards.
	 * NULL: nothing can wait.
	 */
	void (*pause)(void *ctx, bool yes);
	void *ctx;
};

#define FW_HOOKS_MAX 8

/* How a backend was configured; strings live as long as the backend. */
struct fw_config {
	const char *name;	/* table or anchor, "pinholed" by default */
	uint32_t mark;		/* nftables: the bit(s) set on our packets */
	bool states;		/* pf: states instead of rules where it can */
	bool spare;		/* pf: leave states of what has closed alone */
	enum p_dialect dialect; /* pf-text */
	bool once;		/* pinholes good for one connection will come */
	bool tables_only;	/* no pinholes will come */
	bool calls;		/* those of calls will */
	bool translate;		/* pinholes with rdr_from or nat_to will come */
	bool if_bound; /* pf: states bound to an interface; else floating */
	bool adopt;    /* take over what is in the kernel instead of clearing */
	bool local;    /* protect contains the firewall's own addresses */
	/*
	 * UDP from a single host is let in only from the port that the first
	 * of it came from, until it has been silent for five seconds.
	 */
	bool latch;
	bool log;	   /* log packets that create state, where supported */
	const char *tag;   /* pf, or NULL */
	const char *queue; /* pf, or NULL */
	const struct fw_class *classes;
	size_t nclasses;
	const struct fw_uplink *uplinks; /* pf reply-to */
	size_t nuplinks;
	const struct prefix *remotes; /* every prefix (not host) that can occur
					 as `from` of PINHOLE_IN */
	size_t nremotes;
	const char *const *tables; /* fw_ops.table indexes into this */
	size_t ntables;
	/* nftables: "family table chain" of others that need a rule of ours */
	const char *const *hooks;
	size_t nhooks;
	struct fw_hold hold;
	/*
	 * A successor has replaced our rules or is about to: do not put them
	 * back.  This changes while the backend is open.
	 */
	bool yield;
};

/*
 * Which end of a pinhole has sent packets.  `entry` is NULL for a pinhole that
 * was adopted and that the ledger has not asked for yet.
 */
#define FW_SEEN_FROM 0x01u
#define FW_SEEN_TO   0x02u
typedef void (
    *fw_seen_fn)(void *ctx, struct fw_entry *entry, unsigned int ends);

struct fw; /* an open backend; each backend defines its own */

struct fw_ops {
	const char *name;  /* as written in the config and after -b */
	unsigned int caps; /* FW_CAP_* */

	/*
	 * Open and set up, still as root: devices, sockets, our table or
	 * anchor.  Unless config->adopt, everything of ours that an earlier
	 * run left is removed, and nothing else.  On failure *out is NULL
	 * and `why` has a sentence for the administrator.
	 */
	PH_NODISCARD enum ph_err (*open)(struct fw **out,
	    const struct fw_config *config, int64_t now, struct strbuf *why);

	/*
	 * Check, without changing anything, whether the filter is enabled and
	 * the user's ruleset lets our pinholes take effect; runs before open
	 * (fw NULL), as for -n.  PH_OK with text in `why` is a warning; an
	 * error means start would be refused.  `why` contains the very line to
	 * add.
	 */
	PH_NODISCARD enum ph_err (
	    *check)(const struct fw_config *config, struct strbuf *why);

	/*
	 * add() and remove() prepare: they change what the backend knows, and
	 * not the kernel.  Where a backend has nothing to prepare, they are
	 * NULL.  PH_EBAD: no rule can stand for this pinhole.
	 */
	PH_NODISCARD enum ph_err (*add)(struct fw *fw, struct fw_entry *e);
	void (*remove)(struct fw *fw, struct fw_entry *e);

	/*
	 * Bring the kernel in line with what was prepared: all or nothing.
	 * After an error of add() or commit() the ledger undoes what was
	 * prepared, the last first: remove() for what was added, and add() for
	 * what was removed, which then needs no memory or leaves it closed.
	 * Errors: PH_EAGAIN, PH_ELIMIT, PH_EGONE, PH_EBAD, PH_ENOMEM, PH_EIO.
	 */
	PH_NODISCARD enum ph_err (*commit)(struct fw *fw,
	    const struct fw_edit *edits, size_t n, int64_t now);

	/* The entry is not in the filter and ends: free `own`.  May be NULL. */
	void (*forget)(struct fw *fw, struct fw_entry *e);

	/*
	 * The connections that `hole->from`, a host, has begun from
	 * `from_port` to `to` end, although a PINHOLE_OUT would let their
	 * answers in: the media that `from` had at that port has moved.
	 * Nothing opens or closes.  NULL: it cannot do this.
	 */
	void (*cut)(struct fw *fw, const struct pinhole *hole, int64_t now);

	/*
	 * After adopting: remove everything of ours in the kernel that was not
	 * opened since.  NULL where open always starts empty.
	 */
	PH_NODISCARD enum ph_err (*settle)(struct fw *fw, int64_t now);

	/*
	 * Report each entry through which packets went since the last call,
	 * and from which of its ends they came.  NULL: it cannot tell
	 * silence.
	 */
	PH_NODISCARD enum ph_err (
	    *activity)(struct fw *fw, fw_seen_fn seen, void *ctx, int64_t now);

	/*
	 * Work due: gathered kills, a table that somebody flushed away.
	 * Returns when to be called next, at the latest, or INT64_MAX.
	 * PH_EGONE in *err: our table or anchor was gone, and the ledger
	 * replaces every entry; where the backend has put them back itself,
	 * that changes nothing.  May be NULL.
	 */
	int64_t (*tick)(struct fw *fw, int64_t now, enum ph_err *err);

	/*
	 * The original destination of a redirected client; PH_EMALFORMED if the
	 * filter does not know that flow.  NULL: it cannot tell.
	 */
	PH_NODISCARD enum ph_err (*original)(struct fw *fw,
	    const struct fw_flow *flow, struct endpoint *out);

	/*
	 * Change one table by its index; ttl_s 0 is for ever.  PH_EEXIST and
	 * PH_OK are success, PH_EGONE: no such table, PH_EAMBIGUOUS: two,
	 * PH_EUNSUPPORTED: a table that cannot hold this.  NULL: it
	 * changes no tables.
	 */
	PH_NODISCARD enum ph_err (*table)(struct fw *fw, size_t index,
	    enum fw_table_op op, const struct prefix *v, size_t n,
	    uint32_t ttl_s);

	/*
	 * Whether somebody has emptied or recreated tables that we fill, since
	 * the last call.  May be NULL: that does not happen.
	 */
	bool (*emptied)(struct fw *fw);

	/*
	 * The rule(s) that one pinhole stands for, one per line, in the
	 * filter's own language, for people.
	 */
	void (*explain)(const struct fw_config *config,
	    const struct pinhole *hole, struct strbuf *out);

	/*
	 * What this pinhole is in the packet filter: a state, or a rule and
	 * why.  Depends on nothing else, so that any process can ask.  May be
	 * NULL: all are FORM_RULE.
	 */
	enum form (
	    *form)(const struct fw_config *config, const struct pinhole *hole);

	/*
	 * Close.  Unless `keep`, everything of ours is removed first,
	 * established flows included.  Frees `own` of all entries.
	 */
	void (*close)(struct fw *fw, bool keep);
};

/* The backends compiled in, by name; NULL if there is none such. */
const struct fw_ops *fw_lookup(const char *name);
/* "nftables, dry-run" */
void fw_names(struct strbuf *out);

extern const struct fw_ops fw_dryrun;
extern const struct fw_ops fw_nftables;
extern const struct fw_ops fw_pf;
extern const struct fw_ops fw_pf_text;

#endif
