/* SPDX-License-Identifier: ISC */
#ifndef FTP_CONTROL_H
#define FTP_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "ftp/reader.h"
#include "src/base/addr.h"
#include "src/base/reason.h"
#include "src/base/span.h"

/*
 * A control connection of FTP, watched as it goes by: the bytes of both
 * directions in order, cut up anyhow, come in; data connections that were
 * agreed on go out.  No sockets, no time, no memory but the struct itself.
 * ftp/reader.h reads the bytes.  This module decides which lines count:
 *
 *  - No line that is in doubt, and no command that is not exact.
 *  - A 227 or 229 counts only while a PASV or EPSV has not been answered.
 *  - The address is that of the side that names it, unless `loose`; even then
 *    it is one that hosts can have.  No port is below FTP_PORT_MIN.
 *  - While EPSV ALL is in force, only EPSV counts.
 *  - A connection that is not FTP is not followed.
 */
enum ftp_news_kind {
	FTP_ACTIVE = 1, /* PORT, EPRT: the server may connect to `data` */
	FTP_PASSIVE,	/* 227, 229: the client may connect to `data` */
	FTP_EXPECTED,	/* the server accepted PORT, or a transfer was asked
			   for: the active connection may begin now */
	FTP_REJECTED,	/* the server refused the last PORT or EPRT */
	FTP_BEGUN,	/* 125, 150: there is a data connection */
	FTP_DONE,	/* 226, 425, 426: there is none any more */
	FTP_REFUSED,	/* `data` must not be used, for the reason `why` */
	FTP_IGNORED,	/* it names a port, but is unreadable or unasked */
	FTP_OPAQUE,	/* TLS begins */
	FTP_READABLE,	/* TLS has ended */
	FTP_FOREIGN,	/* not FTP: the connection is not read any more */
};

struct ftp_news {
	enum ftp_news_kind kind;
	enum reason why; /* REASON_ADDRESS or REASON_PORT_RANGE */
	struct endpoint data;
};

struct ftp_control {
	struct addr client, server;
	bool loose;
	bool active; /* the last that named a port was PORT or EPRT */
	struct ftp_reader reader;
};

void ftp_control_init(struct ftp_control *c, const struct addr *client,
    const struct addr *server, bool loose);

/* The earlier bytes of this side were not seen; see ftp_reader_join(). */
void ftp_control_join(struct ftp_control *c, enum ftp_side side);

/* The next bytes of one side; `on_news` is called in the order of the lines. */
void ftp_control_input(struct ftp_control *c, enum ftp_side from,
    struct span bytes, void (*on_news)(void *ctx, const struct ftp_news *news),
    void *ctx);

#endif
