/* SPDX-License-Identifier: ISC */
/*
 * Questions to conntrack about one connection, in both families: the whole
 * tuple is asked for, and the answer is read from the right end.  And the
 * sweep, which asks for all of them.
 */
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <string.h>

#include "nft/conntrack.h"
#include "nft/nlmsg.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

/* The questions: "get 10 reply 17 A 1 B 2;", a line for each request. */
static char asked[1024];
static struct endpoint from, to, server; /* of the only connection */
static int refuse;			 /* with this errno */
static bool silent;			 /* success, without an answer */
static uint32_t mark_told = 0x10001;	 /* of the connection */
static uint32_t status;
static uint32_t id = 7;
static int zone = -1; /* -1: none */

/* An attribute that the kernel leaves out, or cuts short. */
enum part {
	WHOLE,
	NO_ORIG,
	NO_REPLY,
	NO_IP,
	NO_PROTO,
	NO_NUMBER,
	NO_SRC,
	NO_DST,
	SHORT_SRC,
	SHORT_DST,
	NO_SPORT,
	NO_DPORT,
	LONG_SPORT,
	LONG_DPORT,
	PARTS,
};
static enum part part;

/* The connections that a dump shows: so many, with ids from `id` on. */
static unsigned int nshown = 1;
static bool no_dump, broken;	  /* it does not begin; it ends with an error */
static unsigned int nrequests[8]; /* deletions of each message */
static size_t nmessages;
static unsigned int exempt_from; /* ids from here on, if not 0 */

static int no_socket, nsockets;

struct nlsock *
nlsock_open(void)
{
	errno = no_socket;
	if (no_socket != 0)
		return NULL;
	nsockets++;
	return (struct nlsock *)(void *)&nsockets;
}

void
nlsock_close(struct nlsock *s)
{
	assert_ptr_equal(s, &nsockets);
	nsockets--;
}

enum ph_err
nlsock_err(int err)
{
	return err == 0 ? PH_OK : PH_EIO;
}

static void
put_port(struct nlmsghdr *nlh, uint16_t type, uint16_t port, bool lacks,
    bool wide)
{
	if (wide)
		mnl_attr_put_u32(nlh, type, port);
	else if (!lacks)
		mnl_attr_put_u16(nlh, type, htons(port));
}

static void
put_tuple(struct nlmsghdr *nlh, uint16_t type, const struct endpoint *src,
    const struct endpoint *dst)
{
	struct nlattr *outer = mnl_attr_nest_start(nlh, type), *inner;
	bool v6 = src->addr.af == AF_INET6;
	size_t n = addr_bytes(src->addr.af);

	inner = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
	if (part != NO_SRC)
		mnl_attr_put(nlh, v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC,
		    n - (part == SHORT_SRC), src->addr.b);
	if (part != NO_DST)
		mnl_attr_put(nlh, v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST,
		    n - (part == SHORT_DST), dst->addr.b);
	if (part == NO_IP)
		mnl_attr_nest_cancel(nlh, inner);
	else
		mnl_attr_nest_end(nlh, inner);
	inner = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
	if (part != NO_NUMBER)
		mnl_attr_put_u8(nlh, CTA_PROTO_NUM, IPPROTO_UDP);
	put_port(nlh, CTA_PROTO_SRC_PORT, src->port, part == NO_SPORT,
	    part == LONG_SPORT);
	put_port(nlh, CTA_PROTO_DST_PORT, dst->port, part == NO_DPORT,
	    part == LONG_DPORT);
	if (part == NO_PROTO)
		mnl_attr_nest_cancel(nlh, inner);
	else
		mnl_attr_nest_end(nlh, inner);
	mnl_attr_nest_end(nlh, outer);
}

