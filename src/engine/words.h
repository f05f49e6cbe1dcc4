/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_WORDS_H
#define ENGINE_WORDS_H

#include "sip/sip.h"
#include "src/base/strbuf.h"
#include "src/conf/conf.h"
#include "src/engine/story.h"

/*
 * What a record of a story says, in plain words: for a person who has to find
 * out at night why a call has no sound.  Pure; a line never has a newline, and
 * nothing in it is text from the network.
 */

/* "200 to INVITE: accepts the call; its SDP names 192.0.2.20 port 10000" */
void words_message(const struct story_entry *e, struct strbuf *b);
/* "a BYE: its Call-ID is that of a call, but ..." */
void words_ignored(const struct story *s, const struct story_entry *e,
    struct strbuf *b);
/* Why a message was of no use, for -vv; NULL: no need to say. */
const char *words_misfit(enum sip_verdict verdict, const struct sip_message *m);
/* "1: udp from 198.51.100.7 to 192.0.2.20 port 10000:10001" */
void words_hole(const struct pinhole *h, struct strbuf *b);
/* The reason of an open, a close or an end: "the call was accepted". */
const char *words_reason(enum reason r);
/* The pinhole that was not opened, and why. */
void words_refused(const struct conf *conf, const struct story_entry *e,
    struct strbuf *b);
/* The statement to change so that it is opened. */
void words_advice(const struct conf *conf, const struct story_entry *e,
    struct strbuf *b);

/* A story, counted. */
struct story_sum {
	unsigned int opened, in, closed, refused, ignored;
	unsigned int invites, accepts; /* as often as they were sent */
	bool answered; /* something but 100 came back for the INVITE */
	bool rings, accepted, acked, bye, cancelled;
	bool described[2]; /* SDP in requests, in responses */
	uint16_t rejected; /* the last final answer that was none to accept */
	enum reason end;   /* the last STORY_END */
};
struct story_sum words_sum(const struct story_call *c);

/* The state of the call, in a few words: "accepted, 2 pinholes are open". */
void words_state(const struct story_call *c, const struct story_sum *sum,
    struct strbuf *b);
/* The trouble that the whole story shows; "" if there is none. */
void words_trouble(const struct story_call *c, const struct story_sum *sum,
    struct strbuf *b);

#endif
