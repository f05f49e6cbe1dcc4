/* SPDX-License-Identifier: ISC */
#include "tables/verdict.h"

/* clang-format off */
static const struct { const char *name, *text; } verdicts[SERVER_NVERDICTS] = {
	[SERVER_TAKEN] =	{ "taken", "taken" },
	[SERVER_MALFORMED] =	{ "malformed", "malformed" },
	[SERVER_VERSION] =	{ "version", "not version 1, 2 or 3" },
	[SERVER_KEY] =		{ "key", "wrong key" },
	[SERVER_CLOCK] =	{ "clock", "more than a minute from our clock" },
	[SERVER_REPLAY] =	{ "replay", "not for the first time" },
	[SERVER_FLOOD] =	{ "flood", "too many within two minutes" },
	[SERVER_TABLE] =	{ "table", "not a table that may be changed" },
	[SERVER_COMMAND] =	{ "command", "unknown command" },
	[SERVER_MASK] =		{ "mask", "prefix of length 0" },
	[SERVER_NEVER] =	{ "never", "address that is never entered" },
	[SERVER_FULL] =		{ "full", "too many entries" },
	[SERVER_FILTER] =	{ "filter", "the packet filter refused it" },
};
/* clang-format on */

const char *
server_verdict_text(enum server_verdict v)
{
	return v < SERVER_NVERDICTS ? verdicts[v].text : "?";
}

const char *
server_verdict_name(enum server_verdict v)
{
	return v < SERVER_NVERDICTS ? verdicts[v].name : "?";
}
