/* SPDX-License-Identifier: ISC */
/*
 * Both ends of FTP and TFTP for tests/pf/proxy.sh, as simple as they come:
 *
 *	pf_ends ftpd ADDRESS		says "hello" to whoever asks for a file
 *	pf_ends ftp ADDRESS [PORT]	commands on the standard input
 *	pf_ends tftpd ADDRESS
 *	pf_ends tftp ADDRESS [FILE]	prints how many bytes came
 *
 * The client of FTP sends each line and prints the reply, after the words
 * port, eprt, pasv and epsv those that belong to it; `retr FILE` then fetches
 * it and prints it, or "no data".  A file with "slow" in its name takes a
 * while; that of FTP then says more.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE  6   /* seconds without an answer */
#define SLOW	  4   /* seconds that the slow file takes */
#define BLOCK	  512 /* of TFTP */
#define NBLOCKS	  3   /* that the server sends, and one of 5 bytes */
#define HELLO	  "hello\n"
#define WORLD	  "world\n"
#define LINE_SIZE 512

static void
ignore_signal(int sig)
{
	struct sigaction sa = { .sa_handler = SIG_IGN };

	sigemptyset(&sa.sa_mask);
	if (sigaction(sig, &sa, NULL) == -1)
		err(2, "sigaction");
}

static struct sockaddr_storage
address(const char *host, const char *port, socklen_t *len)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM };
	struct sockaddr_storage ss;
	struct addrinfo *ai;

	memset(&ss, 0, sizeof(ss));
	if (getaddrinfo(host, port, &hints, &ai) != 0)
		errx(2, "no address: %s", host);
	memcpy(&ss, ai->ai_addr, ai->ai_addrlen);
	*len = ai->ai_addrlen;
	freeaddrinfo(ai);
	return ss;
}

static in_port_t *
port_of(struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET
	    ? &((struct sockaddr_in *)ss)->sin_port
	    : &((struct sockaddr_in6 *)ss)->sin6_port;
}

static int
new_socket(int af, int type)
{
	const struct timeval tv = { PATIENCE, 0 };
	const int on = 1;
	int fd = socket(af, type, 0);

	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		err(2, "socket");
	return fd;
}

static int
bound(int type, const struct sockaddr_storage *at, socklen_t len)
{
	int fd = new_socket(at->ss_family, type);

	if (bind(fd, (const struct sockaddr *)at, len) == -1 ||
	    (type == SOCK_STREAM && listen(fd, 5) == -1))
		err(2, "bind");
	return fd;
}

/* The data connection of one side of an FTP session. */
struct data {
	bool active; /* for the client: the server calls it */
	int listener;
	struct sockaddr_storage peer; /* for who calls */
	socklen_t len;
};

static void
data_forget(struct data *d)
{
	if (d->listener != -1)
		close(d->listener);
	d->listener = -1;
	d->len = 0;
}

/* Listen where the control connection ends. */
static struct sockaddr_storage
data_listen(struct data *d, int control)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	data_forget(d);
	if (getsockname(control, (struct sockaddr *)&ss, &len) == -1)
		err(2, "getsockname");
	*port_of(&ss) = 0;
	d->listener = bound(SOCK_STREAM, &ss, len);
	if (getsockname(d->listener, (struct sockaddr *)&ss, &len) == -1)
		err(2, "getsockname");
	return ss;
}

