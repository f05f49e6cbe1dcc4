/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/time.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <errno.h>
#include <limits.h>
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdlib.h>

#include "nft/batch.h"
#include "nft/netlink.h"

#define RECEIVE_SIZE   65536
#define RECEIVE_BUFFER (1 << 20)
/* How much of RECEIVE_BUFFER an echoed element takes, as the kernel counts. */
#define ECHO_SIZE      1024

struct nlsock {
	struct mnl_socket *nl;
	uint32_t seq;
	size_t sndbuf, rcvbuf;
	bool interrupted; /* the dump under way */
	bool unfinished;  /* answers to the last request may still come */
	char *buf;
};

/* All answers wait in the socket until the request has been served. */
static int
room_for(struct nlsock *s, size_t len)
{
	int size;

	if (len <= s->rcvbuf)
		return 0;
	if (len > INT_MAX / 2)
		return -ENOMEM;
	size = (int)len;
	if (setsockopt(mnl_socket_get_fd(s->nl), SOL_SOCKET, SO_RCVBUFFORCE,
		&size, sizeof(size)) == -1)
		return -errno;
	s->rcvbuf = len;
	return 0;
}

struct nlsock *
nlsock_open(void)
{
	struct timeval patience = { .tv_sec = 5 };
	int on = 1;
	struct nlsock *s;

	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->buf = malloc(RECEIVE_SIZE)) == NULL ||
	    (s->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC)) ==
		NULL ||
	    mnl_socket_bind(s->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		nlsock_close(s);
		return NULL;
	}
	/*
	 * Ask for errors without a copy of the request, and set a time limit
	 * for receiving.  Answers are right without either, so a refusal is
	 * no error.
	 */
	(void)mnl_socket_setsockopt(s->nl, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)setsockopt(mnl_socket_get_fd(s->nl), SOL_SOCKET, SO_RCVTIMEO,
	    &patience, sizeof(patience));
	(void)room_for(s, RECEIVE_BUFFER);
	s->seq = 1;
	return s;
}

void
nlsock_close(struct nlsock *s)
{
	int saved = errno;

	if (s == NULL)
		return;
	if (s->nl != NULL)
		mnl_socket_close(s->nl);
	free(s->buf);
	free(s);
	errno = saved;
}

uint32_t
nlsock_seq(const struct nlsock *s)
{
	return s->seq;
}

static int
error_of(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
		return -EBADMSG;
	e = mnl_nlmsg_get_payload(nlh);
	return e->error;
}

/* Answers of an earlier request that gave up waiting. */
static void
nlsock_drain(struct nlsock *s)
{
	int fd = mnl_socket_get_fd(s->nl);

	if (!s->unfinished)
		return;
	while (recv(fd, s->buf, RECEIVE_SIZE, MSG_DONTWAIT) >= 0 ||
	    errno == ENOBUFS || errno == EINTR)
		continue;
}

