/* SPDX-License-Identifier: ISC */
/*
 * The senders that may mirror, the key's file, and messages that are seen
 * twice.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/wire.h"
#include "src/engine/hep_policy.h"
#include "src/engine/sightings.h"
#include "tests/unit/unit.h"

#define NONE HEP_NREFUSALS /* it counts */

static struct conf *conf;
static struct hep_key key;
static struct hep_policy policy;

static int
setup(void **state)
{
	static const char text[] =
	    "protect 192.0.2.0/24\nsip { server 192.0.2.10 }\n"
	    "hep {\nlisten on 127.0.0.1\n"
	    "from { 192.0.2.0/28 203.0.113.1 }\n}\n";

	(void)state;
	assert_int_equal(conf_parse(&conf, span_of(text), "test", NULL, 0,
			     stderr),
	    PH_OK);
	memset(&key, 0, sizeof(key));
	hep_policy_init(&policy, conf, &key);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	conf_free(conf);
	return 0;
}

static void
chunk(struct writer *w, uint16_t type, const void *p, size_t len)
{
	writer_u16(w, 0);
	writer_u16(w, type);
	writer_u16(w, (uint16_t)(6 + len));
	writer_copy(w, p, len);
}

static struct addr
addr_of(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), PH_OK);
	return a;
}

static const char *proto = "\6"; /* TCP */

/* The verdict on a message that `sender` mirrors. */
static enum hep_refusal
mirror(const char *sender, const char *src, const char *dst, const char *sent)
{
	struct addr from = addr_of(sender), a = addr_of(src), b = addr_of(dst);
	uint8_t buffer[512];
	struct writer w = writer_of(buffer, sizeof(buffer));
	enum hep_refusal why;
	struct datagram d;

	writer_copy(&w, "HEP3\0\0", 6);
	chunk(&w, 1, "\2", 1);
	chunk(&w, 2, proto, 1);
	chunk(&w, 3, a.b, 4);
	chunk(&w, 4, b.b, 4);
	chunk(&w, 7, "\23\305", 2);
	chunk(&w, 8, "\23\305", 2);
	chunk(&w, 11, "\1", 1);
	if (sent != NULL)
		chunk(&w, 14, sent, strlen(sent));
	chunk(&w, 15, "BYE", 3);
	buffer[4] = (uint8_t)(w.len >> 8);
	buffer[5] = (uint8_t)w.len;
	if (!hep_policy_packet(&policy, 1, &from,
		(struct span) { (const char *)buffer, w.len }, &d, &why))
		return why;
	assert_true(d.mirrored && d.dir == PKT_UNKNOWN && d.ts == 1);
	assert_true(addr_eq(&d.src.addr, &a) && addr_eq(&d.dst.addr, &b));
	return NONE;
}

#define SERVER	"192.0.2.10"
#define PHONE	"192.0.2.9"
#define OTHER	"192.0.2.8"
#define UNKNOWN "192.0.2.77"
#define AGENT	"203.0.113.1"
#define OUT	"198.51.100.7"
#define OUT2	"198.51.100.8"

