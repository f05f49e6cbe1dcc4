/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/strbuf.h"
#include "src/conf/set.h"

static void
set_interfaces(struct parse *p, void *dst, const struct words *src)
{
	struct strings *names = dst, *places = &p->conf->interface_at;
	const struct word *w;
	char **v;

	for (w = src->v; w != NULL; w = w->next) {
		struct word alone = *w;
		struct words one = { &alone, &alone, false };

		alone.next = NULL;
		conf_set_strings(p, names, &one, conf_set_interface);
		if (names->n == places->n)
			continue;
		v = conf_grow(p, places->v, places->n, sizeof(*v));
		if (v == NULL)
			return;
		places->v = v;
		v[places->n] = NULL;
		conf_set_place(p, &v[places->n++], &w->lex.at);
	}
}

static void
set_protect(struct parse *p, void *dst, const struct words *src)
{
	const struct word *w;

	for (w = src->v; w != NULL; w = w->next)
		if (w->lex.at.macro != NULL &&
		    strcmp(w->lex.at.macro, "protect") == 0)
			p->protect_by_macro = true;
	conf_set_prefixes(p, dst, src);
}

/* Lines that may be repeated, but not for ever. */
static bool
lines_full(struct parse *p, size_t n, const struct lexeme *lex)
{
	if (n < CONF_MAX_LINES)
		return false;
	conf_error(p, &lex->at, "more than %d lines of this kind",
	    CONF_MAX_LINES);
	return true;
}

static bool
read_external(struct parse *p, const struct reading *r)
{
	struct conf_sip *sip = &p->conf->sip;
	struct conf_external e = { 0 }, *v;
	struct lexeme outside, inside;

	if (!conf_read_value(p, CONF_ADDRESS, &outside) ||
	    !conf_read_keyword(p, "for") ||
	    !conf_read_value(p, CONF_ADDRESS, &inside))
		return false;
	*conf_setting_place(p, r->s) = outside.at;
	conf_set_addr(p, &e.outside, &outside, r->s);
	conf_set_addr(p, &e.inside, &inside, r->s);
	if (e.outside.af == AF_UNSPEC || e.inside.af == AF_UNSPEC ||
	    lines_full(p, sip->nexternal, &outside))
		return true;
	if (e.outside.af != e.inside.af) {
		conf_error(p, &inside.at,
		    "\"%s\" and \"%s\" are of different families", outside.text,
		    inside.text);
		return true;
	}
	v = conf_grow(p, sip->external, sip->nexternal, sizeof(e));
	if (v == NULL)
		return true;
	sip->external = v;
	v[sip->nexternal++] = e;
	return true;
}

/* media { ... } [port LO:HI] */
static bool
read_media(struct parse *p, const struct reading *r)
{
	struct conf_sip *sip = &p->conf->sip;
	struct words words;
	struct lexeme range;
	bool ok = conf_read_list(p, CONF_PREFIXES, &words);

	if ((ok || words.braces) && conf_once(p, r->s, r->lex))
		conf_set_prefixes(p, &sip->media, &words);
	if (!ok || !conf_skip_keyword(p, "port", NULL))
		return ok;
	if (!conf_read_value(p, CONF_RANGE, &range))
		return false;
	conf_set_range(p, &sip->media_lo, &sip->media_hi, &range);
	return true;
}

/* limit WORD N ...: settings of s->block, of which one must come. */
static bool
read_group(struct parse *p, const struct reading *r)
{
	bool any = false;

	return conf_read_settings(p, r->s->block, r->base, &any) &&
	    (any || conf_surprise(p, r->s->what));
}

/* ADDRESS [port N] */
static bool
read_endpoint(struct parse *p, const struct reading *r)
{
	struct endpoint *e = (void *)((char *)r->base + r->s->offset);
	struct lexeme value;

	if (!conf_read_value(p, CONF_ADDRESS, &value))
		return false;
	conf_check_only(p, r->s, r->lex);
	if (conf_once(p, r->s, r->lex))
		conf_set_addr(p, &e->addr, &value, r->s);
	if (!conf_skip_keyword(p, "port", NULL))
		return true;
	if (!conf_read_value(p, CONF_NUMBER, &value))
		return false;
	conf_set_port(p, &e->port, &value, r->s);
	return true;
}

