/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sip/state.h"
#include "tests/unit/dialog_play.h"
#include "tests/unit/starve.h"

/* The worlds that are open, and the blocks that there were before. */
static int worlds, before;

static void
on_line(void *ctx, const char *line)
{
	struct world *w = ctx;
	struct span s = span_of(line), rest;
	size_t end;

	(void)span_cut(s, ' ', &rest);
	for (end = 0; end < rest.len; end++)
		if (span_has_prefix(span_sub(rest, end, 6), " call="))
			break;
	strbuf_add(&w->text, span_sub(rest, 0, end));
	strbuf_str(&w->text, "\n");
}

static void
on_commit(void *ctx, const struct fw_change *changes, size_t n)
{
	struct world *w = ctx;

	(void)changes;
	(void)n;
	w->commits++;
}

static void
on_wants(void *ctx, const struct sip_wants *s, int64_t now)
{
	struct world *w = ctx;
	struct claims_want want = { s->call, s->call_id, s->holes, s->nholes,
		s->open, s->close, 300 * USEC_PER_SEC, false, NULL };

	w->wants++;
	w->held = s->held;
	w->accepted = s->accepted;
	w->between = s->between;
	w->nholes = s->nholes;
	claims_want(w->claims, &want, now);
}

static void
on_refuse(void *ctx, struct span call_id, const struct sip_refusal *r,
    int64_t now)
{
	struct world *w = ctx;
	struct event_refusal e = { r->src, r->dst, r->dport, r->reason,
		EVENT_SAID_SDP };

	claims_refuse(w->claims, &e, call_id, now);
}

static void
on_changed(void *ctx, uint64_t call, int64_t now)
{
	struct world *w = ctx;
	static char buf[SIP_EXPORT_MAX];
	size_t len;
	enum ph_err rc = sip_export(w->sip, call, buf, sizeof(buf), &len);

	(void)now;
	/* A call can be exported in any state, unless it is over. */
	assert_true(rc == PH_OK || rc == PH_EBAD);
	w->changes++;
	w->written += rc == PH_OK ? len : 0;
}

static void
on_gone(void *ctx, uint64_t call)
{
	(void)call;
	((struct world *)ctx)->gone++;
}

static bool
on_silent(void *ctx, uint64_t call, int64_t timeout, int64_t now)
{
	const struct world *w = ctx;

	(void)call;
	return w->media == 0 || now - w->media >= timeout;
}

static void
on_alive(void *ctx, uint64_t call, int64_t now)
{
	(void)call;
	((struct world *)ctx)->alive = now;
}

static struct prefix protect[1], server[1], media[2];

struct sip_config
default_config(void)
{
	struct sip_config c = { 0 };

	assert_int_equal(prefix_parse(span_of("192.0.2.0/24"), &protect[0]),
	    PH_OK);
	assert_int_equal(prefix_parse(span_of("192.0.2.10"), &server[0]),
	    PH_OK);
	assert_int_equal(prefix_parse(span_of("192.0.2.10"), &media[0]), PH_OK);
	assert_int_equal(prefix_parse(span_of("192.0.2.20"), &media[1]), PH_OK);
	c.policy.protect = protect;
	c.policy.nprotect = 1;
	c.policy.server = server;
	c.policy.nserver = 1;
	c.policy.media = media;
	c.policy.nmedia = 2;
	c.policy.media_lo = 1024;
	c.policy.media_hi = 65535;
	c.policy.max_streams = 16;
	c.early_media = true;
	c.limit_calls = 1000;
	c.limit_per_source = 200;
	c.timeout_setup = 180;
	c.timeout_max = 43200;
	return c;
}

void
world_open(struct world *w, const struct sip_config *c)
{
	struct sip_sink up = { .ctx = w,
		.wants = on_wants,
		.refuse = on_refuse,
		.changed = on_changed,
		.gone = on_gone,
		.silent = on_silent,
		.alive = on_alive };
	struct claims_sink down = { w, on_commit, NULL };
	struct events ev = { .format = EVENTS_TEXT, .line = on_line, .ctx = w };

	if (worlds++ == 0)
		before = starve_blocks();
	memset(w, 0, sizeof(*w));
	w->text = strbuf_of(w->log, sizeof(w->log));
	timers_init(&w->timers);
	w->claims = claims_new(1000, 1, &ev, &down);
	w->sip = sip_new(c, &up, &w->timers);
	assert_non_null(w->claims);
	assert_non_null(w->sip);
}

