/* SPDX-License-Identifier: ISC */
#ifndef NFT_LINKS_H
#define NFT_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nft/elements.h"
#include "nft/table.h"
#include "src/base/hash.h"
#include "src/fw/fw.h"

/*
 * Which entries of the ledger need which elements, for mirror.c.
 *
 * There may be hundreds of thousands, so that each byte counts: an entry of two
 * ports takes 88 bytes here, and 16 in the hash table.  An element follows from
 * the tuple of each entry that needs it, so that only its hash is kept.
 *
 * Several entries may need the same element.  One of their links leads: what
 * the kernel has of the element stands there, and was made for that entry.
 */
struct link {
	struct hash_node by_elem; /* first */
	int64_t kernel_deadline;  /* of the element, as the kernel has it */
	/*
	 * The kernel's counters when last seen, modulo 2^32: of the element,
	 * and of its way back, which has the same key and no link of its own.
	 */
	uint32_t packets[2];
	uint32_t hash;
	uint8_t place; /* in holder->links */
	uint8_t stamp; /* the last count that showed it */
	bool leads : 1;
	bool in_kernel : 1;
	bool used : 1;	   /* a single connection's, and gone */
	bool changing : 1; /* a commit may change it */
};

/* A protected end, which many entries need. */
struct host {
	struct hash_node by_addr; /* first */
	uint32_t refs;		  /* entries, those being removed included */
	uint32_t held;		  /* entries, without them */
	struct addr addr;
	bool in_kernel, changing;
};

/* The elements that an entry of the ledger needs; fw_entry.own points here. */
struct holder {
	struct fw_entry *e;
	struct host *host;
	uint16_t n;
	uint8_t seen; /* FW_SEEN_* since the last report */
	bool held;    /* the kernel is to have them */
	struct link links[];
};

struct links {
	struct hash by_elem;
	struct hash hosts;
	size_t count[SET_COUNT]; /* elements that the kernel has */
};

PH_NODISCARD enum ph_err links_init(struct links *ls);
void links_free(struct links *ls); /* and all holders */
void links_count(struct links *ls, unsigned int set, size_t change);

/* Those of one element, which is no way back; NULL ends them. */
struct link *link_first(const struct links *ls, const struct elem *e);
struct link *link_next(struct link *link, const struct elem *e);
/* The first of an element, or of the one whose way back it is: `front`. */
struct link *link_find(const struct links *ls, const struct elem *e,
    struct elem *front);
/* All of them, in no order. */
struct link *links_first(const struct links *ls, struct hash_iter *it);
struct link *links_next(const struct links *ls, struct hash_iter *it);

struct elem link_elem(struct link *link);
struct holder *link_holder(struct link *link);
/* `to`, which needs the same element, leads in place of `from`. */
void link_lead(struct link *from, struct link *to);

/* Not held at first.  PH_ENOMEM. */
PH_NODISCARD enum ph_err link_holder_new(struct links *ls, struct fw_entry *e,
    const struct addr *host, const struct elem *v, size_t n);
void link_holder_free(struct links *ls, struct holder *holder);
void link_holder_hold(struct holder *holder, bool yes);

struct host *link_host_find(const struct links *ls, const struct addr *a);
struct host *link_host_at(struct hash_node *n);
struct elem link_host_elem(const struct host *host);

#endif