/* -1: nobody came, or nobody is there. */
static int
data_open(struct data *d)
{
	int fd = -1;

	if (d->listener != -1)
		return accept(d->listener, NULL, NULL);
	if (d->len == 0)
		return -1;
	fd = new_socket(d->peer.ss_family, SOCK_STREAM);
	if (connect(fd, (struct sockaddr *)&d->peer, d->len) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Call the peer of the control connection, at this port. */
static void
data_call(struct data *d, int control, unsigned int port)
{
	data_forget(d);
	d->len = sizeof(d->peer);
	if (getpeername(control, (struct sockaddr *)&d->peer, &d->len) == -1)
		err(2, "getpeername");
	*port_of(&d->peer) = htons((uint16_t)port);
}

/* "192,0,2,1,156,64" */
static void
quads(const struct sockaddr_storage *ss, char *buf, size_t size)
{
	const struct sockaddr_in *sin = (const struct sockaddr_in *)ss;
	uint32_t a = ntohl(sin->sin_addr.s_addr);
	unsigned int p = ntohs(sin->sin_port);

	snprintf(buf, size, "%u,%u,%u,%u,%u,%u", a >> 24, a >> 16 & 255,
	    a >> 8 & 255, a & 255, p >> 8, p & 255);
}

/* The address and port that a line names; which address, it says aloud. */
static bool
named(const char *s, unsigned int *port)
{
	unsigned int v[6];

	if (sscanf(s, "%u,%u,%u,%u,%u,%u", &v[0], &v[1], &v[2], &v[3], &v[4],
		&v[5]) == 6)
		*port = v[4] << 8 | v[5];
	else if (sscanf(s, "|||%u|", port) != 1 &&
	    sscanf(s, "|1|%*[^|]|%u|", port) != 1 &&
	    sscanf(s, "|2|%*[^|]|%u|", port) != 1)
		return false;
	return true;
}

static void
reply(FILE *f, const char *text)
{
	/*
	 * The FILE buffers what the socket received, so write to the
	 * descriptor.
	 */
	if (dprintf(fileno(f), "%s\r\n", text) < 0)
		warn("write");
}

static void
ftpd_retr(FILE *f, struct data *d, bool slow)
{
	int fd;

	reply(f, "150 here it comes");
	if ((fd = data_open(d)) == -1) {
		reply(f, "425 no connection");
		return;
	}
	if (write(fd, HELLO, sizeof(HELLO) - 1) == -1)
		warn("write");
	if (slow) {
		sleep(SLOW);
		if (write(fd, WORLD, sizeof(WORLD) - 1) == -1)
			warn("write");
	}
	close(fd);
	reply(f, "226 done");
}

static void
ftpd_command(FILE *f, struct data *d, const char *line)
{
	char text[LINE_SIZE], q[64];
	struct sockaddr_storage ss;
	unsigned int port;

	if (strncmp(line, "RETR", 4) == 0)
		ftpd_retr(f, d, strstr(line, "slow") != NULL);
	else if (strncmp(line, "PASV", 4) == 0) {
		ss = data_listen(d, fileno(f));
		quads(&ss, q, sizeof(q));
		snprintf(text, sizeof(text), "227 passive (%s)", q);
		reply(f, text);
	} else if (strncmp(line, "EPSV", 4) == 0) {
		ss = data_listen(d, fileno(f));
		snprintf(text, sizeof(text), "229 passive (|||%u|)",
		    ntohs(*port_of(&ss)));
		reply(f, text);
	} else if ((strncmp(line, "PORT ", 5) == 0 ||
		       strncmp(line, "EPRT ", 5) == 0) &&
	    named(line + 5, &port)) {
		data_call(d, fileno(f), port);
		reply(f, "200 active");
	} else
		reply(f, "200 fine");
}

static void
ftpd_session(int fd)
{
	struct data d = { .listener = -1 };
	char line[LINE_SIZE];
	FILE *f = fdopen(fd, "r");

	if (f == NULL)
		err(2, "fdopen");
	reply(f, "220 hello");
	while (fgets(line, sizeof(line), f) != NULL) {
		ftpd_command(f, &d, line);
		if (strncmp(line, "QUIT", 4) == 0)
			break;
	}
	data_forget(&d);
	fclose(f);
}

static void
ftpd(const char *host)
{
	struct timeval never = { 0, 0 };
	struct sockaddr_storage ss;
	socklen_t len;
	int fd, s;

	ss = address(host, "21", &len);
	fd = bound(SOCK_STREAM, &ss, len);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &never, sizeof(never)) ==
	    -1)
		err(2, "setsockopt");
	ignore_signal(SIGPIPE);
	ignore_signal(SIGCHLD);
	while ((s = accept(fd, NULL, NULL)) != -1) {
		if (fork() == 0) {
			(void)setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &never,
			    sizeof(never));
			close(fd);
			ftpd_session(s);
			_exit(0);
		}
		close(s);
	}
	err(2, "accept");
}

