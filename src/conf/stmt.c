/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "src/base/strbuf.h"
#include "src/conf/set.h"

_Static_assert(ONCE_N <= CONF_MAX_ONCE, "struct parse.seen is too small");

bool
conf_once(struct parse *p, enum once what, const struct lexeme *lex)
{
	struct loc *seen = &p->seen[what];

	if (seen->file == NULL) {
		*seen = lex->at;
		return true;
	}
	if (strcmp(seen->file, lex->at.file) == 0)
		conf_error(p, &lex->at, "\"%s\" is already set on line %u",
		    lex->text, seen->line);
	else
		conf_error(p, &lex->at, "\"%s\" is already set in %s:%u",
		    lex->text, seen->file, seen->line);
	return false;
}

void
conf_block_begin(struct parse *p, const char *name, enum once what,
    const struct lexeme *lex)
{
	/* A second block is an error; its settings are checked anyway. */
	(void)conf_once(p, what, lex);
	p->block = name;
	p->base = 1;
}

void
conf_unknown(struct parse *p, const struct lexeme *lex, const char *what,
    const char *const *list)
{
	const char *near;
	char text[256];
	struct strbuf b = strbuf_of(text, sizeof(text));

	conf_skip(p);
	if (lex->bad)
		return;
	strbuf_vis(&b, span_sub(span_of(lex->text), 0, 48));
	if ((near = conf_nearest(lex->text, list)) != NULL)
		conf_error(p, &lex->at,
		    "\"%s\" is not %s; did you mean \"%s\"?", text, what, near);
	else
		conf_error(p, &lex->at, "\"%s\" is not %s", text, what);
}

void
conf_add_macro(struct parse *p, const struct lexeme *name,
    const struct words *value)
{
	char text[4 * (CONF_MAX_WORD + 1)];
	struct strbuf b = strbuf_of(text, sizeof(text));
	const struct word *w;

	if (!conf_macro_name(name->text)) {
		conf_error(p, &name->at,
		    "the name of a macro consists of at most %d letters, "
		    "digits and \"_\"",
		    CONF_MAX_NAME);
		return;
	}
	for (w = value->v; w != NULL; w = w->next) {
		if (w->lex.bad)
			return;
		if (w != value->v)
			strbuf_str(&b, " ");
		strbuf_str(&b, w->lex.text);
	}
	if (b.full)
		conf_error(p, &name->at,
		    "the value of a macro has at most %zu bytes",
		    sizeof(text) - 1);
	else if (!conf_macro_set(p, name->text, text, false))
		conf_error(p, &name->at, "more than %d macros",
		    CONF_MAX_MACROS);
}

