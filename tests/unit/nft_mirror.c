/* SPDX-License-Identifier: ISC */
/*
 * The mirror of the kernel's elements: its changes, its counts and its
 * deadlines.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "nft/batch.h"
#include "nft/mirror.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

#define SECOND INT64_C(1000000)

static struct fw_config config;
static struct mirror *mirror;

static int
setup(void **state)
{
	(void)state;
	return (mirror = mirror_new(&config)) == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	mirror_free(mirror);
	return 0;
}

static struct pinhole
hole(bool once, uint8_t host)
{
	const struct addr from = { AF_INET, { 9, 9, 9, 9 } };

	return (struct pinhole) { .deadline = 9 * SECOND,
		.proto = once ? IPPROTO_TCP : IPPROTO_UDP,
		.dir = PINHOLE_IN,
		.once = once,
		.from = prefix_host(&from),
		.to = addr_v4(192, 0, 2, host),
		.to_lo = 4000,
		.to_hi = 4000 };
}

static struct fw_entry
entry_of(const struct pinhole *h)
{
	struct fw_entry e;

	memset(&e, 0, sizeof(e));
	(void)fw_entry_set(&e, h);
	return e;
}

static struct fw_entry
entry(bool once, uint8_t host)
{
	struct pinhole h = hole(once, host);

	return entry_of(&h);
}

/* Led there from another place. */
static struct fw_entry
entry_moved(uint8_t host)
{
	struct pinhole h = hole(false, host);

	h.rdr_from = (struct endpoint) { addr_v4(203, 0, 113, 1), 7000 };
	return entry_of(&h);
}

/* The kernel is told of both, and takes it. */
static void
commit(struct fw_entry *add, struct fw_entry *gone)
{
	struct fw_edit edits[2];
	size_t n = 0;

	if (gone != NULL) {
		mirror_remove(mirror, gone);
		edits[n++] = (struct fw_edit) { FW_REMOVE, gone };
	}
	if (add != NULL) {
		assert_int_equal(mirror_add(mirror, add), PH_OK);
		edits[n++] = (struct fw_edit) { FW_ADD, add };
	}
	assert_int_equal(mirror_begin(mirror, edits, n), PH_OK);
	mirror_end(mirror, true);
	if (gone == NULL)
		return;
	mirror_forget(mirror, gone);
	gone->packets = 0; /* should it be added again, it is another */
}

/* The element that counts the packets of an entry. */
static struct elem
counter_of(const struct fw_entry *e)
{
	const struct pinhole h = fw_entry_hole(e);
	struct elem v[ELEM_MAX];
	size_t n;

	assert_int_equal(hole_elements(&h, &config, v, &n), PH_OK);
	return v[0];
}

static void
on_seen(void *ctx, struct fw_entry *e, unsigned int ends)
{
	(void)e;
	(void)ends;
	++*(unsigned int *)ctx;
}

static unsigned int
seen_at(int64_t now)
{
	unsigned int n = 0;

	mirror_count_end(mirror, true, now, on_seen, &n);
	return n;
}

static void
an_element_that_comes_again_counts_from_zero(void **state)
{
	struct fw_entry e = entry(false, 1);
	struct elem c = counter_of(&e);

	(void)state;
	commit(&e, NULL);
	mirror_count_begin(mirror);
	mirror_counted(mirror, &c, 5);
	/* The element closes before the count is over, and opens anew. */
	commit(NULL, &e);
	commit(&e, NULL);
	assert_int_equal(seen_at(SECOND), 0);
	mirror_count_begin(mirror);
	mirror_counted(mirror, &c, 5);
	commit(NULL, &e);
	commit(&e, NULL);
	mirror_count_begin(mirror);
	mirror_counted(mirror, &c, 2);
	assert_int_equal(seen_at(SECOND), 1);
	assert_int_equal(e.packets, 2);
	mirror_forget(mirror, &e);
}

static void
a_redirection_that_moves_is_told_with_its_old_place(void **state)
{
	struct fw_entry a = entry_moved(1), b = entry_moved(2);
	struct fw_edit edits[2] = { { FW_REMOVE, &a }, { FW_ADD, &b } };
	struct mirror_change c;
	unsigned int replaced = 0;
	size_t iter = 0;

	(void)state;
	commit(&a, NULL);
	mirror_remove(mirror, &a);
	assert_int_equal(mirror_add(mirror, &b), PH_OK);
	assert_int_equal(mirror_begin(mirror, edits, 2), PH_OK);
	while (mirror_next_change(mirror, &iter, MIRROR_ALL_OPS, &c)) {
		if (c.elem.datalen == 0)
			continue;
		replaced++;
		assert_int_equal(c.op, MIRROR_REPLACE);
		assert_int_equal(c.old_data[3], 1);
		assert_int_equal(c.elem.data[3], 2);
	}
	assert_int_equal(replaced, 1);
	mirror_end(mirror, true);
	mirror_forget(mirror, &a);
	mirror_forget(mirror, &b);
}

/*
 * A redirection that the kernel may have from earlier leads where the new one
 * does.
 */
static void
a_first_redirection_is_its_own_old_one(void **state)
{
	struct fw_entry a = entry_moved(1);
	struct fw_edit edit = { FW_ADD, &a };
	struct mirror_change c;
	size_t iter = 0;

	(void)state;
	mirror_expect_leftovers(mirror, true);
	assert_int_equal(mirror_add(mirror, &a), PH_OK);
	assert_int_equal(mirror_begin(mirror, &edit, 1), PH_OK);
	while (mirror_next_change(mirror, &iter, MIRROR_ALL_OPS, &c)) {
		assert_int_equal(c.op, MIRROR_REPLACE);
		assert_memory_equal(c.old_data, c.elem.data, c.elem.datalen);
		assert_int_equal(c.certain, 0);
	}
	mirror_end(mirror, true);
	mirror_forget(mirror, &a);
}

