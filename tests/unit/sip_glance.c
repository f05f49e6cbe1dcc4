/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "sip/message.h"
#include "src/base/strbuf.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

/* The words that sip_message_glance() finds in a message that was refused. */

static void
what_a_bye_names_is_seen_at_a_glance(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*text;
		const char	*says; /* "" if it is no BYE */
	} rows[] = {
		{ "BYE sip:x SIP/2.0\r\nv: SIP/2.0/UDP h;branch=b\r\n"
		    "f: <sip:a>;tag=a\r\nt: <sip:b>;tag=z\r\ni: c\r\n"
		    "CSeq: 2 BYE\r\n\r\n", "BYE 0 2 c a z b" },
		{ "\r\nBYE\nCall-ID: c\nJunk\nCSeq: 7\nFROM :x ; TAG = a\n"
		    "To: \"q;tag=y\" <sip:b;tag=x>;tag=z", "BYE 0 7 c a z,y " },
		{ "SIP/2.0 200\r\nCSeq: 2\r\n BYE\r\nTo: b\r\n\t;tag=z\r\n"
		    "\r\nCall-ID: body\r\n", "200 2   z " },
		{ "BYE x\r\nCall-ID: 1\r\nCall-ID: 2\r\nCall-ID: 1\r\n"
		    "Call-ID: 3\r\ni: 4\r\ni: 5\r\n", "BYE 0 0 1,2,3,4,5   " },
		/* The empty line ends the head, though a blank follows it. */
		{ "BYE x\r\ni: 1\r\nCSeq: 2 BYE\r\n\r\n x\r\ni: 3\r\n",
		    "BYE 0 2 1   " },
		/* No more than eight, and of the rest the last. */
		{ "BYE x\r\ni: 1\r\ni: 2\r\ni: 3\r\ni: 4\r\ni: 5\r\ni: 6\r\n"
		    "i: 7\r\ni: 8\r\ni: 9\r\n", "BYE 0 0 1,2,3,4,5,6,7,9   " },
		{ "SIP/2.0 200 OK\r\nCSeq: -7 BYE x\r\nVia: x;branch=\"b\"\r\n"
		    "i: c\001d\r\n\r\n", "200 0 c   b" },
		{ "SIP/2.0 100 Trying\r\nCSeq: 2 BYE\r\n\r\n", "100 2    " },
		{ "SIP/2.0 699 x\r\nCSeq: 4294967295 BYE\r\n", "699 4294967295    " },
		/* With two CSeq fields some reader may take either. */
		{ "SIP/2.0 200 x\r\nCSeq: 2 BYE\r\nCSeq: 3 INVITE\r\n", "200 3    " },
		{ "SIP/2.0 200 x\r\nCSeq: 3 INVITE\r\nCSeq: 2 BYE\r\n", "200 2    " },
		{ "SIP/2.0 200 x\r\nCSeq: 4294967296 BYE\r\n", "200 0    " },
		{ "SIP/2.0 200 x\r\nCSeq: 2 BYES\r\n", "" },
		{ "SIP/2.0 99 x\r\nCSeq: 2 BYE\r\n", "" },
		{ "SIP/2.0 700 x\r\nCSeq: 2 BYE\r\n", "" },
		{ "SIP/2.0 200 OK\r\nCSeq: 2 INVITE\r\n\r\n", "" },
		{ "SIP/2.0 20 OK\r\nCSeq: 2 BYE\r\n\r\n", "" },
		{ "bye x SIP/2.0\r\nCSeq: 2 BYE\r\n\r\n", "" },
		{ "INVITE x SIP/2.0\r\nCSeq: 2 BYE\r\n\r\n", "" },
		{ "", "" },
	};
	/* clang-format on */
	const struct sip_words *w;
	struct sip_glance g;
	struct strbuf b;
	char text[256], *copy;
	size_t i, k, n;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		b = strbuf_of(text, sizeof(text));
		/* A copy of exactly its size: ASan sees a byte too far. */
		n = strlen(rows[i].text);
		copy = malloc(n + 1);
		assert_non_null(copy);
		memcpy(copy + 1, rows[i].text, n);
		if (sip_message_glance(&g, (struct span) { copy + 1, n })) {
			const struct sip_words *words[] = { &g.call_id,
				&g.from_tag, &g.to_tag, &g.branch };

			strbuf_fmt(&b, "%s%u %u",
			    g.request && g.bye ? "BYE " : "", g.status, g.cseq);
			for (k = 0; k < ROWS(words); k++) {
				w = words[k];
				strbuf_str(&b, " ");
				for (n = 0; n < w->n; n++) {
					strbuf_str(&b, n > 0 ? "," : "");
					strbuf_add(&b, w->word[n]);
				}
			}
		}
		assert_string_equal(text, rows[i].says);
		free(copy);
	}
}

