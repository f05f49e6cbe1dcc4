/* SPDX-License-Identifier: ISC */
#ifndef PROXY_KEYFILE_H
#define PROXY_KEYFILE_H

#include <stddef.h>

#include "src/base/err.h"
#include "src/base/strbuf.h"
#include "src/conf/conf.h"
#include "tables/keys.h"

/*
 * The keys of a tables block, read as root.  A file is refused if it belongs
 * to another user, or others can read or write it.
 */
struct keyfiles {
	struct key *v;
	size_t n;
};

/* On failure *out is empty, and `why` has the message. */
PH_NODISCARD enum ph_err keyfiles_read(struct keyfiles *out,
    const struct conf_tables *c, struct strbuf *why);
void keyfiles_wipe(struct keyfiles *k);

#endif
