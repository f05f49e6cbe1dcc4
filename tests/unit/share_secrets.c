/* SPDX-License-Identifier: ISC */
/* The files of secrets that boxes share. */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/share/secrets.h"
#include "tests/unit/unit.h"

static char path[2][40];
static char at[] = "x:1:2: ";

static int
begin(void **state)
{
	int i, fd;

	(void)state;
	for (i = 0; i < 2; i++) {
		strlcpy(path[i], "/tmp/pinholed-test.XXXXXX", sizeof(path[i]));
		if ((fd = mkstemp(path[i])) == -1)
			return -1;
		close(fd);
	}
	return 0;
}

static int
end(void **state)
{
	(void)state;
	return unlink(path[0]) + unlink(path[1]);
}

static void
put(int i, size_t n, const char *behind)
{
	FILE *f = fopen(path[i], "w");

	assert_non_null(f);
	while (n-- > 0)
		fputc('a' + i, f);
	fputs(behind, f);
	fclose(f);
}

/* clang-format off */
static const struct {
	size_t		 key, password;
	const char	*behind;
	enum ph_err	 rc;
} rows[] = {
	{ SECRETS_KEY_MIN,     1, "", PH_OK },
	{ SECRETS_KEY_MIN,     1, "\n", PH_OK },
	{ SECRETS_KEY_MIN,     1, "\r\n", PH_OK },
	{ SECRETS_KEY_MIN,     1, "\nmore\n", PH_OK },
	{ SECRETS_KEY_MIN - 1, 1, "", PH_EMALFORMED },
	{ SECRETS_KEY_MIN - 1, 1, "\r\n", PH_EMALFORMED },
	{ SECRETS_KEY_MIN,     0, "\n", PH_EMALFORMED },
	{ SECRETS_KEY_MIN,     0, "\r\n", PH_EMALFORMED },
	{ SECRETS_KEY_MIN, SECRETS_PASSWORD, "", PH_OK },
	{ SECRETS_KEY_MIN, SECRETS_PASSWORD, "\n", PH_OK },
	{ SECRETS_KEY_MIN, SECRETS_PASSWORD + 1, "", PH_EMALFORMED },
};
/* clang-format on */

static void
each_has_one_line_of_the_right_length(void **state)
{
	struct conf_share c = { .key = path[0],
		.password = path[1],
		.key_at = at,
		.password_at = at };
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct secrets s;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%zu\n", i);
		put(0, rows[i].key, rows[i].behind);
		put(1, rows[i].password, rows[i].behind);
		strbuf_reset(&why);
		assert_int_equal(secrets_read(&s, &c, &why), rows[i].rc);
		if (rows[i].rc != PH_OK) {
			assert_memory_equal(text, at, strlen(at));
			assert_non_null(strstr(text, " bytes"));
			continue;
		}
		assert_int_equal(s.keylen, rows[i].key);
		assert_int_equal(s.passwordlen, rows[i].password);
		assert_int_equal(s.key[0], 'a');
		assert_int_equal(s.key[s.keylen - 1], 'a');
		assert_int_equal(s.password[0], 'b');
		assert_int_equal(s.password[s.passwordlen - 1], 'b');
		secrets_wipe(&s);
		assert_int_equal(s.keylen + s.passwordlen, 0);
		assert_int_equal(s.key[0] | s.password[0], 0);
	}
}

static void
none_is_needed(void **state)
{
	struct conf_share c = { .key = NULL };
	char text[64];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct secrets s;

	(void)state;
	assert_int_equal(secrets_read(&s, &c, &why), PH_OK);
	assert_int_equal(s.keylen + s.passwordlen, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    each_has_one_line_of_the_right_length, begin, end),
		cmocka_unit_test(none_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
