/* SPDX-License-Identifier: ISC */
#ifndef NFT_ELEMENTS_H
#define NFT_ELEMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nft/table.h"
#include "src/base/strbuf.h"
#include "src/fw/fw.h"

/*
 * From pinholes to set elements.
 *
 * Pure: no state, no kernel.  An element is a key as nftables lays it out:
 * fields in network order, each padded with zeros to a multiple of 4 bytes;
 * for maps with the data it leads to.  Unused bytes are zero, so that
 * elements compare by memcmp.
 */
#define ELEM_KEYLEN  40 /* IPv6 address . port . address . port */
#define ELEM_DATALEN 20 /* IPv6 address . port */
#define ELEM_PORTS   64 /* widest to_lo..to_hi */
#define ELEM_MAX     (4 * ELEM_PORTS)

struct elem {
	uint8_t set; /* set_number() */
	uint8_t keylen;
	uint8_t datalen; /* 0: not a map */
	uint8_t key[ELEM_KEYLEN];
	uint8_t data[ELEM_DATALEN];
};

/*
 * The elements of one pinhole, at most ELEM_MAX.  PH_EBAD for a pinhole that
 * makes no sense or that this backend has no set for.
 */
PH_NODISCARD enum ph_err hole_elements(const struct pinhole *hole,
    const struct fw_config *config, struct elem v[ELEM_MAX], size_t *n);

/*
 * The same without the ways back, and one of them by its number; the pinhole of
 * that is known to make sense.
 */
#define HOLE_FRONTS_MAX (3 * ELEM_PORTS)
PH_NODISCARD enum ph_err hole_fronts(const struct pinhole *hole,
    const struct fw_config *config, struct elem v[HOLE_FRONTS_MAX], size_t *n);
struct elem hole_front(const struct pinhole *hole, size_t i);

/* from . to . port, from . port . to . port, to . port, an address alone */
struct elem elem_host(enum set_kind kind, uint8_t proto,
    const struct addr *from, const struct addr *to, uint16_t port);
struct elem elem_port(enum set_kind kind, uint8_t proto,
    const struct addr *from, uint16_t from_port, const struct addr *to,
    uint16_t port);
struct elem elem_to(enum set_kind kind, uint8_t proto, const struct addr *to,
    uint16_t port);
struct elem elem_addr(enum set_kind kind, const struct addr *a);

/* By set and key; a map's data does not count. */
int elem_cmp(const struct elem *a, const struct elem *b);

/* "192.0.2.1 . 192.0.2.2 . 10000" and for maps " : 192.0.2.3 . 4000" */
void elem_format(struct strbuf *out, const struct elem *e);

#endif
