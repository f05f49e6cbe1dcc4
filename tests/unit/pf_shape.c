/* SPDX-License-Identifier: ISC */
/*
 * The shape of the tree after the same changes, to the last node.  How well it
 * does is for pf_tree.c; here nothing changes without being meant: a figure
 * below that is another now is put in anew, after a look at the rest of its
 * line and at what pf_tree prints.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pf/node.h"
#include "pf/tree.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#define MOST 38000

static const struct fw_config config = { .name = "pinholed" };

static struct p_tree *tree;
static struct pinhole holes[MOST];
static uint64_t print; /* a fingerprint: FNV-1a */
static size_t leaves, deepest, biggest, batches, written;

static void
note(uint64_t v)
{
	int i;

	for (i = 0; i < 8; i++) {
		print = (print ^ (v & 0xff)) * UINT64_C(0x100000001b3);
		v >>= 8;
	}
}

static void
note_node(const struct p_node *n, size_t depth)
{
	size_t i;

	note(n->nkids);
	note(n->nrules);
	note(n->lo.port);
	note((uint64_t)n->number);
	note(n->span);
	deepest = depth > deepest ? depth : deepest;
	if (n->nkids == 0) {
		leaves += depth > 0;
		biggest = n->nrules > biggest ? n->nrules : biggest;
	}
	for (i = 0; i < n->nitems; i++)
		note(n->items[i].hole->id);
	for (i = 0; i < n->nkids; i++)
		note_node(n->kids[i], depth + 1);
}

static void
note_tree(void)
{
	size_t i;

	leaves = deepest = biggest = 0;
	for (i = 0; i < P_NCLASSES; i++) {
		note(tree->classes[i].nnodes);
		note_node(&tree->classes[i].root, 0);
	}
}

/* What is to be written, in order, as if it had been. */
static void
commit(void)
{
	const struct p_node *n;
	size_t i, all = p_tree_batches(tree);

	batches = all > batches ? all : batches;
	for (i = 0; i < all; i++) {
		p_tree_select(tree, i);
		for (n = p_tree_dirty(tree); n != NULL;
		     n = p_node_next(tree, n)) {
			note((uint64_t)n->number);
			note(n->nrules);
			note(i);
			written++;
		}
	}
	p_tree_clean(tree);
}

enum how { UPWARDS, SHUFFLED, SAME_PORTS, FEW_PORTS, MIXED, SPREAD };

static struct pinhole
hole_of(unsigned int i, enum how how)
{
	/* In statements: compilers evaluate arguments in either order. */
	const uint8_t last = (uint8_t)pick(256);
	const uint8_t third = (uint8_t)pick(256);
	struct addr inside = addr_v4(192, 0, 2, (uint8_t)(10 + i % 50));
	struct addr remote = addr_v4(198, 18, third, last);
	struct pinhole h = { .id = i + 1,
		.proto = IPPROTO_UDP,
		.dir = PINHOLE_IN,
		.from = prefix_host(&remote),
		.to = inside };
	uint32_t port = 10000 + 2 * pick(20000);

	/* Some at a time, each at the next port. */
	if (how == SPREAD)
		port = 2000 + 2 * (i / 40 + 1500 * (i % 20));
	if (how == UPWARDS)
		port = 10000 + 2 * i;
	else if (how == SAME_PORTS)
		port = 10000 + 2 * (i / 50);
	else if (how == FEW_PORTS)
		port = 4000 + pick(4);
	h.to_lo = (uint16_t)port;
	h.to_hi = (uint16_t)(port + (how == MIXED ? pick(9) : 1));
	if (how == MIXED && pick(3) == 0)
		h.dir = PINHOLE_OUT;
	if ((how == MIXED || how == SPREAD) && pick(2) == 0)
		h.proto = IPPROTO_TCP;
	return h;
}

struct figures {
	size_t anchors, leaves, deepest, biggest, batches, written;
	uint64_t print;
};

