/* SPDX-License-Identifier: ISC */
/*
 * The firewall process as its neighbours see it: a real process, sandbox and
 * sockets, with a packet filter that only takes notes.
 */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/timers.h"
#include "src/fw/process.h"
#include "src/process/ipc.h"
#include "tests/unit/unit.h"

#define PATIENCE 20000 /* ms, for anything that is to happen */

/* Notes of the packet filter; shared with the child. */
static struct notes {
	bool adopt;
	unsigned int opens, closes, settles, tables;
	bool closed, kept;
	bool emptied; /* say so once */
	bool yields;
	unsigned int looks; /* for emptied tables: one a turn */
	int refuse;	    /* commits, so many; for now */
	uint16_t last_port;
	uint32_t last_table;
} * notes;

struct fw {
	const struct fw_config *config;
};

static enum ph_err
note_open(struct fw **out, const struct fw_config *config, int64_t now,
    struct strbuf *why)
{
	static struct fw fw;

	(void)now;
	(void)why;
	fw.config = config;
	notes->adopt = config->adopt;
	*out = &fw;
	return PH_OK;
}

static enum ph_err
note_commit(struct fw *fw, const struct fw_edit *c, size_t n, int64_t now)
{
	(void)now;
	notes->yields = fw->config->yield;
	if (notes->refuse > 0) {
		notes->refuse--;
		return PH_EAGAIN;
	}
	for (; n > 0; n--, c++) {
		if (c->op != FW_REMOVE) {
			notes->last_port = fw_entry_hole(c->entry).to_lo;
			notes->opens++;
		} else
			notes->closes++;
	}
	return PH_OK;
}

static enum ph_err
note_settle(struct fw *fw, int64_t now)
{
	(void)fw;
	(void)now;
	notes->settles++;
	return PH_OK;
}

static enum ph_err
note_original(struct fw *fw, const struct fw_flow *flow, struct endpoint *out)
{
	(void)fw;
	*out = flow->local;
	out->port = 21;
	return PH_OK;
}

static enum ph_err
note_table(struct fw *fw, size_t index, enum fw_table_op op,
    const struct prefix *v, size_t n, uint32_t ttl_s)
{
	(void)fw;
	(void)op;
	(void)v;
	(void)ttl_s;
	notes->last_table = (uint32_t)index;
	notes->tables += (unsigned int)n;
	return PH_OK;
}

static bool
note_emptied(struct fw *fw)
{
	bool emptied = notes->emptied;

	(void)fw;
	notes->looks++;
	notes->emptied = false;
	return emptied;
}

static void
note_close(struct fw *fw, bool keep)
{
	(void)fw;
	notes->closed = true;
	notes->kept = keep;
}

static struct fw_ops ops = {
	.name = "notes",
	.caps = FW_CAP_DEADLINE,
	.open = note_open,
	.commit = note_commit,
	.settle = note_settle,
	.original = note_original,
	.table = note_table,
	.emptied = note_emptied,
	.close = note_close,
};

static struct conf *conf;
static struct sandbox sandbox;
static pid_t child;
static struct ipc monitor;
static struct ipc_msg msg;

/* The next message, or what has become of the other end. */
static enum ph_err
receive_any(struct ipc *c)
{
	struct pollfd pfd = { c->fd, POLLIN, 0 };
	enum ph_err rc;
	int fd;

	assert_int_equal(poll(&pfd, 1, PATIENCE), 1);
	rc = ipc_recv(c, &msg, &fd);
	assert_int_equal(fd, -1);
	return rc;
}

/* The same, but for counters. */
static enum ph_err
receive(struct ipc *c)
{
	enum ph_err rc;

	do
		rc = receive_any(c);
	while (rc == PH_OK && msg.hdr.type == IPC_COUNTERS);
	return rc;
}

static void
say(struct ipc *c, enum ipc_type type, uint64_t seq)
{
	assert_int_equal(ipc_send(c, type, seq, &msg, -1), PH_OK);
}

