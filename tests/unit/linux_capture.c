/* SPDX-License-Identifier: ISC */
/*
 * Capturing live on Linux, with a libpcap and a packet socket of paper: what
 * they are told and in which order, what fails, what is read and when.
 */
#include <linux/filter.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "src/capture/capture.h"
#include "src/capture/handle.h"
#include "src/capture/large_linux.h"
#include "src/capture/link.h"
#include "tests/unit/fake_pcap.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

#define SEC INT64_C(1000000)

static const struct capture_port ports[] = { { IPPROTO_UDP, 5060 } };
static const char *const names[] = { "em0", "em1", "em2", "ppp0" };

static int
setup(void **state)
{
	(void)state;
	memset(&paper, 0, sizeof(paper));
	paper.index[0] = 10;
	paper.index[1] = 11;
	paper.index[2] = 12;
	return 0;
}

static struct capture *
opened(size_t ninterfaces, size_t nown, uint32_t buffer)
{
	static struct addr own[2];
	const struct capture_config config = { .ports = ports,
		.nports = ROWS(ports),
		.interfaces = names,
		.ninterfaces = ninterfaces,
		.buffer = buffer,
		.own = own,
		.nown = nown };
	char text[256] = "";
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct capture *c;

	own[0] = addr_v4(192, 0, 2, 1);
	own[1] = addr_v4(192, 0, 2, 2);
	paper.calls[0] = '\0';
	assert_int_equal(capture_open_live(&c, &config, &why), PH_OK);
	assert_string_equal(text, "");
	assert_int_equal(paper.program, 0);
	return c;
}

#define BEGUN "create:any snaplen1920 promisc0 immediate1 timeout1 "

static void
it_opens_the_any_device(void **state)
{
	static const struct {
		size_t ninterfaces, nown;
		uint32_t buffer;
		const char *calls, *filter;
		size_t nifs;
	} rows[] = {
		{ 1, 0, 0,
		    BEGUN "activate link276 nonblock1 bind10 error compile1 "
			  "filter11 lock1 reserve thresh1 ",
		    "(ifindex 10) and (", 1 },
		{ 1, 0, 8 << 20,
		    BEGUN "buffer6291456 activate link276 nonblock1 bind10 "
			  "error compile1 filter11 lock1 force1048576 reserve "
			  "thresh1 ",
		    "(ifindex 10) and (", 1 },
		/* Hosts that count everywhere are heard everywhere. */
		{ 1, 1, 0,
		    BEGUN "activate link276 nonblock1 compile1 filter11 lock1 "
			  "reserve thresh1 ",
		    "(ifindex 10 or host 192.0.2.1) and (", 0 },
		{ 2, 0, 0,
		    BEGUN "activate link276 nonblock1 compile1 filter11 lock1 "
			  "reserve thresh1 ",
		    "(ifindex 10 or ifindex 11) and (", 2 },
		{ 2, 2, 0,
		    BEGUN "activate link276 nonblock1 compile1 filter11 lock1 "
			  "reserve thresh1 ",
		    "(ifindex 10 or ifindex 11 or host 192.0.2.1 or host "
		    "192.0.2.2) and (",
		    0 },
		{ 0, 2, 0,
		    BEGUN "activate link276 nonblock1 compile1 filter11 lock1 "
			  "reserve thresh1 ",
		    "(host 192.0.2.1 or host 192.0.2.2) and (", 0 },
	};
	struct capture *c;
	char want[1024];
	struct strbuf b;
	int fds[2];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		c = opened(rows[i].ninterfaces, rows[i].nown, rows[i].buffer);
		assert_string_equal(paper.calls, rows[i].calls);
		b = strbuf_of(want, sizeof(want));
		strbuf_str(&b, rows[i].filter);
		capture_filter(ports, ROWS(ports), false, &b);
		strbuf_str(&b, ")");
		assert_string_equal(paper.filter, want);
		assert_true(c->live);
		assert_int_equal(c->nifs, rows[i].nifs);
		assert_int_equal(c->ifs[0], rows[i].ninterfaces > 0 ? 10 : 0);
		assert_int_equal(c->bound, i < 2);
		assert_int_equal(c->handles[0].dlt, DLT_LINUX_SLL2);
		assert_int_equal(capture_fds(c, fds, 2), 1);
		assert_int_equal(fds[0], PAPER_FD);
		assert_int_equal(capture_fds(c, fds, 0), 0);
		assert_false(capture_waiting(c));
		paper.calls[0] = '\0';
		capture_close(c, NULL);
		assert_string_equal(paper.calls, "close ");
	}
}

