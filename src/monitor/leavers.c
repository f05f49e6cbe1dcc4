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
	child_ready(c);
	if (place == NULL) {
		child_quit(c, true, now);
		return;
	}
	child_move(place, c);
	place->linked = false;
	log_info(MODULE,
	    "proxy process %ld goes on until its sessions are over",
	    (long)place->pid);
	if (n == LEAVERS && oldest != NULL)
		child_quit(oldest, true, now);
}

void
leavers_died(struct child *c, int status, int64_t now)
{
	pid_t pid = c->pid;
	char how[64];

	child_describe(how, sizeof(how), status);
	if (status == 0)
		log_info(MODULE,
		    "proxy process %ld has ended: its sessions are over",
		    (long)pid);
	else
		log_warnx(MODULE, "the leaving proxy process %ld is gone: %s",
		    (long)pid, how);
	child_died(c, now);
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
