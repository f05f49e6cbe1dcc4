/* SPDX-License-Identifier: ISC */
/* What the proxy process tells the status process. */
#include <sys/socket.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/proxy_process_play.h"

static void
the_status_process_asks(void **state)
{
	uint32_t i, n = 0;

	(void)state;
	start();
	link_it();
	connect_status();
	memset(&msg, 0, sizeof(msg));
	tell(&status, IPC_SHOW_TABLES, 5, -1);
	await(&status, IPC_FEED_TEXT);
	assert_int_equal(msg.hdr.seq, 5);
	assert_memory_equal(msg.u.feed_text.text, "{\"table\":\"bad\"", 14);
	await(&status, IPC_DONE);
	assert_int_equal(msg.hdr.seq, 5);
	assert_int_equal(msg.u.done.err, PH_OK);
	/* The entries that overlap with a prefix, of which there is none. */
	memset(&msg, 0, sizeof(msg));
	msg.u.which.n = 14;
	memcpy(msg.u.which.call, "203.0.113.0/24", 14);
	tell(&status, IPC_SHOW_TABLES, 8, -1);
	await(&status, IPC_FEED_TEXT);
	assert_int_equal(msg.hdr.seq, 8);
	assert_memory_equal(msg.u.feed_text.text, "{\"table\":\"bad\"", 14);
	await(&status, IPC_DONE);
	memset(&msg, 0, sizeof(msg));
	msg.u.tell.what = IPC_TELL_COUNTERS;
	tell(&status, IPC_TELL, 0, -1);
	await(&status, IPC_FEED_COUNTERS);
	for (i = 0; i < msg.u.feed_counters.n; i++)
		n += strncmp(msg.u.feed_counters.v[i].name, "tables_", 7) == 0;
	assert_in_range(n, 5, msg.u.feed_counters.n - 5);
	/* Nobody has such a pinhole. */
	memset(&msg, 0, sizeof(msg));
	msg.u.which.owner = 77;
	tell(&status, IPC_CLOSE_CALL, 6, -1);
	await(&status, IPC_DONE);
	assert_int_equal(msg.hdr.seq, 6);
	assert_int_equal(msg.u.done.err, PH_EGONE);
	memset(&msg, 0, sizeof(msg));
	tell(&status, IPC_EXPLAIN, 7, -1);
	await(&status, IPC_DONE);
	assert_int_equal(msg.u.done.err, PH_EUNSUPPORTED);
	process_quit();
}

/* How many lines the status process gets for this question. */
static size_t
lines_shown(const char *prefix)
{
	size_t n = 0, i;

	memset(&msg, 0, sizeof(msg));
	msg.u.which.n = (uint32_t)strlen(prefix);
	memcpy(msg.u.which.call, prefix, strlen(prefix));
	tell(&status, IPC_SHOW_TABLES, 9, -1);
	for (;;) {
		(void)receive(&status);
		if (msg.hdr.type == IPC_DONE)
			return n;
		if (msg.hdr.type == IPC_FEED_TEXT)
			for (i = 0; i < msg.u.feed_text.n; i++)
				n += msg.u.feed_text.text[i] == '\n';
	}
}

/* A line for each table, and for each entry that was asked for. */
static void
entries_are_shown_to_who_asks_for_them(void **state)
{
	(void)state;
	start();
	link_it();
	enter("203.0.113.9");
	connect_status();
	assert_int_equal(lines_shown(""), 2);
	assert_int_equal(lines_shown("203.0.113.0/24"), 3);
	assert_int_equal(lines_shown("203.0.113.8"), 2);
	assert_int_equal(lines_shown("nonsense"), 0);
	process_quit();
}

static void
without_tables_none_is_shown(void **state)
{
	(void)proxy_end_all(state);
	assert_int_equal(proxy_begin_with(NULL), 0);
	start();
	link_it();
	connect_status();
	assert_int_equal(lines_shown(""), 0);
	assert_int_equal(lines_shown("203.0.113.0/24"), 0);
	memset(&msg, 0, sizeof(msg));
	tell(&fw, IPC_EMPTIED, 0, -1);
	memset(&msg, 0, sizeof(msg));
	msg.u.tell.what = IPC_TELL_COUNTERS;
	tell(&status, IPC_TELL, 0, -1);
	await(&status, IPC_FEED_COUNTERS);
	assert_int_equal(msg.u.feed_counters.n, 6);
	assert_string_equal(msg.u.feed_counters.v[0].name, "open");
	assert_string_equal(msg.u.feed_counters.v[5].name, "unanswered");
	process_quit();
}

