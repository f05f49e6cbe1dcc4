/* SPDX-License-Identifier: ISC */
/* The share process as its neighbours see it. */
#include <sys/resource.h>
#include <sys/wait.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/reason.h"
#include "src/share/process.h"
#include "tests/unit/share_child.h"

static void
server_brings(enum record_type type, const uint8_t *key, uint64_t version,
    struct span text, int64_t ago)
{
	box_brings("fw2", type, key, version, text, ago);
}

static void
a_call_of_the_engine_goes_to_the_server(void **state)
{
	char want[128];
	struct record r;
	size_t i;

	(void)state;
	join();
	/* There is no other engine. */
	tell(&monitor, IPC_SHARE, 0, -1);
	memset(body, 'x', sizeof(body));
	memcpy(body, "_abc", 4);
	tell(&engine, IPC_SHARE_BEGIN, 0, -1);
	engine_tells(5, true, 0, 4096, 5000);
	engine_tells(5, true, 4096, 904, 5000);
	tell(&engine, IPC_SHARE_END, 0, -1);
	i = (size_t)snprintf(want, sizeof(want), "SET pinholed:{fw}:call:");
	for (r.boot = 0; r.boot < RECORD_KEY; r.boot++)
		i += (size_t)snprintf(want + i, sizeof(want) - i, "%02x",
		    key_of("abc")[r.boot]);
	server_reads(0, want);
	r = record_of(in[0].v[2]);
	assert_int_equal(r.type, RECORD_CALL);
	server_says(0, "+OK\r\n");
	r = server_is_told(RECORD_CALL);
	assert_int_equal(r.version, 1);
	assert_memory_equal(r.key, key_of("abc"), RECORD_KEY);
	assert_int_equal(r.body.len, 5000);
	assert_memory_equal(r.body.p, body, 5000);
	/* One that has not changed is not written. */
	engine_tells(5, false, 0, 100, 100);
	expect(&engine, IPC_SHARE_ROLE);
	assert_int_equal(msg.u.share_role.id, 5);
	assert_int_equal(msg.u.share_role.role, 1);
	memset(&msg, 0, sizeof(msg));
	msg.u.share_seen = (struct ipc_share_seen) { 5, 3, 4 };
	tell(&engine, IPC_SHARE_SEEN, 0, -1);
	r = server_is_told(RECORD_SEEN);
	assert_memory_equal(r.body.p, "\0\0\0\3\0\0\0\4", 8);
	msg.u.share_gone =
	    (struct ipc_share_gone) { .id = 5, .reason = REASON_BYE };
	tell(&engine, IPC_SHARE_GONE, 0, -1);
	want[0] = 'D', want[1] = 'E', want[2] = 'L';
	server_reads(0, want);
	server_says(0, ":1\r\n");
	r = server_is_told(RECORD_END);
	assert_int_equal(r.version, 2);
	assert_int_equal(r.body.p[0], REASON_BYE);
}

