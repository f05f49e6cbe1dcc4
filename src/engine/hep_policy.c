/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "src/capture/hep.h"
#include "src/engine/hep_policy.h"

void
hep_policy_init(struct hep_policy *p, const struct conf *conf,
    const struct hep_key *key)
{
	memset(p, 0, sizeof(*p));
	p->conf = conf;
	p->key = key;
}

static bool
is_protected(const struct hep_policy *p, const struct addr *a)
{
	return prefixes_contain(p->conf->protect.v, p->conf->protect.n, a);
}

static bool
is_server(const struct hep_policy *p, const struct addr *a)
{
	return prefixes_contain(p->conf->sip.server.v, p->conf->sip.server.n,
	    a);
}

/* Whether the message is the sender's to tell. */
static bool
may_tell(const struct hep_policy *p, const struct addr *sender,
    const struct hep *h)
{
	const struct addr *src = &h->src.addr, *dst = &h->dst.addr;
	bool from_inside = is_protected(p, src);
	bool to_inside = is_protected(p, dst);

	if (!from_inside && !to_inside)
		return false;
	if (from_inside && to_inside && h->proto == IPPROTO_UDP)
		return false;
	if (!is_protected(p, sender) || is_server(p, sender))
		return true;
	return addr_eq(sender, src) || (!from_inside && addr_eq(sender, dst));
}

static bool
hep_refuse(struct hep_policy *p, enum hep_refusal reason, enum hep_refusal *why)
{
	p->refused[reason]++;
	*why = reason;
	return false;
}

bool
hep_policy_is_packet(const struct conf *conf, const struct datagram *d)
{
	const struct conf_hep *h = &conf->hep;

	return h->on && d->dst.port == h->listen.port &&
	    prefixes_contain(h->from.v, h->from.n, &d->src.addr);
}

bool
hep_policy_admits(struct hep_policy *p, const struct addr *sender)
{
	enum hep_refusal why;

	return prefixes_contain(p->conf->hep.from.v, p->conf->hep.from.n,
		   sender) ||
	    hep_refuse(p, HEP_REFUSED_SENDER, &why);
}

bool
hep_policy_packet(struct hep_policy *p, int64_t now, const struct addr *sender,
    struct span packet, struct datagram *d, enum hep_refusal *why)
{
	struct hep h;

	*why = HEP_REFUSED_SENDER;
	if (!hep_policy_admits(p, sender))
		return false;
	if (hep_decode(&h, packet) != PH_OK)
		return hep_refuse(p, HEP_REFUSED_MALFORMED, why);
	if (p->key->len > 0 && !hep_key_eq(h.key, hep_key_span(p->key)))
		return hep_refuse(p, HEP_REFUSED_KEY, why);
	if (h.type != HEP_SIP || h.bytes.len == 0)
		return hep_refuse(p, HEP_REFUSED_TYPE, why);
	if (!may_tell(p, sender, &h))
		return hep_refuse(p, HEP_REFUSED_ENDS, why);
	p->packets++;
	*d = (struct datagram) { .ts = now,
		.dir = PKT_UNKNOWN,
		.proto = h.proto,
		.mirrored = true,
		.src = h.src,
		.dst = h.dst,
		.payload = h.bytes };
	return true;
}

const char *
hep_policy_text(enum hep_refusal why)
{
	static const char *const texts[HEP_NREFUSALS] = {
		[HEP_REFUSED_SENDER] = "\"from\" does not list the sender",
		[HEP_REFUSED_MALFORMED] = "it is no HEP of version 3",
		[HEP_REFUSED_KEY] = "it does not have the key",
		[HEP_REFUSED_TYPE] = "it has no SIP, or compressed SIP",
		[HEP_REFUSED_ENDS] = "its sender may not speak for its ends",
	};

	return texts[why];
}

void
hep_policy_report(const struct hep_policy *p, struct counters *c)
{
	counters_put(c, "hep_messages", p->packets);
	counters_put(c, "hep_refused_sender", p->refused[HEP_REFUSED_SENDER]);
	counters_put(c, "hep_refused_malformed",
	    p->refused[HEP_REFUSED_MALFORMED]);
	counters_put(c, "hep_refused_key", p->refused[HEP_REFUSED_KEY]);
	counters_put(c, "hep_refused_type", p->refused[HEP_REFUSED_TYPE]);
	counters_put(c, "hep_refused_ends", p->refused[HEP_REFUSED_ENDS]);
}
