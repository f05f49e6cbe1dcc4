/* SPDX-License-Identifier: ISC */
/* The nftables backend without a kernel: keys, counting, bytes. */
#include <sys/socket.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>

#include <libmnl/libmnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft/batch.h"
#include "nft/elements.h"
#include "nft/mirror.h"
#include "nft/table.h"
#include "src/fw/direct.h"
#include "src/fw/ledger.h"
#include "tests/unit/nft_config.h"

static struct addr
ip(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), PH_OK);
	return a;
}

/* proto dir from port to lo hi [once] [rdr addr port] [nat addr port] */
struct row {
	const char *what;
	const char *hole;
	const char *text; /* NULL: PH_EBAD */
};

#define UDP IPPROTO_UDP
#define TCP IPPROTO_TCP
#define ADD "add element inet pinholed "
#define BOTH(set, elems)                                                       \
	ADD set " { " elems " }\n" ADD set "_back { " elems " }\n"

/* clang-format off */
static const struct row rows[] = {
	{ "in", "udp in 198.51.100.7 0 192.0.2.20 10000 10001",
	  BOTH("udp4_in", "198.51.100.7 . 192.0.2.20 . 10000,"
	  " 198.51.100.7 . 192.0.2.20 . 10001") },
	{ "out", "tcp out 192.0.2.20 0 198.51.100.7 9 9",
	  BOTH("tcp4_out", "192.0.2.20 . 198.51.100.7 . 9") },
	{ "six", "udp in 2001:db8::7 0 2001:db8:2::20 65535 65535",
	  BOTH("udp6_in", "2001:db8::7 . 2001:db8:2::20 . 65535") },
	{ "any", "udp in any 0 192.0.2.20 1 1",
	  BOTH("udp4_in_any", "192.0.2.20 . 1") },
	{ "anybody's /0", "udp in 0.0.0.0/0 0 192.0.2.20 1 1",
	  BOTH("udp4_in_any", "192.0.2.20 . 1") },
	{ "a remote", "udp in 198.51.100.0/24 0 192.0.2.20 1 1",
	  BOTH("udp4_in_net", "192.0.2.20 . 1") },
	{ "within a remote", "udp in 198.51.100.8/29 0 192.0.2.20 1 1",
	  BOTH("udp4_in_net", "192.0.2.20 . 1") },
	{ "no remote", "udp in 198.51.100.0/23 0 192.0.2.20 1 1", NULL },
	{ "from a port", "udp in 198.51.100.7 20 192.0.2.20 5 5",
	  BOTH("udp4_in_port", "198.51.100.7 . 20 . 192.0.2.20 . 5") },
	{ "out from a port", "udp out 192.0.2.20 20 198.51.100.7 5 5",
	  BOTH("udp4_out_port", "192.0.2.20 . 20 . 198.51.100.7 . 5") },
	{ "once", "tcp in 198.51.100.7 0 192.0.2.20 5 5 once",
	  ADD "tcp4_once { 198.51.100.7 . 192.0.2.20 . 5 }\n" },
	{ "once, out", "tcp out 192.0.2.20 0 198.51.100.7 5 5 once",
	  ADD "tcp4_once { 192.0.2.20 . 198.51.100.7 . 5 }\n" },
	{ "once from 20", "tcp in 198.51.100.7 20 192.0.2.20 5 5 once",
	  ADD "tcp4_once_port { 198.51.100.7 . 20 . 192.0.2.20 . 5 }\n" },
	{ "once, any", "tcp in any 0 2001:db8:2::20 5 5 once",
	  ADD "tcp6_once_any { 2001:db8:2::20 . 5 }\n" },
	{ "once, net", "tcp in 198.51.100.0/24 0 192.0.2.20 5 5 once",
	  ADD "tcp4_once_net { 192.0.2.20 . 5 }\n" },
	{ "udp has no once", "udp in 198.51.100.7 0 192.0.2.20 5 5 once",
	  BOTH("udp4_in", "198.51.100.7 . 192.0.2.20 . 5") },
	{ "rdr", "udp in 198.51.100.7 0 192.0.2.20 50 51 rdr 203.0.113.1 60",
	  BOTH("udp4_in", "198.51.100.7 . 192.0.2.20 . 50,"
	  " 198.51.100.7 . 192.0.2.20 . 51")
	  ADD "udp4_dnat { 198.51.100.7 . 203.0.113.1 . 60 : 192.0.2.20 . 50,"
	  " 198.51.100.7 . 203.0.113.1 . 61 : 192.0.2.20 . 51 }\n" },
	{ "rdr, once", "tcp in 198.51.100.7 0 192.0.2.20 5 5 once rdr 203.0.113.1 6",
	  ADD "tcp4_once { 198.51.100.7 . 192.0.2.20 . 6 }\n"
	  ADD "tcp4_dnat { 198.51.100.7 . 203.0.113.1 . 6 : 192.0.2.20 . 5 }\n" },
	{ "rdr of any", "udp in any 0 192.0.2.20 50 50 rdr 203.0.113.1 0",
	  BOTH("udp4_in_any", "192.0.2.20 . 50")
	  ADD "udp4_dnat_any { 203.0.113.1 . 50 : 192.0.2.20 . 50 }\n" },
	{ "rdr of a net", "udp in 2001:db8:1::/48 0 2001:db8:2::20 50 50 rdr 2001:db8:9::1 0",
	  BOTH("udp6_in_net", "2001:db8:2::20 . 50")
	  ADD "udp6_dnat_net { 2001:db8:9::1 . 50 : 2001:db8:2::20 . 50 }\n" },
	{ "nat", "tcp out 192.0.2.20 0 198.51.100.7 50 50 nat 203.0.113.1 70",
	  BOTH("tcp4_out", "192.0.2.20 . 198.51.100.7 . 50")
	  ADD "tcp4_snat { 192.0.2.20 . 198.51.100.7 . 50 : 203.0.113.1 . 70 }\n" },
	{ "nat of a range", "tcp out 192.0.2.20 0 198.51.100.7 50 51 nat 203.0.113.1 70",
	  BOTH("tcp4_out", "192.0.2.20 . 198.51.100.7 . 50,"
	  " 192.0.2.20 . 198.51.100.7 . 51")
	  ADD "tcp4_snat { 192.0.2.20 . 198.51.100.7 . 50 : 203.0.113.1 . 70,"
	  " 192.0.2.20 . 198.51.100.7 . 51 : 203.0.113.1 . 71 }\n" },
	{ "nat keeps the port", "tcp out 192.0.2.20 0 198.51.100.7 50 50 nat 203.0.113.1 0",
	  BOTH("tcp4_out", "192.0.2.20 . 198.51.100.7 . 50")
	  ADD "tcp4_snat_addr { 192.0.2.20 . 198.51.100.7 . 50 : 203.0.113.1 }\n" },
	{ "rdr up to the top", "udp in any 0 192.0.2.20 5 6 rdr 203.0.113.1 65534",
	  BOTH("udp4_in_any", "192.0.2.20 . 5, 192.0.2.20 . 6")
	  ADD "udp4_dnat_any { 203.0.113.1 . 65534 : 192.0.2.20 . 5,"
	  " 203.0.113.1 . 65535 : 192.0.2.20 . 6 }\n" },
	{ "nat up to the top", "udp in 198.51.100.7 0 192.0.2.20 5 5 nat 203.0.113.1 65535",
	  BOTH("udp4_in", "198.51.100.7 . 192.0.2.20 . 5")
	  ADD "udp4_snat { 198.51.100.7 . 192.0.2.20 . 5 : 203.0.113.1 . 65535 }\n" },
	{ "nat of any", "tcp in any 0 198.51.100.7 50 50 nat 203.0.113.1 0", NULL },
	{ "sctp", "sctp in 198.51.100.7 0 192.0.2.20 5 5", NULL },
	{ "no direction", "udp none 198.51.100.7 0 192.0.2.20 5 5", NULL },
	{ "port 0", "udp in 198.51.100.7 0 192.0.2.20 0 0", NULL },
	{ "backwards", "udp in 198.51.100.7 0 192.0.2.20 6 5", NULL },
	{ "64 ports and one", "udp in 198.51.100.7 0 192.0.2.20 100 164", NULL },
	{ "two families", "udp in 198.51.100.7 0 2001:db8::1 5 5", NULL },
	{ "rdr of another family", "udp in any 0 192.0.2.20 5 5 rdr 2001:db8::1 5", NULL },
	{ "rdr past the top", "udp in any 0 192.0.2.20 5 6 rdr 203.0.113.1 65535", NULL },
	{ "nat of another family", "udp in 198.51.100.7 0 192.0.2.20 5 5 nat 2001:db8::1 5", NULL },
	{ "nat past the top", "udp in 198.51.100.7 0 192.0.2.20 5 6 nat 203.0.113.1 65535", NULL },
	{ "out from anybody", "udp out any 0 192.0.2.20 5 5", NULL },
	{ "out from a net", "udp out 198.51.100.0/24 0 192.0.2.20 5 5", NULL },
	{ "anybody's port", "udp in any 20 192.0.2.20 5 5", NULL },
	{ "nowhere", "udp in 198.51.100.7 0 any 5 5", NULL },
};
/* clang-format on */

