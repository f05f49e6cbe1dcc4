/* SPDX-License-Identifier: ISC */
#ifndef NFT_HOLDTEXT_H
#define NFT_HOLDTEXT_H

#include <stddef.h>

#include "src/base/strbuf.h"
#include "src/fw/fw.h"

/*
 * The part of our table that makes packets of signalling wait: see struct
 * fw_hold.
 *
 * These chains come after those of the user.  A packet that the user's rules
 * drop never waits, and so neither counts nor costs us anything; one that
 * waited has nothing before it that it could get around.  Without anybody who
 * reads the queue, packets pass.
 *
 * The rule that puts a packet into the queue is not part of the text, for
 * kernels differ: see hold.h.
 */

/* After the user's chains, and those of firewalld (filter + 10). */
#define HOLD_PRIORITY 290

/* Where the rule of the queue goes. */
#define HOLD_CHAIN "held"

/* Sets and chains; the number of rules, that of the queue included. */
unsigned int hold_text(struct strbuf *b, const struct fw_config *config);
size_t hold_text_size(const struct fw_hold *h);

#endif