static void
answer(uint32_t number, nlsock_cb *cb, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[512];
	struct nlmsghdr *nlh = nlmsg_begin(buf, NFNL_SUBSYS_CTNETLINK,
	    IPCTNL_MSG_CT_NEW, 0, from.addr.af);

	if (part != NO_ORIG)
		put_tuple(nlh, CTA_TUPLE_ORIG, &from, &to);
	if (part != NO_REPLY)
		put_tuple(nlh, CTA_TUPLE_REPLY, &server, &from);
	mnl_attr_put_u32(nlh, CTA_ID, htonl(number));
	mnl_attr_put_u32(nlh, CTA_MARK, htonl(mark_told));
	mnl_attr_put_u32(nlh, CTA_STATUS, htonl(status));
	if (zone >= 0)
		mnl_attr_put_u16(nlh, CTA_ZONE, htons((uint16_t)zone));
	cb(ctx, nlh);
}

/* The kernel takes addresses of the length of their family only. */
static void
note_end(struct strbuf *b, const struct nlattr *v4, const struct nlattr *v6,
    const struct nlattr *port)
{
	const struct nlattr *attr = v4 != NULL ? v4 : v6;
	uint8_t af = v4 != NULL ? AF_INET : AF_INET6;
	char buf[ADDR_STRLEN];
	struct addr a;

	assert_non_null(attr);
	assert_non_null(port);
	assert_int_equal(mnl_attr_get_payload_len(attr), addr_bytes(af));
	a = addr_from_bytes(af, mnl_attr_get_payload(attr));
	strbuf_fmt(b, " %s %u", addr_format(&a, buf),
	    ntohs(mnl_attr_get_u16(port)));
}

static void
note_tuple(struct strbuf *b, const struct nlattr *attr)
{
	struct nlmsg_attrs a, ip, proto;

	assert_true(nlmsg_nested(attr, &a));
	assert_true(nlmsg_nested(a.at[CTA_TUPLE_IP], &ip));
	assert_true(nlmsg_nested(a.at[CTA_TUPLE_PROTO], &proto));
	strbuf_fmt(b, " %u", mnl_attr_get_u8(proto.at[CTA_PROTO_NUM]));
	note_end(b, ip.at[CTA_IP_V4_SRC], ip.at[CTA_IP_V6_SRC],
	    proto.at[CTA_PROTO_SRC_PORT]);
	note_end(b, ip.at[CTA_IP_V4_DST], ip.at[CTA_IP_V6_DST],
	    proto.at[CTA_PROTO_DST_PORT]);
}

/* One request, as text at the end of `asked`. */
static void
note_request(const struct nlmsghdr *nlh)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	bool get = (nlh->nlmsg_type & 0xff) == IPCTNL_MSG_CT_GET;
	struct nlmsg_attrs a;
	char line[256];
	struct strbuf b = strbuf_of(line, sizeof(line));

	assert_int_equal(nlh->nlmsg_type >> 8, NFNL_SUBSYS_CTNETLINK);
	assert_int_equal(nfg->version, NFNETLINK_V0);
	assert_int_equal(nfg->res_id, 0);
	assert_true(nlmsg_attrs(nlh, &a));
	strbuf_fmt(&b, "%s%s v%s", nlh->nlmsg_flags & NLM_F_DUMP ? "all " : "",
	    get ? "get" : "delete",
	    nfg->nfgen_family == AF_INET6      ? "6"
		: nfg->nfgen_family == AF_INET ? "4"
					       : "-");
	if (a.at[CTA_TUPLE_ORIG] != NULL) {
		strbuf_fmt(&b, " orig");
		note_tuple(&b, a.at[CTA_TUPLE_ORIG]);
	}
	if (a.at[CTA_TUPLE_REPLY] != NULL) {
		strbuf_fmt(&b, " reply");
		note_tuple(&b, a.at[CTA_TUPLE_REPLY]);
	}
	if (a.at[CTA_ZONE] != NULL)
		strbuf_fmt(&b, " zone %u",
		    ntohs(mnl_attr_get_u16(a.at[CTA_ZONE])));
	if (a.at[CTA_ID] != NULL)
		strbuf_fmt(&b, " id %u", ntohl(mnl_attr_get_u32(a.at[CTA_ID])));
	if (a.at[CTA_MARK] != NULL)
		strbuf_fmt(&b, " mark 0x%x",
		    ntohl(mnl_attr_get_u32(a.at[CTA_MARK])));
	if (a.at[CTA_MARK_MASK] != NULL)
		strbuf_fmt(&b, "/0x%x",
		    ntohl(mnl_attr_get_u32(a.at[CTA_MARK_MASK])));
	strbuf_fmt(&b, ";");
	strlcat(asked, line, sizeof(asked));
}

