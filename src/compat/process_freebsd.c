/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <net/if.h>

#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "src/compat/process.h"

/* From 0 to 31. */
#define REALTIME 5

void
process_title_init(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
}

/*
 * A jail is not told its number, and may have the host's files; its hostname
 * is what it has of its own.
 */
uint64_t
process_network(void)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	size_t len = sizeof(int);
	char name[256] = "";
	int jailed = 0;
	size_t i;

	if (sysctlbyname("security.jail.jailed", &jailed, &len, NULL, 0) ==
		-1 ||
	    !jailed || gethostname(name, sizeof(name) - 1) == -1)
		return 0;
	for (i = 0; name[i] != '\0'; i++)
		hash = (hash ^ (uint8_t)name[i]) * UINT64_C(1099511628211);
	return hash;
}

uint32_t
process_interface_index(const char *name)
{
	return if_nametoindex(name);
}

bool
process_has_interface(const char *name)
{
	(void)name;
	return true;
}

bool
process_precede(void)
{
	return setpriority(PRIO_PROCESS, 0, PROCESS_NICE) == 0;
}

bool
process_realtime(void)
{
	const struct sched_param p = { .sched_priority = REALTIME };

	return sched_setscheduler(0, SCHED_RR, &p) == 0;
}

int
process_cpu_latency(uint32_t us)
{
	(void)us;
	errno = ENOTSUP;
	return -1;
}
