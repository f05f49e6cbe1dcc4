/* SPDX-License-Identifier: ISC */
#ifndef TFTP_REQUEST_H
#define TFTP_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/span.h"
#include "src/base/strbuf.h"

/*
 * The request that begins a TFTP transfer, the only packet of TFTP that goes to
 * a known port (RFC 1350, with options by RFC 2347, 2348, 2349 and 7440).
 *
 * Knows neither addresses nor sockets and allocates nothing; the spans point
 * into the datagram.
 *
 * A file name and a mode, each with a NUL at its end, are required, and the
 * mode must be one of the three that exist.  Options with a value out of range
 * are ignored, and so are bytes behind the last whole option; the server may
 * read them as it likes.
 */
enum tftp_op {
	TFTP_RRQ = 1,
	TFTP_WRQ = 2,
};

struct tftp_request {
	enum tftp_op op;
	struct span file; /* never empty, no NUL; any other byte */
	struct span mode;
	struct span options; /* what follows, for tftp_option_next() */
	/* Known options, 0 where absent or out of range. */
	uint16_t blksize;    /* 8 to 65464 */
	uint8_t timeout_s;   /* 1 to 255 */
	uint16_t windowsize; /* 1 to 65535 */
	bool has_tsize;
	uint64_t tsize;
};

/*
 * PH_OK; PH_EUNSUPPORTED: not a request, by its opcode; PH_EMALFORMED: shorter
 * than an opcode, or a request without a file name or mode.
 */
PH_NODISCARD enum ph_err tftp_request_parse(struct tftp_request *out,
    struct span datagram);

/*
 * Take the next whole option off `rest`; false at the end of them, or at a
 * pair without a name.
 */
bool tftp_option_next(struct span *rest, struct span *name, struct span *value);

/*
 * As in the log: RRQ "SEP0014F2.cnf.xml".  Control bytes, quotes,
 * backslashes and everything outside ASCII are escaped, and a name of more
 * than TFTP_LOG_NAME bytes ends in dots.
 */
#define TFTP_LOG_NAME 256
void tftp_request_format(const struct tftp_request *r, struct strbuf *out);

#endif
