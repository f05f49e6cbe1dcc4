/* SPDX-License-Identifier: ISC */
/*
 * Calls of other boxes in an engine, and what the engine tells of its own.
 */
#include <string.h>

#include "src/engine/calls.h"
#include "tests/unit/blocks.h"
#include "tests/unit/engine_play.h"

static struct shared theirs;

/* A call that another box has: what that box told, and an engine without. */
static void
another_box_has_a_call(unsigned int n)
{
	call(n);
	engine_flush(engine);
	theirs = shared;
	assert_true(theirs.len > 4);
	engine_begin();
	assert_int_equal(filter.n, 0);
	shared.n = shared.seen = 0;
}

static enum ph_err
adopt(bool fresh, uint64_t *id)
{
	return calls_adopt_peer(engine_calls(engine), theirs.bytes, theirs.len,
	    fresh, now, id);
}

static void
what_another_box_tells_is_opened(void **state)
{
	uint64_t id;

	(void)state;
	another_box_has_a_call(1);
	assert_int_equal(adopt(false, &id), PH_OK);
	assert_int_not_equal(id, 0);
	assert_int_equal(filter.n, 2);
	assert_string_equal(said, "open answer;open answer;");
	/*
	 * The call is written to the journal, and not told back to the share
	 * process.
	 */
	engine_flush(engine);
	assert_int_equal(nrecord, 1);
	assert_int_equal(shared.n, 0);
	/* The same once more changes nothing. */
	assert_int_equal(adopt(false, &id), PH_OK);
	assert_int_equal(filter.n, 2);
	assert_string_equal(said, "open answer;open answer;");
}

static void
a_bye_seen_here_ends_it_and_is_told(void **state)
{
	uint64_t id;

	(void)state;
	another_box_has_a_call(1);
	assert_int_equal(adopt(false, &id), PH_OK);
	hang_up(1, 2);
	engine_flush(engine);
	assert_int_equal(filter.n, 0);
	assert_true(shared.n > 0);
	assert_int_equal(shared.id, id);
	assert_int_equal(shared.len, 0);
	assert_int_equal(shared.why, REASON_BYE);
	/* Its record comes too late now. */
	assert_int_equal(adopt(false, &id), PH_EGONE);
	assert_int_equal(filter.n, 0);
}

static void
an_id_of_another_box_hits_no_call_here(void **state)
{
	uint64_t id;

	(void)state;
	another_box_has_a_call(1);
	call(2);
	assert_int_equal(adopt(false, &id), PH_OK);
	assert_int_equal(filter.n, 3);
	calls_end(engine_calls(engine), id, REASON_BYE, now);
	assert_int_equal(filter.n, 2);
}

static void
a_later_state_replaces_the_one_here(void **state)
{
	uint64_t id, again;

	(void)state;
	call(1);
	message(false, "INVITE", 1, 2, 4100, "sendrecv");
	message(true, "200 INVITE", 1, 2, 10100, "sendrecv");
	message(false, "ACK", 1, 2, 0, NULL);
	engine_flush(engine);
	theirs = shared;
	engine_begin();
	call(1);
	assert_int_equal(filter.n, 2);
	id = calls_after(engine_calls(engine), 0);
	assert_int_equal(adopt(true, &again), PH_OK);
	assert_int_equal(again, id);
	assert_int_equal(filter.n, 2);
	assert_int_equal(adopt(false, &again), PH_OK);
	assert_int_equal(again, id);
	assert_true(filter.n > 2);
}

static void
what_is_damaged_leaves_everything_as_it_is(void **state)
{
	uint64_t id;
	size_t i, len;

	(void)state;
	another_box_has_a_call(1);
	call(1);
	len = theirs.len;
	for (i = 0; i < len; i++) {
		theirs.len = i;
		assert_int_not_equal(adopt(false, &id), PH_OK);
		assert_int_equal(filter.n, 2);
	}
	theirs.len = len;
	for (i = 0; i < len; i++) {
		theirs.bytes[i] ^= 0xff;
		(void)adopt(false, &id);
		theirs.bytes[i] ^= 0xff;
	}
	engine_flush(engine);
	hang_up(1, 2);
}

