/* SPDX-License-Identifier: ISC */
#ifndef TABLES_VERDICT_H
#define TABLES_VERDICT_H

/*
 * The reason why a datagram, or the first refused one of its entries, was
 * refused.
 */
enum server_verdict {
	SERVER_TAKEN,
	SERVER_MALFORMED, /* not of the length or form of its version */
	SERVER_VERSION,	  /* not 1, 2 or 3 */
	SERVER_KEY,	  /* not by a key of ours */
	SERVER_CLOCK,	  /* more than a minute from ours */
	SERVER_REPLAY,	  /* had before, or might have been */
	SERVER_FLOOD,	  /* too many to tell replays among */
	SERVER_TABLE,	  /* not one that may be changed */
	SERVER_COMMAND,
	SERVER_MASK,   /* every address there is */
	SERVER_NEVER,  /* would lock somebody out who must not be */
	SERVER_FULL,   /* `max` entries */
	SERVER_FILTER, /* the packet filter refused it */
	SERVER_NVERDICTS,
};

/* "wrong key"; "key", for a counter */
const char *server_verdict_text(enum server_verdict v);
const char *server_verdict_name(enum server_verdict v);

#endif
