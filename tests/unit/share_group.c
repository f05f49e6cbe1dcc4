/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/share/group.h"
#include "tests/unit/unit.h"

/*
 * Several boxes and a server, all of paper.  Engines are an array of calls;
 * the server is an array of keys and a stream, and can be cut off, emptied,
 * full, or made to lie.
 */
#define BOXES  3
#define CALLS  8
#define STREAM 512
#define SECOND USEC_PER_SEC

struct value {
	uint8_t key[RECORD_KEY];
	uint8_t bytes[1024];
	size_t len;
	int64_t until;
};

struct play_call {
	char name[16], body[32]; /* empty: none */
	enum group_role role;
	bool ended;
	unsigned int roles;
};

static struct play_box {
	struct group *g;
	struct play_call call[CALLS]; /* id - 1 */
	size_t at;		      /* of the stream */
	bool linked;
	bool refuses; /* its configuration forbids every call */
	size_t seen;
	uint32_t inside_s;
} boxes[BOXES];

static struct value keys[CALLS], stream[STREAM];
static size_t nstream;
static bool full;
static int64_t now;

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

static void
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
		group_took(b->g, key, 0, PH_EUNSUPPORTED);
		return;
	}
	for (i = 0; i < CALLS && c == NULL; i++)
		if (span_eq_str(name, b->call[i].name))
			c = &b->call[i];
	if (c != NULL && c->ended) {
		group_took(b->g, key, 0, PH_EGONE);
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
	group_took(b->g, key, (uint64_t)(c - b->call) + 1, PH_OK);
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

static void
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

static void
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

static void
box_cut(size_t i)
{
	boxes[i].linked = false;
	group_lost(boxes[i].g, now);
}

/* Without asking or telling anybody. */
static void
box_kill(size_t i)
{
	group_free(boxes[i].g);
	memset(&boxes[i], 0, sizeof(boxes[i]));
}

/* Let everything happen that is due within so many seconds. */
static void
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

static void
tell(size_t i, uint64_t id, const char *body, bool changed)
{
	struct play_call *c = &boxes[i].call[id - 1];
	struct span rest, name = span_cut(span_of(body), ' ', &rest);

	memset(c->name, 0, sizeof(c->name));
	memcpy(c->name, name.p, name.len);
	snprintf(c->body, sizeof(c->body), "%s", body);
	group_call(boxes[i].g, id, name, span_of(body), changed, now);
}

static struct play_call *
call_of(size_t i, const char *name)
{
	size_t k;

	for (k = 0; k < CALLS; k++)
		if (strcmp(boxes[i].call[k].name, name) == 0)
			return &boxes[i].call[k];
	return NULL;
}

static void
assert_body(size_t i, const char *name, const char *body)
{
	const struct play_call *c = call_of(i, name);

	assert_non_null(c);
	assert_false(c->ended);
	assert_string_equal(c->body, body);
}

static uint64_t
id_of(size_t i, const char *name)
{
	return (uint64_t)(call_of(i, name) - boxes[i].call) + 1;
}

static struct group_stats
stats_of(size_t i)
{
	struct group_stats s;

	group_stats(boxes[i].g, &s);
	return s;
}

static int
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

static int
teardown(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < BOXES; i++)
		group_free(boxes[i].g);
	return 0;
}

static void
a_call_is_on_all_boxes_and_judged_by_its_owner(void **state)
{
	(void)state;
	tell(0, 1, "a rings", true);
	tell(0, 1, "a talks", true);
	pass(0);
	assert_body(1, "a", "a talks");
	assert_body(2, "a", "a talks");
	assert_int_equal(call_of(1, "a")->role, GROUP_THEIRS);
	assert_int_equal(stats_of(0).owned, 1);
	assert_int_equal(stats_of(1).owned, 0);
	assert_int_equal(stats_of(1).calls, 1);
}

static void
whoever_sees_a_message_owns_the_call(void **state)
{
	(void)state;
	tell(0, 1, "a rings", true);
	pass(0);
	tell(1, id_of(1, "a"), "a talks", true);
	pass(0);
	assert_body(0, "a", "a talks");
	assert_int_equal(call_of(0, "a")->role, GROUP_THEIRS);
	assert_int_equal(stats_of(0).owned, 0);
	assert_int_equal(stats_of(1).owned, 1);
}

