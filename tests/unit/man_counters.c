/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/engine/counted.h"
#include "tests/unit/unit.h"

/*
 * The manual lists the counters of the engine process, all of them and no
 * others.  Those of a histogram that differ by a bound are one, whose name ends
 * in N.
 */
#define NAMES_MAX 256

struct names {
	char v[NAMES_MAX][COUNTERS_NAME];
	size_t n;
};

static bool
has(const struct names *names, const char *name)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		if (strcmp(names->v[i], name) == 0)
			return true;
	return false;
}

static void
take(struct names *names, const char *p, size_t len)
{
	char name[COUNTERS_NAME], *bound;

	assert_true(len > 0 && len < sizeof(name) && names->n < NAMES_MAX);
	memcpy(name, p, len);
	name[len] = '\0';
	if ((bound = strstr(name, "_le_")) != NULL)
		memcpy(bound + 4, "N", 2);
	if (!has(names, name))
		memcpy(names->v[names->n++], name, sizeof(name));
}

static void
program_names(struct names *names)
{
	static const char conf_text[] = "protect 192.0.2.0/24\nsip {}\n"
					"ftp {}\ntftp {}\n";
	static char text[COUNTERS_RECORD_MAX];
	static const struct fwcounters filter;
	static const struct hep_policy hep;
	static const struct held held;
	const struct form_counts forms = { { 0 } };
	const struct engine_place place = { .live = true };
	const struct events ev = { 0 };
	const struct engine_sink sink = { 0 };
	const struct capture_port port = { IPPROTO_UDP, 5060 };
	const struct capture_config files = { .ports = &port, .nports = 1 };
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct counters c = { .form = COUNTERS_LINES, .out = &b };
	struct counted n = { NULL, NULL, &forms, &filter, &hep, &held, 0 };
	struct span rest, line, name;
	struct engine *e;
	struct conf *conf;

	assert_int_equal(conf_parse(&conf, span_of(conf_text), "test", NULL, 0,
			     stderr),
	    PH_OK);
	assert_int_equal(engine_new(&e, conf, &place, &ev, &sink), PH_OK);
	assert_int_equal(capture_open_file(&n.capture, &files, CAPTURE, &b),
	    PH_OK);
	n.engine = e;
	counted_put(&n, &c);
	assert_false(b.full);
	for (rest = (struct span) { b.p, b.len }; rest.len > 0;) {
		line = span_cut(rest, '\n', &rest);
		name = span_cut(line, ' ', &line);
		take(names, name.p, name.len);
	}
	capture_close(n.capture, &(struct capture_sink) { 0 });
	engine_free(e);
	conf_free(conf);
}

/* The items of the section COUNTERS. */
static void
manual_names(struct names *names)
{
	char line[512];
	bool within = false;
	FILE *f;

	assert_non_null(f = fopen(MAN_DIR "/pinholed.8", "r"));
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, ".Sh ", 4) == 0 ||
		    strncmp(line, ".Ss ", 4) == 0)
			within = strcmp(line, ".Sh COUNTERS\n") == 0;
		if (within && strncmp(line, ".It Va ", 7) == 0)
			take(names, line + 7, strcspn(line + 7, " \n"));
	}
	fclose(f);
}

static void
every_counter_is_in_the_manual_and_no_other(void **state)
{
	static struct names program, manual;
	int wrong = 0;
	size_t i;

	(void)state;
	program_names(&program);
	manual_names(&manual);
	for (i = 0; i < program.n; i++)
		if (!has(&manual, program.v[i])) {
			print_message("not in the manual: %s\n", program.v[i]);
			wrong++;
		}
	for (i = 0; i < manual.n; i++)
		if (!has(&program, manual.v[i])) {
			print_message("no such counter: %s\n", manual.v[i]);
			wrong++;
		}
	assert_int_equal(wrong, 0);
	assert_true(program.n > 90);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_counter_is_in_the_manual_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
