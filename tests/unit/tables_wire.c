/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tables/wire.h"
#include "tests/data/tables_golden.h"
#include "tests/unit/unit.h"

#define TIME  1700000000u
#define NONCE 0x0123456789abcdefu

static struct key key;
static uint8_t bytes[WIRE_MAX + 1];
static struct wire_request request;

static int
setup(void **state)
{
	char secret[40];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(secret); i++)
		secret[i] = (char)(i + 1);
	assert_int_equal(key_set(&key, "mail",
			     (struct span) { secret, sizeof(secret) }),
	    PH_OK);
	memset(&request, 0xa5, sizeof(request));
	return 0;
}

static struct span
unhex(const char *text)
{
	size_t i, n = strlen(text) / 2;
	unsigned int v;

	assert_true(n <= sizeof(bytes));
	for (i = 0; i < n; i++) {
		assert_int_equal(sscanf(text + 2 * i, "%2x", &v), 1);
		bytes[i] = (uint8_t)v;
	}
	return (struct span) { (char *)bytes, n };
}

/* Parse a copy of exactly its size, so that ASan sees a byte too far. */
static enum ph_err
parse(struct span d)
{
	char *p = malloc(d.len > 0 ? d.len : 1);
	enum ph_err rc;

	assert_non_null(p);
	memcpy(p, d.p, d.len);
	rc = wire_parse((struct span) { p, d.len }, &request);
	free(p);
	return rc;
}

static void
assert_entry(size_t i, const char *prefix, uint32_t ttl_s)
{
	char text[ADDR_STRLEN];

	assert_true(i < request.n);
	assert_string_equal(prefix_format(&request.entries[i].prefix, text),
	    prefix);
	assert_int_equal(request.entries[i].ttl_s, ttl_s);
}

static void
known_datagrams_are_understood(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*what, *hex;
		uint8_t		 version, command, n;
		const char	*prefix, *table;
	} rows[] = {
		{ "v1",		v1_add,		1, WIRE_ADD,	1, "192.0.2.7",		"spammer" },
		{ "v1, length 0", v1_zero,	1, WIRE_ADD,	1, "192.0.2.7",		"spammer" },
		{ "v2 prefix",	v2_add,		2, WIRE_ADD,	1, "198.51.100.0/24",	"spammer" },
		{ "v2, 32 long", v2_delete,	2, WIRE_DELETE, 1, "192.0.2.7",
		    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" },
		{ "v2 flush",	v2_flush,	2, WIRE_FLUSH,	0, NULL,		"spammer" },
		{ "v3 flush",	v3_flush,	3, WIRE_FLUSH,	0, NULL,		"blocked" },
		{ "v3",		v3_add,		3, WIRE_ADD,	4, "192.0.2.7",		"spammer" },
	};
	/* clang-format on */
	struct span d;
	struct key other = key;
	size_t i;

	(void)state;
	other.secret[0]++;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].what);
		d = unhex(rows[i].hex);
		assert_int_equal(parse(d), PH_OK);
		assert_int_equal(request.version, rows[i].version);
		assert_int_equal(request.command, rows[i].command);
		assert_int_equal(request.time, TIME);
		assert_int_equal(request.n, rows[i].n);
		assert_string_equal(request.table, rows[i].table);
		if (rows[i].n > 0)
			assert_entry(0, rows[i].prefix, 0);
		assert_true(wire_verify(d, &key));
		assert_false(wire_verify(d, &other));
	}
	assert_int_equal(request.nonce, NONCE);
	assert_string_equal(request.key, "mail");
	assert_entry(1, "198.51.100.0/24", 3600);
	assert_entry(2, "2001:db8:1::/48", UINT32_MAX);
	assert_entry(3, "2001:db8::1", 60);
}

