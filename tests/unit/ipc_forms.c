/* SPDX-License-Identifier: ISC */
/* Each message has one length; and what a socket does between two of them. */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/process/ipc.h"
#include "tests/unit/unit.h"

/* clang-format off */
#define LIST(type, of, array, max) { type, offsetof(struct of, array), \
	sizeof(((struct of *)NULL)->array[0]), max, offsetof(struct of, n) }
#define ONE(type, of) { type, sizeof(struct of), 0, 0, 0 }
#define BARE(type) { type, 0, 0, 0, 0 }
static const struct {
	enum ipc_type type;
	size_t fixed, element, max, count;
} rows[] = {
	BARE(IPC_READY), BARE(IPC_FW), ONE(IPC_CLIENT, ipc_client),
	ONE(IPC_QUIT, ipc_quit), BARE(IPC_LEAVE), ONE(IPC_YIELD, ipc_yield),
	BARE(IPC_REPORT), BARE(IPC_BEGIN),
	LIST(IPC_COMMIT, ipc_commit, changes, 64),
	LIST(IPC_RELEASE, ipc_release, since, 64),
	BARE(IPC_WAITS), BARE(IPC_SETTLE), ONE(IPC_RESULT, ipc_result),
	LIST(IPC_SEEN_FROM, ipc_ids, ids, 512),
	LIST(IPC_SEEN_TO, ipc_ids, ids, 512),
	LIST(IPC_PACKETS, ipc_packets, v, 256),
	LIST(IPC_CLOSED, ipc_ids, ids, 512),
	ONE(IPC_COUNTERS, fwcounters), ONE(IPC_ORIGINAL, ipc_original),
	ONE(IPC_TARGET, ipc_target),
	LIST(IPC_TABLE, ipc_table, prefixes, 256),
	BARE(IPC_EMPTIED), BARE(IPC_STATUS), ONE(IPC_SOURCE, ipc_source),
	ONE(IPC_LISTEN, ipc_listen), LIST(IPC_ABOUT, ipc_about, tables, 128),
	ONE(IPC_HEALTH, ipc_health), ONE(IPC_COMMAND, ipc_command),
	ONE(IPC_DONE, ipc_done), BARE(IPC_BEAT), BARE(IPC_FEED_BEGIN),
	BARE(IPC_FEED_END), BARE(IPC_FEED_GAP),
	LIST(IPC_FEED_CALL, ipc_feed_call, call, 256),
	LIST(IPC_FEED_HOLE, ipc_feed_hole, call, 256),
	ONE(IPC_FEED_HOLE_GONE, ipc_feed_gone),
	LIST(IPC_FEED_SEEN, ipc_ids, ids, 512),
	LIST(IPC_FEED_REFUSAL, ipc_feed_refusal, call, 256),
	LIST(IPC_FEED_COUNTERS, ipc_feed_counters, v, 128),
	LIST(IPC_FEED_TEXT, ipc_feed_text, text, 4096),
	ONE(IPC_TELL, ipc_tell), LIST(IPC_CLOSE_CALL, ipc_which, call, 256),
	LIST(IPC_EXPLAIN, ipc_which, call, 256),
	LIST(IPC_SHOW_TABLES, ipc_which, call, 256),
	LIST(IPC_SHOW_PEERS, ipc_which, call, 256),
	BARE(IPC_SHARE), BARE(IPC_CONNECT), ONE(IPC_CONNECTED, ipc_done),
	BARE(IPC_SHARE_BEGIN), BARE(IPC_SHARE_END),
	LIST(IPC_SHARE_CALL, ipc_share_call, bytes, 4096),
	ONE(IPC_SHARE_GONE, ipc_share_gone), ONE(IPC_SHARE_SEEN, ipc_share_seen),
	ONE(IPC_SHARE_TOOK, ipc_share_took), ONE(IPC_SHARE_ROLE, ipc_share_role),
};
/* clang-format on */

static struct ipc a, b;
static struct ipc_msg m, got;

