/* SPDX-License-Identifier: ISC */
#include <sys/types.h>

#include "src/base/log.h"
#include "src/monitor/leavers.h"

#define MODULE "monitor"

void
leavers_init(struct leavers *l)
{
	int i;

	for (i = 0; i < LEAVERS; i++)
		child_init(&l->v[i], CHILD_PROXY);
}

void
leavers_close(struct leavers *l)
{
	int i;

	for (i = 0; i < LEAVERS; i++)
		ipc_close(&l->v[i].ipc);
}

void
leavers_take(struct leavers *l, struct child *c, int64_t now)
{
	struct child *place = NULL, *oldest = NULL;
	int i, n = 1;

	for (i = 0; i < LEAVERS; i++) {
		n += l->v[i].state != CHILD_NONE;
		if (l->v[i].state == CHILD_NONE)
			place = &l->v[i];
		else if (l->v[i].state == CHILD_READY &&
		    (oldest == NULL || l->v[i].since < oldest->since))
			oldest = &l->v[i];
	}
	c->state = CHILD_READY;
	if (place == NULL) {
		child_quit(c, true, now);
		return;
	}
	child_move(place, c);
	place->linked = false;
	log_info(MODULE, "process %ld serves the sessions of before to the end",
	    (long)place->pid);
	if (n == LEAVERS && oldest != NULL)
		child_quit(oldest, true, now);
}

bool
leavers_died(struct leavers *l, pid_t pid, int status, int64_t now)
{
	char how[64];
	int i;

	for (i = 0; i < LEAVERS && l->v[i].pid != pid; i++)
		continue;
	if (i == LEAVERS)
		return false;
	child_describe(how, sizeof(how), status);
	if (status == 0)
		log_info(MODULE, "process %ld has ended its sessions",
		    (long)pid);
	else
		log_warnx(MODULE, "the leaving proxy process %ld is gone: %s",
		    (long)pid, how);
	child_died(&l->v[i], now);
	return true;
}

void
leavers_unlink(struct leavers *l)
{
	int i;

	for (i = 0; i < LEAVERS; i++)
		l->v[i].linked = false;
}

bool
leavers_quit(struct leavers *l, int64_t now)
{
	bool gone = true;
	int i;

	for (i = 0; i < LEAVERS; i++) {
		child_quit(&l->v[i], false, now);
		gone = gone && l->v[i].state == CHILD_NONE;
	}
	return gone;
}

void
leavers_run_out(struct leavers *l, int64_t now)
{
	int i;

	for (i = 0; i < LEAVERS; i++)
		(void)child_run_out(&l->v[i], now);
}

int64_t
leavers_patience(const struct leavers *l)
{
	int64_t at = INT64_MAX;
	int i;

	for (i = 0; i < LEAVERS; i++)
		if (l->v[i].state == CHILD_QUITTING && l->v[i].patience < at)
			at = l->v[i].patience;
	return at;
}
