/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/strbuf.h"
#include "src/conf/set.h"

/* Used in errors in place of a file's name. */
#define DEFINED_PROTECT "-D protect"

/*
 * Defaults, and what must hold between statements.
 */
static void
default_string(struct parse *p, char **dst, const char *value)
{
	if (*dst == NULL && (*dst = strdup(value)) == NULL)
		p->nomem = true;
}

static void
default_port(struct parse *p, struct ports *dst, uint16_t port)
{
	if (dst->n > 0)
		return;
	if ((dst->v = calloc(1, sizeof(port))) == NULL) {
		p->nomem = true;
		return;
	}
	dst->v[dst->n++] = port;
}

static void
default_prefixes(struct parse *p, struct prefixes *dst,
    const struct prefixes *src)
{
	if (dst->n > 0 || src->n == 0)
		return;
	if ((dst->v = calloc(src->n, sizeof(*dst->v))) == NULL) {
		p->nomem = true;
		return;
	}
	memcpy(dst->v, src->v, src->n * sizeof(*dst->v));
	dst->n = src->n;
}

/*
 * The proxy and the firewall process number the tables by their place in
 * `allow`.
 */
static void
allow_forced(struct parse *p, struct conf_tables *t)
{
	char *name, **v;
	size_t i;

	if (t->force == NULL)
		return;
	for (i = 0; i < t->allow.n; i++)
		if (strcmp(t->allow.v[i], t->force) == 0)
			return;
	v = conf_grow(p, t->allow.v, t->allow.n, sizeof(name));
	if (v == NULL)
		return;
	t->allow.v = v;
	if ((name = strdup(t->force)) == NULL)
		p->nomem = true;
	else
		v[t->allow.n++] = name;
}

/* Defaults that depend on the statements of the file. */
static void
fill_defaults(struct parse *p)
{
	struct conf *c = p->conf;
	size_t i;

	if (!c->ftp.on && !c->tftp.on && !c->tables.on)
		c->sip.on = true;
	if (c->sip.on)
		default_port(p, &c->sip.port, 5060);
	if (c->ftp.on && c->ftp.nproxy == 0)
		default_port(p, &c->ftp.port, 21);
	if (c->tftp.on && c->tftp.nproxy == 0)
		default_port(p, &c->tftp.port, 69);
	for (i = 0; i < c->ftp.nproxy; i++)
		if (c->ftp.proxy[i].reverse.port == 0 &&
		    c->ftp.proxy[i].reverse.addr.af != AF_UNSPEC)
			c->ftp.proxy[i].reverse.port = 21;
	c->sip.media_default = c->sip.media.n == 0;
	default_prefixes(p, &c->sip.media, &c->protect);
	default_prefixes(p, &c->tables.never, &c->protect);
	allow_forced(p, &c->tables);
	default_string(p, &c->firewall, CONF_DEFAULT_FIREWALL);
	default_string(p, &c->name, "pinholed");
}

/* -D may have replaced the "protect" of the file: say so. */
static const char *
protect_giver(struct parse *p)
{
	const char *file = conf_place(p, conf_statements, "protect")->file;

	return file != NULL && strcmp(file, DEFINED_PROTECT) == 0
	    ? " that -D gives"
	    : "";
}

static void
check_inside(struct parse *p, const char *name, const struct prefixes *v)
{
	char text[ADDR_STRLEN];
	size_t i;

	for (i = 0; i < v->n; i++)
		if (!prefixes_overlap(p->conf->protect.v, p->conf->protect.n,
			&v->v[i]))
			conf_error(p, conf_place(p, conf_sip, name),
			    "%s %s is not inside \"protect\"%s", name,
			    prefix_format(&v->v[i], text), protect_giver(p));
}

static void
check_protect(struct parse *p)
{
	const struct conf *c = p->conf;
	size_t i;

	if (c->protect.n == 0 &&
	    conf_place(p, conf_statements, "protect")->file == NULL &&
	    (c->sip.on || c->ftp.on || c->tftp.on))
		conf_error(p, &p->tok.at,
		    "nothing is protected; write which addresses are behind "
		    "this firewall: protect { 192.0.2.0/24 }");
	for (i = 0; i < c->protect.n; i++)
		if (c->protect.v[i].len == 0)
			conf_error(p, conf_place(p, conf_statements, "protect"),
			    "\"protect\" cannot be every address there is");
}

