/* SPDX-License-Identifier: ISC */
/* The firewall process: how it starts, what it ends for, and what it leaves. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/fwproc_play.h"

#define SECOND USEC_PER_SEC
#define OPENED "fork config own open00 resume priority latency sandbox "

static int
fresh(void)
{
	int rc = play_teardown(NULL);

	return play_setup(NULL) + rc;
}

static void
it_starts_in_this_order(void **state)
{
	char want[128];
	int i;

	(void)state;
	for (i = 0; i < 6; i++) {
		assert_int_equal(i == 0 ? 0 : fresh(), 0);
		play.adopt = i & 1;
		play.nownprotected = (size_t)i / 2;
		begin();
		snprintf(want, sizeof(want),
		    "fork config own open%d%d resume priority latency sandbox "
		    "table init ",
		    i & 1, i > 1);
		CALLS(want);
		LOGGED("");
		HEARD(&play.monitor, "ready0 ");
		WAITS("------r--");
		assert_int_equal(play.until, play.now + 10 * SECOND);
		assert_false(play.config->yield);
		assert_int_equal(play.detached, 0);
	}
}

static void
what_fails_at_the_start_is_said(void **state)
{
	static const struct {
		const char *calls, *log;
	} rows[] = {
		{ "fork config ", "out of memory;" },
		{ "fork config own ", "no addresses;" },
		{ "fork config own open00 ", "notes: no device;" },
		{ OPENED, "no sandbox;" },
		{ OPENED "table ", "out of memory;" },
		{ OPENED "table ", "cannot send to the monitor;" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		assert_int_equal(i == 0 ? 0 : fresh(), 0);
		play.no_config = i == 0;
		play.own_rc = i == 1 ? PH_EIO : PH_OK;
		play.open_rc = i == 2 ? PH_EIO : PH_OK;
		play.sandbox_rc = i == 3 ? PH_EIO : PH_OK;
		play.no_table = i == 4;
		play.refused = i == 5 ? IPC_READY : 0;
		play.refused_rc = PH_EGONE;
		begin();
		CALLS(rows[i].calls);
		LOGGED(rows[i].log);
		assert_int_equal(ended(), 2);
	}
}

static void
quit(uint32_t keep)
{
	msg.u.quit.keep = keep;
	say(&play.monitor, IPC_QUIT, 1);
	turn();
}

/*
 * What waits is let go before the table is taken away, and stays so.  A filter
 * that needs a pause for itself gets it once, however often it asks.
 */
static void
told_to_go_it_keeps_or_closes(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_int_equal(i == 0 ? 0 : fresh(), 0);
		play.pauses = true;
		begin();
		CALLS("fork config own pause open00 resume resume priority "
		      "latency sandbox table init ");
		(void)client(IPC_ENGINE);
		want(&play.client[0], 1, 4000, 60);
		turn();
		CALLS("pause +4000 resume ");
		quit(i);
		if (i == 0)
			CALLS("pause close0 table-free config-free ");
		else
			CALLS("pause close1 resume table-free config-free ");
		assert_int_equal(ended(), 0);
		LOGGED("");
	}
}

static void
begin_behind(void)
{
	begin();
	play.commit_rc = PH_EAGAIN;
	want(client(IPC_ENGINE), 1, 4000, 60);
	turn();
	(void)calls();
}

/* Two seconds for a filter that refuses for now, if its pinholes stay. */
static void
it_waits_for_the_filter_before_it_goes(void **state)
{
	int64_t told;

	(void)state;
	begin_behind();
	quit(0);
	assert_true(is_over());
	CALLS("pause close0 table-free config-free ");
	assert_int_equal(ended(), 0);

	assert_int_equal(fresh(), 0);
	begin_behind();
	quit(1);
	told = play.now;
	assert_false(is_over());
	assert_false(play.config->yield);
	play.now += SECOND + 5;
	turn();
	CALLS("refused ");
	/* To be told again makes no difference. */
	quit(1);
	assert_false(is_over());
	play.now = told + 2 * SECOND - 1;
	turn();
	CALLS("refused ");
	assert_false(is_over());
	assert_int_equal(play.until, told + 2 * SECOND);
	play.now++;
	turn();
	CALLS("close1 table-free config-free ");
	assert_int_equal(ended(), 0);

	assert_int_equal(fresh(), 0);
	begin_behind();
	quit(1);
	play.commit_rc = PH_OK;
	assert_true(play.until < play.now + 2 * SECOND);
	play.now = play.until;
	turn();
	CALLS("+4000 close1 table-free config-free ");
	assert_int_equal(ended(), 0);
}

static void
term_counts_without_a_monitor(void **state)
{
	(void)state;
	begin();
	(void)client(IPC_ENGINE);
	(void)calls();
	term();
	turn();
	assert_false(is_over());
	/* One from its time, which waits to be let through, neither. */
	play.pending = true;
	ipc_close(&play.monitor);
	turn();
	CALLS("signals ");
	LOGGED("the monitor is gone; carrying on without it;");
	WAITS("r--------");
	turn();
	assert_false(is_over());
	CALLS("");
	term();
	turn();
	CALLS("pause close0 table-free config-free ");
	LOGGED("");
	assert_int_equal(ended(), 0);
}

