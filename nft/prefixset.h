/* SPDX-License-Identifier: ISC */
#ifndef NFT_PREFIXSET_H
#define NFT_PREFIXSET_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/strbuf.h"

/*
 * A set of our table whose elements are in the text that creates it, because
 * they come from the configuration and never change: an interval set of the
 * prefixes in `v` that belong to `af`.  nft merges those that overlap.
 *
 * The set is called `name` with 4 or 6 behind it.  One without elements is
 * written, too, for rules refer to it.
 */
void prefixset_text(struct strbuf *b, const char *name, uint8_t af,
    const struct prefix *v, size_t n);

/* The most that one prefix adds to the text, in bytes. */
#define PREFIXSET_ELEMENT (ADDR_STRLEN + 2)

#endif
