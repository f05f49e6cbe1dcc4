/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/process/ipc.h"

/*
 * Bytes that may wait for a peer: a table of 200,000 pinholes being told to a
 * firewall process that has just started, and to spare.
 */
#define QUEUE_MAX     (64u << 20)
#define HELD_MAX      16384
#define SOCKET_BUFFER (256 * 1024)
#define RECORD_MAX    sizeof(struct ipc_msg)
#define RECORD_PARTS  64

struct ipc_out {
	STAILQ_ENTRY(ipc_out) entry;
	int fd;
	size_t len;
	char bytes[];
};

/*
 * How long a message of each type is: a fixed part, and maybe n elements behind
 * it, whose number is in the fixed part.
 */
/* clang-format off */
#define FIXED(type) { sizeof(type), 0, 0, 0 }
#define ELEMENTS(type, array, most) { offsetof(type, array), \
	    sizeof(((type *)NULL)->array[0]), most, offsetof(type, n) }
static const struct shape {
	uint16_t fixed;		/* behind the header */
	uint16_t element;
	uint16_t max;		/* elements */
	uint16_t count;		/* where their number is, a uint32_t */
} shapes[IPC_NTYPES] = {
	[IPC_CLIENT]	= FIXED(struct ipc_client),
	[IPC_QUIT]	= FIXED(struct ipc_quit),
	[IPC_YIELD]	= FIXED(struct ipc_yield),
	[IPC_COMMIT]	= ELEMENTS(struct ipc_commit, changes, IPC_BATCH),
	[IPC_RELEASE]	= ELEMENTS(struct ipc_release, since, IPC_HELD),
	[IPC_RESULT]	= FIXED(struct ipc_result),
	[IPC_SEEN_FROM]	= ELEMENTS(struct ipc_ids, ids, IPC_IDS),
	[IPC_SEEN_TO]	= ELEMENTS(struct ipc_ids, ids, IPC_IDS),
	[IPC_PACKETS]	= ELEMENTS(struct ipc_packets, v, IPC_COUNTS),
	[IPC_CLOSED]	= ELEMENTS(struct ipc_ids, ids, IPC_IDS),
	[IPC_COUNTERS]	= FIXED(struct fwcounters),
	[IPC_ORIGINAL]	= FIXED(struct ipc_original),
	[IPC_TARGET]	= FIXED(struct ipc_target),
	[IPC_TABLE]	= ELEMENTS(struct ipc_table, prefixes, IPC_PREFIXES),
	[IPC_SOURCE]	= FIXED(struct ipc_source),
	[IPC_LISTEN]	= FIXED(struct ipc_listen),
	[IPC_ABOUT]	= ELEMENTS(struct ipc_about, tables, IPC_TABLES),
	[IPC_HEALTH]	= FIXED(struct ipc_health),
	[IPC_COMMAND]	= FIXED(struct ipc_command),
	[IPC_DONE]	= FIXED(struct ipc_done),
	[IPC_FEED_CALL]	= ELEMENTS(struct ipc_feed_call, call, IPC_CALL),
	[IPC_FEED_HOLE]	= ELEMENTS(struct ipc_feed_hole, call, IPC_CALL),
	[IPC_FEED_HOLE_GONE] = FIXED(struct ipc_feed_gone),
	[IPC_FEED_SEEN]	= ELEMENTS(struct ipc_ids, ids, IPC_IDS),
	[IPC_FEED_REFUSAL] = ELEMENTS(struct ipc_feed_refusal, call, IPC_CALL),
	[IPC_FEED_COUNTERS] = ELEMENTS(struct ipc_feed_counters, v, IPC_NCOUNTERS),
	[IPC_FEED_TEXT]	= ELEMENTS(struct ipc_feed_text, text, IPC_TEXT),
	[IPC_TELL]	= FIXED(struct ipc_tell),
	[IPC_CLOSE_CALL] = ELEMENTS(struct ipc_which, call, IPC_CALL),
	[IPC_EXPLAIN]	= ELEMENTS(struct ipc_which, call, IPC_CALL),
	[IPC_SHOW_TABLES] = ELEMENTS(struct ipc_which, call, IPC_CALL),
	[IPC_SHOW_PEERS] = ELEMENTS(struct ipc_which, call, IPC_CALL),
	[IPC_CONNECTED]	= FIXED(struct ipc_done),
	[IPC_SHARE_CALL] = ELEMENTS(struct ipc_share_call, bytes, IPC_SHARE_PART),
	[IPC_SHARE_GONE] = FIXED(struct ipc_share_gone),
	[IPC_SHARE_SEEN] = FIXED(struct ipc_share_seen),
	[IPC_SHARE_TOOK] = FIXED(struct ipc_share_took),
	[IPC_SHARE_ROLE] = FIXED(struct ipc_share_role),
	/* All others are a header and nothing else. */
};
#undef FIXED
#undef ELEMENTS
/* clang-format on */

