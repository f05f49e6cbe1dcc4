/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "src/base/timers.h"
#include "src/base/wire.h"
#include "tests/unit/claims_play.h"

/* Asker 1 is called a, asker 2 b; ports end with 0. */
static void
want(uint64_t asker, const uint16_t *ports, int64_t lease_s)
{
	char call[2] = { (char)('a' + asker - 1), '\0' };
	struct pinhole v[8];
	struct claims_want w = { .asker = asker,
		.call = span_of(call),
		.v = v,
		.open = REASON_ANSWER,
		.close = REASON_BYE,
		.lease = lease_s * USEC_PER_SEC };

	while (ports[w.n] != 0) {
		v[w.n] = hole(ports[w.n]);
		w.n++;
	}
	claims_want(claims, &w, now);
}
#define WANT(asker, lease_s, ...)                                              \
	want(asker, (const uint16_t[]) { __VA_ARGS__ }, lease_s)

static void
a_call_opens_and_closes(void **state)
{
	const struct claims_counters *n = claims_counters(claims);

	(void)state;
	WANT(1, 60, 0);
	assert_int_equal(n->askers, 0);
	WANT(1, 60, 2000, 2002, 0);
	TOLD("+1:2000@60+2:2002@60.");
	SAID("open 1 a 2000 answer;open 2 a 2002 answer;");
	assert_int_equal(n->open, 2);
	assert_int_equal(n->tuples, 2);
	assert_int_equal(n->askers, 1);
	assert_int_equal(n->opened, 2);
	assert_int_equal(n->closed, 0);
	assert_int_equal(n->commits, 1);
	assert_int_equal(n->changes, 2);
	WANT(1, 60, 0);
	TOLD("-1:2000-2:2002.");
	SAID("close 1 a 2000 bye;close 2 a 2002 bye;");
	assert_int_equal(n->open, 0);
	assert_int_equal(n->tuples, 0);
	assert_int_equal(n->askers, 0);
	assert_int_equal(n->closed, 2);
	assert_int_equal(n->commits, 2);
	assert_int_equal(n->changes, 4);
	/* An id is not used again. */
	WANT(1, 60, 2000, 0);
	TOLD("+3:2000@60.");
}

static void
the_filter_is_told_the_class(void **state)
{
	struct pinhole v = hole(2000);
	const struct claims_want w = { .asker = 1,
		.call = SPAN_LITERAL("a"),
		.open = REASON_ANSWER,
		.v = &v,
		.n = 1,
		.lease = USEC_PER_SEC };

	(void)state;
	v.class = 0x1234;
	claims_want(claims, &w, now);
	assert_int_equal(last.class, 0x1234);
	last.class = 0;
	claims_resend(claims, now);
	assert_int_equal(last.class, 0x1234);
}

static void
what_one_turn_changes_goes_in_one_commit(void **state)
{
	(void)state;
	claims_gather(claims, true);
	WANT(1, 60, 2000, 0);
	WANT(2, 60, 3000, 0);
	TOLD("");
	SAID("open 1 a 2000 answer;open 2 b 3000 answer;");
	claims_gather(claims, false);
	TOLD("+1:2000@60+2:3000@60.");
	/*
	 * Afterwards no change waits for the end of gathering, and none is told
	 * twice.
	 */
	WANT(1, 60, 0);
	TOLD("-1:2000.");
	claims_gather(claims, true);
	claims_gather(claims, false);
	TOLD("");
}

static void
only_differences_are_told(void **state)
{
	(void)state;
	WANT(1, 60, 2000, 2002, 2004, 0);
	told[0] = said[0] = '\0';
	WANT(1, 60, 2000, 2002, 2004, 0);
	WANT(1, 60, 2004, 2000, 2002, 0);
	WANT(1, 60, 2002, 2004, 2000, 2000, 0);
	TOLD("");
	SAID("");
	/*
	 * A pinhole that is still wanted stays open, wherever it stands in the
	 * list.
	 */
	WANT(1, 60, 2004, 2006, 2000, 0);
	TOLD("+4:2006@60-2:2002.");
	SAID("open 4 a 2006 answer;close 2 a 2002 bye;");
	WANT(1, 60, 2000, 0);
	TOLD("-3:2004-4:2006.");
}

