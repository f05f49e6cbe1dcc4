/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "sip/mentions.h"
#include "sip/state.h"

/* The functions of sip.h, by which each message enters the room. */

struct sip *
sip_new(const struct sip_config *config, const struct sip_sink *sink,
    struct timers *timers)
{
	struct sip *sip = calloc(1, sizeof(*sip));
	int i;

	if (sip == NULL)
		return NULL;
	if (calls_init(sip) != PH_OK) {
		free(sip);
		return NULL;
	}
	sip->config = *config;
	sip->sink = *sink;
	sip->timers = timers;
	sip->expire = call_expire;
	RB_INIT(&sip->sources);
	for (i = 0; i < NWORTHS; i++)
		TAILQ_INIT(&sip->pending[i]);
	TAILQ_INIT(&sip->dead);
	mentions_init(&sip->mentions);
	sip->next_id = sip->next_serial = 1;
	return sip;
}

void
sip_free(struct sip *sip)
{
	struct call *c;

	if (sip == NULL)
		return;
	while ((c = call_after(sip, 0)) != NULL)
		call_free(c);
	hash_free(&sip->calls);
	idmap_free(&sip->ids);
	free(sip);
}

const struct sip_counters *
sip_counters(const struct sip *sip)
{
	return &sip->n;
}

void
sip_shutdown(struct sip *sip, enum reason why, int64_t now)
{
	struct dialog *d;
	struct call *c, *next;

	for (c = call_after(sip, 0); c != NULL; c = next) {
		next = call_after(sip, c->id);
		/*
		 * A dead call is only remembered: its pinholes have closed
		 * already.
		 */
		if (c->dead)
			continue;
		TAILQ_FOREACH(d, &c->dialogs, entry)
			past_expire(d, INT64_MAX);
		call_update(c, REASON_NONE, REASON_REPLACED, now);
		call_drop(c, why, now);
	}
}

static void
invite_overheard(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_glance *g)
{
	struct sip_message m = { 0 };

	m.request = true;
	m.method = SIP_INVITE;
	m.cseq = g->cseq;
	m.call_id = span_sub(g->call_id.word[0], 0, SIP_MAX_TAG);
	m.from_tag = span_sub(g->from, 0, SIP_MAX_TAG);
	m.branch = span_sub(m.call_id, 0, 0);
	if (g->branch.n > 0)
		m.branch = span_sub(g->branch.word[0], 0, SIP_MAX_TAG);
	/*
	 * The SDP of an INVITE that we cannot read is still an offer to its
	 * receiver.
	 */
	m.body = SIP_BODY_UNREAD;
	dialog_invite(sip, now, d, &m);
}

/*
 * Note what SDP says in a message that was refused: a proxy may relay it so
 * that it is not.  An INVITE makes a call, which holds the mentions and opens
 * nothing.
 */
static void
sdp_overhear(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_glance *g)
{
	const struct sip_policy *p = &sip->config.policy;
	size_t i;

	if (g->sdp.len == 0 || sip_policy_protects(p, &d->src.addr) ||
	    !sip_policy_protects(p, &d->dst.addr))
		return;
	if (g->invite && g->call_id.n > 0 && g->to.len == 0)
		invite_overheard(sip, now, d, g);
	for (i = 0; i < g->call_id.n; i++)
		body_note_mentions(sip, d,
		    span_sub(g->call_id.word[i], 0, SIP_MAX_TAG), g->from,
		    g->to, g->sdp);
	sip_fit(sip, now);
}

void
sip_overhear(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_glance *g)
{
	sip->sdp_text = (struct span) { NULL, 0 };
	sip->hearing = true;
	if (g->bye)
		bye_overhear(sip, now, d, g);
	sip->hearing = false;
	sdp_overhear(sip, now, d, g);
}

bool
sip_hears(const struct sip *sip)
{
	return sip->hearing;
}

enum sip_verdict
sip_input(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_message *m)
{
	const struct sip_policy *p = &sip->config.policy;
	struct sip_message clipped = *m;

	sip->verdict = SIP_VERDICT_USED;
	sip->sdp_text = (struct span) { NULL, 0 };
	if (!sip_policy_protects(p, &d->src.addr) &&
	    !sip_policy_protects(p, &d->dst.addr)) {
		sip->n.not_protected++;
		return sip->verdict;
	}
	if (m->call_id.len == 0 || m->call_id.len > SIP_MAX_TAG ||
	    m->from_tag.len > SIP_MAX_TAG || m->to_tag.len > SIP_MAX_TAG) {
		struct sip_glance g = sip_glance_of(m);

		sip->n.limit_transactions++;
		sdp_overhear(sip, now, d, &g);
		return SIP_VERDICT_TOO_LONG;
	}
	/* The first SIP_MAX_TAG bytes of a branch are enough. */
	clipped.branch = span_sub(m->branch, 0, SIP_MAX_TAG);
	sip->hearing = true;
	if (m->request)
		dialog_request(sip, now, d, &clipped);
	else
		dialog_response(sip, now, d, &clipped);
	sip->hearing = false;
	if (m->body == SIP_BODY_SDP)
		body_note_mentions(sip, d, m->call_id, m->from_tag, m->to_tag,
		    m->sdp);
	sip_fit(sip, now);
	return sip->verdict;
}