static int
setup(void **state)
{
	struct packetq none;
	struct fwproc_args args = { .conf = conf,
		.ops = &ops,
		.sandbox = &sandbox,
		.queue = &none,
		.adopt = true };
	int fds[2];

	(void)state;
	packetq_init(&none);
	memset(notes, 0, sizeof(*notes));
	if (ipc_pair(fds) != PH_OK)
		return -1;
	fflush(NULL);
	if ((child = fork()) == 0) {
		close(fds[0]);
		args.monitor_fd = fds[1];
		_exit(fwproc_main(&args));
	}
	close(fds[1]);
	ipc_init(&monitor, fds[0]);
	if (receive(&monitor) != PH_OK || msg.hdr.type != IPC_READY)
		return -1;
	return 0;
}

/* Its exit status, within reason. */
static int
status(void)
{
	int i, st;

	for (i = 0; i < PATIENCE / 10; i++) {
		if (waitpid(child, &st, WNOHANG) == child) {
			child = 0;
			return WIFEXITED(st) ? WEXITSTATUS(st) : -1;
		}
		usleep(10000);
	}
	return -1;
}

static int
teardown(void **state)
{
	(void)state;
	ipc_close(&monitor);
	if (child != 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	return 0;
}

static struct ipc
client(enum ipc_role role)
{
	struct ipc c;
	int fds[2];

	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(&c, fds[0]);
	msg.u.client.role = role;
	assert_int_equal(ipc_send(&monitor, IPC_CLIENT, 0, &msg, fds[1]),
	    PH_OK);
	return c;
}

static void
change(enum fw_op op, uint64_t id, uint16_t port, int64_t for_s)
{
	struct fw_change *c = &msg.u.commit.changes[0];
	struct addr phone = addr_v4(198, 51, 100, 7);

	memset(&msg, 0, sizeof(msg));
	msg.u.commit.n = 1;
	c->op = op;
	c->hole.id = id;
	c->hole.deadline = clock_now() + for_s * USEC_PER_SEC;
	c->hole.proto = IPPROTO_UDP;
	c->hole.dir = PINHOLE_IN;
	c->hole.from = prefix_host(&phone);
	c->hole.to = addr_v4(192, 0, 2, 10);
	c->hole.to_lo = c->hole.to_hi = port;
}

static void
result(struct ipc *c, uint64_t seq, enum ph_err err, uint64_t refused)
{
	assert_int_equal(receive(c), PH_OK);
	assert_int_equal(msg.hdr.type, IPC_RESULT);
	assert_int_equal(msg.hdr.seq, seq);
	assert_int_equal(msg.u.result.err, err);
	assert_int_equal(msg.u.result.refused, refused);
}

static void
an_engine_opens_and_closes(void **state)
{
	struct ipc e = client(IPC_ENGINE);
	int i;

	(void)state;
	assert_true(notes->adopt);
	say(&e, IPC_BEGIN, 1);
	change(FW_OPEN, 7, 4000, 60);
	say(&e, IPC_COMMIT, 2);
	result(&e, 2, PH_OK, 0);
	assert_int_equal(notes->opens, 1);
	assert_int_equal(notes->last_port, 4000);
	change(FW_OPEN, 8, 22, 60);
	say(&e, IPC_COMMIT, 3);
	result(&e, 3, PH_EDENIED, 1);
	assert_int_equal(notes->opens, 1);
	say(&e, IPC_SETTLE, 4);
	change(FW_CLOSE, 7, 4000, 0);
	say(&e, IPC_COMMIT, 5);
	result(&e, 5, PH_OK, 0);
	/* The answer to a commit does not wait for the sweep. */
	for (i = 0; i < 1000 && (notes->settles == 0 || notes->closes == 0);
	     i++)
		usleep(10000);
	assert_int_equal(notes->closes, 1);
	assert_int_equal(notes->settles, 1);
	ipc_close(&e);
}

static void
what_is_no_message_ends_the_client_and_nothing_else(void **state)
{
	struct ipc bad = client(IPC_ENGINE), good;

	(void)state;
	change(FW_OPEN, 7, 4000, 60);
	say(&bad, IPC_COMMIT, 1);
	result(&bad, 1, PH_OK, 0);
	assert_int_equal(send(bad.fd, "rubbish", 7, 0), 7);
	assert_int_equal(receive(&bad), PH_EGONE);
	assert_int_equal(notes->closes, 0);
	good = client(IPC_ENGINE);
	say(&good, IPC_BEGIN, 1);
	change(FW_OPEN, 1, 4002, 60);
	say(&good, IPC_COMMIT, 2);
	result(&good, 2, PH_OK, 0);
	say(&good, IPC_SETTLE, 3);
	change(FW_OPEN, 1, 4002, 60);
	say(&good, IPC_COMMIT, 4);
	result(&good, 4, PH_OK, 0);
	assert_int_equal(notes->closes, 1);
	ipc_close(&bad);
	ipc_close(&good);
}

static void
deadlines_hold_without_an_engine(void **state)
{
	struct ipc e = client(IPC_ENGINE);
	int64_t began = clock_now();
	int i;

	(void)state;
	change(FW_OPEN, 7, 4000, 1);
	say(&e, IPC_COMMIT, 1);
	result(&e, 1, PH_OK, 0);
	ipc_close(&e);
	for (i = 0; i < 1000 && notes->closes == 0; i++)
		usleep(10000);
	assert_int_equal(notes->closes, 1);
	assert_true(clock_now() - began > USEC_PER_SEC / 2);
}

static void
the_engine_hears_of_deadlines(void **state)
{
	struct ipc e = client(IPC_ENGINE);

	(void)state;
	change(FW_OPEN, 7, 4000, 1);
	say(&e, IPC_COMMIT, 1);
	result(&e, 1, PH_OK, 0);
	assert_int_equal(receive(&e), PH_OK);
	assert_int_equal(msg.hdr.type, IPC_CLOSED);
	assert_int_equal(msg.u.ids.n, 1);
	assert_int_equal(msg.u.ids.ids[0], 7);
	ipc_close(&e);
}

static void
a_proxy_asks_and_takes_its_pinholes_along(void **state)
{
	struct ipc p = client(IPC_PROXY);
	struct pinhole *h;
	int i;

	(void)state;
	memset(&msg, 0, sizeof(msg));
	msg.u.original.flow.local.addr = addr_v4(192, 0, 2, 1);
	say(&p, IPC_ORIGINAL, 1);
	assert_int_equal(receive(&p), PH_OK);
	assert_int_equal(msg.hdr.type, IPC_TARGET);
	assert_int_equal(msg.u.target.err, PH_OK);
	assert_int_equal(msg.u.target.target.port, 21);
	memset(&msg, 0, sizeof(msg));
	msg.u.table.index = 1;
	msg.u.table.op = FW_TABLE_ADD;
	msg.u.table.n = 1;
	msg.u.table.prefixes[0].addr = addr_v4(203, 0, 113, 7);
	msg.u.table.prefixes[0].len = 32;
	say(&p, IPC_TABLE, 2);
	result(&p, 2, PH_OK, 0);
	assert_int_equal(notes->tables, 1);
	assert_int_equal(notes->last_table, 1);
	memset(&msg, 0, sizeof(msg));
	msg.u.table.index = 2;
	msg.u.table.op = FW_TABLE_FLUSH;
	say(&p, IPC_TABLE, 3);
	result(&p, 3, PH_EBAD, 0);
	/* Data for an FTP client: the server's address stands for itself. */
	change(FW_OPEN, 7, 4000, 60);
	h = &msg.u.commit.changes[0].hole;
	h->proto = IPPROTO_TCP;
	h->once = 1;
	h->rdr_from = (struct endpoint) { h->to, 50000 };
	h->nat_to.addr = h->from.addr;
	say(&p, IPC_COMMIT, 4);
	result(&p, 4, PH_OK, 0);
	ipc_close(&p);
	for (i = 0; i < 1000 && notes->closes == 0; i++)
		usleep(10000);
	assert_int_equal(notes->closes, 1);
}

static void
the_proxy_hears_of_tables_that_were_emptied(void **state)
{
	struct ipc e = client(IPC_ENGINE), p = client(IPC_PROXY);

	(void)state;
	notes->emptied = true;
	/* Any message wakes the process. */
	change(FW_OPEN, 7, 4000, 60);
	say(&e, IPC_COMMIT, 1);
	result(&e, 1, PH_OK, 0);
	assert_int_equal(receive(&p), PH_OK);
	assert_int_equal(msg.hdr.type, IPC_EMPTIED);
	ipc_close(&e);
	ipc_close(&p);
}

/*
 * The engine is told what was counted since the last time, once a second at
 * most.
 */
static void
the_engine_is_told_the_counters(void **state)
{
	struct ipc e = client(IPC_ENGINE);
	struct pollfd pfd = { e.fd, POLLIN, 0 };
	int64_t first;

	(void)state;
	change(FW_OPEN, 7, 4000, 60);
	say(&e, IPC_COMMIT, 1);
	do
		assert_int_equal(receive_any(&e), PH_OK);
	while (msg.hdr.type != IPC_COUNTERS);
	first = clock_now();
	assert_int_equal(msg.u.counters.wanted, 1);
	assert_int_equal(msg.u.counters.changes, 1);
	change(FW_OPEN, 8, 4002, 60);
	say(&e, IPC_COMMIT, 2);
	do
		assert_int_equal(receive_any(&e), PH_OK);
	while (msg.hdr.type != IPC_COUNTERS);
	assert_true(clock_now() - first > USEC_PER_SEC / 2);
	assert_int_equal(msg.u.counters.wanted, 2);
	assert_int_equal(msg.u.counters.changes, 1);
	/* No counter has changed, so no message comes. */
	assert_int_equal(poll(&pfd, 1, 1500), 0);
	ipc_close(&e);
}

/* Without an engine nobody keeps them: the next one gets them all. */
static void
counters_wait_for_an_engine(void **state)
{
	struct ipc p = client(IPC_PROXY), e;
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		change(FW_OPEN, 7, 22, 60);
		say(&p, IPC_COMMIT, i + 1);
		result(&p, i + 1, PH_EDENIED, 1);
		usleep(600000);
	}
	e = client(IPC_ENGINE);
	assert_int_equal(receive_any(&e), PH_OK);
	assert_int_equal(msg.hdr.type, IPC_COUNTERS);
	assert_int_equal(msg.u.counters.denied, 3);
	ipc_close(&e);
	ipc_close(&p);
}

