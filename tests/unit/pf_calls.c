/* SPDX-License-Identifier: ISC */
/*
 * Each call to pf that a start, a check, a tick and an end make, in order, and
 * what becomes of one that fails.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "tests/unit/fake_pf.h"
#include "tests/unit/pf_direct.h"

#define SECOND INT64_C(1000000)

static const char *const tables[] = { "first", "second" };
static const struct p_sys *const plain = &sys;

/* A pf that writes down its calls, and lets one kind of them fail. */
static struct {
	char log[1024];
	struct strbuf b;
	const char *fails; /* the calls of this name, */
	enum ph_err rc;	   /* so, */
	unsigned int from,
	    until; /* from the one to the other; the first is 1 */
	unsigned int calls;
	uint32_t pauses[8];
	size_t npauses;
	bool gated, unhooked[P_NPARTS];
	size_t missing; /* rules, or remotes */
	enum ph_err hook_rc[P_NPARTS];
} n;

static enum ph_err
note_call(const char *name)
{
	strbuf_fmt(&n.b, "%s ", name);
	if (n.fails == NULL || strcmp(n.fails, name) != 0)
		return PH_OK;
	n.calls++;
	return n.calls >= n.from && n.calls <= n.until ? n.rc : PH_OK;
}

static enum ph_err
note_open(struct p_dev **out, bool write, struct strbuf *why_not)
{
	enum ph_err rc = note_call(write ? "open" : "look");

	if (rc != PH_OK)
		strbuf_str(why_not, "no device");
	*out = rc == PH_OK ? (struct p_dev *)&k : NULL;
	return rc;
}

static void
note_close(struct p_dev *d)
{
	assert_ptr_equal(d, &k);
	(void)note_call("close");
}

static enum ph_err
note_write(struct p_dev *d, struct p_tree *tree, const struct fw_config *c)
{
	enum ph_err rc = note_call("write");

	return rc != PH_OK ? rc : plain->write(d, tree, c);
}

static enum ph_err
note_flush(struct p_dev *d, const char *anchor)
{
	(void)plain->flush(d, anchor);
	return note_call("flush");
}

static enum ph_err
note_rules(struct p_dev *d, const char *anchor,
    void (*found)(void *ctx, const struct p_rule *r), void *ctx)
{
	assert_string_equal(anchor, "pinholed");
	(void)plain->rules(d, anchor, found, ctx);
	return note_call("rules");
}

static enum ph_err
note_enabled(struct p_dev *d, bool *yes)
{
	(void)plain->enabled(d, yes);
	return note_call("enabled");
}

static enum ph_err
note_hooked(struct p_dev *d, const char *anchor, enum p_part part, bool *yes)
{
	(void)d;
	assert_string_equal(anchor, "pinholed");
	(void)note_call(part == P_NAT ? "nat?"
		: part == P_RDR	      ? "rdr?"
				      : "pass?");
	*yes = !n.unhooked[part];
	return n.hook_rc[part];
}

static enum ph_err
note_count(struct p_dev *d, const char *anchor, enum p_part part, size_t *out)
{
	enum ph_err rc = note_call("count");

	(void)plain->count(d, anchor, part, out);
	*out -= *out > 0 ? n.missing : 0;
	return rc;
}

static enum ph_err
note_states(struct p_dev *d, void (*found)(void *ctx, const struct p_state *s),
    void *ctx)
{
	enum ph_err rc = note_call("states");

	return rc != PH_OK ? rc : plain->states(d, found, ctx);
}

static enum ph_err
note_kill(struct p_dev *d, uint64_t id, uint32_t creator)
{
	enum ph_err rc = note_call("kill");

	return rc != PH_OK ? rc : plain->kill(d, id, creator);
}

