/* SPDX-License-Identifier: ISC */
#ifndef NFT_BATCH_H
#define NFT_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nft/elements.h"
#include "nft/mirror.h"

struct nlmsghdr;

/*
 * Netlink messages in the making: one batch is one transaction of nf_tables,
 * however long.  It grows as needed; `full` is sticky and means that memory or
 * BATCH_MAX was exhausted, and that nothing may be sent.
 *
 * The kernel refuses a transaction as a whole, and takes 8 to 16 ms for that.
 * A batch must therefore not fail because an element is present or absent in
 * the kernel.  So we add an element before we delete it, and we give it a new
 * timeout by add, delete, add.
 */
#define BATCH_MAX (64u << 20)

struct batch {
	char *p;
	size_t len, cap;
	uint32_t seq; /* of the last message */
	uint32_t ack; /* of the message that is answered after the commit */
	bool full;
	size_t message; /* where the open message begins */
	size_t list;	/* where its list of elements begins, 0: none */
	int type;	/* of the open message */
	uint16_t flags;
	const char *table;
	int set;
	size_t nelements; /* in the whole batch */
	size_t nechoes;	  /* of them, those the kernel is to repeat */
};

void batch_init(struct batch *b, const char *table);
void batch_free(struct batch *b);

/* Begin anew, with numbers above `seq`; and put the end. */
void batch_begin(struct batch *b, uint32_t seq);
void batch_end(struct batch *b);

/*
 * One element into a NFT_MSG_NEWSETELEM or NFT_MSG_DELSETELEM of its set,
 * `data` for maps, timeout_ms 0 for none.  Neighbours with the same set,
 * type and flags share a message.
 */
void batch_element(struct batch *b, int type, uint16_t flags,
    const struct elem *e, const uint8_t *data, uint64_t timeout_ms);

/* Delete whatever one of our sets contains. */
void batch_flush_set(struct batch *b, unsigned int set);

/* A message of our own for any nf_tables type; the caller adds attributes. */
struct nlmsghdr *batch_message(struct batch *b, int type, uint16_t flags,
    uint8_t family, size_t room);
void batch_message_end(struct batch *b, struct nlmsghdr *nlh);

/* All that the mirror's pending changes ask of the kernel. */
void batch_changes(struct batch *b, struct mirror *m, bool careful,
    int64_t now);

/* Milliseconds from `now` to `deadline`: 0 for never, else at least 1000. */
uint64_t timeout_ms(int64_t deadline, int64_t now);

/* Ask for all that one set contains; a request of its own, not in a batch. */
struct nlmsghdr *elements_request(char *buf, const char *table,
    unsigned int set);

/*
 * Elements out of a NFT_MSG_NEWSETELEM or NFT_MSG_DELSETELEM message as the
 * kernel sends it.  Returns false if it is of another table or set, or
 * damaged.
 */
struct element_seen {
	struct elem elem;
	uint64_t timeout_ms; /* as it was added; 0: none */
	uint64_t packets;
	bool counted; /* it had a counter */
};

bool elements_parse(const struct nlmsghdr *nlh, const char *table,
    void (*cb)(void *ctx, const struct element_seen *e), void *ctx);

#endif
