/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "src/fw/config.h"

/* The lines of ftp, then those of tftp: see fwconfig_class(). */
static enum ph_err
classes_of(const struct conf *conf, struct fw_config *out)
{
	size_t n = conf->ftp.nproxy + conf->tftp.nproxy, i;
	const struct conf_proxy *line;
	struct fw_class *v;
	bool any = false;

	if (n == 0)
		return PH_OK;
	if ((v = calloc(n, sizeof(*v))) == NULL)
		return PH_ENOMEM;
	for (i = 0; i < n; i++) {
		line = i < conf->ftp.nproxy
		    ? &conf->ftp.proxy[i]
		    : &conf->tftp.proxy[i - conf->ftp.nproxy];
		v[i].tag = line->tag;
		v[i].queue = line->queue;
		any = any || line->tag != NULL || line->queue != NULL;
	}
	if (any) {
		out->classes = v;
		out->nclasses = n;
	} else
		free(v);
	return PH_OK;
}

uint16_t
fwconfig_class(const struct conf *conf, const struct conf_proxy *line)
{
	size_t i, n = conf->ftp.nproxy;

	if (line->tag == NULL && line->queue == NULL)
		return 0;
	for (i = 0; i < n && line != &conf->ftp.proxy[i]; i++)
		continue;
	if (i == n)
		i += (size_t)(line - conf->tftp.proxy);
	return (uint16_t)(i + 1);
}

/* The ports of SIP, and those of FTP or TFTP if the helper is on. */
static uint16_t *
hold_ports(const struct conf *conf, bool helper, const struct ports *ports,
    size_t *n)
{
	const struct ports *sip = &conf->sip.port;
	uint16_t *v = calloc(sip->n + ports->n + 1, sizeof(*v));

	if (v == NULL)
		return NULL;
	memcpy(v, sip->v, sip->n * sizeof(*v));
	*n = sip->n;
	if (helper && ports->n > 0) {
		memcpy(v + *n, ports->v, ports->n * sizeof(*v));
		*n += ports->n;
	}
	return v;
}

/*
 * The packets that wait in the queue: of every host whose packets the engine
 * reads.
 */
static enum ph_err
hold_of(const struct conf *conf, struct fw_hold *out)
{
	if (!conf->sip.on || !conf->sip.inline_)
		return PH_OK;
	out->on = true;
	out->queue = (uint16_t)conf->inline_.queue;
	out->hosts = conf->protect.v;
	out->nhosts = conf->protect.n;
	out->udp =
	    hold_ports(conf, conf->tftp.on, &conf->tftp.port, &out->nudp);
	out->tcp = hold_ports(conf, conf->ftp.on, &conf->ftp.port, &out->ntcp);
	return out->udp != NULL && out->tcp != NULL ? PH_OK : PH_ENOMEM;
}

enum ph_err
fwconfig_of(const struct conf *conf, struct fw_config *out)
{
	struct fw_uplink *uplinks = NULL;
	size_t i;

	memset(out, 0, sizeof(*out));
	if (conf->nuplink > 0) {
		uplinks = calloc(conf->nuplink, sizeof(*uplinks));
		if (uplinks == NULL)
			return PH_ENOMEM;
		for (i = 0; i < conf->nuplink; i++) {
			uplinks[i].ifname = conf->uplink[i].ifname;
			uplinks[i].gateway = conf->uplink[i].gateway;
		}
	}
	if (classes_of(conf, out) != PH_OK) {
		free(uplinks);
		return PH_ENOMEM;
	}
	out->name = conf->name;
	out->mark = conf->mark;
	out->states = conf->states;
	out->spare = !conf->kill;
	out->dialect = conf->dialect;
	out->if_bound = conf->if_bound;
	out->once = conf->ftp.on;
	out->calls = conf->sip.on;
	out->tables_only = !conf->sip.on && !conf->ftp.on && !conf->tftp.on;
	out->translate =
	    conf->sip.redirect || conf->ftp.nproxy > 0 || conf->tftp.nproxy > 0;
	out->log = conf->log;
	out->latch = conf->sip.latch;
	out->tag = conf->tag;
	out->queue = conf->queue;
	out->uplinks = uplinks;
	out->nuplinks = conf->nuplink;
	if (conf->sip.remote == REMOTE_LIST) {
		out->remotes = conf->sip.remotes.v;
		out->nremotes = conf->sip.remotes.n;
	}
	out->tables = (const char *const *)conf->tables.allow.v;
	out->ntables = conf->tables.allow.n;
	_Static_assert(CONF_MAX_HOOKS <= FW_HOOKS_MAX, "hooks");
	out->hooks = (const char *const *)conf->hook.v;
	out->nhooks = conf->hook.n;
	return hold_of(conf, &out->hold);
}

void
fwconfig_free(struct fw_config *c)
{
	free((void *)(uintptr_t)c->uplinks);
	free((void *)(uintptr_t)c->classes);
	free((void *)(uintptr_t)c->hold.udp);
	free((void *)(uintptr_t)c->hold.tcp);
	memset(c, 0, sizeof(*c));
}
