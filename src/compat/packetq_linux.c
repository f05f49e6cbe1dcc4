/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/packetq.h"

const bool packetq_carried = false;

#define LIST "/proc/net/netfilter/nfnetlink_queue"

/*
 * How many packets may wait for a verdict, and how many bytes of them to be
 * read.  With short messages the second is reached first, and every packet
 * that then passes unseen leaves a gap in the numbers.
 */
#define WAITING_MAX 16384
#define UNREAD_MAX  (8 << 20)
#define COPY_MAX    0xffff

/* One request, as the kernel wants it. */
struct request {
	struct nlmsghdr h;
	struct nfgenmsg g;
	unsigned char attrs[64];
};

static int
open_list(void)
{
	return open(LIST, O_RDONLY | O_CLOEXEC);
}

void
packetq_init(struct packetq *q)
{
	memset(q, 0, sizeof(*q));
	q->fd = q->other_fd = q->list_fd = -1;
}

static void
request_begin(struct request *r, const struct packetq *q, int type)
{
	memset(r, 0, sizeof(*r));
	r->h.nlmsg_len = NLMSG_LENGTH(sizeof(r->g));
	r->h.nlmsg_type = (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | type);
	r->h.nlmsg_flags = NLM_F_REQUEST;
	r->g.nfgen_family = AF_UNSPEC;
	r->g.version = NFNETLINK_V0;
	r->g.res_id = htons((uint16_t)q->number);
}

static void
request_put(struct request *r, uint16_t type, const void *p, size_t len)
{
	struct nlattr a = { .nla_type = type };
	unsigned char *at = (unsigned char *)r + r->h.nlmsg_len;

	a.nla_len = (uint16_t)(NLA_HDRLEN + len);
	memcpy(at, &a, sizeof(a));
	memcpy(at + NLA_HDRLEN, p, len);
	r->h.nlmsg_len += (uint32_t)NLA_ALIGN(a.nla_len);
}

static void
request_put_u32(struct request *r, uint16_t type, uint32_t v)
{
	v = htonl(v);
	request_put(r, type, &v, sizeof(v));
}

static bool
request_send(const struct packetq *q, const struct request *r)
{
	static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n;

	do {
		n = sendto(q->fd, r, r->h.nlmsg_len, 0,
		    (const struct sockaddr *)&kernel, sizeof(kernel));
	} while (n == -1 && errno == EINTR);
	return n != -1;
}

/*
 * With the kernel's answer: 0, or an errno value.  A packet may come before it;
 * its deadline lets it go.
 */
static int
request_ask(const struct packetq *q, struct request *r)
{
	union {
		struct nlmsghdr h;
		char bytes[1024];
	} answer;
	struct nlmsgerr e;
	ssize_t n;

	r->h.nlmsg_flags |= NLM_F_ACK;
	if (!request_send(q, r))
		return errno;
	do {
		n = recv(q->fd, &answer, sizeof(answer), MSG_DONTWAIT);
		if (n < (ssize_t)NLMSG_LENGTH(sizeof(e)))
			return EPROTO;
	} while (answer.h.nlmsg_type != NLMSG_ERROR);
	memcpy(&e, answer.bytes + NLMSG_HDRLEN, sizeof(e));
	return -e.error;
}

static void
put_room(struct request *r, uint32_t waiting, bool open)
{
	request_put_u32(r, NFQA_CFG_QUEUE_MAXLEN, waiting);
	request_put_u32(r, NFQA_CFG_MASK, NFQA_CFG_F_FAIL_OPEN);
	request_put_u32(r, NFQA_CFG_FLAGS, open ? NFQA_CFG_F_FAIL_OPEN : 0);
}

/*
 * The queue and what we want of it, in one request: the kernel drops the
 * packets of a queue of which nobody wants copies.
 */
static int
ask_for_queue(const struct packetq *q)
{
	struct nfqnl_msg_config_cmd bind = { .command = NFQNL_CFG_CMD_BIND };
	struct nfqnl_msg_config_params copy = {
		.copy_range = htonl(COPY_MAX),
		.copy_mode = NFQNL_COPY_PACKET,
	};
	struct request r;

	request_begin(&r, q, NFQNL_MSG_CONFIG);
	request_put(&r, NFQA_CFG_CMD, &bind, sizeof(bind));
	request_put(&r, NFQA_CFG_PARAMS, &copy, sizeof(copy));
	put_room(&r, WAITING_MAX, q->open);
	return request_ask(q, &r);
}

static bool
socket_make(struct packetq *q)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK };
	socklen_t len = sizeof(self);
	int on = 1, size = UNREAD_MAX;

	q->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_NETFILTER);
	if (q->fd == -1 ||
	    bind(q->fd, (struct sockaddr *)&self, sizeof(self)) == -1 ||
	    getsockname(q->fd, (struct sockaddr *)&self, &len) == -1)
		return false;
	q->port = self.nl_pid;
	/*
	 * When our receive buffer is full, packets pass or are dropped unread.
	 * The gap in their numbers says how many; ENOBUFS would not.
	 */
	(void)setsockopt(q->fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on,
	    sizeof(on));
	(void)setsockopt(q->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return setsockopt(q->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
		   sizeof(size)) == 0;
}

