/* SPDX-License-Identifier: ISC */
/* The firewall process and its clients: each message, each loss, each wait. */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/fwproc_play.h"

#define SECOND USEC_PER_SEC

static int
fresh(void)
{
	int rc = play_teardown(NULL);

	return play_setup(NULL) + rc;
}

static struct ipc *
begin_with(enum ipc_role role)
{
	struct ipc *c;

	begin();
	c = client(role);
	(void)calls();
	return c;
}

/* Data for an FTP client, which any role but the engine's may want. */
static void
data(enum fw_op op, uint64_t id, uint16_t port)
{
	struct pinhole *h = &msg.u.commit.changes[0].hole;

	change(op, id, port, 50);
	h->proto = IPPROTO_TCP;
	h->once = 1;
	h->rdr_from = (struct endpoint) { h->to, 50000 };
	h->nat_to.addr = h->from.addr;
}

static void
want_data(struct ipc *c, uint64_t id, uint16_t port)
{
	data(FW_OPEN, id, port);
	say(c, IPC_COMMIT, id);
}

/*
 * One message of each client a turn, for as long as there is time to sleep in
 * between; if not, 256.
 */
static void
a_turn_has_a_message_or_many(void **state)
{
	struct ipc *e, *p;
	int i;

	(void)state;
	e = begin_with(IPC_ENGINE);
	p = client(IPC_PROXY);
	want(e, 1, 4000, 60);
	want(e, 2, 4002, 60);
	want_data(p, 1, 7000);
	want_data(p, 2, 7002);
	turn();
	CALLS("+4000 +7000 ");
	turn();
	CALLS("+4002 +7002 ");
	play.busy = true;
	for (i = 0; i < 255; i++)
		say(e, IPC_BEGIN, 1);
	want(e, 1, 4004, 60);
	want(e, 2, 4006, 60);
	want_data(p, 3, 7004);
	want_data(p, 4, 7006);
	assert_false(ipc_unsent(e));
	turn();
	CALLS("+4004 +7004 +7006 ");
	turn();
	CALLS("+4006 ");
	turn();
	CALLS("");
	HEARD(p, "result1:0:0 result2:0:0 result3:0:0 result4:0:0 ");
}

/* What has come in one record is dealt with in one turn. */
static void
what_came_together_is_read_together(void **state)
{
	struct ipc *e = begin_with(IPC_ENGINE);

	(void)state;
	e->held = true;
	want(e, 1, 4000, 60);
	want(e, 2, 4002, 60);
	want(e, 3, 4004, 60);
	assert_int_equal(ipc_flush(e), PH_OK);
	e->held = false;
	want(e, 4, 4006, 60);
	turn();
	CALLS("+4000 +4002 +4004 ");
	turn();
	CALLS("+4006 ");
}

static const char *const names[IPC_NROLES] = { "engine", "proxy", "share",
	"leaving proxy", "leaving proxy", "leaving proxy" };

/* How a client is lost. */
enum loss { CLOSES, TALKS_RUBBISH, IS_FULL, LOSSES };

/*
 * What the engine wanted stays, what any other wanted closes at once; the log
 * has the losses that are our doing.
 */
static void
lose(enum ipc_role role, enum loss loss)
{
	char want_text[128] = "";
	struct ipc *other, *c = begin_with(role);

	other = client(role == IPC_PROXY ? IPC_SHARER : IPC_PROXY);
	want_data(other, 1, 7002);
	turn();
	if (role == IPC_ENGINE)
		want(c, 1, 7000, 60);
	else
		want_data(c, 1, 7000);
	turn();
	CALLS("+7002 +7000 ");
	(void)heard(c);
	if (loss == CLOSES)
		shutdown(c->fd, SHUT_RDWR);
	else if (loss == TALKS_RUBBISH)
		assert_int_equal(send(c->fd, "rubbish", 7, 0), 7);
	else {
		/* Its answer does not go out. */
		play.refused = IPC_TARGET;
		play.refused_rc = PH_ELIMIT;
		memset(&msg, 0, sizeof(msg));
		say(c, IPC_ORIGINAL, 1);
	}
	turn();
	if (loss == TALKS_RUBBISH)
		snprintf(want_text, sizeof(want_text),
		    "the %s sent a malformed message;", names[role]);
	else if (loss == IS_FULL)
		snprintf(want_text, sizeof(want_text),
		    "lost the connection to the %s: %s;", names[role],
		    ph_strerror(PH_ELIMIT));
	LOGGED(want_text);
	if (loss != CLOSES)
		HEARD(c, "gone ");
	assert_int_equal(play.waits[role], '-');
	turn();
	assert_int_equal(strstr(calls(), "-7000 ") != NULL, role != IPC_ENGINE);
	LOGGED("");
	assert_true(play.until > play.now);
	/* The other one is as it was, and nothing was done twice. */
	want_data(other, 2, 7004);
	turn();
	CALLS("+7004 ");
	play.now += SECOND;
	HEARD(client(IPC_ENGINE),
	    role == IPC_ENGINE ? "counters0:3:2:2:0 " : "counters0:2:3:3:0 ");
}

