/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <net/if.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/process.h"

void
process_title_init(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
}

uint64_t
process_network(void)
{
	return (uint64_t)getrtable();
}

uint32_t
process_interface_index(const char *name)
{
	return if_nametoindex(name);
}

bool
process_has_interface(const char *name)
{
	struct ifreq r;
	bool yes;
	int fd;

	memset(&r, 0, sizeof(r));
	strlcpy(r.ifr_name, name, sizeof(r.ifr_name));
	if ((fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return false;
	yes = ioctl(fd, SIOCGIFRDOMAIN, &r) != -1 &&
	    r.ifr_rdomainid == getrtable();
	close(fd);
	return yes;
}

bool
process_precede(void)
{
	return setpriority(PRIO_PROCESS, 0, PROCESS_NICE) == 0;
}

/* OpenBSD has no real-time scheduling. */
bool
process_realtime(void)
{
	errno = ENOTSUP;
	return false;
}

int
process_cpu_latency(uint32_t us)
{
	(void)us;
	errno = ENOTSUP;
	return -1;
}
