/* SPDX-License-Identifier: ISC */
#ifndef NFT_INSPECT_H
#define NFT_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "nft/netlink.h"
#include "nft/table.h"

struct nlattr;

/*
 * Questions to the kernel about our table.  Each returns 0 or an errno value
 * below zero, and changes nothing.
 */

/* A number that every change to any table changes. */
int inspect_generation(struct nlsock *s, uint32_t *generation);

struct table_seen {
	bool exists;
	char comment[TABLE_COMMENTLEN]; /* "" if none, or longer than ours */
	unsigned int parts; /* 1 << enum table_part, as told by its sets */
	unsigned int nrules;
	uint64_t print; /* of its rules' handles: differs after any change */
};

int inspect_table(struct nlsock *s, const char *name, struct table_seen *out);

/* The comment of a table or rule; left alone if it has none that fits. */
void inspect_comment(const struct nlattr *udata, char *buf, size_t size);

/* Whether any table has a flowtable. */
int inspect_flowtables(struct nlsock *s, bool *any);

#endif