/* What the kernel says instead of taking or giving a message; 0: it does. */
static int send_errno[3], recv_errno[3];
static int recv_flags; /* that it adds */

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);

static unsigned int options; /* that were set */

int __wrap_setsockopt(int fd, int level, int name, const void *v,
    socklen_t len);
int __real_setsockopt(int fd, int level, int name, const void *v,
    socklen_t len);

int
__wrap_setsockopt(int fd, int level, int name, const void *v, socklen_t len)
{
	options++;
	return __real_setsockopt(fd, level, name, v, len);
}

static int
next_errno(int v[3])
{
	errno = v[0];
	v[0] = v[1];
	v[1] = v[2];
	v[2] = 0;
	return errno;
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (next_errno(send_errno) != 0)
		return -1;
	return __real_sendmsg(fd, msg, flags);
}

ssize_t
__wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t n;

	if (next_errno(recv_errno) != 0)
		return -1;
	n = __real_recvmsg(fd, msg, flags);
	msg->msg_flags |= recv_flags;
	return n;
}

static bool no_memory, no_pair;

int __real_socketpair(int domain, int type, int proto, int fds[2]);
int __wrap_socketpair(int domain, int type, int proto, int fds[2]);

int
__wrap_socketpair(int domain, int type, int proto, int fds[2])
{
	return no_pair ? -1 : __real_socketpair(domain, type, proto, fds);
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);

void *
__wrap_malloc(size_t n)
{
	return no_memory ? NULL : __real_malloc(n);
}

