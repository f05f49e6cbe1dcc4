/* SPDX-License-Identifier: ISC */
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/capability.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/landlock_linux.h"
#include "src/compat/sandbox.h"
#include "src/compat/seccomp_linux.h"

/*
 * Capabilities by the system call itself: what is wanted is one of two
 * constant masks, and that needs no library.
 */
static bool
get_caps(uint64_t *effective, uint64_t *permitted)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	memset(d, 0, sizeof(d));
	if (syscall(SYS_capget, &h, d) == -1)
		return false;
	*effective = (uint64_t)d[1].effective << 32 | d[0].effective;
	*permitted = (uint64_t)d[1].permitted << 32 | d[0].permitted;
	return true;
}

static bool
set_caps(uint64_t mask)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	memset(d, 0, sizeof(d));
	d[0].effective = d[0].permitted = (uint32_t)mask;
	d[1].effective = d[1].permitted = (uint32_t)(mask >> 32);
	return syscall(SYS_capset, &h, d) == 0;
}

/* No program that this process executes gets any capability. */
static bool
clear_bounding_set(void)
{
	int cap;

	/* Ends with EINVAL behind the last one that the kernel knows. */
	for (cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == -1)
			return errno == EINVAL;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			return false;
	}
	return true;
}

static bool
has_cap(int cap)
{
	uint64_t effective = 0, permitted;

	(void)get_caps(&effective, &permitted);
	return (effective & UINT64_C(1) << cap) != 0;
}

/*
 * By Landlock and by chroot(2), where both are to be had; one of them must be.
 */
static enum ph_err
take_files_away(const struct sandbox *s, struct strbuf *why)
{
	bool denied = landlock_deny_files();

	if (denied && !has_cap(CAP_SYS_CHROOT))
		return PH_OK;
	return sandbox_chroot(s, why);
}

enum ph_err
sandbox_enter(enum sandbox_role role, const struct sandbox *s,
    struct strbuf *why)
{
	uint64_t keep = 0, effective, permitted;
	enum ph_err rc;

	if (role == SANDBOX_FIREWALL)
		keep = UINT64_C(1) << CAP_NET_ADMIN;
	if (!clear_bounding_set() ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_KEEPCAPS, keep != 0, 0, 0, 0) == -1) {
		strbuf_fmt(why, "prctl: %s", strerror(errno));
		return PH_EIO;
	}
	if ((rc = take_files_away(s, why)) != PH_OK ||
	    (rc = sandbox_confine(s, why)) != PH_OK)
		return rc;
	if (!set_caps(keep) || !get_caps(&effective, &permitted) ||
	    effective != keep || permitted != keep) {
		strbuf_fmt(why, "capset: %s", strerror(errno));
		return PH_EIO;
	}
	/* Its memory and descriptors are nobody else's, same user or not. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1) {
		strbuf_fmt(why, "prctl: %s", strerror(errno));
		return PH_EIO;
	}
	/* Last, for none of the above is allowed afterwards. */
	rc = seccomp_limit(role);
	if (rc != PH_OK && rc != PH_EUNSUPPORTED) {
		strbuf_fmt(why, "seccomp: %s", strerror(errno));
		return rc;
	}
	return PH_OK;
}

const char *
sandbox_weakness(void)
{
	return seccomp_available()
	    ? NULL
	    : "no list of allowed system calls (seccomp) for this kernel and "
	      "machine: a process that was taken over could make any";
}

void
sandbox_missing(bool firewall, struct strbuf *out)
{
	/* clang-format off */
	static const struct {
		int		 cap;
		const char	*name;
		bool		 firewall;
	} wanted[] = {
		{ CAP_NET_RAW,		"CAP_NET_RAW",		false },
		{ CAP_NET_ADMIN,	"CAP_NET_ADMIN",	true },
		{ CAP_SETUID,		"CAP_SETUID",		false },
		{ CAP_SETGID,		"CAP_SETGID",		false },
		{ CAP_SETPCAP,		"CAP_SETPCAP",		false },
		{ CAP_SYS_CHROOT,	"CAP_SYS_CHROOT",	false },
	};
	/* clang-format on */
	size_t i;

	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if ((wanted[i].firewall && !firewall) || has_cap(wanted[i].cap))
			continue;
		if (wanted[i].cap == CAP_SYS_CHROOT && landlock_available())
			continue;
		if (out->len > 0)
			strbuf_str(out, ", ");
		strbuf_str(out, wanted[i].name);
		if (wanted[i].cap == CAP_SYS_CHROOT)
			strbuf_str(out,
			    " (or Landlock, which this kernel lacks)");
	}
}
