/* SPDX-License-Identifier: ISC */
#ifndef NFT_NLMSG_H
#define NFT_NLMSG_H

#include <stdbool.h>
#include <stdint.h>

struct nlattr;
struct nlmsghdr;

/*
 * Single messages of the nfnetlink subsystems: how a question begins, and
 * the attributes of an answer by their type.  Batches are nft/batch.h.
 */
#define NLMSG_SIZE 1024 /* of the array that a question is made in */

/* `type` is NFT_MSG_GETSET or its like, `subsys` NFNL_SUBSYS_NFTABLES... */
struct nlmsghdr *nlmsg_begin(char *buf, int subsys, int type, uint16_t flags,
    uint8_t family);

/* NULL: not there.  Types above this are of no interest to anybody here. */
#define NLMSG_ATTR_MAX 32
struct nlmsg_attrs {
	const struct nlattr *at[NLMSG_ATTR_MAX + 1];
};

/* False if the message or attribute is not made of attributes. */
bool nlmsg_attrs(const struct nlmsghdr *nlh, struct nlmsg_attrs *out);
bool nlmsg_nested(const struct nlattr *attr, struct nlmsg_attrs *out);

#endif
