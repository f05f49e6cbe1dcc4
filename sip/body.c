/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "sip/mentions.h"
#include "sip/state.h"

/* The SDP of messages, and which part of it counts. */

/* Parse the SDP of the message at hand into sip->sdp, once for each message. */
static enum ph_err
body_parse(struct sip *sip, struct span text)
{
	if (sip->sdp_text.p != text.p || sip->sdp_text.len != text.len) {
		sip->sdp_text = text;
		sip->sdp_rc = sdp_parse(&sip->sdp, text, NULL);
	}
	return sip->sdp_rc;
}

void
body_read(struct call *c, bool answer, const struct datagram *d,
    const struct sip_message *m, struct body *b)
{
	struct sip *sip = c->sip;
	enum ph_err rc;

	b->side = NULL;
	b->bad = REASON_NONE;
	switch (m->body) {
	case SIP_BODY_NONE:
		return;
	case SIP_BODY_AMBIGUOUS:
		sip->n.sdp_ambiguous++;
		b->bad = REASON_AMBIGUOUS;
		return;
	case SIP_BODY_UNREAD:
		b->bad = REASON_MALFORMED;
		return;
	case SIP_BODY_SDP:
		break;
	}
	if ((rc = body_parse(sip, m->sdp)) != PH_OK) {
		b->bad =
		    rc == PH_EAMBIGUOUS ? REASON_AMBIGUOUS : REASON_MALFORMED;
		if (rc == PH_EAMBIGUOUS)
			sip->n.sdp_ambiguous++;
		else
			sip->n.sdp_malformed++;
		return;
	}
	if (sip->sink.described != NULL)
		sip->sink.described(sip->sink.ctx, &sip->sdp);
	b->side = sdp_side_new(sip->sdp.media, sip->sdp.nmedia, sip->sdp.more,
	    &d->src.addr);
	if (b->side != NULL &&
	    sip_policy_protects(&sip->config.policy, &d->src.addr))
		mentions_inside(c, answer, b->side);
}

void
body_note_mentions(struct sip *sip, const struct datagram *d,
    struct span call_id, struct span from_tag, struct span to_tag,
    struct span sdp)
{
	struct call *c, *best;
	int fit, best_fit = -1;

	if (sip_policy_protects(&sip->config.policy, &d->src.addr) ||
	    (best = call_first(sip, call_id)) == NULL ||
	    body_parse(sip, sdp) != PH_OK)
		return;
	/*
	 * Of several legs, take the one whose addresses fit the datagram best.
	 */
	for (c = best; c != NULL; c = call_next(c)) {
		fit = addr_eq(&c->addr[call_inside(c)], &d->dst.addr) +
		    addr_eq(&c->addr[!call_inside(c)], &d->src.addr) +
		    (span_eq(call_tag_of(c), from_tag) ||
			span_eq(call_tag_of(c), to_tag)) +
		    (c->dead ? 0 : 4);
		if (fit > best_fit) {
			best_fit = fit;
			best = c;
		}
	}
	mentions_outside(best, &d->src.addr, sip->sdp.media, sip->sdp.nmedia);
}

static bool
hold_address(const struct sdp_media *m)
{
	return m->fault == SDP_OK && m->port != 0 && !m->ice &&
	    addr_scope(&m->addr) == ADDR_UNSPECIFIED;
}

/*
 * In a running call, "I only send" is hold, too, even if what is sent is
 * music: RFC 3264 section 8.4.  From the start it is a stream with one end.
 */
static bool
hold_mode(const struct sdp_media *m, const struct sdp_side *old, size_t i)
{
	return m->mode == SDP_SENDONLY && old != NULL && i < old->n &&
	    old->media[i].port != 0 &&
	    (old->media[i].mode == SDP_SENDRECV ||
		old->media[i].mode == SDP_INACTIVE);
}

/* A stream on hold stays as it is `old`, which is NULL if there was none. */
static void
hold_media(struct sdp_media *m, const struct sdp_media *old, bool inside)
{
	m->mode = SDP_INACTIVE;
	if (old == NULL)
		return;
	/*
	 * A stream held by 0.0.0.0 names no new port, so the inside keeps its
	 * old one.
	 */
	if (inside && m->port != old->port)
		*m = *old;
	m->mode = SDP_INACTIVE;
	m->addr = old->addr;
	m->repeated = old->repeated;
}

struct sdp_side *
body_keep_held(struct sip *sip, struct sdp_side *side,
    const struct sdp_side *old)
{
	bool close = sip->config.policy.hold_close;
	bool inside = sip_policy_protects(&sip->config.policy, &side->speaker);
	struct sdp_media media[SDP_MAX_MEDIA];
	struct sdp_side *copy;
	bool any = false;
	size_t i;

	for (i = 0; i < side->n; i++) {
		media[i] = side->media[i];
		if (hold_address(&side->media[i])) {
			any = true;
			hold_media(&media[i],
			    old != NULL && i < old->n && !close ? &old->media[i]
								: NULL,
			    inside);
		} else if (close && hold_mode(&side->media[i], old, i)) {
			any = true;
			media[i].mode = SDP_INACTIVE;
		}
	}
	if (!any ||
	    (copy = sdp_side_new(media, side->n, side->more, &side->speaker)) ==
		NULL)
		return side;
	sdp_side_unref(side);
	return copy;
}
