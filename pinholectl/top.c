/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <curses.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pinholectl/client.h"
#include "pinholectl/output.h"
#include "pinholectl/top.h"
#include "src/base/addr.h"

#define ROWS_MAX    2000 /* calls that are looked at */
#define TOP	    5	 /* lines above them */
#define KEYS_WAIT_S 5	 /* for a daemon that is silent */
#define INDENT	    14	 /* of a line of a story that goes on */

enum sort { SORT_AGE, SORT_STATE, SORT_FROM, SORT_TO, SORT_COUNT };
static const char *const sorts[SORT_COUNT] = { "age", "state", "from", "to" };

struct top {
	const char *path, *tried;
	bool fallback;
	int seconds; /* without an answer */
	struct client *client;
	json_t *summary, *before; /* and that of a second ago */
	json_t *calls;		  /* an array */
	char filter[64];
	bool typing; /* into the filter */
	enum sort sort;
	size_t selected;
	json_t *story;	    /* of the selected call: lines; NULL: the list */
	size_t story_first; /* its first row on the screen */
};

static enum sort sort_by;

static int
call_cmp(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	static const char *const keys[SORT_COUNT] = { "since", "state", "from",
		"to" };
	double d;
	int r = 0;

	if (sort_by != SORT_AGE)
		r = strcmp(output_string(x, keys[sort_by]),
		    output_string(y, keys[sort_by]));
	if (r != 0)
		return r;
	d = output_number(x, "since") - output_number(y, "since");
	return d < 0 ? -1 : d > 0;
}

static void
top_lose(struct top *t)
{
	client_close(t->client);
	t->client = NULL;
}

/* All objects of an answer as an array; NULL: the daemon is gone. */
static json_t *
top_ask(struct top *t, const char *line, size_t max)
{
	json_t *all = json_array(), *o;

	if (t->client == NULL)
		t->client =
		    client_open(t->path, t->fallback, t->seconds, &t->tried);
	if (t->client != NULL && client_ask(t->client, line))
		while ((o = client_next(t->client, NULL)) != NULL) {
			if (json_array_size(all) < max)
				json_array_append(all, o);
			json_decref(o);
		}
	if (t->client != NULL && !client_lost(t->client))
		return all;
	top_lose(t);
	json_decref(all);
	return NULL;
}

static void
calls_sort(json_t *calls, enum sort sort)
{
	size_t i, n = json_array_size(calls);
	json_t **v = calloc(n + 1, sizeof(json_t *));

	if (v == NULL)
		return;
	for (i = 0; i < n; i++)
		v[i] = json_incref(json_array_get(calls, i));
	sort_by = sort;
	qsort(v, n, sizeof(json_t *), call_cmp);
	for (i = 0; i < n; i++)
		json_array_set_new(calls, i, v[i]);
	free(v);
}

static void
top_refresh(struct top *t)
{
	struct prefix prefix;
	char line[128];
	json_t *all;
	size_t n;

	if ((all = top_ask(t, "show summary", 1)) != NULL) {
		json_decref(t->before);
		t->before = t->summary;
		t->summary = json_incref(json_array_get(all, 0));
		json_decref(all);
	}
	snprintf(line, sizeof(line), "show calls%s%s",
	    t->filter[0] == '\0' ? ""
		: prefix_parse(span_of(t->filter), &prefix) == PH_OK
		? " address "
		: " call ",
	    t->filter);
	if ((all = top_ask(t, line, ROWS_MAX)) != NULL) {
		json_decref(t->calls);
		t->calls = all;
		calls_sort(all, t->sort);
		n = json_array_size(all);
		if (t->selected >= n)
			t->selected = n > 0 ? n - 1 : 0;
	}
}

static double
top_rate(const struct top *t, const char *key)
{
	return t->before != NULL
	    ? output_number(t->summary, key) - output_number(t->before, key)
	    : 0;
}

/* The daemon knows no setup time before it has opened its first pinhole. */
static const char *
setup_time(const json_t *setup, const char *key, char text[32])
{
	if (!json_is_number(json_object_get(setup, key)))
		return "-";
	snprintf(text, 32, "%.1f ms", output_number(setup, key) / 1000);
	return text;
}

