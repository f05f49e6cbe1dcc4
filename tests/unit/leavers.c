/* SPDX-License-Identifier: ISC */
/* Which proxy processes of before may stay, and for how long. */
#include <sys/socket.h>

#include <signal.h>
#include <unistd.h>

#include "src/monitor/leavers.h"
#include "tests/unit/unit.h"

static struct leavers l;
static int peer[2 * LEAVERS];
static pid_t next_pid;

/* A child that is nobody: its number is no process's. */
static struct child
child(int i)
{
	struct child c;
	int fds[2];

	child_init(&c, CHILD_PROXY);
	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(&c.ipc, fds[0]);
	peer[i] = fds[1];
	c.pid = next_pid++;
	c.since = i;
	c.state = CHILD_QUITTING;
	c.linked = true;
	return c;
}

static int
begin(void **state)
{
	int i;

	(void)state;
	/* Beyond what the kernel gives away. */
	next_pid = 0x7f000000;
	for (i = 0; i < 2 * LEAVERS; i++)
		peer[i] = -1;
	leavers_init(&l);
	return 0;
}

static int
end(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < LEAVERS; i++)
		ipc_close(&l.v[i].ipc);
	for (i = 0; i < 2 * LEAVERS; i++)
		if (peer[i] != -1)
			close(peer[i]);
	return 0;
}

static void
take(int i, int64_t now)
{
	struct child c = child(i);

	leavers_take(&l, &c, now);
	ipc_close(&c.ipc);
}

/* The one that was started then; places are nobody's. */
static struct child *
since(int64_t when)
{
	int i;

	for (i = 0; i < LEAVERS; i++)
		if (l.v[i].state != CHILD_NONE && l.v[i].since == when)
			return &l.v[i];
	return NULL;
}

static int
how_many(enum child_state state)
{
	int i, n = 0;

	for (i = 0; i < LEAVERS; i++)
		n += l.v[i].state == state;
	return n;
}

static void
the_last_place_is_kept_free(void **state)
{
	struct child c, *old;
	int i;

	(void)state;
	for (i = 0; i < LEAVERS - 1; i++)
		take(i, 100);
	assert_int_equal(how_many(CHILD_READY), LEAVERS - 1);
	for (i = 0; i < LEAVERS; i++)
		assert_false(l.v[i].linked);
	/* With the last, the one that has stayed for longest goes. */
	old = since(1);
	old->since = -5;
	take(LEAVERS - 1, 200);
	assert_int_equal(how_many(CHILD_READY), LEAVERS - 1);
	assert_int_equal(old->state, CHILD_QUITTING);
	assert_true(old->patience > 200);
	/* No place at all: it is told to go itself. */
	c = child(LEAVERS);
	leavers_take(&l, &c, 300);
	assert_int_equal(c.state, CHILD_QUITTING);
	assert_int_equal(c.patience, old->patience + 100);
	ipc_close(&c.ipc);
}

static void
who_has_gone_leaves_a_place(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < LEAVERS - 1; i++)
		take(i, 100);
	leavers_died(since(1), 0, 200);
	assert_null(since(1));
	leavers_died(since(0), SIGKILL, 200);
	assert_int_equal(how_many(CHILD_NONE), LEAVERS);
	/* There is room: no process has to go for the next. */
	take(LEAVERS, 300);
	take(LEAVERS + 1, 300);
	assert_int_equal(how_many(CHILD_READY), 2);
}

static void
all_are_told_that_the_firewall_process_is_another(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < LEAVERS - 1; i++) {
		take(i, 100);
		l.v[i].linked = true;
	}
	leavers_unlink(&l);
	for (i = 0; i < LEAVERS; i++)
		assert_false(l.v[i].linked);
}

static void
all_go_at_the_end(void **state)
{

	(void)state;
	assert_true(leavers_quit(&l, 1));
	take(0, 100);
	take(1, 100);
	assert_false(leavers_quit(&l, 200));
	assert_int_equal(how_many(CHILD_QUITTING), 2);
	leavers_died(since(0), 0, 300);
	assert_false(leavers_quit(&l, 300));
	leavers_died(since(1), 0, 300);
	assert_true(leavers_quit(&l, 500));
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_last_place_is_kept_free),
		T(who_has_gone_leaves_a_place),
		T(all_are_told_that_the_firewall_process_is_another),
		T(all_go_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
