/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/wire.h"
#include "tftp/request.h"

/* Everything before the next NUL; false if there is none. */
static bool
string_next(struct span *rest, struct span *out)
{
	size_t i = span_find(*rest, '\0');

	if (i == rest->len)
		return false;
	*out = span_sub(*rest, 0, i);
	*rest = span_sub(*rest, i + 1, rest->len);
	return true;
}

bool
tftp_option_next(struct span *rest, struct span *name, struct span *value)
{
	struct span left = *rest;

	if (!string_next(&left, name) || name->len == 0 ||
	    !string_next(&left, value)) {
		*rest = span_sub(*rest, rest->len, 0);
		return false;
	}
	*rest = left;
	return true;
}

static uint64_t
option_number(struct span value, uint64_t min, uint64_t max)
{
	uint64_t v;

	return span_number(value, max, &v) && v >= min ? v : 0;
}

/* If an option is given twice, which RFC 2347 forbids, the first counts. */
static void
options_parse(struct tftp_request *r)
{
	struct span rest = r->options, name, value;

	while (tftp_option_next(&rest, &name, &value)) {
		if (span_caseeq_str(name, "blksize") && r->blksize == 0)
			r->blksize = (uint16_t)option_number(value, 8, 65464);
		else if (span_caseeq_str(name, "timeout") && r->timeout_s == 0)
			r->timeout_s = (uint8_t)option_number(value, 1, 255);
		else if (span_caseeq_str(name, "windowsize") &&
		    r->windowsize == 0)
			r->windowsize =
			    (uint16_t)option_number(value, 1, 65535);
		else if (span_caseeq_str(name, "tsize") && !r->has_tsize)
			r->has_tsize =
			    span_number(value, UINT64_MAX, &r->tsize);
	}
}

static bool
mode_is_known(struct span mode)
{
	return span_caseeq_str(mode, "octet") ||
	    span_caseeq_str(mode, "netascii") || span_caseeq_str(mode, "mail");
}

enum ph_err
tftp_request_parse(struct tftp_request *out, struct span datagram)
{
	struct cursor c = cursor_of(datagram.p, datagram.len);
	uint16_t op = cursor_u16(&c);

	memset(out, 0, sizeof(*out));
	if (c.bad)
		return PH_EMALFORMED;
	if (op != TFTP_RRQ && op != TFTP_WRQ)
		return PH_EUNSUPPORTED;
	out->op = op;
	out->options = cursor_span(&c, cursor_left(&c));
	if (!string_next(&out->options, &out->file) || out->file.len == 0 ||
	    !string_next(&out->options, &out->mode) ||
	    !mode_is_known(out->mode))
		return PH_EMALFORMED;
	options_parse(out);
	return PH_OK;
}

static const char *
op_name(enum tftp_op op)
{
	return op == TFTP_RRQ ? "RRQ" : "WRQ";
}

void
tftp_request_format(const struct tftp_request *r, struct strbuf *out)
{
	struct span rest = span_sub(r->file, 0, TFTP_LOG_NAME), part;
	bool more;

	strbuf_fmt(out, "%s \"", op_name(r->op));
	do {
		more = span_find(rest, '"') < rest.len;
		part = span_cut(rest, '"', &rest);
		strbuf_vis(out, part);
		if (more)
			strbuf_str(out, "\\x22");
	} while (more);
	strbuf_str(out, r->file.len > TFTP_LOG_NAME ? "...\"" : "\"");
}
