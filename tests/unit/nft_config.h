/* SPDX-License-Identifier: ISC */
#ifndef TESTS_NFT_CONFIG_H
#define TESTS_NFT_CONFIG_H

#include "src/fw/fw.h"
#include "tests/unit/unit.h"

/* A configuration of nftables, for test files of which each has one. */
static struct prefix remotes[2];
static const struct fw_config config = {
	.name = "pinholed",
	.mark = 0x10000,
	.local = true,
	.log = true,
	.remotes = remotes,
	.nremotes = 2,
};

static int
set_remotes(void **state)
{
	(void)state;
	assert_int_equal(prefix_parse(span_of("198.51.100.0/24"), &remotes[0]),
	    PH_OK);
	assert_int_equal(prefix_parse(span_of("2001:db8:1::/48"), &remotes[1]),
	    PH_OK);
	return 0;
}

#endif
