/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/conf/conf.h"

void
strings_free(struct strings *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	memset(s, 0, sizeof(*s));
}

void
conf_proxy_clear(struct conf_proxy *x)
{
	free(x->tag);
	free(x->queue);
	free(x->at);
	x->tag = x->queue = x->at = NULL;
}

static void
share_clear(struct conf_share *c)
{
	free(c->at);
	free(c->path);
	free(c->group);
	free(c->name);
	free(c->password);
	free(c->password_at);
	free(c->key);
	free(c->key_at);
	free(c->tls.at);
	free(c->tls.ca);
	free(c->tls.ca_at);
	free(c->tls.certificate);
	free(c->tls.certificate_at);
	free(c->tls.key);
	free(c->tls.key_at);
	free(c->tls.name);
}

void
conf_free(struct conf *c)
{
	size_t i;

	if (c == NULL)
		return;
	strings_free(&c->interface);
	strings_free(&c->interface_at);
	free(c->protect.v);
	free(c->protect_at);
	free(c->sip.port.v);
	free(c->sip.server.v);
	free(c->sip.media.v);
	free(c->sip.remotes.v);
	free(c->sip.symmetric.v);
	free(c->sip.external);
	free(c->sip.latch_at);
	free(c->ftp.port.v);
	for (i = 0; i < c->ftp.nproxy; i++)
		conf_proxy_clear(&c->ftp.proxy[i]);
	free(c->ftp.proxy);
	free(c->tftp.port.v);
	strings_free(&c->tftp.file);
	for (i = 0; i < c->tftp.nproxy; i++)
		conf_proxy_clear(&c->tftp.proxy[i]);
	free(c->tftp.proxy);
	for (i = 0; i < c->tables.nkey; i++) {
		free(c->tables.key[i].name);
		free(c->tables.key[i].path);
		free(c->tables.key[i].at);
	}
	free(c->tables.key);
	free(c->tables.listen_at);
	free(c->sip.inline_at);
	share_clear(&c->share);
	free(c->hep.listen_at);
	free(c->hep.from.v);
	free(c->hep.key);
	free(c->hep.key_at);
	free(c->status.listen_at);
	strings_free(&c->tables.allow);
	free(c->tables.force);
	free(c->tables.never.v);
	for (i = 0; i < c->nuplink; i++)
		free(c->uplink[i].ifname);
	free(c->uplink);
	free(c->user);
	free(c->user_at);
	free(c->firewall);
	free(c->firewall_at);
	free(c->name);
	strings_free(&c->hook);
	free(c->tag);
	free(c->queue);
	free(c->control);
	free(c->state);
	free(c);
}

const char *
conf_interface_at(const struct conf *c, size_t i)
{
	return i < c->interface_at.n ? c->interface_at.v[i] : "";
}

bool
conf_loopback(const struct addr *a)
{
	return a->af == AF_INET
	    ? a->b[0] == 127
	    : memcmp(a->b, (const uint8_t[16]) { [15] = 1 }, 16) == 0;
}

bool
conf_share_keyless(const struct conf_share *c)
{
	return c->on && c->key == NULL && c->path == NULL &&
	    !conf_loopback(&c->server.addr);
}

static void
summary_add(struct strbuf *out, const char *what, const struct ports *ports,
    size_t nproxy)
{
	size_t i;

	strbuf_fmt(out, "%s%s", out->len > 0 ? ", " : "", what);
	for (i = 0; i < ports->n; i++)
		strbuf_fmt(out, "%s %u", i == 0 ? " (port" : "", ports->v[i]);
	if (nproxy > 0)
		strbuf_str(out, ports->n > 0 ? ", proxy" : " (proxy");
	if (ports->n > 0 || nproxy > 0)
		strbuf_str(out, ")");
}

void
conf_following(const struct conf *c, struct strbuf *out)
{
	const struct ports none = { NULL, 0 };

	if (c->sip.on)
		summary_add(out, "sip", &c->sip.port, 0);
	if (c->hep.on)
		summary_add(out, "hep", &none, 0);
	if (c->ftp.on)
		summary_add(out, "ftp", &c->ftp.port, c->ftp.nproxy);
	if (c->tftp.on)
		summary_add(out, "tftp", &c->tftp.port, c->tftp.nproxy);
	if (c->tables.on)
		summary_add(out, "tables", &none, 0);
}

void
conf_answering(const struct conf *c, struct strbuf *out)
{
	char buf[ADDR_STRLEN];

	if (c->control != NULL)
		strbuf_fmt(out, "pinholectl at %s", c->control);
	if (c->status.on)
		strbuf_fmt(out, "%s%s%s/", out->len > 0 ? ", " : "", "http://",
		    endpoint_format(&c->status.listen, buf));
}

bool
ports_contain(const struct ports *ports, uint16_t port)
{
	size_t i;

	for (i = 0; i < ports->n; i++)
		if (ports->v[i] == port)
			return true;
	return false;
}

size_t
conf_max_transfers(const struct conf *conf)
{
	size_t n = 0;

	if (conf->ftp.on && conf->ftp.port.n > 0)
		n += CONF_FTP_MAX;
	if (conf->tftp.on && conf->tftp.port.n > 0)
		n += CONF_TFTP_MAX;
	return n;
}
