/* SPDX-License-Identifier: ISC */
/*
 * The proxy process as its neighbours see it: a real process, whose monitor,
 * firewall and status process and clients are the test.
 */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/timers.h"
#include "src/process/checkpoint.h"
#include "tests/unit/proxy_process_play.h"

static void
services_begin_with_a_firewall_process(void **state)
{
	int ftp, tftp;

	(void)state;
	start();
	ftp = client(SOCK_STREAM, LISTEN_FTP);
	assert_string_equal(heard(ftp, 50), "");
	/* One message without its descriptor is no firewall process. */
	tell(&monitor, IPC_FW, 0, -1);
	link_it();
	(void)expect(&fw, IPC_ORIGINAL);
	assert_int_equal(msg.u.original.flow.client.port, name_of(ftp).port);
	answer_nowhere(msg.hdr.seq);
	assert_string_equal(heard(ftp, PATIENCE), NO_SERVER);
	close(ftp);
	tftp = client(SOCK_DGRAM, LISTEN_TFTP);
	assert_int_equal(send(tftp, "\0\1boot\0octet\0", 13, 0), 13);
	(void)expect(&fw, IPC_ORIGINAL);
	answer_nowhere(msg.hdr.seq);
	assert_memory_equal(heard(tftp, PATIENCE), "\0\5\0\0", 4);
	close(tftp);
	/* Its successor is told everything, and nothing starts twice. */
	link_it();
	ftp = client(SOCK_STREAM, LISTEN_FTP);
	(void)expect(&fw, IPC_ORIGINAL);
	answer_nowhere(msg.hdr.seq);
	assert_string_equal(heard(ftp, PATIENCE), NO_SERVER);
	close(ftp);
	process_quit();
}

static void
who_leaves_without_sessions_goes(void **state)
{
	enum ph_err rc;
	int fd;

	(void)state;
	start();
	link_it();
	tell(&monitor, IPC_LEAVE, 0, -1);
	assert_int_equal(process_status(), 0);
	/* It does not say first that it goes on. */
	while ((rc = ipc_recv(&monitor, &msg, &fd)) == PH_OK)
		assert_int_equal(msg.hdr.type, IPC_BEAT);
	assert_int_equal(rc, PH_EGONE);
}

/* No question comes to the firewall process for a while. */
static void
assert_nothing_asked(void)
{
	struct pollfd p = { .fd = fw.fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 50), 0);
}

static void
who_leaves_with_sessions_ends_them(void **state)
{
	uint64_t seq;
	int ftp, other;

	(void)state;
	start();
	link_it();
	ftp = client(SOCK_STREAM, LISTEN_FTP);
	(void)expect(&fw, IPC_ORIGINAL);
	seq = msg.hdr.seq;
	tell(&monitor, IPC_LEAVE, 0, -1);
	(void)expect(&monitor, IPC_READY);
	/* It accepts nothing any more. */
	other = client(SOCK_STREAM, LISTEN_FTP);
	assert_string_equal(heard(other, 50), "");
	close(other);
	/* Nor changes of tables, for a successor has the journal. */
	close(send_entry("203.0.113.9"));
	assert_nothing_asked();
	answer_nowhere(seq);
	assert_string_equal(heard(ftp, PATIENCE), NO_SERVER);
	close(ftp);
	assert_int_equal(process_status(), 0);
}

/* Of both services; it goes with the last. */
static void
who_leaves_waits_for_sessions_of_each_service(void **state)
{
	uint64_t seq[2];
	int ftp, tftp;

	(void)state;
	start();
	link_it();
	ftp = client(SOCK_STREAM, LISTEN_FTP);
	(void)expect(&fw, IPC_ORIGINAL);
	seq[0] = msg.hdr.seq;
	tftp = client(SOCK_DGRAM, LISTEN_TFTP);
	assert_int_equal(send(tftp, "\0\1boot\0octet\0", 13, 0), 13);
	(void)expect(&fw, IPC_ORIGINAL);
	seq[1] = msg.hdr.seq;
	tell(&monitor, IPC_LEAVE, 0, -1);
	(void)expect(&monitor, IPC_READY);
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
	answer_nowhere(seq[0]);
	assert_string_equal(heard(ftp, PATIENCE), NO_SERVER);
	(void)poll(NULL, 0, 2000 / FASTER);
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
	answer_nowhere(seq[1]);
	assert_memory_equal(heard(tftp, PATIENCE), "\0\5\0\0", 4);
	close(ftp);
	close(tftp);
	assert_int_equal(process_status(), 0);
}

