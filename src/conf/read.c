/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/base/strbuf.h"
#include "src/conf/set.h"

/*
 * Words, lists and settings of pinholed.conf(5), for grammar.c and for the
 * settings that read themselves.
 *
 * A function that reads returns false after an error has been written, and
 * the lexer then skips to the end of the statement: one mistake costs one
 * sentence, and the next statement is read.  Only the end of the file inside
 * braces ends everything (p->dead).
 */

/* Lists within lists, which come of macros. */
#define MAX_LISTS 32

const struct setting *
conf_find_setting(const struct setting *table, const char *text)
{
	size_t n = strlen(text);

	for (; table->word != NULL; table++)
		if (strncmp(table->word, text, n) == 0 &&
		    (table->word[n] == '\0' || table->word[n] == ' '))
			return table;
	return NULL;
}

static bool
is_keyword(const struct parse *p, const char *text)
{
	static const char *const joining[] = { "for", "media", "on", "only",
		"port", "redis", "sessions", "source", "to" };
	const struct setting *s;
	size_t i;

	for (i = 0; i < sizeof(joining) / sizeof(joining[0]); i++)
		if (strcmp(joining[i], text) == 0)
			return true;
	for (i = 0; p->tables[i] != NULL; i++) {
		s = conf_find_setting(p->tables[i], text);
		if (s != NULL && !s->no_keyword)
			return true;
	}
	return false;
}

const struct lexeme *
conf_peek(struct parse *p)
{
	if (p->held)
		return &p->tok;
	conf_next(p);
	p->held = true;
	if (p->tok.kind == LEX_PUNCT)
		p->in_value = p->tok.text[0] == '=';
	else if (p->tok.kind == LEX_WORD && !p->in_value && !p->tok.bad)
		p->tok.keyword = is_keyword(p, p->tok.text);
	return &p->tok;
}

void
conf_take(struct parse *p)
{
	p->held = false;
	if (p->tok.kind == LEX_NL && conf_at_end(p))
		p->quiet = false;
}

static bool
token_is(struct parse *p, char punct)
{
	const struct lexeme *t = conf_peek(p);

	return t->kind == LEX_PUNCT && t->text[0] == punct;
}

/* A value: a word that is no keyword, or a string in quotes. */
static bool
token_is_value(struct parse *p)
{
	const struct lexeme *t = conf_peek(p);

	return t->kind == LEX_STRING || (t->kind == LEX_WORD && !t->keyword);
}

bool
conf_surprise(struct parse *p, const char *what)
{
	const struct lexeme *t = conf_peek(p);

	if (t->kind == LEX_EOF && p->depth > 0) {
		if (!p->quiet && !p->stop && !p->nomem)
			conf_error(p,
			    &p->open[p->depth <= CONF_MAX_DEPTH
				    ? p->depth - 1
				    : CONF_MAX_DEPTH - 1],
			    "this \"{\" is never closed");
		p->dead = true;
		return false;
	}
	conf_wrong(p, t, what);
	p->quiet = true;
	if (!conf_at_end(p))
		conf_take(p);
	conf_skip(p);
	return false;
}

bool
conf_read_value(struct parse *p, const char *what, struct lexeme *out)
{
	if (!token_is_value(p))
		return conf_surprise(p, what);
	*out = *conf_peek(p);
	conf_take(p);
	return true;
}

bool
conf_read_optional(struct parse *p, struct lexeme *out)
{
	if (!token_is_value(p))
		return false;
	*out = *conf_peek(p);
	conf_take(p);
	return true;
}

bool
conf_read_punct(struct parse *p, char punct)
{
	const char what[] = { '"', punct, '"', '\0' };

	if (!token_is(p, punct))
		return conf_surprise(p, what);
	conf_take(p);
	return true;
}

bool
conf_skip_punct(struct parse *p, char punct)
{
	if (!token_is(p, punct))
		return false;
	conf_take(p);
	return true;
}