static void
draw_head(const struct top *t)
{
	const json_t *setup = json_object_get(t->summary, "setup_us");
	char age[32], p50[32], p99[32];

	if (t->summary == NULL || t->client == NULL) {
		mvprintw(0, 0, "waiting for pinholed at %s", t->tried);
		if (t->summary == NULL)
			return;
	} else {
		output_duration((long)output_number(t->summary, "uptime"), age);
		mvprintw(0, 0, "pinholed %s, %s, up %s",
		    output_string(t->summary, "version"),
		    output_string(t->summary, "backend"), age);
	}
	mvprintw(1, 0,
	    "calls %.0f  pinholes %.0f  calls/s %.0f  opens/s %.0f  "
	    "refusals/s %.0f",
	    output_number(t->summary, "calls"),
	    output_number(t->summary, "pinholes"), top_rate(t, "calls_total"),
	    top_rate(t, "opens_total"), top_rate(t, "refusals_total"));
	mvprintw(2, 0,
	    "drops %.0f  setup p50 %s, p99 %s   sort %s   filter %s%s",
	    output_number(t->summary, "capture_drops"),
	    setup_time(setup, "p50", p50), setup_time(setup, "p99", p99),
	    sorts[t->sort], t->filter, t->typing ? "_" : "");
}

/* Rows below the heading. */
static size_t
screen_rows(void)
{
	return LINES > TOP + 1 ? (size_t)(LINES - TOP) : 1;
}

static void
draw_list(const struct top *t)
{
	size_t i, first = 0, rows = screen_rows();
	char text[512];
	struct strbuf b = strbuf_of(text, sizeof(text));

	if (t->selected >= rows)
		first = t->selected - rows + 1;
	for (i = first; i < json_array_size(t->calls) && i < first + rows;
	     i++) {
		strbuf_reset(&b);
		output_text(VERB_SHOW_CALLS, json_array_get(t->calls, i), &b);
		client_tame(text);
		if (i == t->selected)
			attron(A_REVERSE);
		mvaddnstr(TOP + (int)(i - first), 0, text, COLS);
		attroff(A_REVERSE);
	}
}

/* How much of a text one row has, up to a blank if there is one. */
static size_t
row_length(const char *s, size_t width)
{
	size_t n = strlen(s), i, blanks = strspn(s, " ");

	if (n <= width)
		return n;
	for (i = width; i > blanks; i--)
		if (s[i] == ' ')
			return i;
	return width;
}

/* Draws the rows of a line that are on the screen; the number of all. */
static size_t
draw_line(const struct top *t, const char *s, size_t row)
{
	size_t width = COLS > 0 ? (size_t)COLS : 1, indent = 0, n, rows = 0;

	do {
		n = row_length(s, width - indent);
		if (row >= t->story_first &&
		    row - t->story_first < screen_rows())
			mvaddnstr(TOP + (int)(row - t->story_first),
			    (int)indent, s, (int)n);
		row++;
		rows++;
		s += n;
		s += strspn(s, " ");
		indent = width > 3 * INDENT ? INDENT : 0;
	} while (*s != '\0');
	return rows;
}

/* The number of its rows. */
static size_t
draw_story(const struct top *t)
{
	char text[8192];
	struct strbuf b = strbuf_of(text, sizeof(text));
	size_t i, row = 0;

	for (i = 0; i < json_array_size(t->story); i++) {
		strbuf_reset(&b);
		output_text(VERB_EXPLAIN, json_array_get(t->story, i), &b);
		client_tame(text);
		row += draw_line(t, text, row);
	}
	return row;
}