/* Parts that do not fit together: each row is one, a good call follows. */
static void
parts_that_do_not_fit_are_no_call(void **state)
{
	static const struct {
		uint32_t offset, n, total, names_at, names_len;
	} rows[] = { { 1, 5, 6, 1, 3 }, { 0, 5, 6, 1, 3 }, { 0, 5, 4, 1, 3 },
		{ 0, 5, 5, 6, 0 }, { 0, 5, 5, 5, 1 }, { 0, 5, 5, 0, 6 },
		{ 0, 5, 5, 1, UINT32_MAX }, { 4, 1, 5, 1, 3 },
		{ 6, 4, 10, 1, 3 } };
	struct record r;
	size_t i;

	(void)state;
	join();
	memcpy(body, "_abcdefghi", 10);
	for (i = 0; i < ROWS(rows); i++) {
		memset(&msg, 0, sizeof(msg));
		msg.u.share_call = (struct ipc_share_call) { .id = 7,
			.total = rows[i].total,
			.offset = rows[i].offset,
			.names_at = rows[i].names_at,
			.names_len = rows[i].names_len,
			.flag = 1,
			.n = rows[i].n };
		tell(&engine, IPC_SHARE_CALL, 0, -1);
		tell(&engine, IPC_SHARE_END, 0, -1);
	}
	/* The most that a call may have, and one more byte. */
	for (i = 0; i < RECORD_BODY_MAX; i += 4096) {
		msg.u.share_call = (struct ipc_share_call) { .id = 7,
			.total = RECORD_BODY_MAX + 1,
			.offset = (uint32_t)i,
			.names_at = 0,
			.names_len = 1,
			.flag = 1,
			.n = RECORD_BODY_MAX + 1 - i < 4096
			    ? (uint32_t)(RECORD_BODY_MAX + 1 - i)
			    : 4096 };
		tell(&engine, IPC_SHARE_CALL, 0, -1);
	}
	engine_tells(5, true, 0, 10, 10);
	server_reads(0, "SET");
	server_says(0, "+OK\r\n");
	r = server_is_told(RECORD_CALL);
	assert_memory_equal(r.key, key_of("abc"), RECORD_KEY);
	assert_int_equal(r.body.len, 10);
	/* Names may be at the end. */
	msg.u.share_call = (struct ipc_share_call) { .id = 6,
		.total = 4,
		.names_at = 4,
		.flag = 1,
		.n = 4 };
	tell(&engine, IPC_SHARE_CALL, 0, -1);
	server_reads(0, "SET");
	server_says(0, "+OK\r\n");
	r = server_is_told(RECORD_CALL);
	assert_memory_equal(r.key, key_of(""), RECORD_KEY);
}

static void
expect_part(const char *key, uint32_t offset, uint32_t n, uint32_t total,
    bool fresh)
{
	const struct ipc_share_call *c = &msg.u.share_call;

	expect(&engine, IPC_SHARE_CALL);
	assert_int_equal(c->id, 0);
	assert_memory_equal(c->key, key_of(key), RECORD_KEY);
	assert_int_equal(c->total, total);
	assert_int_equal(c->offset, offset);
	assert_int_equal(c->n, n);
	assert_int_equal(c->flag, fresh);
	assert_int_equal(c->names_at | c->names_len, 0);
	assert_memory_equal(c->bytes, body + offset, n);
}

static void
engine_took(const char *key, uint64_t id, enum ph_err err)
{
	memset(&msg, 0, sizeof(msg));
	msg.u.share_took = (struct ipc_share_took) { .id = id, .err = err };
	memcpy(msg.u.share_took.key, key_of(key), IPC_SHARE_KEY);
	tell(&engine, IPC_SHARE_TOOK, 0, -1);
}

