/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/jsonw.h"
#include "src/engine/report.h"
#include "src/engine/report_page.h"
#include "src/engine/words.h"

#define TEXT_BYTES 4096
#define MAX_HOSTS  64 /* of one call; more are not told apart */

/* Where the stories go in the page. */
#define PLACE "@DATA@"

struct report {
	char *path, *temporary;
	const char *capture;
	FILE *f; /* NULL: written, or given up */
};

/* The addresses that one call is about, in the order of their appearance. */
struct hosts {
	struct addr v[MAX_HOSTS];
	size_t n;
};

struct report *
report_open(const char *path, const char *capture)
{
	struct report *r = calloc(1, sizeof(*r));
	mode_t mask = umask(0);
	int fd;

	umask(mask);
	if (r == NULL || (r->path = strdup(path)) == NULL ||
	    asprintf(&r->temporary, "%s.XXXXXXXX", path) == -1) {
		warnx("out of memory");
		report_close(r);
		return NULL;
	}
	r->capture = capture;
	if ((fd = mkstemp(r->temporary)) == -1) {
		warn("--report %s", path);
		free(r->temporary);
		r->temporary = NULL;
		report_close(r);
		return NULL;
	}
	if (fchmod(fd, 0666 & ~mask) == -1 ||
	    (r->f = fdopen(fd, "w")) == NULL) {
		warn("--report %s", path);
		close(fd);
		report_close(r);
		return NULL;
	}
	return r;
}

void
report_close(struct report *r)
{
	if (r == NULL)
		return;
	if (r->f != NULL)
		fclose(r->f);
	if (r->temporary != NULL)
		unlink(r->temporary);
	free(r->temporary);
	free(r->path);
	free(r);
}

/*
 * JSON within a script element: only "<" could end that, and JSON has one in
 * strings alone.
 */
static void
put_json(FILE *f, const struct strbuf *b)
{
	size_t i;

	for (i = 0; i < b->len; i++)
		if (b->p[i] == '<')
			fputs("\\u003c", f);
		else
			putc(b->p[i], f);
}

static void
put_text(FILE *f, struct span s)
{
	char text[6 * TEXT_BYTES];
	struct strbuf b = strbuf_of(text, sizeof(text));

	jsonw_text(&b, span_sub(s, 0, TEXT_BYTES));
	put_json(f, &b);
}

static void
put_words(FILE *f, const struct strbuf *b)
{
	putc(',', f);
	put_text(f, (struct span) { b->p, b->len });
}

static size_t
host_number(struct hosts *h, const struct addr *a)
{
	size_t i;

	for (i = 0; i < h->n; i++)
		if (addr_eq(&h->v[i], a))
			return i;
	if (h->n == MAX_HOSTS)
		return MAX_HOSTS - 1;
	h->v[h->n] = *a;
	return h->n++;
}

/*
 * A record is an array that begins with a letter and the milliseconds since the
 * call began:
 *
 *	m, i	message, ignored message: host, host, words
 *	o	opened: pinhole, words, dir, reason
 *	c	closed: pinhole, reason
 *	r	refused: words, what to change
 *	x	over: reason
 */
static void
put_entry(FILE *f, const struct story *s, const struct conf *conf,
    const struct story_call *c, const struct story_entry *e,
    struct hosts *hosts)
{
	static const char letters[STORY_KINDS] = { 'm', 'i', 'o', 'c', 'r',
		'x' };
	char text[TEXT_BYTES];
	struct strbuf b = strbuf_of(text, sizeof(text));

	fprintf(f, "[\"%c\",%" PRId64, letters[e->kind],
	    (e->at - c->began) / 1000);
	switch (e->kind) {
	case STORY_MESSAGE:
	case STORY_IGNORE:
		fprintf(f, ",%zu", host_number(hosts, &e->from));
		fprintf(f, ",%zu", host_number(hosts, &e->to));
		if (e->kind == STORY_MESSAGE)
			words_message(e, &b);
		else
			words_ignored(s, e, &b);
		put_words(f, &b);
		break;
	case STORY_OPEN:
		words_hole(&e->hole, &b);
		fprintf(f, ",%" PRIu64, e->hole.id);
		put_words(f, &b);
		fprintf(f, ",\"%s\",\"%s\"",
		    e->hole.dir == PINHOLE_IN ? "in" : "out",
		    reason_name(e->reason));
		break;
	case STORY_CLOSE:
		fprintf(f, ",%" PRIu64 ",\"%s\"", e->hole.id,
		    reason_name(e->reason));
		break;
	case STORY_REFUSE:
		words_refused(conf, e, &b);
		put_words(f, &b);
		strbuf_reset(&b);
		words_advice(conf, e, &b);
		put_words(f, &b);
		break;
	case STORY_END:
		fprintf(f, ",\"%s\"", reason_name(e->reason));
		break;
	case STORY_KINDS:
		break;
	}
	putc(']', f);
}

