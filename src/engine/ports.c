/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "src/compat/process.h"
#include "src/engine/hints.h"
#include "src/engine/ports.h"

static void
port_add(struct capture_port *v, size_t *n, uint8_t proto, uint16_t port)
{
	size_t i;

	for (i = 0; i < *n; i++)
		if (v[i].proto == proto && v[i].port == port)
			return;
	v[*n].proto = proto;
	v[(*n)++].port = port;
}

enum ph_err
engine_ports(const struct conf *conf, struct capture_port **out, size_t *np)
{
	size_t i, n = 0;
	struct capture_port *v;

	v = calloc(conf->sip.port.n * 2 + conf->ftp.port.n + conf->tftp.port.n +
		hints_nports + 1,
	    sizeof(*v));
	if (v == NULL)
		return PH_ENOMEM;
	for (i = 0; conf->sip.on && i < conf->sip.port.n; i++) {
		port_add(v, &n, IPPROTO_UDP, conf->sip.port.v[i]);
		port_add(v, &n, IPPROTO_TCP, conf->sip.port.v[i]);
	}
	for (i = 0; conf->ftp.on && i < conf->ftp.port.n; i++)
		port_add(v, &n, IPPROTO_TCP, conf->ftp.port.v[i]);
	for (i = 0; conf->tftp.on && i < conf->tftp.port.n; i++)
		port_add(v, &n, IPPROTO_UDP, conf->tftp.port.v[i]);
	/* For hints.c: ports where SIP is often found. */
	for (i = 0; conf->sip.on && i < hints_nports; i++)
		port_add(v, &n, IPPROTO_UDP, hints_ports[i]);
	*out = v;
	*np = n;
	return PH_OK;
}

static enum ph_err
capture_open(struct capture **out, struct iface *iface, const struct conf *conf,
    bool whole, struct strbuf *why)
{
	const char *names[IFACE_MAX];
	struct capture_config cc = { 0 };
	struct capture_port *ports;
	enum ph_err rc = PH_OK;
	size_t i;

	*out = NULL;
	memset(iface, 0, sizeof(*iface));
	if (engine_ports(conf, &ports, &cc.nports) != PH_OK) {
		strbuf_str(why, "out of memory");
		return PH_ENOMEM;
	}
	if (cc.nports > 0)
		rc = iface_find(iface, conf, why);
	if (rc == PH_OK && cc.nports > 0 && whole) {
		for (i = 0; i < iface->n; i++)
			names[i] = iface->name[i];
		cc.ports = ports;
		cc.interfaces = names;
		cc.ninterfaces = iface->n;
		cc.buffer = conf->buffer;
		cc.own = iface->ownprotected;
		cc.nown = iface->nownprotected;
		cc.here = process_has_interface;
		if (conf->sip.on && conf->sip.inline_) {
			cc.inside = conf->protect.v;
			cc.ninside = conf->protect.n;
		}
		rc = capture_open_live(out, &cc, why);
	}
	free(ports);
	return rc;
}

enum ph_err
engine_capture(struct capture **out, struct iface *iface,
    const struct conf *conf, struct strbuf *why)
{
	return capture_open(out, iface, conf, true, why);
}

enum ph_err
engine_capture_try(const struct conf *conf, bool whole, struct strbuf *why)
{
	struct capture_sink none = { 0 };
	struct capture *cap;
	struct iface iface;
	enum ph_err rc = capture_open(&cap, &iface, conf, whole, why);
	size_t i;

	if (cap != NULL)
		capture_close(cap, &none);
	for (i = 0; rc == PH_OK && i < iface.n; i++)
		strbuf_fmt(why, "%s%s", i == 0 ? "listening on " : ", ",
		    iface.name[i]);
	return rc;
}
