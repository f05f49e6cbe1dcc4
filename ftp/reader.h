/* SPDX-License-Identifier: ISC */
#ifndef FTP_READER_H
#define FTP_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ftp/line.h"
#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/span.h"

/*
 * The reader of a control connection of FTP (RFC 959, 2228, 2428, 4217).
 * The bytes of both sides come in, cut up anyhow; whole commands, whole
 * replies with the command that each answers, and the beginning and end of
 * TLS come out.  The passive watcher (ftp/control.h) and the proxy
 * (ftp/session.h) are its two users.  It decides what the bytes say; they
 * decide what to do about it.
 *
 * No sockets, no time, no allocation.  All that it keeps is in the struct.
 *
 * Where implementations of FTP differ, the reader takes the reading that
 * opens less:
 *
 * Lines.  A line ends in LF, as in all servers that we know.  But a line is
 * in doubt, and can name or ask for no port, if another reader could find
 * other lines in it: one side ends its lines in CR LF or all of them in LF,
 * and where it does both, the line that breaks the habit is in doubt; behind
 * a lone LF among CR LF the next line is, too.  So is one with a CR or NUL
 * in it, with a tab in its first word, or longer than FTP_READER_LINE: no
 * port takes 512 bytes to name, and 16,384 watched connections hold two such
 * lines each.  The proxy passes longer lines on that name no port.
 *
 * Commands are read as servers read them: without the commands of telnet
 * (clients put some before ABOR, RFC 959 section 4.1.3) and the blanks in
 * front.  `exact` says that there were none.  The watcher opens for a PORT
 * only if it is exact, since nobody but the client vouches for it.  A server
 * that answers PASV, EPSV or AUTH has understood the command.
 *
 * Pairs.  Commands and final replies are counted, without a limit.  227, 229
 * and 234 answer the first PASV, EPSV and AUTH that waits, and all that was
 * sent before it (some servers leave an ABOR unanswered); other replies
 * answer the next command.  What stands in a reply of several lines is text.
 * The greeting answers nothing, although a client may have sent commands
 * before it.  Of the commands that ask for something, FTP_READER_PENDING may
 * wait; the oldest is forgotten, and a reply to it counts as unasked.
 *
 * EPSV ALL is in force from the command on, not only from its reply, for a
 * client that has said it sends nothing else.  If the server refuses it, it
 * is in force no longer, unless an earlier one was accepted.
 *
 * TLS begins behind the 234 that answers AUTH, or without a word.  Then there
 * are records: type 20 to 24, version 3, at most 18,432 bytes.  In place of
 * a record, a letter from the client or a digit from the server is clear text
 * after CCC, for no command and no reply begins otherwise.  With anything
 * else, a printable character included, the side is lost: never read again.
 *
 * Foreign.  A client that begins with what is no command or is in doubt, and
 * one with a line of HTTP, does not speak FTP: a browser may have been talked
 * into it.  Nor does a server that answers with "HTTP/".  The text of a reply
 * of several lines is free, and not judged.
 */
#define FTP_READER_LINE	   512
#define FTP_READER_PENDING 16

/* The request of a command; it decides what the reply may mean. */
enum ftp_request {
	FTP_REQUEST_OTHER,
	FTP_REQUEST_ACTIVE, /* PORT, EPRT */
	FTP_REQUEST_PASV,
	FTP_REQUEST_EPSV,
	FTP_REQUEST_EPSV_ALL,
	FTP_REQUEST_AUTH,
};

/* Why a line is in doubt; any number of these. */
enum ftp_doubt {
	FTP_DOUBT_BEGIN = 1,   /* its beginning was not seen */
	FTP_DOUBT_ENDS = 2,    /* CR LF and LF are mixed */
	FTP_DOUBT_UNCLEAN = 4, /* CR, NUL, or a tab in its first word */
	FTP_DOUBT_LONG = 8,    /* only its first FTP_READER_LINE bytes here */
};