static enum ph_err
note_add(struct p_dev *d, const struct p_state *s, bool log)
{
	const struct addr nobody = addr_v4(192, 0, 2, 0);

	(void)d;
	/* Of nobody's flow. */
	if (s->id == UINT64_MAX) {
		assert_true(addr_eq(&s->src.addr, &nobody) && !log);
		assert_int_equal(endpoint_cmp(&s->src, &s->dst), 0);
		assert_int_equal(endpoint_cmp(&s->src, &s->in_src), 0);
		assert_int_equal(endpoint_cmp(&s->dst, &s->in_dst), 0);
		assert_int_equal(s->src.port, 9);
		assert_int_equal(s->proto, IPPROTO_UDP);
		assert_int_not_equal(s->creator, 0);
	}
	return note_call("add");
}

static enum ph_err
note_original(struct p_dev *d, const struct fw_flow *flow, struct endpoint *out)
{
	assert_ptr_equal(d, &k);
	*out = flow->client;
	return note_call("original");
}

static enum ph_err
note_table(struct p_dev *d, const char *name, enum fw_table_op op,
    const struct prefix *v, size_t count)
{
	char text_of[ADDR_STRLEN];
	size_t i;

	assert_ptr_equal(d, &k);
	strbuf_fmt(&n.b, "%s%c", name,
	    op == FW_TABLE_ADD	       ? '+'
		: op == FW_TABLE_FLUSH ? '!'
				       : '-');
	for (i = 0; i < count; i++)
		strbuf_fmt(&n.b, "%s,", prefix_format(&v[i], text_of));
	return note_call("table");
}

static enum ph_err
note_gate(struct p_dev *d, const char *anchor, enum p_gate_op op,
    const struct prefix *v, size_t count)
{
	(void)d;
	(void)v;
	assert_string_equal(anchor, "pinholed");
	strbuf_fmt(&n.b, "%d", (int)count);
	return note_call(op == P_GATE_ADD ? "add"
		: op == P_GATE_SET	  ? "set"
					  : "delete");
}

static enum ph_err
note_gate_count(struct p_dev *d, const char *anchor, size_t *out)
{
	(void)d;
	assert_string_equal(anchor, "pinholed");
	*out = n.missing;
	return note_call("gate");
}

static void
note_pause(uint32_t us)
{
	assert_true(n.npauses < ROWS(n.pauses));
	n.pauses[n.npauses++] = us;
}

static struct p_sys
noting(void)
{
	struct p_sys s = {
		.dialect = P_FREEBSD,
		.open = note_open,
		.close = note_close,
		.write = note_write,
		.flush = note_flush,
		.rules = note_rules,
		.enabled = note_enabled,
		.hooked = note_hooked,
		.count = note_count,
		.states = note_states,
		.kill = note_kill,
		.add = note_add,
		.original = note_original,
		.table = note_table,
		.gate = n.gated ? note_gate : NULL,
		.gate_count = n.gated ? note_gate_count : NULL,
		.pause = note_pause,
	};

	return s;
}

static void
forget(void)
{
	n.b = strbuf_of(n.log, sizeof(n.log));
	n.log[0] = '\0';
	n.calls = 0;
	n.npauses = 0;
	why = strbuf_of(text, sizeof(text));
	text[0] = '\0';
}

static int
begin(void **state)
{
	memset(&n, 0, sizeof(n));
	forget();
	return reset(state);
}

static void
fail_calls(const char *name, enum ph_err rc, unsigned int from,
    unsigned int until)
{
	n.fails = name;
	n.rc = rc;
	n.from = from;
	n.until = until;
	n.calls = 0;
}

