/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "tests/unit/share_play.h"

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
media_told_late_keeps_no_call(void **state)
{
	size_t i;

	(void)state;
	tell(0, 1, "a talks", true);
	pass(1);
	boxes[0].linked = false;
	group_seen(boxes[1].g, id_of(1, "a"), 3, UINT32_MAX, now);
	i = nstream - 1;
	now += 61 * SECOND;
	group_record(boxes[0].g, stream[i].bytes, stream[i].len, now);
	assert_int_equal(boxes[0].seen, 0);
	assert_int_equal(stats_of(0).refused[RECORD_STALE], 1);
}

static void
replayed_signs_of_life_raise_no_dead_box(void **state)
{
	const struct record_group fw = { "fw", { 0 }, 0 };
	struct record r = { .type = RECORD_HELLO,
		.box = "fw2",
		.body = { "\0\0\0\0\0", 5 } };
	uint8_t old[2][512];
	size_t i, len;

	(void)state;
	tell(1, 1, "a talks", true);
	/* Records of two earlier processes of the box. */
	for (i = 0; i < 2; i++) {
		r.boot = 900 + i;
		r.written = now - (int64_t)(i + 1) * SECOND;
		assert_true(record_write(&fw, &r, old[i], 512, &len));
	}
	pass(3);
	box_kill(1);
	for (i = 0; i < 15; i++) {
		group_record(boxes[0].g, old[i % 2], len, now);
		pass(0);
	}
	assert_int_equal(stats_of(0).owned, 1);
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
	/* The journal of box 0 has both calls. */
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
a_split_owner_hears_what_ended_meanwhile(void **state)
{
	(void)state;
	tell(0, 1, "a talks", true);
	pass(1);
	box_cut(0);
	pass(15);
	group_gone(boxes[1].g, id_of(1, "a"), REASON_BYE, now);
	call_of(1, "a")->ended = true;
	/* Longer than a record is believed. */
	pass(15 * 60);
	box_join(0);
	pass(1);
	assert_true(call_of(0, "a")->ended);
	assert_int_equal(stats_of(0).owned, 0);
	assert_int_equal(keys[0].len, 0);
	/* And nobody says more about it. */
	pass(5);
	assert_int_equal(stats_of(0).erases + stats_of(2).erases, 1);
}

static void
what_changed_without_a_share_process_counts(void **state)
{
	(void)state;
	tell(0, 1, "a rings", true);
	tell(0, 2, "b talks", true);
	pass(1);
	box_kill(0);
	pass(15);
	/* Another box has taken both over, and its versions are later. */
	assert_int_equal(stats_of(1).owned, 2);
	box_start(0);
	group_begin(boxes[0].g);
	tell(0, 1, "a talks", true);
	tell(0, 2, "b talks", false);
	tell(0, 3, "c talks", true);
	group_end(boxes[0].g, now);
	box_join(0);
	pass(1);
	assert_body(0, "a", "a talks");
	assert_body(1, "a", "a talks");
	assert_body(2, "c", "c talks");
	assert_int_equal(stats_of(0).owned, 2);
	assert_int_equal(stats_of(1).owned, 1);
}

static void
what_ended_without_a_share_process_is_looked_at(void **state)
{
	(void)state;
	tell(0, 1, "a talks", true);
	pass(1);
	box_kill(0);
	box_start(0);
	memcpy(boxes[0].call[0].name, "a", 2);
	boxes[0].call[0].ended = true;
	group_begin(boxes[0].g);
	group_end(boxes[0].g, now);
	box_join(0);
	pass(1);
	assert_int_equal(call_of(1, "a")->role, GROUP_RELEASED);
	assert_int_equal(call_of(2, "a")->role, GROUP_RELEASED);
	assert_int_equal(stats_of(0).owned, 0);
	assert_int_equal(keys[0].len, 0);
	/* One of them sees media: it has the last word. */
	tell(1, id_of(1, "a"), "a talks", true);
	pass(5);
	assert_int_equal(stats_of(0).erases, 1);
	assert_int_equal(stats_of(1).owned, 1);
	assert_body(2, "a", "a talks");
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

/* A new process does not know which calls are over, but what time it is. */
static void
a_replay_opens_nothing_for_a_box_that_was_just_started(void **state)
{
	uint8_t record[512];
	size_t first, len;

	(void)state;
	first = nstream;
	tell(0, 1, "a talks", true);
	pass(0);
	len = stream[first].len;
	assert_true(len <= sizeof(record));
	memcpy(record, stream[first].bytes, len);
	group_gone(boxes[0].g, 1, REASON_BYE, now);
	boxes[0].call[0].ended = true;
	pass(10 * 60 + 1);
	box_kill(1);
	memset(boxes[1].call, 0, sizeof(boxes[1].call));
	box_start(1);
	box_join(1);
	stream_add(record, len);
	pass(0);
	assert_null(call_of(1, "a"));
	assert_int_equal(stats_of(1).refused[RECORD_OLD], 1);
}

/* A record that is refused as old is never a call that somebody owns. */
static void
a_box_that_starts_later_believes_in_long_calls(void **state)
{
	(void)state;
	tell(0, 1, "a talks", true);
	pass(0);
	box_kill(1);
	pass(29 * 60);
	memset(boxes[1].call, 0, sizeof(boxes[1].call));
	box_start(1);
	box_join(1);
	pass(0);
	assert_body(1, "a", "a talks");
	assert_int_equal(stats_of(1).refused[RECORD_OLD], 0);
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
each_dead_box_has_its_own_time(void **state)
{
	const struct record_group fw = { "fw", { 0 }, 0 };
	struct record r = { .type = RECORD_CALL,
		.key = { 1 },
		.box = "fw9",
		.boot = 999,
		.version = 1,
		.body = { "c talks", 7 } };
	uint8_t buf[512];
	size_t len;

	(void)state;
	/* The first heir takes none, so the third box is the next one. */
	boxes[0].refuses = true;
	tell(1, 1, "a talks", true);
	pass(0);
	box_kill(1);
	pass(2);
	r.written = now;
	assert_true(record_write(&fw, &r, buf, sizeof(buf), &len));
	stream_add(buf, len);
	/* Both are dead when it is time for the first. */
	pass(12);
	assert_int_equal(stats_of(2).owned, 1);
	pass(5);
	assert_int_equal(stats_of(2).owned, 2);
}

static void
a_box_says_hello_only_so_often(void **state)
{
	size_t first = nstream;

	(void)state;
	pass(29);
	assert_in_range(nstream - first, BOXES * 30 / 4, BOXES * 30 / 2);
}

static void
a_server_without_room_is_asked_for_nothing(void **state)
{
	uint64_t renewals;

	(void)state;
	tell(0, 1, "a talks", true);
	pass(2);
	renewals = stats_of(0).renewals;
	boxes[0].linked = false;
	pass(25);
	assert_int_equal(stats_of(0).renewals, renewals);
	boxes[0].linked = true;
	pass(1);
	assert_int_equal(stats_of(0).renewals, renewals + 1);
}

static void
media_are_told_of_calls_that_others_judge_now(void **state)
{
	size_t before;

	(void)state;
	tell(0, 1, "a talks", true);
	pass(0);
	before = nstream;
	group_seen(boxes[1].g, 77, 3, 3, now);
	assert_int_equal(nstream, before);
	box_cut(1);
	group_seen(boxes[1].g, id_of(1, "a"), 3, 3, now);
	assert_int_equal(nstream, before);
	box_join(1);
	group_seen(boxes[1].g, id_of(1, "a"), 3, 3, now);
	assert_int_equal(nstream, before + 1);
	/* Its owner found it silent: each box judges by itself. */
	group_gone(boxes[0].g, 1, REASON_IDLE, now);
	boxes[0].call[0].name[0] = '\0';
	pass(0);
	before = nstream;
	group_seen(boxes[1].g, id_of(1, "a"), 3, 3, now);
	assert_int_equal(nstream, before);
}

static void
an_end_is_dated_when_the_call_ended(void **state)
{
	const struct record_group fw = { "fw", { 0 }, 0 };
	struct record r;
	int64_t over;
	size_t i, ends = 0;

	(void)state;
	tell(0, 1, "a talks", true);
	pass(9);
	over = now;
	group_gone(boxes[0].g, 1, REASON_BYE, now);
	boxes[0].call[0].ended = true;
	pass(0);
	for (i = 0; i < nstream; i++) {
		assert_int_equal(record_read(&fw, stream[i].bytes,
				     stream[i].len, &r),
		    RECORD_FINE);
		if (r.type != RECORD_END)
			continue;
		assert_int_equal(r.written, over);
		ends++;
	}
	assert_int_equal(ends, 1);
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
	call_of(0, "c")->name[0] = '\0';
	group_begin(boxes[0].g);
	tell(0, 1, "a talks", false);
	tell(0, id_of(0, "b"), "b talks", false);
	group_end(boxes[0].g, now);
	assert_int_equal(call_of(0, "a")->role, GROUP_OURS);
	assert_int_equal(call_of(0, "b")->role, GROUP_THEIRS);
	/* The engine has lost the third call, which it gets again. */
	pass(1);
	assert_body(1, "c", "c talks");
	assert_body(0, "c", "c talks");
}

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
		PLAY(media_told_late_keeps_no_call),
		PLAY(replayed_signs_of_life_raise_no_dead_box),
		PLAY(a_late_joiner_has_all_calls),
		PLAY(an_emptied_server_is_filled_again),
		PLAY(what_changes_while_the_server_is_gone_is_told_later),
		PLAY(without_a_server_each_box_judges_by_itself),
		PLAY(a_full_server_is_tried_again),
		PLAY(a_split_group_heals_without_closing_a_living_call),
		PLAY(a_box_that_comes_back_gives_up_what_is_over),
		PLAY(a_split_owner_hears_what_ended_meanwhile),
		PLAY(what_changed_without_a_share_process_counts),
		PLAY(what_ended_without_a_share_process_is_looked_at),
		PLAY(a_box_alone_keeps_what_its_journal_has),
		PLAY(an_end_that_was_missed_is_found_after_joining),
		PLAY(a_replay_opens_nothing_again),
		PLAY(a_replay_opens_nothing_for_a_box_that_was_just_started),
		PLAY(a_box_that_starts_later_believes_in_long_calls),
		PLAY(garbage_and_other_groups_are_counted),
		PLAY(the_table_has_a_limit),
		PLAY(boxes_beyond_the_most_are_refused),
		PLAY(a_namesake_is_noticed),
		PLAY(each_dead_box_has_its_own_time),
		PLAY(a_box_says_hello_only_so_often),
		PLAY(a_server_without_room_is_asked_for_nothing),
		PLAY(media_are_told_of_calls_that_others_judge_now),
		PLAY(an_end_is_dated_when_the_call_ended),
		PLAY(a_new_engine_is_told_whose_the_calls_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
