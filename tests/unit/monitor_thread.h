/* SPDX-License-Identifier: ISC */
#ifndef TESTS_MONITOR_THREAD_H
#define TESTS_MONITOR_THREAD_H

#include <signal.h>

#include "src/base/timers.h"
#include "src/monitor/insides.h"
#include "src/monitor/monitor.h"
#include "tests/unit/unit.h"

/*
 * A monitor in a thread of its own, whose waiting is the test's turn.  Its
 * children are nobody, and its clock stands still.  For the functions that the
 * linker wraps, see CMakeLists.txt.
 */
struct kid {
	enum child_role role;
	struct ipc far;
	bool alive, killed;
	bool adopt; /* what the generation said when it was started */
};

extern struct kid kids[];
extern int nkids;
extern int64_t now, until; /* until when the monitor waits */
extern bool failing;	   /* no child can be started */
extern int saves;	   /* at the end, of its calls */
extern bool saved_to_leave;
extern int queue_ready; /* this socket of the queue, once; -1: none */
extern int freed;	/* generations */
extern int waited;	/* for children that it knows */
extern bool unpaired;	/* no sockets can be made */
extern int woken;	/* the watch of the queue */
extern struct monitor_options opt;
extern char config[256]; /* what a reload reads */

#define CONFIG "protect 192.0.2.0/24\ninterface lo\n"

/* Start it with `more` behind CONFIG, and wait until it waits. */
void begin(const char *more);
/* Likewise, with all children ready and linked. */
void begin_running(const char *more);
/* It ends by itself now, with this exit status. */
void end(int want);
/* Those that are told to go do so, the firewall process last. */
void stop(bool proxy);

/* Until it waits again, some times: all that was begun is done. */
void turn(void);
void signal_sent(int sig);

/* The youngest of this role; others may be gone, or of before. */
struct kid *kid(enum child_role role);
void say(struct kid *k, enum ipc_type type);
void ready(enum child_role role);
void die(struct kid *k, int status);

/* What this child has been told, as words. */
const char *told(struct kid *k);
/* What the service manager has been told. */
const char *events(void);
/* What was logged about deaths since the last time. */
const char *deaths(void);

#define TOLD(role, want) assert_string_equal(told(kid(role)), want)
#define FW		 CHILD_FIREWALL
#define ENGINE		 CHILD_ENGINE
#define PROXY		 CHILD_PROXY
#define STATUS		 CHILD_STATUS

#endif
