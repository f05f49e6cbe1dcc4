/* SPDX-License-Identifier: ISC */
/*
 * The queue of packets that wait, on a netlink socket of paper: what the
 * kernel is asked for, and what is made of its answers and of its list.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/packetq.h"
#include "tests/unit/unit.h"

#define PORT 4711

static char asked[1024];    /* a line for each request, or option */
static const char *answers; /* "e0 p s eN": errors, packets, short ones */
static const char *list;    /* the kernel's; NULL: it has none */
static unsigned int busy;   /* so many calls are interrupted */
static int no_socket, no_bind, no_name, no_buffer, no_send;
static int descriptors;

int __wrap_socket(int domain, int type, int protocol);
int __wrap_bind(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len);
int __wrap_setsockopt(int fd, int level, int name, const void *p,
    socklen_t len);
ssize_t __wrap_sendto(int fd, const void *p, size_t n, int flags,
    const struct sockaddr *sa, socklen_t len);
ssize_t __wrap_recv(int fd, void *p, size_t n, int flags);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_close(int fd);
int __real_close(int fd);

static int
fails(int error)
{
	errno = error;
	return error != 0 ? -1 : 0;
}

int
__wrap_socket(int domain, int type, int protocol)
{
	assert_int_equal(domain, AF_NETLINK);
	assert_int_equal(type, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_int_equal(protocol, NETLINK_NETFILTER);
	if (fails(no_socket))
		return -1;
	descriptors++;
	return memfd_create("socket", 0);
}

int
__wrap_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct sockaddr_nl nl;

	(void)fd;
	assert_int_equal(len, sizeof(nl));
	memcpy(&nl, sa, sizeof(nl));
	assert_int_equal(nl.nl_family, AF_NETLINK);
	assert_int_equal(nl.nl_pid, 0);
	return fails(no_bind);
}

int
__wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_pid = PORT };

	(void)fd;
	assert_int_equal(*len, sizeof(nl));
	memcpy(sa, &nl, sizeof(nl));
	return fails(no_name);
}

int
__wrap_setsockopt(int fd, int level, int name, const void *p, socklen_t len)
{
	char line[64];
	int v;

	(void)fd;
	assert_int_equal(len, sizeof(v));
	memcpy(&v, p, sizeof(v));
	snprintf(line, sizeof(line), "%s %d\n",
	    level == SOL_SOCKET && name == SO_RCVBUFFORCE ? "buffer"
		: level == SOL_NETLINK && name == NETLINK_NO_ENOBUFS
		? "no ENOBUFS"
		: level == SOL_NETLINK && name == NETLINK_CAP_ACK ? "cap"
								  : "?",
	    v);
	strlcat(asked, line, sizeof(asked));
	/* The other two are as well without. */
	if (level != SOL_SOCKET)
		return fails(ENOPROTOOPT);
	return fails(no_buffer);
}

static uint32_t
number_at(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return ntohl(v);
}

static void
note_attr(unsigned int kind, unsigned int type, const unsigned char *p,
    size_t len, char *line, size_t size)
{
	if (kind == NFQNL_MSG_VERDICT_BATCH) {
		assert_int_equal(type, NFQA_VERDICT_HDR);
		assert_int_equal(len, 8);
		snprintf(line, size, " %s up to %u",
		    number_at(p) == NF_ACCEPT	  ? "accept"
			: number_at(p) == NF_DROP ? "drop"
						  : "?",
		    number_at(p + 4));
	} else if (type == NFQA_CFG_CMD) {
		assert_int_equal(len, sizeof(struct nfqnl_msg_config_cmd));
		snprintf(line, size, " command %u", p[0]);
	} else if (type == NFQA_CFG_PARAMS) {
		assert_int_equal(len, sizeof(struct nfqnl_msg_config_params));
		snprintf(line, size, " copy %u mode %u", number_at(p), p[4]);
	} else {
		assert_int_equal(len, 4);
		snprintf(line, size, " %s %u",
		    type == NFQA_CFG_QUEUE_MAXLEN ? "most"
			: type == NFQA_CFG_MASK	  ? "mask"
			: type == NFQA_CFG_FLAGS  ? "flags"
						  : "?",
		    number_at(p));
	}
}

