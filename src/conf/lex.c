/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/strbuf.h"
#include "src/conf/parse.h"

/*
 * Bytes to words.  Input is a stack: the file, what it includes, and on top
 * the macros being expanded, which is done byte by byte, so that
 * `$net/24` and `$lo:$hi` read as they look.
 */
struct source {
	struct span text;
	size_t pos;
	unsigned int line;
	unsigned int col;
	const char *file;
	const struct macro *macro; /* NULL: a file */
	struct loc use;		   /* of a macro: where */
	bool bol;		   /* of a file: a new line begins */
	int depth;		   /* of a file: braces open around it */
	dev_t dev;		   /* of a file: which */
	ino_t ino;
	struct source *up;
};

/* Values of byte_peek() that are no bytes. */
#define C_EOF	(-1)
#define C_UNDEF (-2) /* a macro that is not; already complained of */

struct arena {
	struct arena *next;
};

void *
conf_alloc(struct parse *p, size_t n)
{
	struct arena *a = calloc(1, sizeof(*a) + n);

	if (a == NULL) {
		p->nomem = true;
		return NULL;
	}
	a->next = p->arena;
	p->arena = a;
	return a + 1;
}

void
conf_alloc_free(struct parse *p)
{
	struct arena *a;

	while ((a = p->arena) != NULL) {
		p->arena = a->next;
		free(a);
	}
}

static char *
arena_copy(struct parse *p, const char *s, size_t len)
{
	char *out = conf_alloc(p, len + 1);

	if (out != NULL)
		memcpy(out, s, len);
	return out;
}

/*
 * Errors.
 */
void
conf_error(struct parse *p, const struct loc *at, const char *fmt, ...)
{
	va_list ap;

	if (p->nerrors++ >= CONF_MAX_ERRORS)
		p->stop = true;
	if (p->stop || p->errors == NULL)
		return;
	if (at->line == 0)
		fprintf(p->errors, "%s: ", at->file);
	else
		fprintf(p->errors, "%s:%u:%u: ", at->file, at->line, at->col);
	va_start(ap, fmt);
	vfprintf(p->errors, fmt, ap);
	va_end(ap);
	if (at->macro != NULL)
		fprintf(p->errors, " (in macro \"%s\")", at->macro);
	fputc('\n', p->errors);
	if (p->nerrors == CONF_MAX_ERRORS) {
		fprintf(p->errors, "%s: too many errors\n", at->file);
		p->stop = true;
	}
}

static void
lex_complain(struct parse *p, const struct lexeme *lex, const char *what)
{
	char found[256];
	struct strbuf b = strbuf_of(found, sizeof(found));

	if (lex->kind == LEX_EOF)
		strbuf_str(&b, "end of file");
	else if (lex->kind == LEX_NL)
		strbuf_str(&b, "end of line");
	else {
		strbuf_str(&b, lex->keyword ? "the keyword \"" : "\"");
		strbuf_vis(&b, span_sub(span_of(lex->text), 0, 48));
		strbuf_str(&b, strlen(lex->text) > 48 ? "...\"" : "\"");
	}
	conf_error(p, &lex->at, "expected %s, found %s", what, found);
}

void
conf_wrong(struct parse *p, const struct lexeme *lex, const char *what)
{
	if (!lex->bad)
		lex_complain(p, lex, what);
}

/* Edit distance, given up above 2. */
static size_t
edit_distance(struct span a, struct span b)
{
	size_t row[32], i, j, diag, next;

	if (a.len >= 32 || b.len >= 32)
		return 3;
	for (j = 0; j <= b.len; j++)
		row[j] = j;
	for (i = 1; i <= a.len; i++) {
		diag = row[0];
		row[0] = i;
		for (j = 1; j <= b.len; j++) {
			next = diag + (a.p[i - 1] != b.p[j - 1]);
			if (row[j] + 1 < next)
				next = row[j] + 1;
			if (row[j - 1] + 1 < next)
				next = row[j - 1] + 1;
			diag = row[j];
			row[j] = next;
		}
	}
	return row[b.len];
}

struct span
conf_nearest(struct span text, const struct span *list, size_t n)
{
	struct span best = { "", 0 };
	size_t i, d, least = 3;

	for (i = 0; i < n; i++)
		if ((d = edit_distance(text, list[i])) < least &&
		    d < text.len) {
			least = d;
			best = list[i];
		}
	return best;
}

