/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/compat/process.h"
#include "src/fw/config.h"
#include "src/monitor/generation.h"
#include "src/monitor/statefile.h"
#include "src/process/iface.h"
#include "src/process/lock.h"
#include "src/process/unixsock.h"
#include "src/share/process.h"
#include "src/status/process.h"
#include "src/version.h"

#define MODULE	     "monitor"
#define ORPHAN_TRIES 500 /* of 10 ms */
#define QUEUE_TRIES  50	 /* likewise */

/* "nftables-pinholed-1": also the name of the lock. */
static void
name_owner(char *owner, size_t size, const struct conf *conf)
{
	char *p;

	snprintf(owner, size, "%s-%s-%" PRIx64, conf->firewall, conf->name,
	    process_network());
	/* A pf anchor may be below another. */
	for (p = owner; *p != '\0'; p++)
		if (*p == '/')
			*p = '_';
}

static void
name_lock(char path[PATH_MAX], const char *owner)
{
	snprintf(path, PATH_MAX, "%s/%s.lock", PINHOLED_RUNDIR, owner);
}

pid_t
generation_holder(const struct conf *conf)
{
	char owner[OWNER_MAX], path[PATH_MAX];

	name_owner(owner, sizeof(owner), conf);
	name_lock(path, owner);
	return lock_holder(path);
}

/*
 * The children of a monitor that was killed carry on without it.  They end
 * here, without touching the packet filter: what they opened is adopted or
 * removed like anything else that an earlier run left.
 */
static enum ph_err
end_orphans(const struct generation *g, struct strbuf *why)
{
	pid_t pid, last = 0;
	int tries;

	for (tries = 0; (pid = lock_orphan(g->lock_fd)) != 0; tries++) {
		if (pid == -1 || tries == ORPHAN_TRIES) {
			strbuf_fmt(why,
			    "process %ld of an earlier run does not end",
			    (long)pid);
			return PH_EEXIST;
		}
		if (pid != last)
			log_warnx(MODULE,
			    "taking over from process %ld, which has lost "
			    "its monitor",
			    (long)pid);
		last = pid;
		child_kill_as(pid, g->sandbox.uid);
		usleep(10000);
	}
	return PH_OK;
}

static enum ph_err
take_lock(struct generation *g, const struct generation *before,
    struct strbuf *why)
{
	char path[PATH_MAX];
	enum ph_err rc;
	pid_t holder;

	if (g->ops->caps & FW_CAP_OFFLINE)
		return PH_OK;
	if (before != NULL && strcmp(before->owner, g->owner) == 0) {
		g->lock_fd = before->lock_fd;
		return PH_OK;
	}
	if (mkdir(PINHOLED_RUNDIR, 0755) == -1 && errno != EEXIST) {
		strbuf_fmt(why, "%s: %s", PINHOLED_RUNDIR, strerror(errno));
		return PH_EIO;
	}
	name_lock(path, g->owner);
	rc = lock_take(path, &g->lock_fd, &holder, why);
	if (rc == PH_EEXIST)
		strbuf_fmt(why,
		    "already running as process %ld (for %s \"%s\")",
		    (long)holder, g->ops->name, g->conf->name);
	if (rc == PH_OK)
		rc = end_orphans(g, why);
	return rc;
}

/* Neither a dry run nor -T keeps a state file. */
static enum ph_err
take_state(struct generation *g, const struct generation *before,
    struct strbuf *why)
{
	char *path = g->conf->state;
	enum ph_err rc;
	pid_t holder;

	if (path != NULL && (g->ops->caps & FW_CAP_OFFLINE) != 0) {
		free(path);
		g->conf->state = path = NULL;
	}
	if (path == NULL)
		return PH_OK;
	if (before != NULL && before->state_fd != -1 &&
	    strcmp(before->conf->state, path) == 0) {
		g->state_fd = before->state_fd;
		return PH_OK;
	}
	rc = state_lock(path, &g->state_fd, &holder, why);
	if (rc == PH_EEXIST)
		strbuf_fmt(why,
		    "%s belongs to process %ld; give each its own, as in: "
		    "state \"%s.2\"",
		    path, (long)holder, path);
	return rc;
}

