/* SPDX-License-Identifier: ISC */
#ifndef TESTS_PF_NLWRITE_H
#define TESTS_PF_NLWRITE_H

#include <stddef.h>
#include <stdint.h>

/*
 * What a kernel writes into messages of generic netlink, in the byte order of
 * this machine: the far end of pf/netlink.c, for its tests.  A message must
 * fit; nothing is checked.
 */
struct nlwrite {
	uint8_t b[4096];
	size_t len;
};

/* A message behind what there is, up to the length, which nl_end() writes. */
size_t nl_begin(struct nlwrite *m, uint16_t type, uint32_t seq, const void *p,
    size_t n);
void nl_end(struct nlwrite *m, size_t at);

/* Attributes; between nl_nest() and nl_unnest(), of the one so begun. */
void nl_attr(struct nlwrite *m, uint16_t type, const void *p, size_t n);
void nl_attr8(struct nlwrite *m, uint16_t type, uint8_t v);
void nl_attr16(struct nlwrite *m, uint16_t type, uint16_t v);
void nl_attr32(struct nlwrite *m, uint16_t type, uint32_t v);
void nl_attr64(struct nlwrite *m, uint16_t type, uint64_t v);
void nl_attrstr(struct nlwrite *m, uint16_t type, const char *s);
size_t nl_nest(struct nlwrite *m, uint16_t type);
void nl_unnest(struct nlwrite *m, size_t at);

#endif
