/* SPDX-License-Identifier: ISC */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/span.h"

struct sockaddr;
struct sockaddr_storage;

/*
 * IP addresses, prefixes and endpoints as plain values.
 *
 * No name is ever resolved here, no scope id is kept, ports are in host byte
 * order, and unused bytes are zero, so that values compare by memcmp.
 */
struct addr {
	uint8_t af;    /* AF_INET, AF_INET6; AF_UNSPEC = no address */
	uint8_t b[16]; /* network order; IPv4 uses the first 4 */
};

struct prefix {
	struct addr addr; /* host bits are zero */
	uint8_t len;	  /* AF_UNSPEC with len 0 means "any" */
};

struct endpoint {
	struct addr addr;
	uint16_t port;
};

/*
 * Where an address may be used; RFC 6890, RFC 4291 section 2.4.
 *
 * An IPv6 address with an IPv4 address inside is unusable: a relay or
 * translator on the way would deliver to the IPv4 host, and no check of ours
 * looks at that one.
 */
enum addr_scope {
	ADDR_NONE,	  /* AF_UNSPEC */
	ADDR_UNSPECIFIED, /* 0.0.0.0, :: (in SDP: hold) */
	ADDR_UNUSABLE,	  /* 0/8, 127/8, 169.254/16, 224/4, 240/4; 6to4
			     (2002::/16), Teredo (2001::/32); and all that is
			     not 2000::/3 nor fc00::/7, as v4-mapped, NAT64,
			     fe80::/10, ff00::/8: never in a rule */
	ADDR_PRIVATE,	  /* RFC 1918, RFC 6598, fc00::/7 */
	ADDR_GLOBAL,	  /* the rest of IPv4 and of 2000::/3, documentation
			     prefixes included */
};

/* Text of an address: IPv6 without brackets or zone.  No names. */
PH_NODISCARD enum ph_err addr_parse(struct span text, struct addr *out);

/* "addr" or "addr/len"; host bits are cleared. */
PH_NODISCARD enum ph_err prefix_parse(struct span text, struct prefix *out);

#define ADDR_STRLEN 64 /* enough for any *_format result */
const char *addr_format(const struct addr *a, char buf[ADDR_STRLEN]);
/* "any", "addr" for a full-length prefix, else "addr/len". */
const char *prefix_format(const struct prefix *p, char buf[ADDR_STRLEN]);
/* "192.0.2.1:5060", "[2001:db8::1]:5060" */
const char *endpoint_format(const struct endpoint *e, char buf[ADDR_STRLEN]);

struct addr addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
struct addr addr_from_bytes(uint8_t af, const void *bytes);
struct addr addr_from_sockaddr(const struct sockaddr *sa); /* or AF_UNSPEC */
struct endpoint endpoint_from_sockaddr(const struct sockaddr *sa);
size_t endpoint_to_sockaddr(const struct endpoint *e,
    struct sockaddr_storage *ss); /* returns the length */

size_t addr_bytes(uint8_t af); /* 4, 16 or 0 */
int addr_cmp(const struct addr *a, const struct addr *b);
bool addr_eq(const struct addr *a, const struct addr *b);
/*
 * The source that limits count this address for: an IPv4 address, or an IPv6
 * /64.
 */
struct addr addr_source(const struct addr *a);
int endpoint_cmp(const struct endpoint *a, const struct endpoint *b);
enum addr_scope addr_scope(const struct addr *a);

struct prefix prefix_host(const struct addr *a);
int prefix_cmp(const struct prefix *a, const struct prefix *b);
bool prefix_contains(const struct prefix *p, const struct addr *a);
bool prefixes_contain(const struct prefix *v, size_t n, const struct addr *a);
/* Whether one of them lies within the other. */
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);
bool prefixes_overlap(const struct prefix *v, size_t n, const struct prefix *p);
bool addrs_contain(const struct addr *v, size_t n, const struct addr *a);

#endif
