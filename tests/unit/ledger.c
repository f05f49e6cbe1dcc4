/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/fw/direct.h"
#include "src/fw/ledger.h"
#include "tests/unit/unit.h"

/* A backend that writes down its calls, and fails when asked to. */
struct fw {
	char log[256];
	struct strbuf b;
	enum ph_err answer; /* of a commit */
	uint64_t refuses;   /* to add this id */
	unsigned int commits, forgotten;
};

static struct fw fw;

static enum ph_err
note_add(struct fw *f, struct fw_entry *e)
{
	if (e->id == f->refuses)
		return PH_ENOMEM;
	strbuf_fmt(&f->b, "+%d ", (int)e->id);
	return PH_OK;
}

static void
note_remove(struct fw *f, struct fw_entry *e)
{
	strbuf_fmt(&f->b, "-%d ", (int)e->id);
}

static void
note_forget(struct fw *f, struct fw_entry *e)
{
	(void)e;
	f->forgotten++;
}

static enum ph_err
note_commit(struct fw *f, const struct fw_edit *edits, size_t n, int64_t now)
{
	size_t i;

	(void)now;
	strbuf_str(&f->b, "( ");
	for (i = 0; i < n; i++)
		strbuf_fmt(&f->b, "%d@%d ", (int)edits[i].entry->id,
		    (int)edits[i].entry->deadline);
	strbuf_str(&f->b, ") ");
	f->commits++;
	return f->answer;
}

static const struct fw_ops ops = {
	.add = note_add,
	.remove = note_remove,
	.forget = note_forget,
	.commit = note_commit,
};

static int
fresh(void **state)
{
	(void)state;
	memset(&fw, 0, sizeof(fw));
	fw.b = strbuf_of(fw.log, sizeof(fw.log));
	return 0;
}

static void
what_failed_is_undone_the_last_first(void **state)
{
	struct fw_entry a = { .id = 1 }, b = { .id = 2, .in_filter = true },
			c = { .id = 3, .in_filter = true };
	const struct fw_edit v[] = { { FW_ADD, &a }, { FW_REPLACE, &b },
		{ FW_REMOVE, &c } };

	(void)state;
	fw.answer = PH_EIO;
	assert_int_equal(ledger_apply(&ops, &fw, v, 3, 0), PH_EIO);
	assert_string_equal(fw.log, "+1 -3 ( 1@0 2@0 3@0 ) +3 -1 ");
	assert_true(!a.in_filter && b.in_filter && c.in_filter);
	/* An entry that cannot be put back is closed. */
	fw.refuses = 3;
	assert_int_equal(ledger_apply(&ops, &fw, v, 3, 0), PH_EIO);
	assert_true(!a.in_filter && b.in_filter && !c.in_filter);
	/* PH_EEXIST is success: the filter has the entry. */
	c.in_filter = true;
	fw.answer = PH_EEXIST;
	assert_int_equal(ledger_apply(&ops, &fw, v, 3, 0), PH_OK);
	assert_true(a.in_filter && b.in_filter && !c.in_filter);
	assert_int_equal(ledger_apply(&ops, &fw, v, 0, 0), PH_OK);
	assert_int_equal(fw.commits, 3);
}

static void
one_that_cannot_be_prepared_stops_all(void **state)
{
	struct fw_entry a = { .id = 1 }, b = { .id = 2 }, c = { .id = 3 };
	const struct fw_edit v[] = { { FW_ADD, &a }, { FW_ADD, &b },
		{ FW_ADD, &c } };

	(void)state;
	fw.refuses = 2;
	assert_int_equal(ledger_apply(&ops, &fw, v, 3, 0), PH_ENOMEM);
	assert_string_equal(fw.log, "+1 -1 ");
	assert_false(a.in_filter || b.in_filter || c.in_filter);
}

static void
an_entry_that_ends_is_taken_out(void **state)
{
	struct fw_entry in = { .id = 1, .in_filter = true }, out = { .id = 2 };

	(void)state;
	ledger_forget(&ops, &fw, &in);
	ledger_forget(&ops, &fw, &out);
	assert_string_equal(fw.log, "-1 ");
	assert_false(in.in_filter);
	assert_int_equal(fw.forgotten, 2);
}

static struct fw_change
change(enum fw_op op, uint64_t id, uint16_t port, int64_t deadline)
{
	struct fw_change c;

	memset(&c, 0, sizeof(c));
	c.op = op;
	c.hole.id = id;
	c.hole.to_lo = port;
	c.hole.deadline = deadline;
	return c;
}

