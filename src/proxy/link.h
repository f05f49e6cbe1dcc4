/* SPDX-License-Identifier: ISC */
#ifndef PROXY_LINK_H
#define PROXY_LINK_H

#include "src/base/counters.h"
#include "src/process/events.h"
#include "src/process/channel.h"
#include "src/process/feed.h"
#include "src/proxy/proxy.h"

/*
 * The connection from the proxy process to the firewall process, and the
 * pinholes that the proxy has open by it; for process.c.
 */
struct proxy_setup {
	struct event_base *base;
	struct channel *fw; /* not open yet */
	const struct conf *conf;
	struct events events;
	uint32_t number; /* of this process; keeps its ids unique */
	/* The firewall process is gone; a successor may come. */
	void (*lost)(void *ctx);
	/* The packet filter's tables are empty: fill them again. */
	void (*emptied)(void *ctx);
	/* Tell the status process what the filter has seen. */
	struct feed *feed;
	void *ctx;
};

struct proxy *proxy_new(const struct proxy_setup *setup);

/* `fd` is connected to a new firewall process: tell it of all pinholes. */
PH_NODISCARD enum ph_err proxy_link(struct proxy *p, int fd);

/* For how long there has been nothing to do, in microseconds. */
int64_t proxy_idle(const struct proxy *p);

/* Close everything, with events. */
void proxy_shutdown(struct proxy *p, enum reason why);
void proxy_free(struct proxy *p);

/*
 * Pinholes for those who ask: of the next request behind *at, which is 0 at
 * first; false: there are no more.
 */
bool proxy_view(struct proxy *p, uint64_t *at,
    void (*view)(void *ctx, const struct claims_view *v), void *ctx);
/* As events.verbose, from now on. */
void proxy_verbose(struct proxy *p, int verbose);
/* End a request as if its time were over; false: there is none. */
bool proxy_end(struct proxy *p, uint64_t id, enum reason why);

void proxy_report(const struct proxy *p, struct counters *out);

#endif
