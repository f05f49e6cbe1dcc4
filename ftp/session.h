/* SPDX-License-Identifier: ISC */
#ifndef FTP_SESSION_H
#define FTP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ftp/line.h"
#include "src/base/addr.h"
#include "src/base/span.h"

/*
 * A control connection that goes through a proxy: what of it is passed on,
 * what is said instead, and which data connections it asks for (RFC 959,
 * RFC 2428, RFC 4217).
 *
 * Pure: no sockets, no clock, no allocation, and nothing depends on how the
 * bytes were cut into segments.  The owner hands in bytes and is told what
 * to send; it knows addresses, this knows lines.
 *
 * The address in PORT, EPRT and 227 is not heeded: who has the control
 * connection has the data connection.  A line that asks for one is held
 * until the owner has answered the want, so that no line gets ahead of the
 * packet filter; meanwhile nothing is taken from either side.  227 and 229
 * mean something only as the reply to a command that asks for them, at the
 * beginning of the last line of that reply.
 *
 * A client that begins with what is no command, or speaks HTTP, is told so,
 * and the session ends: a browser may have been talked into it.
 *
 * What is refused gets its reply in its place among the server's, however
 * many commands are on their way.  After AUTH has been answered with 234
 * bytes go through unread, record by record, until a side talks in the
 * clear again (CCC).
 */
#define FTP_SESSION_LINE    2048 /* its end included */
#define FTP_SESSION_PENDING 128	 /* commands without a reply */

/* One data connection. */
struct ftp_want {
	bool active;   /* PORT, EPRT: the server connects to the client */
	uint16_t port; /* where the other one listens: not below 1024 */
};

enum ftp_note {
	FTP_NOTE_REFUSED, /* this command or reply; the client was told */
	FTP_NOTE_UNASKED, /* 227 or 229 that nobody asked for, passed on */
	FTP_NOTE_ADDRESS, /* names another host, which was ignored */
	FTP_NOTE_OPAQUE,  /* TLS begins; no line */
	FTP_NOTE_CLEAR,	  /* TLS ended; no line */
};

struct ftp_session_ops {
	/* Bytes to pass on; they are not kept. */
	void (*send)(void *ctx, enum ftp_side to, struct span bytes);
	/*
	 * Open the packet filter, and forget about any data connection
	 * before.  To be answered by ftp_session_answer(), now or later.
	 */
	void (*want)(void *ctx, const struct ftp_want *want);
	/* The server would not have the last one: it can be closed. */
	void (*drop)(void *ctx);
	/* For the log; `line` is as it came, without its end. */
	void (*note)(void *ctx, enum ftp_note note, struct span line);
};

/* Why a session ended; the owner closes both connections after what was sent.
 */
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

struct ftp_tls {
	bool on;
	bool lost;	/* no TLS that we know: unread from here on */
	uint8_t header; /* bytes of it seen, 0 to 4 */
	uint16_t left;	/* bytes of the record that follow */
};

/* Private but for `end` and `logged_in`, and whole in its owner. */
struct ftp_session {
	enum ftp_end end;
	bool logged_in; /* says the server, or TLS hides it */
	struct ftp_session_config config;
	const struct ftp_session_ops *ops;
	void *ctx;
	struct ftp_line_buffer {
		size_t len;
		char p[FTP_SESSION_LINE];
	} line[2];
	struct ftp_tls tls[2];
	bool begun;	  /* the client has said a line */
	bool greeted;	  /* the server's first reply is nobody's answer */
	bool auth;	  /* AUTH is not answered yet */
	bool epsv_all;	  /* RFC 2428 section 4 */
	bool in_reply;	  /* of several lines, */
	uint16_t code;	  /* with this code */
	uint8_t awaiting; /* answer of the owner: for which line */
	uint8_t pending[FTP_SESSION_PENDING]; /* a ring of commands */
	size_t first, npending;
};

void ftp_session_init(struct ftp_session *s,
    const struct ftp_session_config *config, const struct ftp_session_ops *ops,
    void *ctx);

/*
 * Bytes from one side.  Returns how many were taken; fewer than given means
 * that the session waits, for an answer of the owner or, if `from` is the
 * client, perhaps for the server: offer the rest again after either.  Once
 * `end` is set everything is taken and nothing comes of it.
 */
size_t ftp_session_input(struct ftp_session *s, enum ftp_side from,
    struct span bytes);

/*
 * What a want is answered: the endpoint that the waiting line shall name, or
 * NULL if there will be no data connection.
 */
void ftp_session_answer(struct ftp_session *s, const struct endpoint *at);

#endif
