/* SPDX-License-Identifier: ISC */
#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "src/process/worker.h"
#include "tests/unit/unit.h"

static struct worker w;
static struct ipc monitor, fw; /* the other ends */
static struct ipc_msg msg;
static int fw_fd; /* our end, before it is opened */

static struct {
	unsigned int messages, settled, lost, quits;
	bool keep;
	bool take; /* the descriptor of the next message */
	int taken;
	enum ph_err why;
} seen;

static void
on_message(void *ctx, const struct ipc_msg *m, int *fd)
{
	(void)ctx;
	(void)m;
	seen.messages++;
	if (!seen.take)
		return;
	seen.taken = *fd;
	*fd = -1;
}

static void
on_settled(void *ctx)
{
	(void)ctx;
	seen.settled++;
}

static void
on_lost(void *ctx, enum ph_err why)
{
	seen.lost++;
	seen.why = why;
	assert_false(channel_linked(&w.fw));
	worker_fw_lost(ctx);
}

static void
on_quit(void *ctx, bool keep)
{
	seen.quits++;
	seen.keep = keep;
	worker_stop(ctx, 0);
}

static const struct channel_calls calls = { on_message, on_settled, on_lost };

static bool
tells_nothing(void *ctx, uint64_t *at)
{
	(void)ctx;
	(void)at;
	return false;
}

static int
make_worker(void **state)
{
	struct worker_setup setup = { .name = "test",
		.monitor_fd = -1,
		.foreground = true,
		.message = on_message,
		.quit = on_quit,
		.feed = { .tell = tells_nothing },
		.ctx = &w };
	int fds[2];

	(void)state;
	memset(&seen, 0, sizeof(seen));
	if (ipc_pair(fds) != PH_OK)
		return -1;
	setup.monitor_fd = fds[0];
	ipc_init(&monitor, fds[1]);
	if (ipc_pair(fds) != PH_OK)
		return -1;
	fw_fd = fds[0];
	ipc_init(&fw, fds[1]);
	worker_init(&w, &setup);
	channel_init(&w.fw, w.base, &calls, &w);
	return channel_open(&w.fw, fw_fd) == PH_OK ? 0 : -1;
}

static int
free_worker(void **state)
{
	(void)state;
	worker_free(&w);
	ipc_close(&monitor);
	ipc_close(&fw);
	return 0;
}

static void
turn(void)
{
	event_base_loop(w.base, EVLOOP_NONBLOCK);
}

static void
tell(struct ipc *peer, enum ipc_type type, int fd)
{
	memset(&msg, 0, sizeof(msg));
	assert_int_equal(ipc_send(peer, type, 0, &msg, fd), PH_OK);
}

static void
it_is_ready_and_ends_when_the_monitor_says_so(void **state)
{
	int fd;

	(void)state;
	memset(&msg, 0, sizeof(msg));
	msg.u.quit.keep = 1;
	assert_int_equal(ipc_send(&monitor, IPC_QUIT, 0, &msg, -1), PH_OK);
	/* A message that follows IPC_QUIT, and the end, are not read. */
	tell(&monitor, IPC_REPORT, -1);
	assert_int_equal(worker_run(&w), 0);
	assert_int_equal(ipc_recv(&monitor, &msg, &fd), PH_OK);
	assert_int_equal(msg.hdr.type, IPC_READY);
	assert_int_equal(seen.quits, 1);
	assert_true(seen.keep);
	assert_int_equal(seen.messages, 0);
}

static void
it_tells_the_monitor_that_it_does_not_hang(void **state)
{
	struct timeval next;
	int fd;

	(void)state;
	event_active(w.beat, EV_TIMEOUT, 0);
	turn();
	tell(&monitor, IPC_QUIT, -1);
	assert_int_equal(worker_run(&w), 0);
	assert_int_equal(ipc_recv(&monitor, &msg, &fd), PH_OK);
	assert_int_equal(msg.hdr.type, IPC_BEAT);
	/* And again. */
	assert_true(event_pending(w.beat, EV_TIMEOUT, &next));
}

static void
without_the_monitor_it_goes_on_until_sigterm(void **state)
{
	(void)state;
	ipc_close(&monitor);
	turn();
	assert_false(channel_linked(&w.monitor));
	assert_false(event_base_got_break(w.base));
	assert_int_equal(raise(SIGTERM), 0);
	turn();
	assert_int_equal(seen.quits, 1);
	assert_false(seen.keep);
}

static void
without_the_monitor_and_the_firewall_it_ends(void **state)
{
	(void)state;
	ipc_close(&monitor);
	turn();
	ipc_close(&fw);
	turn();
	assert_int_equal(seen.lost, 1);
	assert_int_equal(seen.why, PH_EGONE);
	assert_true(event_base_got_break(w.base));
	assert_int_equal(w.status, 2);
}

static void
without_the_firewall_it_goes_on_while_there_is_a_monitor(void **state)
{
	(void)state;
	ipc_close(&fw);
	turn();
	assert_int_equal(seen.lost, 1);
	assert_false(event_base_got_break(w.base));
	ipc_close(&monitor);
	turn();
	assert_true(event_base_got_break(w.base));
	assert_int_equal(w.status, 2);
}

