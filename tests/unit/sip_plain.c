/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdio.h>
#include <string.h>

#include "sip/message.h"
#include "sip/plain.h"
#include "src/base/strbuf.h"
#include "tests/unit/unit.h"

enum field {
	VIA,
	FROM,
	CONTACT,
	CSEQ,
	NFIELDS,
};

/* `plain`: read without libosip2.  What is not goes to libosip2. */
struct row {
	enum field field;
	const char *value;
	bool plain;
};

/* clang-format off */
static const struct row rows[] = {
	{ FROM, "<sip:alice@example.com>;tag=f1", true },
	{ FROM, "<sip:alice@example.com>", true },
	{ FROM, "<sip:example.com>;tag=f1", true },
	{ FROM, "<sip:a>;tag=f1", false },
	{ FROM, "<sip:+4930.1_2-3~*!@192.0.2.1:5060>;tag=a.b-c_d+e~f*g!h", true },
	{ FROM, "\"Alice 2\" <sip:alice@192.0.2.1;user=phone;lr>;x;TAG=f1;y=z", true },
	{ FROM, "<sip:alice@example.com>;tag=f1;tag=f2", false },
	{ FROM, "<sip:alice@example.com>;tag=f1;Tag=f1", false },
	{ FROM, "<sip:alice@example.com>;tag", false },
	{ FROM, "<sip:alice@example.com>;tag=", false },
	{ FROM, "<sip:alice@example.com>;tag=f=1", false },
	{ FROM, "<sip:alice@example.com>;tag=\"f1\"", false },
	{ FROM, "<sip:alice@example.com>;tag=%66", false },
	{ FROM, "<sip:alice@example.com> ;tag=f1", false },
	{ FROM, "<sip:alice@example.com>;tag=f1 ;x", false },
	{ FROM, "<sip:alice@example.com>;;tag=f1", false },
	{ FROM, "<sip:alice@example.com>,<sip:bob@example.com>;tag=f1", false },
	{ FROM, "<sip:alice@example.com>x;tag=f1", false },
	{ FROM, "<sip:alice@example.com;tag=f0>;tag=f1", true },
	{ FROM, "<sip:alice@example.com?tag=f0>;tag=f1", false },
	{ FROM, "<sip:alice:secret@example.com>;tag=f1", false },
	{ FROM, "<sip:alice@[2001:db8::1]>;tag=f1", false },
	{ FROM, "<sip:alice@example.com:123456>;tag=f1", false },
	{ FROM, "<sip:alice@example.com:>;tag=f1", false },
	{ FROM, "<sip:@example.com>;tag=f1", false },
	{ FROM, "<sip:alice@>;tag=f1", false },
	{ FROM, "<sips:alice@example.com>;tag=f1", false },
	{ FROM, "<tel:+4930123>;tag=f1", false },
	{ FROM, "Alice <sip:alice@example.com>;tag=f1", false },
	{ FROM, "\"Alice\"<sip:alice@example.com>;tag=f1", false },
	{ FROM, "\"\" <sip:alice@example.com>;tag=f1", false },
	{ FROM, "\" Alice\" <sip:alice@example.com>;tag=f1", false },
	{ FROM, "\"A;tag=f0\" <sip:alice@example.com>;tag=f1", false },
	{ FROM, "\"A <sip:b@c>\" <sip:alice@example.com>;tag=f1", false },
	{ FROM, "\"A\\\"\" <sip:alice@example.com>;tag=f1", false },
	{ FROM, "sip:alice@example.com;tag=f1", false },
	{ FROM, "<sip:alice@example.com", false },
	{ FROM, "<sip:alice@example.com>;a;b;c;d;e;f;g;h;i;j;k;l;m;n;o;tag=1", true },
	{ FROM, "<sip:alice@example.com>;a;b;c;d;e;f;g;h;i;j;k;l;m;n;o;p;tag=1", false },
	{ VIA, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa", true },
	{ VIA, "SIP/2.0/TCP pc.example.com:5060;rport;branch=z9hG4bK-a.b", true },
	{ VIA, "SIP/2.0/UDP 192.0.2.1:5060;received=192.0.2.2;Branch=x;rport=1", true },
	{ VIA, "SIP/2.0/UDP 192.0.2.1", true },
	{ VIA, "SIP/2.0/UDP [2001:db8::1];branch=z9hG4bKa", false },
	{ VIA, "SIP/2.0/UDP  192.0.2.1;branch=z9hG4bKa", false },
	{ VIA, "SIP / 2.0 / UDP 192.0.2.1;branch=z9hG4bKa", false },
	{ VIA, "SIP/3.0/UDP 192.0.2.1;branch=z9hG4bKa", false },
	{ VIA, "sip/2.0/udp 192.0.2.1;branch=z9hG4bKa", false },
	{ VIA, "SIP/2.0/UDP 192.0.2.1;branch=a;branch=b", false },
	{ VIA, "SIP/2.0/UDP 192.0.2.1;branch", false },
	{ VIA, "SIP/2.0/UDP 192.0.2.1;branch=", false },
	{ VIA, "SIP/2.0/UDP 192.0.2.1;branch=a==", false },
	{ VIA, "SIP/2.0/UDP 192.0.2.1;branch=a (comment)", false },
	{ VIA, "SIP/2.0/UDP 192.0.2.1;branch=a, SIP/2.0/UDP h;branch=b", false },
	{ VIA, "SIP/2.0/UDP 192.0.2.1;branch=a,SIP/2.0/UDP h;branch=b", false },
	{ VIA, "SIP/2.0/UDP 192.0.2.1:;branch=a", false },
	{ VIA, "SIP/2.0/UDP", false },
	{ CONTACT, "<sip:alice@192.0.2.1:5060>", true },
	{ CONTACT, "<sip:192.0.2.1>", true },
	{ CONTACT, "<sip:alice@192.0.2.1;transport=udp>;expires=60", true },
	{ CONTACT, "<sip:alice@pc.example.com>", true },
	{ CONTACT, "<sip:alice@192.0.2.01>", true },
	{ CONTACT, "<sip:alice@192.0.2.1.>", true },
	{ CONTACT, "<sip:alice@[2001:db8::1]:5060>", false },
	{ CONTACT, "<sip:alice@192.0.2.1>,<sip:alice@192.0.2.2>", false },
	{ CONTACT, "<sip:alice@192.0.2.1@192.0.2.2>", false },
	{ CONTACT, "<sips:alice@192.0.2.1>", false },
	{ CONTACT, "sip:alice@192.0.2.1", false },
	{ CONTACT, "*", false },
	{ CSEQ, "1 BYE", true },
	{ CSEQ, "0001 BYE", true },
	{ CSEQ, "2147483647 BYE", true },
	{ CSEQ, "2147483648 BYE", false },
	{ CSEQ, "99999999999 BYE", false },
	{ CSEQ, "1  BYE", false },
	{ CSEQ, "1\tBYE", false },
	{ CSEQ, "1 BYE x", false },
	{ CSEQ, "1 bye", true },
	{ CSEQ, "1", false },
	{ CSEQ, "-1 BYE", false },
	{ CSEQ, "1 ACK", true },
};
/* clang-format on */

static const char *const names[NFIELDS] = { "Via", "From", "Contact", "CSeq" };
static const char *const usual[NFIELDS] = {
	"SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKz",
	"<sip:z@example.net>;tag=z",
	"<sip:z@192.0.2.9>",
	"7 BYE",
};

static bool
is_plain(const struct row *r)
{
	struct span value = span_of(r->value), s;
	struct addr a;
	uint32_t n;

	switch (r->field) {
	case VIA:
		return plain_via(value, &s);
	case FROM:
		return plain_party(value, &s);
	case CONTACT:
		return plain_contact(value, &a);
	default:
		return plain_cseq(value, &n, &s);
	}
}

/* A BYE that has the row's value in its field, and in To for From. */
static struct span
message_with(const struct row *r, char *text, size_t size)
{
	struct strbuf b = strbuf_of(text, size);
	int i;

	strbuf_str(&b, "BYE sip:bob@example.com SIP/2.0\r\n");
	for (i = 0; i < NFIELDS; i++)
		strbuf_fmt(&b, "%s: %s\r\n", names[i],
		    r->field == (enum field)i ? r->value : usual[i]);
	strbuf_fmt(&b, "To: %s\r\nCall-ID: c1\r\n\r\n",
	    r->field == FROM ? r->value : usual[FROM]);
	assert_false(b.full);
	return (struct span) { b.p, b.len };
}

static bool
same(const struct sip_message *a, const struct sip_message *b)
{
	return a->method == b->method && a->cseq == b->cseq &&
	    span_eq(a->from_tag, b->from_tag) &&
	    span_eq(a->to_tag, b->to_tag) && span_eq(a->branch, b->branch) &&
	    a->relayed == b->relayed && addr_eq(&a->contact, &b->contact);
}

static void
what_is_plain_is_read_as_libosip2_reads_it(void **state)
{
	enum sip_reject why_a, why_b;
	struct sip_message a, b;
	enum ph_err rc_a, rc_b;
	const struct row *r;
	char text[1024];
	struct span in;

	(void)state;
	for (r = rows; r < rows + ROWS(rows); r++) {
		in = message_with(r, text, sizeof(text));
		rc_a = sip_message_parse(&a, in, false, &why_a);
		rc_b = sip_message_parse_by_osip(&b, in, false, &why_b);
		if (is_plain(r) != r->plain || rc_a != rc_b || why_a != why_b ||
		    !same(&a, &b))
			fail_msg("%s: %s", names[r->field], r->value);
		sip_message_free(&a);
		sip_message_free(&b);
	}
}

/* Of what is not plain, libosip2 reads a copy. */
static void
libosip2_reads_what_is_not_plain(void **state)
{
	static const char form[] =
	    "INVITE sip:b@example.com SIP/2.0\r\n"
	    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n"
	    "From: %s<sip:a@example.com>;tag=f1\r\n"
	    "To: <sip:b@example.com>\r\nCall-ID: c1\r\n"
	    "CSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n\r\n"
	    "v=0\r\n";
	const char *const display[] = { "\"A\" ", "\"\\A\" " };
	enum sip_reject why;
	struct sip_message m;
	char text[1024];
	size_t i, n;

	(void)state;
	for (i = 0; i < 2; i++) {
		n = (size_t)snprintf(text, sizeof(text), form, display[i]);
		assert_int_equal(sip_message_parse(&m,
				     (struct span) { text, n }, false, &why),
		    PH_OK);
		assert_int_equal(m.from_tag.p >= text &&
			m.from_tag.p < text + n,
		    i == 0);
		assert_int_equal(m.impl == NULL, i == 0);
		sip_message_free(&m);
	}
}

/* Each bound of what is plain: as long as it may be, and one more. */
static void
plain_values_have_bounds(void **state)
{
	/* clang-format off */
	static const struct {
		enum field	 field;
		const char	*begin, *end; /* filled with x in between */
		size_t		 most; /* bytes of all of it */
	} longs[] = {
		{ FROM, "<sip:", "@example.com>;tag=f1", PLAIN_MAX },
		{ FROM, "<sip:a@example.com>;tag=", "", PLAIN_MAX },
		{ FROM, "<sip:a@", ">;tag=f1", PLAIN_MAX },
		{ FROM, "\"", "\" <sip:a@example.com>", PLAIN_MAX },
		{ FROM, "<sip:a@example.com;", ">;tag=f1", PLAIN_MAX },
		{ VIA, "SIP/2.0/UDP ", ";branch=b", PLAIN_MAX },
		{ VIA, "SIP/2.0/UDP h;branch=", "", PLAIN_MAX },
		{ VIA, "SIP/2.0/U", " h;branch=b", 8 + 8 + 11 },
		{ CONTACT, "<sip:", "@192.0.2.1>", PLAIN_MAX },
		{ CSEQ, "1 X", "", PLAIN_MAX },
	};
	static const struct row bounds[] = {
		{ FROM, "<sip:a@example.com:12345>", true }, { FROM, "<sip:a@example.com:1>", true },
		{ FROM, "<sip:ab>", true }, { FROM, "<sip:a@bc>", true }, { FROM, "<sip:a@b>", false },
		{ FROM, "", false }, { FROM, "<", false }, { FROM, "<sip:", false }, { FROM, "<sip:>", false },
		{ FROM, "<sip:ab>;", false }, { FROM, "<sip:ab>;=x", false }, { FROM, "<sip:ab>;x", true },
		{ FROM, "<sip:ab>x", false }, { FROM, "<sip:ab", false }, { FROM, "\"A <sip:ab>", false },
		{ FROM, "\"A\"  <sip:ab>", false }, { FROM, "\"A\" <sip:ab>", true },
		{ VIA, "", false }, { VIA, "SIP/2.0/", false }, { VIA, "SIP/2.0/U", false }, { VIA, "SIP/2.0/U h", true },
		{ VIA, "SIP/2.0/U ", false }, { VIA, "SIP/2.0/U h:1", true }, { VIA, "SIP/2.0/U h x", false },
		{ VIA, "SIP/2.0/U h;", false }, { VIA, "SIP/2.0/ h", false },
		{ CONTACT, "", false }, { CONTACT, "<sip:a@192.0.2.1>x", false }, { CONTACT, "<sip:a@192.0.2.1>;x", true },
		{ CSEQ, "", false }, { CSEQ, " BYE", false }, { CSEQ, "1 ", false }, { CSEQ, "0000000001 BYE", true },
		{ CSEQ, "00000000001 BYE", false }, { CSEQ, "0 BYE", true }, { CSEQ, "1 BYE1", true }, { CSEQ, "1 B-E", false },
	};
	/* clang-format on */
	char value[PLAIN_MAX + 2];
	struct row r = { VIA, value, false };
	size_t i, k, n;

	(void)state;
	for (i = 0; i < ROWS(longs); i++)
		for (k = 0; k < 2; k++) {
			n = strlen(longs[i].begin);
			memset(value, 'x', sizeof(value));
			memcpy(value, longs[i].begin, n);
			n = longs[i].most + k;
			value[n] = '\0';
			memcpy(value + n - strlen(longs[i].end), longs[i].end,
			    strlen(longs[i].end));
			r.field = longs[i].field;
			printf("%s\n", value);
			assert_int_equal(is_plain(&r), k == 0);
		}
	for (i = 0; i < ROWS(bounds); i++) {
		printf("%s\n", bounds[i].value);
		assert_int_equal(is_plain(&bounds[i]), bounds[i].plain);
	}
}

static int
init(void **state)
{
	(void)state;
	return sip_message_init() == PH_OK ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_plain_is_read_as_libosip2_reads_it),
		cmocka_unit_test(libosip2_reads_what_is_not_plain),
		cmocka_unit_test(plain_values_have_bounds),
	};

	return cmocka_run_group_tests(tests, init, NULL);
}
