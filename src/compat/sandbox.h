/* SPDX-License-Identifier: ISC */
#ifndef COMPAT_SANDBOX_H
#define COMPAT_SANDBOX_H

#include <sys/types.h>

#include <stdbool.h>

#include "src/base/err.h"
#include "src/base/strbuf.h"

/*
 * Giving up privilege, for good.
 *
 * Descriptors that need root are opened first.  Afterwards the process is an
 * ordinary user in an empty directory, without supplementary groups, core dumps
 * or the right to fork.  Its capture handles cannot send, and their filter
 * cannot be changed: on the BSDs, bpf(4) itself is locked (capture/live_bsd.c).
 * Also:
 *
 *	Linux	 no file by any name (landlock_linux.h), also where the empty
 *		 directory needs CAP_SYS_CHROOT; no capability in any set
 *		 (SANDBOX_FIREWALL: CAP_NET_ADMIN alone), no new privileges,
 *		 not dumpable, and a list of the system calls it may make: see
 *		 seccomp_linux.h
 *	FreeBSD	 Capsicum where what the role does allows it
 *	OpenBSD	 pledge(2); SANDBOX_FIREWALL, which needs more of /dev/pf than
 *		 a promise covers: unveil(2)
 */
enum sandbox_role {
	SANDBOX_ENGINE,
	SANDBOX_FIREWALL,
	SANDBOX_PROXY,
	SANDBOX_STATUS,
	SANDBOX_SHARE,
};

struct sandbox {
	uid_t uid;
	gid_t gid;
	const char *user; /* the user that we become */
	char dir[128];	  /* empty, owned by root */
};

/*
 * As root: find `user` (or, unless `required`, nobody; out->user tells) and
 * an empty directory, which is made below `rundir` if the system has none.
 */
PH_NODISCARD enum ph_err sandbox_prepare(struct sandbox *out, const char *user,
    bool required, const char *rundir, struct strbuf *why);

/* The user alone, without privilege and without a directory. */
PH_NODISCARD enum ph_err sandbox_user(struct sandbox *out, const char *user,
    bool required, struct strbuf *why);

/* On failure `why` has a sentence, and the process must not go on. */
PH_NODISCARD enum ph_err sandbox_enter(enum sandbox_role role,
    const struct sandbox *s, struct strbuf *why);

/* The parts of the above that this system lacks, as a clause; NULL: none. */
const char *sandbox_weakness(void);

/* The parts that are the same everywhere; for the sandbox_*.c files. */
PH_NODISCARD enum ph_err sandbox_chroot(const struct sandbox *s,
    struct strbuf *why);
PH_NODISCARD enum ph_err sandbox_confine(const struct sandbox *s,
    struct strbuf *why);

/*
 * The privileges that a live run lacks, as words ("CAP_NET_RAW, CAP_SETUID");
 * empty if none.  `firewall`: the packet filter will be changed, too.
 */
void sandbox_missing(bool firewall, struct strbuf *out);

#endif