static void
what_is_built_is_the_known_datagram(void **state)
{
	static const char *const all[] = { v1_add, v2_add, v2_delete, v2_flush,
		v3_add, v3_flush };
	uint8_t built[WIRE_MAX];
	struct span d;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(all); i++) {
		d = unhex(all[i]);
		assert_int_equal(parse(d), PH_OK);
		assert_int_equal(wire_build(&request, &key, built), d.len);
		assert_memory_equal(built, d.p, d.len);
	}
	/* Requests that cannot be written in older versions. */
	unhex(v3_add);
	assert_int_equal(parse(unhex(v3_add)), PH_OK);
	request.version = 2;
	assert_int_equal(wire_build(&request, &key, built), 0);
	request.n = 1;
	assert_int_equal(wire_build(&request, &key, built), WIRE_LEGACY_LEN);
	request.entries[0] = request.entries[2];
	assert_int_equal(wire_build(&request, &key, built), 0);
	request.version = 3;
	request.n = WIRE_ENTRIES + 1;
	assert_int_equal(wire_build(&request, &key, built), 0);
	/* The largest there is. */
	request.n = WIRE_ENTRIES;
	for (i = 4; i < WIRE_ENTRIES; i++)
		request.entries[i] = request.entries[1];
	assert_int_equal(wire_build(&request, &key, built), WIRE_MAX);
	d = (struct span) { (const char *)built, WIRE_MAX };
	assert_true(wire_verify(d, &key));
	assert_int_equal(parse(d), PH_OK);
	assert_int_equal(request.n, WIRE_ENTRIES);
	assert_entry(WIRE_ENTRIES - 1, "198.51.100.0/24", 3600);
}

static void
a_bit_anywhere_breaks_the_signature(void **state)
{
	static const char *const all[] = { v1_add, v2_add, v3_add };
	struct span d;
	size_t i, bit;

	(void)state;
	for (i = 0; i < ROWS(all); i++) {
		d = unhex(all[i]);
		for (bit = 8; bit < d.len * 8; bit++) {
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(wire_verify(d, &key));
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_true(wire_verify(d, &key));
	}
}

static void
malformed_datagrams_are_refused(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*what, *hex;
		size_t		 at;
		uint8_t		 value;
		enum ph_err	 rc;
	} rows[] = {
		{ "version 0",		v2_add,	0,   0,	  PH_EUNSUPPORTED },
		{ "version 4",		v3_add,	0,   4,	  PH_EUNSUPPORTED },
		{ "version 3, 64 long",	v2_add,	0,   3,	  PH_EMALFORMED },
		{ "version 2, longer",	v3_add,	0,   2,	  PH_EMALFORMED },
		{ "v2 reserved byte",	v2_add,	2,   7,	  PH_OK },
		{ "v2 length 33",	v2_add,	3,   33,  PH_EMALFORMED },
		{ "v2 length 0",	v2_add,	3,   0,	  PH_OK },
		{ "v1 length 255",	v1_add,	3,   255, PH_OK },
		{ "v2 unknown command",	v2_add,	1,   99,  PH_OK },
		{ "v2 flush, length 40", v2_flush, 3, 40, PH_OK },
		{ "v3 flags",		v3_add,	2,   1,	  PH_EMALFORMED },
		{ "v3 too few entries",	v3_add,	3,   5,	  PH_EMALFORMED },
		{ "v3 too many entries", v3_add, 3,  3,	  PH_EMALFORMED },
		{ "v3 no entries",	v3_add,	3,   0,	  PH_EMALFORMED },
		{ "v3 flush entries",	v3_add,	1,   3,	  PH_EMALFORMED },
		{ "v3 add nothing",	v3_flush, 1, 1,	  PH_EMALFORMED },
		{ "v3 family 5",	v3_add,	80,  5,	  PH_EMALFORMED },
		{ "v3 family 0",	v3_add,	80,  0,	  PH_EMALFORMED },
		{ "v3 IPv4 length 33",	v3_add,	81,  33,  PH_EMALFORMED },
		{ "v3 length 0",	v3_add,	81,  0,	  PH_OK },
		{ "v3 pad",		v3_add,	83,  1,	  PH_EMALFORMED },
		{ "v3 behind IPv4",	v3_add,	103, 1,	  PH_EMALFORMED },
		{ "v3 IPv6 length 129",	v3_add,	153, 129, PH_EMALFORMED },
	};
	/* clang-format on */
	struct span d;
	size_t i, n;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].what);
		d = unhex(rows[i].hex);
		bytes[rows[i].at] = rows[i].value;
		assert_int_equal(parse(d), rows[i].rc);
	}
	/* Of any other length. */
	for (n = 0; n < 64; n++)
		assert_int_equal(parse(span_sub(unhex(v2_add), 0, n)),
		    PH_EMALFORMED);
	d = unhex(v3_add);
	for (n = 0; n < d.len; n++)
		assert_int_equal(parse(span_sub(d, 0, n)), PH_EMALFORMED);
	d.len++;
	assert_int_equal(parse(d), PH_EMALFORMED);
	d = unhex(v2_add);
	d.len++;
	assert_int_equal(parse(d), PH_EMALFORMED);
}

