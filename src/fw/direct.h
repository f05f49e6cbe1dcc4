/* SPDX-License-Identifier: ISC */
#ifndef FW_DIRECT_H
#define FW_DIRECT_H

#include <stddef.h>
#include <stdint.h>

#include "src/fw/fw.h"

/*
 * Changes by id, straight to a backend: no policy, no claims, no deadlines.
 * For the replay, which has no firewall process, and for tests of backends.
 */
struct direct;

PH_NODISCARD struct direct *direct_new(const struct fw_ops *ops, struct fw *fw);
void direct_free(struct direct *d); /* after the backend is closed */

/*
 * All or nothing.  Opening what is open moves its deadline, closing what is
 * absent succeeds, another tuple under the same id is PH_EBAD.
 */
PH_NODISCARD enum ph_err direct_commit(struct direct *d,
    const struct fw_change *changes, size_t n, int64_t now);

#endif
