/* SPDX-License-Identifier: ISC */
#ifndef SIP_HEAD_H
#define SIP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sip/reject.h"
#include "src/base/err.h"
#include "src/base/span.h"

/*
 * The head of a SIP message or of a MIME part as lines: where it ends, which
 * fields it has, and that nobody could see other lines in it (RFC 3261
 * sections 7.1 to 7.3, RFC 2045 section 3).  Framing, parsing and the search
 * for SDP all read heads through here, so that they cannot disagree.
 *
 * Lines end in CRLF, or all of them in LF alone; the end of a line that is
 * continued may be either, for both readings continue it.  Refused are a
 * lone CR, a NUL, a mixture, a continuation of nothing or of only blanks, a
 * name that is no token, and a field given twice that must be single.
 *
 * Knows no grammar of any field.  Private to message.c, frame.c and mime.c.
 */
#define SIP_MAX_LINE 8192 /* bytes of one field, its folds included */

enum head_id {
	HEAD_OTHER,
	HEAD_CALL_ID,
	HEAD_CONTACT, /* may repeat */
	HEAD_CONTENT_DISPOSITION,
	HEAD_CONTENT_ENCODING,
	HEAD_CONTENT_LENGTH,
	HEAD_CONTENT_TRANSFER_ENCODING,
	HEAD_CONTENT_TYPE,
	HEAD_CSEQ,
	HEAD_FROM,
	HEAD_RACK,
	HEAD_RSEQ,
	HEAD_SESSION_EXPIRES,
	HEAD_TO,
	HEAD_VIA, /* may repeat */
	HEAD_MAX
};

struct head {
	size_t len;	   /* blank line included */
	struct span start; /* the start line; empty in a MIME part */
	unsigned int count[HEAD_MAX];
	struct span value[HEAD_MAX]; /* of the first one: trimmed, raw */
};

/*
 * Read the head at the beginning of `in`, the start line first if `start`.
 * PH_OK; PH_ETRUNC if its blank line is not there yet; else PH_EMALFORMED or
 * PH_ELIMIT, and *why says more.
 */
PH_NODISCARD enum ph_err head_parse(struct head *h, struct span in, bool start,
    enum sip_reject *why);

/* Without white space and line ends at both ends. */
struct span head_trim(struct span s);

/* One or more characters of RFC 3261's `token`. */
bool head_is_token(struct span s);

/* SIP/2.0 200 OK, or INVITE sip:bob@example.com SIP/2.0. */
struct head_start {
	bool request;
	struct span method, uri; /* requests */
	uint16_t status;	 /* responses: 100..699 */
};

PH_NODISCARD enum sip_reject head_start_parse(struct head_start *s,
    struct span line);

/*
 * Content-Length: false if it is there but not a number up to `max`;
 * otherwise *present says whether it is there.
 */
bool head_length(const struct head *h, uint64_t max, bool *present,
    size_t *len);

#endif