static void
changes_by_id_are_all_made_or_none(void **state)
{
	struct direct *d = direct_new(&ops, &fw);
	struct fw_change v[5] = { change(FW_OPEN, 1, 10, 5),
		change(FW_OPEN, 2, 20, 5) };

	(void)state;
	assert_int_equal(direct_commit(d, v, 2, 0), PH_OK);
	assert_string_equal(fw.log, "+1 +2 ( 1@5 2@5 ) ");
	v[0].hole.deadline = 9;
	v[1].op = FW_CLOSE;
	v[2] = change(FW_OPEN, 2, 30, 7);
	v[3] = change(FW_OPEN, 3, 40, 7);
	v[4] = change(FW_CLOSE, 8, 0, 0);
	fw.answer = PH_EAGAIN;
	fresh(NULL);
	fw.answer = PH_EAGAIN;
	assert_int_equal(direct_commit(d, v, 5, 0), PH_EAGAIN);
	assert_string_equal(fw.log, "-2 +2 +3 ( 1@9 2@5 2@7 3@7 ) -3 -2 +2 ");
	assert_int_equal(fw.forgotten, 2);
	/* The first two are as they were. */
	fresh(NULL);
	v[0] = change(FW_OPEN, 2, 20, 5);
	v[1] = change(FW_CLOSE, 1, 0, 0);
	assert_int_equal(direct_commit(d, v, 2, 0), PH_OK);
	assert_string_equal(fw.log, "-1 ( 2@5 1@5 ) ");
	assert_int_equal(fw.forgotten, 1);
	/* An id is one thing; an operation that is none is refused. */
	v[0].hole.to_lo = 21;
	assert_int_equal(direct_commit(d, v, 1, 0), PH_EBAD);
	v[0].op = 9;
	assert_int_equal(direct_commit(d, v, 1, 0), PH_EBAD);
	direct_free(d);
}

/* A backend that keeps a list of the entries, and one of its kernel's. */
#define KNOWN 32

static struct {
	const struct fw_entry *known[KNOWN];
	size_t n;
	struct fw_change kernel[KNOWN]; /* by id; op 0: none */
	struct fw_change cuts[8];
	size_t ncuts;
	unsigned int forgotten;
	enum ph_err commit_rc;
	unsigned int add_at; /* the first is 1 */
	bool refused;
} list;

static size_t
list_find(const struct fw_entry *e)
{
	size_t i;

	for (i = 0; i < list.n && list.known[i] != e; i++)
		continue;
	return i;
}

static enum ph_err
list_add(struct fw *f, struct fw_entry *e)
{
	(void)f;
	assert_int_equal(list_find(e), list.n);
	if (list.add_at > 0 && --list.add_at == 0) {
		list.refused = true;
		return PH_ENOMEM;
	}
	assert_true(list.n < KNOWN);
	list.known[list.n++] = e;
	return PH_OK;
}

static void
list_remove(struct fw *f, struct fw_entry *e)
{
	size_t i = list_find(e);

	(void)f;
	assert_true(i < list.n);
	list.known[i] = list.known[--list.n];
}

static void
list_forget(struct fw *f, struct fw_entry *e)
{
	(void)f;
	assert_int_equal(list_find(e), list.n);
	assert_false(e->in_filter);
	list.forgotten++;
}

static enum ph_err
list_commit(struct fw *f, const struct fw_edit *edits, size_t n, int64_t now)
{
	struct fw_change *c;
	size_t i;

	(void)f;
	assert_int_equal(now, 77);
	assert_true(n > 0);
	list.add_at = 0;
	for (i = 0; i < n && list.commit_rc == PH_OK; i++) {
		c = &list.kernel[edits[i].entry->id];
		/* It is added if it is not there, and replaced if it is. */
		assert_int_equal(edits[i].op == FW_ADD, c->op == 0);
		c->op = edits[i].op == FW_REMOVE ? 0 : FW_OPEN;
		c->hole = fw_entry_hole(edits[i].entry);
	}
	return list.commit_rc;
}

static void
list_cut(struct fw *f, const struct pinhole *hole, int64_t now)
{
	(void)f;
	assert_int_equal(now, 77);
	assert_true(list.ncuts < ROWS(list.cuts));
	list.cuts[list.ncuts++].hole = *hole;
}

static const struct fw_ops list_ops = {
	.add = list_add,
	.remove = list_remove,
	.forget = list_forget,
	.commit = list_commit,
	.cut = list_cut,
};

#define IDS 12

/* What the changes make of `v`, by id; the error of one that makes no sense. */
static enum ph_err
apply(struct fw_change *v, const struct fw_change *c, size_t n, size_t *edits)
{
	size_t i;

	for (i = 0, *edits = 0; i < n; i++) {
		if (c[i].op < FW_OPEN || c[i].op > FW_CUT)
			return PH_EBAD;
		if (c[i].op == FW_OPEN) {
			if (v[c[i].hole.id].op != 0 &&
			    v[c[i].hole.id].hole.to_lo != c[i].hole.to_lo)
				return PH_EBAD;
			v[c[i].hole.id] = c[i];
			++*edits;
		} else if (c[i].op == FW_CLOSE && v[c[i].hole.id].op != 0) {
			v[c[i].hole.id].op = 0;
			++*edits;
		}
	}
	return PH_OK;
}

