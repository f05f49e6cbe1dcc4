/* SPDX-License-Identifier: ISC */
/*
 * Every message of every capture in test-pcaps, and what becomes of it when
 * bytes are changed, read in both ways: in place where it is plain, and by
 * libosip2 alone.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sip/message.h"
#include "src/capture/capture.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#define MUTANTS 24 /* of each message */

static unsigned int nmessages, nread;
static bool
same(const struct sip_message *a, const struct sip_message *b)
{
	return a->request == b->request && a->method == b->method &&
	    a->status == b->status && a->cseq == b->cseq &&
	    span_eq(a->call_id, b->call_id) &&
	    span_eq(a->from_tag, b->from_tag) &&
	    span_eq(a->to_tag, b->to_tag) && span_eq(a->branch, b->branch) &&
	    a->relayed == b->relayed && addr_eq(&a->contact, &b->contact) &&
	    a->reliable == b->reliable && a->rseq == b->rseq &&
	    a->rack_rseq == b->rack_rseq && a->rack_cseq == b->rack_cseq &&
	    a->rack_method == b->rack_method &&
	    a->session_expires == b->session_expires && a->body == b->body &&
	    span_eq(a->sdp, b->sdp);
}

static void
compare(struct span in, bool stream)
{
	enum sip_reject why_a, why_b;
	struct sip_message a, b;
	enum ph_err rc_a, rc_b;

	rc_a = sip_message_parse(&a, in, stream, &why_a);
	rc_b = sip_message_parse_by_osip(&b, in, stream, &why_b);
	nread += rc_a == PH_OK;
	if (rc_a != rc_b || why_a != why_b || !same(&a, &b))
		fail_msg("%s, %s: %.*s", sip_reject_name(why_a),
		    sip_reject_name(why_b), (int)in.len, in.p);
	sip_message_free(&a);
	sip_message_free(&b);
}

/* Change, insert, leave out or repeat some bytes, of the head mostly. */
static struct span
mutate(struct span in, char *text, size_t size)
{
	static const char bytes[] = " \t\r\n\"\\<>;,=:@[]%?&/.-_aZ09\x7f\x80";
	size_t head = in.len < 400 ? in.len : 400;
	size_t at = pick((uint32_t)head), n = 1 + pick(3);
	size_t len = in.len;
	char *p = text + at;

	memcpy(text, in.p, in.len);
	if (n > len - at)
		n = len - at;
	switch (pick(4)) {
	case 0:
		*p = bytes[pick(sizeof(bytes))];
		break;
	case 1:
		memmove(p + 1, p, len - at);
		*p = bytes[pick(sizeof(bytes))];
		len++;
		break;
	case 2:
		memmove(p, p + n, len - at - n);
		len -= n;
		break;
	default:
		memmove(p + n, p, len - at);
		len += n;
		break;
	}
	assert_true(len <= size);
	return (struct span) { text, len };
}

static void
compare_with_mutants(struct span in, bool stream)
{
	size_t size = in.len + 8;
	struct span mutant;
	char *a, *b, *t;
	int i;

	nmessages++;
	compare(in, stream);
	a = malloc(size + 2 * 8);
	b = malloc(size + 2 * 8);
	assert_non_null(a);
	assert_non_null(b);
	for (i = 0; i < MUTANTS; i++) {
		mutant = mutate(in, a, size);
		compare(mutant, stream);
		/* A second change upon the first. */
		mutant = mutate(mutant, b, size + 8);
		compare(mutant, stream);
		t = a;
		a = b;
		b = t;
	}
	free(a);
	free(b);
}

static void
on_udp(void *ctx, const struct datagram *d)
{
	(void)ctx;
	if (d->payload.len > 0)
		compare_with_mutants(d->payload, false);
}

/* Messages, as far as each is in one segment. */
static enum capture_more
on_tcp(void *ctx, void **user, const struct datagram *d)
{
	struct span rest = d->payload;
	size_t skip, len;

	(void)ctx;
	(void)user;
	while (rest.len > 0 && sip_frame(rest, &skip, &len) == PH_OK &&
	    skip + len <= rest.len) {
		compare_with_mutants(span_sub(rest, skip, len), true);
		rest = span_sub(rest, skip + len, rest.len);
	}
	return CAPTURE_WHOLE;
}

static void
on_end(void *ctx, void *user)
{
	(void)ctx;
	(void)user;
}

static void
read_capture(const char *path)
{
	static const struct capture_sink sink = { .udp = on_udp,
		.tcp = on_tcp,
		.tcp_end = on_end };
	static const struct capture_port ports[] = { { IPPROTO_UDP, 5060 },
		{ IPPROTO_TCP, 5060 } };
	struct capture_config config = { .ports = ports, .nports = 2 };
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct capture *c;
	int64_t ts;

	if (capture_open_file(&c, &config, path, &why) != PH_OK)
		return; /* there are captures that nobody can read */
	while (capture_next(c, &sink, INT64_MAX, &ts, &why) == PH_OK)
		continue;
	capture_close(c, &sink);
}

static void
both_readers_agree_on_goldens_and_their_mutants(void **state)
{
	glob_t found;
	size_t i;

	(void)state;
	assert_int_equal(sip_message_init(), PH_OK);
	assert_int_equal(glob(PCAPS "/*/*/input.pcap", 0, NULL, &found), 0);
	for (i = 0; i < found.gl_pathc; i++)
		read_capture(found.gl_pathv[i]);
	globfree(&found);
	print_message("%u messages, %u readings without an error\n", nmessages,
	    nread);
	assert_true(nmessages > 500 && nread > nmessages);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    both_readers_agree_on_goldens_and_their_mutants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
