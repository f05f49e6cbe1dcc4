/* SPDX-License-Identifier: ISC */
#ifndef FTP_CONTROL_H
#define FTP_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "ftp/line.h"
#include "src/base/addr.h"
#include "src/base/reason.h"
#include "src/base/span.h"

/*
 * A control connection of FTP, watched as it goes by (RFC 959, 2228, 2428,
 * 4217): the bytes of both directions in order, cut up anyhow, come in; data
 * connections that were agreed on go out.  No sockets, no time, no memory
 * but the struct itself.
 *
 * What counts is strict:
 *
 *  - A command or reply is a whole line that begins where the one before has
 *    ended.  Lines end in CRLF, or all of a direction in LF alone; one with
 *    another CR, LF or a NUL in it, or of more than FTP_CONTROL_LINE bytes,
 *    is stepped over.  What stands inside a reply of several lines is text.
 *  - A 227 or 229 counts only while a PASV or EPSV has not been answered.
 *  - The address is that of whoever names it, unless `loose`; even then it
 *    can be used at all.  No port is below FTP_PORT_MIN.
 *  - After EPSV ALL, unless the server refused it, only EPSV counts.
 *  - TLS is stepped over, record by record, until CCC has made the
 *    connection readable again.
 *  - A connection that speaks HTTP to the FTP port is not followed, nor one
 *    whose client begins with what is no command: a browser may have been
 *    talked into it.
 */
#define FTP_CONTROL_LINE    512
#define FTP_CONTROL_PENDING 8 /* of our verbs, sent and not answered */

enum ftp_news_kind {
	FTP_ACTIVE = 1, /* server to `data`, by PORT or EPRT */
	FTP_PASSIVE,	/* client to `data`, by 227 or 229 */
	FTP_EXPECTED,	/* active: agreed on, or asked for; it may begin now */
	FTP_REJECTED,	/* the server would not have the last of them */
	FTP_BEGUN,	/* 125, 150: there is a data connection */
	FTP_DONE,	/* 226, 425, 426: there is none any more */
	FTP_REFUSED,	/* `data` must not be used; `why` says why not */
	FTP_IGNORED,	/* could not be read, or was not its turn */
	FTP_OPAQUE,	/* encrypted from here on */
	FTP_READABLE,	/* and now no longer */
	FTP_FOREIGN,	/* not FTP: will not be looked at again */
};

struct ftp_news {
	enum ftp_news_kind kind;
	enum reason why; /* REASON_ADDRESS or REASON_PORT_RANGE */
	struct endpoint data;
};

/* Private: one direction. */
struct ftp_lines {
	uint8_t end;   /* how lines end, once one has */
	char last;     /* byte of the line so far */
	bool overlong; /* of the line so far, only the head is here */
	bool joined;   /* in the middle of a line, or of TLS */
	uint8_t tls;   /* records, not lines */
	uint8_t header[5];
	uint8_t nheader;
	uint16_t payload; /* bytes of the record still to come */
	uint16_t len;
	char line[FTP_CONTROL_LINE];
	char tail[FTP_LINE_TAIL + 1]; /* of an overlong line, with its CR */
};

struct ftp_control {
	struct addr client, server;
	bool loose;
	bool epsv_all;
	bool active; /* the last that named a port was PORT or EPRT */
	bool opaque, foreign;
	bool begun;	/* the client's first line was seen, or will not be */
	uint16_t multi; /* code of a reply of several lines, or 0 */
	/* Commands and final replies are counted to tell who answers what. */
	uint64_t sent, answered;
	struct ftp_pending {
		uint8_t verb;
		uint64_t number;
	} pending[FTP_CONTROL_PENDING];
	uint8_t npending;
	struct ftp_lines side[2];
};

void ftp_control_init(struct ftp_control *c, const struct addr *client,
    const struct addr *server, bool loose);

/*
 * What this side has sent before was not seen: what comes up to the end of
 * its line does not count.  Records of TLS are still known by their head.
 */
void ftp_control_join(struct ftp_control *c, enum ftp_side side);

/* The next bytes of one side; `tell` is called in the order of the lines. */
void ftp_control_input(struct ftp_control *c, enum ftp_side from,
    struct span bytes, void (*tell)(void *ctx, const struct ftp_news *news),
    void *ctx);

#endif