/* How often `side` is referred to by the call. */
static unsigned int
side_uses(const struct call *c, const struct sdp_side *side)
{
	const struct dialog *d;
	const struct txn *t;
	unsigned int n = 0;
	int i;

	TAILQ_FOREACH(t, &c->txns, entry)
		n += (t->offer == side) + (t->answer == side);
	TAILQ_FOREACH(d, &c->dialogs, entry) {
		n += (d->side[CALLER] == side) + (d->side[CALLEE] == side) +
		    (d->late != NULL && d->late->side == side);
		for (i = 0; d->past != NULL && i < SIP_MAX_PAST; i++)
			n += (d->past[i].side[CALLER] == side) +
			    (d->past[i].side[CALLEE] == side);
	}
	return n;
}

/* What a side of the call takes, which it may use more than once. */
static size_t
side_weight(const struct call *c, const struct sdp_side *side)
{
	size_t i, n = sizeof(*side);

	if (side == NULL)
		return 0;
	assert_int_equal(side->refs, side_uses(c, side));
	for (i = 0; i < side->n; i++)
		n += sizeof(side->media[i]) +
		    side->media[i].ncandidates * sizeof(struct sdp_candidate);
	return n;
}

static size_t
dialog_check(const struct call *c, const struct dialog *d, int64_t *next)
{
	size_t n = dialog_size(d->tag_len);
	bool any = false;
	int i;

	if (d->state == DIALOG_ENDED) {
		assert_null(d->side[CALLER]);
		assert_null(d->side[CALLEE]);
		assert_null(d->late);
		assert_null(d->past);
		assert_int_equal(d->drop_at, 0);
		assert_int_equal(d->session_until, 0);
	}
	assert_true((d->side[CALLER] == NULL) == (d->side[CALLEE] == NULL));
	n += side_weight(c, d->side[CALLER]) + side_weight(c, d->side[CALLEE]);
	if (d->late != NULL)
		n += sizeof(*d->late) + side_weight(c, d->late->side);
	for (i = 0; d->past != NULL && i < SIP_MAX_PAST; i++) {
		n += sizeof(*d->past) + side_weight(c, d->past[i].side[0]) +
		    side_weight(c, d->past[i].side[1]);
		any = any || d->past[i].until != 0;
		if (d->past[i].until != 0 && d->past[i].until < *next)
			*next = d->past[i].until;
	}
	assert_true(any == (d->past != NULL));
	if (d->drop_at != 0 && d->drop_at < *next)
		*next = d->drop_at;
	if (d->session_until != 0 && d->session_until < *next)
		*next = d->session_until;
	if (d->state == DIALOG_EARLY && !d->early_over &&
	    d->early_until < *next)
		*next = d->early_until;
	return n;
}

static void
call_check(const struct call *c, int64_t now)
{
	size_t n = call_size(c->call_id_len, c->tag_len);
	unsigned int ntxns = 0, ndialogs = 0;
	int64_t next = INT64_MAX, due;
	const struct dialog *d;
	const struct txn *t;
	bool lives = false;

	TAILQ_FOREACH(t, &c->txns, entry) {
		n += txn_size(t->branch_len) + side_weight(c, t->offer) +
		    side_weight(c, t->answer);
		ntxns++;
		lives = lives || (t->dlg == NULL && !t->done);
		assert_true(!c->dead || t->offer == NULL);
		assert_true(!c->dead || t->answer == NULL);
		assert_true(!t->refused || t->done);
		if (t->until != 0 && t->until < next)
			next = t->until;
		assert_true(t->dlg == NULL ||
		    dialog_find((struct call *)(uintptr_t)c,
			dialog_tag_of(t->dlg)) == t->dlg);
	}
	TAILQ_FOREACH(d, &c->dialogs, entry) {
		n += dialog_check(c, d, &next);
		ndialogs++;
		lives = lives || d->state != DIALOG_ENDED;
	}
	assert_int_equal(c->ntxns, ntxns);
	assert_int_equal(c->ndialogs, ndialogs);
	assert_true(ntxns <= SIP_MAX_TXNS && ndialogs <= SIP_MAX_DIALOGS);
	assert_int_equal(c->bytes, n);
	assert_true(c->dead != lives);
	assert_true((c->forget_at != 0) == c->dead);
	assert_true(c->max_until != 0 || !c->accepted);
	if (c->dead && c->forget_at < next)
		next = c->forget_at;
	else if (!c->dead && c->accepted && c->max_until < next)
		next = c->max_until;
	else if (!c->dead && !c->accepted && c->setup_until < next)
		next = c->setup_until;
	assert_true(timer_is_set(&c->timer));
	due = heap_at(&c->sip->timers->heap, &c->timer.place);
	if (next > now)
		assert_int_equal(due, next);
	else
		assert_true(due <= now);
}

