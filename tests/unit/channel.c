/* SPDX-License-Identifier: ISC */
/* Messages in turns, and what a worker does with those that are its own. */
#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/timers.h"
#include "src/process/worker.h"
#include "tests/unit/unit.h"

static struct event_base *base;
static struct channel c;
static struct ipc far;
static struct ipc_msg msg;
static unsigned int heard, settled, lost;
static unsigned int first_turn; /* how many, when it settled first */
static uint64_t next_seq;
static enum ph_err why_lost;
static int break_at; /* the message that ends the process; 0: none */
static bool keep_fd;
static int got_fd;

static void
on_message(void *ctx, const struct ipc_msg *m, int *fd)
{
	assert_ptr_equal(ctx, &c);
	assert_ptr_equal(m, &c.in);
	assert_int_equal(m->hdr.seq, next_seq++);
	heard++;
	got_fd = *fd;
	if (keep_fd)
		*fd = -1;
	if (break_at > 0 && heard == (unsigned int)break_at)
		event_base_loopbreak(base);
}

static void
on_settled(void *ctx)
{
	assert_ptr_equal(ctx, &c);
	assert_false(ipc_pending(&c.ipc));
	if (first_turn == 0)
		first_turn = heard;
	settled++;
}

static void
on_lost(void *ctx, enum ph_err why)
{
	assert_ptr_equal(ctx, &c);
	assert_false(channel_linked(&c));
	assert_int_equal(c.ipc.fd, -1);
	lost++;
	why_lost = why;
}

static const struct channel_calls calls = { on_message, on_settled, on_lost };
static const struct channel_calls unsettled = { on_message, NULL, on_lost };

static int
begin(void **state)
{
	int fds[2];

	(void)state;
	heard = settled = lost = 0;
	next_seq = 0;
	break_at = 0;
	keep_fd = false;
	memset(&msg, 0, sizeof(msg));
	if ((base = event_base_new()) == NULL || ipc_pair(fds) != PH_OK)
		return -1;
	channel_init(&c, base, &calls, &c);
	assert_false(channel_linked(&c));
	ipc_init(&far, fds[1]);
	return channel_open(&c, fds[0]) == PH_OK ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	channel_close(&c);
	ipc_close(&far);
	event_base_free(base);
	return 0;
}

static void
turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
send_from(uint64_t seq, uint64_t n)
{
	for (; n-- > 0; seq++)
		assert_int_equal(ipc_send(&far, IPC_REPORT, seq, &msg, -1),
		    PH_OK);
}

static short
waits_for(void)
{
	return event_get_events(c.ev);
}

static bool no_event, no_add;
static const struct event *watched; /* and how often it was added */
static unsigned int adds;

struct event *__real_event_new(struct event_base *b, evutil_socket_t fd,
    short what, event_callback_fn f, void *arg);
struct event *__wrap_event_new(struct event_base *b, evutil_socket_t fd,
    short what, event_callback_fn f, void *arg);
int __real_event_add(struct event *ev, const struct timeval *tv);
int __wrap_event_add(struct event *ev, const struct timeval *tv);

struct event *
__wrap_event_new(struct event_base *b, evutil_socket_t fd, short what,
    event_callback_fn f, void *arg)
{
	return no_event ? NULL : __real_event_new(b, fd, what, f, arg);
}

int
__wrap_event_add(struct event *ev, const struct timeval *tv)
{
	adds += ev == watched;
	return no_add ? -1 : __real_event_add(ev, tv);
}

static void
without_memory_there_is_no_peer(void **state)
{
	int fds[2];

	(void)state;
	for (no_event = true;; no_event = false, no_add = true) {
		assert_int_equal(ipc_pair(fds), PH_OK);
		assert_int_equal(channel_open(&c, fds[0]), PH_ENOMEM);
		assert_false(channel_linked(&c));
		assert_int_equal(c.ipc.fd, -1);
		assert_int_equal(fcntl(fds[0], F_GETFD), -1);
		close(fds[1]);
		if (no_add)
			break;
	}
	no_add = false;
	assert_int_equal(lost, 0);
}

/* 256 at a time, but a record that was begun is finished. */
static void
a_turn_has_an_end(void **state)
{
	(void)state;
	assert_true(channel_linked(&c));
	assert_int_equal(waits_for(), EV_READ | EV_PERSIST);
	send_from(0, 257);
	first_turn = 0;
	turn();
	assert_int_equal(first_turn, 256);
	assert_int_equal(heard, 257);
	assert_int_equal(settled, 2);
	turn();
	assert_int_equal(settled, 2);
	/* One alone, then 64 to a record. */
	send_from(257, 1);
	far.held = true;
	send_from(258, 300);
	assert_int_equal(ipc_flush(&far), PH_OK);
	first_turn = 0;
	turn();
	assert_int_equal(first_turn, 257 + 1 + 4 * 64);
	assert_int_equal(heard, 257 + 301);
	assert_int_equal(settled, 4);
	assert_int_equal(lost, 0);
}