int
nlsock_request(struct nlsock *s, struct nlmsghdr *nlh, nlsock_cb *cb, void *ctx)
{
	(void)s;
	note_request(nlh);
	assert_true(nlh->nlmsg_flags & NLM_F_REQUEST);
	/* A deletion has no other answer. */
	assert_int_equal((nlh->nlmsg_flags & NLM_F_ACK) != 0, cb == NULL);
	if (cb != NULL && refuse == 0 && !silent)
		answer(id, cb, ctx);
	return -refuse;
}

int
nlsock_requests(struct nlsock *s, char *requests, size_t len)
{
	const struct nlmsghdr *nlh;
	bool answered = false;
	size_t at;

	(void)s;
	assert_true(nmessages < ROWS(nrequests));
	for (at = 0; at < len; at += MNL_ALIGN(nlh->nlmsg_len)) {
		nlh = (const struct nlmsghdr *)(void *)(requests + at);
		assert_int_equal(nlh->nlmsg_type & 0xff, IPCTNL_MSG_CT_DELETE);
		assert_false(answered);
		answered = nlh->nlmsg_flags & NLM_F_ACK;
		note_request(nlh);
		nrequests[nmessages]++;
	}
	nmessages++;
	assert_true(answered);
	return 0;
}

int
nlsock_dump(struct nlsock *s, struct nlmsghdr *nlh)
{
	(void)s;
	note_request(nlh);
	return no_dump ? -ENOBUFS : 0;
}

int
nlsock_more(struct nlsock *s, int datagrams, nlsock_cb *cb, void *ctx)
{
	unsigned int i;

	(void)s;
	assert_int_equal(datagrams, 16);
	for (i = 0; i < nshown; i++)
		answer(id + i, cb, ctx);
	return broken ? -EINTR : 0;
}

/* The connection is from .7 to .10 port 5060; port 7000 of .1 answers. */
static const struct family {
	const char *from, *to, *server, *cut, *original;
} families[] = {
	{ "198.51.100.7", "192.0.2.10", "192.0.2.1",
	    "get v4 orig 17 198.51.100.7 4000 192.0.2.10 5060;"
	    "delete v4 orig 17 198.51.100.7 4000 192.0.2.10 5060 id 7;",
	    "get v4 reply 17 192.0.2.1 7000 198.51.100.7 4000;" },
	{ "2001:db8::7", "2001:db8:1::10", "2001:db8:1::1",
	    "get v6 orig 17 2001:db8::7 4000 2001:db8:1::10 5060;"
	    "delete v6 orig 17 2001:db8::7 4000 2001:db8:1::10 5060 id 7;",
	    "get v6 reply 17 2001:db8:1::1 7000 2001:db8::7 4000;" },
};

static void
begin(const struct family *f)
{
	asked[0] = '\0';
	assert_int_equal(addr_parse(span_of(f->from), &from.addr), PH_OK);
	assert_int_equal(addr_parse(span_of(f->to), &to.addr), PH_OK);
	assert_int_equal(addr_parse(span_of(f->server), &server.addr), PH_OK);
	from.port = 4000;
	to.port = 5060;
	server.port = 7000;
}

static int
setup(void **state)
{
	(void)state;
	refuse = no_socket = 0;
	silent = no_dump = broken = false;
	mark_told = 0x10001;
	status = exempt_from = 0;
	id = 7;
	zone = -1;
	part = WHOLE;
	nshown = 1;
	nmessages = 0;
	memset(nrequests, 0, sizeof(nrequests));
	begin(&families[0]);
	return 0;
}