static void
put_call(FILE *f, const struct story *s, const struct conf *conf,
    const struct story_call *c)
{
	struct story_sum sum = words_sum(c);
	struct cursor r = story_records(c);
	char text[TEXT_BYTES];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct hosts hosts = { .n = 0 };
	struct story_entry e;
	bool first = true;
	size_t i;

	fputs("{\"id\":", f);
	put_text(f, c->call_id);
	words_state(c, &sum, &b);
	fputs(",\"state\":", f);
	put_text(f, span_of(text));
	strbuf_reset(&b);
	words_trouble(c, &sum, &b);
	fputs(",\"trouble\":", f);
	put_text(f, span_of(text));
	fprintf(f,
	    ",\"t\":%" PRId64 ",\"d\":%" PRId64 ",\"accepted\":%d"
	    ",\"opened\":%u,\"refused\":%u,\"ignored\":%u,\"left\":%" PRIu32
	    ",\"e\":[",
	    c->began / 1000, (c->last - c->began) / 1000, sum.accepted,
	    sum.opened, sum.refused, sum.ignored, c->left_out);
	while (story_read(&r, &e)) {
		if (!first)
			putc(',', f);
		first = false;
		put_entry(f, s, conf, c, &e, &hosts);
	}
	fputs("],\"hosts\":[", f);
	for (i = 0; i < hosts.n; i++)
		fprintf(f, "%s\"%s\"", i > 0 ? "," : "",
		    addr_format(&hosts.v[i], text));
	fputs("]}", f);
}

static int
by_time(const void *a, const void *b)
{
	const struct story_call *const *x = a, *const *y = b;

	if ((*x)->began != (*y)->began)
		return (*x)->began < (*y)->began ? -1 : 1;
	return span_cmp((*x)->call_id, (*y)->call_id);
}

/* NULL if there is no memory. */
static const struct story_call **
calls_by_time(const struct story *s, size_t *n)
{
	const struct story_call *c, **v;

	*n = 0;
	for (c = story_first(s); c != NULL; c = story_next(c))
		++*n;
	if ((v = calloc(*n + 1, sizeof(*v))) == NULL)
		return NULL;
	*n = 0;
	for (c = story_first(s); c != NULL; c = story_next(c))
		v[(*n)++] = c;
	qsort(v, *n, sizeof(*v), by_time);
	return v;
}

static void
put_reasons(FILE *f)
{
	int i;

	fputs("\"reasons\":{", f);
	for (i = 0; i < REASON_COUNT; i++) {
		fprintf(f, "%s\"%s\":", i > 0 ? "," : "",
		    reason_name((enum reason)i));
		put_text(f, span_of(words_reason((enum reason)i)));
	}
	fputs("}", f);
}

static bool
put_data(const struct report *r, const struct story *s, const struct conf *conf)
{
	const struct story_call **v;
	const char *why;
	uint64_t times;
	size_t n, i;
	FILE *f = r->f;

	if ((v = calls_by_time(s, &n)) == NULL)
		return false;
	fputs("{\"capture\":", f);
	put_text(f, span_of(r->capture));
	fprintf(f, ",\"dropped\":%" PRIu64 ",", story_dropped(s));
	put_reasons(f);
	fputs(",\"ignored\":[", f);
	for (i = 0; (why = story_why(s, i, &times)) != NULL; i++) {
		fprintf(f, "%s[%" PRIu64 ",", i > 0 ? "," : "", times);
		put_text(f, span_of(why));
		putc(']', f);
	}
	fputs("],\n\"calls\":[", f);
	for (i = 0; i < n; i++) {
		fputs(i > 0 ? ",\n" : "\n", f);
		put_call(f, s, conf, v[i]);
	}
	fputs("]}", f);
	free(v);
	return true;
}

int
report_write(struct report *r, const struct story *s, const struct conf *conf)
{
	const char *page = (const char *)report_page;
	const char *place = strstr(page, PLACE);
	bool done;

	fwrite(page, 1, (size_t)(place - page), r->f);
	if (!put_data(r, s, conf)) {
		warnx("out of memory");
		return 2;
	}
	fputs(place + strlen(PLACE), r->f);
	done = !ferror(r->f) && fflush(r->f) != EOF;
	done = fclose(r->f) != EOF && done;
	r->f = NULL;
	if (!done || rename(r->temporary, r->path) == -1) {
		warn("--report %s", r->path);
		return 2;
	}
	free(r->temporary);
	r->temporary = NULL;
	return 0;
}
