/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>

#include "nft/batch.h"
#include "nft/netlink.h"
#include "nft/ruleset.h"
#include "nft/table.h"
#include "tests/unit/fake_nft.h"
#include "tests/unit/unit.h"

#define TABLE "pinholed"

/* The table of a user, with a set of IPv4 addresses. */
#define USER_TABLE "filter"
#define USER_SET   "spammer"
#define IPV4_ADDR  7 /* libnftables' number of the type */

struct fake_kernel fake;

struct nlsock {
	uint32_t seq;
	_Alignas(struct nlmsghdr) char request[256]; /* of the dump */
};

struct ruleset {
	int unused;
};

void
fake_reset(void)
{
	free(fake.holes.v);
	free(fake.hosts.v);
	memset(&fake, 0, sizeof(fake));
}

void
fake_flush_ruleset(void)
{
	fake.table = false;
	fake.parts = 0;
	fake.holes.n = fake.hosts.n = 0;
	fake.generation++;
}

static struct fake_elements *
elements_with(const struct elem *e)
{
	return set_kind(e->set) == SET_HOSTS ? &fake.hosts : &fake.holes;
}

struct fake_element *
fake_find(const struct elem *e)
{
	struct fake_elements *l = elements_with(e);
	size_t i;

	for (i = 0; i < l->n; i++)
		if (elem_cmp(&l->v[i].elem, e) == 0)
			return &l->v[i];
	return NULL;
}

void
fake_expire(size_t i)
{
	fake.holes.v[i] = fake.holes.v[--fake.holes.n];
}

/* Our rule in the chain of somebody else. */
static void
take_hook(const char *text)
{
	const char *p = strstr(text, "insert rule inet " USER_TABLE " input ");

	if (strstr(text, "delete rule inet " USER_TABLE " input ") != NULL)
		fake.hook[0] = '\0';
	if (p == NULL)
		return;
	assert_string_equal(fake.hook, "");
	assert_non_null(p = strstr(p, "comment \""));
	p += strlen("comment \"");
	assert_true(strcspn(p, "\"") < sizeof(fake.hook));
	memcpy(fake.hook, p, strcspn(p, "\""));
	fake.hook[strcspn(p, "\"")] = '\0';
}

/* Text of sets tells which parts it adds; only the first needs no table. */
enum ph_err
ruleset_run(struct ruleset *r, const char *text, struct strbuf *why)
{
	char line[64], name[SET_NAMELEN];
	unsigned int set;

	(void)r;
	(void)why;
	fake.texts++;
	if (fake.refuse_text ||
	    (!fake.table && strstr(text, "delete table") == NULL)) {
		fake.refuse_text = false;
		return PH_EIO;
	}
	fake.generation++;
	take_hook(text);
	if (strstr(text, "delete table") != NULL) {
		fake_flush_ruleset();
		fake.creations++;
	}
	if (strstr(text, "table inet " TABLE " {") != NULL)
		fake.table = true;
	for (set = 0; set < SET_COUNT; set++) {
		struct strbuf b = strbuf_of(line, sizeof(line));

		if (!set_exists(set))
			continue;
		strbuf_fmt(&b, " %s {\n", set_name(set, name));
		if (strstr(text, line) != NULL)
			fake.parts |= 1u << set_part(set);
	}
	return PH_OK;
}

enum ph_err
ruleset_try(struct ruleset *r, const char *text, struct strbuf *why)
{
	(void)r;
	assert_non_null(strstr(text, "table inet " TABLE " {"));
	if (fake.refuse_try)
		strbuf_str(why, "refused");
	return fake.refuse_try ? PH_EIO : PH_OK;
}

char *
ruleset_list(struct ruleset *r, struct strbuf *why)
{
	(void)r;
	(void)why;
	return strdup(fake.ruleset != NULL ? fake.ruleset : "");
}

struct ruleset *
ruleset_new(void)
{
	return calloc(1, sizeof(struct ruleset));
}