/* Frames of a VLAN that the kernel has untagged are others'; 0 is none. */
static void
tags_are_filtered_and_nothing_is_cut(void **state)
{
	static const struct bpf_insn want[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
		    (bpf_u_int32)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
		    (bpf_u_int32)(SKF_AD_OFF + SKF_AD_VLAN_TAG)),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x0fff),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 9),
		BPF_STMT(BPF_RET | BPF_K, 65536),
		BPF_STMT(BPF_RET | BPF_A, 5),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 65536),
	};
	struct capture *c = opened(1, 0, 0);

	(void)state;
	assert_int_equal(paper.ninsns, ROWS(want));
	assert_memory_equal(paper.insns, want, sizeof(want));
	capture_close(c, NULL);
}

static void
what_fails_is_said(void **state)
{
	static const struct {
		enum call fails;
		int activate;
		enum ph_err rc;
		const char *why;
	} rows[] = {
		{ CREATE, 0, PH_EIO, "no device" },
		{ ACTIVATE, PCAP_ERROR_PERM_DENIED, PH_EDENIED,
		    "capturing needs root or CAP_NET_RAW: " },
		{ ACTIVATE, PCAP_ERROR, PH_EIO,
		    "capturing needs a working packet socket: " },
		{ ACTIVATE, PCAP_WARNING, PH_OK, "" },
		{ DATALINK, 0, PH_EIO, "it is of paper" },
		{ NONBLOCK, 0, PH_EIO, "it is of paper" },
		{ BIND, 0, PH_EIO, "cannot capture on em0: Invalid argument" },
		{ COMPILE, 0, PH_EIO, "capture filter: it is of paper" },
		{ SETFILTER, 0, PH_EIO, "capture filter: it is of paper" },
		{ LOCK, 0, PH_EIO,
		    "cannot lock the capture filter: Operation not permitted" },
		{ RESERVE, 0, PH_EIO,
		    "no queue for packets of more than a slot" },
		{ THRESH, 0, PH_EIO,
		    "no queue for packets of more than a slot" },
		{ FORCE, 0, PH_OK, "" },
	};
	const struct capture_config config = { .ports = ports,
		.nports = ROWS(ports),
		.interfaces = names,
		.ninterfaces = 1,
		.buffer = 4000 };
	struct capture *c;
	char text[256];
	struct strbuf why;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		setup(NULL);
		paper.fails = rows[i].fails;
		paper.rc = rows[i].activate;
		text[0] = '\0';
		why = strbuf_of(text, sizeof(text));
		c = (struct capture *)(void *)&paper;
		assert_int_equal(capture_open_live(&c, &config, &why),
		    rows[i].rc);
		text[strlen(rows[i].why)] = '\0';
		assert_string_equal(text, rows[i].why);
		assert_int_equal(paper.program, 0);
		if (rows[i].rc == PH_OK)
			capture_close(c, NULL);
		else
			assert_null(c);
		assert_int_equal(strstr(paper.calls, "close ") != NULL,
		    rows[i].fails != CREATE);
		/* The queue is as long as it may be. */
		assert_int_equal(strstr(paper.calls, "force500 room500 ") !=
			NULL,
		    rows[i].fails == FORCE);
	}
}

