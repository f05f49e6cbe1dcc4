/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_IPC_H
#define PROCESS_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/pinhole.h"
#include "src/base/queue.h"
#include "src/fw/fw.h"
#include "src/process/fwcounters.h"

/*
 * The messages between the processes.
 *
 * Messages over a SOCK_SEQPACKET pair: one type, one struct, one size (a
 * batch is cut after its last element).  Messages that had to wait are sent
 * several at a time, whole, in one record of the socket; a descriptor comes
 * with a message that is alone.  Nothing is parsed: the receiver
 * checks type and length, then the values.  All share one machine and one
 * binary, so the layout is the compiler's.
 *
 * Sender and receiver of each message: M monitor, E engine, P proxy, F firewall
 * process, S status process, H share process.  The text in some messages is a
 * Call-ID or a name, bounded, and never read as anything else.
 */
enum ipc_type {
	IPC_READY = 1, /* E,P,F>M  set up and unprivileged */
	IPC_FW,	       /* M>E,P    +fd to F: say everything (again) */
	IPC_CLIENT,    /* M>F      +fd to a new E or P (ipc_client) */
	IPC_QUIT,      /* M>E,P,F  finish and exit (ipc_quit) */
	IPC_LEAVE,     /* M>P      begin nothing new; IPC_READY: it goes on */
	IPC_YIELD,     /* M>F      (ipc_yield) a successor builds its rules */
	IPC_REPORT,    /* M>E,P    log your counters */

	IPC_BEGIN,   /* E,P>F  all I hold follows */
	IPC_COMMIT,  /* E,P>F  (ipc_commit), answered by IPC_RESULT */
	IPC_RELEASE, /* E>F    (ipc_release) when all so far is open */
	IPC_WAITS,   /* E>M,F  after a silence, something waits in the queue */
	IPC_SETTLE,  /* E,P>F  that was all: close what I did not name */
	IPC_RESULT,  /* F>E,P  (ipc_result), one for each not quiet */
	IPC_SEEN_FROM, /* F>E,P  (ipc_ids) the `from` of these has sent */
	IPC_SEEN_TO,   /* F>E,P  (ipc_ids) the `to` of these has sent */
	IPC_PACKETS,   /* F>E,P, E,P>S (ipc_packets) counted so far */
	IPC_CLOSED,    /* F>E,P  (ipc_ids) closed at their deadline */
	IPC_COUNTERS,  /* F>E    (fwcounters) since the last such message */

	IPC_ORIGINAL, /* P>F  (ipc_original) where did this client want to go */
	IPC_TARGET,   /* F>P  (ipc_target) its answer */
	IPC_TABLE,    /* P>F  (ipc_table), answered by IPC_RESULT */
	IPC_EMPTIED,  /* F>P  somebody has emptied tables: fill them again */

	IPC_STATUS,  /* M>E,P  +fd to S, in place of the one before */
	IPC_SOURCE,  /* M>S  (ipc_source) +fd to an E or P */
	IPC_LISTEN,  /* M>S  (ipc_listen) +fd to accept from; no fd: stop */
	IPC_ABOUT,   /* M>S  (ipc_about) the configuration that serves now */
	IPC_HEALTH,  /* M>S  (ipc_health) of a process */
	IPC_COMMAND, /* S>M  (ipc_command), answered by IPC_DONE; M>E,P: log */
	IPC_DONE,    /* M,E,P>S  (ipc_done) maybe +fd of a file of text */
	IPC_BEAT,    /* E,P,S,H>M  every few seconds: I do not hang */

	/* E,P>S: see src/process/feed.h */
	IPC_FEED_BEGIN,	    /* all I hold follows */
	IPC_FEED_END,	    /* that was all */
	IPC_FEED_GAP,	    /* something is missing: ask again */
	IPC_FEED_CALL,	    /* (ipc_feed_call) new, changed or over */
	IPC_FEED_HOLE,	    /* (ipc_feed_hole) open */
	IPC_FEED_HOLE_GONE, /* (ipc_feed_gone) */
	IPC_FEED_SEEN,	    /* (ipc_ids) pinholes that packets went through */
	IPC_FEED_REFUSAL,   /* (ipc_feed_refusal) */
	IPC_FEED_COUNTERS,  /* (ipc_feed_counters) some, by name */
	IPC_FEED_TEXT,	    /* (ipc_feed_text) lines that S has asked for */

