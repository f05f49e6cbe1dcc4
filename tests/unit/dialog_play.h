/* SPDX-License-Identifier: ISC */
#ifndef TESTS_DIALOG_PLAY_H
#define TESTS_DIALOG_PLAY_H

#include "sip/sip.h"
#include "src/process/claims.h"
#include "tests/unit/unit.h"

/*
 * Calls as short plays: who says what when, and what opens and closes.  The
 * messages are made, not parsed; what opens is read as lines of text.
 *
 *	o	198.51.100.7, a phone outside
 *	p	198.51.100.9, a proxy outside
 *	x	203.0.113.66, somebody else
 *	i	192.0.2.10, the PBX
 *	g	192.0.2.20, a gateway
 *	*	world.stranger, whoever that is
 */
struct step {
	int t;		  /* seconds */
	const char *path; /* "o>i": from and to; "": only time passes */
	const char *what; /* "INVITE", "200 INVITE"; "!" first: with reliable */
	unsigned int cseq;
	/* A branch that begins with c: another Via is below it. */
	const char *branch, *from, *to; /* tags */
	const char *sdp;    /* "addr port", or a whole body, or NULL */
	const char *expect; /* event lines, without time and Call-ID */
};

struct world {
	struct sip *sip;
	struct claims *claims;
	struct timers timers;
	unsigned int commits, wants, changes, gone;
	bool held, accepted, between; /* as last said */
	size_t nholes;
	size_t written; /* bytes of checkpoints */
	int64_t media, alive;
	struct endpoint stranger;
	struct addr contact; /* in all messages; af 0: none */
	char log[8192];
	struct strbuf text;
};

struct sip_config default_config(void);
void world_open(struct world *w, const struct sip_config *c);
void world_close(struct world *w);
/* The same without a look at what is in it. */
void world_drop(struct world *w);
/*
 * In the call of CALL_SET_UP: an UPDATE without a body and its 200, which begin
 * its session timer anew.  Empties the log.
 */
void world_refresh(struct world *w, int64_t now, uint32_t session_expires);
struct endpoint who(char c);
void say(struct world *w, const struct step *s, const char *call_id);
/* That all tables, counters, weights and timers agree with the calls. */
void world_check(const struct world *w, int64_t now);
/* Fails the test when a step opens or closes anything else. */
void play_in(struct world *w, const struct step *steps, size_t n);
void play(const struct sip_config *c, const struct step *steps, size_t n);

#define PLAY(steps)                                                            \
	do {                                                                   \
		struct sip_config config_ = default_config();                  \
		play(&config_, steps, ROWS(steps));                            \
	} while (0)

/* clang-format off */
#define OPEN_IN	"open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (answer)\n"
#define OPEN_OUT "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (answer)\n"
#define CLOSE_IN(why) "close 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (" why ")\n"
#define CLOSE_OUT(why) "close 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (" why ")\n"

/* An accepted call from outside, up to the ACK. */
#define CALL_SET_UP \
	{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4000", "" }, \
	{ 1, "i>o", "100 INVITE", 1, "b1", "a", "",  NULL, "" }, \
	{ 1, "i>o", "180 INVITE", 1, "b1", "a", "z", NULL, "" }, \
	{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000", OPEN_IN OPEN_OUT }, \
	{ 2, "o>i", "ACK",        1, "b2", "a", "z", NULL, "" }
/* clang-format on */

#endif
