/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/strbuf.h"

#define LINE_MAX_LEN 2048

static struct {
	bool to_stderr;
	bool to_syslog;
	bool levels; /* "<4>" before each line: systemd reads our stderr */
	int verbose;
	int null; /* /dev/null; later there is none to be seen */
} out = { .to_stderr = true, .null = -1 };

bool
log_is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t dev, ino;
	struct stat st;

	/* A child of a service has the variable, and maybe another stderr. */
	return stream != NULL && fstat(fd, &st) == 0 &&
	    sscanf(stream, "%ju:%ju", &dev, &ino) == 2 &&
	    (uintmax_t)st.st_dev == dev && (uintmax_t)st.st_ino == ino;
}

void
log_init(const struct log_options *opt)
{
	out.to_stderr = true;
	out.to_syslog = !opt->foreground;
	out.levels = opt->foreground && log_is_journal(STDERR_FILENO);
	out.verbose = opt->verbose;
	if (!out.to_syslog)
		return;
	/* Connect now, for in the chroot there is no /dev/log. */
	openlog("pinholed", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	out.null = open("/dev/null", O_RDWR | O_CLOEXEC);
}

void
log_verbose(int verbose)
{
	out.verbose = verbose;
}

void
log_close(void)
{
	closelog();
	if (out.null != -1)
		close(out.null);
	out.null = -1;
}

void
log_detach(void)
{
	if (!out.to_syslog || !out.to_stderr)
		return;
	out.to_stderr = false;
	if (out.null == -1)
		return;
	fflush(stdout);
	dup2(out.null, STDIN_FILENO);
	dup2(out.null, STDOUT_FILENO);
	dup2(out.null, STDERR_FILENO);
	close(out.null);
	out.null = -1;
}

static void
log_emit(int level, const char *line)
{
	struct pollfd pfd = { STDERR_FILENO, POLLOUT, 0 };

	if (out.to_syslog)
		syslog(level, "%s", line);
	if (!out.to_stderr)
		return;
	/* The reader of our stderr may have stopped; do not block for it. */
	if (poll(&pfd, 1, 0) != 1 || (pfd.revents & POLLOUT) == 0)
		return;
	if (out.levels)
		fprintf(stderr, "<%d>%s\n", level, line);
	else
		fprintf(stderr, "pinholed: %s\n", line);
}

/* Escape control bytes, so that no text can begin another line. */
static void
log_escape(struct strbuf *b, const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			strbuf_fmt(b, "\\x%02x", (unsigned char)*s);
		else
			strbuf_add(b, (struct span) { s, 1 });
	}
}

static void LOG_PRINTF(4, 0)
    vlog(int level, const char *module, int error, const char *fmt, va_list ap)
{
	char text[LINE_MAX_LEN], line[LINE_MAX_LEN];
	struct strbuf b = strbuf_of(line, sizeof(line));

	vsnprintf(text, sizeof(text), fmt, ap);
	if (module != NULL)
		strbuf_fmt(&b, "%s: ", module);
	log_escape(&b, text);
	if (error != 0)
		strbuf_fmt(&b, ": %s", strerror(error));
	log_emit(level, line);
}

void
log_fatal(const char *module, const char *fmt, ...)
{
	int error = errno;
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_CRIT, module, error, fmt, ap);
	va_end(ap);
	exit(2);
}

void
log_fatalx(const char *module, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_CRIT, module, 0, fmt, ap);
	va_end(ap);
	exit(2);
}

void
log_warn(const char *module, const char *fmt, ...)
{
	int error = errno;
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_WARNING, module, error, fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *module, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_WARNING, module, 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *module, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_INFO, module, 0, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *module, const char *fmt, ...)
{
	va_list ap;

	if (out.verbose == 0)
		return;
	va_start(ap, fmt);
	vlog(LOG_DEBUG, module, 0, fmt, ap);
	va_end(ap);
}

void
log_lines(const char *module, const char *text)
{
	size_t len;

	while (*text != '\0') {
		len = strcspn(text, "\n");
		if (len > 0)
			log_warnx(module, "%.*s", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

void
log_event(const char *line)
{
	char text[LINE_MAX_LEN];
	struct strbuf b = strbuf_of(text, sizeof(text));

	log_escape(&b, line);
	log_emit(LOG_INFO, text);
}

bool
log_may(struct log_limit *l, int64_t now, uint32_t *missed)
{
	*missed = 0;
	if (l->since == 0 || now - l->since >= LOG_LIMIT_INTERVAL) {
		*missed = l->missed;
		l->since = now;
		l->n = l->missed = 0;
	}
	if (l->n >= LOG_LIMIT_BURST) {
		l->missed++;
		return false;
	}
	l->n++;
	return true;
}