static void
a_bye_on_any_box_ends_the_call_on_all(void **state)
{
	(void)state;
	tell(0, 1, "a talks", true);
	pass(0);
	group_gone(boxes[2].g, id_of(2, "a"), REASON_BYE, now);
	pass(0);
	assert_true(call_of(0, "a")->ended);
	assert_true(call_of(1, "a")->ended);
	assert_int_equal(keys[0].len, 0);
	assert_int_equal(stats_of(0).calls, 0);
}

static void
a_call_that_the_owner_finds_silent_is_judged_by_each(void **state)
{
	(void)state;
	tell(0, 1, "a talks", true);
	pass(0);
	group_gone(boxes[0].g, 1, REASON_IDLE, now);
	boxes[0].call[0].name[0] = '\0';
	pass(0);
	assert_false(call_of(1, "a")->ended);
	assert_int_equal(call_of(1, "a")->role, GROUP_RELEASED);
	/* The second box has seen media, and keeps it; the third has not. */
	group_gone(boxes[2].g, id_of(2, "a"), REASON_IDLE, now);
	tell(1, id_of(1, "a"), "a talks", true);
	pass(0);
	assert_int_equal(stats_of(1).owned, 1);
	assert_body(0, "a", "a talks");
}

static void
a_peer_that_drops_a_call_does_not_end_it(void **state)
{
	(void)state;
	tell(0, 1, "a talks", true);
	pass(0);
	group_gone(boxes[1].g, id_of(1, "a"), REASON_LIMIT, now);
	pass(25);
	assert_body(0, "a", "a talks");
	assert_body(2, "a", "a talks");
	assert_true(keys[0].len > 0);
}

static void
the_calls_of_a_dead_box_are_taken_over_once(void **state)
{
	(void)state;
	tell(1, 1, "a talks", true);
	pass(0);
	box_kill(1);
	pass(6);
	assert_int_equal(stats_of(0).owned + stats_of(2).owned, 0);
	pass(5);
	assert_int_equal(stats_of(0).owned, 1);
	assert_int_equal(stats_of(2).owned, 0);
	assert_int_equal(call_of(0, "a")->role, GROUP_OURS);
	assert_int_equal(call_of(2, "a")->role, GROUP_THEIRS);
	assert_int_equal(stats_of(0).takeovers, 1);
	pass(100);
	assert_true(keys[0].len > 0);
}

static void
a_box_that_leaves_is_inherited_at_once(void **state)
{
	(void)state;
	tell(1, 1, "a talks", true);
	pass(0);
	group_leave(boxes[1].g, now);
	box_kill(1);
	pass(1);
	assert_int_equal(stats_of(0).owned, 1);
}

static void
if_the_first_heir_has_not_the_call_the_next_takes_it(void **state)
{
	(void)state;
	boxes[0].refuses = true;
	tell(1, 1, "a talks", true);
	pass(0);
	assert_int_equal(stats_of(0).refused[RECORD_POLICY], 1);
	box_kill(1);
	pass(12);
	assert_int_equal(stats_of(2).owned, 0);
	pass(5);
	assert_int_equal(stats_of(2).owned, 1);
}

static void
media_seen_by_a_peer_reaches_the_engine_of_the_owner(void **state)
{
	size_t before;

	(void)state;
	tell(0, 1, "a talks", true);
	pass(1);
	group_seen(boxes[1].g, id_of(1, "a"), 3, UINT32_MAX, now);
	pass(0);
	assert_int_equal(boxes[0].seen, 1);
	assert_int_equal(boxes[0].inside_s, 3);
	/* A replay of it keeps no call alive. */
	before = nstream - 1;
	stream_add(stream[before].bytes, stream[before].len);
	pass(0);
	assert_int_equal(boxes[0].seen, 1);
	assert_int_equal(stats_of(0).refused[RECORD_STALE], 1);
}

