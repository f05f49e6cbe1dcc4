/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>

#include "nft/conntrack.h"

#define MESSAGE_SIZE 1024

static struct nlmsghdr *
ct_message(char *buf, int type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = 0;
	return nlh;
}

/* Without a tuple, delete means: whatever passes the filter. */
enum ph_err
conntrack_delete(struct nlsock *s, uint32_t mark)
{
	_Alignas(struct nlmsghdr) char buf[MESSAGE_SIZE];
	struct nlmsghdr *nlh;

	if (mark == 0)
		return PH_EBAD; /* that would be everybody's */
	nlh = ct_message(buf, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, AF_UNSPEC);
	mnl_attr_put_u32(nlh, CTA_MARK, htonl(mark));
	mnl_attr_put_u32(nlh, CTA_MARK_MASK, htonl(mark));
	return nlsock_err(nlsock_request(s, nlh, NULL, NULL));
}