ssize_t
__wrap_sendto(int fd, const void *p, size_t n, int flags,
    const struct sockaddr *sa, socklen_t len)
{
	const unsigned char *bytes = p;
	struct sockaddr_nl nl;
	struct nfgenmsg g;
	struct nlmsghdr h;
	struct nlattr a;
	char line[128];
	size_t at;

	(void)fd;
	if (busy > 0) {
		busy--;
		return fails(EINTR);
	}
	assert_int_equal(flags, 0);
	assert_int_equal(len, sizeof(nl));
	memcpy(&nl, sa, sizeof(nl));
	assert_int_equal(nl.nl_family, AF_NETLINK);
	assert_int_equal(nl.nl_pid, 0);
	memcpy(&h, bytes, sizeof(h));
	memcpy(&g, bytes + NLMSG_HDRLEN, sizeof(g));
	assert_int_equal(h.nlmsg_len, n);
	assert_int_equal(h.nlmsg_type >> 8, NFNL_SUBSYS_QUEUE);
	assert_true(h.nlmsg_flags & NLM_F_REQUEST);
	assert_int_equal(g.nfgen_family, AF_UNSPEC);
	assert_int_equal(g.version, NFNETLINK_V0);
	snprintf(line, sizeof(line), "%s %u%s:",
	    (h.nlmsg_type & 0xff) == NFQNL_MSG_CONFIG		   ? "config"
		: (h.nlmsg_type & 0xff) == NFQNL_MSG_VERDICT_BATCH ? "verdict"
								   : "?",
	    ntohs(g.res_id), h.nlmsg_flags & NLM_F_ACK ? " ack" : "");
	strlcat(asked, line, sizeof(asked));
	for (at = NLMSG_LENGTH(sizeof(g)); at < n; at += NLA_ALIGN(a.nla_len)) {
		memcpy(&a, bytes + at, sizeof(a));
		assert_true(a.nla_len >= NLA_HDRLEN && at + a.nla_len <= n);
		note_attr(h.nlmsg_type & 0xff, a.nla_type,
		    bytes + at + NLA_HDRLEN, (size_t)a.nla_len - NLA_HDRLEN,
		    line, sizeof(line));
		strlcat(asked, line, sizeof(asked));
	}
	assert_int_equal(at, n);
	strlcat(asked, "\n", sizeof(asked));
	if (fails(no_send))
		return -1;
	return (ssize_t)n;
}

ssize_t
__wrap_recv(int fd, void *p, size_t n, int flags)
{
	struct nlmsghdr h = { 0 };
	struct nlmsgerr e = { 0 };
	int used;

	(void)fd;
	assert_int_equal(flags, MSG_DONTWAIT);
	if (busy > 0)
		return fails(busy-- % 2 == 0 ? EINTR : ENOBUFS);
	if (*answers == '\0')
		return fails(EAGAIN);
	h.nlmsg_type = NLMSG_ERROR;
	if (*answers == 'p')
		h.nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET;
	else if (*answers == 'e') {
		assert_int_equal(sscanf(answers, "e%d%n", &e.error, &used), 1);
		e.error = -e.error;
		answers += used - 1;
	}
	assert_true(n >= NLMSG_LENGTH(sizeof(e)));
	h.nlmsg_len = NLMSG_LENGTH(sizeof(e));
	memcpy(p, &h, sizeof(h));
	memcpy((char *)p + NLMSG_HDRLEN, &e, sizeof(e));
	answers++;
	if (answers[-1] == 's')
		return (ssize_t)h.nlmsg_len - 1;
	answers += *answers == ' ';
	return (ssize_t)h.nlmsg_len;
}

int
__wrap_open(const char *path, int flags, ...)
{
	int fd;

	assert_string_equal(path, "/proc/net/netfilter/nfnetlink_queue");
	assert_int_equal(flags & ~O_LARGEFILE, O_RDONLY | O_CLOEXEC);
	if (fails(list == NULL ? ENOENT : 0))
		return -1;
	descriptors++;
	assert_int_not_equal(fd = memfd_create("list", 0), -1);
	assert_int_equal(write(fd, list, strlen(list)), strlen(list));
	return fd;
}