static int
setup(void **state)
{
	int fds[2];

	(void)state;
	memset(send_errno, 0, sizeof(send_errno));
	memset(recv_errno, 0, sizeof(recv_errno));
	recv_flags = 0;
	memset(&m, 0, sizeof(m));
	if (ipc_pair(fds) != PH_OK)
		return -1;
	ipc_init(&a, fds[0]);
	ipc_init(&b, fds[1]);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	ipc_close(&a);
	ipc_close(&b);
	return 0;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static int
null_device(void)
{
	int fd = open("/dev/null", O_RDONLY);

	assert_true(fd >= 0);
	return fd;
}

static void
each_message_has_its_length(void **state)
{
	size_t i, len, n;
	uint32_t count;
	int fd, null;

	(void)state;
	assert_int_equal(ROWS(rows), IPC_NTYPES - 1);
	for (i = 0; i <= IPC_NTYPES; i += IPC_NTYPES) {
		null = null_device();
		assert_int_equal(ipc_send(&a, (enum ipc_type)i, 9, &m, null),
		    PH_EBAD);
		assert_false(is_open(null));
		assert_int_equal(ipc_recv(&b, &got, &fd), PH_EAGAIN);
	}
	for (i = 0; i < ROWS(rows); i++)
		for (n = 0; n <= rows[i].max + 1; n++) {
			if (n == 2 && rows[i].max > 2)
				n = rows[i].max;
			if (n == 1 && rows[i].max == 0)
				break;
			memset(&m, 0, sizeof(m));
			count = (uint32_t)n;
			if (rows[i].max > 0)
				memcpy((char *)&m.u + rows[i].count, &count,
				    sizeof(count));
			null = null_device();
			if (n > rows[i].max) {
				assert_int_equal(ipc_send(&a, rows[i].type, 9,
						     &m, null),
				    PH_EBAD);
				assert_false(is_open(null));
				m.hdr.len =
				    (uint32_t)(sizeof(m.hdr) + rows[i].fixed);
				assert_false(ipc_valid(&m, m.hdr.len));
				continue;
			}
			len =
			    sizeof(m.hdr) + rows[i].fixed + n * rows[i].element;
			assert_int_equal(ipc_send(&a, rows[i].type, 9, &m,
					     null),
			    PH_OK);
			assert_int_equal(m.hdr.type, rows[i].type);
			assert_int_equal(m.hdr.len, len);
			assert_true(ipc_valid(&m, len));
			m.hdr.len++;
			assert_false(ipc_valid(&m, len));
			assert_false(ipc_valid(&m, len + 1));
			m.hdr.len -= 2;
			assert_false(ipc_valid(&m, len));
			assert_false(ipc_valid(&m, len - 1));
			assert_int_equal(ipc_recv(&b, &got, &fd), PH_OK);
			assert_true(got.hdr.type == rows[i].type &&
			    got.hdr.len == len && got.hdr.seq == 9);
			assert_true(is_open(fd));
			close(fd);
		}
}

static void
both_ends_are_made_alike(void **state)
{
	int fds[2], i, size, wish = 256 * 1024, want[2];
	static const int sizes[] = { SO_SNDBUF, SO_RCVBUF };
	socklen_t len = sizeof(size);
	struct ipc used;
	size_t k;
	int like = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	(void)state;
	for (k = 0; k < ROWS(sizes); k++) {
		assert_int_equal(setsockopt(like, SOL_SOCKET, sizes[k], &wish,
				     sizeof(wish)),
		    0);
		assert_int_equal(getsockopt(like, SOL_SOCKET, sizes[k],
				     &want[k], &len),
		    0);
	}
	close(like);
	options = 0;
	no_pair = true;
	assert_int_equal(ipc_pair(fds), PH_EIO);
	no_pair = false;
	assert_int_equal(options, 0);
	assert_int_equal(ipc_pair(fds), PH_OK);
	assert_int_equal(options, 4);
	for (i = 0; i < 2; i++) {
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		for (k = 0; k < ROWS(sizes); k++) {
			assert_int_equal(getsockopt(fds[i], SOL_SOCKET,
					     sizes[k], &size, &len),
			    0);
			assert_int_equal(size, want[k]);
		}
		/* One that is used does not block. */
		assert_false(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
		ipc_init(&used, fds[i]);
		assert_true(used.fd == fds[i] && !used.gone);
		assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
		close(fds[i]);
	}
	ipc_init(&used, -1);
	assert_true(used.fd == -1 && !used.gone && used.queued == 0);
}

/* clang-format off */
static const struct {
	int err[3];
	enum ph_err rc;
	bool queued, gone;
} sends[] = {
	{ { EINTR, EINTR, 0 }, PH_OK, false, false },
	{ { EAGAIN, 0, 0 }, PH_OK, true, false },
	{ { EINTR, ENOBUFS, 0 }, PH_OK, true, false },
	{ { EPIPE, 0, 0 }, PH_EGONE, false, true },
	{ { ECONNRESET, 0, 0 }, PH_EGONE, false, true },
};
/* clang-format on */

static void
what_the_kernel_says_of_sending(void **state)
{
	int fd, null;
	size_t i;

	for (i = 0; i < ROWS(sends); i++) {
		null = null_device();
		memcpy(send_errno, sends[i].err, sizeof(send_errno));
		assert_int_equal(ipc_send(&a, IPC_REPORT, 1, &m, null),
		    sends[i].rc);
		/* It is closed here, but not before it is sent. */
		assert_int_equal(is_open(null), sends[i].queued);
		assert_int_equal(ipc_unsent(&a), sends[i].queued);
		assert_int_equal(a.queued, sends[i].queued ? 16 : 0);
		assert_int_equal(a.gone, sends[i].gone);
		if (sends[i].gone) {
			null = null_device();
			assert_int_equal(ipc_send(&a, IPC_REPORT, 2, &m, null),
			    PH_EGONE);
			assert_false(is_open(null));
			assert_int_equal(ipc_recv(&b, &got, &fd), PH_EAGAIN);
		} else {
			assert_int_equal(ipc_flush(&a), PH_OK);
			assert_false(is_open(null));
			assert_int_equal(a.queued, 0);
			assert_int_equal(ipc_recv(&b, &got, &fd), PH_OK);
			assert_true(is_open(fd));
			close(fd);
		}
		teardown(state);
		assert_int_equal(setup(state), 0);
	}
	/* What waited is still there when the peer is found to be gone. */
	send_errno[0] = EAGAIN;
	null = null_device();
	assert_int_equal(ipc_send(&a, IPC_REPORT, 1, &m, null), PH_OK);
	send_errno[0] = EAGAIN;
	assert_int_equal(ipc_flush(&a), PH_OK);
	assert_true(a.full && ipc_unsent(&a));
	send_errno[0] = EPIPE;
	assert_int_equal(ipc_flush(&a), PH_EGONE);
	assert_true(a.gone && !a.full && !ipc_unsent(&a));
	assert_int_equal(ipc_flush(&a), PH_EGONE);
	assert_true(is_open(null));
	ipc_close(&a);
	assert_false(is_open(null));
	assert_true(a.queued == 0 && a.fd == -1);
	assert_int_equal(ipc_flush(&a), PH_OK);
	assert_int_equal(ipc_send(&a, IPC_REPORT, 1, &m, -1), PH_EGONE);
}

static void
what_the_kernel_says_of_receiving(void **state)
{
	int fd = 5, null;

	(void)state;
	assert_int_equal(ipc_send(&a, IPC_REPORT, 1, &m, -1), PH_OK);
	recv_errno[0] = recv_errno[1] = EINTR;
	assert_int_equal(ipc_recv(&b, &got, &fd), PH_OK);
	assert_int_equal(fd, -1);
	/* Where nothing came with it, there is nothing to keep. */
	assert_null(b.rest);
	assert_int_equal(ipc_recv(&b, &got, &fd), PH_EAGAIN);
	assert_false(b.gone);
	/* Of a message that was cut, nothing is believed. */
	for (recv_flags = MSG_TRUNC;; recv_flags = MSG_CTRUNC) {
		null = null_device();
		assert_int_equal(ipc_send(&a, IPC_REPORT, 1, &m, null), PH_OK);
		fd = 5;
		assert_int_equal(ipc_recv(&b, &got, &fd), PH_EMALFORMED);
		assert_int_equal(fd, -1);
		assert_false(b.gone);
		/* The place of the descriptor is free again. */
		assert_int_equal(fd = null_device(), null);
		close(fd);
		if (recv_flags == MSG_CTRUNC)
			break;
	}
	recv_flags = 0;
	recv_errno[0] = ECONNRESET;
	assert_int_equal(ipc_recv(&b, &got, &fd), PH_EGONE);
	assert_true(b.gone);
	teardown(state);
	assert_int_equal(setup(state), 0);
	ipc_close(&a);
	assert_int_equal(ipc_recv(&b, &got, &fd), PH_EGONE);
	assert_true(b.gone && fd == -1);
}

/* Two fit in where one is expected: the second is closed. */
static void
one_descriptor_is_taken(void **state)
{
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(3 * sizeof(int))];
	} control;
	struct msghdr msg = { 0 };
	struct iovec iov = { &m, sizeof(m.hdr) };
	struct cmsghdr *cm;
	int fds[3], before, fd, n, i;

	(void)state;
	m.hdr.type = IPC_REPORT;
	m.hdr.len = sizeof(m.hdr);
	for (n = 2; n <= 3; n++) {
		before = null_device();
		close(before);
		for (i = 0; i < n; i++)
			fds[i] = null_device();
		memset(&control, 0, sizeof(control));
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(cm), fds, (size_t)n * sizeof(int));
		assert_int_equal(__real_sendmsg(a.fd, &msg, 0), sizeof(m.hdr));
		for (i = 0; i < n; i++)
			close(fds[i]);
		/* Where there is no room for all, the message is refused. */
		assert_int_equal(ipc_recv(&b, &got, &fd),
		    n == 2 &&
			    CMSG_SPACE(sizeof(int)) >= CMSG_LEN(2 * sizeof(int))
			? PH_OK
			: PH_EMALFORMED);
		if (fd != -1) {
			assert_int_equal(fd, before);
			close(fd);
		}
		/* All others are free again, too. */
		for (i = 0; i < n; i++)
			assert_int_equal(null_device(), fds[i]);
		for (i = 0; i < n; i++)
			close(fds[i]);
	}
}

