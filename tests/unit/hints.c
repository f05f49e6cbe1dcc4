/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>

#include <string.h>

#include "src/base/timers.h"
#include "src/engine/hints.h"
#include "tests/unit/unit.h"

static struct datagram
datagram(uint8_t from, uint8_t to, uint16_t sport, uint16_t dport,
    const char *text)
{
	struct datagram d;

	memset(&d, 0, sizeof(d));
	d.proto = IPPROTO_UDP;
	d.src.addr = addr_v4(192, 0, 2, from);
	d.dst.addr = addr_v4(192, 0, 2, to);
	d.src.port = sport;
	d.dst.port = dport;
	d.payload = span_of(text);
	return d;
}

static void
only_sip_counts(void **state)
{
	/* clang-format off */
	static const struct { const char *text; bool sip; } rows[] = {
		{ "INVITE sip:a@b SIP/2.0\r\n", true },
		{ "SIP/2.0 200 OK\r\n", true },
		{ "A sip:a@b SIP/2.0\r\n", true },
		{ "ZAP sip:a@b SIP/2.0\r\n", true },
		{ "@CK sip:a@b SIP/2.0\r\n", false },
		{ "INVITE sip:a@b SIP/2.0", false },
		{ "INVITE sip:a@bSIP/2.0\r\n", false },
		{ "invite sip:a@b SIP/2.0\r\n", false },
		{ "[NVITE sip:a@b SIP/2.0\r\n", false },
		{ "INVITE sip:a@b SIP/3.0\r\n", false },
		{ "SIP/2.0\r\n", false },
		{ " SIP/2.0\r\n", false },
		{ "GET / HTTP/1.1\r\n SIP/2.0\r\n", false },
		{ "\r\n\r\n", false },
		{ "", false },
	};
	/* clang-format on */
	struct datagram d;
	struct hints h;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		memset(&h, 0, sizeof(h));
		d = datagram(1, 2, 5060, 5060, rows[i].text);
		hints_message(&h, 1, &d, false);
		hints_elsewhere(&h, 1, &d);
		assert_int_equal(h.strangers, rows[i].sip);
		assert_int_equal(h.elsewhere, rows[i].sip);
	}
}

static void
what_is_kept_is_bounded(void **state)
{
	char text[1024];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct datagram d;
	struct hints h;
	uint8_t i;

	(void)state;
	memset(&h, 0, sizeof(h));
	/* One is enough for a hint. */
	d = datagram(1, 2, 5060, 6000, "BYE sip:a SIP/2.0\r\n");
	hints_message(&h, 1, &d, false);
	hints_text(&h, true, &b);
	assert_string_equal(text,
	    "1 SIP messages, none to or from a protected host: 192.0.2.1 "
	    "192.0.2.2\n");
	memset(&h, 0, sizeof(h));
	hints_elsewhere(&h, 1, &d);
	strbuf_reset(&b);
	hints_text(&h, true, &b);
	assert_string_equal(text,
	    "1 SIP messages on ports that are not in `port`: 6000\n");
	strbuf_reset(&b);
	memset(&h, 0, sizeof(h));
	for (i = 1; i < 100; i++) {
		d = datagram(i, 200, 5060, (uint16_t)(6000 + i),
		    "BYE sip:a SIP/2.0\r\n");
		hints_message(&h, 1, &d, false);
		hints_elsewhere(&h, 1, &d);
	}
	hints_text(&h, true, &b);
	assert_string_equal(text,
	    "99 SIP messages, none to or from a protected host: 192.0.2.1 "
	    "192.0.2.200 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 "
	    "192.0.2.7 ...\n"
	    "99 SIP messages on ports that are not in `port`: 6001 6002 6003 "
	    "6004 6005 6006 6007 6008\n");
}

static void
count(void *ctx, const char *text)
{
	int *n = ctx;

	assert_null(strchr(text, '\n'));
	(*n)++;
}

