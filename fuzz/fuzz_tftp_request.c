/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "tftp/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static bool
inside(struct span part, struct span whole)
{
	return part.len == 0 ||
	    (part.p >= whole.p && part.p + part.len <= whole.p + whole.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span in = { (const char *)data, len }, rest, name, value;
	struct tftp_request r;
	char line[4 * TFTP_LOG_NAME + 16];
	struct strbuf b = strbuf_of(line, sizeof(line));
	enum ph_err rc = tftp_request_parse(&r, in);
	size_t i, left;

	check(rc == PH_OK || rc == PH_EMALFORMED || rc == PH_EUNSUPPORTED);
	if (rc != PH_OK)
		return 0;
	check(r.op == TFTP_RRQ || r.op == TFTP_WRQ);
	check(inside(r.file, in) && r.file.len > 0);
	check(inside(r.mode, in) && inside(r.options, in));
	check(span_find(r.file, '\0') == r.file.len);
	check(r.blksize == 0 || (r.blksize >= 8 && r.blksize <= 65464));
	for (rest = r.options, left = rest.len;
	     tftp_option_next(&rest, &name, &value); left = rest.len) {
		check(rest.len < left && name.len > 0);
		check(inside(name, in) && inside(value, in));
	}
	check(rest.len == 0);
	/* The log line of a request has no byte that a terminal would obey. */
	tftp_request_format(&r, &b);
	check(!b.full);
	for (i = 0; i < b.len; i++)
		check(line[i] >= 0x20 && line[i] < 0x7f);
	return 0;
}
