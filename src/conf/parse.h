/* SPDX-License-Identifier: ISC */
#ifndef CONF_PARSE_H
#define CONF_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "src/base/span.h"
#include "src/conf/conf.h"

/*
 * Shared by the files of the configuration parser, and by no others.  A file
 * calls those above it in this list only:
 *
 *	conf.c	   the values
 *	lex.c	   bytes to words, macros, errors
 *	include.c  files
 *	set.c	   words to values
 *	read.c	   words to settings
 *	settings.c which settings there are
 *	grammar.c  statements
 *	load.c	   all of it, and checks across statements
 *
 * Everything a parse allocates hangs off one struct parse; its text lives in an
 * arena until the end, so that a value can be dropped at any time.
 */
#define CONF_MAX_FILE	 (1024 * 1024)	     /* bytes of one file */
#define CONF_MAX_TOTAL	 (2 * CONF_MAX_FILE) /* files and macros expanded */
#define CONF_MAX_WORD	 1023
#define CONF_MAX_INCLUDE 16
#define CONF_MAX_DEPTH	 8  /* braces whose places are remembered */
#define CONF_MAX_NESTING 32 /* macros within macros */
#define CONF_MAX_MACROS	 1024
#define CONF_MAX_ENTRIES 16384 /* list entries, all together */
#define CONF_MAX_ERRORS	 100
#define CONF_MAX_ONCE	 96  /* settings in all */
#define CONF_MAX_PORTS	 64  /* of one list */
#define CONF_MAX_LINES	 256 /* external, proxy, key, reply-to: of each */
#define CONF_MAX_HOOK	 63  /* of a table or chain that is not ours */
#define CONF_MAX_NAME	 31  /* of tables, anchors, keys, users */
#define CONF_MAX_HOST	 253

/* Where a word stands: in a macro, where the macro was used.  Line 0: -D. */
struct loc {
	const char *file;
	const char *macro; /* or NULL */
	unsigned int line, col;
};

enum lex {
	LEX_EOF,
	LEX_NL,
	LEX_WORD,
	LEX_STRING, /* in quotes */
	LEX_NAME,   /* a word with "=" after it */
	LEX_PUNCT,  /* one of { } ( ) , = */
};

struct lexeme {
	enum lex kind;
	const char *text; /* without quotes; NUL-terminated, in the arena */
	struct loc at;
	bool keyword;
	bool bad; /* an error about it has been written */
};

struct word {
	struct lexeme lex;
	struct word *next;
};

/* A list as it was written; `v` is NULL if it was bad. */
struct words {
	struct word *v, *last;
	bool braces;
};

struct macro {
	const char *name, *value;
	bool define; /* from -D: the file cannot change it */
	bool used;
	struct macro *next;
};

/* Where a setting was written. */
struct seen {
	const struct setting *s; /* NULL: this row is free */
	struct loc at;
};

struct stat;

struct parse {
	struct conf *conf;
	FILE *errors; /* or NULL */
	unsigned int nerrors;
	bool nomem;
	bool stop;   /* enough: the rest is not read */
	bool memory; /* there are no files to include */
	struct arena *arena;
	/* lex.c */
	struct source *src;
	struct macro *macros;
	size_t nmacros, total, nwords;
	struct lexeme tok; /* the last one read */
	bool held;	   /* and not yet taken */
	bool dead;	   /* the file ended within braces */
	bool quiet;	   /* an error in this statement was written */
	bool in_value;	   /* behind "name =": no keywords */
	bool skipping;	   /* to the end of the statement */
	int depth, base;   /* open braces; those of the block we are in */
	bool closed;	   /* tok is the brace that ended a block */
	struct loc open[CONF_MAX_DEPTH];     /* where each brace is */
	const struct setting *const *tables; /* conf_all_tables */
	/* settings.c */
	struct seen seen[CONF_MAX_ONCE];
	bool protect_by_macro;		 /* "protect" says $protect */
	const char *block;		 /* the last one: "sip" */
	struct conf_proxy *proxy, spare; /* the line being read */
};

/* lex.c */
void *conf_alloc(struct parse *p, size_t n); /* zeroed; NULL sets nomem */
void conf_alloc_free(struct parse *p);
/* Read `text`, which must outlive the parse, next; st may be NULL. */
bool conf_push(struct parse *p, const char *name, struct span text,
    const struct stat *st);
bool conf_reading(const struct parse *p, const struct stat *st);
void conf_next(struct parse *p);	 /* into p->tok */
bool conf_at_end(const struct parse *p); /* of a statement */
void conf_skip(struct parse *p); /* the next token ends this statement */
bool conf_macro_set(struct parse *p, const char *name, const char *value,
    bool define);
struct macro *conf_macro_get(const struct parse *p, const char *name);
bool conf_macro_name(const char *name);
void conf_error(struct parse *p, const struct loc *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* "expected `what`, found `lex`" unless lex is bad already. */
void conf_wrong(struct parse *p, const struct lexeme *lex, const char *what);
/* The one of `list` that `text` was meant to be; empty: none. */
struct span conf_nearest(struct span text, const struct span *list, size_t n);

/*
 * include.c: read the file next.  PH_EEXIST: it is being read already;
 * PH_ELIMIT: too large or deep; PH_EIO with errno.
 */
enum ph_err conf_push_file(struct parse *p, const char *path);
void conf_include(struct parse *p, const struct lexeme *name);

/*
 * grammar.c: read all of p->src; errors have been written.  False: it had to
 * give up before the end.
 */
bool conf_grammar(struct parse *p);

#endif