static char *
word(char **rest)
{
	char *w = strsep(rest, " ");

	assert_non_null(w);
	return w;
}

static uint16_t
number(char **rest)
{
	return (uint16_t)strtoul(word(rest), NULL, 10);
}

static struct endpoint
endpoint(char **rest)
{
	struct addr a = ip(word(rest));

	return (struct endpoint) { a, number(rest) };
}

static struct pinhole
hole_of(const char *text)
{
	char copy[256], *rest = copy, *w;
	struct pinhole h;

	memset(&h, 0, sizeof(h));
	snprintf(copy, sizeof(copy), "%s", text);
	w = word(&rest);
	h.proto = *w == 'u' ? UDP : *w == 't' ? TCP : IPPROTO_SCTP;
	w = word(&rest);
	h.dir = *w == 'i' ? PINHOLE_IN : *w == 'o' ? PINHOLE_OUT : 0;
	if (strcmp(w = word(&rest), "any") != 0)
		assert_int_equal(prefix_parse(span_of(w), &h.from), PH_OK);
	h.from_port = number(&rest);
	if (strcmp(w = word(&rest), "any") != 0)
		h.to = ip(w);
	h.to_lo = number(&rest);
	h.to_hi = number(&rest);
	while (rest != NULL)
		switch (*(w = word(&rest))) {
		case 'o':
			h.once = 1;
			break;
		case 'r':
			h.rdr_from = endpoint(&rest);
			break;
		default:
			h.nat_to = endpoint(&rest);
			break;
		}
	return h;
}

