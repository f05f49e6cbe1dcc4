/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <arpa/inet.h>
#include <linux/filter.h>
#include <net/ethernet.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * Calls at a rate: `calls NETNS-OUTSIDE NETNS-INSIDE PBX PHONE PHONES RATE
 * SECONDS DELAY SKIP`.  Both ends of each call are played here, seven messages
 * and packets of media both ways, and the names of the namespaces are paths.
 * The phones are PHONE and the addresses after it; SKIP is how many ports of
 * the PBX are left out, for the kernel remembers the connections of another
 * run.  DELAY microseconds after the 200, the phone sends its first packet.  Of
 * that one, of another in the middle of the call and of one after its end, it
 * prints how many have arrived.
 */
#define PORTS  25000 /* of the PBX, two for each call */
#define PHONES 200

enum { INVITE, ANSWER, FIRST, ACK, MIDDLE, BYE, GOODBYE, AFTER, NSTAGES };

/* Microseconds after the call began; FIRST is counted from the ANSWER. */
static int64_t at[NSTAGES] = { 0, 2000, 0, 8000, 100000, 150000, 152000,
	400000 };

struct rtp {
	uint32_t run, call, stage;
};

static int phone[PHONES], phone_media[PHONES], pbx, pbx_media, tap;
static struct sockaddr_in phone_at[PHONES], pbx_at;
static char phone_text[PHONES][INET_ADDRSTRLEN], *pbx_text;
static unsigned int nphones;
static uint32_t run, skip;
static int64_t *answered;
static uint8_t *arrived; /* bits 1 << stage */

static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
die(const char *what)
{
	perror(what);
	exit(2);
}

static void
enter(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd == -1 || setns(fd, CLONE_NEWNET) == -1)
		die(path);
	close(fd);
}

static int
udp_socket(struct sockaddr_in a, uint16_t port)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = 2048;

	a.sin_port = htons(port);
	/*
	 * This program only sends from the socket and never reads it (media is
	 * counted by media_tap()), so a small buffer will do.
	 */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (fd == -1 || bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		die("bind");
	return fd;
}

/* Copies of what comes in for the media ports of the PBX. */
static int
media_tap(void)
{
	/* clang-format off */
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 22),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 10000, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 64),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	/* clang-format on */
	struct sock_fprog prog = { sizeof(insns) / sizeof(insns[0]), insns };
	int fd, size = 64 << 20;

	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, htons(ETHERTYPE_IP));
	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) ==
		-1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ==
		-1)
		die("packet socket");
	return fd;
}

static void
tap_read(uint32_t ncalls)
{
	unsigned char bytes[64];
	struct rtp r;
	ssize_t n;

	while ((n = recv(tap, bytes, sizeof(bytes), 0)) > 0) {
		if ((size_t)n < 28 + sizeof(r))
			continue;
		memcpy(&r, bytes + 28, sizeof(r));
		if (r.run == run && r.call < ncalls && r.stage < NSTAGES)
			arrived[r.call] |= (uint8_t)(1u << r.stage);
	}
}

static void
transmit(int fd, const struct sockaddr_in *to, const void *p, size_t len)
{
	while (sendto(fd, p, len, 0, (const struct sockaddr *)to,
		   sizeof(*to)) == -1 &&
	    (errno == EINTR || errno == EAGAIN || errno == ENOBUFS))
		continue;
}

static uint16_t
port_of(uint32_t call)
{
	return (uint16_t)(10000 + 2 * ((skip + call) % PORTS));
}

static int
head(char *text, size_t size, const char *line, const char *method,
    uint32_t call, int cseq, bool totag)
{
	const char *me = phone_text[call % nphones];

	return snprintf(text, size,
	    "%s\r\nVia: SIP/2.0/UDP %s:5060;branch=z9hG4bK%x-%x-%d\r\n"
	    "Max-Forwards: 70\r\nFrom: <sip:a@%s>;tag=f%x\r\n"
	    "To: <sip:b@%s>%s\r\nCall-ID: %x-%x@bench\r\nCSeq: %d %s\r\n",
	    line, me, run, call, cseq, me, call, pbx_text,
	    totag ? ";tag=t" : "", run, call, cseq, method);
}

static int
body(char *text, size_t size, const char *host, uint16_t port)
{
	char sdp[512];
	int n = snprintf(sdp, sizeof(sdp),
	    "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"
	    "m=audio %u RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\n"
	    "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
	    "a=sendrecv\r\n",
	    host, host, port);

	return snprintf(text, size,
	    "Contact: <sip:x@%s:5060>\r\nContent-Type: application/sdp\r\n"
	    "Content-Length: %d\r\n\r\n%s",
	    host, n, sdp);
}

/* One message of a call from its end; with the SDP of `host`, if any. */
static void
say(uint32_t call, bool from_pbx, const char *line, const char *method,
    int cseq, const char *host, uint16_t port)
{
	unsigned int i = call % nphones;
	char text[2048];
	int n = head(text, sizeof(text), line, method, call, cseq,
	    from_pbx || cseq > 1 || strcmp(method, "ACK") == 0);

	if (host != NULL)
		n += body(text + n, sizeof(text) - (size_t)n, host, port);
	else
		n += snprintf(text + n, sizeof(text) - (size_t)n,
		    "Content-Length: 0\r\n\r\n");
	if (from_pbx)
		transmit(pbx, &phone_at[i], text, (size_t)n);
	else
		transmit(phone[i], &pbx_at, text, (size_t)n);
}

static void
media(uint32_t call, uint32_t stage)
{
	struct rtp r = { run, call, stage };
	struct sockaddr_in to = pbx_at;
	char bytes[172] = { 0 };

	memcpy(bytes, &r, sizeof(r));
	to.sin_port = htons(port_of(call));
	transmit(phone_media[call % nphones], &to, bytes, sizeof(bytes));
	if (stage != MIDDLE)
		return;
	to = phone_at[call % nphones];
	to.sin_port = htons(4000);
	transmit(pbx_media, &to, bytes, sizeof(bytes));
}

static void
stage_play(uint32_t call, int stage)
{
	char line[64];

	switch (stage) {
	case INVITE:
		snprintf(line, sizeof(line), "INVITE sip:b@%s SIP/2.0",
		    pbx_text);
		say(call, false, line, "INVITE", 1, phone_text[call % nphones],
		    4000);
		break;
	case ANSWER:
		say(call, true, "SIP/2.0 180 Ringing", "INVITE", 1, NULL, 0);
		answered[call] = now_us();
		say(call, true, "SIP/2.0 200 OK", "INVITE", 1, pbx_text,
		    port_of(call));
		if (at[FIRST] > 0)
			answered[call] = now_us();
		break;
	case ACK:
		snprintf(line, sizeof(line), "ACK sip:b@%s SIP/2.0", pbx_text);
		say(call, false, line, "ACK", 1, NULL, 0);
		break;
	case BYE:
		snprintf(line, sizeof(line), "BYE sip:b@%s SIP/2.0", pbx_text);
		say(call, false, line, "BYE", 2, NULL, 0);
		break;
	case GOODBYE:
		say(call, true, "SIP/2.0 200 OK", "BYE", 2, NULL, 0);
		break;
	default:
		media(call, (uint32_t)stage);
		break;
	}
}

static void
open_ends(char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	uint32_t first, i;

	pbx_text = argv[3];
	pbx_at.sin_family = AF_INET;
	if (inet_pton(AF_INET, argv[3], &pbx_at.sin_addr) != 1 ||
	    inet_pton(AF_INET, argv[4], &a.sin_addr) != 1)
		die("address");
	first = ntohl(a.sin_addr.s_addr);
	enter(argv[1]);
	for (i = 0; i < nphones; i++) {
		a.sin_addr.s_addr = htonl(first + i);
		inet_ntop(AF_INET, &a.sin_addr, phone_text[i],
		    sizeof(phone_text[i]));
		phone[i] = udp_socket(a, 5060);
		phone_media[i] = udp_socket(a, 4000);
		phone_at[i] = a;
		phone_at[i].sin_port = htons(5060);
	}
	enter(argv[2]);
	tap = media_tap();
	pbx = udp_socket(pbx_at, 5060);
	pbx_media = udp_socket(pbx_at, 9998);
	pbx_at.sin_port = htons(5060);
}

static void
play(uint32_t ncalls, double rate)
{
	uint32_t next[NSTAGES] = { 0 };
	int64_t begin = now_us(), now, due;
	int stage;

	while (next[NSTAGES - 1] < ncalls) {
		for (stage = 0; stage < NSTAGES; stage++) {
			now = now_us();
			if (next[stage] == ncalls ||
			    (stage > 0 && next[stage] == next[stage - 1]))
				continue;
			due = stage == FIRST ? answered[next[stage]] + at[FIRST]
					     : begin + at[stage] +
				(int64_t)(next[stage] * 1e6 / rate);
			if (now >= due)
				stage_play(next[stage]++, stage);
			/*
			 * With a DELAY of 0 the phone sends its first packet
			 * directly after the 200: no other message of any call
			 * is sent in between.
			 */
			if (stage == ANSWER && now >= due && at[FIRST] == 0)
				stage_play(next[FIRST]++, FIRST);
		}
		tap_read(ncalls);
	}
	usleep(100000);
	tap_read(ncalls);
	printf("%.1f ", ncalls * 1e6 / (double)(now_us() - begin - 500000));
}

int
main(int argc, char **argv)
{
	uint32_t ncalls, i, n[NSTAGES] = { 0 };
	int stage;

	if (argc != 10 || (nphones = (unsigned int)atof(argv[5])) > PHONES ||
	    nphones == 0)
		return 2;
	run = (uint32_t)getpid();
	ncalls = (uint32_t)(atof(argv[6]) * atof(argv[7]));
	at[FIRST] = (int64_t)atof(argv[8]);
	skip = (uint32_t)atof(argv[9]);
	answered = calloc(ncalls, sizeof(*answered));
	arrived = calloc(ncalls, sizeof(*arrived));
	if (answered == NULL || arrived == NULL)
		return 2;
	open_ends(argv);
	play(ncalls, atof(argv[6]));
	for (i = 0; i < ncalls; i++)
		for (stage = 0; stage < NSTAGES; stage++)
			n[stage] += (arrived[i] & 1u << stage) != 0;
	/* calls/s reached, calls, first packets, in the middle, afterwards */
	printf("%u %u %u %u\n", ncalls, n[FIRST], n[MIDDLE], n[AFTER]);
	return 0;
}