void
ruleset_free(struct ruleset *r)
{
	free(r);
}

struct nlsock *
nlsock_open(void)
{
	return calloc(1, sizeof(struct nlsock));
}

void
nlsock_close(struct nlsock *s)
{
	free(s);
}

uint32_t
nlsock_seq(const struct nlsock *s)
{
	return s->seq;
}

/* A transaction being tried out on a copy. */
struct trial {
	int type;
	bool echo;
	int err;
	nlsock_cb *cb;
	void *ctx;
	unsigned int n; /* elements in the message */
};

static struct nlmsghdr *
answer(char *buf, int type)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = NFPROTO_INET;
	return nlh;
}

/* One element as the kernel sends it, with its counter. */
static void
tell_element(int type, const struct fake_element *e, nlsock_cb *cb, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[1024];
	struct nlmsghdr *nlh = answer(buf, type);
	struct nlattr *list, *one, *in, *data;
	char name[SET_NAMELEN];

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, TABLE);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET,
	    set_name(e->elem.set, name));
	list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	one = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	in = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);
	mnl_attr_put(nlh, NFTA_DATA_VALUE, e->elem.keylen, e->elem.key);
	mnl_attr_nest_end(nlh, in);
	if (e->elem.datalen > 0) {
		in = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_DATA);
		mnl_attr_put(nlh, NFTA_DATA_VALUE, e->elem.datalen,
		    e->elem.data);
		mnl_attr_nest_end(nlh, in);
	}
	in = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_EXPR);
	mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, "counter");
	data = mnl_attr_nest_start(nlh, NFTA_EXPR_DATA);
	mnl_attr_put_u64(nlh, NFTA_COUNTER_PACKETS, htobe64(e->packets));
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, in);
	mnl_attr_nest_end(nlh, one);
	mnl_attr_nest_end(nlh, list);
	cb(ctx, nlh);
}

static void
insert(struct trial *t, const struct element_seen *seen)
{
	const struct elem *e = &seen->elem;
	struct fake_elements *l = elements_with(e);
	struct fake_element *f;

	if ((f = fake_find(e)) != NULL) {
		/* Its timeout stays; other data is refused. */
		if (memcmp(f->elem.data, e->data, sizeof(e->data)) != 0)
			t->err = -EBUSY;
		return;
	}
	if (l->n == l->cap) {
		l->cap = l->cap > 0 ? l->cap * 2 : 64;
		l->v = reallocarray(l->v, l->cap, sizeof(*l->v));
		if (l->v == NULL)
			abort();
	}
	l->v[l->n++] = (struct fake_element) { *e, seen->timeout_ms, 0 };
}

static void delete (struct trial *t, const struct elem *e)
{
	struct fake_elements *l = elements_with(e);
	struct fake_element *f;

	if ((f = fake_find(e)) == NULL) {
		t->err = -ENOENT;
		return;
	}
	if (t->echo && t->cb != NULL)
		tell_element(NFT_MSG_DELSETELEM, f, t->cb, t->ctx);
	*f = l->v[--l->n];
}

static void
change(void *ctx, const struct element_seen *e)
{
	struct trial *t = ctx;

	t->n++;
	fake.told++;
	if (fake.forgetful)
		return;
	if ((fake.parts & 1u << set_part(e->elem.set)) == 0)
		t->err = -ENOENT;
	if (t->err != 0)
		return;
	if (t->type == NFT_MSG_NEWSETELEM)
		insert(t, e);
	else
		delete (t, &e->elem);
}

/* A set without elements, to be deleted from: all of them. */
static void
flush_set(const struct nlmsghdr *nlh)
{
	struct fake_element old;
	char name[SET_NAMELEN];
	const char *p = mnl_nlmsg_get_payload(nlh);
	size_t i, len = mnl_nlmsg_get_payload_len(nlh);

	assert_non_null(memmem(p, len, TABLE, sizeof(TABLE)));
	for (i = fake.holes.n; i-- > 0;) {
		old = fake.holes.v[i];
		set_name(old.elem.set, name);
		if (memmem(p, len, name, strlen(name) + 1) != NULL)
			fake_expire(i);
	}
}