_Static_assert(sizeof(struct ipc_msg) <= 8192,
    "FreeBSD's net.local.seqpacket.maxseqpacket");

static size_t
msg_elements(const struct ipc_msg *m, const struct shape *s)
{
	uint32_t n = 0;

	if (s->element > 0)
		memcpy(&n, (const char *)&m->u + s->count, sizeof(n));
	return n;
}

/* The length that type and count call for; 0 if there is no such message. */
static size_t
msg_length(const struct ipc_msg *m)
{
	const struct shape *s;
	size_t n;

	if (m->hdr.type == 0 || m->hdr.type >= IPC_NTYPES)
		return 0;
	s = &shapes[m->hdr.type];
	if ((n = msg_elements(m, s)) > s->max)
		return 0;
	return sizeof(m->hdr) + s->fixed + n * s->element;
}

bool
ipc_valid(const struct ipc_msg *m, size_t len)
{
	if (len < sizeof(m->hdr) || len > sizeof(*m) || len != m->hdr.len)
		return false;
	if (m->hdr.type == 0 || m->hdr.type >= IPC_NTYPES ||
	    len < sizeof(m->hdr) + shapes[m->hdr.type].fixed)
		return false;
	return msg_length(m) == len;
}

enum ph_err
ipc_pair(int fds[2])
{
	int i, size = SOCKET_BUFFER;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == -1)
		return PH_EIO;
	for (i = 0; i < 2; i++) {
		(void)fcntl(fds[i], F_SETFD, FD_CLOEXEC);
		/* A smaller buffer is slower, but works. */
		(void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size,
		    sizeof(size));
		(void)setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &size,
		    sizeof(size));
	}
	return PH_OK;
}

void
ipc_init(struct ipc *c, int fd)
{
	memset(c, 0, sizeof(*c));
	STAILQ_INIT(&c->out);
	c->fd = fd;
	if (fd != -1)
		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void
ipc_move(struct ipc *to, struct ipc *from)
{
	ipc_init(to, -1);
	STAILQ_CONCAT(&to->out, &from->out);
	to->queued = from->queued;
	to->gone = from->gone;
	to->max = from->max;
	to->held = from->held;
	to->full = from->full;
	to->fd = from->fd;
	to->rest = from->rest;
	to->restlen = from->restlen;
	to->restat = from->restat;
	ipc_init(from, -1);
}

static void
out_free(struct ipc *c, struct ipc_out *o)
{
	STAILQ_REMOVE_HEAD(&c->out, entry);
	c->queued -= o->len;
	if (o->fd != -1)
		close(o->fd);
	free(o);
}

void
ipc_close(struct ipc *c)
{
	struct ipc_out *o;

	while ((o = STAILQ_FIRST(&c->out)) != NULL)
		out_free(c, o);
	free(c->rest);
	c->rest = NULL;
	c->restlen = 0;
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
}

static enum ph_err
ipc_transmit(struct ipc *c, struct iovec *iov, size_t n, int fd)
{
	/* A union for alignment, as cmsg(3) advises. */
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = iov };
	struct cmsghdr *cm;

	msg.msg_iovlen = (__typeof__(msg.msg_iovlen))n;
	if (fd != -1) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	}
	while (sendmsg(c->fd, &msg, MSG_NOSIGNAL) == -1) {
		if (errno == EINTR)
			continue;
		/* The BSDs say ENOBUFS for a full Unix socket. */
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
			return PH_EAGAIN;
		return PH_EGONE;
	}
	return PH_OK;
}

enum ph_err
ipc_send(struct ipc *c, enum ipc_type type, uint64_t seq, struct ipc_msg *m,
    int fd)
{
	enum ph_err rc = PH_EGONE;
	struct iovec iov = { m, 0 };
	struct ipc_out *o;

	m->hdr.type = type;
	m->hdr.seq = seq;
	m->hdr.len = (uint32_t)msg_length(m);
	if (c->fd == -1 || c->gone)
		goto out;
	if (m->hdr.len == 0) {
		rc = PH_EBAD;
		goto out;
	}
	if (c->held && !c->full && c->queued + m->hdr.len > HELD_MAX)
		c->gone = ipc_flush(c) != PH_OK;
	if (STAILQ_EMPTY(&c->out) && !c->held) {
		iov.iov_len = m->hdr.len;
		rc = ipc_transmit(c, &iov, 1, fd);
		if (rc != PH_EAGAIN) {
			c->gone = rc != PH_OK;
			goto out;
		}
	}
	if (c->queued + m->hdr.len > (c->max != 0 ? c->max : QUEUE_MAX)) {
		rc = PH_ELIMIT;
		goto out;
	}
	if ((o = malloc(sizeof(*o) + m->hdr.len)) == NULL) {
		rc = PH_ENOMEM;
		goto out;
	}
	o->fd = fd;
	o->len = m->hdr.len;
	memcpy(o->bytes, m, o->len);
	STAILQ_INSERT_TAIL(&c->out, o, entry);
	c->queued += o->len;
	return PH_OK;
out:
	if (fd != -1)
		close(fd);
	return rc;
}