static void
a_cut_names_the_connection(void **state)
{
	struct pinhole h;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(families); i++) {
		begin(&families[i]);
		memset(&h, 0, sizeof(h));
		h.proto = IPPROTO_UDP;
		h.dir = PINHOLE_OUT;
		h.from = prefix_host(&from.addr);
		h.from_port = from.port;
		h.to = to.addr;
		h.to_lo = h.to_hi = to.port;
		conntrack_cut(NULL, 0x10000, &h);
		assert_string_equal(asked, families[i].cut);
	}
}

/* A port is asked about, and deleted if it is ours. */
#define GET(port) "get v4 orig 17 198.51.100.7 4000 192.0.2.10 " port ";"
#define DELETED	  "delete v4 orig 17 198.51.100.7 4000 192.0.2.10 5060 id 7;"

static void
a_cut_takes_what_bears_our_bit(void **state)
{
	/* clang-format off */
	static const struct {
		uint32_t mark, told;
		uint16_t lo, hi;
		int refuse;
		bool silent;
		enum part part;
		const char *asked;
	} t[] = {
	{ 0x10000, 0x10000, 9, 9, 0, 0, 0, GET("9") DELETED },
	{ 0x10000, 0x30001, 9, 9, 0, 0, 0, GET("9") DELETED },
	{ 0x10000, 0x20001, 9, 9, 0, 0, 0, GET("9") },
	{ 0x10000, 0, 9, 9, 0, 0, 0, GET("9") },
	{ 0x30000, 0x10000, 9, 9, 0, 0, 0, GET("9") },
	{ 0, 0x10000, 9, 9, 0, 0, 0, GET("9") },
	{ 0x10000, 0x10000, 9, 9, ENOENT, 0, 0, GET("9") },
	{ 0x10000, 0x10000, 9, 9, 0, 1, 0, GET("9") },
	{ 0x10000, 0x10000, 9, 9, 0, 0, NO_REPLY, GET("9") },
	{ 0x10000, 0x10000, 9, 9, 0, 0, LONG_DPORT, GET("9") },
	{ 0x10000, 0, 65533, 65535, 0, 0, 0,
	  GET("65533") GET("65534") GET("65535") },
	{ 0x10000, 0x10000, 1, 2, 0, 0, 0,
	  GET("1") DELETED GET("2") DELETED },
	};
	/* clang-format on */
	struct pinhole h;
	size_t i;

	for (i = 0; i < ROWS(t); i++) {
		setup(state);
		memset(&h, 0, sizeof(h));
		h.proto = IPPROTO_UDP;
		h.from = prefix_host(&from.addr);
		h.from_port = from.port;
		h.to = to.addr;
		h.to_lo = t[i].lo;
		h.to_hi = t[i].hi;
		mark_told = t[i].told;
		refuse = t[i].refuse;
		silent = t[i].silent;
		part = t[i].part;
		conntrack_cut(NULL, t[i].mark, &h);
		if (strcmp(asked, t[i].asked) != 0)
			fail_msg("%zu: %s", i, asked);
	}
}

static void
all_connections_go_that_bear_our_bit(void **state)
{
	(void)state;
	assert_int_equal(conntrack_delete(NULL, 0x10000), PH_OK);
	assert_string_equal(asked, "delete v- mark 0x10000/0x10000;");
	refuse = EPERM;
	assert_int_equal(conntrack_delete(NULL, 0x10000), PH_EIO);
	/* Not those of everybody. */
	asked[0] = '\0';
	refuse = 0;
	assert_int_equal(conntrack_delete(NULL, 0), PH_EBAD);
	assert_string_equal(asked, "");
}