/* Messages go out with as many lines as there is room for. */
static void
lines_go_together(void **state)
{
	char name[40], text[8192] = "";
	size_t i, len = 0, messages = 0, lines = 0;

	/* Many tables with long names: a line each. */
	proxy_end_all(state);
	for (i = 0; i < 200; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "a_table_of_a_name_%03zu ", i);
	assert_int_equal(proxy_begin_with(text), 0);
	start();
	link_it();
	connect_status();
	memset(&msg, 0, sizeof(msg));
	tell(&status, IPC_SHOW_TABLES, 5, -1);
	for (;;) {
		(void)receive(&status);
		if (msg.hdr.type == IPC_DONE)
			break;
		if (msg.hdr.type != IPC_FEED_TEXT)
			continue;
		assert_int_equal(msg.hdr.seq, 5);
		messages++;
		/* Whole lines, and another one would not fit. */
		text[0] = '\0';
		snprintf(text, sizeof(text), "%.*s", (int)msg.u.feed_text.n,
		    msg.u.feed_text.text);
		if (len > 0)
			assert_true(len + strcspn(text, "\n") + 1 > IPC_TEXT);
		len = strlen(text);
		assert_true(len > 0 && len <= IPC_TEXT);
		assert_int_equal(text[len - 1], '\n');
		for (i = 0; i < len; i++)
			if (text[i] == '\n') {
				snprintf(name, sizeof(name), "_%03zu\"",
				    lines++);
				assert_non_null(strstr(text, name));
			}
	}
	assert_int_equal(lines, 200);
	assert_true(messages > 2);
	process_quit();
}

/* A transfer of a client, whose pinhole the packet filter has. */
static uint64_t
transfer(int fd)
{
	struct endpoint server = { addr_v4(127, 0, 0, 4), 69 };
	uint64_t id;

	assert_int_equal(send(fd, "\0\1boot\0octet\0", 13, 0), 13);
	(void)expect(&fw, IPC_ORIGINAL);
	answer_target(server);
	(void)expect(&fw, IPC_COMMIT);
	assert_int_equal(msg.u.commit.n, 1);
	assert_int_equal(msg.u.commit.changes[0].op, FW_OPEN);
	assert_int_equal(msg.u.commit.changes[0].hole.to_lo, name_of(fd).port);
	id = msg.u.commit.changes[0].hole.id;
	answer(PH_OK);
	return id;
}

/* The status process is told of this pinhole; its owner. */
static uint64_t
hole_is_told(int fd, uint64_t tuple, bool was_open)
{
	const struct ipc_feed_hole *h = &msg.u.feed_hole;

	await(&status, IPC_FEED_HOLE);
	assert_int_equal(h->hole.to_lo, name_of(fd).port);
	assert_int_equal(h->tuple, tuple);
	assert_int_equal(h->was_open, was_open);
	assert_int_equal(h->reason, REASON_REQUEST);
	assert_int_equal(h->n, 0);
	return h->owner;
}

static void
assert_gone(uint64_t owner, enum reason why)
{
	await(&status, IPC_FEED_HOLE_GONE);
	assert_int_equal(msg.u.feed_gone.id, owner);
	assert_int_equal(msg.u.feed_gone.reason, why);
}

