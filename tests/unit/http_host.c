/* SPDX-License-Identifier: ISC */
#include "src/status/http.h"
#include "tests/unit/unit.h"

static void
an_address_is_ours_and_a_name_is_not(void **state)
{
	static const struct {
		const char *host;
		bool ours;
	} rows[] = {
		{ "127.0.0.1", true },
		{ "127.0.0.1:9508", true },
		{ "192.0.2.1:1", true },
		{ "[::1]", true },
		{ "[2001:db8::1]:65535", true },
		{ "localhost", true },
		{ "LocalHost:9508", true },
		{ "", false },
		{ ":9508", false },
		{ "evil.example", false },
		{ "evil.example:9508", false },
		{ "localhost.", false },
		{ "localhost.evil.example", false },
		{ "127.0.0.1.evil.example", false },
		{ "127.0.0.1.", false },
		{ "127.1", false },
		{ "0x7f000001", false },
		{ "2130706433", false },
		{ "::1", false },
		{ "[::1", false },
		{ "[]", false },
		{ "[::1]x", false },
		{ "[::1].evil.example", false },
		{ "[127.0.0.1]", false },
		{ "[localhost]", false },
		{ "127.0.0.1:", true },
		{ "127.0.0.1:65536", false },
		{ "127.0.0.1:-1", false },
		{ "127.0.0.1:80:80", false },
		{ "127.0.0.1 ", false },
		{ "127.0.0.1, evil.example", false },
		{ "user@127.0.0.1", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		if (http_host_is_ours(span_of(rows[i].host)) != rows[i].ours)
			fail_msg("\"%s\"", rows[i].host);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_ours_and_a_name_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
