/* SPDX-License-Identifier: ISC */
#ifndef SIP_MESSAGE_H
#define SIP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sip/reject.h"
#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/span.h"

/*
 * One SIP message, as far as a firewall needs it (RFC 3261 section 7).
 *
 * Addresses, Via and CSeq are read by libosip2's parsers, fenced in by
 * message.c: one field at a time, within bounds, sanity checks after it, its
 * tracing silenced.  Where the head ends, which fields it has, the start line
 * and the body are ours to read, and so are fields of the forms that plain.h
 * knows, of which there is one reading.  Nothing outside message.c knows
 * libosip2.
 *
 * A message that could be read in two ways is refused rather than guessed at: a
 * firewall and a server that disagree are a hole.
 */
enum sip_method {
	SIP_OTHER, /* anything we do not act on */
	SIP_INVITE,
	SIP_ACK,
	SIP_BYE,
	SIP_CANCEL,
	SIP_PRACK,
	SIP_UPDATE,
};

/*
 * Spans point into the input or into storage owned by the message; see
 * sip_message_free().
 */
struct sip_message {
	bool request;
	enum sip_method method; /* of the request, or of CSeq in a response */
	uint16_t status;	/* 100..699, responses only */
	struct span call_id;
	struct span from_tag; /* may be empty (RFC 2543) */
	struct span to_tag;   /* empty: outside a dialog */
	uint32_t cseq;
	struct span branch;  /* of the topmost Via; may be empty */
	bool relayed;	     /* there is more than one Via */
	struct addr contact; /* literal address in Contact, else AF_UNSPEC */
	bool reliable;	     /* 1xx with RSeq (RFC 3262) */
	uint32_t rseq;
	uint32_t rack_rseq, rack_cseq; /* PRACK: RAck */
	enum sip_method rack_method;
	uint32_t session_expires; /* seconds, 0: none (RFC 4028) */
	enum sip_body body;
	struct span sdp; /* with SIP_BODY_SDP; points into the input */
	void *impl;
};

/* As requests write it; NULL of SIP_OTHER. */
const char *sip_method_name(enum sip_method method);
const char *sip_reject_name(enum sip_reject r);
/* The fault of a message, in words. */
const char *sip_reject_text(enum sip_reject why);

/* Once, before anything else; silences libosip2 for good. */
PH_NODISCARD enum ph_err sip_message_init(void);

/*
 * Parse one message: a whole UDP datagram, or one TCP message as framed by
 * sip_frame() (`stream` true, then Content-Length is mandatory).  Bytes after
 * Content-Length in a datagram are not part of the message (RFC 3261
 * section 18.3).
 *
 * On success the caller frees *out with sip_message_free(), before `in` goes
 * away.  On failure *out is zeroed and *why says which counter to bump.
 */
PH_NODISCARD enum ph_err sip_message_parse(struct sip_message *out,
    struct span in, bool stream, enum sip_reject *why);
/* The same by libosip2 alone, which tests compare with. */
PH_NODISCARD enum ph_err sip_message_parse_by_osip(struct sip_message *out,
    struct span in, bool stream, enum sip_reject *why);
void sip_message_free(struct sip_message *m);

/*
 * What a message that sip_message_parse() refused still says: every Call-ID,
 * tag and branch that some reader might find in its head, however it is
 * written, and its SDP.  Several of each are no error here, for on such
 * grounds something closes or is not believed, but nothing opens; who may be
 * believed is for sip.h to say.  The spans point into the input.
 */
#define SIP_GLANCE_MAX 8

/* Of more than there is room for, the first ones and the last. */
struct sip_words {
	size_t n;
	struct span word[SIP_GLANCE_MAX];
};

struct sip_glance {
	bool request;	      /* else a response */
	bool bye;	      /* a BYE, or a response to one */
	bool invite;	      /* an INVITE */
	uint16_t status;      /* responses */
	uint32_t cseq;	      /* 0 if that is no number */
	bool relayed;	      /* there is more than one Via */
	struct span from, to; /* tags, by the grammar */
	struct sip_words call_id, from_tag, to_tag, branch;
	struct span sdp; /* what looks like it */
};

/* False if there is neither BYE nor SDP in it. */
bool sip_message_glance(struct sip_glance *out, struct span in);
/* The same of a message that was read. */
struct sip_glance sip_glance_of(const struct sip_message *m);

/*
 * Where the first message in a TCP stream ends (RFC 3261 section 18.3):
 * leading CRLFs are keep-alives and are counted in *skip, *len is the length
 * of the message after them.  PH_OK, PH_ETRUNC (more bytes are needed; *skip
 * may be dropped already, and *len, if not 0, is what it will be), or
 * PH_EMALFORMED / PH_ELIMIT: give the connection up, there is no
 * resynchronising by guess.
 */
PH_NODISCARD enum ph_err sip_frame(struct span stream, size_t *skip,
    size_t *len);

/* Does it begin with the first line of a message, and all of that line? */
bool sip_starts(struct span text);

#endif