static void
top_draw(struct top *t)
{
	size_t rows;

	erase();
	draw_head(t);
	attron(A_BOLD);
	mvaddnstr(TOP - 2, 0,
	    t->story != NULL
		? "q: back"
		: "q: quit  s: sort  /: filter  Enter: the story of a call",
	    COLS);
	attroff(A_BOLD);
	if (t->story != NULL) {
		rows = draw_story(t);
		if (t->story_first + screen_rows() > rows)
			t->story_first =
			    rows > screen_rows() ? rows - screen_rows() : 0;
	} else {
		mvaddnstr(TOP - 1, 0, output_heading(VERB_SHOW_CALLS), COLS);
		draw_list(t);
	}
	refresh();
}

static void
open_story(struct top *t)
{
	const char *call =
	    output_string(json_array_get(t->calls, t->selected), "call");
	char line[VERB_LINE];

	if (json_array_size(t->calls) <= t->selected)
		return;
	snprintf(line, sizeof(line), "explain %s", call);
	t->story = top_ask(t, line, ROWS_MAX);
	t->story_first = 0;
}

/* Through the list or the story; the end of a story is known when drawn. */
static void
top_move(struct top *t, bool down, size_t by)
{
	size_t *at = t->story != NULL ? &t->story_first : &t->selected;
	size_t n = json_array_size(t->calls);

	if (down)
		*at += by;
	else
		*at -= *at < by ? *at : by;
	if (t->story == NULL && *at >= n)
		*at = n > 0 ? n - 1 : 0;
}

static void
filter_key(struct top *t, int key)
{
	size_t n = strlen(t->filter);

	if (key == '\n' || key == KEY_ENTER || key == 27)
		t->typing = false;
	else if ((key == KEY_BACKSPACE || key == 127 || key == 8) && n > 0)
		t->filter[n - 1] = '\0';
	else if (key > ' ' && key < 127 && n + 1 < sizeof(t->filter)) {
		t->filter[n] = (char)key;
		t->filter[n + 1] = '\0';
	}
}

static void
move_key(struct top *t, int key)
{
	switch (key) {
	case KEY_DOWN:
	case 'j':
		top_move(t, true, 1);
		break;
	case KEY_UP:
	case 'k':
		top_move(t, false, 1);
		break;
	case KEY_NPAGE:
	case ' ':
		top_move(t, true, screen_rows());
		break;
	case KEY_PPAGE:
	case 'b':
		top_move(t, false, screen_rows());
		break;
	default:
		break;
	}
}

/* False: quit. */
static bool
top_key(struct top *t, int key)
{
	if (t->typing) {
		filter_key(t, key);
		return true;
	}
	switch (key) {
	case 'q':
		if (t->story == NULL)
			return false;
		json_decref(t->story);
		t->story = NULL;
		break;
	case 's':
		t->sort = (enum sort)((t->sort + 1) % SORT_COUNT);
		calls_sort(t->calls, t->sort);
		break;
	case '/':
		t->typing = true;
		t->filter[0] = '\0';
		break;
	case '\n':
	case KEY_ENTER:
		if (t->story == NULL)
			open_story(t);
		break;
	default:
		move_key(t, key);
		break;
	}
	return true;
}

int
top_run(const char *path, bool fallback, int seconds)
{
	struct top t = { .path = path,
		.tried = path,
		.fallback = fallback,
		.seconds = seconds < KEYS_WAIT_S ? seconds : KEYS_WAIT_S };
	struct timespec now, next = { 0 };
	bool more = true;
	int key;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		fprintf(stderr, "pinholectl: top needs a terminal\n");
		return 1;
	}
	t.client = client_open(path, fallback, t.seconds, &t.tried);
	if (t.client == NULL) {
		fprintf(stderr, "pinholectl: %s: %s\n", t.tried,
		    strerror(errno));
		return 2;
	}
	initscr();
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	timeout(200);
	while (more) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec >= next.tv_sec) {
			if (!isatty(STDIN_FILENO)) /* it has hung up */
				break;
			top_refresh(&t);
			next.tv_sec = now.tv_sec + 1;
		}
		top_draw(&t);
		if ((key = getch()) != ERR)
			more = top_key(&t, key);
	}
	endwin();
	json_decref(t.summary);
	json_decref(t.before);
	json_decref(t.calls);
	json_decref(t.story);
	client_close(t.client);
	return 0;
}
