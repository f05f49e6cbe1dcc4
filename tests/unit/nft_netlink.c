/* SPDX-License-Identifier: ISC */
/*
 * Requests and their answers on a netlink socket of paper: which answers are
 * taken, which errors are told, and when to stop reading.
 */
#include <sys/socket.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <errno.h>
#include <limits.h>
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft/batch.h"
#include "nft/netlink.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

#define FD   77
#define NEWS (NFNL_SUBSYS_NFTABLES << 8 | 12)

/*
 * What the kernel says, a word for each message, and "|" between datagrams:
 * nS news, iS news of an interrupted dump, oS nothing, dS the end of a dump,
 * eS:N error N (0: none), sS an error cut short; S is the sequence number.  A
 * datagram that is xN is recv()'s errno N instead; x0: nothing was read.
 */
static const char *script;
/*
 * What we did: S send, R wait for a datagram, r look for one, B and b for the
 * buffers of receiving and sending, with their size in KiB.
 */
static char did[256];
static char saw[256]; /* the messages for the callback */
static int open_sockets;
static int no_open, no_bind, no_buffer, no_send; /* fail with this errno */
static unsigned int busy; /* send is interrupted so often */
static char sent[512];	  /* the last message */
static size_t nsent;

static void
note(char *to, const char *word)
{
	strlcat(to, word, sizeof(did));
}

struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags);
int __wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned int groups,
    pid_t pid);
int __wrap_mnl_socket_get_fd(const struct mnl_socket *nl);
int __wrap_mnl_socket_close(struct mnl_socket *nl);
int __wrap_mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *p,
    socklen_t len);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *p,
    size_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *p,
    socklen_t len);
ssize_t __wrap_recv(int fd, void *p, size_t size, int flags);

struct mnl_socket *
__wrap_mnl_socket_open2(int bus, int flags)
{
	assert_int_equal(bus, NETLINK_NETFILTER);
	assert_int_equal(flags, SOCK_CLOEXEC);
	errno = no_open;
	if (no_open != 0)
		return NULL;
	open_sockets++;
	return (struct mnl_socket *)(void *)&open_sockets;
}

int
__wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid)
{
	(void)nl;
	assert_int_equal(groups, 0);
	assert_int_equal(pid, MNL_SOCKET_AUTOPID);
	errno = no_bind;
	return no_bind != 0 ? -1 : 0;
}

int
__wrap_mnl_socket_get_fd(const struct mnl_socket *nl)
{
	assert_ptr_equal(nl, &open_sockets);
	return FD;
}

int
__wrap_mnl_socket_close(struct mnl_socket *nl)
{
	assert_ptr_equal(nl, &open_sockets);
	open_sockets--;
	errno = EBADF;
	return 0;
}

int
__wrap_mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *p,
    socklen_t len)
{
	(void)nl;
	assert_int_equal(type, NETLINK_CAP_ACK);
	assert_int_equal(len, sizeof(int));
	assert_int_equal(*(int *)p, 1);
	return 0;
}

ssize_t
__wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *p, size_t len)
{
	(void)nl;
	if (busy > 0) {
		busy--;
		errno = EINTR;
		return -1;
	}
	note(did, "S");
	errno = no_send;
	if (no_send != 0)
		return -1;
	nsent = len < sizeof(sent) ? len : sizeof(sent);
	memcpy(sent, p, nsent);
	return (ssize_t)len;
}

int
__wrap_setsockopt(int fd, int level, int name, const void *p, socklen_t len)
{
	char word[32];
	int size;

	assert_int_equal(fd, FD);
	assert_int_equal(level, SOL_SOCKET);
	if (name == SO_RCVTIMEO) {
		assert_int_equal(((const struct timeval *)p)->tv_sec, 5);
		assert_int_equal(((const struct timeval *)p)->tv_usec, 0);
		return 0;
	}
	assert_int_equal(len, sizeof(size));
	memcpy(&size, p, sizeof(size));
	assert_true(name == SO_RCVBUFFORCE || name == SO_SNDBUFFORCE);
	snprintf(word, sizeof(word), "%c%d", name == SO_RCVBUFFORCE ? 'B' : 'b',
	    size / 1024);
	note(did, word);
	errno = no_buffer;
	return no_buffer != 0 ? -1 : 0;
}