static struct fw_change
some_change(void)
{
	uint64_t id = 1 + (uint64_t)random() % (IDS - 1);
	uint16_t port = (uint16_t)(1000 + id);
	enum fw_op op = random() % 2 == 0 ? FW_OPEN : FW_CLOSE;

	if (random() % 20 == 0)
		op = FW_CUT;
	if (random() % 100 == 0)
		op = random() % 2 == 0 ? 0 : FW_CUT + 1;
	if (random() % 30 == 0)
		port += 100;
	return change(op, id, port, random() % 50);
}

static size_t
count_open(const struct fw_change *v)
{
	size_t i, n = 0;

	for (i = 0; i < IDS; i++)
		n += v[i].op != 0;
	return n;
}

static void
is_as(const struct fw_change *want)
{
	size_t i;

	for (i = 0; i < IDS; i++) {
		assert_int_equal(list.kernel[i].op, want[i].op);
		if (want[i].op == 0)
			continue;
		assert_int_equal(list.kernel[i].hole.to_lo, want[i].hole.to_lo);
		assert_int_equal(list.kernel[i].hole.deadline,
		    want[i].hole.deadline);
	}
	assert_int_equal(list.n, count_open(want));
	for (i = 0; i < list.n; i++) {
		assert_true(list.known[i]->in_filter);
		assert_int_equal(want[list.known[i]->id].op, FW_OPEN);
		assert_int_equal(list.known[i]->deadline,
		    want[list.known[i]->id].hole.deadline);
	}
}

static void
cuts_are(const struct fw_change *c, size_t n)
{
	size_t i, k = 0;

	for (i = 0; i < n; i++)
		if (c[i].op == FW_CUT) {
			assert_true(k < list.ncuts);
			assert_int_equal(list.cuts[k++].hole.to_lo,
			    c[i].hole.to_lo);
		}
	assert_int_equal(k, list.ncuts);
}

static void
changes_at_random_are_those_of_a_list(void **state)
{
	static struct fw_change is[IDS], then[IDS];
	struct direct *d = direct_new(&list_ops, &fw);
	struct fw_change c[8];
	size_t i, n, edits, made = 0, failed = 0;
	enum ph_err rc, want;
	unsigned int round;

	(void)state;
	srandom(5);
	for (round = 0; round < 20000; round++) {
		n = (size_t)random() % ROWS(c) + 1;
		for (i = 0; i < n; i++)
			c[i] = some_change();
		memcpy(then, is, sizeof(then));
		want = apply(then, c, n, &edits);
		list.ncuts = 0;
		list.commit_rc = random() % 5 == 0 ? PH_EAGAIN : PH_OK;
		list.add_at = random() % 10 == 0 ? 1 + random() % 3 : 0;
		list.refused = false;
		rc = direct_commit(d, c, n, 77);
		if (list.refused)
			want = PH_ENOMEM;
		else if (want == PH_OK && edits > 0)
			want = list.commit_rc;
		assert_int_equal(rc, want);
		list.add_at = 0;
		if (rc == PH_OK) {
			memcpy(is, then, sizeof(is));
			cuts_are(c, n);
			made++;
		} else {
			failed++;
			assert_int_equal(list.ncuts, 0);
		}
		is_as(is);
	}
	assert_true(made > 5000 && failed > 2000);
	/* The end takes nothing back: the backend closes by itself. */
	n = list.forgotten;
	direct_free(d);
	assert_int_equal(list.forgotten, n);
}

/* Each entry that a change has closed is forgotten, and only those. */
static void
what_is_closed_is_forgotten_once(void **state)
{
	struct direct *d;
	struct fw_change v[3] = { change(FW_OPEN, 1, 10, 5),
		change(FW_OPEN, 2, 20, 5), change(FW_OPEN, 3, 30, 5) };
	size_t i, k;

	(void)state;
	for (i = 0; i < 3; i++) {
		memset(&list, 0, sizeof(list));
		d = direct_new(&list_ops, &fw);
		for (k = 0; k < 3; k++)
			v[k].op = FW_OPEN;
		assert_int_equal(direct_commit(d, v, 3, 77), PH_OK);
		assert_int_equal(list.forgotten, 0);
		for (k = 0; k < 3; k++)
			v[k].op = k == i ? FW_CLOSE : FW_OPEN;
		assert_int_equal(direct_commit(d, v, 3, 77), PH_OK);
		assert_int_equal(list.forgotten, 1);
		assert_int_equal(list.n, 2);
		for (k = 0; k < 3; k++)
			v[k].op = FW_CLOSE;
		assert_int_equal(direct_commit(d, v, 3, 77), PH_OK);
		assert_int_equal(list.forgotten, 3);
		direct_free(d);
	}
}

#define CASE(f) cmocka_unit_test_setup(f, fresh)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_failed_is_undone_the_last_first),
		CASE(one_that_cannot_be_prepared_stops_all),
		CASE(an_entry_that_ends_is_taken_out),
		CASE(changes_by_id_are_all_made_or_none),
		CASE(changes_at_random_are_those_of_a_list),
		CASE(what_is_closed_is_forgotten_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
