/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/share_play.h"

struct play_box boxes[BOXES];
struct value keys[CALLS], stream[STREAM];
size_t nstream;
bool full;
int64_t now;

static struct value *
key_find(const uint8_t *key)
{
	size_t i;

	for (i = 0; i < CALLS; i++)
		if (keys[i].len > 0 &&
		    memcmp(keys[i].key, key, RECORD_KEY) == 0)
			return &keys[i];
	return NULL;
}

void
stream_add(const uint8_t *p, size_t len)
{
	assert_true(nstream < STREAM && len <= sizeof(stream[0].bytes));
	memcpy(stream[nstream].bytes, p, len);
	stream[nstream++].len = len;
}

static void
on_publish(void *ctx, const uint8_t *p, size_t len)
{
	(void)ctx;
	if (!full)
		stream_add(p, len);
}

static void
on_write(void *ctx, const uint8_t *key, uint64_t version, const uint8_t *p,
    size_t len)
{
	struct play_box *b = ctx;
	struct value *v = key_find(key);
	size_t i;

	for (i = 0; v == NULL && i < CALLS; i++)
		if (keys[i].len == 0)
			v = &keys[i];
	assert_non_null(v);
	if (!full) {
		memcpy(v->key, key, RECORD_KEY);
		memcpy(v->bytes, p, len);
		v->len = len;
		v->until = now + GROUP_TTL;
		stream_add(p, len);
	}
	group_written(b->g, key, version, !full, now);
}

static void
on_erase(void *ctx, const uint8_t *key, uint64_t version, const uint8_t *p,
    size_t len)
{
	struct play_box *b = ctx;
	struct value *v = key_find(key);

	if (v != NULL)
		v->len = 0;
	on_publish(ctx, p, len);
	group_written(b->g, key, version, !full, now);
}

static void
on_renew(void *ctx, const uint8_t *key)
{
	struct play_box *b = ctx;
	struct value *v = key_find(key);

	if (v != NULL)
		v->until = now + GROUP_TTL;
	group_renewed(b->g, key, v != NULL);
}

static size_t
on_room(void *ctx)
{
	struct play_box *b = ctx;

	return b->linked ? 10 : 0;
}

/* A body is "NAME STATE". */
static void
on_offer(void *ctx, const uint8_t *key, struct span body, bool fresh)
{
	struct play_box *b = ctx;
	struct span rest, name = span_cut(body, ' ', &rest);
	struct play_call *c = NULL;
	size_t i;

	if (b->refuses) {
		group_took(b->g, key, 0, PH_EUNSUPPORTED, now);
		return;
	}
	for (i = 0; i < CALLS && c == NULL; i++)
		if (span_eq_str(name, b->call[i].name))
			c = &b->call[i];
	if (c != NULL && c->ended) {
		group_took(b->g, key, 0, PH_EGONE, now);
		return;
	}
	for (i = CALLS; i-- > 0 && c == NULL;)
		if (b->call[i].name[0] == '\0')
			c = &b->call[i];
	assert_non_null(c);
	if (c->name[0] == '\0' || !fresh) {
		memcpy(c->name, name.p, name.len);
		snprintf(c->body, sizeof(c->body), "%.*s", (int)body.len,
		    body.p);
	}
	group_took(b->g, key, (uint64_t)(c - b->call) + 1, PH_OK, now);
}

static void
on_end(void *ctx, uint64_t id, enum reason why)
{
	struct play_box *b = ctx;

	(void)why;
	b->call[id - 1].ended = true;
	group_gone(b->g, id, why, now);
}

static void
on_seen(void *ctx, uint64_t id, uint32_t inside_s, uint32_t outside_s)
{
	struct play_box *b = ctx;

	(void)id;
	(void)outside_s;
	b->seen++;
	b->inside_s = inside_s;
}

static void
on_role(void *ctx, uint64_t id, enum group_role role)
{
	struct play_box *b = ctx;

	b->call[id - 1].role = role;
	b->call[id - 1].roles++;
}

