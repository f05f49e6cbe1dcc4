/* SPDX-License-Identifier: ISC */
/*
 * How a process gives away what it does not need, on a system of paper: each
 * step in its order, and none after one that has failed.
 */
#include <sys/types.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/capability.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/landlock_linux.h"
#include "src/compat/sandbox.h"
#include "src/compat/seccomp_linux.h"
#include "tests/unit/unit.h"

#define NET (UINT64_C(1) << CAP_NET_ADMIN)

static char did[1024];
static unsigned int last_cap;	    /* that the kernel knows */
static unsigned int step, fails_at; /* which of them, from 1 */
static uint64_t caps;		    /* effective and permitted */
static uint64_t stuck;		    /* capabilities that stay for good */
static int landlock; /* its version; 0: none, -1: one that can do nothing */
static bool no_capget;
static bool regains;	      /* root can be had back */
static unsigned int bounding; /* capabilities dropped from that set */
static uint64_t denied;	      /* rights to files */
static enum ph_err filter;    /* what seccomp_limit() says */

int __wrap_prctl(int what, ...);
long __wrap_syscall(long nr, ...);
int __wrap_chroot(const char *dir);
int __wrap_chdir(const char *dir);
int __wrap_setrlimit(int what, const struct rlimit *rl);
int __wrap_setrlimit64(int what, const struct rlimit *rl);
int __wrap_setgroups(size_t n, const gid_t *v);
int __wrap_setresgid(gid_t r, gid_t e, gid_t s);
int __wrap_setresuid(uid_t r, uid_t e, uid_t s);
int __wrap_setuid(uid_t id);
int __wrap_setgid(gid_t id);
struct passwd *__wrap_getpwnam(const char *name);
enum ph_err __wrap_seccomp_limit(enum sandbox_role role);

static int __attribute__((format(printf, 1, 2))) take_step(const char *fmt, ...)
{
	size_t len = strlen(did);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(did + len, sizeof(did) - len, fmt, ap);
	va_end(ap);
	errno = ENOTTY;
	return ++step == fails_at ? -1 : 0;
}

int
__wrap_prctl(int what, ...)
{
	unsigned long arg;
	va_list ap;
	int i;

	va_start(ap, what);
	arg = (unsigned long)va_arg(ap, int);
	/* The kernel wants the others to be zero. */
	for (i = 0; i < 3; i++)
		assert_int_equal(va_arg(ap, int), 0);
	va_end(ap);
	errno = EINVAL;
	switch (what) {
	case PR_CAPBSET_READ:
		return arg <= last_cap ? 1 : -1;
	case PR_CAPBSET_DROP:
		assert_int_equal(arg, bounding);
		bounding++;
		return arg == 0 ? take_step("bound;") : 0;
	case PR_CAP_AMBIENT:
		assert_int_equal(arg, PR_CAP_AMBIENT_CLEAR_ALL);
		return take_step("ambient;");
	case PR_SET_NO_NEW_PRIVS:
		return take_step("no new privileges %lu;", arg);
	case PR_SET_KEEPCAPS:
		return take_step("keep %lu;", arg);
	case PR_SET_DUMPABLE:
		return take_step("dump %lu;", arg);
	default:
		fail_msg("prctl %d", what);
		return -1;
	}
}

long
__wrap_syscall(long nr, ...)
{
	struct __user_cap_data_struct *d;
	const struct __user_cap_header_struct *h;
	const void *p;
	va_list ap;

	va_start(ap, nr);
	p = va_arg(ap, const void *);
	d = va_arg(ap, struct __user_cap_data_struct *);
	va_end(ap);
	h = p;
	errno = EOPNOTSUPP;
	if (nr == 446)
		return take_step("landlock;");
	if (nr == 444) {
		if (p != NULL)
			memcpy(&denied, p, sizeof(denied));
		return landlock <= 0 ? -1 - landlock
		    : p == NULL	     ? landlock
				     : dup(STDERR_FILENO);
	}
	assert_int_equal(h->version, _LINUX_CAPABILITY_VERSION_3);
	assert_int_equal(h->pid, 0);
	if (nr == SYS_capget && no_capget)
		return -1;
	if (nr == SYS_capget) {
		d[0].effective = d[0].permitted = (uint32_t)caps;
		d[1].effective = d[1].permitted = (uint32_t)(caps >> 32);
		d[0].inheritable = d[1].inheritable = 0;
		return 0;
	}
	assert_int_equal(nr, SYS_capset);
	assert_int_equal(d[0].inheritable | d[1].inheritable, 0);
	assert_int_equal(d[0].effective, d[0].permitted);
	assert_int_equal(d[1].effective, d[1].permitted);
	caps = ((uint64_t)d[1].effective << 32 | d[0].effective) | stuck;
	return take_step("caps %llx;", (unsigned long long)caps);
}