static void
interfaces_are_found_first(void **state)
{
	const char *many[CAPTURE_MAX_IFS + 1];
	struct capture_config config = { .ports = ports,
		.nports = ROWS(ports) };
	char text[256] = "";
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct capture *c;
	size_t i;

	(void)state;
	config.interfaces = &names[2];
	config.ninterfaces = 2;
	assert_int_equal(capture_open_live(&c, &config, &why), PH_EBAD);
	assert_string_equal(text, "there is no interface \"ppp0\"");
	assert_string_equal(paper.calls, "");
	for (i = 0; i < ROWS(many); i++)
		many[i] = "em1";
	config.interfaces = many;
	config.ninterfaces = ROWS(many);
	strbuf_reset(&why);
	assert_int_equal(capture_open_live(&c, &config, &why), PH_ELIMIT);
	assert_string_equal(text, "more than 16 interfaces");
	assert_null(c);
	config.ninterfaces--;
	strbuf_reset(&why);
	assert_int_equal(capture_open_live(&c, &config, &why), PH_OK);
	assert_int_equal(c->nifs, 16);
	assert_int_equal(c->ifs[15], 11);
	assert_string_equal(c->names[15], "em1");
	capture_close(c, NULL);
}

/* Memory may run out at any place: then all is given back. */
static void
without_memory_nothing_is_open(void **state)
{
	struct prefix inside = { .len = 24 };
	const struct capture_config config = { .ports = ports,
		.nports = ROWS(ports),
		.interfaces = names,
		.ninterfaces = 1,
		.inside = &inside,
		.ninside = 1 };
	int before = starve_blocks();
	char text[256] = "";
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct capture *c = NULL;
	unsigned int n, others = 0;
	enum ph_err rc;

	(void)state;
	inside.addr = addr_v4(192, 0, 2, 0);
	for (n = 1; c == NULL; n++) {
		starve(n);
		rc = capture_open_live(&c, &config, &why);
		(void)starve_end();
		if (rc == PH_OK)
			break;
		/* The filter and the queue have reasons of their own. */
		others += rc != PH_ENOMEM;
		assert_true(rc == PH_ENOMEM || rc == PH_EIO);
		assert_null(c);
		assert_int_equal(starve_blocks(), before);
		assert_int_equal(paper.program, 0);
	}
	assert_int_equal(others, 2);
	assert_int_equal(n, 10);
	capture_close(c, NULL);
	assert_int_equal(starve_blocks(), before);
}

/* A filter that is cut would let everything in. */
static void
a_filter_that_is_too_long_is_refused(void **state)
{
	static struct capture_port many[3000];
	const struct capture_config config = { .ports = many,
		.nports = ROWS(many),
		.interfaces = names,
		.ninterfaces = 1 };
	char text[256] = "";
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct capture *c;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(many); i++)
		many[i] = (struct capture_port) { IPPROTO_UDP,
			(uint16_t)(10000 + i) };
	assert_int_equal(capture_open_live(&c, &config, &why), PH_ELIMIT);
	assert_string_equal(text, "too many ports for one capture filter");
	assert_null(strstr(paper.calls, "compile"));
}

/* A message of `len` bytes, which came in by an interface, and its frame. */
static unsigned char frame[20 + 65536];
static unsigned int framelen;

static void
make_frame(uint32_t ifindex, size_t len)
{
	static const unsigned char head[20 + 20 + 4] = { 8, 0, 0, 0, 0, 0, 0, 0,
		0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0x45, 0, 0, 0, 0, 0, 0, 0,
		64, IPPROTO_UDP, 0, 0, 198, 51, 100, 7, 192, 0, 2, 10, 0x13,
		0xc4, 0x13, 0xc4 };

	memset(frame, 'x', sizeof(frame));
	memcpy(frame, head, sizeof(head));
	frame[7] = (unsigned char)ifindex;
	frame[22] = (unsigned char)((28 + len) >> 8);
	frame[23] = (unsigned char)(28 + len);
	frame[44] = (unsigned char)((8 + len) >> 8);
	frame[45] = (unsigned char)(8 + len);
	framelen = (unsigned int)(20 + 28 + len);
	paper.frame = frame;
	paper.head.len = framelen;
	paper.head.caplen = framelen;
}

static unsigned int read_udp;
static struct datagram last;

static void
on_udp(void *ctx, const struct datagram *d)
{
	(void)ctx;
	read_udp++;
	last = *d;
}

static const struct capture_sink sink = { .udp = on_udp };