static void
nothing_is_read_behind_the_last_message(void **state)
{
	(void)state;
	break_at = 2;
	send_from(0, 5);
	turn();
	assert_int_equal(heard, 2);
	assert_int_equal(settled, 0);
	assert_true(channel_linked(&c));
}

static void
a_peer_that_ends_is_lost_once(void **state)
{
	(void)state;
	send_from(0, 3);
	ipc_close(&far);
	turn();
	assert_true(heard == 3 && lost == 1 && why_lost == PH_EGONE);
	assert_int_equal(settled, 0);
	turn();
	assert_int_equal(lost, 1);
	/* Another peer, for a channel that nobody settles. */
	end(state);
	begin(state);
	c.calls = &unsettled;
	send_from(0, 1);
	turn();
	assert_true(heard == 1 && settled == 0 && lost == 0);
	assert_int_equal(write(far.fd, "x", 1), 1);
	turn();
	assert_true(lost == 1 && why_lost == PH_EMALFORMED);
}

static void
a_descriptor_is_closed_unless_kept(void **state)
{
	int fd;

	(void)state;
	for (keep_fd = false;; keep_fd = true) {
		fd = open("/dev/null", O_RDONLY);
		assert_int_equal(ipc_send(&far, IPC_REPORT, next_seq, &msg, fd),
		    PH_OK);
		turn();
		assert_true(got_fd >= 0);
		assert_int_equal(fcntl(got_fd, F_GETFD) != -1, keep_fd);
		if (keep_fd)
			break;
	}
	close(got_fd);
}

/* It waits to write as long as something is to be written. */
static void
what_is_full_is_written_later(void **state)
{
	unsigned int sent = 0, got = 0;
	int fd;

	(void)state;
	while (waits_for() == (EV_READ | EV_PERSIST)) {
		channel_send(&c, IPC_REPORT, sent++, &msg, -1);
		assert_in_range(sent, 1, 1000000);
	}
	assert_int_equal(waits_for(), EV_READ | EV_WRITE | EV_PERSIST);
	channel_watch(&c);
	assert_true(event_pending(c.ev, EV_READ | EV_WRITE, NULL));
	/* And hears meanwhile. */
	send_from(0, 2);
	turn();
	assert_int_equal(heard, 2);
	assert_int_equal(waits_for(), EV_READ | EV_WRITE | EV_PERSIST);
	while (ipc_recv(&far, &msg, &fd) == PH_OK)
		assert_int_equal(msg.hdr.seq, got++);
	turn();
	assert_int_equal(waits_for(), EV_READ | EV_PERSIST);
	while (ipc_recv(&far, &msg, &fd) == PH_OK)
		assert_int_equal(msg.hdr.seq, got++);
	assert_int_equal(got, sent);
	/* A peer that ends while something waits. */
	while (waits_for() == (EV_READ | EV_PERSIST))
		channel_send(&c, IPC_REPORT, sent++, &msg, -1);
	ipc_close(&far);
	turn();
	assert_true(lost == 1 && why_lost == PH_EGONE);
}

/* Of several that were dropped, the sender hears once, when there is room. */
static void
what_was_dropped_is_told(void **state)
{
	int i, fd;

	(void)state;
	assert_false(channel_recovered(&c));
	c.ipc.held = c.ipc.full = true;
	c.ipc.max = 20;
	for (i = 0; i < 3; i++)
		channel_send(&c, IPC_REPORT, (uint64_t)i, &msg, -1);
	assert_true(c.dropped);
	assert_int_equal(c.ipc.queued, 16);
	assert_false(channel_recovered(&c));
	assert_true(c.dropped);
	c.ipc.held = c.ipc.full = false;
	assert_int_equal(channel_flush(&c), PH_OK);
	assert_int_equal(ipc_recv(&far, &msg, &fd), PH_OK);
	assert_true(channel_recovered(&c));
	assert_false(channel_recovered(&c));
	/* A message that goes is none that was dropped. */
	channel_send(&c, IPC_REPORT, 5, &msg, -1);
	assert_false(c.dropped);
	/* The peer of before does not count. */
	c.dropped = true;
	channel_close(&c);
	assert_false(c.dropped);
	assert_false(channel_recovered(&c));
}