static void
a_client_is_lost(void **state)
{
	int role, loss;

	(void)state;
	for (role = 0; role < IPC_NROLES; role++)
		for (loss = 0; loss < LOSSES; loss++) {
			assert_int_equal(role + loss == 0 ? 0 : fresh(), 0);
			lose((enum ipc_role)role, (enum loss)loss);
		}
}

/* Of two that are lost at once, both. */
static void
two_clients_are_lost(void **state)
{
	struct ipc *p = begin_with(IPC_PROXY), *s = client(IPC_SHARER);

	(void)state;
	want_data(p, 1, 7000);
	want_data(s, 1, 7002);
	turn();
	CALLS("+7000 +7002 ");
	ipc_close(p);
	ipc_close(s);
	turn();
	CALLS("-7000 -7002 ");
}

/*
 * A proxy that has gone before it could hear that all its pinholes are closed
 * at their deadline: there are more than fit into one message.
 */
static void
one_that_is_gone_cannot_hear_of_deadlines(void **state)
{
	struct ipc *e, *p = begin_with(IPC_PROXY);
	uint16_t i, n = 600;

	(void)state;
	play.busy = true;
	for (i = 0; i < n; i++) {
		want_data(p, 1 + i, (uint16_t)(10000 + i));
		if (i % 100 == 99)
			turn();
	}
	turn();
	(void)calls();
	(void)heard(p);
	shutdown(p->fd, SHUT_RDWR);
	play.now += 50 * SECOND;
	play.deaf = true;
	turn();
	assert_int_equal(play.until, 0);
	turn();
	assert_non_null(strstr(calls(), "-600 times "));
	e = client(IPC_ENGINE);
	HEARD(e, "counters0:0:600:600:0 ");
}

static void
a_client_takes_the_place_of_another(void **state)
{
	struct ipc *old, *c, *e = begin_with(IPC_ENGINE);

	(void)state;
	assert_int_equal(play.detached, 1);
	WAITS("r-----r--");
	old = client(IPC_PROXY);
	assert_int_equal(play.detached, 2);
	want_data(old, 1, 7000);
	turn();
	HEARD(old, "result1:0:0 ");
	c = client(IPC_PROXY);
	WAITS("rr----r--");
	HEARD(old, "gone ");
	CALLS("+7000 ");
	want_data(c, 1, 7000);
	turn();
	HEARD(c, "result1:0:0 ");
	LOGGED("");
	/* No role, and no descriptor: nothing changes. */
	old = client(IPC_NROLES);
	HEARD(old, "gone ");
	msg.u.client.role = IPC_ENGINE;
	say(&play.monitor, IPC_CLIENT, 0);
	turn();
	assert_int_equal(play.detached, 3);
	WAITS("rr----r--");
	assert_null(strstr(heard(e), "gone "));
	/* The last role there is. */
	(void)client(IPC_NROLES - 1);
	WAITS("rr---rr--");
}

