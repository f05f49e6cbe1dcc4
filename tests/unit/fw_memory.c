/* SPDX-License-Identifier: ISC */
/*
 * The ledger, changes by id and the configuration of a backend where memory
 * runs out at any place: what is refused, what stays, and that all is freed.
 */
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/timers.h"
#include "src/fw/config.h"
#include "src/fw/direct.h"
#include "tests/unit/fake_fw.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

static void
on_nothing(void *ctx, enum ipc_role role, enum ipc_type type, uint64_t seq,
    struct ipc_msg *m)
{
	(void)ctx;
	(void)role;
	(void)type;
	(void)seq;
	(void)m;
	fail();
}

static void
there_is_a_table_or_none(void **state)
{
	const struct answers_sink sink = { NULL, on_nothing, NULL };
	int before = starve_blocks();
	struct fwtable *t;
	unsigned int n;

	(void)state;
	for (n = 1;; n++) {
		starve(n);
		t = fwtable_new(&fake_ops, &fake, &policy, &sink);
		(void)starve_end();
		if (t != NULL)
			break;
		assert_int_equal(starve_blocks(), before);
	}
	/* Itself and the tuples. */
	assert_int_equal(n, 2 + 1);
	fwtable_free(t);
	assert_int_equal(starve_blocks(), before);
}

/* One, two or all of three are refused, or the batch is; never less is open. */
static void
what_finds_no_memory_is_refused(void **state)
{
	unsigned int n, refused, last = 1, batches = 0;
	int before = starve_blocks();
	bool failed;

	(void)state;
	/* Until none of them failed. */
	for (n = 1; n <= last + 1; n++) {
		fake.n = 0;
		memset(&got, 0, sizeof(got));
		make_table(&fake_ops);
		add(FW_OPEN, 1, 2000, 60);
		add(FW_OPEN, 2, 2002, 60);
		add(FW_OPEN, 3, 2004, 60);
		starve(n);
		send_as(IPC_ENGINE, 70 + n);
		last = starve_end();
		fwtable_run(table, now);
		assert_int_equal(got[0].results, 1);
		assert_int_equal(got[0].last_seq, 70 + n);
		failed = got[0].last.refused != 0;
		assert_int_equal(got[0].last.err, failed ? PH_ENOMEM : PH_OK);
		refused =
		    (unsigned int)__builtin_popcountll(got[0].last.refused);
		if (refused == 64) {
			batches++;
			assert_int_equal(fwtable_counters(table)->changes, 0);
		} else
			assert_int_equal(fwtable_counters(table)->limit,
			    refused);
		assert_int_equal(fwtable_counters(table)->wanted,
		    refused == 64 ? 0 : 3 - refused);
		assert_int_equal(fake.n, refused == 64 ? 0 : 3 - refused);
		assert_true(failed || n > last || fake.n == 3);
		/* The next batch is as if nothing had been. */
		open_one(4, 2006, 60);
		fwtable_run(table, now);
		assert_int_equal(got[0].results, 2);
		assert_int_equal(got[0].last.err, PH_OK);
		assert_true(has(2006));
	}
	assert_int_equal(batches, 1);
	assert_true(n > 4);
	make_table(&fake_ops);
	assert_int_equal(starve_blocks(), before);
}

/* Changes by id: all of them, or none and the same memory as before. */
static void
changes_that_find_no_memory_are_not_made(void **state)
{
	int before = starve_blocks(), open;
	struct fw_change v[3];
	struct direct *d;
	enum ph_err rc;
	unsigned int n;

	(void)state;
	starve(1);
	assert_null(direct_new(&fake_ops, &fake));
	(void)starve_end();
	d = direct_new(&fake_ops, &fake);
	assert_non_null(d);
	add(FW_OPEN, 1, 2000, 60);
	add(FW_OPEN, 2, 2002, 60);
	assert_int_equal(direct_commit(d, batch.changes, 2, now), PH_OK);
	batch.n = 0;
	add(FW_OPEN, 3, 2004, 60);
	add(FW_CLOSE, 1, 2000, 0);
	add(FW_OPEN, 4, 2006, 60);
	memcpy(v, batch.changes, sizeof(v));
	open = starve_blocks();
	for (n = 1;; n++) {
		starve(n);
		rc = direct_commit(d, v, 3, now);
		(void)starve_end();
		if (rc == PH_OK)
			break;
		assert_int_equal(rc, PH_ENOMEM);
		assert_int_equal(starve_blocks(), open);
		assert_true(has(2000) && has(2002));
		assert_int_equal(fake.n, 2);
	}
	assert_int_equal(n, 5);
	assert_int_equal(starve_blocks(), open + 1);
	assert_true(!has(2000) && has(2002) && has(2004) && has(2006));
	/* One that the filter refuses leaves nothing, either. */
	fake.fail = PH_EIO;
	v[0].hole.id = v[2].hole.id = 9;
	v[0].hole.to_lo = v[2].hole.to_lo = v[2].hole.to_hi = 2008;
	v[0].hole.to_hi = 2008;
	v[1].hole.id = 2;
	assert_int_not_equal(direct_commit(d, v, 3, now), PH_OK);
	assert_int_equal(starve_blocks(), open + 1);
	direct_free(d);
	assert_int_equal(starve_blocks(), before);
}

