/* SPDX-License-Identifier: ISC */
/*
 * Timers, shares, heaps, hash tables and text buffers: thousands of steps at
 * random, but the same every time, each against the plainest model there is.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/hash.h"
#include "src/base/heap.h"
#include "src/base/shares.h"
#include "src/base/strbuf.h"
#include "src/base/timers.h"
#include "tests/unit/random.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

static int
setup(void **state)
{
	(void)state;
	seed = 1;
	return 0;
}

#define TIMERS 12

static struct timers timers;
static struct one {
	struct timer timer;
	bool set;
	int64_t due;
	uint64_t order; /* of setting it */
	int64_t again;	/* when it fires, set it so much later; 0: not */
	unsigned int fired, expected;
} ones[TIMERS];
static uint64_t orders;

static void
set_one(struct one *o, int64_t at)
{
	timer_set(&timers, &o->timer, at);
	o->set = true;
	o->due = at;
	o->order = ++orders;
}

/* The one that is due first, by age if several are. */
static struct one *
first_one(void)
{
	struct one *first = NULL, *o;

	for (o = ones; o < ones + TIMERS; o++)
		if (o->set &&
		    (first == NULL || o->due < first->due ||
			(o->due == first->due && o->order < first->order)))
			first = o;
	return first;
}

static int64_t running_at;

static void
fire(struct timer *t, int64_t now)
{
	struct one *o = timer_owner(t, struct one, timer);

	/* In order, and told when they were due. */
	assert_ptr_equal(o, first_one());
	assert_int_equal(now, o->due);
	assert_true(now <= running_at);
	assert_false(timer_is_set(t));
	o->set = false;
	o->fired++;
	if (o->again != 0)
		set_one(o, now + o->again);
}

static void
timers_fire_in_order_whatever_is_done(void **state)
{
	int64_t now = 0;
	struct one *o;
	int i;

	(void)state;
	memset(ones, 0, sizeof(ones));
	timers_init(&timers);
	for (o = ones; o < ones + TIMERS; o++)
		assert_int_equal(timer_begin(&timers, &o->timer, fire), PH_OK);
	for (i = 0; i < 30000; i++) {
		o = &ones[pick(TIMERS)];
		switch (pick(6)) {
		case 0:
		case 1:
		case 2:
			o->again = pick(8) == 0 ? 3 + pick(9) : 0;
			set_one(o, now + pick(20));
			break;
		case 3:
			timer_clear(&timers, &o->timer);
			o->set = false;
			break;
		default:
			running_at = now += pick(4);
			timers_run(&timers, now);
			break;
		}
		assert_int_equal(timer_is_set(&o->timer), o->set);
		o = first_one();
		assert_int_equal(timers_next(&timers),
		    o != NULL ? o->due : INT64_MAX);
		assert_true(o == NULL || o->due > now - 1);
	}
	assert_true(ones[0].fired > 100);
	for (o = ones; o < ones + TIMERS; o++)
		timer_end(&timers, &o->timer);
	assert_int_equal(timers.n, 0);
	assert_int_equal(timers_next(&timers), INT64_MAX);
	timers_free(&timers);
}

#define ITEMS	24
#define SOURCES 5

static struct thing {
	struct share_item item;
	int source; /* -1: not in */
	size_t cost;
	uint64_t touched;
} things[ITEMS];

static struct addr
source_of(int i)
{
	struct addr a = i < 3
	    ? addr_v4(192, 0, 2, (uint8_t)i)
	    : (struct addr) { AF_INET6,
		      { 0x20,
			  1, [7] = (uint8_t)i, [15] = (uint8_t)pick(200) } };

	return a;
}

static size_t
used_by(int source)
{
	size_t n = 0, i;

	for (i = 0; i < ITEMS; i++)
		if (things[i].source == source)
			n += things[i].cost;
	return n;
}