bool
ipc_unsent(const struct ipc *c)
{
	return !c->gone && !STAILQ_EMPTY(&c->out) && (!c->held || c->full);
}

/* As many as one record holds; the descriptor that goes with them, or -1. */
static size_t
record_gather(const struct ipc *c, struct iovec *iov, int *fd)
{
	struct ipc_out *o;
	size_t n = 0, len = 0;

	*fd = STAILQ_FIRST(&c->out)->fd;
	STAILQ_FOREACH(o, &c->out, entry) {
		if (n > 0 &&
		    (*fd != -1 || o->fd != -1 || n == RECORD_PARTS ||
			len + o->len > RECORD_MAX))
			break;
		len += o->len;
		iov[n].iov_base = o->bytes;
		iov[n++].iov_len = o->len;
	}
	return n;
}

enum ph_err
ipc_flush(struct ipc *c)
{
	struct iovec iov[RECORD_PARTS];
	enum ph_err rc;
	size_t n;
	int fd;

	while (!STAILQ_EMPTY(&c->out)) {
		if (c->gone)
			return PH_EGONE;
		n = record_gather(c, iov, &fd);
		rc = ipc_transmit(c, iov, n, fd);
		c->full = rc == PH_EAGAIN;
		if (c->full)
			return PH_OK;
		if (rc != PH_OK) {
			c->gone = true;
			return rc;
		}
		while (n-- > 0)
			out_free(c, STAILQ_FIRST(&c->out));
	}
	return PH_OK;
}

/* Keep the first descriptor that came along and close all others. */
static int
take_fd(struct msghdr *msg)
{
	struct cmsghdr *cm;
	size_t i, n;
	int fd, taken = -1;

	for (cm = CMSG_FIRSTHDR(msg); cm != NULL; cm = CMSG_NXTHDR(msg, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int),
			    sizeof(fd));
			if (taken == -1)
				taken = fd;
			else
				close(fd);
		}
	}
	return taken;
}

/* Whether `n` bytes are messages, by their headers, and nothing else. */
static bool
record_is_whole(const void *record, size_t n)
{
	const char *p = record;
	struct ipc_hdr h;

	do {
		if (n < sizeof(h))
			return false;
		memcpy(&h, p, sizeof(h));
		if (h.len < sizeof(h) || h.len > n)
			return false;
		p += h.len;
		n -= h.len;
	} while (n > 0);
	return true;
}

/* The first message of `n` bytes at `m` stays there; others wait. */
static enum ph_err
record_take(struct ipc *c, struct ipc_msg *m, size_t n)
{
	if (!record_is_whole(m, n) || !ipc_valid(m, m->hdr.len))
		return PH_EMALFORMED;
	if ((n -= m->hdr.len) == 0)
		return PH_OK;
	if (c->rest == NULL && (c->rest = malloc(RECORD_MAX)) == NULL)
		return PH_ENOMEM;
	memcpy(c->rest, (const char *)m + m->hdr.len, n);
	c->restlen = n;
	c->restat = 0;
	return PH_OK;
}

/* record_take() has checked the lengths. */
static enum ph_err
rest_take(struct ipc *c, struct ipc_msg *m)
{
	const char *p = c->rest + c->restat;

	memcpy(&m->hdr, p, sizeof(m->hdr));
	memcpy(m, p, m->hdr.len);
	c->restat += m->hdr.len;
	c->restlen -= m->hdr.len;
	return ipc_valid(m, m->hdr.len) ? PH_OK : PH_EMALFORMED;
}

bool
ipc_pending(const struct ipc *c)
{
	return c->restlen > 0;
}

enum ph_err
ipc_recv(struct ipc *c, struct ipc_msg *m, int *fd)
{
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { m, sizeof(*m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	enum ph_err rc = PH_EMALFORMED;
	ssize_t n;

	*fd = -1;
	if (c->fd == -1)
		return PH_EGONE;
	if (c->restlen > 0)
		return rest_take(c, m);
	msg.msg_control = control.buf;
	msg.msg_controllen = sizeof(control.buf);
	while ((n = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC)) == -1) {
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return PH_EAGAIN;
		c->gone = true;
		return PH_EGONE;
	}
	*fd = take_fd(&msg);
	if (n == 0) {
		c->gone = true;
		return PH_EGONE;
	}
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
		rc = record_take(c, m, (size_t)n);
	if (rc != PH_OK && *fd != -1) {
		close(*fd);
		*fd = -1;
	}
	return rc;
}