int
__wrap_open64(const char *path, int flags, ...)
{
	return __wrap_open(path, flags);
}

int
__wrap_close(int fd)
{
	descriptors--;
	return __real_close(fd);
}

static struct packetq queue;
static char text[256];
static struct strbuf why;

static int
setup(void **state)
{
	(void)state;
	asked[0] = '\0';
	answers = "e0";
	list = "";
	busy = 0;
	no_socket = no_bind = no_name = no_buffer = no_send = 0;
	why = strbuf_of(text, sizeof(text));
	packetq_init(&queue);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	packetq_close(&queue);
	packetq_close(&queue);
	assert_int_equal(queue.fd, -1);
	assert_int_equal(queue.other_fd, -1);
	assert_int_equal(queue.list_fd, -1);
	assert_int_equal(descriptors, 0);
	return 0;
}

static void
open_queue(bool open)
{
	answers = "e0";
	assert_int_equal(packetq_open(&queue, 5060, open, &why), PH_OK);
	asked[0] = '\0';
}

static void
a_queue_is_asked_for_with_all_it_needs(void **state)
{
	static const char options[] = "no ENOBUFS 1\ncap 1\nbuffer 8388608\n";
	char want[256];
	int open;

	for (open = 0; open < 2; open++) {
		setup(state);
		busy = 2;
		assert_int_equal(packetq_open(&queue, 5060, open, &why), PH_OK);
		snprintf(want, sizeof(want),
		    "%sconfig 5060 ack: command 1 copy 65535 mode 2 "
		    "most 16384 mask 1 flags %d\n",
		    options, open);
		assert_string_equal(asked, want);
		assert_int_equal(queue.number, 5060);
		assert_int_equal(queue.port, PORT);
		assert_int_equal(queue.open, open);
		assert_int_equal(queue.other_fd, -1);
		assert_int_equal(descriptors, 2);
		assert_string_equal(text, "");
		/* Packets that come meanwhile are passed over. */
		teardown(state);
	}
	answers = "p p p e0";
	assert_int_equal(packetq_open(&queue, 0, false, &why), PH_OK);
}

static void
a_queue_that_cannot_be_had_leaves_nothing(void **state)
{
	/* clang-format off */
	static const struct {
		int socket, bind, name, buffer, send;
		const char *answers, *list;
		enum ph_err rc;
		const char *why;
		int error;	/* whose text follows; 0: none */
	} t[] = {
	{ EPERM, 0, 0, 0, 0, "e0", "", PH_EDENIED,
	  "queue 7: ", EPERM },
	{ EMFILE, 0, 0, 0, 0, "e0", "", PH_EIO,
	  "queue 7: ", EMFILE },
	{ 0, EADDRINUSE, 0, 0, 0, "e0", "", PH_EIO,
	  "queue 7: ", EADDRINUSE },
	{ 0, 0, ENOBUFS, 0, 0, "e0", "", PH_EIO,
	  "queue 7: ", ENOBUFS },
	{ 0, 0, 0, EPERM, 0, "e0", "", PH_EDENIED,
	  "queue 7: ", EPERM },
	{ 0, 0, 0, 0, ENOMEM, "e0", "", PH_EIO,
	  "queue 7: ", ENOMEM },
	{ 0, 0, 0, 0, 0, "e16", "", PH_EEXIST,
	  "queue 7 belongs to another program", 0 },
	{ 0, 0, 0, 0, 0, "e1", "", PH_EEXIST,
	  "queue 7 belongs to another program", 0 },
	{ 0, 0, 0, 0, 0, "e22", "", PH_EUNSUPPORTED,
	  "this kernel has no queues of packets", 0 },
	{ 0, 0, 0, 0, 0, "p e12", "", PH_EIO,
	  "queue 7: ", ENOMEM },
	{ 0, 0, 0, 0, 0, "", "", PH_EIO, "queue 7: ", EPROTO },
	{ 0, 0, 0, 0, 0, "p", "", PH_EIO, "queue 7: ", EPROTO },
	{ 0, 0, 0, 0, 0, "s", "", PH_EIO, "queue 7: ", EPROTO },
	{ 0, 0, 0, 0, 0, "e0", NULL, PH_EIO,
	  "/proc/net/netfilter/nfnetlink_queue: ", ENOENT },
	};
	/* clang-format on */
	char want[256];
	size_t i;

	for (i = 0; i < ROWS(t); i++) {
		setup(state);
		no_socket = t[i].socket;
		no_bind = t[i].bind;
		no_name = t[i].name;
		no_buffer = t[i].buffer;
		no_send = t[i].send;
		answers = t[i].answers;
		list = t[i].list;
		snprintf(want, sizeof(want), "%s%s", t[i].why,
		    t[i].error != 0 ? strerror(t[i].error) : "");
		if (packetq_open(&queue, 7, true, &why) != t[i].rc ||
		    strcmp(text, want) != 0)
			fail_msg("%zu: %s", i, text);
		assert_int_equal(queue.fd, -1);
		assert_int_equal(queue.list_fd, -1);
		assert_int_equal(descriptors, 0);
	}
}

