/* SPDX-License-Identifier: ISC */
/*
 * Pieces at random, good and bad, against a model that has a flag for each
 * byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/capture/ipfrag.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

#define SEC  INT64_C(1000000)
#define KEYS 9
#define MOST 600 /* bytes of a datagram */

/* What the model knows of a datagram. */
struct sent {
	struct frag_key key;
	bool waits, condemned;
	int64_t since;
	uint8_t proto;
	uint32_t total; /* 0: not known */
	struct {
		uint32_t off, len;
		bool more;
	} pieces[FRAG_MAX_PIECES];
	size_t n;
	bool here[MOST + 64];
	char bytes[MOST + 64];
};

static struct ipfrag *frag;
static struct capture_stats stats, want;
static struct sent sent[KEYS];
static int64_t now;
static unsigned int nwhole;

/* Keys that differ in one field each, one way and the other. */
static void
keys_make(void)
{
	struct frag_key k;
	size_t i;

	memset(&k, 0, sizeof(k));
	k.src = addr_v4(198, 51, 100, 7);
	k.dst = addr_v4(192, 0, 2, 10);
	k.id = 5;
	k.ifindex = 3;
	k.dir = 1;
	k.proto = 17;
	memset(sent, 0, sizeof(sent));
	for (i = 0; i < KEYS; i++)
		sent[i].key = k;
	sent[1].key.id = 4;
	sent[2].key.id = 6;
	sent[3].key.ifindex = 2;
	sent[4].key.dir = 2;
	sent[5].key.proto = 6;
	sent[6].key.src = k.dst;
	sent[7].key.dst = k.src;
	sent[8].key.ifindex = 4;
}

static void
sent_begin(struct sent *s)
{
	size_t i;

	s->waits = true;
	s->condemned = false;
	s->since = now;
	s->proto = 0;
	s->total = 0;
	s->n = 0;
	memset(s->here, 0, sizeof(s->here));
	for (i = 0; i < sizeof(s->bytes); i++)
		s->bytes[i] = (char)random();
}

static void
model_expire(void)
{
	size_t i;

	for (i = 0; i < KEYS; i++)
		if (sent[i].waits && now - sent[i].since >= FRAG_TIMEOUT) {
			want.frag_timeouts += !sent[i].condemned;
			sent[i].waits = false;
		}
}

/* Does the piece break a rule?  *again: it is one that was there before. */
static bool
model_refuses(const struct sent *s, uint32_t off, uint32_t len, bool more,
    const char *bytes, bool *again)
{
	uint32_t i;

	*again = false;
	if (len == 0 || (more && len % 8 != 0) ||
	    (s->total != 0 && off + len > s->total))
		return true;
	for (i = off + len; !more && i < sizeof(s->here); i++)
		if (s->here[i])
			return true;
	for (i = 0; i < s->n; i++)
		if (s->pieces[i].off == off && s->pieces[i].len == len &&
		    s->pieces[i].more == more &&
		    memcmp(s->bytes + off, bytes, len) == 0) {
			*again = true;
			return false;
		}
	for (i = off; i < off + len; i++)
		if (s->here[i])
			return true;
	return !more && s->total != 0;
}

static enum ph_err
model_add(struct sent *s, uint32_t off, uint32_t len, bool more,
    const char *bytes, uint8_t proto)
{
	bool again;
	uint32_t i;

	want.fragments++;
	if (s->condemned)
		return PH_EMALFORMED;
	if (model_refuses(s, off, len, more, bytes, &again)) {
		s->condemned = true;
		want.frag_overlaps++;
		return PH_EMALFORMED;
	}
	if (again)
		return PH_ETRUNC;
	s->pieces[s->n].off = off;
	s->pieces[s->n].len = len;
	s->pieces[s->n++].more = more;
	memset(s->here + off, true, len);
	memcpy(s->bytes + off, bytes, len);
	if (off == 0)
		s->proto = proto;
	if (!more)
		s->total = off + len;
	for (i = 0; i < s->total; i++)
		if (!s->here[i])
			return PH_ETRUNC;
	s->waits = s->total == 0;
	return s->waits ? PH_ETRUNC : PH_OK;
}

static int64_t
model_due(void)
{
	int64_t due = INT64_MAX;
	size_t i;

	for (i = 0; i < KEYS; i++)
		if (sent[i].waits && sent[i].since + FRAG_TIMEOUT < due)
			due = sent[i].since + FRAG_TIMEOUT;
	return due;
}