static void
a_start_asks_in_this_order_or_fails(void **state)
{
	enum { ADOPT = 1, STATES = 2, SPARE = 4, QUEUE = 8 };
	/* clang-format off */
	static const struct {
		unsigned int	 how;
		const char	*fails;
		enum ph_err	 with;
		unsigned int	 from, until;
		enum ph_err	 rc;
		const char	*log, *why;
	} rows[] = {
		{ 0, NULL, PH_OK, 0, 0, PH_OK,
		    "open states kill rules states flush ", "" },
		{ SPARE, NULL, PH_OK, 0, 0, PH_OK,
		    "open rules states flush ", "" },
		{ ADOPT, NULL, PH_OK, 0, 0, PH_OK,
		    "open states kill rules ", "" },
		{ STATES, NULL, PH_OK, 0, 0, PH_OK,
		    "open states kill add kill rules states flush ", "" },
		{ QUEUE, NULL, PH_OK, 0, 0, PH_OK,
		    "open states kill rules states flush write write ", "" },
		{ 0, "open", PH_EGONE, 1, 1, PH_EGONE, "open ", "no device" },
		/* Whether states can be found and killed. */
		{ 0, "states", PH_EUNSUPPORTED, 1, 1, PH_EUNSUPPORTED,
		    "open states close ", "this kernel cannot kill the states "
		    "of a pinhole: write \"kill no\" to live with it" },
		{ 0, "kill", PH_EUNSUPPORTED, 1, 1, PH_EUNSUPPORTED,
		    "open states kill close ", "this kernel cannot kill the "
		    "states of a pinhole: write \"kill no\" to live with it" },
		{ 0, "states", PH_EIO, 1, 1, PH_OK,
		    "open states kill rules states flush ", "" },
		{ 0, "kill", PH_EIO, 1, 1, PH_OK,
		    "open states kill rules states flush ", "" },
		{ SPARE, "states", PH_EUNSUPPORTED, 1, 9, PH_OK,
		    "open rules states flush ", "" },
		{ SPARE, "states", PH_EIO, 1, 9, PH_EIO,
		    "open rules states close ",
		    "anchor \"pinholed\": input/output error" },
		/* States mode. */
		{ STATES, "add", PH_EUNSUPPORTED, 1, 1, PH_EUNSUPPORTED,
		    "open states kill add close ", "\"states\" needs "
		    "pfsync(4): kldload pfsync, or use \"rules\"" },
		{ STATES, "add", PH_EEXIST, 1, 1, PH_OK,
		    "open states kill add kill rules states flush ", "" },
		{ STATES, "kill", PH_EIO, 2, 2, PH_EIO,
		    "open states kill add kill close ", "\"states\" needs "
		    "pfsync(4): kldload pfsync, or use \"rules\"" },
		/* An earlier run. */
		{ ADOPT, "rules", PH_EUNSUPPORTED, 1, 9, PH_OK,
		    "open states kill rules rules states flush ", "" },
		{ ADOPT, "rules", PH_EIO, 1, 1, PH_EIO,
		    "open states kill rules close ",
		    "anchor \"pinholed\": input/output error" },
		{ 0, "rules", PH_EIO, 1, 1, PH_EIO,
		    "open states kill rules close ",
		    "anchor \"pinholed\": input/output error" },
		{ 0, "rules", PH_EUNSUPPORTED, 1, 1, PH_OK,
		    "open states kill rules states flush ", "" },
		{ 0, "flush", PH_EAGAIN, 1, 5, PH_OK,
		    "open states kill rules states flush flush flush flush "
		    "flush flush ", "" },
		{ 0, "flush", PH_EAGAIN, 1, 6, PH_EAGAIN,
		    "open states kill rules states flush flush flush flush "
		    "flush flush close ", NULL },
		{ 0, "flush", PH_EIO, 1, 1, PH_EIO,
		    "open states kill rules states flush close ",
		    "anchor \"pinholed\": input/output error" },
		/* Whether there is a queue. */
		{ QUEUE, "write", PH_EAGAIN, 1, 6, PH_EBAD,
		    "open states kill rules states flush write write write "
		    "write write write close ",
		    "pf does not know the queue \"q\"" },
		{ QUEUE, "write", PH_EAGAIN, 1, 5, PH_OK,
		    "open states kill rules states flush write write write "
		    "write write write write ", "" },
		{ QUEUE, "write", PH_EIO, 1, 1, PH_EIO,
		    "open states kill rules states flush write close ",
		    "anchor \"pinholed\": input/output error" },
		{ QUEUE, "write", PH_EIO, 2, 2, PH_EIO,
		    "open states kill rules states flush write write close ",
		    "anchor \"pinholed\": input/output error" },
	};
	/* clang-format on */
	struct fw_config c = { .name = "pinholed" };
	struct p_sys s;
	struct fw *fw;
	size_t i;

	for (i = 0; i < ROWS(rows); i++) {
		begin(state);
		print_message("row %zu\n", i);
		c.adopt = rows[i].how & ADOPT;
		c.states = rows[i].how & STATES;
		c.spare = rows[i].how & SPARE;
		c.queue = rows[i].how & QUEUE ? "q" : NULL;
		fail_calls(rows[i].fails, rows[i].with, rows[i].from,
		    rows[i].until);
		s = noting();
		assert_int_equal(p_open(&fw, &s, &c, 0, &why), rows[i].rc);
		assert_string_equal(n.log, rows[i].log);
		if (rows[i].why != NULL)
			assert_string_equal(text, rows[i].why);
		assert_int_equal(fw != NULL, rows[i].rc == PH_OK);
		forget();
		p_close(fw, true);
		assert_string_equal(n.log, fw != NULL ? "close " : "");
	}
}

