/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pinholectl/client.h"
#include "pinholectl/complete.h"
#include "pinholectl/output.h"
#include "pinholectl/top.h"
#include "src/base/strbuf.h"
#include "src/status/verbs.h"
#include "src/version.h"

#define EXIT_REFUSED   1
#define EXIT_NO_DAEMON 2

/* A reload waits for every process, and for the packet filter. */
#define ANSWER_WITHIN_S 60
#define SECONDS_MAX	86400

struct options {
	const char *path;
	bool chosen; /* by -s */
	bool json;
	int seconds; /* without an answer */
};

static const struct option long_options[] = {
	{ "completion", required_argument, NULL, 'C' },
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "socket", required_argument, NULL, 's' },
	{ "timeout", required_argument, NULL, 't' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static void
usage_print(FILE *f)
{
	const struct verb_row *v;

	fprintf(f,
	    "usage: pinholectl [-hjV] [-s socket] [-t seconds] verb ...\n");
	for (v = verbs; v < verbs + VERB_COUNT; v++)
		fprintf(f, "  %-8s%-11s%s\n", v->word,
		    v->object != NULL		     ? v->object
			: v->args == VERB_ARGS_WHICH ? "ID|CALL-ID"
						     : "",
		    v->help);
	fprintf(f,
	    "calls, pinholes and monitor may be followed by: address PREFIX, "
	    "call TEXT,\nstate STATE, older SECONDS, younger SECONDS; "
	    "show tables by address PREFIX\n");
}

static void
print_object(const struct options *o, const struct request *r,
    const json_t *object, const char *line)
{
	char text[8192];
	struct strbuf b = strbuf_of(text, sizeof(text));

	if (o->json) {
		puts(line);
		return;
	}
	strbuf_reset(&b);
	output_text(r->verb, object, &b);
	client_tame(text);
	puts(text);
}

static int
print_answer(struct client *c, const struct options *o, const struct request *r)
{
	const char *line, *heading = output_heading(r->verb);
	json_t *object;

	while ((object = client_next(c, &line)) != NULL) {
		if (heading != NULL && !o->json)
			puts(heading);
		heading = NULL;
		print_object(o, r, object, line);
		json_decref(object);
		if (r->verb == VERB_MONITOR && fflush(stdout) == EOF)
			return EXIT_REFUSED;
	}
	if (client_lost(c))
		return EXIT_NO_DAEMON;
	if (client_error(c) != NULL) {
		fflush(stdout);
		fprintf(stderr, "pinholectl: %s\n", client_error(c));
		return EXIT_REFUSED;
	}
	if (heading != NULL && !o->json)
		puts(heading);
	if (!o->json && r->verb == VERB_RELOAD)
		puts("reloaded");
	if (!o->json && r->verb == VERB_CHECK)
		puts("configuration OK");
	return 0;
}

static int
run_request(const struct options *o, const struct request *r)
{
	char line[VERB_LINE + 1];
	struct strbuf b = strbuf_of(line, sizeof(line));
	const int seconds = r->verb == VERB_MONITOR ? 0 : o->seconds;
	const char *tried;
	struct client *c;
	int code;

	if (r->verb == VERB_TOP)
		return top_run(o->path, !o->chosen, o->seconds);
	c = client_open(o->path, !o->chosen, seconds, &tried);
	if (c == NULL) {
		fprintf(stderr, "pinholectl: cannot connect to %s: %s%s\n",
		    tried, strerror(errno),
		    errno == ENOENT || errno == ECONNREFUSED
			? "; is pinholed running?"
			: "");
		return EXIT_NO_DAEMON;
	}
	verbs_format(r, &b);
	if (client_ask(c, line))
		code = print_answer(c, o, r);
	else
		code = EXIT_NO_DAEMON;
	fflush(stdout);
	if (code == EXIT_NO_DAEMON)
		fprintf(stderr, "pinholectl: the daemon %s\n",
		    client_late(c) ? "does not answer" : "has gone");
	client_close(c);
	if (fflush(stdout) == EOF || ferror(stdout)) {
		fprintf(stderr, "pinholectl: cannot write: %s\n",
		    strerror(errno));
		return EXIT_REFUSED;
	}
	return code;
}

/* The words of the command line as one line. */
static bool
read_request(int argc, char *argv[], struct request *r)
{
	char line[VERB_LINE + 2], text[1024];
	struct strbuf b = strbuf_of(line, sizeof(line));
	struct strbuf why = strbuf_of(text, sizeof(text));
	int i;

	for (i = 0; i < argc; i++) {
		strbuf_str(&b, i > 0 ? " " : "");
		strbuf_str(&b, argv[i]);
	}
	if (verbs_parse((struct span) { b.p, b.len }, r, &why) == PH_OK)
		return true;
	fprintf(stderr, "pinholectl: %s\n", text);
	for (i = 1; i < argc; i++)
		if (argv[i][0] == '-') {
			fprintf(stderr, "options stand before the verb\n");
			break;
		}
	return false;
}

static bool
read_seconds(const char *text, int *out)
{
	uint64_t seconds;

	if (!span_number((struct span) { text, strlen(text) }, SECONDS_MAX,
		&seconds) ||
	    seconds == 0) {
		fprintf(stderr,
		    "pinholectl: -t %s: expected seconds, 1 to %d\n", text,
		    SECONDS_MAX);
		return false;
	}
	*out = (int)seconds;
	return true;
}

/* Without them, the socket would be one of them. */
static void
open_standard_files(void)
{
	int fd;

	while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
		continue;
	if (fd > STDERR_FILENO)
		close(fd);
}

int
main(int argc, char *argv[])
{
	struct options o = {
		.path = PINHOLED_CONTROL,
		.seconds = ANSWER_WITHIN_S,
	};
	struct request r;
	int c;

	open_standard_files();
	if (isatty(STDOUT_FILENO))
		output_for_terminal();
	while ((c = getopt_long(argc, argv, "+hjs:t:V", long_options, NULL)) !=
	    -1) {
		switch (c) {
		case 'C':
			return complete_print(optarg, stdout) ? 0
							      : EXIT_REFUSED;
		case 'h':
			usage_print(stdout);
			return 0;
		case 'j':
			o.json = true;
			break;
		case 's':
			o.path = optarg;
			o.chosen = true;
			break;
		case 't':
			if (!read_seconds(optarg, &o.seconds))
				return EXIT_REFUSED;
			break;
		case 'V':
			printf("pinholectl %s\n", PINHOLED_VERSION);
			return 0;
		default:
			usage_print(stderr);
			return EXIT_REFUSED;
		}
	}
	if (optind == argc) {
		usage_print(stderr);
		return EXIT_REFUSED;
	}
	if (!read_request(argc - optind, argv + optind, &r))
		return EXIT_REFUSED;
	return run_request(&o, &r);
}