	/* S>E,P */
	IPC_TELL,	/* (ipc_tell) calls and pinholes, or the counters */
	IPC_CLOSE_CALL, /* (ipc_which), answered by IPC_DONE */
	IPC_EXPLAIN, /* (ipc_which), answered by IPC_FEED_TEXT and IPC_DONE */
	/*
	 * To P: the tables and, if there is the text of a prefix, the entries
	 * that overlap with it; answered likewise.
	 */
	IPC_SHOW_TABLES, /* (ipc_which) */
	/*
	 * To H, which the same answers as P does for tables: the other boxes.
	 */
	IPC_SHOW_PEERS,

	IPC_SHARE,     /* M>E,H  +fd to each other */
	IPC_CONNECT,   /* H>M    connect to the server */
	IPC_CONNECTED, /* M>H    (ipc_done) maybe +fd, which may not be ready */
	IPC_SHARE_BEGIN, /* E>H    all I hold follows */
	IPC_SHARE_END,	 /* E>H    that was all */
	IPC_SHARE_CALL,	 /* E>H    has changed; H>E: of another box */
	IPC_SHARE_GONE,	 /* E>H,H>E (ipc_share_gone) is over */
	IPC_SHARE_SEEN,	 /* E>H,H>E (ipc_share_seen) has had media */
	IPC_SHARE_TOOK,	 /* E>H    (ipc_share_took) answers IPC_SHARE_CALL */
	IPC_SHARE_ROLE,	 /* H>E    (ipc_share_role) who judges silence */
	IPC_NTYPES
};

/* `seq` is the sender's to choose; an answer repeats that of its question. */
struct ipc_hdr {
	uint32_t type;
	uint32_t len; /* of the whole message */
	uint64_t seq;
};

/* From IPC_LEAVER on: proxies of before a reload, with sessions to end. */
enum ipc_role {
	IPC_ENGINE,
	IPC_PROXY,
	IPC_SHARER,
	IPC_LEAVER,
	IPC_NROLES = IPC_LEAVER + 3
};

struct ipc_client {
	uint32_t role; /* enum ipc_role; replaces its predecessor */
};

struct ipc_quit {
	uint32_t keep; /* 0: close all that is open; 1: a successor follows */
};

struct ipc_yield {
	uint32_t yes; /* 0: there is none after all */
};

/*
 * Up to IPC_BATCH changes.  The ids are the sender's own names; the firewall
 * process keeps them apart from those of others and of its past.
 */
#define IPC_BATCH 64
struct ipc_commit {
	uint32_t n;
	uint32_t quiet; /* answer only if something was refused */
	/*
	 * When the kernel has seen the packet that caused this, by the clock on
	 * the wall; 0: no packet, or nothing opens.
	 */
	int64_t stamp;
	struct fw_change changes[IPC_BATCH];
};

/*
 * Packets that the kernel holds may go: number `last` and all before it.  They
 * go when the packet filter has all that was asked for before this message.
 * `since` is when each of them began to wait, by the clock on the wall.
 */
#define IPC_HELD 64
struct ipc_release {
	uint32_t n;
	uint32_t last;
	int64_t since[IPC_HELD];
};

/*
 * Bit i of `refused`: change i was not applied, for policy forbids it, it
 * makes no sense, or there was no room; `err` is PH_EDENIED, PH_EBAD or
 * PH_ELIMIT, the worst of them.  All other changes are in force.
 */
struct ipc_result {
	int32_t err; /* enum ph_err */
	uint32_t pad;
	uint64_t refused;
};

#define IPC_IDS 512
struct ipc_ids {
	uint32_t n;
	uint32_t pad;
	uint64_t ids[IPC_IDS];
};

#define IPC_COUNTS 256
struct ipc_packets {
	uint32_t n;
	uint32_t pad;
	struct ipc_count {
		uint64_t id;	  /* as in ipc_ids */
		uint64_t packets; /* since it opened, as far as known */
	} v[IPC_COUNTS];
};

struct ipc_original {
	struct fw_flow flow;
};

struct ipc_target {
	int32_t err;
	uint32_t pad;
	struct endpoint target;
};

#define IPC_PREFIXES 256
struct ipc_table {
	uint32_t index; /* of the table in the configuration */
	uint32_t op;	/* enum fw_table_op */
	uint32_t ttl_s; /* 0: for ever */
	uint32_t n;
	struct prefix prefixes[IPC_PREFIXES];
};

/*
 * The processes that the status process knows: those of enum ipc_role, which
 * feed it, and others.
 */
#define IPC_FIREWALL	   IPC_NROLES
#define IPC_MONITOR	   (IPC_NROLES + 1)
#define IPC_STATUS_PROCESS (IPC_NROLES + 2)
#define IPC_NPARTIES	   (IPC_NROLES + 3)

