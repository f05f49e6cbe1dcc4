/* SPDX-License-Identifier: ISC */
/*
 * The engine's end of the way to the share process: what goes over the socket,
 * and what comes back by it.
 */
#include <event2/event.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sip/sip.h"
#include "src/base/clock.h"
#include "src/engine/calls.h"
#include "src/engine/sharing.h"
#include "tests/unit/blocks.h"
#include "tests/unit/engine_play.h"

int64_t __wrap_clock_now(void);

/* The host's clock is that of the play. */
int64_t
__wrap_clock_now(void)
{
	return now;
}

static struct sharing sharing;
static struct event_base *base;
static struct ipc peer;
static struct ipc_msg got;
static unsigned int settled;

static void
on_settled(void *ctx)
{
	(void)ctx;
	settled++;
}

static void
share_begin(void)
{
	int fds[2];

	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(&peer, fds[1]);
	sharing_open(&sharing, engine_calls(engine), &fds[0]);
	assert_int_equal(fds[0], -1);
}

static int
begin(void **state)
{
	(void)setup(state);
	settled = 0;
	assert_non_null(base = event_base_new());
	sharing_init(&sharing, base, on_settled, NULL);
	return 0;
}

static int
end(void **state)
{
	sharing_close(&sharing);
	ipc_close(&peer);
	event_base_free(base);
	return teardown(state);
}

/* The next message of the engine's end is of this type, in `got`. */
static void
assert_next(enum ipc_type type)
{
	int fd;

	assert_int_equal(ipc_recv(&peer, &got, &fd), PH_OK);
	assert_int_equal(fd, -1);
	assert_int_equal(got.hdr.type, type);
}

static void
assert_no_more(void)
{
	int fd;

	assert_int_equal(ipc_recv(&peer, &got, &fd), PH_EAGAIN);
}

static void
tell_all(void)
{
	unsigned int i;

	for (i = 0; i < 100 && sharing_run(&sharing); i++)
		continue;
	assert_true(i < 100);
}

static void
a_new_share_process_is_told_every_call(void **state)
{
	uint64_t id;

	(void)state;
	call(1);
	call(2);
	engine_flush(engine);
	assert_false(sharing_run(&sharing));
	share_begin();
	assert_int_equal(settled, 1);
	tell_all();
	assert_next(IPC_SHARE_BEGIN);
	assert_next(IPC_SHARE_CALL);
	assert_int_equal(got.u.share_call.flag, 0);
	assert_int_equal(got.u.share_call.offset, 0);
	assert_int_equal(got.u.share_call.n, got.u.share_call.total);
	id = got.u.share_call.id;
	assert_next(IPC_SHARE_CALL);
	assert_true(got.u.share_call.id > id);
	assert_memory_equal(got.u.share_call.bytes, shared.bytes, shared.len);
	assert_next(IPC_SHARE_END);
	tell_all();
	assert_no_more();
}

static void
a_change_is_told_in_parts(void **state)
{
	static uint8_t big[2 * IPC_SHARE_PART];
	static const uint8_t no_key[IPC_SHARE_KEY];
	struct span names;

	(void)state;
	call(1);
	engine_flush(engine);
	memcpy(big, shared.bytes, shared.len);
	assert_false(sharing_call(&sharing, 7, big, sizeof(big), REASON_NONE));
	share_begin();
	assert_next(IPC_SHARE_BEGIN);
	assert_true(sharing_call(&sharing, 7, big, sizeof(big), REASON_NONE));
	assert_next(IPC_SHARE_CALL);
	assert_int_equal(got.u.share_call.id, 7);
	assert_int_equal(got.u.share_call.flag, 1);
	assert_int_equal(got.u.share_call.offset, 0);
	assert_int_equal(got.u.share_call.total, sizeof(big));
	assert_int_equal(got.u.share_call.n, IPC_SHARE_PART);
	assert_memory_equal(got.u.share_call.key, no_key, sizeof(no_key));
	assert_memory_equal(got.u.share_call.bytes, big, IPC_SHARE_PART);
	assert_int_equal(sip_export_key(shared.bytes + 4, shared.len - 4,
			     &names),
	    PH_OK);
	assert_int_equal(got.u.share_call.names_len, names.len);
	assert_memory_equal(big + got.u.share_call.names_at, names.p,
	    names.len);
	assert_next(IPC_SHARE_CALL);
	assert_int_equal(got.u.share_call.offset, IPC_SHARE_PART);
	assert_int_equal(got.u.share_call.n, IPC_SHARE_PART);
	assert_int_equal(got.u.share_call.total, sizeof(big));
	assert_memory_equal(got.u.share_call.bytes, big + IPC_SHARE_PART,
	    IPC_SHARE_PART);
	assert_no_more();
	/* The end of one is a message of its own; no record is none. */
	assert_true(sharing_call(&sharing, 7, NULL, 0, REASON_BYE));
	assert_next(IPC_SHARE_GONE);
	assert_int_equal(got.u.share_gone.id, 7);
	assert_int_equal(got.u.share_gone.reason, REASON_BYE);
	memset(big, 0xff, sizeof(big));
	assert_true(sharing_call(&sharing, 7, big, sizeof(big), REASON_NONE));
	assert_no_more();
}

