/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/blocks.h"
#include "tests/unit/helpers_play.h"

#define OPENED "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 20000 (request);"
#define CLOSED(why)                                                            \
	"close 1 in udp 198.51.100.7 -> 192.0.2.10 port 20000 (" why ");"

static void
a_transfer_lasts_until_it_is_silent(void **state)
{
	struct world *w = world_new(TFTP), *next = world_new(TFTP);
	int64_t t;

	(void)state;
	tftp(w, NOW, "192.0.2.10", 20000, "198.51.100.7");
	assert_events(w, OPENED);
	for (t = NOW; t < NOW + 300 * USEC_PER_SEC; t += 10 * USEC_PER_SEC) {
		engine_seen(w->e, w->fw_id, FW_SEEN_FROM | FW_SEEN_TO, t);
		engine_run(w->e, t);
		/* Renewed in time. */
		assert_true(w->deadline >= t + 10 * USEC_PER_SEC);
	}
	t -= 10 * USEC_PER_SEC;
	assert_events(w, "");
	/* A successor hears that it still lives. */
	engine_adopt(next->e, w->key, w->record, w->len, t);
	assert_events(next, "");
	engine_run(next->e, t + 20 * USEC_PER_SEC);
	assert_events(next, "");
	world_free(next);
	engine_run(w->e, t + 30 * USEC_PER_SEC - 1);
	assert_events(w, "");
	engine_run(w->e, t + 30 * USEC_PER_SEC);
	assert_events(w, CLOSED("done"));
	assert_int_equal(w->forgotten, 1);
	/* Each request is one transfer, however often it is sent. */
	tftp(w, t, "192.0.2.10", 20000, "198.51.100.7");
	assert_true(w->deadline == t + 30 * USEC_PER_SEC);
	t += 20 * USEC_PER_SEC;
	tftp(w, t, "192.0.2.10", 20000, "198.51.100.7");
	assert_true(w->deadline == t + 30 * USEC_PER_SEC);
	assert_events(w,
	    "open 2 in udp 198.51.100.7 -> 192.0.2.10 port 20000 (request);");
	world_free(w);
}

/*
 * If only the outside sends, it keeps the transfer for one timeout more; if
 * only the inside sends, it lasts as long as with both.
 */
static void
a_transfer_that_one_end_has_begun_is_done(void **state)
{
	static const struct {
		unsigned int ends;
		int64_t done; /* seconds */
	} rows[] = { { FW_SEEN_FROM, 60 }, { FW_SEEN_TO, 40 } };
	struct world *w;
	int64_t end;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		w = world_new(TFTP);
		tftp(w, NOW, "192.0.2.10", 20000, "198.51.100.7");
		engine_seen(w->e, w->fw_id, rows[i].ends,
		    NOW + 10 * USEC_PER_SEC);
		end = NOW + rows[i].done * USEC_PER_SEC;
		engine_run(w->e, NOW + 20 * USEC_PER_SEC);
		for (int64_t t = NOW + 21 * USEC_PER_SEC; t < end;
		     t += USEC_PER_SEC) {
			if (rows[i].ends == FW_SEEN_FROM)
				engine_seen(w->e, w->fw_id, FW_SEEN_FROM, t);
			engine_run(w->e, t);
			assert_null(strstr(w->events, "close"));
		}
		engine_run(w->e, end);
		assert_events(w, OPENED CLOSED("done"));
		world_free(w);
	}
}

static void
a_client_has_its_share_of_transfers(void **state)
{
	struct world *w = world_new(TFTP);
	unsigned int i;

	(void)state;
	for (i = 0; i < HELPER_TFTP_SHARE; i++) {
		strbuf_reset(&w->out);
		tftp(w, NOW, "192.0.2.10", (uint16_t)(2000 + i),
		    "198.51.100.7");
		assert_non_null(strstr(w->events, "open "));
	}
	strbuf_reset(&w->out);
	tftp(w, NOW, "192.0.2.10", 60000, "198.51.100.7");
	assert_events(w, "refuse 192.0.2.10 -> 192.0.2.10 port 60000 (limit);");
	/* Which is said only so often. */
	for (i = 0; i < 100; i++)
		tftp(w, NOW, "192.0.2.10", 60000, "198.51.100.7");
	assert_true(w->out.len < 1000);
	strbuf_reset(&w->out);
	tftp(w, NOW, "192.0.2.77", 20000, "198.51.100.7");
	assert_non_null(strstr(w->events, "open "));
	/* And there is room again when they are over. */
	engine_run(w->e, NOW + 31 * USEC_PER_SEC);
	strbuf_reset(&w->out);
	tftp(w, NOW + 31 * USEC_PER_SEC, "192.0.2.10", 60000, "198.51.100.7");
	assert_non_null(strstr(w->events, "open "));
	world_free(w);
}

/* A stranger's request to a server inside, whoever it says that he is. */
static void
spoofed(struct world *w, int64_t now, unsigned int n)
{
	char src[32];
	struct datagram d;

	snprintf(src, sizeof(src), "203.%u.%u.%u", n >> 16, n >> 8 & 255,
	    n & 255);
	d = packet(IPPROTO_UDP, INNER, PKT_OUT, src, 20000, "192.0.2.10", 69);
	d.payload = (struct span) { RRQ, sizeof(RRQ) - 1 };
	engine_udp(w->e, now, &d);
}

