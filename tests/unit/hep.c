/* SPDX-License-Identifier: ISC */
/* Packets of HEP: chunks, lengths, streams, keys. */
#include <sys/socket.h>

#include <string.h>

#include "src/base/wire.h"
#include "src/capture/hep_stream.h"
#include "tests/unit/unit.h"

static uint8_t buffer[HEP_MAX];
static struct writer w;

static void
begin(void)
{
	w = writer_of(buffer, sizeof(buffer));
	writer_copy(&w, "HEP3", 4);
	writer_u16(&w, 0);
}

static void
chunk(uint16_t vendor, uint16_t type, const void *p, size_t len)
{
	writer_u16(&w, vendor);
	writer_u16(&w, type);
	writer_u16(&w, (uint16_t)(6 + len));
	writer_copy(&w, p, len);
}

static struct span
done(void)
{
	buffer[4] = (uint8_t)(w.len >> 8);
	buffer[5] = (uint8_t)w.len;
	return (struct span) { (const char *)buffer, w.len };
}

/* What the beginning of a stream says of the length. */
static void
a_packet_begins_with_its_length(void **state)
{
	/* clang-format off */
	static const struct {
		const char *bytes;
		size_t n;
		enum ph_err rc;
		size_t len;
	} rows[] = {
		{ "", 0, PH_ETRUNC, 0 },
		{ "H", 1, PH_ETRUNC, 0 },
		{ "HEP", 3, PH_ETRUNC, 0 },
		{ "HEP3", 4, PH_ETRUNC, 0 },
		{ "HEP3\1", 5, PH_ETRUNC, 0 },
		{ "HEP3\0\6", 6, PH_OK, 6 },
		{ "HEP3\1\2x", 7, PH_OK, 258 },
		{ "HEP3\377\377", 6, PH_OK, 65535 },
		{ "HEP3\0\5", 6, PH_EMALFORMED, 5 },
		{ "HEP3\0\0", 6, PH_EMALFORMED, 0 },
		{ "X", 1, PH_EMALFORMED, 0 },
		{ "HEP4", 4, PH_EMALFORMED, 0 },
		{ "hep3\0\6", 6, PH_EMALFORMED, 0 },
		{ "XEP3\0\6", 6, PH_EMALFORMED, 0 },
	};
	/* clang-format on */
	size_t i, len;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		len = 77;
		assert_int_equal(hep_frame((struct span) { rows[i].bytes,
					       rows[i].n },
				     &len),
		    rows[i].rc);
		assert_int_equal(len, rows[i].len);
	}
}

/* All but the chunk `without`; 0: all. */
static void
fill(uint16_t without)
{
	static const struct {
		uint16_t type;
		const char *p;
		size_t len;
	} chunks[] = {
		{ 1, "\2", 1 },
		{ 2, "\6", 1 },
		{ 3, "\306\063\144\7", 4 },
		{ 4, "\300\0\2\12", 4 },
		{ 7, "\300\0", 2 },
		{ 8, "\23\305", 2 },
		{ 9, "1234", 4 },
		{ 10, "5678", 4 },
		{ 11, "\1", 1 },
		{ 12, "\0\0\0\7", 4 },
		{ 14, "a secret", 8 },
		{ 15, "INVITE", 6 },
	};
	size_t i;

	begin();
	for (i = 0; i < ROWS(chunks); i++)
		if (chunks[i].type != without)
			chunk(0, chunks[i].type, chunks[i].p, chunks[i].len);
}

static enum ph_err
decode(void)
{
	struct hep h;

	return hep_decode(&h, done());
}

static void
a_packet_becomes_a_message(void **state)
{
	char text[ADDR_STRLEN];
	struct hep h;

	(void)state;
	fill(0);
	assert_int_equal(hep_decode(&h, done()), PH_OK);
	assert_string_equal(endpoint_format(&h.src, text),
	    "198.51.100.7:49152");
	assert_string_equal(endpoint_format(&h.dst, text), "192.0.2.10:5061");
	assert_int_equal(h.proto, 6);
	assert_int_equal(h.type, HEP_SIP);
	assert_true(span_eq_str(h.key, "a secret"));
	assert_true(span_eq_str(h.bytes, "INVITE"));
}

