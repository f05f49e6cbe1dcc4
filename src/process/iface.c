/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/process.h"
#include "src/process/iface.h"

static enum ph_err
iface_add(struct iface *f, const char *name, struct strbuf *why)
{
	uint32_t index = process_interface_index(name);
	size_t i;

	if (index == 0) {
		strbuf_fmt(why, "there is no interface \"%s\"", name);
		return PH_EBAD;
	}
	for (i = 0; i < f->n; i++)
		if (f->index[i] == index)
			return PH_OK;
	if (f->n == IFACE_MAX) {
		strbuf_fmt(why, "more than %d inside interfaces", IFACE_MAX);
		return PH_ELIMIT;
	}
	strlcpy(f->name[f->n], name, sizeof(f->name[f->n]));
	f->index[f->n++] = index;
	return PH_OK;
}

static enum ph_err
add_named(struct iface *f, const struct conf *conf, size_t i,
    struct strbuf *why)
{
	if (if_nametoindex(conf->interface.v[i]) == 0)
		strbuf_str(why, conf_interface_at(conf, i));
	return iface_add(f, conf->interface.v[i], why);
}

static uint8_t
mask_len(const struct sockaddr *mask, uint8_t af)
{
	struct addr a;
	uint8_t len = 0;
	size_t i;

	if (mask == NULL)
		return (uint8_t)(addr_bytes(af) * 8);
	a = addr_from_sockaddr(mask);
	for (i = 0; i < addr_bytes(af) * 8; i++)
		if (a.b[i / 8] & (0x80 >> i % 8))
			len++;
	return len;
}

/* A prefix that is nothing but an address of ours has no inside. */
static bool
only_own(const struct iface *f, const struct prefix *p)
{
	return p->len == addr_bytes(p->addr.af) * 8 &&
	    addrs_contain(f->own, f->nown, &p->addr);
}

/* Which of our addresses the kernel would speak from to reach `p`. */
static bool
route_source(const struct prefix *p, struct addr *out)
{
	struct endpoint to = { p->addr, 9 };
	struct sockaddr_storage ss;
	socklen_t len;
	bool ok;
	int fd;

	/*
	 * connect(2) of a UDP socket, here to the first host of the prefix,
	 * sends nothing and chooses our address.
	 */
	if (p->len < addr_bytes(p->addr.af) * 8)
		to.addr.b[addr_bytes(p->addr.af) - 1] |= 1;
	if ((fd = socket(p->addr.af, SOCK_DGRAM, 0)) == -1)
		return false;
	len = (socklen_t)endpoint_to_sockaddr(&to, &ss);
	ok = connect(fd, (struct sockaddr *)&ss, len) == 0;
	len = sizeof(ss);
	ok = ok && getsockname(fd, (struct sockaddr *)&ss, &len) == 0;
	close(fd);
	if (ok)
		*out = addr_from_sockaddr((struct sockaddr *)&ss);
	return ok;
}

/* Loopback and link-local: every host has these, and they tell nobody apart. */
static bool
is_everywhere(const struct addr *a)
{
	struct in6_addr in6;

	memcpy(&in6, a->b, sizeof(in6));
	if (a->af == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&in6) ||
		    IN6_IS_ADDR_LINKLOCAL(&in6);
	return a->b[0] == 127 || (a->b[0] == 169 && a->b[1] == 254);
}

static enum ph_err
iface_reaching(struct iface *f, const struct prefix *p,
    const struct ifaddrs *list, struct strbuf *why)
{
	const struct ifaddrs *i;
	struct addr a, from;
	bool found = false;
	enum ph_err rc;

	for (i = list; i != NULL; i = i->ifa_next) {
		a = addr_from_sockaddr(i->ifa_addr);
		if (a.af != p->addr.af || (i->ifa_flags & IFF_LOOPBACK) ||
		    is_everywhere(&a) ||
		    !prefix_overlaps(p,
			&(struct prefix) { a,
			    mask_len(i->ifa_netmask, a.af) }) ||
		    !process_has_interface(i->ifa_name))
			continue;
		if ((rc = iface_add(f, i->ifa_name, why)) != PH_OK)
			return rc;
		found = true;
	}
	if (found || !route_source(p, &from))
		return PH_OK;
	for (i = list; i != NULL; i = i->ifa_next) {
		a = addr_from_sockaddr(i->ifa_addr);
		if (addr_eq(&a, &from) && !(i->ifa_flags & IFF_LOOPBACK) &&
		    process_has_interface(i->ifa_name))
			return iface_add(f, i->ifa_name, why);
	}
	return PH_OK;
}

static void
own_addresses(struct iface *f, const struct conf *conf,
    const struct ifaddrs *list)
{
	const struct ifaddrs *i;
	struct addr a;

	for (i = list; i != NULL && f->nown < IFACE_MAX_OWN; i = i->ifa_next) {
		a = addr_from_sockaddr(i->ifa_addr);
		if (a.af == AF_UNSPEC || is_everywhere(&a) ||
		    !process_has_interface(i->ifa_name))
			continue;
		f->own[f->nown++] = a;
		if (prefixes_contain(conf->protect.v, conf->protect.n, &a))
			f->ownprotected[f->nownprotected++] = a;
	}
}

static enum ph_err
list_interfaces(struct ifaddrs **list, struct strbuf *why)
{
	if (getifaddrs(list) == 0)
		return PH_OK;
	strbuf_fmt(why, "getifaddrs: %s", strerror(errno));
	return PH_EIO;
}

enum ph_err
iface_own(struct iface *f, const struct conf *conf, struct strbuf *why)
{
	struct ifaddrs *list;
	enum ph_err rc;

	memset(f, 0, sizeof(*f));
	if ((rc = list_interfaces(&list, why)) != PH_OK)
		return rc;
	own_addresses(f, conf, list);
	freeifaddrs(list);
	return PH_OK;
}

enum ph_err
iface_find(struct iface *f, const struct conf *conf, struct strbuf *why)
{
	struct ifaddrs *list;
	enum ph_err rc;
	size_t k;

	memset(f, 0, sizeof(*f));
	if ((rc = list_interfaces(&list, why)) != PH_OK)
		return rc;
	own_addresses(f, conf, list);
	for (k = 0; k < conf->interface.n && rc == PH_OK; k++)
		rc = add_named(f, conf, k, why);
	for (k = 0;
	     conf->interface.n == 0 && k < conf->protect.n && rc == PH_OK; k++)
		if (!only_own(f, &conf->protect.v[k]))
			rc = iface_reaching(f, &conf->protect.v[k], list, why);
	freeifaddrs(list);
	if (rc == PH_OK && f->n == 0 && f->nownprotected == 0) {
		strbuf_fmt(why,
		    "%sno interface reaches the hosts of `protect`; "
		    "name one: interface em1",
		    conf->protect_at);
		rc = PH_EBAD;
	}
	return rc;
}

bool
iface_moved(const struct iface *f)
{
	uint32_t index;
	size_t i;

	for (i = 0; i < f->n; i++) {
		index = process_interface_index(f->name[i]);
		if (index != 0 && index != f->index[i])
			return true;
	}
	return false;
}
