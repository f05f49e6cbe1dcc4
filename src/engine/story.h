/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_STORY_H
#define ENGINE_STORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sip/message.h"
#include "sip/sdp.h"
#include "src/base/addr.h"
#include "src/base/datagram.h"
#include "src/base/pinhole.h"
#include "src/base/queue.h"
#include "src/base/reason.h"
#include "src/base/span.h"
#include "src/base/tree.h"
#include "src/base/wire.h"
#include "src/process/events.h"

/*
 * What happened to each call, kept so that it can be told later: the messages
 * that counted, the pinholes, what was refused or ignored and why.
 *
 * A story is all that had one Call-ID, whichever legs of the call it was about.
 * It is a log of short records, and becomes words only when somebody asks
 * (tell.h, report.h).  Nothing here changes what opens.
 *
 * Strangers can make us keep only so much.  A story begins with an INVITE that
 * the call table took, or with a pinhole.  Of calls that nobody has accepted
 * and of calls that are over the latest are kept, see `struct story_limits`.
 * All logs together have a limit: the story that has grown last is kept
 * longest, and a call in progress longer than one that is over.  The log of one
 * call loses its middle, never its beginning.  A message that belongs to no
 * story costs no allocation: the last STORY_STRAYS of them are kept.
 */
struct story_limits {
	size_t asked; /* calls that nobody has accepted */
	size_t ended; /* calls that were accepted, or refused something */
	size_t bytes; /* all logs together */
	size_t log;   /* one log */
};

/* The limits of the daemon, for `limit calls` of that many. */
struct story_limits story_limits_live(uint32_t calls);
/* A replay: a whole capture, if it is not absurd. */
extern const struct story_limits story_limits_file;
/* A replay that has nothing to explain keeps no stories. */
extern const struct story_limits story_limits_none;

#define STORY_NAME    256 /* bytes of a Call-ID: what sip/ keeps of it */
#define STORY_STREAMS 3	  /* described of one SDP */
#define STORY_WHYS    32  /* different reasons to ignore a message */
#define STORY_STRAYS  32
#define STORY_IGNORED 16 /* records of one story */

enum story_kind {
	STORY_MESSAGE, /* counted, or changed nothing */
	STORY_IGNORE,  /* a message that did not count */
	STORY_OPEN,
	STORY_CLOSE,
	STORY_REFUSE,
	STORY_END, /* the call is over, and no message says so */
	STORY_KINDS
};

struct story_stream {
	struct endpoint where;
	uint8_t mode;  /* enum sdp_mode */
	uint8_t fault; /* enum sdp_fault */
};

/* One record, read. */
struct story_entry {
	int64_t at;
	enum story_kind kind;
	uint16_t times; /* seen so often */
	/* STORY_MESSAGE, STORY_IGNORE; and of a refusal: who said what. */
	struct addr from, to;
	bool request;
	bool within;	/* it is, or answers, a request within a dialog */
	uint8_t method; /* enum sip_method */
	uint8_t body;	/* enum sip_body */
	uint8_t why;	/* STORY_IGNORE: see story_why() */
	uint16_t status;
	uint32_t cseq;
	uint8_t nstreams; /* that the SDP has; see STORY_STREAMS */
	struct story_stream stream[STORY_STREAMS];
	/* STORY_OPEN, STORY_CLOSE */
	struct pinhole hole;
	/* All but messages; STORY_REFUSE: refusal. */
	enum reason reason;
	uint16_t dport;
};

enum story_state {
	STORY_ASKED,
	STORY_LIVE, /* sip/ has a leg that wants something, or did */
	STORY_ENDED,
	STORY_STATES
};

struct story_call {
	RB_ENTRY(story_call) node; /* by Call-ID */
	TAILQ_ENTRY(story_call) entry;
	TAILQ_ENTRY(story_call) with_log; /* if it has one */
	struct span call_id;		  /* `name` */
	int64_t began, last;
	uint8_t *log;
	uint32_t len, size; /* of the log */
	uint32_t legs;
	uint32_t left_out; /* records */
	uint8_t state;	   /* enum story_state */
	uint8_t nignored;
	bool mattered; /* accepted, a pinhole or a refusal */
	bool adopted;  /* it began before this engine */
	bool cut;      /* the log was dropped once, for room */
	char name[];
};

struct story;

struct story *story_new(const struct story_limits *l); /* NULL: memory */
void story_free(struct story *s);

/*
 * A message, before and after sip/ has judged it.  In between come what its SDP
 * said and what it changed.  `misfit`: why it did not count, or NULL.
 */
void story_hear(struct story *s, int64_t now, const struct datagram *d,
    const struct sip_message *m);
void story_described(struct story *s, const struct sdp *sdp);
void story_counts(struct story *s); /* it changed something */
void story_judged(struct story *s, const char *misfit);

/* A message that is not even read; `call_id` may be empty. */
void story_ignored(struct story *s, int64_t now, const struct datagram *d,
    struct span call_id, const char *why);

/*
 * A leg wants something.  `create`: it has pinholes, so there must be a story.
 * The caller keeps the result, and gives it back when the leg is gone.
 */
struct story_call *story_join(struct story *s, struct span call_id, bool create,
    bool adopted, int64_t now);
void story_leave(struct story *s, struct story_call *c);
void story_end(struct story *s, struct story_call *c, enum reason why,
    int64_t now);

void story_hole(struct story *s, int64_t now, bool open,
    const struct pinhole *hole, struct span call_id, enum reason why);
void story_refused(struct story *s, int64_t now, const struct event_refusal *r,
    struct span call_id);

/* Reading.  In the order of Call-IDs; NULL ends it. */
const struct story_call *story_first(const struct story *s);
const struct story_call *story_next(const struct story_call *c);
/* The first whose Call-ID is not before this one. */
const struct story_call *story_find_from(const struct story *s,
    struct span call_id);
/* The records of a story, one by one; false at the end. */
struct cursor story_records(const struct story_call *c);
bool story_read(struct cursor *c, struct story_entry *e);

/* Why a message was ignored, and how often that was so; NULL after the last. */
const char *story_why(const struct story *s, size_t i, uint64_t *n);

/* A message that belongs to no story. */
struct story_stray {
	int64_t at;
	struct addr src, dst;
	const char *why;
};
/* The i-th latest, from 0; NULL: no more. */
const struct story_stray *story_stray(const struct story *s, size_t i);

size_t story_bytes(const struct story *s);     /* of all logs */
uint64_t story_dropped(const struct story *s); /* stories, for room */

#endif
