/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>

#include "nft/hook.h"
#include "nft/inspect.h"
#include "nft/nlmsg.h"

#define HOOK_COMMENT "kept here by pinholed, table "
#define COMMENT_LEN  128 /* as nft has it */
#define NAME_LEN     128
/* Rules that one transaction deletes; what is left, the next one does. */
#define DELETE_MAX   16
#define TEXT_SIZE    8192
/* Transactions of hook_begin() and hook_end(). */
#define ROUNDS	     64
#define TABLE_OWNED  0x2 /* NFT_TABLE_F_OWNER, which older headers lack */

/* clang-format off */
static const struct { const char *word; uint8_t number; } families[] = {
	{ "inet",	NFPROTO_INET },
	{ "ip",		NFPROTO_IPV4 },
	{ "ip6",	NFPROTO_IPV6 },
};
/* clang-format on */

/* One chain, as config->hooks has it. */
struct place {
	uint8_t family;
	char table[NAME_LEN], chain[NAME_LEN];
};

struct scan {
	const struct fw_config *config;
	bool wanted; /* false: delete all */
	struct place place[FW_HOOKS_MAX];
	/*
	 * For each chain, so far: `kept`, our rule is where it should be;
	 * `others`, there are rules of others.
	 */
	bool kept[FW_HOOKS_MAX], others[FW_HOOKS_MAX];
	unsigned int ndeletes;
	struct strbuf text;
	char buf[TEXT_SIZE];
};

static void
copy_span(char dst[NAME_LEN], struct span s)
{
	struct strbuf b = strbuf_of(dst, NAME_LEN);

	strbuf_add(&b, s);
}

static void
read_place(const char *hook, struct place *out)
{
	struct span family, table, rest;
	size_t i;

	family = span_cut(span_of(hook), ' ', &rest);
	table = span_cut(rest, ' ', &rest);
	out->family = NFPROTO_INET;
	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (span_eq_str(family, families[i].word))
			out->family = families[i].number;
	copy_span(out->table, table);
	copy_span(out->chain, rest);
}

bool
hook_is(const struct fw_config *config, struct span family, struct span table,
    struct span chain)
{
	struct span f, t, c;
	size_t i;

	for (i = 0; i < config->nhooks; i++) {
		f = span_cut(span_of(config->hooks[i]), ' ', &c);
		t = span_cut(c, ' ', &c);
		if (span_eq(f, family) && span_eq(t, table) &&
		    span_eq(c, chain))
			return true;
	}
	return false;
}

static const char *
family_word_of(uint8_t family)
{
	size_t i;

	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (families[i].number == family)
			return families[i].word;
	return NULL;
}

static void
format_comment(const struct fw_config *config, char buf[COMMENT_LEN])
{
	struct strbuf b = strbuf_of(buf, COMMENT_LEN);

	strbuf_fmt(&b, HOOK_COMMENT "%s, mark 0x%x", config->name,
	    config->mark);
}

/* The comment of a rule for this table of ours, whatever its mark. */
static bool
comment_is_ours(const struct fw_config *config, const char *comment)
{
	size_t n = strlen(config->name);

	comment += strlen(HOOK_COMMENT);
	return strncmp(comment, config->name, n) == 0 && comment[n] == ',';
}

static bool
get_name(const struct nlattr *attr, char dst[NAME_LEN])
{
	return attr != NULL && mnl_attr_get_payload_len(attr) <= NAME_LEN &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 &&
	    strlcpy(dst, mnl_attr_get_str(attr), NAME_LEN) < NAME_LEN;
}

/* Which of config->hooks it is; nhooks: none. */
static size_t
scan_find(const struct scan *s, const struct place *at)
{
	size_t i;

	for (i = 0; i < s->config->nhooks; i++)
		if (s->place[i].family == at->family &&
		    strcmp(s->place[i].table, at->table) == 0 &&
		    strcmp(s->place[i].chain, at->chain) == 0)
			break;
	return i;
}

