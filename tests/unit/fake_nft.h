/* SPDX-License-Identifier: ISC */
#ifndef TESTS_FAKE_NFT_H
#define TESTS_FAKE_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nft/elements.h"

/*
 * A kernel of paper: stands in for nft/netlink.c and nft/ruleset.c, so that
 * the backend's own decisions can be tested by an ordinary user.  It keeps
 * the elements of one table, refuses what nf_tables would refuse, and refuses
 * on request.
 */
struct fake_element {
	struct elem elem;
	uint64_t timeout_ms; /* 0: none */
	uint64_t packets;
};

/* A UDP connection; IPv4 in host order. */
struct fake_connection {
	uint32_t id; /* 0: forgotten */
	uint32_t status;
	uint32_t src, dst;
	uint16_t sport, dport;
	uint16_t local; /* the port that answers, if it is not dport */
	bool foreign;	/* it bears another bit than ours */
};

#define FAKE_CONNECTIONS 4

struct fake_elements {
	struct fake_element *v;
	size_t n, cap;
};

struct fake_kernel {
	bool table;	     /* it exists */
	const char *comment; /* of the table; NULL: as a test's configuration */
	int deny;	     /* an errno for whoever looks at the table */
	unsigned int parts;
	uint32_t generation;
	struct fake_elements holes, hosts;
	int refuse;		 /* the next transaction, with this errno */
	unsigned int refused;	 /* transactions that failed by themselves */
	unsigned int commits;	 /* transactions that did not */
	unsigned int creations;	 /* of the table */
	bool refuse_text;	 /* the next one */
	bool refuse_try;	 /* the table, when it is tried out */
	const char *ruleset;	 /* the user's, as nft lists it */
	unsigned int texts;	 /* that were run, or refused */
	bool forgetful;		 /* takes any element and keeps none */
	unsigned int told;	 /* elements to add or to delete */
	uint64_t user_set;	 /* handle of filter/spammer; 0: none */
	bool user_twice;	 /* there are two of that name */
	char hook[128];		 /* comment of our rule in filter/input */
	unsigned int hook_looks; /* at the rules of others */
	unsigned int looks;	 /* at our table */
	unsigned int generation_looks;
	int deny_generation;	 /* an errno for whoever asks for it */
	unsigned int more_rules; /* in our table, of somebody else */
	unsigned int slices;	 /* that a sliced dump is not over yet */
	unsigned int user_looks; /* at all sets */
	unsigned int user_told;	 /* messages to it */
	unsigned int ct_deletes;
	unsigned int ct_sweeping; /* those that asked for all with our bit */
	struct fake_connection ct[FAKE_CONNECTIONS];
	bool flowtable;
	bool interrupt;		 /* every dump is overtaken by a change */
	unsigned int overtaken;	 /* so many dumps of rules are */
	void (*meanwhile)(void); /* before a dump of connections is told */
};

extern struct fake_kernel fake;

void fake_reset(void);
struct fake_element *fake_find(const struct elem *e);
void fake_expire(size_t i);
void fake_flush_ruleset(void);

#endif
