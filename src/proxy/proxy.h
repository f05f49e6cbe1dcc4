/* SPDX-License-Identifier: ISC */
#ifndef PROXY_H
#define PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/counters.h"
#include "src/base/err.h"
#include "src/base/pinhole.h"
#include "src/base/reason.h"
#include "src/conf/conf.h"
#include "src/fw/fw.h"
#include "src/process/checkpoint.h"
#include "src/process/iface.h"
#include "src/process/listen.h"
#include "src/proxy/keyfile.h"

/*
 * What the proxy process offers to its services (proxy_ftp, proxy_tftp,
 * proxy_tables): an event loop, and questions to the firewall process.
 *
 * Each question is answered exactly once, from the loop and never from within
 * the call that asks: PH_OK once the packet filter has it; PH_EDENIED and
 * PH_EBAD, the policy forbids it; PH_ELIMIT, there are too many; PH_EAGAIN,
 * the firewall process did not answer in time.  After proxy_forget() no
 * answer comes any more.
 *
 * The proxy keeps its pinholes: it tells a new firewall process of them,
 * renews them while packets pass, and announces them as events.
 */
struct proxy;
struct event_base;

struct event_base *proxy_base(const struct proxy *p);
const struct conf *proxy_conf(const struct proxy *p);
int64_t proxy_now(const struct proxy *p); /* microseconds since the epoch */

typedef void proxy_answer(void *ctx, enum ph_err err);

struct proxy_wish {
	struct pinhole hole; /* id and deadline are filled in */
	uint32_t lease_s;    /* it closes after so many seconds */
	bool renew;	     /* count these anew from each packet */
	proxy_answer *answer;
	/*
	 * The pinhole closed by itself; may be NULL.  Not after proxy_close().
	 */
	void (*gone)(void *ctx);
	void *ctx;
};

/*
 * Returns the pinhole's id, for proxy_close(); 0: no memory.  If the answer is
 * not PH_OK, there is no pinhole, and the id is void.  No answer comes after
 * proxy_close().
 */
uint64_t proxy_open(struct proxy *p, const struct proxy_wish *wish);
void proxy_close(struct proxy *p, uint64_t id, enum reason why);

/* Where a redirected client wanted to go; false: no memory. */
typedef void proxy_target(void *ctx, enum ph_err err,
    const struct endpoint *target);
bool proxy_original(struct proxy *p, const struct fw_flow *flow,
    proxy_target *answer, void *ctx);

/* Change a table; `index` is its place in conf->tables.allow.  See fw.h. */
struct proxy_table {
	uint32_t index;
	enum fw_table_op op;
	const struct prefix *v;
	size_t n; /* at most IPC_PREFIXES */
	uint32_t ttl_s;
};
bool proxy_table(struct proxy *p, const struct proxy_table *t,
    proxy_answer *answer, void *ctx);

/* Call back no more with this ctx.  Its pinholes stay until their lease. */
void proxy_forget(struct proxy *p, void *ctx);

/*
 * A service for one listening socket, or NULL with a log line.  It does not
 * own the socket; stopping ends its sessions and forgets its questions.
 */
struct proxy_ftp *proxy_ftp_start(struct proxy *p, const struct listener *l);
void proxy_ftp_stop(struct proxy_ftp *f);
/* Accept nothing any more; how many sessions are left. */
void proxy_ftp_leave(struct proxy_ftp *f);
size_t proxy_ftp_left(const struct proxy_ftp *f);
struct proxy_tftp *proxy_tftp_start(struct proxy *p, const struct listener *l);
void proxy_tftp_stop(struct proxy_tftp *s);
void proxy_tftp_leave(struct proxy_tftp *s);
size_t proxy_tftp_left(const struct proxy_tftp *s);

/* Keys and addresses for the service of tables, read as root. */
struct proxy_tables_setup {
	const struct keyfiles *keys;
	const struct iface *own; /* our addresses, never to be entered */
	bool first_run;		 /* an empty journal is to be expected */
};
struct proxy_tables *proxy_tables_start(struct proxy *p,
    const struct listener *l, const struct proxy_tables_setup *setup);
/* For each record of the journal, before proxy_tables_begin(). */
void proxy_tables_load(struct proxy_tables *t, uint64_t key, const void *p,
    size_t len);
/* The caller owns the journal.  NULL: it cannot be had, for `why`. */
void proxy_tables_begin(struct proxy_tables *t, struct checkpoint *journal,
    enum ph_err why);
/*
 * A line of JSON for each table, and for each entry that overlaps with `p`,
 * which may be NULL; at most PROXY_TABLES_SHOWN entries of a table.
 */
#define PROXY_TABLES_SHOWN 1000
void proxy_tables_show(const struct proxy_tables *t, const struct prefix *p,
    void (*line)(void *ctx, struct span line), void *ctx);
void proxy_tables_stop(struct proxy_tables *t);
void proxy_tables_fill(struct proxy_tables *t); /* anew, with all entries */
void proxy_tables_report(const struct proxy_tables *t, struct counters *out);

#endif