static void
delete_rule(struct scan *s, const struct place *at, uint64_t handle)
{
	const char *family = family_word_of(at->family);

	if (family == NULL || s->ndeletes == DELETE_MAX)
		return;
	s->ndeletes++;
	strbuf_fmt(&s->text, "delete rule %s %s %s handle %llu\n", family,
	    at->table, at->chain, (unsigned long long)handle);
}

static void
see_rule(void *ctx, const struct nlmsghdr *nlh)
{
	struct scan *s = ctx;
	char comment[COMMENT_LEN] = "", wanted[COMMENT_LEN];
	const struct nfgenmsg *nfg;
	struct nlmsg_attrs a;
	struct place at;
	size_t i;

	if (!nlmsg_attrs(nlh, &a) || a.at[NFTA_RULE_HANDLE] == NULL ||
	    mnl_attr_validate(a.at[NFTA_RULE_HANDLE], MNL_TYPE_U64) < 0 ||
	    !get_name(a.at[NFTA_RULE_TABLE], at.table) ||
	    !get_name(a.at[NFTA_RULE_CHAIN], at.chain))
		return;
	nfg = mnl_nlmsg_get_payload(nlh);
	at.family = nfg->nfgen_family;
	i = scan_find(s, &at);
	if (a.at[NFTA_RULE_USERDATA] != NULL)
		inspect_comment(a.at[NFTA_RULE_USERDATA], comment,
		    sizeof(comment));
	if (strncmp(comment, HOOK_COMMENT, strlen(HOOK_COMMENT)) != 0) {
		if (i < s->config->nhooks)
			s->others[i] = true;
		return;
	}
	if (!comment_is_ours(s->config, comment))
		return;
	format_comment(s->config, wanted);
	if (s->wanted && i < s->config->nhooks && !s->kept[i] &&
	    !s->others[i] && strcmp(comment, wanted) == 0)
		s->kept[i] = true;
	else
		delete_rule(s, &at,
		    be64toh(mnl_attr_get_u64(a.at[NFTA_RULE_HANDLE])));
}

static void
see_chain(void *ctx, const struct nlmsghdr *nlh)
{
	(void)ctx;
	(void)nlh;
}

/* 0, or -ENOENT. */
static int
ask_for_chain(struct nlsock *nl, const struct place *at)
{
	_Alignas(struct nlmsghdr) char buf[NLMSG_SIZE];
	struct nlmsghdr *nlh;

	nlh = nlmsg_begin(buf, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETCHAIN, 0,
	    at->family);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, at->table);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, at->chain);
	return nlsock_request(nl, nlh, see_chain, NULL);
}

/* The rules of one chain; of all, if `at` is NULL. */
static int
scan_rules(struct scan *s, struct nlsock *nl, const struct place *at)
{
	_Alignas(struct nlmsghdr) char buf[NLMSG_SIZE];
	struct nlmsghdr *nlh;

	nlh = nlmsg_begin(buf, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETRULE,
	    NLM_F_DUMP, at != NULL ? at->family : AF_UNSPEC);
	if (at != NULL) {
		mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, at->table);
		mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, at->chain);
	}
	return nlsock_request(nl, nlh, see_rule, s);
}

static void
scan_init(struct scan *s, const struct fw_config *config, bool wanted)
{
	size_t i;

	memset(s, 0, sizeof(*s));
	s->config = config;
	s->wanted = wanted;
	s->text = strbuf_of(s->buf, sizeof(s->buf));
	for (i = 0; i < config->nhooks; i++)
		read_place(config->hooks[i], &s->place[i]);
}