static void
a_descriptor_is_closed_unless_it_is_taken(void **state)
{
	int fds[2];
	char c;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	tell(&monitor, IPC_FW, fds[1]);
	turn();
	assert_int_equal(seen.messages, 1);
	/* No writer is left. */
	assert_int_equal(read(fds[0], &c, 1), 0);
	close(fds[0]);

	assert_int_equal(pipe(fds), 0);
	seen.take = true;
	tell(&monitor, IPC_FW, fds[1]);
	turn();
	assert_int_equal(write(seen.taken, "x", 1), 1);
	assert_int_equal(read(fds[0], &c, 1), 1);
	close(seen.taken);
	close(fds[0]);
}

static void
it_settles_once_for_all_messages(void **state)
{
	(void)state;
	tell(&fw, IPC_RESULT, -1);
	tell(&fw, IPC_RESULT, -1);
	turn();
	assert_int_equal(seen.messages, 2);
	assert_int_equal(seen.settled, 1);
}

static void
junk_ends_the_connection(void **state)
{
	(void)state;
	assert_int_equal(write(fw.fd, "junk", 4), 4);
	turn();
	assert_int_equal(seen.lost, 1);
	assert_int_equal(seen.why, PH_EMALFORMED);
}

/* Read all that there is; how many messages. */
static unsigned int
drain(void)
{
	unsigned int n = 0;
	int fd;

	while (ipc_recv(&fw, &msg, &fd) == PH_OK)
		n++;
	return n;
}

static void
what_a_slow_peer_leaves_is_sent_once_it_reads(void **state)
{
	unsigned int sent = 0, got, total;

	(void)state;
	memset(&w.out, 0, sizeof(w.out));
	while (!ipc_unsent(&w.fw.ipc)) {
		channel_send(&w.fw, IPC_BEGIN, sent++, &w.out, -1);
		assert_in_range(sent, 1, 100000);
	}
	assert_false(channel_recovered(&w.fw));
	for (total = 0; (got = drain()) > 0; total += got)
		turn();
	assert_int_equal(total, sent);
	/* The queue is empty: the worker waits only for messages to read. */
	assert_false(ipc_unsent(&w.fw.ipc));
	seen.settled = 0;
	turn();
	assert_int_equal(seen.settled, 0);
}

static void
a_full_queue_is_told_of_once_there_is_room(void **state)
{
	unsigned int sent = 0;

	(void)state;
	memset(&w.out, 0, sizeof(w.out));
	w.out.u.commit.n = IPC_BATCH;
	while (!w.fw.dropped) {
		channel_send(&w.fw, IPC_COMMIT, sent++, &w.out, -1);
		assert_in_range(sent, 1, 1000000);
	}
	assert_false(channel_recovered(&w.fw));
	while (drain() > 0)
		turn();
	assert_true(channel_recovered(&w.fw));
	assert_false(channel_recovered(&w.fw));
}

static void
sending_to_nobody_does_nothing(void **state)
{
	int fds[2];

	(void)state;
	channel_close(&w.fw);
	assert_int_equal(pipe(fds), 0);
	channel_send(&w.fw, IPC_BEGIN, 0, &w.out, fds[1]);
	assert_int_equal(fcntl(fds[1], F_GETFD), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(channel_flush(&w.fw), PH_OK);
	assert_false(channel_recovered(&w.fw));
	close(fds[0]);
}

/* The next message to the status process; -1: there is none. */
static int
hears(struct ipc *status)
{
	int fd;

	return ipc_recv(status, &msg, &fd) == PH_OK ? (int)msg.hdr.type : -1;
}

/* Within WORKER_FEED_WITHIN, or when it gets an answer. */
static void
the_status_process_hears_of_several_things_at_once(void **state)
{
	struct ipc status;
	int fds[2], i;

	(void)state;
	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(&status, fds[1]);
	tell(&monitor, IPC_STATUS, fds[0]);
	turn();
	for (i = 0; i < 3; i++)
		feed_text(&w.feed, 1, span_of("text\n"));
	turn();
	assert_int_equal(hears(&status), -1);
	event_base_loop(w.base, EVLOOP_ONCE);
	assert_int_equal(hears(&status), IPC_FEED_TEXT);
	assert_true(ipc_pending(&status));
	for (i = 1; i < 3; i++)
		assert_int_equal(hears(&status), IPC_FEED_TEXT);
	assert_false(ipc_pending(&status));
	feed_text(&w.feed, 1, span_of("text\n"));
	feed_done(&w.feed, 1, PH_OK, 1);
	assert_int_equal(hears(&status), IPC_FEED_TEXT);
	assert_int_equal(hears(&status), IPC_DONE);
	ipc_close(&status);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_worker, free_worker)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_ready_and_ends_when_the_monitor_says_so),
		TEST(it_tells_the_monitor_that_it_does_not_hang),
		TEST(without_the_monitor_it_goes_on_until_sigterm),
		TEST(without_the_monitor_and_the_firewall_it_ends),
		TEST(without_the_firewall_it_goes_on_while_there_is_a_monitor),
		TEST(a_descriptor_is_closed_unless_it_is_taken),
		TEST(it_settles_once_for_all_messages),
		TEST(junk_ends_the_connection),
		TEST(what_a_slow_peer_leaves_is_sent_once_it_reads),
		TEST(a_full_queue_is_told_of_once_there_is_room),
		TEST(sending_to_nobody_does_nothing),
		TEST(the_status_process_hears_of_several_things_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