/*
 * Macros.
 */
static bool
name_byte(int c)
{
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z');
}

bool
conf_macro_name(const char *name)
{
	size_t i;

	for (i = 0; name[i] != '\0'; i++)
		if (!name_byte((unsigned char)name[i]))
			return false;
	return i > 0 && i <= CONF_MAX_NAME;
}

struct macro *
conf_macro_get(const struct parse *p, const char *name)
{
	struct macro *m;

	for (m = p->macros; m != NULL; m = m->next)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

bool
conf_macro_set(struct parse *p, const char *name, const char *value,
    bool define)
{
	const struct macro *old = conf_macro_get(p, name);
	struct macro *m;

	if (old != NULL && old->define)
		return true;
	/*
	 * An older macro of that name stays below: its text may still be in
	 * use.
	 */
	if (p->nmacros++ >= CONF_MAX_MACROS)
		return false;
	if ((m = conf_alloc(p, sizeof(*m))) == NULL ||
	    (m->name = arena_copy(p, name, strlen(name))) == NULL ||
	    (m->value = arena_copy(p, value, strlen(value))) == NULL)
		return true;
	m->define = define;
	m->next = p->macros;
	p->macros = m;
	return true;
}

/*
 * Input.
 */
static struct source *
source_push(struct parse *p, struct span text)
{
	struct source *s;

	if ((p->total += text.len + 1) > CONF_MAX_TOTAL ||
	    (s = conf_alloc(p, sizeof(*s))) == NULL)
		return NULL;
	s->text = text;
	s->line = 1;
	s->col = 1;
	s->bol = true;
	s->up = p->src;
	p->src = s;
	return s;
}

bool
conf_push(struct parse *p, const char *name, struct span text,
    const struct stat *st)
{
	const struct source *up;
	struct source *s;
	unsigned int n = 0;
	char *file;

	for (up = p->src; up != NULL; up = up->up)
		n++;
	if (n >= CONF_MAX_INCLUDE ||
	    (file = arena_copy(p, name, strlen(name))) == NULL ||
	    (s = source_push(p, text)) == NULL)
		return false;
	s->file = file;
	s->depth = p->depth;
	if (st != NULL) {
		s->dev = st->st_dev;
		s->ino = st->st_ino;
	}
	return true;
}

bool
conf_reading(const struct parse *p, const struct stat *st)
{
	const struct source *s;

	for (s = p->src; s != NULL; s = s->up)
		if (s->macro == NULL && s->dev == st->st_dev &&
		    s->ino == st->st_ino)
			return true;
	return false;
}

static struct loc
source_place(const struct parse *p)
{
	const struct source *s = p->src;
	struct loc at;

	if (s->macro != NULL) {
		at = s->use;
		at.macro = s->macro->name;
		return at;
	}
	at.file = s->file;
	at.macro = NULL;
	at.line = s->line;
	at.col = s->col;
	return at;
}

static void
byte_take(struct parse *p)
{
	struct source *s = p->src;

	if (s->pos >= s->text.len)
		return;
	if (s->text.p[s->pos++] == '\n') {
		s->line++;
		s->col = 1;
	} else
		s->col++;
}

/* The byte at hand in this source, nothing expanded. */
static int
byte_at_hand(const struct parse *p)
{
	const struct source *s = p->src;

	return s->pos < s->text.len ? (unsigned char)s->text.p[s->pos] : C_EOF;
}

static void
macro_undefined(struct parse *p, const struct loc *at, const char *name)
{
	struct span names[CONF_MAX_MACROS], near;
	const struct macro *m;
	size_t n = 0;

	for (m = p->macros; m != NULL && n < CONF_MAX_MACROS; m = m->next)
		names[n++] = span_of(m->name);
	near = conf_nearest(span_of(name), names, n);
	if (near.len > 0)
		conf_error(p, at,
		    "macro \"%s\" is not defined; did you mean \"%.*s\"?", name,
		    (int)near.len, near.p);
	else
		conf_error(p, at, "macro \"%s\" is not defined", name);
}

/* At a "$": put the macro's value in front of the input. */
static bool
macro_expand(struct parse *p)
{
	char name[CONF_MAX_NAME + 1];
	struct loc at = source_place(p), use = at;
	struct macro *m;
	struct source *s;
	size_t n = 0;
	int depth = 0;

	use.macro = NULL;

	byte_take(p);
	while (name_byte(byte_at_hand(p))) {
		if (n < sizeof(name) - 1)
			name[n] = (char)byte_at_hand(p);
		n++;
		byte_take(p);
	}
	if (n == 0) {
		conf_error(p, &at, "expected the name of a macro after \"$\"");
		return false;
	}
	if (n >= sizeof(name)) {
		conf_error(p, &at, "the name of a macro has at most %d bytes",
		    CONF_MAX_NAME);
		return false;
	}
	name[n] = '\0';
	if ((m = conf_macro_get(p, name)) == NULL) {
		macro_undefined(p, &at, name);
		return false;
	}
	m->used = true;
	for (s = p->src; s != NULL && s->macro != NULL; s = s->up)
		if (s->macro == m || ++depth >= CONF_MAX_NESTING) {
			conf_error(p, &use, "macro \"%s\" %s", name,
			    s->macro == m ? "contains itself"
					  : "is nested too deeply");
			return false;
		}
	if (p->total + strlen(m->value) + 1 > CONF_MAX_TOTAL) {
		conf_error(p, &use, "the macros expand to too much text");
		p->stop = true;
		return false;
	}
	if ((s = source_push(p, span_of(m->value))) == NULL)
		return false;
	s->macro = m;
	s->use = use;
	return true;
}

/*
 * The byte at hand, macros expanded.  The end of a macro is not seen; the
 * end of a file is.
 */
static int
byte_peek(struct parse *p)
{
	int c;

	for (;;) {
		if ((c = byte_at_hand(p)) == C_EOF && p->src->macro != NULL)
			p->src = p->src->up;
		else if (c != '$')
			return c;
		else if (!macro_expand(p))
			return C_UNDEF;
	}
}

static bool
word_byte(int c)
{
	return c > ' ' && c < 0x7f && strchr("{}(),=#\"'$\\", c) == NULL;
}

static void
control_byte(struct parse *p, int c)
{
	struct loc at = source_place(p);

	conf_error(p, &at,
	    c < 0x80 ? "control byte 0x%02x"
		     : "byte 0x%02x outside quotes and comments",
	    (unsigned int)c);
}

static bool
is_control(int c)
{
	return (c >= 0 && c < ' ' && c != '\t' && c != '\n') || c == 0x7f;
}

/* "..." or '...', where \" and \\ mean the second byte. */
static void
lex_quoted(struct parse *p, struct lexeme *t)
{
	char text[CONF_MAX_WORD + 1];
	int quote = byte_at_hand(p), c;
	size_t n = 0;

	t->kind = LEX_STRING;
	byte_take(p);
	while ((c = byte_at_hand(p)) != quote) {
		if (c == C_EOF || c == '\n') {
			conf_error(p, &t->at, "this quote is never closed");
			t->bad = true;
			break;
		}
		if (is_control(c)) {
			control_byte(p, c);
			t->bad = true;
		}
		byte_take(p);
		if (c == '\\' &&
		    (byte_at_hand(p) == quote || byte_at_hand(p) == '\\')) {
			c = byte_at_hand(p);
			byte_take(p);
		}
		if (n < sizeof(text))
			text[n++] = (char)c;
	}
	if (c == quote)
		byte_take(p);
	if (n == sizeof(text)) {
		if (!t->bad)
			conf_error(p, &t->at, "more than %d bytes in quotes",
			    CONF_MAX_WORD);
		t->bad = true;
		n--;
	}
	if ((t->text = arena_copy(p, text, n)) == NULL)
		t->kind = LEX_EOF;
}

/* Does "=" follow? */
static bool
names_macro(const struct parse *p)
{
	const struct source *s = p->src;
	size_t i;

	for (i = s->pos; i < s->text.len; i++)
		if (s->text.p[i] != ' ' && s->text.p[i] != '\t')
			return s->text.p[i] == '=';
	return false;
}

static void
lex_word(struct parse *p, struct lexeme *t)
{
	char text[CONF_MAX_WORD + 1];
	size_t n = 0;
	int c;

	t->kind = LEX_WORD;
	while (word_byte(c = byte_peek(p)) || c == C_UNDEF) {
		if (c == C_UNDEF) {
			t->bad = true;
			if (p->nomem || p->stop)
				break;
			continue;
		}
		if (n < sizeof(text))
			text[n++] = (char)c;
		byte_take(p);
	}
	if (n == sizeof(text)) {
		conf_error(p, &t->at, "a word of more than %d bytes",
		    CONF_MAX_WORD);
		t->bad = true;
		n--;
	}
	if (!t->bad && !p->in_value && names_macro(p))
		t->kind = LEX_NAME;
	if ((t->text = arena_copy(p, text, n)) == NULL)
		t->kind = LEX_EOF;
}

/* Blanks, comments and continued lines; returns what follows. */
static int
skip_blank(struct parse *p)
{
	struct source *s;
	int c;

	for (;;) {
		c = byte_peek(p);
		s = p->src;
		if (c == ' ' || c == '\t')
			byte_take(p);
		else if (c == '#') {
			while ((c = byte_at_hand(p)) != C_EOF && c != '\n') {
				if (is_control(c) && c != '\r')
					control_byte(p, c);
				byte_take(p);
			}
		} else if (c == '\\' && s->pos + 1 < s->text.len &&
		    s->text.p[s->pos + 1] == '\n') {
			byte_take(p);
			byte_take(p);
		} else if (c == '\\' && s->pos + 2 < s->text.len &&
		    s->text.p[s->pos + 1] == '\r' &&
		    s->text.p[s->pos + 2] == '\n') {
			byte_take(p);
			byte_take(p);
			byte_take(p);
		} else if (c == '\r' && s->pos + 1 < s->text.len &&
		    s->text.p[s->pos + 1] == '\n')
			byte_take(p);
		else if (c == '\\' || is_control(c) || c >= 0x80) {
			if (c == '\\') {
				struct loc at = source_place(p);

				conf_error(p, &at,
				    "expected the end of the "
				    "line after \"\\\"");
			} else
				control_byte(p, c);
			byte_take(p);
		} else
			return c;
		if (p->stop)
			return C_EOF;
	}
}

static void
read_token(struct parse *p, struct lexeme *t)
{
	char text[2] = "";
	int c = skip_blank(p);

	memset(t, 0, sizeof(*t));
	t->at = source_place(p);
	t->text = "";
	if (p->nomem || p->stop) {
		t->kind = LEX_EOF;
		return;
	}
	if (c == C_EOF) {
		/* Every file ends with its line. */
		t->kind = p->src->bol ? LEX_EOF : LEX_NL;
		p->src->bol = true;
		return;
	}
	if (c == '\n') {
		t->kind = LEX_NL;
		byte_take(p);
	} else if (c == '"' || c == '\'')
		lex_quoted(p, t);
	else if (c == C_UNDEF) {
		t->bad = true;
		lex_word(p, t);
	} else if (word_byte(c))
		lex_word(p, t);
	else {
		t->kind = LEX_PUNCT;
		text[0] = (char)c;
		byte_take(p);
		if ((t->text = arena_copy(p, text, 1)) == NULL)
			t->kind = LEX_EOF;
	}
}

static void
lex_next(struct parse *p, struct lexeme *t)
{
	struct source *s;

	for (;;) {
		read_token(p, t);
		for (s = p->src; s->macro != NULL; s = s->up)
			;
		if (t->kind != LEX_EOF)
			s->bol = t->kind == LEX_NL;
		/* An included file must close what it opens. */
		if (t->kind != LEX_EOF || s->up == NULL ||
		    p->depth != s->depth || p->nomem || p->stop)
			break;
		p->src = s->up;
	}
	if (t->kind == LEX_PUNCT && t->text[0] == '{') {
		if (p->depth < CONF_MAX_DEPTH)
			p->open[p->depth] = t->at;
		p->depth++;
	}
	if (t->kind == LEX_PUNCT && t->text[0] == '}' && p->depth > 0)
		p->depth--;
}

/* Does the last token end its statement? */
bool
conf_at_end(const struct parse *p)
{
	return p->tok.kind == LEX_EOF ||
	    (p->tok.kind == LEX_NL && p->depth <= p->base) || p->closed;
}

void
conf_next(struct parse *p)
{
	do {
		lex_next(p, &p->tok);
		p->closed = p->depth < p->base;
	} while (p->skipping && !conf_at_end(p));
	p->skipping = false;
	if (p->tok.kind == LEX_NL)
		p->in_value = false;
	if (p->closed)
		p->base = p->depth;
}

void
conf_skip(struct parse *p)
{
	p->skipping = !conf_at_end(p);
}