static void
a_shared_tuple_closes_with_the_last_asker(void **state)
{
	const struct claims_counters *n = claims_counters(claims);

	(void)state;
	WANT(1, 60, 2000, 0);
	/* The longest lease counts, a shorter one changes nothing. */
	WANT(2, 90, 2000, 0);
	WANT(3, 30, 2000, 0);
	TOLD("+1:2000@60.+1:2000@90.");
	SAID("open 1 a 2000 answer;open 2 b 2000 answer;"
	     "open 3 c 2000 answer;");
	assert_int_equal(n->open, 3);
	assert_int_equal(n->tuples, 1);
	assert_int_equal(n->askers, 3);
	WANT(1, 60, 0);
	WANT(3, 60, 0);
	TOLD("");
	SAID("close 1 a 2000 bye;close 3 c 2000 bye;");
	WANT(2, 60, 0);
	TOLD("-1:2000.");
	SAID("close 2 b 2000 bye;");
	assert_int_equal(n->tuples, 0);
}

static void
ask(uint64_t asker, uint16_t port, int64_t lease_s, void *user)
{
	struct pinhole p = hole(port);
	struct claims_want w = { .asker = asker,
		.call = span_of(asker == 1 ? "a" : "b"),
		.v = &p,
		.n = 1,
		.lease = lease_s * USEC_PER_SEC,
		.wait = true,
		.user = user };

	claims_want(claims, &w, now);
}

static void
one_that_waits_is_announced_when_it_is_answered(void **state)
{
	const struct claims_counters *n = claims_counters(claims);
	int x, y;

	(void)state;
	ask(2, 2000, 60, &y);
	TOLD("+1:2000@60.");
	/* Asked for again, for an answer of its own. */
	ask(1, 2000, 30, &x);
	TOLD("+1:2000@60.");
	SAID("");
	assert_ptr_equal(claims_user(claims, 1), &x);
	assert_ptr_equal(claims_user(claims, 2), &y);
	assert_int_equal(claims_fw_id(claims, 1), 1);
	assert_int_equal(claims_asker_of(claims, 1, 0), 0);
	claims_announce(claims, 2, REASON_REQUEST, now);
	SAID("open 1 b 2000 request;");
	assert_int_equal(claims_asker_of(claims, 1, 0), 2);
	claims_announce(claims, 1, REASON_REQUEST, now);
	claims_announce(claims, 1, REASON_REQUEST, now);
	claims_announce(claims, 9, REASON_REQUEST, now);
	SAID("open 2 a 2000 request;");
	assert_int_equal(claims_asker_of(claims, 1, 0), 1);
	assert_int_equal(claims_asker_of(claims, 1, 1), 2);
	assert_int_equal(claims_asker_of(claims, 1, 2), 0);
	assert_int_equal(claims_asker_of(claims, 7, 0), 0);
	/* An asker whose pinhole was refused has none open. */
	ask(3, 3000, 60, NULL);
	TOLD("+3:3000@60.");
	assert_int_equal(claims_asker_after(claims, 2), 3);
	WANT(3, 60, 0);
	TOLD("-3:3000.");
	SAID("");
	assert_int_equal(claims_asker_after(claims, 0), 1);
	assert_int_equal(claims_asker_after(claims, 2), 0);
	WANT(1, 60, 0);
	WANT(2, 60, 0);
	TOLD("-1:2000.");
	SAID("close 2 a 2000 bye;close 1 b 2000 bye;");
	assert_int_equal(n->opened, 2);
	assert_int_equal(n->closed, 2);
	assert_int_equal(n->open, 0);
	assert_null(claims_user(claims, 1));
	assert_int_equal(claims_fw_id(claims, 1), 0);
}