/* One message of the script, written at p; its length. */
static size_t
say(char *p, char what, unsigned int seq, int error)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(p);
	struct nlmsgerr *e;

	nlh->nlmsg_seq = seq;
	nlh->nlmsg_type = what == 'd' ? NLMSG_DONE
	    : what == 'o'	      ? NLMSG_NOOP
				      : NEWS;
	if (what == 'i')
		nlh->nlmsg_flags |= NLM_F_DUMP_INTR;
	if (what == 'e' || what == 's') {
		nlh->nlmsg_type = NLMSG_ERROR;
		e = mnl_nlmsg_put_extra_header(nlh, sizeof(*e));
		e->error = error;
		nlh->nlmsg_len -= what == 's';
	}
	return MNL_ALIGN(nlh->nlmsg_len);
}

ssize_t
__wrap_recv(int fd, void *p, size_t size, int flags)
{
	size_t len = 0;
	unsigned int seq;
	int error, n;
	char what;

	assert_int_equal(fd, FD);
	assert_int_equal(size, 65536);
	assert_true(flags == 0 || flags == MSG_DONTWAIT);
	note(did, flags == 0 ? "R" : "r");
	errno = EAGAIN;
	if (*script == '\0')
		return -1;
	while (*script != '\0' && *script != '|') {
		error = 0;
		assert_int_equal(sscanf(script, "%c%u%n", &what, &seq, &n), 2);
		script += n;
		if (what == 'x')
			break;
		if (sscanf(script, ":%d%n", &error, &n) == 1)
			script += n;
		script += *script == ' ';
		len += say((char *)p + len, what, seq, error);
	}
	script += *script == '|';
	if (len > 0)
		return (ssize_t)len;
	errno = (int)seq;
	return seq == 0 ? 0 : -1;
}

static void
see(void *ctx, const struct nlmsghdr *nlh)
{
	char word[32];

	assert_ptr_equal(ctx, saw);
	assert_int_equal(nlh->nlmsg_type, NEWS);
	snprintf(word, sizeof(word), "%s%u", saw[0] != '\0' ? " " : "",
	    nlh->nlmsg_seq);
	note(saw, word);
}

static struct nlsock *sock;

static int
setup(void **state)
{
	(void)state;
	no_open = no_bind = no_buffer = no_send = 0;
	busy = 0;
	sock = nlsock_open();
	did[0] = saw[0] = '\0';
	script = "";
	return sock == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	nlsock_close(sock);
	assert_int_equal(open_sockets, 0);
	return 0;
}

static struct nlmsghdr *
question(char *buf, bool dump)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_flags = NLM_F_REQUEST | (dump ? NLM_F_DUMP : NLM_F_ACK);
	return nlh;
}

/* The first question after opening has number 2. */
static int
ask(bool dump, const char *answers)
{
	_Alignas(struct nlmsghdr) char buf[256];

	did[0] = saw[0] = '\0';
	script = answers;
	return nlsock_request(sock, question(buf, dump), see, saw);
}

static void
the_answer_to_a_question_is_taken(void **state)
{
	/* clang-format off */
	static const struct {
		bool dump;
		const char *script;
		int rc;
		const char *saw;
		const char *left;	/* of the script */
	} t[] = {
	{ false, "n2", 0, "2", "" },
	{ false, "e2:0", 0, "", "" },
	{ false, "e2:-2", -ENOENT, "", "" },
	{ false, "s2:-2", -EBADMSG, "", "" },
	{ false, "d2", 0, "", "" },
	/* One answer is enough, and its acknowledgement is not waited for. */
	{ false, "n2 n2|e2:0", 0, "2", "e2:0" },
	/* Answers to others. */
	{ false, "n1|n2", 0, "2", "" },
	{ false, "n1 e1:-1 n3 n2", 0, "2", "" },
	{ false, "e3:-1|e2:-2", -ENOENT, "", "" },
	/* Signals, time, and an end. */
	{ false, "x4|x4|n2", 0, "2", "" },
	{ false, "x105|n2", -ENOBUFS, "", "n2" },
	{ false, "", -EAGAIN, "", "" },
	{ false, "n1", -EAGAIN, "", "" },
	{ false, "x0|n2", -EIO, "", "n2" },
	/* A dump ends with its end. */
	{ true, "n2 n2|n2 d2|n2", 0, "2 2 2", "n2" },
	{ true, "d2", 0, "", "" },
	{ true, "n2 d1 d3|d2", 0, "2", "" },
	{ true, "n2 e2:-1 n2|d2", -EPERM, "2", "d2" },
	{ true, "n2 n2", -EAGAIN, "2 2", "" },
	/* Another change came between: the dump is not to be trusted. */
	{ true, "i2|n2|d2", -EINTR, "2 2", "" },
	{ true, "n2|i2 d2", -EINTR, "2 2", "" },
	{ true, "i1 i3|n2 d2", 0, "2", "" },
	{ true, "i2|e2:-1", -EPERM, "2", "" },
	{ false, "i2", 0, "2", "" },
	};
	/* clang-format on */
	size_t i;
	int rc;

	for (i = 0; i < ROWS(t); i++) {
		setup(state);
		rc = ask(t[i].dump, t[i].script);
		if (rc != t[i].rc || strcmp(saw, t[i].saw) != 0 ||
		    strcmp(script, t[i].left) != 0)
			fail_msg("%zu: %d, saw \"%s\", left \"%s\"", i, rc, saw,
			    script);
		teardown(state);
	}
}

