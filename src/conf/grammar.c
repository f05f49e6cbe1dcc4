/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/strbuf.h"
#include "src/conf/set.h"

/* The statements of pinholed.conf(5), by recursive descent; see read.c. */

static void
macro_add(struct parse *p, const struct lexeme *name, const struct words *value)
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

/* Behind "name =". */
static bool
read_macro(struct parse *p, const struct lexeme *name)
{
	struct words words = { 0 };
	struct lexeme lex;
	bool ok = true;

	if (!conf_read_punct(p, '=') || !conf_read_value(p, "a value", &lex))
		return false;
	do
		conf_add_word(p, &words, &lex);
	while (conf_read_optional(p, &lex));
	if (conf_peek(p)->kind != LEX_NL) {
		ok = conf_surprise(p,
		    "the end of the value; quote a list: "
		    "name = \"{ a b }\"");
		words.v = NULL;
	}
	macro_add(p, name, &words);
	return ok;
}

static bool
read_include(struct parse *p, struct lexeme *path)
{
	if (!conf_read_value(p, "a file name in quotes", path))
		return false;
	if (conf_peek(p)->kind != LEX_NL)
		return conf_surprise(p, "a statement or the end of the line");
	conf_include(p, path);
	return true;
}

/* One statement, or an empty line.  True: its line must end now. */
static bool
read_statement(struct parse *p)
{
	const struct lexeme *t = conf_peek(p);
	const struct setting *s;
	struct lexeme lex = *t;

	if (t->kind == LEX_NL)
		return true;
	if (t->kind == LEX_NAME) {
		conf_take(p);
		return read_macro(p, &lex);
	}
	if (conf_skip_keyword(p, "include", NULL))
		return read_include(p, &lex) && false;
	if (t->keyword &&
	    (s = conf_find_setting(conf_statements, t->text)) != NULL) {
		conf_take(p);
		return conf_read_setting(p, s, p->conf, &lex);
	}
	if (conf_read_optional(p, &lex)) {
		conf_unknown(p, &lex, "a statement", conf_statements);
		return true;
	}
	return conf_surprise(p, "a statement or the end of the line");
}

bool
conf_grammar(struct parse *p)
{
	p->depth = p->base = 0;
	p->held = p->skipping = p->in_value = p->dead = p->quiet = false;
	while (!p->dead && (conf_peek(p)->kind != LEX_EOF || p->depth > 0)) {
		if (!read_statement(p) || p->dead)
			continue;
		if (conf_peek(p)->kind == LEX_NL)
			conf_take(p);
		else
			(void)conf_surprise(p,
			    "a statement or the end of the line");
	}
	return !p->dead && !p->stop && !p->nomem;
}