#define ALONE  "the filter rules of pf.conf do not call our anchor\n"
#define HIDDEN "this kernel does not show the "
#define MUST   " rules of pf.conf; they must call our anchor\n"
#define ADD    "add to pf.conf, before any quick rule:\n"
#define NEEDS  "pf.conf needs, before any quick rule:\n"

static void
a_check_says_what_is_missing(void **state)
{
	/* Parts that are not called, or not shown. */
	enum { PASS = 1, RDR = 2, NAT = 4 };
	/* clang-format off */
	static const struct {
		enum p_dialect	 dialect;
		bool		 translate, off;
		unsigned int	 unhooked, hidden;
		enum ph_err	 part_rc;
		const char	*log, *why;
	} rows[] = {
		{ P_FREEBSD, false, false, 0, 0, PH_OK,
		    "look states enabled pass? close ", "" },
		{ P_FREEBSD, false, false, RDR | NAT, 0, PH_OK,
		    "look states enabled pass? close ", "" },
		{ P_FREEBSD, true, false, 0, 0, PH_OK,
		    "look states enabled nat? rdr? pass? close ", "" },
		{ P_OPENBSD, true, false, RDR | NAT, 0, PH_OK,
		    "look states enabled pass? close ", "" },
		{ P_FREEBSD, true, true, PASS, 0, PH_OK,
		    "look states enabled nat? rdr? pass? close ",
		    "pf is not enabled: pfctl -e\n" ALONE ADD
		    "anchor \"pinholed\"" },
		{ P_FREEBSD, true, false, NAT, 0, PH_OK,
		    "look states enabled nat? rdr? pass? close ",
		    "the translation rules of pf.conf do not call our anchor\n"
		    ADD "nat-anchor \"pinholed\"" },
		{ P_FREEBSD, true, false, RDR | PASS, 0, PH_OK,
		    "look states enabled nat? rdr? pass? close ",
		    "the redirection rules of pf.conf do not call our anchor\n"
		    ALONE ADD "rdr-anchor \"pinholed\"\nanchor \"pinholed\"" },
		{ P_OPENBSD, true, false, PASS, 0, PH_OK,
		    "look states enabled pass? close ",
		    ALONE ADD "anchor \"pinholed\"" },
		{ P_FREEBSD, true, false, 0, PASS | RDR | NAT, PH_EUNSUPPORTED,
		    "look states enabled nat? rdr? pass? close ",
		    HIDDEN "translation" MUST HIDDEN "redirection" MUST
		    HIDDEN "filter" MUST NEEDS "nat-anchor \"pinholed\"\n"
		    "rdr-anchor \"pinholed\"\nanchor \"pinholed\"" },
		/* Of an error of another kind nothing follows. */
		{ P_FREEBSD, true, false, PASS | RDR | NAT, PASS | RDR | NAT,
		    PH_EIO, "look states enabled nat? rdr? pass? close ", "" },
	};
	/* clang-format on */
	struct fw_config c = { .name = "pinholed" };
	struct p_sys s;
	size_t i;
	int part;

	for (i = 0; i < ROWS(rows); i++) {
		begin(state);
		print_message("row %zu\n", i);
		c.translate = rows[i].translate;
		k.on = !rows[i].off;
		for (part = 0; part < P_NPARTS; part++) {
			n.unhooked[part] = rows[i].unhooked & 1u << part;
			if (rows[i].hidden & 1u << part)
				n.hook_rc[part] = rows[i].part_rc;
		}
		s = noting();
		s.dialect = rows[i].dialect;
		assert_int_equal(p_check(&s, &c, &why), PH_OK);
		assert_string_equal(n.log, rows[i].log);
		assert_string_equal(text, rows[i].why);
	}
	/* A pf that is not there; one that does not say whether it is on. */
	begin(state);
	fail_calls("look", PH_EIO, 1, 1);
	s = noting();
	assert_int_equal(p_check(&s, &c, &why), PH_EIO);
	assert_string_equal(n.log, "look ");
	begin(state);
	fail_calls("enabled", PH_EUNSUPPORTED, 1, 1);
	assert_int_equal(p_check(&s, &c, &why), PH_OK);
	assert_string_equal(text, "");
}