/* Descriptors that nobody expects are closed, whoever sends them. */
static void
nothing_comes_with_other_messages(void **state)
{
	struct ipc *from[2] = { begin_with(IPC_ENGINE), &play.monitor };
	static const enum ipc_type types[2] = { IPC_WAITS, IPC_YIELD };
	struct ipc *far;
	int fds[2], i;

	(void)state;
	for (i = 0; i < 2; i++) {
		far = &play.client[play.nclients++];
		assert_int_equal(ipc_pair(fds), PH_OK);
		ipc_init(far, fds[0]);
		assert_int_equal(ipc_send(from[i], types[i], 0, &msg, fds[1]),
		    PH_OK);
		turn();
		HEARD(far, "gone ");
	}
	WAITS("r-----r--");
}

/* At most once a second, only what is new, and only to an engine. */
static void
the_engine_hears_the_counters(void **state)
{
	struct ipc *p = begin_with(IPC_PROXY), *e;
	int64_t first = play.now;

	(void)state;
	want(p, 1, 4000, 60);
	turn();
	HEARD(p, "result1:-12:1 ");
	assert_int_equal(play.until, first + 10 * SECOND);
	e = client(IPC_ENGINE);
	HEARD(e, "counters0:0:1:1:1 ");
	assert_int_equal(play.until, first + 10 * SECOND);
	play.now += SECOND / 2;
	want(e, 1, 4000, 60);
	turn();
	HEARD(e, "result1:0:0 ");
	assert_int_equal(play.until, first + SECOND);
	play.now = first + SECOND - 1;
	turn();
	HEARD(e, "");
	play.now++;
	turn();
	HEARD(e, "counters0:1:1:1:0 ");
	HEARD(p, "");
	assert_int_equal(play.until, first + 10 * SECOND);
	play.now += SECOND;
	turn();
	HEARD(e, "");
	/* After a silence, at once. */
	want(e, 2, 4002, 60);
	turn();
	HEARD(e, "result2:0:0 counters0:2:1:1:0 ");
	want(e, 3, 4004, 60);
	turn();
	ipc_close(e);
	turn();
	assert_int_equal(play.until, first + 10 * SECOND);
}

/* Every ten seconds; without an answer, those of before. */
static void
it_looks_at_our_own_addresses(void **state)
{
	static const char *const results[] = { "result0:0:0 ", "result1:-12:1 ",
		"result2:-12:1 ", "result3:0:0 " };
	struct ipc *p = begin_with(IPC_PROXY);
	int64_t began = play.now;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		/* The first one is ours, the second becomes ours. */
		data(FW_OPEN, 1 + (uint64_t)i, (uint16_t)(7000 + i));
		msg.u.commit.changes[0].hole.rdr_from.addr = play.own[i > 0];
		say(p, IPC_COMMIT, (uint64_t)i);
		turn();
		HEARD(p, results[i]);
		(void)calls();
		if (i > 0)
			play.nown = 2;
		play.own_rc = i == 1 ? PH_EIO : PH_OK;
		play.now = began + (i + 1) * 10 * SECOND - 1;
		turn();
		CALLS("");
		assert_int_equal(play.until, play.now + 1);
		play.now++;
		turn();
		CALLS("own ");
		assert_int_equal(play.until, play.now + 10 * SECOND);
	}
}

/* Somebody has emptied tables: for the proxy alone, and it is not lost. */
static void
the_proxy_hears_that_tables_are_empty(void **state)
{
	struct ipc *e = begin_with(IPC_ENGINE), *p;

	(void)state;
	play.emptied = true;
	turn();
	assert_int_equal(play.looks, 0);
	p = client(IPC_PROXY);
	HEARD(p, "emptied0 ");
	assert_int_equal(play.looks, 1);
	turn();
	assert_int_equal(play.looks, 2);
	HEARD(p, "");
	HEARD(e, "");
	assert_int_equal(fresh(), 0);
	play.ops.emptied = NULL;
	p = begin_with(IPC_PROXY);
	turn();
	HEARD(p, "");
}