static void
host_bits_are_cleared(void **state)
{
	struct span d = unhex(v2_add);

	(void)state;
	bytes[7] = 0xff;
	assert_int_equal(parse(d), PH_OK);
	assert_entry(0, "198.51.100.0/24", 0);
	bytes[3] = 23;
	assert_int_equal(parse(d), PH_OK);
	assert_entry(0, "198.51.100.0/23", 0);
	bytes[6] = 0xff;
	assert_int_equal(parse(d), PH_OK);
	assert_entry(0, "198.51.254.0/23", 0);
	d = unhex(v3_add);
	memset(bytes + 80 + 48 + 8, 0xff, 16);
	assert_int_equal(parse(d), PH_OK);
	assert_entry(2, "ffff:ffff:ffff::/48", UINT32_MAX);
}

static void
an_answer_belongs_to_its_request(void **state)
{
	uint8_t mac[MAC_SHA256_LEN], built[WIRE_REPLY_LEN];
	struct wire_reply reply;
	struct span d = unhex(v3_add);
	struct key other = key;

	(void)state;
	memcpy(mac, wire_mac(d).p, sizeof(mac));
	d = unhex(v3_reply);
	assert_int_equal(wire_reply_parse(d, &key, mac, &reply), PH_OK);
	assert_int_equal(reply.command, WIRE_ADD);
	assert_int_equal(reply.status, WIRE_NEVER);
	assert_int_equal(reply.time, TIME + 1);
	assert_int_equal(reply.nonce, NONCE);
	assert_int_equal(reply.refused, 6);
	assert_int_equal(wire_reply_build(&reply, &key, mac, built), d.len);
	assert_memory_equal(built, d.p, d.len);

	other.len--;
	assert_int_equal(wire_reply_parse(d, &other, mac, &reply), PH_EDENIED);
	mac[0]++;
	assert_int_equal(wire_reply_parse(d, &key, mac, &reply), PH_EDENIED);
	d.len--;
	assert_int_equal(wire_reply_parse(d, &key, mac, &reply), PH_EMALFORMED);
}

static void
every_status_has_a_text(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < WIRE_NSTATUS; i++)
		assert_string_not_equal(wire_status_text((uint8_t)i),
		    wire_status_text(255));
}

static void
a_key_has_a_name_and_enough_bytes(void **state)
{
	static const char secret[KEY_MAX + 9] =
	    "0123456789012345678901234567890";
	struct key k, v[2];

	(void)state;
	assert_int_equal(key_set(&k, "a", (struct span) { secret, 19 }),
	    PH_ETRUNC);
	assert_int_equal(key_set(&k, "a", (struct span) { secret, 20 }), PH_OK);
	assert_int_equal(k.len, 20);
	assert_int_equal(key_set(&k, "",
			     (struct span) { secret, sizeof(secret) }),
	    PH_OK);
	assert_int_equal(k.len, KEY_MAX);
	assert_int_equal(key_set(&k, "a234567890123456789012345678901x",
			     (struct span) { secret, 20 }),
	    PH_EBAD);
	assert_int_equal(key_set(&v[0], "a", (struct span) { secret, 20 }),
	    PH_OK);
	assert_int_equal(key_set(&v[1], "", (struct span) { secret, 20 }),
	    PH_OK);
	assert_ptr_equal(keys_find(v, 2, ""), &v[1]);
	assert_ptr_equal(keys_find(v, 2, "a"), &v[0]);
	assert_null(keys_find(v, 2, "b"));
}

static void
the_library_computes_what_the_standards_say(void **state)
{
	(void)state;
	assert_null(mac_trouble());
}

#define CASE(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(known_datagrams_are_understood),
		CASE(what_is_built_is_the_known_datagram),
		CASE(a_bit_anywhere_breaks_the_signature),
		CASE(malformed_datagrams_are_refused),
		CASE(host_bits_are_cleared),
		CASE(an_answer_belongs_to_its_request),
		CASE(every_status_has_a_text),
		CASE(a_key_has_a_name_and_enough_bytes),
		CASE(the_library_computes_what_the_standards_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