/* touched[]: when something of the source last changed. */
static void
check_shares(struct shares *s, const uint64_t touched[SOURCES])
{
	struct thing *worst = NULL;
	int source, greedy = -1;
	size_t used = 0, n = 0, i;
	struct addr a;

	for (i = 0; i < ITEMS; i++)
		n += things[i].source != -1;
	for (source = 0; source < SOURCES; source++) {
		a = source_of(source);
		assert_int_equal(shares_taken(s, &a), used_by(source));
		used += used_by(source);
		for (i = 0; i < ITEMS && things[i].source != source; i++)
			continue;
		if (i == ITEMS)
			continue;
		if (greedy == -1 || used_by(source) > used_by(greedy) ||
		    (used_by(source) == used_by(greedy) &&
			touched[source] < touched[greedy]))
			greedy = source;
	}
	assert_int_equal(s->used, used);
	assert_int_equal(s->n, n);
	for (i = 0; i < ITEMS; i++)
		if (things[i].source == greedy && greedy != -1 &&
		    (worst == NULL || things[i].touched < worst->touched))
			worst = &things[i];
	assert_ptr_equal(shares_worst(s), worst);
}

static void
the_source_with_most_gives_its_oldest(void **state)
{
	uint64_t touched[SOURCES] = { 0 }, clock = 0;
	struct shares s;
	struct thing *t;
	struct addr a;
	int i;

	(void)state;
	shares_init(&s);
	memset(things, 0, sizeof(things));
	for (i = 0; i < ITEMS; i++) {
		things[i].source = -1;
		things[i].item.owner = &things[i];
	}
	for (i = 0; i < 20000; i++) {
		t = &things[pick(ITEMS)];
		clock++;
		if (t->source == -1) {
			t->source = (int)pick(SOURCES);
			t->cost = pick(4);
			a = source_of(t->source);
			t->touched = touched[t->source] = clock;
			assert_true(shares_add(&s, &t->item, &a, t->cost));
		} else if (pick(3) == 0) {
			touched[t->source] = clock;
			t->source = -1;
			shares_remove(&s, &t->item);
			shares_remove(&s, &t->item);
			assert_null(t->item.share);
			assert_int_equal(t->item.cost, 0);
		} else if (pick(2) == 0) {
			touched[t->source] = clock;
			t->cost = pick(9);
			shares_resize(&s, &t->item, t->cost);
		} else {
			t->touched = touched[t->source] = clock;
			shares_touch(&s, &t->item);
		}
		if (t->source != -1)
			assert_int_equal(shares_beside(&t->item),
			    used_by(t->source));
		check_shares(&s, touched);
	}
	/* Without memory for another source nothing is added. */
	for (i = 0; i < ITEMS; i++)
		shares_remove(&s, &things[i].item);
	a = source_of(0);
	starve(1);
	assert_false(shares_add(&s, &things[0].item, &a, 1));
	(void)starve_end();
	assert_int_equal(s.n, 0);
	assert_null(shares_worst(&s));
}

#define PLACES 40

static void
a_heap_knows_the_earliest(void **state)
{
	uint32_t place[PLACES] = { 0 };
	int64_t at[PLACES], first;
	const struct heap_slot *slot;
	struct heap h;
	size_t i, k, n, cap;

	(void)state;
	heap_init(&h);
	starve(1);
	assert_int_equal(heap_reserve(&h, 1), PH_ENOMEM);
	(void)starve_end();
	assert_int_equal(heap_reserve(&h, 1), PH_OK);
	assert_int_equal(h.cap, 16);
	for (i = 0; i < 30000; i++) {
		k = pick(PLACES);
		if (pick(3) > 0) {
			cap = h.cap;
			starve(0);
			assert_int_equal(heap_reserve(&h, h.n + 1), PH_OK);
			assert_int_equal(starve_end(), h.n + 1 > cap);
			at[k] = pick(25);
			heap_set(&h, &place[k], at[k]);
		} else
			heap_clear(&h, &place[k]);
		for (first = INT64_MAX, n = k = 0; k < PLACES; k++) {
			if (place[k] == 0)
				continue;
			n++;
			assert_int_equal(heap_at(&h, &place[k]), at[k]);
			first = at[k] < first ? at[k] : first;
		}
		assert_int_equal(h.n, n);
		slot = heap_first(&h);
		assert_int_equal(slot != NULL ? slot->at : INT64_MAX, first);
	}
	heap_free(&h);
	assert_null(heap_first(&h));
}

#define NUMBERS 300

static struct number {
	struct hash_node node; /* first */
	uint8_t value[2];
	bool in;
} numbers[NUMBERS];