static void
test_pinholes_become_elements(void **state)
{
	struct elem v[ELEM_MAX];
	struct strbuf out;
	struct pinhole h;
	char text[512];
	enum ph_err rc;
	size_t i, n;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		h = hole_of(rows[i].hole);
		out = strbuf_of(text, sizeof(text));
		rc = hole_elements(&h, &config, v, &n);
		if (rc != (rows[i].text != NULL ? PH_OK : PH_EBAD))
			fail_msg("%s: %d", rows[i].what, rc);
		fw_nftables.explain(&config, &h, &out);
		if (strcmp(text, rows[i].text != NULL ? rows[i].text : "") != 0)
			fail_msg("%s: %s", rows[i].what, text);
	}
}

static void
test_the_widest_range_fits(void **state)
{
	struct elem v[ELEM_MAX];
	struct pinhole h = hole_of(rows[0].hole);
	size_t n;

	(void)state;
	h.to_hi = (uint16_t)(h.to_lo + ELEM_PORTS - 1);
	h.rdr_from = (struct endpoint) { ip("203.0.113.1"), 1 };
	h.nat_to = (struct endpoint) { ip("203.0.113.1"), 1 };
	assert_int_equal(hole_elements(&h, &config, v, &n), PH_OK);
	assert_int_equal(n, ELEM_MAX);
}

static void
test_a_key_is_laid_out_as_nftables_does(void **state)
{
	static const uint8_t key[ELEM_KEYLEN] = { 198, 51, 100, 7, 192, 0, 2,
		20, 0x27, 0x10, 0, 0 };
	struct pinhole h = hole_of(rows[0].hole);
	struct elem v[ELEM_MAX];
	size_t n;

	(void)state;
	assert_int_equal(hole_elements(&h, &config, v, &n), PH_OK);
	assert_int_equal(v[0].keylen, 12);
	assert_memory_equal(v[0].key, key, sizeof(key));
}