static const struct fw_config config = { .name = "pinholed",
	.tables = tables,
	.ntables = 2 };

static struct p_sys used;

static struct fw *
started(const struct fw_config *c)
{
	struct fw *fw;

	used = noting();
	assert_int_equal(p_open(&fw, &used, c, 0, &why), PH_OK);
	forget();
	return fw;
}

static void
between_tries_it_waits_longer_each_time(void **state)
{
	const struct fw_change v = change(FW_OPEN, 1, 4000);
	struct fw *fw = started(&config);
	uint32_t us = 1000;
	size_t i, round;

	(void)state;
	for (round = 0; round < 20; round++) {
		forget();
		fail_calls("write", PH_EAGAIN, 1, 6);
		assert_int_equal(commit(fw, &v, 1, 0), PH_EAGAIN);
		assert_string_equal(n.log,
		    "write write write write write write ");
		assert_int_equal(n.npauses, 5);
		for (i = 0, us = 1000; i < 5; i++, us *= 2)
			assert_in_range(n.pauses[i], us / 2, us / 2 + us - 1);
	}
	/* What lasts is not tried again; without pf, it is gone. */
	forget();
	fail_calls("write", PH_EIO, 1, 1);
	assert_int_equal(commit(fw, &v, 1, 0), PH_EIO);
	assert_string_equal(n.log, "write ");
	forget();
	fail_calls("write", PH_EUNSUPPORTED, 1, 1);
	assert_int_equal(commit(fw, &v, 1, 0), PH_EGONE);
	assert_int_equal(n.npauses, 0);
	shut(fw, true);
}