static void
carry_out(struct trial *t, const struct nlmsghdr *nlh)
{
	t->type = nlh->nlmsg_type & 0xff;
	t->echo = (nlh->nlmsg_flags & NLM_F_ECHO) != 0;
	t->n = 0;
	if (memmem(nlh, nlh->nlmsg_len, USER_TABLE, sizeof(USER_TABLE)) != NULL)
		fake.user_told++;
	else if (!elements_parse(nlh, TABLE, change, t))
		t->err = -EINVAL;
	else if (t->n == 0 && t->type == NFT_MSG_DELSETELEM)
		flush_set(nlh);
}

static struct fake_elements
copy_of(const struct fake_elements *l)
{
	struct fake_elements copy = { NULL, l->n, l->n + 1 };

	if ((copy.v = calloc(copy.cap, sizeof(*copy.v))) == NULL)
		abort();
	if (l->n > 0)
		memcpy(copy.v, l->v, l->n * sizeof(*l->v));
	return copy;
}

static void
put_back(struct fake_elements *l, const struct fake_elements *copy)
{
	free(l->v);
	*l = *copy;
}

/* The kernel heeds nothing that is not between a beginning and an end. */
static void
check_frame(const struct batch *b)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(void *)b->p;
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	int left = (int)b->len;
	uint16_t last = 0;

	assert_int_equal(nlh->nlmsg_type, NFNL_MSG_BATCH_BEGIN);
	assert_int_equal(nfg->res_id, htons(NFNL_SUBSYS_NFTABLES));
	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		last = nlh->nlmsg_type;
	assert_int_equal(last, NFNL_MSG_BATCH_END);
}

int
nlsock_transact(struct nlsock *s, const struct batch *b, nlsock_cb *cb,
    void *ctx)
{
	struct trial t = { .cb = cb, .ctx = ctx };
	struct fake_elements saved, hosts;
	const struct nlmsghdr *nlh;
	int left = (int)b->len, err;

	check_frame(b);
	s->seq = b->seq + 1;
	if ((err = -fake.refuse) != 0) {
		fake.refuse = 0;
		return err;
	}
	if (!fake.table)
		return -ENOENT;
	saved = copy_of(&fake.holes);
	hosts = copy_of(&fake.hosts);
	for (nlh = (const struct nlmsghdr *)(void *)b->p;
	     mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		if (nlh->nlmsg_type >> 8 == NFNL_SUBSYS_NFTABLES)
			carry_out(&t, nlh);
	if (t.err != 0) {
		fake.refused++;
		put_back(&fake.holes, &saved);
		put_back(&fake.hosts, &hosts);
	} else {
		fake.commits++;
		fake.generation++;
		free(saved.v);
		free(hosts.v);
	}
	return t.err;
}

static void
tell_generation(nlsock_cb *cb, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[256];
	struct nlmsghdr *nlh = answer(buf, NFT_MSG_NEWGEN);

	mnl_attr_put_u32(nlh, NFTA_GEN_ID, htonl(fake.generation));
	cb(ctx, nlh);
}

/* What stands before a comment: its type, which is 0, and its length. */
static void
put_comment(struct nlmsghdr *nlh, uint16_t type, const char *comment)
{
	char udata[160];
	size_t n = strlen(comment) + 1;

	udata[0] = 0;
	udata[1] = (char)n;
	memcpy(udata + 2, comment, n);
	mnl_attr_put(nlh, type, n + 2, udata);
}

static void
tell_hook(nlsock_cb *cb, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[512];
	struct nlmsghdr *nlh = answer(buf, NFT_MSG_NEWRULE);

	fake.hook_looks++;
	if (fake.hook[0] == '\0')
		return;
	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, USER_TABLE);
	mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, "input");
	mnl_attr_put_u64(nlh, NFTA_RULE_HANDLE, htobe64(5));
	put_comment(nlh, NFTA_RULE_USERDATA, fake.hook);
	cb(ctx, nlh);
}