/* On which list the call is, and in whose count. */
static void
place_check(struct sip *sip, const struct call *c)
{
	const struct call *at = NULL;
	struct addr from = addr_source(&c->addr[CALLER]);
	bool found = false;
	uint32_t n = 0;
	int i;

	if (c->dead)
		TAILQ_FOREACH(at, &sip->dead, age) {
			if (at == c)
				break;
		}
	else if (!c->accepted)
		TAILQ_FOREACH(at, &sip->pending[c->worth], age) {
			if (at == c)
				break;
		}
	assert_true((at == c) == (c->dead || !c->accepted));
	assert_true((c->source != NULL) ==
	    (!c->dead && !c->accepted && !c->protected[CALLER]));
	if (c->source == NULL)
		return;
	assert_true(addr_eq(&c->source->addr, &from));
	for (i = 0; i < WORTH_OWN; i++)
		TAILQ_FOREACH(at, &c->source->calls[i], source_entry) {
			assert_true(at != c || i == (int)c->worth);
			found = found || at == c;
			n++;
		}
	assert_true(found);
	assert_int_equal(c->source->ncalls, n);
}

void
world_check(const struct world *w, int64_t now)
{
	struct sip *sip = w->sip;
	uint64_t calls = 0, accepted = 0, bytes = 0, asked = 0, listed = 0;
	bool sourced = false;
	struct call *c;
	int i;

	for (c = call_after(sip, 0); c != NULL; c = call_after(sip, c->id)) {
		assert_ptr_equal(call_by_id(sip, c->id), c);
		call_check(c, now);
		place_check(sip, c);
		calls++;
		bytes += c->bytes;
		accepted += c->accepted && !c->dead;
		sourced = sourced || c->source != NULL;
		asked += !c->accepted && !c->dead && c->worth == WORTH_ASKED;
	}
	assert_int_equal(sip->n.calls, calls);
	assert_int_equal(sip->n.bytes, bytes);
	assert_int_equal(sip->n.accepted, accepted);
	assert_int_equal(sip->nasked, asked);
	TAILQ_FOREACH(c, &sip->dead, age)
		listed++;
	for (i = 0; i < NWORTHS; i++)
		TAILQ_FOREACH(c, &sip->pending[i], age)
			listed++;
	assert_int_equal(listed, calls - accepted);
	assert_true(sourced == (!RB_EMPTY(&sip->sources)));
	assert_false(sip_hears(sip));
}

void
world_drop(struct world *w)
{
	sip_free(w->sip);
	timers_free(&w->timers);
	claims_free(w->claims);
	if (--worlds == 0)
		assert_int_equal(starve_blocks(), before);
}

void
world_close(struct world *w)
{
	uint64_t n[DIALOG_STATES] = { 0 };
	const struct dialog *d;
	struct call *c;

	for (c = call_after(w->sip, 0); c != NULL;
	     c = call_after(w->sip, c->id))
		TAILQ_FOREACH(d, &c->dialogs, entry)
			n[d->state]++;
	assert_memory_equal(n, sip_counters(w->sip)->dialogs, sizeof(n));
	assert_counted(sip_counters(w->sip));
	world_drop(w);
}

