/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "tftp/request.h"

/* Parse a copy of exactly its size, so that ASan sees a byte too far. */
static enum ph_err
parse(struct tftp_request *r, char **copy, const char *text, size_t n)
{
	*copy = malloc(n > 0 ? n : 1);
	assert_non_null(*copy);
	memcpy(*copy, text, n);
	return tftp_request_parse(r, (struct span) { *copy, n });
}

static void
requests_are_told_from_everything_else(void **state)
{
#define ROW(in, rc, line)                                                      \
	{                                                                      \
		in, sizeof(in) - 1, rc, line                                   \
	}
	/* clang-format off */
	static const struct {
		const char	*in;
		size_t		 n;
		enum ph_err	 rc;
		const char	*line;
	} rows[] = {
		ROW("\0\1file\0octet\0", PH_OK, "RRQ \"file\""),
		ROW("\0\2file\0octet\0", PH_OK, "WRQ \"file\""),
		ROW("\0\1file\0NetASCII\0", PH_OK, "RRQ \"file\""),
		ROW("\0\2root\0mail\0", PH_OK, "WRQ \"root\""),
		ROW("\0\1a b\0octet\0", PH_OK, "RRQ \"a b\""),
		ROW("\0\1\"; rm\n\\\377\0octet\0", PH_OK,
		    "RRQ \"\\x22; rm\\x0a\\x5c\\xff\""),
		/* Garbage behind is nobody's business. */
		ROW("\0\1file\0octet\0blksize", PH_OK, "RRQ \"file\""),
		ROW("\0\1file\0octet\0blksize\0" "1428", PH_OK, "RRQ \"file\""),
		ROW("\0\1file\0octet\0\0\0\377\377\0", PH_OK, "RRQ \"file\""),

		ROW("", PH_EMALFORMED, NULL),
		ROW("\0", PH_EMALFORMED, NULL),
		ROW("\0\1", PH_EMALFORMED, NULL),
		ROW("\0\1\0octet\0", PH_EMALFORMED, NULL),
		ROW("\0\1file", PH_EMALFORMED, NULL),
		ROW("\0\1file\0", PH_EMALFORMED, NULL),
		ROW("\0\1file\0octet", PH_EMALFORMED, NULL),
		ROW("\0\1file\0\0", PH_EMALFORMED, NULL),
		ROW("\0\1file\0octets\0", PH_EMALFORMED, NULL),
		/* DATA, ACK, ERROR, OACK, and what is no TFTP at all. */
		ROW("\0\3\0\1abc", PH_EUNSUPPORTED, NULL),
		ROW("\0\4\0\1", PH_EUNSUPPORTED, NULL),
		ROW("\0\5\0\1no\0", PH_EUNSUPPORTED, NULL),
		ROW("\0\6blksize\0" "1428\0", PH_EUNSUPPORTED, NULL),
		ROW("\1\1file\0octet\0", PH_EUNSUPPORTED, NULL),
		ROW("\0\0file\0octet\0", PH_EUNSUPPORTED, NULL),
	};
	/* clang-format on */
#undef ROW
	struct tftp_request r;
	char buf[256], *copy;
	struct strbuf b;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		assert_int_equal(parse(&r, &copy, rows[i].in, rows[i].n),
		    rows[i].rc);
		if (rows[i].rc == PH_OK) {
			b = strbuf_of(buf, sizeof(buf));
			tftp_request_format(&r, &b);
			assert_string_equal(buf, rows[i].line);
		}
		free(copy);
	}
}

static void
options_are_read_where_they_make_sense(void **state)
{
#define RRQ "\0\1f\0octet\0"
#define ROW(in, blksize, timeout, window, has, tsize)                          \
	{                                                                      \
		RRQ in, sizeof(RRQ in) - 1, blksize, timeout, window, has,     \
		    tsize                                                      \
	}
	/* clang-format off */
	static const struct {
		const char	*in;
		size_t		 n;
		unsigned int	 blksize, timeout, window;
		bool		 has;
		uint64_t	 tsize;
	} rows[] = {
		ROW("", 0, 0, 0, false, 0),
		ROW("blksize\0" "1428\0", 1428, 0, 0, false, 0),
		ROW("BLKSIZE\0" "8\0", 8, 0, 0, false, 0),
		ROW("blksize\0" "65464\0tsize\0" "0\0timeout\0" "5\0windowsize\0" "16\0",
		    65464, 5, 16, true, 0),
		ROW("tsize\0" "18446744073709551615\0", 0, 0, 0, true, UINT64_MAX),
		ROW("multicast\0\0blksize\0" "512\0", 512, 0, 0, false, 0),
		ROW("blksize\0" "7\0", 0, 0, 0, false, 0),
		ROW("blksize\0" "65465\0", 0, 0, 0, false, 0),
		ROW("blksize\0" "-1\0", 0, 0, 0, false, 0),
		ROW("blksize\0" "1428", 0, 0, 0, false, 0),
		ROW("timeout\0" "0\0", 0, 0, 0, false, 0),
		ROW("timeout\0" "256\0", 0, 0, 0, false, 0),
		ROW("windowsize\0" "65536\0", 0, 0, 0, false, 0),
		ROW("tsize\0" "18446744073709551616\0", 0, 0, 0, false, 0),
		ROW("blksize\0" "512\0blksize\0" "1428\0", 512, 0, 0, false, 0),
		ROW("\0" "512\0blksize\0" "1428\0", 0, 0, 0, false, 0),
	};
	/* clang-format on */
#undef ROW
#undef RRQ
	struct tftp_request r;
	char *copy;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		assert_int_equal(parse(&r, &copy, rows[i].in, rows[i].n),
		    PH_OK);
		assert_int_equal(r.blksize, rows[i].blksize);
		assert_int_equal(r.timeout_s, rows[i].timeout);
		assert_int_equal(r.windowsize, rows[i].window);
		assert_int_equal(r.has_tsize, rows[i].has);
		if (r.has_tsize)
			assert_true(r.tsize == rows[i].tsize);
		free(copy);
	}
}

static void
requests_may_fill_a_datagram(void **state)
{
	static char big[65507], line[2048];
	struct strbuf b = strbuf_of(line, sizeof(line));
	struct tftp_request r;
	char *copy;

	(void)state;
	memset(big, 'x', sizeof(big));
	memcpy(big, "\0\1", 2);
	memcpy(big + sizeof(big) - 7, "\0octet", 7);
	assert_int_equal(parse(&r, &copy, big, sizeof(big)), PH_OK);
	assert_int_equal(r.file.len, sizeof(big) - 9);
	/* A log line has only the beginning of the name. */
	tftp_request_format(&r, &b);
	assert_false(b.full);
	assert_int_equal(b.len, 5 + TFTP_LOG_NAME + 4);
	assert_string_equal(line + b.len - 5, "x...\"");
	free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_told_from_everything_else),
		cmocka_unit_test(options_are_read_where_they_make_sense),
		cmocka_unit_test(requests_may_fill_a_datagram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