/* clang-format off */
static const struct {
	const char	*what;
	enum how	 how;
	unsigned int	 n, together;	/* in one commit */
	struct figures	 grown, changed, gone;
} rows[] = {
	{ "upwards", UPWARDS, 12000, 1,
	    { 924, 738, 4, 76, 1, 14022, 0x96ecadf647cf6c29 },
	    { 1071, 882, 4, 36, 1, 2297, 0x8e31f75cb55de047 },
	    { 1, 0, 0, 0, 1, 13947, 0xdb91ccd64141a24c } },
	{ "at random", SHUFFLED, 12000, 1,
	    { 1317, 1009, 5, 38, 1, 14927, 0x655b86ef443e7dd5 },
	    { 1326, 1018, 5, 42, 1, 4016, 0x2be70be34b8a39f9 },
	    { 1, 0, 0, 0, 1, 14338, 0x8f74e75e7a6d95e0 } },
	{ "the same ports", SAME_PORTS, 12000, 1,
	    { 924, 738, 4, 76, 1, 14022, 0x3f4efa0840fd66df },
	    { 1071, 882, 4, 36, 1, 2297, 0x8869e5ed0b38b7d6 },
	    { 1, 0, 0, 0, 1, 13947, 0x9eaf7887a4165715 } },
	{ "few ports", FEW_PORTS, 6000, 1,
	    { 275, 200, 4, 86, 1, 6613, 0xb73bb275e7c391ad },
	    { 275, 200, 4, 86, 2, 3485, 0x33bef6c1b5d2453b },
	    { 1, 0, 0, 0, 1, 6472, 0x7d660acecf55102c } },
	{ "all kinds", MIXED, 12000, 1,
	    { 870, 665, 4, 117, 2, 14237, 0x85c9fa533647ca92 },
	    { 875, 669, 4, 111, 3, 4035, 0x79084fa25542be24 },
	    { 1, 0, 0, 0, 1, 13535, 0x29d8e1558ae907d5 } },
	{ "all kinds, many at once", MIXED, 12000, 300,
	    { 870, 667, 4, 117, 88, 7846, 0xf1671f9381a99dd0 },
	    { 875, 671, 4, 111, 119, 2106, 0x0b9b5c221a3a6ce9 },
	    { 1, 0, 0, 0, 117, 9131, 0x57b17207ce30cd9a } },
	{ "more than there are anchors", SPREAD, 38000, 1,
	    { 1482, 1106, 5, 124, 5, 42984, 0x390a51181d2c9613 },
	    { 1482, 1104, 5, 124, 6, 3323, 0x9fa72eec9261ec32 },
	    { 1, 0, 0, 0, 1, 40570, 0xf3b72fea9e9ea264 } },
};
/* clang-format on */

static void
is(const struct figures *want)
{
	struct figures got = { .anchors = p_tree_anchors(tree) };

	note_tree();
	got.leaves = leaves;
	got.deepest = deepest;
	got.biggest = biggest;
	got.batches = batches;
	got.written = written;
	got.print = print;
	print_message("{ %zu, %zu, %zu, %zu, %zu, %zu, 0x%016" PRIx64 " }\n",
	    got.anchors, leaves, deepest, biggest, batches, written, print);
	assert_memory_equal(&got, want, sizeof(got));
	batches = written = 0;
}