struct endpoint
who(char c)
{
	struct endpoint e = { addr_v4(198, 51, 100, 7), 5060 };

	switch (c) {
	case 'o':
		break;
	case 'i':
		e.addr = addr_v4(192, 0, 2, 10);
		break;
	case 'g':
		e.addr = addr_v4(192, 0, 2, 20);
		break;
	case 'p':
		e.addr = addr_v4(198, 51, 100, 9);
		break;
	case 'x':
		e.addr = addr_v4(203, 0, 113, 66);
		break;
	default:
		fail_msg("nobody is called %c", c);
	}
	return e;
}

static enum sip_method
method_of(const char *s)
{
	static const char *const names[] = { "?", "INVITE", "ACK", "BYE",
		"CANCEL", "PRACK", "UPDATE" };
	size_t i;

	for (i = 1; i < ROWS(names); i++)
		if (strcmp(names[i], s) == 0)
			return (enum sip_method)i;
	return SIP_OTHER;
}

static struct endpoint
speaker(const struct world *w, char c)
{
	return c == '*' ? w->stranger : who(c);
}

void
say(struct world *w, const struct step *s, const char *call_id)
{
	char body[1024];
	struct sip_message m = { 0 };
	struct datagram d = { 0 };
	const char *what = s->what;
	char addr[64];
	unsigned int port;

	if (*what == '!') {
		m.reliable = true;
		m.rseq = 1;
		what++;
	}
	if (what[0] >= '1' && what[0] <= '6') {
		m.status = (uint16_t)strtoul(what, NULL, 10);
		what += 4;
	} else
		m.request = true;
	m.method = method_of(what);
	m.call_id = span_of(call_id);
	m.from_tag = span_of(s->from);
	m.to_tag = span_of(s->to);
	m.branch = span_of(s->branch);
	m.relayed = s->branch[0] == 'c';
	m.cseq = s->cseq;
	m.contact = w->contact;
	if (m.method == SIP_PRACK) {
		m.rack_rseq = 1;
		m.rack_cseq = 1;
		m.rack_method = SIP_INVITE;
	}
	if (s->sdp != NULL && strcmp(s->sdp, "AMBIGUOUS") == 0)
		m.body = SIP_BODY_AMBIGUOUS;
	else if (s->sdp != NULL) {
		if (s->sdp[1] == '=')
			snprintf(body, sizeof(body), "%s", s->sdp);
		else {
			assert_int_equal(sscanf(s->sdp, "%63s %u", addr, &port),
			    2);
			snprintf(body, sizeof(body),
			    "v=0\r\no=- 1 1 IN IP4 %s"
			    "\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"
			    "m=audio %u RTP/AVP 0\r\n",
			    addr, addr, port);
		}
		m.body = SIP_BODY_SDP;
		m.sdp = span_of(body);
	}
	d.proto = IPPROTO_UDP;
	d.src = speaker(w, s->path[0]);
	d.dst = speaker(w, s->path[2]);
	sip_input(w->sip, s->t * USEC_PER_SEC, &d, &m);
}

void
world_refresh(struct world *w, int64_t now, uint32_t session_expires)
{
	struct sip_message m = { 0 };
	struct datagram d = { 0 };

	m.request = true;
	m.method = SIP_UPDATE;
	m.call_id = span_of("c1");
	m.from_tag = span_of("a");
	m.to_tag = span_of("z");
	m.branch = span_of("b9");
	m.cseq = 2;
	d.proto = IPPROTO_UDP;
	d.src = who('o');
	d.dst = who('i');
	sip_input(w->sip, now, &d, &m);
	m.request = false;
	m.status = 200;
	m.session_expires = session_expires;
	d.src = who('i');
	d.dst = who('o');
	sip_input(w->sip, now, &d, &m);
	strbuf_reset(&w->text);
}

void
play_in(struct world *w, const struct step *steps, size_t n)
{
	const struct step *s;

	for (s = steps; s < steps + n; s++) {
		printf("%d %s %s\n", s->t, s->path, s->what);
		strbuf_reset(&w->text);
		timers_run(&w->timers, s->t * USEC_PER_SEC);
		if (s->path[0] != '\0')
			say(w, s, "c1");
		assert_string_equal(w->log, s->expect);
		world_check(w, s->t * USEC_PER_SEC);
	}
}

void
play(const struct sip_config *c, const struct step *steps, size_t n)
{
	struct world w;

	world_open(&w, c);
	play_in(&w, steps, n);
	world_close(&w);
}