/* A record of several messages: lengths that lie, and a bad one among them. */
static void
a_record_is_whole_or_nothing(void **state)
{
	/* clang-format off */
	static const struct {
		uint32_t type[3], len[3];
		size_t sent;
		enum ph_err rc[3];
	} records[] = {
		{ { IPC_REPORT, IPC_BEAT, IPC_WAITS }, { 16, 16, 16 }, 48, { PH_OK, PH_OK, PH_OK } },
		{ { IPC_REPORT, IPC_BEAT, IPC_WAITS }, { 16, 16, 17 }, 48, { PH_EMALFORMED, 0, 0 } },
		{ { IPC_REPORT, IPC_BEAT, IPC_WAITS }, { 16, 16, 15 }, 48, { PH_EMALFORMED, 0, 0 } },
		{ { IPC_REPORT, IPC_BEAT, IPC_WAITS }, { 16, 16, 16 }, 47, { PH_EMALFORMED, 0, 0 } },
		{ { IPC_REPORT, IPC_BEAT, IPC_WAITS }, { 16, 32, 16 }, 48, { PH_OK, PH_EMALFORMED, 0 } },
		{ { IPC_NTYPES, IPC_BEAT, IPC_WAITS }, { 16, 16, 16 }, 48, { PH_EMALFORMED, 0, 0 } },
		{ { IPC_REPORT, 0, IPC_WAITS }, { 16, 16, 16 }, 48, { PH_OK, PH_EMALFORMED, PH_OK } },
		{ { IPC_REPORT, IPC_BEAT, IPC_WAITS }, { 0, 16, 16 }, 48, { PH_EMALFORMED, 0, 0 } },
		{ { IPC_REPORT, IPC_BEAT, IPC_WAITS }, { 48, 16, 16 }, 48, { PH_EMALFORMED, 0, 0 } },
	};
	/* clang-format on */
	struct ipc_hdr h[3];
	size_t i, k;
	int fd;

	(void)state;
	memset(h, 0, sizeof(h));
	for (i = 0; i < ROWS(records); i++) {
		for (k = 0; k < 3; k++) {
			h[k].type = records[i].type[k];
			h[k].len = records[i].len[k];
			h[k].seq = k + 1;
		}
		assert_int_equal(send(a.fd, h, records[i].sent, 0),
		    records[i].sent);
		for (k = 0; k < 3; k++) {
			assert_int_equal(ipc_recv(&b, &got, &fd),
			    records[i].rc[k]);
			if (records[i].rc[k] == PH_OK) {
				assert_int_equal(got.hdr.seq, k + 1);
				assert_int_equal(got.hdr.type,
				    records[i].type[k]);
			}
			if (!ipc_pending(&b))
				break;
		}
		assert_int_equal(ipc_recv(&b, &got, &fd), PH_EAGAIN);
	}
}

