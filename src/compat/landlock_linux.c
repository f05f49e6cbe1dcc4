/* SPDX-License-Identifier: ISC */
#include <sys/syscall.h>

#include <stdint.h>
#include <unistd.h>

#include "src/compat/landlock_linux.h"

/*
 * From linux/landlock.h, which is younger than some of the systems that we are
 * compiled on; the numbers of the calls are the same on all machines.
 */
#define NR_CREATE_RULESET  444
#define NR_RESTRICT_SELF   446
#define RULESET_OF_VERSION 1u

struct ruleset {
	uint64_t handled_access_fs;
};

/*
 * All rights to files (LANDLOCK_ACCESS_FS_*) that this version of the kernel's
 * Landlock can deny, as bits.
 */
static uint64_t
rights_of(long version)
{
	if (version >= 5)
		return (UINT64_C(1) << 16) - 1;
	if (version >= 3)
		return (UINT64_C(1) << 15) - 1;
	return version == 2 ? (UINT64_C(1) << 14) - 1 : (UINT64_C(1) << 13) - 1;
}

static long
landlock_version(void)
{
	return syscall(NR_CREATE_RULESET, NULL, 0, RULESET_OF_VERSION);
}

bool
landlock_available(void)
{
	return landlock_version() > 0;
}

bool
landlock_deny_files(void)
{
	struct ruleset r;
	long version = landlock_version(), fd, rc;

	if (version <= 0)
		return false;
	r.handled_access_fs = rights_of(version);
	if ((fd = syscall(NR_CREATE_RULESET, &r, sizeof(r), 0u)) == -1)
		return false;
	rc = syscall(NR_RESTRICT_SELF, (int)fd, 0u);
	close((int)fd);
	return rc == 0;
}
