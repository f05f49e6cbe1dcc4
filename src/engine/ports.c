/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>

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
		1,
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
	*out = v;
	*np = n;
	return PH_OK;
}
