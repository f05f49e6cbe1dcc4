/* SPDX-License-Identifier: ISC */
#ifndef TESTS_FWPROC_PLAY_H
#define TESTS_FWPROC_PLAY_H

#include "src/base/timers.h"
#include "src/fw/process.h"
#include "src/process/ipc.h"
#include "tests/unit/unit.h"

/*
 * The firewall process in a thread of its own, whose waiting is the test's
 * turn.  Its packet filter and its queue take notes, and its clock stands
 * still.  For the functions that the linker wraps, see CMakeLists.txt.
 */
#define CLIENTS 16

extern struct fwplay {
	/* How it begins. */
	struct fw_ops ops;
	bool adopt;
	bool queued;		  /* signalling waits */
	bool no_config, no_table; /* no memory for it */
	enum ph_err open_rc, sandbox_rc;

	/* Our own addresses; `own_rc`: they cannot be had. */
	struct addr own[4];
	size_t nown, nownprotected;
	enum ph_err own_rc;

	int64_t now, until; /* until when it waits */
	const char *waits;  /* for what: see waits() */
	bool busy;	    /* the wait took no time */
	bool deaf;	    /* and is over before any socket has anything */
	bool pending;	    /* SIGTERM, once waiter_signals() lets it through */

	enum ph_err commit_rc;
	bool emptied; /* tables: say so once */
	bool pauses;  /* what the filter does next, it does in a pause */
	enum ipc_type refused; /* messages of this type are not sent: */
	enum ph_err refused_rc;
	struct packetq_state queue;

	unsigned int looks; /* for emptied tables */
	unsigned int detached;
	const struct fw_config *config; /* as it was opened with */

	struct conf *conf;
	struct ipc monitor, client[CLIENTS];
	size_t nclients;
	int queue_fd[2]; /* the far ends of its sockets */
} play;

extern struct ipc_msg msg;

/* sip, ftp and tables; 35 seconds for an engine to come. */
int play_setup(void **state);
int play_teardown(void **state);

/* Until it waits for the first time, or has ended. */
void begin(void);
/* Until it waits again, or has ended. */
void turn(void);
/* It has ended; its exit status. */
int ended(void);
bool is_over(void);
void term(void); /* SIGTERM */

/* Connect a client. */
struct ipc *client(enum ipc_role role);
void say(struct ipc *c, enum ipc_type type, uint64_t seq);
/* A change, in msg; and the same sent. */
void change(enum fw_op op, uint64_t id, uint16_t port, int64_t for_s);
void want(struct ipc *c, uint64_t id, uint16_t port, int64_t for_s);

/*
 * Each as words, since the last time: what it has called; what it has logged;
 * what it has told this client.
 */
const char *calls(void);
const char *logged(void);
const char *heard(struct ipc *c);

#define CALLS(text)    assert_string_equal(calls(), text)
#define LOGGED(text)   assert_string_equal(logged(), text)
#define HEARD(c, text) assert_string_equal(heard(c), text)
/*
 * The sockets it waits for, in the order of their roles, then the monitor's and
 * those of the queue: r to read, w also to write, - none.
 */
#define WAITS(text)    assert_string_equal(play.waits, text)

#endif