static void
a_call_of_another_box_goes_to_the_engine(void **state)
{
	size_t i;

	(void)state;
	join();
	for (i = 0; i < sizeof(body); i++)
		body[i] = (char)(i * 7 >> 3);
	server_brings(RECORD_CALL, key_of("abc"), 3,
	    (struct span) { body, 4097 }, 0);
	expect_part("abc", 0, 4096, 4097, false);
	expect_part("abc", 4096, 1, 4097, false);
	engine_took("abc", 6, PH_OK);
	expect(&engine, IPC_SHARE_ROLE);
	assert_int_equal(msg.u.share_role.id, 6);
	assert_int_equal(msg.u.share_role.role, 0);
	server_brings(RECORD_SEEN, key_of("abc"), 3,
	    (struct span) { "\0\0\0\2\0\0\1\0", 8 }, 0);
	expect(&engine, IPC_SHARE_SEEN);
	assert_int_equal(msg.u.share_seen.id, 6);
	assert_int_equal(msg.u.share_seen.inside_s, 2);
	assert_int_equal(msg.u.share_seen.outside_s, 256);
	/* One of a box of our name: only if the engine has no such call. */
	box_brings("fw1", RECORD_CALL, key_of("own"), 3,
	    (struct span) { body, 9 }, 0);
	expect_part("own", 0, 9, 9, true);
	engine_took("own", 0, PH_EGONE);
	server_reads(0, "DEL");
	server_says(0, ":0\r\n");
	assert_int_equal(server_is_told(RECORD_END).version, 4);
	/* An engine that has missed something is told all again. */
	belief->recovered = true;
	expect_part("abc", 0, 4096, 4097, false);
	expect_part("abc", 4096, 1, 4097, false);
	server_brings(RECORD_CALL, key_of("def"), 1,
	    (struct span) { body, 4096 }, 0);
	expect_part("def", 0, 4096, 4096, false);
	engine_took("def", 7, PH_OK);
	expect(&engine, IPC_SHARE_ROLE);
	server_brings(RECORD_END, key_of("def"), 2,
	    (struct span) { (const char[]) { REASON_IDLE }, 1 }, 0);
	expect(&engine, IPC_SHARE_ROLE);
	assert_int_equal(msg.u.share_role.id, 7);
	assert_int_equal(msg.u.share_role.role, 2);
	server_brings(RECORD_END, key_of("abc"), 4,
	    (struct span) { (const char[]) { REASON_CANCEL }, 1 }, 0);
	expect(&engine, IPC_SHARE_GONE);
	assert_int_equal(msg.u.share_gone.id, 6);
	assert_int_equal(msg.u.share_gone.reason, REASON_CANCEL);
	/* A call of a journal that nobody names. */
	memcpy(body, "_ghi", 4);
	engine_tells(8, false, 0, 10, 10);
	tell(&engine, IPC_SHARE_END, 0, -1);
	time_goes(14);
	server_brings(RECORD_HELLO, NULL, 0, (struct span) { "\0\0\0\1\0", 5 },
	    0);
	time_goes(2);
	expect(&engine, IPC_SHARE_ROLE);
	assert_int_equal(msg.u.share_role.id, 8);
	assert_int_equal(msg.u.share_role.role, 3);
}