static void
a_flood_of_sources_costs_its_own_transfers(void **state)
{
	struct world *w = world_new(TFTP);
	uint64_t busy;
	unsigned int i, n;
	char gone[32];

	(void)state;
	tftp(w, NOW, "192.0.2.10", 20000, "198.51.100.7");
	assert_events(w, OPENED);
	spoofed(w, NOW + 1, 0);
	busy = w->fw_id;
	for (i = 1; i < CONF_TFTP_MAX - 1; i++) {
		strbuf_reset(&w->out);
		spoofed(w, NOW + 2, i);
	}
	assert_non_null(strstr(w->events, "open "));
	engine_seen(w->e, busy, FW_SEEN_FROM | FW_SEEN_TO, NOW + 10);
	/* The silent ones go, the oldest first; not the client's inside. */
	for (; i < CONF_TFTP_MAX + 100; i++) {
		strbuf_reset(&w->out);
		spoofed(w, NOW + 20, i);
		n = i - (CONF_TFTP_MAX - 1) + 1;
		snprintf(gone, sizeof(gone), "203.0.%u.%u ", n >> 8, n & 255);
		assert_non_null(strstr(w->events, gone));
		assert_non_null(strstr(w->events, "(limit)"));
		assert_null(strstr(w->events, "203.0.0.0 "));
		assert_null(strstr(w->events, "-> 192.0.2.10 "));
		assert_non_null(strstr(w->events, "open "));
	}
	/* Which may always ask. */
	strbuf_reset(&w->out);
	tftp(w, NOW + 30, "192.0.2.10", 20001, "198.51.100.7");
	assert_non_null(
	    strstr(w->events, "-> 192.0.2.10 port 20001 (request)"));
	assert_int_equal(world_counted(w, "tftp_transfers"), CONF_TFTP_MAX);
	assert_int_equal(world_counted(w, "tftp_requests"),
	    CONF_TFTP_MAX + 102);
	assert_int_equal(world_counted(w, "tftp_evicted"), 102);
	assert_int_equal(world_counted(w, "tftp_limit"), 0);
	assert_int_equal(world_counted(w, "tftp_refused"), 0);
	world_free(w);
}

/* A table full of protected clients: one of them gives way to another. */
static void
clients_inside_share_the_table(void **state)
{
	struct world *w = world_new(TFTP);
	char src[32];
	unsigned int i;

	(void)state;
	for (i = 0; i < CONF_TFTP_MAX; i++) {
		strbuf_reset(&w->out);
		snprintf(src, sizeof(src), "192.0.2.%u", 10 + i % 200);
		tftp(w, NOW + i, src, (uint16_t)(20000 + i / 200),
		    "198.51.100.7");
		assert_non_null(strstr(w->events, "open "));
	}
	strbuf_reset(&w->out);
	spoofed(w, NOW + USEC_PER_SEC, 1);
	assert_null(strstr(w->events, "open "));
	assert_null(strstr(w->events, "close "));
	strbuf_reset(&w->out);
	tftp(w, NOW + USEC_PER_SEC, "192.0.2.250", 20000, "198.51.100.7");
	assert_non_null(strstr(w->events, "close "));
	assert_non_null(strstr(w->events, "(limit)"));
	assert_non_null(strstr(w->events, "-> 192.0.2.250 port 20000"));
	assert_int_equal(world_counted(w, "tftp_transfers"), CONF_TFTP_MAX);
	assert_int_equal(world_counted(w, "tftp_evicted"), 1);
	assert_int_equal(world_counted(w, "tftp_limit"), 1);
	assert_int_equal(world_counted(w, "tftp_refused"), 1);
	world_free(w);
}

