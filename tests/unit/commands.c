/* SPDX-License-Identifier: ISC */
/*
 * The requests of a status process, which an attacker may control, to the
 * monitor.
 */
#include <string.h>
#include <unistd.h>

#include "src/monitor/insides.h"
#include "tests/unit/unit.h"

static struct monitor m;
static struct generation g;
static struct conf conf;
static struct ipc status;

static int
begin(void **state)
{
	int fds[2], i;

	(void)state;
	memset(&m, 0, sizeof(m));
	memset(&g, 0, sizeof(g));
	for (i = 0; i < CHILD_NROLES; i++)
		child_init(&g.child[i], (enum child_role)i);
	leavers_init(&m.leavers);
	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(&g.child[CHILD_STATUS].ipc, fds[0]);
	ipc_init(&status, fds[1]);
	g.conf = &conf;
	m.cur = &g;
	m.phase = PHASE_RUNNING;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	ipc_close(&g.child[CHILD_STATUS].ipc);
	ipc_close(&status);
	return 0;
}

static enum ph_err
ask(uint32_t kind, uint32_t value)
{
	static struct ipc_msg answer;
	int fd;

	m.msg.hdr.type = IPC_COMMAND;
	m.msg.hdr.seq = 7;
	m.msg.u.command = (struct ipc_command) { kind, value };
	status_message(&m);
	if (ipc_recv(&status, &answer, &fd) != PH_OK)
		return PH_OK; /* later */
	if (fd != -1)
		close(fd);
	assert_int_equal(answer.hdr.type, IPC_DONE);
	assert_int_equal(answer.hdr.seq, 7);
	return (enum ph_err)answer.u.done.err;
}

static void
what_is_no_command_is_refused(void **state)
{
	(void)state;
	assert_int_equal(ask(99, 0), PH_EUNSUPPORTED);
	assert_int_equal(ask(UINT32_MAX, 0), PH_EUNSUPPORTED);
}

static void
one_reload_at_a_time(void **state)
{
	(void)state;
	assert_int_equal(ask(IPC_COMMAND_RELOAD, 0), PH_OK);
	assert_true(m.reload_again);
	assert_int_equal(ask(IPC_COMMAND_RELOAD, 0), PH_EAGAIN);
}

static void
the_level_of_logs_does_not_change_all_the_time(void **state)
{
	int i, obeyed = 0;

	(void)state;
	for (i = 0; i < 1000; i++)
		obeyed += ask(IPC_COMMAND_LOG, i % 2 == 0) == PH_OK;
	assert_in_range(obeyed, 2, 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_no_command_is_refused,
		    begin, end),
		cmocka_unit_test_setup_teardown(one_reload_at_a_time, begin,
		    end),
		cmocka_unit_test_setup_teardown(
		    the_level_of_logs_does_not_change_all_the_time, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
