/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <net/if.h>

#include <fcntl.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/process.h"

#ifndef SO_NETNS_COOKIE /* musl before 1.2.5 */
#define SO_NETNS_COOKIE 71
#endif

/* From 1 to 99; interrupts that run as threads have 50. */
#define REALTIME 10

void
process_title_init(int argc, char *argv[])
{
	setproctitle_init(argc, argv, environ);
}

uint64_t
process_network(void)
{
	struct stat st;
	uint64_t cookie;
	socklen_t len = sizeof(cookie);
	int fd, rc;

	/* Never used twice, unlike the inode; since Linux 5.14. */
	if ((fd = socket(AF_UNIX, SOCK_DGRAM, 0)) != -1) {
		rc = getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len);
		close(fd);
		if (rc == 0)
			return cookie;
	}
	return stat("/proc/self/ns/net", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

uint32_t
process_interface_index(const char *name)
{
	/*
	 * A socket that is connected to nobody: it serves for this ioctl(2)
	 * alone.
	 */
	static int fd = -1;
	struct ifreq r;

	if (fd == -1)
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memset(&r, 0, sizeof(r));
	if (strlcpy(r.ifr_name, name, sizeof(r.ifr_name)) >=
		sizeof(r.ifr_name) ||
	    ioctl(fd, SIOCGIFINDEX, &r) == -1)
		return 0;
	return (uint32_t)r.ifr_ifindex;
}

bool
process_has_interface(const char *name)
{
	(void)name;
	return true;
}

/*
 * Linux may share processors between sessions before it looks at the nice value
 * of a process: sched(7), "The autogroup feature".  So give this process a
 * session of its own, and that session the nice value.
 */
static void
session_precede(void)
{
	char text[8];
	int fd, len, tries;

	/* Not that of the terminal that we were started from. */
	if (setsid() == -1 && getsid(0) != getpid())
		return;
	if ((fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC)) == -1)
		return;
	len = snprintf(text, sizeof(text), "%d", PROCESS_NICE);
	/* Without CAP_SYS_ADMIN, one change in a tenth of a second. */
	for (tries = 0;
	     tries < 3 && write(fd, text, (size_t)len) == -1 && errno == EAGAIN;
	     tries++)
		usleep(110000);
	close(fd);
}

bool
process_precede(void)
{
	session_precede();
	return setpriority(PRIO_PROCESS, 0, PROCESS_NICE) == 0;
}

bool
process_realtime(void)
{
	const struct sched_param p = { .sched_priority = REALTIME };

	return sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &p) == 0;
}

int
process_cpu_latency(uint32_t us)
{
	const int32_t most = us > INT32_MAX ? INT32_MAX : (int32_t)us;
	int fd = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);

	if (fd == -1)
		return -1;
	if (write(fd, &most, sizeof(most)) != (ssize_t)sizeof(most)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}
