/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "src/process/ipc.h"
#include "src/status/verbs.h"
#include "tests/unit/unit.h"

/*
 * The meaning of a line, without abbreviations; NULL: an error with that text.
 */
/* clang-format off */
static const struct {
	const char	*line, *means, *error;
} rows[] = {
	{ "show summary",	"show summary",			NULL },
	{ "  show   calls ",	"show calls",			NULL },
	{ "sh su",		"show summary",			NULL },
	{ "sh ca",		"show calls",			NULL },
	{ "s pi",		"show pinholes",		NULL },
	{ "m",			"monitor",			NULL },
	{ "cl 7",		"close 7",			NULL },
	{ "close a84b@pc33",	"close a84b@pc33",		NULL },
	{ "e a84b",		"explain a84b",			NULL },
	{ "log v",		"log verbose",			NULL },
	{ "l b",		"log brief",			NULL },
	{ "r",			"reload",			NULL },
	{ "t",			"top",				NULL },
	{ "show calls st acc",	"show calls state accepted",	NULL },
	{ "sh ca ad 192.0.2.0/24 c a8 o 5 y 60",
	    "show calls address 192.0.2.0/24 call a8 older 5 younger 60", NULL },
	{ "mon address 2001:db8::1", "monitor address 2001:db8::1", NULL },
	{ "s t a 192.0.2.7",	"show tables address 192.0.2.7", NULL },
	{ "show tables call x",	NULL, "the only filter here is" },
	{ "",			NULL, "a verb is missing; there are: show" },
	{ "frob",		NULL, "\"frob\" is no verb; there are: show" },
	{ "c",			NULL, "\"c\" is not one verb; it may be: close check" },
	{ "close",		NULL, "close what?" },
	{ "close 1 2",		NULL, "nothing is expected at \"2\"" },
	{ "show",		NULL, "an object is missing" },
	{ "show c",		NULL, "\"c\" is not one object; it may be: calls counters config" },
	{ "show calls state x",	NULL, "there are: early accepted" },
	{ "show calls state",	NULL, "a state is missing" },
	{ "show calls frob 1",	NULL, "is no filter" },
	{ "show calls x",	NULL, "is no filter" },
	{ "show calls address",	NULL, "needs a value" },
	{ "show calls address x", NULL, "an address or a prefix" },
	{ "show calls older -1", NULL, "a number of seconds" },
	{ "reload now",		NULL, "nothing is expected" },
	{ "show\tcalls",	NULL, "a line is text" },
	{ "show calls\033[2J",	NULL, "a line is text" },
};
/* clang-format on */

static void
a_line_means_one_thing(void **state)
{
	char said[1024], error[1024];
	struct strbuf b, why;
	struct request r;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].line);
		b = strbuf_of(said, sizeof(said));
		why = strbuf_of(error, sizeof(error));
		if (rows[i].means == NULL) {
			assert_int_equal(verbs_parse(span_of(rows[i].line), &r,
					     &why),
			    PH_EMALFORMED);
			assert_non_null(strstr(error, rows[i].error));
			continue;
		}
		assert_int_equal(verbs_parse(span_of(rows[i].line), &r, &why),
		    PH_OK);
		verbs_format(&r, &b);
		assert_string_equal(said, rows[i].means);
	}
}

static void
a_number_is_an_id_and_a_long_line_nothing(void **state)
{
	char line[VERB_LINE + 2], error[1024];
	struct strbuf why = strbuf_of(error, sizeof(error));
	struct request r;

	(void)state;
	assert_int_equal(verbs_parse(span_of("close 77"), &r, &why), PH_OK);
	assert_int_equal(r.id, 77);
	assert_string_equal(r.call, "77");
	assert_int_equal(verbs_parse(span_of("close 77a"), &r, &why), PH_OK);
	assert_int_equal(r.id, 0);
	memset(line, ' ', sizeof(line));
	memcpy(line, "show calls", 10);
	assert_int_equal(verbs_parse((struct span) { line, VERB_LINE }, &r,
			     &why),
	    PH_OK);
	assert_int_equal(r.verb, VERB_SHOW_CALLS);
	assert_int_equal(verbs_parse((struct span) { line, VERB_LINE + 1 }, &r,
			     &why),
	    PH_EMALFORMED);
	memset(line, 'x', sizeof(line));
	assert_int_equal(verbs_parse((struct span) { line, VERB_LINE + 1 }, &r,
			     &why),
	    PH_EMALFORMED);
	memcpy(line, "close ", 6);
	assert_int_equal(verbs_parse((struct span) { line, 6 + VERB_CALL }, &r,
			     &why),
	    PH_OK);
	assert_int_equal(verbs_parse((struct span) { line, 7 + VERB_CALL }, &r,
			     &why),
	    PH_EMALFORMED);
}

static void
states_are_those_of_the_messages(void **state)
{
	(void)state;
	assert_int_equal(VERB_STATES, IPC_CALL_STATES);
	assert_int_equal(VERB_CALL, IPC_CALL);
	assert_string_equal(verb_states[IPC_CALL_HELD], "held");
}

/* Each verb, filter and state is in the manual. */
static void
the_manual_has_them_all(void **state)
{
	static char page[65536];
	char want[64];
	FILE *f = fopen(MAN_DIR "/pinholectl.8", "r");
	size_t i, n;

	(void)state;
	assert_non_null(f);
	n = fread(page, 1, sizeof(page) - 1, f);
	page[n] = '\0';
	fclose(f);
	for (i = 0; i < VERB_COUNT; i++) {
		snprintf(want, sizeof(want), "\n.It Cm %s%s%s", verbs[i].word,
		    verbs[i].object != NULL ? " " : "",
		    verbs[i].object != NULL ? verbs[i].object : "");
		print_message("%s\n", want);
		assert_non_null(strstr(page, want));
	}
	for (i = 0; i < VERB_FILTER_COUNT; i++) {
		snprintf(want, sizeof(want), "\n.It Cm %s Ar", verb_filters[i]);
		assert_non_null(strstr(page, want));
	}
	for (i = 0; i < VERB_STATES; i++) {
		snprintf(want, sizeof(want), "\n.Cm %s", verb_states[i]);
		assert_non_null(strstr(page, want));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_means_one_thing),
		cmocka_unit_test(a_number_is_an_id_and_a_long_line_nothing),
		cmocka_unit_test(states_are_those_of_the_messages),
		cmocka_unit_test(the_manual_has_them_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
