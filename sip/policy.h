/* SPDX-License-Identifier: ISC */
#ifndef SIP_POLICY_H
#define SIP_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sip/sdp.h"
#include "src/base/addr.h"
#include "src/base/pinhole.h"
#include "src/base/reason.h"
#include "src/base/remote.h"

/*
 * What one negotiated session may open (RFC 3264 section 6).
 *
 * A pure function from two sides of a session to pinholes and refusals; it
 * knows neither dialogs nor time.  Two rules carry the weight:
 *
 *   - The inside address and port come only from SDP that a protected host
 *     itself sent.  Each speaks for itself; only a `server` may name others,
 *     and only those in `media`.
 *   - SDP of an outsider decides which addresses may send, never the inside
 *     address or port; not even when a protected host repeats it (mentions.h).
 */
/* The firewall's static NAT: SDP says `outside` and means `inside`. */
struct sip_external {
	struct addr outside, inside;
};

/* Borrowed lists: they outlive the policy. */
struct sip_policy {
	const struct prefix *protect;
	size_t nprotect;
	const struct prefix *server;
	size_t nserver;
	const struct prefix *media; /* what may be opened */
	size_t nmedia;
	const struct addr *own; /* the firewall's addresses: never a remote */
	size_t nown;
	const struct prefix *remotes; /* with REMOTE_LIST */
	size_t nremotes;
	/*
	 * Peers that send from the port that they name (RFC 4961): what is
	 * opened between one of them and the inside is a whole 5-tuple.
	 */
	const struct prefix *symmetric;
	size_t nsymmetric;
	const struct sip_external *external;
	size_t nexternal;
	bool redirect; /* let the backend redirect `external` itself */
	enum remote remote;
	uint16_t media_lo, media_hi;
	/*
	 * The ports of the signalling are never opened: a pinhole there would
	 * end the signalling when it closes.
	 */
	const uint16_t *ports;
	size_t nports;
	uint32_t max_streams;
	bool hold_close; /* inactive streams get no pinhole */
};

/* One side of a session, as that side described it. */
struct sip_side {
	struct addr speaker; /* the sender of the signalling that carried it */
	const struct sdp_media *media;
	size_t nmedia;
	bool more; /* and there were others */
};

struct sip_refusal {
	struct addr src; /* who said it */
	struct addr dst; /* what it named */
	uint16_t dport;
	enum reason reason;
};

#define SIP_PLAN_HOLES	  128
#define SIP_PLAN_REFUSALS 32

struct sip_plan {
	size_t nholes, nrefusals;
	struct pinhole holes[SIP_PLAN_HOLES]; /* id and deadline 0 */
	uint8_t stream[SIP_PLAN_HOLES];	      /* the m= line it belongs to */
	struct sip_refusal refusals[SIP_PLAN_REFUSALS];
};

bool sip_policy_protects(const struct sip_policy *p, const struct addr *a);
/* The host behind a public alias; anything else is what it is. */
struct addr sip_policy_inside(const struct sip_policy *p, const struct addr *a);
bool sip_policy_is_server(const struct sip_policy *p, const struct addr *a);

/*
 * Fill `plan` (its old contents are dropped).  Order: by m= line, in before
 * out, signalling source before SDP source; no tuple twice.
 */
void sip_policy_plan(const struct sip_policy *p, const struct sip_side *inside,
    const struct sip_side *outside, struct sip_plan *plan);

#endif