static void
set_remote(struct parse *p, void *dst, const struct words *src)
{
	static const char *const words[] = { [REMOTE_BOTH] = "both",
		[REMOTE_SDP] = "sdp",
		[REMOTE_SIGNALLING] = "signalling",
		[REMOTE_ANY] = "any" };
	enum remote *remote = dst;
	const struct lexeme *lex;
	struct prefix prefix;
	size_t i;

	if (src->v == NULL)
		return;
	lex = &src->v->lex;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!src->braces && strcmp(lex->text, words[i]) == 0) {
			*remote = (enum remote)i;
			return;
		}
	*remote = REMOTE_LIST;
	if (!src->braces && prefix_parse(span_of(lex->text), &prefix) != PH_OK)
		conf_wrong(p, lex, CONF_REMOTES);
	else
		conf_set_prefixes(p, &p->conf->sip.remotes, src);
}

static bool
in_tftp(const struct parse *p)
{
	return strcmp(p->block, "tftp") == 0;
}

static void
add_proxy(struct parse *p, const struct lexeme *address,
    const struct lexeme *port)
{
	struct conf *c = p->conf;
	struct conf_proxy **v = in_tftp(p) ? &c->tftp.proxy : &c->ftp.proxy;
	size_t *n = in_tftp(p) ? &c->tftp.nproxy : &c->ftp.nproxy;
	struct conf_proxy x = { 0 }, *grown;
	const struct setting *s;

	for (s = conf_proxy; s->word != NULL; s++)
		memset(conf_setting_place(p, s), 0, sizeof(struct loc));
	conf_set_addr(p, &x.listen.addr, address, NULL);
	conf_set_port(p, &x.listen.port, port, NULL);
	x.max_sessions = in_tftp(p) ? 1000 : 100;
	x.timeout = in_tftp(p) ? 30 : 86400;
	conf_proxy_clear(&p->spare);
	p->spare = x;
	if (lines_full(p, *n, address) ||
	    (grown = conf_grow(p, *v, *n, sizeof(x))) == NULL) {
		p->proxy = &p->spare;
		return;
	}
	*v = grown;
	conf_set_place(p, &x.at, &address->at);
	p->proxy = &grown[*n];
	grown[(*n)++] = x;
}

static void
end_proxy(struct parse *p, const struct lexeme *address)
{
	const struct conf_proxy *x = p->proxy;
	const struct conf_proxy *v =
	    in_tftp(p) ? p->conf->tftp.proxy : p->conf->ftp.proxy;
	uint8_t af = x->reverse.addr.af;
	char text[ADDR_STRLEN];

	if (af == AF_UNSPEC)
		af = x->listen.addr.af;
	else if (x->listen.addr.af != AF_UNSPEC && x->listen.addr.af != af)
		conf_error(p, conf_place(p, conf_proxy, "reverse"),
		    "the server is not of the same family as the proxy");
	if (x->source.af != AF_UNSPEC && af != AF_UNSPEC && x->source.af != af)
		conf_error(p, conf_place(p, conf_proxy, "source"),
		    "\"source\" is not of the same family as the server");
	for (; x != &p->spare && v != x; v++)
		if (endpoint_cmp(&v->listen, &x->listen) == 0)
			conf_error(p, &address->at,
			    "there is a proxy on %s already",
			    endpoint_format(&x->listen, text));
}

static bool
read_proxy(struct parse *p, const struct reading *r)
{
	struct lexeme address, port;

	(void)r;
	if (!conf_read_value(p, CONF_ADDRESS, &address) ||
	    !conf_read_keyword(p, "port") ||
	    !conf_read_value(p, CONF_NUMBER, &port))
		return false;
	add_proxy(p, &address, &port);
	if (!conf_read_settings(p, conf_proxy, p->proxy, NULL))
		return false;
	end_proxy(p, &address);
	return true;
}

