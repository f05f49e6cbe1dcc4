/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/base/strbuf.h"
#include "src/base/wire.h"
#include "src/share/insides.h"
#include "tests/unit/share_one.h"

struct one one;

void *__wrap_malloc(size_t size);
void *__real_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_calloc(size_t n, size_t size);

void *
__wrap_malloc(size_t size)
{
	return one.poor ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return one.poor ? NULL : __real_calloc(n, size);
}

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void
say(const char *fmt, ...)
{
	size_t n = strlen(one.said);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(one.said + n, sizeof(one.said) - n, fmt, ap);
	va_end(ap);
	assert_true(strlen(one.said) < sizeof(one.said) - 1);
}

static void
key_of(char name, uint8_t key[RECORD_KEY])
{
	assert_true(
	    record_key(&one.setup.group, (struct span) { &name, 1 }, key));
}

static char
name_of(const uint8_t *key)
{
	uint8_t its[RECORD_KEY];
	char name;

	for (name = 'a'; name <= 'z'; name++) {
		key_of(name, its);
		if (memcmp(its, key, sizeof(its)) == 0)
			return name;
	}
	return '?';
}

/* A record that it has made. */
static void
say_record(const char *how, const uint8_t *key, const uint8_t *p, size_t len)
{
	static const char *const types[RECORD_TYPES] = { "none", "call", "end",
		"media", "hello" };
	struct record r;
	struct cursor c;
	size_t i;

	assert_int_equal(record_read(&one.setup.group, p, len, &r),
	    RECORD_FINE);
	assert_string_equal(r.box, "fw2");
	assert_int_equal(r.boot, 2);
	say("%s %s", how, types[r.type]);
	c = cursor_of(r.body.p, r.body.len);
	if (r.type == RECORD_HELLO) {
		for (i = 0; i < RECORD_KEY; i++)
			assert_int_equal(r.key[i], 0);
		assert_int_equal(r.version, 0);
		assert_int_equal(r.written, one.now);
		say(" %u", cursor_u32(&c));
		say(cursor_bool(&c) ? " leaves;" : ";");
		assert_true(!c.bad && cursor_left(&c) == 0);
		return;
	}
	if (key != NULL)
		assert_memory_equal(key, r.key, RECORD_KEY);
	say(" %c%u @%d", name_of(r.key), (unsigned int)r.version,
	    (int)((r.written - one.begun) / SECOND));
	if (r.type == RECORD_CALL) {
		say(" %.*s;", (int)r.body.len, r.body.p);
		return;
	}
	if (r.type == RECORD_END)
		say(" %s", reason_name(cursor_enum(&c, REASON_COUNT - 1)));
	else
		for (i = 0; i < 2; i++)
			say(" %u", cursor_u32(&c));
	say(";");
	assert_true(!c.bad && cursor_left(&c) == 0);
}

static void
on_write(void *ctx, const uint8_t *key, uint64_t version, const uint8_t *p,
    size_t len)
{
	(void)ctx;
	assert_true(one.room > 0);
	one.room--;
	say_record("write", key, p, len);
	if (!one.silent)
		group_written(one.g, key, version, true, one.now);
}

static void
on_erase(void *ctx, const uint8_t *key, uint64_t version, const uint8_t *p,
    size_t len)
{
	(void)ctx;
	assert_true(one.room > 0);
	one.room--;
	say_record("erase", key, p, len);
	if (!one.silent)
		group_written(one.g, key, version, true, one.now);
}

static void
on_publish(void *ctx, const uint8_t *p, size_t len)
{
	(void)ctx;
	say_record("tell", NULL, p, len);
}

static void
on_renew(void *ctx, const uint8_t *key)
{
	(void)ctx;
	assert_true(one.room > 0);
	one.room--;
	say("renew %c;", name_of(key));
}

static size_t
on_room(void *ctx)
{
	(void)ctx;
	return one.room;
}

static void
on_offer(void *ctx, const uint8_t *key, struct span body, bool fresh)
{
	(void)ctx;
	say("offer %c %.*s%s;", name_of(key), (int)body.len, body.p,
	    fresh ? " if new" : "");
}

static void
on_end(void *ctx, uint64_t id, enum reason why)
{
	(void)ctx;
	say("end %u %s;", (unsigned int)id, reason_name(why));
}

static void
on_seen(void *ctx, uint64_t id, uint32_t inside_s, uint32_t outside_s)
{
	(void)ctx;
	say("seen %u %u %u;", (unsigned int)id, inside_s, outside_s);
}

static void
on_role(void *ctx, uint64_t id, enum group_role role)
{
	static const char *const names[] = { "theirs", "ours", "released",
		"lost" };

	(void)ctx;
	say("role %u %s;", (unsigned int)id, names[role]);
}

void
one_anew(size_t limit)
{
	group_free(one.g);
	one.setup = (struct group_setup) { .group = { .name = "fw" },
		.name = "fw2",
		.boot = 2,
		.limit = limit,
		.ops = { on_write, on_erase, on_publish, on_renew, on_room,
		    on_offer, on_end, on_seen, on_role, NULL } };
	assert_non_null(one.g = group_new(&one.setup, one.now));
}

int
one_begin(void **state)
{
	(void)state;
	memset(&one, 0, sizeof(one));
	one.begun = one.now = 100000 * SECOND;
	one.room = 1000;
	one.boot = 9;
	one_anew(LIMIT);
	return 0;
}

