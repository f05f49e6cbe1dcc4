/* SPDX-License-Identifier: ISC */
#ifndef STATUS_MODEL_H
#define STATUS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/form.h"
#include "src/base/pinhole.h"
#include "src/base/queue.h"
#include "src/base/reason.h"
#include "src/base/timers.h"
#include "src/process/events.h"
#include "src/process/ipc.h"
#include "src/status/parties.h"

/*
 * The status process's picture of the daemon: what the other processes have
 * told it, for the control socket, the metrics and the page to read.
 *
 * Nothing here is authoritative.  Messages of the feed (src/process/feed.h) go
 * in, by the process that sent them; readers walk calls and pinholes, which are
 * theirs to read until the next message, or are told of events as they come.
 * All times are as in those messages: see clock_wall().
 *
 * Calls and pinholes are asked for when a reader needs them (model_need()), and
 * dropped when no reader has needed them for MODEL_KEEP.  How many there are is
 * known all the time, and so are calls that are over, and refusals.
 *
 * Bounded by what the senders hold, and by the limits here: a sender that was
 * taken over costs no more than MODEL_CALLS and MODEL_HOLES.
 */
#define MODEL_CALLS    1000000
#define MODEL_HOLES    2000000
#define MODEL_ENDED    200 /* calls that are over */
#define MODEL_REFUSALS 200
#define MODEL_KEEP     (10 * USEC_PER_SEC)

struct model;
struct model_call;

/*
 * A process that feeds the model: a connection, so that two generations of a
 * role can be told apart.
 */
struct model_source {
	uint32_t role; /* as in ipc_source */
	uint32_t pid;
	bool gone;	/* its successor has not told everything yet */
	bool telling;	/* everything, since it was asked */
	bool complete;	/* it has told everything at least once */
	uint16_t round; /* of telling everything */
	uint64_t holes; /* by its counters */
};

/*
 * There may be hundreds of thousands of pinholes and calls, so that each byte
 * of them counts.
 */
struct model_hole {
	STAILQ_ENTRY(model_hole) of_call;
	struct model_call *call; /* NULL: of FTP or TFTP, or not told yet */
	uint64_t owner;
	uint64_t id; /* as in events */
	int64_t deadline;
	int64_t since;
	int64_t seen;	    /* packets went through; 0: not known */
	uint64_t packets;   /* so many; 0: none, or not known */
	uint16_t round;	    /* of its source: when it was last told */
	uint8_t reason;	    /* enum reason */
	uint8_t form;	    /* enum form: rule or state, and why */
	uint8_t source : 7; /* number: model_hole_source() */
	uint8_t apart : 1;  /* another pinhole's id names its tuple */
	uint8_t packed[];   /* pinhole_pack() */
};

struct model_call {
	union {
		STAILQ_HEAD(, model_hole) holes;
		TAILQ_ENTRY(model_call) ended_entry; /* if IPC_CALL_ENDED */
	};
	uint64_t owner;
	int64_t since;
	int64_t seen;	  /* packets went through one of its pinholes */
	uint64_t packets; /* through its pinholes that are closed */
	uint32_t nholes;
	uint16_t len;
	uint16_t round;
	uint8_t source;	      /* likewise; MODEL_NO_SOURCE when it ended */
	uint8_t state;	      /* enum ipc_call_state */
	struct addr from, to; /* of its signalling */
	char call[];	      /* the Call-ID, as it came from the wire */
};
#define MODEL_NO_SOURCE UINT8_MAX

struct model_refusal {
	int64_t ts;
	struct event_refusal refusal;
	size_t len;
	char call[IPC_CALL];
};

TAILQ_HEAD(model_ended, model_call);

/* What readers may walk over now; 0 while none needs it. */
struct model_totals {
	size_t calls, holes; /* without ended calls */
	size_t by_state[IPC_CALL_STATES];
};

/* As the counters say, up to a second ago; now, if readers may walk. */
struct model_counts {
	uint64_t calls, holes; /* without ended calls */
	uint64_t by_state[IPC_CALL_STATES];
};

/* An event; `hole` or `refusal` is set, as `kind` says. */
enum model_event_kind {
	MODEL_OPENED,
	MODEL_CLOSED,
	MODEL_REFUSED,
};

struct model_event {
	enum model_event_kind kind;
	int64_t ts;
	enum reason reason;
	const struct model_hole *hole;
	const struct model_refusal *refusal;
	struct span call; /* empty: none */
};

struct model_watch {
	TAILQ_ENTRY(model_watch) entry;
	void (*event)(void *ctx, const struct model_event *e);
	void *ctx;
};

/* The one who asks the sources. */
struct model_asker {
	/* Tell everything from now on; or no more. */
	void (*ask)(void *ctx, bool yes);
	/* What is needed is all there: it was not before, or may not have been.
	 */
	void (*whole)(void *ctx);
	void *ctx;
};

struct model *model_new(void); /* NULL: no memory */
/* Without an asker, everything is told all the time, and kept. */
void model_ask_by(struct model *m, const struct model_asker *a);
void model_free(struct model *m);

/* In. */

/* A process has a connection now; NULL: no memory. */
struct model_source *model_source_new(struct model *m, uint32_t role,
    uint32_t pid);
/*
 * The process is gone.  The pinholes and calls of an engine stay until its
 * successor has told everything; those of a proxy go with it.
 */
void model_source_gone(struct model *m, struct model_source *s);
/* A message of the feed.  False: it is none. */
bool model_input(struct model *m, struct model_source *s, int64_t now,
    const struct ipc_msg *msg);
/* For what the monitor says. */
struct parties *model_parties(struct model *m);

/* Out. */

/* A reader needs the calls and pinholes.  False: they are not all there yet. */
bool model_need(struct model *m, int64_t now);
bool model_needed(const struct model *m);
/* Once a second: drop what is not needed any more. */
void model_tick(struct model *m, int64_t now);

struct model_counts model_counts(const struct model *m);
const struct ipc_about *model_about_of(const struct model *m);
const struct model_totals *model_totals(const struct model *m);
const struct model_party *model_party(const struct model *m, uint32_t role);
/* By a role and name; false: there is none. */
bool model_counter(const struct model *m, uint32_t role, const char *name,
    uint64_t *out);

/*
 * Walks that can be left and taken up again after other messages: the first
 * whose id is greater than `after`, or NULL.
 */
struct model_call *model_call_after(struct model *m, uint64_t after);
struct model_hole *model_hole_after(struct model *m, uint64_t after);
struct model_hole *model_hole_find(struct model *m, uint64_t id);
/* The first of a call; see STAILQ_NEXT(h, of_call).  NULL: it has none. */
const struct model_hole *model_call_holes(const struct model_call *c);
/* With its id and deadline. */
struct pinhole model_hole_pinhole(const struct model_hole *h);
/* The process that has told of it. */
const struct model_source *model_hole_source(const struct model *m,
    const struct model_hole *h);
/* Newest first; see TAILQ_NEXT(c, ended_entry). */
struct model_call *model_ended_first(struct model *m);
/* The i-th, newest first; NULL: there are no more. */
const struct model_refusal *model_refusal(const struct model *m, size_t i);

/* Call w->event for each event from now on, until it is taken away. */
void model_watch(struct model *m, struct model_watch *w);
void model_unwatch(struct model *m, struct model_watch *w);

#endif