static void
set_source_port(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	uint32_t n = 0;

	conf_set_number(p, &n, lex, s);
	*(bool *)dst = n == 20;
}

static void
set_access(struct parse *p, void *dst, const struct words *src)
{
	static const char *const words[] = { "read", "write", NULL };
	struct conf_tftp *t = dst;
	const struct word *w;
	int i;

	t->allow_read = t->allow_write = false;
	for (w = src->v; w != NULL; w = w->next) {
		i = conf_choose(p, &w->lex, words, CONF_ACCESSES);
		if (i == 0)
			t->allow_read = true;
		else if (i == 1)
			t->allow_write = true;
	}
}

static void
set_patterns(struct parse *p, void *dst, const struct words *src)
{
	conf_set_strings(p, dst, src, conf_set_string);
}

static void
set_tables(struct parse *p, void *dst, const struct words *src)
{
	conf_set_strings(p, dst, src, conf_set_table);
}

static void
add_key(struct parse *p, const struct setting *s, const struct lexeme *name,
    const struct lexeme *path)
{
	static const struct lexeme unnamed = { .kind = LEX_STRING, .text = "" };
	struct conf_tables *t = &p->conf->tables;
	struct conf_key k = { 0 }, *v;
	size_t i;

	*conf_setting_place(p, s) = path->at;
	if (name != NULL)
		conf_set_name(p, &k.name, name, s);
	else
		conf_set_string(p, &k.name, &unnamed, s);
	conf_set_path(p, &k.path, path, s);
	conf_set_place(p, &k.at, &path->at);
	if (k.name == NULL || k.path == NULL)
		goto fail;
	for (i = 0; i < t->nkey; i++)
		if (strcmp(t->key[i].name, k.name) == 0) {
			conf_error(p, name != NULL ? &name->at : &path->at,
			    "there is a key \"%s\" already", k.name);
			goto fail;
		}
	if (lines_full(p, t->nkey, path) ||
	    (v = conf_grow(p, t->key, t->nkey, sizeof(k))) == NULL)
		goto fail;
	t->key = v;
	v[t->nkey++] = k;
	return;
fail:
	free(k.name);
	free(k.path);
	free(k.at);
}

/* key [NAME] "FILE" */
static bool
read_key(struct parse *p, const struct reading *r)
{
	struct lexeme first, second;

	if (!conf_read_value(p, CONF_PATH, &first))
		return false;
	if (conf_read_optional(p, &second))
		add_key(p, r->s, &first, &second);
	else
		add_key(p, r->s, NULL, &first);
	return true;
}

static void
set_backend(struct parse *p, char **dst, const struct lexeme *lex)
{
	static const char *const backends[] = { "dry-run", "nftables", "pf",
		"pf-text", NULL };

	if (conf_choose(p, lex, backends, CONF_BACKENDS) != -1)
		conf_set_string(p, dst, lex, NULL);
}

static void
set_nft_table(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	char **name = dst;

	conf_set_name(p, name, lex, s);
	/* nft(8) takes such a name for an identifier everywhere. */
	if (*name != NULL &&
	    (strchr("0123456789_-", **name) != NULL ||
		strchr(*name, '.') != NULL))
		conf_error(p, &lex->at,
		    "the table of nftables begins with a letter and has no "
		    "\".\"");
}

static void
set_hooks(struct parse *p, void *dst, const struct words *src)
{
	const struct word *w, *v;
	unsigned int n = 0;

	for (w = src->v; w != NULL; w = w->next) {
		if (n++ == CONF_MAX_HOOKS) {
			conf_error(p, &w->lex.at, "more than %d chains",
			    CONF_MAX_HOOKS);
			return;
		}
		for (v = src->v; v != w; v = v->next)
			if (strcmp(v->lex.text, w->lex.text) == 0)
				conf_error(p, &w->lex.at,
				    "\"%s\" is in this list already",
				    w->lex.text);
	}
	conf_set_strings(p, dst, src, conf_set_hook);
}

