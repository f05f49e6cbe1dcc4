/* SPDX-License-Identifier: ISC */
#include "tests/unit/nft_play.h"

#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "nft/table.h"

struct fw_config config;
struct fw *fw;
int64_t now;
struct direct *direct;

enum ph_err
play_open(void)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));

	enum ph_err rc = fw_nftables.open(&fw, &config, now, &why);

	direct = direct_new(&fw_nftables, fw);
	assert_non_null(direct);
	return rc;
}

void
play_close(bool keep)
{
	fw_nftables.close(fw, keep);
	direct_free(direct);
}

int
play_setup(void **state)
{
	(void)state;
	fake_reset();
	memset(&config, 0, sizeof(config));
	config.name = "pinholed";
	config.mark = 0x10000;
	now = 1000 * SECOND;
	return play_open() == PH_OK ? 0 : -1;
}

int
play_teardown(void **state)
{
	(void)state;
	play_close(false);
	fw = NULL;
	assert_false(fake.table);
	fake_reset();
	return 0;
}

struct pinhole
play_hole(unsigned int i)
{
	struct pinhole h;

	memset(&h, 0, sizeof(h));
	h.id = i + 1;
	h.proto = i % 5 == 4 ? IPPROTO_TCP : IPPROTO_UDP;
	h.dir = i % 3 == 2 ? PINHOLE_OUT : PINHOLE_IN;
	h.once = i % 10 == 4;
	h.to = addr_v4(192, 0, 2, (uint8_t)(i % 2));
	h.to_lo = (uint16_t)(100 + i % 3);
	h.to_hi = (uint16_t)(h.to_lo + i % 4);
	if (h.dir == PINHOLE_OUT || i % 7 != 0)
		h.from = prefix_host(
		    &(struct addr) { AF_INET, { 198, 51, 100, 7 } });
	if (i % 8 == 1)
		h.rdr_from =
		    (struct endpoint) { addr_v4(203, 0, 113, (uint8_t)i),
			    7000 };
	return h;
}

enum ph_err
play_commit(enum fw_op op, const struct pinhole *h)
{
	struct fw_change c;

	memset(&c, 0, sizeof(c));
	c.op = op;
	c.hole = *h;
	return direct_commit(direct, &c, 1, now);
}

struct fake_connection
play_connection(uint32_t id, uint32_t status, uint16_t port)
{
	return (struct fake_connection) { id, status, 0xc6336407, 0xc0000200,
		4000, port, 0, false };
}

void
play_run(int64_t seconds)
{
	int64_t end = now + seconds * SECOND;
	enum ph_err err;

	while (now < end)
		now = fw_nftables.tick(fw, now, &err);
}

static void
count_id(void *ctx, struct fw_entry *e, unsigned int ends)
{
	(void)ends;
	*(uint64_t *)ctx = *(uint64_t *)ctx * 100 + e->id;
}

uint64_t
play_activity(void)
{
	uint64_t ids = 0;

	assert_int_equal(fw_nftables.activity(fw, count_id, &ids, now), PH_OK);
	return ids;
}
