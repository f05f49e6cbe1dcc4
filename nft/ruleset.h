/* SPDX-License-Identifier: ISC */
#ifndef NFT_RULESET_H
#define NFT_RULESET_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/err.h"
#include "src/base/strbuf.h"

/*
 * libnftables, for what is written once and read by people: chains, rules and
 * sets.  Elements never come this way.
 *
 * The library may abort the process when its socket's number is 1024 or
 * above, so the context is made early; it opens no file later on, and works
 * in a chroot.
 */
struct ruleset;

struct ruleset *ruleset_new(void);
void ruleset_free(struct ruleset *r);

/* One transaction.  On failure `why` has what nft said, on one line. */
PH_NODISCARD enum ph_err ruleset_run(struct ruleset *r, const char *text,
    struct strbuf *why);

/* Let the kernel say whether it would, and change nothing. */
PH_NODISCARD enum ph_err ruleset_try(struct ruleset *r, const char *text,
    struct strbuf *why);

/* All rules, without set elements; NULL on failure.  For free(). */
char *ruleset_list(struct ruleset *r, struct strbuf *why);

#endif