static void
set_user(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	if (!lex->bad && strcmp(lex->text, "root") == 0)
		conf_error(p, &lex->at,
		    "the engine and the proxy must not run as \"root\"");
	else
		conf_set_name(p, dst, lex, s);
	p->conf->user_set = true;
}

/* firewall pf rules | states */
static void
set_mode(struct parse *p, const struct lexeme *lex)
{
	const struct setting *s = conf_find_setting(conf_firewall, "rules");

	if (strcmp(lex->text, "rules") != 0 &&
	    strcmp(lex->text, "states") != 0) {
		conf_unknown(p, lex, "an option of \"firewall\"",
		    conf_firewall);
		return;
	}
	conf_check_only(p, s, lex);
	if (conf_setting_place(p, s)->file != NULL)
		conf_error(p, &lex->at, "the mode is already set on line %u",
		    conf_setting_place(p, s)->line);
	else if (conf_once(p, s, lex))
		p->conf->states = strcmp(lex->text, "states") == 0;
}

static bool
read_firewall(struct parse *p, const struct reading *r)
{
	struct lexeme value;

	if (!conf_read_value(p, CONF_BACKENDS, &value))
		return false;
	if (conf_once(p, r->s, r->lex))
		set_backend(p, &p->conf->firewall, &value);
	for (;;) {
		if (!conf_read_settings(p, conf_firewall, p->conf, NULL))
			return false;
		if (!conf_read_optional(p, &value))
			return true;
		set_mode(p, &value);
	}
}

/* One way back for each interface and family: more would be ambiguous. */
static bool
known_uplink(struct parse *p, const struct conf_uplink *u,
    const struct lexeme *ifname)
{
	const struct conf *c = p->conf;
	size_t i;

	for (i = 0; i < c->nuplink; i++)
		if (strcmp(c->uplink[i].ifname, u->ifname) == 0 &&
		    c->uplink[i].gateway.af == u->gateway.af) {
			conf_error(p, &ifname->at,
			    "\"%s\" already has a gateway for IPv%d", u->ifname,
			    u->gateway.af == AF_INET ? 4 : 6);
			return true;
		}
	return false;
}

static void
add_uplink(struct parse *p, const struct lexeme *on,
    const struct lexeme *ifname, const struct lexeme *gateway)
{
	struct conf *c = p->conf;
	struct conf_uplink u = { 0 }, *v;

	if (on != NULL && !on->bad && !ifname->bad &&
	    strcmp(on->text, ifname->text) != 0)
		conf_error(p, &ifname->at,
		    "answers to what comes in on \"%s\" cannot leave by "
		    "\"%s\"",
		    on->text, ifname->text);
	conf_set_interface(p, &u.ifname, ifname, NULL);
	conf_set_addr(p, &u.gateway, gateway, NULL);
	if (u.ifname == NULL || u.gateway.af == AF_UNSPEC ||
	    known_uplink(p, &u, ifname) || lines_full(p, c->nuplink, ifname) ||
	    (v = conf_grow(p, c->uplink, c->nuplink, sizeof(u))) == NULL) {
		free(u.ifname);
		return;
	}
	c->uplink = v;
	v[c->nuplink++] = u;
}

/* reply-to (INTERFACE ADDRESS), behind the keyword */
static bool
read_uplink(struct parse *p, const struct lexeme *on)
{
	struct lexeme ifname, gateway;

	if (!conf_read_punct(p, '(') || !conf_read_value(p, CONF_NAME, &ifname))
		return false;
	(void)conf_skip_punct(p, ',');
	if (!conf_read_value(p, CONF_ADDRESS, &gateway) ||
	    !conf_read_punct(p, ')'))
		return false;
	add_uplink(p, on, &ifname, &gateway);
	return true;
}

static bool
read_reply_to(struct parse *p, const struct reading *r)
{
	(void)r;
	return read_uplink(p, NULL);
}

static bool
read_on(struct parse *p, const struct reading *r)
{
	struct lexeme ifname;

	(void)r;
	return conf_read_value(p, CONF_NAME, &ifname) &&
	    conf_read_keyword(p, "reply-to") && read_uplink(p, &ifname);
}

