/* SPDX-License-Identifier: ISC */
#ifndef NFT_USER_H
#define NFT_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nft/netlink.h"
#include "src/base/addr.h"
#include "src/base/strbuf.h"
#include "src/fw/fw.h"

struct batch;

/*
 * Sets in the user's own tables: we fill them, and the user's rules look into
 * them.
 *
 * A set of nftables can be used only in its own table, so a set in ours would
 * be of no use.  A name is "family/table/set" or just "set", which is then
 * looked for in all tables but ours.  IPv4 addresses go to the set of that
 * name, or with a 4 at its end, that holds ipv4_addr, IPv6 ones likewise:
 *
 *	table inet filter {
 *		set spammer  { type ipv4_addr; flags interval, timeout; }
 *		set spammer6 { type ipv6_addr; flags interval, timeout; }
 *	}
 *
 * Without `interval` a set takes hosts only, and takes them much faster.
 */
struct user_set {
	uint8_t family; /* NFPROTO_* */
	bool found;
	bool ambiguous; /* two tables have one */
	bool interval;
	bool timeout;
	uint64_t handle, table_handle; /* others if it is made anew */
	char table[64];
	char set[64];
};

struct user_table {
	bool looked_up;
	struct user_set v4, v6;
};

/* Whether a set answers to `name`; exposed for tests. */
bool user_name_matches(const char *name, uint8_t family, const char *table,
    const char *set);

/* Find the sets; `found` is false for a set that does not exist. */
int user_table_find(struct nlsock *s, const char *name, const char *own,
    struct user_table *out);

/* Whether there is a set now that was not there then: it is empty. */
bool user_table_renewed(const struct user_table *then,
    const struct user_table *now);

/*
 * All or nothing, but for prefixes that lie within, or across, another that
 * is in the set: those stay as they are, the others are done, and the answer
 * is PH_EEXIST for adding and PH_EUNSUPPORTED for deleting.  PH_EGONE: there
 * is no such set; PH_EAMBIGUOUS: there are two; PH_EUNSUPPORTED: a prefix for
 * a set of hosts, or a timeout for one without.
 */
PH_NODISCARD enum ph_err user_table_change(struct nlsock *s, struct batch *b,
    const struct user_table *t, enum fw_table_op op, const struct prefix *v,
    size_t n, uint32_t ttl_s);

#endif
