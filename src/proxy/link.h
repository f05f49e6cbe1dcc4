/* SPDX-License-Identifier: ISC */
#ifndef PROXY_LINK_H
#define PROXY_LINK_H

#include "src/base/counters.h"
#include "src/process/events.h"
#include "src/process/ipc.h"
#include "src/proxy/proxy.h"

/*
 * The proxy process's talk with the firewall process, and the pinholes of
 * which it is about; for process.c.
 */
struct proxy_setup {
	struct event_base *base;
	const struct conf *conf;
	struct events events;
	uint32_t number; /* makes ids that no other such process has used */
	/* The firewall process is gone; a successor may come. */
	void (*lost)(void *ctx);
	/* Tables of the packet filter have lost what we put into them. */
	void (*emptied)(void *ctx);
	void *ctx;
};

struct proxy *proxy_new(const struct proxy_setup *setup);

/* `fd` leads to a firewall process that knows nothing of us yet. */
PH_NODISCARD enum ph_err proxy_link(struct proxy *p, int fd);
bool proxy_linked(const struct proxy *p);

/* For how long there has been nothing to do, in microseconds. */
int64_t proxy_idle(const struct proxy *p);

/* Close everything, with events. */
void proxy_shutdown(struct proxy *p, enum reason why);
void proxy_free(struct proxy *p);

void proxy_report(const struct proxy *p, struct counters *out);

#endif