enum ftp_event_kind {
	FTP_EVENT_NONE,	   /* no whole line yet, or bytes of TLS */
	FTP_EVENT_EMPTY,   /* a line of the client that is no command */
	FTP_EVENT_COMMAND, /* the server answers it, if it gets it */
	FTP_EVENT_TEXT,	   /* a line of the server that ends no reply */
	FTP_EVENT_REPLY,   /* the last line of a reply */
	FTP_EVENT_TLS,	   /* begins on this side, without a word */
	FTP_EVENT_CLEAR,   /* TLS has ended */
	FTP_EVENT_FOREIGN, /* this is not FTP: nothing will be read any more */
};

struct ftp_event {
	enum ftp_event_kind kind;
	uint8_t doubt; /* of the line: enum ftp_doubt */

	/* Only of a command. */
	bool parsed; /* `command` is filled in */
	bool exact;  /* nothing was left out in front of it or in it */
	bool barred; /* names or asks for a port, but EPSV ALL is in force */
	struct ftp_command command;
	enum ftp_request request; /* OTHER if in doubt, barred or unreadable */

	/* Of a reply.  Of text within a reply only `reply.code`. */
	struct ftp_reply reply;
	enum ftp_request answers; /* OTHER: none of ours, or nothing */
	uint32_t number;	  /* of the command that it answers */
	bool unasked; /* a 227 or 229 that answers no PASV or EPSV */
	bool opaque;  /* TLS begins behind it */

	/*
	 * Of PORT, EPRT and EPSV, and of a 227 or 229 that was asked for:
	 * whether the argument could be read, and what it names.  EPSV names
	 * nothing, a 229 only a port.
	 */
	enum ph_err rc;
	struct endpoint data;
};

/* Private: one side. */
struct ftp_lines {
	uint8_t end;   /* how its lines end, once one has */
	uint8_t doubt; /* of the line so far */
	char last;     /* byte of the line so far */
	bool joined;   /* what came before was not seen */
	uint8_t tls;
	uint8_t nheader; /* bytes of a record's head */
	uint8_t header[5];
	uint16_t payload; /* bytes of the record still to come */
	uint16_t len;
	char line[FTP_READER_LINE];
	char tail[FTP_LINE_TAIL + 1]; /* the last bytes, with the CR */
};

/* Private but for `foreign`. */
struct ftp_reader {
	bool foreign;
	bool opaque;	  /* TLS on a side */
	bool begun;	  /* the client's first line was seen, or never will */
	bool greeted;	  /* so was the server's first reply */
	uint8_t epsv_all; /* asked for, or accepted */
	uint8_t npending;
	uint16_t multi;	   /* code of the reply of several lines, or 0 */
	uint32_t sent;	   /* commands, modulo 2^32 */
	uint32_t answered; /* of these */
	struct ftp_pending {
		uint32_t number;
		uint8_t request;
	} pending[FTP_READER_PENDING];
	struct ftp_lines side[2];
};

void ftp_reader_init(struct ftp_reader *r);

/*
 * The earlier bytes of this side were not seen, so its line is in doubt up to
 * the next end of a line.  Records of TLS are still known by their head.
 */
void ftp_reader_join(struct ftp_reader *r, enum ftp_side side);

/*
 * The next bytes of one side, up to the end of a line or a change between
 * TLS and clear text.  Returns how many were read, perhaps none if *out is
 * TLS or CLEAR; offer the rest again.  The spans in *out are good until the
 * next call.
 */
size_t ftp_reader_next(struct ftp_reader *r, enum ftp_side from,
    struct span bytes, struct ftp_event *out);

/*
 * The server gets a command: count it, with what it asks for.  To be called
 * for each command that reaches the server, and for no other.
 */
void ftp_reader_sent(struct ftp_reader *r, enum ftp_request request);

/* Whether such a command has not been answered. */
bool ftp_reader_waits(const struct ftp_reader *r, enum ftp_request request);

/* Whether a reply with this code would be a 227 or 229 that was asked for. */
bool ftp_reader_asked(const struct ftp_reader *r, uint16_t code);

/* Whether the next byte of this side belongs to TLS, or cannot be read. */
bool ftp_reader_opaque(const struct ftp_reader *r, enum ftp_side side);

/* Whether the next byte of this side, in the clear, begins a line. */
bool ftp_reader_at_line(const struct ftp_reader *r, enum ftp_side side);

#endif
