/* SPDX-License-Identifier: ISC */
/*
 * The engine process as its neighbours see it: a real process, whose monitor,
 * firewall and status process and wire are the test.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "tests/unit/process_play.h"

static void
nothing_is_read_before_a_firewall_process(void **state)
{
	(void)state;
	start();
	call(1, 1000);
	call(2, 2000);
	assert_string_equal(fake_capture_done(50), "");
	/* One message without its descriptor is none. */
	tell(&monitor, IPC_FW, -1);
	assert_string_equal(fake_capture_done(50), "");
	link_it();
	assert_string_equal(fake_capture_done(PATIENCE),
	    "dispatch one of 64: 4");
	/* One turn is one commit, with the stamp of what opened first. */
	commits(FW_OPEN, 3, 1001);
	hang_up(2, 3000);
	commits(FW_CLOSE, 1, 0);
	call(3, 4000);
	/* The telephone's port of the first call is asked for once more. */
	commits(FW_OPEN, 2, 4001);
	assert_non_null(strstr(logged(), "listening on in0\n"));
	assert_non_null(strstr(logged(),
	    "listening on every interface for the firewall's own addresses"));
	assert_non_null(strstr(logged(),
	    " open 1 in udp 198.51.100.7 -> "
	    "192.0.2.10 port 10002:10003"));
	quit(false, 0);
	commits(FW_CLOSE, 3, 0);
	assert_non_null(strstr(logged(), "(shutdown)"));
	assert_null(strstr(logged(), "no journal"));
	dispatched("close");
}

/* More than one turn takes: the next turn comes by itself. */
static void
a_turn_has_an_end(void **state)
{
	unsigned int i;

	(void)state;
	start();
	for (i = 0; i < 70; i++)
		sip(false, "INVITE sip:x SIP/2.0", "1 INVITE", i, 4000, 1);
	link_it();
	dispatched("dispatch one of 64: 64");
	dispatched("dispatch one of 64: 6");
	assert_string_equal(fake_capture_done(50), "");
	/* Packets in the capture's own memory, and timers that are due. */
	wire(WIRE_MORE, 0);
	assert_string_equal(fake_capture_done(PATIENCE),
	    "dispatch one of 64: 1");
	assert_string_equal(fake_capture_done(PATIENCE),
	    "dispatch all of 64: 0");
	assert_string_equal(fake_capture_done(50), "");
	wire(WIRE_DUE, 20000);
	assert_string_equal(fake_capture_done(PATIENCE),
	    "dispatch one of 64: 1");
	assert_string_equal(fake_capture_done(PATIENCE),
	    "dispatch all of 64: 0");
	assert_string_equal(fake_capture_done(50), "");
	quit(true, 0);
}

/* The firewall process goes, and another one comes. */
static void
each_firewall_process_is_told_everything(void **state)
{
	struct pinhole h;

	(void)state;
	start();
	link_it();
	call(1, 1000);
	commits(FW_OPEN, 2, 1001);
	h = msg.u.commit.changes[0].hole;
	assert_int_equal(h.to_lo, 10002);
	ipc_close(&fw);
	await_log("the firewall process is gone");
	call(2, 2000);
	dispatched("dispatch one of 64: 2");
	seq = 0;
	give(IPC_FW, &fw);
	expect(&fw, IPC_BEGIN);
	expect(&fw, IPC_BEGIN);
	commits(FW_OPEN, 3, 0);
	assert_int_equal(msg.u.commit.changes[0].hole.id, h.id);
	expect(&fw, IPC_SETTLE);
	/* The first one was closed at its deadline meanwhile. */
	msg.u.ids.n = 2;
	msg.u.ids.ids[0] = 999;
	msg.u.ids.ids[1] = h.id;
	tell(&fw, IPC_CLOSED, -1);
	msg.u.result.err = PH_EDENIED;
	tell(&fw, IPC_RESULT, -1);
	await_log("the firewall process refused pinholes: ");
	give(IPC_FW, &fw);
	seq = 0;
	expect(&fw, IPC_BEGIN);
	expect(&fw, IPC_BEGIN);
	commits(FW_OPEN, 2, 0);
	expect(&fw, IPC_SETTLE);
	/* Half of its time has passed: it is opened anew. */
	wire(WIRE_CLOCK, 51 * USEC_PER_SEC);
	commits(FW_OPEN, 2, 0);
	assert_int_equal(msg.u.commit.changes[0].hole.id, h.id);
	quit(true, 0);
}

