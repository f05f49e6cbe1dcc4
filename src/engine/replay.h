/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_REPLAY_H
#define ENGINE_REPLAY_H

#include "src/conf/conf.h"
#include "src/fw/fw.h"
#include "src/process/events.h"

/*
 * pinholed -r: what a capture would have opened, by the capture's own clock.
 * One process, no privilege, nothing but the file is read; the same file and
 * configuration give the same bytes of output.
 */
struct replay_options {
	const char *path; /* "-": standard input */
	enum events_format format;
	int verbose;
	const struct fw_ops *fw; /* must need no privilege */
	/* Instead of the events: */
	const char *explain; /* the story of this call, see tell.h; or NULL */
	const char *report;  /* a page, to this file, see report.h; or NULL */
};

/*
 * Returns the exit code: 0; 1 if there is no such call to explain, or more than
 * one; or 2 when the file ends in mid-packet or the page cannot be written.
 */
int replay_main(const struct conf *conf, const struct replay_options *opt);

#endif