/* Netlink sends one message in one piece, so the buffer must hold it. */
static int
send_all(struct nlsock *s, const void *p, size_t len)
{
	int fd = mnl_socket_get_fd(s->nl), size;

	nlsock_drain(s);
	s->unfinished = true;
	if (len + 65536 > s->sndbuf) {
		size = (int)(len + 65536);
		if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size,
			sizeof(size)) == -1)
			return -errno;
		s->sndbuf = (size_t)size;
	}
	while (mnl_socket_sendto(s->nl, p, len) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int
nlsock_transact(struct nlsock *s, const struct batch *b, nlsock_cb *cb,
    void *ctx)
{
	int fd = mnl_socket_get_fd(s->nl), left, rc = 0;
	const struct nlmsghdr *nlh;
	bool answered = false;
	ssize_t n;

	if (b->full)
		return -ENOMEM;
	s->seq = b->seq + 1;
	if ((rc = room_for(s, RECEIVE_BUFFER + b->nechoes * ECHO_SIZE)) != 0 ||
	    (rc = send_all(s, b->p, b->len)) != 0)
		return rc;
	for (;;) {
		n = recv(fd, s->buf, RECEIVE_SIZE, MSG_DONTWAIT);
		if (n == -1 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (n <= 0)
			break;
		left = (int)n;
		for (nlh = (const struct nlmsghdr *)(void *)s->buf;
		     mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			if (nlh->nlmsg_type >= NLMSG_MIN_TYPE) {
				if (cb != NULL)
					cb(ctx, nlh);
				continue;
			}
			if (nlh->nlmsg_type != NLMSG_ERROR)
				continue;
			answered |= nlh->nlmsg_seq == b->ack;
			if (rc == 0)
				rc = error_of(nlh);
		}
		/*
		 * The acknowledgement comes last, but before the elements that
		 * the kernel echoes.
		 */
		if (answered && b->nechoes == 0)
			break;
	}
	s->unfinished = false;
	return rc == 0 && !answered ? -EOVERFLOW : rc;
}

/* One datagram of answers.  1: more will come, 0: done, below: failed. */
static int
take_answers(struct nlsock *s, size_t len, bool dump, nlsock_cb *cb, void *ctx)
{
	const struct nlmsghdr *nlh;
	int left = (int)len;

	for (nlh = (const struct nlmsghdr *)(void *)s->buf;
	     mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_seq != s->seq)
			continue;
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			s->interrupted = true;
		s->unfinished = dump && nlh->nlmsg_type != NLMSG_ERROR &&
		    nlh->nlmsg_type != NLMSG_DONE;
		if (nlh->nlmsg_type == NLMSG_ERROR)
			return error_of(nlh);
		if (nlh->nlmsg_type == NLMSG_DONE)
			return s->interrupted ? -EINTR : 0;
		if (cb != NULL)
			cb(ctx, nlh);
		if (!dump)
			return 0;
	}
	return 1;
}

static int
nlsock_receive(struct nlsock *s, bool dump, nlsock_cb *cb, void *ctx)
{
	int fd = mnl_socket_get_fd(s->nl);
	ssize_t n;

	do {
		n = recv(fd, s->buf, RECEIVE_SIZE, 0);
	} while (n == -1 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? -EIO : -errno;
	return take_answers(s, (size_t)n, dump, cb, ctx);
}

int
nlsock_dump(struct nlsock *s, struct nlmsghdr *nlh)
{
	nlh->nlmsg_seq = ++s->seq;
	s->interrupted = false;
	return send_all(s, nlh, nlh->nlmsg_len);
}

int
nlsock_more(struct nlsock *s, int datagrams, nlsock_cb *cb, void *ctx)
{
	int rc = 1;

	while (datagrams-- > 0 && rc == 1)
		rc = nlsock_receive(s, true, cb, ctx);
	return rc;
}

int
nlsock_request(struct nlsock *s, struct nlmsghdr *nlh, nlsock_cb *cb, void *ctx)
{
	bool dump = (nlh->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	int rc;

	if ((rc = nlsock_dump(s, nlh)) != 0)
		return rc;
	do {
		rc = nlsock_receive(s, dump, cb, ctx);
	} while (rc == 1);
	return rc;
}

int
nlsock_requests(struct nlsock *s, char *requests, size_t len)
{
	struct nlmsghdr *nlh;
	size_t at;
	int rc;

	for (at = 0; at < len; at += MNL_ALIGN(nlh->nlmsg_len)) {
		nlh = (struct nlmsghdr *)(void *)(requests + at);
		nlh->nlmsg_seq = ++s->seq;
	}
	if ((rc = send_all(s, requests, len)) != 0)
		return rc;
	do {
		rc = nlsock_receive(s, false, NULL, NULL);
	} while (rc == 1);
	return rc;
}

enum ph_err
nlsock_err(int err)
{
	switch (-err) {
	case 0:
		return PH_OK;
	case EBUSY:
	case EINTR:
	case EAGAIN:
	case ENOBUFS:
		return PH_EAGAIN;
	case ENOMEM:
	case ENFILE:
	case ENOSPC:
	case E2BIG:
		return PH_ELIMIT;
	case ENOENT:
	case EOVERFLOW: /* unknown whether it happened: begin anew */
		return PH_EGONE;
	case EPERM:
	case EACCES:
		return PH_EDENIED;
	default:
		return PH_EIO;
	}
}