#define LINE(number, port)                                                     \
	number " " port " 3 2 65535 10 4000000000 4294967295  1\n"

static void
the_state_is_the_line_of_our_queue(void **state)
{
	/* clang-format off */
	static const struct { const char *list; bool known; } t[] = {
	{ LINE(" 5060", "4711"), true },
	{ LINE("5060", "4711"), true }, /* longer numbers have no blank */
	{ LINE("    1", "4711") LINE(" 5060", "4711") LINE("9", "1"), true },
	{ "", false },
	{ LINE("50600", "4711"), false },
	{ LINE("  506", "4711"), false },
	/* Another program's. */
	{ LINE(" 5060", "4712"), false },
	{ " 5060   4711 3 2 65535 10 4000000000 4294967295\n", false },
	{ "junk\n" LINE(" 5060", "4711"), true },
	/* Without its end the line may be half of one. */
	{ " 5060   4711 3 2 65535 10 4000000000 4294967295  1", false },
	};
	/* clang-format on */
	struct packetq_state s;
	size_t i;

	for (i = 0; i < ROWS(t); i++) {
		setup(state);
		list = t[i].list;
		open_queue(true);
		memset(&s, 7, sizeof(s));
		if (packetq_state(&queue, &s) != t[i].known)
			fail_msg("%zu", i);
		assert_int_equal(s.waiting, t[i].known ? 3 : 0);
		assert_true(
		    s.dropped == (t[i].known ? UINT64_C(4000000010) : 0));
		assert_int_equal(s.last, t[i].known ? UINT32_MAX : 0);
		/* It is read from its beginning each time. */
		assert_int_equal(packetq_state(&queue, &s), t[i].known);
		teardown(state);
	}
}

/* Longer than what is read at once; lines lie across its end. */
static void
a_long_list_is_read_to_its_end(void **state)
{
	static char many[40000];
	struct packetq_state s;
	char line[96];
	size_t pad, i;

	for (pad = 0; pad < 60; pad++) {
		setup(state);
		many[0] = '\0';
		memset(line, ' ', pad);
		line[pad] = '\0';
		strlcat(many, line, sizeof(many));
		for (i = 0; i < 400; i++) {
			snprintf(line, sizeof(line),
			    "%5zu  %u 3 2 65535 0 0 %zu  1\n",
			    i == 333 ? 5060 : 10000 + i, i == 333 ? PORT : 1,
			    i);
			strlcat(many, line, sizeof(many));
		}
		list = many;
		open_queue(false);
		assert_true(packetq_state(&queue, &s));
		assert_int_equal(s.last, 333);
		teardown(state);
	}
}

static void
a_try_looks_and_takes_nothing(void **state)
{
	(void)state;
	assert_int_equal(packetq_try(5060, &why), PH_OK);
	list = LINE(" 5061", "9");
	assert_int_equal(packetq_try(5060, &why), PH_OK);
	assert_string_equal(text, "");
	list = LINE(" 5061", "9") LINE(" 5060", "9");
	assert_int_equal(packetq_try(5060, &why), PH_EEXIST);
	assert_string_equal(text, "queue 5060 belongs to another program");
	list = NULL;
	assert_int_equal(packetq_try(5060, &why), PH_OK);
	assert_string_equal(asked, "");
	assert_int_equal(descriptors, 0);
}

