/* SPDX-License-Identifier: ISC */
#include <stddef.h>
#include <unistd.h>

#include "src/share/tls.h"

/* WITH_TLS=OFF */
const char *const tls_lacks =
    "this build has no TLS: it needs libevent_openssl and libssl";

enum ph_err
tls_new(struct tls **out, const struct conf_share *c, struct strbuf *why)
{
	*out = NULL;
	strbuf_fmt(why, "%s%s", c->tls.at, tls_lacks);
	return PH_EUNSUPPORTED;
}

void
tls_free(struct tls *t)
{
	(void)t;
}

struct bufferevent *
tls_open(struct tls *t, struct event_base *base, int fd)
{
	(void)t;
	(void)base;
	close(fd);
	return NULL;
}

void
tls_explain(const struct tls *t, struct bufferevent *be, struct strbuf *out)
{
	(void)t;
	(void)be;
	(void)out;
}
