/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_EVENTS_H
#define PROCESS_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/form.h"
#include "src/base/pinhole.h"
#include "src/base/reason.h"
#include "src/base/span.h"
#include "src/base/strbuf.h"

/*
 * What opened, what closed and what was refused: one line each, for a person
 * (text) or a program (JSON).  The keys, their order and the reasons are
 * documented in pinholed(8) and do not change.
 *
 * Text from the wire (the Call-ID) is escaped; no other text from the wire
 * ever gets here.
 */
enum events_format {
	EVENTS_TEXT,
	EVENTS_JSON,
};

struct fw_config;
struct events_owner;

/* Somebody who is told of each pinhole, whatever the form of the events. */
struct events_watch {
	void (*hole)(void *ctx, int64_t ts, bool open, const struct pinhole *h,
	    const struct events_owner *owner, enum reason why);
	void *ctx;
};

/* The call or transfer that a pinhole belongs to. */
struct events_owner {
	uint64_t id;	  /* of the call or transfer */
	uint64_t tuple;	  /* the packet filter's name for the pinhole */
	struct span call; /* the Call-ID, or empty for none */
};

struct event_refusal;

/* Is told of each event, beside the line. */
struct events_tap {
	void *ctx;
	void (*opened)(void *ctx, int64_t ts, const struct pinhole *h,
	    const struct events_owner *owner, enum reason why);
	void (*closed)(void *ctx, int64_t ts, const struct pinhole *h,
	    enum reason why);
	void (*refused)(void *ctx, int64_t ts, const struct event_refusal *r,
	    struct span call);
};

struct events {
	enum events_format format;
	int verbose; /* text: 1 also the rules, and why; 2 also what we ignore
		      */
	/* The rules that a pinhole stands for (fw_ops.explain), or NULL. */
	void (*explain)(const struct fw_config *config,
	    const struct pinhole *hole, struct strbuf *out);
	const struct fw_config *fw_config; /* handed on, never looked into */
	/* Takes one line without its newline. */
	void (*line)(void *ctx, const char *text);
	void *ctx;
	/* The time to show for `now`; NULL: `now` itself. */
	int64_t (*wall)(int64_t now);
	/* fw_ops.form, and what it said of each open; or NULL. */
	enum form (
	    *form)(const struct fw_config *config, const struct pinhole *hole);
	struct form_counts *forms;
	bool shorten; /* only EVENTS_CALL bytes of each Call-ID, for a log */
	struct events_watch watch;    /* its `hole` may be NULL */
	const struct events_tap *tap; /* or NULL */
};

/* Enough to tell calls apart, and for `pinholectl show calls`. */
#define EVENTS_CALL 20

/* The protocol of the message that was refused, for the explanation. */
enum event_said {
	EVENT_SAID_SDP,
	EVENT_SAID_FTP,
	EVENT_SAID_TFTP,
};

struct event_refusal {
	struct addr src; /* who said it */
	struct addr dst; /* what it named */
	uint16_t dport;
	enum reason reason;
	enum event_said said;
};

void events_open(const struct events *ev, int64_t ts, const struct pinhole *h,
    const struct events_owner *owner, enum reason why);
void events_close(const struct events *ev, int64_t ts, const struct pinhole *h,
    const struct events_owner *owner, enum reason why);
/* `call` is the Call-ID, or empty for none. */
void events_refuse(const struct events *ev, int64_t ts,
    const struct event_refusal *r, struct span call);
/*
 * A message that changed nothing because something is wrong with it; only
 * for a person who asked twice to hear more.
 */
void events_ignore(const struct events *ev, int64_t ts, const struct addr *src,
    const struct addr *dst, const char *why);

#endif