static void
packets_are_read_with_their_place(void **state)
{
	struct capture *c = opened(1, 0, 0);
	struct capture_stats stats;

	(void)state;
	read_udp = 0;
	make_frame(10, 100);
	paper.result = 1;
	assert_int_equal(capture_dispatch(c, PAPER_FD, 77, SEC, &sink), PH_OK);
	assert_int_equal(paper.max, 77);
	assert_int_equal(read_udp, 1);
	assert_int_equal(last.ts, SEC);
	assert_int_equal(last.ifindex, 10);
	assert_int_equal(last.dir, PKT_IN);
	assert_int_equal(last.payload.len, 100);
	/* Of another interface. */
	make_frame(11, 101);
	assert_int_equal(capture_dispatch(c, PAPER_FD, 1, SEC, &sink), PH_OK);
	assert_int_equal(read_udp, 1);
	capture_stats(c, &stats);
	assert_int_equal(stats.packets, 2);
	assert_int_equal(stats.ignored, 1);
	assert_int_equal(stats.kernel_drops, 100);
	capture_close(c, NULL);
}

static struct capture *stamping;
static int64_t stamp;

static void
on_stamp(void *ctx, const struct datagram *d)
{
	(void)ctx;
	(void)d;
	stamp = capture_stamp(stamping);
}

/* The kernel's time stamp, while its packet is handed over. */
static void
packets_have_the_stamp_of_the_kernel(void **state)
{
	static const struct {
		int64_t sec, usec, stamp;
	} rows[] = {
		{ 0, 0, 0 },
		{ 0, 1, 1 },
		{ 1, 999999, 2 * SEC - 1 },
		{ 1, 1000000, SEC },
		{ -1, 999999, 0 },
		{ 253402300799, 5, 253402300799 * SEC + 5 },
		{ 253402300800, 5, 253402300799 * SEC + 5 },
	};
	static const struct capture_sink s = { .udp = on_stamp };
	size_t i;

	(void)state;
	stamping = opened(1, 0, 0);
	for (i = 0; i < ROWS(rows); i++) {
		make_frame(10, 100 + i);
		paper.head.ts.tv_sec = (time_t)rows[i].sec;
		paper.head.ts.tv_usec = (suseconds_t)rows[i].usec;
		if (paper.head.ts.tv_sec != rows[i].sec)
			continue; /* this clock ends before */
		paper.result = 1;
		stamp = -1;
		assert_int_equal(capture_dispatch(stamping, PAPER_FD, 1, SEC,
				     &s),
		    PH_OK);
		assert_true(stamp == rows[i].stamp);
		assert_true(capture_stamp(stamping) == 0);
	}
	capture_close(stamping, NULL);
}

/* Once a second the interfaces are looked at, from the second second on. */
static void
an_interface_that_moves_ends_it(void **state)
{
	static const int64_t at[] = { SEC - 1, SEC, 2 * SEC - 1, 2 * SEC,
		9 * SEC };
	static const bool looks[] = { false, true, false, true, true };
	struct capture *c;
	size_t i, k;

	(void)state;
	for (k = 0; k < 3; k++)
		for (i = 0; i < ROWS(at); i++) {
			setup(NULL);
			c = opened(3, 0, 0);
			if (i >= 2)
				assert_int_equal(capture_dispatch(c, PAPER_FD,
						     1, SEC, &sink),
				    PH_OK);
			paper.index[k] = i % 2 == 0 ? 0 : 99;
			assert_int_equal(capture_dispatch(c, PAPER_FD, 1, at[i],
					     &sink),
			    looks[i] ? PH_EGONE : PH_OK);
			capture_close(c, NULL);
		}
}

/*
 * A socket that is bound has errors while its interface is down: sixteen a
 * second, for an error that stays would keep us busy.
 */
static void
errors_of_a_bound_socket_pass(void **state)
{
	struct capture *c = opened(2, 0, 0);
	int i, k;

	(void)state;
	paper.result = -1;
	assert_int_equal(capture_dispatch(c, PAPER_FD, 1, SEC, &sink),
	    PH_EGONE);
	assert_int_equal(capture_dispatch(c, -1, 1, SEC, &sink), PH_EGONE);
	capture_close(c, NULL);
	c = opened(1, 0, 0);
	for (k = 1; k < 4; k++) {
		/* The first of a second ends what was counted before. */
		assert_int_equal(capture_dispatch(c, PAPER_FD, 1, k * SEC,
				     &sink),
		    PH_OK);
		for (i = 0; i < 15; i++)
			assert_int_equal(capture_dispatch(c, PAPER_FD, 1,
					     k * SEC + 1, &sink),
			    PH_OK);
		/* Nobody has said that it is readable. */
		for (i = 0; i < 40; i++)
			assert_int_equal(capture_dispatch(c, -1, 1, k * SEC + 1,
					     &sink),
			    PH_OK);
	}
	assert_int_equal(capture_dispatch(c, PAPER_FD, 1, 3 * SEC + 2, &sink),
	    PH_OK);
	assert_int_equal(capture_dispatch(c, PAPER_FD, 1, 3 * SEC + 2, &sink),
	    PH_EGONE);
	capture_close(c, NULL);
}

