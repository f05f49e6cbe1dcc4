/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_HELPERS_H
#define ENGINE_HELPERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/counters.h"
#include "src/base/datagram.h"
#include "src/base/err.h"
#include "src/base/timers.h"
#include "src/capture/capture.h"
#include "src/conf/conf.h"
#include "src/engine/sessions.h"
#include "src/process/claims.h"

/*
 * The passive helpers: FTP and TFTP watched as they go by, where nothing is
 * translated.  They stand between ftp/ or tftp/, which know no addresses of
 * ours, and the pinhole table; the engine hands them what counts where it was
 * seen, and nothing else.
 *
 * A data connection or a transfer is a pinhole from one end of what was
 * watched to the other, inward if the one that is called is protected,
 * outward if only the caller is.  Where neither is, or one is this firewall
 * without being protected, nothing is opened.
 */
struct helper_place {
	const struct conf *conf;
	const struct addr *own; /* the firewall's addresses */
	size_t nown;
	bool activity; /* the packet filter reports silence */
	struct claims *claims;
	struct sessions *sessions;
	struct timers *timers;
	/* A line for the log. */
	void (*log_line)(void *ctx, const char *text);
	/* A datagram that opens nothing, and why: see events_ignore(). */
	void (*ignore)(void *ctx, int64_t now, const struct datagram *d,
	    const char *why);
	/* Checkpoint a transfer under `key`; len 0: delete it. */
	void (*remember)(void *ctx, uint64_t key, const void *p, size_t len);
	void *ctx;
};

/*
 * The numbers of askers of pinholes: calls from 1, FTP and TFTP from here.
 * They are keys in the checkpoint, too, and tell a transfer from a call.
 */
#define HELPER_FTP_ASKER  (UINT64_C(1) << 62)
#define HELPER_TFTP_ASKER (UINT64_C(1) << 63)

/* Transfers that one host may have, of CONF_TFTP_MAX. */
#define HELPER_TFTP_SHARE 4096

bool helper_protects(const struct helper_place *place, const struct addr *a);

/*
 * No pinhole leads to a port of services, nor to one of SIP, where a file's
 * bytes would be read as a call.
 */
#define HELPER_PORT_MIN 1024
bool helper_refuses_port(const struct helper_place *place, uint16_t port);

/*
 * A pinhole for packets from `from` to `to`, filled in but for `once`; false
 * if there is nothing to open between the two.
 */
bool helper_pinhole(const struct helper_place *place, uint8_t proto,
    const struct addr *from, const struct endpoint *to, struct pinhole *out);

struct ftp_helper;
struct ftp_watch; /* one control connection */

struct ftp_helper *ftp_helper_new(const struct helper_place *place);
void ftp_helper_free(struct ftp_helper *h); /* all its watches have ended */

/*
 * The next bytes of a connection, of which `port` and who began it say which
 * end is the server.  *w starts as NULL and is kept for the connection; one
 * that is seen at two interfaces is watched once.  CAPTURE_END: not of interest
 * (any more); CAPTURE_WHOLE: the next byte begins a line.
 */
enum capture_more ftp_helper_input(struct ftp_helper *h, int64_t now,
    struct ftp_watch **w, const struct datagram *d);
/* The connection is over; what is unused closes by ftp_helper_run(). */
void ftp_helper_end(struct ftp_helper *h, struct ftp_watch *w);
void ftp_helper_run(struct ftp_helper *h, int64_t now);
void ftp_helper_shutdown(struct ftp_helper *h, int64_t now);
void ftp_helper_report(const struct ftp_helper *h, struct counters *out);

struct tftp_helper;

struct tftp_helper *tftp_helper_new(const struct helper_place *place);
void tftp_helper_free(struct tftp_helper *h);

/* A datagram to one of the ports of requests. */
void tftp_helper_input(struct tftp_helper *h, int64_t now,
    const struct datagram *d);
/* Adopt a transfer from the checkpoint; all in it is checked. */
void tftp_helper_adopt(struct tftp_helper *h, uint64_t key, const void *p,
    size_t len, int64_t now);
/* TFTP is no longer configured: close the pinhole of a transfer. */
void tftp_helper_drop(struct claims *claims, uint64_t key, const void *p,
    size_t len, int64_t now);
void tftp_helper_shutdown(struct tftp_helper *h, int64_t now);
void tftp_helper_report(const struct tftp_helper *h, struct counters *out);

#endif