static void
without_a_callback_the_same_is_read(void **state)
{
	_Alignas(struct nlmsghdr) char buf[256];
	struct nlmsghdr *nlh;

	(void)state;
	script = "n2|n3 d3";
	nlh = question(buf, false);
	assert_int_equal(nlsock_request(sock, nlh, NULL, NULL), 0);
	nlh = question(buf, true);
	assert_int_equal(nlsock_request(sock, nlh, NULL, NULL), 0);
	assert_string_equal(script, "");
}

static void
a_dump_is_not_blamed_for_the_one_before(void **state)
{
	(void)state;
	assert_int_equal(ask(true, "i2 d2"), -EINTR);
	assert_int_equal(ask(true, "n3 d3"), 0);
	assert_int_equal(nlsock_seq(sock), 3);
}

static void
answers_that_came_late_are_thrown_away(void **state)
{
	(void)state;
	/* Nothing is left of these. */
	assert_int_equal(ask(false, "n2"), 0);
	assert_string_equal(did, "b64SR");
	assert_int_equal(ask(false, "e3:-2"), -ENOENT);
	assert_string_equal(did, "SR");
	assert_int_equal(ask(true, "n4|n4 d4"), 0);
	assert_string_equal(did, "SRR");
	assert_int_equal(ask(true, "n5 e5:-1"), -EPERM);
	assert_string_equal(did, "SR");
	assert_int_equal(ask(true, "n6"), -EAGAIN);
	assert_string_equal(did, "SRR");
	/* The answers to the last question wait. */
	assert_int_equal(ask(false, "n6 d6|x4|n6|x105|n6|x11|n7"), 0);
	assert_string_equal(did, "rrrrrrSR");
	assert_string_equal(saw, "7");
	assert_int_equal(ask(false, ""), -EAGAIN);
	assert_string_equal(did, "SR");
	assert_int_equal(ask(false, "x11|n9"), 0);
	assert_string_equal(did, "rSR");
	/* What answers another question says nothing of ours. */
	assert_int_equal(ask(false, "n9"), -EAGAIN);
	assert_int_equal(ask(false, "x11|n11"), 0);
	assert_string_equal(did, "rSR");
}

static void
a_message_is_sent_in_one_piece(void **state)
{
	struct batch b = { .seq = 4, .ack = 4 };
	static char bytes[200000];

	(void)state;
	b.p = bytes;
	/* The buffer holds the message and more, and never shrinks. */
	b.len = 100;
	script = "e4:0";
	assert_int_equal(nlsock_transact(sock, &b, NULL, NULL), 0);
	assert_string_equal(did, "b64Sr");
	b.len = 101;
	did[0] = '\0';
	script = "e4:0";
	assert_int_equal(nlsock_transact(sock, &b, NULL, NULL), 0);
	assert_string_equal(did, "b64Sr");
	b.len = sizeof(bytes);
	did[0] = '\0';
	script = "e4:0";
	assert_int_equal(nlsock_transact(sock, &b, NULL, NULL), 0);
	assert_string_equal(did, "b259Sr");
	did[0] = '\0';
	script = "e4:0";
	assert_int_equal(nlsock_transact(sock, &b, NULL, NULL), 0);
	assert_string_equal(did, "Sr");
	/* Interrupted, it is sent again. */
	busy = 3;
	assert_int_equal(ask(false, "n6"), 0);
	assert_int_equal(busy, 0);
	no_send = EMSGSIZE;
	assert_int_equal(ask(false, "n7"), -EMSGSIZE);
	assert_string_equal(did, "S");
	no_send = 0;
	/* The kernel allows no larger buffer: nothing is sent. */
	b.len = sizeof(bytes) + 1;
	no_buffer = EPERM;
	did[0] = '\0';
	assert_int_equal(nlsock_transact(sock, &b, NULL, NULL), -EPERM);
	assert_null(strchr(did, 'S'));
	no_buffer = 0;
	did[0] = '\0';
	script = "x11|e4:0";
	b.len--;
	assert_int_equal(nlsock_transact(sock, &b, NULL, NULL), 0);
	assert_string_equal(did, "rSr");
}

