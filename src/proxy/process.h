/* SPDX-License-Identifier: ISC */
#ifndef PROXY_PROCESS_H
#define PROXY_PROCESS_H

#include <stdbool.h>

#include "src/compat/sandbox.h"
#include "src/conf/conf.h"
#include "src/process/events.h"
#include "src/process/listen.h"

/*
 * The proxy process: FTP, TFTP and remote table updates.  Its sockets come
 * from the monitor, pinholes and tables from the firewall process.
 *
 *  1. As root: read the keys of tables and our own addresses.  Then
 *     sandbox_enter(); IPC_READY to the monitor.  No service starts yet: a
 *     predecessor may still write the journal.
 *  2. IPC_FW passes a socket of the firewall process: start the services.
 *  3. The firewall process is gone: sessions go on, new pinholes wait for
 *     the next IPC_FW.  Then its successor is told of all that is open.
 *  4. IPC_QUIT: close what is open, with events, and return 0.
 *  5. The monitor is gone: carry on.  From now on SIGTERM means IPC_QUIT;
 *     when the firewall process goes as well, return 2.
 */
struct proxy_args {
	const struct conf *conf;
	enum events_format format;
	int verbose;
	bool foreground; /* events to stdout; else to syslog */
	const struct sandbox *sandbox;
	int monitor_fd;	    /* see src/process/ipc.h */
	int journal_fds[2]; /* of table entries; see src/process/checkpoint.h */
	uint64_t journal_limit;
	bool first_run; /* an empty journal is then to be expected */
	const struct listeners *listeners;
	uint32_t number; /* of proxy processes before; for unique ids */
	bool until_idle; /* return 0 after 5 s with nothing open */
};

/* Returns the exit status of the process. */
int proxy_main(const struct proxy_args *args);

#endif
