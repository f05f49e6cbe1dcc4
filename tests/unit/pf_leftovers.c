/* SPDX-License-Identifier: ISC */
/* The pinholes of an earlier run, read from its rules. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "pf/leftovers.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#define MOST 300

static struct p_rule rules[3 * MOST];
static size_t nrules;
static struct pinhole left[MOST], got[3 * MOST];
static size_t nleft, ngot;
static enum ph_err rules_rc;

static enum ph_err
give_rules(struct p_dev *d, const char *anchor,
    void (*found)(void *ctx, const struct p_rule *r), void *ctx)
{
	size_t i;

	(void)d;
	assert_string_equal(anchor, "pinholed");
	for (i = 0; i < nrules; i++)
		found(ctx, &rules[i]);
	return rules_rc;
}

static const struct p_sys sys = { .rules = give_rules };

static void
found(void *ctx, struct pinhole *h)
{
	assert_ptr_equal(ctx, &seed);
	assert_true(ngot < MOST);
	got[ngot++] = *h;
}

static struct pinhole
some_hole(void)
{
	bool v6 = pick(3) == 0;
	struct addr inside = addr_v4(192, 0, 2, (uint8_t)pick(4));
	struct addr outside = addr_v4(198, 51, 100, (uint8_t)(2 * pick(4)));
	struct pinhole h = { .proto = pick(2) ? IPPROTO_UDP : IPPROTO_TCP,
		.dir = pick(2) ? PINHOLE_IN : PINHOLE_OUT,
		.once = pick(4) == 0,
		.from_port = pick(3) == 0 ? (uint16_t)(4000 + pick(4)) : 0,
		.to_lo = (uint16_t)(4000 + pick(4)) };

	if (v6)
		inside.af = outside.af = AF_INET6;
	h.to_hi = (uint16_t)(h.to_lo + pick(3));
	h.to = h.dir == PINHOLE_IN ? inside : outside;
	h.from = prefix_host(h.dir == PINHOLE_IN ? &outside : &inside);
	if (h.dir == PINHOLE_IN && pick(4) == 0)
		memset(&h.from, 0, sizeof(h.from));
	else if (h.dir == PINHOLE_IN && pick(4) == 0)
		h.from.len--;
	return h;
}

/* Makes a rule one of those that we never write. */
static void
make_strange(struct p_rule *r, unsigned int how)
{
	switch (how) {
	case 0:
		r->label = 0;
		break;
	case 1:
		r->action = P_ACT_ANCHOR;
		break;
	case 2:
		r->on = "em0";
		break;
	case 3:
		r->dst.lo = r->dst.hi = 0;
		break;
	case 4:
		r->dst.net.len--;
		break;
	case 5:
		memset(&r->dst.net, 0, sizeof(r->dst.net));
		break;
	default:
		r->src.lo = 5000;
		r->src.hi = 5001;
		break;
	}
}

/* Between two ports that either may begin from, its rules name no first. */
static void
name_the_lower_first(struct pinhole *h)
{
	const struct pinhole was = *h;

	if (h->dir != PINHOLE_IN || h->from_port == 0 || h->to_lo != h->to_hi ||
	    h->from.len != addr_bytes(h->to.af) * 8 ||
	    addr_cmp(&h->from.addr, &h->to) < 0)
		return;
	h->from = prefix_host(&was.to);
	h->to = was.from.addr;
	h->from_port = was.to_lo;
	h->to_lo = h->to_hi = was.from_port;
}

static int
by_tuple(const void *a, const void *b)
{
	return pinhole_cmp(a, b);
}

static void
rules_in_any_order_are_their_pinholes(void **state)
{
	static const struct fw_config c = { .name = "pinholed" };
	struct pinhole h;
	struct p_rule swap;
	unsigned int round;
	uint64_t label;
	size_t i, k, n;

	(void)state;
	for (round = 0; round < 400; round++) {
		seed = round;
		nrules = nleft = ngot = 0;
		n = round < 300 ? pick(6) : pick(MOST);
		for (label = 1; label <= n; label++) {
			h = some_hole();
			/* Labels are those of the other run, in any order. */
			h.id = label * 7919 % 1009 + 1;
			k = p_rules(&h, P_PASS, P_FREEBSD, &c, &rules[nrules]);
			if (pick(4) == 0)
				for (i = 0; i < k; i++)
					make_strange(&rules[nrules + i],
					    pick(6) + (i > 0 || k == 1));
			else
				left[nleft++] = h;
			nrules += k;
		}
		for (i = nrules; i > 1; i--) {
			k = pick((uint32_t)i);
			swap = rules[i - 1];
			rules[i - 1] = rules[k];
			rules[k] = swap;
		}
		assert_int_equal(p_leftovers_read(&sys, NULL, "pinholed", found,
				     &seed),
		    PH_OK);
		assert_int_equal(ngot, nleft);
		for (i = 0; i < nleft; i++) {
			name_the_lower_first(&got[i]);
			name_the_lower_first(&left[i]);
		}
		qsort(got, ngot, sizeof(*got), by_tuple);
		qsort(left, nleft, sizeof(*left), by_tuple);
		for (i = 0; i < nleft; i++) {
			assert_int_equal(pinhole_cmp(&got[i], &left[i]), 0);
			assert_int_equal(got[i].deadline, 0);
			assert_int_equal(got[i].class, 0);
		}
	}
}

static void
what_cannot_be_read_leaves_nothing(void **state)
{
	(void)state;
	ngot = 0;
	rules_rc = PH_EIO;
	assert_true(nrules > 0);
	assert_int_equal(p_leftovers_read(&sys, NULL, "pinholed", found, &seed),
	    PH_EIO);
	assert_int_equal(ngot, 0);
	rules_rc = PH_OK;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_in_any_order_are_their_pinholes),
		cmocka_unit_test(what_cannot_be_read_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
