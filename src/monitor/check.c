/* SPDX-License-Identifier: ISC */
#include <net/if.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/packetq.h"
#include "src/compat/sandbox.h"
#include "src/engine/hep_key.h"
#include "src/engine/ports.h"
#include "src/fw/config.h"
#include "src/fw/fw.h"
#include "src/monitor/check.h"
#include "src/monitor/generation.h"
#include "src/monitor/server.h"
#include "src/monitor/statefile.h"
#include "src/process/iface.h"
#include "src/process/listen.h"
#include "src/process/unixsock.h"
#include "src/proxy/keyfile.h"
#include "src/share/process.h"

struct check {
	const struct conf *conf;
	bool privileged;
	bool failed;
	pid_t running; /* the pinholed that a start would replace; 0: none */
	char unseen_text[256];
	struct strbuf unseen; /* what takes more privilege */
};

/* One line for each line of `text`, which `place` stands before. */
static void
check_say(const char *place, const char *text)
{
	size_t len;

	for (; *text != '\0'; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		fprintf(stderr, "%s%.*s\n",
		    *place != '\0' ? place : "pinholed: ", (int)len, text);
	}
}

static void
check_fail(struct check *c, const char *place, const char *text)
{
	check_say(place, text);
	c->failed = true;
}

static void
not_seen(struct check *c, const char *what)
{
	if (c->unseen.len > 0)
		strbuf_str(&c->unseen, ", ");
	strbuf_str(&c->unseen, what);
}

bool
check_interfaces(const struct conf *conf)
{
	char text[128];
	bool ok = true;
	size_t i;

	for (i = 0; i < conf->interface.n; i++) {
		if (if_nametoindex(conf->interface.v[i]) != 0)
			continue;
		snprintf(text, sizeof(text), "no such interface: %s",
		    conf->interface.v[i]);
		check_say(conf_interface_at(conf, i), text);
		ok = false;
	}
	return ok;
}

static void
check_user(struct check *c)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	const struct conf *conf = c->conf;
	struct sandbox s;

	if (sandbox_user(&s, conf->user, conf->user_set, &why) != PH_OK)
		check_fail(c, conf->user_at, text);
	else if (strcmp(s.user, conf->user) != 0) {
		strbuf_fmt(&why, "no user %s; it would run as %s", conf->user,
		    s.user);
		check_say(conf->user_at, text);
	}
}

/* A file that this user may not read may be all right. */
static bool
is_hidden(const char *path)
{
	return geteuid() != 0 && access(path, R_OK) == -1 && errno == EACCES;
}

static void
check_keys(struct check *c)
{
	struct conf_tables one = c->conf->tables;
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct keyfiles keys;
	size_t i;

	one.nkey = 0;
	if (keyfiles_read(&keys, &one, &why) != PH_OK) {
		fprintf(stderr, "%s\n", text);
		c->failed = true;
		return;
	}
	keyfiles_wipe(&keys);
	one.nkey = 1;
	for (i = 0; c->conf->tables.on && i < c->conf->tables.nkey; i++) {
		one.key = &c->conf->tables.key[i];
		if (is_hidden(one.key->path)) {
			not_seen(c, one.key->path);
			continue;
		}
		strbuf_reset(&why);
		/* `text` begins with its place in the configuration. */
		if (keyfiles_read(&keys, &one, &why) != PH_OK) {
			fprintf(stderr, "%s\n", text);
			c->failed = true;
		}
		keyfiles_wipe(&keys);
	}
}

static void
check_filter(struct check *c)
{
	const struct fw_ops *ops = fw_lookup(c->conf->firewall);
	char text[2048];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct iface own;
	struct fw_config fc;

	if (ops->caps & FW_CAP_OFFLINE)
		return;
	if (!c->privileged) {
		not_seen(c, "the packet filter");
		return;
	}
	if (iface_own(&own, c->conf, &why) != PH_OK) {
		check_fail(c, "", text);
		return;
	}
	if (fwconfig_of(c->conf, &fc) != PH_OK) {
		check_fail(c, "", "out of memory");
		return;
	}
	fc.local = own.nownprotected > 0;
	if (ops->check(&fc, &why) != PH_OK)
		check_fail(c, c->conf->firewall_at,
		    why.len > 0 ? text : "the packet filter cannot be asked");
	else
		check_say("", text);
	fwconfig_free(&fc);
}

static void
check_capture(struct check *c)
{
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));

	if (!c->privileged)
		not_seen(c, "the captures");
	if (engine_capture_try(c->conf, c->privileged, &why) == PH_OK) {
		check_say("", text);
		return;
	}
	fprintf(stderr, "%s\n", text);
	c->failed = true;
}

static void
check_hep_key(struct check *c)
{
	const struct conf_hep *hep = &c->conf->hep;
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct hep_key key;

	if (hep->key != NULL && is_hidden(hep->key)) {
		not_seen(c, hep->key);
		return;
	}
	if (hep_key_read(&key, hep, &why) == PH_OK)
		return;
	/* `text` begins with its place in the configuration. */
	fprintf(stderr, "%s\n", text);
	c->failed = true;
}

