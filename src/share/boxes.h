/* SPDX-License-Identifier: ISC */
#ifndef SHARE_BOXES_H
#define SHARE_BOXES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/timers.h"
#include "src/share/record.h"

/*
 * The other boxes of a group, as far as they were heard.  A box lives until
 * it was silent for BOXES_LEASE, or said that it leaves.
 */
#define BOXES_MAX   128
#define BOXES_HELLO (2 * USEC_PER_SEC)
#define BOXES_LEASE (10 * USEC_PER_SEC)

struct box {
	char name[RECORD_NAME];
	int64_t heard;	 /* when, by our clock */
	int64_t written; /* of its last RECORD_HELLO, by its clock */
	uint32_t owns;	 /* calls, as it says */
	size_t calls;	 /* of those that we know */
	bool gone;	 /* it said so */
};

struct boxes {
	struct box v[BOXES_MAX];
	size_t n;
};

/* The box of that name; a new one was heard now.  NULL: no room. */
struct box *boxes_get(struct boxes *b, const char *name, int64_t now);

/* A sign of life of the box; false: it is older than the last. */
bool boxes_hello(struct box *x, const struct record *r, uint32_t owns,
    bool leaves, int64_t now);

bool box_alive(const struct box *x, int64_t now);
size_t boxes_alive(const struct boxes *b, int64_t now);

/* How many living boxes stand before `name`: who takes over first. */
size_t boxes_rank(const struct boxes *b, const char *name, int64_t now);

/* We have heard nothing, for we could not: all live as of now. */
void boxes_excuse(struct boxes *b, int64_t now);

#endif