static uint64_t
number_hash(const struct hash *h, const struct hash_node *n)
{
	const struct number *i = (const struct number *)(const void *)n;

	return hash_bytes(h, i->value, sizeof(i->value));
}

static bool
is_found(const struct hash *h, const struct number *i)
{
	const struct hash_node *n = hash_chain(h, number_hash(h, &i->node));

	while (n != NULL && n != &i->node)
		n = n->next;
	return n != NULL;
}

static void
a_hash_table_has_what_was_put_there(void **state)
{
	struct hash_iter it;
	struct hash_node *n;
	struct number *x;
	struct hash h;
	size_t i, k, in = 0;

	(void)state;
	starve(1);
	assert_int_equal(hash_init(&h, number_hash), PH_ENOMEM);
	(void)starve_end();
	assert_int_equal(hash_init(&h, number_hash), PH_OK);
	for (i = 0; i < NUMBERS; i++) {
		numbers[i] = (struct number) { .in = false };
		numbers[i].value[0] = (uint8_t)i;
		numbers[i].value[1] = (uint8_t)(i >> 8);
	}
	for (i = 0; i < 6000; i++) {
		x = &numbers[pick(NUMBERS)];
		/* It grows if there is memory, and works if not. */
		starve(pick(2));
		if (x->in)
			hash_remove(&h, &x->node);
		else
			hash_insert(&h, &x->node);
		(void)starve_end();
		x->in = !x->in;
		in = x->in ? in + 1 : in - 1;
		assert_int_equal(h.n, in);
		assert_true(h.nbuckets <= h.cap);
		if (i % 50 != 0)
			continue;
		for (k = 0; k < NUMBERS; k++)
			assert_int_equal(is_found(&h, &numbers[k]),
			    numbers[k].in);
	}
	assert_true(h.nbuckets > NUMBERS / 3);
	for (n = hash_first(&h, &it); n != NULL; n = hash_next(&h, &it)) {
		assert_true(((struct number *)(void *)n)->in);
		in--;
		if (pick(2) == 0)
			hash_remove(&h, n);
	}
	assert_int_equal(in, 0);
	hash_free(&h);
}

/* The buffer has the whole text, or as much of its beginning as fits. */
static void
a_text_buffer_keeps_the_beginning(void **state)
{
	static const char words[] = "abcdefghijklmnopqrstuvwxyz";
	char array[40], want[128], word[32], *p;
	size_t size, n, len;
	struct strbuf b;
	bool full;
	int i;

	(void)state;
	for (i = 0; i < 4000; i++) {
		size = 1 + pick(38);
		memset(array, '#', sizeof(array));
		b = strbuf_of(array, size);
		len = 0;
		full = false;
		while (len < 60) {
			n = pick(9);
			word[0] = '\0';
			strlcpy(word, words + pick(17), n + 1);
			switch (pick(5)) {
			case 0:
				strbuf_str(&b, word);
				break;
			case 1:
				strbuf_fmt(&b, "%s", word);
				break;
			case 2:
				strbuf_add(&b, (struct span) { word, n });
				break;
			case 3:
				snprintf(word, sizeof(word), "%u",
				    pick(3) == 0 ? 0 : seed);
				n = strlen(word);
				strbuf_uint(&b, strtoul(word, NULL, 10));
				break;
			default:
				/* All or nothing. */
				p = strbuf_room(&b, n);
				assert_int_equal(p == NULL,
				    full || len + n >= size);
				if (p != NULL)
					memcpy(p, word, n);
				else
					full = true;
				n = p != NULL ? n : 0;
				break;
			}
			if (!full)
				memcpy(want + len, word, n);
			if (!full && len + n >= size) {
				full = true;
				len = size - 1;
			} else if (!full)
				len += n;
			want[len] = '\0';
			assert_int_equal(b.full, full);
			assert_int_equal(b.len, len);
			assert_string_equal(array, want);
			assert_int_equal(array[size], '#');
			if (full)
				break;
		}
	}
}

#define CASE(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(timers_fire_in_order_whatever_is_done),
		CASE(the_source_with_most_gives_its_oldest),
		CASE(a_heap_knows_the_earliest),
		CASE(a_hash_table_has_what_was_put_there),
		CASE(a_text_buffer_keeps_the_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
