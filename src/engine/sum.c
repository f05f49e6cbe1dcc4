/* SPDX-License-Identifier: ISC */
#include "src/engine/words.h"

/* A whole story in a few numbers. */

static void
sum_answer(struct story_sum *sum, const struct story_entry *e)
{
	if (e->method != SIP_INVITE || e->status <= 100)
		return;
	sum->answered = true;
	sum->rings = sum->rings || e->status < 200;
	if (e->status >= 300)
		sum->rejected = e->status;
	if (e->status < 200 || e->status >= 300)
		return;
	sum->accepted = true;
	if (!e->within)
		sum->accepts += e->times;
}

static void
sum_message(struct story_sum *sum, const struct story_entry *e)
{
	if (e->nstreams > 0)
		sum->described[e->request ? 0 : 1] = true;
	if (!e->request) {
		sum_answer(sum, e);
		return;
	}
	switch (e->method) {
	case SIP_INVITE:
		sum->invites += e->times;
		break;
	case SIP_ACK:
		sum->acked = true;
		break;
	case SIP_CANCEL:
		sum->cancelled = true;
		break;
	case SIP_BYE:
		sum->bye = true;
		break;
	default:
		break;
	}
}

struct story_sum
words_sum(const struct story_call *c)
{
	struct cursor r = story_records(c);
	struct story_sum sum = { 0 };
	struct story_entry e;

	while (story_read(&r, &e)) {
		switch (e.kind) {
		case STORY_MESSAGE:
			sum_message(&sum, &e);
			break;
		case STORY_OPEN:
			sum.opened++;
			sum.in += e.hole.dir == PINHOLE_IN;
			break;
		case STORY_CLOSE:
			sum.closed++;
			break;
		case STORY_REFUSE:
			sum.refused++;
			break;
		case STORY_IGNORE:
			sum.ignored++;
			break;
		case STORY_END:
			sum.end = e.reason;
			break;
		case STORY_KINDS:
			break;
		}
	}
	return sum;
}

static bool
is_over(const struct story_call *c, const struct story_sum *sum)
{
	return c->state == STORY_ENDED || sum->end != REASON_NONE ||
	    (sum->bye && sum->closed >= sum->opened);
}

void
words_state(const struct story_call *c, const struct story_sum *sum,
    struct strbuf *b)
{
	/* Most calls that an engine takes over were accepted before. */
	bool accepted = sum->accepted ||
	    (c->adopted && !sum->cancelled && sum->rejected == 0);

	if (accepted)
		strbuf_str(b, "accepted");
	else if (sum->cancelled)
		strbuf_str(b, "cancelled");
	else if (sum->rejected != 0)
		strbuf_fmt(b, "refused with %u", sum->rejected);
	else if (sum->rings && !is_over(c, sum))
		strbuf_str(b, "it rings");
	else
		strbuf_str(b, "not answered");
	if (sum->opened > sum->closed)
		strbuf_fmt(b, ", %u pinhole%s open", sum->opened - sum->closed,
		    sum->opened - sum->closed > 1 ? "s are" : " is");
	else if (accepted && is_over(c, sum))
		strbuf_str(b, ", over");
	/* Else what was opened may be what the story lacks. */
	if (sum->opened == 0 && !c->adopted && !c->cut)
		strbuf_str(b, ", nothing was opened");
}

static void
trouble_accepted(const struct story_sum *sum, struct strbuf *b)
{
	if (!sum->acked && sum->accepts > 1)
		strbuf_fmt(b,
		    "The 200 was sent %u times and no ACK was seen. The side "
		    "that accepts hangs up after 32 seconds without one: see "
		    "why the 200 does not reach the caller, or the ACK does "
		    "not come back.",
		    sum->accepts);
	else if (sum->opened == 0 && sum->refused > 0)
		strbuf_str(b,
		    "The call was accepted, and nothing opened, for the "
		    "reasons above.");
	else if (sum->opened == 0 && (!sum->described[0] || !sum->described[1]))
		strbuf_str(b,
		    "The call was accepted, and nothing opened: SDP of both "
		    "sides was not seen.");
	else if (sum->opened == 0)
		strbuf_str(b,
		    "The call was accepted, and nothing opened: its media "
		    "does not cross this firewall, or is on hold.");
	else if (sum->in == 0)
		strbuf_str(b,
		    "No pinhole lets media in: expect sound in one direction "
		    "only.");
}

void
words_trouble(const struct story_call *c, const struct story_sum *sum,
    struct strbuf *b)
{
	if (c->adopted || c->cut)
		return;
	if (sum->accepted)
		trouble_accepted(sum, b);
	else if (sum->rejected == 401 || sum->rejected == 407)
		strbuf_str(b,
		    "A password was wanted, and no INVITE with one came.");
	else if (sum->invites > 0 && !sum->answered && !sum->cancelled)
		strbuf_fmt(b,
		    "No answer to the INVITE was seen (sent %u time%s). Either "
		    "nobody has answered, or the answer takes a way, or uses "
		    "ports, that pinholed does not look at: see `interface`, "
		    "`protect` and `port`.",
		    sum->invites, sum->invites > 1 ? "s" : "");
}
