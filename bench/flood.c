/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * Measures the time that the kernel takes to forward one packet: `flood NETNS
 * FROM TO MILLISECONDS` sends small UDP packets of 64 flows out of the
 * namespace and prints nanoseconds a packet.  Through veth, the sender's own
 * processor forwards each packet before sendmmsg() returns, so the time is that
 * of the whole way.  The median of slices of some 5 ms does not see the moments
 * in which another program had the processor.
 */
#define FLOWS  64
#define SLICE  2048
#define SLICES 4096

static int
double_cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void
slice(const int *fds)
{
	static char bytes[64];
	static struct iovec iov = { bytes, sizeof(bytes) };
	static struct mmsghdr v[32];
	int i;

	for (i = 0; i < 32; i++)
		v[i].msg_hdr =
		    (struct msghdr) { .msg_iov = &iov, .msg_iovlen = 1 };
	for (i = 0; i < SLICE / 32; i++)
		if (sendmmsg(fds[i % FLOWS], v, 32, 0) != 32)
			perror("sendmmsg");
}

static int
open_flow(const char *from, const char *to, int i)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 8 << 20;

	if (fd == -1 || inet_pton(AF_INET, from, &a.sin_addr) != 1)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	a.sin_port = htons((uint16_t)(30000 + i));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1 ||
	    inet_pton(AF_INET, to, &a.sin_addr) != 1)
		return -1;
	a.sin_port = htons((uint16_t)(40000 + i));
	return connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 ? fd : -1;
}

int
main(int argc, char **argv)
{
	static double v[SLICES];
	double end, at;
	int fds[FLOWS], i, ns;
	size_t n = 0;

	if (argc != 5 || (ns = open(argv[1], O_RDONLY)) == -1 ||
	    setns(ns, CLONE_NEWNET) == -1) {
		perror("flood NETNS FROM TO MILLISECONDS");
		return 2;
	}
	for (i = 0; i < FLOWS; i++)
		if ((fds[i] = open_flow(argv[2], argv[3], i)) == -1) {
			perror("socket");
			return 2;
		}
	slice(fds);
	end = now_ns() + atof(argv[4]) * 1e6;
	for (at = now_ns(); at < end && n < SLICES; n++) {
		slice(fds);
		v[n] = (now_ns() - at) / SLICE;
		at = now_ns();
	}
	qsort(v, n, sizeof(v[0]), double_cmp);
	printf("%.1f\n", n > 0 ? v[n / 2] : 0.0);
	return 0;
}