/* As many rules as there should be, numbered. */
static void
tell_rules(const struct nlmsghdr *asked, nlsock_cb *cb, void *ctx)
{
	const struct fw_config config = { .name = TABLE, .mark = 0x10000 };
	_Alignas(struct nlmsghdr) char buf[256];
	struct nlmsghdr *nlh;
	unsigned int i, n = table_rules(&config, fake.parts) + fake.more_rules;

	/* Of ours, or of others: those of one chain, or of all. */
	if (memmem(asked, asked->nlmsg_len, TABLE, sizeof(TABLE)) == NULL) {
		tell_hook(cb, ctx);
		return;
	}
	for (i = 0; i < n; i++) {
		nlh = answer(buf, NFT_MSG_NEWRULE);
		mnl_attr_put_u64(nlh, NFTA_RULE_HANDLE,
		    htobe64(fake.creations * 1000 + i));
		cb(ctx, nlh);
	}
}

static void
tell_sets(nlsock_cb *cb, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[256];
	struct nlmsghdr *nlh;
	char name[SET_NAMELEN];
	unsigned int set;

	fake.user_looks++;
	for (set = 0; set < SET_COUNT; set++) {
		if (!set_exists(set) || (fake.parts & 1u << set_part(set)) == 0)
			continue;
		nlh = answer(buf, NFT_MSG_NEWSET);
		mnl_attr_put_strz(nlh, NFTA_SET_NAME, set_name(set, name));
		cb(ctx, nlh);
	}
	if (fake.user_set == 0)
		return;
	nlh = answer(buf, NFT_MSG_NEWSET);
	mnl_attr_put_strz(nlh, NFTA_SET_TABLE, USER_TABLE);
	mnl_attr_put_strz(nlh, NFTA_SET_NAME, USER_SET);
	mnl_attr_put_u32(nlh, NFTA_SET_KEY_TYPE, htonl(IPV4_ADDR));
	mnl_attr_put_u64(nlh, NFTA_SET_HANDLE, htobe64(fake.user_set));
	cb(ctx, nlh);
	if (fake.user_twice)
		cb(ctx, nlh);
}

static void
tell_those_of(const struct fake_elements *l, const struct nlmsghdr *nlh,
    nlsock_cb *cb, void *ctx)
{
	const char *p = mnl_nlmsg_get_payload(nlh);
	size_t i, len = mnl_nlmsg_get_payload_len(nlh);
	char name[SET_NAMELEN];

	assert_non_null(memmem(p, len, TABLE, sizeof(TABLE)));
	for (i = 0; i < l->n; i++) {
		set_name(l->v[i].elem.set, name);
		if (memmem(p, len, name, strlen(name) + 1) != NULL)
			tell_element(NFT_MSG_NEWSETELEM, &l->v[i], cb, ctx);
	}
}

static int
tell_elements(const struct nlmsghdr *nlh, nlsock_cb *cb, void *ctx)
{
	tell_those_of(&fake.holes, nlh, cb, ctx);
	tell_those_of(&fake.hosts, nlh, cb, ctx);
	return fake.interrupt ? -EINTR : 0;
}

/* With the comment that the default configuration of a test gives it. */
static void
tell_table(nlsock_cb *cb, void *ctx)
{
	const struct fw_config config = { .name = TABLE, .mark = 0x10000 };
	_Alignas(struct nlmsghdr) char buf[256];
	char comment[TABLE_COMMENTLEN];
	struct nlmsghdr *nlh = answer(buf, NFT_MSG_NEWTABLE);

	table_comment(&config, comment);
	if (fake.comment != NULL)
		strlcpy(comment, fake.comment, sizeof(comment));
	put_comment(nlh, NFTA_TABLE_USERDATA, comment);
	cb(ctx, nlh);
}

