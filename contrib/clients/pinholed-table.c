/* SPDX-License-Identifier: ISC */
/*
 * Change a table of a packet filter elsewhere: see pinholed-table(1) and
 * pinholed-tables(7).
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tables/wire.h"

enum {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,
	EXIT_WRONG = 2, /* an error on this side: usage, a file, a name */
	EXIT_SILENT = 3,
};

#define TRIES	     3
#define LINE_LEN     1024
#define WORD_SPACE   " \t\r\n"
#define TIMEOUT_MAX  31536000
#define WAIT_DEFAULT 2

struct client {
	int fd;
	struct sockaddr_storage to;
	socklen_t to_len;
	struct key key;
	uint8_t version;
	unsigned int wait_s;
	bool quiet;
	struct wire_request request; /* being filled */
	uint32_t ttl_s;
	int status;
};

static void
usage(void)
{
	fprintf(stderr,
	    "usage: pinholed-table [-246q] [-k file] [-n name] [-p port] "
	    "[-t seconds]\n"
	    "                      [-w seconds] host table add|delete "
	    "address[/length] ...\n"
	    "       pinholed-table [-246q] [-k file] [-n name] [-p port] "
	    "[-w seconds]\n"
	    "                      host table flush\n");
	exit(EXIT_WRONG);
}

static void __attribute__((format(printf, 2, 3)))
complain(struct client *c, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (c->quiet)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	warnx("%s", text);
}

/* The exit status is the worst of all that happened. */
static void
note(struct client *c, int status)
{
	if (status > c->status)
		c->status = status;
}

static uint32_t
number(const char *text, uint64_t max, const char *what)
{
	uint64_t v;

	if (!span_number(span_of(text), max, &v))
		errx(EXIT_WRONG, "%s is not %s", text, what);
	return (uint32_t)v;
}

static void
read_key(struct client *c, const char *name, const char *path)
{
	char secret[KEY_MAX];
	ssize_t n;
	int fd;

	if (path == NULL)
		return;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1 ||
	    (n = read(fd, secret, sizeof(secret))) == -1)
		err(EXIT_WRONG, "%s", path);
	close(fd);
	switch (key_set(&c->key, name, (struct span) { secret, (size_t)n })) {
	case PH_OK:
		break;
	case PH_ETRUNC:
		errx(EXIT_WRONG, "%s: a key has at least %d bytes", path,
		    KEY_MIN);
	default:
		errx(EXIT_WRONG, "%s: a name has at most %d bytes", name,
		    KEY_NAME - 1);
	}
	mac_wipe(secret, sizeof(secret));
}

