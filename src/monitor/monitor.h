/* SPDX-License-Identifier: ISC */
#ifndef MONITOR_H
#define MONITOR_H

#include <stdbool.h>
#include <stdio.h>

#include "src/base/err.h"
#include "src/conf/conf.h"
#include "src/engine/process.h"
#include "src/fw/fw.h"
#include "src/proxy/process.h"
#include "src/status/process.h"

/*
 * The monitor: the one process that stays root.
 *
 * It starts the firewall process and the engine, connects them, replaces
 * whichever dies, and on SIGHUP replaces both by successors with the new
 * configuration, so that no packet and no call is lost.  It keeps what must
 * outlive them: the journal, the control sockets, the lock.  It parses nothing
 * that came from the network and nothing that another process wrote.  What
 * somebody asks of it by the control socket comes from the status process as a
 * number.
 */
struct monitor_options {
	bool foreground;
	int verbose;
	enum events_format format;
	const char *pidfile; /* NULL: none in the foreground */

	/*
	 * Started for what has arrived at these sockets: not a daemon, and
	 * it ends when there is nothing left to do.  NULL: none.
	 */
	const struct listeners *inherited;

	/* Read the configuration again; errors are written to `errors`. */
	PH_NODISCARD enum ph_err (
	    *load)(void *ctx, struct conf **out, FILE *errors);
	void *ctx;

	/* The processes; tests have their own. */
	int (*engine)(const struct engine_args *args);
	int (*proxy)(const struct proxy_args *args);
	int (*status)(const struct status_args *args); /* NULL: none */
};

/* Takes `conf`.  Returns the exit status: 0, or 2. */
int monitor_main(struct conf *conf, const struct monitor_options *opt);

#endif