static bool
ftp_reply(FILE *f, char *line, size_t size)
{
	if (fgets(line, (int)size, f) == NULL)
		return false;
	fputs(line, stdout);
	return true;
}

static void
ftp_retr(FILE *f, struct data *d, const char *file)
{
	char line[LINE_SIZE], data[LINE_SIZE];
	int fd = -1;
	ssize_t n;

	/* A server of active FTP connects before it replies. */
	if (d->listener == -1)
		fd = data_open(d);
	snprintf(line, sizeof(line), "RETR %s", file);
	reply(f, line);
	if (!ftp_reply(f, line, sizeof(line)))
		return;
	if (d->listener != -1)
		fd = data_open(d);
	if (fd == -1)
		puts("no data");
	while (fd != -1 && (n = read(fd, data, sizeof(data))) > 0)
		fwrite(data, 1, (size_t)n, stdout);
	if (fd != -1)
		close(fd);
	ftp_reply(f, line, sizeof(line));
}

/* The command that a line stands for; false if it is none. */
static void
ftp_command(FILE *f, struct data *d, const char *word)
{
	char text[LINE_SIZE], q[64], host[INET6_ADDRSTRLEN];
	struct sockaddr_storage ss;
	bool passive = false;

	if (strcmp(word, "port") == 0) {
		ss = data_listen(d, fileno(f));
		quads(&ss, q, sizeof(q));
		snprintf(text, sizeof(text), "PORT %s", q);
	} else if (strcmp(word, "eprt") == 0) {
		ss = data_listen(d, fileno(f));
		getnameinfo((struct sockaddr *)&ss, ss.ss_len, host,
		    sizeof(host), NULL, 0, NI_NUMERICHOST);
		snprintf(text, sizeof(text), "EPRT |%d|%s|%u|",
		    ss.ss_family == AF_INET ? 1 : 2, host,
		    ntohs(*port_of(&ss)));
	} else if (strcmp(word, "pasv") == 0 || strcmp(word, "epsv") == 0) {
		passive = true;
		snprintf(text, sizeof(text), "%s",
		    word[0] == 'p' ? "PASV" : "EPSV");
	} else
		snprintf(text, sizeof(text), "%s", word);
	reply(f, text);
	if (!ftp_reply(f, text, sizeof(text)))
		errx(1, "no reply to %s", word);
	if (passive) {
		const char *at = strchr(text, '(');
		unsigned int port;

		data_forget(d);
		if (at != NULL && named(at + 1, &port))
			data_call(d, fileno(f), port);
	}
}

static void
ftp(const char *host, const char *port)
{
	struct data d = { .listener = -1 };
	struct sockaddr_storage ss;
	char line[LINE_SIZE];
	socklen_t len;
	FILE *f;
	int fd;

	ss = address(host, port, &len);
	fd = new_socket(ss.ss_family, SOCK_STREAM);
	if (connect(fd, (struct sockaddr *)&ss, len) == -1)
		err(1, "connect");
	if ((f = fdopen(fd, "r")) == NULL)
		err(2, "fdopen");
	setvbuf(stdout, NULL, _IOLBF, 0);
	ignore_signal(SIGPIPE);
	if (!ftp_reply(f, line, sizeof(line)))
		errx(1, "no greeting");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "retr ", 5) == 0)
			ftp_retr(f, &d, line + 5);
		else
			ftp_command(f, &d, line);
	}
	fclose(f);
}