static void
ids_count_from_where_they_are_told(void **state)
{
	(void)state;
	claims_free(claims);
	claims = table_from(10, 77);
	WANT(1, 60, 2000, 2002, 0);
	TOLD("+77:2000@60+78:2002@60.");
}

/* One message to the firewall process holds 64 changes. */
static void
many_changes_go_in_batches(void **state)
{
	struct claims_want w = { .asker = 1, .lease = USEC_PER_SEC };
	const struct claims_counters *n = claims_counters(claims);
	static struct pinhole v[129];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(v); i++)
		v[i] = hole((uint16_t)(2000 + 2 * i));
	w.call = span_of("a");
	w.v = v;
	w.n = 65;
	claims_want(claims, &w, now);
	assert_int_equal(n->commits, 2);
	assert_int_equal(n->changes, 65);
	assert_int_equal(n->tuples, 65);
	w.n = 129;
	claims_want(claims, &w, now);
	assert_int_equal(n->commits, 3);
	assert_int_equal(n->changes, 129);
	told[0] = '\0';
	claims_resend(claims, now);
	assert_int_equal(n->commits, 6);
	assert_int_equal(n->changes, 2 * 129);
	assert_memory_equal(told, "+1:2000@1+2:2002@1+3:", 21);
	w.n = 0;
	claims_want(claims, &w, now);
	assert_int_equal(n->commits, 9);
	assert_int_equal(n->changes, 3 * 129);
	assert_int_equal(n->tuples, 0);
}

static void
what_is_beyond_the_limit_does_not_open(void **state)
{
	const struct claims_counters *n;

	(void)state;
	claims_free(claims);
	claims = table(3);
	n = claims_counters(claims);
	WANT(1, 60, 2000, 2002, 0);
	/* Shared or not: each has its events, and its memory. */
	WANT(2, 60, 2000, 2004, 0);
	TOLD("+1:2000@60+2:2002@60.");
	assert_int_equal(n->open, 3);
	assert_int_equal(n->opened, 3);
	assert_int_equal(n->limit, 1);
	assert_null(strstr(said, "2004"));
	WANT(3, 60, 2006, 0);
	assert_int_equal(n->limit, 2);
	assert_int_equal(n->askers, 2);
	/* Where one closes, another has room. */
	WANT(1, 60, 2000, 0);
	told[0] = '\0';
	WANT(3, 60, 2006, 0);
	assert_non_null(strstr(told, ":2006@60."));
	assert_int_equal(n->limit, 2);
	assert_int_equal(n->open, 3);
}

static void
refusals_are_counted_and_said(void **state)
{
	struct event_refusal r = { addr_v4(198, 51, 100, 7),
		addr_v4(10, 0, 0, 1), 4000, REASON_ADDRESS, EVENT_SAID_SDP };

	(void)state;
	claims_refuse(claims, &r, span_of("a"), now);
	assert_int_equal(claims_counters(claims)->refused, 1);
	SAID("refuse - a 4000 address;");
	TOLD("");
}

static void
media_was_last_seen_where_it_was_seen_last(void **state)
{
	(void)state;
	WANT(1, 60, 2000, 2002, 2004, 0);
	WANT(2, 60, 2002, 0);
	WANT(3, 60, 2006, 0);
	assert_int_equal(claims_last_seen(claims, 1), 0);
	claims_seen(claims, 99, FW_SEEN_FROM, now);
	assert_int_equal(claims_last_seen(claims, 1), 0);
	assert_int_equal(claims_last_seen(claims, 99), 0);
	claims_seen(claims, 1, FW_SEEN_FROM, now + 5);
	claims_seen(claims, 2, FW_SEEN_FROM, now + 9);
	claims_seen(claims, 3, FW_SEEN_FROM, now + 7);
	assert_int_equal(claims_last_seen(claims, 1), now + 9);
	/* The second is shared: its asker's own id for it is another. */
	assert_int_equal(claims_last_seen(claims, 2), now + 9);
	assert_int_equal(claims_last_seen(claims, 3), 0);
}

