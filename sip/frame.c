/* SPDX-License-Identifier: ISC */
#include "sip/head.h"
#include "sip/message.h"

enum ph_err
sip_frame(struct span stream, size_t *skip, size_t *len)
{
	struct head_start start;
	enum sip_reject why;
	struct head h;
	size_t i = 0, body;
	bool present;
	enum ph_err rc;

	/* Keep-alives: RFC 5626 sections 3.5.1 and 4.4.1. */
	while (i < stream.len) {
		if (stream.p[i] == '\n')
			i++;
		else if (stream.p[i] == '\r' && i + 1 < stream.len &&
		    stream.p[i + 1] == '\n')
			i += 2;
		else
			break;
	}
	*skip = i;
	*len = 0;
	stream = span_sub(stream, i, stream.len);
	if (stream.len == 0 || (stream.len == 1 && stream.p[0] == '\r'))
		return PH_ETRUNC;
	/* No method begins with another byte, so TLS is recognised at once. */
	if (!head_is_token(span_sub(stream, 0, 1)))
		return PH_EMALFORMED;
	rc = head_parse(&h, stream, true, &why);
	if (h.start.len > 0 &&
	    head_start_parse(&start, h.start) == SIP_REJECT_SYNTAX)
		return PH_EMALFORMED;
	if (rc != PH_OK)
		return rc;
	/*
	 * A length too big for us ends the connection as much as one that is
	 * missing: there is no way to know where the next message begins.
	 */
	if (!head_length(&h, SIP_MAX_MESSAGE, &present, &body) || !present)
		return PH_EMALFORMED;
	if (body > SIP_MAX_MESSAGE - h.len)
		return PH_ELIMIT;
	*len = h.len + body;
	return *len > stream.len ? PH_ETRUNC : PH_OK;
}

bool
sip_starts(struct span text)
{
	struct head_start start;
	size_t end = span_find(text, '\n');

	if (end == text.len)
		return false;
	if (end > 0 && text.p[end - 1] == '\r')
		end--;
	return head_start_parse(&start, span_sub(text, 0, end)) ==
	    SIP_REJECT_NONE;
}
