/* SPDX-License-Identifier: ISC */
/*
 * What goes through ioctl(2), recorded by a seam instead of a kernel: values
 * and byte orders, the order of calls, rollback, EBUSY and EEXIST.  FreeBSD;
 * no privilege needed, for /dev/pf is never opened.
 */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <net/if.h>
#include <netinet/in.h>
#include <net/pfvar.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pf/bsd.h"
#include "pf/freebsd.h"

static char trace[4096];
static const char *fail_at; /* the n-th letter of the trace fails */
static int fail_errno;
static unsigned int failures, checks;

#define CHECK(x) check((x), #x, __LINE__)

static void
check(int ok, const char *what, int line)
{
	checks++;
	if (!ok) {
		failures++;
		printf("not ok - line %d: %s; trace %s\n", line, what, trace);
	}
}

static char
letter(unsigned long request)
{
	switch (request) {
	case DIOCXBEGIN:
		return 'B';
	case DIOCBEGINADDRS:
		return 'p';
	case DIOCADDADDR:
		return 'a';
	case DIOCADDRULE:
		return 'r';
	case DIOCXCOMMIT:
		return 'C';
	case DIOCXROLLBACK:
		return 'R';
	default:
		return '?';
	}
}

static int
recording_ioctl(int fd, unsigned long request, void *arg)
{
	size_t n = strlen(trace);
	struct pfioc_trans *t = arg;
	struct pfioc_rule *pr = arg;
	int i;

	(void)fd;
	trace[n] = letter(request);
	trace[n + 1] = '\0';
	if (request == DIOCXBEGIN)
		for (i = 0; i < t->size; i++)
			t->array[i].ticket = 100 + (unsigned int)i;
	if (request == DIOCBEGINADDRS)
		((struct pfioc_pooladdr *)arg)->ticket = 7;
	if (request == DIOCADDRULE) {
		CHECK(pr->pool_ticket == 7);
		CHECK(pr->ticket >= 100);
	}
	if (fail_at != NULL && strcmp(trace, fail_at) == 0) {
		errno = fail_errno;
		return -1;
	}
	return 0;
}

static struct pinhole
hole(uint64_t id)
{
	struct addr phone = addr_v4(198, 51, 100, 7);
	struct pinhole h = { .id = id,
		.proto = IPPROTO_UDP,
		.dir = PINHOLE_IN,
		.to_lo = 10000,
		.to_hi = 10001,
		.from = prefix_host(&phone),
		.to = addr_v4(192, 0, 2, 20) };

	return h;
}

static enum ph_err
written(struct p_dev *d, const struct fw_config *c, const char *fail, int error)
{
	struct pinhole h = hole(7);
	struct p_tree *t;
	enum ph_err rc;

	trace[0] = '\0';
	fail_at = fail;
	fail_errno = error;
	if (p_tree_new(&t, P_FREEBSD, c) != PH_OK ||
	    p_tree_insert(t, &h) != PH_OK)
		abort();
	rc = p_sys_native.write(d, t, c);
	p_tree_free(t);
	return rc;
}

static void
transactions(void)
{
	const struct fw_uplink up = { "em0", { AF_INET, { 192, 0, 2, 254 } } };
	const struct fw_config c = { .name = "pinholed" },
			       u = { .name = "pinholed",
				       .uplinks = &up,
				       .nuplinks = 1 };
	struct p_dev d = { .fd = -1 };

	CHECK(written(&d, &c, NULL, 0) == PH_OK);
	CHECK(strcmp(trace, "pBrrrrC") == 0);
	/* The pool ticket is used again. */
	CHECK(written(&d, &c, NULL, 0) == PH_OK);
	CHECK(strcmp(trace, "BrrrrC") == 0);
	/* Until pf says no: all is rolled back, and a new one taken. */
	CHECK(written(&d, &c, "Brr", EBUSY) == PH_EAGAIN);
	CHECK(strcmp(trace, "BrrR") == 0);
	CHECK(written(&d, &c, NULL, 0) == PH_OK);
	CHECK(strcmp(trace, "pBrrrrC") == 0);
	CHECK(written(&d, &c, "BrrrrC", EBUSY) == PH_EAGAIN);
	CHECK(strcmp(trace, "BrrrrCR") == 0);
	/* The same rule twice is no error. */
	CHECK(written(&d, &c, "pBrr", EEXIST) == PH_OK);
	CHECK(strcmp(trace, "pBrrrrC") == 0);
	CHECK(written(&d, &c, "Br", ENOMEM) == PH_ELIMIT);
	CHECK(written(&d, &c, "p", EPERM) == PH_EGONE);
	CHECK(strcmp(trace, "p") == 0);
	CHECK(written(&d, &c, "pB", EINVAL) == PH_EBAD);
	CHECK(strcmp(trace, "pB") == 0);
	/* reply-to has an address in the pool. */
	CHECK(written(&d, &u, NULL, 0) == PH_OK);
	CHECK(strcmp(trace, "BrrarrrC") == 0);
}