static void
add(struct sent *s, uint32_t off, uint32_t len, bool more, bool changed)
{
	uint8_t proto = (uint8_t)random(), whole_proto = 0;
	char *bytes = malloc(len + 1);
	struct span whole = { NULL, 0 };
	enum ph_err rc;

	assert_non_null(bytes);
	model_expire();
	if (!s->waits)
		sent_begin(s);
	memcpy(bytes, s->bytes + off, len);
	if (changed && len > 0)
		bytes[(size_t)random() % len] ^= 1;
	rc = model_add(s, off, len, more, bytes, proto);
	assert_int_equal(ipfrag_add(frag, now, &s->key, off, more, proto,
			     (struct span) { bytes, len }, &whole, &whole_proto,
			     &stats),
	    rc);
	free(bytes);
	assert_memory_equal(&stats, &want, sizeof(stats));
	assert_true(ipfrag_due(frag) == model_due());
	if (rc != PH_OK)
		return;
	nwhole++;
	assert_int_equal(whole.len, s->total);
	assert_memory_equal(whole.p, s->bytes, s->total);
	assert_int_equal(whole_proto, s->proto);
}

/* Mostly pieces of a sensible size, so that datagrams get whole. */
static void
add_any(struct sent *s)
{
	uint32_t size = 8 * (1 + (uint32_t)random() % 8);
	uint32_t off = size * ((uint32_t)random() % (MOST / size)), len = size;
	bool more = random() % 6 != 0, changed = random() % 40 == 0;

	switch (random() % 50) {
	case 0:
		len = (uint32_t)random() % (size + 9);
		break;
	case 1:
		off = 8 * ((uint32_t)random() % (MOST / 8));
		break;
	default:
		if (s->waits && s->n > 0) {
			/* Of the size that the others have. */
			size = s->pieces[0].more ? s->pieces[0].len : 32;
			off = size * ((uint32_t)random() % 6);
			len = size;
			more = off < 4 * size;
			if (off > 4 * size)
				off = 0;
		}
		if (!more && random() % 4 == 0)
			len -= (uint32_t)random() % 8;
		break;
	}
	if (off + len > MOST)
		off = 0;
	/* The same once more. */
	if (s->waits && s->n > 0 && random() % 6 == 0) {
		size_t i = (size_t)random() % s->n;

		add(s, s->pieces[i].off, s->pieces[i].len, s->pieces[i].more,
		    changed);
		return;
	}
	add(s, off, len, more, changed);
}

static void
any_pieces_are_as_in_a_model(void **state)
{
	uint64_t noverlaps = 0, ntimeouts = 0;
	unsigned int turn, i;

	(void)state;
	srandom(1);
	for (turn = 0; turn < 20; turn++) {
		assert_non_null(frag = ipfrag_new());
		memset(&stats, 0, sizeof(stats));
		memset(&want, 0, sizeof(want));
		keys_make();
		now = SEC;
		assert_true(ipfrag_due(frag) == INT64_MAX);
		for (i = 0; i < 2000; i++) {
			add_any(&sent[random() % KEYS]);
			switch (random() % 30) {
			case 0:
				now += SEC;
				break;
			case 1:
				/* To the microsecond. */
				if (model_due() == INT64_MAX)
					break;
				now = model_due() - 1 + random() % 2;
				model_expire();
				ipfrag_expire(frag, now, &stats);
				assert_memory_equal(&stats, &want,
				    sizeof(stats));
				assert_true(ipfrag_due(frag) == model_due());
				break;
			default:
				now += random() % 1000;
				break;
			}
		}
		noverlaps += want.frag_overlaps;
		ntimeouts += want.frag_timeouts;
		ipfrag_free(frag);
	}
	print_message("%u whole, %llu overlaps, %llu timeouts\n", nwhole,
	    (unsigned long long)noverlaps, (unsigned long long)ntimeouts);
	assert_true(nwhole > 100 && noverlaps > 100 && ntimeouts > 100);
}

/* The greatest datagram, and one that is a byte longer. */
static void
the_longest_datagram_has_65535_bytes(void **state)
{
	static char bytes[65536];
	static const struct {
		uint32_t off;
		size_t len;
		enum ph_err rc;
	} rows[] = {
		{ 65528, 6, PH_ETRUNC },
		{ 65528, 7, PH_ETRUNC },
		{ 65528, 8, PH_EMALFORMED },
		{ 65520, 15, PH_ETRUNC },
		{ 65520, 16, PH_EMALFORMED },
		{ 0, 65535, PH_OK },
		{ 0, 65536, PH_EMALFORMED },
	};
	struct span whole;
	uint8_t proto;
	size_t i;

	(void)state;
	keys_make();
	for (i = 0; i < ROWS(rows); i++) {
		assert_non_null(frag = ipfrag_new());
		assert_int_equal(ipfrag_add(frag, now, &sent[0].key,
				     rows[i].off, false, 17,
				     (struct span) { bytes, rows[i].len },
				     &whole, &proto, &stats),
		    rows[i].rc);
		if (rows[i].rc == PH_OK)
			assert_int_equal(whole.len, rows[i].len);
		ipfrag_free(frag);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_pieces_are_as_in_a_model),
		cmocka_unit_test(the_longest_datagram_has_65535_bytes),
	};

	return starve_left(cmocka_run_group_tests(tests, NULL, NULL), 0);
}