static void
check_sip(struct parse *p)
{
	const struct conf *c = p->conf;
	char text[ADDR_STRLEN];
	size_t i;

	if (c->protect.n == 0)
		return;
	check_inside(p, "server", &c->sip.server);
	check_inside(p, "media", &c->sip.media);
	for (i = 0; i < c->sip.nexternal; i++)
		if (!prefixes_contain(c->protect.v, c->protect.n,
			&c->sip.external[i].inside))
			conf_error(p, conf_place(p, conf_sip, "external"),
			    "%s, which \"external\" stands for, is not "
			    "inside \"protect\"",
			    addr_format(&c->sip.external[i].inside, text));
	if (c->sip.latch &&
	    (c->sip.remote == REMOTE_ANY || c->sip.remote == REMOTE_LIST))
		conf_error(p, conf_place(p, conf_sip, "latch"),
		    "\"latch\" needs to know who may send: it goes with "
		    "\"remote\" both, sdp or signalling");
	if (c->sip.symmetric.n > 0 &&
	    (c->sip.remote == REMOTE_ANY || c->sip.remote == REMOTE_LIST))
		conf_error(p, conf_place(p, conf_sip, "symmetric"),
		    "\"symmetric\" needs to know who may send: it goes with "
		    "\"remote\" both, sdp or signalling");
	if (c->sip.redirect && c->sip.nexternal == 0)
		conf_error(p, conf_place(p, conf_sip, "redirect"),
		    "\"redirect\" needs a line \"external ADDRESS for "
		    "ADDRESS\"");
}

static void
check_tables(struct parse *p)
{
	const struct conf_tables *t = &p->conf->tables;

	if (conf_place(p, conf_tables, "listen")->file == NULL)
		conf_error(p, conf_place(p, conf_statements, "tables"),
		    "\"tables\" needs a line \"listen on ADDRESS\"");
	else if (t->listen.addr.af != AF_UNSPEC && t->nkey == 0 &&
	    conf_place(p, conf_tables, "key")->file == NULL &&
	    !conf_loopback(&t->listen.addr))
		conf_error(p, conf_place(p, conf_tables, "listen"),
		    "without a \"key\" anybody could change the tables: "
		    "listen on 127.0.0.1 or ::1");
	if (conf_place(p, conf_tables, "allow")->file == NULL &&
	    conf_place(p, conf_tables, "force")->file == NULL)
		conf_error(p, conf_place(p, conf_statements, "tables"),
		    "\"tables\" needs a line \"allow { TABLE ... }\" or "
		    "\"force TABLE\"");
}

/* Our own table is built anew, and has no chain for it. */
static void
check_hooks(struct parse *p)
{
	const struct conf *c = p->conf;
	struct span family, table, rest;
	size_t i;

	for (i = 0; i < c->hook.n; i++) {
		family = span_cut(span_of(c->hook.v[i]), ' ', &rest);
		table = span_cut(rest, ' ', &rest);
		if (span_eq_str(family, "inet") && span_eq_str(table, c->name))
			conf_error(p, conf_place(p, conf_firewall, "hook"),
			    "\"%s\" is in our own table", c->hook.v[i]);
	}
}

static void
check_hep(struct parse *p)
{
	const struct conf_hep *h = &p->conf->hep;

	if (!p->conf->sip.on)
		conf_error(p, conf_place(p, conf_statements, "hep"),
		    "\"hep\" needs a \"sip\" block, for it brings SIP");
	if (conf_place(p, conf_hep, "from")->file == NULL)
		conf_error(p, conf_place(p, conf_statements, "hep"),
		    "\"hep\" needs a line \"from { ADDRESS ... }\"");
	if (conf_place(p, conf_hep, "listen")->file == NULL)
		conf_error(p, conf_place(p, conf_statements, "hep"),
		    "\"hep\" needs a line \"listen on ADDRESS\"");
	else if (h->listen.addr.af != AF_UNSPEC && h->key == NULL &&
	    conf_place(p, conf_hep, "key")->file == NULL &&
	    !conf_loopback(&h->listen.addr))
		conf_error(p, conf_place(p, conf_hep, "listen"),
		    "without a \"key\" anybody who forges an address could "
		    "open pinholes: listen on 127.0.0.1 or ::1");
}

static void
check_inline(struct parse *p)
{
	const struct conf *c = p->conf;

	if (c->inline_.on && !c->sip.inline_)
		conf_error(p, conf_place(p, conf_statements, "inline"),
		    "nothing is held without \"inline yes\" in the \"sip\" "
		    "block");
	if (c->sip.inline_ && c->firewall != NULL &&
	    strcmp(c->firewall, "pf") == 0 && c->inline_.queue == 0)
		conf_error(p, conf_place(p, conf_inline, "queue"),
		    "no rule of pf diverts to port 0");
}

