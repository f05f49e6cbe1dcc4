/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_HEP_POLICY_H
#define ENGINE_HEP_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/counters.h"
#include "src/base/datagram.h"
#include "src/conf/conf.h"
#include "src/engine/hep_key.h"

/*
 * Which mirrored messages count.
 *
 * A PBX mirrors to us what it read and wrote, because nobody else can read TLS.
 * A mirrored message has two ends.  It counts as if it had been read from the
 * wire: as sent by a protected host, or to one.  So a mirror makes no host a
 * protected one.
 *
 * The packet must come from an address in `from`, and have the key.  The sender
 * is believed as far as its own signalling on the wire would be:
 *
 *  - A protected host that is no `server` tells what it sent itself, and what
 *    hosts outside sent to it.
 *  - A `server`, and a sender that is not protected (the firewall itself, an
 *    agent on another network), tells what any protected host sent or was sent.
 *
 * Of these, a message by UDP between two protected hosts does not count.  A
 * PBX does not know where such a packet came from: a stranger may have forged
 * the address.  One that crosses the firewall is read from the wire, where the
 * direction tells.
 *
 * Opens no socket and reads no clock: the engine process and the replay use it.
 */
enum hep_refusal {
	HEP_REFUSED_SENDER,    /* not in `from` */
	HEP_REFUSED_MALFORMED, /* no HEP version 3 */
	HEP_REFUSED_KEY,       /* another, or none */
	HEP_REFUSED_TYPE,      /* it has no SIP that we can read */
	HEP_REFUSED_ENDS,      /* not the sender's to tell */
	HEP_NREFUSALS
};

struct hep_policy {
	const struct conf *conf;
	const struct hep_key *key;
	uint64_t packets; /* that count */
	uint64_t refused[HEP_NREFUSALS];
};

/* Both are borrowed. */
void hep_policy_init(struct hep_policy *p, const struct conf *conf,
    const struct hep_key *key);

/*
 * Whether bytes that were read from the wire are a packet on its way to us.  A
 * proxy may send these from its port of SIP.
 */
bool hep_policy_is_packet(const struct conf *conf, const struct datagram *d);

/* May this address mirror to us at all?  No is counted. */
bool hep_policy_admits(struct hep_policy *p, const struct addr *sender);

/*
 * One packet.  True: *d is the message that it brings, for engine_udp().
 * False: *why says why not, and it was counted.
 */
bool hep_policy_packet(struct hep_policy *p, int64_t now,
    const struct addr *sender, struct span packet, struct datagram *d,
    enum hep_refusal *why);

/* The fault of the packet, as a clause. */
const char *hep_policy_text(enum hep_refusal why);

void hep_policy_report(const struct hep_policy *p, struct counters *c);

#endif