/* A wish that the filter refuses so often, for now. */
static void
want_in_vain(struct ipc *e, int times)
{
	int i;

	notes->refuse = times;
	change(FW_OPEN, 7, 4000, 60);
	say(e, IPC_COMMIT, 1);
	for (i = 0; i < 1000 && notes->refuse == times; i++)
		usleep(10000);
	assert_true(notes->refuse < times);
}

/*
 * The process does not end before the filter has taken a change that it refused
 * with PH_EAGAIN.
 */
static void
told_to_quit_it_finishes_what_it_keeps(void **state)
{
	struct ipc e = client(IPC_ENGINE);
	int64_t began;

	(void)state;
	want_in_vain(&e, 2);
	msg.u.quit.keep = 1;
	say(&monitor, IPC_QUIT, 1);
	assert_int_equal(status(), 0);
	assert_true(notes->closed && notes->kept);
	assert_int_equal(notes->opens, 1);
	/* But it does not try for ever. */
	teardown(NULL);
	ipc_close(&e);
	assert_int_equal(setup(NULL), 0);
	e = client(IPC_ENGINE);
	want_in_vain(&e, INT_MAX);
	began = clock_now();
	msg.u.quit.keep = 1;
	say(&monitor, IPC_QUIT, 1);
	assert_int_equal(status(), 0);
	assert_int_equal(notes->opens, 0);
	assert_true(clock_now() - began > USEC_PER_SEC);
	ipc_close(&e);
}