static void
skip_newlines(struct parse *p)
{
	while (conf_peek(p)->kind == LEX_NL)
		conf_take(p);
}

/* Behind "{": words and lists, with "," or nothing between them, and "}". */
static bool
read_items(struct parse *p, const char *what, struct words *out,
    unsigned int depth)
{
	char more[160];
	struct strbuf b = strbuf_of(more, sizeof(more));
	struct lexeme lex;
	bool comma = false; /* may come */
	unsigned int n = 0;

	strbuf_fmt(&b, "%s or \"}\"", what);
	if (depth > MAX_LISTS) {
		if (p->nerrors == 0)
			conf_error(p, &p->tok.at, "nested too deeply");
		p->dead = true;
		return false;
	}
	for (;; n++) {
		skip_newlines(p);
		if (comma && conf_skip_punct(p, ','))
			skip_newlines(p);
		comma = true;
		if (conf_read_optional(p, &lex))
			conf_add_word(p, out, &lex);
		else if ((n > 0 || depth == 1) && conf_skip_punct(p, '}'))
			return true;
		else if (!conf_skip_punct(p, '{'))
			return conf_surprise(p, more);
		else if (!read_items(p, what, out, depth + 1))
			return false;
	}
}

bool
conf_read_list(struct parse *p, const char *what, struct words *out)
{
	struct lexeme lex;

	memset(out, 0, sizeof(*out));
	if (conf_read_optional(p, &lex)) {
		conf_add_word(p, out, &lex);
		return true;
	}
	if (!token_is(p, '{'))
		return conf_surprise(p, what);
	lex = *conf_peek(p);
	conf_take(p);
	out->braces = true;
	if (!read_items(p, what, out, 1)) {
		out->v = NULL;
		return false;
	}
	if (out->v == NULL)
		conf_error(p, &lex.at, "this list is empty");
	return true;
}

/* The keyword `text`, if it is next. */
bool
conf_skip_keyword(struct parse *p, const char *text, struct lexeme *out)
{
	const struct lexeme *t = conf_peek(p);

	if (!t->keyword || strcmp(t->text, text) != 0)
		return false;
	if (out != NULL)
		*out = *t;
	conf_take(p);
	return true;
}

bool
conf_read_keyword(struct parse *p, const char *text)
{
	char what[32];
	struct strbuf b = strbuf_of(what, sizeof(what));

	if (conf_skip_keyword(p, text, NULL))
		return true;
	strbuf_fmt(&b, "\"%s\"", text);
	return conf_surprise(p, what);
}

/* Where `s` was written; it has no file if it was not. */
struct loc *
conf_setting_place(struct parse *p, const struct setting *s)
{
	size_t i;

	if (s->same != NULL)
		s = conf_find_setting(s, s->same);
	for (i = 0; i < CONF_MAX_ONCE; i++) {
		if (p->seen[i].s == NULL)
			p->seen[i].s = s;
		if (p->seen[i].s == s)
			return &p->seen[i].at;
	}
	abort(); /* there are fewer settings than that */
}

struct loc *
conf_place(struct parse *p, const struct setting *table, const char *word)
{
	return conf_setting_place(p, conf_find_setting(table, word));
}

