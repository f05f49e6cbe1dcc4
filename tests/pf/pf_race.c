/* SPDX-License-Identifier: ISC */
/*
 * Two phones that call each other, and whoever gets the answer sends media as
 * soon as it has it.
 *
 *	pf_race answer ADDRESS CALLS	at ADDRESS:5060, until told to end
 *	pf_race call ADDRESS PEER CALLS MILLISECONDS	one call after the other
 *
 * The first prints how many calls it has heard the first packet of, the second
 * how many were answered, and how long the slowest took.
 */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CALLS_MAX 400
#define MEDIA	  10000
#define PATIENCE  5000	 /* milliseconds for an answer */
#define LONGEST	  120000 /* without a message */

static struct sockaddr_in
place_of(const char *address, unsigned int port)
{
	struct sockaddr_in a;

	memset(&a, 0, sizeof(a));
	a.sin_family = AF_INET;
	a.sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, address, &a.sin_addr) != 1)
		errx(1, "%s: no address", address);
	return a;
}

static int
listen_at(const char *address, unsigned int port)
{
	struct sockaddr_in a = place_of(address, port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		err(1, "%s port %u", address, port);
	return fd;
}

static void
say(int fd, const struct sockaddr_in *to, const char *text)
{
	if (sendto(fd, text, strlen(text), 0, (const struct sockaddr *)to,
		sizeof(*to)) == -1)
		warn("sendto");
}

/* A request of the caller, or the answer to its INVITE. */
static void
compose(char *out, size_t size, const char *first, const char *method, int call,
    const char *address, const char *tag)
{
	char sdp[512] = "";

	if (address != NULL)
		snprintf(sdp, sizeof(sdp),
		    "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\n"
		    "t=0 0\r\nm=audio %d RTP/AVP 0\r\n",
		    address, address, MEDIA + 2 * call);
	snprintf(out, size,
	    "%s\r\nVia: SIP/2.0/UDP phone.test:5060;branch=z9hG4bKr%d%s\r\n"
	    "From: <sip:a@a.test>;tag=a%d\r\nTo: <sip:b@b.test>%s\r\n"
	    "Call-ID: race%d@a.test\r\nCSeq: 1 %s\r\nMax-Forwards: 70\r\n"
	    "%s%s%sContent-Length: %zu\r\n\r\n%s",
	    first, call, method, call, tag, call, method,
	    address != NULL ? "Contact: <sip:x@" : "",
	    address != NULL ? address : "",
	    address != NULL ? ">\r\nContent-Type: application/sdp\r\n" : "",
	    strlen(sdp), sdp);
}

static ssize_t
hear(int fd, char *buf, size_t size, struct sockaddr_in *from)
{
	socklen_t len = sizeof(*from);
	ssize_t n =
	    recvfrom(fd, buf, size - 1, 0, (struct sockaddr *)from, &len);

	buf[n > 0 ? n : 0] = '\0';
	return n;
}

static int
number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

static int
call_of(const char *text)
{
	const char *id = strstr(text, "Call-ID: race");

	return id == NULL ? -1 : number(id + strlen("Call-ID: race"));
}

static void
answer(const char *address, int calls)
{
	static struct pollfd p[CALLS_MAX + 1];
	static char in[4096], out[4096];
	struct rlimit files;
	struct sockaddr_in from;
	int i, call, heard = 0;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	p[0] = (struct pollfd) { listen_at(address, 5060), POLLIN, 0 };
	for (i = 0; i < calls; i++)
		p[i + 1] = (struct pollfd) { listen_at(address,
						 (unsigned int)(MEDIA + 2 * i)),
			POLLIN, 0 };
	while (poll(p, (nfds_t)calls + 1, LONGEST) > 0) {
		for (i = 0; i < calls; i++)
			if (p[i + 1].revents != 0) {
				/* Nobody asks what more it says. */
				close(p[i + 1].fd);
				p[i + 1].fd = -1;
				heard++;
			}
		if (p[0].revents == 0 ||
		    hear(p[0].fd, in, sizeof(in), &from) <= 0)
			continue;
		if (strncmp(in, "OPTIONS", 7) == 0)
			break;
		call = call_of(in);
		if (strncmp(in, "INVITE", 6) != 0 || call < 0 || call >= calls)
			continue;
		compose(out, sizeof(out), "SIP/2.0 200 OK", "INVITE", call,
		    address, ";tag=b");
		say(p[0].fd, &from, out);
	}
	printf("heard %d\n", heard);
}

static long
milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
place_calls(const char *address, const char *peer, int calls, int pause)
{
	struct sockaddr_in signalling = place_of(peer, 5060), media, from;
	static char text[4096];
	struct pollfd p = { listen_at(address, 5060), POLLIN, 0 };
	long began, took, worst = 0;
	int i, fd, answered = 0;

	for (i = 0; i < calls; i++) {
		fd = listen_at(address, (unsigned int)(MEDIA + 2 * i));
		media = place_of(peer, (unsigned int)(MEDIA + 2 * i));
		compose(text, sizeof(text), "INVITE sip:b@b.test SIP/2.0",
		    "INVITE", i, address, "");
		began = milliseconds();
		say(p.fd, &signalling, text);
		do {
			took = milliseconds() - began;
			text[0] = '\0';
		} while (took < PATIENCE &&
		    poll(&p, 1, (int)(PATIENCE - took)) > 0 &&
		    hear(p.fd, text, sizeof(text), &from) > 0 &&
		    call_of(text) != i);
		if (text[0] != '\0') {
			say(fd, &media, "first");
			answered++;
			took = milliseconds() - began;
			worst = took > worst ? took : worst;
			compose(text, sizeof(text), "ACK sip:b@b.test SIP/2.0",
			    "ACK", i, NULL, ";tag=b");
			say(p.fd, &signalling, text);
		}
		close(fd);
		poll(NULL, 0, pause);
	}
	poll(NULL, 0, 500);
	compose(text, sizeof(text), "OPTIONS sip:b@b.test SIP/2.0", "OPTIONS",
	    calls, NULL, "");
	say(p.fd, &signalling, text);
	printf("answered %d worst %ld\n", answered, worst);
}

int
main(int argc, char **argv)
{
	int calls = argc == 4 ? number(argv[3])
	    : argc == 6	      ? number(argv[4])
			      : 0;

	if (calls < 1 || calls > CALLS_MAX)
		errx(1,
		    "usage: pf_race answer ADDRESS CALLS | "
		    "call ADDRESS PEER CALLS MILLISECONDS");
	if (strcmp(argv[1], "answer") == 0)
		answer(argv[2], calls);
	else
		place_calls(argv[2], argv[3], calls, number(argv[5]));
	return 0;
}