static void
what_is_no_role_is_closed(void **state)
{
	struct ipc c = client(IPC_NROLES), e = client(IPC_ENGINE);

	(void)state;
	assert_int_equal(receive(&c), PH_EGONE);
	change(FW_OPEN, 7, 4000, 60);
	say(&e, IPC_COMMIT, 1);
	result(&e, 1, PH_OK, 0);
	ipc_close(&c);
	ipc_close(&e);
}

static void
told_to_quit_it_keeps_or_closes(void **state)
{
	(void)state;
	msg.u.quit.keep = 1;
	say(&monitor, IPC_QUIT, 1);
	assert_int_equal(status(), 0);
	assert_true(notes->closed && notes->kept);
	teardown(state);
	assert_int_equal(setup(state), 0);
	msg.u.quit.keep = 0;
	say(&monitor, IPC_QUIT, 1);
	assert_int_equal(status(), 0);
	assert_true(notes->closed && !notes->kept);
}

/*
 * Returns when the process has dealt with all that happened before the call.
 * It may find an event and the first commit in either order, so there are
 * several.
 */
static void
let_it_notice(struct ipc *e, uint64_t seq)
{
	uint64_t end = seq + 3;

	for (; seq < end; seq++) {
		change(FW_OPEN, 100 + seq, (uint16_t)(5000 + 2 * seq), 60);
		say(e, IPC_COMMIT, seq);
		result(e, seq, PH_OK, 0);
	}
}