static void
who_is_there_for_one_service_goes_when_idle(void **state)
{
	int64_t begun;

	(void)state;
	args.until_idle = true;
	idle = 5 * USEC_PER_SEC - 1;
	start();
	link_it();
	(void)poll(NULL, 0, 2000 / FASTER);
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
	process_quit();
	idle = 5 * USEC_PER_SEC;
	begun = clock_now();
	start();
	link_it();
	assert_int_equal(process_status(), 0);
	assert_true(clock_now() - begun < 3 * USEC_PER_SEC);
}

/* Without a monitor, SIGTERM ends it; nobody else could. */
static void
who_has_no_monitor_carries_on(void **state)
{
	struct pollfd p = { .events = POLLIN };
	int ftp;

	(void)state;
	start();
	link_it();
	kill(child, SIGTERM); /* counts for nothing now */
	ipc_close(&monitor);
	await_said("the monitor is gone");
	ftp = client(SOCK_STREAM, LISTEN_FTP);
	(void)expect(&fw, IPC_ORIGINAL);
	answer_nowhere(msg.hdr.seq);
	assert_string_equal(heard(ftp, PATIENCE), NO_SERVER);
	close(ftp);
	kill(child, SIGTERM);
	p.fd = fw.fd;
	assert_int_equal(poll(&p, 1, PATIENCE), 1);
	assert_int_equal(process_status(), 0);
	/* When the firewall process is gone as well, nothing is left to do. */
	ipc_init(&monitor, -1);
	start();
	link_it();
	ipc_close(&monitor);
	await_said("the monitor is gone");
	ipc_close(&fw);
	assert_int_equal(process_status(), 2);
	/* While there is a monitor, another firewall process may come. */
	start();
	link_it();
	ipc_close(&fw);
	link_it();
	process_quit();
}

/* The limit on descriptors of the child that ended last, or lives. */
static unsigned long
descriptors(void)
{
	char path[64], line[256];
	unsigned long soft = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/limits", (long)child);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "Max open files", 14) == 0)
			soft = strtoul(line + 14, NULL, 10);
	fclose(f);
	return soft;
}

