/* SPDX-License-Identifier: ISC */
#ifndef MONITOR_DAEMON_H
#define MONITOR_DAEMON_H

#include <stdbool.h>

/* What makes a process a daemon: the background, and a file with its id. */
struct daemon {
	int pidfile_fd; /* -1: none; it is locked */
	const char *pidfile;
	int parent_fd; /* -1: no parent waits for us at a terminal */
};

void daemon_init(struct daemon *d);

/*
 * Go into the background.  The parent waits for daemon_tell_parent(), or for
 * our end, and says by its exit status which it was.
 */
void daemon_detach(struct daemon *d);
void daemon_tell_parent(struct daemon *d);

/*
 * `path` is borrowed; NULL: no file.  False, with a log line: another process
 * has it, or it cannot be made.
 */
bool daemon_write_pidfile(struct daemon *d, const char *path);
void daemon_remove_pidfile(struct daemon *d);

/* Close all descriptors; also for a child, which is no daemon. */
void daemon_close(struct daemon *d);

#endif