static void
check_tls(struct parse *p)
{
	const struct conf_share *c = &p->conf->share;
	const struct loc *at = conf_place(p, conf_share, "tls");
	const struct loc *certificate = conf_place(p, conf_tls, "certificate");
	const struct loc *key = conf_place(p, conf_tls, "key");

	if (c->path != NULL)
		conf_error(p, at, "there is no TLS on a unix socket");
	if (conf_place(p, conf_tls, "ca")->file == NULL)
		conf_error(p, at,
		    "\"tls\" needs the certificate of whoever signs that of "
		    "the server: ca \"FILE\"");
	if (certificate->file != NULL && key->file == NULL)
		conf_error(p, certificate,
		    "a certificate needs its key: key \"FILE\"");
	if (key->file != NULL && certificate->file == NULL)
		conf_error(p, key,
		    "a key needs its certificate: certificate \"FILE\"");
}

static void
check_share(struct parse *p)
{
	if (!p->conf->sip.on)
		conf_error(p, conf_place(p, conf_statements, "share"),
		    "\"share\" needs a \"sip\" block, for it shares calls");
	if (conf_place(p, conf_share, "group")->file == NULL)
		conf_error(p, conf_place(p, conf_statements, "share"),
		    "\"share\" needs the name of a group: group \"NAME\"");
	if (p->conf->share.tls.on)
		check_tls(p);
}

static void
conf_check(struct parse *p)
{
	const struct conf *c = p->conf;

	check_protect(p);
	if (c->sip.on)
		check_sip(p);
	if (c->tables.on)
		check_tables(p);
	if (c->hep.on)
		check_hep(p);
	if (c->share.on)
		check_share(p);
	check_hooks(p);
	check_inline(p);
	if (c->status.on && conf_place(p, conf_status, "listen")->file == NULL)
		conf_error(p, conf_place(p, conf_statements, "status"),
		    "\"status\" needs a line \"listen on ADDRESS\"");
}

/*
 * The ways in.
 */
static void
add_defines(struct parse *p, const struct conf_define *defines, size_t n)
{
	const struct loc at = { "-D", NULL, 0, 0 };

	/*
	 * Of two definitions, the later one counts; conf_macro_set() keeps the
	 * first.
	 */
	while (n-- > 0)
		if (!conf_macro_name(defines[n].name))
			conf_error(p, &at,
			    "the name of a macro consists of at most %d "
			    "letters, digits and \"_\"",
			    CONF_MAX_NAME);
		else if (!conf_macro_set(p, defines[n].name, defines[n].value,
			     true))
			conf_error(p, &at, "more than %d macros",
			    CONF_MAX_MACROS);
}

/*
 * The macro `protect` replaces a missing statement.  If it comes from the
 * command line, it also replaces a statement in the file, unless that uses the
 * macro.
 */
static bool
parse_protect(struct parse *p)
{
	static const char list[] = "protect { $protect }\n";
	static const char one[] = "protect $protect\n";
	const struct macro *m = conf_macro_get(p, "protect");
	struct prefixes *protect = &p->conf->protect;
	const char *text;

	if (m == NULL ||
	    (conf_place(p, conf_statements, "protect")->file != NULL &&
		(!m->define || p->protect_by_macro)))
		return true;
	free(protect->v);
	memset(protect, 0, sizeof(*protect));
	memset(conf_place(p, conf_statements, "protect"), 0,
	    sizeof(struct loc));
	text = strchr(m->value, '{') != NULL ? one : list;
	p->src = NULL;
	p->total = 0;
	return conf_push(p, m->define ? DEFINED_PROTECT : "protect",
		   span_of(text), NULL) &&
	    conf_grammar(p);
}

/* A macro of -D that nothing uses probably has a wrong name. */
static void
check_defines(struct parse *p, const struct conf_define *defines, size_t n)
{
	const struct loc at = { "-D", NULL, 0, 0 };
	const struct macro *m;
	size_t i;

	for (i = 0; i < n; i++) {
		m = conf_macro_get(p, defines[i].name);
		if (m != NULL && !m->used)
			conf_error(p, &at,
			    "nothing in the configuration uses the macro "
			    "\"%s\"",
			    m->name);
	}
}