static void
chunks_come_in_any_order(void **state)
{
	struct hep h;

	(void)state;
	begin();
	chunk(0, 15, "INVITE", 6);
	chunk(0, 11, "\1", 1);
	chunk(0, 8, "\23\305", 2);
	chunk(0, 7, "\300\0", 2);
	chunk(0, 4, "\300\0\2\12", 4);
	chunk(0, 3, "\306\063\144\7", 4);
	chunk(0, 2, "\6", 1);
	chunk(0, 1, "\2", 1);
	assert_int_equal(hep_decode(&h, done()), PH_OK);
	assert_int_equal(h.proto, 6);
	assert_int_equal(h.src.port, 49152);
	assert_int_equal(h.dst.port, 5061);
	assert_int_equal(h.dst.addr.af, AF_INET);
	assert_int_equal(h.type, HEP_SIP);
	assert_true(span_eq_str(h.bytes, "INVITE"));
}

static void
ipv6_is_a_family_of_its_own(void **state)
{
	static const char six[16] = "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\7";
	uint16_t src = 3, dst = 4;
	const char *family = "\12";
	struct hep h;
	int i;

	(void)state;
	/* Both addresses of the family; one, the other one; none. */
	for (i = 0; i < 4; i++) {
		begin();
		chunk(0, 1, family, 1);
		chunk(0, 2, "\6", 1);
		chunk(0, 7, "\23\305", 2);
		chunk(0, 8, "\23\305", 2);
		chunk(0, 11, "\1", 1);
		chunk(0, 15, "x", 1);
		src = i == 1 ? 3 : 5;
		dst = i == 2 ? 4 : 6;
		if (i < 3) {
			chunk(0, src, six, src == 3 ? 4 : 16);
			chunk(0, dst, six, dst == 4 ? 4 : 16);
		}
		assert_int_equal(hep_decode(&h, done()),
		    i == 0 ? PH_OK : PH_EMALFORMED);
		if (i == 0)
			assert_memory_equal(h.dst.addr.b, six, 16);
	}
}

static void
what_is_missing_twice_or_too_long_is_malformed(void **state)
{
	static const uint16_t needed[] = { 1, 2, 3, 4, 7, 8, 11 };
	static const uint16_t optional[] = { 9, 10, 12, 14, 15 };
	static const uint16_t fixed[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
		12 };
	static const char long_key[HEP_KEY_MAX + 1];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(needed); i++) {
		fill(needed[i]);
		assert_int_equal(decode(), PH_EMALFORMED);
	}
	for (i = 0; i < ROWS(optional); i++) {
		fill(optional[i]);
		assert_int_equal(decode(), PH_OK);
		chunk(0, optional[i], "12345678", optional[i] < 14 ? 4 : 8);
		assert_int_equal(decode(), PH_OK);
		chunk(0, optional[i], "12345678", optional[i] < 14 ? 4 : 8);
		assert_int_equal(decode(), PH_EMALFORMED);
	}
	for (i = 0; i < ROWS(fixed); i++) {
		fill(fixed[i]);
		chunk(0, fixed[i], "123", 3);
		assert_int_equal(decode(), PH_EMALFORMED);
	}
	/* A key of no bytes, and one that is longer than any. */
	fill(14);
	chunk(0, 14, "", 0);
	assert_int_equal(decode(), PH_EMALFORMED);
	fill(14);
	chunk(0, 14, long_key, sizeof(long_key));
	assert_int_equal(decode(), PH_EMALFORMED);
}

static void
chunks_that_we_do_not_read_are_skipped(void **state)
{
	struct hep h;

	(void)state;
	fill(0);
	chunk(0, 17, "correlation", 11);
	chunk(0, 17, "correlation", 11);
	chunk(3, 15, "BYE", 3);
	chunk(0, 0, "", 0);
	chunk(0, 0xffff, "", 0);
	chunk(0, 13, "\0\1", 2);
	assert_int_equal(hep_decode(&h, done()), PH_OK);
	assert_true(span_eq_str(h.bytes, "INVITE"));
}

