/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/hash.h"
#include "tests/unit/unit.h"

struct item {
	struct hash_node node; /* first */
	uint32_t value;
};

#define MANY 5000
static struct hash table;
static struct item items[MANY];

static uint64_t
item_hash(const struct hash *h, const struct hash_node *n)
{
	const struct item *i = (const struct item *)(const void *)n;

	return hash_bytes(h, &i->value, sizeof(i->value));
}

static struct item *
find(uint32_t value)
{
	struct item key = { .value = value };
	struct hash_node *n = hash_chain(&table, item_hash(&table, &key.node));

	while (n != NULL && ((struct item *)(void *)n)->value != value)
		n = n->next;
	return (struct item *)(void *)n;
}

static int
setup(void **state)
{
	uint32_t i;

	(void)state;
	if (hash_init(&table, item_hash) != PH_OK)
		return -1;
	for (i = 0; i < MANY; i++) {
		items[i].value = i;
		hash_insert(&table, &items[i].node);
	}
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	hash_free(&table);
	return 0;
}

static void
each_item_is_found_until_it_is_removed(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < MANY; i += 2)
		hash_remove(&table, &items[i].node);
	for (i = 0; i < MANY; i++)
		assert_ptr_equal(find(i), i % 2 == 0 ? NULL : &items[i]);
	assert_null(find(MANY));
	for (i = 0; i < MANY; i += 2)
		hash_insert(&table, &items[i].node);
	for (i = 0; i < MANY; i++)
		assert_ptr_equal(find(i), &items[i]);
	assert_int_equal(table.n, MANY);
}

static void
a_walk_sees_each_item_once_and_may_remove_it(void **state)
{
	static uint8_t seen[MANY];
	struct hash_node *n;
	struct hash_iter it;
	uint32_t i;

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (n = hash_first(&table, &it); n != NULL; n = hash_next(&table, &it))
		seen[((struct item *)(void *)n)->value]++;
	for (n = hash_first(&table, &it); n != NULL;
	     n = hash_next(&table, &it)) {
		seen[((struct item *)(void *)n)->value]++;
		hash_remove(&table, n);
	}
	for (i = 0; i < MANY; i++)
		assert_int_equal(seen[i], 2);
	assert_int_equal(table.n, 0);
	assert_null(hash_first(&table, &it));
}

static void
chains_stay_short(void **state)
{
	size_t i, len, longest = 0;
	struct hash_node *n;

	(void)state;
	assert_in_range(table.nbuckets, MANY / 2, MANY);
	for (i = 0; i < table.nbuckets; i++) {
		for (len = 0, n = table.v[i]; n != NULL; n = n->next)
			len++;
		longest = len > longest ? len : longest;
	}
	assert_in_range(longest, 2, 20);
}

static void
two_tables_hash_in_two_ways(void **state)
{
	struct hash other;

	(void)state;
	assert_int_equal(hash_init(&other, item_hash), PH_OK);
	assert_true(hash_bytes(&table, "a", 1) != hash_bytes(&other, "a", 1));
	assert_true(hash_bytes(&table, "a", 1) != hash_bytes(&table, "a\0", 2));
	assert_true(hash_bytes(&table, "12345678", 8) !=
	    hash_bytes(&table, "12345678\0", 9));
	hash_free(&other);
}

/* The key is 00 01 ... 0f, and so are the bytes. */
static void
bytes_hash_as_siphash_1_3_does(void **state)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} t[] = {
		{ 0, 0xabac0158050fc4dc },
		{ 1, 0xc9f49bf37d57ca93 },
		{ 7, 0xd3927d989bb11140 },
		{ 8, 0x369095118d299a8e },
		{ 9, 0x25a48eb36c063de4 },
		{ 15, 0xd320d86d2a519956 },
		{ 16, 0xcc4fdd1a7d908b66 },
		{ 17, 0x9cf2689063dbd80c },
		{ 37, 0xb6101c2da3c33057 },
		{ 255, 0xf76214e3153c4a15 },
	};
	const uint16_t one = 1;
	uint8_t bytes[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	memcpy(table.key, bytes, sizeof(table.key));
	/* The other byte order hashes to other numbers. */
	if (*(const uint8_t *)&one != 1)
		skip();
	for (i = 0; i < ROWS(t); i++)
		assert_true(hash_bytes(&table, bytes, t[i].len) == t[i].hash);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_item_is_found_until_it_is_removed),
		CASE(a_walk_sees_each_item_once_and_may_remove_it),
		CASE(chains_stay_short),
		CASE(two_tables_hash_in_two_ways),
		cmocka_unit_test(bytes_hash_as_siphash_1_3_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