static void __attribute__((format(printf, 1, 2))) hears(const char *fmt, ...)
{
	const struct ipc_feed_text *t = &msg.u.feed_text;
	char want[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(want, sizeof(want), fmt, ap);
	va_end(ap);
	expect(&status, IPC_FEED_TEXT);
	assert_int_equal(msg.hdr.seq, 99);
	assert_int_equal(t->n, strlen(want));
	assert_memory_equal(t->text, want, t->n);
}

static void
asks(enum ipc_type type)
{
	memset(&msg, 0, sizeof(msg));
	tell(&status, type, 99, -1);
}

static void
is_answered(enum ph_err err)
{
	expect(&status, IPC_DONE);
	assert_int_equal(msg.hdr.seq, 99);
	assert_int_equal(msg.u.done.err, err);
	assert_int_equal(msg.u.done.n, 0);
}

static void
people_see_all_boxes(void **state)
{
	static const char self[] =
	    "{\"box\":\"fw1\",\"state\":\"%s\",\"owns\":%u,\"calls\":%u,"
	    "\"heard\":null,\"lag_us\":0}\n";
	int64_t heard;

	(void)state;
	join();
	asks(IPC_SHOW_PEERS);
	hears(self, "self", 0, 0);
	is_answered(PH_OK);
	memcpy(body, "_abc", 4);
	engine_tells(8, true, 0, 10, 10);
	server_reads(0, "SET");
	server_says(0, "+OK\r\n");
	(void)server_is_told(RECORD_CALL);
	server_brings(RECORD_CALL, key_of("def"), 3, (struct span) { body, 9 },
	    0);
	server_brings(RECORD_HELLO, NULL, 0, (struct span) { "\0\0\1\1\0", 5 },
	    1);
	belief->set = 7 * SECOND;
	asks(IPC_SHOW_PEERS);
	hears(self, "self", 1, 2);
	expect(&status, IPC_FEED_TEXT);
	msg.u.feed_text.text[msg.u.feed_text.n] = '\0';
	heard = strtoll(strstr(msg.u.feed_text.text, "heard\":") + 7, NULL, 10);
	assert_in_range(heard, (clock_now() - SECOND) / SECOND + 6,
	    clock_now() / SECOND + 7);
	assert_non_null(strstr(msg.u.feed_text.text,
	    "{\"box\":\"fw2\",\"state\":\"alive\",\"owns\":257,\"calls\":1,"
	    "\"heard\":"));
	assert_string_equal(strstr(msg.u.feed_text.text, ",\"lag_us\""),
	    ",\"lag_us\":null}\n");
	is_answered(PH_OK);
	server_brings(RECORD_HELLO, NULL, 0, (struct span) { "\0\0\0\0\1", 5 },
	    0);
	close(far[0]);
	far[0] = -1;
	logs("no server", 1);
	asks(IPC_SHOW_PEERS);
	hears(self, "alone", 1, 2);
	expect(&status, IPC_FEED_TEXT);
	msg.u.feed_text.text[msg.u.feed_text.n] = '\0';
	assert_non_null(strstr(msg.u.feed_text.text,
	    "{\"box\":\"fw2\",\"state\":\"left\",\"owns\":0,"));
	is_answered(PH_OK);
	asks(IPC_SHOW_TABLES);
	is_answered(PH_EUNSUPPORTED);
}

static void
its_counters_are_told(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*name;
		uint64_t	 value, gauge;
	} rows[] = {
		{ "share_joined", 1, 1 },
		{ "share_boxes", 1, 1 },
		{ "share_calls", 2, 1 },
		{ "share_owned", 1, 1 },
		{ "share_waiting", 0, 1 },
		{ "share_lag_us", 0, 1 },
		{ "share_joins", 1, 0 },
		{ "share_bytes", 0, 0 },
		{ "share_writes", 2, 0 },
		{ "share_erases", 1, 0 },
		{ "share_renewals", 0, 0 },
		{ "share_received", 1, 0 },
		{ "share_adopted", 1, 0 },
		{ "share_ended", 0, 0 },
		{ "share_takeovers", 0, 0 },
		{ "share_gaps", 1, 0 },
		{ "share_refused_malformed", 0, 0 },
		{ "share_refused_group", 0, 0 },
		{ "share_refused_forged", 0, 0 },
		{ "share_refused_stale", 0, 0 },
		{ "share_refused_old", 1, 0 },
		{ "share_refused_policy", 1, 0 },
		{ "share_refused_limit", 0, 0 },
	};
	/* clang-format on */
	const struct ipc_feed_counters *c = &msg.u.feed_counters;
	size_t i;

	(void)state;
	join();
	memcpy(body, "_abc", 4);
	engine_tells(8, true, 0, 10, 10);
	server_reads(0, "SET");
	server_says(0, "+OK\r\n");
	(void)server_is_told(RECORD_CALL);
	msg.u.share_gone =
	    (struct ipc_share_gone) { .id = 8, .reason = REASON_BYE };
	tell(&engine, IPC_SHARE_GONE, 0, -1);
	server_reads(0, "DEL");
	server_says(0, ":1\r\n");
	(void)server_is_told(RECORD_END);
	server_brings(RECORD_CALL, key_of("def"), 3, (struct span) { body, 9 },
	    0);
	expect_part("def", 0, 9, 9, false);
	engine_took("def", 6, PH_OK);
	engine_took("xyz", 6, PH_EUNSUPPORTED);
	belief->recovered = true;
	expect(&engine, IPC_SHARE_ROLE);
	expect_part("def", 0, 9, 9, false);
	server_brings(RECORD_CALL, key_of("old"), 3, (struct span) { body, 9 },
	    GROUP_OLD + SECOND);
	body[3] = 'e';
	engine_tells(9, true, 0, 10, 10);
	server_reads(0, "SET");
	server_says(0, "+OK\r\n");
	(void)server_is_told(RECORD_CALL);
	msg.u.tell.what = IPC_TELL_COUNTERS;
	tell(&status, IPC_TELL, 0, -1);
	expect(&status, IPC_FEED_COUNTERS);
	assert_int_equal(c->n, ROWS(rows));
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].name);
		assert_string_equal(c->v[i].name, rows[i].name);
		assert_int_equal(c->v[i].gauge, rows[i].gauge);
		if (strcmp(rows[i].name, "share_bytes") == 0)
			assert_in_range(c->v[i].value, 1000, 20000);
		else
			assert_int_equal(c->v[i].value, rows[i].value);
	}
}

