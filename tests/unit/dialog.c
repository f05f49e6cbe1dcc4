/* SPDX-License-Identifier: ISC */
/* The effect of each message on a call. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/dialog_play.h"

/* clang-format off */
static void
nothing_opens_before_the_answer(void **state)
{
	static const struct step refused[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4000", "" },
		{ 1, "i>o", "100 INVITE", 1, "b1", "a", "",  NULL, "" },
		{ 1, "i>o", "486 INVITE", 1, "b1", "a", "z", NULL, "" },
		{ 1, "o>i", "ACK",        1, "b1", "a", "z", NULL, "" },
		/* A 200 after that belongs to nothing. */
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", "" },
		{ 200, "", "", 0, "", "", "", NULL, "" },
	};
	static const struct step accepted[] = {
		CALL_SET_UP,
		{ 3, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", "" },
		{ 9, "o>i", "BYE",        2, "b3", "a", "z", NULL, "" },
		{ 9, "i>o", "200 BYE",    2, "b3", "a", "z", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
		/* Stragglers do not reopen it. */
		{ 10, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", "" },
		{ 10, "o>i", "ACK",        1, "b2", "a", "z", NULL, "" },
	};

	(void)state;
	PLAY(refused);
	PLAY(accepted);
}

static void
the_last_invite_counts_after_a_challenge(void **state)
{
	static const struct step steps[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4998", "" },
		{ 1, "i>o", "401 INVITE", 1, "b1", "a", "y", NULL, "" },
		{ 1, "o>i", "ACK",        1, "b1", "a", "y", NULL, "" },
		{ 2, "o>i", "INVITE",     2, "b2", "a", "",  "198.51.100.7 4000", "" },
		{ 2, "o>i", "INVITE",     2, "b2", "a", "",  "198.51.100.7 4000", "" },
		{ 3, "i>o", "200 INVITE", 2, "b2", "a", "z", "192.0.2.10 10000", OPEN_IN OPEN_OUT },
	};

	(void)state;
	PLAY(steps);
}

static void
an_answer_must_come_back_along_its_transaction(void **state)
{
	static const struct step steps[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "x>i", "200 INVITE", 1, "b1", "a", "z", "203.0.113.66 4000", "" },
		{ 2, "o>i", "200 INVITE", 1, "bX", "a", "z", "198.51.100.7 4000", "" },
		{ 2, "o>i", "200 INVITE", 2, "b1", "a", "z", "198.51.100.7 4000", "" },
		{ 2, "o>i", "200 INVITE", 1, "b1", "q", "z", "198.51.100.7 4000", "" },
		{ 3, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", OPEN_IN OPEN_OUT },
	};

	(void)state;
	PLAY(steps);
}

static void
early_media_opens_and_the_answer_wins(void **state)
{
	static const struct step steps[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "183 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000",
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (early)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (early)\n" },
		{ 3, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4002",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 4002:4003 (answer)\n"
		    CLOSE_OUT("replaced") },
	};
	static const struct step cancelled[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "183 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000",
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (early)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (early)\n" },
		{ 3, "i>o", "CANCEL",     1, "b1", "a", "",  NULL, "" },
		{ 3, "o>i", "200 CANCEL", 1, "b1", "a", "",  NULL, "" },
		{ 3, "o>i", "487 INVITE", 1, "b1", "a", "z", NULL, CLOSE_IN("cancel") CLOSE_OUT("cancel") },
	};
	static const struct step unanswered[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "183 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000",
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (early)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (early)\n" },
		{ 181, "", "", 0, "", "", "", NULL, "" },
		{ 182, "", "", 0, "", "", "", NULL, CLOSE_IN("setup-timeout") CLOSE_OUT("setup-timeout") },
	};
	/* 183, reliable; the 200 says nothing new. */
	static const struct step silent[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "!183 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", "" },
		{ 3, "o>i", "200 INVITE", 1, "b1", "a", "z", NULL, OPEN_IN OPEN_OUT },
	};
	/* A pinhole that does not open yet is not refused yet. */
	static const struct step refused[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 22", "" },
		{ 2, "o>i", "!183 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", "" },
		{ 3, "o>i", "200 INVITE", 1, "b1", "a", "z", NULL,
		    "refuse 192.0.2.10 -> 192.0.2.10 port 22 (port-range)\n" },
	};
	struct sip_config c = default_config();

	(void)state;
	PLAY(steps);
	PLAY(cancelled);
	PLAY(unanswered);
	c.early_media = false;
	play(&c, silent, ROWS(silent));
	play(&c, refused, ROWS(refused));
}

static void
forks_live_until_64_t1_after_the_answer(void **state)
{
	static const struct step steps[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "183 INVITE", 1, "b1", "a", "y", "198.51.100.7 6000",
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (early)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (early)\n" },
		{ 2, "o>i", "183 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (early)\n" },
		{ 3, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", "" },
		{ 34, "", "", 0, "", "", "", NULL, "" },
		{ 35, "", "", 0, "", "", "", NULL,
		    "close 2 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (replaced)\n" },
	};

	(void)state;
	PLAY(steps);
}

/* An offer in one fork says nothing to the other. */
static void
an_offer_is_for_its_own_dialog(void **state)
{
	static const struct step steps[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", OPEN_IN OPEN_OUT },
		{ 2, "o>i", "200 INVITE", 1, "b1", "a", "y", "198.51.100.9 6000",
		    "open 3 in udp 198.51.100.9 -> 192.0.2.10 port 10000:10001 (answer)\n"
		    "open 4 out udp 192.0.2.10 -> 198.51.100.9 port 6000:6001 (answer)\n" },
		{ 4, "i>o", "INVITE",     2, "b2", "a", "z", "192.0.2.10 12000",
		    "open 5 in udp 198.51.100.7 -> 192.0.2.10 port 12000:12001 (reinvite)\n" },
	};

	(void)state;
	PLAY(steps);
}

static void
a_long_branch_is_one_all_the_same(void **state)
{
	char branch[300];
	const struct step steps[] = {
		CALL_SET_UP,
		{ 5, "i>o", "BYE",        9, branch, "z", "a", NULL, "" },
		{ 5, "o>i", "200 BYE",    9, branch, "z", "a", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
	};
	struct sip_config c = default_config();
	struct datagram d = { .proto = IPPROTO_UDP, .src = who('o'), .dst = who('i') };
	struct sip_glance g = { .bye = true, .status = 200, .cseq = 9 };
	struct world w;

	(void)state;
	memset(branch, 'b', sizeof(branch) - 1);
	branch[sizeof(branch) - 1] = '\0';
	PLAY(steps);
	/* Nor does it matter in an answer that cannot be read. */
	g.call_id.n = g.from_tag.n = g.to_tag.n = g.branch.n = 1;
	g.call_id.word[0] = span_of("c1");
	g.from_tag.word[0] = span_of("z");
	g.to_tag.word[0] = span_of("a");
	g.branch.word[0] = span_of(branch);
	world_open(&w, &c);
	play_in(&w, steps, ROWS(steps) - 1);
	strbuf_reset(&w.text);
	sip_overhear(w.sip, 6 * USEC_PER_SEC, &d, &g);
	assert_string_equal(w.log, CLOSE_IN("bye") CLOSE_OUT("bye"));
	world_close(&w);
}

/* A protected host may answer a BYE that we have not seen. */
static void
an_overheard_answer_ends_the_call(void **state)
{
	static const struct step steps[] = { CALL_SET_UP };
	struct sip_config c = default_config();
	struct datagram d = { .proto = IPPROTO_UDP, .src = who('o'), .dst = who('i') };
	struct sip_glance g = { .bye = true, .status = 200, .cseq = 9 };
	struct world w;

	(void)state;
	g.call_id.n = g.from_tag.n = g.to_tag.n = g.branch.n = 1;
	g.call_id.word[0] = span_of("c1");
	g.from_tag.word[0] = span_of("z");
	g.to_tag.word[0] = span_of("a");
	g.branch.word[0] = span_of("unseen");
	world_open(&w, &c);
	play_in(&w, steps, ROWS(steps));
	strbuf_reset(&w.text);
	sip_overhear(w.sip, 6 * USEC_PER_SEC, &d, &g);
	assert_string_equal(w.log, "");
	d.src = who('i');
	d.dst = who('o');
	g.from_tag.word[0] = span_of("a");
	g.to_tag.word[0] = span_of("z");
	sip_overhear(w.sip, 6 * USEC_PER_SEC, &d, &g);
	assert_string_equal(w.log, CLOSE_IN("bye") CLOSE_OUT("bye"));
	world_close(&w);
}

static void
no_fork_answers_who_has_hung_up(void **state)
{
	static const struct step steps[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "200 INVITE", 1, "b1", "a", "y", "198.51.100.7 4000", OPEN_IN OPEN_OUT },
		{ 3, "i>o", "BYE",        2, "b2", "a", "y", NULL, "" },
		{ 4, "o>i", "200 BYE",    2, "b2", "a", "y", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
		{ 5, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 6000", "" },
		{ 40, "", "", 0, "", "", "", NULL, "" },
	};

	(void)state;
	PLAY(steps);
}

static void
a_late_offer_opens_with_the_ack(void **state)
{
	static const struct step steps[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  NULL, "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", "" },
		{ 2, "x>i", "ACK",        1, "b2", "a", "z", "203.0.113.66 4000", "" },
		{ 2, "o>i", "ACK",        1, "b2", "a", "z", "198.51.100.7 4000",
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (ack)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (ack)\n" },
		{ 3, "o>i", "ACK",        1, "b2", "a", "z", "198.51.100.7 4000", "" },
	};

	(void)state;
	PLAY(steps);
}

static void
a_reinvite_keeps_the_old_media_until_it_is_answered(void **state)
{
	static const struct step inside[] = {
		CALL_SET_UP,
		{ 5, "i>o", "INVITE",     7, "b5", "z", "a", "192.0.2.20 12000",
		    "open 3 in udp 198.51.100.7 -> 192.0.2.20 port 12000:12001 (reinvite)\n"
		    "open 4 out udp 192.0.2.20 -> 198.51.100.7 port 4000:4001 (reinvite)\n" },
		{ 6, "o>i", "200 INVITE", 7, "b5", "z", "a", "198.51.100.7 4000", "" },
		{ 6, "i>o", "ACK",        7, "b6", "z", "a", NULL, "" },
		{ 8, "", "", 0, "", "", "", NULL, "" },
		{ 9, "", "", 0, "", "", "", NULL, CLOSE_IN("replaced") CLOSE_OUT("replaced") },
	};
	static const struct step rejected[] = {
		CALL_SET_UP,
		{ 5, "i>o", "INVITE",     7, "b5", "z", "a", "192.0.2.20 12000",
		    "open 3 in udp 198.51.100.7 -> 192.0.2.20 port 12000:12001 (reinvite)\n"
		    "open 4 out udp 192.0.2.20 -> 198.51.100.7 port 4000:4001 (reinvite)\n" },
		{ 6, "o>i", "488 INVITE", 7, "b5", "z", "a", NULL,
		    "close 3 in udp 198.51.100.7 -> 192.0.2.20 port 12000:12001 (reject)\n"
		    "close 4 out udp 192.0.2.20 -> 198.51.100.7 port 4000:4001 (reject)\n" },
		{ 20, "", "", 0, "", "", "", NULL, "" },
	};
	static const struct step outside[] = {
		CALL_SET_UP,
		{ 5, "o>i", "INVITE",     2, "b5", "a", "z", "198.51.100.7 6000", "" },
		{ 6, "i>o", "200 INVITE", 2, "b5", "a", "z", "192.0.2.10 10000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (reinvite)\n" },
		{ 9, "", "", 0, "", "", "", NULL, CLOSE_OUT("replaced") },
	};
	/* Direct media between two outside phones: nothing to keep open. */
	static const struct step direct[] = {
		CALL_SET_UP,
		{ 5, "i>o", "INVITE",     7, "b5", "z", "a", "198.51.100.9 7000", "" },
		{ 6, "o>i", "200 INVITE", 7, "b5", "z", "a", "198.51.100.7 4000",
		    CLOSE_IN("replaced") CLOSE_OUT("replaced") },
	};
	static const struct step gone[] = {
		CALL_SET_UP,
		{ 5, "o>i", "INVITE",     2, "b5", "a", "z", "198.51.100.7 6000", "" },
		{ 6, "i>o", "481 INVITE", 2, "b5", "a", "z", NULL, CLOSE_IN("reject") CLOSE_OUT("reject") },
	};

	(void)state;
	PLAY(inside);
	PLAY(rejected);
	PLAY(outside);
	PLAY(direct);
	PLAY(gone);
}

static void
a_bye_is_believed_from_the_peer_and_when_answered(void **state)
{
	static const struct step forged[] = {
		CALL_SET_UP,
		{ 5, "x>i", "BYE",        2, "b5", "a", "z", NULL, "" },
		{ 5, "i>x", "481 BYE",    2, "b5", "a", "z", NULL, "" },
		{ 5, "x>i", "200 BYE",    2, "b5", "a", "z", NULL, "" },
		{ 5, "o>i", "BYE",        2, "b6", "a", "q", NULL, "" },
		{ 5, "i>o", "200 BYE",    2, "b6", "a", "q", NULL, "" },
		{ 90, "", "", 0, "", "", "", NULL, "" },
	};
	static const struct step challenged[] = {
		CALL_SET_UP,
		{ 5, "o>i", "BYE",        2, "b5", "a", "z", NULL, "" },
		{ 5, "i>o", "401 BYE",    2, "b5", "a", "z", NULL, "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
		{ 61, "o>i", "BYE",        3, "b6", "a", "z", NULL, "" },
		{ 61, "i>o", "481 BYE",    3, "b6", "a", "z", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
	};
	static const struct step unanswered[] = {
		CALL_SET_UP,
		{ 5, "i>o", "BYE",        9, "b5", "z", "a", NULL, "" },
		{ 6, "i>o", "BYE",        9, "b5", "z", "a", NULL, "" },
		{ 36, "", "", 0, "", "", "", NULL, "" },
		{ 37, "", "", 0, "", "", "", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
	};

	(void)state;
	PLAY(forged);
	PLAY(challenged);
	PLAY(unanswered);
}

static void
the_protected_side_is_believed_when_it_hangs_up(void **state)
{
	/* Its 2xx to a BYE, whoever sent that. */
	static const struct step answer[] = {
		CALL_SET_UP,
		{ 5, "x>i", "BYE",        2, "b5", "a", "z", NULL, "" },
		{ 5, "i>x", "200 BYE",    2, "b5", "a", "z", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
	};
	/* Its BYE, from another address, to another address. */
	static const struct step request[] = {
		CALL_SET_UP,
		{ 5, "g>x", "BYE",        9, "b5", "z", "a", NULL, "" },
		{ 5, "o>g", "200 BYE",    9, "b5", "z", "a", NULL, "" },
		{ 6, "x>g", "200 BYE",    9, "b5", "z", "a", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
	};
	static const struct step unanswered[] = {
		CALL_SET_UP,
		{ 5, "g>x", "BYE",        9, "b5", "z", "a", NULL, "" },
		{ 36, "", "", 0, "", "", "", NULL, "" },
		{ 37, "", "", 0, "", "", "", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
	};
	/* Both sides chose the same tag. */
	static const struct step equal[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4000", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "a", "192.0.2.10 10000", OPEN_IN OPEN_OUT },
		{ 3, "i>o", "UPDATE",     8, "b7", "a", "a", "192.0.2.10 10000", "" },
		{ 3, "o>i", "200 UPDATE", 8, "b7", "a", "a", "198.51.100.7 4000", "" },
		{ 9, "i>o", "BYE",        9, "b5", "a", "a", NULL, "" },
		{ 9, "o>i", "200 BYE",    9, "b5", "a", "a", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
	};
	static const struct step wrong_tags[] = {
		CALL_SET_UP,
		{ 5, "i>o", "BYE",        9, "b5", "q", "a", NULL, "" },
		{ 5, "i>o", "BYE",        9, "b6", "z", "q", NULL, "" },
		{ 5, "i>o", "200 BYE",    9, "b5", "q", "a", NULL, "" },
		{ 90, "", "", 0, "", "", "", NULL, "" },
	};

	/* In a call of its own. */
	static const struct step other_fork[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", OPEN_IN OPEN_OUT },
		{ 5, "i>o", "BYE",        9, "b5", "a", "q", NULL, "" },
		{ 90, "", "", 0, "", "", "", NULL, "" },
	};

	(void)state;
	PLAY(answer);
	PLAY(request);
	PLAY(unanswered);
	PLAY(equal);
	PLAY(wrong_tags);
	PLAY(other_fork);
}

static void
a_bye_always_finds_a_slot(void **state)
{
	static const struct step before[] = { CALL_SET_UP };
	static const struct step after[] = {
		{ 5, "i>o", "BYE",        9, "b5", "z", "a", NULL, "" },
		{ 5, "o>i", "200 BYE",    9, "b5", "z", "a", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
	};
	struct step forged = { 4, "o>i", "UPDATE", 0, "b4", "a", "z", NULL, "" };
	static const char *const methods[] = { "UPDATE", "BYE", "INVITE" };
	struct sip_config c = default_config();
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(methods); i++) {
		world_open(&w, &c);
		play_in(&w, before, ROWS(before));
		forged.what = methods[i];
		for (forged.cseq = 100; forged.cseq < 140; forged.cseq++)
			play_in(&w, &forged, 1);
		play_in(&w, after, ROWS(after));
		world_close(&w);
	}
}

static void
nothing_counts_after_a_refusal(void **state)
{
	static const struct step refused[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "486 INVITE", 1, "b1", "a", "z", NULL, "" },
		{ 3, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", "" },
		{ 3, "o>i", "200 INVITE", 1, "b1", "a", "y", "198.51.100.7 4000", "" },
		{ 3, "o>i", "183 INVITE", 1, "b1", "a", "x", "198.51.100.7 4000", "" },
		{ 50, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", "" },
	};
	static const struct step refused_change[] = {
		CALL_SET_UP,
		{ 3, "i>o", "INVITE",     7, "b7", "z", "a", "192.0.2.10 10000", "" },
		{ 4, "o>i", "488 INVITE", 7, "b7", "z", "a", NULL, "" },
		{ 5, "o>i", "200 INVITE", 7, "b7", "z", "a", "198.51.100.7 6000", "" },
	};
	static const struct step cancelled[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "i>o", "CANCEL",     1, "b1", "a", "",  NULL, "" },
		{ 35, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", "" },
	};
	(void)state;
	PLAY(refused);
	PLAY(refused_change);
	PLAY(cancelled);
}

static void
what_was_accepted_first_stays(void **state)
{
	static const struct step steps[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4000", "" },
		{ 1, "o>i", "INVITE",     2, "b2", "a", "",  "198.51.100.9 5000", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", OPEN_IN OPEN_OUT },
		{ 3, "o>i", "CANCEL",     2, "b2", "a", "",  NULL, "" },
		{ 3, "i>o", "200 INVITE", 2, "b2", "a", "z", "192.0.2.10 12000", "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
	};
	/* Nor does the first answer come back after a re-INVITE. */
	static const struct step again[] = {
		CALL_SET_UP,
		{ 5, "i>o", "INVITE",     7, "b5", "z", "a", "192.0.2.10 10000", "" },
		{ 5, "o>i", "200 INVITE", 7, "b5", "z", "a", "198.51.100.7 6000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (reinvite)\n" },
		{ 6, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", "" },
		{ 8, "", "", 0, "", "", "", NULL, CLOSE_OUT("replaced") },
	};

	(void)state;
	PLAY(steps);
	PLAY(again);
}

static void
each_change_of_a_burst_keeps_the_old_a_while(void **state)
{
	static const struct step steps[] = {
		CALL_SET_UP,
		{ 5, "o>i", "INVITE",     2, "b5", "a", "z", "198.51.100.7 6000", "" },
		{ 5, "i>o", "200 INVITE", 2, "b5", "a", "z", "192.0.2.10 10000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (reinvite)\n" },
		{ 6, "o>i", "INVITE",     3, "b6", "a", "z", "198.51.100.7 6000", "" },
		{ 6, "i>o", "200 INVITE", 3, "b6", "a", "z", "192.0.2.10 10000", "" },
		{ 7, "o>i", "INVITE",     4, "b7", "a", "z", "198.51.100.7 7000", "" },
		{ 7, "i>o", "200 INVITE", 4, "b7", "a", "z", "192.0.2.10 10000",
		    "open 4 out udp 192.0.2.10 -> 198.51.100.7 port 7000:7001 (reinvite)\n" },
		{ 8, "", "", 0, "", "", "", NULL, CLOSE_OUT("replaced") },
		{ 9, "", "", 0, "", "", "", NULL, "" },
		{ 10, "", "", 0, "", "", "", NULL,
		    "close 3 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (replaced)\n" },
	};

	(void)state;
	PLAY(steps);
}

static void
a_spiral_is_two_legs_of_one_dialog(void **state)
{
	/* One Call-ID, one pair of tags, in and out again by the PBX. */
#define SPIRAL \
		CALL_SET_UP, \
		{ 3, "i>p", "INVITE",     1, "c1", "a", "",  "192.0.2.10 11000", "" }, \
		{ 4, "p>i", "200 INVITE", 1, "c1", "a", "z", "198.51.100.9 8000", \
		    "open 3 in udp 198.51.100.9 -> 192.0.2.10 port 11000:11001 (answer)\n" \
		    "open 4 out udp 192.0.2.10 -> 198.51.100.9 port 8000:8001 (answer)\n" }
#define SPIRAL_CLOSES \
		CLOSE_IN("bye") CLOSE_OUT("bye") \
		"close 3 in udp 198.51.100.9 -> 192.0.2.10 port 11000:11001 (bye)\n" \
		"close 4 out udp 192.0.2.10 -> 198.51.100.9 port 8000:8001 (bye)\n"
#define SPIRAL_CLOSES_SECOND_FIRST \
		"close 3 in udp 198.51.100.9 -> 192.0.2.10 port 11000:11001 (bye)\n" \
		"close 4 out udp 192.0.2.10 -> 198.51.100.9 port 8000:8001 (bye)\n" \
		CLOSE_IN("bye") CLOSE_OUT("bye")
	static const struct step relayed[] = {
		SPIRAL,
		{ 5, "o>i", "BYE",        2, "b5", "a", "z", NULL, "" },
		{ 5, "i>p", "BYE",        2, "c5", "a", "z", NULL, "" },
		{ 5, "p>i", "401 BYE",    2, "c5", "a", "z", NULL, "" },
		{ 6, "i>p", "BYE",        3, "c6", "a", "z", NULL, "" },
		{ 6, "p>i", "200 BYE",    3, "c6", "a", "z", NULL, SPIRAL_CLOSES },
		{ 6, "i>o", "200 BYE",    2, "b5", "a", "z", NULL, "" },
		{ 90, "", "", 0, "", "", "", NULL, "" },
	};
	/* The proxy did not Record-Route: one BYE, by one of the ways. */
	static const struct step direct[] = {
		SPIRAL,
		{ 5, "o>i", "BYE",        2, "b5", "a", "z", NULL, "" },
		{ 5, "i>o", "200 BYE",    2, "b5", "a", "z", NULL, SPIRAL_CLOSES_SECOND_FIRST },
		{ 90, "", "", 0, "", "", "", NULL, "" },
	};
	static const struct step unanswered[] = {
		SPIRAL,
		{ 5, "p>i", "BYE",        9, "b5", "z", "a", NULL, "" },
		{ 36, "", "", 0, "", "", "", NULL, "" },
		{ 37, "", "", 0, "", "", "", NULL, SPIRAL_CLOSES },
	};

	(void)state;
	PLAY(relayed);
	PLAY(direct);
	PLAY(unanswered);
}

static void
a_cancel_that_crosses_the_answer_has_lost(void **state)
{
	static const struct step steps[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4000", "" },
		{ 2, "o>i", "CANCEL",     1, "b1", "a", "",  NULL, "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", OPEN_IN OPEN_OUT },
		{ 2, "i>o", "200 CANCEL", 1, "b1", "a", "z", NULL, "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
	};

	(void)state;
	PLAY(steps);
}

static void
prack_and_update_carry_offers(void **state)
{
	static const struct step prack[] = {
		{ 1, "o>i", "INVITE",      1, "b1", "a", "",  NULL, "" },
		{ 2, "i>o", "!183 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", "" },
		{ 3, "o>i", "PRACK",       2, "b2", "a", "z", "198.51.100.7 4000",
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (early)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (early)\n" },
		{ 3, "i>o", "200 PRACK",   2, "b2", "a", "z", NULL, "" },
		{ 4, "i>o", "200 INVITE",  1, "b1", "a", "z", NULL, "" },
	};
	static const struct step over[] = {
		{ 1, "o>i", "INVITE",      1, "b1", "a", "",  NULL, "" },
		{ 2, "i>o", "!183 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", "" },
		{ 3, "o>i", "BYE",         2, "b2", "a", "z", NULL, "" },
		{ 3, "i>o", "200 BYE",     2, "b2", "a", "z", NULL, "" },
		{ 4, "o>i", "PRACK",       3, "b3", "a", "z", "198.51.100.7 4000", "" },
	};
	static const struct step update[] = {
		CALL_SET_UP,
		{ 5, "o>i", "UPDATE",      2, "b5", "a", "z", "198.51.100.7 6000", "" },
		{ 5, "i>o", "200 UPDATE",  2, "b5", "a", "z", "192.0.2.10 10000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (update)\n" },
		{ 9, "", "", 0, "", "", "", NULL, CLOSE_OUT("replaced") },
		{ 10, "o>i", "UPDATE",     3, "b6", "a", "z", "198.51.100.7 7000", "" },
		{ 10, "i>o", "491 UPDATE", 3, "b6", "a", "z", NULL, "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
	};

	(void)state;
	PLAY(prack);
	PLAY(over);
	PLAY(update);
}

static void
glare_never_leaves_a_call_without_media(void **state)
{
	static const struct step steps[] = {
		CALL_SET_UP,
		{ 5, "o>i", "INVITE",     2, "b5", "a", "z", "198.51.100.7 6000", "" },
		{ 5, "i>o", "INVITE",     7, "b6", "z", "a", "192.0.2.10 12000",
		    "open 3 in udp 198.51.100.7 -> 192.0.2.10 port 12000:12001 (reinvite)\n" },
		{ 5, "i>o", "491 INVITE", 2, "b5", "a", "z", NULL, "" },
		{ 5, "o>i", "491 INVITE", 7, "b6", "z", "a", NULL,
		    "close 3 in udp 198.51.100.7 -> 192.0.2.10 port 12000:12001 (reject)\n" },
		{ 7, "o>i", "INVITE",     3, "b7", "a", "z", "198.51.100.7 6000", "" },
		{ 7, "i>o", "200 INVITE", 3, "b7", "a", "z", "192.0.2.10 10000",
		    "open 4 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (reinvite)\n" },
		{ 10, "", "", 0, "", "", "", NULL, CLOSE_OUT("replaced") },
	};

	(void)state;
	PLAY(steps);
}

static void
an_early_update_that_is_refused_changes_nothing(void **state)
{
	static const struct step steps[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "!183 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000",
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (early)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (early)\n" },
		{ 3, "i>o", "UPDATE",     2, "b2", "a", "z", "192.0.2.20 12000", "" },
		{ 3, "o>i", "504 UPDATE", 2, "b2", "a", "z", NULL, "" },
		{ 4, "i>o", "UPDATE",     3, "b3", "a", "z", "192.0.2.10 10000", "" },
		{ 4, "o>i", "200 UPDATE", 3, "b3", "a", "z", "198.51.100.7 4002",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 4002:4003 (update)\n"
		    CLOSE_OUT("replaced") },
		{ 5, "o>i", "200 INVITE", 1, "b1", "a", "z", NULL, "" },
	};

	(void)state;
	PLAY(steps);
}

static void
a_late_offer_without_its_ack_opens_nothing(void **state)
{
	static const struct step steps[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  NULL, "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", "" },
		{ 40, "", "", 0, "", "", "", NULL, "" },
		{ 41, "i>o", "BYE",        9, "b5", "z", "a", NULL, "" },
		{ 41, "o>i", "481 BYE",    9, "b5", "z", "a", NULL, "" },
	};

	(void)state;
	PLAY(steps);
}

static void
hold_keeps_the_door_open(void **state)
{
	static const struct step steps[] = {
		CALL_SET_UP,
		{ 5, "o>i", "INVITE",     2, "b5", "a", "z", "0.0.0.0 4000", "" },
		{ 5, "i>o", "200 INVITE", 2, "b5", "a", "z", "192.0.2.10 10000", "" },
		{ 30, "o>i", "INVITE",     3, "b6", "a", "z", "198.51.100.7 4000", "" },
		{ 30, "i>o", "200 INVITE", 3, "b6", "a", "z", "192.0.2.10 10000", "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
	};

	(void)state;
	PLAY(steps);
}

static void
each_protected_host_speaks_for_itself(void **state)
{
	static const struct step steps[] = {
		{ 1, "o>g", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4000", "" },
		{ 2, "g>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000",
		    "refuse 192.0.2.20 -> 192.0.2.10 port 10000 (not-server)\n" },
	};
	static const struct step not_media[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4000", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.77 10000",
		    "refuse 192.0.2.10 -> 192.0.2.77 port 10000 (not-protected)\n" },
	};
	static const struct step low[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4000", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 22",
		    "refuse 192.0.2.10 -> 192.0.2.10 port 22 (port-range)\n" },
	};

	(void)state;
	PLAY(steps);
	PLAY(not_media);
	PLAY(low);
}

static void
outsiders_choose_who_may_come_and_never_where(void **state)
{
	static const struct step nat[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "192.168.1.10 4000", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", OPEN_IN },
	};
	static const struct step forged[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "192.0.2.77 4000", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", OPEN_IN
		    "refuse 198.51.100.7 -> 192.0.2.77 port 4000 (address)\n" },
	};
	static const struct step elsewhere[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.9 4000", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", OPEN_IN
		    "open 2 in udp 198.51.100.9 -> 192.0.2.10 port 10000:10001 (answer)\n"
		    "open 3 out udp 192.0.2.10 -> 198.51.100.9 port 4000:4001 (answer)\n" },
	};
	static const struct step ambiguous[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "AMBIGUOUS", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000",
		    "refuse 198.51.100.7 -> 192.0.2.10 (ambiguous)\n" },
	};

	(void)state;
	PLAY(nat);
	PLAY(forged);
	PLAY(elsewhere);
	PLAY(ambiguous);
}
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_opens_before_the_answer),
		cmocka_unit_test(the_last_invite_counts_after_a_challenge),
		cmocka_unit_test(
		    an_answer_must_come_back_along_its_transaction),
		cmocka_unit_test(early_media_opens_and_the_answer_wins),
		cmocka_unit_test(forks_live_until_64_t1_after_the_answer),
		cmocka_unit_test(an_offer_is_for_its_own_dialog),
		cmocka_unit_test(a_long_branch_is_one_all_the_same),
		cmocka_unit_test(an_overheard_answer_ends_the_call),
		cmocka_unit_test(no_fork_answers_who_has_hung_up),
		cmocka_unit_test(a_late_offer_opens_with_the_ack),
		cmocka_unit_test(
		    a_reinvite_keeps_the_old_media_until_it_is_answered),
		cmocka_unit_test(
		    a_bye_is_believed_from_the_peer_and_when_answered),
		cmocka_unit_test(
		    the_protected_side_is_believed_when_it_hangs_up),
		cmocka_unit_test(a_bye_always_finds_a_slot),
		cmocka_unit_test(nothing_counts_after_a_refusal),
		cmocka_unit_test(what_was_accepted_first_stays),
		cmocka_unit_test(each_change_of_a_burst_keeps_the_old_a_while),
		cmocka_unit_test(a_spiral_is_two_legs_of_one_dialog),
		cmocka_unit_test(a_cancel_that_crosses_the_answer_has_lost),
		cmocka_unit_test(prack_and_update_carry_offers),
		cmocka_unit_test(glare_never_leaves_a_call_without_media),
		cmocka_unit_test(
		    an_early_update_that_is_refused_changes_nothing),
		cmocka_unit_test(a_late_offer_without_its_ack_opens_nothing),
		cmocka_unit_test(hold_keeps_the_door_open),
		cmocka_unit_test(each_protected_host_speaks_for_itself),
		cmocka_unit_test(outsiders_choose_who_may_come_and_never_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
