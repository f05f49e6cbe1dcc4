/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <net/if.h>

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/strbuf.h"
#include "src/conf/set.h"

void *
conf_grow(struct parse *p, void *array, size_t n, size_t size)
{
	/* Doubling: it is full whenever its size is a power of two. */
	if (n > 0 && (n & (n - 1)) != 0)
		return array;
	if ((array = reallocarray(array, n > 0 ? 2 * n : 1, size)) == NULL)
		p->nomem = true;
	return array;
}

int
conf_choose(struct parse *p, const struct lexeme *lex, const char *const *list,
    const char *what)
{
	int i;

	for (i = 0; list[i] != NULL && !lex->bad; i++)
		if (strcmp(list[i], lex->text) == 0)
			return i;
	conf_wrong(p, lex, what);
	return -1;
}

/*
 * Is it a name, which nobody here will resolve?  Then say so instead of
 * merely "not an address".
 */
static bool
is_host_name(const char *s)
{
	size_t i;
	bool letter = false;

	for (i = 0; s[i] != '\0'; i++) {
		if ((s[i] >= 'g' && s[i] <= 'z') ||
		    (s[i] >= 'G' && s[i] <= 'Z'))
			letter = true;
		else if (strchr("0123456789abcdefABCDEF.-_", s[i]) == NULL)
			return false;
	}
	return letter;
}

static void
not_an_address(struct parse *p, const struct lexeme *lex, const char *what)
{
	char said[128];
	struct strbuf b = strbuf_of(said, sizeof(said));

	strbuf_str(&b, what);
	if (is_host_name(lex->text))
		strbuf_str(&b, " (names are not resolved)");
	conf_wrong(p, lex, said);
}

void
conf_set_place(struct parse *p, char **dst, const struct loc *at)
{
	char text[CONF_MAX_WORD];
	struct strbuf b = strbuf_of(text, sizeof(text));

	text[0] = '\0';
	if (at->file != NULL)
		strbuf_fmt(&b, "%s:%u:%u: ", at->file, at->line, at->col);
	if (*dst == NULL && (*dst = strdup(text)) == NULL)
		p->nomem = true;
}

void
conf_set_addr(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	struct addr a;

	(void)s;

	if (lex->bad)
		return;
	if (addr_parse(span_of(lex->text), &a) != PH_OK)
		not_an_address(p, lex, "an address");
	else
		*(struct addr *)dst = a;
}

static bool
port_number(struct span text, uint16_t lo, uint16_t *out)
{
	uint64_t n;

	if (!span_number(text, UINT16_MAX, &n) || n < lo)
		return false;
	*out = (uint16_t)n;
	return true;
}

void
conf_set_port(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	(void)s;
	if (!lex->bad && !port_number(span_of(lex->text), 1, dst))
		conf_wrong(p, lex, "a port from 1 to 65535");
}

void
conf_set_range(struct parse *p, uint16_t *lo, uint16_t *hi,
    const struct lexeme *lex)
{
	struct span text = span_of(lex->text), upper;
	struct span lower = span_cut(text, ':', &upper);
	uint16_t a = 0, b = 0;

	if (lex->bad)
		return;
	if (lower.len == text.len)
		upper = lower;
	if (!port_number(lower, 1, &a) || !port_number(upper, 1, &b))
		conf_wrong(p, lex, "a range of ports as in 10000:20000");
	else if (a > b)
		conf_error(p, &lex->at, "%u is more than %u", a, b);
	else if (a < 1024)
		conf_error(p, &lex->at, "ports below 1024 are never opened");
	else {
		*lo = a;
		*hi = b;
	}
}

/* `or` is what else may stand there, for the error. */
static void
set_number(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s, const char * or)
{
	char what[64];
	struct strbuf b = strbuf_of(what, sizeof(what));
	uint64_t n;

	if (lex->bad)
		return;
	if (span_number(span_of(lex->text), s->hi, &n) && n >= s->lo) {
		*(uint32_t *)dst = (uint32_t)n;
		return;
	}
	strbuf_str(&b, or);
	if (s->lo == s->hi)
		strbuf_fmt(&b, "%u", s->lo);
	else
		strbuf_fmt(&b, "a number from %u to %u", s->lo, s->hi);
	conf_wrong(p, lex, what);
}

void
conf_set_number(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	set_number(p, dst, lex, s, "");
}

void
conf_set_number_or_any(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	if (!lex->bad && strcmp(lex->text, "any") == 0)
		*(uint32_t *)dst = UINT32_MAX;
	else
		set_number(p, dst, lex, s, "any or ");
}

void
conf_set_bytes(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	struct span text = span_of(lex->text);
	uint64_t n, unit = 1;

	(void)s;
	if (lex->bad)
		return;
	if (text.len > 0 && (text.p[text.len - 1] | 0x20) == 'k')
		unit = 1024;
	else if (text.len > 0 && (text.p[text.len - 1] | 0x20) == 'm')
		unit = 1024 * 1024;
	if (unit > 1)
		text.len--;
	if (span_number(text, (1024 * 1024 * 1024) / unit, &n) &&
	    n * unit >= 65536)
		*(uint32_t *)dst = (uint32_t)(n * unit);
	else
		conf_wrong(p, lex, "a size from 64k to 1024m");
}

