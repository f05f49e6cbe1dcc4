/* SPDX-License-Identifier: ISC */
#ifndef CONF_SET_H
#define CONF_SET_H

#include "src/conf/parse.h"

#ifndef CONF_DEFAULT_FIREWALL
#define CONF_DEFAULT_FIREWALL "pf"
#endif
/*
 * Settings as tables (settings.c), from which read.c reads statements.
 */
struct setting;

/* From one word to the field `dst`. */
typedef void conf_setter(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s);
/* From a list of them. */
typedef void conf_list_setter(struct parse *p, void *dst,
    const struct words *src);

struct conf_type {
	const char *what; /* "expected WHAT"; NULL: no value has to follow */
	conf_setter *set;
	conf_list_setter *set_list; /* or this */
	bool optional;		    /* a value may follow; else it is "yes" */
	const char *const *words;   /* the only ones that will do */
};

/* A setting while it is read. */
struct reading {
	const struct setting *s;
	void *base;		  /* its offset counts from here */
	const struct lexeme *lex; /* its first keyword */
};

struct setting {
	const char *word; /* its keywords: "early media"; NULL ends a table */
	const struct conf_type *type;
	size_t offset;	   /* of the field, in struct conf or conf_proxy */
	uint32_t lo, hi;   /* bounds of a number; hi: length of a path */
	const char *value; /* the default, as one would write it */
	const char *what;  /* "a tag", for errors about a name */
	const char *only;  /* for this backend, or for "ftp", alone */
	const char *same;  /* once together with that row further down */
	bool often;	   /* may be written more than once */
	bool no_keyword;   /* the word is a value elsewhere */
	const struct setting *block; /* read_block(): what is in it */
	/* Reads the rest itself, behind the keywords.  False: an error was
	 * written, and the rest is skipped. */
	bool (*own)(struct parse *p, const struct reading *r);
};

extern const struct setting conf_statements[], conf_sip[], conf_limits[],
    conf_timeouts[], conf_ftp[], conf_tftp[], conf_proxy[], conf_tables[],
    conf_hep[], conf_inline[], conf_status[], conf_share[], conf_tls[],
    conf_firewall[];
/* All of these; NULL ends them. */
extern const struct setting *const conf_all_tables[];

/* The row whose first keyword is `text`, or NULL. */
const struct setting *conf_find_setting(const struct setting *table,
    const char *text);
void conf_set_defaults(struct parse *p);
/* Where a setting was written; its file is NULL if it was not. */
struct loc *conf_setting_place(struct parse *p, const struct setting *s);
struct loc *conf_place(struct parse *p, const struct setting *table,
    const char *word);
/* False, with an error, if it was there before. */
bool conf_once(struct parse *p, const struct setting *s,
    const struct lexeme *lex);
/* An error if it is for another backend, or for ftp, alone. */
void conf_check_only(struct parse *p, const struct setting *s,
    const struct lexeme *lex);
void conf_unknown(struct parse *p, const struct lexeme *lex, const char *what,
    const struct setting *table);

/*
 * Reading (read.c).  read: it must be next, else an error is written and
 * the rest of the statement skipped.  skip: false if it is not next.
 */
const struct lexeme *conf_peek(struct parse *p);       /* the next word */
void conf_take(struct parse *p);		       /* go on behind it */
bool conf_surprise(struct parse *p, const char *what); /* false */
bool conf_read_value(struct parse *p, const char *what, struct lexeme *out);
bool conf_read_optional(struct parse *p, struct lexeme *out);
bool conf_read_list(struct parse *p, const char *what, struct words *out);
bool conf_read_punct(struct parse *p, char punct);
bool conf_skip_punct(struct parse *p, char punct);
bool conf_read_keyword(struct parse *p, const char *text);
bool conf_skip_keyword(struct parse *p, const char *text, struct lexeme *out);
/* The rest of a setting, behind its first keyword `lex`. */
bool conf_read_setting(struct parse *p, const struct setting *s, void *base,
    const struct lexeme *lex);