/*
 * A backend that is nothing but a mirror.  A commit says in `said` what the
 * kernel would have to do, "+" add, "!" replace, "-" remove; the kernel's
 * answer is `answer`.
 */
static char said[2048];
static enum ph_err answer;

static enum ph_err
only_add(struct fw *fw, struct fw_entry *e)
{
	return mirror_add((struct mirror *)(void *)fw, e);
}

static void
only_remove(struct fw *fw, struct fw_entry *e)
{
	mirror_remove((struct mirror *)(void *)fw, e);
}

static void
only_forget(struct fw *fw, struct fw_entry *e)
{
	mirror_forget((struct mirror *)(void *)fw, e);
}

static enum ph_err
only_commit(struct fw *fw, const struct fw_edit *edits, size_t n, int64_t now)
{
	static const char *const ops[] = { "", "+", "-", "!" };
	struct strbuf b = strbuf_of(said, sizeof(said));
	struct mirror *m = (struct mirror *)(void *)fw;
	struct mirror_change c;
	char name[SET_NAMELEN];
	size_t iter = 0;

	(void)now;
	assert_int_equal(mirror_begin(m, edits, n), PH_OK);
	while (mirror_next_change(m, &iter, MIRROR_ALL_OPS, &c)) {
		/* The way back has the same; see the table of rows. */
		if (set_is_back(c.elem.set) ||
		    set_kind(c.elem.set) == SET_HOSTS)
			continue;
		strbuf_fmt(&b, "%s%s ", ops[c.op], set_name(c.elem.set, name));
		elem_format(&b, &c.elem);
		if (c.op != MIRROR_REMOVE)
			strbuf_fmt(&b, " %d",
			    c.deadline == INT64_MAX ? -1 : (int)c.deadline);
		strbuf_str(&b, "\n");
	}
	mirror_end(m, answer == PH_OK);
	return answer;
}

static const struct fw_ops only = {
	.add = only_add,
	.remove = only_remove,
	.forget = only_forget,
	.commit = only_commit,
};
static struct mirror *m;
static struct direct *direct;
static struct fw_change todo[8];
static size_t ntodo;

static int
fresh(void **state)
{
	(void)state;
	m = mirror_new(&config);
	direct = direct_new(&only, (struct fw *)(void *)m);
	answer = PH_OK;
	ntodo = 0;
	return m == NULL || direct == NULL ? -1 : 0;
}

static int
done(void **state)
{
	(void)state;
	mirror_free(m);
	direct_free(direct);
	return 0;
}

static void
later(enum fw_op op, const struct pinhole *h)
{
	todo[ntodo].op = op;
	todo[ntodo++].hole = *h;
}

static enum ph_err
commit(void)
{
	size_t n = ntodo;

	ntodo = 0;
	said[0] = '\0';
	return direct_commit(direct, todo, n, 0);
}

static const char *
changes(void)
{
	assert_int_equal(commit(), answer);
	return said;
}

static struct pinhole
media(uint64_t id, uint16_t lo, uint16_t hi, int64_t deadline)
{
	struct pinhole h = hole_of(rows[0].hole);

	h.id = id;
	h.to_lo = lo;
	h.to_hi = hi;
	h.deadline = deadline;
	return h;
}

#define OPEN(h)	 later(FW_OPEN, &(h))
#define CLOSE(h) later(FW_CLOSE, &(h))
#define K	 "udp4_in 198.51.100.7 . 192.0.2.20 . "

