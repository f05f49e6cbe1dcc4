/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "ftp/session.h"
#include "tests/unit/unit.h"

/* Bytes as they are, for TLS; *to has what was passed on. */
struct wire {
	char to[2][4096];
	size_t len[2];
	unsigned int opaque, clear, wants;
	struct ftp_session s;
};

static void
wire_send(void *ctx, enum ftp_side to, struct span bytes)
{
	struct wire *w = ctx;

	assert_true(w->len[to] + bytes.len <= sizeof(w->to[to]));
	memcpy(w->to[to] + w->len[to], bytes.p, bytes.len);
	w->len[to] += bytes.len;
}

static void
wire_want(void *ctx, const struct ftp_want *want)
{
	struct wire *w = ctx;
	struct endpoint at = { addr_v4(192, 0, 2, 99), want->port };

	w->wants++;
	ftp_session_answer(&w->s, &at);
}

static void
wire_drop(void *ctx)
{
	(void)ctx;
}

static void
wire_note(void *ctx, enum ftp_note note, struct span line)
{
	struct wire *w = ctx;

	(void)line;
	w->opaque += note == FTP_NOTE_OPAQUE;
	w->clear += note == FTP_NOTE_CLEAR;
}

static const struct ftp_session_ops wire_ops = { wire_send, wire_want,
	wire_drop, wire_note };

static void
wire_input(struct wire *w, enum ftp_side from, const void *p, size_t n,
    size_t most)
{
	const char *bytes = p;
	size_t part;

	for (; n > 0; n -= part, bytes += part) {
		part = n < most ? n : most;
		assert_int_equal(ftp_session_input(&w->s, from,
				     (struct span) { bytes, part }),
		    part);
	}
}

static void
tls_goes_through_until_somebody_talks_clear(void **state)
{
	static const char hello[] = "\x16\x03\x01\x00\x08PASV\r\n\0\n";
	static const char data[] = "\x17\x03\x03\x00\x00"
				   "\x17\x03\x03\x00\x03"
				   "\n\0\n"
				   "\x18\x03\x03\x00\x01x"
				   "\x14\x03\x03\x00\x01\x01"
				   "\x15\x03\x03\x00\x02\x01\x00";
	/* Not a word in it is for us. */
	static char large[5 + 258] = "\x17\x03\x03\x01\x02";
	static struct wire w;
	struct ftp_session_config config = { false, addr_v4(192, 0, 2, 1),
		addr_v4(198, 51, 100, 1) };
	size_t most;

	(void)state;
	for (most = 1; most < 64; most++) {
		memset(&w, 0, sizeof(w));
		ftp_session_init(&w.s, &config, &wire_ops, &w);
		wire_input(&w, FTP_SERVER, "220 x\r\n", 7, most);
		wire_input(&w, FTP_CLIENT, "AUTH TLS\r\n", 10, most);
		/* Clients need not wait, but they are held. */
		assert_int_equal(ftp_session_input(&w.s, FTP_CLIENT,
				     (struct span) { hello, 13 }),
		    0);
		wire_input(&w, FTP_SERVER, "234 go\r\n", 8, most);
		assert_int_equal(w.opaque, 1);
		w.len[FTP_CLIENT] = w.len[FTP_SERVER] = 0;
		wire_input(&w, FTP_CLIENT, hello, 13, most);
		wire_input(&w, FTP_SERVER, hello, 13, most);
		wire_input(&w, FTP_SERVER, data, sizeof(data) - 1, most);
		assert_int_equal(w.len[FTP_SERVER], 13);
		assert_memory_equal(w.to[FTP_SERVER], hello, 13);
		assert_int_equal(w.len[FTP_CLIENT], 13 + sizeof(data) - 1);
		assert_memory_equal(w.to[FTP_CLIENT] + 13, data,
		    sizeof(data) - 1);
		wire_input(&w, FTP_CLIENT, large, sizeof(large), most);
		assert_int_equal(w.len[FTP_SERVER], 13 + sizeof(large));
		assert_int_equal(w.clear, 0);
		wire_input(&w, FTP_CLIENT, "PASV\r\n", 6, most);
		assert_int_equal(w.clear, 1);
		wire_input(&w, FTP_SERVER, "227 198,51,100,1,4,1\r\n", 22,
		    most);
		assert_int_equal(w.clear, 1);
		assert_int_equal(w.wants, 1);
		assert_int_equal(w.s.end, FTP_GOES_ON);
	}
}

static void
what_is_no_tls_is_never_read(void **state)
{
	static const struct {
		const char *p;
		size_t n;
	} rows[] = {
		{ "\x80\x2e\x01\x00\x02PASV\r\n\0", 12 },
		{ "\x16\x02\x00\x00\x01PASV\r\n\0", 12 },
	};
	static struct wire w;
	struct ftp_session_config config = { false, addr_v4(192, 0, 2, 1),
		addr_v4(198, 51, 100, 1) };
	size_t i, most;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		for (most = 1; most < 16; most++) {
			memset(&w, 0, sizeof(w));
			ftp_session_init(&w.s, &config, &wire_ops, &w);
			wire_input(&w, FTP_SERVER, "220 x\r\n", 7, most);
			wire_input(&w, FTP_CLIENT, "AUTH SSL\r\n", 10, most);
			wire_input(&w, FTP_SERVER, "234 go\r\n", 8, most);
			wire_input(&w, FTP_CLIENT, rows[i].p, rows[i].n, most);
			wire_input(&w, FTP_CLIENT, "PASV\r\n", 6, most);
			wire_input(&w, FTP_SERVER, rows[i].p, rows[i].n, most);
			wire_input(&w, FTP_SERVER, "227 1,2,3,4,5,6\r\n", 17,
			    most);
			assert_int_equal(w.wants, 0);
			assert_int_equal(w.clear, 0);
			assert_int_equal(w.len[FTP_SERVER], 10 + rows[i].n + 6);
			assert_int_equal(w.s.end, FTP_GOES_ON);
		}
}

static void
an_answer_nobody_waits_for_does_nothing(void **state)
{
	static struct wire w;
	struct ftp_session_config config = { false, addr_v4(192, 0, 2, 1),
		addr_v4(198, 51, 100, 1) };
	struct endpoint at = { addr_v4(192, 0, 2, 99), 50001 };

	(void)state;
	memset(&w, 0, sizeof(w));
	ftp_session_init(&w.s, &config, &wire_ops, &w);
	ftp_session_answer(&w.s, &at);
	ftp_session_answer(&w.s, NULL);
	assert_int_equal(w.len[FTP_CLIENT] + w.len[FTP_SERVER], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls_goes_through_until_somebody_talks_clear),
		cmocka_unit_test(what_is_no_tls_is_never_read),
		cmocka_unit_test(an_answer_nobody_waits_for_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
