/* SPDX-License-Identifier: ISC */
/*
 * Calls through a firewall, with the first packet of media right behind the
 * answer.
 *
 * usage: bench_inline OUT IN calls-a-second calls in|out [flood [phones]]
 *
 * OUT and IN are network namespaces (/run/netns/...), as tests/live/net.py
 * makes them.  `in`: a telephone outside calls the PBX, gets the answer and
 * sends at once.  `out`: the PBX calls, and sends as soon as it has the
 * answer.  Prints how many first packets arrived, and how long messages took
 * from the sender to the kernel at the other end: how long this program then
 * waits for a processor is its own matter.  `flood` is how many INVITEs a
 * stranger outside sends meanwhile, a second.  With `phones`, so many
 * telephones outside take part, from 198.51.100.100 on; else it is one trunk.
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PHONE	 "198.51.100.7"
#define STRANGER "198.51.100.66"
#define PBX	 "192.0.2.10"
#define PORTS	 5000 /* in turn; each with one for RTCP */
#define CALLS	 200000

struct end {
	const char *addr; /* NULL: that of a telephone */
	int sip, media;
};

enum step {
	INVITE,
	ANSWER,
	ACK,
	BYE,
	DONE,
	STEPS,
};

static struct call {
	int64_t sent;
	bool heard;
} calls[CALLS];

static int64_t took[CALLS * STEPS];
static size_t ntook;
static struct end caller, callee;
static unsigned int phones;
static uint64_t done, heard;

static int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct sockaddr_in
at(const char *addr, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(port) };

	inet_pton(AF_INET, addr, &sin.sin_addr);
	return sin;
}

static int
udp(const char *addr, uint16_t port)
{
	struct sockaddr_in sin = at(addr, port);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int size = 8 << 20, on = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1) {
		perror(addr);
		exit(1);
	}
	return fd;
}

/* The address of an end in this call; valid until asked for the same end. */
static const char *
address(const struct end *e, uint32_t i)
{
	static char text[32];

	if (e->addr != NULL)
		return e->addr;
	snprintf(text, sizeof(text), "198.51.100.%u", 100 + i % phones);
	return text;
}

/* From that address, which the socket may not be bound to. */
static void
transmit(const struct end *from, int fd, uint32_t i, void *p, size_t len,
    const struct sockaddr_in *to)
{
	union {
		struct cmsghdr h;
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control = { 0 };
	struct in_pktinfo info = { 0 };
	struct iovec iov = { p, len };
	struct sockaddr_in sin = *to;
	struct msghdr m = { .msg_name = &sin,
		.msg_namelen = sizeof(sin),
		.msg_iov = &iov,
		.msg_iovlen = 1 };

	if (from->addr == NULL) {
		info.ipi_spec_dst = at(address(from, i), 0).sin_addr;
		control.h.cmsg_level = IPPROTO_IP;
		control.h.cmsg_type = IP_PKTINFO;
		control.h.cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(&control.h), &info, sizeof(info));
		m.msg_control = &control;
		m.msg_controllen = sizeof(control.bytes);
	}
	sendmsg(fd, &m, 0);
}

static void
enter(const char *ns)
{
	int fd = open(ns, O_RDONLY);

	if (fd == -1 || setns(fd, CLONE_NEWNET) == -1) {
		perror(ns);
		exit(1);
	}
	close(fd);
}

static unsigned int
port_of(uint32_t i)
{
	return 10000 + 2 * (i % PORTS);
}

static void
say(const struct end *from, const struct end *to, uint32_t i, enum step step)
{
	static const char *const first[STEPS] = {
		[INVITE] = "INVITE sip:x SIP/2.0",
		[ANSWER] = "SIP/2.0 200 OK",
		[ACK] = "ACK sip:x SIP/2.0",
		[BYE] = "BYE sip:x SIP/2.0",
		[DONE] = "SIP/2.0 200 OK",
	};
	const char *method = step == BYE || step == DONE ? "BYE"
	    : step == ACK				 ? "ACK"
							 : "INVITE";
	struct sockaddr_in sin = at(address(to, i), 5060);
	const char *self = address(from, i);
	char text[1500], sdp[256] = "";
	int n;

	if (step <= ANSWER)
		snprintf(sdp, sizeof(sdp),
		    "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\n"
		    "t=0 0\r\nm=audio %u RTP/AVP 0\r\n",
		    self, self, port_of(i));
	n = snprintf(text, sizeof(text),
	    "%s\r\nVia: SIP/2.0/UDP %s:5060;branch=z9hG4bK%u%s\r\n"
	    "From: <sip:a@%s>;tag=f%u\r\nTo: <sip:b@%s>%s\r\n"
	    "Call-ID: %u@bench\r\nCSeq: %d %s\r\nX-Step: %d\r\n",
	    first[step], address(&caller, i), i, method, address(&caller, i), i,
	    address(&callee, i), step == INVITE ? "" : ";tag=t", i,
	    step == BYE || step == DONE ? 2 : 1, method, (int)step);
	n += snprintf(text + n, sizeof(text) - (size_t)n,
	    "Contact: <sip:x@%s>\r\n%sContent-Length: %zu\r\n\r\n%s",
	    address(from, i),
	    sdp[0] != '\0' ? "Content-Type: application/sdp\r\n" : "",
	    strlen(sdp), sdp);
	calls[i].sent = now();
	transmit(from, from->sip, i, text, (size_t)n, &sin);
}

static void
speak(uint32_t i)
{
	struct sockaddr_in sin = at(address(&callee, i), (uint16_t)port_of(i));

	transmit(&caller, caller.media, i, &i, sizeof(i), &sin);
}