static void
test_an_element_lives_as_long_as_the_last_who_holds_it(void **state)
{
	struct pinhole a = media(1, 10, 11, 100), b = media(2, 11, 12, 200);

	(void)state;
	OPEN(a);
	assert_string_equal(changes(), "+" K "10 100\n+" K "11 100\n");
	OPEN(b);
	assert_string_equal(changes(), "!" K "11 200\n+" K "12 200\n");
	/* An earlier deadline of another changes nothing. */
	a.deadline = 150;
	OPEN(a);
	assert_string_equal(changes(), "!" K "10 150\n");
	CLOSE(b);
	assert_string_equal(changes(), "!" K "11 150\n-" K "12\n");
	CLOSE(a);
	assert_string_equal(changes(), "-" K "10\n-" K "11\n");
	assert_int_equal(mirror_count(m, set_number(SET_IN, UDP, AF_INET)), 0);
}

static void
test_what_the_kernel_refused_leaves_all_as_it_was(void **state)
{
	struct pinhole a = media(1, 10, 10, 100), b = media(2, 10, 11, 200);
	struct pinhole again = media(1, 10, 10, 300);

	(void)state;
	OPEN(a);
	changes();
	answer = PH_EIO;
	OPEN(b);
	OPEN(again);
	CLOSE(a);
	OPEN(again);
	assert_string_equal(changes(), "!" K "10 300\n+" K "11 200\n");
	/* The deadline is the old one, and nobody else holds it. */
	CLOSE(a);
	assert_string_equal(changes(), "-" K "10\n");
	answer = PH_OK;
	OPEN(a);
	assert_string_equal(changes(), "");
	assert_int_equal(mirror_count(m, set_number(SET_IN, UDP, AF_INET)), 1);
}

static void
test_opening_and_closing_in_one_commit_is_nothing(void **state)
{
	struct pinhole a = media(1, 10, 10, 100);

	(void)state;
	OPEN(a);
	CLOSE(a);
	assert_string_equal(changes(), "");
	OPEN(a);
	changes();
	CLOSE(a);
	OPEN(a);
	assert_string_equal(changes(), "");
	assert_int_equal(mirror_count(m, set_number(SET_IN, UDP, AF_INET)), 1);
}

static void
test_after_adopting_an_element_may_be_there_already(void **state)
{
	struct pinhole a = media(1, 20, 20, 100);

	(void)state;
	mirror_expect_leftovers(m, true);
	OPEN(a);
	assert_string_equal(changes(), "!" K "20 100\n");
}

static void
test_an_id_stands_for_one_thing(void **state)
{
	struct pinhole a = media(1, 10, 10, 100), b = media(1, 11, 11, 100);

	(void)state;
	OPEN(a);
	changes();
	OPEN(b);
	assert_int_equal(commit(), PH_EBAD);
	CLOSE(a);
	OPEN(b);
	assert_string_equal(changes(), "-" K "10\n+" K "11 100\n");
}

static void
test_a_redirection_leads_to_one_place(void **state)
{
	struct pinhole a = media(1, 10, 10, 0), b = media(2, 20, 20, 0);

	(void)state;
	a.rdr_from = (struct endpoint) { ip("203.0.113.1"), 5 };
	b.rdr_from = a.rdr_from;
	OPEN(a);
	changes();
	OPEN(b);
	assert_int_equal(commit(), PH_EBAD);
	/* Then to another, in one commit. */
	answer = PH_EIO;
	CLOSE(a);
	OPEN(b);
	assert_string_equal(changes(),
	    "-" K "10\n+" K "20 -1\n!udp4_dnat 198.51.100.7 . 203.0.113.1 . 5"
	    " : 192.0.2.20 . 20 -1\n");
	answer = PH_OK;
	CLOSE(a);
	assert_string_equal(changes(),
	    "-" K "10\n-udp4_dnat 198.51.100.7 . 203.0.113.1 . 5"
	    " : 192.0.2.20 . 10\n");
}

