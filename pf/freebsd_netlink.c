/* SPDX-License-Identifier: ISC */
/*
 * pf by netlink: a request, and what comes back until the kernel says that
 * this was the last.
 */
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pf/freebsd.h"
#include "pf/netlink.h"

/* <netlink/netlink.h>, which 12 and 13 do not have. */
#define NETLINK	     38 /* AF_NETLINK */
#define GENERIC	     16 /* NETLINK_GENERIC */
#define RECEIVE_ROOM (256 * 1024)
#define PATIENCE_S   2

struct netlink_address {
	uint8_t len;
	sa_family_t family;
	uint16_t pad;
	uint32_t port, groups;
};

struct p_nl {
	int fd;
	uint16_t family;
	uint32_t seq;
	uint8_t request[P_NL_REQUEST];
	uint8_t reply[RECEIVE_ROOM];
};

static enum ph_err
nl_error(int error)
{
	return error == EOPNOTSUPP ? PH_EUNSUPPORTED : p_error(error);
}

/*
 * Send nl->request and call `each` for every answer.  Answers to an earlier
 * request that was given up are skipped.
 */
static enum ph_err
nl_exchange(struct p_nl *nl, size_t len,
    enum ph_err (*each)(void *ctx, struct span attrs), void *ctx)
{
	struct p_nl_msg m;
	enum ph_err rc = PH_OK;
	struct span in;
	ssize_t n;

