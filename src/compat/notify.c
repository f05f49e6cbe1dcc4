/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/un.h>

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/base/span.h"
#include "src/compat/notify.h"

static void
notify_send(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t len;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@') ||
	    (len = strlen(path)) >= sizeof(sun.sun_path))
		return;
	memcpy(sun.sun_path, path, len);
	/* "@name" is in Linux' abstract namespace. */
	if (sun.sun_path[0] == '@')
		sun.sun_path[0] = '\0';
	if ((fd = socket(AF_UNIX, SOCK_DGRAM, 0)) == -1)
		return;
	(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL,
	    (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

void
notify_ready(void)
{
	notify_send("READY=1\n");
}

/* For Type=notify-reload, which wants to know since when. */
void
notify_reloading(void)
{
	char text[64];
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld\n",
	    (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
	notify_send(text);
}

void
notify_stopping(void)
{
	notify_send("STOPPING=1\n");
}

/* How long the watchdog waits, in microseconds; 0: there is none for us. */
static int64_t
watchdog_usec(void)
{
	const char *usec = getenv("WATCHDOG_USEC"),
		   *pid = getenv("WATCHDOG_PID");
	uint64_t v;

	if (pid != NULL &&
	    (!span_number(span_of(pid), INT_MAX, &v) || (pid_t)v != getpid()))
		return 0;
	if (usec == NULL || !span_number(span_of(usec), INT64_MAX, &v))
		return 0;
	return (int64_t)v;
}

int64_t
notify_alive(int64_t now)
{
	static int64_t next;
	int64_t wait = watchdog_usec() / 2;

	if (wait == 0)
		return INT64_MAX;
	if (now >= next) {
		notify_send("WATCHDOG=1\n");
		next = now + wait;
	}
	return next;
}