/* Settings of `table` into `base`, as long as they come. */
bool conf_read_settings(struct parse *p, const struct setting *table,
    void *base, bool *any);
void conf_read_block(struct parse *p, const struct setting *table,
    const char *name);

/* Names of values, for "expected ..."; also where only some words will do. */
#define CONF_ACCESSES	"\"read\" or \"write\""
#define CONF_ADDRESS	"an address"
#define CONF_HOOKS	"a chain as in \"inet firewalld filter_FORWARD\""
#define CONF_HOST	"the name or the address of a host"
#define CONF_INTERFACES "an interface (quote a keyword)"
#define CONF_NAME	"a name (quote a keyword)"
#define CONF_NUMBER	"a number"
#define CONF_PATH	"a file name in quotes"
#define CONF_PATTERNS	"a file name pattern"
#define CONF_PORTS	"a port number"
#define CONF_PREFIXES	"an address or a prefix"
#define CONF_RANGE	"a range of ports as in 10000:20000"
#define CONF_SERVER	"a server as in \"192.0.2.1:6379\", or the path of a socket"
#define CONF_TABLES	"a table (quote a keyword)"
#define CONF_YESNO	"\"yes\" or \"no\""
#define CONF_BACKENDS	"\"nftables\", \"pf\", \"pf-text\" or \"dry-run\""
#define CONF_DIALECTS	"\"freebsd\" or \"openbsd\""
#define CONF_FAILURES	"\"open\" or \"closed\""
#define CONF_HOLDS	"\"keep\" or \"close\""
#define CONF_PRIORITIES "\"normal\", \"high\" or \"realtime\""
#define CONF_REMOTES                                                           \
	"\"both\", \"sdp\", \"signalling\", \"any\" or a list of prefixes"

/*
 * From words to values (set.c).  Everything writes its own errors, is silent
 * about a word that is `bad` already, and leaves the destination alone if it
 * fails.
 */
void *conf_grow(struct parse *p, void *array, size_t n, size_t size);
/* Which of `list` it is, or -1 after saying that `what` was expected. */
int conf_choose(struct parse *p, const struct lexeme *lex,
    const char *const *list, const char *what);

/* "file:line:column: ", or "" for what was not written. */
void conf_set_place(struct parse *p, char **dst, const struct loc *at);
void conf_set_server(struct parse *p, struct conf_share *c,
    const struct lexeme *lex);
void conf_set_range(struct parse *p, uint16_t *lo, uint16_t *hi,
    const struct lexeme *lex);
void conf_add_word(struct parse *p, struct words *list,
    const struct lexeme *lex);
/* Add to dst what `set` makes of each word. */
void conf_set_strings(struct parse *p, struct strings *dst,
    const struct words *src, conf_setter *set);

conf_setter conf_set_addr;   /* struct addr */
conf_setter conf_set_port;   /* uint16_t */
conf_setter conf_set_number; /* uint32_t, from lo to hi */
/* uint32_t, or UINT32_MAX for "any" */
conf_setter conf_set_number_or_any;
conf_setter conf_set_bytes;  /* uint32_t */
conf_setter conf_set_mark;   /* uint32_t */
conf_setter conf_set_bool;   /* which of two words */
conf_setter conf_set_enum;   /* enum: the place in the words of its type */
conf_setter conf_set_string; /* char *, like those that follow */
/* Letters, digits and _.- only, for it ends up in a ruleset. */
conf_setter conf_set_name, conf_set_table, conf_set_anchor;
conf_setter conf_set_interface;
conf_setter conf_set_host;	    /* a name or an address, as text */
conf_setter conf_set_hook;	    /* "inet firewalld filter_FORWARD" */
conf_setter conf_set_path;	    /* at most hi bytes */
conf_list_setter conf_set_prefixes; /* struct prefixes */
conf_list_setter conf_set_ports;    /* struct ports */

#endif