/* A monitor that has told it to go may be gone before. */
static void
who_was_told_to_go_does_not_miss_the_monitor(void **state)
{
	(void)state;
	begin_behind();
	quit(1);
	ipc_close(&play.monitor);
	turn();
	LOGGED("");
	assert_false(is_over());
	play.now += 2 * SECOND;
	turn();
	CALLS("signals refused close1 table-free config-free ");
	assert_int_equal(ended(), 0);
}

/* Any client is a reason to stay, and so is what was wanted last. */
static void
it_stays_as_long_as_anybody_needs_it(void **state)
{
	struct ipc *c;
	int role;

	(void)state;
	for (role = 0; role < IPC_NROLES; role++) {
		assert_int_equal(role == 0 ? 0 : fresh(), 0);
		begin();
		c = client((enum ipc_role)role);
		ipc_close(&play.monitor);
		turn();
		turn();
		assert_false(is_over());
		ipc_close(c);
		turn();
		assert_int_equal(ended(), 0);
	}
	assert_int_equal(fresh(), 0);
	begin();
	c = client(IPC_ENGINE);
	want(c, 1, 4000, 60);
	turn();
	ipc_close(c);
	ipc_close(&play.monitor);
	turn();
	play.now += 60 * SECOND - 1;
	turn();
	assert_false(is_over());
	(void)calls();
	play.now++;
	assert_int_equal(play.until, play.now);
	turn();
	CALLS("-4000 pause close0 table-free config-free ");
	assert_int_equal(ended(), 0);
}

/*
 * Only one that was made for nothing leaves what it found, and only where the
 * kernel knows the deadlines.
 */
static void
made_for_nothing_it_keeps_what_it_found(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 8; i++) {
		assert_int_equal(i == 0 ? 0 : fresh(), 0);
		play.adopt = i & 1;
		play.ops.caps = ~(i & 2 ? 0u : FW_CAP_DEADLINE);
		begin();
		if (i & 4)
			ipc_close(client(IPC_PROXY));
		ipc_close(&play.monitor);
		turn();
		assert_non_null(
		    strstr(calls(), i == 3 ? "close1 " : "pause close0 "));
		assert_int_equal(ended(), 0);
	}
}

/* Time passes, with a look at our own addresses every ten seconds. */
static void
pass(int64_t us)
{
	int64_t end = play.now + us;

	while (play.until < end) {
		play.now = play.until;
		turn();
	}
	play.now = end;
}

#define GIVEN_UP "no engine has come; closing the pinholes of an earlier run;"

static void
what_nobody_asks_for_is_given_up(void **state)
{
	int64_t at;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		assert_int_equal(i == 0 ? 0 : fresh(), 0);
		play.adopt = i < 3;
		begin();
		at = play.now + 35 * SECOND;
		if (i > 0)
			say(client(i == 1 ? IPC_PROXY : IPC_ENGINE), IPC_SETTLE,
			    1);
		turn();
		assert_int_equal(strstr(calls(), "settle ") != NULL, i > 1);
		pass(35 * SECOND - 1);
		CALLS("own own own ");
		assert_int_equal(play.until, i < 2 ? at : at + 5 * SECOND);
		turn();
		CALLS("");
		LOGGED("");
		play.now++;
		turn();
		CALLS(i < 2 ? "settle " : "");
		LOGGED(i < 2 ? GIVEN_UP : "");
		assert_int_equal(play.until, at + 5 * SECOND);
		pass(60 * SECOND);
		CALLS("own own own own own own ");
		LOGGED("");
	}
}

/* The engine has named what it wants: the rest is closed, and not before. */
static void
what_a_successor_does_not_name_is_closed(void **state)
{
	struct ipc *e;

	(void)state;
	begin();
	e = client(IPC_ENGINE);
	want(e, 1, 4000, 60);
	turn();
	want(e, 2, 4002, 60);
	turn();
	ipc_close(e);
	turn();
	(void)calls();
	e = client(IPC_ENGINE);
	say(e, IPC_BEGIN, 1);
	turn();
	CALLS("");
	HEARD(e, "");
	want(e, 1, 4004, 60);
	turn();
	want(e, 2, 4002, 60);
	turn();
	CALLS("+4004 ");
	say(e, IPC_SETTLE, 1);
	turn();
	CALLS("-4000 settle ");
}

#define T(f) cmocka_unit_test_setup_teardown(f, play_setup, play_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_starts_in_this_order),
		T(what_fails_at_the_start_is_said),
		T(told_to_go_it_keeps_or_closes),
		T(it_waits_for_the_filter_before_it_goes),
		T(term_counts_without_a_monitor),
		T(who_was_told_to_go_does_not_miss_the_monitor),
		T(it_stays_as_long_as_anybody_needs_it),
		T(made_for_nothing_it_keeps_what_it_found),
		T(what_nobody_asks_for_is_given_up),
		T(what_a_successor_does_not_name_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