static bool
has_hidden(const struct conf_share *c)
{
	const char *const files[] = { c->key, c->password, c->tls.ca,
		c->tls.certificate, c->tls.key };
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (files[i] != NULL && is_hidden(files[i]))
			return true;
	return false;
}

/* Calls do not depend on the server: a warning. */
static void
check_server(struct check *c, const struct secrets *secrets, struct tls *tls)
{
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));

	strbuf_str(&why, "warning: no server: ");
	if (!server_try(c->conf, secrets, tls, &why))
		check_say(c->conf->share.at, text);
}

static void
check_share(struct check *c)
{
	const struct conf_share *share = &c->conf->share;
	struct secrets secrets = { .keylen = 0 };
	struct tls *tls = NULL;
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));

	if (!share->on)
		return;
	if (conf_share_keyless(share))
		check_say(share->at, GENERATION_KEYLESS);
	if (share_possible(share, &why) && has_hidden(share)) {
		not_seen(c, "the secrets of \"share\", and its server");
		return;
	}
	if (why.len > 0 || secrets_read(&secrets, share, &why) != PH_OK ||
	    (share->tls.on && tls_new(&tls, share, &why) != PH_OK)) {
		fprintf(stderr, "%s\n", text);
		c->failed = true;
	} else
		check_server(c, &secrets, tls);
	tls_free(tls);
	secrets_wipe(&secrets);
}

static void
on_listener(void *ctx, const struct listener *l, int error)
{
	struct check *c = ctx;
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));

	if (error == EACCES && geteuid() != 0) {
		not_seen(c, "ports below 1024");
		return;
	}
	/* Only root may listen on an address that this host does not have. */
	if (error == EADDRNOTAVAIL && !c->privileged &&
	    l->kind != LISTEN_TABLES)
		return;
	/* The running pinholed has the port, and will be replaced. */
	if (error == EADDRINUSE && c->running != 0)
		return;
	listener_explain(l, error, &why);
	fprintf(stderr, "%s\n", text);
	c->failed = true;
}

static void
check_listeners(struct check *c)
{
	char text[2048];
	struct strbuf b = strbuf_of(text, sizeof(text));

	listeners_try(c->conf, on_listener, c);
	listeners_foreign(c->conf, &b);
	fputs(text, stderr);
}

/* The running pinholed has the queue, and a start would take its place. */
static void
check_queue(struct check *c)
{
	const struct conf *conf = c->conf;
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));

	if (!conf->sip.on || !conf->sip.inline_ || !c->privileged ||
	    (fw_lookup(conf->firewall)->caps & FW_CAP_HOLD) == 0 ||
	    c->running != 0 || packetq_try(conf->inline_.queue, &why) == PH_OK)
		return;
	check_fail(c, conf->sip.inline_at, text);
}

/* The running pinholed has the state file; a start would take it over. */
static void
check_state(struct check *c)
{
	char text[PATH_MAX + 64];
	struct strbuf why = strbuf_of(text, sizeof(text));
	pid_t holder;

	if (c->conf->state == NULL)
		return;
	/* A dry run has none, and who is not root is told nothing of it. */
	if (geteuid() == 0 &&
	    (fw_lookup(c->conf->firewall)->caps & FW_CAP_OFFLINE) == 0 &&
	    state_try(c->conf->state, &why) != PH_OK)
		check_fail(c, "", text);
	if (c->running != 0 || (holder = state_holder(c->conf->state)) == 0)
		return;
	snprintf(text, sizeof(text), "%s belongs to process %ld",
	    c->conf->state, (long)holder);
	check_fail(c, "", text);
}

/* The running pinholed has it; calls do not depend on it: a warning. */
static void
check_control(const struct check *c)
{
	char text[PATH_MAX + 64];
	struct strbuf why = strbuf_of(text, sizeof(text));

	/* Others than root cannot know which process runs, nor of a dry run. */
	if (c->conf->control == NULL || c->running != 0 || geteuid() != 0 ||
	    (fw_lookup(c->conf->firewall)->caps & FW_CAP_OFFLINE) != 0)
		return;
	strbuf_str(&why, "warning: no control socket: ");
	if (unixsock_try(c->conf->control, &why) != PH_OK)
		check_say("", text);
}

bool
check_start(const struct conf *conf, bool inherited)
{
	struct check c = { .conf = conf };
	char text[256];
	struct strbuf b = strbuf_of(text, sizeof(text));

	c.unseen = strbuf_of(c.unseen_text, sizeof(c.unseen_text));
	sandbox_missing((fw_lookup(conf->firewall)->caps & FW_CAP_OFFLINE) == 0,
	    &b);
	c.privileged = b.len == 0;
	strbuf_reset(&b);
	c.running = generation_holder(conf);
	check_user(&c);
	check_keys(&c);
	check_hep_key(&c);
	check_share(&c);
	check_state(&c);
	check_control(&c);
	check_filter(&c);
	check_queue(&c);
	if (check_interfaces(conf))
		check_capture(&c);
	else
		c.failed = true;
	if (!inherited)
		check_listeners(&c);
	if (c.unseen.len > 0) {
		strbuf_fmt(&b, "without privilege, not looked at: %s",
		    c.unseen_text);
		check_say("", text);
	}
	return !c.failed;
}
