/* SPDX-License-Identifier: ISC */
/* SDP made by chance from what it is to say, and all of it compared. */
#include <sys/socket.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sip/sdp.h"
#include "src/base/strbuf.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

static struct sdp want, got;
static char text[32768];
static struct strbuf out;
#define ANY(t) (&(t)[pick(ROWS(t))])

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	strbuf_str(&out, line);
	strbuf_str(&out, pick(4) == 0 ? "\n" : "\r\n");
}

/* What is behind c=, and behind the port of a=rtcp. */
static const struct connection {
	const char *text, *addr; /* NULL: none */
	enum sdp_fault fault;
} connections[] = {
	{ "IN IP4 192.0.2.1", "192.0.2.1", SDP_OK },
	{ "IN IP4 198.51.100.7", "198.51.100.7", SDP_OK },
	{ "IN IP6 2001:db8::1", "2001:db8::1", SDP_OK },
	{ "in ip4 224.2.1.1/127/255", "224.2.1.1", SDP_OK },
	{ "IN IP4 192.0.2.1/255", "192.0.2.1", SDP_OK },
	{ "IN IP4 192.0.2.1/256", NULL, SDP_FAULT_ADDRESS },
	{ "IN IP4 192.0.2.1/1/256", NULL, SDP_FAULT_ADDRESS },
	{ "IN IP4 host.example", NULL, SDP_FAULT_NAME },
	{ "IN IP6 aZ-09.x", NULL, SDP_FAULT_NAME },
	{ "IN IP4 z", NULL, SDP_FAULT_NAME },
	{ "IN IP4 A", NULL, SDP_FAULT_NAME },
	{ "IN IP4 host_example", NULL, SDP_FAULT_ADDRESS },
	{ "IN IP4 host@", NULL, SDP_FAULT_ADDRESS },
	{ "IN IP4 host[", NULL, SDP_FAULT_ADDRESS },
	{ "IN IP4 host`", NULL, SDP_FAULT_ADDRESS },
	{ "IN IP4 host{", NULL, SDP_FAULT_ADDRESS },
	{ "IN IP4 host:", NULL, SDP_FAULT_ADDRESS },
	{ "IN IP4 1-2", NULL, SDP_FAULT_ADDRESS },
	{ "IN X host.example", NULL, SDP_FAULT_ADDRESS },
	{ "IN IP6 192.0.2.1", NULL, SDP_FAULT_ADDRESS },
	{ "IN IP4 2001:db8::1", NULL, SDP_FAULT_ADDRESS },
};

static const struct {
	const char *name;
	enum sdp_kind kind;
} protos[] = { { "RTP/AVP", SDP_RTP }, { "RTP/SAVPF", SDP_RTP },
	{ "UDP/TLS/RTP/SAVP", SDP_RTP }, { "udptl", SDP_UDP },
	{ "UDP/BFCP", SDP_UDP }, { "TCP/x", SDP_TCP }, { "TCP", SDP_TCP },
	{ "TCP/", SDP_OTHER }, { "x", SDP_OTHER } };

static const struct {
	const char *name;
	enum sdp_mode mode;
} modes[] = { { "sendrecv", SDP_SENDRECV }, { "sendonly", SDP_SENDONLY },
	{ "recvonly", SDP_RECVONLY }, { "inactive", SDP_INACTIVE } };

static const struct {
	const char *name;
	enum sdp_setup setup;
} setups[] = { { "active", SDP_ACTIVE }, { "Passive", SDP_PASSIVE },
	{ "actpass", SDP_ACTPASS }, { "HOLDCONN", SDP_HOLDCONN } };

static struct addr
address(const char *s)
{
	struct addr a = { 0 };

	if (s != NULL)
		assert_int_equal(addr_parse(span_of(s), &a), PH_OK);
	return a;
}

