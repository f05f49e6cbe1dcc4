/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>

#include "nft/conntrack.h"
#include "nft/nlmsg.h"

/* One sweep forgets at most so many; the next takes the rest. */
#define SWEEP_MAX    65536
/*
 * The work of one step: datagrams of some 150 connections each, or deletions.
 */
#define SLICE	     16
#define SLICE_DELETE 256
#define DELETE_SIZE  160 /* of the request for one, at most */

/* One direction of a connection. */
struct tuple {
	uint8_t proto;
	struct endpoint src, dst;
};

static void
put_mark(struct nlmsghdr *nlh, uint32_t mark)
{
	mnl_attr_put_u32(nlh, CTA_MARK, htonl(mark));
	mnl_attr_put_u32(nlh, CTA_MARK_MASK, htonl(mark));
}

/*
 * Without a tuple, the request deletes every connection that passes the filter.
 */
enum ph_err
conntrack_delete(struct nlsock *s, uint32_t mark)
{
	_Alignas(struct nlmsghdr) char buf[NLMSG_SIZE];
	struct nlmsghdr *nlh;

	if (mark == 0)
		return PH_EBAD; /* without a mark, all connections would match
				 */
	nlh = nlmsg_begin(buf, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE,
	    NLM_F_ACK, AF_UNSPEC);
	put_mark(nlh, mark);
	return nlsock_err(nlsock_request(s, nlh, NULL, NULL));
}

static bool
get_addr(const struct nlattr *attr, uint8_t af, struct addr *out)
{
	if (attr == NULL || mnl_attr_get_payload_len(attr) != addr_bytes(af))
		return false;
	*out = addr_from_bytes(af, mnl_attr_get_payload(attr));
	return true;
}

static bool
get_port(const struct nlattr *attr, uint16_t *out)
{
	if (attr == NULL || mnl_attr_get_payload_len(attr) != sizeof(*out))
		return false;
	*out = ntohs(mnl_attr_get_u16(attr));
	return true;
}

static bool
tuple_parse(const struct nlattr *attr, struct tuple *t)
{
	struct nlmsg_attrs a, ip, proto;
	bool ok;

	if (!nlmsg_nested(attr, &a) || !nlmsg_nested(a.at[CTA_TUPLE_IP], &ip) ||
	    !nlmsg_nested(a.at[CTA_TUPLE_PROTO], &proto) ||
	    proto.at[CTA_PROTO_NUM] == NULL)
		return false;
	if (ip.at[CTA_IP_V4_SRC] != NULL)
		ok = get_addr(ip.at[CTA_IP_V4_SRC], AF_INET, &t->src.addr) &&
		    get_addr(ip.at[CTA_IP_V4_DST], AF_INET, &t->dst.addr);
	else
		ok = get_addr(ip.at[CTA_IP_V6_SRC], AF_INET6, &t->src.addr) &&
		    get_addr(ip.at[CTA_IP_V6_DST], AF_INET6, &t->dst.addr);
	t->proto = mnl_attr_get_u8(proto.at[CTA_PROTO_NUM]);
	return ok && get_port(proto.at[CTA_PROTO_SRC_PORT], &t->src.port) &&
	    get_port(proto.at[CTA_PROTO_DST_PORT], &t->dst.port);
}

static void
put_tuple(struct nlmsghdr *nlh, uint16_t type, const struct tuple *t)
{
	struct nlattr *outer, *inner;
	bool v6 = t->src.addr.af == AF_INET6;

	outer = mnl_attr_nest_start(nlh, type);
	inner = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
	mnl_attr_put(nlh, v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, v6 ? 16 : 4,
	    t->src.addr.b);
	mnl_attr_put(nlh, v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, v6 ? 16 : 4,
	    t->dst.addr.b);
	mnl_attr_nest_end(nlh, inner);
	inner = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, t->proto);
	mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, htons(t->src.port));
	mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(t->dst.port));
	mnl_attr_nest_end(nlh, inner);
	mnl_attr_nest_end(nlh, outer);
}

struct connection {
	struct tuple orig, reply;
	uint32_t id; /* as on the wire */
	uint32_t status, mark;
	uint16_t zone;
	bool has_zone;
};

static uint32_t
get_u32(const struct nlattr *attr)
{
	return attr != NULL && mnl_attr_get_payload_len(attr) == 4
	    ? mnl_attr_get_u32(attr)
	    : 0;
}

