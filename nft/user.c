/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <string.h>

#include "nft/batch.h"
#include "nft/nlmsg.h"
#include "nft/user.h"

/* How libnftables numbers these types. */
#define TYPE_IPV4_ADDR 7
#define TYPE_IPV6_ADDR 8

/* clang-format off */
static const struct { const char *name; uint8_t number; } families[] = {
	{ "inet",	NFPROTO_INET },
	{ "ip",		NFPROTO_IPV4 },
	{ "ip6",	NFPROTO_IPV6 },
	{ "bridge",	NFPROTO_BRIDGE },
	{ "netdev",	NFPROTO_NETDEV },
};
/* clang-format on */

/* "spammer" is called by "spammer", and "spammer4" and "spammer6" are. */
static bool
set_matches(struct span name, const char *set)
{
	size_t n = name.len;

	return strncmp(set, name.p, n) == 0 &&
	    (set[n] == '\0' ||
		((set[n] == '4' || set[n] == '6') && set[n + 1] == '\0'));
}

bool
user_name_matches(const char *name, uint8_t family, const char *table,
    const char *set)
{
	struct span first, second, third, rest;
	size_t i;

	first = span_cut(span_of(name), '/', &rest);
	if (rest.len == 0)
		return set_matches(first, set);
	second = span_cut(rest, '/', &third);
	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (families[i].number == family &&
		    span_eq_str(first, families[i].name))
			return span_eq_str(second, table) &&
			    set_matches(third, set);
	return false;
}

static bool
get_str(const struct nlattr *attr, char *dst, size_t size)
{
	return attr != NULL && mnl_attr_get_payload_len(attr) <= size &&
	    strlcpy(dst, mnl_attr_get_str(attr), size) < size;
}

static uint32_t
get_u32(const struct nlattr *attr)
{
	return attr != NULL && mnl_attr_get_payload_len(attr) == 4
	    ? ntohl(mnl_attr_get_u32(attr))
	    : 0;
}

static uint64_t
get_u64(const struct nlattr *attr)
{
	return attr != NULL && mnl_attr_get_payload_len(attr) == 8
	    ? be64toh(mnl_attr_get_u64(attr))
	    : 0;
}

struct search {
	const char *name, *own;
	struct user_table *out;
};

static void
see_set(void *ctx, const struct nlmsghdr *nlh)
{
	struct search *search = ctx;
	struct user_set seen = { .found = true }, *into;
	const struct nfgenmsg *nfg;
	struct nlmsg_attrs a;
	uint32_t flags, type;

	if (!nlmsg_attrs(nlh, &a) ||
	    !get_str(a.at[NFTA_SET_TABLE], seen.table, sizeof(seen.table)) ||
	    !get_str(a.at[NFTA_SET_NAME], seen.set, sizeof(seen.set)))
		return;
	nfg = mnl_nlmsg_get_payload(nlh);
	seen.family = nfg->nfgen_family;
	if (seen.family == NFPROTO_INET && strcmp(seen.table, search->own) == 0)
		return;
	flags = get_u32(a.at[NFTA_SET_FLAGS]);
	type = get_u32(a.at[NFTA_SET_KEY_TYPE]);
	if (flags & (NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_MAP) ||
	    (type != TYPE_IPV4_ADDR && type != TYPE_IPV6_ADDR) ||
	    !user_name_matches(search->name, seen.family, seen.table, seen.set))
		return;
	seen.interval = (flags & NFT_SET_INTERVAL) != 0;
	seen.timeout = (flags & NFT_SET_TIMEOUT) != 0;
	seen.handle = get_u64(a.at[NFTA_SET_HANDLE]);
	into = type == TYPE_IPV4_ADDR ? &search->out->v4 : &search->out->v6;
	seen.ambiguous = into->found;
	*into = seen;
}

