/* SPDX-License-Identifier: ISC */
#ifndef FW_POLICY_H
#define FW_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "src/conf/conf.h"
#include "src/fw/fw.h"
#include "src/process/ipc.h"

/*
 * The pinholes that the firewall process grants to the other processes.
 *
 * The engine reads packets of strangers; an attacker who takes it over can ask
 * for anything.  So every request is checked once more, against nothing but the
 * configuration: even such an engine opens only ports that some call, transfer
 * or proxy of this configuration could have opened, and for no longer.
 *
 * Pure: no state, no time, no I/O.
 */
struct fw_policy {
	const struct conf *conf;
	const struct addr *own; /* the firewall's addresses */
	size_t nown;
};

/* The most ports in one pinhole: 16 pairs of RTP and RTCP. */
#define FW_POLICY_PORTS 32

/*
 * PH_OK; PH_EBAD: not a pinhole at all (unknown values, addresses of two
 * families, bytes where none belong); PH_EDENIED: well formed, but not ours
 * to open.  `*why` is a constant phrase unless PH_OK.
 */
PH_NODISCARD enum ph_err fw_policy_open(const struct fw_policy *p,
    enum ipc_role role, const struct pinhole *h, const char **why);

PH_NODISCARD enum ph_err fw_policy_table(const struct fw_policy *p,
    enum ipc_role role, const struct ipc_table *t, const char **why);

/* How many pinholes there may be at a time. */
size_t fw_policy_max(const struct fw_policy *p);

/* The shortest silence after which one is to close, microseconds. */
int64_t fw_policy_silence(const struct fw_policy *p);

/*
 * The longest that a pinhole may stay open without being renewed: what the
 * configuration says, microseconds.
 */
int64_t fw_policy_lease(const struct fw_policy *p, enum ipc_role role,
    const struct pinhole *h);

#endif