/* What it does when, and what it says when pf fails. */
static void
a_tick_looks_at_what_pf_has(void **state)
{
	/* clang-format off */
	static const struct {
		int64_t		 at;
		size_t		 missing;
		const char	*fails;
		enum ph_err	 with, err;
		int64_t		 next;
		const char	*log;
	} rows[] = {
		{ 4999999, 0, NULL,    PH_OK,	PH_OK,	  5000000, "" },
		{ 5000000, 0, NULL,    PH_OK,	PH_OK,	 10000000,
		    "count count count count " },
		{ 9999999, 1, NULL,    PH_OK,	PH_OK,	 10000000, "" },
		{ 12000000, 1, NULL,   PH_OK,	PH_OK,	 17000000,
		    "count count count write " },
		{ 17000000, 0, "count", PH_EIO,	PH_OK,	 22000000, "count " },
		{ 22000000, 0, "count", PH_EGONE, PH_EGONE, 27000000,
		    "count " },
		{ 27000000, 1, "write", PH_EGONE, PH_EGONE, 32000000,
		    "count count count write " },
		/* What is left to be written is written. */
		{ 27000001, 0, NULL,   PH_OK,	PH_OK,	 32000000, "write " },
		{ 27000002, 0, NULL,   PH_OK,	PH_OK,	 32000000, "" },
		{ 32000000, 1, "write", PH_EIO,	PH_OK,	 37000000,
		    "count count count write " },
		{ 37000000, 1, NULL,   PH_OK,	PH_OK,	 42000000, "write " },
		{ 42000000, 0, NULL,   PH_OK,	PH_OK,	 47000000,
		    "count count count count " },
	};
	/* clang-format on */
	const struct fw_change v = change(FW_OPEN, 1, 4000);
	struct fw *fw = started(&config);
	enum ph_err err;
	size_t i;

	(void)state;
	assert_int_equal(commit(fw, &v, 1, 0), PH_OK);
	for (i = 0; i < ROWS(rows); i++) {
		print_message("row %zu\n", i);
		forget();
		n.missing = rows[i].missing;
		fail_calls(rows[i].fails, rows[i].with, 1, 1);
		assert_int_equal(p_tick(fw, rows[i].at, &err), rows[i].next);
		assert_int_equal(err, rows[i].err);
		assert_string_equal(n.log, rows[i].log);
	}
	shut(fw, true);
}

/* The table of the remotes is looked at before the rules. */
static void
a_tick_looks_at_the_remotes_first(void **state)
{
	const struct fw_change v = change(FW_OPEN, 1, 4000);
	struct fw_change c = change(FW_CLOSE, 1, 4000);
	struct fw *fw;
	enum ph_err err;

	(void)state;
	n.gated = true;
	fw = started(&config);
	assert_int_equal(commit(fw, &v, 1, 0), PH_OK);
	assert_string_equal(n.log, "1add write ");
	forget();
	n.missing = 1; /* that is, what there is */
	assert_int_equal(p_tick(fw, 5 * SECOND, &err), 10 * SECOND);
	assert_string_equal(n.log, "gate count count count write ");
	forget();
	n.missing = 0;
	assert_int_equal(p_tick(fw, 10 * SECOND, &err), 15 * SECOND);
	assert_string_equal(n.log, "gate 1set count count count count ");
	forget();
	fail_calls("gate", PH_EIO, 1, 1);
	assert_int_equal(p_tick(fw, 15 * SECOND, &err), 20 * SECOND);
	assert_string_equal(n.log, "gate ");
	assert_int_equal(err, PH_OK);
	forget();
	fail_calls("gate", PH_EGONE, 1, 1);
	assert_int_equal(p_tick(fw, 20 * SECOND, &err), 25 * SECOND);
	assert_string_equal(n.log, "gate ");
	assert_int_equal(err, PH_EGONE);
	/* Deleting may fail, but not because pf is gone. */
	forget();
	fail_calls("delete", PH_EIO, 1, 1);
	assert_int_equal(commit(fw, &c, 1, 0), PH_OK);
	assert_string_equal(n.log, "write 1delete ");
	forget();
	n.fails = NULL;
	c = change(FW_OPEN, 2, 4002);
	assert_int_equal(commit(fw, &c, 1, 0), PH_OK);
	assert_string_equal(n.log, "write ");
	forget();
	fail_calls("delete", PH_EGONE, 1, 1);
	c.op = FW_CLOSE;
	assert_int_equal(commit(fw, &c, 1, 0), PH_EGONE);
	/* A remote that pf does not take: no rule is written. */
	forget();
	fail_calls("add", PH_ELIMIT, 1, 1);
	c = change(FW_OPEN, 3, 4002);
	c.hole.from.addr.b[3]++;
	assert_int_equal(commit(fw, &c, 1, 0), PH_ELIMIT);
	assert_string_equal(n.log, "1add ");
	shut(fw, true);
}