struct deletion {
	bool tuple;
	uint32_t id, mark, mask;
};

static int
deletion_read(const struct nlattr *attr, void *data)
{
	struct deletion *d = data;

	switch (mnl_attr_get_type(attr)) {
	case CTA_TUPLE_ORIG:
		d->tuple = true;
		break;
	case CTA_ID:
		d->id = ntohl(mnl_attr_get_u32(attr));
		break;
	case CTA_MARK:
		d->mark = ntohl(mnl_attr_get_u32(attr));
		break;
	case CTA_MARK_MASK:
		d->mask = ntohl(mnl_attr_get_u32(attr));
		break;
	}
	return MNL_CB_OK;
}

/* Without a tuple, everything that the mark lets through goes. */
static void
delete_connections(const struct nlmsghdr *nlh)
{
	struct deletion d = { 0 };
	size_t i;

	fake.ct_deletes++;
	(void)mnl_attr_parse(nlh, sizeof(struct nfgenmsg), deletion_read, &d);
	if (!d.tuple) {
		/* Or else the connections of everybody. */
		assert_int_equal(d.mark, 0x10000);
		assert_int_equal(d.mask, 0x10000);
		fake.ct_sweeping++;
	} else
		assert_int_not_equal(d.id, 0);
	for (i = 0; i < FAKE_CONNECTIONS; i++)
		if (d.tuple ? fake.ct[i].id == d.id : !fake.ct[i].foreign)
			fake.ct[i].id = 0;
}

static void
put_tuple(struct nlmsghdr *nlh, uint16_t type, uint32_t src, uint16_t sport,
    uint32_t dst, uint16_t dport)
{
	struct nlattr *outer = mnl_attr_nest_start(nlh, type), *inner;

	inner = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
	mnl_attr_put_u32(nlh, CTA_IP_V4_SRC, htonl(src));
	mnl_attr_put_u32(nlh, CTA_IP_V4_DST, htonl(dst));
	mnl_attr_nest_end(nlh, inner);
	inner = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, 17);
	mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, htons(sport));
	mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(dport));
	mnl_attr_nest_end(nlh, inner);
	mnl_attr_nest_end(nlh, outer);
}

static void
put_reply(struct nlmsghdr *nlh, const struct fake_connection *c)
{
	put_tuple(nlh, CTA_TUPLE_REPLY, c->dst,
	    c->local != 0 ? c->local : c->dport, c->src, c->sport);
}

static void
tell_connection(const struct fake_connection *c, nlsock_cb *cb, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[512];
	struct nlmsghdr *nlh = answer(buf, IPCTNL_MSG_CT_NEW);

	put_tuple(nlh, CTA_TUPLE_ORIG, c->src, c->sport, c->dst, c->dport);
	put_reply(nlh, c);
	mnl_attr_put_u32(nlh, CTA_ID, htonl(c->id));
	mnl_attr_put_u32(nlh, CTA_STATUS, htonl(c->status));
	mnl_attr_put_u32(nlh, CTA_MARK, htonl(c->foreign ? 0x20001 : 0x10001));
	cb(ctx, nlh);
}

/* Compares all but the padding, which libmnl leaves as it was. */
static bool
same_attrs(const char *a, const char *b, size_t len)
{
	const struct nlattr *attr;
	size_t at, n;

	for (at = 0; at < len; at += MNL_ALIGN(n)) {
		attr = (const struct nlattr *)(const void *)(a + at);
		n = attr->nla_type & NLA_F_NESTED ? sizeof(*attr)
						  : attr->nla_len;
		if (memcmp(a + at, b + at, n) != 0)
			return false;
	}
	return true;
}