static void
live_it_is_told_seldom(void **state)
{
	struct datagram d = datagram(1, 2, 1, 5060, "BYE sip:a SIP/2.0\r\n");
	struct hints h;
	int64_t now;
	int told = 0;

	(void)state;
	memset(&h, 0, sizeof(h));
	for (now = 1; now < 1800 * USEC_PER_SEC; now += USEC_PER_SEC) {
		hints_message(&h, now, &d, false);
		hints_run(&h, now, count, &told);
	}
	/* After 5, 606 and 1207 seconds. */
	assert_int_equal(told, 3);
	/* Others, too, are served: strangers are no mistake. */
	for (; now < 3600 * USEC_PER_SEC; now += USEC_PER_SEC) {
		hints_message(&h, now, &d, true);
		hints_message(&h, now, &d, false);
		hints_run(&h, now, count, &told);
	}
	assert_int_equal(told, 3);
}

/* Requests to a port and responses from it are of one port. */
static void
a_port_is_named_once(void **state)
{
	const struct {
		uint16_t sport, dport;
		const char *text;
	} rows[] = {
		{ 40000, 5070, "BYE sip:a SIP/2.0\r\n" },
		{ 5070, 40000, "SIP/2.0 200 OK\r\n" },
		{ 40001, 5070, "BYE sip:a SIP/2.0\r\n" },
		{ 5080, 40000, "SIP/2.0 200 OK\r\n" },
		{ 40000, 5080, "BYE sip:a SIP/2.0\r\n" },
	};
	char text[1024];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct datagram d;
	struct hints h;
	size_t i;

	(void)state;
	memset(&h, 0, sizeof(h));
	for (i = 0; i < ROWS(rows); i++) {
		d = datagram(1, 2, rows[i].sport, rows[i].dport, rows[i].text);
		hints_elsewhere(&h, 1, &d);
	}
	hints_text(&h, true, &b);
	assert_string_equal(text,
	    "5 SIP messages on ports that are not in `port`: 5070 5080\n");
	strbuf_reset(&b);
	hints_text(&h, false, &b);
	assert_string_equal(text,
	    "5 SIP messages on ports that nobody follows, for there is no "
	    "`sip` block: 5070 5080\n");
}

static void
who_is_served_needs_no_hint(void **state)
{
	struct datagram d = datagram(1, 2, 1, 5060, "BYE sip:a SIP/2.0\r\n");
	char text[1024];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct hints h;
	int told = 0;

	(void)state;
	memset(&h, 0, sizeof(h));
	hints_message(&h, 1, &d, false);
	hints_message(&h, 1, &d, true);
	hints_text(&h, true, &b);
	assert_string_equal(text, "");
	hints_elsewhere(&h, 1, &d);
	hints_run(&h, 100 * USEC_PER_SEC, count, &told);
	assert_int_equal(told, 0);
}

static void
the_first_hint_comes_after_five_seconds(void **state)
{
	struct datagram d = datagram(1, 2, 1, 5070, "BYE sip:a SIP/2.0\r\n");
	struct hints h;
	int told = 0;

	(void)state;
	memset(&h, 0, sizeof(h));
	/* No message was seen, so no hint is given. */
	hints_run(&h, 1, count, &told);
	hints_elsewhere(&h, 2, &d);
	hints_run(&h, 1 + 5 * USEC_PER_SEC, count, &told);
	assert_int_equal(told, 0);
	hints_run(&h, 2 + 5 * USEC_PER_SEC, count, &told);
	assert_int_equal(told, 1);
	/* The count begins anew, and the next hint comes later. */
	hints_elsewhere(&h, 6 * USEC_PER_SEC, &d);
	assert_int_equal(h.elsewhere, 1);
	hints_run(&h, 606 * USEC_PER_SEC - 1, count, &told);
	assert_int_equal(told, 1);
	hints_run(&h, 606 * USEC_PER_SEC, count, &told);
	assert_int_equal(told, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_sip_counts),
		cmocka_unit_test(what_is_kept_is_bounded),
		cmocka_unit_test(live_it_is_told_seldom),
		cmocka_unit_test(a_port_is_named_once),
		cmocka_unit_test(who_is_served_needs_no_hint),
		cmocka_unit_test(the_first_hint_comes_after_five_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
