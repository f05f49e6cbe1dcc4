/* SPDX-License-Identifier: ISC */
#ifndef FTP_SESSION_H
#define FTP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ftp/reader.h"
#include "src/base/addr.h"
#include "src/base/span.h"

/*
 * A control connection that goes through a proxy: what of it is passed on,
 * which replies the proxy gives itself, and which data connections it asks
 * for.  ftp/reader.h reads the bytes.
 *
 * Pure: no sockets, no clock, no allocation, and nothing depends on how the
 * bytes were cut into segments.  The owner hands in bytes and is told what
 * to send; it knows addresses, this knows lines.
 *
 * The address in PORT, EPRT and 227 is not heeded: a data connection goes to
 * the host that has the control connection.  A line that names a port is
 * held until the owner has answered the want, so that it does not arrive
 * before the packet filter is ready; meanwhile nothing is taken from either
 * side.  Behind an AUTH nothing is taken from the client until it is
 * answered, since the next byte may be of TLS or not.
 *
 * A command that names a port, asks for one or logs in is refused if it is in
 * doubt; so is any that is not clean.  Refused commands get their reply from
 * us, in its place among the server's.  A 227 or 229 that is in doubt becomes
 * a 425.  A session with a line of more than FTP_SESSION_LINE bytes or a NUL
 * ends, as does one that is not FTP.  TLS goes through unread.
 */
#define FTP_SESSION_LINE    2048 /* its end included */
#define FTP_SESSION_REFUSED 128	 /* replies of ours that wait for their turn */

/* One data connection. */
struct ftp_want {
	bool active;   /* PORT, EPRT: the server connects to the client */
	uint16_t port; /* where the other side listens: not below 1024 */
};

enum ftp_note {
	FTP_NOTE_REFUSED, /* the command or reply; the client got an error */
	FTP_NOTE_UNASKED, /* a 227 or 229 without a PASV or EPSV, passed on */
	FTP_NOTE_ADDRESS, /* the line names another host, which was ignored */
	FTP_NOTE_OPAQUE,  /* TLS begins; the line is empty */
	FTP_NOTE_CLEAR,	  /* TLS has ended; the line is empty */
};

struct ftp_session_ops {
	/* Bytes to pass on; they are not kept. */
	void (*send)(void *ctx, enum ftp_side to, struct span bytes);
	/*
	 * Open the packet filter for this data connection, instead of the one
	 * before.  Call ftp_session_answer() when it is open, now or later.
	 */
	void (*want)(void *ctx, const struct ftp_want *want);
	/* The server refused the last PORT or EPRT: close it. */
	void (*drop)(void *ctx);
	/* For the log; `line` is as it came, without its end. */
	void (*note)(void *ctx, enum ftp_note note, struct span line);
};

/* Why a session ended.  The owner sends what is left, and closes both sides. */
enum ftp_end {
	FTP_GOES_ON,
	FTP_END_COMMAND_LONG,
	FTP_END_COMMAND_NUL,
	FTP_END_REPLY_LONG,
	FTP_END_REPLY_NUL,
	FTP_END_FOREIGN,
};

/* "client command too long" */
const char *ftp_end_name(enum ftp_end end);

struct ftp_session_config {
	bool anonymous_only; /* no USER but ftp and anonymous, and no AUTH */
	struct addr client;  /* of the same family */
	struct addr server;
};

/* Private but for `end` and `logged_in`. */
struct ftp_session {
	enum ftp_end end;
	bool logged_in; /* the server says so, or TLS hides it */
	struct ftp_session_config config;
	const struct ftp_session_ops *ops;
	void *ctx;
	struct ftp_reader reader;
	struct ftp_line_buffer { /* the line so far, as it came */
		size_t len;
		char p[FTP_SESSION_LINE];
	} line[2];
	uint8_t held; /* the line that waits for the owner's answer */
	struct ftp_refusal {
		uint32_t after; /* so many answers of the server */
		uint8_t reply;
	} refused[FTP_SESSION_REFUSED]; /* a ring */
	size_t first, nrefused;
};

void ftp_session_init(struct ftp_session *s,
    const struct ftp_session_config *config, const struct ftp_session_ops *ops,
    void *ctx);

/*
 * Bytes from one side.  Returns how many were taken.  If these are fewer than
 * given, the session waits for the owner's answer or, if `from` is the client,
 * for the server's answer to AUTH: offer the rest again after either.  Once
 * `end` is set everything is taken and dropped.
 */
size_t ftp_session_input(struct ftp_session *s, enum ftp_side from,
    struct span bytes);

/*
 * The answer to a want: the endpoint that the held line is to name, or NULL
 * if there will be no data connection.
 */
void ftp_session_answer(struct ftp_session *s, const struct endpoint *at);

#endif
