/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <stdio.h>
#include <string.h>

#include "src/base/addr.h"

size_t
addr_bytes(uint8_t af)
{
	return af == AF_INET ? 4 : af == AF_INET6 ? 16 : 0;
}

/*
 * 192.0.02.1: OpenBSD's inet_pton(3) takes it, others do not, and elsewhere
 * such a number is octal.
 */
static bool
has_leading_zero(const char *text)
{
	const char *s = text;
	size_t n;

	while (*s != '\0') {
		n = strcspn(s, ".:");
		if (n > 1 && s[0] == '0' &&
		    (s[n] == '.' || (s > text && s[-1] == '.')))
			return true;
		s += n;
		s += *s != '\0';
	}
	return false;
}

enum ph_err
addr_parse(struct span text, struct addr *out)
{
	char buf[INET6_ADDRSTRLEN];

	memset(out, 0, sizeof(*out));
	if (text.len == 0 || text.len >= sizeof(buf) ||
	    memchr(text.p, '\0', text.len) != NULL)
		return PH_EMALFORMED;
	memcpy(buf, text.p, text.len);
	buf[text.len] = '\0';
	if (has_leading_zero(buf))
		return PH_EMALFORMED;
	if (inet_pton(AF_INET, buf, out->b) == 1)
		out->af = AF_INET;
	else if (inet_pton(AF_INET6, buf, out->b) == 1)
		out->af = AF_INET6;
	else {
		memset(out, 0, sizeof(*out));
		return PH_EMALFORMED;
	}
	return PH_OK;
}

static void
clear_host_bits(struct prefix *p)
{
	size_t i, bits;

	for (i = 0; i < sizeof(p->addr.b); i++) {
		if (i * 8 >= p->len)
			p->addr.b[i] = 0;
		else if ((bits = p->len - i * 8) < 8)
			p->addr.b[i] &= (uint8_t)(0xff << (8 - bits));
	}
}

enum ph_err
prefix_parse(struct span text, struct prefix *out)
{
	struct span rest, host = span_cut(text, '/', &rest);
	uint64_t len;
	enum ph_err rc;

	memset(out, 0, sizeof(*out));
	if ((rc = addr_parse(host, &out->addr)) != PH_OK)
		return rc;
	out->len = (uint8_t)(addr_bytes(out->addr.af) * 8);
	if (host.len == text.len)
		return PH_OK;
	if (!span_number(rest, out->len, &len)) {
		memset(out, 0, sizeof(*out));
		return PH_EMALFORMED;
	}
	out->len = (uint8_t)len;
	clear_host_bits(out);
	return PH_OK;
}

/* inet_ntop(3) goes through printf(3), and events are full of addresses. */
static const char *
v4_format(const uint8_t b[4], char buf[ADDR_STRLEN])
{
	char *p = buf;
	size_t i;

	for (i = 0; i < 4; i++) {
		if (i > 0)
			*p++ = '.';
		if (b[i] >= 100)
			*p++ = (char)('0' + b[i] / 100);
		if (b[i] >= 10)
			*p++ = (char)('0' + b[i] / 10 % 10);
		*p++ = (char)('0' + b[i] % 10);
	}
	*p = '\0';
	return buf;
}

const char *
addr_format(const struct addr *a, char buf[ADDR_STRLEN])
{
	if (a->af == AF_INET)
		return v4_format(a->b, buf);
	if (a->af == AF_UNSPEC ||
	    inet_ntop(a->af, a->b, buf, ADDR_STRLEN) == NULL)
		snprintf(buf, ADDR_STRLEN, "none");
	return buf;
}

const char *
prefix_format(const struct prefix *p, char buf[ADDR_STRLEN])
{
	char host[ADDR_STRLEN];

	if (p->addr.af == AF_UNSPEC)
		snprintf(buf, ADDR_STRLEN, "any");
	else if (p->len == addr_bytes(p->addr.af) * 8)
		addr_format(&p->addr, buf);
	else
		snprintf(buf, ADDR_STRLEN, "%.46s/%u",
		    addr_format(&p->addr, host), p->len);
	return buf;
}

const char *
endpoint_format(const struct endpoint *e, char buf[ADDR_STRLEN])
{
	char host[ADDR_STRLEN];

	snprintf(buf, ADDR_STRLEN,
	    e->addr.af == AF_INET6 ? "[%.46s]:%u" : "%.46s:%u",
	    addr_format(&e->addr, host), e->port);
	return buf;
}

struct addr
addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct addr) { AF_INET, { a, b, c, d } };
}

struct addr
addr_from_bytes(uint8_t af, const void *bytes)
{
	struct addr a = { 0 };

	a.af = af;
	memcpy(a.b, bytes, addr_bytes(af));
	return a;
}

struct addr
addr_from_sockaddr(const struct sockaddr *sa)
{
	struct addr none = { 0 };

	if (sa == NULL)
		return none;
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in sin;

		memcpy(&sin, sa, sizeof(sin));
		return addr_from_bytes(AF_INET, &sin.sin_addr);
	}
	if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 sin6;

		memcpy(&sin6, sa, sizeof(sin6));
		return addr_from_bytes(AF_INET6, &sin6.sin6_addr);
	}
	return none;
}

struct endpoint
endpoint_from_sockaddr(const struct sockaddr *sa)
{
	struct endpoint e = { addr_from_sockaddr(sa), 0 };

	if (e.addr.af == AF_INET) {
		struct sockaddr_in sin;

		memcpy(&sin, sa, sizeof(sin));
		e.port = ntohs(sin.sin_port);
	} else if (e.addr.af == AF_INET6) {
		struct sockaddr_in6 sin6;

		memcpy(&sin6, sa, sizeof(sin6));
		e.port = ntohs(sin6.sin6_port);
	}
	return e;
}

