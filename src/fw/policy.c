/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "src/fw/policy.h"

/* Pinholes per call: a few streams, two directions, two remote addresses. */
#define HOLES_PER_CALL 16
#define HOLES_MIN      4096
#define HOLES_MAX      (1u << 20)

#define PORT_MIN 1024
#define FTP_DATA 20

static bool
all_zero(const uint8_t *p, size_t n)
{
	while (n > 0 && *p == 0) {
		p++;
		n--;
	}
	return n == 0;
}

/* As src/base/addr.h promises it: unused bytes are zero. */
static bool
addr_sane(const struct addr *a)
{
	if (a->af != AF_UNSPEC && a->af != AF_INET && a->af != AF_INET6)
		return false;
	return all_zero(a->b + addr_bytes(a->af),
	    sizeof(a->b) - addr_bytes(a->af));
}

static bool
prefix_sane(const struct prefix *p)
{
	size_t bits = addr_bytes(p->addr.af) * 8, i;

	if (!addr_sane(&p->addr) || p->len > bits)
		return false;
	for (i = p->len; i < bits; i++)
		if (p->addr.b[i / 8] & 0x80 >> i % 8)
			return false;
	return true;
}

static bool
is_host(const struct prefix *p)
{
	return p->addr.af != AF_UNSPEC && p->len == addr_bytes(p->addr.af) * 8;
}

/* An endpoint that is not used, or is one of the pinhole's family. */
static bool
translation_sane(const struct endpoint *e, uint8_t af)
{
	if (e->addr.af == AF_UNSPEC)
		return addr_sane(&e->addr) && e->port == 0;
	return addr_sane(&e->addr) && e->addr.af == af;
}

static bool
addr_usable(const struct addr *a)
{
	enum addr_scope s = addr_scope(a);

	return s == ADDR_PRIVATE || s == ADDR_GLOBAL;
}

static bool
is_protected(const struct fw_policy *p, const struct addr *a)
{
	return prefixes_contain(p->conf->protect.v, p->conf->protect.n, a);
}

/* A public alias of a protected host: no other host sends from it. */
static bool
is_outside_of_alias(const struct fw_policy *p, const struct addr *a)
{
	const struct conf_sip *sip = &p->conf->sip;
	size_t i;

	for (i = 0; sip->on && i < sip->nexternal; i++)
		if (addr_eq(&sip->external[i].outside, a))
			return true;
	return false;
}

/* A remote: somebody outside, or another protected host. */
static bool
is_remote(const struct fw_policy *p, const struct addr *a)
{
	return addr_usable(a) &&
	    (is_protected(p, a) ||
		(!addrs_contain(p->own, p->nown, a) &&
		    !is_outside_of_alias(p, a)));
}

/*
 * Packets at a media port that is also a signalling port would be read as
 * signalling.
 */
static bool
takes_signalling(const struct fw_policy *p, uint16_t lo, uint16_t hi)
{
	const struct ports *ports = &p->conf->sip.port;
	size_t i;

	for (i = 0; p->conf->sip.on && i < ports->n; i++)
		if (ports->v[i] >= lo && ports->v[i] <= hi)
			return true;
	return false;
}

static bool
sip_host(const struct fw_policy *p, const struct addr *a)
{
	const struct conf_sip *sip = &p->conf->sip;

	return is_protected(p, a) &&
	    prefixes_contain(sip->media.v, sip->media.n, a);
}

static bool
sip_media(const struct fw_policy *p, const struct pinhole *h)
{
	const struct conf_sip *sip = &p->conf->sip;

	return sip_host(p, &h->to) && h->to_lo >= sip->media_lo &&
	    h->to_hi <= sip->media_hi;
}

/*
 * One data connection of FTP, or a transfer of TFTP: who asks for it must be
 * configured to, the passive helper of the engine or a proxy.
 */
static bool
policy_transfer(const struct fw_policy *p, enum ipc_role role,
    const struct pinhole *h)
{
	const struct conf_ftp *ftp = &p->conf->ftp;
	const struct conf_tftp *tftp = &p->conf->tftp;
	bool proxy = role != IPC_ENGINE;

	if (h->to_lo != h->to_hi)
		return false;
	return h->proto == IPPROTO_TCP
	    ? h->once && ftp->on && (proxy ? ftp->nproxy : ftp->port.n) > 0
	    : tftp->on && (proxy ? tftp->nproxy : tftp->port.n) > 0;
}

/*
 * Whether `from` may send into a pinhole for SIP media: `remote` of the sip
 * block.
 */
static bool
sip_remote(const struct fw_policy *p, const struct prefix *from)
{
	const struct conf_sip *sip = &p->conf->sip;
	size_t i;

	switch (sip->remote) {
	case REMOTE_ANY:
		return from->addr.af == AF_UNSPEC ||
		    (is_host(from) && is_remote(p, &from->addr));
	case REMOTE_LIST:
		for (i = 0; i < sip->remotes.n; i++)
			if (prefix_cmp(&sip->remotes.v[i], from) == 0)
				return true;
		return false;
	case REMOTE_BOTH:
	case REMOTE_SDP:
	case REMOTE_SIGNALLING:
		break;
	}
	return is_host(from) && is_remote(p, &from->addr);
}