static void
a_late_joiner_has_all_calls(void **state)
{
	(void)state;
	box_kill(2);
	tell(0, 1, "a talks", true);
	tell(1, 2, "b talks", true);
	pass(0);
	box_start(2);
	box_join(2);
	assert_body(2, "a", "a talks");
	assert_body(2, "b", "b talks");
	/* And loses nothing that changes while it reads. */
	tell(0, 1, "a holds", true);
	pass(0);
	assert_body(2, "a", "a holds");
}

static void
an_emptied_server_is_filled_again(void **state)
{
	(void)state;
	tell(0, 1, "a talks", true);
	tell(1, 2, "b talks", true);
	pass(0);
	memset(keys, 0, sizeof(keys));
	pass(25);
	assert_true(keys[0].len > 0 && keys[1].len > 0);
	assert_body(0, "b", "b talks");
	assert_body(1, "a", "a talks");
}

static void
what_changes_while_the_server_is_gone_is_told_later(void **state)
{
	size_t i;

	(void)state;
	tell(0, 1, "a talks", true);
	tell(0, 2, "b talks", true);
	pass(0);
	for (i = 0; i < BOXES; i++)
		box_cut(i);
	memset(keys, 0, sizeof(keys));
	tell(0, 1, "a holds", true);
	tell(0, 3, "c talks", true);
	group_gone(boxes[0].g, 2, REASON_BYE, now);
	boxes[0].call[1].ended = true;
	pass(5);
	assert_body(1, "a", "a talks");
	assert_body(1, "b", "b talks");
	for (i = 0; i < BOXES; i++)
		box_join(i);
	pass(1);
	assert_body(1, "a", "a holds");
	assert_body(1, "c", "c talks");
	assert_true(call_of(1, "b")->ended);
}

static void
without_a_server_each_box_judges_by_itself(void **state)
{
	(void)state;
	tell(0, 1, "a talks", true);
	pass(0);
	box_cut(1);
	pass(8);
	assert_int_equal(call_of(1, "a")->role, GROUP_THEIRS);
	pass(2);
	assert_int_equal(call_of(1, "a")->role, GROUP_OURS);
	box_join(1);
	pass(1);
	assert_int_equal(call_of(1, "a")->role, GROUP_THEIRS);
	assert_int_equal(stats_of(0).owned, 1);
	assert_int_equal(stats_of(1).owned, 0);
}

static void
a_full_server_is_tried_again(void **state)
{
	(void)state;
	full = true;
	tell(0, 1, "a talks", true);
	pass(3);
	assert_null(call_of(1, "a"));
	assert_int_equal(stats_of(0).waiting, 1);
	full = false;
	pass(2);
	assert_body(1, "a", "a talks");
	assert_int_equal(stats_of(0).waiting, 0);
}

static void
a_split_group_heals_without_closing_a_living_call(void **state)
{
	(void)state;
	tell(0, 1, "a talks", true);
	tell(0, 2, "b talks", true);
	tell(1, 3, "c talks", true);
	pass(1);
	box_cut(0);
	pass(15);
	/* The others have taken its calls over; it goes on with them. */
	assert_int_equal(stats_of(1).owned, 3);
	tell(0, 1, "a holds", true);
	tell(0, 1, "a back", true);
	tell(1, id_of(1, "b"), "b holds", true);
	pass(1);
	tell(1, id_of(1, "b"), "b moved", true);
	pass(60);
	box_join(0);
	pass(40);
	assert_body(0, "a", "a back");
	assert_body(1, "a", "a back");
	assert_body(0, "b", "b moved");
	assert_body(2, "b", "b moved");
	assert_body(0, "c", "c talks");
	assert_int_equal(stats_of(0).owned + stats_of(1).owned +
		stats_of(2).owned,
	    3);
}