static void
test_what_the_chains_let_pass(void **state)
{
	/* clang-format off */
	static const struct {
		const char *what;
		uint8_t proto;
		const char *src; uint16_t sport;
		const char *dst; uint16_t dport;
		bool reply, passes;
	} t[] = {
	{ "in", UDP, "198.51.100.7", 1, "192.0.2.20", 10, 0, 1 },
	{ "and back", UDP, "192.0.2.20", 10, "198.51.100.7", 1, 0, 1 },
	{ "from another port", UDP, "192.0.2.20", 9, "198.51.100.7", 1, 0, 0 },
	{ "another protocol", TCP, "198.51.100.7", 1, "192.0.2.20", 10, 0, 0 },
	{ "out", UDP, "192.0.2.20", 9, "198.51.100.7", 40, 0, 1 },
	{ "its answer", UDP, "198.51.100.7", 40, "192.0.2.20", 9, 1, 1 },
	{ "is no question", UDP, "198.51.100.7", 40, "192.0.2.20", 9, 0, 0 },
	{ "anybody", TCP, "203.0.113.9", 1, "192.0.2.21", 30, 0, 1 },
	{ "and back", TCP, "192.0.2.21", 30, "203.0.113.9", 1, 0, 1 },
	{ "a remote", UDP, "2001:db8:1::9", 1, "2001:db8:2::20", 30, 0, 1 },
	{ "and back", UDP, "2001:db8:2::20", 30, "2001:db8:1::9", 1, 1, 1 },
	{ "no remote", UDP, "2001:db8:5::9", 1, "2001:db8:2::20", 30, 0, 0 },
	{ "port to port", UDP, "198.51.100.7", 50, "192.0.2.20", 51, 0, 1 },
	{ "and back", UDP, "192.0.2.20", 51, "198.51.100.7", 50, 0, 1 },
	{ "other port", UDP, "198.51.100.7", 52, "192.0.2.20", 51, 0, 0 },
	{ "out from a port", UDP, "192.0.2.20", 60, "198.51.100.7", 61, 0, 1 },
	};
	static const char *const open[] = {
	"udp in 198.51.100.7 0 192.0.2.20 10 10",
	"udp out 192.0.2.20 0 198.51.100.7 40 40",
	"tcp in any 0 192.0.2.21 30 30",
	"udp in 2001:db8:1::/48 0 2001:db8:2::20 30 30",
	"udp in 198.51.100.7 50 192.0.2.20 51 51",
	"udp out 192.0.2.20 60 198.51.100.7 61 61",
	};
	/* clang-format on */
	struct flow_view v;
	struct pinhole h;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(open); i++) {
		h = hole_of(open[i]);
		h.id = i + 1;
		OPEN(h);
	}
	changes();
	for (i = 0; i < ROWS(t); i++) {
		v = (struct flow_view) { t[i].proto, ip(t[i].src), ip(t[i].dst),
			t[i].sport, t[i].dport, t[i].reply };
		if (mirror_covers(m, &v) != t[i].passes)
			fail_msg("%zu %s", i, t[i].what);
	}
}

static uint64_t packets_of[4]; /* by id */

static void
note_id(void *ctx, struct fw_entry *e, unsigned int ends)
{
	packets_of[e->id] = e->packets;
	((unsigned int *)ctx)[e->id] += ends; /* once each */
}

static const char *
count(const struct elem *e, size_t n, uint64_t packets)
{
	struct strbuf b = strbuf_of(said, sizeof(said));
	unsigned int seen[ROWS(packets_of)] = { 0 };
	size_t i;

	mirror_count_begin(m);
	for (i = 0; i < n; i++)
		mirror_counted(m, &e[i], packets);
	mirror_count_end(m, true, 50, note_id, seen);
	for (i = 0; i < ROWS(packets_of); i++)
		if (seen[i] != 0)
			strbuf_fmt(&b, "%zu%s%s ", i,
			    seen[i] & FW_SEEN_FROM ? "<" : "",
			    seen[i] & FW_SEEN_TO ? ">" : "");
	return said;
}