/* external 203.0.113.10 for 192.0.2.10, with redirect yes */
static bool
is_external(const struct fw_policy *p, const struct pinhole *h)
{
	const struct conf_sip *sip = &p->conf->sip;
	size_t i;

	for (i = 0; sip->redirect && i < sip->nexternal; i++)
		if (addr_eq(&sip->external[i].outside, &h->rdr_from.addr) &&
		    addr_eq(&sip->external[i].inside, &h->to))
			return true;
	return false;
}

/*
 * The hosts that an FTP proxy serves: all protected clients for a line without
 * `reverse`, that server for a line with it.  And whether a line sends data
 * from port 20.
 */
static bool
ftp_serves(const struct fw_policy *p, const struct pinhole *h)
{
	const struct conf_ftp *ftp = &p->conf->ftp;
	const struct addr *inside =
	    h->dir == PINHOLE_IN ? &h->to : &h->from.addr;
	const struct conf_proxy *line;
	size_t i;

	for (i = 0; i < ftp->nproxy; i++) {
		line = &ftp->proxy[i];
		if ((line->reverse.addr.af == AF_UNSPEC ||
			addr_eq(&line->reverse.addr, inside)) &&
		    (h->nat_to.port == 0 ||
			(h->nat_to.port == FTP_DATA && line->source_port_20)))
			return true;
	}
	return false;
}

/*
 * An FTP proxy makes its own addresses stand for either end, or an end stand
 * for itself with another port, which is one of its own.  A TFTP proxy sends
 * what comes to its own address on to the client.
 */
static bool
policy_proxied(const struct fw_policy *p, const struct pinhole *h)
{
	const struct addr *rdr = &h->rdr_from.addr, *nat = &h->nat_to.addr;

	if (h->proto == IPPROTO_UDP)
		return h->dir == PINHOLE_IN &&
		    addrs_contain(p->own, p->nown, rdr) && nat->af == AF_UNSPEC;
	return (addrs_contain(p->own, p->nown, rdr) || addr_eq(rdr, &h->to)) &&
	    (addrs_contain(p->own, p->nown, nat) ||
		addr_eq(nat, &h->from.addr)) &&
	    h->rdr_from.port >= CONF_FTP_PROXY_PORT_LO && ftp_serves(p, h);
}

static bool
translation_allowed(const struct fw_policy *p, enum ipc_role role,
    const struct pinhole *h)
{
	if (role != IPC_ENGINE)
		return policy_proxied(p, h);
	return h->nat_to.addr.af == AF_UNSPEC &&
	    (h->rdr_from.addr.af == AF_UNSPEC ||
		(h->dir == PINHOLE_IN && h->rdr_from.port == h->to_lo &&
		    is_external(p, h)));
}

/* `remote` of the sip block, for where media goes. */
static bool
sip_outward(const struct fw_policy *p, const struct pinhole *h)
{
	const struct conf_sip *sip = &p->conf->sip;

	return sip->on && !h->once && sip_host(p, &h->from.addr) &&
	    (!is_protected(p, &h->to) || sip_media(p, h)) &&
	    (sip->remote != REMOTE_LIST ||
		prefixes_contain(sip->remotes.v, sip->remotes.n, &h->to));
}

static enum ph_err
check_in(const struct fw_policy *p, enum ipc_role role, const struct pinhole *h,
    const char **why)
{
	bool media = role == IPC_ENGINE && p->conf->sip.on && !h->once &&
	    sip_media(p, h) && sip_remote(p, &h->from);
	bool data = policy_transfer(p, role, h) && is_protected(p, &h->to) &&
	    is_host(&h->from) && is_remote(p, &h->from.addr);

	*why = "not a host, port or peer that the configuration opens";
	return media || data ? PH_OK : PH_EDENIED;
}

static enum ph_err
check_out(const struct fw_policy *p, enum ipc_role role,
    const struct pinhole *h, const char **why)
{
	*why = "outward, but not from a protected host";
	if (!is_host(&h->from) || !is_protected(p, &h->from.addr))
		return PH_EDENIED;
	*why = "outward to where nobody may be";
	if (!is_remote(p, &h->to))
		return PH_EDENIED;
	*why = "outward for what is not configured";
	if ((role == IPC_ENGINE && sip_outward(p, h)) ||
	    (policy_transfer(p, role, h) && !is_protected(p, &h->to)))
		return PH_OK;
	return PH_EDENIED;
}

static bool
well_formed(const struct pinhole *h)
{
	return h->id != 0 && h->deadline >= 0 &&
	    (h->proto == IPPROTO_UDP || h->proto == IPPROTO_TCP) &&
	    (h->dir == PINHOLE_IN || h->dir == PINHOLE_OUT) && h->once <= 1 &&
	    h->to.af != AF_UNSPEC && addr_sane(&h->to) &&
	    prefix_sane(&h->from) &&
	    (h->from.addr.af == AF_UNSPEC || h->from.addr.af == h->to.af) &&
	    translation_sane(&h->rdr_from, h->to.af) &&
	    translation_sane(&h->nat_to, h->to.af) && h->to_lo != 0 &&
	    h->to_lo <= h->to_hi;
}

