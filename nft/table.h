/* SPDX-License-Identifier: ISC */
#ifndef NFT_TABLE_H
#define NFT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/strbuf.h"
#include "src/fw/fw.h"

/*
 * The layout of our table: its sets, and the text that creates it.
 *
 * Pure: nothing here talks to the kernel.  The text goes to libnftables, and
 * contains nothing but numbers, addresses we formatted ourselves and the
 * table's name, which table_name_ok() has seen.
 *
 * Sets are hash sets (no `interval`): an exact lookup costs the same with ten
 * elements and with fifty thousand, and so does adding one.  Each holds one
 * kind of key for one protocol and family, e.g. udp4_in.
 *
 * A packet of which neither end is in @hosts4 or @hosts6 is looked up nowhere
 * else, unless its connection bears our bit.  There is one element for each
 * protected host that has a pinhole, without a timeout: one too many only
 * costs time.
 *
 * Packets the other way are looked up in a set of their own, e.g. udp4_in_back,
 * with the same key mirrored, so that the counters tell which end has sent.
 */
enum set_kind {
	SET_IN,	      /* from . to . port; the way back as well, and first */
	SET_OUT,      /* from . to . port; the way back as an answer only */
	SET_IN_PORT,  /* from . port . to . port */
	SET_OUT_PORT, /* from . port . to . port */
	SET_IN_ANY,   /* to . port, from anybody */
	SET_IN_NET,   /* to . port, from a prefix in @remotes4, @remotes6 */
	/* The way back of each of them, in the same order. */
	SET_IN_BACK,
	SET_OUT_BACK,
	SET_IN_PORT_BACK,
	SET_OUT_PORT_BACK,
	SET_IN_ANY_BACK,
	SET_IN_NET_BACK,
	/*
	 * The same for one TCP connection each: the element goes when the
	 * connection begins, and the connection outlives its pinhole.
	 */
	SET_ONCE, /* from . to . port before it is translated */
	SET_ONCE_PORT,
	SET_ONCE_ANY,
	SET_ONCE_NET,
	SET_DNAT, /* from . to . port : to . port */
	SET_DNAT_ANY,
	SET_DNAT_NET,
	SET_SNAT,      /* from . to . port : source . port */
	SET_SNAT_ADDR, /* from . to . port : source; the port is kept */
	SET_HOSTS,     /* protected ends of what is in the other sets */
	SET_NKINDS,
};

/*
 * The table grows in parts, so that a packet is not compared with rules that
 * the configuration does not use: PART_BASE at start, the others when the first
 * pinhole needs them.
 */
enum table_part {
	PART_BASE,
	PART_PORT,
	PART_ANY,
	PART_NET,
	PART_ONCE,
	PART_NAT,
	TABLE_NPARTS,
};

/* A set's number: kind, protocol and family in one byte. */
#define SET_COUNT	(SET_NKINDS * 4)
/* One set more: the ids of connections which outlive their pinholes. */
#define SET_CONNECTIONS SET_COUNT
unsigned int set_number(enum set_kind kind, uint8_t proto, uint8_t af);
enum set_kind set_kind(unsigned int set);
uint8_t set_af(unsigned int set);
enum table_part set_part(unsigned int set);
bool set_exists(unsigned int set);  /* there is no udp4_once */
bool set_expires(unsigned int set); /* its elements have timeouts */
bool set_is_back(unsigned int set);
bool set_has_back(unsigned int set);
unsigned int set_back(unsigned int set);  /* the way back of this one */
unsigned int set_front(unsigned int set); /* whose way back it is, or itself */
bool set_counts(unsigned int set);	  /* its elements carry counters */
size_t set_keylen(unsigned int set);
size_t set_datalen(unsigned int set); /* 0: not a map */

#define SET_NAMELEN 20
const char *set_name(unsigned int set, char buf[SET_NAMELEN]);

/* Letters, digits, '_' and '-', beginning with a letter; 1 to 31 long. */
bool table_name_ok(const char *name);

/* The priority of our chains at forward, input and output: before `filter`. */
#define TABLE_PRIORITY (-10)

/*
 * The text that adds one part to the table; PART_BASE first removes what
 * there is under our name.  Returns how many rules it adds.  `out` is full
 * when its array is too short.
 */
unsigned int table_text(struct strbuf *out, const struct fw_config *config,
    enum table_part part);
/* The text of several parts, to free(3).  PH_ENOMEM, PH_ELIMIT (too long). */
PH_NODISCARD enum ph_err table_parts_text(const struct fw_config *config,
    unsigned int parts, char **out);
#define TABLE_ALL_PARTS ((1u << TABLE_NPARTS) - 1)

/*
 * A number that differs when any part's text would.  It is kept in the
 * table's comment, so that a later run knows whether it can take the table
 * over.
 */
uint32_t table_layout(const struct fw_config *config);

/* "pinholed layout 1234abcd"; the word says that a table is ours. */
#define TABLE_COMMENT	 "pinholed layout "
#define TABLE_COMMENTLEN 40
const char *table_comment(const struct fw_config *config,
    char buf[TABLE_COMMENTLEN]);

/* How many rules the table has with these parts (1 << enum table_part). */
unsigned int table_rules(const struct fw_config *config, unsigned int parts);

#endif