static void
what_is_held_goes_at_the_end(void **state)
{
	int fd, i;

	(void)state;
	channel_hold(&c, true);
	assert_true(c.ipc.held);
	for (i = 0; i < 3; i++)
		channel_send(&c, IPC_REPORT, (uint64_t)i, &msg, -1);
	assert_int_equal(waits_for(), EV_READ | EV_PERSIST);
	assert_int_equal(ipc_recv(&far, &msg, &fd), PH_EAGAIN);
	channel_hold(&c, false);
	assert_false(c.ipc.held);
	assert_int_equal(ipc_recv(&far, &msg, &fd), PH_OK);
	assert_true(ipc_pending(&far)); /* in one record */
	channel_hold(&c, true);
	channel_send(&c, IPC_REPORT, 3, &msg, -1);
	assert_int_equal(channel_flush(&c), PH_OK);
	assert_true(c.ipc.held && STAILQ_EMPTY(&c.ipc.out));
	/* Without a peer there is nothing to hold. */
	channel_close(&c);
	channel_hold(&c, true);
	assert_false(c.ipc.held);
	channel_hold(&c, false);
	assert_int_equal(channel_flush(&c), PH_OK);
}

/* A worker: the lines that it says, and messages that are not for it. */

static struct worker w;
static struct ipc monitor;
static char logged[512];
static unsigned int messages, asked, quits, quit_keep;

void __wrap_log_warnx(const char *module, const char *fmt, ...)
    LOG_PRINTF(2, 3);
void __wrap_log_event(const char *line);

void
__wrap_log_warnx(const char *module, const char *fmt, ...)
{
	va_list ap;
	size_t len = strlen(logged);

	len += (size_t)snprintf(logged + len, sizeof(logged) - len,
	    "%s: ", module);
	va_start(ap, fmt);
	vsnprintf(logged + len, sizeof(logged) - len, fmt, ap);
	va_end(ap);
}

void
__wrap_log_event(const char *line)
{
	strlcat(logged, line, sizeof(logged));
}

static enum ph_err confined;
static const struct sandbox *cell;

enum ph_err __wrap_sandbox_enter(enum sandbox_role role,
    const struct sandbox *s, struct strbuf *why);
void __wrap_log_fatalx(const char *module, const char *fmt, ...)
    __attribute__((noreturn));

static jmp_buf ended; /* the process */

enum ph_err
__wrap_sandbox_enter(enum sandbox_role role, const struct sandbox *s,
    struct strbuf *why)
{
	assert_int_equal(role, SANDBOX_PROXY);
	cell = s;
	if (confined != PH_OK)
		strbuf_str(why, "no such user");
	return confined;
}

void
__wrap_log_fatalx(const char *module, const char *fmt, ...)
{
	va_list ap;

	assert_string_equal(fmt, "%s");
	va_start(ap, fmt);
	__wrap_log_warnx(module, "%s", va_arg(ap, const char *));
	va_end(ap);
	longjmp(ended, 1);
}

static void
on_other(void *ctx, const struct ipc_msg *m, int *fd)
{
	assert_ptr_equal(ctx, &w);
	(void)fd;
	messages++;
	if (m->hdr.type == IPC_LEAVE)
		worker_stop(&w, 7);
}

static void
on_quit(void *ctx, bool keep)
{
	assert_ptr_equal(ctx, &w);
	quits++;
	quit_keep = keep;
}

static void
on_asked(void *ctx, const struct ipc_msg *m)
{
	assert_ptr_equal(ctx, &w);
	assert_int_equal(m->hdr.type, IPC_EXPLAIN);
	asked++;
}

static void
gone(uint64_t id)
{
	w.feed.tap.closed(w.feed.tap.ctx, 0, &(struct pinhole) { .id = id },
	    REASON_BYE);
}

static bool
on_tell(void *ctx, uint64_t *at)
{
	assert_ptr_equal(ctx, &w);
	if (*at < 3)
		gone(++*at);
	return *at < 3;
}

static void
make_worker(bool tells, bool asks, bool foreground)
{
	struct worker_setup setup = { .name = "test",
		.foreground = foreground,
		.message = on_other,
		.quit = on_quit,
		.feed = { .tell = tells ? on_tell : NULL, .ctx = &w },
		.asked = asks ? on_asked : NULL,
		.ctx = &w };
	int fds[2];

	messages = asked = quits = quit_keep = 0;
	logged[0] = '\0';
	assert_int_equal(ipc_pair(fds), PH_OK);
	setup.monitor_fd = fds[0];
	ipc_init(&monitor, fds[1]);
	worker_init(&w, &setup);
}