static void
set_label(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	if (strlen(lex->text) > s->hi)
		conf_error(p, &lex->at, "\"%s\" has more than %u bytes",
		    lex->text, s->hi);
	else
		conf_set_name(p, dst, lex, s);
}

/* share redis "SERVER" group NAME ... */
static bool
read_share(struct parse *p, const struct reading *r)
{
	struct lexeme value;

	if (!conf_read_value(p, CONF_SERVER, &value))
		return false;
	if (conf_once(p, r->s, r->lex) && !value.bad)
		conf_set_server(p, &p->conf->share, &value);
	p->conf->share.on = true;
	return conf_read_settings(p, conf_share, p->conf, NULL);
}

/* sip { ... }: `on` is at s->offset. */
static bool
read_block(struct parse *p, const struct reading *r)
{
	if (!conf_read_punct(p, '{'))
		return false;
	/* A second block is an error; its settings are checked anyway. */
	(void)conf_once(p, r->s, r->lex);
	*(bool *)(void *)((char *)p->conf + r->s->offset) = true;
	conf_read_block(p, r->s->block, r->s->word);
	return true;
}

/* "no": there is none, which is NULL. */
static void
set_path_or_no(struct parse *p, void *dst, const struct lexeme *lex,
    const struct setting *s)
{
	char **path = dst;

	if (lex->bad || strcmp(lex->text, "no") != 0) {
		conf_set_path(p, dst, lex, s);
		return;
	}
	free(*path);
	*path = NULL;
}

/* clang-format off */
#define CONF(field) offsetof(struct conf, field)
#define PROXY(field) offsetof(struct conf_proxy, field)

static const char *const no_yes[] = { "no", "yes", NULL };
static const char *const failures[] = { "closed", "open", NULL };
static const char *const holds[] = { "close", "keep", NULL };
static const char *const priorities[] = { [PRIORITY_NORMAL] = "normal", [PRIORITY_HIGH] = "high", [PRIORITY_REALTIME] = "realtime", NULL };
static const char *const dialects[] = { [P_FREEBSD] = "freebsd", [P_OPENBSD] = "openbsd", NULL };

/*
 * Types of values: the name for the message that one is missing, and the
 * function that reads it.
 */
static const struct conf_type
	flag = { .set = conf_set_bool, .words = no_yes },
	loosely = { .set = conf_set_bool, .words = no_yes, .optional = true },
	yesno = { .what = CONF_YESNO, .set = conf_set_bool, .words = no_yes },
	number = { .what = CONF_NUMBER, .set = conf_set_number },
	number_or_any = { .what = CONF_NUMBER, .set = conf_set_number_or_any },
	size = { .what = CONF_NUMBER, .set = conf_set_bytes },
	mark = { .what = CONF_NUMBER, .set = conf_set_mark },
	twenty = { .what = CONF_NUMBER, .set = set_source_port },
	address = { .what = CONF_ADDRESS, .set = conf_set_addr },
	name = { .what = CONF_NAME, .set = conf_set_name },
	nft_table = { .what = CONF_NAME, .set = set_nft_table },
	table = { .what = CONF_NAME, .set = conf_set_table },
	anchor = { .what = CONF_NAME, .set = conf_set_anchor },
	user = { .what = CONF_NAME, .set = set_user },
	path = { .what = CONF_PATH, .set = conf_set_path },
	path_or_no = { .what = CONF_PATH, .set = set_path_or_no },
	priority = { .what = CONF_PRIORITIES, .set = conf_set_enum, .words = priorities },
	label = { .what = CONF_NAME, .set = set_label },
	host = { .what = CONF_HOST, .set = conf_set_host },
	hold = { .what = CONF_HOLDS, .set = conf_set_bool, .words = holds },
	failure = { .what = CONF_FAILURES, .set = conf_set_bool, .words = failures },
	dialect = { .what = CONF_DIALECTS, .set = conf_set_enum, .words = dialects },
	ports = { .what = CONF_PORTS, .set_list = conf_set_ports },
	prefixes = { .what = CONF_PREFIXES, .set_list = conf_set_prefixes },
	protect = { .what = CONF_PREFIXES, .set_list = set_protect },
	remotes = { .what = CONF_REMOTES, .set_list = set_remote },
	interfaces = { .what = CONF_INTERFACES, .set_list = set_interfaces },
	hooks = { .what = CONF_HOOKS, .set_list = set_hooks },
	patterns = { .what = CONF_PATTERNS, .set_list = set_patterns },
	accesses = { .what = CONF_ACCESSES, .set_list = set_access },
	tables = { .what = CONF_TABLES, .set_list = set_tables };