static void
verdicts_are_for_all_up_to_one(void **state)
{
	(void)state;
	open_queue(true);
	busy = 3;
	packetq_verdict(&queue, 0x01020304, true);
	packetq_verdict(&queue, UINT32_MAX, false);
	assert_string_equal(asked,
	    "verdict 5060: accept up to 16909060\n"
	    "verdict 5060: drop up to 4294967295\n");
}

static void
a_pause_lets_go_what_waits(void **state)
{
	(void)state;
	list = LINE(" 5060", "4711");
	open_queue(false);
	packetq_pause(&queue);
	assert_string_equal(asked,
	    "config 5060: most 0 mask 1 flags 1\n"
	    "verdict 5060: accept up to 4294967295\n");
	asked[0] = '\0';
	packetq_resume(&queue);
	assert_string_equal(asked, "config 5060: most 16384 mask 1 flags 0\n");
	teardown(state);
	/* One packet waits. */
	setup(state);
	list = "5060 4711 1 2 65535 0 0 9 1\n";
	open_queue(true);
	packetq_pause(&queue);
	assert_non_null(strstr(asked, "verdict 5060: accept up to 9\n"));
	teardown(state);
	/* Nothing waits. */
	setup(state);
	list = "5060 4711 0 2 65535 0 0 9 1\n";
	open_queue(true);
	packetq_pause(&queue);
	packetq_resume(&queue);
	assert_string_equal(asked,
	    "config 5060: most 0 mask 1 flags 1\n"
	    "config 5060: most 16384 mask 1 flags 1\n");
	teardown(state);
	/* It is not known what waits. */
	setup(state);
	open_queue(true);
	packetq_pause(&queue);
	assert_string_equal(asked, "config 5060: most 0 mask 1 flags 1\n");
}

static void
packets_are_read_as_they_come(void **state)
{
	char buf[1024];

	(void)state;
	open_queue(true);
	answers = "p p";
	busy = 5;
	assert_int_equal(packetq_read(&queue, buf, sizeof(buf)),
	    NLMSG_LENGTH(sizeof(struct nlmsgerr)));
	assert_int_equal(busy, 0);
	assert_int_not_equal(packetq_read(&queue, buf, sizeof(buf)), 0);
	assert_int_equal(packetq_read(&queue, buf, sizeof(buf)), 0);
	assert_false(packetq_carried);
	packetq_reader(&queue);
	packetq_carry(&queue);
	assert_string_equal(asked, "");
}

/* Two processes would share the place where they read. */
static void
a_fork_has_a_list_of_its_own(void **state)
{
	struct packetq_state s;

	(void)state;
	open_queue(true);
	list = LINE(" 5060", "4711");
	assert_false(packetq_state(&queue, &s));
	packetq_fork(&queue);
	assert_true(packetq_state(&queue, &s));
	assert_int_equal(descriptors, 2);
	list = NULL;
	packetq_fork(&queue);
	assert_int_equal(queue.list_fd, -1);
	assert_int_equal(descriptors, 1);
	assert_false(packetq_state(&queue, &s));
	list = "";
	packetq_fork(&queue);
	assert_int_equal(descriptors, 2);
}

static void
without_a_queue_nothing_is_done(void **state)
{
	struct packetq_state s;
	char buf[64];

	(void)state;
	list = LINE("    0", "0");
	packetq_fork(&queue);
	packetq_pause(&queue);
	packetq_resume(&queue);
	packetq_verdict(&queue, 1, true);
	assert_false(packetq_state(&queue, &s));
	assert_int_equal(packetq_read(&queue, buf, sizeof(buf)), 0);
	assert_string_equal(asked, "");
	assert_int_equal(descriptors, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_queue_is_asked_for_with_all_it_needs),
		CASE(a_queue_that_cannot_be_had_leaves_nothing),
		CASE(the_state_is_the_line_of_our_queue),
		CASE(a_long_list_is_read_to_its_end),
		CASE(a_try_looks_and_takes_nothing),
		CASE(verdicts_are_for_all_up_to_one),
		CASE(a_pause_lets_go_what_waits),
		CASE(packets_are_read_as_they_come),
		CASE(a_fork_has_a_list_of_its_own),
		CASE(without_a_queue_nothing_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