static void
tell(struct ipc *to, enum ipc_type type, int fd)
{
	memset(&msg, 0, sizeof(msg));
	assert_int_equal(ipc_send(to, type, 0, &msg, fd), PH_OK);
}

static void
worker_turn(void)
{
	event_base_loop(w.base, EVLOOP_NONBLOCK);
}

/* The next message for the status process; -1: there is none. */
static int
hears(struct ipc *status)
{
	int fd;

	return ipc_recv(status, &msg, &fd) == PH_OK ? (int)msg.hdr.type : -1;
}

static void
a_status_process_is_told_and_asks(void **state)
{
	struct ipc status;
	int fds[2], i;

	(void)state;
	make_worker(true, true, true);
	/* Without a descriptor, nobody is told. */
	tell(&monitor, IPC_STATUS, -1);
	worker_turn();
	assert_int_equal(messages, 0);
	assert_false(channel_linked(&w.feed_to));
	for (i = 0; i < 2; i++) {
		assert_int_equal(ipc_pair(fds), PH_OK);
		ipc_init(&status, fds[1]);
		tell(&monitor, IPC_STATUS, fds[0]);
		worker_turn();
		assert_true(channel_linked(&w.feed_to));
		assert_true(w.feed_to.ipc.held);
		worker_turn();
		assert_int_equal(hears(&status), -1);
		/* All of it, in turns of the loop; then together. */
		tell(&status, IPC_TELL, -1);
		worker_turn();
		worker_turn();
		worker_turn();
		worker_turn();
		assert_int_equal(hears(&status), IPC_FEED_BEGIN);
		assert_int_equal(hears(&status), IPC_FEED_HOLE_GONE);
		assert_int_equal(hears(&status), IPC_FEED_HOLE_GONE);
		assert_int_equal(hears(&status), IPC_FEED_HOLE_GONE);
		assert_int_equal(hears(&status), IPC_FEED_END);
		assert_int_equal(hears(&status), -1);
		tell(&status, IPC_EXPLAIN, -1);
		tell(&status, IPC_TELL, -1);
		worker_turn();
		assert_int_equal(asked, i + 1);
		assert_int_equal(messages, 0);
		/* The one before is no more when another comes. */
		if (i == 0) {
			ipc_close(&status);
			worker_turn();
			assert_false(channel_linked(&w.feed_to));
			assert_false(event_base_got_break(w.base));
		}
	}
	/* What waits at the end goes with it. */
	gone(9);
	assert_int_equal(hears(&status), -1);
	worker_free(&w);
	assert_int_equal(hears(&status), IPC_FEED_HOLE_GONE);
	assert_int_equal(msg.u.feed_gone.id, 9);
	assert_int_equal(hears(&status), -1);
	assert_true(status.gone);
	ipc_close(&status);
	ipc_close(&monitor);
}

/* What waits is not put off by what comes behind it. */
static void
a_message_waits_no_longer_for_others(void **state)
{
	struct ipc status;
	int fds[2];

	(void)state;
	make_worker(true, false, true);
	watched = w.late;
	adds = 0;
	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(&status, fds[1]);
	tell(&monitor, IPC_STATUS, fds[0]);
	tell(&status, IPC_TELL, -1);
	worker_turn();
	worker_turn();
	assert_true(event_pending(w.late, EV_TIMEOUT, NULL));
	assert_int_equal(adds, 1);
	gone(9);
	gone(9);
	assert_int_equal(adds, 1);
	watched = NULL;
	/* Nobody answers what it asks here. */
	tell(&status, IPC_EXPLAIN, -1);
	worker_turn();
	assert_true(channel_linked(&w.feed_to));
	worker_free(&w);
	ipc_close(&status);
	ipc_close(&monitor);
}

static void
messages_that_are_not_its_own_are_handed_on(void **state)
{
	/* clang-format off */
	static const struct {
		enum ipc_type type;
		bool keep, tells;
		unsigned int messages, quits;
	} rows[] = {
		{ IPC_REPORT, false, true, 1, 0 },
		{ IPC_FW, false, true, 1, 0 },
		{ IPC_STATUS, false, false, 1, 0 },
		{ IPC_STATUS, false, true, 0, 0 },
		{ IPC_QUIT, false, true, 0, 1 },
		{ IPC_QUIT, true, false, 0, 1 },
	};
	/* clang-format on */
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		make_worker(rows[i].tells, false, true);
		memset(&msg, 0, sizeof(msg));
		msg.u.quit.keep = rows[i].keep;
		assert_int_equal(ipc_send(&monitor, rows[i].type, 0, &msg, -1),
		    PH_OK);
		worker_turn();
		assert_int_equal(messages, rows[i].messages);
		assert_int_equal(quits, rows[i].quits);
		assert_int_equal(quit_keep, rows[i].keep);
		worker_free(&w);
		ipc_close(&monitor);
	}
}