const struct setting conf_limits[] = {
	{ .word = "calls", .type = &number, .offset = CONF(sip.limit_calls), .lo = 1, .hi = 1000000, .value = "50000" },
	{ .word = "per source", .type = &number, .offset = CONF(sip.limit_per_source), .lo = 1, .hi = 1000000, .value = "200" },
	{ .word = "rate", .type = &number, .offset = CONF(sip.limit_rate), .lo = 0, .hi = 1000000, .value = "0" },
	{ .word = "streams", .type = &number, .offset = CONF(sip.limit_streams), .lo = 1, .hi = 16, .value = "16" },
	{ 0 }
};

const struct setting conf_timeouts[] = {
	{ .word = "idle", .type = &number, .offset = CONF(sip.timeout_idle), .lo = 1, .hi = 86400, .value = "300" },
	{ .word = "max", .type = &number, .offset = CONF(sip.timeout_max), .lo = 1, .hi = 2592000, .value = "43200" },
	{ .word = "setup", .type = &number, .offset = CONF(sip.timeout_setup), .lo = 1, .hi = 86400, .value = "180" },
	{ 0 }
};

const struct setting conf_sip[] = {
	{ .word = "early media", .type = &yesno, .offset = CONF(sip.early_media), .value = "yes" },
	{ .word = "external", .own = read_external },
	{ .word = "hold", .type = &hold, .offset = CONF(sip.hold_keep), .value = "keep" },
	{ .word = "inline", .type = &yesno, .offset = CONF(sip.inline_), .value = "no" },
	{ .word = "latch", .type = &yesno, .offset = CONF(sip.latch), .value = "no" },
	{ .word = "limit", .own = read_group, .block = conf_limits,
	    .what = "\"calls\", \"per source\", \"rate\" or \"streams\"" },
	{ .word = "media", .own = read_media },
	{ .word = "port", .type = &ports, .offset = CONF(sip.port) },
	{ .word = "redirect", .type = &yesno, .offset = CONF(sip.redirect), .value = "no" },
	{ .word = "remote", .type = &remotes, .offset = CONF(sip.remote) },
	{ .word = "server", .type = &prefixes, .offset = CONF(sip.server) },
	{ .word = "symmetric", .type = &prefixes, .offset = CONF(sip.symmetric) },
	{ .word = "timeout", .own = read_group, .block = conf_timeouts,
	    .what = "\"setup\", \"idle\" or \"max\"" },
	{ 0 }
};

const struct setting conf_ftp[] = {
	{ .word = "loose", .type = &loosely, .offset = CONF(ftp.loose), .value = "no" },
	{ .word = "port", .type = &ports, .offset = CONF(ftp.port) },
	{ .word = "proxy on", .own = read_proxy },
	{ .word = "timeout", .type = &number, .offset = CONF(ftp.timeout), .lo = 1, .hi = 3600, .value = "2" },
	{ 0 }
};

const struct setting conf_tftp[] = {
	{ .word = "allow", .type = &accesses, .offset = CONF(tftp) },
	{ .word = "file", .type = &patterns, .offset = CONF(tftp.file), .often = true },
	{ .word = "port", .type = &ports, .offset = CONF(tftp.port) },
	{ .word = "proxy on", .own = read_proxy },
	{ .word = "timeout", .type = &number, .offset = CONF(tftp.timeout), .lo = 1, .hi = 3600, .value = "30" },
	{ 0 }
};