static void
the_same_changes_make_the_same_tree(void **state)
{
	size_t i, j, k;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].what);
		print = UINT64_C(0xcbf29ce484222325);
		seed = 1;
		assert_int_equal(p_tree_new(&tree, P_FREEBSD, &config), PH_OK);
		for (j = 0; j < rows[i].n; j++) {
			holes[j] = hole_of((unsigned int)j, rows[i].how);
			assert_int_equal(p_tree_insert(tree, &holes[j]), PH_OK);
			if ((j + 1) % rows[i].together == 0)
				commit();
		}
		is(&rows[i].grown);
		for (j = 0; j < 2000; j++) {
			k = pick(rows[i].n);
			p_tree_remove(tree, &holes[k]);
			holes[k] = hole_of((unsigned int)k, rows[i].how);
			assert_int_equal(p_tree_insert(tree, &holes[k]), PH_OK);
			if ((j + 1) % rows[i].together == 0)
				commit();
		}
		is(&rows[i].changed);
		for (j = 0; j < rows[i].n; j++) {
			k = (j * 7919) % rows[i].n;
			p_tree_remove(tree, &holes[k]);
			if ((j + 1) % rows[i].together == 0)
				commit();
			if (j == rows[i].n / 2)
				note_tree();
		}
		is(&rows[i].gone);
		p_tree_free(tree);
	}
}

/* The number of rules of a pinhole is known before they are made. */
static void
a_node_has_as_many_rules_as_it_says(void **state)
{
	static const struct fw_uplink uplinks[] = {
		{ "em0", { AF_INET, { 192, 0, 2, 254 } } },
		{ "em2", { AF_INET, { 203, 0, 113, 254 } } },
		{ "em2", { AF_INET6, { 0x20, 1, 0xd, 0xb8 } } },
	};
	static const enum p_dialect dialects[] = { P_FREEBSD, P_OPENBSD };
	struct fw_config c = { .name = "pinholed", .uplinks = uplinks };
	const struct p_rule *v;
	struct p_node *root;
	struct pinhole h;
	size_t i, k, n;

	(void)state;
	for (i = 0; i < 128; i++) {
		h = hole_of(1, MIXED);
		h.dir = (i & 1) != 0 ? PINHOLE_IN : PINHOLE_OUT;
		if ((i & 2) != 0) {
			h.to = (struct addr) { AF_INET6, { 0x20, 1 } };
			h.from.addr = h.to;
			h.from.len = 128;
		}
		if ((i & 4) != 0) {
			h.rdr_from.addr = h.to;
			h.rdr_from.addr.b[3]++;
			h.rdr_from.port = h.to_lo;
		}
		if ((i & 8) != 0) {
			h.nat_to.addr = h.to;
			h.nat_to.addr.b[3]++;
			h.nat_to.port = h.to_lo;
		}
		c.nuplinks = i >> 4 & 3;
		assert_int_equal(p_tree_new(&tree, dialects[i >> 6], &c),
		    PH_OK);
		assert_int_equal(p_tree_insert(tree, &h), PH_OK);
		for (k = 0; k < P_NCLASSES; k++) {
			root = &tree->classes[k].root;
			assert_int_equal(p_node_rules(tree, root,
					     p_node_part(root), &v, &n),
			    PH_OK);
			assert_int_equal(n, root->nrules);
		}
		p_tree_free(tree);
	}
}

static void
a_change_is_in_no_batch_yet(void **state)
{
	struct pinhole h = hole_of(1, UPWARDS);

	(void)state;
	assert_int_equal(p_tree_new(&tree, P_FREEBSD, &config), PH_OK);
	p_tree_select(tree, 9);
	assert_int_equal(p_tree_insert(tree, &h), PH_OK);
	assert_non_null(p_tree_dirty(tree));
	p_tree_select(tree, 9);
	p_tree_clean(tree);
	p_tree_select(tree, 9);
	p_tree_taint(tree);
	assert_non_null(p_tree_dirty(tree));
	p_tree_clean(tree);
	p_tree_select(tree, 9);
	p_tree_remove(tree, &h);
	assert_non_null(p_tree_dirty(tree));
	p_tree_free(tree);
}

/* Is the top to be written, and how many others? */
static bool
top_changes(size_t *others)
{
	const struct p_node *n;
	bool top = false;

	*others = 0;
	for (n = p_tree_dirty(tree); n != NULL; n = p_node_next(tree, n))
		if (p_node_is_top(n))
			top = true;
		else
			++*others;
	p_tree_clean(tree);
	return top;
}