static void
there_are_descriptors_for_all_sessions(void **state)
{
	struct rlimit before, few;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 60;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	start();
	assert_int_equal(descriptors(), 64 + 2 * 7 + 9);
	link_it();
	process_quit();
	/* A higher limit is kept, and there is a highest. */
	few.rlim_cur = 200;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	start();
	assert_int_equal(descriptors(), 200);
	link_it();
	process_quit();
	if (before.rlim_max >= 65536) {
		conf->ftp.proxy[0].max_sessions = 1000000;
		start();
		assert_int_equal(descriptors(), 65536);
		link_it();
		process_quit();
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static size_t
count_of(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static void
a_report_is_two_lines_in_the_log(void **state)
{
	struct rlimit before, few;
	const char *text;

	(void)state;
	/* More descriptors are to be had, and no line is about them. */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 60;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	start();
	link_it();
	tell(&monitor, IPC_REPORT, 0, -1);
	process_quit();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	text = process_said();
	assert_int_equal(count_of(text, "\n"), 5);
	assert_int_equal(count_of(text, "proxy: listening on 127.0.0.1:"), 3);
	assert_int_equal(count_of(text,
			     "proxy: open=0 opened=0 closed=0 refused=0 "
			     "questions=0 "
			     "unanswered=0"),
	    1);
	assert_int_equal(count_of(text, "tables: entries=0 added=0 "), 1);
}

#define JUNK (UINT64_C(7) << 32)

static void
on_junk(void *ctx, uint64_t k, const void *p, size_t len)
{
	unsigned int *n = ctx;

	(void)p;
	(void)len;
	*n += k >= JUNK && k < JUNK + 3;
}

/* The tables read the journal, and delete what means nothing to them. */
static void
records_are_read_by_their_owner(void **state)
{
	struct checkpoint *c;
	unsigned int n = 0;
	uint64_t k;

	(void)state;
	assert_int_equal(checkpoint_open(&c, journal, 1 << 20, on_junk, &n),
	    PH_OK);
	for (k = JUNK; k < JUNK + 3; k++)
		assert_int_equal(checkpoint_put(c, k, "junk", 4), PH_OK);
	assert_int_equal(checkpoint_sync(c), PH_OK);
	checkpoint_close(c);
	start();
	link_it();
	process_quit();
	assert_int_equal(checkpoint_open(&c, journal, 1 << 20, on_junk, &n),
	    PH_OK);
	checkpoint_close(c);
	assert_int_equal(n, 0);
}

/* A session that ends at once: one question. */
static void
ask_once(void)
{
	int ftp = client(SOCK_STREAM, LISTEN_FTP);

	(void)expect(&fw, IPC_ORIGINAL);
	answer_nowhere(msg.hdr.seq);
	assert_string_equal(heard(ftp, PATIENCE), NO_SERVER);
	close(ftp);
}

/* What was counted until a while ago survives a sudden end. */
static void
counters_are_written_now_and_then(void **state)
{
	(void)state;
	start();
	link_it();
	ask_once();
	(void)poll(NULL, 0, 2 * 10 * 1000 / FASTER);
	kill(child, SIGKILL);
	assert_int_equal(process_status(), -SIGKILL);
	args.first_run = false;
	start();
	link_it();
	tell(&monitor, IPC_REPORT, 0, -1);
	process_quit();
	assert_int_equal(count_of(process_said(), "questions=1 "), 1);
}

/* Then the journal has nothing but counters. */
static void
it_may_serve_no_tables(void **state)
{
	int i;

	for (i = 0; i < 2; i++) {
		(void)proxy_end_all(state);
		assert_int_equal(proxy_begin_with(NULL), 0);
		if (i == 1)
			args.journal_fds[0] = args.journal_fds[1] = -1;
		start();
		link_it();
		ask_once();
		tell(&monitor, IPC_REPORT, 0, -1);
		process_quit();
		assert_int_equal(count_of(process_said(), "\n"), 4 + i);
		assert_int_equal(count_of(process_said(), "listening on"), 2);
		assert_int_equal(count_of(process_said(), "questions=1 "), 1);
		assert_int_equal(count_of(process_said(),
				     "no journal, counters begin at zero: "),
		    i);
	}
}

/* Its successor goes on counting, also after one that only left. */
static void
counters_outlive_it(void **state)
{
	(void)state;
	start();
	link_it();
	ask_once();
	tell(&monitor, IPC_REPORT, 0, -1);
	process_quit();
	args.first_run = false;
	start();
	link_it();
	ask_once();
	tell(&monitor, IPC_LEAVE, 0, -1);
	assert_int_equal(process_status(), 0);
	start();
	link_it();
	tell(&monitor, IPC_REPORT, 0, -1);
	process_quit();
	assert_int_equal(count_of(process_said(), "questions=1 "), 1);
	assert_int_equal(count_of(process_said(), "questions=2 "), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, proxy_begin, proxy_end_all)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(services_begin_with_a_firewall_process),
		T(who_leaves_without_sessions_goes),
		T(who_leaves_with_sessions_ends_them),
		T(who_leaves_waits_for_sessions_of_each_service),
		T(who_is_there_for_one_service_goes_when_idle),
		T(who_has_no_monitor_carries_on),
		T(there_are_descriptors_for_all_sessions),
		T(a_report_is_two_lines_in_the_log),
		T(records_are_read_by_their_owner),
		T(counters_outlive_it),
		T(counters_are_written_now_and_then),
		T(it_may_serve_no_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