/* What is due and cannot be done yet is due at once, not for ever later. */
static void
a_sweep_waits_for_the_rules(void **state)
{
	struct fw_change c = change(FW_OPEN, 1, 4000);
	struct fw *fw = started(&config);
	enum ph_err err;

	(void)state;
	assert_int_equal(commit(fw, &c, 1, 0), PH_OK);
	c.op = FW_CLOSE;
	assert_int_equal(commit(fw, &c, 1, SECOND), PH_OK);
	forget();
	assert_int_equal(p_tick(fw, 1499999, &err), 1500000);
	assert_string_equal(n.log, "");
	fail_calls("count", PH_EIO, 1, 1);
	assert_int_equal(p_tick(fw, 5 * SECOND, &err), 5 * SECOND + 1);
	assert_string_equal(n.log, "count ");
	forget();
	n.fails = NULL;
	assert_int_equal(p_tick(fw, 5 * SECOND + 1, &err), 10 * SECOND);
	assert_string_equal(n.log, "states ");
	shut(fw, true);
}

static void
an_end_keeps_all_or_nothing(void **state)
{
	static const char *const logs[] = { "close ",
		"flush states kill kill close " };
	const struct fw_change v[2] = { change(FW_OPEN, 1, 4000),
		change(FW_OPEN, 2, 5000) };
	struct fw *fw;
	size_t i;

	for (i = 0; i < 2; i++) {
		begin(state);
		fw = started(&config);
		assert_int_equal(commit(fw, v, 2, 0), PH_OK);
		k.states[0] = state_to(11, 4000, 5);
		k.states[1] = state_to(12, 5001, 5);
		k.states[2] = state_to(13, 4002, 5);
		k.nstates = 3;
		forget();
		shut(fw, i == 0);
		assert_string_equal(n.log, logs[i]);
		assert_int_equal(k.kills, 2 * i);
	}
	/* pf cannot be told: it is left all the same. */
	begin(state);
	fw = started(&config);
	assert_int_equal(commit(fw, v, 2, 0), PH_OK);
	fail_calls("flush", PH_EIO, 1, 1);
	forget();
	shut(fw, false);
	assert_string_equal(n.log, "flush states close ");
}

static void
an_original_destination_is_pfs_answer(void **state)
{
	static const enum ph_err rows[][2] = {
		{ PH_OK, PH_OK },
		{ PH_EUNSUPPORTED, PH_EGONE },
		{ PH_EMALFORMED, PH_EMALFORMED },
		{ PH_EAGAIN, PH_EAGAIN },
	};
	const struct fw_flow flow = { IPPROTO_TCP,
		{ addr_v4(192, 0, 2, 1), 4000 },
		{ addr_v4(192, 0, 2, 2), 5000 } };
	struct fw *fw = started(&config);
	struct endpoint out;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		fail_calls("original", rows[i][0], 1, 1);
		assert_int_equal(p_original(fw, &flow, &out), rows[i][1]);
		assert_int_equal(endpoint_cmp(&out, &flow.client), 0);
	}
	shut(fw, true);
}

static struct prefix
host(uint8_t last)
{
	const struct addr a = addr_v4(203, 0, 113, last);

	return prefix_host(&a);
}

