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
open_both(struct pinhole *a, struct pinhole *b)
{
	a->deadline = b->deadline = now + 1000 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, a), PH_OK);
	assert_int_equal(play_commit(FW_OPEN, b), PH_OK);
}

/* A connection to a port that no pinhole has, by a redirection. */
static struct fake_connection
redirected(uint32_t id)
{
	return play_connection(id, IPS_CONFIRMED | IPS_DST_NAT, 999);
}

/* After a sweep fake.ct[0] and [1] have these ids; 0: deleted. */
static void
close_and_sweep(const struct pinhole *h, uint32_t first, uint32_t second)
{
	assert_int_equal(play_commit(FW_CLOSE, h), PH_OK);
	play_run(100);
	assert_null(fake.meanwhile);
	assert_int_equal(fake.ct[0].id, first);
	assert_int_equal(fake.ct[1].id, second);
}

static void
test_closed_connections_are_forgotten_in_due_time(void **state)
{
	struct pinhole h = play_hole(6), closing = play_hole(3);

	(void)state;
	open_both(&h, &closing);
	fake.ct[0] = play_connection(1, IPS_CONFIRMED, 100); /* open */
	fake.ct[1] = play_connection(2, IPS_CONFIRMED, 999); /* closed */
	fake.ct[2] = play_connection(3, IPS_CONFIRMED | IPS_OFFLOAD, 999);
	fake.ct[3] = redirected(4);
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
	open_both(&once, &h);
	fake.ct[0] = redirected(7);
	fake.ct[1] = redirected(8);
	remember();
	close_and_sweep(&h, 7, 0);
}

/* Once. */
static void
begin_connection(void)
{
	fake.meanwhile = NULL;
	fake.ct[0] = redirected(7);
	remember();
}

static void
test_a_connection_that_begins_during_a_sweep_is_spared(void **state)
{
	struct pinhole once = play_hole(4), h = play_hole(3);

	(void)state;
	open_both(&once, &h);
	fake.ct[1] = redirected(8);
	fake.meanwhile = begin_connection;
	close_and_sweep(&h, 7, 0);
}

static void
test_a_later_close_delays_no_sweep(void **state)
{
	struct pinhole h = play_hole(3), later = play_hole(6);

	(void)state;
	open_both(&h, &later);
	fake.ct[0] = redirected(1);
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
	open_both(&once, &h);
	fake.ct[0] = redirected(7);
	fake.ct[1] = redirected(8);
	fake.meanwhile = begin_interruptions;
	close_and_sweep(&h, 7, 8);
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