/* It carries what comes by either socket, and looks at it often from then. */
static void
the_queue_wakes_it(void **state)
{
	struct ipc *c;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		assert_int_equal(i == 0 ? 0 : fresh(), 0);
		play.queued = true;
		c = begin_with(i == 2 ? IPC_PROXY : IPC_ENGINE);
		WAITS(i == 2 ? "-r----rrr" : "r-----rrr");
		assert_int_equal(play.until, play.now + SECOND);
		play.now += 1000;
		if (i < 2)
			assert_int_equal(write(play.queue_fd[i], "x", 1), 1);
		else
			say(c, IPC_WAITS, 1);
		turn();
		/* A proxy has no part in this. */
		CALLS(i == 2 ? "" : "carry ");
		assert_int_equal(play.until,
		    i == 2 ? play.now - 1000 + SECOND : play.now + 5000);
	}
}

/* Packets that wait go with the commit that was asked for before. */
static void
packets_go_when_the_filter_is_ready(void **state)
{
	struct ipc *e, *p;

	(void)state;
	play.queued = true;
	e = begin_with(IPC_ENGINE);
	p = client(IPC_PROXY);
	memset(&msg, 0, sizeof(msg));
	msg.u.release.n = 1;
	msg.u.release.last = 9;
	say(p, IPC_RELEASE, 1);
	turn();
	CALLS("");
	msg.u.release.last = 10;
	say(e, IPC_RELEASE, 1);
	turn();
	CALLS("verdict10:1 ");
	HEARD(e, "counters0:0:0:0:0 ");
	assert_int_equal(msg.u.counters.held_released, 1);
	play.commit_rc = PH_EAGAIN;
	want(e, 1, 4000, 60);
	turn();
	memset(&msg, 0, sizeof(msg));
	msg.u.release.n = 6;
	msg.u.release.last = 16;
	/* Not known, in the future, just now, and three that took time. */
	msg.u.release.since[1] = play.now + 900 * SECOND;
	msg.u.release.since[2] = play.now + 4000;
	msg.u.release.since[3] = play.now + 3999;
	msg.u.release.since[4] = play.now + 3900;
	msg.u.release.since[5] = play.now + 4000 - SECOND;
	say(e, IPC_RELEASE, 2);
	turn();
	CALLS("refused ");
	play.commit_rc = PH_OK;
	play.now += 4000;
	turn();
	CALLS("+4000 verdict16:1 ");
	turn();
	CALLS("");
	play.now += SECOND;
	turn();
	HEARD(e, "result1:0:0 counters0:1:1:1:0 ");
	assert_int_equal(msg.u.counters.held_released, 6);
	assert_int_equal(histogram_count(&msg.u.counters.held), 6);
	assert_int_equal(msg.u.counters.held.sum, 1 + 100 + SECOND);
}

/* A client that is slow to read loses nothing, nor does anybody wait for it. */
static void
a_slow_client_gets_all(void **state)
{
	struct ipc *p = begin_with(IPC_PROXY), *e = client(IPC_ENGINE);
	uint64_t sent = 0, read = 0;
	int fd;

	(void)state;
	play.busy = true;
	while (play.waits[IPC_PROXY] != 'w' && sent < 20000) {
		memset(&msg, 0, sizeof(msg));
		say(p, IPC_ORIGINAL, sent++);
		turn();
		calls();
	}
	WAITS("rw----r--");
	want(e, 1, 4000, 60);
	turn();
	CALLS("+4000 ");
	HEARD(e, "result1:0:0 counters0:1:1:1:0 ");
	while (read < sent) {
		while (ipc_recv(p, &msg, &fd) == PH_OK) {
			assert_int_equal(msg.hdr.type, IPC_TARGET);
			assert_int_equal(msg.hdr.seq, read++);
		}
		turn();
	}
	WAITS("rr----r--");
}

/* It has closed its ears, and not its mouth. */
static void
one_that_reads_no_more_is_lost(void **state)
{
	struct ipc *p = begin_with(IPC_PROXY);
	uint64_t sent = 0;
	int fd;

	(void)state;
	want_data(p, 1, 7000);
	while (play.waits[IPC_PROXY] != 'w' && sent < 20000) {
		memset(&msg, 0, sizeof(msg));
		say(p, IPC_ORIGINAL, sent++);
		turn();
		(void)calls();
	}
	/* There is room again, but for nobody. */
	while (ipc_recv(p, &msg, &fd) == PH_OK)
		continue;
	shutdown(p->fd, SHUT_RD);
	turn();
	WAITS("------r--");
	CALLS("-7000 ");
	LOGGED("");
}