size_t
endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	if (e->addr.af == AF_INET) {
		struct sockaddr_in sin = { 0 };

		sin.sin_family = AF_INET;
		sin.sin_port = htons(e->port);
		memcpy(&sin.sin_addr, e->addr.b, 4);
		memcpy(ss, &sin, sizeof(sin));
		return sizeof(sin);
	}
	if (e->addr.af == AF_INET6) {
		struct sockaddr_in6 sin6 = { 0 };

		sin6.sin6_family = AF_INET6;
		sin6.sin6_port = htons(e->port);
		memcpy(&sin6.sin6_addr, e->addr.b, 16);
		memcpy(ss, &sin6, sizeof(sin6));
		return sizeof(sin6);
	}
	return 0;
}

int
addr_cmp(const struct addr *a, const struct addr *b)
{
	return memcmp(a, b, sizeof(*a));
}

bool
addr_eq(const struct addr *a, const struct addr *b)
{
	return addr_cmp(a, b) == 0;
}

struct addr
addr_source(const struct addr *a)
{
	struct addr s = *a;

	if (s.af == AF_INET6)
		memset(s.b + 8, 0, 8);
	return s;
}

int
endpoint_cmp(const struct endpoint *a, const struct endpoint *b)
{
	int r = addr_cmp(&a->addr, &b->addr);

	return r != 0 ? r : (int)a->port - (int)b->port;
}

static bool
bits_equal(const uint8_t *a, const uint8_t *b, unsigned int n)
{
	/* Most differ in their first byte, if at all. */
	if (n >= 8 && (*a != *b || memcmp(a, b, n / 8) != 0))
		return false;
	a += n / 8;
	b += n / 8;
	n %= 8;
	return n == 0 || ((*a ^ *b) & (0xff00 >> n) & 0xff) == 0;
}

/* First match wins. */
/* clang-format off */
static const struct { uint8_t b[4], len; enum addr_scope scope; } v4_scopes[] = {
	{ {   0,   0,   0, 0 }, 32, ADDR_UNSPECIFIED },
	{ {   0,   0,   0, 0 },  8, ADDR_UNUSABLE },
	{ { 127,   0,   0, 0 },  8, ADDR_UNUSABLE },
	{ { 169, 254,   0, 0 }, 16, ADDR_UNUSABLE },
	{ { 224,   0,   0, 0 },  3, ADDR_UNUSABLE },	/* 224/4, 240/4 */
	{ {  10,   0,   0, 0 },  8, ADDR_PRIVATE },
	{ { 172,  16,   0, 0 }, 12, ADDR_PRIVATE },
	{ { 192, 168,   0, 0 }, 16, ADDR_PRIVATE },
	{ { 100,  64,   0, 0 }, 10, ADDR_PRIVATE },
};
/* Of what is not 2000::/3 nor fc00::/7 nothing goes to a host (RFC 4291 2.4). */
static const struct { uint8_t b[16], len; enum addr_scope scope; } v6_scopes[] = {
	{ { 0 },		128, ADDR_UNSPECIFIED },
	{ { 0x20, 0x01, 0, 0 },	 32, ADDR_UNUSABLE },	/* Teredo */
	{ { 0x20, 0x02 },	 16, ADDR_UNUSABLE },	/* 6to4 */
	{ { 0x20 },		  3, ADDR_GLOBAL },
	{ { 0xfc },		  7, ADDR_PRIVATE },
	{ { 0 },		  0, ADDR_UNUSABLE },	/* v4-mapped, NAT64, ... */
};
/* clang-format on */

enum addr_scope
addr_scope(const struct addr *a)
{
	size_t i;

	if (a->af == AF_INET) {
		for (i = 0; i < sizeof(v4_scopes) / sizeof(v4_scopes[0]); i++) {
			if (bits_equal(v4_scopes[i].b, a->b, v4_scopes[i].len))
				return v4_scopes[i].scope;
		}
		return ADDR_GLOBAL;
	}
	if (a->af == AF_INET6) {
		for (i = 0; i < sizeof(v6_scopes) / sizeof(v6_scopes[0]); i++) {
			if (bits_equal(v6_scopes[i].b, a->b, v6_scopes[i].len))
				return v6_scopes[i].scope;
		}
		return ADDR_GLOBAL;
	}
	return ADDR_NONE;
}

struct prefix
prefix_host(const struct addr *a)
{
	return (struct prefix) { *a, (uint8_t)(addr_bytes(a->af) * 8) };
}

int
prefix_cmp(const struct prefix *a, const struct prefix *b)
{
	int r = addr_cmp(&a->addr, &b->addr);

	return r != 0 ? r : (int)a->len - (int)b->len;
}

bool
prefix_contains(const struct prefix *p, const struct addr *a)
{
	if (p->addr.af == AF_UNSPEC)
		return true;
	return p->addr.af == a->af && bits_equal(p->addr.b, a->b, p->len);
}

bool
prefixes_contain(const struct prefix *v, size_t n, const struct addr *a)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (prefix_contains(&v[i], a))
			return true;
	return false;
}

bool
prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return prefix_contains(a, &b->addr) || prefix_contains(b, &a->addr);
}

bool
prefixes_overlap(const struct prefix *v, size_t n, const struct prefix *p)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (prefix_overlaps(&v[i], p))
			return true;
	return false;
}

bool
addrs_contain(const struct addr *v, size_t n, const struct addr *a)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (addr_eq(&v[i], a))
			return true;
	return false;
}
