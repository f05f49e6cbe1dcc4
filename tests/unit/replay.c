/* SPDX-License-Identifier: ISC */
/*
 * A replay as the shell sees it: exit status, standard output and error.  Each
 * is a process of its own, for a replay leaves its memory to the end of that.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "src/compat/memfile.h"
#include "src/engine/replay.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

#define BASIC PCAPS "/sip/basic-call/input.pcap"

static struct conf *conf;
static struct replay_options opt;
static char capture[64], page[96]; /* of the test's own */
static char out[65536], err[65536];

/* The allocation of a replay that fails; 0: none. */
static unsigned int starves;
#define ENOUGH 99 /* exit status: there was no such allocation */

/* A packet filter that says what it is asked, on the standard error output. */
static bool no_device, refuses;

static enum ph_err
fake_open(struct fw **fw, const struct fw_config *config, int64_t now,
    struct strbuf *why)
{
	static char any;

	(void)config;
	fprintf(stderr, "filter: open at %" PRId64 "\n", now);
	*fw = NULL;
	if (no_device) {
		strbuf_str(why, "no device");
		return PH_EIO;
	}
	*fw = (struct fw *)(void *)&any;
	return PH_OK;
}

static enum ph_err
fake_commit(struct fw *fw, const struct fw_edit *edits, size_t n, int64_t now)
{
	size_t i;

	(void)fw;
	fprintf(stderr, "filter:");
	for (i = 0; i < n; i++)
		fprintf(stderr, " %s",
		    edits[i].op == FW_ADD ? "add" : "remove");
	fprintf(stderr, " at %.1f\n",
	    (double)(now % USEC_PER_SEC +
		(now / USEC_PER_SEC - 1700000000) * USEC_PER_SEC) /
		1e6);
	return refuses ? PH_ELIMIT : PH_OK;
}

static void
fake_explain(const struct fw_config *config, const struct pinhole *hole,
    struct strbuf *text)
{
	(void)config;
	strbuf_fmt(text, "a rule for %u\n", hole->to_lo);
}

static enum form
fake_form(const struct fw_config *config, const struct pinhole *hole)
{
	(void)config;
	(void)hole;
	return FORM_STATE;
}

static void
fake_close(struct fw *fw, bool keep)
{
	(void)fw;
	fprintf(stderr, "filter: close%s\n", keep ? ", kept" : "");
}

static struct fw_ops fake = { .name = "fake",
	.open = fake_open,
	.commit = fake_commit,
	.explain = fake_explain,
	.form = fake_form,
	.close = fake_close };

static void
configure(const char *text)
{
	conf_free(conf);
	assert_int_equal(conf_parse(&conf, span_of(text), "test", NULL, 0,
			     stderr),
	    PH_OK);
}

static int
setup(void **state)
{
	int fd;

	(void)state;
	configure("protect 192.0.2.0/24\nsip { }\n");
	no_device = refuses = false;
	starves = 0;
	fake.caps = FW_CAP_DEADLINE | FW_CAP_OFFLINE;
	opt = (struct replay_options) { .path = BASIC,
		.format = EVENTS_TEXT,
		.fw = &fake };
	strlcpy(capture, "/tmp/pinholed-test.XXXXXX", sizeof(capture));
	if ((fd = mkstemp(capture)) == -1)
		return -1;
	close(fd);
	snprintf(page, sizeof(page), "%s.page", capture);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	conf_free(conf);
	conf = NULL;
	(void)unlink(page);
	return unlink(capture);
}

