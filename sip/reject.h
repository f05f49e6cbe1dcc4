/* SPDX-License-Identifier: ISC */
#ifndef SIP_REJECT_H
#define SIP_REJECT_H

/* How large a message may be, and what becomes of it; see message.h. */
#define SIP_MAX_MESSAGE 65535 /* bytes; headers alone: SIP_MAX_HEAD */
#define SIP_MAX_HEAD	16384
#define SIP_MAX_HEADERS 128

/* Counted by the caller under these names. */
enum sip_reject {
	SIP_REJECT_NONE,
	SIP_REJECT_NOISE, /* keep-alive, STUN, NULs: silently ignored */
	SIP_REJECT_SIZE,
	SIP_REJECT_SYNTAX,
	SIP_REJECT_LENGTH,    /* Content-Length lies or is missing on TCP */
	SIP_REJECT_DUPLICATE, /* a header that must be single is not */
	SIP_REJECT_RANGE,     /* status, CSeq number */
	SIP_REJECT_MISSING,   /* a mandatory header */
	SIP_REJECT_MISMATCH,  /* CSeq method is not the request's */
	SIP_REJECT_MAX
};

enum sip_body {
	SIP_BODY_NONE, /* no SDP */
	SIP_BODY_SDP,
	SIP_BODY_AMBIGUOUS, /* two SDP parts, Content-Encoding, bad MIME */
	SIP_BODY_UNREAD,    /* in a message that was refused */
};

#endif