/* One transaction: what has to go, and what has to come. */
static enum ph_err
scan_carry_out(struct scan *s, struct nlsock *nl, struct ruleset *r)
{
	char message[256], comment[COMMENT_LEN];
	struct strbuf why = strbuf_of(message, sizeof(message));
	const struct fw_config *c = s->config;
	size_t i;

	format_comment(c, comment);
	for (i = 0; s->wanted && i < c->nhooks; i++)
		if (!s->kept[i] && ask_for_chain(nl, &s->place[i]) == 0)
			strbuf_fmt(&s->text,
			    "insert rule %s "
			    "meta mark & 0x%x == 0x%x accept comment \"%s\"\n",
			    c->hooks[i], c->mark, c->mark, comment);
	if (s->text.full)
		return PH_ELIMIT;
	return s->text.len > 0 ? ruleset_run(r, s->buf, &why) : PH_OK;
}

enum ph_err
hook_mend(struct nlsock *nl, struct ruleset *r, const struct fw_config *config)
{
	struct scan s;
	size_t i;
	int rc;

	scan_init(&s, config, true);
	for (i = 0; i < config->nhooks; i++)
		if ((rc = scan_rules(&s, nl, &s.place[i])) != 0 &&
		    rc != -ENOENT)
			return nlsock_err(rc);
	return scan_carry_out(&s, nl, r);
}

static enum ph_err
mend_everywhere(struct nlsock *nl, struct ruleset *r,
    const struct fw_config *config, bool wanted)
{
	enum ph_err rc = PH_OK;
	unsigned int i;
	struct scan s;

	for (i = 0; i < ROUNDS; i++) {
		scan_init(&s, config, wanted);
		rc = nlsock_err(scan_rules(&s, nl, NULL));
		if (rc == PH_OK)
			rc = scan_carry_out(&s, nl, r);
		if (rc == PH_EAGAIN)
			continue;
		if (rc != PH_OK || s.ndeletes < DELETE_MAX)
			break;
	}
	return rc;
}

enum ph_err
hook_begin(struct nlsock *nl, struct ruleset *r, const struct fw_config *config)
{
	return mend_everywhere(nl, r, config, true);
}

enum ph_err
hook_end(struct nlsock *nl, struct ruleset *r, const struct fw_config *config)
{
	return mend_everywhere(nl, r, config, false);
}

static void
see_owner(void *ctx, const struct nlmsghdr *nlh)
{
	bool *owned = ctx;
	struct nlmsg_attrs a;

	if (nlmsg_attrs(nlh, &a) && a.at[NFTA_TABLE_FLAGS] != NULL &&
	    mnl_attr_validate(a.at[NFTA_TABLE_FLAGS], MNL_TYPE_U32) >= 0)
		*owned = ntohl(mnl_attr_get_u32(a.at[NFTA_TABLE_FLAGS])) &
		    TABLE_OWNED;
}

/* A table with the owner flag: the kernel lets only its owner change it. */
static bool
is_owned(struct nlsock *nl, const struct place *at)
{
	_Alignas(struct nlmsghdr) char buf[NLMSG_SIZE];
	struct nlmsghdr *nlh;
	bool owned = false;

	nlh = nlmsg_begin(buf, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE, 0,
	    at->family);
	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, at->table);
	return nlsock_request(nl, nlh, see_owner, &owned) == 0 && owned;
}

void
hook_check(struct nlsock *nl, const struct fw_config *config,
    struct strbuf *why)
{
	struct place at;
	size_t i;

	for (i = 0; i < config->nhooks; i++) {
		read_place(config->hooks[i], &at);
		if (ask_for_chain(nl, &at) != 0)
			strbuf_fmt(why,
			    "%sthere is no chain %s; our rule goes there when "
			    "it appears",
			    why->len > 0 ? "\n" : "", config->hooks[i]);
		else if (is_owned(nl, &at))
			strbuf_fmt(why,
			    "%snobody but its owner may change table %s, so "
			    "our rule cannot be there; for firewalld, set "
			    "NftablesTableOwner=no in firewalld.conf",
			    why->len > 0 ? "\n" : "", at.table);
	}
}
