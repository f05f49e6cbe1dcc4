/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "sip/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
check_addr(const struct addr *a)
{
	static const uint8_t zero[16];

	check(a->af == AF_UNSPEC || a->af == AF_INET || a->af == AF_INET6);
	/* Values compare by memcmp. */
	check(memcmp(a->b + addr_bytes(a->af), zero,
		  sizeof(zero) - addr_bytes(a->af)) == 0);
}

static void
check_media(const struct sdp_media *m)
{
	size_t i;

	check(m->fault <= SDP_FAULT_SYNTAX && m->kind <= SDP_OTHER);
	check(m->mode <= SDP_INACTIVE && m->setup <= SDP_HOLDCONN);
	check(m->ncandidates <= SDP_MAX_CANDIDATES);
	check_addr(&m->addr);
	check_addr(&m->rtcp.addr);
	for (i = 0; i < m->ncandidates; i++) {
		const struct sdp_candidate *c = &m->candidates[i];

		check_addr(&c->addr);
		check(c->addr.af != AF_UNSPEC && c->port != 0);
		check(c->component == 1 || c->component == 2);
	}
	if (m->fault != SDP_OK || m->port == 0)
		return;
	/* No arithmetic on these ports leaves 16 bits. */
	check(m->addr.af != AF_UNSPEC && m->nports >= 1);
	check(m->port +
		(m->kind == SDP_RTP && m->nports > 1 ? 2u * m->nports
						     : m->nports) -
		1u <=
	    UINT16_MAX);
	check(m->rtcp.addr.af == AF_UNSPEC || m->rtcp.port != 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span body = { (const char *)data, len };
	static const struct sdp zero;
	size_t i, where = 0;
	struct sdp sdp;
	enum ph_err rc = sdp_parse(&sdp, body, &where);

	if (rc != PH_OK) {
		check(rc == PH_EMALFORMED || rc == PH_EAMBIGUOUS);
		check(where <= len);
		check(memcmp(&sdp, &zero, sizeof(sdp)) == 0);
		return 0;
	}
	check(sdp.nmedia <= SDP_MAX_MEDIA);
	check(!sdp.more || sdp.nmedia == SDP_MAX_MEDIA);
	for (i = 0; i < sdp.nmedia; i++)
		check_media(&sdp.media[i]);
	return 0;
}