static void
lengths_that_do_not_fit_are_malformed(void **state)
{
	struct span all;
	struct hep h;
	size_t i;

	(void)state;
	fill(0);
	all = done();
	for (i = 0; i < all.len; i++)
		assert_int_equal(hep_decode(&h, span_sub(all, 0, i)),
		    PH_EMALFORMED);
	/* The packet says that it ends before its last chunk. */
	buffer[5] = (uint8_t)(all.len - 12);
	assert_int_equal(hep_decode(&h, all), PH_EMALFORMED);
	buffer[5] = (uint8_t)all.len;
	/* The last chunk is longer than the packet, then shorter than itself.
	 */
	buffer[all.len - 7]++;
	assert_int_equal(hep_decode(&h, all), PH_EMALFORMED);
	buffer[all.len - 7] = 5;
	assert_int_equal(hep_decode(&h, all), PH_EMALFORMED);
}

static char got[1024];

static void
on_packet(void *ctx, struct span packet)
{
	struct hep h;

	(void)ctx;
	if (hep_decode(&h, packet) == PH_OK)
		strncat(got, h.bytes.p, h.bytes.len);
	strlcat(got, ";", sizeof(got));
}

static void
a_stream_is_cut_up_anyhow(void **state)
{
	struct hep_stream *s;
	char text[600];
	size_t len, at, size;

	(void)state;
	fill(0);
	len = done().len;
	memcpy(text, buffer, len);
	memcpy(text + len, "HEP3\0\6", 6);
	memcpy(text + len + 6, buffer, len);
	len = 2 * len + 6;
	for (size = 1; size <= len; size++) {
		got[0] = '\0';
		assert_non_null(s = hep_stream_new());
		for (at = 0; at < len; at += size)
			assert_int_equal(hep_stream_add(s,
					     span_sub((struct span) { text,
							  len },
						 at, size),
					     on_packet, NULL),
			    PH_OK);
		assert_string_equal(got, "INVITE;;INVITE;");
		hep_stream_free(s);
	}
}

static void
a_stream_ends_where_no_packet_begins(void **state)
{
	const struct span bad[] = { SPAN_LITERAL("HEP2"), SPAN_LITERAL("X"),
		SPAN_LITERAL("HEP3\0\5"), SPAN_LITERAL("HEP3\0\6INVITE") };
	struct hep_stream *s;
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(bad); i++) {
		enum ph_err rc = PH_OK;

		assert_non_null(s = hep_stream_new());
		for (k = 0; k < bad[i].len; k++)
			rc = hep_stream_add(s, span_sub(bad[i], k, 1),
			    on_packet, NULL);
		assert_int_equal(rc, PH_EMALFORMED);
		hep_stream_free(s);
	}
}

static void
keys_are_equal_or_not(void **state)
{
	struct span key = SPAN_LITERAL("a secret");

	(void)state;
	assert_true(hep_key_eq(SPAN_LITERAL("a secret"), key));
	assert_false(hep_key_eq(SPAN_LITERAL("a secreT"), key));
	assert_false(hep_key_eq(SPAN_LITERAL("A secret"), key));
	assert_false(hep_key_eq(SPAN_LITERAL("a secret\0"), key));
	assert_false(hep_key_eq(SPAN_LITERAL("a secre"), key));
	assert_false(hep_key_eq(SPAN_LITERAL(""), key));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_begins_with_its_length),
		cmocka_unit_test(a_packet_becomes_a_message),
		cmocka_unit_test(chunks_come_in_any_order),
		cmocka_unit_test(ipv6_is_a_family_of_its_own),
		cmocka_unit_test(
		    what_is_missing_twice_or_too_long_is_malformed),
		cmocka_unit_test(chunks_that_we_do_not_read_are_skipped),
		cmocka_unit_test(lengths_that_do_not_fit_are_malformed),
		cmocka_unit_test(a_stream_is_cut_up_anyhow),
		cmocka_unit_test(a_stream_ends_where_no_packet_begins),
		cmocka_unit_test(keys_are_equal_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
