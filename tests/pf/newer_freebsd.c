/* SPDX-License-Identifier: ISC */
/*
 * The far end of pf/freebsd_netlink.c, written after what the kernel puts
 * into its messages (sys/netpfil/pf/pf_nl.c).
 */
#include <sys/param.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <net/if.h>
#include <netinet/in.h>
#include <net/pfvar.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pf/freebsd.h"
#include "tests/pf/newer.h"
#include "tests/pf/nlwrite.h"

#define FAMILY 0x1a

static void
end(int fd, struct nlwrite *m)
{
	nl_end(m, 0);
	if (send(fd, m->b, m->len, 0) == -1)
		err(1, "send");
}

static struct nlwrite
reply(uint32_t seq, uint8_t cmd)
{
	const uint8_t genl[4] = { cmd, 0, 0, 0 };
	struct nlwrite m = { .len = 0 };

	nl_begin(&m, FAMILY, seq, genl, sizeof(genl));
	return m;
}

/* NLMSG_ERROR with the header it answers, or NLMSG_DONE. */
static void
finish(int fd, uint16_t type, uint32_t seq, int error)
{
	unsigned char body[20] = { 0 };
	struct nlwrite m = { .len = 0 };

	memcpy(body, &error, sizeof(error));
	nl_begin(&m, type, seq, body, type == 2 ? 20 : 4);
	end(fd, &m);
}

static void
put_key(struct nlwrite *m, uint16_t type, const struct pfsync_state_key *packed,
    uint8_t af, uint8_t proto)
{
	size_t n = af == AF_INET ? 4 : 16, at = nl_nest(m, type);
	struct pfsync_state_key k;

	memcpy(&k, packed, sizeof(k));
	nl_attr(m, 1, &k.addr[0], n);
	nl_attr(m, 2, &k.addr[1], n);
	nl_attr16(m, 3, k.port[0]);
	nl_attr16(m, 4, k.port[1]);
	nl_attr8(m, 5, af);
	nl_attr16(m, 6, proto);
	nl_unnest(m, at);
}

static uint64_t
packets(const struct pfsync_state *ps, int i)
{
	uint32_t hi, lo;

	memcpy(&hi, &ps->packets[i][0], 4);
	memcpy(&lo, &ps->packets[i][1], 4);
	return (uint64_t)ntohl(hi) << 32 | ntohl(lo);
}

static void
put_peer(struct nlwrite *m, uint16_t type, uint8_t state)
{
	size_t at = nl_nest(m, type);

	nl_attr32(m, 5, 1);
	nl_attr8(m, 10, state);
	nl_unnest(m, at);
}

static void
get_states(int fd, int dev, uint32_t seq)
{
	struct pfioc_states ps = { .ps_len = 4 << 20 };
	struct pfsync_state *v = malloc(4 << 20);
	struct nlwrite m;
	size_t i;

	ps.ps_states = v;
	if (v == NULL || ioctl(dev, DIOCGETSTATES, &ps) == -1)
		err(1, "DIOCGETSTATES");
	for (i = 0; i < (size_t)ps.ps_len / sizeof(*v); i++) {
		m = reply(seq, 1);
		nl_attr64(&m, 28, 1400);
		put_key(&m, 5, &v[i].key[PF_SK_WIRE], v[i].af, v[i].proto);
		put_key(&m, 6, &v[i].key[PF_SK_STACK], v[i].af, v[i].proto);
		nl_attr8(&m, 21, v[i].proto);
		nl_attr8(&m, 19, v[i].af);
		nl_attrstr(&m, 3, v[i].ifname);
		nl_attr32(&m, 14, 60);
		nl_attr8(&m, 22, v[i].direction);
		nl_attr64(&m, 1, v[i].id);
		nl_attr32(&m, 2, htonl(v[i].creatorid));
		put_peer(&m, 7, v[i].src.state);
		put_peer(&m, 8, v[i].dst.state);
		nl_attr64(&m, 15, packets(&v[i], 0));
		nl_attr64(&m, 16, packets(&v[i], 1));
		end(fd, &m);
	}
	free(v);
	finish(fd, 3, seq, 0);
}

static void
put_side(struct nlwrite *m, uint16_t type, const struct pf_rule_addr *a)
{
	size_t at = nl_nest(m, type), addr = nl_nest(m, 1);

	nl_attr(m, 1, &a->addr.v.a.addr, 16);
	nl_attr(m, 2, &a->addr.v.a.mask, 16);
	nl_attr8(m, 5, a->addr.type);
	nl_attr8(m, 6, a->addr.iflags);
	nl_unnest(m, addr);
	nl_attr16(m, 2, a->port[0]);
	nl_attr16(m, 3, a->port[1]);
	nl_attr8(m, 4, a->neg);
	nl_attr8(m, 5, a->port_op);
	nl_unnest(m, at);
}

/* The request's attributes: where the value of one begins. */
static const unsigned char *
asked(const unsigned char *b, size_t len, uint16_t type)
{
	uint16_t alen, atype;
	size_t at;

	for (at = 20; at + 4 <= len; at += (alen + 3u) / 4 * 4) {
		memcpy(&alen, b + at, 2);
		memcpy(&atype, b + at + 2, 2);
		if (alen < 4)
			break;
		if (atype == type)
			return b + at + 4;
	}
	errx(1, "the request lacks attribute %u", type);
}