/* It opens, packets pass, a person closes it, or it closes by itself. */
static void
the_status_process_is_told_of_pinholes(void **state)
{
	uint64_t tuple[3], owner[3];
	int fd[3], i;

	(void)state;
	start();
	link_it();
	connect_status();
	for (i = 0; i < 3; i++) {
		fd[i] = client(SOCK_DGRAM, LISTEN_TFTP);
		tuple[i] = transfer(fd[i]);
		owner[i] = hole_is_told(fd[i], tuple[i], false);
	}
	memset(&msg, 0, sizeof(msg));
	msg.u.packets.n = 1;
	msg.u.packets.v[0] = (struct ipc_count) { tuple[0], 12 };
	tell(&fw, IPC_PACKETS, 0, -1);
	await(&status, IPC_PACKETS);
	assert_int_equal(msg.u.packets.n, 1);
	assert_int_equal(msg.u.packets.v[0].id, tuple[0]);
	assert_int_equal(msg.u.packets.v[0].packets, 12);
	for (i = 0; i < 2; i++) {
		memset(&msg, 0, sizeof(msg));
		msg.u.ids.n = 1;
		msg.u.ids.ids[0] = tuple[i];
		tell(&fw, i == 0 ? IPC_SEEN_FROM : IPC_SEEN_TO, 0, -1);
		await(&status, IPC_FEED_SEEN);
		assert_int_equal(msg.u.ids.n, 1);
		assert_int_equal(msg.u.ids.ids[0], tuple[i]);
	}
	/* Its successor is told of those that are open. */
	introduce(&status, IPC_STATUS);
	memset(&msg, 0, sizeof(msg));
	tell(&status, IPC_TELL, 0, -1);
	(void)expect(&status, IPC_FEED_BEGIN);
	for (i = 0; i < 3; i++) {
		assert_int_equal(hole_is_told(fd[i], tuple[i], true), owner[i]);
		assert_int_equal(msg.u.feed_hole.packets, i == 0 ? 12 : 0);
		assert_int_equal(msg.u.feed_hole.seen != 0, i < 2);
	}
	(void)expect(&status, IPC_FEED_END);
	memset(&msg, 0, sizeof(msg));
	msg.u.which.owner = owner[1];
	tell(&status, IPC_CLOSE_CALL, 6, -1);
	assert_gone(owner[1], REASON_CLOSED);
	(void)expect(&status, IPC_DONE);
	assert_int_equal(msg.hdr.seq, 6);
	assert_int_equal(msg.u.done.err, PH_OK);
	assert_int_equal(msg.u.done.n, 1);
	(void)expect(&fw, IPC_COMMIT);
	assert_int_equal(msg.u.commit.changes[0].op, FW_CLOSE);
	assert_int_equal(msg.u.commit.changes[0].hole.id, tuple[1]);
	memset(&msg, 0, sizeof(msg));
	msg.u.ids.n = 1;
	msg.u.ids.ids[0] = tuple[0];
	tell(&fw, IPC_CLOSED, 0, -1);
	assert_gone(owner[0], REASON_DONE);
	(void)expect(&fw, IPC_COMMIT);
	/* What is left closes with the process, which says so to all. */
	memset(&msg, 0, sizeof(msg));
	tell(&monitor, IPC_QUIT, 0, -1);
	assert_gone(owner[2], REASON_SHUTDOWN);
	(void)expect(&fw, IPC_COMMIT);
	assert_int_equal(msg.u.commit.changes[0].op, FW_CLOSE);
	assert_int_equal(msg.u.commit.changes[0].hole.id, tuple[2]);
	assert_int_equal(process_status(), 0);
	for (i = 0; i < 3; i++)
		close(fd[i]);
}

/* Events are a line each, and "log verbose" adds the rules. */
static void
events_are_written_at_once(void **state)
{
	const char *rule = "    pass in udp from 127.0.0.4 to 127.0.0.2";
	int fd;

	(void)state;
	args.format = EVENTS_TEXT;
	start();
	link_it();
	fd = client(SOCK_DGRAM, LISTEN_TFTP);
	(void)transfer(fd);
	await_said(" open ");
	assert_null(strstr(process_said(), rule));
	close(fd);
	memset(&msg, 0, sizeof(msg));
	msg.u.command.kind = IPC_COMMAND_LOG;
	msg.u.command.value = 1;
	tell(&monitor, IPC_COMMAND, 0, -1);
	fd = client(SOCK_DGRAM, LISTEN_TFTP);
	(void)transfer(fd);
	await_said(rule);
	close(fd);
	process_quit();
}

/* Somebody has emptied the tables of the packet filter. */
static void
tables_are_filled_anew(void **state)
{
	(void)state;
	start();
	link_it();
	enter("203.0.113.9");
	memset(&msg, 0, sizeof(msg));
	tell(&fw, IPC_EMPTIED, 0, -1);
	(void)expect(&fw, IPC_TABLE);
	assert_int_equal(msg.u.table.index, 0);
	assert_int_equal(msg.u.table.op, FW_TABLE_ADD);
	assert_int_equal(msg.u.table.n, 1);
	answer(PH_OK);
	process_quit();
}

#define T(f) cmocka_unit_test_setup_teardown(f, proxy_begin, proxy_end_all)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_status_process_asks),
		T(entries_are_shown_to_who_asks_for_them),
		T(without_tables_none_is_shown),
		T(lines_go_together),
		T(the_status_process_is_told_of_pinholes),
		T(events_are_written_at_once),
		T(tables_are_filled_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
