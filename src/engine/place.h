/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_PLACE_H
#define ENGINE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/reason.h"
#include "src/base/span.h"
#include "src/fw/fw.h"

struct story_limits;

/* The machine and the process in which the engine runs. */
struct engine_place {
	bool live; /* direction and interface are known and must fit */
	const struct addr *own; /* the firewall's addresses */
	size_t nown;
	const uint32_t *inside; /* interface indexes; none: all are inside */
	size_t ninside;
	bool activity;			  /* the backend reports silence */
	const struct story_limits *story; /* NULL: as a daemon */
};

/* A call as it is now, for those who ask.  Borrows. */
struct call_view {
	uint64_t id;
	struct span call_id; /* empty: not known any more */
	struct addr from, to;
	int64_t since;
	bool accepted, held, over;
	bool renewed; /* just now: its pinholes have another deadline */
	/* Of its pinholes that have closed: */
	int64_t seen;	  /* when packets last went through; 0: never */
	uint64_t packets; /* so many */
};

struct engine_sink {
	void *ctx;
	void (*commit)(void *ctx, const struct fw_change *changes, size_t n);
	/*
	 * State of a call or transfer to remember under `key`; len 0: forget
	 * it.
	 */
	void (*checkpoint)(void *ctx, uint64_t key, const void *p, size_t len);
	/* Something an administrator may want to read; may be NULL. */
	void (*log_line)(void *ctx, const char *text);
	/* A call is new, has changed or is over; may be NULL. */
	void (*call)(void *ctx, const struct call_view *v);
	/*
	 * A call has changed by what was seen here; len 0: it is over, for
	 * `why`.  The same record without pinholes.  False: nobody is there to
	 * be told.  May be NULL.
	 */
	bool (*share)(void *ctx, uint64_t call, const void *p, size_t len,
	    enum reason why);
	/* Media of a call that another box judges; may be NULL. */
	void (*share_seen)(void *ctx, uint64_t call, int64_t inside,
	    int64_t outside);
	void *share_ctx; /* of these two */
};

#endif