struct ipc_source {
	uint32_t role; /* enum ipc_role */
	uint32_t pid;
};

enum ipc_listen_kind {
	IPC_LISTEN_CONTROL,
	IPC_LISTEN_READ_ONLY,
	IPC_LISTEN_HTTP,
	IPC_LISTEN_KINDS
};

struct ipc_listen {
	uint32_t kind;
	uint32_t index; /* of several addresses for HTTP */
};

#define IPC_NAME   32
#define IPC_TABLES 128
struct ipc_about {
	int64_t started;  /* the daemon */
	int64_t loaded;	  /* this configuration */
	char backend[16]; /* "nftables" */
	char name[64];	  /* table or anchor */
	uint32_t verbose;
	uint32_t activity; /* 1: the backend tells silence, and packets */
	uint32_t pad;
	uint32_t n;
	char tables[IPC_TABLES][IPC_NAME]; /* names, by index */
};

struct ipc_health {
	uint32_t role;	 /* below IPC_NPARTIES */
	uint32_t state;	 /* enum child_state */
	uint32_t pid;	 /* 0: none */
	uint32_t deaths; /* so far, of all of this role */
	int64_t since;	 /* when this one was started */
};

enum ipc_command_kind {
	IPC_COMMAND_RELOAD,
	IPC_COMMAND_CHECK,
	IPC_COMMAND_CONFIG,
	IPC_COMMAND_LOG,
	IPC_COMMAND_KINDS
};

struct ipc_command {
	uint32_t kind;
	uint32_t value; /* IPC_COMMAND_LOG: how verbose */
};

/* PH_OK, or why not; the file of text begins at its offset 0. */
struct ipc_done {
	int32_t err;
	uint32_t n; /* IPC_CLOSE_CALL: how many pinholes */
};

#define IPC_CALL 256 /* bytes of a Call-ID */

enum ipc_call_state {
	IPC_CALL_EARLY,
	IPC_CALL_ACCEPTED,
	IPC_CALL_HELD,
	IPC_CALL_ENDED,
	IPC_CALL_STATES
};

struct ipc_feed_call {
	uint64_t owner; /* as in ipc_feed_hole */
	int64_t since;
	uint32_t state; /* enum ipc_call_state */
	uint32_t n;
	struct addr from, to; /* of its signalling */
	int64_t seen;	      /* as in ipc_feed_hole, of those that closed */
	uint64_t packets;     /* likewise, of all of them together */
	char call[IPC_CALL];
};

struct ipc_feed_hole {
	struct pinhole hole; /* its id as in events */
	uint64_t tuple;	     /* the id in IPC_FEED_SEEN */
	uint64_t owner;	     /* the call or transfer that has it */
	int64_t since;
	uint32_t reason;   /* enum reason */
	uint32_t was_open; /* not just now: no event */
	int64_t seen;	   /* when packets last went through; 0: not known */
	uint64_t packets;  /* as in ipc_count */
	uint32_t form;	   /* enum form */
	uint32_t n;
	char call[IPC_CALL];
};

struct ipc_feed_gone {
	uint64_t id; /* of the pinhole */
	int64_t ts;
	uint32_t reason;
	uint32_t pad;
};

struct ipc_feed_refusal {
	int64_t ts;
	struct addr src, dst;
	uint16_t dport;
	uint16_t said;	 /* enum event_said */
	uint32_t reason; /* enum reason */
	uint32_t n;
	char call[IPC_CALL];
};

#define IPC_NCOUNTERS 128
struct ipc_feed_counters {
	uint32_t n;
	uint32_t pad;
	struct ipc_counter {
		char name[IPC_NAME];
		uint64_t value;
		uint64_t gauge; /* 1: may go down */
	} v[IPC_NCOUNTERS];
};

#define IPC_TEXT 4096
struct ipc_feed_text {
	uint32_t pad;
	uint32_t n;
	char text[IPC_TEXT]; /* whole lines */
};

enum ipc_tell_what {
	IPC_TELL_ALL, /* calls and pinholes, and from now on each change */
	IPC_TELL_COUNTERS,
	IPC_TELL_ENOUGH, /* no more of IPC_TELL_ALL */
};

struct ipc_tell {
	uint32_t what;
	uint32_t pad;
};

/*
 * The call or pinhole that a person named: its id or 0, its owner, and a
 * Call-ID.
 */
struct ipc_which {
	uint64_t id;
	uint64_t owner;
	uint32_t pad;
	uint32_t n;
	char call[IPC_CALL];
};