/*
 * One pinhole more writes its leaves alone, unless it lies outside of what the
 * top asks for.
 */
static void
one_pinhole_more_is_its_leaves(void **state)
{
	enum { RDR = 1, NAT = 2, BOTH = 3 };
	size_t others;
	unsigned int kind;
	const struct pinhole one = hole_of(1, UPWARDS);
	struct pinhole h[6];
	size_t i;

	(void)state;
	for (kind = 0; kind < 8; kind++) {
		assert_int_equal(p_tree_new(&tree, P_FREEBSD, &config), PH_OK);
		for (i = 0; i < ROWS(h); i++) {
			h[i] = one;
			h[i].id = i + 1;
			h[i].to_lo = h[i].to_hi = (uint16_t)(5000 + i);
			h[i].dir = kind & 4 ? PINHOLE_OUT : PINHOLE_IN;
			if (kind & RDR)
				h[i].rdr_from =
				    (struct endpoint) { addr_v4(203, 0, 113, 1),
					    0 };
			h[i].from.addr.b[3] = 16;
			if (kind & NAT) {
				h[i].nat_to.addr = h[i].from.addr;
				h[i].nat_to.addr.b[3] = 17;
			}
		}
		h[2].to.b[3] ^= 1;
		h[3].from.addr.b[3] = 18;
		h[4].rdr_from.addr.b[3] ^= (kind & RDR) != 0;
		h[5].nat_to.addr.b[3] ^= kind & NAT ? 4 : 0;
		for (i = 0; i < ROWS(h); i++) {
			assert_int_equal(p_tree_insert(tree, &h[i]), PH_OK);
			print_message("%u %zu\n", kind, i);
			/* The translated address widens the side it is on. */
			assert_int_equal(top_changes(&others),
			    i == 0 || i == 2 || i == 3 ||
				(i == 4 && (kind & RDR) != 0) ||
				(i == 5 && (kind & NAT) != 0));
			assert_int_equal(others,
			    1 + ((kind & RDR) != 0) + ((kind & NAT) != 0));
		}
		for (i = 0; i < ROWS(h); i++) {
			p_tree_remove(tree, &h[i]);
			assert_int_equal(top_changes(&others),
			    i + 1 == ROWS(h));
			assert_int_equal(others,
			    1 + ((kind & RDR) != 0) + ((kind & NAT) != 0));
		}
		p_tree_free(tree);
	}
}

static void
a_name_leaves_room_for_those_below(void **state)
{
	char name[P_NAMELEN + 1], want[P_NAMELEN + 16];
	struct fw_config c = { .name = name };
	struct pinhole h = hole_of(1, UPWARDS);
	const struct p_node *n;
	size_t len;

	(void)state;
	h.dir = PINHOLE_OUT;
	h.proto = IPPROTO_TCP;
	for (len = 0; len <= P_NAMELEN; len++) {
		memset(name, 'n', sizeof(name));
		name[len] = '\0';
		assert_int_equal(p_tree_new(&tree, P_FREEBSD, &c),
		    len > 0 && len <= 55 ? PH_OK : PH_EBAD);
		if (tree == NULL)
			continue;
		assert_string_equal(p_node_path(p_tree_top(tree)), name);
		assert_int_equal(p_tree_insert(tree, &h), PH_OK);
		n = p_tree_dirty(tree);
		while (p_node_is_top(n))
			n = p_node_next(tree, n);
		snprintf(want, sizeof(want), "%s/out4t", name);
		assert_string_equal(p_node_path(n), want);
		p_tree_free(tree);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_changes_make_the_same_tree),
		cmocka_unit_test(a_node_has_as_many_rules_as_it_says),
		cmocka_unit_test(a_change_is_in_no_batch_yet),
		cmocka_unit_test(one_pinhole_more_is_its_leaves),
		cmocka_unit_test(a_name_leaves_room_for_those_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
