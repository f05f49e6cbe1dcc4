/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/engine/sip_terms.h"

enum ph_err
sip_terms(const struct conf *conf, const struct engine_place *place,
    struct sip_external **external, struct sip_config *out)
{
	const struct conf_sip *c = &conf->sip;
	struct sip_policy *p = &out->policy;
	size_t i;

	memset(out, 0, sizeof(*out));
	if (c->nexternal > 0) {
		*external = calloc(c->nexternal, sizeof(**external));
		if (*external == NULL)
			return PH_ENOMEM;
		for (i = 0; i < c->nexternal; i++) {
			(*external)[i].outside = c->external[i].outside;
			(*external)[i].inside = c->external[i].inside;
		}
	}
	p->protect = conf->protect.v;
	p->nprotect = conf->protect.n;
	p->server = c->server.v;
	p->nserver = c->server.n;
	p->media = c->media.v;
	p->nmedia = c->media.n;
	p->own = place->own;
	p->nown = place->nown;
	p->remotes = c->remotes.v;
	p->nremotes = c->remotes.n;
	p->symmetric = c->symmetric.v;
	p->nsymmetric = c->symmetric.n;
	p->external = *external;
	p->nexternal = c->nexternal;
	p->redirect = c->redirect;
	p->remote = c->remote;
	p->media_lo = c->media_lo;
	p->media_hi = c->media_hi;
	p->ports = c->port.v;
	p->nports = c->port.n;
	p->max_streams = c->limit_streams;
	p->hold_close = !c->hold_keep;
	out->early_media = c->early_media;
	out->limit_calls = c->limit_calls;
	out->limit_per_source = c->limit_per_source;
	out->timeout_setup = c->timeout_setup;
	out->timeout_max = c->timeout_max;
	return PH_OK;
}