/* A part of a record of a call, which is `total` bytes long. */
#define IPC_SHARE_KEY  16
#define IPC_SHARE_PART 4096
struct ipc_share_call {
	uint64_t id;		    /* E>H */
	uint8_t key[IPC_SHARE_KEY]; /* H>E */
	uint32_t total, offset;
	uint32_t names_at, names_len; /* E>H: what names it on all boxes */
	uint32_t flag; /* E>H: changed; H>E: only if there is no such call */
	uint32_t n;
	char bytes[IPC_SHARE_PART];
};

struct ipc_share_gone {
	uint64_t id;
	uint32_t reason; /* enum reason */
	uint32_t pad;
};

/* Seconds since a side was last heard; UINT32_MAX: never. */
struct ipc_share_seen {
	uint64_t id;
	uint32_t inside_s, outside_s;
};

struct ipc_share_took {
	uint8_t key[IPC_SHARE_KEY];
	uint64_t id;
	int32_t err; /* enum ph_err */
	uint32_t pad;
};

struct ipc_share_role {
	uint64_t id;
	uint32_t role; /* enum calls_role */
	uint32_t pad;
};

struct ipc_msg {
	struct ipc_hdr hdr;
	union {
		struct ipc_client client;
		struct ipc_quit quit;
		struct ipc_yield yield;
		struct ipc_commit commit;
		struct ipc_release release;
		struct ipc_result result;
		struct ipc_ids ids;
		struct ipc_packets packets;
		struct ipc_original original;
		struct ipc_target target;
		struct ipc_table table;
		struct fwcounters counters;
		struct ipc_source source;
		struct ipc_listen listen;
		struct ipc_about about;
		struct ipc_health health;
		struct ipc_command command;
		struct ipc_done done;
		struct ipc_feed_call feed_call;
		struct ipc_feed_hole feed_hole;
		struct ipc_feed_gone feed_gone;
		struct ipc_feed_refusal feed_refusal;
		struct ipc_feed_counters feed_counters;
		struct ipc_feed_text feed_text;
		struct ipc_tell tell;
		struct ipc_which which;
		struct ipc_share_call share_call;
		struct ipc_share_gone share_gone;
		struct ipc_share_seen share_seen;
		struct ipc_share_took share_took;
		struct ipc_share_role share_role;
	} u;
};

struct ipc_out;

/*
 * One end of a message socket.  Sending never blocks: what the kernel does not
 * take is queued.
 */
struct ipc {
	int fd; /* -1: none */
	bool gone;
	STAILQ_HEAD(ipc_outq, ipc_out) out;
	size_t queued; /* bytes */
	size_t max;    /* of them; 0: 64 MiB */
	bool held;     /* ipc_send() leaves a few for ipc_flush() */
	bool full;     /* the kernel has not taken what waits */
	char *rest;    /* of what was read: messages that are not taken yet */
	size_t restlen, restat;
};

/* Two connected ends, close-on-exec.  PH_EIO with errno. */
PH_NODISCARD enum ph_err ipc_pair(int fds[2]);

/* Takes `fd`, which may be -1, and makes it non-blocking. */
void ipc_init(struct ipc *c, int fd);
void ipc_move(struct ipc *to, struct ipc *from); /* leaves `from` empty */
void ipc_close(struct ipc *c);

/*
 * Send u's part that belongs to `type` (for a batch, u.commit.n elements of
 * it) and, unless -1, `fd`, which is closed here in any case.  PH_EGONE: the
 * peer is no more; PH_ELIMIT: it has not read for too long.
 */
PH_NODISCARD enum ph_err ipc_send(struct ipc *c, enum ipc_type type,
    uint64_t seq, struct ipc_msg *m, int fd);

/* Wait until writable, then flush; not for what is held. */
bool ipc_unsent(const struct ipc *c);
PH_NODISCARD enum ph_err ipc_flush(struct ipc *c);

/*
 * The next message.  PH_EAGAIN: none yet; PH_EGONE: the peer is no more;
 * PH_EMALFORMED: it was none, and is gone; PH_ENOMEM: likewise for those that
 * came with it.  *fd is the caller's, or -1.
 */
PH_NODISCARD enum ph_err ipc_recv(struct ipc *c, struct ipc_msg *m, int *fd);

/*
 * Messages that were read from the socket, which poll(2) will not announce,
 * wait for ipc_recv().
 */
bool ipc_pending(const struct ipc *c);

/* Whether `len` bytes are a well-formed message; pure. */
bool ipc_valid(const struct ipc_msg *m, size_t len);

#endif
