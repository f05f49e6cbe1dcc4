/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/counters.h"
#include "src/base/datagram.h"
#include "src/base/err.h"
#include "src/base/strbuf.h"
#include "src/capture/nfqueue.h"
#include "src/capture/sink.h"

/*
 * From the wire, or a file, to whole datagrams and in-order TCP bytes.
 *
 * Knows link layers, IP fragments and TCP sequence numbers; has never heard
 * of SIP.  libpcap is used here and nowhere else.  Time is the packets' own.
 */

struct capture_config {
	const struct capture_port *ports;
	size_t nports;
	const char *const *interfaces; /* live: inside interfaces by name */
	size_t ninterfaces;
	uint32_t buffer; /* kernel buffer, bytes */
	/*
	 * Live: the firewall's own protected addresses.  Packets from and to
	 * them count on every interface.
	 */
	const struct addr *own;
	size_t nown;
	/*
	 * Live: capture_held() will bring packets, too; where they count
	 * depends on these prefixes.  None: it will not.
	 */
	const struct prefix *inside;
	size_t ninside;
	/* Is an interface in our network?  NULL: all are. */
	bool (*here)(const char *ifname);
};

struct capture;

/*
 * Live: needs privilege, which may be dropped as soon as it returns.  `why`
 * has a sentence on failure (which interface, which privilege is missing).
 */
PH_NODISCARD enum ph_err capture_open_live(struct capture **out,
    const struct capture_config *config, struct strbuf *why);

/* A pcap or pcapng file; "-" is standard input. */
PH_NODISCARD enum ph_err capture_open_file(struct capture **out,
    const struct capture_config *config, const char *path, struct strbuf *why);

void capture_close(struct capture *c, const struct capture_sink *sink);

/* Live: the descriptors to wait for; readable means capture_dispatch. */
size_t capture_fds(const struct capture *c, int *fds, size_t max);

/*
 * Live: hand over what has arrived, at most `max` packets, in the order of
 * their time stamps; `now` expires fragments and idle connections.  `fd` is the
 * descriptor that is readable, or -1: look at all.  PH_EGONE: an interface
 * went away.
 */
PH_NODISCARD enum ph_err capture_dispatch(struct capture *c, int fd, size_t max,
    int64_t now, const struct capture_sink *sink);

/*
 * Live: a packet that the kernel holds.  If libpcap reads it as well, it
 * counts once.
 */
void capture_held(struct capture *c, const struct nfqueue_packet *packet,
    int64_t now, const struct capture_sink *sink);

/*
 * Live: packets of the last capture_dispatch wait in our own memory.  No
 * descriptor becomes readable for them: dispatch again soon.
 */
bool capture_waiting(const struct capture *c);

/*
 * Live: an interface was taken away and is back, with its old name and index,
 * but nothing will be heard from it.
 */
bool capture_deaf(const struct capture *c);

/*
 * Live: when to dispatch again although no packet comes, for bytes of a stream
 * that are missing are then no longer waited for.  INT64_MAX: never.
 */
int64_t capture_due(const struct capture *c);

/*
 * File: process one packet, and before it any number of those that are of no
 * interest and older than `until`.  *ts is its time, never going backwards.
 * PH_OK, PH_EGONE at the end of the file, PH_ETRUNC when the file ends in
 * the middle of a packet or is damaged (`why` says where).
 */
PH_NODISCARD enum ph_err capture_next(struct capture *c,
    const struct capture_sink *sink, int64_t until, int64_t *ts,
    struct strbuf *why);

/*
 * The kernel's time stamp of the packet that is being handed over, by the clock
 * on the wall; 0: none is.
 */
int64_t capture_stamp(const struct capture *c);

/* File: how much of it is read, in bytes.  False: its size is not known. */
bool capture_progress(const struct capture *c, uint64_t *done, uint64_t *size);

/* Give the sink a record of each changed connection.  True: there was one. */
bool capture_flush(struct capture *c, const struct capture_sink *sink);
/* Take over what a predecessor remembered.  Trusts nothing in it. */
void capture_adopt(struct capture *c, uint64_t key, const void *p, size_t len,
    int64_t now);

/* Counters so far; asks the kernel for its own. */
void capture_stats(struct capture *c, struct capture_stats *out);
/* The same for people: one name and value a line. */
void capture_report(struct capture *c, struct counters *out);

#endif
