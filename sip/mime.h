/* SPDX-License-Identifier: ISC */
#ifndef SIP_MIME_H
#define SIP_MIME_H

#include "sip/head.h"
#include "sip/reject.h"
#include "src/base/span.h"

/*
 * Which bytes of a body are the session description: RFC 3261 sections 7.4
 * and 20.11, RFC 2045, RFC 2046 section 5.1, RFC 5621.
 *
 * The body itself if it is application/sdp, or the one such part of a
 * multipart, itself at most inside another.  A part whose disposition is not
 * `session` is not the session (early-session, RFC 3959).  Two of them, an
 * encoding, a boundary that others may see elsewhere, no closing delimiter:
 * ambiguous.  `*sdp` points into `body`, and is set with SIP_BODY_SDP only.
 */
enum sip_body mime_find_sdp(const struct head *h, struct span body,
    struct span *sdp);

#endif