static void
everything_is_told_with_the_deadline_that_the_kernel_has(void **state)
{
	struct fw_entry e = entry(false, 1);
	struct elem counter = counter_of(&e);
	struct mirror_change c;
	unsigned int n = 0;
	struct mirror_iter iter = { 0 };

	(void)state;
	commit(&e, NULL);
	e.deadline += SECOND; /* which the kernel has not heard of */
	while (mirror_next(mirror, &iter, &c)) {
		if (elem_cmp(&c.elem, &counter) != 0)
			continue;
		n++;
		assert_int_equal(c.op, MIRROR_ADD);
		assert_int_equal(c.deadline, 9 * SECOND);
		assert_int_equal(c.certain, 9 * SECOND);
	}
	assert_int_equal(n, 1);
	mirror_forget(mirror, &e);
}

static void
one_that_is_missing_was_used_if_its_time_was_not_up(void **state)
{
	struct fw_entry e = entry(true, 1);

	(void)state;
	commit(&e, NULL);
	mirror_count_begin(mirror);
	assert_int_equal(seen_at(9 * SECOND), 0);
	mirror_count_begin(mirror);
	assert_int_equal(seen_at(9 * SECOND - 1), 1);
	/* The packets are told once. */
	mirror_count_begin(mirror);
	assert_int_equal(seen_at(9 * SECOND - 1), 0);
	mirror_forget(mirror, &e);
}

/*
 * Two entries need one element.  The first goes: what the kernel has was made
 * for it, and is the other's now.
 */
static void
an_element_outlives_the_entry_that_it_was_made_for(void **state)
{
	struct pinhole wide = hole(false, 1);
	struct fw_entry a = entry(false, 1), b;
	struct fw_edit edit = { FW_REMOVE, &a };
	struct elem c = counter_of(&a);
	struct mirror_change change;
	size_t iter = 0;

	(void)state;
	wide.to_hi++;
	wide.deadline = 5 * SECOND;
	b = entry_of(&wide);
	commit(&a, NULL);
	commit(&b, NULL);
	assert_int_equal(mirror_count(mirror, c.set), 2);
	mirror_count_begin(mirror);
	mirror_counted(mirror, &c, 5);
	mirror_remove(mirror, &a);
	assert_int_equal(mirror_begin(mirror, &edit, 1), PH_OK);
	/* It is to last no longer than the other. */
	assert_true(mirror_next_change(mirror, &iter, MIRROR_ALL_OPS, &change));
	assert_int_equal(change.op, MIRROR_REPLACE);
	assert_int_equal(change.deadline, 5 * SECOND);
	assert_int_equal(change.certain, 9 * SECOND);
	mirror_end(mirror, false);
	/* The kernel refuses, and the first one is forgotten all the same. */
	mirror_forget(mirror, &a);
	assert_true(mirror_has(mirror, &c));
	assert_int_equal(mirror_count(mirror, c.set), 2);
	mirror_counted(mirror, &c, 7);
	assert_int_equal(b.packets, 5 + 2);
	commit(NULL, &b);
	assert_int_equal(mirror_count(mirror, c.set), 0);
}

/* Each allocation fails once; then nothing of the entry is left. */
static void
without_memory_nothing_is_added(void **state)
{
	struct fw_entry a = entry_moved(1), b = entry(false, 2);
	struct fw_edit edits[2] = { { FW_ADD, &a }, { FW_ADD, &b } };
	struct elem c = counter_of(&a);
	unsigned int n;

	(void)state;
	for (n = 1;; n++) {
		starve(n);
		if (mirror_add(mirror, &a) == PH_OK)
			break;
		(void)starve_end();
		assert_null(a.own);
		assert_false(mirror_has(mirror, &c));
	}
	(void)starve_end();
	/* The holder with its links, and its host. */
	assert_int_equal(n, 3);
	assert_int_equal(mirror_add(mirror, &b), PH_OK);
	starve(1);
	assert_int_equal(mirror_begin(mirror, edits, 2), PH_ENOMEM);
	(void)starve_end();
	assert_int_equal(mirror_count(mirror, c.set), 0);
	assert_int_equal(mirror_begin(mirror, edits, 2), PH_OK);
	mirror_end(mirror, true);
	assert_int_equal(mirror_count(mirror, c.set), 2);
	mirror_forget(mirror, &a);
	mirror_forget(mirror, &b);
	assert_int_equal(mirror_count(mirror, c.set), 0);
}

static void
a_deadline_becomes_a_timeout(void **state)
{
	/* clang-format off */
	static const struct { int64_t deadline, now; uint64_t ms; } t[] = {
		{ INT64_MAX, 5, 0 },
		{ 61000000, 1000000, 60000 },
		{ 61000999, 1000000, 60000 },
		{ 1500000, 1000000, 1000 },	/* at least a second */
		{ 1000000, 1000000, 1000 },
		{ 0, 1000000, 1000 },
	};
	/* clang-format on */
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(t); i++)
		assert_int_equal(timeout_ms(t[i].deadline, t[i].now), t[i].ms);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_element_that_comes_again_counts_from_zero),
		CASE(a_redirection_that_moves_is_told_with_its_old_place),
		CASE(a_first_redirection_is_its_own_old_one),
		CASE(everything_is_told_with_the_deadline_that_the_kernel_has),
		CASE(one_that_is_missing_was_used_if_its_time_was_not_up),
		CASE(an_element_outlives_the_entry_that_it_was_made_for),
		CASE(without_memory_nothing_is_added),
		cmocka_unit_test(a_deadline_becomes_a_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