/* Each question has its answer, with what the filter said. */
static void
questions_are_answered(void **state)
{
	struct ipc *p = begin_with(IPC_PROXY), *e = client(IPC_ENGINE);
	struct fw_flow *flow = &msg.u.original.flow;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		memset(&msg, 0, sizeof(msg));
		flow->proto = IPPROTO_TCP;
		flow->client =
		    (struct endpoint) { addr_v4(192, 0, 2, 7), 1234 };
		flow->local = (struct endpoint) { addr_v4(192, 0, 2, 1),
			i == 0 ? 6969 : 0 };
		say(p, IPC_ORIGINAL, 70 + (uint64_t)i);
		turn();
		CALLS("original:6:192.0.2.7:1234 ");
		HEARD(p,
		    i == 0 ? "target70:0:192.0.2.1:21 "
			   : "target71:-1:192.0.2.1:21 ");
	}
	for (i = 0; i < 4; i++) {
		memset(&msg, 0, sizeof(msg));
		msg.u.table.index = i == 1 ? 2 : 1;
		msg.u.table.op = FW_TABLE_DELETE;
		msg.u.table.ttl_s = i == 2 ? 404 : 60;
		msg.u.table.n = 2;
		msg.u.table.prefixes[0].addr = addr_v4(198, 51, 100, 7);
		msg.u.table.prefixes[0].len = 32;
		msg.u.table.prefixes[1].addr = addr_v4(198, 51, 100, 128);
		msg.u.table.prefixes[1].len = 25;
		say(i == 3 ? e : p, IPC_TABLE, 80 + (uint64_t)i);
		turn();
		if (i == 0) {
			CALLS("table1:2:60:2:198.51.100.128/25 ");
			HEARD(p, "result80:0:0 ");
		} else if (i == 1) {
			CALLS("");
			HEARD(p, "result81:-11:0 ");
		} else if (i == 2) {
			CALLS("table1:2:404:2:198.51.100.128/25 ");
			HEARD(p, "result82:-10:0 ");
		} else {
			CALLS("");
			HEARD(e, "result83:-12:0 ");
		}
	}
}

/* What the filter cannot do is said to be so. */
static void
a_filter_that_cannot_do_it_says_so(void **state)
{
	static const struct endpoint none;
	struct ipc *p;

	(void)state;
	play.ops.original = NULL;
	play.ops.table = NULL;
	p = begin_with(IPC_PROXY);
	memset(&msg, 0xff, sizeof(msg));
	say(p, IPC_ORIGINAL, 77);
	turn();
	HEARD(p, "target77:-3:none:0 ");
	assert_memory_equal(&msg.u.target.target, &none, sizeof(none));
	memset(&msg, 0, sizeof(msg));
	msg.u.table.op = FW_TABLE_FLUSH;
	say(p, IPC_TABLE, 78);
	turn();
	HEARD(p, "result78:-3:0 ");
	CALLS("");
}

/* Whether to put rules back is for the monitor to say, time and again. */
static void
it_yields_when_told(void **state)
{
	uint32_t i;

	(void)state;
	(void)begin_with(IPC_ENGINE);
	for (i = 0; i < 6; i++) {
		msg.u.yield.yes = i % 3;
		say(&play.monitor, IPC_YIELD, 0);
		turn();
		assert_int_equal(play.config->yield, i % 3 != 0);
		assert_false(is_over());
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, play_setup, play_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_turn_has_a_message_or_many),
		T(what_came_together_is_read_together),
		T(a_client_is_lost),
		T(two_clients_are_lost),
		T(one_that_is_gone_cannot_hear_of_deadlines),
		T(a_client_takes_the_place_of_another),
		T(nothing_comes_with_other_messages),
		T(the_engine_hears_the_counters),
		T(it_looks_at_our_own_addresses),
		T(the_proxy_hears_that_tables_are_empty),
		T(the_queue_wakes_it),
		T(packets_go_when_the_filter_is_ready),
		T(a_slow_client_gets_all),
		T(one_that_reads_no_more_is_lost),
		T(questions_are_answered),
		T(a_filter_that_cannot_do_it_says_so),
		T(it_yields_when_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