void
conf_set_mark(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	unsigned long long n;
	char *end;

	(void)s;
	if (lex->bad)
		return;
	errno = 0;
	n = strtoull(lex->text, &end,
	    strncmp(lex->text, "0x", 2) == 0 ? 16 : 10);
	if (lex->text[0] < '0' || lex->text[0] > '9' || *end != '\0' ||
	    errno != 0 || n == 0 || n > UINT32_MAX)
		conf_wrong(p, lex, "a mark from 0x1 to 0xffffffff");
	else
		*(uint32_t *)dst = (uint32_t)n;
}

void
conf_set_bool(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	int i = conf_choose(p, lex, s->type->words,
	    s->type->what != NULL ? s->type->what : CONF_YESNO);

	if (i != -1)
		*(bool *)dst = i == 1;
}

void
conf_set_enum(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	int i = conf_choose(p, lex, s->type->words, s->type->what);

	if (i != -1)
		*(unsigned int *)dst = (unsigned int)i;
}

void
conf_set_string(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	char **string = dst, *text;

	(void)s;
	if (lex->bad)
		return;
	if ((text = strdup(lex->text)) == NULL)
		p->nomem = true;
	free(*string);
	*string = text;
}

static bool
only_bytes(const char *s, const char *more)
{
	for (; *s != '\0'; s++)
		if (!((*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') ||
			(*s >= 'A' && *s <= 'Z') || strchr(more, *s) != NULL))
			return false;
	return true;
}

static bool
check_name(struct parse *p, const struct lexeme *lex, const char *what,
    const char *more)
{
	size_t n = strlen(lex->text);

	if (lex->bad)
		return false;
	if (n == 0)
		conf_wrong(p, lex, what);
	else if (n > CONF_MAX_NAME)
		conf_error(p, &lex->at, "%s has at most %d bytes", what,
		    CONF_MAX_NAME);
	else if (!only_bytes(lex->text, more))
		conf_error(p, &lex->at,
		    "%s consists of letters, digits and \"%s\"", what, more);
	else
		return true;
	return false;
}

void
conf_set_name(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	if (check_name(p, lex, s->what, "_.-"))
		conf_set_string(p, dst, lex, s);
}

void
conf_set_table(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	static const char what[] = "the name of a table";
	struct span family, table, set, rest;

	if (!check_name(p, lex, what, "_.-/"))
		return;
	/* Where several sets have one name: inet/filter/spammer. */
	family = span_cut(span_of(lex->text), '/', &rest);
	table = span_cut(rest, '/', &set);
	if (family.len < strlen(lex->text) &&
	    (family.len == 0 || table.len == 0 || set.len == 0 ||
		span_find(set, '/') < set.len))
		conf_error(p, &lex->at,
		    "%s has no \"/\", or is family/table/set", what);
	else
		conf_set_string(p, dst, lex, s);
}

void
conf_set_anchor(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	size_t n = strlen(lex->text);

	if (!check_name(p, lex, "the name of an anchor", "_.-/"))
		return;
	if (lex->text[0] == '/' || lex->text[n - 1] == '/' ||
	    strstr(lex->text, "//") != NULL)
		conf_error(p, &lex->at,
		    "an anchor has a name before and behind each \"/\"");
	else
		conf_set_string(p, dst, lex, s);
}

/* An identifier of nft(8), no longer than CONF_MAX_HOOK. */
static bool
is_nft_name(struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.p[i]) &&
		    (i == 0 || strchr("_.-", s.p[i]) == NULL))
			return false;
	return s.len > 0 && s.len <= CONF_MAX_HOOK &&
	    !isdigit((unsigned char)s.p[0]);
}

void
conf_set_interface(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	size_t n = strlen(lex->text);

	if (lex->bad)
		return;
	if (n >= IFNAMSIZ)
		conf_error(p, &lex->at,
		    "the name of an interface has at most %d bytes",
		    IFNAMSIZ - 1);
	else if (n == 0 || !only_bytes(lex->text, "_.-:@+~"))
		conf_wrong(p, lex, "the name of an interface");
	else
		conf_set_string(p, dst, lex, s);
}

/* FAMILY TABLE CHAIN, for a line of nft(8) */
void
conf_set_hook(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	struct span family, table, chain;

	if (lex->bad)
		return;
	family = span_cut(span_of(lex->text), ' ', &chain);
	table = span_cut(chain, ' ', &chain);
	if ((!span_eq_str(family, "inet") && !span_eq_str(family, "ip") &&
		!span_eq_str(family, "ip6")) ||
	    !is_nft_name(table) || !is_nft_name(chain))
		conf_wrong(p, lex, CONF_HOOKS);
	else
		conf_set_string(p, dst, lex, s);
}