int
__wrap_chroot(const char *dir)
{
	return take_step("chroot %s;", dir);
}

int
__wrap_chdir(const char *dir)
{
	return take_step("chdir %s;", dir);
}

int
__wrap_setrlimit(int what, const struct rlimit *rl)
{
	return take_step("%s %d %d;",
	    what == RLIMIT_CORE	       ? "core"
		: what == RLIMIT_NPROC ? "processes"
				       : "?",
	    (int)rl->rlim_cur, (int)rl->rlim_max);
}

int
__wrap_setrlimit64(int what, const struct rlimit *rl)
{
	return __wrap_setrlimit(what, rl);
}

int
__wrap_setgroups(size_t n, const gid_t *v)
{
	(void)v;
	return take_step("groups %zu;", n);
}

int
__wrap_setresgid(gid_t r, gid_t e, gid_t s)
{
	return take_step("gid %u %u %u;", r, e, s);
}

int
__wrap_setresuid(uid_t r, uid_t e, uid_t s)
{
	return take_step("uid %u %u %u;", r, e, s);
}

int
__wrap_setuid(uid_t id)
{
	assert_int_equal(id, 0);
	return regains ? 0 : -1;
}

int
__wrap_setgid(gid_t id)
{
	assert_int_equal(id, 0);
	return -1;
}

struct passwd *
__wrap_getpwnam(const char *name)
{
	static struct passwd pw;

	memset(&pw, 0, sizeof(pw));
	pw.pw_uid = strcmp(name, "root") == 0 ? 0
	    : strcmp(name, "nobody") == 0     ? 65534
					      : 700;
	pw.pw_gid = pw.pw_uid + 1;
	return strncmp(name, "no-", 3) == 0 ? NULL : &pw;
}

enum ph_err
__wrap_seccomp_limit(enum sandbox_role role)
{
	(void)take_step("filter %u;", role);
	return filter;
}

static const struct sandbox box = { 700, 701, "_pinholed", "/var/empty" };
static char text[256];
static struct strbuf why;

static int
setup(void **state)
{
	(void)state;
	did[0] = '\0';
	step = fails_at = 0;
	last_cap = 40;
	caps = UINT64_MAX;
	stuck = denied = 0;
	landlock = 0;
	regains = no_capget = false;
	bounding = 0;
	filter = PH_OK;
	why = strbuf_of(text, sizeof(text));
	return 0;
}

#define FILES "chroot /var/empty;chdir /;"
#define REST(role, mask)                                                       \
	"core 0 0;processes 0 0;groups 0;gid 701 701 701;"                     \
	"uid 700 700 700;caps " mask ";dump 0;filter " role ";"
#define BEGIN(keep) "bound;ambient;no new privileges 1;keep " keep ";"

static void
each_role_gives_away_what_it_does_not_need(void **state)
{
	/* clang-format off */
	static const struct {
		enum sandbox_role role;
		int landlock;
		uint64_t caps;
		const char *did;
		uint64_t denied;
	} t[] = {
	{ SANDBOX_ENGINE, 0, UINT64_MAX, BEGIN("0") FILES REST("0", "0"), 0 },
	{ SANDBOX_ENGINE, -1, UINT64_MAX, BEGIN("0") FILES REST("0", "0"), 0 },
	{ SANDBOX_FIREWALL, 0, UINT64_MAX,
	  BEGIN("1") FILES REST("1", "1000"), 0 },
	{ SANDBOX_PROXY, 1, UINT64_MAX,
	  BEGIN("0") "landlock;" FILES REST("2", "0"), 0x1fff },
	{ SANDBOX_STATUS, 2, UINT64_MAX,
	  BEGIN("0") "landlock;" FILES REST("3", "0"), 0x3fff },
	{ SANDBOX_SHARE, 3, UINT64_MAX,
	  BEGIN("0") "landlock;" FILES REST("4", "0"), 0x7fff },
	{ SANDBOX_SHARE, 4, UINT64_MAX,
	  BEGIN("0") "landlock;" FILES REST("4", "0"), 0x7fff },
	{ SANDBOX_SHARE, 5, UINT64_MAX,
	  BEGIN("0") "landlock;" FILES REST("4", "0"), 0xffff },
	/* Where Landlock is, chroot(2) may be missing. */
	{ SANDBOX_ENGINE, 9, ~(UINT64_C(1) << CAP_SYS_CHROOT),
	  BEGIN("0") "landlock;" REST("0", "0"), 0xffff },
	};
	/* clang-format on */
	size_t i;

	for (i = 0; i < ROWS(t); i++) {
		setup(state);
		landlock = t[i].landlock;
		caps = t[i].caps;
		assert_int_equal(sandbox_enter(t[i].role, &box, &why), PH_OK);
		assert_string_equal(did, t[i].did);
		assert_int_equal(bounding, last_cap + 1);
		assert_true(denied == t[i].denied);
		assert_string_equal(text, "");
	}
	/* A kernel that knows as many as there can be. */
	setup(state);
	last_cap = 63;
	assert_int_equal(sandbox_enter(SANDBOX_ENGINE, &box, &why), PH_OK);
	assert_int_equal(bounding, 64);
}

