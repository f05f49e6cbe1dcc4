/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_SESSIONS_H
#define ENGINE_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/pinhole.h"
#include "src/base/queue.h"
#include "src/base/reason.h"
#include "src/base/span.h"
#include "src/base/tree.h"
#include "src/process/events.h"

/*
 * What happened to each FTP control connection and each TFTP transfer, kept so
 * that it can be told later: what was agreed on, the pinholes, what was refused
 * and why.  The counterpart of story.h for what has no Call-ID; explain.h makes
 * words of it.  Nothing here changes what opens.
 *
 * A session has the number of its asker.  Strangers can make us keep only so
 * much: of each kind, the SESSIONS_TOLD that changed last and have a record,
 * and the SESSIONS_QUIET that began last and have none.  Of one session, the
 * first SESSION_HEAD records and the latest are kept, SESSION_RECORDS in all.
 */
#define SESSIONS_TOLD	1024
#define SESSIONS_QUIET	128
#define SESSION_RECORDS 24
#define SESSION_HEAD	4
#define SESSION_FILE	64 /* bytes of a file's name */

enum session_kind { SESSION_FTP, SESSION_TFTP, SESSION_KINDS };

enum session_event {
	SESSION_ACTIVE,	 /* the client waits at `where` */
	SESSION_PASSIVE, /* the server waits at `where` */
	SESSION_IGNORED,
	SESSION_OPAQUE,
	SESSION_READABLE,
	SESSION_FOREIGN,
	SESSION_REPEATED,
	SESSION_FORBIDDEN,
	SESSION_OPEN,
	SESSION_CLOSE,
	SESSION_REFUSE, /* a pinhole to `where`; `from` has named it */
	SESSION_OVER	/* the control connection is closed */
};

struct session_record {
	int64_t at;
	uint16_t event; /* enum session_event */
	uint16_t times;
	uint16_t reason;	 /* of a pinhole and a refusal */
	struct endpoint where;	 /* of a pinhole: where it leads */
	struct addr from;	 /* of a pinhole: whence it may come */
	uint64_t id;		 /* of a pinhole */
	uint8_t proto, from_len; /* of a pinhole; the prefix's length */
};

/* The data of a session at its beginning. */
struct session_who {
	enum session_kind kind;
	uint64_t asker;
	struct endpoint client, server; /* of a TFTP server, no port */
	struct span file;		/* of TFTP; may be empty */
	bool write;			/* of TFTP */
	bool adopted;			/* it began before this engine */
};

struct session {
	RB_ENTRY(session) node; /* by asker */
	TAILQ_ENTRY(session) entry;
	enum session_kind kind;
	uint64_t asker;
	struct endpoint client, server;
	int64_t began;
	bool write, adopted, over;
	uint8_t filelen;
	char file[SESSION_FILE];
	uint32_t n;	   /* records ever */
	unsigned int open; /* pinholes now */
	unsigned int opened, refused;
	struct session_record record[SESSION_RECORDS];
};

struct sessions;

struct sessions *sessions_new(void); /* NULL: memory */
void sessions_free(struct sessions *s);

/* Of these, each does nothing for an asker that has no session. */
void sessions_begin(struct sessions *s, const struct session_who *who,
    int64_t now);
void sessions_event(struct sessions *s, uint64_t asker, enum session_event e,
    const struct endpoint *where, int64_t now);
void sessions_refused(struct sessions *s, uint64_t asker,
    const struct event_refusal *r, int64_t now);
void sessions_hole(struct sessions *s, uint64_t asker, bool open,
    const struct pinhole *hole, enum reason why, int64_t now);

/* Reading, in the order of askers; NULL ends it. */
const struct session *sessions_first(const struct sessions *s);
const struct session *sessions_next(const struct session *c);
/* The i-th record that is kept; NULL: no more. */
const struct session_record *session_record(const struct session *c, size_t i);
/* Records that are not, between the first ones and the others. */
uint32_t session_left_out(const struct session *c);

#endif
