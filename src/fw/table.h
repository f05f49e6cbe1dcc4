/* SPDX-License-Identifier: ISC */
#ifndef FW_TABLE_H
#define FW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/fw/answers.h"
#include "src/fw/fw.h"
#include "src/fw/policy.h"
#include "src/process/fwcounters.h"
#include "src/process/ipc.h"

/*
 * The ledger of the firewall process: which pinholes are wanted, by which
 * clients and until when, and which of them the packet filter has.
 *
 * Clients state wishes; fwtable_run() brings the filter in line with them, in
 * one commit for all that came since the last.  A commit that fails is undone
 * (ledger.h); one that fails for the moment is tried again together with the
 * changes that have come since.  A filter that lost everything gets all entries
 * again.  Deadlines are kept here, so that pinholes close although their client
 * is gone.
 *
 * Entries are found by their tuple.  An id is a client's name for a pinhole in
 * answers, and the client's successor may use the same id for another: between
 * IPC_BEGIN and IPC_SETTLE it sends all its wants again, and the rest is
 * closed.
 *
 * Reads no clock, owns no descriptor; answers go to the sink.
 */
struct fwtable;

struct fwtable *fwtable_new(const struct fw_ops *ops, struct fw *fw,
    const struct fw_policy *policy, const struct answers_sink *sink);
void fwtable_free(struct fwtable *t); /* after the filter is closed */

void fwtable_begin(struct fwtable *t, enum ipc_role role);
void fwtable_commit(struct fwtable *t, enum ipc_role role, uint64_t seq,
    const struct ipc_commit *c, int64_t now);
void fwtable_settle(struct fwtable *t, enum ipc_role role);
/* The role does not come back: close all that it wanted. */
void fwtable_drop(struct fwtable *t, enum ipc_role role);

/* Remove adopted pinholes that no client has asked for since. */
void fwtable_forget_rest(struct fwtable *t);

/*
 * Do what is due: deadlines, commits, the backend's own work, silence.
 * Returns when to be called again at the latest, if nothing happens.
 */
int64_t fwtable_run(struct fwtable *t, int64_t now);

bool fwtable_settled(const struct fwtable *t); /* the filter is up to date */
bool fwtable_idle(const struct fwtable *t);    /* and nothing is wanted */

/* For what another part of the process counts. */
struct fwcounters *fwtable_mutable_counters(struct fwtable *t);
const struct fwcounters *fwtable_counters(const struct fwtable *t);

#endif
