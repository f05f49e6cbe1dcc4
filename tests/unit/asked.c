/* SPDX-License-Identifier: ISC */
/* Questions of the status process: when they are answered, and which are not.
 */
#include <stdio.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/engine/asked.h"
#include "tests/unit/engine_play.h"

int64_t __wrap_clock_now(void);

/* Each look at the clock takes `step` microseconds. */
static int64_t clock_at, step;

int64_t
__wrap_clock_now(void)
{
	clock_at += step;
	return clock_at;
}

static struct asked asked;
static struct feed feed;
static struct ipc ours, theirs;
static char told[65536];

static bool
nothing_to_tell(void *ctx, uint64_t *at)
{
	(void)ctx;
	(void)at;
	return false;
}

static void
nothing_counted(void *ctx,
    void (*each)(void *each_ctx, const char *name, uint64_t v, bool gauge),
    void *each_ctx)
{
	(void)ctx;
	(void)each;
	(void)each_ctx;
}

static int
begin(void **state)
{
	const struct feed_calls calls = { nothing_to_tell, nothing_counted,
		NULL };
	int fds[2];

	memset(&asked, 0, sizeof(asked));
	clock_at = 1000000;
	step = 0;
	if (setup(state) != 0 || ipc_pair(fds) != PH_OK)
		return -1;
	ipc_init(&ours, fds[0]);
	ipc_init(&theirs, fds[1]);
	feed_init(&feed, &calls, &ours);
	return 0;
}

static int
end(void **state)
{
	ipc_close(&ours);
	ipc_close(&theirs);
	return teardown(state);
}

static void
ask(uint64_t seq, uint64_t id, const char *name)
{
	static struct ipc_msg m;

	memset(&m, 0, sizeof(m));
	m.hdr.type = IPC_EXPLAIN;
	m.hdr.seq = seq;
	m.u.which.id = id;
	m.u.which.n = (uint32_t)strlen(name);
	memcpy(m.u.which.call, name, m.u.which.n);
	asked_put(&asked, &feed, &m);
}

/* "seq err", and the text in `told`; "" without an answer. */
static const char *
answer(void)
{
	static struct ipc_msg m;
	static char text[64];
	int fd;

	told[0] = text[0] = '\0';
	while (ipc_recv(&theirs, &m, &fd) == PH_OK)
		if (m.hdr.type == IPC_FEED_TEXT)
			strncat(told, m.u.feed_text.text, m.u.feed_text.n);
		else {
			assert_int_equal(m.hdr.type, IPC_DONE);
			assert_int_equal(m.u.done.n, 0);
			snprintf(text, sizeof(text), "%d %s", (int)m.hdr.seq,
			    ph_strerror((enum ph_err)m.u.done.err));
			break;
		}
	return text;
}

static void
run(void)
{
	asked_run(&asked, &feed, engine, conf);
}

static const char *
outcome(uint64_t seq, enum ph_err err)
{
	static char text[64];

	snprintf(text, sizeof(text), "%d %s", (int)seq, ph_strerror(err));
	return text;
}

static void
one_question_waits_for_its_turn(void **state)
{
	(void)state;
	call(1);
	assert_int_equal(asked_due(&asked), INT64_MAX);
	run();
	assert_string_equal(answer(), "");
	ask(5, 0, "c");
	assert_int_equal(asked_due(&asked), 0);
	/* Another one at the same time is told to come again. */
	ask(6, 0, "zzz");
	assert_string_equal(answer(), outcome(6, PH_EAGAIN));
	assert_string_equal(told, "");
	run();
	assert_string_equal(answer(), outcome(5, PH_OK));
	assert_int_equal(strncmp(told, "call c", 6), 0);
	assert_int_equal(asked_due(&asked), INT64_MAX);
	/* It is answered once. */
	run();
	assert_string_equal(answer(), "");
	ask(7, 0, "zzz");
	run();
	assert_string_equal(answer(), outcome(7, PH_EGONE));
	assert_non_null(strstr(told, "No Call-ID begins with \"zzz\""));
	ask(8, 1, "");
	run();
	assert_string_equal(answer(), outcome(8, PH_OK));
}

/* An answer that took long is not followed by another one soon. */
static void
answers_get_a_20th_of_the_time(void **state)
{
	int64_t due;

	(void)state;
	call(1);
	step = 100;
	ask(5, 0, "c");
	run();
	assert_string_equal(answer(), outcome(5, PH_OK));
	due = asked.next;
	/* It began at the first look, and there were two more at least. */
	assert_true(due >= 1000100 + 20 * 200);
	assert_int_equal((due - 1000100) % 2000, 0);
	assert_int_equal(due, 1000100 + 20 * (clock_at - 1000100));
	ask(6, 0, "c");
	assert_int_equal(asked_due(&asked), due);
	step = 0;
	clock_at = due - 1;
	run();
	assert_string_equal(answer(), "");
	clock_at = due;
	run();
	assert_string_equal(answer(), outcome(6, PH_OK));
	/* This one took no time. */
	assert_int_equal(asked.next, due);
}

/* The engine says which side sends, by its own clock. */
static void
a_running_call_has_its_media(void **state)
{
	(void)state;
	call(1);
	clock_at = now;
	ask(5, 0, "c");
	run();
	assert_string_equal(answer(), outcome(5, PH_OK));
	assert_non_null(strstr(told,
	    "Through its pinholes, the inside has not been looked at yet"));
	pass(3, true);
	clock_at = now + 4 * USEC_PER_SEC;
	ask(6, 0, "c");
	run();
	assert_string_equal(answer(), outcome(6, PH_OK));
	assert_non_null(strstr(told,
	    "Through its pinholes, the inside was last seen to send 4 s ago, "
	    "and the outside was last seen to send 4 s ago."));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(one_question_waits_for_its_turn),
		TEST(answers_get_a_20th_of_the_time),
		TEST(a_running_call_has_its_media),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
