/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/sysctl.h>
#include <sys/user.h>

#include <unistd.h>

#include "src/compat/process.h"

void
process_title_init(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
}

/* The jail we are in; 0 for the host. */
uint64_t
process_network(void)
{
	int mib[] = { CTL_KERN, KERN_PROC, KERN_PROC_PID, getpid() };
	struct kinfo_proc kp;
	size_t len = sizeof(kp);

	if (sysctl(mib, 4, &kp, &len, NULL, 0) == -1 || len != sizeof(kp))
		return 0;
	return (uint64_t)kp.ki_jid;
}