static void
test_activity_is_counters_that_moved(void **state)
{
	struct pinhole a = media(1, 10, 11, 100), b = media(2, 11, 11, 200);
	struct elem v[ELEM_MAX];
	size_t n;

	(void)state;
	assert_int_equal(hole_elements(&a, &config, v, &n), PH_OK);
	OPEN(a);
	OPEN(b);
	changes();
	assert_string_equal(count(v, 2, 0), "");
	/* Both elements of one pinhole: told once. */
	assert_string_equal(count(v, 1, 5), "1< ");
	assert_string_equal(count(v + 1, 1, 5), "1< 2< ");
	assert_int_equal(packets_of[1], 10);
	assert_int_equal(packets_of[2], 5);
	assert_string_equal(count(v, 2, 5), "");
	/* The last word of a counter before its element is replaced. */
	a.deadline = 300;
	OPEN(a);
	mirror_counted(m, &v[0], 6);
	mirror_counted(m, &v[1], 5);
	changes();
	assert_string_equal(count(v, 2, 0), "1< ");
	assert_int_equal(packets_of[1], 11);
	/* As many again after it. */
	assert_string_equal(count(v, 1, 6), "1< ");
	/* The counter of a replaced element begins at zero. */
	a.deadline = 400;
	OPEN(a);
	changes();
	assert_string_equal(count(v, 1, 6), "1< ");
	mirror_count_reset(m);
	assert_string_equal(count(v, 1, 0), "");
	assert_string_equal(count(v, 1, 6), "1< ");
	/* Packets that `to` sends, alone and together with those of `from`. */
	assert_true(set_is_back(v[2].set));
	assert_int_equal(packets_of[1], 29);
	assert_string_equal(count(v + 2, 1, 1), "1> ");
	assert_int_equal(packets_of[1], 30);
	assert_string_equal(count(v, 3, 7), "1<> 2< ");
	/* Somebody else has set it back. */
	count(v, 1, 9);
	packets_of[0] = packets_of[1];
	assert_string_equal(count(v, 1, 2), "1< ");
	assert_int_equal(packets_of[1], packets_of[0] + 2);
}

static void
test_a_single_connection_that_began_is_activity(void **state)
{
	struct pinhole h = hole_of("tcp in 198.51.100.7 0 192.0.2.20 5 5 once");
	struct elem v[ELEM_MAX];
	size_t n;

	(void)state;
	h.id = 3;
	h.deadline = 100;
	assert_int_equal(hole_elements(&h, &config, v, &n), PH_OK);
	OPEN(h);
	changes();
	assert_string_equal(count(v, 1, 0), "");
	assert_string_equal(count(v, 0, 0), "3<> ");
	assert_string_equal(count(v, 0, 0), "");
	/* A refresh does not let another one in. */
	h.deadline = 200;
	OPEN(h);
	assert_string_equal(changes(), "");
	CLOSE(h);
	changes();
	h.deadline = 100;
	OPEN(h);
	changes();
	/* Missing after its deadline means nothing. */
	h.deadline = 40;
	OPEN(h);
	changes();
	assert_string_equal(count(v, 0, 0), "");
}

/* An entry that the kernel has refused still knows its elements. */
static void
test_an_element_forgets_who_has_gone(void **state)
{
	struct fw *fw = (struct fw *)(void *)m;
	struct fw_entry a = { 0 }, b;
	struct pinhole h;
	struct fw_edit edit = { FW_ADD, &a };
	struct elem v[ELEM_MAX];
	size_t n;

	(void)state;
	h = hole_of("tcp in 198.51.100.7 0 192.0.2.20 5 5 once");
	h.deadline = 100;
	(void)fw_entry_set(&a, &h);
	b = a;
	assert_int_equal(hole_elements(&h, &config, v, &n), PH_OK);
	assert_int_equal(ledger_apply(&only, fw, &edit, 1, 0), PH_OK);
	assert_string_equal(count(v, 0, 0), "0<> ");
	answer = PH_EIO;
	edit.entry = &b;
	assert_int_equal(ledger_apply(&only, fw, &edit, 1, 0), PH_EIO);
	answer = PH_OK;
	edit = (struct fw_edit) { FW_REMOVE, &a };
	assert_int_equal(ledger_apply(&only, fw, &edit, 1, 0), PH_OK);
	assert_false(mirror_has(m, &v[0]));
	/* The connection of the pinhole is to come again. */
	edit = (struct fw_edit) { FW_ADD, &b };
	assert_int_equal(ledger_apply(&only, fw, &edit, 1, 0), PH_OK);
	b.deadline = 200;
	edit.op = FW_REPLACE;
	assert_int_equal(ledger_apply(&only, fw, &edit, 1, 0), PH_OK);
	assert_int_equal(said[0], '!');
	/* A forgotten entry that the kernel has is not counted. */
	assert_int_equal(mirror_count(m, v[0].set), 1);
	ledger_forget(&only, fw, &a);
	assert_true(mirror_has(m, &v[0]));
	ledger_forget(&only, fw, &b);
	assert_int_equal(mirror_count(m, v[0].set), 0);
}

