/* SPDX-License-Identifier: ISC */
#ifndef TFTP_REQUEST_H
#define TFTP_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/span.h"
#include "src/base/strbuf.h"

/*
 * The first packet of a TFTP transfer, which is all of TFTP that goes to a
 * known port (RFC 1350, with options by RFC 2347, 2348, 2349 and 7440).
 *
 * Knows neither addresses nor sockets and allocates nothing; the spans
 * point into the datagram, whose length is that of any UDP datagram.
 *
 * File name and mode must be there and end in a NUL, and the mode be one of
 * the three that exist.  What follows them is a matter between client and
 * server: options that break their grammar are left out, and garbage is.
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
 * PH_OK; PH_EUNSUPPORTED for the other packets of TFTP and unknown ones;
 * PH_EMALFORMED for a request that is none.
 */
PH_NODISCARD enum ph_err tftp_request_parse(struct tftp_request *out,
    struct span datagram);

/*
 * Take the next whole option off `rest`; false at the end of them.  A pair
 * without a name is garbage and ends them, too.
 */
bool tftp_option_next(struct span *rest, struct span *name, struct span *value);

const char *tftp_op_name(enum tftp_op op); /* "RRQ", "WRQ" */

/*
 * As a log line has it: RRQ "SEP0014F2.cnf.xml".  Control bytes, quotes,
 * backslashes and everything outside ASCII are escaped, and a name of more
 * than TFTP_LOG_NAME bytes ends in dots.
 */
#define TFTP_LOG_NAME 256
void tftp_request_format(const struct tftp_request *r, struct strbuf *out);

#endif
