/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>

#include "nft/batch.h"
#include "nft/nlmsg.h"
#include "nft/table.h"

/* A message ends when its list comes near the 64 KiB of an attribute. */
#define LIST_MAX    60000
#define ELEMENT_MAX 256
/* Before its deadline, the kernel removes no element by itself. */
#define CERTAIN_US  (5 * INT64_C(1000000))

void
batch_init(struct batch *b, const char *table)
{
	memset(b, 0, sizeof(*b));
	b->table = table;
}

void
batch_free(struct batch *b)
{
	free(b->p);
}

static bool
batch_reserve(struct batch *b, size_t room)
{
	size_t cap = b->cap > 0 ? b->cap : 16384;
	char *p;

	if (b->full || b->len + room > BATCH_MAX) {
		b->full = true;
		return false;
	}
	while (cap < b->len + room)
		cap *= 2;
	if (cap == b->cap)
		return true;
	if ((p = realloc(b->p, cap)) == NULL) {
		b->full = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

static struct nlmsghdr *
put_header(struct batch *b, uint16_t type, uint16_t flags, uint8_t family,
    uint16_t res_id)
{
	struct nlmsghdr *nlh;
	struct nfgenmsg *nfg;

	nlh = mnl_nlmsg_put_header(b->p + b->len);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nlh->nlmsg_seq = ++b->seq;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(res_id);
	return nlh;
}

struct nlmsghdr *
batch_message(struct batch *b, int type, uint16_t flags, uint8_t family,
    size_t room)
{
	if (!batch_reserve(b, room + 256))
		return NULL;
	b->message = b->len;
	return put_header(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
	    flags, family, 0);
}

void
batch_message_end(struct batch *b, struct nlmsghdr *nlh)
{
	b->len += MNL_ALIGN(nlh->nlmsg_len);
}

static void
put_mark(struct batch *b, uint16_t type)
{
	if (batch_reserve(b, 64))
		batch_message_end(b,
		    put_header(b, type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

void
batch_begin(struct batch *b, uint32_t seq)
{
	b->len = 0;
	b->seq = seq;
	b->full = false;
	b->list = 0;
	b->message = 0;
	b->nelements = b->nechoes = 0;
	put_mark(b, NFNL_MSG_BATCH_BEGIN);
}

static struct nlmsghdr *
open_message(const struct batch *b)
{
	return (struct nlmsghdr *)(void *)(b->p + b->message);
}

static void
close_list(struct batch *b)
{
	struct nlmsghdr *nlh;

	if (b->list == 0)
		return;
	nlh = open_message(b);
	mnl_attr_nest_end(nlh, (struct nlattr *)(void *)(b->p + b->list));
	batch_message_end(b, nlh);
	b->list = 0;
}

void
batch_end(struct batch *b)
{
	close_list(b);
	if (b->full)
		return;
	open_message(b)->nlmsg_flags |= NLM_F_ACK;
	b->ack = open_message(b)->nlmsg_seq;
	put_mark(b, NFNL_MSG_BATCH_END);
}

static void
put_set_name(struct batch *b, struct nlmsghdr *nlh, unsigned int set)
{
	char name[SET_NAMELEN];

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, b->table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set_name(set, name));
}

/* Whether one more element may join the open message. */
static bool
batch_joins(const struct batch *b, int type, uint16_t flags, int set)
{
	return b->list != 0 && b->type == type && b->flags == flags &&
	    b->set == set && open_message(b)->nlmsg_len < LIST_MAX;
}

void
batch_element(struct batch *b, int type, uint16_t flags, const struct elem *e,
    const uint8_t *data, uint64_t ms)
{
	struct nlattr *outer, *inner;
	struct nlmsghdr *nlh;

	if (!batch_joins(b, type, flags, e->set)) {
		close_list(b);
		nlh = batch_message(b, type, flags, NFPROTO_INET,
		    LIST_MAX + ELEMENT_MAX);
		if (nlh == NULL)
			return;
		put_set_name(b, nlh, e->set);
		b->list = b->message + nlh->nlmsg_len;
		(void)mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
		b->type = type;
		b->flags = flags;
		b->set = e->set;
	}
	nlh = open_message(b);
	outer = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	inner = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);
	mnl_attr_put(nlh, NFTA_DATA_VALUE, e->keylen, e->key);
	mnl_attr_nest_end(nlh, inner);
	if (e->datalen > 0 && data != NULL) {
		inner = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_DATA);
		mnl_attr_put(nlh, NFTA_DATA_VALUE, e->datalen, data);
		mnl_attr_nest_end(nlh, inner);
	}
	if (ms > 0)
		mnl_attr_put_u64(nlh, NFTA_SET_ELEM_TIMEOUT, htobe64(ms));
	mnl_attr_nest_end(nlh, outer);
	b->nelements++;
	b->nechoes += (flags & NLM_F_ECHO) != 0;
}

void
batch_flush_set(struct batch *b, unsigned int set)
{
	struct nlmsghdr *nlh;

	close_list(b);
	nlh = batch_message(b, NFT_MSG_DELSETELEM, 0, NFPROTO_INET, 256);
	if (nlh == NULL)
		return;
	put_set_name(b, nlh, set);
	batch_message_end(b, nlh);
	b->nelements++;
}

uint64_t
timeout_ms(int64_t deadline, int64_t now)
{
	int64_t ms;

	if (deadline == INT64_MAX)
		return 0;
	ms = (deadline - now) / 1000;
	return ms < 1000 ? 1000 : (uint64_t)ms;
}

/* One message type for all pending changes whose operation is in `ops`. */
struct pass {
	unsigned int ops;
	int type;
	uint16_t flags;
	bool lasting; /* with their new deadlines */
	bool certain; /* also those that the kernel has for certain */
};

static void
batch_pass(struct batch *b, struct mirror *m, const struct pass *p, int64_t now)
{
	struct mirror_change c;
	size_t iter = 0;

	while (mirror_next_change(m, &iter, p->ops, &c)) {
		if (!p->certain && c.certain - now > CERTAIN_US)
			continue;
		if (p->lasting)
			batch_element(b, p->type, p->flags, &c.elem,
			    c.elem.data, timeout_ms(c.deadline, now));
		else
			batch_element(b, p->type, p->flags, &c.elem,
			    p->type == NFT_MSG_NEWSETELEM ? c.old_data : NULL,
			    0);
	}
}

/*
 * A replaced element is deleted with NLM_F_ECHO: the kernel answers with the
 * element as it was, and so with the last value of its counter.
 */
void
batch_changes(struct batch *b, struct mirror *m, bool careful, int64_t now)
{
	const unsigned int add = 1u << MIRROR_ADD;
	const unsigned int remove = 1u << MIRROR_REMOVE;
	const unsigned int replace = 1u << MIRROR_REPLACE;
	const struct pass passes[] = {
		{ remove | replace, NFT_MSG_NEWSETELEM, NLM_F_CREATE, false,
		    careful },
		{ remove, NFT_MSG_DELSETELEM, 0, false, true },
		{ replace, NFT_MSG_DELSETELEM, NLM_F_ECHO, false, true },
		{ add | replace, NFT_MSG_NEWSETELEM, NLM_F_CREATE, true, true },
	};
	size_t i;

	for (i = 0; i < sizeof(passes) / sizeof(passes[0]); i++)
		batch_pass(b, m, &passes[i], now);
}

static bool
value_of(const struct nlattr *nest, uint8_t *dst, uint8_t *len, size_t max)
{
	struct nlmsg_attrs w;
	const struct nlattr *value;
	size_t n;

	if (!nlmsg_nested(nest, &w) || (value = w.at[NFTA_DATA_VALUE]) == NULL)
		return false;
	n = mnl_attr_get_payload_len(value);
	if (n > max)
		return false;
	memcpy(dst, mnl_attr_get_payload(value), n);
	*len = (uint8_t)n;
	return true;
}

static bool
get_u64(const struct nlattr *attr, uint64_t *out)
{
	if (attr == NULL || mnl_attr_get_payload_len(attr) != sizeof(*out))
		return false;
	*out = be64toh(mnl_attr_get_u64(attr));
	return true;
}

/* { name "counter", data { bytes, packets } } */
static bool
counter_of(const struct nlattr *expr, uint64_t *packets)
{
	struct nlmsg_attrs w, d;
	const struct nlattr *name;

	if (!nlmsg_nested(expr, &w) || (name = w.at[NFTA_EXPR_NAME]) == NULL ||
	    w.at[NFTA_EXPR_DATA] == NULL ||
	    mnl_attr_get_payload_len(name) != sizeof("counter") ||
	    memcmp(mnl_attr_get_payload(name), "counter", 8) != 0)
		return false;
	if (!nlmsg_nested(w.at[NFTA_EXPR_DATA], &d))
		return false;
	return get_u64(d.at[NFTA_COUNTER_PACKETS], packets);
}

static bool
element_parse(const struct nlattr *attr, unsigned int set,
    struct element_seen *out)
{
	struct nlmsg_attrs w;

	memset(out, 0, sizeof(*out));
	if (!nlmsg_nested(attr, &w) || w.at[NFTA_SET_ELEM_KEY] == NULL)
		return false;
	out->elem.set = (uint8_t)set;
	if (!value_of(w.at[NFTA_SET_ELEM_KEY], out->elem.key, &out->elem.keylen,
		ELEM_KEYLEN))
		return false;
	if (w.at[NFTA_SET_ELEM_DATA] != NULL &&
	    !value_of(w.at[NFTA_SET_ELEM_DATA], out->elem.data,
		&out->elem.datalen, ELEM_DATALEN))
		return false;
	(void)get_u64(w.at[NFTA_SET_ELEM_TIMEOUT], &out->timeout_ms);
	if (w.at[NFTA_SET_ELEM_EXPR] != NULL)
		out->counted =
		    counter_of(w.at[NFTA_SET_ELEM_EXPR], &out->packets);
	return true;
}

static bool
is_str(const struct nlattr *attr, const char *s)
{
	size_t n = strlen(s) + 1;

	return attr != NULL && mnl_attr_get_payload_len(attr) >= n &&
	    memcmp(mnl_attr_get_payload(attr), s, n) == 0;
}

struct each {
	unsigned int set;
	void (*cb)(void *ctx, const struct element_seen *e);
	void *ctx;
};

static int
each_element(const struct nlattr *attr, void *data)
{
	struct each *each = data;
	struct element_seen seen;

	if (!element_parse(attr, each->set, &seen))
		return MNL_CB_ERROR;
	each->cb(each->ctx, &seen);
	return MNL_CB_OK;
}

bool
elements_parse(const struct nlmsghdr *nlh, const char *table,
    void (*cb)(void *ctx, const struct element_seen *e), void *ctx)
{
	struct each each = { 0, cb, ctx };
	struct nlmsg_attrs w;
	char name[SET_NAMELEN];

	if (!nlmsg_attrs(nlh, &w) ||
	    !is_str(w.at[NFTA_SET_ELEM_LIST_TABLE], table))
		return false;
	while (!set_exists(each.set) ||
	    !is_str(w.at[NFTA_SET_ELEM_LIST_SET], set_name(each.set, name)))
		if (++each.set > SET_CONNECTIONS)
			return false;
	return w.at[NFTA_SET_ELEM_LIST_ELEMENTS] == NULL ||
	    mnl_attr_parse_nested(w.at[NFTA_SET_ELEM_LIST_ELEMENTS],
		each_element, &each) >= 0;
}

struct nlmsghdr *
elements_request(char *buf, const char *table, unsigned int set)
{
	struct nlmsghdr *nlh = nlmsg_begin(buf, NFNL_SUBSYS_NFTABLES,
	    NFT_MSG_GETSETELEM, NLM_F_DUMP, NFPROTO_INET);
	char name[SET_NAMELEN];

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set_name(set, name));
	return nlh;
}