static void
one_that_is_not_confined_ends(void **state)
{
	static struct sandbox s;

	(void)state;
	logged[0] = '\0';
	confined = PH_OK;
	worker_confine("test", SANDBOX_PROXY, &s);
	assert_string_equal(logged, "");
	assert_ptr_equal(cell, &s);
	confined = PH_EIO;
	if (setjmp(ended) == 0) {
		worker_confine("test", SANDBOX_PROXY, &s);
		fail();
	}
	assert_string_equal(logged, "test: no such user");
}

/* With a firewall process it carries on, and says so; without, it ends. */
static void
the_end_of_the_monitor(void **state)
{
	struct ipc fw;
	int fds[2], linked;

	(void)state;
	for (linked = 0; linked < 2; linked++) {
		make_worker(true, false, true);
		channel_init(&w.fw, w.base, &unsettled, &c);
		assert_int_equal(ipc_pair(fds), PH_OK);
		ipc_init(&fw, fds[1]);
		if (linked)
			assert_int_equal(channel_open(&w.fw, fds[0]), PH_OK);
		else
			close(fds[0]);
		assert_false(event_pending(w.term, EV_SIGNAL, NULL));
		ipc_close(&monitor);
		worker_turn();
		assert_int_equal(event_base_got_break(w.base), !linked);
		assert_int_equal(w.status, linked ? 0 : 2);
		assert_int_equal(event_pending(w.term, EV_SIGNAL, NULL) != 0,
		    linked);
		assert_string_equal(logged,
		    linked ? "test: the monitor is gone; carrying on without it"
			   : "");
		ipc_close(&fw);
		worker_free(&w);
	}
}

static void
lines_go_where_they_can_be_read(void **state)
{
	char got[64] = "";
	int ends[2], out;

	(void)state;
	make_worker(false, false, false);
	worker_line(&w, "one");
	assert_string_equal(logged, "one");
	worker_free(&w);
	ipc_close(&monitor);
	fflush(stdout);
	out = dup(STDOUT_FILENO);
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDOUT_FILENO);
	make_worker(false, false, true);
	worker_line(&w, "two");
	output_flush(w.output);
	worker_free(&w);
	dup2(out, STDOUT_FILENO);
	assert_int_equal(read(ends[0], got, sizeof(got) - 1), 4);
	assert_string_equal(got, "two\n");
	assert_string_equal(logged, "");
	close(out);
	close(ends[0]);
	close(ends[1]);
	ipc_close(&monitor);
}

/* Often enough that the monitor does not take it for one that hangs. */
static void
it_beats_every_few_seconds(void **state)
{
	struct timeval now, next;
	int64_t us;

	(void)state;
	make_worker(false, false, true);
	tell(&monitor, IPC_REPORT, -1);
	event_base_loopexit(w.base, NULL);
	assert_int_equal(worker_run(&w), 0);
	assert_int_equal(hears(&monitor), IPC_READY);
	assert_true(event_pending(w.beat, EV_TIMEOUT, &next));
	event_base_gettimeofday_cached(w.base, &now);
	us = (next.tv_sec - now.tv_sec) * USEC_PER_SEC + next.tv_usec -
	    now.tv_usec;
	assert_in_range(us, 3 * USEC_PER_SEC, 5 * USEC_PER_SEC + 100000);
	assert_int_equal(hears(&monitor), -1);
	event_active(w.beat, EV_TIMEOUT, 0);
	worker_turn();
	assert_int_equal(hears(&monitor), IPC_BEAT);
	assert_int_equal(msg.hdr.seq, 0);
	/* It ends with the status that it was given. */
	tell(&monitor, IPC_LEAVE, -1);
	assert_int_equal(worker_run(&w), 7);
	worker_free(&w);
	ipc_close(&monitor);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_turn_has_an_end),
		T(without_memory_there_is_no_peer),
		T(nothing_is_read_behind_the_last_message),
		T(a_peer_that_ends_is_lost_once),
		T(a_descriptor_is_closed_unless_kept),
		T(what_is_full_is_written_later),
		T(what_was_dropped_is_told),
		T(what_is_held_goes_at_the_end),
		T(a_status_process_is_told_and_asks),
		T(a_message_waits_no_longer_for_others),
		T(messages_that_are_not_its_own_are_handed_on),
		T(one_that_is_not_confined_ends),
		T(the_end_of_the_monitor),
		T(lines_go_where_they_can_be_read),
		T(it_beats_every_few_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
