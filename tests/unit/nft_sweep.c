/* SPDX-License-Identifier: ISC */
/*
 * The sweep: connections of closed pinholes are deleted in due time, and those
 * that may still pass are spared.  Against a kernel of paper.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>

#include <string.h>

#include "nft/elements.h"
#include "nft/table.h"
#include "tests/unit/nft_play.h"

static void
test_closed_connections_are_forgotten_in_due_time(void **state)
{
	struct pinhole h = play_hole(6), closing = play_hole(3);

	(void)state;
	h.deadline = closing.deadline = now + 1000 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	assert_int_equal(play_commit(FW_OPEN, &closing), PH_OK);
	fake.ct[0] = play_connection(1, IPS_CONFIRMED, 100); /* open */
	fake.ct[1] = play_connection(2, IPS_CONFIRMED, 999); /* closed */
	fake.ct[2] = play_connection(3, IPS_CONFIRMED | IPS_OFFLOAD, 999);
	fake.ct[3] = play_connection(4, IPS_CONFIRMED | IPS_DST_NAT, 999);
	/* While no pinhole has closed there is nothing to sweep. */
	play_run(100);
	assert_int_equal(fake.ct[3].id, 4);
	assert_int_equal(play_commit(FW_CLOSE, &closing), PH_OK);
	play_run(29);
	assert_int_equal(fake.ct[3].id, 4);
	/* At once what our chains are not asked about; */
	play_run(3);
	assert_int_equal(fake.ct[3].id, 0);
	assert_int_equal(fake.ct[2].id, 0);
	/* the rest when it is found closed again. */
	assert_int_equal(fake.ct[1].id, 2);
	play_run(40);
	assert_int_equal(fake.ct[1].id, 0);
	assert_int_equal(fake.ct[0].id, 1);
}

static void
test_with_a_flowtable_closing_is_urgent(void **state)
{
	struct pinhole h = play_hole(6);

	(void)state;
	h.deadline = now + 1000 * SECOND;
	fake.flowtable = true;
	fake.generation++;
	play_run(1);
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	fake.ct[0] = play_connection(1, IPS_CONFIRMED | IPS_OFFLOAD, 100);
	play_run(2);
	assert_int_equal(play_commit(FW_CLOSE, &h), PH_OK);
	play_run(1);
	assert_int_equal(fake.ct[0].id, 0);
}

/* The kernel itself adds to @connections and takes from @tcp4_once. */
static void
remember(void)
{
	struct fake_element *remembered = fake_find(&fake.holes.v[0].elem);
	uint32_t id = htonl(7);

	if (set_part(remembered->elem.set) != PART_ONCE)
		remembered++;
	memset(&remembered->elem, 0, sizeof(remembered->elem));
	remembered->elem.set = SET_CONNECTIONS;
	remembered->elem.keylen = sizeof(id);
	memcpy(remembered->elem.key, &id, sizeof(id));
}

static void
test_a_connection_that_outlives_its_pinhole_is_spared(void **state)
{
	struct pinhole once = play_hole(4), h = play_hole(3);

	(void)state;
	h.deadline = once.deadline = now + 1000 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &once), PH_OK);
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	fake.ct[0] = play_connection(7, IPS_CONFIRMED | IPS_DST_NAT, 999);
	fake.ct[1] = play_connection(8, IPS_CONFIRMED | IPS_DST_NAT, 999);
	remember();
	assert_int_equal(play_commit(FW_CLOSE, &h), PH_OK);
	play_run(100);
	assert_int_equal(fake.ct[0].id, 7);
	assert_int_equal(fake.ct[1].id, 0);
}

/* Once. */
static void
begin_connection(void)
{
	fake.meanwhile = NULL;
	fake.ct[0] = play_connection(7, IPS_CONFIRMED | IPS_DST_NAT, 999);
	remember();
}

static void
test_a_connection_that_begins_during_a_sweep_is_spared(void **state)
{
	struct pinhole once = play_hole(4), h = play_hole(3);

	(void)state;
	h.deadline = once.deadline = now + 1000 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &once), PH_OK);
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	fake.ct[1] = play_connection(8, IPS_CONFIRMED | IPS_DST_NAT, 999);
	fake.meanwhile = begin_connection;
	assert_int_equal(play_commit(FW_CLOSE, &h), PH_OK);
	play_run(100);
	assert_null(fake.meanwhile);
	assert_int_equal(fake.ct[0].id, 7);
	assert_int_equal(fake.ct[1].id, 0);
}

static void
test_a_later_close_delays_no_sweep(void **state)
{
	struct pinhole h = play_hole(3), later = play_hole(6);

	(void)state;
	h.deadline = later.deadline = now + 1000 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	assert_int_equal(play_commit(FW_OPEN, &later), PH_OK);
	fake.ct[0] = play_connection(1, IPS_CONFIRMED | IPS_DST_NAT, 999);
	assert_int_equal(play_commit(FW_CLOSE, &h), PH_OK);
	play_run(20);
	assert_int_equal(play_commit(FW_CLOSE, &later), PH_OK);
	play_run(12);
	assert_int_equal(fake.ct[0].id, 0);
}

/* Once. */
static void
begin_interruptions(void)
{
	fake.meanwhile = NULL;
	fake.interrupt = true;
}

static void
test_none_is_cut_that_may_be_spared(void **state)
{
	struct pinhole once = play_hole(4), h = play_hole(3);

	(void)state;
	h.deadline = once.deadline = now + 1000 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &once), PH_OK);
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	fake.ct[0] = play_connection(7, IPS_CONFIRMED | IPS_DST_NAT, 999);
	fake.ct[1] = play_connection(8, IPS_CONFIRMED | IPS_DST_NAT, 999);
	fake.meanwhile = begin_interruptions;
	assert_int_equal(play_commit(FW_CLOSE, &h), PH_OK);
	play_run(100);
	assert_null(fake.meanwhile);
	assert_int_equal(fake.ct[0].id, 7);
	assert_int_equal(fake.ct[1].id, 8);
	/* With an answer they are, though nothing else closes. */
	fake.interrupt = false;
	play_run(40);
	assert_int_equal(fake.ct[0].id, 0);
	assert_int_equal(fake.ct[1].id, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_closed_connections_are_forgotten_in_due_time),
		CASE(test_with_a_flowtable_closing_is_urgent),
		CASE(test_a_connection_that_outlives_its_pinhole_is_spared),
		CASE(test_a_connection_that_begins_during_a_sweep_is_spared),
		CASE(test_a_later_close_delays_no_sweep),
		CASE(test_none_is_cut_that_may_be_spared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
