/* SPDX-License-Identifier: ISC */
#ifndef CONF_SET_H
#define CONF_SET_H

#include "src/conf/parse.h"

/* clang-format off */
/*
 * What may be written once; the place of each is remembered, of EXTERNAL and
 * KEY that of the last.
 */
enum once {
	ONCE_BUFFER, ONCE_CONTROL, ONCE_FIREWALL, ONCE_FTP, ONCE_INTERFACE,
	ONCE_PROTECT, ONCE_SIP, ONCE_STATE, ONCE_TABLES, ONCE_TFTP, ONCE_USER,
	ONCE_DIALECT, ONCE_IFBOUND, ONCE_KILL, ONCE_LOG, ONCE_MARK, ONCE_MODE, ONCE_NAME,
	ONCE_QUEUE, ONCE_TAG, ONCE_CALLS, ONCE_EARLY, ONCE_EXTERNAL,
	ONCE_HOLD, ONCE_IDLE, ONCE_LATCH, ONCE_MAX, ONCE_MEDIA, ONCE_PER_SOURCE,
	ONCE_PORT, ONCE_RATE, ONCE_REDIRECT, ONCE_REMOTE, ONCE_SERVER,
	ONCE_SETUP, ONCE_STREAMS, ONCE_FTP_PORT, ONCE_FTP_TIMEOUT, ONCE_LOOSE,
	ONCE_TFTP_ALLOW, ONCE_TFTP_PORT, ONCE_TFTP_TIMEOUT, ONCE_FORCE,
	ONCE_KEY, ONCE_LISTEN, ONCE_NEVER, ONCE_TABLES_ALLOW, ONCE_TABLES_MAX,
	ONCE_TABLES_TIMEOUT,
	/* Once in each line that begins with "proxy". */
	ONCE_ANONYMOUS, ONCE_PROXY_QUEUE, ONCE_PROXY_TAG, ONCE_PROXY_TIMEOUT,
	ONCE_REVERSE, ONCE_SESSIONS, ONCE_SOURCE, ONCE_SOURCE_PORT,
	ONCE_N
};
/* clang-format on */
#define ONCE_PROXY ONCE_ANONYMOUS

/* What is expected where only some words will do. */
#define CONF_BACKENDS "\"nftables\", \"pf\", \"pf-text\" or \"dry-run\""
#define CONF_DIALECTS "\"freebsd\" or \"openbsd\""
#define CONF_HOLDS    "\"keep\" or \"close\""
#define CONF_REMOTES                                                           \
	"\"both\", \"sdp\", \"signalling\", \"any\" or a list of prefixes"

/*
 * From words to values (set.c) and to whole statements (stmt.c),
 * for parse.y.  Everything writes its own errors, is silent about a word
 * that is `bad` already, and leaves the destination alone if it fails.
 */
void *conf_grow(struct parse *p, void *array, size_t n, size_t size);
/* Which of `list` it is, or -1 after saying that `what` was expected. */
int conf_choose(struct parse *p, const struct lexeme *lex,
    const char *const *list, const char *what);

/* "file:line:column: ", or "" for what was not written. */
void conf_set_place(struct parse *p, char **dst, const struct loc *at);
void conf_set_addr(struct parse *p, struct addr *dst, const struct lexeme *lex);
void conf_set_port(struct parse *p, uint16_t *dst, const struct lexeme *lex);
void conf_set_range(struct parse *p, uint16_t *lo, uint16_t *hi,
    const struct lexeme *lex);
void conf_set_number(struct parse *p, uint32_t *dst, const struct lexeme *lex,
    uint32_t lo, uint32_t hi);
void conf_set_bytes(struct parse *p, uint32_t *dst, const struct lexeme *lex);
void conf_set_mark(struct parse *p, uint32_t *dst, const struct lexeme *lex);
void conf_set_yes(struct parse *p, bool *dst, const struct lexeme *lex);
void conf_set_string(struct parse *p, char **dst, const struct lexeme *lex);
/* Letters, digits and _.- only, for it ends up in a ruleset. */
void conf_set_name(struct parse *p, char **dst, const struct lexeme *lex,
    const char *what);
void conf_set_anchor(struct parse *p, char **dst, const struct lexeme *lex);
void conf_set_interface(struct parse *p, char **dst, const struct lexeme *lex);
void conf_set_path(struct parse *p, char **dst, const struct lexeme *lex,
    size_t max);

void conf_add_word(struct parse *p, struct words *list,
    const struct lexeme *lex);
void conf_join(struct words *list, const struct words *more);
void conf_set_prefixes(struct parse *p, struct prefixes *dst,
    const struct words *src);
void conf_set_ports(struct parse *p, struct ports *dst,
    const struct words *src);
/* Add to dst what `set` makes of each word. */
void conf_set_strings(struct parse *p, struct strings *dst,
    const struct words *src,
    void (*set)(struct parse *, char **, const struct lexeme *));
void conf_set_table(struct parse *p, char **dst, const struct lexeme *lex);

/* Statements. */
void conf_block_begin(struct parse *p, const char *name, enum once what,
    const struct lexeme *lex);
void conf_unknown(struct parse *p, const struct lexeme *lex, const char *what,
    const char *const *list);
/* False, with an error, if `what` was there before. */
bool conf_once(struct parse *p, enum once what, const struct lexeme *lex);
void conf_add_macro(struct parse *p, const struct lexeme *name,
    const struct words *value);
void conf_add_external(struct parse *p, const struct lexeme *outside,
    const struct lexeme *inside);
void conf_set_interfaces(struct parse *p, const struct words *src);
void conf_set_protect(struct parse *p, const struct words *src);
void conf_set_remote(struct parse *p, const struct words *src);
void conf_proxy_clear(struct conf_proxy *x);
void conf_add_proxy(struct parse *p, const struct lexeme *address,
    const struct lexeme *port);
struct conf_proxy *conf_proxy(struct parse *p); /* the one just added */
void conf_end_proxy(struct parse *p, const struct lexeme *address);
void conf_ftp_only(struct parse *p, const struct lexeme *lex);
void conf_set_access(struct parse *p, const struct words *src);
void conf_add_key(struct parse *p, const struct lexeme *name,
    const struct lexeme *path);
void conf_set_backend(struct parse *p, const struct lexeme *lex);
void conf_set_nft_table(struct parse *p, const struct lexeme *lex);
void conf_set_user(struct parse *p, const struct lexeme *lex);
void conf_set_mode(struct parse *p, const struct lexeme *lex);
/* The option at `lex` is for `family` ("nftables", "pf") alone. */
void conf_only_for(struct parse *p, const struct lexeme *lex,
    const char *family);
/* `on` may be NULL. */
void conf_add_uplink(struct parse *p, const struct lexeme *on,
    const struct lexeme *ifname, const struct lexeme *gateway);

#endif