/* Once in each line that begins with "proxy". */
const struct setting conf_proxy[] = {
	{ .word = "anonymous only", .type = &flag, .offset = PROXY(anonymous_only), .only = "ftp" },
	{ .word = "max sessions", .type = &number, .offset = PROXY(max_sessions), .lo = 1, .hi = 10000 },
	{ .word = "queue", .type = &name, .offset = PROXY(queue), .what = "the name of a queue" },
	{ .word = "reverse to", .own = read_endpoint, .offset = PROXY(reverse), .only = "ftp" },
	{ .word = "source", .type = &address, .offset = PROXY(source) },
	{ .word = "source-port", .type = &twenty, .offset = PROXY(source_port_20), .lo = 20, .hi = 20, .only = "ftp" },
	{ .word = "tag", .type = &name, .offset = PROXY(tag), .what = "a tag" },
	{ .word = "timeout", .type = &number, .offset = PROXY(timeout), .lo = 1, .hi = 86400 },
	{ 0 }
};

const struct setting conf_tables[] = {
	{ .word = "allow", .type = &tables, .offset = CONF(tables.allow) },
	{ .word = "force", .type = &table, .offset = CONF(tables.force) },
	{ .word = "key", .own = read_key, .hi = CONF_MAX_WORD, .what = "the name of a key" },
	{ .word = "listen on", .own = read_endpoint, .offset = CONF(tables.listen) },
	{ .word = "max", .type = &number, .offset = CONF(tables.max), .lo = 1, .hi = 10000000, .value = "100000" },
	{ .word = "never", .type = &prefixes, .offset = CONF(tables.never) },
	{ .word = "timeout", .type = &number, .offset = CONF(tables.timeout), .lo = 0, .hi = 31536000, .value = "0" },
	{ 0 }
};

const struct setting conf_hep[] = {
	{ .word = "from", .type = &prefixes, .offset = CONF(hep.from) },
	{ .word = "key", .type = &path, .offset = CONF(hep.key), .hi = CONF_MAX_WORD },
	{ .word = "listen on", .own = read_endpoint, .offset = CONF(hep.listen) },
	{ 0 }
};

const struct setting conf_inline[] = {
	{ .word = "fail", .type = &failure, .offset = CONF(inline_.open), .value = "open" },
	{ .word = "hold", .type = &number, .offset = CONF(inline_.hold_ms), .lo = 1, .hi = 1000, .value = "20" },
	{ .word = "queue", .type = &number, .offset = CONF(inline_.queue), .lo = 0, .hi = 65535, .value = "5060" },
	{ 0 }
};

const struct setting conf_status[] = {
	{ .word = "listen on", .own = read_endpoint, .offset = CONF(status.listen) },
	{ 0 }
};

/*
 * The words of the one statement `share`; group and box are in records of 32
 * bytes with a NUL.
 */
const struct setting conf_share[] = {
	{ .word = "group", .type = &label, .offset = CONF(share.group), .hi = 31, .what = "the name of a group" },
	{ .word = "key", .type = &path, .offset = CONF(share.key), .hi = CONF_MAX_WORD },
	{ .word = "name", .type = &label, .offset = CONF(share.name), .hi = 31, .what = "the name of this box" },
	{ .word = "password", .type = &path, .offset = CONF(share.password), .hi = CONF_MAX_WORD },
	{ .word = "tls", .own = read_block, .offset = CONF(share.tls.on), .block = conf_tls },
	{ 0 }
};

const struct setting conf_tls[] = {
	{ .word = "ca", .type = &path, .offset = CONF(share.tls.ca), .hi = CONF_MAX_WORD },
	{ .word = "certificate", .type = &path, .offset = CONF(share.tls.certificate), .hi = CONF_MAX_WORD },
	{ .word = "key", .type = &path, .offset = CONF(share.tls.key), .hi = CONF_MAX_WORD },
	{ .word = "name", .type = &host, .offset = CONF(share.tls.name) },
	{ 0 }
};