/* Log what the backend has to say about the ruleset. */
static enum ph_err
ask_filter(const struct generation *g, const struct generation *before,
    struct strbuf *why)
{
	char text[2048];
	struct strbuf advice = strbuf_of(text, sizeof(text));
	struct iface iface;
	struct fw_config fc;
	enum ph_err rc;

	if ((rc = iface_own(&iface, g->conf, why)) != PH_OK)
		return rc;
	if ((rc = fwconfig_of(g->conf, &fc)) != PH_OK) {
		strbuf_str(why, "out of memory");
		return rc;
	}
	fc.local = iface.nownprotected > 0;
	/*
	 * To see whether a ruleset would do, nftables puts chains in place and
	 * takes them away, and the kernel then drops what waits.
	 */
	if (before != NULL)
		packetq_pause(&before->queue);
	rc = g->ops->check(&fc, &advice);
	if (before != NULL)
		packetq_resume(&before->queue);
	fwconfig_free(&fc);
	if (rc != PH_OK)
		strbuf_fmt(why, "%s%s: %s", g->conf->firewall_at, g->ops->name,
		    text);
	else
		log_lines(g->ops->name, text);
	return rc;
}

static enum ph_err
generation_become(struct generation *g, struct strbuf *why)
{
	const struct conf *conf = g->conf;
	char text[256];
	struct strbuf no_user = strbuf_of(text, sizeof(text));
	enum ph_err rc;

	rc = sandbox_user(&g->sandbox, conf->user, conf->user_set, &no_user);
	if (rc != PH_OK) {
		strbuf_fmt(why, "%s%s", conf->user_at, text);
		return rc;
	}
	if (strcmp(g->sandbox.user, conf->user) != 0)
		log_warnx(MODULE, "no user %s; running as %s", conf->user,
		    g->sandbox.user);
	return sandbox_prepare(&g->sandbox, conf->user, conf->user_set,
	    PINHOLED_RUNDIR, why);
}

/* Log what is followed, so that a mistake in the configuration shows. */
static void
generation_announce(const struct conf *conf)
{
	char text[2048];
	struct strbuf b = strbuf_of(text, sizeof(text));

	listeners_foreign(conf, &b);
	log_lines(MODULE, text);
	strbuf_reset(&b);
	conf_following(conf, &b);
	log_info(MODULE, "following: %s", text);
	if (conf_share_keyless(&conf->share))
		log_warnx(MODULE, "%s%s", conf->share.at, GENERATION_KEYLESS);
}

/* "PATH", or "PATH.ro". */
static void
name_control(char path[PATH_MAX], const struct conf *conf, bool read_only)
{
	snprintf(path, PATH_MAX, "%s%s", conf->control, read_only ? ".ro" : "");
}

/*
 * Calls do not depend on the control socket: if it fails, go on.  The group is
 * that of the configured user; without that user, it stays root's.
 */
static void
open_control(struct generation *g, const struct generation *before,
    bool read_only)
{
	bool ours = strcmp(g->sandbox.user, g->conf->user) == 0;
	mode_t mode = read_only ? 0666 : ours ? 0660 : 0600;
	char path[PATH_MAX], text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));

	if (g->conf->control == NULL)
		return;
	name_control(path, g->conf, read_only);
	if (before != NULL && before->control_fd[read_only] != -1 &&
	    strcmp(before->conf->control, g->conf->control) == 0)
		g->control_fd[read_only] = before->control_fd[read_only];
	else if (unixsock_listen(path, mode,
		     ours && !read_only ? g->sandbox.gid : (gid_t)-1,
		     &g->control_fd[read_only], &why) != PH_OK)
		log_warnx(MODULE, "no control socket: %s", text);
}

static void
close_control(struct generation *g, const struct generation *after)
{
	char path[PATH_MAX];
	int i;

	for (i = 0; i < 2; i++) {
		if (g->control_fd[i] == -1 ||
		    (after != NULL && after->control_fd[i] == g->control_fd[i]))
			continue;
		name_control(path, g->conf, i == 1);
		(void)unlink(path);
		close(g->control_fd[i]);
	}
}

/*
 * The packets that wait are lost with the socket, so a reload keeps it.  What
 * fills the queue is a rule of nftables: without it, there is nothing to hold.
 */