static void
values(void)
{
	const struct fw_config c = { .name = "pinholed",
		.log = true,
		.tag = "VOIP",
		.queue = "rtp",
		.if_bound = true };
	struct pinhole h = hole(7);
	struct p_rule v[8], back;
	struct pfioc_pooladdr pp;
	struct pfioc_rule pr;
	size_t n;

	n = p_rules(&h, P_PASS, P_FREEBSD, &c, v);
	CHECK(n == 2);
	p_freebsd_rule(&v[0], &c, &pr);
	CHECK(pr.rule.action == PF_PASS && pr.rule.quick == 1);
	CHECK(pr.rule.direction == PF_INOUT && pr.rule.rtableid == -1);
	CHECK(pr.rule.dst.port_op == PF_OP_RRG);
	CHECK(pr.rule.dst.port[0] == htons(10000));
	CHECK(pr.rule.dst.port[1] == htons(10001));
	CHECK(pr.rule.src.port_op == PF_OP_NONE);
	CHECK(pr.rule.dst.addr.v.a.addr.v4.s_addr == htonl(0xc0000214));
	CHECK(pr.rule.dst.addr.v.a.mask.v4.s_addr == 0xffffffff);
	CHECK(pr.rule.keep_state == PF_STATE_NORMAL && pr.rule.flags == 0);
	CHECK(pr.rule.timeout[PFTM_UDP_MULTIPLE] == P_UDP_MULTIPLE);
	CHECK(pr.rule.log == PF_LOG);
	CHECK((pr.rule.rule_flag & PFRULE_IFBOUND) != 0);
	CHECK(strcmp(pr.rule.label, "7") == 0);
	CHECK(strcmp(pr.rule.tagname, "VOIP") == 0);
	CHECK(strcmp(pr.rule.qname, "rtp") == 0);
	CHECK(!p_freebsd_pool(&v[0], &pp));
	CHECK(p_read(&pr, &back));
	CHECK(back.label == 7 && back.dst.lo == 10000 && back.dst.hi == 10001);
	CHECK(prefix_cmp(&back.src.net, &v[0].src.net) == 0);
	strlcpy(pr.rule.label, "7x", sizeof(pr.rule.label));
	CHECK(!p_read(&pr, &back));

	h.proto = IPPROTO_TCP;
	h.rdr_from.addr = addr_v4(192, 0, 2, 1);
	h.rdr_from.port = 40001;
	h.nat_to.addr = addr_v4(192, 0, 2, 2);
	h.nat_to.port = 20;
	n = p_rules(&h, P_RDR, P_FREEBSD, &c, v);
	CHECK(n == 1);
	p_freebsd_rule(&v[0], &c, &pr);
	CHECK(pr.rule.action == PF_RDR && pr.rule.keep_state == 0);
	/* Host order, and no second port, which would make it a range. */
	CHECK(pr.rule.rpool.proxy_port[0] == 10000);
	CHECK(pr.rule.rpool.proxy_port[1] == 0);
	CHECK(p_freebsd_pool(&v[0], &pp));
	CHECK(pp.addr.addr.v.a.addr.v4.s_addr == htonl(0xc0000214));
	n = p_rules(&h, P_NAT, P_FREEBSD, &c, v);
	CHECK(n == 1);
	p_freebsd_rule(&v[0], &c, &pr);
	CHECK(pr.rule.action == PF_NAT);
	CHECK(pr.rule.rpool.proxy_port[0] == 20);
	CHECK(pr.rule.rpool.proxy_port[1] == 20);
	n = p_rules(&h, P_PASS, P_FREEBSD, &c, v);
	CHECK(n == 3);
	p_freebsd_rule(&v[0], &c, &pr);
	CHECK(pr.rule.flags != 0 && pr.rule.flagset > pr.rule.flags);
}

static void
states(void)
{
	struct p_state s = { .id = 9, .creator = 5, .proto = IPPROTO_UDP },
		       back;
	struct pfsync_state ps;
	int out;

	s.src.addr = addr_v4(198, 51, 100, 7);
	s.src.port = 4000;
	s.dst.addr = addr_v4(192, 0, 2, 20);
	s.dst.port = 10000;
	for (out = 0; out < 2; out++) {
		s.outward = out;
		p_new_state(&s, false, &ps);
		CHECK(ps.direction == (out ? PF_OUT : PF_IN));
		CHECK(ps.key[PF_SK_WIRE].port[out] == htons(4000));
		CHECK(ps.key[PF_SK_WIRE].port[!out] == htons(10000));
		ps.packets[0][1] = htonl(3);
		ps.packets[1][1] = htonl(4);
		CHECK(p_get_state(&ps, &back));
		CHECK(endpoint_cmp(&back.src, &s.src) == 0);
		CHECK(endpoint_cmp(&back.dst, &s.dst) == 0);
		CHECK(endpoint_cmp(&back.in_dst, &s.dst) == 0);
		CHECK(back.packets[0] == 3 && back.packets[1] == 4 &&
		    back.id == 9 && back.creator == 5);
	}
	ps.proto = IPPROTO_ICMP;
	CHECK(!p_get_state(&ps, &back));
}

int
main(void)
{
	p_ioctl = recording_ioctl;
	transactions();
	values();
	states();
	printf("%s - %u checks, %u failed\n", failures == 0 ? "ok" : "not ok",
	    checks, failures);
	return failures != 0;
}