static void
quit(uint32_t keep)
{
	memset(&msg, 0, sizeof(msg));
	msg.u.quit.keep = keep;
	tell(&monitor, IPC_QUIT, 0, -1);
}

static void
others_are_told_that_it_goes(void **state)
{
	struct record r;

	(void)state;
	join();
	memcpy(body, "_abc", 4);
	engine_tells(8, true, 0, 10, 10);
	tell(&engine, IPC_SHARE_END, 0, -1);
	server_reads(0, "SET");
	server_says(0, "+OK\r\n");
	(void)server_is_told(RECORD_CALL);
	quit(0);
	do
		r = server_is_told(RECORD_HELLO);
	while (r.body.p[4] != 1);
	assert_memory_equal(r.body.p, "\0\0\0\1\1", 5);
	assert_int_equal(exit_status(), 0);
}

static void
a_successor_does_not_say_farewell(void **state)
{
	struct pollfd p = { .events = POLLIN };

	(void)state;
	join();
	quit(1);
	assert_int_equal(exit_status(), 0);
	p.fd = far[0];
	assert_int_equal(poll(&p, 1, PATIENCE), 1);
	assert_int_equal(read(far[0], in[0].raw, sizeof(in[0].raw)), 0);
}

/* It waits for a server that does not read, but not for long. */
static void
a_farewell_takes_a_second_at_most(void **state)
{
	int i;

	(void)state;
	join();
	memset(body, 'x', sizeof(body));
	memcpy(body, "_abc", 4);
	/* The socket is full. */
	for (i = 0; i < 77; i++) {
		body[1] = (char)('0' + i);
		engine_tells(5 + (uint64_t)i, true, 0, 4096, 5000);
		engine_tells(5 + (uint64_t)i, true, 4096, 904, 5000);
	}
	quit(0);
	(void)poll(NULL, 0, 60);
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
	belief->ahead += SECOND;
	assert_int_equal(exit_status(), 0);
}

static void
calls_come_first(void **state)
{
	(void)state;
	start();
	expect(&monitor, IPC_CONNECT);
	expect(&monitor, IPC_READY);
	assert_int_equal(getpriority(PRIO_PROCESS, (id_t)child), 5);
}

/* AddressSanitizer needs terabytes of room for addresses. */
#ifdef SANITIZED
#define DATA_WANT RLIM_INFINITY
#else
#define DATA_WANT ((128 << 20) + 77 * 4096)
#endif

static void
its_memory_has_a_limit(void **state)
{
	struct rlimit r;

	(void)state;
	start();
	expect(&monitor, IPC_CONNECT);
	expect(&monitor, IPC_READY);
	assert_int_equal(prlimit(child, RLIMIT_DATA, NULL, &r), 0);
	assert_true(r.rlim_cur == DATA_WANT);
	assert_true(r.rlim_max == DATA_WANT);
	assert_int_equal(lines(""), 0);
}

/* The second connection never comes. */
static void
many_calls_may_take_longer_to_be_read(void **state)
{
	(void)state;
	configure(500000, "name \"fw1\"");
	start();
	connect_it(0);
	server_reads(0, "XREVRANGE");
	server_says(0, "*0\r\n");
	server_reads(0, "SCAN");
	server_says(0, "*2\r\n$1\r\n0\r\n*0\r\n");
	expect(&monitor, IPC_CONNECT);
	belief->ahead += 150 * SECOND;
	(void)poll(NULL, 0, 60);
	assert_int_equal(lines(""), 0);
	belief->ahead += 11 * SECOND;
	logs("no server: reading its keys takes too long", 1);
}

static void
records_of_wrong_clocks_are_logged(void **state)
{
	(void)state;
	join();
	server_brings(RECORD_CALL, key_of("old"), 3, (struct span) { body, 9 },
	    GROUP_OLD + 2 * SECOND);
	logs("a record of the firewall \"fw2\" is dated 602 seconds behind our "
	     "clock",
	    1);
	server_brings(RECORD_CALL, key_of("old"), 3, (struct span) { body, 9 },
	    -GROUP_OLD - 5 * SECOND);
	logs(" is dated 604 seconds ahead of our clock", 1);
	(void)poll(NULL, 0, 45);
	assert_int_equal(lines("our clock"), 2);
}

