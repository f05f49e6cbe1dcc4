/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_NFQUEUE.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>

#include "nft/hold.h"
#include "nft/holdtext.h"

#define PROBE "pinholed_probe"

/* queue num N bypass */
static void
put_expression(struct nlmsghdr *nlh, uint16_t queue)
{
	struct nlattr *data;

	mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, "queue");
	data = mnl_attr_nest_start(nlh, NFTA_EXPR_DATA);
	mnl_attr_put_u16(nlh, NFTA_QUEUE_NUM, htons(queue));
	mnl_attr_put_u16(nlh, NFTA_QUEUE_TOTAL, htons(1));
	mnl_attr_put_u16(nlh, NFTA_QUEUE_FLAGS, htons(NFT_QUEUE_FLAG_BYPASS));
	mnl_attr_nest_end(nlh, data);
}

/* -j NFQUEUE --queue-num N --queue-bypass */
static void
put_target(struct nlmsghdr *nlh, uint16_t queue)
{
	struct xt_NFQ_info_v3 info;
	struct nlattr *data;

	memset(&info, 0, sizeof(info));
	info.queuenum = queue;
	info.queues_total = 1;
	info.flags = NFQ_FLAG_BYPASS;
	mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, "target");
	data = mnl_attr_nest_start(nlh, NFTA_EXPR_DATA);
	mnl_attr_put_strz(nlh, NFTA_TARGET_NAME, "NFQUEUE");
	mnl_attr_put_u32(nlh, NFTA_TARGET_REV, htonl(3));
	mnl_attr_put(nlh, NFTA_TARGET_INFO, sizeof(info), &info);
	mnl_attr_nest_end(nlh, data);
}

/* clang-format off */
static const struct way {
	void (*put)(struct nlmsghdr *nlh, uint16_t queue);
	const char *what;
} ways[] = {
	{ put_expression, "the expression \"queue\" of nftables" },
	{ put_target, "the target NFQUEUE of iptables" },
};
/* clang-format on */
#define NWAYS (sizeof(ways) / sizeof(ways[0]))

static void
put_rule(struct batch *b, const char *table, const struct way *way,
    uint16_t queue)
{
	struct nlattr *list, *elem;
	struct nlmsghdr *nlh;

	nlh = batch_message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
	    NFPROTO_INET, 512);
	if (nlh == NULL)
		return;
	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, HOLD_CHAIN);
	list = mnl_attr_nest_start(nlh, NFTA_RULE_EXPRESSIONS);
	elem = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	way->put(nlh, queue);
	mnl_attr_nest_end(nlh, elem);
	mnl_attr_nest_end(nlh, list);
	batch_message_end(b, nlh);
}

static bool
is_missing(int err)
{
	return err == -ENOENT || err == -EOPNOTSUPP;
}

static enum ph_err
nothing_there(struct strbuf *why)
{
	strbuf_str(why,
	    "this kernel cannot hold signalling (\"inline yes\"): it has "
	    "neither the expression \"queue\" of nftables (CONFIG_NFT_QUEUE) "
	    "nor the target NFQUEUE of iptables (CONFIG_NFT_COMPAT, "
	    "CONFIG_NETFILTER_XT_TARGET_NFQUEUE)");
	return PH_EUNSUPPORTED;
}

void
hold_pause(const struct fw_config *config, bool yes)
{
	if (config->hold.pause != NULL)
		config->hold.pause(config->hold.ctx, yes);
}

enum ph_err
hold_begin(struct nlsock *nl, struct batch *b, const struct fw_config *config,
    struct strbuf *why)
{
	int err = -ENOENT;
	size_t i;

	if (!config->hold.on)
		return PH_OK;
	for (i = 0; i < NWAYS && is_missing(err); i++) {
		batch_begin(b, nlsock_seq(nl));
		put_rule(b, config->name, &ways[i], config->hold.queue);
		batch_end(b);
		err = nlsock_transact(nl, b, NULL, NULL);
	}
	if (is_missing(err))
		return nothing_there(why);
	if (err != 0)
		strbuf_fmt(why, "cannot make signalling wait: %s",
		    strerror(-err));
	return nlsock_err(err);
}

static void
put_probe(struct batch *b)
{
	struct nlmsghdr *nlh;

	nlh =
	    batch_message(b, NFT_MSG_NEWTABLE, NLM_F_CREATE, NFPROTO_INET, 128);
	if (nlh == NULL)
		return;
	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, PROBE);
	batch_message_end(b, nlh);
	nlh =
	    batch_message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFPROTO_INET, 128);
	if (nlh == NULL)
		return;
	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, PROBE);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, HOLD_CHAIN);
	batch_message_end(b, nlh);
}

/* A batch that has no end is looked at as a whole, and never carried out. */
static int
try_way(struct nlsock *nl, struct batch *b, const struct way *way)
{
	struct nlmsghdr *rule;

	batch_begin(b, nlsock_seq(nl));
	put_probe(b);
	put_rule(b, PROBE, way, 0);
	if (b->full)
		return -ENOMEM;
	rule = (struct nlmsghdr *)(void *)(b->p + b->message);
	rule->nlmsg_flags |= NLM_F_ACK;
	b->ack = rule->nlmsg_seq;
	return nlsock_transact(nl, b, NULL, NULL);
}

enum ph_err
hold_check(struct nlsock *nl, const struct fw_config *config,
    struct strbuf *why)
{
	int err = -ENOENT;
	struct batch b;
	size_t i;

	if (!config->hold.on)
		return PH_OK;
	batch_init(&b, config->name);
	for (i = 0; i < NWAYS && is_missing(err); i++)
		err = try_way(nl, &b, &ways[i]);
	batch_free(&b);
	if (is_missing(err))
		return nothing_there(why);
	if (why->len > 0)
		strbuf_str(why, "\n");
	if (err != 0)
		strbuf_fmt(why, "cannot see how signalling may be held: %s",
		    strerror(-err));
	else
		strbuf_fmt(why, "signalling waits in queue %u, by %s",
		    config->hold.queue, ways[i - 1].what);
	return PH_OK;
}