/* Entries of tables and their ends: what was said last counts. */
static void
a_table_is_told_of_each_end(void **state)
{
	const struct prefix v[3] = { host(1), host(2), host(3) };
	struct fw *fw = started(&config);
	enum ph_err err;

	(void)state;
	assert_int_equal(p_tick(fw, SECOND, &err), 5 * SECOND);
	assert_int_equal(p_table(fw, 0, FW_TABLE_ADD, v, 3, 2), PH_OK);
	assert_string_equal(n.log,
	    "first+203.0.113.1,203.0.113.2,203.0.113.3,"
	    "table ");
	forget();
	/* In another table; for ever; not at all. */
	assert_int_equal(p_table(fw, 1, FW_TABLE_ADD, v, 1, 3), PH_OK);
	assert_int_equal(p_table(fw, 0, FW_TABLE_ADD, v + 1, 1, 0), PH_OK);
	assert_int_equal(p_table(fw, 0, FW_TABLE_DELETE, v + 2, 1, 9), PH_OK);
	assert_string_equal(n.log,
	    "second+203.0.113.1,table "
	    "first+203.0.113.2,table "
	    "first-203.0.113.3,table ");
	forget();
	assert_int_equal(p_tick(fw, 3 * SECOND - 1, &err), 3 * SECOND);
	assert_string_equal(n.log, "");
	assert_int_equal(p_tick(fw, 3 * SECOND, &err), 4 * SECOND);
	assert_string_equal(n.log, "first-203.0.113.1,table ");
	forget();
	assert_int_equal(p_tick(fw, 4 * SECOND, &err), 5 * SECOND);
	assert_string_equal(n.log, "second-203.0.113.1,table ");
	/* What pf refuses changes nothing. */
	assert_int_equal(p_table(fw, 0, FW_TABLE_ADD, v, 1, 2), PH_OK);
	fail_calls("table", PH_EGONE, 1, 9);
	assert_int_equal(p_table(fw, 0, FW_TABLE_FLUSH, NULL, 0, 0), PH_EGONE);
	assert_int_equal(p_table(fw, 0, FW_TABLE_DELETE, v, 1, 0), PH_EGONE);
	assert_int_equal(p_table(fw, 0, FW_TABLE_ADD, v, 1, 0), PH_EGONE);
	assert_int_equal(p_table(fw, 1, FW_TABLE_ADD, v, 1, 1), PH_EGONE);
	n.fails = NULL;
	forget();
	assert_int_equal(p_table(fw, 2, FW_TABLE_ADD, v, 1, 2), PH_EBAD);
	(void)p_tick(fw, 5 * SECOND, &err);
	forget();
	assert_int_equal(p_tick(fw, 6 * SECOND - 1, &err), 6 * SECOND);
	assert_string_equal(n.log, "");
	(void)p_tick(fw, 6 * SECOND, &err);
	assert_string_equal(n.log, "first-203.0.113.1,table ");
	/* A flush forgets one table. */
	assert_int_equal(p_table(fw, 0, FW_TABLE_ADD, v, 2, 2), PH_OK);
	assert_int_equal(p_table(fw, 1, FW_TABLE_ADD, v, 2, 2), PH_OK);
	forget();
	assert_int_equal(p_table(fw, 0, FW_TABLE_FLUSH, NULL, 0, 0), PH_OK);
	assert_string_equal(n.log, "first!table ");
	forget();
	(void)p_tick(fw, 8 * SECOND, &err);
	assert_string_equal(n.log,
	    "second-203.0.113.1,table "
	    "second-203.0.113.2,table ");
	shut(fw, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_start_asks_in_this_order_or_fails,
		    begin),
		cmocka_unit_test_setup(a_check_says_what_is_missing, begin),
		cmocka_unit_test_setup(between_tries_it_waits_longer_each_time,
		    begin),
		cmocka_unit_test_setup(a_tick_looks_at_what_pf_has, begin),
		cmocka_unit_test_setup(a_tick_looks_at_the_remotes_first,
		    begin),
		cmocka_unit_test_setup(a_sweep_waits_for_the_rules, begin),
		cmocka_unit_test_setup(an_end_keeps_all_or_nothing, begin),
		cmocka_unit_test_setup(an_original_destination_is_pfs_answer,
		    begin),
		cmocka_unit_test_setup(a_table_is_told_of_each_end, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