static void
echoes_have_room_before_they_come(void **state)
{
	struct batch b = { .seq = 4, .ack = 4 };
	char bytes[1] = { 0 };

	(void)state;
	b.p = bytes;
	b.len = 1;
	b.nechoes = 1;
	script = "e4:0";
	assert_int_equal(nlsock_transact(sock, &b, NULL, NULL), 0);
	assert_string_equal(did, "B1025b64Srr");
	did[0] = '\0';
	script = "e4:0";
	assert_int_equal(nlsock_transact(sock, &b, NULL, NULL), 0);
	assert_string_equal(did, "Srr");
	b.nechoes = 3;
	did[0] = '\0';
	script = "e4:0";
	assert_int_equal(nlsock_transact(sock, &b, NULL, NULL), 0);
	assert_string_equal(did, "B1027Srr");
	b.nechoes = INT_MAX / 2 / 1024;
	did[0] = '\0';
	assert_int_equal(nlsock_transact(sock, &b, NULL, NULL), -ENOMEM);
	assert_string_equal(did, "");
	b.nechoes = 4;
	no_buffer = EPERM;
	assert_int_equal(nlsock_transact(sock, &b, NULL, NULL), -EPERM);
	assert_string_equal(did, "B1028");
	/* It is asked for again. */
	no_buffer = 0;
	did[0] = '\0';
	script = "e4:0";
	assert_int_equal(nlsock_transact(sock, &b, NULL, NULL), 0);
	assert_string_equal(did, "B1028Srr");
}

static void
a_transaction_is_over_when_its_last_message_is_answered(void **state)
{
	/* clang-format off */
	static const struct {
		unsigned int echoes;
		const char *script;
		int rc;
		const char *saw, *left;
	} t[] = {
	{ 0, "e6:0|e7:0", 0, "", "e7:0" },
	{ 0, "e4:-17 e6:0", -EEXIST, "", "" },
	/* The first error is the cause. */
	{ 0, "e4:-17|e5:-2|e6:0", -EEXIST, "", "" },
	{ 0, "e5:0|e6:-2", -ENOENT, "", "" },
	{ 0, "s6:-2", -EBADMSG, "", "" },
	/* Without the last answer it is unknown whether it happened. */
	{ 0, "", -EOVERFLOW, "", "" },
	{ 0, "x11|e6:0", -EOVERFLOW, "", "e6:0" },
	{ 0, "x0|e6:0", -EOVERFLOW, "", "e6:0" },
	{ 0, "e5:0|e7:0", -EOVERFLOW, "", "" },
	{ 0, "e5:-2", -ENOENT, "", "" },
	{ 0, "x4|x105|e6:0", 0, "", "" },
	{ 0, "o6 d6 e6:0", 0, "", "" },
	{ 0, "o6 d6", -EOVERFLOW, "", "" },
	/* Echoes come after it. */
	{ 2, "e6:0|n5 n5|n9", 0, "5 5 9", "" },
	{ 2, "e6:0|x11|n5", 0, "", "n5" },
	{ 2, "n5|e6:0 n5", 0, "5 5", "" },
	{ 0, "n5|e6:0 n5|n5", 0, "5 5", "n5" },
	};
	/* clang-format on */
	struct batch b = { .seq = 7, .ack = 6 };
	char bytes[4] = "abc";
	size_t i;
	int rc;

	b.p = bytes;
	b.len = sizeof(bytes);
	for (i = 0; i < ROWS(t); i++) {
		setup(state);
		b.nechoes = t[i].echoes;
		script = t[i].script;
		rc = nlsock_transact(sock, &b, see, saw);
		if (rc != t[i].rc || strcmp(saw, t[i].saw) != 0 ||
		    strcmp(script, t[i].left) != 0)
			fail_msg("%zu: %d, saw \"%s\", left \"%s\"", i, rc, saw,
			    script);
		assert_int_equal(nsent, sizeof(bytes));
		assert_memory_equal(sent, bytes, sizeof(bytes));
		assert_int_equal(nlsock_seq(sock), 8);
		/* Nothing is thrown away before the next question. */
		assert_int_equal(ask(false, "n9"), 0);
		assert_string_equal(did, "b64SR");
		teardown(state);
	}
	setup(state);
	script = "n5 e6:0";
	assert_int_equal(nlsock_transact(sock, &b, NULL, NULL), 0);
	/* One that had no room is not sent. */
	b.full = true;
	did[0] = '\0';
	assert_int_equal(nlsock_transact(sock, &b, NULL, NULL), -ENOMEM);
	assert_string_equal(did, "");
	teardown(state);
}