static void
the_first_destination_is_asked_for_by_the_answers(void **state)
{
	struct fw_flow flow = { .proto = IPPROTO_UDP };
	struct endpoint got;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(families); i++) {
		begin(&families[i]);
		flow.client = from;
		flow.local = server;
		assert_int_equal(conntrack_original(NULL, &flow, &got), PH_OK);
		assert_string_equal(asked, families[i].original);
		assert_true(addr_eq(&got.addr, &to.addr));
		assert_int_equal(got.port, to.port);
	}
	/* There is no such connection, so the kernel is not asked. */
	begin(&families[0]);
	assert_int_equal(conntrack_original(NULL, &flow, &got), PH_OK);
	asked[0] = '\0';
	flow.client = from;
	assert_int_equal(conntrack_original(NULL, &flow, &got), PH_EBAD);
	flow.client.addr.af = flow.local.addr.af = AF_UNSPEC;
	assert_int_equal(conntrack_original(NULL, &flow, &got), PH_EBAD);
	assert_string_equal(asked, "");
}

static void
without_a_connection_there_is_no_destination(void **state)
{
	struct fw_flow flow = { .proto = IPPROTO_UDP };
	struct endpoint got = { .port = 1 };

	(void)state;
	begin(&families[0]);
	flow.client = from;
	flow.local = server;
	refuse = ENOENT;
	assert_int_equal(conntrack_original(NULL, &flow, &got), PH_EMALFORMED);
	refuse = EPERM;
	assert_int_equal(conntrack_original(NULL, &flow, &got), PH_EIO);
	refuse = 0;
	silent = true;
	assert_int_equal(conntrack_original(NULL, &flow, &got), PH_EMALFORMED);
	silent = false;
	for (part = NO_ORIG; part < PARTS; part++)
		assert_int_equal(conntrack_original(NULL, &flow, &got),
		    PH_EMALFORMED);
	assert_int_equal(got.port, 1);
}

/* The packets that were asked about, a line each; none is covered. */
static char views[512];
static bool covered_is; /* the answer */
static bool no_refresh;
static unsigned int refreshed;

static bool
covered(void *ctx, const struct flow_view *v)
{
	char src[ADDR_STRLEN], dst[ADDR_STRLEN], line[160];

	assert_ptr_equal(ctx, views);
	snprintf(line, sizeof(line), "%u %s %u > %s %u%s;", v->proto,
	    addr_format(&v->src, src), v->sport, addr_format(&v->dst, dst),
	    v->dport, v->reply ? " reply" : "");
	strlcat(views, line, sizeof(views));
	return covered_is;
}

static bool
exempt(void *ctx, uint32_t ct_id)
{
	assert_ptr_equal(ctx, views);
	return exempt_from != 0 && ntohl(ct_id) >= exempt_from;
}

static bool
refresh(void *ctx)
{
	assert_ptr_equal(ctx, views);
	refreshed++;
	return !no_refresh;
}

static const struct sweep_question question = { covered, exempt, refresh,
	views };
static struct sweep *sweep;

static int
sweep_setup(void **state)
{
	setup(state);
	covered_is = no_refresh = false;
	refreshed = 0;
	views[0] = asked[0] = '\0';
	return (sweep = sweep_new(0x10000)) == NULL ? -1 : 0;
}

static int
sweep_teardown(void **state)
{
	(void)state;
	sweep_free(sweep);
	assert_int_equal(nsockets, 0);
	return 0;
}

/* One sweep, in so many steps. */
static size_t
sweep_all(unsigned int steps)
{
	unsigned int n = 1;

	asked[0] = views[0] = '\0';
	nmessages = 0;
	memset(nrequests, 0, sizeof(nrequests));
	sweep_start(sweep);
	for (; sweep_step(sweep, &question) == 1; n++)
		assert_true(n < 10);
	assert_int_equal(n, steps);
	return sweep_left(sweep);
}

#define ALL "all get v- mark 0x10000/0x10000;"