static void
tags_are_found_behind_junk(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*from;
		const char	*tag; /* for readers of the grammar */
		const char	*all;
	} rows[] = {
		{ "<sip:a>;tag=z", "z", "z " },
		{ "<sip:a;tag=1;tag=2;tag=3>;x=y; TAG = z", "z", "z 1 " },
		{ "\"\\\";tag=1;tag=2>;tag=3\" <sip:a>;tag=z", "z", "z 1 3 " },
		{ "\"<>;tag=1\" <sip:a>;tag=z", "z", "z 1 " },
		{ "<sip:a>;tag=z;x=\">\";tag=2;tag=3", "z", "z 2 3 " },
		{ "<sip:a>;tag=\"z\"", "z", "z " },
		{ "<sip:a>;tag=z,<sip:b>;tag=y", "z", "z y " },
		{ "sip:a;tag=z;tag=y", "z", "z y " },
		{ "\";tag=1\" <sip:a>", "", "1 " },
		{ "<sip:a>", "", "" },
		{ "tag=z", "", "" },
	};
	/* clang-format on */
	struct sip_glance g;
	struct strbuf b;
	char text[256];
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		b = strbuf_of(text, sizeof(text));
		strbuf_fmt(&b, "BYE x SIP/2.0\r\nFrom: %s\r\n\r\n",
		    rows[i].from);
		assert_true(sip_message_glance(&g, span_of(text)));
		assert_true(span_eq_str(g.from, rows[i].tag));
		b = strbuf_of(text, sizeof(text));
		for (k = 0; k < g.from_tag.n; k++) {
			strbuf_add(&b, g.from_tag.word[k]);
			strbuf_str(&b, " ");
		}
		assert_string_equal(text, rows[i].all);
	}
}

/* Only of a message with one Via did its sender choose the words. */
static void
a_second_via_is_seen_at_a_glance(void **state)
{
	struct sip_glance g;

	(void)state;
	assert_true(sip_message_glance(&g,
	    span_of("BYE x SIP/2.0\r\nVia: x;branch=a\r\n\r\n")));
	assert_false(g.relayed);
	assert_true(sip_message_glance(&g,
	    span_of("BYE x SIP/2.0\r\nVia: x;branch=a\r\n"
		    "v: y;branch=b\r\n\r\n")));
	assert_true(g.relayed);
}

static void
sdp_of_a_refused_message_is_found(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*text;
		const char	*sdp;
	} rows[] = {
		{ "INVITE x\r\nJunk\r\n\r\nv=0\r\nm=a\r\n", "v=0\r\nm=a" },
		{ "SIP/2.0 200 OK\n\n--b\nContent-Type: x\n\nv=0\nm=a\n--b--\n",
		    "v=0\nm=a\n" },
		{ "UPDATE x\r\n\r\nX: y\r\n\r\nv=0", "v=0" },
		{ "INVITE x\r\nv=0\r\n\r\nm=a\r\n", "" },
		{ "INVITE x\r\n\r\n", "" },
		{ "IN@VITE x\r\n\r\nv=0\r\n", "" },
	};
	/* clang-format on */
	struct sip_glance g;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		assert_int_equal(sip_message_glance(&g, span_of(rows[i].text)),
		    rows[i].sdp[0] != '\0');
		assert_true(span_eq_str(g.sdp, rows[i].sdp));
	}
}