static void
a_configuration_is_whole_or_none(void **state)
{
	static const char text[] =
	    "protect 192.0.2.0/24\n"
	    "sip { inline yes\nremote { 198.51.100.0/24 } }\n"
	    "ftp { port 21\nproxy on 192.0.2.1 port 8021 tag a }\n"
	    "tftp { port 69 }\n"
	    "firewall nftables\n";
	static const char pf[] =
	    "protect 192.0.2.0/24\n"
	    "tftp { proxy on 192.0.2.1 port 6969 }\n"
	    "firewall pf states on em0 reply-to (em0 203.0.113.254)\n";
	const char *const texts[] = { text, pf };
	/* Classes and two lists of ports; uplinks, and classes of no use. */
	static const unsigned int blocks[] = { 3, 1 }, tries[] = { 4, 3 };
	struct fw_config fc;
	struct conf *c;
	unsigned int n;
	enum ph_err rc;
	int before;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(texts); i++) {
		assert_int_equal(conf_parse(&c, span_of(texts[i]), "test", NULL,
				     0, stderr),
		    PH_OK);
		before = starve_blocks();
		for (n = 1;; n++) {
			starve(n);
			rc = fwconfig_of(c, &fc);
			(void)starve_end();
			if (rc == PH_OK)
				break;
			assert_int_equal(rc, PH_ENOMEM);
			fwconfig_free(&fc);
			assert_int_equal(starve_blocks(), before);
		}
		assert_int_equal(n, tries[i]);
		assert_int_equal(starve_blocks(), before + (int)blocks[i]);
		fwconfig_free(&fc);
		assert_int_equal(starve_blocks(), before);
		conf_free(c);
	}
}

static void
a_dry_run_takes_memory_once(void **state)
{
	struct fw_config config = { 0 };
	int before = starve_blocks();
	char text[32] = "";
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct fw *fw;

	(void)state;
	starve(1);
	assert_int_equal(fw_dryrun.open(&fw, &config, now, &why), PH_ENOMEM);
	(void)starve_end();
	assert_string_equal(text, "out of memory");
	assert_null(fw);
	assert_int_equal(fw_dryrun.open(&fw, &config, now, &why), PH_OK);
	assert_int_equal(starve_blocks(), before + 1);
	fw_dryrun.close(fw, true);
	assert_int_equal(starve_blocks(), before);
}

/* Claims, expired ones, answers that wait: whatever is there when it ends. */
static void
a_table_that_ends_frees_all(void **state)
{
	int before = starve_blocks();
	uint16_t i;

	(void)state;
	for (i = 0; i < 300; i++)
		open_one(1 + i, (uint16_t)(2000 + 2 * i), 60 + i % 3);
	for (i = 0; i < 100; i++) {
		add(FW_OPEN, 1 + i, (uint16_t)(2000 + 2 * i), 60);
		send_as(IPC_PROXY, i);
	}
	fwtable_run(table, now);
	now += 61 * USEC_PER_SEC;
	fake.fail = PH_EIO;
	fwtable_run(table, now);
	open_one(999, 4000, 60);
	make_table(&fake_ops);
	assert_int_equal(starve_blocks(), before);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(there_is_a_table_or_none),
		CASE(what_finds_no_memory_is_refused),
		CASE(changes_that_find_no_memory_are_not_made),
		CASE(a_configuration_is_whole_or_none),
		CASE(a_dry_run_takes_memory_once),
		CASE(a_table_that_ends_frees_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
