/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "src/process/ipc.h"
#include "tests/unit/unit.h"

static void
pair(struct ipc *a, struct ipc *b)
{
	int fds[2];

	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(a, fds[0]);
	ipc_init(b, fds[1]);
}

static void
a_message_arrives_as_it_was_sent(void **state)
{
	static struct ipc_msg m, got;
	struct ipc a, b;
	int fd;

	(void)state;
	pair(&a, &b);
	memset(&m, 0, sizeof(m));
	m.u.commit.n = 2;
	m.u.commit.changes[1].hole.id = 77;
	assert_int_equal(ipc_send(&a, IPC_COMMIT, 5, &m, -1), PH_OK);
	assert_int_equal(ipc_recv(&b, &got, &fd), PH_OK);
	assert_int_equal(fd, -1);
	assert_int_equal(got.hdr.type, IPC_COMMIT);
	assert_int_equal(got.hdr.seq, 5);
	assert_int_equal(got.hdr.len,
	    sizeof(struct ipc_hdr) + offsetof(struct ipc_commit, changes) +
		2 * sizeof(struct fw_change));
	assert_int_equal(got.u.commit.n, 2);
	assert_int_equal(got.u.commit.changes[1].hole.id, 77);
	assert_int_equal(ipc_recv(&b, &got, &fd), PH_EAGAIN);
	ipc_close(&a);
	ipc_close(&b);
}

static void
a_descriptor_comes_along(void **state)
{
	struct ipc_msg m = { .u.client.role = IPC_ENGINE }, got;
	struct ipc a, b;
	int fds[2], fd;
	char c = 0;

	(void)state;
	pair(&a, &b);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(ipc_send(&a, IPC_CLIENT, 0, &m, fds[0]), PH_OK);
	/* Ours is closed, the other one works. */
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	assert_int_equal(ipc_recv(&b, &got, &fd), PH_OK);
	assert_true(fd >= 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(read(fd, &c, 1), 1);
	assert_int_equal(c, 'x');
	close(fd);
	close(fds[1]);
	ipc_close(&a);
	ipc_close(&b);
}

/* Everything that claims to be a message and is none. */
/* clang-format off */
static const struct {
	const char	*what;
	uint32_t	 type, n;
	int		 claimed;	/* added to the true length */
	int		 sent;		/* likewise */
	bool		 ok;
} rows[] = {
	{ "nothing but a header",	IPC_READY,	0,	0, 0, true },
	{ "type 0",			0,		0,	0, 0, false },
	{ "unknown type",		IPC_NTYPES,	0,	0, 0, false },
	{ "a far type",			UINT32_MAX,	0,	0, 0, false },
	{ "an empty batch",		IPC_COMMIT,	0,	0, 0, true },
	{ "a full batch",		IPC_COMMIT,	64,	0, 0, true },
	{ "more than full",		IPC_COMMIT,	65,	0, 0, false },
	{ "an absurd count",		IPC_COMMIT, UINT32_MAX,	0, 0, false },
	{ "shorter than it says",	IPC_QUIT,	0,	0, -1, false },
	{ "longer than it says",	IPC_QUIT,	0,	0, 1, false },
	{ "too short for its type",	IPC_QUIT,	0,	-4, -4, false },
	{ "too long for its type",	IPC_QUIT,	0,	4, 4, false },
	{ "ids cut short",		IPC_SEEN_FROM,	3,	-8, -8, false },
	{ "ids",			IPC_SEEN_FROM,	3,	0, 0, true },
	{ "packets",			IPC_PACKETS,	3,	0, 0, true },
	{ "packets cut short",		IPC_PACKETS,	3,	-8, -8, false },
};
/* clang-format on */

static size_t
true_length(uint32_t type, uint32_t n)
{
	size_t len = sizeof(struct ipc_hdr);

	if (n > 64)
		n = 0;
	switch (type) {
	case IPC_COMMIT:
		return len + 16 + n * sizeof(struct fw_change);
	case IPC_SEEN_FROM:
		return len + 8 + n * 8;
	case IPC_PACKETS:
		return len + 8 + n * 16;
	case IPC_QUIT:
		return len + sizeof(struct ipc_quit);
	default:
		return len;
	}
}

static void
only_well_formed_messages_are_received(void **state)
{
	static struct ipc_msg m, got;
	struct ipc a, b;
	size_t i, len;
	int fd;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].what);
		memset(&m, 0, sizeof(m));
		pair(&a, &b);
		len = true_length(rows[i].type, rows[i].n);
		m.hdr.type = rows[i].type;
		m.hdr.len = (uint32_t)((int)len + rows[i].claimed);
		if (rows[i].type == IPC_COMMIT)
			m.u.commit.n = rows[i].n;
		else if (rows[i].type == IPC_SEEN_FROM)
			m.u.ids.n = rows[i].n;
		else if (rows[i].type == IPC_PACKETS)
			m.u.packets.n = rows[i].n;
		len = (size_t)((int)len + rows[i].sent);
		assert_int_equal(send(a.fd, &m, len, 0), len);
		assert_int_equal(ipc_recv(&b, &got, &fd),
		    rows[i].ok ? PH_OK : PH_EMALFORMED);
		/* One bad message does not spoil the next. */
		assert_int_equal(ipc_send(&a, IPC_REPORT, 9, &m, -1), PH_OK);
		assert_int_equal(ipc_recv(&b, &got, &fd), PH_OK);
		assert_int_equal(got.hdr.seq, 9);
		ipc_close(&a);
		ipc_close(&b);
	}
}