static void
take(int fd, char *text, size_t size)
{
	ssize_t n = pread(fd, text, size - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	close(fd);
}

/* The exit status; `full`: nothing can be written to the standard output. */
static int
replay_to(const char *full)
{
	int fd[2] = { memfile_open(), memfile_open() }, how = -1;
	pid_t child;

	fflush(NULL);
	if ((child = fork()) == 0) {
		dup2(full != NULL ? open(full, O_WRONLY) : fd[0],
		    STDOUT_FILENO);
		dup2(fd[1], STDERR_FILENO);
		starve(starves);
		how = replay_main(conf, &opt);
		if (starve_end() < starves)
			how = ENOUGH;
		fflush(NULL);
		_exit(how);
	}
	assert_int_equal(waitpid(child, &how, 0), child);
	take(fd[0], out, sizeof(out));
	take(fd[1], err, sizeof(err));
	return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

static int
replay(void)
{
	return replay_to(NULL);
}

/*
 * The first `n` packets of that capture, and `more` bytes.  `odd`: the last one
 * is to another port, and so many seconds later.
 */
static void
cut(unsigned int n, size_t more, uint32_t odd)
{
	static uint8_t bytes[65536];
	FILE *from = fopen(BASIC, "r"), *to = fopen(capture, "w");
	uint32_t len, seconds;
	size_t at = 24, last = 24, all;

	assert_true(from != NULL && to != NULL);
	all = fread(bytes, 1, sizeof(bytes), from);
	while (n-- > 0) {
		last = at;
		memcpy(&len, bytes + at + 8, sizeof(len));
		at += 16 + len;
		assert_true(at <= all);
	}
	if (odd > 0) {
		memcpy(&seconds, bytes + last, sizeof(seconds));
		seconds += odd;
		memcpy(bytes + last, &seconds, sizeof(seconds));
		memset(bytes + last + 16 + 34, 9, 4);
	}
	fwrite(bytes, 1, at + more, to);
	fclose(from);
	assert_int_equal(fclose(to), 0);
	opt.path = capture;
}

static void
events_go_to_one_and_the_filter_to_the_other(void **state)
{
	const char *p;

	(void)state;
	assert_int_equal(replay(), 0);
	assert_non_null(strstr(out,
	    " open 1 in udp 198.51.100.7 -> 192.0.2.10 "
	    "port 10000:10001 (answer) "
	    "call=c1@example\n"));
	for (p = out; *p != '\0'; p = strchr(p, '\n') + 1)
		assert_true(*p != '#');
	assert_string_equal(err,
	    "filter: open at 0\n"
	    "filter: add add at 0.2\n"
	    "filter: remove remove at 5.5\n"
	    "filter: close\n");
	/* Where rules are printed, events are comments between them. */
	fake.caps |= FW_CAP_RULES;
	opt.verbose = 1;
	assert_int_equal(replay(), 0);
	for (p = out; *p != '\0'; p = strchr(p, '\n') + 1)
		assert_int_equal(strncmp(p, "# ", 2), 0);
	assert_non_null(strstr(out, "a rule for 10000\n"));
	assert_null(strstr(err, "sip_messages"));
}

static void
counters_are_for_those_who_ask_twice(void **state)
{
	(void)state;
	opt.verbose = 2;
	assert_int_equal(replay(), 0);
	assert_non_null(strstr(err, "\npackets 6\n"));
	assert_non_null(strstr(err, "\nsip_messages 6\n"));
	assert_non_null(strstr(err, "\nhep_messages 0\n"));
	assert_null(strstr(err, "opened_as_"));
	configure("protect 192.0.2.0/24\nsip { }\n"
		  "firewall pf anchor \"x\" states\n");
	assert_int_equal(replay(), 0);
	assert_non_null(strstr(err, "\nopened_as_states 2\n"));
}

/* What is open closes at the time of the last packet, whatever that is. */
static void
the_end_of_the_capture_is_the_end(void **state)
{
	(void)state;
	cut(3, 0, 0);
	assert_int_equal(replay(), 0);
	assert_non_null(strstr(err, "filter: remove remove at 0.2\n"));
	assert_non_null(strstr(out, "(shutdown)"));
	cut(4, 0, 0);
	assert_int_equal(replay(), 0);
	assert_non_null(strstr(err, "filter: remove remove at 0.3\n"));
	cut(4, 0, 60);
	assert_int_equal(replay(), 0);
	assert_non_null(strstr(err, "filter: remove remove at 60.3\n"));
	cut(4, 0, 1);
	assert_int_equal(replay(), 0);
	assert_non_null(strstr(err, "filter: remove remove at 1.3\n"));
}

static void
what_fails_has_its_exit_status(void **state)
{
	char want[128];

	(void)state;
	refuses = true;
	assert_int_equal(replay(), 2);
	assert_non_null(strstr(err, "pinholed: fake: 1 changes failed\n"));
	refuses = false;
	no_device = true;
	assert_int_equal(replay(), 2);
	assert_string_equal(err,
	    "filter: open at 0\npinholed: fake: no device\n");
	assert_string_equal(out, "");
	no_device = false;
	assert_int_equal(replay_to("/dev/full"), 2);
	assert_non_null(strstr(err, "pinholed: standard output: "));
	assert_non_null(strstr(err, "filter: close\n"));
	/* A capture that ends in mid-packet: what came before it counts. */
	cut(3, 20, 0);
	assert_int_equal(replay(), 2);
	assert_non_null(strstr(out, "(answer)"));
	snprintf(want, sizeof(want), "pinholed: %s: ", capture);
	assert_non_null(strstr(err, want));
	opt.path = "/none";
	assert_int_equal(replay(), 2);
	assert_non_null(strstr(err, "pinholed: /none: "));
	assert_non_null(strstr(err, "filter: close\n"));
}

static void
a_story_takes_the_place_of_events(void **state)
{
	(void)state;
	opt.explain = "c1";
	assert_int_equal(replay(), 0);
	assert_int_equal(strncmp(out, "call c1@example\nbegan ", 22), 0);
	assert_null(strstr(out, " open 1 in"));
	assert_null(strstr(err, "call c1"));
	opt.explain = "nobody";
	assert_int_equal(replay(), 1);
	assert_string_equal(out, "");
	assert_non_null(strstr(err, "No Call-ID begins with \"nobody\"."));
	/* What is open is told before it closes. */
	cut(3, 0, 0);
	opt.explain = "c1";
	assert_int_equal(replay(), 0);
	assert_non_null(strstr(out, "accepted, 2 pinholes are open"));
	/* A damaged capture is said, too. */
	cut(3, 20, 0);
	assert_int_equal(replay(), 2);
	assert_non_null(strstr(out, "call c1@example\n"));
}

static void
a_page_takes_the_place_of_events(void **state)
{
	FILE *f;

	(void)state;
	opt.report = page;
	assert_int_equal(replay(), 0);
	assert_string_equal(out, "");
	assert_non_null(f = fopen(page, "r"));
	fclose(f);
	opt.report = "/none/page";
	assert_int_equal(replay(), 2);
	/* Before anything is opened. */
	assert_null(strstr(err, "filter"));
	opt.report = page;
	assert_int_equal(unlink(page), 0);
	no_device = true;
	assert_int_equal(replay(), 2);
	assert_null(fopen(page, "r"));
}

/* A replay without memory ends, and its page is whole or is not there. */
static void
without_memory_it_ends(void **state)
{
	char pattern[80];
	glob_t found;
	size_t i;
	int rc;

	(void)state;
	opt.report = page;
	snprintf(pattern, sizeof(pattern), "%s*", capture);
	for (starves = 1; (rc = replay()) != ENOUGH; starves++) {
		assert_true(rc == 0 || rc == 2);
		assert_int_equal(glob(pattern, 0, NULL, &found), 0);
		/* A page, with which something else may have failed. */
		for (i = 0; i < found.gl_pathc; i++)
			assert_true(strcmp(found.gl_pathv[i], capture) == 0 ||
			    strcmp(found.gl_pathv[i], page) == 0);
		globfree(&found);
		if (unlink(page) == -1 || rc == 2)
			assert_int_equal(rc, 2);
		if (rc == 2)
			assert_non_null(strstr(err, ": "));
	}
	assert_true(starves > 20);
	starves = 0;
}

/* A hint is given if nothing was followed. */
static void
hints_end_it(void **state)
{
	(void)state;
	configure("protect 203.0.113.0/24\nsip { }\n");
	assert_int_equal(replay(), 0);
	assert_string_equal(err,
	    "filter: open at 0\n"
	    "pinholed: 6 SIP messages, none to or from a protected host: "
	    "198.51.100.7 192.0.2.10\n"
	    "filter: close\n");
	configure("protect 192.0.2.0/24\nsip { port 5070 }\n");
	assert_int_equal(replay(), 0);
	assert_non_null(strstr(err,
	    "pinholed: 6 SIP messages on ports that are not in `port`: "
	    "5060\n"));
	configure("protect 192.0.2.0/24\nftp { port 21 }\n");
	assert_int_equal(replay(), 0);
	assert_non_null(strstr(err,
	    "pinholed: 6 SIP messages on ports that nobody follows, for there "
	    "is no `sip` block: 5060\n"));
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(events_go_to_one_and_the_filter_to_the_other),
		CASE(counters_are_for_those_who_ask_twice),
		CASE(the_end_of_the_capture_is_the_end),
		CASE(what_fails_has_its_exit_status),
		CASE(a_story_takes_the_place_of_events),
		CASE(a_page_takes_the_place_of_events),
		CASE(without_memory_it_ends),
		CASE(hints_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