enum ph_err
fw_policy_open(const struct fw_policy *p, enum ipc_role role,
    const struct pinhole *h, const char **why)
{
	*why = "malformed";
	if (!well_formed(h))
		return PH_EBAD;
	*why = "privileged port";
	if (h->to_lo < PORT_MIN ||
	    (h->rdr_from.port != 0 && h->rdr_from.port < PORT_MIN))
		return PH_EDENIED;
	*why = "port of the signalling";
	if (takes_signalling(p, h->to_lo, h->to_hi) ||
	    takes_signalling(p, h->rdr_from.port, h->rdr_from.port))
		return PH_EDENIED;
	*why = "too many ports at once";
	if (h->to_hi - h->to_lo >= FW_POLICY_PORTS)
		return PH_EDENIED;
	*why = "address that nobody may have";
	if (!addr_usable(&h->to) ||
	    (h->rdr_from.addr.af != AF_UNSPEC &&
		!addr_usable(&h->rdr_from.addr)) ||
	    (h->nat_to.addr.af != AF_UNSPEC && !addr_usable(&h->nat_to.addr)))
		return PH_EDENIED;
	*why = "translation that the configuration does not ask for";
	if (!translation_allowed(p, role, h))
		return PH_EDENIED;
	return h->dir == PINHOLE_IN ? check_in(p, role, h, why)
				    : check_out(p, role, h, why);
}

enum ph_err
fw_policy_table(const struct fw_policy *p, enum ipc_role role,
    const struct ipc_table *t, const char **why)
{
	const struct conf_tables *c = &p->conf->tables;
	uint32_t i;
	size_t k;

	*why = "tables are not for this process";
	if (role != IPC_PROXY || !c->on)
		return PH_EDENIED;
	*why = "malformed";
	if (t->index >= c->allow.n || t->op < FW_TABLE_ADD ||
	    t->op > FW_TABLE_FLUSH || (t->op == FW_TABLE_FLUSH && t->n != 0))
		return PH_EBAD;
	for (i = 0; i < t->n; i++) {
		*why = "malformed";
		if (!prefix_sane(&t->prefixes[i]) ||
		    t->prefixes[i].addr.af == AF_UNSPEC)
			return PH_EBAD;
		*why = "an address that must never be in a table";
		for (k = 0; t->op == FW_TABLE_ADD && k < c->never.n; k++)
			if (prefix_overlaps(&c->never.v[k], &t->prefixes[i]))
				return PH_EDENIED;
		for (k = 0; t->op == FW_TABLE_ADD && k < p->nown; k++)
			if (prefix_contains(&t->prefixes[i], &p->own[k]))
				return PH_EDENIED;
	}
	return PH_OK;
}

size_t
fw_policy_max(const struct fw_policy *p)
{
	size_t i, n = 0;

	if (p->conf->sip.on)
		n = (size_t)p->conf->sip.limit_calls * HOLES_PER_CALL;
	n += conf_max_transfers(p->conf);
	for (i = 0; i < p->conf->ftp.nproxy; i++)
		n += p->conf->ftp.proxy[i].max_sessions;
	for (i = 0; i < p->conf->tftp.nproxy; i++)
		n += p->conf->tftp.proxy[i].max_sessions;
	if (n < HOLES_MIN)
		return HOLES_MIN;
	return n > HOLES_MAX ? HOLES_MAX : n;
}

/* The longest timeout of the proxies that may have asked for the pinhole. */
static int64_t
tftp_proxy_timeout(const struct fw_policy *p)
{
	const struct conf_tftp *tftp = &p->conf->tftp;
	int64_t s = 0;
	size_t i;

	for (i = 0; i < tftp->nproxy; i++)
		if (tftp->proxy[i].timeout > s)
			s = tftp->proxy[i].timeout;
	return s;
}

int64_t
fw_policy_lease(const struct fw_policy *p, enum ipc_role role,
    const struct pinhole *h)
{
	const struct conf_sip *sip = &p->conf->sip;
	int64_t s;

	if (role != IPC_ENGINE)
		s = h->proto == IPPROTO_TCP ? CONF_FTP_PROXY_DATA_S
					    : tftp_proxy_timeout(p);
	else if (h->once)
		s = p->conf->ftp.timeout;
	else if (!sip->on)
		s = p->conf->tftp.timeout;
	else
		s = sip->timeout_max > p->conf->tftp.timeout
		    ? sip->timeout_max
		    : p->conf->tftp.timeout;
	return s * 1000000;
}

int64_t
fw_policy_silence(const struct fw_policy *p)
{
	const struct conf_tftp *tftp = &p->conf->tftp;
	int64_t s = p->conf->sip.timeout_idle;
	size_t i;

	if (tftp->on && tftp->port.n > 0 && tftp->timeout < s)
		s = tftp->timeout;
	for (i = 0; tftp->on && i < tftp->nproxy; i++)
		if (tftp->proxy[i].timeout < s)
			s = tftp->proxy[i].timeout;
	return s * 1000000;
}