static void
see_table(void *ctx, const struct nlmsghdr *nlh)
{
	struct user_set *set = ctx;
	struct nlmsg_attrs a;

	if (nlmsg_attrs(nlh, &a))
		set->table_handle = get_u64(a.at[NFTA_TABLE_HANDLE]);
}

/* The numbers of sets begin anew in each table. */
static void
find_table_handle(struct nlsock *s, struct user_set *set)
{
	_Alignas(struct nlmsghdr) char buf[NLMSG_SIZE];
	struct nlmsghdr *nlh;

	if (!set->found)
		return;
	nlh = nlmsg_begin(buf, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE, 0,
	    set->family);
	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, set->table);
	if (nlsock_request(s, nlh, see_table, set) != 0)
		set->table_handle = 0;
}

int
user_table_find(struct nlsock *s, const char *name, const char *own,
    struct user_table *out)
{
	_Alignas(struct nlmsghdr) char buf[NLMSG_SIZE];
	struct search search = { name, own, out };
	int rc;

	memset(out, 0, sizeof(*out));
	out->looked_up = true;
	rc = nlsock_request(s,
	    nlmsg_begin(buf, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETSET, NLM_F_DUMP,
		NFPROTO_UNSPEC),
	    see_set, &search);
	find_table_handle(s, &out->v4);
	find_table_handle(s, &out->v6);
	return rc;
}

static bool
set_renewed(const struct user_set *then, const struct user_set *now)
{
	return now->found &&
	    (!then->found || now->handle != then->handle ||
		now->table_handle != then->table_handle);
}

bool
user_table_renewed(const struct user_table *then, const struct user_table *now)
{
	return set_renewed(&then->v4, &now->v4) ||
	    set_renewed(&then->v6, &now->v6);
}

static void
put_element(struct nlmsghdr *nlh, const struct addr *a, uint32_t flags,
    uint32_t ttl_s)
{
	struct nlattr *outer, *inner;

	outer = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	inner = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);
	mnl_attr_put(nlh, NFTA_DATA_VALUE, addr_bytes(a->af), a->b);
	mnl_attr_nest_end(nlh, inner);
	if (flags != 0)
		mnl_attr_put_u32(nlh, NFTA_SET_ELEM_FLAGS, htonl(flags));
	if (ttl_s > 0)
		mnl_attr_put_u64(nlh, NFTA_SET_ELEM_TIMEOUT,
		    htobe64((uint64_t)ttl_s * 1000));
	mnl_attr_nest_end(nlh, outer);
}

/* The address after the last of a prefix; false at the top of the space. */
static bool
address_beyond(const struct prefix *p, struct addr *out)
{
	size_t i = (p->len + 7u) / 8, step = 1u << (7 - (p->len + 7u) % 8);
	unsigned int sum;

	*out = p->addr;
	if (i == 0)
		return false;
	for (i--;; i--, step = 1) {
		sum = out->b[i] + (unsigned int)step;
		out->b[i] = (uint8_t)sum;
		if (sum <= 0xff)
			return true;
		if (i == 0)
			return false;
	}
}

/* One prefix as the elements of a hash set or of an interval set. */
static void
put_change(struct batch *b, const struct user_set *set, int type,
    const struct prefix *p, uint32_t ttl_s)
{
	struct nlmsghdr *nlh;
	struct nlattr *list;
	struct addr end;

	nlh = batch_message(b, type,
	    type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0, set->family, 512);
	if (nlh == NULL)
		return;
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, set->table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set->set);
	if (p != NULL) {
		list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
		put_element(nlh, &p->addr, 0, ttl_s);
		if (set->interval && address_beyond(p, &end))
			put_element(nlh, &end, NFT_SET_ELEM_INTERVAL_END, 0);
		mnl_attr_nest_end(nlh, list);
	}
	batch_message_end(b, nlh);
	b->nelements++;
}

static enum ph_err
set_usable(const struct user_set *set)
{
	return !set->found ? PH_EGONE : set->ambiguous ? PH_EAMBIGUOUS : PH_OK;
}

