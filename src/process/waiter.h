/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_WAITER_H
#define PROCESS_WAITER_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/process/ipc.h"

/*
 * The event loop of the monitor and of the firewall process, which have
 * nothing but message sockets, signals and a next deadline: one ppoll().
 * The engine, the proxy and the status process, which have libpcap or clients'
 * connections, use libevent.
 *
 * Signals are blocked but for waiter_wait(), so that none comes between
 * looking for it and waiting for it.  ppoll() with a descriptor ready never
 * delivers a pending signal, and one that waits always does; so only if each
 * wait finds a descriptor ready are they unblocked once more, now and then.
 */
#define WAITER_MAX 32

struct waiter {
	struct pollfd pfd[WAITER_MAX];
	struct ipc *ipc[WAITER_MAX];
	size_t n;
	unsigned int busy; /* waits that found a descriptor ready */
	bool slept;	   /* the last one took its time: little is to do */
	sigset_t blocked, unblocked;
};

/* Have `handler` called for these signals, within waiter_wait() alone. */
void waiter_init(struct waiter *w, const int *signals, size_t n,
    void (*handler)(int));

/*
 * The sockets to wait for, given anew each time; one that is closed is left
 * out.
 */
void waiter_clear(struct waiter *w);
void waiter_add(struct waiter *w, struct ipc *ipc);

/* Have the handler called now for signals that came before. */
void waiter_signals(const struct waiter *w);

/* Until something can be read or written, a signal came, or `until`. */
void waiter_wait(struct waiter *w, int64_t until);

/* Number i, as it was added: write what waits; whether there is to read. */
enum ph_err waiter_flush(const struct waiter *w, size_t i);
bool waiter_readable(const struct waiter *w, size_t i);

#endif