	if (send(nl->fd, nl->request, len, 0) == -1)
		return p_error(errno);
	for (;;) {
		n = recv(nl->fd, nl->reply, sizeof(nl->reply), 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? PH_EGONE : p_error(errno);
		in = (struct span) { (const char *)nl->reply, (size_t)n };
		while (p_nl_next(&in, &m)) {
			if (m.seq != nl->seq)
				continue;
			if (m.last)
				return m.error != 0 ? nl_error(m.error) : rc;
			if (rc == PH_OK)
				rc = each(ctx, m.attrs);
		}
	}
}

static enum ph_err
each_family(void *ctx, struct span attrs)
{
	struct p_nl *nl = ctx;

	return p_nl_get_family(attrs, &nl->family) ? PH_OK : PH_EMALFORMED;
}

static int
real_socket(void)
{
	struct netlink_address a = { .len = sizeof(a), .family = NETLINK };
	struct timeval patience = { PATIENCE_S, 0 };
	int fd = socket(NETLINK, SOCK_RAW | SOCK_CLOEXEC, GENERIC);

	if (fd == -1)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
	    sizeof(patience));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

int (*p_nl_socket)(void) = real_socket;

struct p_nl *
p_nl_open(void)
{
	struct p_nl *nl = calloc(1, sizeof(*nl));

	if (nl == NULL)
		return NULL;
	nl->fd = p_nl_socket();
	if (nl->fd != -1 &&
	    nl_exchange(nl, p_nl_put_family(nl->request, ++nl->seq),
		each_family, nl) == PH_OK &&
	    nl->family != 0)
		return nl;
	p_nl_close(nl);
	return NULL;
}

void
p_nl_close(struct p_nl *nl)
{
	if (nl == NULL)
		return;
	if (nl->fd != -1)
		close(nl->fd);
	free(nl);
}

static enum ph_err
each_status(void *ctx, struct span attrs)
{
	return p_nl_get_running(attrs, ctx) ? PH_OK : PH_EMALFORMED;
}

enum ph_err
p_nl_enabled(struct p_nl *nl, bool *yes)
{
	if (nl == NULL)
		return PH_EUNSUPPORTED;
	return nl_exchange(nl,
	    p_nl_put_status(nl->request, nl->family, ++nl->seq), each_status,
	    yes);
}

static void
copy_key(const struct p_nl_key *k, struct pfsync_state_key *out)
{
	memcpy(&out->addr[0], k->addr[0], sizeof(out->addr[0]));
	memcpy(&out->addr[1], k->addr[1], sizeof(out->addr[1]));
	out->port[0] = k->port[0];
	out->port[1] = k->port[1];
}

/* As DIOCGETSTATES would have it, as far as we read that. */
static void
copy_state(const struct p_nl_state *s, struct pfsync_state *out)
{
	struct pfsync_state_key key;
	uint32_t word;
	int i, j;

	memset(out, 0, sizeof(*out));
	memset(&key, 0, sizeof(key));
	copy_key(&s->wire, &key);
	memcpy(&out->key[PF_SK_WIRE], &key, sizeof(key));
	copy_key(&s->stack, &key);
	memcpy(&out->key[PF_SK_STACK], &key, sizeof(key));
	out->id = s->id;
	out->creatorid = s->creator;
	out->af = s->af;
	out->proto = s->proto;
	out->direction = s->direction;
	out->src.state = s->peers[0];
	out->dst.state = s->peers[1];
	for (i = 0; i < 2; i++)
		for (j = 0; j < 2; j++) {
			word = htonl(
			    (uint32_t)(s->packets[i] >> (j == 0 ? 32 : 0)));
			memcpy(&out->packets[i][j], &word, sizeof(word));
		}
}

struct states {
	struct p_state *v;
	size_t n, size;
};

static enum ph_err
each_state(void *ctx, struct span attrs)
{
	struct states *all = ctx;
	struct pfsync_state ps;
	struct p_nl_state s;
	struct p_state *v;

	if (!p_nl_get_state(attrs, &s))
		return PH_OK;
	if (all->n == all->size) {
		v = reallocarray(all->v, all->size * 2 + 64, sizeof(*v));
		if (v == NULL)
			return PH_ENOMEM;
		all->v = v;
		all->size = all->size * 2 + 64;
	}
	copy_state(&s, &ps);
	if (p_get_state(&ps, &all->v[all->n]))
		all->n++;
	return PH_OK;
}

enum ph_err
p_nl_states(struct p_nl *nl, void (*found)(void *ctx, const struct p_state *s),
    void *ctx)
{
	struct states all = { 0 };
	enum ph_err rc;
	size_t i;

	if (nl == NULL)
		return PH_EUNSUPPORTED;
	rc =
	    nl_exchange(nl, p_nl_put_states(nl->request, nl->family, ++nl->seq),
		each_state, &all);
	/*
	 * Call back only now, for the callback may kill a state by the same
	 * socket.
	 */
	for (i = 0; rc == PH_OK && i < all.n; i++)
		found(ctx, &all.v[i]);
	free(all.v);
	return rc;
}

static enum ph_err
each_kill(void *ctx, struct span attrs)
{
	(void)ctx;
	(void)attrs;
	return PH_OK; /* it may have ended meanwhile */
}

enum ph_err
p_nl_kill(struct p_nl *nl, uint64_t id, uint32_t creator)
{
	if (nl == NULL)
		return PH_EUNSUPPORTED;
	return nl_exchange(nl,
	    p_nl_put_kill(nl->request, nl->family, ++nl->seq, id, creator),
	    each_kill, NULL);
}

static void
copy_side(const struct p_nl_side *s, struct pf_rule_addr *out)
{
	out->addr.type = s->type;
	memcpy(&out->addr.v.a.addr, s->addr, sizeof(s->addr));
	memcpy(&out->addr.v.a.mask, s->mask, sizeof(s->mask));
	out->port[0] = s->port[0];
	out->port[1] = s->port[1];
	out->port_op = s->op;
}

static enum ph_err
each_rule(void *ctx, struct span attrs)
{
	struct pfioc_rule *pr = ctx;
	struct p_nl_rule r;

	if (!p_nl_get_rule(attrs, &r))
		return PH_EMALFORMED;
	pr->rule.action = r.action;
	pr->rule.direction = r.direction;
	pr->rule.af = r.af;
	pr->rule.proto = r.proto;
	pr->rule.max_states = r.max_states;
	copy_side(&r.src, &pr->rule.src);
	copy_side(&r.dst, &pr->rule.dst);
	strlcpy(pr->rule.label, r.label, sizeof(pr->rule.label));
	strlcpy(pr->rule.ifname, r.ifname, sizeof(pr->rule.ifname));
	strlcpy(pr->anchor_call, r.anchor_call, sizeof(pr->anchor_call));
	return PH_OK;
}

enum ph_err
p_nl_rule(struct p_nl *nl, struct pfioc_rule *pr)
{
	if (nl == NULL)
		return PH_EUNSUPPORTED;
	return nl_exchange(nl,
	    p_nl_put_rule(nl->request, nl->family, ++nl->seq, pr->anchor,
		pr->rule.action, pr->nr, pr->ticket),
	    each_rule, pr);
}
