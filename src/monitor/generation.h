/* SPDX-License-Identifier: ISC */
#ifndef MONITOR_GENERATION_H
#define MONITOR_GENERATION_H

#include <stdbool.h>

#include "src/compat/packetq.h"
#include "src/compat/sandbox.h"
#include "src/conf/conf.h"
#include "src/fw/fw.h"
#include "src/process/child.h"
#include "src/process/listen.h"

#define OWNER_MAX 128

/* The warning where conf_share_keyless(). */
#define GENERATION_KEYLESS                                                     \
	"warning: \"share\" has no \"key\": whoever can write to the server "  \
	"can open what this configuration permits, and end calls"

/*
 * One configuration and everything made for it: the user to become, the
 * packet filter, the sockets, the children.  A reload makes the next
 * generation beside the current one; when all of its processes are ready, it
 * becomes the current one.
 */
struct generation {
	struct conf *conf; /* owned */
	const struct fw_ops *ops;
	struct sandbox sandbox;
	struct child child[CHILD_NROLES];
	struct listeners listeners; /* of the proxy process */
	struct listeners http;	    /* of the status process */
	struct listeners hep;	    /* of the engine process */
	struct packetq queue;	    /* of signalling that waits */
	int control_fd[2];	    /* -1: none; the second is read-only */
	int state_fd;	       /* lock of the state file; -1: none is kept */
	int lock_fd;	       /* -1: a backend that touches nothing */
	char owner[OWNER_MAX]; /* which packet filter in which network stack */
	bool adopt; /* the firewall process adopts what the filter has */
};

/*
 * Takes `conf` in any case.  With `before`, what has not changed is shared
 * with it; the first may have `inherited` sockets, which become its own.
 * NULL with a sentence; advice about the packet filter is logged.
 */
struct generation *generation_new(struct conf *conf,
    const struct generation *before, const struct listeners *inherited,
    struct strbuf *why);

/* The pid of the monitor that runs for this packet filter; 0: none. */
pid_t generation_holder(const struct conf *conf);

/* With `after`, what it shares is kept.  The children must be gone. */
void generation_free(struct generation *g, const struct generation *after);

#endif