static void
as_much_waits_as_may(void **state)
{
	size_t max;

	(void)state;
	/* The second message takes 16 bytes. */
	for (max = 31; max <= 33; max++) {
		a.held = a.full = true;
		a.max = max;
		assert_int_equal(ipc_send(&a, IPC_REPORT, 0, &m, -1), PH_OK);
		assert_int_equal(ipc_send(&a, IPC_REPORT, 0, &m, -1),
		    max < 32 ? PH_ELIMIT : PH_OK);
		assert_int_equal(a.queued, max < 32 ? 16 : 32);
		assert_false(a.gone);
		teardown(state);
		assert_int_equal(setup(state), 0);
	}
}

/* A message that finds no memory is none, and harms no other. */
static void
without_memory_a_message_is_refused(void **state)
{
	int fd, null = null_device();

	(void)state;
	a.held = true;
	no_memory = true;
	assert_int_equal(ipc_send(&a, IPC_REPORT, 0, &m, null), PH_ENOMEM);
	no_memory = false;
	assert_false(is_open(null));
	assert_true(a.queued == 0 && !a.gone && STAILQ_EMPTY(&a.out));
	assert_int_equal(ipc_send(&a, IPC_REPORT, 1, &m, -1), PH_OK);
	assert_int_equal(ipc_send(&a, IPC_REPORT, 2, &m, -1), PH_OK);
	assert_int_equal(ipc_flush(&a), PH_OK);
	assert_int_equal(ipc_send(&a, IPC_REPORT, 3, &m, -1), PH_OK);
	assert_int_equal(ipc_flush(&a), PH_OK);
	no_memory = true;
	assert_int_equal(ipc_recv(&b, &got, &fd), PH_ENOMEM);
	no_memory = false;
	assert_true(b.rest == NULL && !ipc_pending(&b) && !b.gone);
	assert_int_equal(ipc_recv(&b, &got, &fd), PH_OK);
	assert_int_equal(got.hdr.seq, 3);
}