/* A transfer has a port of its own, as RFC 1350 wants it. */
static void
tftpd_send(const struct sockaddr_storage *at, socklen_t len,
    const struct sockaddr_storage *peer, socklen_t peerlen, bool slow)
{
	struct sockaddr_storage from = *at;
	unsigned char packet[4 + BLOCK] = { 0, 3 }, ack[64] = { 0 };
	struct timeval soon = { 1, 0 };
	size_t size;
	int fd, i, try;

	*port_of(&from) = 0;
	fd = bound(SOCK_DGRAM, &from, len);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)) == -1)
		err(2, "setsockopt");
	if (connect(fd, (const struct sockaddr *)peer, peerlen) == -1)
		err(2, "connect");
	for (i = 1; i <= NBLOCKS + 1; i++) {
		if (slow)
			sleep(SLOW / 2);
		packet[3] = (unsigned char)i;
		size = i <= NBLOCKS ? BLOCK : 5;
		/* The first may be faster than the pinhole that it needs. */
		for (try = 0; try < 3; try++)
			if (send(fd, packet, size + 4, 0) == -1 ||
			    recv(fd, ack, sizeof(ack), 0) != -1)
				break;
		if (try == 3 || ack[1] != 4 || ack[3] != i) {
			warnx("block %d was not acknowledged", i);
			break;
		}
	}
	close(fd);
}

static void
tftpd(const char *host)
{
	struct timeval never = { 0, 0 };
	struct sockaddr_storage ss, from;
	char request[LINE_SIZE];
	socklen_t len, fromlen;
	ssize_t n;
	int fd;

	ss = address(host, "69", &len);
	fd = bound(SOCK_DGRAM, &ss, len);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &never, sizeof(never)) ==
	    -1)
		err(2, "setsockopt");
	for (;;) {
		fromlen = sizeof(from);
		n = recvfrom(fd, request, sizeof(request) - 1, 0,
		    (struct sockaddr *)&from, &fromlen);
		if (n < 2)
			err(2, "recvfrom");
		request[n] = '\0';
		tftpd_send(&ss, len, &from, fromlen,
		    strstr(request + 2, "slow") != NULL);
	}
}

static void
tftp(const char *host, const char *file)
{
	unsigned char packet[4 + BLOCK], ack[4] = { 0, 4 };
	struct sockaddr_storage server, from;
	socklen_t len, fromlen;
	size_t total = 0;
	ssize_t n;
	int fd, size;

	server = address(host, "69", &len);
	fd = new_socket(server.ss_family, SOCK_DGRAM);
	size = snprintf((char *)packet, sizeof(packet), "%c%c%s%coctet", 0, 1,
	    file, 0);
	if (sendto(fd, packet, (size_t)size + 1, 0, (struct sockaddr *)&server,
		len) == -1)
		err(1, "sendto");
	do {
		fromlen = sizeof(from);
		n = recvfrom(fd, packet, sizeof(packet), 0,
		    (struct sockaddr *)&from, &fromlen);
		if (n == -1)
			err(1, "no data");
		if (n > 4 && packet[1] == 5)
			errx(1, "error %d: %.*s", packet[3], (int)n - 5,
			    (char *)packet + 4);
		if (n < 4 || packet[1] != 3)
			errx(1, "not data");
		ack[2] = packet[2];
		ack[3] = packet[3];
		if (sendto(fd, ack, sizeof(ack), 0, (struct sockaddr *)&from,
			fromlen) == -1)
			err(1, "acknowledgement");
		total += (size_t)n - 4;
	} while (n == 4 + BLOCK);
	printf("%zu bytes\n", total);
}

int
main(int argc, char *argv[])
{
	const char *what = argc > 2 ? argv[1] : "";

	if (strcmp(what, "ftpd") == 0)
		ftpd(argv[2]);
	else if (strcmp(what, "ftp") == 0)
		ftp(argv[2], argc > 3 ? argv[3] : "21");
	else if (strcmp(what, "tftpd") == 0)
		tftpd(argv[2]);
	else if (strcmp(what, "tftp") == 0)
		tftp(argv[2], argc > 3 ? argv[3] : "file");
	else
		errx(2, "usage: pf_ends ftpd|ftp|tftpd|tftp address ...");
	return 0;
}