static void
what_does_not_fit_is_queued_in_order(void **state)
{
	static struct ipc_msg m, got;
	struct ipc a, b;
	uint64_t sent = 0, received = 0;
	int fd;

	(void)state;
	pair(&a, &b);
	memset(&m, 0, sizeof(m));
	m.u.commit.n = IPC_BATCH;
	while (a.queued < 10 * sizeof(m))
		assert_int_equal(ipc_send(&a, IPC_COMMIT, sent++, &m, -1),
		    PH_OK);
	assert_true(ipc_unsent(&a));
	while (received < sent) {
		if (ipc_recv(&b, &got, &fd) == PH_OK)
			assert_int_equal(got.hdr.seq, received++);
		else
			assert_int_equal(ipc_flush(&a), PH_OK);
	}
	assert_false(ipc_unsent(&a));
	assert_int_equal(a.queued, 0);
	ipc_close(&a);
	ipc_close(&b);
}

/* As when a process gets another place with its parent. */
/* Many small messages that waited are few records for the kernel. */
static void
what_waited_is_sent_together(void **state)
{
	static struct ipc_msg m, got;
	struct ipc_msg record[2];
	struct ipc a, b;
	uint64_t i;
	int fd, other;

	(void)state;
	pair(&a, &b);
	a.held = true;
	for (i = 0; i < 200; i++) {
		m.u.quit.keep = (uint32_t)i;
		/* A descriptor is told with its own message. */
		other = i == 100 ? open("/dev/null", O_RDONLY) : -1;
		assert_int_equal(ipc_send(&a, IPC_QUIT, i, &m, other), PH_OK);
	}
	assert_int_equal(recv(b.fd, record, sizeof(record), MSG_PEEK), -1);
	/* Nobody has to wait until it can be written to. */
	assert_false(ipc_unsent(&a));
	assert_int_equal(ipc_flush(&a), PH_OK);
	for (i = 0; i < 200; i++) {
		assert_int_equal(ipc_recv(&b, &got, &fd), PH_OK);
		assert_int_equal(got.hdr.seq, i);
		assert_int_equal(got.u.quit.keep, i);
		assert_int_equal(fd != -1, i == 100);
		if (fd != -1)
			close(fd);
		/* 64 to a record, and the one with the descriptor alone. */
		assert_int_equal(ipc_pending(&b),
		    i != 63 && i != 99 && i != 100 && i != 164 && i != 199);
	}
	assert_int_equal(ipc_recv(&b, &got, &fd), PH_EAGAIN);
	ipc_close(&a);
	ipc_close(&b);
}