static void
without_a_journal_it_says_so(void **state)
{
	(void)state;
	conf->sip.inline_ = true;
	args.journal_fds[0] = args.journal_fds[1] = -1;
	start();
	link_it();
	await_log("no journal, calls will not survive a restart: ");
	call(1, 1);
	commits(FW_OPEN, 2, 2);
	quit(false, 0);
	assert_null(strstr(logged(), "cannot write"));
}

/* A successor reads the journal; TCP is the capture's. */
static void
a_successor_goes_on(void **state)
{
	struct wire w = { .kind = WIRE_KEEP, .text = "connection" };

	(void)state;
	start();
	link_it();
	call(1, 1000);
	commits(FW_OPEN, 2, 1001);
	fake_capture_wire(&w);
	dispatched("dispatch one of 64: 1");
	quit(true, 0);
	assert_int_equal(ipc_recv(&fw, &msg, &(int) { 0 }), PH_EGONE);
	memset(&msg, 0, sizeof(msg));
	dispatched("close");
	start();
	seq = 0;
	give(IPC_FW, &fw);
	assert_string_equal(fake_capture_done(PATIENCE),
	    "adopt 5 \"connection\"");
	expect(&fw, IPC_BEGIN);
	/* The calls that it adopts, and then all that it has. */
	commits(FW_OPEN, 2, 0);
	expect(&fw, IPC_BEGIN);
	commits(FW_OPEN, 2, 0);
	expect(&fw, IPC_SETTLE);
	hang_up(1, 5);
	commits(FW_CLOSE, 2, 0);
	quit(false, 0);
}

/* Records that a process cannot take over are not handed on again. */
static void
a_record_of_no_use_is_deleted(void **state)
{
	(void)state;
	start();
	link_it();
	call(1, 1000);
	commits(FW_OPEN, 2, 1001);
	quit(true, 0);
	dispatched("close");
	conf->sip.on = false;
	start();
	seq = 0;
	give(IPC_FW, &fw);
	expect(&fw, IPC_BEGIN);
	expect(&fw, IPC_BEGIN);
	expect(&fw, IPC_SETTLE);
	quit(true, 0);
	dispatched("close");
	conf->sip.on = true;
	start();
	link_it();
	quit(false, 0);
}

/* A control connection of FTP ends with the process that reads it. */
static void
connections_are_read_and_end(void **state)
{
	struct wire w = { .kind = WIRE_TCP,
		.stamp = 7000,
		.src = { addr_v4(192, 0, 2, 10), 40000 },
		.dst = { addr_v4(198, 51, 100, 7), 21 },
		.dir = PKT_IN,
		.text = "PORT 192,0,2,10,156,64\r\n" };

	(void)state;
	w.len = (uint32_t)strlen(w.text);
	start();
	link_it();
	fake_capture_wire(&w);
	assert_string_equal(fake_capture_done(PATIENCE), "tcp 3");
	commits(FW_OPEN, 1, 7000);
	w.kind = WIRE_TCP_END;
	fake_capture_wire(&w);
	commits(FW_CLOSE, 1, 0);
	/* Not because of a timeout. */
	await_log("(done)");
	w.kind = WIRE_TCP;
	fake_capture_wire(&w);
	commits(FW_OPEN, 1, 7000);
	quit(true, 0);
	commits(FW_CLOSE, 1, 0);
}

/* The engine knows which interface is inside, and its own addresses. */
static void
a_message_counts_in_its_place(void **state)
{
	struct wire w =
	    sip_wire(true, "OPTIONS sip:x SIP/2.0", "1 OPTIONS", 1, 0, 1);

	(void)state;
	start();
	fake_capture_wire(&w);
	w.ifindex = 8;
	fake_capture_wire(&w);
	/* From the firewall itself, which is protected: where it goes out. */
	w.src.addr = addr_v4(192, 0, 2, 1);
	fake_capture_wire(&w);
	w.dir = PKT_OUT;
	fake_capture_wire(&w);
	/* And to its other address, where it comes in. */
	w.src.addr = addr_v4(198, 51, 100, 9);
	w.dst.addr = addr_v4(198, 51, 100, 1);
	fake_capture_wire(&w);
	w.dir = PKT_IN;
	fake_capture_wire(&w);
	link_it();
	dispatched("dispatch one of 64: 6");
	tell(&monitor, IPC_REPORT, -1);
	await_log("engine: sip_messages 3\n");
	await_log("engine: seen_elsewhere 3\n");
	quit(true, 0);
}