const struct setting conf_firewall[] = {
	{ .word = "anchor", .type = &anchor, .offset = CONF(name), .only = "pf", .same = "table" },
	{ .word = "dialect", .type = &dialect, .offset = CONF(dialect), .only = "pf" },
	{ .word = "hook", .type = &hooks, .offset = CONF(hook), .only = "nftables" },
	{ .word = "if-bound", .type = &flag, .offset = CONF(if_bound), .only = "pf" },
	{ .word = "kill", .type = &yesno, .offset = CONF(kill), .only = "pf", .value = "yes" },
	{ .word = "log", .type = &flag, .offset = CONF(log), .only = "pf" },
	{ .word = "mark", .type = &mark, .offset = CONF(mark), .only = "nftables", .value = "0x10000" },
	{ .word = "on", .own = read_on },
	{ .word = "queue", .type = &name, .offset = CONF(queue), .only = "pf", .what = "the name of a queue" },
	{ .word = "reply-to", .own = read_reply_to },
	{ .word = "rules", .only = "pf", .no_keyword = true },
	{ .word = "states", .only = "pf", .no_keyword = true },
	{ .word = "table", .type = &nft_table, .offset = CONF(name), .only = "nftables", .what = "the name of a table" },
	{ .word = "tag", .type = &name, .offset = CONF(tag), .only = "pf", .what = "a tag" },
	{ 0 }
};

const struct setting conf_statements[] = {
	{ .word = "buffer", .type = &size, .offset = CONF(buffer), .value = "32m" },
	/* struct sockaddr_un holds 104 bytes on BSD; ".ro" is added. */
	{ .word = "control", .type = &path_or_no, .offset = CONF(control), .hi = 100, .value = CONF_DEFAULT_CONTROL },
	{ .word = "cpu-latency", .type = &number_or_any, .offset = CONF(cpu_latency), .hi = 1000000, .value = "any" },
	{ .word = "firewall", .own = read_firewall },
	{ .word = "ftp", .own = read_block, .offset = CONF(ftp.on), .block = conf_ftp },
	{ .word = "hep", .own = read_block, .offset = CONF(hep.on), .block = conf_hep },
	{ .word = "include" },
	{ .word = "inline", .own = read_block, .offset = CONF(inline_.on), .block = conf_inline },
	{ .word = "interface", .type = &interfaces, .offset = CONF(interface) },
	{ .word = "on", .own = read_on },
	{ .word = "priority", .type = &priority, .offset = CONF(priority), .value = "normal" },
	{ .word = "protect", .type = &protect, .offset = CONF(protect) },
	{ .word = "reply-to", .own = read_reply_to },
	{ .word = "share redis", .own = read_share },
	{ .word = "sip", .own = read_block, .offset = CONF(sip.on), .block = conf_sip },
	{ .word = "state", .type = &path, .offset = CONF(state), .hi = CONF_MAX_WORD, .value = CONF_DEFAULT_STATE },
	{ .word = "status", .own = read_block, .offset = CONF(status.on), .block = conf_status },
	{ .word = "tables", .own = read_block, .offset = CONF(tables.on), .block = conf_tables },
	{ .word = "tftp", .own = read_block, .offset = CONF(tftp.on), .block = conf_tftp },
	{ .word = "user", .type = &user, .offset = CONF(user), .what = "a user name", .value = "_pinholed" },
	{ 0 }
};

const struct setting *const conf_all_tables[] = { conf_statements, conf_sip,
	conf_limits, conf_timeouts, conf_ftp, conf_tftp, conf_proxy,
	conf_tables, conf_hep, conf_inline, conf_status, conf_share,
	conf_tls, conf_firewall, NULL };
/* clang-format on */

void
conf_set_defaults(struct parse *p)
{
	struct lexeme lex = { .kind = LEX_STRING };
	const struct setting *s;
	size_t i;

	for (i = 0; conf_all_tables[i] != NULL; i++)
		for (s = conf_all_tables[i]; s->word != NULL; s++) {
			if ((lex.text = s->value) == NULL)
				continue;
			s->type->set(p, (char *)p->conf + s->offset, &lex, s);
		}
	p->conf->user_set = false;
}