static void
find_host(struct client *c, int family, const char *host, const char *port)
{
	struct addrinfo hints = { .ai_family = family,
		.ai_socktype = SOCK_DGRAM };
	struct addrinfo *list;
	int rc;

	if ((rc = getaddrinfo(host, port, &hints, &list)) != 0)
		errx(EXIT_WRONG, "%s: %s", host, gai_strerror(rc));
	memcpy(&c->to, list->ai_addr, list->ai_addrlen);
	c->to_len = list->ai_addrlen;
	c->fd = socket(list->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		err(EXIT_WRONG, "socket");
	freeaddrinfo(list);
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * Wait for the answer to the request that ended in `mac`.  It may come from any
 * address, for a firewall has many and the answer is signed.
 */
static bool
await(struct client *c, const uint8_t *mac, struct wire_reply *reply)
{
	char buf[WIRE_REPLY_LEN + 1];
	int64_t until = now_ms() + c->wait_s * INT64_C(1000), left;
	struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
	ssize_t n;

	while ((left = until - now_ms()) > 0) {
		if (poll(&pfd, 1, (int)left) != 1)
			continue;
		if ((n = recv(c->fd, buf, sizeof(buf), 0)) >= 0 &&
		    wire_reply_parse((struct span) { buf, (size_t)n }, &c->key,
			mac, reply) == PH_OK &&
		    reply->nonce == c->request.nonce &&
		    reply->command == c->request.command)
			return true;
	}
	return false;
}

static void
report(struct client *c, const struct wire_reply *reply)
{
	const char *why = wire_status_text(reply->status);
	int64_t ahead = (int64_t)reply->time - time(NULL);
	char text[ADDR_STRLEN];
	uint8_t i;

	if (reply->status == WIRE_DONE)
		return;
	note(c, EXIT_REFUSED);
	if (reply->status == WIRE_CLOCK)
		complain(c, "refused: %s: it is %lld seconds %s there", why,
		    (long long)(ahead < 0 ? -ahead : ahead),
		    ahead < 0 ? "earlier" : "later");
	else if (reply->status == WIRE_TABLE || c->request.n == 0)
		complain(c, "%s: refused: %s", c->request.table, why);
	else
		for (i = 0; i < c->request.n; i++)
			if (reply->refused >> i & 1)
				complain(c, "%s: refused: %s",
				    prefix_format(&c->request.entries[i].prefix,
					text),
				    why);
}

/*
 * Send the gathered entries.  Each try is a new datagram, because the same
 * datagram counts only once.
 */
static void
send_request(struct client *c)
{
	struct wire_request *r = &c->request;
	uint8_t buf[WIRE_MAX];
	struct wire_reply reply;
	int tries;
	size_t n;

	for (tries = 0; tries < TRIES; tries++) {
		r->time = (uint32_t)time(NULL);
		arc4random_buf(&r->nonce, sizeof(r->nonce));
		if ((n = wire_build(r, &c->key, buf)) == 0)
			errx(EXIT_WRONG,
			    "version 2 has no IPv6, or libcrypto "
			    "does not sign");
		if (sendto(c->fd, buf, n, 0, (struct sockaddr *)&c->to,
			c->to_len) == -1)
			err(EXIT_WRONG, "send");
		if (c->version != 3)
			return;
		if (await(c, buf + n - MAC_SHA256_LEN, &reply)) {
			report(c, &reply);
			return;
		}
	}
	complain(c, "no answer");
	exit(EXIT_SILENT);
}

static void
flush_request(struct client *c)
{
	if (c->request.n > 0)
		send_request(c);
	c->request.n = 0;
}

static void
add_entry(struct client *c, const char *text)
{
	struct wire_entry *e = &c->request.entries[c->request.n];

	if (prefix_parse(span_of(text), &e->prefix) != PH_OK ||
	    addr_bytes(e->prefix.addr.af) == 0) {
		complain(c, "%s: not an address or prefix", text);
		note(c, EXIT_WRONG);
		return;
	}
	if (c->version != 3 && e->prefix.addr.af == AF_INET6) {
		complain(c, "%s: version 2 has no IPv6", text);
		note(c, EXIT_WRONG);
		return;
	}
	e->ttl_s = c->ttl_s;
	c->request.n++;
	if (c->request.n == (c->version == 3 ? WIRE_ENTRIES : 1))
		flush_request(c);
}

/* Each line has one address or several; "#" begins a comment. */
static void
add_from(struct client *c, FILE *f)
{
	char line[LINE_LEN], *p, *word;

	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "#")] = '\0';
		p = line;
		while ((word = strsep(&p, WORD_SPACE)) != NULL)
			if (*word != '\0')
				add_entry(c, word);
	}
	if (ferror(f))
		err(EXIT_WRONG, "standard input");
}

static uint8_t
command_of(const char *word)
{
	static const char *const words[] = { [WIRE_ADD] = "add",
		[WIRE_DELETE] = "delete",
		[WIRE_FLUSH] = "flush" };
	uint8_t i;

	for (i = WIRE_ADD; i <= WIRE_FLUSH; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	usage();
	return 0;
}

static void
set_name(char dst[WIRE_NAME + 1], const char *name)
{
	if (strlen(name) >= WIRE_NAME)
		errx(EXIT_WRONG, "%s: longer than %d bytes", name,
		    WIRE_NAME - 1);
	memcpy(dst, name, strlen(name));
}

int
main(int argc, char *argv[])
{
	static struct client c = { .version = 3, .wait_s = WAIT_DEFAULT };
	const char *path = NULL, *name = "", *port = "56789";
	int ch, i, family = AF_UNSPEC;

	while ((ch = getopt(argc, argv, "246k:n:p:qt:w:")) != -1)
		switch (ch) {
		case '2':
			c.version = 2;
			break;
		case '4':
			family = AF_INET;
			break;
		case '6':
			family = AF_INET6;
			break;
		case 'k':
			path = optarg;
			break;
		case 'n':
			name = optarg;
			break;
		case 'p':
			(void)number(optarg, 65535, "a port");
			port = optarg;
			break;
		case 'q':
			c.quiet = true;
			break;
		case 't':
			c.ttl_s = number(optarg, TIMEOUT_MAX, "a timeout");
			break;
		case 'w':
			c.wait_s = number(optarg, 3600, "a number of seconds");
			break;
		default:
			usage();
		}
	argc -= optind;
	argv += optind;
	if (argc < 3)
		usage();
	read_key(&c, name, path);
	c.request.version = c.version;
	c.request.command = command_of(argv[2]);
	if ((argc == 3) != (c.request.command == WIRE_FLUSH))
		usage();
	set_name(c.request.key, name);
	set_name(c.request.table, argv[1]);
	find_host(&c, family, argv[0], port);
	if (c.request.command == WIRE_FLUSH)
		send_request(&c);
	for (i = 3; i < argc; i++)
		if (strcmp(argv[i], "-") == 0)
			add_from(&c, stdin);
		else
			add_entry(&c, argv[i]);
	flush_request(&c);
	mac_wipe(&c.key, sizeof(c.key));
	return c.status;
}