/* m= with its port and count. */
static bool
make_media(struct sdp_media *m)
{
	static const unsigned int ports[] = { 0, 1, 9, 1024, 5004, 65520, 65528,
		65533, 65534, 65535, 65536 };
	unsigned int port = *ANY(ports), count = pick(3) == 0 ? pick(10) : 1,
		     last;
	size_t i = pick(ROWS(protos));
	char number[16] = "";

	if (count != 1 || pick(8) == 0)
		snprintf(number, sizeof(number), "/%u", count);
	say("m=audio %u%s %s 0", port, number, protos[i].name);
	m->kind = protos[i].kind;
	m->nports = 1;
	m->fault = SDP_FAULT_PORT;
	if (port > 65535)
		return false;
	m->port = (uint16_t)port;
	if (count == 0 || count > 8)
		return port == 0;
	m->nports = (uint16_t)count;
	last = port + (count > 1 && m->kind == SDP_RTP ? 2 * count : count) - 1;
	if (port == 0 || last <= 65535)
		m->fault = SDP_OK;
	return port == 0;
}

static void
fail_with(struct sdp_media *m, enum sdp_fault fault)
{
	if (m->fault == SDP_OK)
		m->fault = fault;
}

static void
make_rtcp(struct sdp_media *m, bool again)
{
	static const unsigned int ports[] = { 0, 1, 5005, 65535, 65536 };
	unsigned int port = *ANY(ports);
	const struct connection *c = pick(2) == 0 ? NULL : ANY(connections);

	say("a=rtcp:%u%s%s", port, c != NULL ? " " : "",
	    c != NULL ? c->text : "");
	if (again) {
		fail_with(m, SDP_FAULT_AMBIGUOUS);
		return;
	}
	if (port == 0 || port > 65535) {
		fail_with(m, SDP_FAULT_PORT);
		return;
	}
	m->rtcp.port = (uint16_t)port;
	if (c == NULL)
		return;
	m->rtcp.addr = address(c->addr);
	if (c->fault == SDP_FAULT_ADDRESS)
		fail_with(m, SDP_FAULT_ADDRESS);
}

static void
make_candidate(struct sdp_media *m)
{
	static const char *const types[] = { "host", "srflx", "prflx", "RELAY",
		"x" };
	static const char *const transports[] = { "UDP", "tcp", "TCP", "udp",
		"SCTP" };
	static const unsigned int ports[] = { 0, 1, 9, 5000, 65535, 65536 };
	static const char *const priorities[] = { "0", "4294967295",
		"4294967296", "x" };
	unsigned int component = pick(4), port = *ANY(ports), type = pick(5);
	unsigned int transport = pick(5), priority = pick(8), last = pick(256);
	struct sdp_candidate *c;

	priority = priority < ROWS(priorities) ? priority : 0;
	say("a=candidate:1 %u %s %s 192.0.2.%u %u typ %s", component,
	    transports[transport], priorities[priority], last, port,
	    types[type]);
	m->ice = true;
	if (component < 1 || component > 2 || port < 1 || port > 65535 ||
	    type == 4 || transport == 4 || priority > 1 ||
	    m->ncandidates == SDP_MAX_CANDIDATES)
		return;
	c = &m->candidates[m->ncandidates++];
	memset(c, 0, sizeof(*c));
	c->addr = addr_v4(192, 0, 2, (uint8_t)last);
	c->port = (uint16_t)port;
	c->component = (uint8_t)component;
	c->tcp = transport == 1 || transport == 2;
}

/* The groups of the session: of some letters each. */
static char groups[3][8];
static size_t ngroups;

static void
make_mid(struct sdp_media *m, bool again)
{
	char mid = (char)('a' + pick(6));
	const char *at;
	size_t i;

	say("a=mid:%c", mid);
	for (i = 0; i < ngroups && !again; i++)
		if ((at = strchr(groups[i], mid)) != NULL) {
			m->in_bundle = true;
			m->bundle_first = at == groups[i];
			m->bundle = (uint8_t)i;
			return;
		}
}

static void
make_groups(void)
{
	size_t i, k, n;

	ngroups = pick(4);
	for (i = 0; i < ngroups; i++) {
		if (pick(3) == 0)
			say("a=group:LS a b");
		n = pick(5);
		strbuf_str(&out, "a=group:BUNDLE");
		for (k = 0; k < n; k++) {
			groups[i][k] = (char)('a' + pick(6));
			strbuf_fmt(&out, " %c", groups[i][k]);
		}
		groups[i][n] = '\0';
		say("%s", "");
	}
}

