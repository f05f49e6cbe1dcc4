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
 * The sockets of the proxy, the status and the engine process, made by the
 * monitor, for some need root: a port below 1024, packets that are addressed
 * to another host.
 */
enum listen_kind {
	LISTEN_FTP,
	LISTEN_TFTP,
	LISTEN_TABLES,
	LISTEN_HTTP,
	LISTEN_HEP, /* UDP */
	LISTEN_HEP_STREAM,
};

enum listen_user {
	LISTEN_FOR_PROXY,
	LISTEN_FOR_STATUS,
	LISTEN_FOR_ENGINE,
};

struct listener {
	enum listen_kind kind;
	size_t index; /* of the proxy line in its block */
	struct endpoint at;
	const char *place; /* in the configuration, which must outlive it */
	int fd;
};

struct listeners {
	struct listener *v;
	size_t n;
};

/*
 * Open the sockets that the configuration asks for, for that process.  With
 * `before`, sockets that are to stay are shared with it.  On failure *out is
 * empty, `why` has a sentence.
 */
PH_NODISCARD enum ph_err listeners_open(struct listeners *out,
    const struct conf *conf, enum listen_user user,
    const struct listeners *before, struct strbuf *why);

/*
 * A TFTP proxy's socket that inetd(8) or its like has made, at `fd`: to be
 * the `before` of the first listeners_open().  *at is where it listens.
 */
PH_NODISCARD enum ph_err listeners_inherit(struct listeners *out, int fd,
    struct endpoint *at, struct strbuf *why);

/*
 * For -n: open and close each.  `failed` is told of those that cannot be
 * opened.
 */
void listeners_try(const struct conf *conf,
    void (*failed)(void *ctx, const struct listener *l, int error), void *ctx);
/* Why: "x:3:9: ftp proxy: cannot listen on 127.0.0.1:21: Address in use". */
void listener_explain(const struct listener *l, int error, struct strbuf *why);

/*
 * A proxy may listen on an address that this host has not, for TPROXY and for
 * one that it may get later.  Add a line about each to `out`.
 */
void listeners_foreign(const struct conf *conf, struct strbuf *out);

/* Sockets that `after` shares stay open. */
void listeners_close(struct listeners *l, const struct listeners *after);

#endif