struct sighting {
	unsigned int n;
	struct elem elem;
};

static void
sight(void *ctx, const struct element_seen *e)
{
	struct sighting *s = ctx;

	s->n++;
	s->elem = e->elem;
}

static void
test_bytes_come_back_as_elements(void **state)
{
	struct pinhole h = media(1, 10, 10, 0);
	struct elem v[ELEM_MAX];
	struct sighting s = { 0 };
	const struct nlmsghdr *nlh;
	struct batch b;
	int left;
	size_t n, i;

	(void)state;
	h.rdr_from = (struct endpoint) { ip("203.0.113.1"), 5 };
	assert_int_equal(hole_elements(&h, &config, v, &n), PH_OK);
	batch_init(&b, "pinholed");
	batch_begin(&b, 7);
	for (i = 0; i < n; i++)
		batch_element(&b, NFT_MSG_NEWSETELEM, NLM_F_CREATE, &v[i],
		    v[i].data, 1000);
	batch_end(&b);
	assert_false(b.full);
	left = (int)b.len;
	for (i = 0, nlh = (const struct nlmsghdr *)(void *)b.p;
	     mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if ((nlh->nlmsg_type & 0xff) != NFT_MSG_NEWSETELEM)
			continue;
		assert_true(elements_parse(nlh, "pinholed", sight, &s));
		assert_memory_equal(&s.elem, &v[i], sizeof(v[i]));
		assert_false(elements_parse(nlh, "another", sight, &s));
		/* Only the last is answered. */
		assert_int_equal((nlh->nlmsg_flags & NLM_F_ACK) != 0,
		    i == n - 1);
		i++;
	}
	assert_int_equal(i, n);
	assert_int_equal(s.n, n);
	assert_int_equal(left, 0);
	batch_free(&b);
}

static void
test_long_lists_are_split_into_messages(void **state)
{
	struct pinhole h = media(1, 1, 1, 0);
	struct elem v[ELEM_MAX];
	struct sighting s = { 0 };
	const struct nlmsghdr *nlh;
	struct batch b;
	unsigned int messages = 0;
	int left;
	size_t n, i;

	(void)state;
	assert_int_equal(hole_elements(&h, &config, v, &n), PH_OK);
	batch_init(&b, "pinholed");
	batch_begin(&b, 1);
	for (i = 0; i < 5000; i++)
		batch_element(&b, NFT_MSG_NEWSETELEM, 0, &v[0], NULL, 1000);
	batch_end(&b);
	left = (int)b.len;
	for (nlh = (const struct nlmsghdr *)(void *)b.p;
	     mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if ((nlh->nlmsg_type & 0xff) != NFT_MSG_NEWSETELEM)
			continue;
		assert_true(nlh->nlmsg_len < 65536);
		assert_true(elements_parse(nlh, "pinholed", sight, &s));
		messages++;
	}
	assert_int_equal(s.n, 5000);
	assert_true(messages > 1 && messages < 10);
	batch_free(&b);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, done)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pinholes_become_elements),
		cmocka_unit_test(test_the_widest_range_fits),
		cmocka_unit_test(test_a_key_is_laid_out_as_nftables_does),
		CASE(test_an_element_lives_as_long_as_the_last_who_holds_it),
		CASE(test_what_the_kernel_refused_leaves_all_as_it_was),
		CASE(test_opening_and_closing_in_one_commit_is_nothing),
		CASE(test_after_adopting_an_element_may_be_there_already),
		CASE(test_an_id_stands_for_one_thing),
		CASE(test_a_redirection_leads_to_one_place),
		CASE(test_what_the_chains_let_pass),
		CASE(test_activity_is_counters_that_moved),
		CASE(test_a_single_connection_that_began_is_activity),
		CASE(test_an_element_forgets_who_has_gone),
		cmocka_unit_test(test_bytes_come_back_as_elements),
		cmocka_unit_test(test_long_lists_are_split_into_messages),
	};

	return cmocka_run_group_tests(tests, set_remotes, NULL);
}