/* The connection that is asked for, by its packets or by their answers. */
static int
find_connection(const struct nlmsghdr *asked, nlsock_cb *cb, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[512];
	struct nlmsghdr *nlh;
	size_t i, head = sizeof(*nlh) + sizeof(struct nfgenmsg);
	const struct fake_connection *c;

	for (i = 0; i < 2 * FAKE_CONNECTIONS; i++) {
		c = &fake.ct[i / 2];
		nlh = answer(buf, IPCTNL_MSG_CT_NEW);
		if (i % 2 == 0)
			put_reply(nlh, c);
		else
			put_tuple(nlh, CTA_TUPLE_ORIG, c->src, c->sport, c->dst,
			    c->dport);
		if (c->id == 0 || nlh->nlmsg_len != asked->nlmsg_len ||
		    !same_attrs(buf + head, (const char *)asked + head,
			nlh->nlmsg_len - head))
			continue;
		tell_connection(c, cb, ctx);
		return 0;
	}
	return -ENOENT;
}

int
nlsock_request(struct nlsock *s, struct nlmsghdr *nlh, nlsock_cb *cb, void *ctx)
{
	(void)s;
	switch (nlh->nlmsg_type) {
	case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN:
		fake.generation_looks++;
		if (fake.deny_generation != 0)
			return -fake.deny_generation;
		tell_generation(cb, ctx);
		return 0;
	case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE:
		fake.looks++;
		if (fake.deny != 0)
			return -fake.deny;
		if (!fake.table)
			return -ENOENT;
		tell_table(cb, ctx);
		return 0;
	case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSET:
		tell_sets(cb, ctx);
		return 0;
	case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE:
		tell_rules(nlh, cb, ctx);
		if (fake.overtaken == 0)
			return 0;
		fake.overtaken--;
		return -EINTR;
	case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN:
		return 0;
	case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETFLOWTABLE:
		if (fake.flowtable)
			cb(ctx, nlh);
		return 0;
	case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM:
		return fake.table ? tell_elements(nlh, cb, ctx) : -ENOENT;
	case NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET:
		return find_connection(nlh, cb, ctx);
	case NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE:
		delete_connections(nlh);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

int
nlsock_requests(struct nlsock *s, char *requests, size_t len)
{
	struct nlmsghdr *nlh;
	size_t at, answered = 0;
	int rc = 0;

	for (at = 0; at < len; at += MNL_ALIGN(nlh->nlmsg_len)) {
		assert_int_equal(answered, 0);
		nlh = (struct nlmsghdr *)(void *)(requests + at);
		answered += (nlh->nlmsg_flags & NLM_F_ACK) != 0;
		rc = nlsock_request(s, nlh, NULL, NULL);
	}
	assert_int_equal(answered, 1);
	return rc;
}

int
nlsock_dump(struct nlsock *s, struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_len > sizeof(s->request))
		return -EMSGSIZE;
	memcpy(s->request, nlh, nlh->nlmsg_len);
	return 0;
}

int
nlsock_more(struct nlsock *s, int datagrams, nlsock_cb *cb, void *ctx)
{
	const struct nlmsghdr *asked =
	    (const struct nlmsghdr *)(void *)s->request;
	size_t i;

	(void)datagrams;
	if (asked->nlmsg_type >> 8 == NFNL_SUBSYS_NFTABLES) {
		if (fake.slices > 0) {
			fake.slices--;
			return 1;
		}
		return tell_elements(asked, cb, ctx);
	}
	if (fake.meanwhile != NULL)
		fake.meanwhile();
	for (i = 0; i < FAKE_CONNECTIONS; i++)
		if (fake.ct[i].id != 0)
			tell_connection(&fake.ct[i], cb, ctx);
	return 0;
}

enum ph_err
nlsock_err(int err)
{
	switch (-err) {
	case 0:
		return PH_OK;
	case EBUSY:
	case EINTR:
		return PH_EAGAIN;
	case ENOSPC:
		return PH_ELIMIT;
	case ENOENT:
	case EOVERFLOW:
		return PH_EGONE;
	default:
		return PH_EIO;
	}
}
