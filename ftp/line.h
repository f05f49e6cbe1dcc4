/* SPDX-License-Identifier: ISC */
#ifndef FTP_LINE_H
#define FTP_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/span.h"
#include "src/base/strbuf.h"

/*
 * One line of an FTP control connection, read and written (RFC 959 sections
 * 4 and 5.4, RFC 2228, RFC 2428, RFC 4217).  Lines are handed in without
 * their end.  Finding their ends, and the command that a reply answers, is
 * for ftp/reader.h.
 *
 * Pure functions: nothing is kept, nothing allocated, spans borrow.  Parsers
 * return PH_OK or PH_EMALFORMED, and other errors where it says so.  A port
 * may be any number, 0 included: the caller must judge it.
 */
/* Lower ports are those of services: no data connection goes there. */
#define FTP_PORT_MIN 1024

enum ftp_side {
	FTP_CLIENT,
	FTP_SERVER,
};

enum ftp_verb {
	FTP_OTHER, /* well formed, and none of the following */
	FTP_USER,
	FTP_PORT,
	FTP_EPRT,
	FTP_PASV,
	FTP_EPSV,
	FTP_LPRT, /* RFC 1639, historic */
	FTP_LPSV,
	FTP_AUTH,
	FTP_CCC,
	FTP_TRANSFER, /* RETR, LIST, ...: it needs a data connection */
	FTP_REIN,
	FTP_QUIT,
};

struct ftp_command {
	enum ftp_verb verb;
	struct span name; /* as written; case does not matter */
	struct span arg;  /* what follows the first blank */
};

/* A verb is 1 to FTP_VERB_MAX letters, then a blank or the end. */
#define FTP_VERB_MAX 8
PH_NODISCARD enum ph_err ftp_command_parse(struct ftp_command *out,
    struct span line);

struct ftp_reply {
	uint16_t code;	  /* 100 to 699 */
	bool more;	  /* "227-": the first of several lines */
	struct span text; /* behind the code and what separates it */
};

/*
 * A line that begins with a reply code.  Inside a reply of several lines,
 * only one with the same code and without `more` means anything.
 */
PH_NODISCARD enum ph_err ftp_reply_parse(struct ftp_reply *out,
    struct span line);

/*
 * Whether this is a line of HTTP: it begins with a method or with "HTTP/", or
 * ends in a version.  A web page can make a browser use a method of its own,
 * but not leave the version out.  The last FTP_LINE_TAIL bytes of a line are
 * enough to see a version.
 */
#define FTP_LINE_TAIL 9 /* " HTTP/1.1" */
bool ftp_line_foreign(struct span line);
bool ftp_line_ends_in_version(struct span line);

/* Neither NUL, CR nor LF: no reader can find another line in it. */
bool ftp_line_clean(struct span line);

/* The argument of PORT: "10,0,0,1,4,1", perhaps with blanks around it. */
PH_NODISCARD enum ph_err ftp_port_parse(struct span arg, struct endpoint *out);

/*
 * The argument of EPRT: "|1|10.0.0.1|1025|", "|2|2001:db8::1|1025|", with
 * any delimiter from '!' to '~' (RFC 2428 section 2).  PH_EUNSUPPORTED: a
 * network protocol that is neither 1 nor 2.
 */
PH_NODISCARD enum ph_err ftp_eprt_parse(struct span arg, struct endpoint *out);

/*
 * The argument of EPSV: nothing, "1", "2" or "ALL" (RFC 2428 section 3).
 * *af is AF_UNSPEC unless a protocol is named.  PH_EUNSUPPORTED: another one.
 */
PH_NODISCARD enum ph_err ftp_epsv_parse(struct span arg, bool *all,
    uint8_t *af);

/*
 * The text of a 227: six numbers somewhere in it, with parentheses or
 * without (RFC 1123 section 4.1.2.6).  PH_EAMBIGUOUS: it has them twice.
 */
PH_NODISCARD enum ph_err ftp_227_parse(struct span text, struct endpoint *out);

/*
 * The text of a 229: "(|||1025|)" somewhere in it, with any delimiter.
 * PH_EAMBIGUOUS: it has that twice.
 */
PH_NODISCARD enum ph_err ftp_229_parse(struct span text, uint16_t *port);

/*
 * "PORT 10,0,0,1,4,1", "EPRT |2|2001:db8::1|1025|", "227 Entering Passive
 * Mode (10,0,0,1,4,1)" and "229 Entering Extended Passive Mode (|||1025|)",
 * without an end.  PORT and 227 are for IPv4 only.
 */
void ftp_port_format(struct strbuf *out, const struct endpoint *e);
void ftp_eprt_format(struct strbuf *out, const struct endpoint *e);
void ftp_227_format(struct strbuf *out, const struct endpoint *e);
void ftp_229_format(struct strbuf *out, uint16_t port);

#endif
