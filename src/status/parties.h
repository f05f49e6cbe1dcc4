/* SPDX-License-Identifier: ISC */
#ifndef STATUS_PARTIES_H
#define STATUS_PARTIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/process/ipc.h"

/*
 * What the processes of the daemon say of themselves, by their roles: counters
 * and health; and what the monitor says of all.  Text is cut at its end here,
 * for they may not have done so.
 */
#define PARTIES_COUNTERS 512 /* of one process */

struct model_counter {
	char name[IPC_NAME];
	uint64_t value;
	bool gauge;
};

/* A party of the daemon: enum ipc_role, IPC_FIREWALL and so on. */
struct model_party {
	struct ipc_health health;
	uint64_t gaps; /* times that it has dropped messages */
	struct model_counter *counters;
	size_t ncounters;
};

struct parties {
	struct ipc_about about;
	struct model_party v[IPC_NPARTIES];
};

void parties_free(struct parties *p);

void parties_health(struct parties *p, const struct ipc_health *h);
void parties_about(struct parties *p, const struct ipc_about *a);
void parties_counters(struct parties *p, uint32_t role,
    const struct ipc_feed_counters *f);

/* The engine's calls, and those in each state. */
uint64_t parties_calls(const struct parties *p,
    uint64_t by_state[IPC_CALL_STATES]);
/* By a role and name; false: there is none. */
bool parties_counter(const struct parties *p, uint32_t role, const char *name,
    uint64_t *out);

#endif
