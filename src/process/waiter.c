/* SPDX-License-Identifier: ISC */
#include <string.h>
#include <time.h>

#include "src/base/clock.h"
#include "src/base/timers.h"
#include "src/process/waiter.h"

#define LONGEST	 (3600 * USEC_PER_SEC)
#define BUSY_MAX 32
#define AT_ONCE	 50 /* microseconds */

void
waiter_init(struct waiter *w, const int *signals, size_t n,
    void (*handler)(int))
{
	struct sigaction sa;
	sigset_t set;
	size_t i;

	memset(w, 0, sizeof(*w));
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = handler;
	sigemptyset(&set);
	for (i = 0; i < n; i++) {
		sigaddset(&set, signals[i]);
		sigaction(signals[i], &sa, NULL);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, NULL, &w->blocked);
	w->unblocked = w->blocked;
	for (i = 0; i < n; i++)
		sigdelset(&w->unblocked, signals[i]);
}

void
waiter_clear(struct waiter *w)
{
	w->n = 0;
}

void
waiter_add(struct waiter *w, struct ipc *ipc)
{
	struct pollfd *p = &w->pfd[w->n];

	w->ipc[w->n++] = ipc;
	p->fd = ipc->fd;
	p->events = POLLIN;
	p->revents = 0;
	if (ipc_unsent(ipc))
		p->events |= POLLOUT;
}

void
waiter_signals(const struct waiter *w)
{
	sigprocmask(SIG_SETMASK, &w->unblocked, NULL);
	sigprocmask(SIG_SETMASK, &w->blocked, NULL);
}

void
waiter_wait(struct waiter *w, int64_t until)
{
	int64_t now = clock_now(), wait = until > now ? until - now : 0;
	struct timespec ts;
	int ready;

	if (until == INT64_MAX || wait > LONGEST)
		wait = LONGEST;
	ts.tv_sec = (time_t)(wait / USEC_PER_SEC);
	ts.tv_nsec = (long)(wait % USEC_PER_SEC) * 1000;
	/* If it fails, nothing is ready: waiter_add() has cleared revents. */
	ready = ppoll(w->pfd, (nfds_t)w->n, &ts, &w->unblocked);
	w->slept = clock_now() - now >= AT_ONCE;
	if (ready > 0 && ++w->busy % BUSY_MAX == 0)
		waiter_signals(w);
}

enum ph_err
waiter_flush(const struct waiter *w, size_t i)
{
	return w->pfd[i].revents & POLLOUT ? ipc_flush(w->ipc[i]) : PH_OK;
}

bool
waiter_readable(const struct waiter *w, size_t i)
{
	return (w->pfd[i].revents & ~POLLOUT) != 0;
}
