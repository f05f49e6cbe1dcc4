/* SPDX-License-Identifier: ISC */
#ifndef NFT_NFT_H
#define NFT_NFT_H

#include <stdbool.h>
#include <stdint.h>

#include "nft/batch.h"
#include "nft/conntrack.h"
#include "nft/mirror.h"
#include "nft/netlink.h"
#include "nft/ruleset.h"
#include "nft/user.h"
#include "src/fw/fw.h"

/*
 * An open backend.  apply.c changes the kernel, watch.c looks at it, and
 * nft.c is the backend that uses both.
 */
struct fw {
	const struct fw_config *config;
	struct nlsock *nl;
	struct ruleset *ruleset;
	struct mirror *mirror;
	struct batch batch;
	unsigned int parts; /* 1 << enum table_part: what the kernel has */

	/*
	 * Does our table still stand?  Generations are the kernel's for all
	 * tables, without the transactions of nft_send(): they change only when
	 * somebody else has changed a ruleset.
	 */
	uint32_t own;	     /* transactions that changed something */
	uint32_t generation; /* when last looked */
	uint64_t print;	     /* of ours, as we made it */
	bool flowtables;     /* somebody's */
	bool rebuilt;	     /* and nobody has been told */
	int64_t look_at;

	/* Reading counters in slices, when there are many. */
	struct nlsock *counts;
	bool counting, dumping;
	unsigned int counting_set;

	/* Connections whose pinholes have closed. */
	struct sweep *sweep;
	bool sweeping;
	int64_t sweep_at;    /* INT64_MAX: no reason to */
	uint32_t *outliving; /* ids of those that may, sorted */
	size_t noutliving;

	struct user_table *user;  /* config->ntables of them */
	uint32_t user_generation; /* of all tables, when they were found */
	struct user_table *looked_at;
	uint32_t looked_at_generation;
	bool emptied; /* and nobody has asked yet */

	/*
	 * Our rules in chains of others (hook.h).  While another process may
	 * still serve another configuration, they are left alone.
	 */
	bool hooking;
	uint32_t hooks_generation; /* of all tables, when looked at last */
	int64_t hooks_at;	   /* not before; after a failure */
};

/*
 * apply.c.  Make our table with these parts, empty; add parts that it does
 * not have yet; or build it again with everything that is open.
 */
PH_NODISCARD enum ph_err nft_create(struct fw *fw, unsigned int parts,
    struct strbuf *why);
PH_NODISCARD enum ph_err nft_ensure_parts(struct fw *fw, unsigned int parts);
PH_NODISCARD enum ph_err nft_rebuild(struct fw *fw, int64_t now);
/* Remember what our table looks like, to see when somebody changed it. */
PH_NODISCARD enum ph_err nft_remember(struct fw *fw);
PH_NODISCARD int nft_generation(struct fw *fw, uint32_t *generation);
/* Finish fw->batch and send it. */
PH_NODISCARD enum ph_err nft_send(struct fw *fw);
/* How long connections of closed pinholes may wait; see struct sweep. */
#define NFT_SWEEP_US (30 * INT64_C(1000000))
/* Pinholes closed; `urgent` if their flows do not ask our chains. */
void nft_sweep_soon(struct fw *fw, bool urgent, int64_t now);

/* watch.c */
PH_NODISCARD enum ph_err nft_settle(struct fw *fw, int64_t now);
PH_NODISCARD enum ph_err nft_activity(struct fw *fw, fw_seen_fn seen, void *ctx,
    int64_t now);
void nft_look_at_user_sets(struct fw *fw);
/* Put our rules into config->hooks, and delete those of an earlier run. */
void nft_begin_hooks(struct fw *fw);
int64_t nft_tick(struct fw *fw, int64_t now, enum ph_err *err);

/* check.c */
PH_NODISCARD enum ph_err nft_check_config(const struct fw_config *config,
    struct strbuf *why);
/* Fail if a table of our name exists that somebody else made. */
PH_NODISCARD enum ph_err nft_check_owner(struct nlsock *nl,
    const struct fw_config *config, struct strbuf *why);
PH_NODISCARD enum ph_err nft_check(const struct fw_config *config,
    struct strbuf *why);

#endif