static void
a_box_that_comes_back_gives_up_what_is_over(void **state)
{
	(void)state;
	tell(0, 1, "a talks", true);
	tell(0, 2, "b talks", true);
	pass(0);
	box_kill(0);
	pass(20);
	group_gone(boxes[1].g, id_of(1, "a"), REASON_BYE, now);
	call_of(1, "a")->ended = true;
	pass(0);
	/* Its journal has both. */
	box_start(0);
	group_begin(boxes[0].g);
	tell(0, 1, "a talks", false);
	tell(0, 2, "b talks", false);
	group_end(boxes[0].g, now);
	box_join(0);
	pass(0);
	assert_int_equal(call_of(0, "b")->role, GROUP_THEIRS);
	pass(31);
	assert_int_equal(call_of(0, "a")->role, GROUP_LOST);
	assert_int_equal(stats_of(1).owned, 1);
}

static void
a_box_alone_keeps_what_its_journal_has(void **state)
{
	(void)state;
	tell(0, 1, "a talks", true);
	pass(0);
	box_kill(0);
	box_kill(1);
	box_kill(2);
	memset(keys, 0, sizeof(keys));
	box_start(0);
	tell(0, 1, "a talks", false);
	box_join(0);
	pass(40);
	assert_body(0, "a", "a talks");
	assert_int_equal(call_of(0, "a")->role, GROUP_THEIRS);
	assert_int_equal(call_of(0, "a")->roles, 0);
	assert_int_equal(stats_of(0).owned, 1);
	assert_true(keys[0].len > 0);
}

static void
an_end_that_was_missed_is_found_after_joining(void **state)
{
	(void)state;
	tell(0, 1, "a talks", true);
	pass(1);
	box_cut(2);
	group_gone(boxes[0].g, 1, REASON_BYE, now);
	boxes[0].call[0].ended = true;
	pass(3);
	box_join(2);
	pass(31);
	assert_int_equal(call_of(2, "a")->role, GROUP_LOST);
}

static void
a_replay_opens_nothing_again(void **state)
{
	size_t first;

	(void)state;
	first = nstream;
	tell(0, 1, "a talks", true);
	pass(0);
	group_gone(boxes[0].g, 1, REASON_BYE, now);
	boxes[0].call[0].ended = true;
	pass(100);
	memset(boxes[1].call, 0, sizeof(boxes[1].call));
	stream_add(stream[first].bytes, stream[first].len);
	pass(0);
	assert_null(call_of(1, "a"));
	assert_int_equal(stats_of(1).refused[RECORD_STALE], 1);
	/* Once it is forgotten, it is too old. */
	now += GROUP_OLD;
	stream_add(stream[first].bytes, stream[first].len);
	pass(0);
	assert_null(call_of(1, "a"));
	assert_int_equal(stats_of(1).refused[RECORD_OLD], 1);
}

static void
garbage_and_other_groups_are_counted(void **state)
{
	const struct record_group other = { "other", { 0 }, 0 };
	struct record r = { .type = RECORD_CALL, .box = "fw9" };
	uint8_t buf[512];
	size_t len;

	(void)state;
	r.written = now;
	assert_true(record_write(&other, &r, buf, sizeof(buf), &len));
	stream_add(buf, len);
	stream_add((const uint8_t *)"garbage", 7);
	pass(0);
	assert_int_equal(stats_of(1).refused[RECORD_GROUP], 1);
	assert_int_equal(stats_of(1).refused[RECORD_MALFORMED], 1);
	assert_int_equal(stats_of(1).calls, 0);
}

static void
the_table_has_a_limit(void **state)
{
	const struct record_group fw = { "fw", { 0 }, 0 };
	struct record r = { .type = RECORD_END,
		.box = "fw9",
		.body = { "\7", 1 } };
	uint8_t buf[512];
	size_t i, len;

	(void)state;
	boxes[0].linked = boxes[2].linked = false;
	for (i = 0; i < 100; i++) {
		r.written = now;
		r.version = 1;
		r.key[0] = (uint8_t)i;
		assert_true(record_write(&fw, &r, buf, sizeof(buf), &len));
		group_record(boxes[1].g, buf, len, now);
	}
	r.type = RECORD_CALL;
	boxes[1].refuses = true;
	for (i = 100; i < 200; i++) {
		r.key[0] = (uint8_t)i;
		assert_true(record_write(&fw, &r, buf, sizeof(buf), &len));
		group_record(boxes[1].g, buf, len, now);
	}
	assert_int_equal(stats_of(1).calls, 2 * CALLS);
	assert_int_equal(stats_of(1).refused[RECORD_LIMIT], 100 - 2 * CALLS);
}

