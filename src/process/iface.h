/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_IFACE_H
#define PROCESS_IFACE_H

#include <net/if.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/strbuf.h"
#include "src/conf/conf.h"

/*
 * Where this machine is: its own addresses, and the interfaces behind which
 * the protected hosts are.  Asked once, at start; a reload asks again.
 */
#define IFACE_MAX     16
#define IFACE_MAX_OWN 256

struct iface {
	struct addr own[IFACE_MAX_OWN];
	size_t nown;
	struct addr ownprotected[IFACE_MAX_OWN]; /* those in `protect` */
	size_t nownprotected;
	char name[IFACE_MAX][IF_NAMESIZE];
	uint32_t index[IFACE_MAX];
	size_t n;
};

/* Only our own addresses, and whether any of them is protected. */
PH_NODISCARD enum ph_err iface_own(struct iface *out, const struct conf *conf,
    struct strbuf *why);

/*
 * The configured interfaces, or, when none are, those that reach `protect`:
 * by their own prefix, else by the route to it.  PH_EBAD with a sentence when
 * one does not exist, or none can be found.
 */
PH_NODISCARD enum ph_err iface_find(struct iface *out, const struct conf *conf,
    struct strbuf *why);

/*
 * Whether one of the names now means another interface.  One that is gone
 * does not count: the others still work, and it may come back.
 */
bool iface_moved(const struct iface *f);

#endif