/* The kernel has forgotten what the socket was bound to. */
static void
one_whose_interface_has_left_is_deaf(void **state)
{
	struct capture *c = opened(1, 0, 0);

	(void)state;
	assert_false(capture_deaf(c));
	paper.bound.sll_ifindex = -1;
	assert_true(capture_deaf(c));
	paper.fails = BIND;
	assert_false(capture_deaf(c));
	paper.fails = NONE;
	/* It is found to be gone. */
	paper.index[0] = 0;
	assert_false(capture_deaf(c));
	capture_close(c, NULL);
	setup(NULL);
	c = opened(2, 0, 0);
	paper.bound.sll_ifindex = -1;
	assert_false(capture_deaf(c));
	capture_close(c, NULL);
}

/*
 * What a slot of the ring holds, by what libpcap has reserved in it: all but
 * what is needed to align its end.
 */
static void
a_slot_holds_what_aligns_it(void **state)
{
	/* clang-format off */
	static const struct {
		unsigned int	reserve, len;
		bool		queued;
	} rows[] = {
		{ 0, 1920, false }, { 0, 1921, true },
		{ 16, 1920, false }, { 16, 1921, true },
		{ 1, 1935, false }, { 1, 1936, true },
		{ 15, 1921, false }, { 15, 1922, true },
		{ 4, 1932, false }, { 4, 1933, true },
		{ 20, 1932, false }, { 20, 1933, true },
	};
	/* clang-format on */
	struct capture *c;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		setup(NULL);
		paper.reserve = rows[i].reserve;
		c = opened(1, 0, 0);
		make_frame(10, rows[i].len - 28);
		assert_int_equal(framelen, 20 + rows[i].len);
		paper.head.caplen = framelen - 1;
		paper.result = 1;
		read_udp = 0;
		/* From the queue it comes whole, and leaves it. */
		paper.waiting = 1;
		paper.large = frame + 20;
		paper.largelen = rows[i].len;
		assert_int_equal(capture_dispatch(c, PAPER_FD, 1, 1, &sink),
		    PH_OK);
		assert_int_equal(read_udp, 1);
		assert_int_equal(last.payload.len, rows[i].len - 28);
		assert_int_equal(paper.dropped, rows[i].queued);
		capture_close(c, NULL);
	}
}

/*
 * A packet whose whole is not at the head of the queue is missed, and then the
 * queue is emptied, once a second.
 */
static void
ring_and_queue_are_brought_into_step(void **state)
{
	unsigned char other[8000];
	struct capture_stats stats;
	struct capture *c;
	int i;

	(void)state;
	for (i = 0; i < 6; i++) {
		setup(NULL);
		c = opened(1, 0, 0);
		make_frame(10, 5000);
		memcpy(other, frame + 20, 5028);
		paper.result = 1;
		paper.head.caplen = 1940;
		paper.waiting = 3;
		paper.large = other;
		paper.largelen = 5028;
		if (i == 1) /* another packet, */
			other[1919] ^= 1;
		else if (i == 2)
			other[0] ^= 1;
		else if (i == 3) /* a shorter or a longer one, or none */
			paper.largelen--;
		else if (i == 4)
			paper.largelen++;
		else if (i == 5)
			paper.waiting = 0;
		read_udp = 0;
		assert_int_equal(capture_dispatch(c, PAPER_FD, 1, 1, &sink),
		    PH_OK);
		assert_int_equal(read_udp, i == 0);
		assert_int_equal(paper.dropped, i == 0);
		capture_stats(c, &stats);
		assert_int_equal(stats.kernel_drops, 100 + (i != 0));
		assert_int_equal(stats.packets, i == 0);
		if (i == 0) {
			assert_int_equal(last.payload.len, 5000);
			assert_memory_equal(last.payload.p, frame + 48, 5000);
		}
		paper.result = 0;
		assert_int_equal(capture_dispatch(c, -1, 1, SEC, &sink), PH_OK);
		/* What is in step stays. */
		assert_int_equal(paper.waiting, i == 0 ? 2 : 0);
		paper.waiting = 2;
		assert_int_equal(capture_dispatch(c, -1, 1, 2 * SEC, &sink),
		    PH_OK);
		assert_int_equal(paper.waiting, 2);
		capture_close(c, NULL);
	}
}