int
one_end(void **state)
{
	(void)state;
	one_is_sound();
	group_free(one.g);
	return 0;
}

void
one_call(char name, uint64_t id, const char *body, bool changed)
{
	group_call(one.g, id, (struct span) { &name, 1 }, span_of(body),
	    changed, one.now);
}

void
one_took(char name, uint64_t id, enum ph_err err)
{
	uint8_t key[RECORD_KEY];

	key_of(name, key);
	group_took(one.g, key, id, err, one.now);
}

void
one_written(char name, uint64_t version, bool ok)
{
	uint8_t key[RECORD_KEY];

	key_of(name, key);
	group_written(one.g, key, version, ok, one.now);
}

void
one_renewed(char name, bool exists)
{
	uint8_t key[RECORD_KEY];

	key_of(name, key);
	group_renewed(one.g, key, exists);
}

void
one_hears(const char *box, enum record_type type, char name, uint64_t version,
    int64_t ago, struct span body)
{
	struct record r = { .type = type,
		.boot = one.boot,
		.version = version,
		.written = one.now - ago,
		.body = body };
	uint8_t buf[512];
	size_t len;

	strlcpy(r.box, box, sizeof(r.box));
	if (name != '\0')
		key_of(name, r.key);
	assert_true(record_write(&one.setup.group, &r, buf, sizeof(buf), &len));
	group_record(one.g, buf, len, one.now);
}

void
one_hears_call(const char *box, char name, uint64_t version, const char *body)
{
	one_hears(box, RECORD_CALL, name, version, 0, span_of(body));
}

void
one_hears_end(const char *box, char name, uint64_t version, enum reason why)
{
	const char byte = (char)why;

	one_hears(box, RECORD_END, name, version, 0,
	    (struct span) { &byte, 1 });
}

void
one_hears_hello(const char *box, uint8_t owns, bool leaves)
{
	const char body[] = { 0, 0, 0, (char)owns, leaves };

	one_hears(box, RECORD_HELLO, '\0', 0, 0,
	    (struct span) { body, sizeof(body) });
}

void
one_says(const char *want)
{
	one_is_sound();
	assert_string_equal(one.said, want);
	one.said[0] = '\0';
}

void
one_counts(const char *want)
{
	struct group_stats s;
	char text[512] = "";
	struct strbuf b = strbuf_of(text, sizeof(text));
	size_t i;

	group_stats(one.g, &s);
	const struct {
		const char *name;
		uint64_t v;
	} all[] = { { "calls", s.calls }, { "owned", s.owned },
		{ "waiting", s.waiting }, { "writes", s.writes },
		{ "erases", s.erases }, { "renewals", s.renewals },
		{ "received", s.received }, { "adopted", s.adopted },
		{ "ended", s.ended }, { "takeovers", s.takeovers },
		{ "twins", s.twins } };

	for (i = 0; i < ROWS(all); i++)
		if (all[i].v != 0)
			strbuf_fmt(&b, "%s %u ", all[i].name,
			    (unsigned int)all[i].v);
	for (i = 0; i < RECORD_REFUSALS; i++)
		if (s.refused[i] != 0)
			strbuf_fmt(&b, "%s %u ",
			    record_refusal_name((enum record_refusal)i),
			    (unsigned int)s.refused[i]);
	assert_string_equal(text, want);
}

void
one_runs(int64_t wait, const char *want)
{
	assert_int_equal(group_run(one.g, one.now) - one.now, wait);
	one_says(want);
}

static void
boxes_are_sound(struct group *g)
{
	struct entry *e;
	size_t i, n;

	for (i = 0; i < g->boxes.n; i++) {
		n = 0;
		RB_FOREACH(e, entry_keys, &g->keys)
			n += e->box == &g->boxes.v[i];
		assert_int_equal(n, g->boxes.v[i].calls);
	}
}

static void
list_is_sound(const struct entry_list *l, bool ended, size_t want)
{
	const struct entry *e;
	int64_t at = INT64_MIN;
	size_t n = 0;

	TAILQ_FOREACH(e, l, aged) {
		assert_true(e->listed && e->ended == ended && e->at >= at);
		assert_true(ended || e->box == NULL);
		at = e->at;
		n++;
	}
	assert_int_equal(n, want);
}

void
one_is_sound(void)
{
	struct group *g = one.g;
	struct entry *e;
	size_t n = 0, dirty = 0, queued = 0, ids = 0;

	RB_FOREACH(e, entry_keys, &g->keys) {
		n++;
		dirty += e->dirty;
		ids += e->id != 0;
		assert_true(e->id == 0 || entry_by_id(g, e->id) == e);
		assert_true(entry_find(g, e->key) == e);
		assert_true(!e->ended || (e->body == NULL && e->len == 0));
		assert_true(!e->ended || (!e->missing && !e->unsure));
	}
	TAILQ_FOREACH(e, &g->dirty, queued) {
		assert_true(e->dirty);
		queued++;
	}
	RB_FOREACH(e, entry_ids, &g->ids)
		ids--;
	assert_int_equal(n, g->n);
	assert_int_equal(ids, 0);
	assert_int_equal(dirty, g->ndirty);
	assert_int_equal(queued, g->ndirty);
	assert_true(n <= 2 * g->setup.limit);
	list_is_sound(&g->owned, false, g->nowned);
	list_is_sound(&g->ended, true, g->nended);
	boxes_are_sound(g);
}
