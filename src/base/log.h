/* SPDX-License-Identifier: ISC */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

/*
 * One event, one line: "module: sentence".  To stderr in the foreground, to
 * syslog(3) otherwise, and to both between log_init() and log_detach(), while
 * somebody may still be waiting at a terminal.  Control bytes are escaped.
 * Where stderr is systemd's journal, each line has its level before it, as
 * "<4>"; the facility of syslog(3) is daemon.  No log line has the user part
 * of an address, a password or a key, nor more than the beginning of a Call-ID.
 *
 * The plain functions append strerror(errno), those ending in x do not.
 * What the network sent is never logged above debug level unless the caller
 * limits its rate.
 */
struct log_options {
	bool foreground;
	int verbose; /* -v: debug messages */
};

void log_init(const struct log_options *opt);
/* As log_options.verbose, while it runs. */
void log_verbose(int verbose);
/*
 * Before closefrom(3): syslog(3) would go on writing to the number that its
 * descriptor had, whatever has that number next.  log_init() opens it again.
 */
void log_close(void);
/* In a daemon: from now on syslog only, and stdin to stderr are /dev/null. */
void log_detach(void);

#define LOG_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Log and exit with status 2.  For start-up only. */
void log_fatal(const char *module, const char *fmt, ...) LOG_PRINTF(2, 3)
    __attribute__((noreturn));
void log_fatalx(const char *module, const char *fmt, ...) LOG_PRINTF(2, 3)
    __attribute__((noreturn));
void log_warn(const char *module, const char *fmt, ...) LOG_PRINTF(2, 3);
void log_warnx(const char *module, const char *fmt, ...) LOG_PRINTF(2, 3);
void log_info(const char *module, const char *fmt, ...) LOG_PRINTF(2, 3);
void log_debug(const char *module, const char *fmt, ...) LOG_PRINTF(2, 3);

/* Whether what is written to this descriptor goes to the journal of systemd. */
bool log_is_journal(int fd);

/* Each line of a text (a backend's advice, a parser's errors) as a warning. */
void log_lines(const char *module, const char *text);

/* An event line, as it is: no module before it. */
void log_event(const char *line);

/*
 * At most `burst` lines per interval.  When the interval ends, the next call
 * that may log is told in *missed how many were swallowed.  Zeroed by the
 * owner.
 */
struct log_limit {
	int64_t since;
	uint32_t n;
	uint32_t missed;
};

#define LOG_LIMIT_BURST	   10
#define LOG_LIMIT_INTERVAL INT64_C(60000000) /* microseconds */

bool log_may(struct log_limit *l, int64_t now, uint32_t *missed);

#endif
