/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sip/message.h"
#include "sip/sdp.h"
#include "tests/unit/unit.h"

/*
 * RFC 4475 and RFC 5118: what we make of each message.  We are no server: a
 * message that a server answers with 400 or 420 is a message all the same, as
 * long as nobody can read it as another one.
 */
struct row {
	const char *file;
	enum sip_reject why;
	enum sip_method method;
	uint16_t status;
	uint32_t cseq;
	const char *from_tag, *to_tag, *branch, *contact;
	enum sip_body body;
};

#define REFUSED(why)                                                           \
	SIP_REJECT_##why, SIP_OTHER, 0, 0, NULL, NULL, NULL, NULL, SIP_BODY_NONE
#define OK SIP_REJECT_NONE

/* clang-format off */
static const struct row rfc4475[] = {
	{ "wsinv",	OK, SIP_INVITE, 0, 9, "98a8ef", "19x03n", "390wsinv", "none", SIP_BODY_SDP },
	/* Legal, but what is behind the NUL depends on who reads. */
	{ "intmeth",	REFUSED(SYNTAX) },
	{ "esc01",	OK, SIP_INVITE, 0, 4711, "t0rture", "", "z9hG4bKtortinvite", "192.0.2.33", SIP_BODY_SDP },
	{ "escnull",	OK, SIP_OTHER, 0, 4711, "839923423", "", "z9hG4bKtortregister", "none", SIP_BODY_NONE },
	{ "esc02",	OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKtortre%47ist%45r", "192.0.2.33", SIP_BODY_NONE },
	{ "lwsdisp",	OK, SIP_OTHER, 0, 4711, "323", "", "z9hG4bKtortoptions", "192.0.2.33", SIP_BODY_NONE },
	{ "longreq",	OK, SIP_INVITE, 0, 3882340, NULL, "", NULL, "192.0.2.33", SIP_BODY_SDP },
	{ "dblreq",	OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKtortregister", "none", SIP_BODY_NONE },
	{ "semiuri",	OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKtortoptions", "192.0.2.33", SIP_BODY_NONE },
	{ "transports",	OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKkdjuw0", "192.0.2.33", SIP_BODY_NONE },
	{ "mpart01",	OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKtortmessage", "none", SIP_BODY_NONE },
	{ "unreason",	OK, SIP_INVITE, 200, 4711, "t0rture", "", "z9hG4bKtortinvite", "none", SIP_BODY_SDP },
	{ "noreason",	OK, SIP_INVITE, 100, 4711, "t0rture", "", "z9hG4bKtortinvite", "none", SIP_BODY_NONE },

	{ "badinv01",	REFUSED(SYNTAX) },
	{ "clerr",	REFUSED(LENGTH) },
	{ "ncl",	REFUSED(LENGTH) },
	{ "scalar02",	REFUSED(RANGE) },
	{ "scalarlg",	REFUSED(RANGE) },
	{ "quotbal",	REFUSED(SYNTAX) },
	{ "ltgtruri",	REFUSED(SYNTAX) },
	{ "lwsruri",	REFUSED(SYNTAX) },
	{ "lwsstart",	REFUSED(SYNTAX) },
	{ "trws",	REFUSED(SYNTAX) },
	{ "escruri",	OK, SIP_INVITE, 0, 4711, "t0rture", "", "z9hG4bKtortinvite", "192.0.2.33", SIP_BODY_SDP },
	{ "baddate",	OK, SIP_INVITE, 0, 4711, "t0rture", "", "z9hG4bKtortinvite", "192.0.2.33", SIP_BODY_SDP },
	{ "regbadct",	OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKtortregister", "none", SIP_BODY_NONE },
	{ "badaspec",	REFUSED(SYNTAX) },
	/* As servers do, whatever is written before the < is a name. */
	{ "baddn",	OK, SIP_OTHER, 0, 4711, "43", "", "z9hG4bKtortoptions", "none", SIP_BODY_NONE },
	{ "badvers",	REFUSED(SYNTAX) },
	{ "mismatch01",	REFUSED(MISMATCH) },
	{ "mismatch02",	REFUSED(MISMATCH) },
	{ "bigcode",	REFUSED(RANGE) },

	{ "badbranch",	OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bK", "192.0.2.33", SIP_BODY_NONE },

	{ "insuf",	REFUSED(MISSING) },
	{ "unkscm",	OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKtortoptions", "none", SIP_BODY_NONE },
	{ "novelsc",	OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKtortoptions", "none", SIP_BODY_NONE },
	{ "unksm2",	OK, SIP_OTHER, 0, 4711, "3234233", "", "z9hG4bKtortregister", "none", SIP_BODY_NONE },
	{ "bext01",	OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKtortoptions", "192.0.2.33", SIP_BODY_NONE },
	{ "invut",	OK, SIP_INVITE, 0, 4711, "t0rture", "", "z9hG4bKtortinvite", "192.0.2.33", SIP_BODY_NONE },
	{ "regaut01",	OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKtortregister", "192.0.2.33", SIP_BODY_NONE },
	{ "multi01",	REFUSED(DUPLICATE) },
	{ "mcl01",	REFUSED(DUPLICATE) },
	{ "bcast",	OK, SIP_INVITE, 200, 4711, "t0rture", "", "z9hG4bK1324923", "none", SIP_BODY_SDP },
	{ "zeromf",	OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKtortoptions", "192.0.2.33", SIP_BODY_NONE },
	{ "cparam01",	OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKtortregister", "none", SIP_BODY_NONE },
	{ "cparam02",	OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKtortregister", "none", SIP_BODY_NONE },
	{ "regescrt",	OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKtortregister", "none", SIP_BODY_NONE },
	{ "sdp01",	OK, SIP_INVITE, 0, 4711, "t0rture", "", "z9hG4bKtortinvite", "192.0.2.33", SIP_BODY_SDP },

	{ "inv2543",	OK, SIP_INVITE, 0, 4711, "", "", "", "192.0.2.33", SIP_BODY_SDP },
};

static const struct row rfc5118[] = {
	{ "ipv6-good",	OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKas3-111", "2001:db8::1", SIP_BODY_NONE },
	{ "ipv6-bad",	OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKas3-111", "none", SIP_BODY_NONE },
	/* Within brackets all is address. */
	{ "port-ambiguous", OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKas3-111", "2001:db8::10:5070", SIP_BODY_NONE },
	{ "port-unambiguous", OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKas3-111", "2001:db8::10", SIP_BODY_NONE },
	{ "via-received-param-with-delim", OK, SIP_BYE, 0, 4711, "t0rture", "", "z9hG4bKas3-111", "2001:db8::1", SIP_BODY_NONE },
	{ "via-received-param-no-delim", OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKas3-111", "2001:db8::1", SIP_BODY_NONE },
	{ "ipv6-in-sdp", OK, SIP_INVITE, 0, 4711, "t0rture", "", "z9hG4bKas3-111", "2001:db8::1", SIP_BODY_SDP },
	{ "mult-ip-in-header", OK, SIP_BYE, 0, 4711, "t0rture", "", "z9hG4bKas3-111", "none", SIP_BODY_NONE },
	{ "mult-ip-in-sdp", OK, SIP_INVITE, 0, 4711, "t0rture", "", "z9hG4bKas3-111", "2001:db8::1", SIP_BODY_SDP },
	{ "ipv4-mapped-ipv6", OK, SIP_INVITE, 0, 4711, "t0rture", "", "z9hG4bKbh19", "::ffff:192.0.2.2", SIP_BODY_SDP },
	{ "ipv6-bug-abnf-3-colons", OK, SIP_OTHER, 0, 4711, "t0rture", "", "z9hG4bKas3-111", "none", SIP_BODY_NONE },
};
/* clang-format on */

/* The file in an allocation of its own size. */
static struct span
load(const char *folder, const char *name)
{
	char path[512], *p;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s.msg", TEST_DATA, folder, name);
	f = fopen(path, "rb");
	assert_non_null(f);
	assert_non_null(p = malloc(SIP_MAX_MESSAGE));
	n = fread(p, 1, SIP_MAX_MESSAGE, f);
	fclose(f);
	assert_true(n > 0);
	assert_non_null(p = realloc(p, n));
	return (struct span) { p, n };
}

static void
assert_span(struct span s, const char *want)
{
	if (want == NULL)
		return;
	assert_int_equal(s.len, strlen(want));
	assert_memory_equal(s.p, want, s.len);
}

static void
check(const char *folder, const struct row *r)
{
	struct span text = load(folder, r->file);
	enum sip_reject why;
	struct sip_message m;
	char buf[ADDR_STRLEN];
	enum ph_err rc = sip_message_parse(&m, text, false, &why);

	printf("%s: %s\n", r->file, sip_reject_name(why));
	assert_int_equal(why, r->why);
	assert_int_equal(rc == PH_OK, why == SIP_REJECT_NONE);
	if (rc == PH_OK) {
		assert_int_equal(m.request, r->status == 0);
		assert_int_equal(m.status, r->status);
		assert_int_equal(m.method, r->method);
		assert_int_equal(m.cseq, r->cseq);
		assert_span(m.from_tag, r->from_tag);
		assert_span(m.to_tag, r->to_tag);
		assert_span(m.branch, r->branch);
		assert_string_equal(addr_format(&m.contact, buf), r->contact);
		assert_int_equal(m.body, r->body);
	}
	sip_message_free(&m);
	free((void *)(uintptr_t)text.p);
}

static int
init(void **state)
{
	(void)state;
	return sip_message_init() == PH_OK ? 0 : -1;
}

static void
each_message_of_rfc_4475_has_its_class(void **state)
{
	size_t i;

	(void)state;
	assert_int_equal(ROWS(rfc4475), 49);
	for (i = 0; i < ROWS(rfc4475); i++)
		check("rfc4475", &rfc4475[i]);
}

static void
each_message_of_rfc_5118_has_its_class(void **state)
{
	size_t i;

	(void)state;
	assert_int_equal(ROWS(rfc5118), 11);
	for (i = 0; i < ROWS(rfc5118); i++)
		check("rfc5118", &rfc5118[i]);
}

static void
parse_sdp(const char *folder, const char *name, struct sdp *sdp)
{
	struct span text = load(folder, name);
	enum sip_reject why;
	struct sip_message m;

	assert_int_equal(sip_message_parse(&m, text, false, &why), PH_OK);
	assert_int_equal(m.body, SIP_BODY_SDP);
	assert_int_equal(sdp_parse(sdp, m.sdp, NULL), PH_OK);
	sip_message_free(&m);
	free((void *)(uintptr_t)text.p);
}

static void
their_sessions_can_be_read(void **state)
{
	char buf[ADDR_STRLEN];
	struct sdp sdp;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rfc4475); i++) {
		if (rfc4475[i].body != SIP_BODY_SDP)
			continue;
		parse_sdp("rfc4475", rfc4475[i].file, &sdp);
		assert_int_equal(sdp.nmedia, 2);
		assert_int_equal(sdp.version, 7272939);
		assert_int_equal(sdp.media[0].port, 49217);
		assert_int_equal(sdp.media[1].port, 3227);
		assert_string_equal(addr_format(&sdp.media[1].addr, buf),
		    "192.0.2.4");
	}
	parse_sdp("rfc5118", "ipv6-in-sdp", &sdp);
	assert_int_equal(sdp.nmedia, 2);
	assert_string_equal(addr_format(&sdp.media[0].addr, buf),
	    "2001:db8::20");
	parse_sdp("rfc5118", "mult-ip-in-sdp", &sdp);
	assert_int_equal(sdp.nmedia, 2);
	assert_string_equal(addr_format(&sdp.media[0].addr, buf), "192.0.2.1");
	assert_string_equal(addr_format(&sdp.media[1].addr, buf),
	    "2001:db8::1");
	parse_sdp("rfc5118", "ipv4-mapped-ipv6", &sdp);
	assert_int_equal(addr_scope(&sdp.media[0].addr), ADDR_UNUSABLE);
}

/* A prefix of a message is another message, but never a surprise. */
static void
every_prefix_is_refused_or_read(void **state)
{
	struct sip_message m;
	enum sip_reject why;
	struct span text;
	size_t i, n;
	char *copy;

	(void)state;
	for (i = 0; i < ROWS(rfc4475); i++) {
		text = load("rfc4475", rfc4475[i].file);
		for (n = 0; n < text.len; n++) {
			copy = malloc(n > 0 ? n : 1);
			assert_non_null(copy);
			memcpy(copy, text.p, n);
			if (sip_message_parse(&m, (struct span) { copy, n },
				false, &why) == PH_OK)
				/* Only inv2543 has no length to tell. */
				assert_true(
				    strcmp(rfc4475[i].file, "inv2543") == 0 ||
				    strcmp(rfc4475[i].file, "dblreq") == 0);
			sip_message_free(&m);
			free(copy);
		}
		free((void *)(uintptr_t)text.p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_of_rfc_4475_has_its_class),
		cmocka_unit_test(each_message_of_rfc_5118_has_its_class),
		cmocka_unit_test(their_sessions_can_be_read),
		cmocka_unit_test(every_prefix_is_refused_or_read),
	};

	return cmocka_run_group_tests(tests, init, NULL);
}