void
conf_set_interfaces(struct parse *p, const struct words *src)
{
	struct strings *names = &p->conf->interface;
	struct strings *places = &p->conf->interface_at;
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

void
conf_set_protect(struct parse *p, const struct words *src)
{
	const struct word *w;

	for (w = src->v; w != NULL; w = w->next)
		if (w->lex.at.macro != NULL &&
		    strcmp(w->lex.at.macro, "protect") == 0)
			p->protect_by_macro = true;
	conf_set_prefixes(p, &p->conf->protect, src);
}

/* Lines that may be repeated, but not for ever. */
static bool
full(struct parse *p, size_t n, const struct lexeme *lex)
{
	if (n < CONF_MAX_LINES)
		return false;
	conf_error(p, &lex->at, "more than %d lines of this kind",
	    CONF_MAX_LINES);
	return true;
}

void
conf_add_external(struct parse *p, const struct lexeme *outside,
    const struct lexeme *inside)
{
	struct conf_sip *sip = &p->conf->sip;
	struct conf_external e = { 0 }, *v;

	p->seen[ONCE_EXTERNAL] = outside->at;
	conf_set_addr(p, &e.outside, outside);
	conf_set_addr(p, &e.inside, inside);
	if (e.outside.af == AF_UNSPEC || e.inside.af == AF_UNSPEC ||
	    full(p, sip->nexternal, outside))
		return;
	if (e.outside.af != e.inside.af) {
		conf_error(p, &inside->at,
		    "\"%s\" and \"%s\" are of different families",
		    outside->text, inside->text);
		return;
	}
	v = conf_grow(p, sip->external, sip->nexternal, sizeof(e));
	if (v == NULL)
		return;
	sip->external = v;
	v[sip->nexternal++] = e;
}

void
conf_set_remote(struct parse *p, const struct words *src)
{
	static const struct {
		const char *word;
		enum conf_remote remote;
	} words[] = {
		{ "any", REMOTE_ANY },
		{ "both", REMOTE_BOTH },
		{ "sdp", REMOTE_SDP },
		{ "signalling", REMOTE_SIGNALLING },
	};
	const struct lexeme *lex;
	struct prefix prefix;
	size_t i;

	if (src->v == NULL)
		return;
	lex = &src->v->lex;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!src->braces && strcmp(lex->text, words[i].word) == 0) {
			p->conf->sip.remote = words[i].remote;
			return;
		}
	p->conf->sip.remote = REMOTE_LIST;
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

void
conf_proxy_clear(struct conf_proxy *x)
{
	free(x->tag);
	free(x->queue);
	free(x->at);
	x->tag = x->queue = x->at = NULL;
}

void
conf_add_proxy(struct parse *p, const struct lexeme *address,
    const struct lexeme *port)
{
	struct conf *c = p->conf;
	struct conf_proxy **v = in_tftp(p) ? &c->tftp.proxy : &c->ftp.proxy;
	size_t *n = in_tftp(p) ? &c->tftp.nproxy : &c->ftp.nproxy;
	struct conf_proxy x = { 0 }, *grown;

	memset(&p->seen[ONCE_PROXY], 0,
	    (ONCE_N - ONCE_PROXY) * sizeof(p->seen[0]));
	conf_set_addr(p, &x.listen.addr, address);
	conf_set_port(p, &x.listen.port, port);
	x.max_sessions = in_tftp(p) ? 1000 : 100;
	x.timeout = in_tftp(p) ? 30 : 86400;
	conf_proxy_clear(&p->spare);
	p->spare = x;
	if (full(p, *n, address) ||
	    (grown = conf_grow(p, *v, *n, sizeof(x))) == NULL) {
		p->proxy = &p->spare;
		return;
	}
	*v = grown;
	conf_set_place(p, &x.at, &address->at);
	p->proxy = &grown[*n];
	grown[(*n)++] = x;
}

struct conf_proxy *
conf_proxy(struct parse *p)
{
	return p->proxy;
}

void
conf_end_proxy(struct parse *p, const struct lexeme *address)
{
	const struct conf_proxy *x = p->proxy;
	const struct conf_proxy *v =
	    in_tftp(p) ? p->conf->tftp.proxy : p->conf->ftp.proxy;
	uint8_t af = x->reverse.addr.af;
	char text[ADDR_STRLEN];

	if (af == AF_UNSPEC)
		af = x->listen.addr.af;
	else if (x->listen.addr.af != AF_UNSPEC && x->listen.addr.af != af)
		conf_error(p, &p->seen[ONCE_REVERSE],
		    "the server is not of the same family as the proxy");
	if (x->source.af != AF_UNSPEC && af != AF_UNSPEC && x->source.af != af)
		conf_error(p, &p->seen[ONCE_SOURCE],
		    "\"source\" is not of the same family as the server");
	for (; x != &p->spare && v != x; v++)
		if (endpoint_cmp(&v->listen, &x->listen) == 0)
			conf_error(p, &address->at,
			    "there is a proxy on %s already",
			    endpoint_format(&x->listen, text));
}

void
conf_ftp_only(struct parse *p, const struct lexeme *lex)
{
	if (in_tftp(p))
		conf_error(p, &lex->at, "\"%s\" is for ftp, not tftp",
		    lex->text);
}

void
conf_set_access(struct parse *p, const struct words *src)
{
	static const char *const words[] = { "read", "write", NULL };
	struct conf_tftp *t = &p->conf->tftp;
	const struct word *w;
	int i;

	t->allow_read = t->allow_write = false;
	for (w = src->v; w != NULL; w = w->next) {
		i = conf_choose(p, &w->lex, words, "\"read\" or \"write\"");
		if (i == 0)
			t->allow_read = true;
		else if (i == 1)
			t->allow_write = true;
	}
}

void
conf_add_key(struct parse *p, const struct lexeme *name,
    const struct lexeme *path)
{
	static const struct lexeme unnamed = { .kind = LEX_STRING, .text = "" };
	struct conf_tables *t = &p->conf->tables;
	struct conf_key k = { 0 }, *v;
	size_t i;

	p->seen[ONCE_KEY] = path->at;
	if (name != NULL)
		conf_set_name(p, &k.name, name, "the name of a key");
	else
		conf_set_string(p, &k.name, &unnamed);
	conf_set_path(p, &k.path, path, CONF_MAX_WORD);
	conf_set_place(p, &k.at, &path->at);
	if (k.name == NULL || k.path == NULL)
		goto fail;
	for (i = 0; i < t->nkey; i++)
		if (strcmp(t->key[i].name, k.name) == 0) {
			conf_error(p, name != NULL ? &name->at : &path->at,
			    "there is a key \"%s\" already", k.name);
			goto fail;
		}
	if (full(p, t->nkey, path) ||
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

void
conf_set_backend(struct parse *p, const struct lexeme *lex)
{
	static const char *const backends[] = { "dry-run", "nftables", "pf",
		"pf-text", NULL };

	if (conf_choose(p, lex, backends, CONF_BACKENDS) != -1)
		conf_set_string(p, &p->conf->firewall, lex);
}

void
conf_only_for(struct parse *p, const struct lexeme *lex, const char *family)
{
	const char *backend = p->conf->firewall;

	/* dry-run prints for all, and an unknown one is an error already. */
	if (backend != NULL && strcmp(backend, "dry-run") != 0 &&
	    strncmp(backend, family, strlen(family)) != 0)
		conf_error(p, &lex->at, "\"%s\" is for %s, not for %s",
		    lex->text, family, backend);
}

void
conf_set_nft_table(struct parse *p, const struct lexeme *lex)
{
	char **name = &p->conf->name;

	conf_set_name(p, name, lex, "the name of a table");
	/* What nft(8) takes for an identifier everywhere. */
	if (*name != NULL &&
	    (strchr("0123456789_-", **name) != NULL ||
		strchr(*name, '.') != NULL))
		conf_error(p, &lex->at,
		    "the table of nftables begins with a letter and has no "
		    "\".\"");
}

void
conf_set_user(struct parse *p, const struct lexeme *lex)
{
	if (!lex->bad && strcmp(lex->text, "root") == 0)
		conf_error(p, &lex->at,
		    "the engine and the proxy must not run as \"root\"");
	else
		conf_set_name(p, &p->conf->user, lex, "a user name");
	p->conf->user_set = true;
}

void
conf_set_mode(struct parse *p, const struct lexeme *lex)
{
	static const char *const options[] = { "anchor", "dialect", "kill",
		"if-bound", "log", "mark", "on", "queue", "reply-to", "rules",
		"states", "table", "tag", NULL };

	if (strcmp(lex->text, "rules") != 0 &&
	    strcmp(lex->text, "states") != 0) {
		conf_unknown(p, lex, "an option of \"firewall\"", options);
		return;
	}
	conf_only_for(p, lex, "pf");
	if (p->seen[ONCE_MODE].file != NULL)
		conf_error(p, &lex->at, "the mode is already set on line %u",
		    p->seen[ONCE_MODE].line);
	else if (conf_once(p, ONCE_MODE, lex))
		conf_set_string(p, &p->conf->mode, lex);
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

void
conf_add_uplink(struct parse *p, const struct lexeme *on,
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
	conf_set_interface(p, &u.ifname, ifname);
	conf_set_addr(p, &u.gateway, gateway);
	if (u.ifname == NULL || u.gateway.af == AF_UNSPEC ||
	    known_uplink(p, &u, ifname) || full(p, c->nuplink, ifname) ||
	    (v = conf_grow(p, c->uplink, c->nuplink, sizeof(u))) == NULL) {
		free(u.ifname);
		return;
	}
	c->uplink = v;
	v[c->nuplink++] = u;
}
