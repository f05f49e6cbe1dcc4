/* SPDX-License-Identifier: ISC */
#ifndef TABLES_WIRE_H
#define TABLES_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/span.h"
#include "tables/keys.h"

/*
 * Datagrams that change a table, and the answers; pinholed-tables(7) has them
 * field by field.  Integers are big-endian.
 *
 * Versions 1 and 2 are those of pftabled, always 64 bytes:
 *
 *	 0  u8	version		 3  u8	 prefix length	40  u32	time
 *	 1  u8	command		 4  4	 IPv4 address	44  20	HMAC-SHA1
 *	 2  u8	0		 8  32	 table
 *
 * Version 3 is 80 bytes, 24 for each entry and 32 of HMAC-SHA256:
 *
 *	 0  u8	3		 4  u32	 time		16  32	name of the key
 *	 1  u8	command		 8  u64	 nonce		48  32	table
 *	 2  u8	0		80  entries:  u8 4 or 6, u8 prefix length,
 *	 3  u8	entries			      u16 0, u32 timeout, 16 address
 *
 * and its answer, always 56:
 *
 *	 0  u8	3		 4  u32	 time there	24  32	HMAC-SHA256 over
 *	 1  u8	command + 128	 8  u64	 nonce			0..23 and the
 *	 2  u8	status		16  u64	 bit i: entry i		request's HMAC
 *	 3  u8	0			 was not done
 *
 * Nothing here is authenticated until wire_verify() has said so.
 */
#define WIRE_NAME	32
#define WIRE_LEGACY_LEN 64
#define WIRE_HEAD	80
#define WIRE_ENTRY	24
#define WIRE_ENTRIES	46 /* so that it fits into an IPv6 packet of 1280 */
#define WIRE_MIN	(WIRE_HEAD + MAC_SHA256_LEN)
#define WIRE_MAX	(WIRE_MIN + WIRE_ENTRIES * WIRE_ENTRY)
#define WIRE_REPLY_LEN	56

_Static_assert(WIRE_REPLY_LEN <= WIRE_MIN, "a reply larger than its request");

enum wire_command {
	WIRE_ADD = 1,
	WIRE_DELETE = 2,
	WIRE_FLUSH = 3,
};

enum wire_status {
	WIRE_DONE = 0,
	WIRE_CLOCK = 1,	  /* more than a minute off */
	WIRE_TABLE = 2,	  /* not a table that may be changed */
	WIRE_COMMAND = 3, /* not a command */
	WIRE_MASK = 4,	  /* a prefix of length 0 */
	WIRE_NEVER = 5,	  /* an address that must not be in a table */
	WIRE_FULL = 6,	  /* as many entries as there may be */
	WIRE_REFUSED = 7, /* the packet filter has no such table, or no room */
	WIRE_BUSY = 8,	  /* later, perhaps */
	WIRE_NSTATUS,
};

struct wire_entry {
	struct prefix prefix; /* len 0 is on the wire, too */
	uint32_t ttl_s;	      /* 0: what the server thinks fit */
};

struct wire_request {
	uint8_t version;
	uint8_t command; /* any */
	uint32_t time;	 /* seconds since the epoch */
	uint64_t nonce;	 /* version 3 */
	char key[WIRE_NAME + 1];
	char table[WIRE_NAME + 1];
	uint8_t n;
	struct wire_entry entries[WIRE_ENTRIES];
};

struct wire_reply {
	uint8_t command;
	uint8_t status; /* enum wire_status, or of a later version */
	uint32_t time;
	uint64_t nonce;
	uint64_t refused;
};

/*
 * PH_EUNSUPPORTED: of another version; PH_EMALFORMED: not of the length, or
 * with values, that its version has.  Host bits are cleared, and version 1
 * knows hosts only, whatever its prefix length says.
 */
PH_NODISCARD enum ph_err wire_parse(struct span datagram,
    struct wire_request *out);

/* The HMAC at the end of what wire_parse() took. */
struct span wire_mac(struct span datagram);
/* Whether it is by this key.  The name of the key is not looked at. */
bool wire_verify(struct span datagram, const struct key *k);

/* Write and sign.  Returns the length, or 0 if the format cannot express it. */
size_t wire_build(const struct wire_request *r, const struct key *k,
    uint8_t buf[WIRE_MAX]);

/* `mac` is that of the request which is answered. */
size_t wire_reply_build(const struct wire_reply *r, const struct key *k,
    const uint8_t mac[MAC_SHA256_LEN], uint8_t buf[WIRE_REPLY_LEN]);
/* PH_EDENIED: not by this key, or not an answer to this request. */
PH_NODISCARD enum ph_err wire_reply_parse(struct span datagram,
    const struct key *k, const uint8_t mac[MAC_SHA256_LEN],
    struct wire_reply *out);

/* A sentence fragment, never NULL. */
const char *wire_status_text(uint8_t status);

#endif