static void
a_sweep_asks_about_both_directions(void **state)
{
	static const char *const want[] = {
		"17 198.51.100.7 4000 > 192.0.2.1 7000;"
		"17 192.0.2.1 7000 > 198.51.100.7 4000 reply;",
		"17 2001:db8::7 4000 > 2001:db8:1::1 7000;"
		"17 2001:db8:1::1 7000 > 2001:db8::7 4000 reply;",
	};
	static const char *const first[] = {
		"17 198.51.100.7 4000 > 192.0.2.1 7000;",
		"17 2001:db8::7 4000 > 2001:db8:1::1 7000;",
	};
	static const char *const gone[] = {
		ALL "delete v4 orig 17 198.51.100.7 4000 192.0.2.10 5060 id 7;",
		ALL "delete v6 orig 17 2001:db8::7 4000 2001:db8:1::10 5060"
		    " id 7;",
	};
	size_t i;

	for (i = 0; i < ROWS(families); i++) {
		sweep_teardown(state);
		sweep_setup(state);
		begin(&families[i]);
		assert_int_equal(sweep_all(2), 1);
		assert_string_equal(views, want[i]);
		assert_string_equal(asked, ALL);
		assert_int_equal(refreshed, 0);
		/* Found closed twice, it goes. */
		assert_int_equal(sweep_all(2), 0);
		assert_string_equal(asked, gone[i]);
		assert_int_equal(refreshed, 1);
		assert_int_equal(nmessages, 1);
		/* An open one is asked about once, and left alone. */
		covered_is = true;
		assert_int_equal(sweep_all(2), 0);
		assert_string_equal(views, first[i]);
		assert_int_equal(sweep_all(2), 0);
		assert_string_equal(asked, ALL);
	}
}

static void
a_connection_is_closed_or_doomed_by_its_status(void **state)
{
	/* clang-format off */
	static const struct { uint32_t status; bool doomed; } t[] = {
	{ 0, false },
	{ 1u << 5, true },	/* IPS_DST_NAT */
	{ 1u << 14, true },	/* IPS_OFFLOAD */
	{ 1u << 5 | 1u << 14, true },
	{ ~(1u << 5 | 1u << 14), false },
	{ UINT32_MAX, true },
	};
	/* clang-format on */
	size_t i;

	for (i = 0; i < ROWS(t); i++) {
		sweep_teardown(state);
		sweep_setup(state);
		status = t[i].status;
		assert_int_equal(sweep_all(2), !t[i].doomed);
		assert_int_equal(nrequests[0], t[i].doomed);
	}
}

static void
a_connection_in_a_zone_is_deleted_there(void **state)
{
	(void)state;
	status = 1u << 5;
	for (zone = 0; zone < 600; zone += 299) {
		char want[256];

		snprintf(want, sizeof(want),
		    ALL "delete v4 orig 17 198.51.100.7 4000 192.0.2.10 5060"
			" zone %d id 7;",
		    zone);
		assert_int_equal(sweep_all(2), 0);
		assert_string_equal(asked, want);
	}
}

static void
a_message_that_is_not_whole_is_passed_over(void **state)
{
	(void)state;
	status = 1u << 5;
	for (part = NO_ORIG; part < PARTS; part++) {
		assert_int_equal(sweep_all(2), 0);
		assert_string_equal(asked, ALL);
		assert_string_equal(views, "");
	}
}

/* 700 connections of one sweep, then those that are left. */
static void
the_doomed_go_in_slices(void **state)
{
	(void)state;
	nshown = 700;
	assert_int_equal(sweep_all(2), 700);
	assert_int_equal(nmessages, 0);
	assert_int_equal(sweep_all(4), 0);
	assert_int_equal(nmessages, 3);
	assert_int_equal(nrequests[0], 256);
	assert_int_equal(nrequests[1], 256);
	assert_int_equal(nrequests[2], 700 - 512);
	assert_int_equal(refreshed, 1);
	/* They are found by number, wherever they stood. */
	id = 1000;
	nshown = 100;
	assert_int_equal(sweep_all(2), 100);
	id = 950;
	nshown = 200;
	assert_int_equal(sweep_all(2), 100);
	assert_int_equal(nrequests[0], 100);
	status = 1u << 5;
	nshown = 256;
	assert_int_equal(sweep_all(2), 0);
	assert_int_equal(nrequests[0], 256);
	nshown = 257;
	assert_int_equal(sweep_all(3), 0);
	assert_int_equal(nrequests[1], 1);
	/* A sweep forgets no more than this. */
	status = 0;
	nshown = 65537;
	assert_int_equal(sweep_all(2), 65536);
}