static void
a_peer_that_does_not_read_is_waited_for_also_when_held(void **state)
{
	static struct ipc_msg m, got;
	struct ipc a, b;
	uint64_t sent, received = 0;
	int fd;

	(void)state;
	pair(&a, &b);
	a.held = true;
	for (sent = 0; sent < 100000 && !ipc_unsent(&a); sent++)
		assert_int_equal(ipc_send(&a, IPC_QUIT, sent, &m, -1), PH_OK);
	assert_true(ipc_unsent(&a));
	while (received < sent) {
		if (ipc_recv(&b, &got, &fd) == PH_OK)
			assert_int_equal(got.hdr.seq, received++);
		else
			assert_int_equal(ipc_flush(&a), PH_OK);
	}
	assert_false(ipc_unsent(&a));
	ipc_close(&a);
	ipc_close(&b);
}

static void
what_is_queued_moves_along(void **state)
{
	static struct ipc_msg m, got;
	struct ipc a, b, c;
	uint64_t sent = 0, received = 0;
	int fd;

	(void)state;
	pair(&a, &b);
	memset(&m, 0, sizeof(m));
	m.u.commit.n = IPC_BATCH;
	while (a.queued < 10 * sizeof(m))
		assert_int_equal(ipc_send(&a, IPC_COMMIT, sent++, &m, -1),
		    PH_OK);
	ipc_move(&c, &a);
	assert_int_equal(a.fd, -1);
	assert_false(ipc_unsent(&a));
	ipc_close(&a);
	assert_int_equal(ipc_send(&c, IPC_COMMIT, sent++, &m, -1), PH_OK);
	while (received < sent) {
		if (ipc_recv(&b, &got, &fd) == PH_OK)
			assert_int_equal(got.hdr.seq, received++);
		else
			assert_int_equal(ipc_flush(&c), PH_OK);
	}
	assert_int_equal(c.queued, 0);
	/* Empty, and then something is sent. */
	ipc_move(&a, &c);
	assert_int_equal(ipc_send(&a, IPC_COMMIT, sent, &m, -1), PH_OK);
	assert_int_equal(ipc_recv(&b, &got, &fd), PH_OK);
	ipc_close(&a);
	ipc_close(&b);
}

static void
a_peer_that_never_reads_is_bounded(void **state)
{
	static struct ipc_msg m;
	struct ipc a, b;
	enum ph_err rc;
	size_t n = 0;

	(void)state;
	pair(&a, &b);
	memset(&m, 0, sizeof(m));
	m.u.commit.n = IPC_BATCH;
	while ((rc = ipc_send(&a, IPC_COMMIT, n, &m, -1)) == PH_OK)
		assert_true(++n < 100000);
	assert_int_equal(rc, PH_ELIMIT);
	ipc_close(&a);
	ipc_close(&b);
}

static void
a_dead_peer_is_noticed_by_both_sides(void **state)
{
	struct ipc_msg m;
	struct ipc a, b;
	int fd;

	(void)state;
	pair(&a, &b);
	ipc_close(&b);
	assert_int_equal(ipc_recv(&a, &m, &fd), PH_EGONE);
	assert_int_equal(ipc_send(&a, IPC_READY, 0, &m, -1), PH_EGONE);
	ipc_close(&a);
	assert_int_equal(ipc_send(&a, IPC_READY, 0, &m, -1), PH_EGONE);
	assert_int_equal(ipc_recv(&a, &m, &fd), PH_EGONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_arrives_as_it_was_sent),
		cmocka_unit_test(a_descriptor_comes_along),
		cmocka_unit_test(only_well_formed_messages_are_received),
		cmocka_unit_test(what_does_not_fit_is_queued_in_order),
		cmocka_unit_test(what_waited_is_sent_together),
		cmocka_unit_test(
		    a_peer_that_does_not_read_is_waited_for_also_when_held),
		cmocka_unit_test(what_is_queued_moves_along),
		cmocka_unit_test(a_peer_that_never_reads_is_bounded),
		cmocka_unit_test(a_dead_peer_is_noticed_by_both_sides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
