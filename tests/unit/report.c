/* SPDX-License-Identifier: ISC */
/* The file of --report: a whole page at its place, or what was there before. */
#include <sys/types.h>
#include <sys/stat.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/engine/report.h"
#include "src/engine/report_page.h"
#include "tests/unit/blocks.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

static char dir[64], path[96];
static struct story *story;
static struct conf *conf;
static char page[1 << 20];
static int lowest; /* descriptor that is free */

/* Which descriptor the next file gets. */
static int
descriptor(void)
{
	int fd = dup(STDOUT_FILENO);

	close(fd);
	return fd;
}

static int
setup(void **state)
{
	static const struct story_limits limits = { 8, 8, 65536, 16384 };

	(void)state;
	lowest = descriptor();
	strlcpy(dir, "/tmp/pinholed-test.XXXXXX", sizeof(dir));
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/page", dir);
	assert_non_null(story = story_new(&limits));
	return conf_parse(&conf, span_of("protect 192.0.2.0/24\nsip { }\n"),
		   "test", NULL, 0, stdout) == PH_OK
	    ? 0
	    : -1;
}

static int
teardown(void **state)
{
	(void)state;
	story_free(story);
	conf_free(conf);
	(void)unlink(path);
	return rmdir(dir) == 0 && descriptor() == lowest ? 0 : -1;
}

/* How many files there are, whatever their names. */
static size_t
files(void)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

static const char *
contents(void)
{
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(page, 1, sizeof(page) - 1, f);
	fclose(f);
	page[n] = '\0';
	return page;
}

static void
put(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
write_page(int want)
{
	struct report *r = report_open(path, "x.pcap");

	assert_non_null(r);
	assert_int_equal(report_write(r, story, conf), want);
	report_close(r);
}

/* The data is in its place, and the page is otherwise as it was made. */
static void
the_page_is_whole(void **state)
{
	const char *made = (const char *)report_page, *data, *end;
	size_t head = (size_t)(strstr(made, "@DATA@") - made);

	(void)state;
	write_page(0);
	data = contents() + head;
	assert_memory_equal(page, made, head);
	assert_int_equal(strncmp(data, "{\"capture\":\"x.pcap\",", 20), 0);
	assert_non_null(end = strstr(data, "</script>"));
	assert_int_equal(strncmp(end - 11, "\"calls\":[]}", 11), 0);
	assert_string_equal(end, made + head + strlen("@DATA@"));
	assert_int_equal(files(), 1);
}

/* Other users may read it if the umask lets them. */
static void
the_umask_says_who_may_read(void **state)
{
	static const mode_t masks[] = { 0, 022, 027, 077 };
	struct stat st;
	mode_t before;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(masks); i++) {
		before = umask(masks[i]);
		write_page(0);
		assert_int_equal(umask(before), masks[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0666 & ~masks[i]);
	}
}

static void
a_page_that_is_not_written_leaves_the_old_one(void **state)
{
	struct report *r;

	(void)state;
	put("before");
	assert_non_null(r = report_open(path, "x.pcap"));
	assert_int_equal(files(), 2);
	report_close(r);
	assert_string_equal(contents(), "before");
	assert_int_equal(files(), 1);
	report_close(NULL);
	/* A whole one takes its place. */
	write_page(0);
	assert_non_null(strstr(contents(), "</html>"));
	assert_int_equal(files(), 1);
}

static void
a_page_that_cannot_take_its_place_is_no_page(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	write_page(2);
	assert_int_equal(files(), 1);
	assert_int_equal(rmdir(path), 0);
	/* No place at all. */
	strlcat(path, "/none/page", sizeof(path));
	assert_null(report_open(path, "x.pcap"));
	assert_int_equal(files(), 0);
}

static void
without_memory_there_is_no_page(void **state)
{
	struct report *r;
	unsigned int n;

	(void)state;
	put("before");
	for (n = 1; n < 4; n++) {
		starve(n);
		assert_null(report_open(path, "x.pcap"));
		(void)starve_end();
		assert_int_equal(files(), 1);
	}
	assert_non_null(r = report_open(path, "x.pcap"));
	starve(1);
	assert_int_equal(report_write(r, story, conf), 2);
	(void)starve_end();
	report_close(r);
	assert_string_equal(contents(), "before");
	assert_int_equal(files(), 1);
}

/* So many messages of one call, each from another host. */
static void
messages(unsigned int n)
{
	struct sip_message m = { .request = true,
		.method = SIP_INVITE,
		.call_id = span_of("c"),
		.cseq = 1 };
	struct datagram d = { .dst.addr = addr_v4(192, 0, 2, 10) };
	unsigned int i;

	for (i = 0; i < n; i++) {
		d.src.addr = addr_v4(198, 51, 100, (uint8_t)i);
		story_hear(story, i * 1000, &d, &m);
		story_counts(story);
		story_judged(story, NULL);
	}
}

/* A call has up to 64 hosts; all that come later are the last one. */
static void
hosts_have_numbers(void **state)
{
	const char *end, *p;
	char want[32];
	unsigned int i;

	(void)state;
	messages(65);
	write_page(0);
	p = contents();
	for (i = 0; i < 65; i++) {
		snprintf(want, sizeof(want), "[\"m\",%u,%u,%u,", i,
		    i == 0	 ? 0
			: i < 63 ? i + 1
				 : 63,
		    1);
		assert_non_null(p = strstr(p, want));
	}
	/* The second host is the one that all are sent to. */
	p = strstr(page, "\"hosts\":[\"198.51.100.0\",\"192.0.2.10\",");
	assert_non_null(p);
	assert_non_null(end = strstr(p, "]}"));
	for (i = 0; p < end; p++)
		i += *p == ',';
	assert_int_equal(i, 63);
	assert_int_equal(strncmp(end - 15, "\"198.51.100.62\"", 15), 0);
}

/* A Call-ID is text; what would end the script does not. */
static void
names_are_only_text(void **state)
{
	struct report *r;

	(void)state;
	assert_non_null(r = report_open(path, "</script>\"\\\n"));
	assert_int_equal(report_write(r, story, conf), 0);
	report_close(r);
	assert_non_null(strstr(contents(),
	    "{\"capture\":\"\\u003c/script>\\\"\\\\\\u000a\",\"dropped\":0,"));
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(the_page_is_whole),
		CASE(the_umask_says_who_may_read),
		CASE(a_page_that_is_not_written_leaves_the_old_one),
		CASE(a_page_that_cannot_take_its_place_is_no_page),
		CASE(without_memory_there_is_no_page),
		CASE(hosts_have_numbers),
		CASE(names_are_only_text),
	};

	return blocks_end(cmocka_run_group_tests(tests, blocks_begin, NULL));
}
