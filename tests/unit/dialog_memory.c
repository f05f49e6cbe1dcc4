/* SPDX-License-Identifier: ISC */
/* Calls when there is no memory for them: each allocation fails once. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "sip/state.h"
#include "tests/unit/dialog_play.h"
#include "tests/unit/starve.h"

#define PHONE "198.51.100.7 4000"
#define PBX   "192.0.2.10 10000"

/* clang-format off */
static const struct step steps[] = {
	{ 1, "o>i", "INVITE",      1, "b1", "a", "",  PHONE, "" },
	{ 1, "i>o", "!183 INVITE", 1, "b1", "a", "z", PBX, "" },
	{ 2, "i>o", "200 INVITE",  1, "b1", "a", "z", PBX, "" },
	{ 3, "i>o", "UPDATE",      7, "b5", "z", "a", "192.0.2.10 12000", "" },
	{ 3, "o>i", "200 UPDATE",  7, "b5", "z", "a", "198.51.100.7 6000", "" },
	{ 4, "o>i", "INVITE",      2, "b6", "a", "z", "0.0.0.0 6000", "" },
	{ 4, "i>o", "200 INVITE",  2, "b6", "a", "z", "192.0.2.10 12000", "" },
	{ 5, "o>i", "BYE",         3, "b7", "a", "z", NULL, "" },
	{ 5, "i>o", "200 BYE",     3, "b7", "a", "z", NULL, "" },
};
/* clang-format on */

static void
whatever_is_missing_all_tables_agree(void **state)
{
	struct sip_config c = default_config();
	const struct step *s;
	unsigned int n;
	struct world w;

	(void)state;
	for (n = 1; n < 80; n++) {
		printf("without allocation %u\n", n);
		world_open(&w, &c);
		starve(n);
		for (s = steps; s < steps + ROWS(steps); s++) {
			timers_run(&w.timers, s->t * USEC_PER_SEC);
			say(&w, s, "c1");
			world_check(&w, s->t * USEC_PER_SEC);
		}
		(void)starve_end();
		/* All closes in the end. */
		timers_run(&w.timers, 90000 * USEC_PER_SEC);
		assert_int_equal(sip_counters(w.sip)->calls, 0);
		assert_int_equal(sip_counters(w.sip)->bytes, 0);
		world_close(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_is_missing_all_tables_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