/* Readable, and nothing in the ring: so the queue has what nobody asks for. */
static void
a_queue_that_is_ahead_is_emptied(void **state)
{
	struct capture *c = opened(1, 0, 0);

	(void)state;
	paper.largelen = 5000;
	assert_int_equal(capture_dispatch(c, PAPER_FD, 1, 1, &sink), PH_OK);
	paper.waiting = 5;
	assert_int_equal(capture_dispatch(c, -1, 1, SEC, &sink), PH_OK);
	assert_int_equal(paper.waiting, 5);
	assert_int_equal(capture_dispatch(c, PAPER_FD, 1, SEC + 1, &sink),
	    PH_OK);
	assert_int_equal(paper.waiting, 5);
	assert_int_equal(capture_dispatch(c, -1, 1, 2 * SEC, &sink), PH_OK);
	assert_int_equal(paper.waiting, 0);
	assert_int_equal(paper.dropped, 5);
	capture_close(c, NULL);
}

/* The largest packet that there is, and headers that make no sense. */
static void
a_large_packet_has_its_bounds(void **state)
{
	static unsigned char bytes[65600], ring[65600];
	struct large *l = large_new(paper_pcap(), 1920, 20, 0);
	struct pcap_pkthdr h;
	int i;

	(void)state;
	assert_non_null(l);
	for (i = 0; i < 5; i++) {
		memset(ring, 'r', sizeof(ring));
		memset(bytes, 'b', sizeof(bytes));
		memset(bytes, 'r', 1900);
		h.len = i == 1 ? 20 + 65537 : 20 + 65536;
		h.caplen = i == 2 ? 19 : i == 3 ? 20 : 1920;
		paper.waiting = 1;
		paper.large = bytes;
		paper.largelen = h.len - 20;
		if (i == 1 || i == 2) {
			assert_null(large_take(l, &h, ring));
			assert_int_equal(paper.waiting, 1);
			continue;
		}
		assert_memory_equal(large_take(l, &h, ring), ring, 1920);
		assert_int_equal(h.caplen, 20 + 65536);
		assert_int_equal(paper.waiting, 0);
	}
	free(l);
	/* What libpcap puts before a packet has a bound, too. */
	l = large_new(paper_pcap(), 1920, 64, 0);
	assert_non_null(l);
	free(l);
	assert_null(large_new(paper_pcap(), 1920, 65, 0));
	/* The kernel doubles what it is asked for. */
	paper.calls[0] = '\0';
	l = large_new(paper_pcap(), 1920, 20, 3);
	assert_string_equal(paper.calls, "force1 reserve thresh1 ");
	free(l);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_opens_the_any_device),
		T(tags_are_filtered_and_nothing_is_cut),
		T(what_fails_is_said),
		T(interfaces_are_found_first),
		T(without_memory_nothing_is_open),
		T(a_filter_that_is_too_long_is_refused),
		T(packets_are_read_with_their_place),
		T(packets_have_the_stamp_of_the_kernel),
		T(an_interface_that_moves_ends_it),
		T(errors_of_a_bound_socket_pass),
		T(one_whose_interface_has_left_is_deaf),
		T(a_slot_holds_what_aligns_it),
		T(ring_and_queue_are_brought_into_step),
		T(a_queue_that_is_ahead_is_emptied),
		T(a_large_packet_has_its_bounds),
	};

	return starve_left(cmocka_run_group_tests(tests, NULL, NULL), 0);
}
