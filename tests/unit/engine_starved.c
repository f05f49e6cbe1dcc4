/* SPDX-License-Identifier: ISC */
/*
 * An engine whose memory runs out, at each place in turn: whatever it lacks
 * then, it goes on, ends, and gives everything back.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "src/engine/asked.h"
#include "src/engine/explain.h"
#include "tests/unit/blocks.h"
#include "tests/unit/engine_play.h"
#include "tests/unit/starve.h"

#define ALL                                                                    \
	"protect 192.0.2.0/24\n"                                               \
	"sip { external 203.0.113.5 for 192.0.2.11\nlimit rate 50 }\n"         \
	"ftp { port 21 }\ntftp { port 69 }\n"                                  \
	"hep { listen on 127.0.0.1 from 192.0.2.10 }\n"

static void
on_commit(void *ctx, const struct fw_change *c, size_t n)
{
	(void)ctx;
	(void)c;
	(void)n;
}

static void
on_line(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static int
begin(void **state)
{
	if (setup(state) != 0)
		return -1;
	conf_free(conf);
	return conf_parse(&conf, span_of(ALL), "test", NULL, 0, stderr) == PH_OK
	    ? 0
	    : -1;
}

static void
nothing_is_left_of_an_engine_that_does_not_begin(void **state)
{
	struct events ev = { .line = on_line };
	struct engine_sink sink = { .commit = on_commit };
	int before = starve_blocks();
	struct engine *e;
	unsigned int n;
	enum ph_err rc;

	(void)state;
	for (n = 1;; n++) {
		starve(n);
		rc = engine_new(&e, conf, &place, &ev, &sink);
		if (starve_end() < n)
			break;
		assert_int_equal(rc, PH_ENOMEM);
		assert_null(e);
		assert_int_equal(starve_blocks(), before);
	}
	assert_int_equal(rc, PH_OK);
	assert_true(n > 10);
	engine_free(e);
	assert_int_equal(starve_blocks(), before);
}

/* Bytes of a connection, of which `user` is the reader. */
static void
tcp(void **user, bool inside, uint16_t port, const char *text)
{
	struct endpoint in = { addr_v4(192, 0, 2, 10), 40000 };
	struct endpoint out = { addr_v4(198, 51, 100, 7), port };
	struct datagram d = { .ts = now,
		.proto = IPPROTO_TCP,
		.dir = inside ? PKT_IN : PKT_OUT,
		.ifindex = INSIDE,
		.src = inside ? in : out,
		.dst = inside ? out : in,
		.payload = span_of(text) };

	(void)engine_tcp(engine, now, user, &d);
}

static void
tftp(uint16_t port)
{
	static const char rrq[] = "\0\1file\0octet";
	struct datagram d = { .ts = now,
		.proto = IPPROTO_UDP,
		.dir = PKT_IN,
		.ifindex = INSIDE,
		.src = { addr_v4(192, 0, 2, 10), port },
		.dst = { addr_v4(198, 51, 100, 7), 69 },
		.payload = { rrq, sizeof(rrq) } };

	engine_udp(engine, now, &d);
}

static void
on_told(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static void
all_at_once(void)
{
	struct tell t = { .story = engine_story(engine),
		.sessions = engine_sessions(engine),
		.conf = conf,
		.line = on_told };
	const struct story_call *c;
	const struct session *s;
	void *ftp = NULL, *sip = NULL;
	enum tell_found found;

	call(1);
	message(true, "INVITE", 2, 1, 10010, "sendrecv");
	message(false, "200 INVITE", 2, 1, 4010, "sendrecv");
	tcp(&ftp, true, 21, "PORT 192,0,2,10,156,64\r\n");
	tcp(&ftp, false, 21, "500 no\r\nhello");
	tcp(&ftp, true, 21, "PORT 192,0,2,99,156,64\r\n");
	tcp(&sip, true, 5060, "OPTIONS sip:x SIP/2.0\r\nVia: x");
	tftp(2000);
	tftp(80);
	message(false, "BYE", 9, 1, 0, NULL);
	engine_flush(engine);
	found = explain_find(&t, span_of("c1"), 0, &c, &s);
	explain_tell(&t, span_of("c1"), found, c, s);
	pass(40, true);
	message(false, "INVITE", 1, 2, 4020, "sendrecv");
	message(true, "200 INVITE", 1, 2, 10020, "sendrecv");
	hang_up(1, 3);
	if (sip != NULL)
		engine_tcp_end(engine, sip);
	if (ftp != NULL)
		engine_tcp_end(engine, ftp);
	pass(60, false);
	engine_flush(engine);
}

static void
all_is_given_back_by_an_engine_that_starves(void **state)
{
	struct record kept[ROOM];
	unsigned int n;
	size_t i, nkept;
	bool done;

	(void)state;
	for (n = 1, done = false; !done; n++) {
		nrecord = 0;
		engine_begin();
		starve(n);
		all_at_once();
		done = starve_end() < n;
		/* A successor that starves at the same place. */
		memcpy(kept, record, sizeof(kept));
		nkept = nrecord;
		engine_shutdown(engine, now);
		engine_begin();
		starve(n);
		for (i = 0; i < nkept; i++)
			engine_adopt(engine, kept[i].key, kept[i].bytes,
			    kept[i].len, now);
		(void)starve_end();
		engine_shutdown(engine, now);
		assert_int_equal(counter("calls"), 0);
		assert_int_equal(counter("pinholes"), 0);
		now += 1000 * USEC_PER_SEC;
	}
	assert_true(n > 40);
}

int
main(void)
{
#define STARVE(f) cmocka_unit_test_setup_teardown(f, begin, teardown)
	const struct CMUnitTest tests[] = {
		STARVE(nothing_is_left_of_an_engine_that_does_not_begin),
		STARVE(all_is_given_back_by_an_engine_that_starves),
	};

	return blocks_end(cmocka_run_group_tests(tests, blocks_begin, NULL));
}