/* Others mirror signalling to a socket that the monitor has opened. */
static void
mirrors_are_listened_to(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct listener at = { .kind = LISTEN_HEP };
	socklen_t len = sizeof(sin);
	int fd;

	(void)state;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	at.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(at.fd, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(getsockname(at.fd, (struct sockaddr *)&sin, &len), 0);
	conf_free(conf);
	assert_int_equal(conf_parse(&conf,
			     span_of("protect 192.0.2.0/24\nsip { }\n"
				     "buffer 9000000\nfirewall nftables\n"
				     "hep { listen on 127.0.0.1 port 9060\n"
				     "from 127.0.0.1 }\n"),
			     "test", NULL, 0, stderr),
	    PH_OK);
	args.conf = conf;
	listeners = (struct listeners) { &at, 1 };
	start();
	link_it();
	await_log("listening on 127.0.0.1:9060 for what others mirror\n");
	assert_int_equal(sendto(fd, "HEP2", 4, 0, (struct sockaddr *)&sin, len),
	    4);
	await_log("it is no HEP of version 3");
	tell(&monitor, IPC_REPORT, -1);
	await_log("engine: hep_refused_malformed 1\n");
	await_log("engine: events_lost 0\n");
	quit(true, 0);
	close(at.fd);
	close(fd);
}

/* The packet filter of the configuration tells which media are seen. */
static void
silence_ends_a_call(void **state)
{
	(void)state;
	args.verbose = 1;
	start();
	link_it();
	call(1, 1000);
	commits(FW_OPEN, 2, 1001);
	wire(WIRE_CLOCK, 51 * USEC_PER_SEC);
	commits(FW_OPEN, 2, 0);
	wire(WIRE_CLOCK, 51 * USEC_PER_SEC);
	commits(FW_CLOSE, 2, 0);
	quit(true, 0);
	assert_non_null(strstr(logged(), "(idle)"));
	/* With -v, each event has what it is in that packet filter. */
	assert_non_null(strstr(logged(), "add element inet pinholed"));
}

static void
a_capture_that_fails_ends_it(void **state)
{
	(void)state;
	start();
	link_it();
	wire(WIRE_FAIL, 0);
	assert_int_equal(exit_status(), 2);
	assert_non_null(strstr(logged(), "an interface went away"));
}

static void
another_engine_is_needed(enum wire_kind why)
{
	start();
	link_it();
	call(1, 1000);
	commits(FW_OPEN, 2, 1001);
	wire(why, 0);
	assert_int_equal(exit_status(), 0);
	assert_non_null(strstr(logged(), "an interface was made anew"));
	assert_int_equal(ipc_recv(&fw, &msg, &(int) { 0 }), PH_EGONE);
}

static void
an_interface_made_anew_needs_another_engine(void **state)
{
	(void)state;
	another_engine_is_needed(WIRE_MOVED);
}

static void
a_capture_that_is_deaf_needs_another_engine(void **state)
{
	(void)state;
	another_engine_is_needed(WIRE_DEAF);
}

static void
packets_that_the_kernel_dropped_are_told_of(void **state)
{
	(void)state;
	start();
	link_it();
	wire(WIRE_DROPS, 5);
	dispatched("dispatch one of 64: 1");
	wire(WIRE_CLOCK, 10 * USEC_PER_SEC);
	await_log("the kernel dropped 5 packets");
	wire(WIRE_DROPS, 9);
	dispatched("dispatch one of 64: 1");
	wire(WIRE_CLOCK, 8 * USEC_PER_SEC);
	call(1, 1);
	commits(FW_OPEN, 2, 2);
	assert_null(strstr(logged(), "the kernel dropped 4"));
	wire(WIRE_CLOCK, 2 * USEC_PER_SEC);
	await_log("the kernel dropped 4 packets");
	wire(WIRE_CLOCK, 10 * USEC_PER_SEC);
	call(2, 1);
	commits(FW_OPEN, 2, 2);
	assert_null(strstr(logged(), "the kernel dropped 0"));
	quit(true, 0);
}

/* What the status process is told, from the beginning and later. */
static void
the_status_process_is_told(void **state)
{
	uint64_t id, tuple;

	(void)state;
	start();
	link_it();
	call(1, 1);
	commits(FW_OPEN, 2, 2);
	tuple = msg.u.commit.changes[0].hole.id;
	msg.u.ids.n = 1;
	msg.u.ids.ids[0] = tuple;
	tell(&fw, IPC_SEEN_FROM, -1);
	msg.u.packets.n = 1;
	msg.u.packets.v[0] = (struct ipc_count) { tuple, 42 };
	tell(&fw, IPC_PACKETS, -1);
	give(IPC_STATUS, &status);
	memset(&msg, 0, sizeof(msg));
	msg.u.tell.what = IPC_TELL_ALL;
	tell(&status, IPC_TELL, -1);
	expect(&status, IPC_FEED_BEGIN);
	expect(&status, IPC_FEED_CALL);
	id = msg.u.feed_call.owner;
	assert_int_equal(msg.u.feed_call.state, IPC_CALL_ACCEPTED);
	assert_int_equal(msg.u.feed_call.n, 2);
	assert_memory_equal(msg.u.feed_call.call, "c1", 2);
	expect(&status, IPC_FEED_HOLE);
	assert_int_equal(msg.u.feed_hole.owner, id);
	assert_int_equal(msg.u.feed_hole.tuple, tuple);
	assert_int_equal(msg.u.feed_hole.packets, 42);
	assert_true(msg.u.feed_hole.seen > 0);
	assert_int_equal(msg.u.feed_hole.was_open, 1);
	expect(&status, IPC_FEED_HOLE);
	assert_int_equal(msg.u.feed_hole.packets, 0);
	expect(&status, IPC_FEED_END);
	msg.u.ids.n = 1;
	msg.u.ids.ids[0] = tuple;
	tell(&fw, IPC_SEEN_TO, -1);
	await(&status, IPC_FEED_SEEN);
	assert_int_equal(msg.u.ids.ids[0], tuple);
	msg.u.packets.n = 1;
	msg.u.packets.v[0] = (struct ipc_count) { tuple, 43 };
	tell(&fw, IPC_PACKETS, -1);
	await(&status, IPC_PACKETS);
	assert_int_equal(msg.u.packets.v[0].packets, 43);
	sip(false, "INVITE sip:x SIP/2.0", "1 INVITE", 2, 4000, 1);
	await(&status, IPC_FEED_CALL);
	assert_int_equal(msg.u.feed_call.state, IPC_CALL_EARLY);
	hang_up(1, 1);
	await(&status, IPC_FEED_CALL);
	assert_int_equal(msg.u.feed_call.state, IPC_CALL_ENDED);
	/* And after a renewal, when its pinholes expire. */
	call(3, 1);
	await(&status, IPC_FEED_HOLE);
	await(&status, IPC_FEED_CALL);
	wire(WIRE_CLOCK, 51 * USEC_PER_SEC);
	await(&status, IPC_FEED_HOLE);
	assert_int_equal(msg.u.feed_hole.was_open, 1);
	quit(true, 0);
}

static void
ask(enum ipc_type type, const char *name)
{
	memset(&msg, 0, sizeof(msg));
	msg.u.which.n = (uint32_t)strlen(name);
	memcpy(msg.u.which.call, name, msg.u.which.n);
	tell(&status, type, -1);
}

static void
questions_of_the_status_process_are_answered(void **state)
{
	(void)state;
	start();
	link_it();
	call(1, 1);
	commits(FW_OPEN, 2, 2);
	give(IPC_STATUS, &status);
	ask(IPC_EXPLAIN, "c1");
	await(&status, IPC_FEED_TEXT);
	assert_int_equal(msg.hdr.seq, 77);
	assert_memory_equal(msg.u.feed_text.text, "call c1\n", 8);
	await(&status, IPC_DONE);
	assert_int_equal(msg.u.done.err, PH_OK);
	ask(IPC_CLOSE_CALL, "c9");
	await(&status, IPC_DONE);
	assert_int_equal(msg.u.done.err, PH_EGONE);
	assert_int_equal(msg.u.done.n, 0);
	ask(IPC_CLOSE_CALL, "c1");
	await(&status, IPC_DONE);
	assert_int_equal(msg.hdr.seq, 77);
	assert_int_equal(msg.u.done.err, PH_OK);
	assert_int_equal(msg.u.done.n, 1);
	assert_int_equal(ipc_recv(&fw, &msg, &(int) { 0 }), PH_OK);
	assert_int_equal(msg.hdr.type, IPC_COMMIT);
	assert_int_equal(msg.u.commit.n, 2);
	memset(&msg, 0, sizeof(msg));
	msg.u.tell.what = IPC_TELL_COUNTERS;
	tell(&status, IPC_TELL, -1);
	await(&status, IPC_FEED_COUNTERS);
	assert_string_equal(msg.u.feed_counters.v[0].name, "captured");
	assert_int_equal(msg.u.feed_counters.v[0].value, 11);
	quit(true, 0);
}

static void
counters_are_logged_on_request(void **state)
{
	(void)state;
	start();
	link_it();
	memset(&msg, 0, sizeof(msg));
	msg.u.counters.batches = 3;
	tell(&fw, IPC_COUNTERS, -1);
	msg.u.counters.batches = 4;
	tell(&fw, IPC_COUNTERS, -1);
	sip(false, "BYE sip:x SIP/2.0", "2 BYE", 9, 0, 1);
	dispatched("dispatch one of 64: 1");
	tell(&monitor, IPC_REPORT, -1);
	await_log("engine: captured 11\n");
	await_log("engine: sip_messages 1\n");
	await_log("batches 7\n");
	/* Ignored messages are shown to those who ask. */
	assert_null(strstr(logged(), "ignore 198."));
	msg.u.command.value = 2;
	tell(&monitor, IPC_COMMAND, -1);
	(void)poll(NULL, 0, 20);
	sip(false, "BYE sip:x SIP/2.0", "2 BYE", 9, 0, 1);
	await_log("ignore 198.51.100.7 -> 192.0.2.10");
	quit(true, 0);
}

static void
the_share_process_is_told(void **state)
{
	(void)state;
	start();
	link_it();
	call(1, 1);
	commits(FW_OPEN, 2, 2);
	give(IPC_SHARE, &sharer);
	expect(&sharer, IPC_SHARE_BEGIN);
	expect(&sharer, IPC_SHARE_CALL);
	assert_int_equal(msg.u.share_call.flag, 1);
	expect(&sharer, IPC_SHARE_END);
	hang_up(1, 1);
	await(&sharer, IPC_SHARE_GONE);
	assert_int_equal(msg.u.share_gone.reason, REASON_BYE);
	quit(true, 0);
}

/* Without a monitor it carries on, while there is a firewall process. */
static void
the_monitor_may_go(void **state)
{
	(void)state;
	start();
	link_it();
	kill(child, SIGTERM);
	call(1, 1);
	commits(FW_OPEN, 2, 2);
	ipc_close(&monitor);
	await_log("the monitor is gone; carrying on without it");
	kill(child, SIGTERM);
	commits(FW_CLOSE, 2, 0);
	assert_int_equal(exit_status(), 0);
	dispatched("close");
	start();
	give(IPC_FW, &fw);
	await(&fw, IPC_SETTLE);
	ipc_close(&monitor);
	(void)poll(NULL, 0, 20);
	ipc_close(&fw);
	assert_int_equal(exit_status(), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_is_read_before_a_firewall_process),
		CASE(a_turn_has_an_end),
		CASE(each_firewall_process_is_told_everything),
		CASE(without_a_journal_it_says_so),
		CASE(a_successor_goes_on),
		CASE(a_record_of_no_use_is_deleted),
		CASE(connections_are_read_and_end),
		CASE(a_message_counts_in_its_place),
		CASE(mirrors_are_listened_to),
		CASE(silence_ends_a_call),
		CASE(a_capture_that_fails_ends_it),
		CASE(an_interface_made_anew_needs_another_engine),
		CASE(a_capture_that_is_deaf_needs_another_engine),
		CASE(packets_that_the_kernel_dropped_are_told_of),
		CASE(the_status_process_is_told),
		CASE(questions_of_the_status_process_are_answered),
		CASE(counters_are_logged_on_request),
		CASE(the_share_process_is_told),
		CASE(the_monitor_may_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
