/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <linux/netfilter/nfnetlink.h>

#include <libmnl/libmnl.h>
#include <string.h>

#include "nft/nlmsg.h"

struct nlmsghdr *
nlmsg_begin(char *buf, int subsys, int type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = (uint16_t)(subsys << 8 | type);
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = 0;
	return nlh;
}

static int
attr_take(const struct nlattr *attr, void *data)
{
	struct nlmsg_attrs *out = data;
	uint16_t type = mnl_attr_get_type(attr);

	if (type <= NLMSG_ATTR_MAX)
		out->at[type] = attr;
	return MNL_CB_OK;
}

bool
nlmsg_attrs(const struct nlmsghdr *nlh, struct nlmsg_attrs *out)
{
	memset(out, 0, sizeof(*out));
	return mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct nfgenmsg) &&
	    mnl_attr_parse(nlh, sizeof(struct nfgenmsg), attr_take, out) >= 0;
}

bool
nlmsg_nested(const struct nlattr *attr, struct nlmsg_attrs *out)
{
	memset(out, 0, sizeof(*out));
	return attr != NULL && mnl_attr_parse_nested(attr, attr_take, out) >= 0;
}