static void
note_packets(void *ctx, const struct claims_view *v)
{
	uint64_t *sum = ctx;

	*sum = *sum * 100 + v->packets;
}

static void
packets_are_as_last_counted(void **state)
{
	uint64_t seen = 0;

	(void)state;
	WANT(1, 60, 2000, 2002, 0);
	claims_packets(claims, 99, 1);
	claims_packets(claims, 1, 7);
	claims_packets(claims, 1, 12);
	claims_view(claims, 1, note_packets, &seen);
	assert_int_equal(seen, 1200);
}

static void
each_end_has_last_sent_when_it_was_seen(void **state)
{
	struct silence s;

	(void)state;
	WANT(1, 60, 2000, 2002, 0);
	claims_last_sent(claims, 99, &s);
	assert_int_equal(s.inside, 0);
	assert_int_equal(s.outside, 0);
	/* `from` of an inward pinhole is outside. */
	claims_seen(claims, 1, FW_SEEN_FROM, now + 50);
	claims_seen(claims, 2, FW_SEEN_FROM, now + 150);
	claims_seen(claims, 1, FW_SEEN_TO, now + 120);
	claims_last_sent(claims, 1, &s);
	assert_int_equal(s.inside, now + 120);
	assert_int_equal(s.outside, now + 150);
	claims_seen(claims, 1, FW_SEEN_TO, now + 300);
	assert_int_equal(claims_last_seen(claims, 1), now + 300);
}

static void
a_lease_is_renewed_from_now(void **state)
{
	(void)state;
	WANT(1, 60, 2000, 2002, 0);
	WANT(2, 60, 2002, 2004, 0);
	told[0] = '\0';
	claims_renew(claims, 1, 60 * USEC_PER_SEC, now);
	claims_renew(claims, 99, 60 * USEC_PER_SEC, now);
	TOLD("");
	now += 10 * USEC_PER_SEC;
	claims_renew(claims, 1, 60 * USEC_PER_SEC, now);
	TOLD("+1:2000@70+2:2002@70.");
	/* The other has it already for one of its two. */
	claims_renew(claims, 2, 60 * USEC_PER_SEC, now);
	TOLD("+4:2004@70.");
	WANT(2, 60, 2004, 2008, 0);
	TOLD("+5:2008@70.");
	SAID("open 1 a 2000 answer;open 2 a 2002 answer;"
	     "open 3 b 2002 answer;open 4 b 2004 answer;"
	     "open 5 b 2008 answer;close 3 b 2002 bye;");
}

static void
what_the_filter_lost_is_opened_at_the_next_renewal(void **state)
{
	(void)state;
	WANT(1, 60, 2000, 2002, 0);
	told[0] = '\0';
	claims_lost(claims, 99);
	claims_lost(claims, 2);
	claims_renew(claims, 1, 30 * USEC_PER_SEC, now);
	TOLD("+2:2002@30.");
	claims_resend(claims, now);
	TOLD("+1:2000@60+2:2002@30.");
}

/* Where the parts of an exported pinhole are. */
enum { ID = 7, FW_ID = 15, SINCE = 16, WHY = 24, TO_LO = 31, TO_HI = 33 };
enum { FROM = 34, FROM_LEN = 51, TO = 52, RDR = 69, SIZE = 107 };

static size_t export(uint64_t asker, uint8_t *buf, size_t size)
{
	size_t len;

	assert_int_equal(claims_export(claims, asker, buf, size, &len), PH_OK);
	return len;
}

