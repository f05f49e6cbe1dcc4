/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_LISTEN_H
#define PROCESS_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/strbuf.h"
#include "src/conf/conf.h"

/*
 * The sockets of the proxy process, made by the monitor, for some need root:
 * a port below 1024, packets that were addressed to somebody else.
 */
enum listen_kind {
	LISTEN_FTP,
	LISTEN_TFTP,
	LISTEN_TABLES,
};

struct listener {
	enum listen_kind kind;
	size_t index; /* of the proxy line in its block */
	struct endpoint at;
	int fd;
};

struct listeners {
	struct listener *v;
	size_t n;
};

/*
 * Whatever the configuration asks for.  With `before`, sockets that are to
 * stay are shared with it.  On failure *out is empty, `why` has a sentence.
 */
PH_NODISCARD enum ph_err listeners_open(struct listeners *out,
    const struct conf *conf, const struct listeners *before,
    struct strbuf *why);

/*
 * A TFTP proxy's socket that inetd(8) or its like has made, at `fd`: to be
 * the `before` of the first listeners_open().  *at is where it listens.
 */
PH_NODISCARD enum ph_err listeners_inherit(struct listeners *out, int fd,
    struct endpoint *at, struct strbuf *why);

/* With `after`, what it shares is kept. */
void listeners_close(struct listeners *l, const struct listeners *after);

#endif