/* One m= section; `c` is the session's connection, NULL if it has none. */
static void
make_section(struct sdp_media *m, const struct connection *c)
{
	const struct connection *own = NULL;
	bool refused = make_media(m), rtcp = false, mid = false, two = false;
	unsigned int n;
	size_t i;

	for (n = pick(10); n > 0; n--)
		switch (pick(12)) {
		case 0:
			i = pick(ROWS(connections));
			say("c=%s", connections[i].text);
			two = own != NULL;
			own = own != NULL ? own : &connections[i];
			if (two)
				n = 1;
			break;
		case 1:
			i = pick(ROWS(modes));
			say("a=%s", modes[i].name);
			m->mode = modes[i].mode;
			break;
		case 2:
			i = pick(ROWS(setups));
			say("a=setup:%s", setups[i].name);
			m->setup = setups[i].setup;
			break;
		case 3:
			make_rtcp(m, rtcp);
			rtcp = true;
			break;
		case 4:
			say("a=rtcp-mux");
			m->rtcp_mux = true;
			break;
		case 5:
			say("a=rtcp-mux-only");
			m->rtcp_mux_only = true;
			break;
		case 6:
			say("a=bundle-only");
			m->bundle_only = true;
			break;
		case 7:
			say("a=ice-ufrag:x");
			m->ice = true;
			break;
		case 8:
			make_mid(m, mid);
			mid = true;
			break;
		case 9:
			say("%s", pick(2) == 0 ? "a=ptime:20" : "b=AS:64");
			break;
		default:
			make_candidate(m);
			break;
		}
	if (own != NULL) {
		m->addr = address(own->addr);
		fail_with(m, two ? SDP_FAULT_AMBIGUOUS : own->fault);
	} else {
		m->addr = address(c != NULL ? c->addr : NULL);
		fail_with(m, c != NULL ? c->fault : SDP_FAULT_ADDRESS);
	}
	if (refused)
		m->fault = SDP_OK;
}

static void
make(void)
{
	const struct connection *c = pick(4) == 0 ? NULL : ANY(connections);
	struct sdp_media base = { 0 };
	struct sdp_media *m;
	unsigned int n = pick(SDP_MAX_MEDIA + 3);
	size_t i;

	memset(&want, 0, sizeof(want));
	out = strbuf_of(text, sizeof(text));
	say("v=0");
	if (pick(2) == 0) {
		want.version = pick(1000);
		say("o=- 1 %u IN IP4 192.0.2.1", (unsigned int)want.version);
	}
	if (c != NULL)
		say("c=%s", c->text);
	if (pick(2) == 0) {
		i = pick(ROWS(modes));
		say("a=%s", modes[i].name);
		base.mode = modes[i].mode;
	}
	if (pick(2) == 0) {
		i = pick(ROWS(setups));
		say("a=setup:%s", setups[i].name);
		base.setup = setups[i].setup;
	}
	if (pick(4) == 0) {
		say("a=ice-ufrag:x");
		want.ice = base.ice = true;
	}
	make_groups();
	/* None of these says anything for the session. */
	say("a=mid:a");
	say("a=rtcp-mux");
	say("a=rtcp:0");
	while (n-- > 0) {
		if (want.nmedia == SDP_MAX_MEDIA) {
			want.more = true;
			say("m=audio 5000 RTP/AVP 0");
			say("o=- 1 77 IN IP4 192.0.2.1");
			continue;
		}
		m = &want.media[want.nmedia];
		*m = base;
		m->candidates = want.candidates[want.nmedia++];
		make_section(m, c);
	}
}

static void
compare(const struct sdp_media *a, const struct sdp_media *b)
{
	assert_int_equal(a->fault, b->fault);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->port, b->port);
	assert_int_equal(a->nports, b->nports);
	assert_memory_equal(&a->addr, &b->addr, sizeof(a->addr));
	assert_memory_equal(&a->rtcp.addr, &b->rtcp.addr, sizeof(a->addr));
	assert_int_equal(a->rtcp.port, b->rtcp.port);
	assert_int_equal(a->rtcp_mux, b->rtcp_mux);
	assert_int_equal(a->rtcp_mux_only, b->rtcp_mux_only);
	assert_int_equal(a->bundle_only, b->bundle_only);
	assert_int_equal(a->ice, b->ice);
	assert_int_equal(a->in_bundle, b->in_bundle);
	assert_int_equal(a->bundle_first, b->bundle_first);
	assert_int_equal(a->bundle, b->bundle);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->setup, b->setup);
	assert_int_equal(a->repeated, 0);
	assert_int_equal(a->ncandidates, b->ncandidates);
	if (a->ncandidates > 0)
		assert_memory_equal(a->candidates, b->candidates,
		    a->ncandidates * sizeof(a->candidates[0]));
}

