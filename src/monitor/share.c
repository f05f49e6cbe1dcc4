/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/timers.h"
#include "src/monitor/insides.h"
#include "src/monitor/server.h"

#define MODULE "monitor"
/*
 * The share process asks for a connection again and again.  A failure is logged
 * once, until a connection succeeds or fails otherwise.
 */
static void
connect_failed(struct share_link *s, int error)
{
	if (s->told == error)
		return;
	s->told = error;
	log_warnx(MODULE, "cannot connect to the server of \"share\": %s%s",
	    strerror(error),
	    error == EAFNOSUPPORT || error == EPERM
		? "; a service of systemd needs with-ip.conf"
		: "");
}

#define ASK_MOST 20 /* in a second */

void
share_run(struct monitor *m)
{
	struct child *share = &m->cur->child[CHILD_SHARE];
	struct child *engine = &m->cur->child[CHILD_ENGINE];
	int fds[2];

	/* Before it is linked, an engine has not adopted its calls. */
	if (share->state != CHILD_READY || engine->state != CHILD_READY ||
	    !engine->linked ||
	    (share->pid == m->share.share && engine->pid == m->share.engine))
		return;
	m->share.share = share->pid;
	m->share.engine = engine->pid;
	if (ipc_pair(fds) != PH_OK) {
		log_warn(MODULE, "socketpair");
		return;
	}
	if (ipc_send(&share->ipc, IPC_SHARE, 0, &m->msg, fds[0]) != PH_OK)
		child_kill(share);
	if (ipc_send(&engine->ipc, IPC_SHARE, 0, &m->msg, fds[1]) != PH_OK)
		child_kill(engine);
}

/* While a reload is under way, there are two, and maybe two servers. */
static const struct conf_share *
share_of(const struct monitor *m, const struct child *c)
{
	if (m->next != NULL && c == &m->next->child[CHILD_SHARE])
		return &m->next->conf->share;
	if (m->old != NULL && c == &m->old->child[CHILD_SHARE])
		return &m->old->conf->share;
	return &m->cur->conf->share;
}

void
share_message(struct monitor *m, struct child *c)
{
	struct share_link *s = &m->share;
	int fd = -1;

	if (m->msg.hdr.type != IPC_CONNECT)
		return;
	if (clock_now() - s->since > USEC_PER_SEC) {
		s->since = clock_now();
		s->asked = 0;
	}
	if (s->asked++ < ASK_MOST) {
		fd = server_connect(share_of(m, c));
		if (fd == -1)
			connect_failed(s, errno);
		else
			s->told = 0;
	}
	m->msg.u.done =
	    (struct ipc_done) { .err = fd != -1 ? PH_OK : PH_EGONE };
	if (ipc_send(&c->ipc, IPC_CONNECTED, 0, &m->msg, fd) != PH_OK)
		child_kill(c);
}
