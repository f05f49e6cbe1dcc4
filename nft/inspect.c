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

#include "nft/inspect.h"
#include "nft/nlmsg.h"

/* How often to begin anew when others change the ruleset meanwhile. */
#define LOOK_TRIES 8

/* How libnftables stores a comment: type, length, text with its NUL. */
#define UDATA_COMMENT 0

static void
see_generation(void *ctx, const struct nlmsghdr *nlh)
{
	uint32_t *generation = ctx;
	struct nlmsg_attrs a;

	if (nlmsg_attrs(nlh, &a) && a.at[NFTA_GEN_ID] != NULL &&
	    mnl_attr_get_payload_len(a.at[NFTA_GEN_ID]) == sizeof(uint32_t))
		*generation = ntohl(mnl_attr_get_u32(a.at[NFTA_GEN_ID]));
}

int
inspect_generation(struct nlsock *s, uint32_t *generation)
{
	_Alignas(struct nlmsghdr) char buf[NLMSG_SIZE];

	return nlsock_request(s,
	    nlmsg_begin(buf, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN, 0,
		AF_UNSPEC),
	    see_generation, generation);
}

void
inspect_comment(const struct nlattr *udata, char *buf, size_t size)
{
	const uint8_t *p = mnl_attr_get_payload(udata);
	size_t left = mnl_attr_get_payload_len(udata);

	while (left >= 2 && left - 2 >= p[1]) {
		if (p[0] == UDATA_COMMENT && p[1] > 0 && p[1] <= size &&
		    p[1 + p[1]] == '\0')
			memcpy(buf, p + 2, p[1]);
		left -= 2u + p[1];
		p += 2 + p[1];
	}
}

static void
see_table(void *ctx, const struct nlmsghdr *nlh)
{
	struct table_seen *seen = ctx;
	struct nlmsg_attrs a;

	if (!nlmsg_attrs(nlh, &a))
		return;
	seen->exists = true;
	if (a.at[NFTA_TABLE_USERDATA] != NULL)
		inspect_comment(a.at[NFTA_TABLE_USERDATA], seen->comment,
		    sizeof(seen->comment));
}

static void
see_set(void *ctx, const struct nlmsghdr *nlh)
{
	struct table_seen *seen = ctx;
	char name[SET_NAMELEN];
	unsigned int set;
	struct nlmsg_attrs a;
	size_t n;

	if (!nlmsg_attrs(nlh, &a) || a.at[NFTA_SET_NAME] == NULL)
		return;
	n = mnl_attr_get_payload_len(a.at[NFTA_SET_NAME]);
	for (set = 0; set < SET_COUNT; set++)
		if (set_exists(set) && n == strlen(set_name(set, name)) + 1 &&
		    memcmp(mnl_attr_get_payload(a.at[NFTA_SET_NAME]), name,
			n) == 0)
			seen->parts |= 1u << set_part(set);
}

static void
see_rule(void *ctx, const struct nlmsghdr *nlh)
{
	struct table_seen *seen = ctx;
	struct nlmsg_attrs a;

	if (!nlmsg_attrs(nlh, &a) || a.at[NFTA_RULE_HANDLE] == NULL ||
	    mnl_attr_get_payload_len(a.at[NFTA_RULE_HANDLE]) !=
		sizeof(uint64_t))
		return;
	seen->nrules++;
	seen->print = (seen->print ^ mnl_attr_get_u64(a.at[NFTA_RULE_HANDLE])) *
	    0x100000001b3u;
}

static int
table_look(struct nlsock *s, const char *name, struct table_seen *out)
{
	_Alignas(struct nlmsghdr) char buf[NLMSG_SIZE];
	struct nlmsghdr *nlh;
	int rc;

	memset(out, 0, sizeof(*out));
	nlh = nlmsg_begin(buf, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE, 0,
	    NFPROTO_INET);
	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, name);
	if ((rc = nlsock_request(s, nlh, see_table, out)) == -ENOENT)
		return 0;
	if (rc != 0)
		return rc;
	nlh = nlmsg_begin(buf, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETSET, NLM_F_DUMP,
	    NFPROTO_INET);
	mnl_attr_put_strz(nlh, NFTA_SET_TABLE, name);
	if ((rc = nlsock_request(s, nlh, see_set, out)) != 0)
		return rc;
	nlh = nlmsg_begin(buf, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETRULE,
	    NLM_F_DUMP, NFPROTO_INET);
	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, name);
	return nlsock_request(s, nlh, see_rule, out);
}

int
inspect_table(struct nlsock *s, const char *name, struct table_seen *out)
{
	int tries, rc = -EINTR;

	/* What others change meanwhile may be there in part. */
	for (tries = 0; tries < LOOK_TRIES && rc == -EINTR; tries++)
		rc = table_look(s, name, out);
	return rc;
}

static void
see_flowtable(void *ctx, const struct nlmsghdr *nlh)
{
	bool *any = ctx;

	(void)nlh;
	*any = true;
}

int
inspect_flowtables(struct nlsock *s, bool *any)
{
	_Alignas(struct nlmsghdr) char buf[NLMSG_SIZE];

	*any = false;
	return nlsock_request(s,
	    nlmsg_begin(buf, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETFLOWTABLE,
		NLM_F_DUMP, AF_UNSPEC),
	    see_flowtable, any);
}