/* What is held goes when there is more than 16 kB of it. */
static void
what_is_held_does_not_grow(void **state)
{
	int i, fd;

	(void)state;
	a.held = true;
	for (i = 0; i < 16384 / 16; i++)
		assert_int_equal(ipc_send(&a, IPC_REPORT, 0, &m, -1), PH_OK);
	assert_int_equal(a.queued, 16384);
	assert_int_equal(ipc_recv(&b, &got, &fd), PH_EAGAIN);
	assert_int_equal(ipc_send(&a, IPC_REPORT, 0, &m, -1), PH_OK);
	assert_int_equal(a.queued, 16);
	assert_int_equal(ipc_recv(&b, &got, &fd), PH_OK);
	/* If the peer is gone then, that is noticed. */
	while (a.queued + 16 <= 16384)
		assert_int_equal(ipc_send(&a, IPC_REPORT, 0, &m, -1), PH_OK);
	assert_false(a.gone);
	ipc_close(&b);
	(void)!ipc_send(&a, IPC_REPORT, 0, &m, -1);
	assert_true(a.gone);
}

static void
all_of_it_moves(void **state)
{
	struct ipc to;
	int i, fd;

	(void)state;
	for (i = 0; i < 4; i++) {
		b.held = true;
		assert_int_equal(ipc_send(&b, IPC_REPORT, (uint64_t)i, &m, -1),
		    PH_OK);
	}
	assert_int_equal(ipc_flush(&b), PH_OK);
	assert_int_equal(ipc_recv(&a, &got, &fd), PH_OK);
	assert_int_equal(ipc_recv(&a, &got, &fd), PH_OK);
	a.held = a.full = a.gone = true;
	a.max = 77;
	a.queued = 5;
	memset(&to, 0x5a, sizeof(to));
	fd = a.fd;
	ipc_move(&to, &a);
	assert_true(to.held && to.full && to.gone && to.max == 77 &&
	    to.queued == 5 && to.fd == fd && to.restlen == 32 &&
	    to.restat == 16 && to.rest != NULL && STAILQ_EMPTY(&to.out));
	assert_true(!a.held && !a.full && !a.gone && a.max == 0 &&
	    a.queued == 0 && a.fd == -1 && a.restlen == 0 && a.rest == NULL);
	assert_false(ipc_pending(&a));
	assert_true(ipc_pending(&to));
	assert_int_equal(ipc_recv(&to, &got, &fd), PH_OK);
	assert_int_equal(got.hdr.seq, 2);
	assert_int_equal(ipc_recv(&to, &got, &fd), PH_OK);
	assert_int_equal(got.hdr.seq, 3);
	assert_false(ipc_pending(&to));
	to.queued = 0;
	ipc_close(&to);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_message_has_its_length),
		T(both_ends_are_made_alike),
		T(what_the_kernel_says_of_sending),
		T(what_the_kernel_says_of_receiving),
		T(one_descriptor_is_taken),
		T(a_record_is_whole_or_nothing),
		T(as_much_waits_as_may),
		T(without_memory_a_message_is_refused),
		T(what_is_held_does_not_grow),
		T(all_of_it_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