static void
a_successor_takes_transfers_over(void **state)
{
	struct world *w = world_new(TFTP), *next = world_new(TFTP);
	struct world *changed =
	    world_new("protect { 192.0.2.77 }\ntftp { port 69 }\n");
	struct world *stopped = world_new(TFTP), *late = world_new(TFTP);
	struct world *without = world_new(FTP);
	int64_t soon = NOW + 5 * USEC_PER_SEC;

	(void)state;
	tftp(w, NOW, "192.0.2.10", 20000, "198.51.100.7");
	assert_events(w, OPENED);
	/* Without a word, under its old name. */
	engine_adopt(next->e, w->key, w->record, w->len, soon);
	assert_events(next, "");
	assert_int_equal(next->fw_id, w->fw_id);
	/* Twice is once. */
	engine_adopt(next->e, w->key, w->record, w->len, soon);
	tftp(next, soon, "192.0.2.10", 20000, "198.51.100.7");
	assert_events(next, "");
	/* New ones have names of their own. */
	tftp(next, soon, "192.0.2.10", 20001, "198.51.100.7");
	assert_events(next,
	    "open 2 in udp 198.51.100.7 -> 192.0.2.10 port 20001 (request);");
	assert_true(next->key > w->key);
	engine_run(next->e, soon + 30 * USEC_PER_SEC);
	assert_events(next,
	    CLOSED("idle") "close 2 in udp 198.51.100.7 -> 192.0.2.10 port "
			   "20001 (idle);");
	/* No longer allowed, or long ago: it closes. */
	engine_adopt(changed->e, w->key, w->record, w->len, soon);
	assert_events(changed, CLOSED("policy"));
	engine_adopt(late->e, w->key, w->record, w->len,
	    NOW + 61 * USEC_PER_SEC);
	assert_events(late, CLOSED("idle"));
	engine_adopt(without->e, w->key, w->record, w->len, soon);
	assert_events(without, CLOSED("policy"));
	/* And it is forgotten, or the next one would close it again. */
	assert_int_equal(changed->forgotten, 1);
	assert_int_equal(late->forgotten, 1);
	assert_int_equal(without->forgotten, 1);
	assert_int_equal(next->forgotten, 2);
	/* After a stop, it opens anew. */
	engine_shutdown(w->e, NOW + USEC_PER_SEC);
	assert_events(w, CLOSED("shutdown"));
	engine_adopt(stopped->e, w->key, w->record, w->len, soon);
	assert_events(stopped, OPENED);
	world_free(w);
	world_free(next);
	world_free(changed);
	world_free(stopped);
	world_free(late);
	world_free(without);
}

/* A record lasts for two timeouts, and none is of the future. */
static void
a_record_lasts_so_long(void **state)
{
	static const struct {
		int64_t at;
		bool late;
	} rows[] = { { -1, true }, { 0, false }, { 1, false },
		{ 60 * USEC_PER_SEC, false }, { 60 * USEC_PER_SEC + 1, true } };
	struct world *w = world_new(TFTP), *next;
	size_t i;

	(void)state;
	tftp(w, NOW, "192.0.2.10", 20000, "198.51.100.7");
	for (i = 0; i < ROWS(rows); i++) {
		next = world_new(TFTP);
		engine_adopt(next->e, w->key, w->record, w->len,
		    NOW + rows[i].at);
		assert_events(next, rows[i].late ? CLOSED("idle") : "");
		assert_int_equal(next->forgotten, rows[i].late);
		assert_int_equal(world_counted(next, "tftp_transfers"),
		    !rows[i].late);
		world_free(next);
	}
	/* A helper that is not configured closes what it finds. */
	next = world_new(FTP);
	engine_adopt(next->e, w->key, w->record, w->len, NOW);
	assert_events(next, CLOSED("policy"));
	assert_int_equal(next->forgotten, 1);
	world_free(next);
	world_free(w);
}

/* Somebody may have written it who has taken over the predecessor. */
static void
nothing_in_a_record_is_believed(void **state)
{
	struct world *w = world_new(TFTP), *next;
	uint8_t record[sizeof(w->record)];
	size_t i, at;
	unsigned int bit;

	(void)state;
	tftp(w, NOW, "192.0.2.10", 20000, "198.51.100.7");
	for (i = 0; i < w->len; i++) {
		next = world_new(TFTP);
		engine_adopt(next->e, w->key, w->record, i, NOW);
		/* Of less than both its ends, nothing is made. */
		if (i < 8 + 5 + 5 + 2) {
			assert_int_equal(next->records, 0);
			assert_int_equal(next->forgotten, 0);
			assert_events(next, "");
		}
		engine_shutdown(next->e, NOW);
		world_free(next);
	}
	/*
	 * A record with any bit changed opens only for the inside, and no low
	 * port.
	 */
	for (at = 0; at < w->len; at++)
		for (bit = 0; bit < 8; bit++) {
			memcpy(record, w->record, w->len);
			record[at] ^= (uint8_t)(1u << bit);
			next = world_new(TFTP);
			engine_adopt(next->e, w->key, record, w->len, NOW);
			strbuf_reset(&next->out);
			engine_shutdown(next->e, NOW);
			if (next->out.len > 0)
				assert_true(strstr(next->events,
						"-> 192.0.2.") != NULL ||
				    strstr(next->events, "udp 192.0.2.") !=
					NULL);
			world_free(next);
		}
	/* An endless name. */
	next = world_new(TFTP);
	engine_adopt(next->e, UINT64_MAX, w->record, w->len, NOW);
	engine_adopt(next->e, HELPER_FTP_ASKER, w->record, w->len, NOW);
	engine_shutdown(next->e, NOW);
	assert_events(next, "");
	world_free(next);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_transfer_lasts_until_it_is_silent),
		cmocka_unit_test(a_transfer_that_one_end_has_begun_is_done),
		cmocka_unit_test(a_client_has_its_share_of_transfers),
		cmocka_unit_test(a_flood_of_sources_costs_its_own_transfers),
		cmocka_unit_test(clients_inside_share_the_table),
		cmocka_unit_test(a_successor_takes_transfers_over),
		cmocka_unit_test(a_record_lasts_so_long),
		cmocka_unit_test(nothing_in_a_record_is_believed),
	};

	return blocks_end(cmocka_run_group_tests(tests, blocks_begin, NULL));
}