static void
the_configuration_here_has_the_last_word(void **state)
{
	uint64_t id;

	(void)state;
	another_box_has_a_call(1);
	configure("media 192.0.2.20\n");
	engine_begin();
	assert_int_equal(adopt(false, &id), PH_OK);
	assert_int_equal(filter.n, 0);
	configure("media 192.0.2.10 port 20000:30000\n");
	engine_begin();
	assert_int_equal(adopt(false, &id), PH_OK);
	assert_int_equal(filter.n, 0);
}

static void
silence_of_a_call_of_another_box_is_judged_there(void **state)
{
	struct calls *c;
	uint64_t id;

	(void)state;
	another_box_has_a_call(1);
	c = engine_calls(engine);
	assert_int_equal(adopt(false, &id), PH_OK);
	calls_role(c, id, CALLS_THEIRS, now);
	pass(500, false);
	assert_int_equal(filter.n, 2);
	assert_int_equal(shared.seen, 0);
	/* Media that passes here is told to the owner. */
	pass(200, true);
	assert_true(shared.seen >= 2);
	/* From now on, it is ours. */
	calls_role(c, id, CALLS_OURS, now);
	pass(90, false);
	assert_int_equal(filter.n, 2);
	pass(30, false);
	assert_int_equal(filter.n, 0);
	engine_flush(engine);
	assert_int_equal(shared.why, REASON_IDLE);
}

static void
media_that_another_box_sees_keeps_a_call(void **state)
{
	struct calls *c;
	uint64_t id;
	int i;

	(void)state;
	call(1);
	c = engine_calls(engine);
	id = calls_after(c, 0);
	for (i = 0; i < 5; i++) {
		pass(70, false);
		calls_seen(c, id, now, now);
		assert_int_equal(filter.n, 2);
	}
	pass(110, false);
	assert_int_equal(filter.n, 0);
}

static void
a_call_that_no_box_owns_ends_unless_media_passes(void **state)
{
	struct calls *c;
	uint64_t id;

	(void)state;
	another_box_has_a_call(1);
	c = engine_calls(engine);
	assert_int_equal(adopt(false, &id), PH_OK);
	engine_flush(engine);
	calls_role(c, id, CALLS_THEIRS, now);
	pass(5, true);
	calls_role(c, id, CALLS_LOST, now);
	assert_int_equal(filter.n, 2);
	engine_flush(engine);
	assert_int_equal(shared.n, 1); /* it is ours */
	pass(CALLS_LOST_S + 1, false);
	calls_role(c, id, CALLS_RELEASED, now);
	assert_int_equal(filter.n, 2);
	engine_flush(engine);
	calls_role(c, id, CALLS_LOST, now);
	assert_int_equal(filter.n, 0);
}

static void
what_the_share_process_took_with_it_is_told_again(void **state)
{
	const uint8_t *p;
	bool changed;
	struct calls *c;
	uint64_t id;
	size_t len;

	(void)state;
	another_box_has_a_call(1);
	c = engine_calls(engine);
	assert_int_equal(adopt(false, &id), PH_OK);
	calls_role(c, id, CALLS_THEIRS, now);
	call(2);
	engine_flush(engine);
	assert_int_equal(shared.n, 1);
	calls_untold(c);
	assert_true(calls_record(c, id, &p, &len, &changed));
	assert_false(changed);
	assert_true(calls_record(c, shared.id, &p, &len, &changed));
	assert_true(changed);
	/* Once. */
	assert_true(calls_record(c, shared.id, &p, &len, &changed));
	assert_false(changed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_another_box_tells_is_opened),
		CASE(a_bye_seen_here_ends_it_and_is_told),
		CASE(an_id_of_another_box_hits_no_call_here),
		CASE(a_later_state_replaces_the_one_here),
		CASE(what_is_damaged_leaves_everything_as_it_is),
		CASE(the_configuration_here_has_the_last_word),
		CASE(silence_of_a_call_of_another_box_is_judged_there),
		CASE(media_that_another_box_sees_keeps_a_call),
		CASE(a_call_that_no_box_owns_ends_unless_media_passes),
		CASE(what_the_share_process_took_with_it_is_told_again),
	};

	return blocks_end(cmocka_run_group_tests(tests, blocks_begin, NULL));
}
