/* SPDX-License-Identifier: ISC */
#ifndef TESTS_PF_MODEL_H
#define TESTS_PF_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pf/tree.h"

/*
 * pf without a kernel: the rulesets by path as the tree wrote them, and
 * pf's way of walking them, skip steps included, with its count of
 * evaluations.
 */
struct model;

struct packet {
	uint8_t way; /* P_IN or P_OUT */
	uint8_t proto;
	struct endpoint src, dst;
};

struct model *model_new(void);
void model_free(struct model *m);

/*
 * Take over what is dirty, as a commit would, batch by batch; returns the most
 * rules of a batch.  `between`, if any, is called after each.  Fails the test
 * if the tree contradicts itself.
 */
size_t model_commit(struct model *m, struct p_tree *t, enum p_dialect d,
    void (*between)(void *ctx), void *ctx);

/* The label of the rule that passes the packet, 0 if none does. */
uint64_t model_pass(const struct model *m, const char *top,
    const struct packet *p, unsigned int *evaluations);

size_t model_rulesets(struct model *m);
size_t model_biggest(struct model *m); /* ruleset, in rules */

#endif