static void
say_taken(uint32_t number, struct strbuf *why)
{
	strbuf_fmt(why, "queue %u belongs to another program", number);
}

enum ph_err
packetq_open(struct packetq *q, uint32_t number, bool open, struct strbuf *why)
{
	enum ph_err rc = PH_EIO;
	int err;

	packetq_init(q);
	q->number = number;
	q->open = open;
	if (!socket_make(q)) {
		strbuf_fmt(why, "queue %u: %s", number, strerror(errno));
		rc = errno == EPERM ? PH_EDENIED : PH_EIO;
	} else if ((err = ask_for_queue(q)) == EBUSY || err == EPERM) {
		/* The kernel says EPERM for the queue of another socket, too.
		 */
		say_taken(number, why);
		rc = PH_EEXIST;
	} else if (err == EINVAL) {
		strbuf_str(why, "this kernel has no queues of packets");
		rc = PH_EUNSUPPORTED;
	} else if (err != 0)
		strbuf_fmt(why, "queue %u: %s", number, strerror(err));
	else if ((q->list_fd = open_list()) == -1)
		strbuf_fmt(why, "%s: %s", LIST, strerror(errno));
	else
		return PH_OK;
	packetq_close(q);
	return rc;
}

void
packetq_close(struct packetq *q)
{
	if (q->fd != -1)
		close(q->fd);
	if (q->list_fd != -1)
		close(q->list_fd);
	q->fd = q->other_fd = q->list_fd = -1;
}

/* The list is read from a position that processes would share. */
void
packetq_fork(struct packetq *q)
{
	if (q->fd == -1)
		return;
	if (q->list_fd != -1)
		close(q->list_fd);
	q->list_fd = open_list();
}

/*
 * The line of a queue: number, port, waiting, copy mode, copy range, dropped
 * in the queue, dropped at the socket, last number, 1.
 */
struct line {
	unsigned long v[9];
};

static bool
line_read(const char *text, struct line *l)
{
	char *end;
	size_t i;

	for (i = 0; i < sizeof(l->v) / sizeof(l->v[0]); i++) {
		l->v[i] = strtoul(text, &end, 10);
		if (end == text)
			return false;
		text = end;
	}
	return true;
}

/* The line of this queue in the list, which is read from its beginning. */
static bool
list_find(int fd, uint32_t number, struct line *out)
{
	char text[4096 + 1], *nl, *p;
	size_t len = 0;
	ssize_t n;

	if (lseek(fd, 0, SEEK_SET) == -1)
		return false;
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0) {
		len += (size_t)n;
		text[len] = '\0';
		for (p = text; (nl = strchr(p, '\n')) != NULL; p = nl + 1)
			if (line_read(p, out) && out->v[0] == number)
				return true;
		len -= (size_t)(p - text);
		memmove(text, p, len);
	}
	return false;
}

bool
packetq_state(const struct packetq *q, struct packetq_state *out)
{
	struct line l;

	memset(out, 0, sizeof(*out));
	if (!list_find(q->list_fd, q->number, &l) ||
	    (uint32_t)l.v[1] != q->port)
		return false;
	out->waiting = (uint32_t)l.v[2];
	out->dropped = l.v[5] + l.v[6];
	out->last = (uint32_t)l.v[7];
	return true;
}

/* To open a queue and leave it would lose what is in it. */
enum ph_err
packetq_try(uint32_t number, struct strbuf *why)
{
	int fd = open_list();
	struct line l;
	bool found;

	if (fd == -1)
		return PH_OK;
	found = list_find(fd, number, &l);
	close(fd);
	if (!found)
		return PH_OK;
	say_taken(number, why);
	return PH_EEXIST;
}

void
packetq_reader(struct packetq *q)
{
	(void)q;
}

void
packetq_carry(const struct packetq *q)
{
	(void)q;
}

size_t
packetq_read(const struct packetq *q, void *buf, size_t size)
{
	ssize_t n;

	if (q->fd == -1)
		return 0;
	do {
		n = recv(q->fd, buf, size, MSG_DONTWAIT);
	} while (n == -1 && (errno == EINTR || errno == ENOBUFS));
	return n > 0 ? (size_t)n : 0;
}

void
packetq_verdict(const struct packetq *q, uint32_t last, bool pass)
{
	struct nfqnl_msg_verdict_hdr v = {
		.verdict = htonl(pass ? NF_ACCEPT : NF_DROP),
		.id = htonl(last),
	};
	struct request r;

	if (q->fd == -1)
		return;
	request_begin(&r, q, NFQNL_MSG_VERDICT_BATCH);
	request_put(&r, NFQA_VERDICT_HDR, &v, sizeof(v));
	(void)request_send(q, &r);
}

static void
set_room(const struct packetq *q, uint32_t waiting, bool open)
{
	struct request r;

	request_begin(&r, q, NFQNL_MSG_CONFIG);
	put_room(&r, waiting, open);
	(void)request_send(q, &r);
}

void
packetq_pause(const struct packetq *q)
{
	struct packetq_state s;

	if (q->fd == -1)
		return;
	set_room(q, 0, true);
	if (packetq_state(q, &s) && s.waiting > 0)
		packetq_verdict(q, s.last, true);
}

void
packetq_resume(const struct packetq *q)
{
	if (q->fd != -1)
		set_room(q, WAITING_MAX, q->open);
}