static void
a_sender_tells_what_is_its_to_tell(void **state)
{
	static const struct {
		const char *sender, *src, *dst;
		enum hep_refusal result;
	} rows[] = {
		{ PHONE, PHONE, OUT, NONE },
		{ PHONE, OUT, PHONE, NONE },
		{ PHONE, PHONE, OTHER, NONE },
		{ PHONE, OTHER, PHONE, HEP_REFUSED_ENDS },
		{ PHONE, OTHER, OUT, HEP_REFUSED_ENDS },
		{ PHONE, OUT, OTHER, HEP_REFUSED_ENDS },
		{ SERVER, OTHER, OUT, NONE },
		{ SERVER, OUT, OTHER, NONE },
		{ SERVER, OTHER, SERVER, NONE },
		{ SERVER, OUT, OUT2, HEP_REFUSED_ENDS },
		{ AGENT, PHONE, OUT, NONE },
		{ AGENT, OUT, OUT2, HEP_REFUSED_ENDS },
		{ AGENT, AGENT, OUT, HEP_REFUSED_ENDS },
		{ UNKNOWN, UNKNOWN, OUT, HEP_REFUSED_SENDER },
		{ OUT, OUT, PHONE, HEP_REFUSED_SENDER },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		if (mirror(rows[i].sender, rows[i].src, rows[i].dst, NULL) !=
		    rows[i].result)
			fail_msg("row %zu", i);
	assert_int_equal(policy.packets, 7);
	assert_int_equal(policy.refused[HEP_REFUSED_ENDS], 6);
	assert_int_equal(policy.refused[HEP_REFUSED_SENDER], 2);
}

static void
udp_between_protected_hosts_does_not_count(void **state)
{
	(void)state;
	proto = "\21";
	assert_int_equal(mirror(SERVER, OTHER, SERVER, NULL), HEP_REFUSED_ENDS);
	assert_int_equal(mirror(SERVER, SERVER, OTHER, NULL), HEP_REFUSED_ENDS);
	assert_int_equal(mirror(AGENT, OTHER, SERVER, NULL), HEP_REFUSED_ENDS);
	assert_int_equal(mirror(PHONE, PHONE, OTHER, NULL), HEP_REFUSED_ENDS);
	assert_int_equal(mirror(PHONE, PHONE, OUT, NULL), NONE);
	assert_int_equal(mirror(PHONE, OUT, PHONE, NULL), NONE);
	proto = "\26"; /* TLS, as Kamailio has it */
	assert_int_equal(mirror(SERVER, OTHER, SERVER, NULL), NONE);
	proto = "\6";
}

static void
the_key_is_asked_for_where_there_is_one(void **state)
{
	(void)state;
	assert_int_equal(mirror(PHONE, PHONE, OUT, "anything"), NONE);
	memcpy(key.secret, "a secret", 8);
	key.len = 8;
	assert_int_equal(mirror(PHONE, PHONE, OUT, "a secret"), NONE);
	assert_int_equal(mirror(PHONE, PHONE, OUT, "a secreT"),
	    HEP_REFUSED_KEY);
	assert_int_equal(mirror(PHONE, PHONE, OUT, "a secret "),
	    HEP_REFUSED_KEY);
	assert_int_equal(mirror(PHONE, PHONE, OUT, NULL), HEP_REFUSED_KEY);
}

static enum ph_err
read_key(const char *text, size_t len, mode_t mode, const char *expected)
{
	char path[] = "/tmp/hepkeyXXXXXX", error[512], at[] = "x:1:2: ";
	struct conf_hep c = { .on = true, .key = path, .key_at = at };
	struct strbuf why = strbuf_of(error, sizeof(error));
	int fd = mkstemp(path);
	enum ph_err rc;

	assert_true(fd != -1 && fchmod(fd, mode) == 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
	rc = hep_key_read(&key, &c, &why);
	unlink(path);
	if (rc == PH_OK)
		assert_true(span_eq_str(hep_key_span(&key), expected));
	else
		assert_memory_equal(error, "x:1:2: /tmp/hepkey", 18);
	return rc;
}

static void
a_key_is_the_first_line_of_its_file(void **state)
{
	char text[300];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(read_key("a secret", 8, 0600, "a secret"), PH_OK);
	assert_int_equal(read_key("a secret\n", 9, 0600, "a secret"), PH_OK);
	assert_int_equal(read_key("a secret\r\nb\n", 12, 0640, "a secret"),
	    PH_OK);
	assert_int_equal(read_key("secrets\n", 8, 0600, NULL), PH_EMALFORMED);
	assert_int_equal(read_key("", 0, 0600, NULL), PH_EMALFORMED);
	text[255] = '\0';
	assert_int_equal(read_key(text, 255, 0600, text), PH_OK);
	text[255] = 'x';
	assert_int_equal(read_key(text, 256, 0600, NULL), PH_EMALFORMED);
	assert_int_equal(read_key(text, 300, 0600, NULL), PH_EMALFORMED);
	assert_int_equal(read_key("a secret", 8, 0604, NULL), PH_EDENIED);
	assert_int_equal(read_key("a secret", 8, 0620, NULL), PH_EDENIED);
}

static bool
see(struct sightings *s, int64_t now, bool mirrored, uint32_t cseq,
    const char *sdp)
{
	struct datagram d = { .mirrored = mirrored,
		.src = { addr_of(OUT), (uint16_t)(mirrored ? 5061 : 49152) },
		.dst = { addr_of(PHONE), 5060 } };
	struct sip_message m = { .request = true,
		.method = SIP_INVITE,
		.cseq = cseq,
		.branch = SPAN_LITERAL("z9hG4bKx"),
		.call_id = SPAN_LITERAL("c"),
		.from_tag = SPAN_LITERAL("a"),
		.sdp = span_of(sdp) };

	return sightings_input(s, now, &d, &m);
}

static void
a_copy_comes_the_other_way(void **state)
{
	struct sightings *s = sightings_new();
	uint32_t n;

	(void)state;
	assert_non_null(s);
	assert_false(see(s, 0, false, 1, "v=0"));
	assert_false(see(s, 0, false, 1, "v=0")); /* a retransmission */
	assert_true(see(s, 0, true, 1, "v=0"));
	assert_true(see(s, SIGHTINGS_WITHIN, true, 1, "v=0"));
	assert_false(see(s, 0, true, 1, "v=1")); /* another offer */
	assert_false(see(s, 0, true, 2, "v=0"));
	assert_false(see(s, 0, true, 2, "v=0"));
	assert_true(see(s, 0, false, 2, "v=0"));
	/* Forgotten after a while, and when there are too many. */
	assert_false(see(s, SIGHTINGS_WITHIN + 1, true, 1, "v=0"));
	for (n = 10; n < 10 + SIGHTINGS_MAX; n++)
		assert_false(see(s, SIGHTINGS_WITHIN + 2, false, n, ""));
	assert_true(see(s, SIGHTINGS_WITHIN + 2, true, 10, ""));
	assert_false(see(s, SIGHTINGS_WITHIN + 2, false, 5, ""));
	assert_false(see(s, SIGHTINGS_WITHIN + 2, true, 10, ""));
	sightings_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_sender_tells_what_is_its_to_tell, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    udp_between_protected_hosts_does_not_count, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    the_key_is_asked_for_where_there_is_one, setup, teardown),
		cmocka_unit_test(a_key_is_the_first_line_of_its_file),
		cmocka_unit_test(a_copy_comes_the_other_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