static void
each_sign_of_a_namesake_is_logged(void **state)
{
	int i;

	(void)state;
	join();
	time_goes(6);
	for (i = 1; i <= 2; i++) {
		box_brings("fw1", RECORD_HELLO, NULL, 0,
		    (struct span) { "\0\0\0\0\0", 5 }, 0);
		logs("has the name \"fw1\"", i);
		(void)poll(NULL, 0, 45);
		assert_int_equal(lines("fw1"), i);
	}
}

static void
a_clock_that_was_set_is_logged_once(void **state)
{
	static const struct {
		int64_t set;
		int lines;
	} rows[] = { { 60 * SECOND, 0 }, { -60 * SECOND, 0 },
		{ 60 * SECOND + 1, 1 }, { -99 * SECOND, 1 }, { 0, 1 },
		{ -61 * SECOND, 2 } };
	size_t i;

	(void)state;
	join();
	for (i = 0; i < ROWS(rows); i++) {
		belief->set = rows[i].set;
		time_goes(3);
		assert_int_equal(lines("the clock was set by"), rows[i].lines);
	}
	assert_int_equal(lines("set by 60 seconds after"), 1);
	assert_int_equal(lines("set by -61 seconds after"), 1);
}

static void
without_its_files_it_does_not_start(void **state)
{
	(void)state;
	configure(77, "name \"fw1\" key \"/nonexistent/key\"");
	start();
	assert_int_equal(exit_status(), 2);
	assert_int_equal(lines("/nonexistent/key"), 1);
	configure(77, "name \"fw1\" tls { ca \"/nonexistent/ca\" }");
	ipc_close(&monitor);
	start();
	assert_int_equal(exit_status(), 2);
	assert_int_equal(lines("/nonexistent/ca"), 1);
}

static void
a_box_without_a_name_has_that_of_its_host(void **state)
{
	char host[RECORD_NAME] = "", want[64];

	(void)state;
	if (gethostname(host, sizeof(host) - 1) == -1)
		skip();
	configure(77, "");
	start();
	expect(&monitor, IPC_CONNECT);
	expect(&monitor, IPC_READY);
	link_it(&status, IPC_STATUS);
	asks(IPC_SHOW_PEERS);
	expect(&status, IPC_FEED_TEXT);
	snprintf(want, sizeof(want), "{\"box\":\"%s\",\"state\":\"alone\"",
	    host);
	assert_memory_equal(msg.u.feed_text.text, want, strlen(want));
}

static void
tls_is_asked_for_only_where_there_is_any(void **state)
{
	char text[128];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct conf_share c = { .on = true };
	char place[] = "x:1:2: ";

	(void)state;
	assert_true(share_possible(&c, &why));
	c.tls.on = true;
	c.tls.at = place;
	assert_int_equal(share_possible(&c, &why), why.len == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CHILD(a_call_of_the_engine_goes_to_the_server),
		CHILD(parts_that_do_not_fit_are_no_call),
		CHILD(a_call_of_another_box_goes_to_the_engine),
		CHILD(people_see_all_boxes),
		CHILD(its_counters_are_told),
		CHILD(others_are_told_that_it_goes),
		CHILD(a_successor_does_not_say_farewell),
		CHILD(a_farewell_takes_a_second_at_most),
		CHILD(calls_come_first),
		CHILD(its_memory_has_a_limit),
		CHILD(many_calls_may_take_longer_to_be_read),
		CHILD(records_of_wrong_clocks_are_logged),
		CHILD(each_sign_of_a_namesake_is_logged),
		CHILD(a_clock_that_was_set_is_logged_once),
		CHILD(without_its_files_it_does_not_start),
		CHILD(a_box_without_a_name_has_that_of_its_host),
		CHILD(tls_is_asked_for_only_where_there_is_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