/* Each word once, the first seven and the last. */
static void
expect_word(struct sip_words *w, const char *word)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (span_eq_str(w->word[i], word))
			return;
	if (w->n < SIP_GLANCE_MAX)
		w->n++;
	w->word[w->n - 1] = span_of(word);
}

static void
compare_words(const struct sip_words *a, const struct sip_words *b)
{
	size_t i;

	assert_int_equal(a->n, b->n);
	for (i = 0; i < a->n; i++)
		assert_true(span_eq(a->word[i], b->word[i]));
}

static const char *const letters[] = { "a", "b", "c", "d", "e", "f", "g", "h",
	"i", "j", "k" };

#define ANY_LETTER letters[pick(ROWS(letters))]

/* One field, in one of its spellings, and what is to be seen of it. */
static void
make_field(struct strbuf *b, struct sip_glance *want, bool *cseq_bye)
{
	static const char *const ends[] = { "\r\n", "\n", " \r\n",
		"\r\n \r\n" };
	const char *word = ANY_LETTER, *other = ANY_LETTER;
	unsigned int kind = pick(7), n = pick(100);
	bool bye;

	switch (kind) {
	case 0:
		strbuf_fmt(b, "%s: %s", pick(2) ? "Call-ID" : "i", word);
		expect_word(&want->call_id, word);
		break;
	case 1:
		strbuf_fmt(b, "%s:<sip:x>;tag=%s", pick(2) ? "FROM" : "f",
		    word);
		if (want->from_tag.n == 0)
			want->from = span_of(word);
		expect_word(&want->from_tag, word);
		break;
	case 2:
		strbuf_fmt(b, "%s : <sip:x> ;x\r\n ; Tag= %s;y=%s",
		    pick(2) ? "to" : "t", word, other);
		if (want->to_tag.n == 0)
			want->to = span_of(word);
		expect_word(&want->to_tag, word);
		break;
	case 3:
		bye = pick(2) == 0;
		strbuf_fmt(b, "CSeq: %u %s", n, bye ? "BYE" : "INVITE");
		want->cseq = n;
		*cseq_bye = *cseq_bye || bye;
		break;
	case 4:
		strbuf_fmt(b, "%s: SIP/2.0/UDP h;branch=%s",
		    pick(2) ? "Via" : "V", word);
		want->relayed = want->branch.n > 0;
		expect_word(&want->branch, word);
		break;
	case 5:
		strbuf_fmt(b, "v: SIP/2.0/UDP h;branch=%s;x;Branch = %s;y=z",
		    word, other);
		want->relayed = want->branch.n > 0;
		expect_word(&want->branch, word);
		expect_word(&want->branch, other);
		break;
	default:
		strbuf_fmt(b, "%s: %s;tag=%s;branch=%s", pick(2) ? "x" : "Too",
		    word, word, word);
		break;
	}
	strbuf_str(b, ends[pick(3)]);
}