bool
conf_once(struct parse *p, const struct setting *s, const struct lexeme *lex)
{
	struct loc *seen = conf_setting_place(p, s);

	if (s->often || seen->file == NULL) {
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
conf_unknown(struct parse *p, const struct lexeme *lex, const char *what,
    const struct setting *table)
{
	struct span names[CONF_MAX_ONCE], near, rest;
	size_t n = 0;
	char text[256];
	struct strbuf b = strbuf_of(text, sizeof(text));

	conf_skip(p);
	if (lex->bad)
		return;
	for (; table->word != NULL; table++)
		names[n++] = span_cut(span_of(table->word), ' ', &rest);
	strbuf_vis(&b, span_sub(span_of(lex->text), 0, 48));
	near = conf_nearest(span_of(lex->text), names, n);
	if (near.len > 0)
		conf_error(p, &lex->at,
		    "\"%s\" is not %s; did you mean \"%.*s\"?", text, what,
		    (int)near.len, near.p);
	else
		conf_error(p, &lex->at, "\"%s\" is not %s", text, what);
}

void
conf_check_only(struct parse *p, const struct setting *s,
    const struct lexeme *lex)
{
	const char *backend = p->conf->firewall;

	if (s->only == NULL)
		return;
	if (strcmp(s->only, "ftp") == 0) {
		if (strcmp(p->block, "tftp") == 0)
			conf_error(p, &lex->at, "\"%s\" is for ftp, not tftp",
			    lex->text);
		return;
	}
	/* dry-run takes all options; an unknown backend is an error already. */
	if (backend != NULL && strcmp(backend, "dry-run") != 0 &&
	    strncmp(backend, s->only, strlen(s->only)) != 0)
		conf_error(p, &lex->at, "\"%s\" is for %s, not for %s",
		    lex->text, s->only, backend);
}

/* The keywords of a setting behind its first. */
static bool
read_words(struct parse *p, const char *words)
{
	char word[32];
	struct span rest, one;
	struct strbuf b;

	(void)span_cut(span_of(words), ' ', &rest);
	while (rest.len > 0) {
		one = span_cut(rest, ' ', &rest);
		b = strbuf_of(word, sizeof(word));
		strbuf_add(&b, one);
		if (!conf_read_keyword(p, word))
			return false;
	}
	return true;
}

/* The value of a setting, behind its keywords. */
bool
conf_read_setting(struct parse *p, const struct setting *s, void *base,
    const struct lexeme *lex)
{
	const struct conf_type *type = s->type;
	struct words words = { 0 };
	struct lexeme value = { .text = "yes" };
	bool ok = true;

	if (!read_words(p, s->word))
		return false;
	if (s->own != NULL)
		return s->own(p, &(struct reading) { s, base, lex });
	if (type->set_list != NULL)
		ok = conf_read_list(p, type->what, &words);
	else if (type->what != NULL)
		ok = conf_read_value(p, type->what, &value);
	else if (type->optional)
		(void)conf_read_optional(p, &value);
	/* A list with an error still counts as written. */
	if (!ok && !words.braces)
		return false;
	conf_check_only(p, s, lex);
	if (!conf_once(p, s, lex))
		return ok;
	if (type->set_list != NULL)
		type->set_list(p, (char *)base + s->offset, &words);
	else
		type->set(p, (char *)base + s->offset, &value, s);
	return ok;
}

bool
conf_read_settings(struct parse *p, const struct setting *table, void *base,
    bool *any)
{
	const struct setting *s;
	const struct lexeme *t;
	struct lexeme lex;

	for (;;) {
		t = conf_peek(p);
		if (!t->keyword ||
		    (s = conf_find_setting(table, t->text)) == NULL)
			return true;
		lex = *t;
		conf_take(p);
		if (any != NULL)
			*any = true;
		if (!conf_read_setting(p, s, base, &lex))
			return false;
	}
}

void
conf_read_block(struct parse *p, const struct setting *table, const char *name)
{
	char what[48], more[64];
	struct strbuf b = strbuf_of(what, sizeof(what));
	struct strbuf c = strbuf_of(more, sizeof(more));
	struct lexeme lex;

	strbuf_fmt(&b, "a setting of \"%s\"", name);
	strbuf_fmt(&c, "%s or \"}\"", what);
	p->block = name;
	p->base = 1;
	while (!p->dead) {
		if (!conf_read_settings(p, table, p->conf, NULL))
			continue;
		if (conf_peek(p)->kind == LEX_NL)
			conf_take(p);
		else if (conf_skip_punct(p, '}'))
			return;
		else if (conf_read_optional(p, &lex))
			conf_unknown(p, &lex, what, table);
		else
			(void)conf_surprise(p, more);
	}
}