static void
several_requests_are_answered_once(void **state)
{
	_Alignas(struct nlmsghdr) char buf[3 * sizeof(struct nlmsghdr)];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(void *)buf;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		(void)mnl_nlmsg_put_header(buf + i * sizeof(*nlh));
	script = "n2 e3:-2|e4:-1";
	assert_int_equal(nlsock_requests(sock, buf, sizeof(buf)), -EPERM);
	assert_string_equal(did, "b64SRR");
	assert_int_equal(nsent, sizeof(buf));
	for (i = 0; i < 3; i++)
		assert_int_equal(nlh[i].nlmsg_seq, 2 + i);
	script = "e7:0";
	assert_int_equal(nlsock_requests(sock, buf, sizeof(buf)), 0);
	no_send = EMSGSIZE;
	script = "e10:0";
	assert_int_equal(nlsock_requests(sock, buf, sizeof(buf)), -EMSGSIZE);
	no_send = 0;
}

static void
a_dump_is_read_in_slices(void **state)
{
	_Alignas(struct nlmsghdr) char buf[256];

	(void)state;
	assert_int_equal(nlsock_dump(sock, question(buf, true)), 0);
	assert_string_equal(did, "b64S");
	script = "n2 n2|n2|n2|i2|d2";
	assert_int_equal(nlsock_more(sock, 0, see, saw), 1);
	assert_string_equal(saw, "");
	assert_int_equal(nlsock_more(sock, 2, see, saw), 1);
	assert_string_equal(saw, "2 2 2");
	assert_int_equal(nlsock_more(sock, 1, see, saw), 1);
	assert_int_equal(nlsock_more(sock, 9, see, saw), -EINTR);
	assert_string_equal(saw, "2 2 2 2 2");
	assert_string_equal(did, "b64SRRRRR");
	no_send = EMSGSIZE;
	assert_int_equal(nlsock_dump(sock, question(buf, true)), -EMSGSIZE);
	no_send = 0;
}

static void
a_socket_that_cannot_be_had_leaves_nothing(void **state)
{
	struct nlsock *s;

	(void)state;
	no_open = EMFILE;
	assert_null(nlsock_open());
	assert_int_equal(errno, EMFILE);
	no_open = 0;
	no_bind = EADDRINUSE;
	assert_null(nlsock_open());
	assert_int_equal(errno, EADDRINUSE);
	no_bind = 0;
	starve(1);
	assert_null(nlsock_open());
	starve(2);
	assert_null(nlsock_open());
	starve_end();
	assert_int_equal(open_sockets, 1); /* the one of this test */
	nlsock_close(NULL);
	/* A small buffer is no reason to fail. */
	no_buffer = EPERM;
	did[0] = '\0';
	assert_non_null(s = nlsock_open());
	assert_string_equal(did, "B1024");
	assert_int_equal(nlsock_seq(s), 1);
	errno = ENOENT;
	nlsock_close(s);
	assert_int_equal(errno, ENOENT);
	no_buffer = 0;
}

static void
errors_have_classes(void **state)
{
	/* clang-format off */
	static const struct { int err; enum ph_err rc; } t[] = {
	{ 0, PH_OK },
	{ EBUSY, PH_EAGAIN }, { EINTR, PH_EAGAIN }, { EAGAIN, PH_EAGAIN },
	{ ENOBUFS, PH_EAGAIN },
	{ ENOMEM, PH_ELIMIT }, { ENFILE, PH_ELIMIT }, { ENOSPC, PH_ELIMIT },
	{ E2BIG, PH_ELIMIT },
	{ ENOENT, PH_EGONE }, { EOVERFLOW, PH_EGONE },
	{ EPERM, PH_EDENIED }, { EACCES, PH_EDENIED },
	{ EINVAL, PH_EIO }, { EIO, PH_EIO }, { -ENOENT, PH_EIO },
	};
	/* clang-format on */
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(t); i++)
		assert_int_equal(nlsock_err(-t[i].err), t[i].rc);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_answer_to_a_question_is_taken),
		CASE(without_a_callback_the_same_is_read),
		CASE(a_dump_is_not_blamed_for_the_one_before),
		CASE(answers_that_came_late_are_thrown_away),
		CASE(a_message_is_sent_in_one_piece),
		CASE(echoes_have_room_before_they_come),
		cmocka_unit_test(
		    a_transaction_is_over_when_its_last_message_is_answered),
		CASE(several_requests_are_answered_once),
		CASE(a_dump_is_read_in_slices),
		CASE(a_socket_that_cannot_be_had_leaves_nothing),
		cmocka_unit_test(errors_have_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
