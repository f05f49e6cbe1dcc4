/* SPDX-License-Identifier: ISC */
/*
 * Questions to conntrack about one connection, in both families: the whole
 * tuple is asked for, and the answer is read from the right end.
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
#include "tests/unit/unit.h"

/* The questions: "get 10 reply 17 A 1 B 2;", a line for each request. */
static char asked[1024];
static struct endpoint from, to, server; /* of the only connection */
static int refuse;			 /* with this errno */
static bool silent;			 /* success, without an answer */

int
nlsock_requests(struct nlsock *s, char *requests, size_t len)
{
	(void)s;
	(void)requests;
	(void)len;
	return -EOPNOTSUPP;
}

int
nlsock_dump(struct nlsock *s, struct nlmsghdr *nlh)
{
	(void)s;
	(void)nlh;
	return -EOPNOTSUPP;
}

int
nlsock_more(struct nlsock *s, int datagrams, nlsock_cb *cb, void *ctx)
{
	(void)s;
	(void)datagrams;
	(void)cb;
	(void)ctx;
	return -EOPNOTSUPP;
}

struct nlsock *
nlsock_open(void)
{
	return NULL;
}

void
nlsock_close(struct nlsock *s)
{
	(void)s;
}

enum ph_err
nlsock_err(int err)
{
	return err == 0 ? PH_OK : PH_EIO;
}

static void
put_tuple(struct nlmsghdr *nlh, uint16_t type, const struct endpoint *src,
    const struct endpoint *dst)
{
	struct nlattr *outer = mnl_attr_nest_start(nlh, type), *inner;
	bool v6 = src->addr.af == AF_INET6;

	inner = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
	mnl_attr_put(nlh, v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC,
	    addr_bytes(src->addr.af), src->addr.b);
	mnl_attr_put(nlh, v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST,
	    addr_bytes(dst->addr.af), dst->addr.b);
	mnl_attr_nest_end(nlh, inner);
	inner = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, IPPROTO_UDP);
	mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, htons(src->port));
	mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(dst->port));
	mnl_attr_nest_end(nlh, inner);
	mnl_attr_nest_end(nlh, outer);
}

static void
answer(nlsock_cb *cb, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[512];
	struct nlmsghdr *nlh = nlmsg_begin(buf, NFNL_SUBSYS_CTNETLINK,
	    IPCTNL_MSG_CT_NEW, 0, from.addr.af);

	put_tuple(nlh, CTA_TUPLE_ORIG, &from, &to);
	put_tuple(nlh, CTA_TUPLE_REPLY, &server, &from);
	mnl_attr_put_u32(nlh, CTA_ID, htonl(7));
	mnl_attr_put_u32(nlh, CTA_MARK, htonl(0x10001));
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

int
nlsock_request(struct nlsock *s, struct nlmsghdr *nlh, nlsock_cb *cb, void *ctx)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	bool get = (nlh->nlmsg_type & 0xff) == IPCTNL_MSG_CT_GET;
	struct nlmsg_attrs a;
	char line[256];
	struct strbuf b = strbuf_of(line, sizeof(line));

	(void)s;
	assert_true(nlmsg_attrs(nlh, &a));
	strbuf_fmt(&b, "%s v%s", get ? "get" : "delete",
	    nfg->nfgen_family == AF_INET6 ? "6" : "4");
	if (a.at[CTA_TUPLE_ORIG] != NULL) {
		strbuf_fmt(&b, " orig");
		note_tuple(&b, a.at[CTA_TUPLE_ORIG]);
	}
	if (a.at[CTA_TUPLE_REPLY] != NULL) {
		strbuf_fmt(&b, " reply");
		note_tuple(&b, a.at[CTA_TUPLE_REPLY]);
	}
	if (a.at[CTA_ID] != NULL)
		strbuf_fmt(&b, " id %u", ntohl(mnl_attr_get_u32(a.at[CTA_ID])));
	strbuf_fmt(&b, ";");
	strlcat(asked, line, sizeof(asked));
	if (cb != NULL && refuse == 0 && !silent)
		answer(cb, ctx);
	return -refuse;
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
	assert_int_equal(got.port, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cut_names_the_connection),
		cmocka_unit_test(
		    the_first_destination_is_asked_for_by_the_answers),
		cmocka_unit_test(without_a_connection_there_is_no_destination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