static void
what_is_made_is_read(void **state)
{
	unsigned int i;
	size_t k;

	(void)state;
	for (i = 0; i < 3000; i++) {
		seed = i;
		make();
		assert_int_equal(sdp_parse(&got, span_of(text), NULL), PH_OK);
		assert_int_equal(got.nmedia, want.nmedia);
		assert_int_equal(got.more, want.more);
		assert_int_equal(got.ice, want.ice);
		assert_true(got.version == want.version);
		for (k = 0; k < want.nmedia; k++)
			compare(&got.media[k], &want.media[k]);
	}
}

/* Each byte as the type of a line, first and later. */
static void
a_type_is_one_letter(void **state)
{
	enum ph_err rc;
	unsigned int c;
	bool letter;
	size_t n;

	(void)state;
	for (c = 1; c < 256; c++) {
		letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		n = (size_t)snprintf(text, sizeof(text), "v=0\n%c=x\n", c);
		rc = sdp_parse(&got, (struct span) { text, n }, NULL);
		assert_int_equal(rc,
		    c == 'v'	 ? PH_EAMBIGUOUS
			: letter ? PH_OK
				 : PH_EMALFORMED);
		n = (size_t)snprintf(text, sizeof(text), "%c=0\n", c);
		rc = sdp_parse(&got, (struct span) { text, n }, NULL);
		assert_int_equal(rc, c == 'v' ? PH_OK : PH_EMALFORMED);
		n = (size_t)snprintf(text, sizeof(text), "v=0\n%c", c);
		rc = sdp_parse(&got, (struct span) { text, n }, NULL);
		assert_int_equal(rc,
		    c == '\n' || c == '\r' ? PH_OK : PH_EMALFORMED);
	}
}

/* Eight groups count, and each up to 511 bytes. */
static void
groups_have_limits(void **state)
{
	unsigned int i, n;

	(void)state;
	for (n = 1; n <= 10; n++) {
		out = strbuf_of(text, sizeof(text));
		say("v=0");
		for (i = 1; i <= n; i++)
			say("a=group:BUNDLE x%u y%u", i, i);
		say("m=audio 5000 RTP/AVP 0");
		say("a=mid:y%u", n);
		assert_int_equal(sdp_parse(&got, span_of(text), NULL), PH_OK);
		assert_int_equal(got.media[0].in_bundle, n <= 8);
		assert_int_equal(got.media[0].bundle, n <= 8 ? n - 1 : 0);
		assert_false(got.media[0].bundle_first);
	}
	for (n = 500; n < 530; n++) {
		out = strbuf_of(text, sizeof(text));
		strbuf_str(&out, "v=0\na=group:BUNDLE a");
		for (i = 8; i < n; i++)
			strbuf_str(&out, "b");
		strbuf_str(&out, "\nm=audio 5000 RTP/AVP 0\na=mid:a");
		/* "BUNDLE a" is 8 bytes; the name has more. */
		assert_int_equal(sdp_parse(&got, span_of(text), NULL), PH_OK);
		assert_false(got.media[0].in_bundle);
		strbuf_reset(&out);
		strbuf_str(&out, "v=0\na=group:BUNDLE a ");
		for (i = 9; i < n; i++)
			strbuf_str(&out, "b");
		strbuf_str(&out, "\nm=audio 5000 RTP/AVP 0\na=mid:a\n");
		assert_int_equal(sdp_parse(&got, span_of(text), NULL), PH_OK);
		assert_int_equal(got.media[0].in_bundle, n < 512);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_made_is_read),
		cmocka_unit_test(a_type_is_one_letter),
		cmocka_unit_test(groups_have_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