/* The places of values that only this host can check. */
static void
note_places(struct parse *p)
{
	struct conf *c = p->conf;

	conf_set_place(p, &c->protect_at,
	    conf_place(p, conf_statements, "protect"));
	conf_set_place(p, &c->user_at, conf_place(p, conf_statements, "user"));
	conf_set_place(p, &c->firewall_at,
	    conf_place(p, conf_statements, "firewall"));
	conf_set_place(p, &c->sip.latch_at, conf_place(p, conf_sip, "latch"));
	conf_set_place(p, &c->tables.listen_at,
	    conf_place(p, conf_tables, "listen"));
	conf_set_place(p, &c->sip.inline_at, conf_place(p, conf_sip, "inline"));
	conf_set_place(p, &c->hep.listen_at, conf_place(p, conf_hep, "listen"));
	conf_set_place(p, &c->hep.key_at, conf_place(p, conf_hep, "key"));
	conf_set_place(p, &c->share.at,
	    conf_place(p, conf_statements, "share"));
	conf_set_place(p, &c->share.password_at,
	    conf_place(p, conf_share, "password"));
	conf_set_place(p, &c->share.key_at, conf_place(p, conf_share, "key"));
	conf_set_place(p, &c->share.tls.at, conf_place(p, conf_share, "tls"));
	conf_set_place(p, &c->share.tls.ca_at, conf_place(p, conf_tls, "ca"));
	conf_set_place(p, &c->share.tls.certificate_at,
	    conf_place(p, conf_tls, "certificate"));
	conf_set_place(p, &c->share.tls.key_at, conf_place(p, conf_tls, "key"));
	conf_set_place(p, &c->status.listen_at,
	    conf_place(p, conf_status, "listen"));
}

static enum ph_err
conf_parse_all(struct conf **out, struct parse *p,
    const struct conf_define *defines, size_t ndefines)
{
	if ((p->conf = calloc(1, sizeof(*p->conf))) == NULL) {
		p->nomem = true;
		goto done;
	}
	p->tables = conf_all_tables;
	p->conf->sip.media_lo = 1024;
	p->conf->sip.media_hi = 65535;
	p->conf->tftp.allow_read = p->conf->tftp.allow_write = true;
	p->conf->tables.listen.port = 56789;
	p->conf->hep.listen.port = 9060;
	p->conf->status.listen.port = 9508;
	conf_set_defaults(p);
	add_defines(p, defines, ndefines);
	/*
	 * If the end was not reached, a missing statement may be in the part
	 * that was not read.
	 */
	if (conf_grammar(p) && parse_protect(p)) {
		fill_defaults(p);
		note_places(p);
		if (!p->nomem)
			conf_check(p);
		check_defines(p, defines, ndefines);
	}
done:
	conf_proxy_clear(&p->spare);
	conf_alloc_free(p);
	if (!p->nomem && p->nerrors == 0) {
		*out = p->conf;
		return PH_OK;
	}
	conf_free(p->conf);
	return p->nomem ? PH_ENOMEM : PH_EMALFORMED;
}

static const char *
read_error(enum ph_err rc)
{
	if (rc == PH_EIO)
		return strerror(errno);
	return rc == PH_ELIMIT ? "larger than 1 MiB" : ph_strerror(rc);
}

enum ph_err
conf_load(struct conf **out, const char *path,
    const struct conf_define *defines, size_t ndefines, FILE *errors)
{
	struct parse p = { .errors = errors };
	enum ph_err rc = PH_OK;

	*out = NULL;
	if (path == NULL) {
		if (!conf_push(&p, "no file", SPAN_LITERAL(""), NULL))
			rc = PH_ENOMEM;
	} else if ((rc = conf_push_file(&p, path)) != PH_OK && errors != NULL)
		fprintf(errors, "%s: %s\n", path, read_error(rc));
	if (rc == PH_OK)
		return conf_parse_all(out, &p, defines, ndefines);
	conf_alloc_free(&p);
	return rc == PH_ELIMIT ? PH_EMALFORMED : rc;
}

enum ph_err
conf_parse(struct conf **out, struct span text, const char *name,
    const struct conf_define *defines, size_t ndefines, FILE *errors)
{
	struct parse p = { .errors = errors, .memory = true };

	*out = NULL;
	if (text.len > CONF_MAX_FILE) {
		if (errors != NULL)
			fprintf(errors, "%s: larger than 1 MiB\n", name);
		return PH_EMALFORMED;
	}
	if (!conf_push(&p, name, text, NULL)) {
		conf_alloc_free(&p);
		return PH_ENOMEM;
	}
	return conf_parse_all(out, &p, defines, ndefines);
}