static void
term_counts_only_without_a_monitor(void **state)
{
	struct ipc e = client(IPC_ENGINE);

	(void)state;
	let_it_notice(&e, 1);
	assert_int_equal(kill(child, SIGTERM), 0);
	let_it_notice(&e, 11);
	ipc_close(&monitor);
	/* The process carries on for the engine. */
	let_it_notice(&e, 21);
	assert_false(notes->closed);
	assert_int_equal(kill(child, SIGTERM), 0);
	assert_int_equal(status(), 0);
	assert_true(notes->closed && !notes->kept);
	ipc_close(&e);
}

static void
with_nobody_left_it_goes(void **state)
{
	struct ipc e = client(IPC_ENGINE);

	(void)state;
	change(FW_OPEN, 7, 4000, 1);
	say(&e, IPC_COMMIT, 1);
	result(&e, 1, PH_OK, 0);
	ipc_close(&monitor);
	ipc_close(&e);
	assert_int_equal(status(), 0);
	assert_int_equal(notes->closes, 1);
	assert_true(notes->closed && !notes->kept);
}

static void
made_for_nothing_it_leaves_all_as_it_was(void **state)
{
	(void)state;
	ipc_close(&monitor);
	assert_int_equal(status(), 0);
	assert_true(notes->closed && notes->kept);
	assert_int_equal(notes->settles, 0);
}

static void
what_it_adopted_without_deadlines_it_closes(void **state)
{
	teardown(state);
	ops.caps = 0;
	assert_int_equal(setup(state), 0);
	ops.caps = FW_CAP_DEADLINE;
	ipc_close(&monitor);
	assert_int_equal(status(), 0);
	assert_true(notes->closed && !notes->kept);
}

/* A turn for each event, and none for nothing: it has what it needs. */
static void
with_nothing_to_do_it_sleeps(void **state)
{
	struct ipc e = client(IPC_ENGINE), p = client(IPC_PROXY);
	unsigned int i;

	(void)state;
	say(&e, IPC_BEGIN, 1);
	for (i = 0; i < 3; i++) {
		change(FW_OPEN, 7 + i, (uint16_t)(4000 + 2 * i), 600);
		say(&e, IPC_COMMIT, 2 + i);
		result(&e, 2 + i, PH_OK, 0);
	}
	say(&e, IPC_SETTLE, 5);
	/* Beyond the time at which it gives up what nobody asks for. */
	usleep(2500000);
	assert_int_equal(notes->settles, 1);
	assert_int_equal(notes->opens, 3);
	assert_int_equal(notes->closes, 0);
	assert_in_range(notes->looks, 1, 100);
	ipc_close(&e);
	ipc_close(&p);
}

static void
the_backend_is_told_who_puts_rules_back(void **state)
{
	struct ipc e = client(IPC_ENGINE);
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		memset(&msg, 0, sizeof(msg));
		msg.u.yield.yes = i % 2;
		say(&monitor, IPC_YIELD, i);
		let_it_notice(&e, 1 + 10 * i);
		assert_int_equal(notes->yields, i % 2);
	}
	ipc_close(&e);
}

