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
 * batch is cut after its last element).  Nothing is parsed and no text is
 * carried: the receiver checks type and length, then the values.  All share
 * one machine and one binary, so the layout is the compiler's.
 *
 * Who sends what: M monitor, E engine, P proxy, F firewall process.
 */
enum ipc_type {
	IPC_READY = 1, /* E,P,F>M  set up and unprivileged */
	IPC_FW,	       /* M>E,P    +fd to F: say everything (again) */
	IPC_CLIENT,    /* M>F      +fd to a new E or P (ipc_client) */
	IPC_QUIT,      /* M>E,P,F  finish and exit (ipc_quit) */
	IPC_LEAVE,     /* M>P      begin nothing new; IPC_READY: it goes on */
	IPC_REPORT,    /* M>E,P    log your counters */

	IPC_BEGIN,     /* E,P>F  all I hold follows */
	IPC_COMMIT,    /* E,P>F  (ipc_commit), answered by IPC_RESULT */
	IPC_SETTLE,    /* E,P>F  that was all: close what I did not name */
	IPC_RESULT,    /* F>E,P  (ipc_result), one for each IPC_COMMIT */
	IPC_SEEN_FROM, /* F>E,P  (ipc_ids) the `from` of these has sent */
	IPC_SEEN_TO,   /* F>E,P  (ipc_ids) the `to` of these has sent */
	IPC_CLOSED,    /* F>E,P  (ipc_ids) closed at their deadline */
	IPC_COUNTERS,  /* F>E    (fwcounters) since the last such message */

	IPC_ORIGINAL, /* P>F  (ipc_original) where did this client want to go */
	IPC_TARGET,   /* F>P  (ipc_target) its answer */
	IPC_TABLE,    /* P>F  (ipc_table), answered by IPC_RESULT */
	IPC_EMPTIED,  /* F>P  somebody has emptied tables: fill them again */
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
	IPC_LEAVER,
	IPC_NROLES = IPC_LEAVER + 3
};

struct ipc_client {
	uint32_t role; /* enum ipc_role; replaces its predecessor */
};

struct ipc_quit {
	uint32_t keep; /* 0: close all that is open; 1: a successor follows */
};

/*
 * Up to IPC_BATCH changes.  The ids are the sender's own names; the firewall
 * process keeps them apart from those of others and of its past.
 */
#define IPC_BATCH 64
struct ipc_commit {
	uint32_t n;
	uint32_t pad;
	struct fw_change changes[IPC_BATCH];
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

struct ipc_msg {
	struct ipc_hdr hdr;
	union {
		struct ipc_client client;
		struct ipc_quit quit;
		struct ipc_commit commit;
		struct ipc_result result;
		struct ipc_ids ids;
		struct ipc_original original;
		struct ipc_target target;
		struct ipc_table table;
		struct fwcounters counters;
	} u;
};

struct ipc_out;

/* One end.  Sending never blocks: what the kernel does not take is queued. */
struct ipc {
	int fd; /* -1: none */
	bool gone;
	STAILQ_HEAD(ipc_outq, ipc_out) out;
	size_t queued; /* bytes */
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

bool ipc_unsent(const struct ipc *c); /* wait until writable, then flush */
PH_NODISCARD enum ph_err ipc_flush(struct ipc *c);

/*
 * The next message.  PH_EAGAIN: none yet; PH_EGONE: the peer is no more;
 * PH_EMALFORMED: it was none, and is gone.  *fd is the caller's, or -1.
 */
PH_NODISCARD enum ph_err ipc_recv(struct ipc *c, struct ipc_msg *m, int *fd);

/* Whether `len` bytes are a well-formed message; pure. */
bool ipc_valid(const struct ipc_msg *m, size_t len);

#endif