static void
all_of_a_message_is_seen(void **state)
{
	static const char *const starts[] = { "BYE sip:x SIP/2.0",
		"INVITE sip:x SIP/2.0", "UPDATE sip:x SIP/2.0",
		"SIP/2.0 200 OK", "SIP/2.0 100", "SIP/2.0 699 x" };
	static const unsigned int status[] = { 0, 0, 0, 200, 100, 699 };
	struct sip_glance want, g;
	char text[2048];
	unsigned int i, k, n, start;
	bool cseq_bye, seen;
	struct strbuf b;

	(void)state;
	for (i = 0; i < 3000; i++) {
		seed = i;
		memset(&want, 0, sizeof(want));
		b = strbuf_of(text, sizeof(text));
		start = pick(ROWS(starts));
		cseq_bye = false;
		strbuf_fmt(&b, "%s\r\n", starts[start]);
		n = pick(25);
		for (k = 0; k < n; k++)
			make_field(&b, &want, &cseq_bye);
		strbuf_str(&b, "\r\ni: z\r\n");
		if (pick(2) == 0) {
			want.sdp = span_of("v=0\r\nm=audio\r\n");
			strbuf_str(&b, "v=0\r\nm=audio\r\n--b\r\n");
		}
		want.request = start < 3;
		want.invite = start == 1;
		want.status = (uint16_t)status[start];
		want.bye = want.request ? start == 0 : cseq_bye;
		seen = sip_message_glance(&g, span_of(text));
		assert_int_equal(seen, want.bye || want.sdp.len > 0);
		assert_int_equal(g.request, want.request);
		assert_int_equal(g.invite, want.invite);
		assert_int_equal(g.bye, want.bye);
		assert_int_equal(g.status, want.status);
		assert_int_equal(g.cseq, want.cseq);
		assert_int_equal(g.relayed, want.relayed);
		assert_true(span_eq(g.from, want.from));
		assert_true(span_eq(g.to, want.to));
		assert_true(span_eq(g.sdp, want.sdp));
		compare_words(&g.call_id, &want.call_id);
		compare_words(&g.from_tag, &want.from_tag);
		compare_words(&g.to_tag, &want.to_tag);
		compare_words(&g.branch, &want.branch);
	}
}

/* The same words of a message that was read. */
static void
a_message_that_was_read_has_one_word_of_each(void **state)
{
	struct sip_message m = { 0 };
	struct sip_glance g;
	unsigned int i;

	(void)state;
	m.call_id = span_of("c");
	m.from_tag = span_of("f");
	m.to_tag = span_of("t");
	m.branch = span_of("b");
	m.cseq = 77;
	m.sdp = span_of("v=0");
	for (i = 0; i < 64; i++) {
		m.request = i & 1;
		m.status = m.request ? 0 : 200;
		m.relayed = i & 2;
		m.method = i & 4 ? SIP_BYE : i & 8 ? SIP_INVITE : SIP_ACK;
		m.body = i & 16 ? SIP_BODY_SDP
		    : i & 32	? SIP_BODY_AMBIGUOUS
				: SIP_BODY_NONE;
		g = sip_glance_of(&m);
		assert_int_equal(g.request, m.request);
		assert_int_equal(g.status, m.status);
		assert_int_equal(g.relayed, m.relayed);
		assert_int_equal(g.bye, m.method == SIP_BYE);
		assert_int_equal(g.invite, m.request && m.method == SIP_INVITE);
		assert_int_equal(g.cseq, 77);
		assert_true(span_eq_str(g.from, "f"));
		assert_true(span_eq_str(g.to, "t"));
		assert_true(
		    span_eq_str(g.sdp, m.body == SIP_BODY_SDP ? "v=0" : ""));
		assert_int_equal(g.call_id.n, 1);
		assert_int_equal(g.from_tag.n, 1);
		assert_int_equal(g.to_tag.n, 1);
		assert_int_equal(g.branch.n, 1);
		assert_true(span_eq_str(g.call_id.word[0], "c"));
		assert_true(span_eq_str(g.from_tag.word[0], "f"));
		assert_true(span_eq_str(g.to_tag.word[0], "t"));
		assert_true(span_eq_str(g.branch.word[0], "b"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_bye_names_is_seen_at_a_glance),
		cmocka_unit_test(tags_are_found_behind_junk),
		cmocka_unit_test(a_second_via_is_seen_at_a_glance),
		cmocka_unit_test(sdp_of_a_refused_message_is_found),
		cmocka_unit_test(all_of_a_message_is_seen),
		cmocka_unit_test(a_message_that_was_read_has_one_word_of_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
