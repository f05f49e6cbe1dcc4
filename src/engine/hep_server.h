/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_HEP_SERVER_H
#define ENGINE_HEP_SERVER_H

#include "src/base/datagram.h"
#include "src/engine/hep_policy.h"
#include "src/process/listen.h"

/*
 * The sockets to which others mirror signalling, in the engine process: one of
 * UDP, and one of TCP with at most HEP_CONNECTIONS connections.  When there are
 * as many, the sender that has most of them loses the one that was silent for
 * longest (src/base/shares.h).  A connection keeps at most one packet.
 *
 * Nothing is ever sent.  Connections end with the process: after a reload or a
 * crash, those who mirror connect anew.
 */
#define HEP_CONNECTIONS 32

struct event_base;
struct hep_server;

struct hep_server_setup {
	struct event_base *base;
	const struct listeners *listeners; /* borrowed */
	struct hep_policy *policy;	   /* borrowed */
	/* A message that counts; then, when there are no more for now, done. */
	void (*message)(void *ctx, const struct datagram *d);
	void (*done)(void *ctx);
	void *ctx;
};

struct hep_server *hep_server_new(const struct hep_server_setup *setup);
void hep_server_free(struct hep_server *s); /* or NULL */

#endif
