/* SPDX-License-Identifier: ISC */
#ifndef COMPAT_COPIES_H
#define COMPAT_COPIES_H

#include <stddef.h>
#include <stdint.h>

/*
 * The copy of a packet that waits, for the engine: written as Linux writes
 * those of NFQUEUE (src/capture/nfqueue.h), so that one decoder reads both.
 */
#define COPY_OVERHEAD 80

struct copy {
	uint32_t id;
	uint32_t interface; /* that it came in by; 0: not known */
	int64_t stamp;	    /* when it was read, by the clock on the wall */
	const void *bytes;
	size_t len;
};

/* `buf` has room for the packet and COPY_OVERHEAD; returns how much it is. */
size_t copy_write(void *buf, const struct copy *c);

#endif
