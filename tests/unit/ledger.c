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

#define CASE(f) cmocka_unit_test_setup(f, fresh)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_failed_is_undone_the_last_first),
		CASE(one_that_cannot_be_prepared_stops_all),
		CASE(an_entry_that_ends_is_taken_out),
		CASE(changes_by_id_are_all_made_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