static enum ph_err
adopt(uint64_t asker, const uint8_t *buf, size_t len)
{
	return claims_adopt(claims, asker, span_of(asker == 1 ? "a" : "b"), buf,
	    len, 60 * USEC_PER_SEC, now);
}

/* A successor: knows nothing, and has said nothing. */
static void
restart(void)
{
	claims_free(claims);
	claims = table(1000);
	told[0] = said[0] = '\0';
}

static void
a_successor_goes_on_with_the_same_names(void **state)
{
	uint8_t a[4 * SIZE], b[4 * SIZE];
	size_t na, nb;

	(void)state;
	WANT(1, 60, 2000, 2002, 2004, 0);
	WANT(2, 60, 2004, 2006, 0);
	na = export(1, a, 3 * SIZE);
	nb = export(2, b, sizeof(b));
	assert_int_equal(na, 3 * SIZE);
	assert_int_equal(nb, 2 * SIZE);
	assert_int_equal(export(9, b + nb, 0), 0);
	assert_int_equal(claims_export(claims, 1, a, 3 * SIZE - 1, &na),
	    PH_ELIMIT);
	assert_int_equal(na, 0);
	na = export(1, a, 3 * SIZE);
	restart();
	now += 5 * USEC_PER_SEC;
	assert_int_equal(adopt(1, a, na), PH_OK);
	assert_int_equal(adopt(2, b, nb), PH_OK);
	TOLD("+1:2000@65+2:2002@65+3:2004@65.+5:2006@65.");
	SAID("");
	assert_int_equal(claims_counters(claims)->open, 5);
	assert_int_equal(claims_counters(claims)->tuples, 4);
	/*
	 * An adopted pinhole closes under its old name; a new one gets a new
	 * name.
	 */
	WANT(1, 60, 2002, 2008, 2004, 0);
	WANT(2, 60, 2006, 0);
	TOLD("+6:2008@65-1:2000.");
	SAID("open 6 a 2008 answer;close 1 a 2000 bye;close 4 b 2004 bye;");
	WANT(1, 60, 0);
	TOLD("-2:2002-3:2004-6:2008.");
	SAID("close 2 a 2002 bye;close 3 a 2004 bye;close 6 a 2008 bye;");
}

/* The one that named the pinhole to the filter is no more. */
static void
the_filters_name_outlives_its_first_asker(void **state)
{
	uint8_t b[200];
	size_t n;

	(void)state;
	WANT(1, 60, 2000, 0);
	WANT(2, 60, 2000, 0);
	n = export(2, b, sizeof(b));
	restart();
	assert_int_equal(adopt(2, b, n), PH_OK);
	TOLD("+1:2000@60.");
	WANT(2, 60, 0);
	SAID("close 2 b 2000 bye;");
}

static void
an_adopted_pinhole_is_the_same_in_every_part(void **state)
{
	struct pinhole v[3], got;
	struct claims_want w = { .asker = 1, .v = v, .n = 3, .lease = 1 };
	uint8_t buf[3 * SIZE];
	size_t i, n;

	(void)state;
	w.call = span_of("a");
	for (i = 0; i < 3; i++)
		v[i] = hole((uint16_t)(2000 + 2 * i));
	v[0].once = 1;
	v[0].proto = IPPROTO_TCP;
	v[0].from_port = 20;
	v[0].rdr_from.addr = addr_v4(198, 51, 100, 1);
	v[0].rdr_from.port = 50001;
	v[0].nat_to.addr = addr_v4(192, 0, 2, 1);
	v[0].nat_to.port = 50002;
	memset(&v[1].from, 0, sizeof(v[1].from));
	v[2].dir = PINHOLE_OUT;
	assert_int_equal(prefix_parse(span_of("2001:db8:1::7/128"), &v[2].from),
	    PH_OK);
	assert_int_equal(addr_parse(span_of("2001:db8::8"), &v[2].to), PH_OK);
	claims_want(claims, &w, now);
	n = export(1, buf, sizeof(buf));
	assert_int_equal(n, sizeof(buf));
	for (i = 0; i < 3; i++) {
		restart();
		assert_int_equal(adopt(1, buf + i * SIZE, SIZE), PH_OK);
		got = last;
		assert_int_equal(pinhole_cmp(&got, &v[i]), 0);
		assert_int_equal(got.id, i + 1);
	}
	restart();
	/* Bytes behind an IPv4 address, or without one, are no part of it. */
	memset(buf + TO + 1 + 4, 0xff, 12);
	memset(buf + SIZE + FROM + 1, 0xff, 16);
	assert_int_equal(adopt(1, buf, n), PH_OK);
	told[0] = '\0';
	w.lease = 0;
	claims_want(claims, &w, now);
	TOLD("");
	SAID("");
}

