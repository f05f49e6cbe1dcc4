/* SPDX-License-Identifier: ISC */
#ifndef NFT_NETLINK_H
#define NFT_NETLINK_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

struct nlmsghdr;
struct batch;

/*
 * A NETLINK_NETFILTER socket: nf_tables and conntrack.
 *
 * Both serve a request before sendmsg(2) returns, so that every answer but a
 * dump's is there to be read at once, and nothing here waits.  Numbers below
 * zero are errno values as the kernel sent them.
 */
struct nlsock;

struct nlsock *nlsock_open(void); /* NULL: errno */
void nlsock_close(struct nlsock *s);

/* A number that no request has had; for batch_begin(). */
uint32_t nlsock_seq(const struct nlsock *s);

typedef void nlsock_cb(void *ctx, const struct nlmsghdr *nlh);

/*
 * Send a finished batch; everything in it happened, or nothing.  `cb`, if not
 * NULL, is called for echoes.  -EOVERFLOW: answers were lost, and whether it
 * happened is unknown.
 */
int nlsock_transact(struct nlsock *s, const struct batch *b, nlsock_cb *cb,
    void *ctx);

/*
 * One request with NLM_F_ACK or an answer of its own, or (NLM_F_DUMP) all the
 * answers until the last.  The header's number is filled in.  -EINTR: the
 * dump was overtaken by a change and may have missed or repeated something.
 */
int nlsock_request(struct nlsock *s, struct nlmsghdr *nlh, nlsock_cb *cb,
    void *ctx);

/*
 * Several requests, aligned one behind the other, of which only the last has
 * NLM_F_ACK: its result.  Those of the others are not told.
 */
int nlsock_requests(struct nlsock *s, char *requests, size_t len);

/*
 * A dump in slices, for one that is long: nlsock_dump() begins it, each
 * nlsock_more() takes the answers of so many datagrams, which are some
 * hundred each.  1: there are more, 0: that was the last, else as above.  The
 * socket serves nothing else meanwhile.
 */
int nlsock_dump(struct nlsock *s, struct nlmsghdr *nlh);
int nlsock_more(struct nlsock *s, int datagrams, nlsock_cb *cb, void *ctx);

/* The kernel's answer to a change, as an error of ours. */
enum ph_err nlsock_err(int err);

#endif