static enum ph_err
open_queue(struct generation *g, const struct generation *before,
    struct strbuf *why)
{
	const struct conf_inline *c = &g->conf->inline_;
	char text[256];
	struct strbuf b = strbuf_of(text, sizeof(text));
	enum ph_err rc;
	int tries;

	if (!g->conf->sip.on || !g->conf->sip.inline_ ||
	    (g->ops->caps & FW_CAP_HOLD) == 0)
		return PH_OK;
	if (before != NULL && before->queue.fd != -1 &&
	    before->queue.number == c->queue) {
		g->queue = before->queue;
		g->queue.open = c->open;
		packetq_resume(&g->queue);
		return PH_OK;
	}
	/* The kernel takes a moment to forget an orphan's: see end_orphans().
	 */
	for (tries = 0; (rc = packetq_open(&g->queue, c->queue, c->open, &b)) ==
		 PH_EEXIST &&
	     tries < QUEUE_TRIES;
	     tries++) {
		strbuf_reset(&b);
		usleep(10000);
	}
	if (rc != PH_OK)
		strbuf_fmt(why, "%s%s", g->conf->sip.inline_at, text);
	return rc;
}

static void
close_queue(struct generation *g, const struct generation *after)
{
	if (after == NULL || after->queue.fd != g->queue.fd)
		packetq_close(&g->queue);
}

struct generation *
generation_new(struct conf *conf, const struct generation *before,
    const struct listeners *inherited, struct strbuf *why)
{
	struct generation *g;
	int i;

	if ((g = calloc(1, sizeof(*g))) == NULL) {
		strbuf_str(why, "out of memory");
		conf_free(conf);
		return NULL;
	}
	g->conf = conf;
	g->ops = fw_lookup(conf->firewall);
	g->control_fd[0] = g->control_fd[1] = -1;
	g->lock_fd = g->state_fd = -1;
	packetq_init(&g->queue);
	for (i = 0; i < CHILD_NROLES; i++)
		child_init(&g->child[i], (enum child_role)i);
	name_owner(g->owner, sizeof(g->owner), conf);
	if ((conf->share.on && !share_possible(&conf->share, why)) ||
	    generation_become(g, why) != PH_OK ||
	    take_lock(g, before, why) != PH_OK ||
	    take_state(g, before, why) != PH_OK ||
	    ask_filter(g, before, why) != PH_OK ||
	    listeners_open(&g->listeners, conf, LISTEN_FOR_PROXY,
		before != NULL ? &before->listeners : inherited,
		why) != PH_OK ||
	    listeners_open(&g->http, conf, LISTEN_FOR_STATUS,
		before != NULL ? &before->http : NULL, why) != PH_OK ||
	    listeners_open(&g->hep, conf, LISTEN_FOR_ENGINE,
		before != NULL ? &before->hep : NULL, why) != PH_OK ||
	    open_queue(g, before, why) != PH_OK) {
		generation_free(g, before);
		return NULL;
	}
	generation_announce(conf);
	g->child[CHILD_FIREWALL].wanted = g->child[CHILD_ENGINE].wanted = true;
	g->child[CHILD_PROXY].wanted = g->listeners.n > 0;
	g->child[CHILD_SHARE].wanted = conf->share.on && inherited == NULL;
	g->adopt = before != NULL && strcmp(before->owner, g->owner) == 0;
	/*
	 * Without a status process nobody would accept connections from the
	 * control sockets.
	 */
	if (status_process != NULL && inherited == NULL) {
		open_control(g, before, false);
		open_control(g, before, true);
	}
	return g;
}

void
generation_free(struct generation *g, const struct generation *after)
{
	int i;

	if (g == NULL)
		return;
	for (i = 0; i < CHILD_NROLES; i++)
		ipc_close(&g->child[i].ipc);
	close_control(g, after);
	listeners_close(&g->listeners,
	    after != NULL ? &after->listeners : NULL);
	listeners_close(&g->http, after != NULL ? &after->http : NULL);
	listeners_close(&g->hep, after != NULL ? &after->hep : NULL);
	close_queue(g, after);
	if (g->state_fd != -1 &&
	    (after == NULL || after->state_fd != g->state_fd))
		close(g->state_fd);
	if (g->lock_fd != -1 && (after == NULL || after->lock_fd != g->lock_fd))
		close(g->lock_fd);
	conf_free(g->conf);
	free(g);
}