static void
on_since(void *ctx, const struct claims_view *v)
{
	int64_t *since = ctx;

	assert_int_equal(v->why, REASON_ANSWER);
	*since = v->since;
}

/* A pinhole keeps the time when it was opened, unless that is yet to come. */
static void
a_pinhole_is_as_old_as_it_was(void **state)
{
	static const int64_t ago[] = { 1, 0, -1, 900 * USEC_PER_SEC };
	uint8_t buf[SIZE];
	struct writer w;
	int64_t since;
	size_t i;

	(void)state;
	WANT(1, 60, 2000, 0);
	export(1, buf, sizeof(buf));
	for (i = 0; i <= ROWS(ago); i++) {
		restart();
		w = writer_of(buf + SINCE, 8);
		/* The last one has no time. */
		writer_u64(&w, i < ROWS(ago) ? (uint64_t)(now - ago[i]) : 0);
		assert_int_equal(adopt(1, buf, sizeof(buf)), PH_OK);
		since = 0;
		claims_view(claims, 1, on_since, &since);
		assert_int_equal(since,
		    i < ROWS(ago) && ago[i] > 0 ? now - ago[i] : now);
	}
}

static void
new_ids_are_above_all_adopted_ones(void **state)
{
	static const struct {
		uint8_t id, fw_id;
		const char *next;
	} rows[] = {
		{ 1, 1, "+2:3000@60." },
		{ 1, 2, "+3:3000@60." },
		{ 7, 9, "+10:3000@60." },
		{ 9, 7, "+10:3000@60." },
	};
	uint8_t buf[2 * SIZE];
	size_t i;

	(void)state;
	WANT(1, 60, 2000, 0);
	export(1, buf, sizeof(buf));
	for (i = 0; i < ROWS(rows); i++) {
		restart();
		buf[ID] = rows[i].id;
		buf[FW_ID] = rows[i].fw_id;
		assert_int_equal(adopt(1, buf, SIZE), PH_OK);
		told[0] = '\0';
		WANT(2, 60, 3000, 0);
		TOLD(rows[i].next);
	}
	/* The second one has the number that would be next. */
	restart();
	WANT(1, 60, 2000, 2002, 0);
	export(1, buf, sizeof(buf));
	buf[ID] = 3;
	buf[FW_ID] = 2;
	buf[SIZE + ID] = 4;
	buf[SIZE + FW_ID] = 3;
	restart();
	assert_int_equal(adopt(1, buf, sizeof(buf)), PH_OK);
	told[0] = '\0';
	WANT(2, 60, 3000, 0);
	TOLD("+5:3000@60.");
}