void
conf_set_path(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	if (lex->bad)
		return;
	if (lex->text[0] != '/')
		conf_wrong(p, lex, "a path that begins with \"/\"");
	else if (strlen(lex->text) > s->hi)
		conf_error(p, &lex->at, "this path has more than %u bytes",
		    s->hi);
	else
		conf_set_string(p, dst, lex, s);
}

void
conf_add_word(struct parse *p, struct words *list, const struct lexeme *lex)
{
	struct word *w;

	if (p->nwords++ >= CONF_MAX_ENTRIES) {
		if (!p->stop)
			conf_error(p, &lex->at,
			    "more than %d entries in all lists together",
			    CONF_MAX_ENTRIES);
		p->stop = true;
		return;
	}
	if ((w = conf_alloc(p, sizeof(*w))) == NULL)
		return;
	w->lex = *lex;
	if (list->v == NULL)
		list->v = w;
	else
		list->last->next = w;
	list->last = w;
}

/* The prefix length is too large for the address: name the largest. */
static void
not_a_prefix(struct parse *p, const struct lexeme *lex)
{
	struct span len, host = span_cut(span_of(lex->text), '/', &len);
	struct addr a;

	if (host.len < strlen(lex->text) && addr_parse(host, &a) == PH_OK)
		conf_error(p, &lex->at,
		    "the length of an IPv%d prefix is from 0 to %zu, not "
		    "\"%s\"",
		    a.af == AF_INET ? 4 : 6, addr_bytes(a.af) * 8,
		    lex->text + host.len + 1);
	else
		not_an_address(p, lex, "an address or a prefix");
}

void
conf_set_prefixes(struct parse *p, void *field, const struct words *src)
{
	struct prefixes *dst = field;
	const struct word *w;
	struct prefix prefix, *v;

	for (w = src->v; w != NULL; w = w->next) {
		if (w->lex.bad)
			continue;
		if (prefix_parse(span_of(w->lex.text), &prefix) != PH_OK) {
			not_a_prefix(p, &w->lex);
			continue;
		}
		if ((v = conf_grow(p, dst->v, dst->n, sizeof(prefix))) == NULL)
			return;
		dst->v = v;
		v[dst->n++] = prefix;
	}
}

void
conf_set_ports(struct parse *p, void *field, const struct words *src)
{
	struct ports *dst = field;
	const struct word *w;
	uint16_t port, *v;
	size_t i;

	for (w = src->v; w != NULL; w = w->next) {
		port = 0;
		conf_set_port(p, &port, &w->lex, NULL);
		if (port == 0)
			continue;
		for (i = 0; i < dst->n && dst->v[i] != port; i++)
			;
		if (i < dst->n)
			continue;
		if (dst->n == CONF_MAX_PORTS) {
			conf_error(p, &w->lex.at, "more than %d ports",
			    CONF_MAX_PORTS);
			return;
		}
		if ((v = conf_grow(p, dst->v, dst->n, sizeof(port))) == NULL)
			return;
		dst->v = v;
		v[dst->n++] = port;
	}
}

void
conf_set_strings(struct parse *p, struct strings *dst, const struct words *src,
    conf_setter *set)
{
	const struct word *w;
	char *s, **v;

	for (w = src->v; w != NULL; w = w->next) {
		s = NULL;
		set(p, &s, &w->lex, NULL);
		if (s == NULL)
			continue;
		if ((v = conf_grow(p, dst->v, dst->n, sizeof(s))) == NULL) {
			free(s);
			return;
		}
		dst->v = v;
		v[dst->n++] = s;
	}
}

void
conf_set_host(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	size_t n = strlen(lex->text);

	if (lex->bad)
		return;
	if (n == 0 || n > CONF_MAX_HOST || !only_bytes(lex->text, ".-:"))
		conf_wrong(p, lex, CONF_HOST);
	else
		conf_set_string(p, dst, lex, s);
}

/* "192.0.2.1:6379", "[2001:db8::1]:6379" or "/run/redis.sock" */
void
conf_set_server(struct parse *p, struct conf_share *c, const struct lexeme *lex)
{
	/* struct sockaddr_un holds 104 bytes on BSD. */
	static const struct setting socket = { .hi = 100 };
	struct span text = span_of(lex->text), host = text, port;
	uint64_t n = 6379;

	if (lex->text[0] == '/') {
		conf_set_path(p, &c->path, lex, &socket);
		return;
	}
	if (span_has_prefix(text, "[")) {
		host = span_cut(span_sub(text, 1, text.len), ']', &port);
		if (span_find(text, ']') == text.len ||
		    (port.len > 0 && port.p[0] != ':'))
			host.len = 0;
		port = span_sub(port, 1, port.len);
	} else
		host = span_cut(text, ':', &port);
	if (addr_parse(host, &c->server.addr) != PH_OK ||
	    (port.len > 0 && !span_number(port, UINT16_MAX, &n)) || n == 0)
		conf_wrong(p, lex, CONF_SERVER);
	c->server.port = (uint16_t)n;
}