void
box_start(size_t i)
{
	struct play_box *b = &boxes[i];
	static const char *const names[] = { "fw1", "fw2", "fw3" };
	static uint64_t boot;
	struct group_setup setup = { .group = { .name = "fw" },
		.name = names[i],
		.boot = ++boot,
		.limit = CALLS,
		.ops = { on_write, on_erase, on_publish, on_renew, on_room,
		    on_offer, on_end, on_seen, on_role, b } };

	b->linked = false;
	assert_non_null(b->g = group_new(&setup, now));
}

void
box_join(size_t i)
{
	struct play_box *b = &boxes[i];
	size_t k;

	/* The position first, so that nothing is missed between. */
	b->at = nstream;
	b->linked = true;
	for (k = 0; k < CALLS; k++)
		if (keys[k].len > 0)
			group_record(b->g, keys[k].bytes, keys[k].len, now);
	group_joined(b->g, now);
}

void
box_cut(size_t i)
{
	boxes[i].linked = false;
	group_lost(boxes[i].g, now);
}

/* Without asking or telling anybody. */
void
box_kill(size_t i)
{
	group_free(boxes[i].g);
	memset(&boxes[i], 0, sizeof(boxes[i]));
}

/* Let everything happen that is due within so many seconds. */
void
pass(int seconds)
{
	size_t i, k;

	for (; seconds >= 0; seconds--, now += SECOND) {
		for (k = 0; k < CALLS; k++)
			if (keys[k].until <= now)
				keys[k].len = 0;
		for (i = 0; i < BOXES; i++)
			if (boxes[i].g != NULL)
				(void)group_run(boxes[i].g, now);
		for (i = 0; i < BOXES; i++)
			while (boxes[i].linked && boxes[i].at < nstream) {
				k = boxes[i].at++;
				group_record(boxes[i].g, stream[k].bytes,
				    stream[k].len, now);
			}
		/* Old hellos are of no interest. */
		if (seconds > 0 && nstream > STREAM / 2) {
			bool all = true;

			for (i = 0; i < BOXES; i++)
				all = all &&
				    (!boxes[i].linked ||
					boxes[i].at == nstream);
			if (all) {
				nstream = 0;
				for (i = 0; i < BOXES; i++)
					boxes[i].at = 0;
			}
		}
	}
}

void
tell(size_t i, uint64_t id, const char *body, bool changed)
{
	struct play_call *c = &boxes[i].call[id - 1];
	struct span rest, name = span_cut(span_of(body), ' ', &rest);

	memset(c->name, 0, sizeof(c->name));
	memcpy(c->name, name.p, name.len);
	snprintf(c->body, sizeof(c->body), "%s", body);
	group_call(boxes[i].g, id, name, span_of(body), changed, now);
}

struct play_call *
call_of(size_t i, const char *name)
{
	size_t k;

	for (k = 0; k < CALLS; k++)
		if (strcmp(boxes[i].call[k].name, name) == 0)
			return &boxes[i].call[k];
	return NULL;
}

void
assert_body(size_t i, const char *name, const char *body)
{
	const struct play_call *c = call_of(i, name);

	assert_non_null(c);
	assert_false(c->ended);
	assert_string_equal(c->body, body);
}

uint64_t
id_of(size_t i, const char *name)
{
	return (uint64_t)(call_of(i, name) - boxes[i].call) + 1;
}

struct group_stats
stats_of(size_t i)
{
	struct group_stats s;

	group_stats(boxes[i].g, &s);
	return s;
}

int
setup(void **state)
{
	size_t i;

	(void)state;
	now = 100000 * SECOND;
	memset(boxes, 0, sizeof(boxes));
	memset(keys, 0, sizeof(keys));
	nstream = 0;
	full = false;
	for (i = 0; i < BOXES; i++) {
		box_start(i);
		box_join(i);
	}
	pass(2);
	return 0;
}

int
teardown(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < BOXES; i++)
		group_free(boxes[i].g);
	return 0;
}