/* A message and when it came. */
static ssize_t
receive(int fd, char *text, size_t size, int64_t *at)
{
	union {
		struct cmsghdr h;
		char bytes[256];
	} control;
	struct iovec iov = { text, size };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &m, 0);
	struct cmsghdr *c;
	struct timespec t;

	*at = now();
	for (c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL; c != NULL;
	     c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_type == SCM_TIMESTAMPNS) {
			memcpy(&t, CMSG_DATA(c), sizeof(t));
			*at = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
		}
	return n;
}

static void
listen_sip(const struct end *e)
{
	char text[2048], *p, *q;
	int64_t at;
	uint32_t i;
	ssize_t n;
	int step;

	while ((n = receive(e->sip, text, sizeof(text) - 1, &at)) > 0) {
		text[n] = '\0';
		/* A stranger's has no step. */
		if ((p = strstr(text, "\r\nCall-ID: ")) == NULL ||
		    (q = strstr(text, "\r\nX-Step: ")) == NULL)
			continue;
		i = (uint32_t)strtoul(p + 11, NULL, 10);
		step = (int)strtol(q + 10, NULL, 10);
		if (i >= CALLS)
			continue;
		took[ntook++] = at - calls[i].sent;
		if (step == INVITE)
			say(&callee, &caller, i, ANSWER);
		else if (step == ANSWER) {
			speak(i);
			say(&caller, &callee, i, ACK);
		} else if (step == ACK)
			say(&callee, &caller, i, BYE);
		else if (step == BYE)
			say(&caller, &callee, i, DONE);
		else
			done++;
	}
}

static void
listen_media(void)
{
	uint32_t i;

	while (recv(callee.media, &i, sizeof(i), 0) == sizeof(i))
		if (i < CALLS && !calls[i].heard) {
			calls[i].heard = true;
			heard++;
		}
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static double
percentile(double p)
{
	return ntook == 0
	    ? 0
	    : (double)took[(size_t)(p * (double)(ntook - 1))] / 1000;
}

/* Of other calls each, so that none is the repetition of another. */
static void
flood(int fd, double rate)
{
	struct sockaddr_in sin = at(PBX, 5060);
	int64_t gap = (int64_t)(1e9 / rate), next = now();
	char text[1024];
	uint32_t i;
	int n;

	for (i = 0;; i++, next += gap) {
		while (now() < next)
			continue;
		n = snprintf(text, sizeof(text),
		    "INVITE sip:x@%s SIP/2.0\r\n"
		    "Via: SIP/2.0/UDP %s:5060;branch=z9hG4bKf%u\r\n"
		    "From: <sip:a@%s>;tag=x\r\nTo: <sip:b@%s>\r\n"
		    "Call-ID: %u@flood\r\nCSeq: 1 INVITE\r\n"
		    "Contact: <sip:x@%s>\r\n"
		    "Content-Type: application/sdp\r\n"
		    "Content-Length: 107\r\n\r\n"
		    "v=0\r\no=- 1 1 IN IP4 198.51.100.66\r\ns=-\r\n"
		    "c=IN IP4 198.51.100.66\r\nt=0 0\r\n"
		    "m=audio 40000 RTP/AVP 0\r\n",
		    PBX, STRANGER, i, STRANGER, PBX, i, STRANGER);
		sendto(fd, text, (size_t)n, 0, (struct sockaddr *)&sin,
		    sizeof(sin));
	}
}

static pid_t
begin_flood(const char *rate)
{
	double n = rate != NULL ? strtod(rate, NULL) : 0;
	int fd = n > 0 ? udp(STRANGER, 5060) : -1;
	pid_t pid = n > 0 ? fork() : 0;

	if (n > 0 && pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		flood(fd, n);
	}
	return pid;
}

int
main(int argc, char **argv)
{
	struct end phone = { PHONE, -1, -1 }, pbx = { PBX, -1, -1 };
	int64_t start, gap, end;
	uint32_t i = 0, n;
	pid_t stranger;

	if (argc < 6 || (n = (uint32_t)strtoul(argv[4], NULL, 10)) > CALLS) {
		fprintf(stderr,
		    "usage: %s OUT IN rate calls in|out [flood [phones]]\n",
		    argv[0]);
		return 1;
	}
	phones = argc > 7 ? (unsigned int)strtoul(argv[7], NULL, 10) : 0;
	/* Media for all ports comes to one: see inline_live.py. */
	enter(argv[1]);
	if (phones > 0)
		phone.addr = NULL;
	phone.sip = udp(phones > 0 ? "0.0.0.0" : PHONE, 5060);
	phone.media = udp(phones > 0 ? "0.0.0.0" : PHONE, 9999);
	stranger = begin_flood(argc > 6 ? argv[6] : NULL);
	enter(argv[2]);
	pbx.sip = udp(PBX, 5060);
	pbx.media = udp(PBX, 9999);
	caller = strcmp(argv[5], "in") == 0 ? phone : pbx;
	callee = strcmp(argv[5], "in") == 0 ? pbx : phone;
	gap = (int64_t)(1e9 / strtod(argv[3], NULL));
	start = now();
	end = start + gap * n + 3 * INT64_C(1000000000);
	while (now() < end && (done < n || heard < n)) {
		if (i < n && now() >= start + gap * i) {
			say(&caller, &callee, i, INVITE);
			i++;
		}
		listen_sip(&phone);
		listen_sip(&pbx);
		listen_media();
	}
	if (stranger > 0)
		kill(stranger, SIGKILL);
	qsort(took, ntook, sizeof(took[0]), compare);
	printf("calls %u ended %llu first packets %llu messages %zu "
	       "p50 %.0f us p99 %.0f us p99.9 %.0f us max %.0f us\n",
	    n, (unsigned long long)done, (unsigned long long)heard, ntook,
	    percentile(0.5), percentile(0.99), percentile(0.999),
	    percentile(1));
	return 0;
}