static void
those_that_may_outlive_are_spared(void **state)
{
	(void)state;
	status = 1u << 5;
	nshown = 10;
	exempt_from = id + 4;
	assert_int_equal(sweep_all(2), 0);
	assert_int_equal(nrequests[0], 4);
	/* They may all: no message. */
	exempt_from = id;
	assert_int_equal(sweep_all(2), 0);
	assert_int_equal(nmessages, 0);
	assert_int_equal(refreshed, 1);
	/* The kernel cannot tell which: the next sweep asks again. */
	exempt_from = 0;
	no_refresh = true;
	assert_int_equal(sweep_all(2), 10);
	assert_int_equal(nmessages, 0);
	assert_int_equal(refreshed, 2);
	no_refresh = false;
	status = 0;
	assert_int_equal(sweep_all(2), 0);
	assert_int_equal(nrequests[0], 10);
}

static void
become_exempt(void)
{
	sweep_start(sweep);
	assert_int_equal(sweep_step(sweep, &question), 1);
	exempt_from = id + 6;
	while (sweep_step(sweep, &question) == 1)
		continue;
}

static void
one_that_may_outlive_after_all_is_spared(void **state)
{
	(void)state;
	status = 1u << 5;
	nshown = 10;
	become_exempt();
	assert_int_equal(nrequests[0], 6);
	assert_int_equal(sweep_left(sweep), 0);
	exempt_from = 0;
	id -= 6;
	nmessages = 0;
	nrequests[0] = 0;
	become_exempt();
	assert_int_equal(nrequests[0], 6);
}

static void
a_dump_that_fails_ends_the_sweep(void **state)
{
	(void)state;
	no_dump = true;
	assert_int_equal(sweep_all(1), 0);
	assert_string_equal(views, "");
	no_dump = false;
	broken = true;
	assert_int_equal(sweep_all(2), 1);
	/* The flows that it found before are remembered. */
	assert_int_equal(sweep_all(2), 0);
	assert_int_equal(nrequests[0], 1);
}

static void
a_sweep_needs_a_socket(void **state)
{
	(void)state;
	no_socket = EMFILE;
	assert_null(sweep_new(0x10000));
	assert_int_equal(errno, EMFILE);
	no_socket = 0;
	starve(1);
	assert_null(sweep_new(0x10000));
	starve_end();
	sweep_free(NULL);
	assert_int_equal(nsockets, 0);
}

/* A flow that there is no memory for waits for another sweep. */
static void
without_memory_a_sweep_forgets(void **state)
{
	(void)state;
	nshown = 70;
	starve(1);
	assert_int_equal(sweep_all(2), 69);
	starve(2);
	assert_int_equal(sweep_all(2), 1);
	assert_int_equal(nrequests[0], 68);
	starve_end();
	assert_int_equal(sweep_all(2), 69);
	assert_int_equal(nrequests[0], 1);
}

#define CASE(f)	 cmocka_unit_test_setup(f, setup)
#define SWEEP(f) cmocka_unit_test_setup_teardown(f, sweep_setup, sweep_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_cut_names_the_connection),
		CASE(a_cut_takes_what_bears_our_bit),
		CASE(all_connections_go_that_bear_our_bit),
		CASE(the_first_destination_is_asked_for_by_the_answers),
		CASE(without_a_connection_there_is_no_destination),
		SWEEP(a_sweep_asks_about_both_directions),
		SWEEP(a_connection_is_closed_or_doomed_by_its_status),
		SWEEP(a_connection_in_a_zone_is_deleted_there),
		SWEEP(a_message_that_is_not_whole_is_passed_over),
		SWEEP(the_doomed_go_in_slices),
		SWEEP(those_that_may_outlive_are_spared),
		SWEEP(one_that_may_outlive_after_all_is_spared),
		SWEEP(a_dump_that_fails_ends_the_sweep),
		CASE(a_sweep_needs_a_socket),
		SWEEP(without_memory_a_sweep_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