static bool
connection_parse(const struct nlmsghdr *nlh, struct connection *c)
{
	struct nlmsg_attrs a;

	memset(c, 0, sizeof(*c));
	if (!nlmsg_attrs(nlh, &a))
		return false;
	c->id = get_u32(a.at[CTA_ID]);
	c->status = ntohl(get_u32(a.at[CTA_STATUS]));
	c->mark = ntohl(get_u32(a.at[CTA_MARK]));
	c->has_zone = get_port(a.at[CTA_ZONE], &c->zone);
	return tuple_parse(a.at[CTA_TUPLE_ORIG], &c->orig) &&
	    tuple_parse(a.at[CTA_TUPLE_REPLY], &c->reply);
}

struct found {
	bool any;
	struct endpoint to;
};

static void
see_original(void *ctx, const struct nlmsghdr *nlh)
{
	struct found *f = ctx;
	struct connection c;

	if (connection_parse(nlh, &c)) {
		f->any = true;
		f->to = c.orig.dst;
	}
}

/* Our socket answers from flow->local to the client: that is the reply. */
enum ph_err
conntrack_original(struct nlsock *s, const struct fw_flow *flow,
    struct endpoint *out)
{
	_Alignas(struct nlmsghdr) char buf[NLMSG_SIZE];
	struct tuple reply = { flow->proto, flow->local, flow->client };
	struct found f = { 0 };
	struct nlmsghdr *nlh;
	int rc;

	if ((flow->local.addr.af != AF_INET &&
		flow->local.addr.af != AF_INET6) ||
	    flow->client.addr.af != flow->local.addr.af)
		return PH_EBAD;
	nlh = nlmsg_begin(buf, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, 0,
	    flow->local.addr.af);
	put_tuple(nlh, CTA_TUPLE_REPLY, &reply);
	rc = nlsock_request(s, nlh, see_original, &f);
	if (rc == -ENOENT || (rc == 0 && !f.any))
		return PH_EMALFORMED;
	if (rc == 0)
		*out = f.to;
	return nlsock_err(rc);
}

static struct nlmsghdr *
put_delete(char *buf, uint16_t flags, const struct connection *c)
{
	struct nlmsghdr *nlh;

	nlh = nlmsg_begin(buf, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE,
	    flags, c->orig.src.addr.af);
	put_tuple(nlh, CTA_TUPLE_ORIG, &c->orig);
	if (c->has_zone)
		mnl_attr_put_u16(nlh, CTA_ZONE, htons(c->zone));
	mnl_attr_put_u32(nlh, CTA_ID, c->id);
	return nlh;
}

/*
 * A connection that is gone already, or was replaced by another, is no error.
 */
static void
connection_delete(struct nlsock *s, const struct connection *c)
{
	_Alignas(struct nlmsghdr) char buf[NLMSG_SIZE];

	(void)nlsock_request(s, put_delete(buf, NLM_F_ACK, c), NULL, NULL);
}

static void
see_connection_itself(void *ctx, const struct nlmsghdr *nlh)
{
	struct connection *c = ctx;

	if (!connection_parse(nlh, c))
		c->mark = 0;
}

void
conntrack_cut(struct nlsock *s, uint32_t mark, const struct pinhole *h)
{
	_Alignas(struct nlmsghdr) char buf[NLMSG_SIZE];
	struct tuple orig = { h->proto, { h->from.addr, h->from_port },
		{ h->to, 0 } };
	struct connection c;
	struct nlmsghdr *nlh;
	unsigned int port;

	for (port = h->to_lo; port <= h->to_hi; port++) {
		orig.dst.port = (uint16_t)port;
		memset(&c, 0, sizeof(c));
		nlh = nlmsg_begin(buf, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET,
		    0, h->to.af);
		put_tuple(nlh, CTA_TUPLE_ORIG, &orig);
		if (nlsock_request(s, nlh, see_connection_itself, &c) == 0 &&
		    mark != 0 && (c.mark & mark) == mark)
			connection_delete(s, &c);
	}
}

struct sweep {
	struct nlsock *nl;
	uint32_t mark;
	uint32_t *before; /* ids found closed by the last sweep, sorted */
	size_t nbefore;
	uint32_t *closed; /* by this one */
	size_t nclosed;
	struct connection *doomed;
	size_t ndoomed, next;
	bool dumping;
	const struct sweep_question *q;
	_Alignas(struct nlmsghdr) char requests[SLICE_DELETE * DELETE_SIZE];
};

struct sweep *
sweep_new(uint32_t mark)
{
	struct sweep *w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		return NULL;
	w->mark = mark;
	if ((w->nl = nlsock_open()) == NULL) {
		free(w);
		return NULL;
	}
	return w;
}

void
sweep_free(struct sweep *w)
{
	if (w == NULL)
		return;
	nlsock_close(w->nl);
	free(w->before);
	free(w->closed);
	free(w->doomed);
	free(w);
}