static void
a_lying_state_file_opens_nothing(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t byte;
	} rows[] = {
		{ "no id", ID, 0 },
		{ "no id in the filter", FW_ID, 0 },
		{ "the ids wrap", ID - 4, 1 },
		{ "the filter's ids wrap", FW_ID - 4, 1 },
		{ "ports backwards", TO_HI, 0 },
		{ "more bits than IPv4 has", FROM_LEN, 33 },
		{ "no reason", WHY, REASON_COUNT },
		{ "no family", TO, 5 },
		{ "no family to redirect from", RDR, 17 },
	};
	uint8_t good[SIZE], buf[2 * SIZE];
	size_t i;

	(void)state;
	WANT(1, 60, 2000, 0);
	export(1, good, sizeof(good));
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].what);
		restart();
		memcpy(buf, good, SIZE);
		memcpy(buf + SIZE, good, SIZE);
		buf[SIZE + TO_LO] = 1;
		buf[rows[i].at] = rows[i].byte;
		/* The record behind the bad one is bad, too. */
		assert_int_equal(adopt(1, buf, sizeof(buf)), PH_OK);
		TOLD("");
		assert_int_equal(claims_counters(claims)->askers, 0);
		assert_int_equal(claims_counters(claims)->open, 0);
	}
	restart();
	/* 2^32 - 1 is not an id, nor is it the next one. */
	memcpy(buf, good, SIZE);
	memset(buf + ID - 3, 0xff, 4);
	assert_int_equal(adopt(1, buf, SIZE), PH_OK);
	memcpy(buf, good, SIZE);
	memset(buf + FW_ID - 3, 0xff, 4);
	assert_int_equal(adopt(1, buf, SIZE), PH_OK);
	TOLD("");
	assert_int_equal(adopt(1, good, SIZE - 1), PH_EMALFORMED);
	assert_int_equal(adopt(1, good, 0), PH_OK);
	assert_int_equal(claims_counters(claims)->askers, 0);
	assert_int_equal(adopt(1, good, SIZE), PH_OK);
	assert_int_equal(adopt(1, good, SIZE), PH_EMALFORMED);
	TOLD("+1:2000@60.");
}

static void
what_is_said_twice_is_adopted_once(void **state)
{
	const struct claims_counters *n;
	uint8_t buf[3 * SIZE];

	(void)state;
	WANT(1, 60, 2000, 0);
	export(1, buf, sizeof(buf));
	memcpy(buf + SIZE, buf, SIZE);
	memcpy(buf + 2 * SIZE, buf, SIZE);
	/* The same id in the filter for another tuple. */
	buf[2 * SIZE + TO_LO] = buf[2 * SIZE + TO_HI];
	restart();
	assert_int_equal(adopt(1, buf, sizeof(buf)), PH_OK);
	TOLD("+1:2000@60.");
	n = claims_counters(claims);
	assert_int_equal(n->open, 1);
	assert_int_equal(n->tuples, 1);
	WANT(1, 60, 0);
	TOLD("-1:2000.");
	SAID("close 1 a 2000 bye;");
	assert_int_equal(n->open, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_call_opens_and_closes),
		CASE(the_filter_is_told_the_class),
		CASE(what_one_turn_changes_goes_in_one_commit),
		CASE(only_differences_are_told),
		CASE(a_shared_tuple_closes_with_the_last_asker),
		CASE(one_that_waits_is_announced_when_it_is_answered),
		CASE(ids_count_from_where_they_are_told),
		CASE(many_changes_go_in_batches),
		CASE(what_is_beyond_the_limit_does_not_open),
		CASE(refusals_are_counted_and_said),
		CASE(media_was_last_seen_where_it_was_seen_last),
		CASE(packets_are_as_last_counted),
		CASE(each_end_has_last_sent_when_it_was_seen),
		CASE(a_lease_is_renewed_from_now),
		CASE(what_the_filter_lost_is_opened_at_the_next_renewal),
		CASE(a_successor_goes_on_with_the_same_names),
		CASE(the_filters_name_outlives_its_first_asker),
		CASE(an_adopted_pinhole_is_the_same_in_every_part),
		CASE(a_pinhole_is_as_old_as_it_was),
		CASE(new_ids_are_above_all_adopted_ones),
		CASE(a_lying_state_file_opens_nothing),
		CASE(what_is_said_twice_is_adopted_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