static void
media_are_told_by_their_age(void **state)
{
	(void)state;
	sharing_seen(&sharing, 7, now, now);
	share_begin();
	assert_next(IPC_SHARE_BEGIN);
	sharing_seen(&sharing, 7, 0, clock_now() - 5 * USEC_PER_SEC);
	assert_next(IPC_SHARE_SEEN);
	assert_int_equal(got.u.share_seen.id, 7);
	assert_int_equal(got.u.share_seen.inside_s, UINT32_MAX);
	assert_in_range(got.u.share_seen.outside_s, 5, 6);
	/* The clock was set back. */
	sharing_seen(&sharing, 7, clock_now() + 100 * USEC_PER_SEC, 0);
	assert_next(IPC_SHARE_SEEN);
	assert_int_equal(got.u.share_seen.inside_s, 0);
	assert_int_equal(got.u.share_seen.outside_s, UINT32_MAX);
	assert_no_more();
}

/* The record in `shared`, in two parts. */
static void
offer(uint32_t second_at)
{
	static struct ipc_msg m;
	struct ipc_share_call *c = &m.u.share_call;
	uint32_t half = (uint32_t)shared.len / 2;

	memset(c, 0, sizeof(*c));
	c->key[0] = 42;
	c->total = (uint32_t)shared.len;
	c->n = half;
	memcpy(c->bytes, shared.bytes, half);
	assert_int_equal(ipc_send(&peer, IPC_SHARE_CALL, 0, &m, -1), PH_OK);
	c->offset = second_at;
	c->n = (uint32_t)shared.len - half;
	memcpy(c->bytes, shared.bytes + half, c->n);
	assert_int_equal(ipc_send(&peer, IPC_SHARE_CALL, 0, &m, -1), PH_OK);
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
what_comes_in_parts_is_taken_whole(void **state)
{
	static struct ipc_msg m;
	struct shared theirs;

	(void)state;
	call(1);
	engine_flush(engine);
	theirs = shared;
	engine_begin();
	shared = theirs;
	share_begin();
	assert_next(IPC_SHARE_BEGIN);
	/* A part is missing. */
	offer((uint32_t)shared.len / 2 + 1);
	assert_no_more();
	assert_int_equal(filter.n, 0);
	offer((uint32_t)shared.len / 2);
	assert_next(IPC_SHARE_TOOK);
	assert_int_equal(got.u.share_took.err, PH_OK);
	assert_int_equal(got.u.share_took.key[0], 42);
	assert_int_equal(filter.n, 2);
	m.u.share_gone = (struct ipc_share_gone) { .id = got.u.share_took.id,
		.reason = REASON_COUNT };
	assert_int_equal(ipc_send(&peer, IPC_SHARE_GONE, 0, &m, -1), PH_OK);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(filter.n, 2);
	m.u.share_gone.reason = REASON_BYE;
	assert_int_equal(ipc_send(&peer, IPC_SHARE_GONE, 0, &m, -1), PH_OK);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(filter.n, 0);
}

static void
a_share_process_that_did_not_read_is_told_again(void **state)
{
	static uint8_t big[4 * IPC_SHARE_PART];
	unsigned int i, all = 0;
	int fd;

	(void)state;
	call(1);
	engine_flush(engine);
	memcpy(big, shared.bytes, shared.len);
	share_begin();
	tell_all();
	for (i = 0; i < 100000 && !sharing.channel.dropped; i++)
		sharing_call(&sharing, 7, big, sizeof(big), REASON_NONE);
	assert_true(sharing.channel.dropped);
	assert_int_equal(sharing.gaps, 0);
	for (i = 0; i < 100000 && ipc_unsent(&sharing.channel.ipc); i++) {
		while (ipc_recv(&peer, &got, &fd) == PH_OK)
			continue;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	while (ipc_recv(&peer, &got, &fd) == PH_OK)
		continue;
	tell_all();
	assert_int_equal(sharing.gaps, 1);
	assert_next(IPC_SHARE_BEGIN);
	while (ipc_recv(&peer, &got, &fd) == PH_OK && fd == -1 &&
	    got.hdr.type == IPC_SHARE_CALL)
		all++;
	assert_int_equal(all, 1);
	assert_int_equal(got.hdr.type, IPC_SHARE_END);
}

static void
say(enum ipc_type type)
{
	unsigned int before = settled;

	assert_int_equal(ipc_send(&peer, type, 0, &got, -1), PH_OK);
	memset(&got, 0, sizeof(got));
	while (settled == before)
		assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
}

static void
say_role(uint64_t id, uint32_t role)
{
	got.u.share_role = (struct ipc_share_role) { .id = id, .role = role };
	say(IPC_SHARE_ROLE);
}

static void
say_gone(uint64_t id, uint32_t why)
{
	got.u.share_gone = (struct ipc_share_gone) { .id = id, .reason = why };
	say(IPC_SHARE_GONE);
}

/* Silence is judged there, as it says, and here when it is gone. */
static void
a_share_process_says_who_judges(void **state)
{
	int none = -1;
	uint64_t id;

	(void)state;
	/* A message without its descriptor opens nothing. */
	sharing_open(&sharing, engine_calls(engine), &none);
	assert_int_equal(settled, 0);
	assert_false(sharing.telling);
	call(1);
	engine_flush(engine);
	id = calls_after(engine_calls(engine), 0);
	share_begin();
	tell_all();
	say_role(id, CALLS_THEIRS);
	pass(150, false);
	say_role(id, CALLS_LOST + 1);
	say_role(id + 7, CALLS_OURS);
	pass(150, false);
	assert_int_equal(filter.n, 2);
	/* Of another message nothing is done. */
	say(IPC_SHARE_END);
	assert_int_equal(filter.n, 2);
	ipc_close(&peer);
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	assert_false(sharing_run(&sharing));
	/* From now on this box judges, and begins to count. */
	pass(99, false);
	assert_int_equal(filter.n, 2);
	pass(2, false);
	assert_int_equal(filter.n, 0);
	assert_non_null(strstr(said, "close idle;"));
}

static void
a_share_process_says_what_is_over(void **state)
{
	uint64_t id;

	(void)state;
	call(1);
	engine_flush(engine);
	id = calls_after(engine_calls(engine), 0);
	share_begin();
	tell_all();
	say_gone(id, REASON_COUNT);
	say_gone(id + 7, REASON_BYE);
	assert_int_equal(filter.n, 2);
	/* Media that another box sees, by its age. */
	now += 150 * USEC_PER_SEC;
	got.u.share_seen = (struct ipc_share_seen) { .id = id,
		.inside_s = UINT32_MAX,
		.outside_s = UINT32_MAX };
	say(IPC_SHARE_SEEN);
	now -= 150 * USEC_PER_SEC;
	pass(90, false);
	assert_int_equal(filter.n, 2);
	say_gone(id, REASON_REJECT);
	assert_int_equal(filter.n, 0);
	assert_non_null(strstr(said, "close reject;close reject;"));
}

/* A call of a box that was lost is judged here, by what is known of it. */
static void
a_call_that_was_lost_is_judged(void **state)
{
	static const struct {
		uint32_t role;
		size_t holes;
	} rows[] = { { CALLS_THEIRS, 2 }, { CALLS_OURS, 2 },
		{ CALLS_RELEASED, 0 }, { CALLS_LOST, 0 },
		{ CALLS_LOST + 1, 2 } };
	uint64_t id;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		engine_begin();
		call(1);
		engine_flush(engine);
		id = calls_after(engine_calls(engine), 0);
		share_begin();
		tell_all();
		say_role(id, CALLS_THEIRS);
		now += 1000 * USEC_PER_SEC;
		say_role(id, rows[i].role);
		assert_int_equal(filter.n, rows[i].holes);
		ipc_close(&peer);
		sharing_close(&sharing);
	}
}

/* The age of media is no role, whatever number it is. */
static void
what_is_seen_is_no_role(void **state)
{
	uint32_t i;
	uint64_t id;

	(void)state;
	call(1);
	engine_flush(engine);
	id = calls_after(engine_calls(engine), 0);
	share_begin();
	tell_all();
	now += 500 * USEC_PER_SEC;
	for (i = 0; i <= CALLS_LOST; i++) {
		say_role(id, CALLS_THEIRS);
		got.u.share_seen = (struct ipc_share_seen) { .id = id,
			.inside_s = i,
			.outside_s = i };
		say(IPC_SHARE_SEEN);
		assert_int_equal(filter.n, 2);
	}
	/* Nor did one of them make it ours. */
	pass(300, false);
	assert_int_equal(filter.n, 2);
	say_gone(id, REASON_BYE);
	assert_int_equal(filter.n, 0);
}

/* Media that other boxes see, from one side alone: when the call ends. */
static void
media_of_other_boxes_are_life(void **state)
{
	static const struct {
		uint32_t inside_s, outside_s;
		int64_t lives; /* seconds in all */
	} rows[] = {
		{ UINT32_MAX, UINT32_MAX, 100 },
		/* The inside is heard four times, the last time at 356 s. */
		{ 4, UINT32_MAX, 456 },
		{ 4, 4, 456 },
		/* The outside alone is not enough for ever. */
		{ UINT32_MAX, 4, 400 },
		{ 80, 4, 456 },
	};
	int64_t began, at, last;
	uint64_t id;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		engine_begin();
		call(1);
		engine_flush(engine);
		id = calls_after(engine_calls(engine), 0);
		share_begin();
		tell_all();
		began = now;
		for (at = 0; at < 500; at += 90) {
			if (at > 0 && at < 400) {
				got.u.share_seen =
				    (struct ipc_share_seen) { .id = id,
					    .inside_s = rows[i].inside_s,
					    .outside_s = rows[i].outside_s };
				say(IPC_SHARE_SEEN);
			}
			for (last = now; now < last + 90 * USEC_PER_SEC;) {
				if (filter.n == 0)
					break;
				pass(1, false);
			}
			if (filter.n == 0)
				break;
		}
		assert_in_range((now - began) / USEC_PER_SEC, rows[i].lives,
		    rows[i].lives + 1);
		ipc_close(&peer);
		sharing_close(&sharing);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define SHARE(f) cmocka_unit_test_setup_teardown(f, begin, end)
		SHARE(a_new_share_process_is_told_every_call),
		SHARE(a_change_is_told_in_parts),
		SHARE(media_are_told_by_their_age),
		SHARE(what_comes_in_parts_is_taken_whole),
		SHARE(a_share_process_that_did_not_read_is_told_again),
		SHARE(a_share_process_says_who_judges),
		SHARE(a_share_process_says_what_is_over),
		SHARE(a_call_that_was_lost_is_judged),
		SHARE(what_is_seen_is_no_role),
		SHARE(media_of_other_boxes_are_life),
	};

	return blocks_end(cmocka_run_group_tests(tests, blocks_begin, NULL));
}
