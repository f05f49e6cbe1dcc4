/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_MEDIA_H
#define ENGINE_MEDIA_H

#include <stdint.h>

#include "src/process/claims.h"

/* What has gone through pinholes, as the packet filter counts it. */
struct media {
	int64_t seen; /* packets last went through; 0: never */
	uint64_t packets;
};

/* Through those that an asker has now. */
struct media media_of(struct claims *cs, uint64_t asker);

/*
 * Some of an asker's pinholes have closed, for which there was `before`: add
 * what had gone through them.
 */
void media_closed(struct media *m, struct claims *cs, uint64_t asker,
    const struct media *before);

#endif
