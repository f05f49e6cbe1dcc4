/* SPDX-License-Identifier: ISC */
#include <err.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/compat/process.h"
#include "src/compat/sandbox.h"
#include "src/conf/conf.h"
#include "src/engine/replay.h"
#include "src/monitor/check.h"
#include "src/monitor/monitor.h"
#include "src/process/listen.h"
#include "src/version.h"

/* The command line of pinholed(8). */

#define EXIT_CONFIG  1
#define EXIT_RUNTIME 2
#define TEXT_MAX     4096
/* -T: where the socket that was our standard input goes. */
#define INHERITED_FD 3

struct options {
	bool foreground, check, version, inetd;
	int verbose;
	struct listeners inherited; /* with inetd */
	const char *backend, *config, *pidfile, *read, *control;
	const char *explain, *report; /* with `read` */
	enum events_format format;
	struct conf_define *defines;
	size_t ndefines;
	char **interfaces;
	size_t ninterfaces;
};

/* Options without a letter. */
enum {
	OPTION_EXPLAIN = 256,
	OPTION_REPORT,
};

/* clang-format off */
static const struct option long_options[] = {
	{ "backend",	required_argument,	NULL, 'b' },
	{ "define",	required_argument,	NULL, 'D' },
	{ "explain",	required_argument,	NULL, OPTION_EXPLAIN },
	{ "foreground",	no_argument,		NULL, 'd' },
	{ "config",	required_argument,	NULL, 'f' },
	{ "help",	no_argument,		NULL, 'h' },
	{ "interface",	required_argument,	NULL, 'i' },
	{ "check",	no_argument,		NULL, 'n' },
	{ "output",	required_argument,	NULL, 'o' },
	{ "pidfile",	required_argument,	NULL, 'p' },
	{ "read",	required_argument,	NULL, 'r' },
	{ "report",	required_argument,	NULL, OPTION_REPORT },
	{ "socket",	required_argument,	NULL, 's' },
	{ "inetd",	no_argument,		NULL, 'T' },
	{ "version",	no_argument,		NULL, 'V' },
	{ "verbose",	no_argument,		NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};
/* clang-format on */

static void
usage_print(FILE *f)
{
	fprintf(f,
	    "usage: pinholed [-dhnTvV] [-b backend] [-D macro=value] "
	    "[-f file]\n"
	    "                [-i interface] [-o text|json] [-p pidfile] "
	    "[-s socket]\n"
	    "                [-r file [--explain call-id] [--report "
	    "out.html]]\n");
}

/* One more element at the end of an array. */
static void *
array_grow(void *v, size_t n, size_t size)
{
	if ((v = reallocarray(v, n + 1, size)) == NULL)
		err(EXIT_RUNTIME, NULL);
	return v;
}

static void
add_define(struct options *o, char *arg)
{
	char *value = strchr(arg, '=');

	if (value == NULL || value == arg)
		errx(EXIT_CONFIG, "-D %s: want macro=value", arg);
	*value++ = '\0';
	o->defines = array_grow(o->defines, o->ndefines, sizeof(*o->defines));
	o->defines[o->ndefines].name = arg;
	o->defines[o->ndefines++].value = value;
}

static enum events_format
output_format(const char *arg)
{
	if (strcmp(arg, "json") == 0)
		return EVENTS_JSON;
	if (strcmp(arg, "text") != 0)
		errx(EXIT_CONFIG, "-o %s: want text or json", arg);
	return EVENTS_TEXT;
}

/* A daemon changes its directory, and SIGHUP reads the file again. */
static const char *
path_absolute(const char *path)
{
	static char full[PATH_MAX];

	return realpath(path, full) != NULL ? full : path;
}

/* Stories of a running daemon are told by pinholectl(8). */
static void
need_read(const struct options *o)
{
	if (o->read == NULL && (o->explain != NULL || o->report != NULL))
		errx(EXIT_CONFIG, "--%s: want a capture, named by -r file",
		    o->explain != NULL ? "explain" : "report");
	if (o->explain != NULL && o->explain[0] == '\0')
		errx(EXIT_CONFIG, "--explain: want a Call-ID");
}

static void
add_interface(struct options *o, char *name)
{
	o->interfaces =
	    array_grow(o->interfaces, o->ninterfaces, sizeof(*o->interfaces));
	o->interfaces[o->ninterfaces++] = name;
}

static void
need_no_more(int argc, char *argv[])
{
	if (optind == argc)
		return;
	warnx("unexpected argument: %s", argv[optind]);
	usage_print(stderr);
	exit(EXIT_CONFIG);
}

static void
parse_options(struct options *o, int argc, char *argv[])
{
	int c;

	while ((c = getopt_long(argc, argv, "b:D:df:hi:no:p:r:s:TVv",
		    long_options, NULL)) != -1) {
		switch (c) {
		case 'b':
			o->backend = optarg;
			break;
		case 'D':
			add_define(o, optarg);
			break;
		case 'd':
			o->foreground = true;
			break;
		case 'f':
			o->config = optarg;
			break;
		case 'h':
			usage_print(stdout);
			exit(0);
		case 'i':
			add_interface(o, optarg);
			break;
		case 'n':
			o->check = true;
			break;
		case 'o':
			o->format = output_format(optarg);
			break;
		case 'p':
			o->pidfile = optarg;
			break;
		case 'r':
			o->read = optarg;
			break;
		case 's':
			o->control = optarg;
			break;
		case 'T':
			o->inetd = true;
			break;
		case OPTION_EXPLAIN:
			o->explain = optarg;
			break;
		case OPTION_REPORT:
			o->report = optarg;
			break;
		case 'V':
			o->version = true;
			break;
		case 'v':
			o->verbose++;
			break;
		default:
			usage_print(stderr);
			exit(EXIT_CONFIG);
		}
	}
	need_read(o);
	need_no_more(argc, argv);
}

static void
print_version(void)
{
	char text[TEXT_MAX];
	struct strbuf b = strbuf_of(text, sizeof(text));

	fw_names(&b);
	printf("pinholed %s\nfirewalls: %s\nlibraries: %s\n", PINHOLED_VERSION,
	    text, PINHOLED_LIBRARIES);
}

/* The command line wins over the file; `place` is NULL if nobody asks. */
static bool
set_string(char **out, char **place, const char *value)
{
	char *copy;

	if (value == NULL)
		return true;
	if ((copy = strdup(value)) == NULL)
		return false;
	free(*out);
	*out = copy;
	if (place != NULL && *place != NULL)
		**place = '\0';
	return true;
}

static bool
set_interfaces(struct conf *conf, const struct options *o)
{
	char **v;
	size_t i;

	if (o->ninterfaces == 0)
		return true;
	if ((v = calloc(o->ninterfaces, sizeof(*v))) == NULL)
		return false;
	strings_free(&conf->interface);
	strings_free(&conf->interface_at);
	conf->interface.v = v;
	conf->interface.n = o->ninterfaces;
	for (i = 0; i < o->ninterfaces; i++)
		if ((v[i] = strdup(o->interfaces[i])) == NULL)
			return false;
	return true;
}

/*
 * The configuration file to read.  A replay needs none when the command line
 * says what is protected; a file that was named must be there.
 */
static const char *
config_path(const struct options *o)
{
	if (o->config != NULL)
		return o->config;
	if (o->ndefines > 0 && access(PINHOLED_CONF, R_OK) == -1)
		return NULL;
	return PINHOLED_CONF;
}

/* Also called by the monitor, for SIGHUP. */
static enum ph_err
config_load(void *ctx, struct conf **out, FILE *errors)
{
	const struct options *o = ctx;
	const char *backend = o->backend;
	char text[TEXT_MAX];
	struct strbuf b = strbuf_of(text, sizeof(text));
	enum ph_err rc;

	rc = conf_load(out, config_path(o), o->defines, o->ndefines, errors);
	if (rc != PH_OK) {
		if (o->config == NULL && access(PINHOLED_CONF, F_OK) == -1)
			fprintf(errors,
			    "name another file by -f, or say what is "
			    "protected: -D protect=192.0.2.0/24\n");
		return rc;
	}
	if (backend == NULL && o->read != NULL)
		backend = fw_dryrun.name;
	if (!set_string(&(*out)->firewall, &(*out)->firewall_at, backend) ||
	    !set_string(&(*out)->control, NULL, o->control) ||
	    !set_interfaces(*out, o)) {
		fprintf(errors, "out of memory\n");
		rc = PH_ENOMEM;
	} else if (o->inherited.n > 0 && (*out)->tftp.nproxy != 1) {
		fprintf(errors,
		    "-T: want a configuration with one proxy "
		    "line in its tftp block\n");
		rc = PH_EBAD;
	} else if (fw_lookup((*out)->firewall) == NULL) {
		fw_names(&b);
		fprintf(errors,
		    "%sunknown firewall \"%s\": this build has %s\n",
		    (*out)->firewall_at, (*out)->firewall, text);
		rc = PH_EUNSUPPORTED;
	} else if ((*out)->status.on && status_process == NULL) {
		fprintf(errors, "%sthis build has no status process\n",
		    (*out)->status.listen_at);
		rc = PH_EUNSUPPORTED;
	} else if ((*out)->sip.latch &&
	    (fw_lookup((*out)->firewall)->caps & FW_CAP_LATCH) == 0) {
		fprintf(errors, "%s\"latch yes\": %s cannot learn ports\n",
		    (*out)->sip.latch_at, (*out)->firewall);
		rc = PH_EUNSUPPORTED;
	}
	if (rc == PH_OK && o->inherited.n > 0) {
		(*out)->tftp.proxy[0].listen = o->inherited.v[0].at;
		/* -T runs for seconds, beside a daemon that has the file. */
		free((*out)->state);
		(*out)->state = NULL;
	}
	if (rc != PH_OK) {
		conf_free(*out);
		*out = NULL;
	}
	return rc;
}

/* -n. */
static int
run_check(const struct conf *conf, const struct options *o)
{
	char text[TEXT_MAX];
	struct strbuf b = strbuf_of(text, sizeof(text));

	conf_following(conf, &b);
	warnx("following: %s", text);
	strbuf_reset(&b);
	conf_answering(conf, &b);
	if (b.len > 0)
		warnx("answering: %s", text);
	if (!check_start(conf, o->inherited.n > 0))
		return EXIT_CONFIG;
	printf("configuration OK\n");
	return fflush(stdout) == EOF ? EXIT_RUNTIME : 0;
}

/*
 * -r.  Of a backend that needs privilege, only the text of its rules is used;
 * the dry run stands in for the rest.
 */
static int
run_replay(const struct conf *conf, const struct options *o)
{
	struct replay_options ro = { .path = o->read,
		.format = o->format,
		.verbose = o->verbose,
		.explain = o->explain,
		.report = o->report };
	const struct fw_ops *ops = fw_lookup(conf->firewall);
	struct fw_ops words = fw_dryrun;

	ro.fw = ops;
	if ((ops->caps & FW_CAP_OFFLINE) == 0) {
		words.explain = ops->explain;
		ro.fw = &words;
	}
	return replay_main(conf, &ro);
}

static int
run_daemon(struct conf *conf, struct options *o)
{
	const struct fw_ops *ops = fw_lookup(conf->firewall);
	char text[TEXT_MAX];
	struct strbuf missing = strbuf_of(text, sizeof(text));
	struct monitor_options mo = { .foreground = o->foreground,
		.verbose = o->verbose,
		.format = o->format,
		.pidfile = o->pidfile,
		.inherited = o->inetd ? &o->inherited : NULL,
		.load = config_load,
		.ctx = o,
		.engine = engine_main,
		.proxy = proxy_main,
		.status = status_process };

	sandbox_missing((ops->caps & FW_CAP_OFFLINE) == 0, &missing);
	if (missing.len > 0) {
		warnx("to run live, these privileges are missing: %s", text);
		warnx("run as root, or read a capture file with -r");
		conf_free(conf);
		return EXIT_RUNTIME;
	}
	if (!check_interfaces(conf)) {
		conf_free(conf);
		return EXIT_CONFIG;
	}
	/* Our children must not inherit what a parent left open. */
	if (!o->inetd) {
		log_close();
		closefrom(STDERR_FILENO + 1);
		log_init(&(struct log_options) { .foreground = o->foreground,
		    .verbose = o->verbose });
	}
	if (o->config != NULL)
		o->config = path_absolute(o->config);
	return monitor_main(conf, &mo);
}

/* Has systemd passed the first one there?  See sd_listen_fds(3). */
static bool
is_passed(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	uint64_t v;

	return pid != NULL && n != NULL &&
	    span_number(span_of(pid), INT_MAX, &v) && (pid_t)v == getpid() &&
	    span_number(span_of(n), INT_MAX, &v) && v > 0;
}

/*
 * -T.  From inetd, the socket is our standard input, output and error output.
 * A message there would go to a client, so messages go to the system's log.
 */
static void
take_socket(struct options *o)
{
	char text[TEXT_MAX];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct endpoint at;

	if (!is_passed() && dup2(STDIN_FILENO, INHERITED_FD) == -1)
		err(EXIT_RUNTIME, "-T");
	if (listeners_inherit(&o->inherited, INHERITED_FD, &at, &why) != PH_OK)
		errx(EXIT_CONFIG, "-T: %s", text);
	closefrom(INHERITED_FD + 1);
	log_init(&(
	    struct log_options) { .foreground = false, .verbose = o->verbose });
	log_detach();
}

/* Load the configuration; with -T its errors go to the log. */
static enum ph_err
load_first(struct options *o, struct conf **conf)
{
	char *text = NULL;
	size_t len = 0;
	enum ph_err rc;
	FILE *errors;

	if (!o->inetd)
		return config_load(o, conf, stderr);
	if ((errors = open_memstream(&text, &len)) == NULL)
		return PH_ENOMEM;
	rc = config_load(o, conf, errors);
	fclose(errors);
	log_lines("config", text);
	free(text);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct options o = { .format = EVENTS_TEXT };
	struct conf *conf = NULL;
	int code = EXIT_CONFIG;

	process_title_init(argc, argv);
	parse_options(&o, argc, argv);
	clock_start();
	if (o.inetd && !o.version)
		take_socket(&o);
	else
		log_init(&(struct log_options) { .foreground = o.foreground ||
			o.check || o.read != NULL,
		    .verbose = o.verbose });
	if (o.version) {
		print_version();
		code = 0;
	} else if (load_first(&o, &conf) == PH_OK) {
		if (o.check)
			code = run_check(conf, &o);
		else if (o.read != NULL)
			code = run_replay(conf, &o);
		else {
			code = run_daemon(conf, &o);
			conf = NULL;
		}
	}
	conf_free(conf);
	free(o.defines);
	free(o.interfaces);
	free(o.inherited.v);
	return code;
}