static void
get_rule(int fd, int dev, uint32_t seq, const unsigned char *b, size_t len)
{
	struct pfioc_rule pr;
	struct nlwrite m;
	size_t at;

	memset(&pr, 0, sizeof(pr));
	strlcpy(pr.anchor, (const char *)asked(b, len, 1), sizeof(pr.anchor));
	pr.rule.action = *asked(b, len, 2);
	memcpy(&pr.nr, asked(b, len, 3), 4);
	memcpy(&pr.ticket, asked(b, len, 4), 4);
	if (ioctl(dev, DIOCGETRULE, &pr) == -1) {
		finish(fd, 2, seq, errno);
		return;
	}
	m = reply(seq, 7);
	put_side(&m, 1, &pr.rule.src);
	put_side(&m, 2, &pr.rule.dst);
	nl_attr32(&m, 3, 0);
	at = nl_nest(&m, 4);
	if (pr.rule.label[0] != '\0')
		nl_attrstr(&m, 1, pr.rule.label);
	nl_unnest(&m, at);
	nl_attrstr(&m, 5, pr.rule.ifname);
	nl_attrstr(&m, 8, pr.rule.tagname);
	nl_attr32(&m, 15, pr.rule.max_states);
	nl_attr8(&m, 34, pr.rule.action);
	nl_attr8(&m, 35, pr.rule.direction);
	nl_attr8(&m, 43, pr.rule.af);
	nl_attr8(&m, 44, pr.rule.proto);
	nl_attrstr(&m, 72, pr.anchor_call);
	end(fd, &m);
	finish(fd, 2, seq, 0);
}

static void
kill_states(int fd, int dev, uint32_t seq, const unsigned char *b, size_t len)
{
	struct pfioc_state_kill k;
	struct nlwrite m = reply(seq, 9);

	memset(&k, 0, sizeof(k));
	memcpy(&k.psk_pfcmp.id, asked(b, len, 1), 8);
	memcpy(&k.psk_pfcmp.creatorid, asked(b, len, 2), 4);
	if (ioctl(dev, DIOCKILLSTATES, &k) == -1)
		err(1, "DIOCKILLSTATES");
	nl_attr32(&m, 13, (uint32_t)k.psk_killed);
	end(fd, &m);
	finish(fd, 2, seq, 0);
}

static void
get_status(int fd, int dev, uint32_t seq)
{
	struct nlwrite m = reply(seq, 11);
	struct pf_status st;

	if (ioctl(dev, DIOCGETSTATUS, &st) == -1)
		err(1, "DIOCGETSTATUS");
	nl_attrstr(&m, 1, "");
	nl_attr8(&m, 2, st.running != 0);
	nl_attr32(&m, 3, st.since);
	end(fd, &m);
	finish(fd, 2, seq, 0);
}

static void
get_family(int fd, uint32_t seq, const unsigned char *b, size_t len)
{
	struct nlwrite m = reply(seq, 1);

	if (strcmp((const char *)asked(b, len, 2), "pfctl") != 0)
		errx(1, "which family?");
	nl_attrstr(&m, 2, "pfctl");
	nl_attr16(&m, 1, FAMILY);
	end(fd, &m);
	finish(fd, 2, seq, 0);
}

static void
serve(int fd)
{
	int dev = open("/dev/pf", O_RDWR);
	unsigned char b[4096];
	uint32_t seq, length;
	uint16_t type;
	ssize_t n;

	if (dev == -1)
		err(1, "/dev/pf");
	while ((n = recv(fd, b, sizeof(b), 0)) > 0) {
		memcpy(&length, b, 4);
		memcpy(&type, b + 4, 2);
		memcpy(&seq, b + 8, 4);
		if (n < 20 || length != (size_t)n)
			errx(1, "a request of %u bytes in %zd", length, n);
		/* An answer to the request before must be ignored. */
		finish(fd, 2, seq - 1, EBUSY);
		if (type == 0x10)
			get_family(fd, seq, b, length);
		else if (type != FAMILY)
			finish(fd, 2, seq, EINVAL);
		else if (b[16] == 1)
			get_states(fd, dev, seq);
		else if (b[16] == 7)
			get_rule(fd, dev, seq, b, length);
		else if (b[16] == 9)
			kill_states(fd, dev, seq, b, length);
		else if (b[16] == 11)
			get_status(fd, dev, seq);
		else
			finish(fd, 2, seq, EOPNOTSUPP);
	}
}

static int
answered_socket(void)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv) == -1)
		err(1, "socketpair");
	switch (fork()) {
	case -1:
		err(1, "fork");
	case 0:
		close(sv[0]);
		serve(sv[1]);
		_exit(0);
	default:
		close(sv[1]);
		return sv[0];
	}
}

static int
newer_ioctl(int fd, unsigned long request, void *arg)
{
	switch (request) {
	case DIOCGETRULE:
	case DIOCGETSTATES:
	case DIOCGETSTATUS:
	case DIOCKILLSTATES:
		errno = ENODEV;
		return -1;
	default:
		return ioctl(fd, request, arg);
	}
}

void
newer_kernel(void)
{
	p_ioctl = newer_ioctl;
	p_nl_socket = answered_socket;
}
