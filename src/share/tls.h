/* SPDX-License-Identifier: ISC */
#ifndef SHARE_TLS_H
#define SHARE_TLS_H

#include "src/base/err.h"
#include "src/base/strbuf.h"
#include "src/conf/conf.h"

/*
 * TLS (RFC 8446, RFC 5246) to the server: version 1.2 or later.  The server's
 * certificate must lead to one of those in the file `ca`, and name the server:
 * its address, or the configured name (RFC 6125).
 *
 * All files are read by tls_new(), before privilege goes; what they said is in
 * memory for all connections that follow.  libssl is in tls.c alone, below a
 * bufferevent of libevent_openssl, for the hiredis of Debian 12 brings none.
 */
struct bufferevent;
struct event_base;
struct tls;

/* The library that this build lacks, as a sentence; NULL: none. */
extern const char *const tls_lacks;

/* On failure `why` has the message, which begins with its place. */
PH_NODISCARD enum ph_err tls_new(struct tls **out, const struct conf_share *c,
    struct strbuf *why);
void tls_free(struct tls *t);

/*
 * Takes `fd`, which may still be connecting.  BEV_EVENT_CONNECTED says that
 * the handshake is over.  NULL: out of memory.
 */
struct bufferevent *tls_open(struct tls *t, struct event_base *base, int fd);

/* After BEV_EVENT_ERROR: why, if TLS was the reason; else nothing. */
void tls_explain(const struct tls *t, struct bufferevent *be,
    struct strbuf *out);

#endif