static void
a_step_that_fails_is_the_last(void **state)
{
	/* clang-format off */
	static const struct { const char *last, *why; enum ph_err rc; } t[] = {
	{ "bound;", "prctl: ", PH_EIO },
	{ "ambient;", "prctl: ", PH_EIO },
	{ "no new privileges 1;", "prctl: ", PH_EIO },
	{ "keep 1;", "prctl: ", PH_EIO },
	{ "chroot /var/empty;", "chroot /var/empty: ", PH_EIO },
	{ "chdir /;", "chroot /var/empty: ", PH_EIO },
	{ "core 0 0;", "setrlimit: ", PH_EIO },
	{ "processes 0 0;", "setrlimit: ", PH_EIO },
	{ "groups 0;", "become user _pinholed: ", PH_EIO },
	{ "gid 701 701 701;", "become user _pinholed: ", PH_EIO },
	{ "uid 700 700 700;", "become user _pinholed: ", PH_EIO },
	{ "caps 1000;", "capset: ", PH_EIO },
	{ "dump 0;", "prctl: ", PH_EIO },
	};
	/* clang-format on */
	char want[128];
	size_t i, n;

	for (i = 0; i < ROWS(t); i++) {
		setup(state);
		fails_at = (unsigned int)i + 1;
		assert_int_equal(sandbox_enter(SANDBOX_FIREWALL, &box, &why),
		    t[i].rc);
		n = strlen(t[i].last);
		assert_true(strlen(did) >= n);
		assert_string_equal(did + strlen(did) - n, t[i].last);
		snprintf(want, sizeof(want), "%s%s", t[i].why,
		    strerror(ENOTTY));
		assert_string_equal(text, want);
		assert_int_equal(step, i + 1);
	}
}

static void
what_does_not_go_away_is_an_error(void **state)
{
	setup(state);
	stuck = NET;
	assert_int_equal(sandbox_enter(SANDBOX_FIREWALL, &box, &why), PH_OK);
	setup(state);
	stuck = NET;
	assert_int_equal(sandbox_enter(SANDBOX_ENGINE, &box, &why), PH_EIO);
	setup(state);
	stuck = UINT64_C(1) << 39;
	assert_int_equal(sandbox_enter(SANDBOX_FIREWALL, &box, &why), PH_EIO);
	setup(state);
	no_capget = true;
	assert_int_equal(sandbox_enter(SANDBOX_ENGINE, &box, &why), PH_EIO);
	setup(state);
	regains = true;
	assert_int_equal(sandbox_enter(SANDBOX_ENGINE, &box, &why), PH_EDENIED);
	assert_string_equal(text, "the privileges of root could be regained");
	/* A kernel without filters is none. */
	setup(state);
	filter = PH_EUNSUPPORTED;
	assert_int_equal(sandbox_enter(SANDBOX_ENGINE, &box, &why), PH_OK);
	setup(state);
	filter = PH_EIO;
	assert_int_equal(sandbox_enter(SANDBOX_ENGINE, &box, &why), PH_EIO);
	assert_memory_equal(text, "seccomp: ", 9);
	/* Landlock that fails leaves chroot(2). */
	setup(state);
	landlock = 3;
	caps = ~(UINT64_C(1) << CAP_SYS_CHROOT);
	fails_at = 5;
	assert_int_equal(sandbox_enter(SANDBOX_ENGINE, &box, &why), PH_OK);
	assert_string_equal(did, BEGIN("0") "landlock;" FILES REST("0", "0"));
}

static void
capabilities_that_are_missing_are_named(void **state)
{
	/* clang-format off */
	static const struct {
		uint64_t caps;
		bool firewall;
		int landlock;
		const char *said;
	} t[] = {
	{ UINT64_MAX, true, 0, "" },
	{ UINT64_MAX & ~NET, true, 0, "CAP_NET_ADMIN" },
	{ UINT64_MAX & ~NET, false, 0, "" },
	{ NET, true, 1, "CAP_NET_RAW, CAP_SETUID, CAP_SETGID, CAP_SETPCAP" },
	{ ~(UINT64_C(1) << CAP_SYS_CHROOT), true, -1,
	  "CAP_SYS_CHROOT (or Landlock, which this kernel lacks)" },
	{ NET, true, 0,
	  "CAP_NET_RAW, CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_SYS_CHROOT"
	  " (or Landlock, which this kernel lacks)" },
	{ ~(UINT64_C(1) << CAP_SETUID), true, 0, "CAP_SETUID" },
	};
	/* clang-format on */
	size_t i;

	for (i = 0; i < ROWS(t); i++) {
		setup(state);
		caps = t[i].caps;
		landlock = t[i].landlock;
		sandbox_missing(t[i].firewall, &why);
		assert_string_equal(text, t[i].said);
	}
}