/* A request for tables to a packet filter without them gets an error. */
static void
a_filter_without_tables_says_so(void **state)
{
	static const struct endpoint none;
	struct ipc p;

	teardown(state);
	ops.original = NULL;
	ops.table = NULL;
	assert_int_equal(setup(state), 0);
	ops.original = note_original;
	ops.table = note_table;
	p = client(IPC_PROXY);
	memset(&msg, 0xff, sizeof(msg));
	say(&p, IPC_ORIGINAL, 77);
	assert_int_equal(receive(&p), PH_OK);
	assert_int_equal(msg.hdr.type, IPC_TARGET);
	assert_int_equal(msg.hdr.seq, 77);
	assert_int_equal(msg.u.target.err, PH_EUNSUPPORTED);
	assert_memory_equal(&msg.u.target.target, &none, sizeof(none));
	memset(&msg, 0, sizeof(msg));
	msg.u.table.op = FW_TABLE_FLUSH;
	say(&p, IPC_TABLE, 78);
	result(&p, 78, PH_EUNSUPPORTED, 0);
	assert_int_equal(notes->tables, 0);
	ipc_close(&p);
}

static void
what_it_adopted_for_nobody_it_closes(void **state)
{
	int64_t began = clock_now();
	int i;

	(void)state;
	for (i = 0; i < 1000 && notes->settles == 0; i++)
		usleep(10000);
	assert_int_equal(notes->settles, 1);
	assert_true(clock_now() - began > USEC_PER_SEC);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_engine_opens_and_closes),
		CASE(what_is_no_message_ends_the_client_and_nothing_else),
		CASE(deadlines_hold_without_an_engine),
		CASE(the_engine_hears_of_deadlines),
		CASE(a_proxy_asks_and_takes_its_pinholes_along),
		CASE(the_proxy_hears_of_tables_that_were_emptied),
		CASE(the_engine_is_told_the_counters),
		CASE(counters_wait_for_an_engine),
		CASE(told_to_quit_it_finishes_what_it_keeps),
		CASE(what_is_no_role_is_closed),
		CASE(told_to_quit_it_keeps_or_closes),
		CASE(term_counts_only_without_a_monitor),
		CASE(with_nobody_left_it_goes),
		CASE(made_for_nothing_it_leaves_all_as_it_was),
		CASE(what_it_adopted_for_nobody_it_closes),
		CASE(what_it_adopted_without_deadlines_it_closes),
		CASE(with_nothing_to_do_it_sleeps),
		CASE(the_backend_is_told_who_puts_rules_back),
		CASE(a_filter_without_tables_says_so),
	};
	static const char text[] =
	    "protect { 192.0.2.0/24 }\n"
	    "ftp { proxy on 192.0.2.1 port 6969 }\n"
	    "sip { timeout idle 2 }\n"
	    "tables { listen on 127.0.0.1 port 56789\n"
	    "key \"/dev/null\"\nallow { spammer blocked } }\n";
	char reason[256], dir[] = "/tmp/pinholed-test.XXXXXX";
	struct strbuf why = strbuf_of(reason, sizeof(reason));
	int rc;

	sandbox_missing(true, &why);
	if (why.len > 0) {
		printf("skipped: missing %s\n", reason);
		return 77;
	}
	clock_start();
	log_init(&(struct log_options) { .foreground = true });
	notes = mmap(NULL, sizeof(*notes), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (notes == MAP_FAILED || mkdtemp(dir) == NULL ||
	    sandbox_prepare(&sandbox, "nobody", true, dir, &why) != PH_OK ||
	    conf_parse(&conf, span_of(text), "test", NULL, 0, stderr) != PH_OK)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	conf_free(conf);
	/* Not the system's own. */
	if (strncmp(sandbox.dir, dir, strlen(dir)) == 0)
		(void)rmdir(sandbox.dir);
	(void)rmdir(dir);
	return rc;
}