static void
boxes_beyond_the_most_are_refused(void **state)
{
	const struct record_group fw = { "fw", { 0 }, 0 };
	struct record r = { .type = RECORD_HELLO, .body = { "\0\0\0\0\0", 5 } };
	uint8_t buf[512];
	size_t i, len;

	(void)state;
	r.written = now;
	for (i = 0; i < BOXES_MAX + 10; i++) {
		snprintf(r.box, sizeof(r.box), "b%zu", i);
		assert_true(record_write(&fw, &r, buf, sizeof(buf), &len));
		group_record(boxes[0].g, buf, len, now);
	}
	assert_int_equal(group_boxes(boxes[0].g)->n, BOXES_MAX);
	assert_int_equal(stats_of(0).refused[RECORD_LIMIT], 12);
}

static void
a_namesake_is_noticed(void **state)
{
	const struct record_group fw = { "fw", { 0 }, 0 };
	struct record r = { .type = RECORD_HELLO,
		.box = "fw1",
		.boot = 999,
		.body = { "\0\0\0\0\0", 5 } };
	uint8_t buf[512];
	size_t len;

	(void)state;
	pass(20);
	r.written = now;
	assert_true(record_write(&fw, &r, buf, sizeof(buf), &len));
	group_record(boxes[0].g, buf, len, now);
	assert_int_equal(stats_of(0).twins, 1);
}

static void
a_new_engine_is_told_whose_the_calls_are(void **state)
{
	(void)state;
	tell(0, 1, "a talks", true);
	tell(1, 2, "b talks", true);
	tell(1, 3, "c talks", true);
	pass(0);
	boxes[0].call[id_of(0, "b") - 1].role = GROUP_OURS;
	boxes[0].call[0].role = GROUP_THEIRS;
	group_begin(boxes[0].g);
	tell(0, 1, "a talks", false);
	tell(0, id_of(0, "b"), "b talks", false);
	group_end(boxes[0].g, now);
	assert_int_equal(call_of(0, "a")->role, GROUP_OURS);
	assert_int_equal(call_of(0, "b")->role, GROUP_THEIRS);
	/* It has lost the third one, which goes on elsewhere. */
	pass(1);
	assert_body(1, "c", "c talks");
}

#define PLAY(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLAY(a_call_is_on_all_boxes_and_judged_by_its_owner),
		PLAY(whoever_sees_a_message_owns_the_call),
		PLAY(a_bye_on_any_box_ends_the_call_on_all),
		PLAY(a_call_that_the_owner_finds_silent_is_judged_by_each),
		PLAY(a_peer_that_drops_a_call_does_not_end_it),
		PLAY(the_calls_of_a_dead_box_are_taken_over_once),
		PLAY(a_box_that_leaves_is_inherited_at_once),
		PLAY(if_the_first_heir_has_not_the_call_the_next_takes_it),
		PLAY(media_seen_by_a_peer_reaches_the_engine_of_the_owner),
		PLAY(a_late_joiner_has_all_calls),
		PLAY(an_emptied_server_is_filled_again),
		PLAY(what_changes_while_the_server_is_gone_is_told_later),
		PLAY(without_a_server_each_box_judges_by_itself),
		PLAY(a_full_server_is_tried_again),
		PLAY(a_split_group_heals_without_closing_a_living_call),
		PLAY(a_box_that_comes_back_gives_up_what_is_over),
		PLAY(a_box_alone_keeps_what_its_journal_has),
		PLAY(an_end_that_was_missed_is_found_after_joining),
		PLAY(a_replay_opens_nothing_again),
		PLAY(garbage_and_other_groups_are_counted),
		PLAY(the_table_has_a_limit),
		PLAY(boxes_beyond_the_most_are_refused),
		PLAY(a_namesake_is_noticed),
		PLAY(a_new_engine_is_told_whose_the_calls_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