void
sweep_start(struct sweep *w)
{
	_Alignas(struct nlmsghdr) char buf[NLMSG_SIZE];
	struct nlmsghdr *nlh;

	w->nclosed = w->ndoomed = w->next = 0;
	nlh = nlmsg_begin(buf, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET,
	    NLM_F_DUMP, AF_UNSPEC);
	put_mark(nlh, w->mark);
	w->dumping = nlsock_dump(w->nl, nlh) == 0;
}

static int
id_cmp(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Room for one more; the array doubles from 64 on. */
static bool
array_grow(void **v, size_t n, size_t size)
{
	void *p;

	if (n >= SWEEP_MAX)
		return false;
	if (n != 0 && (n < 64 || (n & (n - 1)) != 0))
		return true;
	p = reallocarray(*v, n == 0 ? 64 : n * 2, size);
	if (p == NULL)
		return false;
	*v = p;
	return true;
}

static void
add_closed(struct sweep *w, uint32_t id)
{
	void *v = w->closed;

	if (array_grow(&v, w->nclosed, sizeof(*w->closed))) {
		w->closed = v;
		w->closed[w->nclosed++] = id;
	}
}

static void
add_doomed(struct sweep *w, const struct connection *c)
{
	void *v = w->doomed;

	if (array_grow(&v, w->ndoomed, sizeof(*w->doomed))) {
		w->doomed = v;
		w->doomed[w->ndoomed++] = *c;
	}
}

/*
 * The packet as our chains see it: destinations are translated before our
 * chains, sources after them, and for answers the other way round.
 */
static bool
is_covered(const struct sweep_question *q, const struct connection *c)
{
	const struct endpoint *a = &c->orig.src, *b = &c->reply.src;
	struct flow_view there = { c->orig.proto, a->addr, b->addr, a->port,
		b->port, false };
	struct flow_view back = { c->orig.proto, b->addr, a->addr, b->port,
		a->port, true };

	return q->covered(q->ctx, &there) || q->covered(q->ctx, &back);
}

static void
see_connection(void *ctx, const struct nlmsghdr *nlh)
{
	struct sweep *w = ctx;
	struct connection c;

	if (!connection_parse(nlh, &c) || is_covered(w->q, &c) ||
	    w->q->exempt(w->q->ctx, c.id))
		return;
	if (c.status & (IPS_DST_NAT | IPS_OFFLOAD) ||
	    (w->nbefore > 0 &&
		bsearch(&c.id, w->before, w->nbefore, sizeof(c.id), id_cmp) !=
		    NULL))
		add_doomed(w, &c);
	else
		add_closed(w, c.id);
}

/*
 * The kernel has not said which connections to spare, so spare all now: the
 * next sweep asks again.
 */
static void
spare_doomed(struct sweep *w)
{
	size_t i;

	for (i = 0; i < w->ndoomed; i++)
		add_closed(w, w->doomed[i].id);
	w->ndoomed = 0;
}

/*
 * A slice of the doomed, in one message to the kernel.  If one is still there
 * afterwards, the next sweep finds it.
 */
static void
delete_some(struct sweep *w, const struct sweep_question *q)
{
	struct nlmsghdr *nlh = NULL;
	size_t len = 0;
	int i;

	for (i = 0; i < SLICE_DELETE && w->next < w->ndoomed; i++, w->next++)
		if (!q->exempt(q->ctx, w->doomed[w->next].id)) {
			nlh = put_delete(w->requests + len, 0,
			    &w->doomed[w->next]);
			len += MNL_ALIGN(nlh->nlmsg_len);
		}
	if (nlh == NULL)
		return;
	nlh->nlmsg_flags |= NLM_F_ACK;
	(void)nlsock_requests(w->nl, w->requests, len);
}

int
sweep_step(struct sweep *w, const struct sweep_question *q)
{
	uint32_t *v;

	if (w->dumping) {
		w->q = q;
		w->dumping = nlsock_more(w->nl, SLICE, see_connection, w) == 1;
		w->q = NULL;
		if (!w->dumping && w->ndoomed > 0 && !q->refresh(q->ctx))
			spare_doomed(w);
		return 1;
	}
	delete_some(w, q);
	if (w->next < w->ndoomed)
		return 1;
	if (w->nclosed > 0)
		qsort(w->closed, w->nclosed, sizeof(*w->closed), id_cmp);
	v = w->before;
	w->before = w->closed;
	w->nbefore = w->nclosed;
	w->closed = v;
	w->nclosed = 0;
	return 0;
}

size_t
sweep_left(const struct sweep *w)
{
	return w->nbefore;
}
