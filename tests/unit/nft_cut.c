/* SPDX-License-Identifier: ISC */
/*
 * Whose connections and tables the nftables backend touches: its own, and
 * nobody else's.  Against a kernel of paper.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <linux/netfilter/nf_conntrack_common.h>

#include <errno.h>
#include <string.h>

#include "nft/table.h"
#include "src/fw/direct.h"
#include "tests/unit/fake_nft.h"
#include "tests/unit/unit.h"

#define SECOND INT64_C(1000000)
#define NOW    (1000 * SECOND)

static struct fw_config config;
static struct fw *fw;
static char text[256];

static enum ph_err
open_it(void)
{
	struct strbuf why = strbuf_of(text, sizeof(text));

	text[0] = '\0';
	return fw_nftables.open(&fw, &config, NOW, &why);
}

static int
setup(void **state)
{
	(void)state;
	fake_reset();
	config = (struct fw_config) { .name = "pinholed", .mark = 0x10000 };
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fake_reset();
	return 0;
}

/* A connection of 192.0.2.10:10000 to 198.51.100.7. */
static struct fake_connection
connection(uint32_t id, uint16_t dport, bool foreign)
{
	return (struct fake_connection) { id, IPS_CONFIRMED, 0xc000020a,
		0xc6336407, 10000, dport, 0, foreign };
}

/* The inside has moved from port 10000, and its old media are to stop. */
static void
a_cut_ends_ours_and_no_others(void **state)
{
	struct fw_change c[2] = { { .op = FW_CUT }, { .op = FW_OPEN } };
	struct pinhole *h = &c[0].hole;
	struct direct *direct;

	(void)state;
	assert_int_equal(open_it(), PH_OK);
	assert_non_null(direct = direct_new(&fw_nftables, fw));
	h->id = 1;
	h->proto = IPPROTO_UDP;
	h->dir = PINHOLE_OUT;
	h->from = prefix_host(&(struct addr) { AF_INET, { 192, 0, 2, 10 } });
	h->from_port = 10000;
	h->to = addr_v4(198, 51, 100, 7);
	h->to_lo = 4000;
	h->to_hi = 4001;
	c[1].hole = *h;
	c[1].hole.from_port = 0;
	c[1].hole.deadline = NOW + 60 * SECOND;
	fake.ct[0] = connection(1, 4000, false);
	fake.ct[1] = connection(2, 4001, false);
	fake.ct[2] = connection(3, 4002, false);
	fake.ct[3] = connection(4, 4001, true);
	/* A change that opens cuts no connection. */
	assert_int_equal(direct_commit(direct, &c[1], 1, NOW), PH_OK);
	assert_int_equal(fake.ct[0].id, 1);
	fake.ct[1].id = 0;
	assert_int_equal(direct_commit(direct, c, 1, NOW), PH_OK);
	assert_int_equal(fake.ct[0].id, 0);
	assert_int_equal(fake.ct[2].id, 3);
	assert_int_equal(fake.ct[3].id, 4);
	/* The whole range, and only from that port. */
	fake.ct[0] = connection(5, 4001, false);
	fake.ct[1] = connection(6, 4000, false);
	fake.ct[1].sport = 10002;
	fake.ct[3].id = 0;
	assert_int_equal(direct_commit(direct, c, 1, NOW), PH_OK);
	assert_int_equal(fake.ct[0].id, 0);
	assert_int_equal(fake.ct[1].id, 6);
	/* At the end all that bear our bit go, and no others. */
	fake.ct[3] = connection(7, 4000, true);
	fw_nftables.close(fw, false);
	assert_int_equal(fake.ct[1].id, 0);
	assert_int_equal(fake.ct[2].id, 0);
	assert_int_equal(fake.ct[3].id, 7);
	assert_int_equal(fake.ct_sweeping, 2);
	direct_free(direct);
}

/* A table that somebody else made keeps its name and what is in it. */
static void
a_table_of_others_is_left_alone(void **state)
{
	static const struct {
		const char *comment;
		unsigned int parts;
		int deny;
		enum ph_err rc;
	} rows[] = {
		{ NULL, 0, 0, PH_OK },
		{ "pinholed layout 1", 0, 0, PH_OK },
		{ "", 1u << PART_BASE, 0, PH_OK },
		{ "", 0, 0, PH_EBAD },
		{ "", 1u << PART_NAT, 0, PH_EBAD },
		{ "pinholed", 0, 0, PH_EBAD },
		{ "my own", 0, 0, PH_EBAD },
		{ NULL, 0, EPERM, PH_EIO },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%zu\n", i);
		fake_reset();
		fake.table = true;
		fake.comment = rows[i].comment;
		fake.parts = rows[i].parts;
		fake.deny = rows[i].deny;
		assert_int_equal(open_it(), rows[i].rc);
		assert_int_equal(fake.creations, rows[i].rc == PH_OK);
		if (rows[i].rc == PH_OK) {
			fw_nftables.close(fw, false);
			continue;
		}
		assert_true(text[0] != '\0');
		assert_int_equal(fake.ct_deletes, 0);
		assert_true(fake.table);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_cut_ends_ours_and_no_others),
		CASE(a_table_of_others_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