static void
a_user_without_privilege_is_chosen(void **state)
{
	/* clang-format off */
	static const struct {
		const char *user;
		bool required;
		enum ph_err rc;
		const char *is;
		unsigned int uid;
		const char *why;
	} t[] = {
	{ "_pinholed", true, PH_OK, "_pinholed", 700, "" },
	{ "_pinholed", false, PH_OK, "_pinholed", 700, "" },
	{ "no-one", false, PH_OK, "nobody", 65534, "" },
	{ "no-one", true, PH_EDENIED, "no-one", 0, "no such user: no-one" },
	{ "root", true, PH_EDENIED, "root", 0,
	  "user root has every privilege" },
	};
	/* clang-format on */
	struct sandbox s;
	size_t i;

	for (i = 0; i < ROWS(t); i++) {
		setup(state);
		memset(&s, 0, sizeof(s));
		assert_int_equal(sandbox_user(&s, t[i].user, t[i].required,
				     &why),
		    t[i].rc);
		assert_string_equal(s.user, t[i].is);
		assert_int_equal(s.uid, t[i].uid);
		assert_int_equal(s.gid, t[i].uid != 0 ? t[i].uid + 1 : 0);
		assert_string_equal(text, t[i].why);
	}
}

static void
the_directory_is_empty_and_of_root(void **state)
{
	char run[] = "/tmp/pinholed-test.XXXXXX", sub[64], in[64], want[128];
	struct sandbox s;

	(void)state;
	if (geteuid() != 0 || access("/var/empty", F_OK) == 0)
		skip();
	assert_non_null(mkdtemp(run));
	snprintf(sub, sizeof(sub), "%s/empty", run);
	snprintf(in, sizeof(in), "%s/empty/x", run);
	/* It is made, and found again. */
	assert_int_equal(sandbox_prepare(&s, "_pinholed", true, run, &why),
	    PH_OK);
	assert_string_equal(s.dir, sub);
	assert_int_equal(sandbox_prepare(&s, "_pinholed", true, run, &why),
	    PH_OK);
	assert_string_equal(text, "");
	snprintf(want, sizeof(want),
	    "%s: must be an empty directory that only root can write to", sub);
	assert_int_equal(chmod(sub, 0775), 0);
	assert_int_equal(sandbox_prepare(&s, "_pinholed", true, run, &why),
	    PH_EDENIED);
	assert_string_equal(text, want);
	assert_int_equal(chmod(sub, 0757), 0);
	assert_int_equal(sandbox_prepare(&s, "_pinholed", true, run, &why),
	    PH_EDENIED);
	assert_int_equal(chmod(sub, 0755), 0);
	assert_int_equal(chown(sub, 700, 0), 0);
	assert_int_equal(sandbox_prepare(&s, "_pinholed", true, run, &why),
	    PH_EDENIED);
	assert_int_equal(chown(sub, 0, 0), 0);
	assert_int_equal(mkdir(in, 0755), 0);
	assert_int_equal(sandbox_prepare(&s, "_pinholed", true, run, &why),
	    PH_EDENIED);
	assert_int_equal(rmdir(in), 0);
	assert_int_equal(sandbox_prepare(&s, "_pinholed", true, run, &why),
	    PH_OK);
	/* No directory, and a user who is none. */
	assert_int_equal(rmdir(sub), 0);
	assert_int_equal(symlink("/", sub), 0);
	assert_int_equal(sandbox_prepare(&s, "_pinholed", true, run, &why),
	    PH_EDENIED);
	assert_int_equal(unlink(sub), 0);
	assert_int_equal(sandbox_prepare(&s, "no-one", true, run, &why),
	    PH_EDENIED);
	assert_int_equal(access(sub, F_OK), -1);
	strbuf_reset(&why);
	assert_int_equal(sandbox_prepare(&s, "_pinholed", true, "/proc/nowhere",
			     &why),
	    PH_EIO);
	assert_string_equal(text,
	    "/proc/nowhere/empty: No such file or directory");
	assert_int_equal(rmdir(run), 0);
}

#define CASE(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_role_gives_away_what_it_does_not_need),
		CASE(a_step_that_fails_is_the_last),
		CASE(what_does_not_go_away_is_an_error),
		CASE(capabilities_that_are_missing_are_named),
		CASE(a_user_without_privilege_is_chosen),
		CASE(the_directory_is_empty_and_of_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