static enum ph_err
set_fits(const struct user_set *set, enum fw_table_op op,
    const struct prefix *p, uint32_t ttl_s)
{
	enum ph_err rc;

	if (p->addr.af != AF_INET && p->addr.af != AF_INET6)
		return PH_EBAD;
	if ((rc = set_usable(set)) != PH_OK)
		return rc;
	if (!set->interval && p->len != addr_bytes(p->addr.af) * 8)
		return PH_EUNSUPPORTED;
	if (op == FW_TABLE_ADD && ttl_s > 0 && !set->timeout)
		return PH_EUNSUPPORTED;
	return PH_OK;
}

static const struct user_set *
set_for(const struct user_table *t, uint8_t af)
{
	return af == AF_INET6 ? &t->v6 : &t->v4;
}

static enum ph_err
table_flush(struct nlsock *s, struct batch *b, const struct user_table *t)
{
	enum ph_err rc = PH_EGONE;

	batch_begin(b, nlsock_seq(s));
	if (set_usable(&t->v4) == PH_OK)
		put_change(b, &t->v4, NFT_MSG_DELSETELEM, NULL, 0);
	if (set_usable(&t->v6) == PH_OK)
		put_change(b, &t->v6, NFT_MSG_DELSETELEM, NULL, 0);
	if (b->nelements == 0)
		return t->v4.ambiguous || t->v6.ambiguous ? PH_EAMBIGUOUS : rc;
	batch_end(b);
	return nlsock_err(nlsock_transact(s, b, NULL, NULL));
}

/*
 * Add, delete and, for an addition, add again: so the batch does not fail
 * whether the element is present or absent, and an old timeout is replaced.
 */
static int
send_changes(struct nlsock *s, struct batch *b, const struct user_table *t,
    enum fw_table_op op, const struct prefix *v, size_t n, uint32_t ttl_s)
{
	const struct user_set *set;
	size_t i;

	batch_begin(b, nlsock_seq(s));
	for (i = 0; i < n; i++) {
		set = set_for(t, v[i].addr.af);
		put_change(b, set, NFT_MSG_NEWSETELEM, &v[i], 0);
		put_change(b, set, NFT_MSG_DELSETELEM, &v[i], 0);
		if (op == FW_TABLE_ADD)
			put_change(b, set, NFT_MSG_NEWSETELEM, &v[i], ttl_s);
	}
	if (b->nelements == 0)
		return 0;
	batch_end(b);
	return nlsock_transact(s, b, NULL, NULL);
}

/* Another interval covers the prefix or a part of it. */
static bool
error_is_overlap(int err)
{
	return err == -EEXIST || err == -ENOTEMPTY;
}

enum ph_err
user_table_change(struct nlsock *s, struct batch *b, const struct user_table *t,
    enum fw_table_op op, const struct prefix *v, size_t n, uint32_t ttl_s)
{
	enum ph_err rc;
	size_t i;
	int err;

	if (op == FW_TABLE_FLUSH)
		return table_flush(s, b, t);
	if (op != FW_TABLE_ADD && op != FW_TABLE_DELETE)
		return PH_EBAD;
	for (i = 0; i < n; i++)
		if ((rc = set_fits(set_for(t, v[i].addr.af), op, &v[i],
			 ttl_s)) != PH_OK)
			return rc;
	err = send_changes(s, b, t, op, v, n, ttl_s);
	if (!error_is_overlap(err))
		return nlsock_err(err);
	/*
	 * One batch for each prefix, so that one that fails does not stop the
	 * others.
	 */
	for (i = 0; n > 1 && i < n; i++) {
		err = send_changes(s, b, t, op, &v[i], 1, ttl_s);
		if (err != 0 && !error_is_overlap(err))
			return nlsock_err(err);
	}
	return op == FW_TABLE_ADD ? PH_EEXIST : PH_EUNSUPPORTED;
}
