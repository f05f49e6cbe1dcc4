/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/base/idmap.h"
#include "src/base/queue.h"
#include "src/base/slab.h"
#include "src/base/wire.h"
#include "src/engine/calls.h"
#include "src/engine/census.h"
#include "src/engine/helpers.h"
#include "src/engine/media.h"
#include "src/engine/sip_terms.h"

/* What is known of a call that another box judges: media, and who was told. */
struct lease_shared {
	int64_t told;		 /* when others were last told of media */
	int64_t inside, outside; /* media that other boxes have told of */
};

/* How long the pinholes of a call are asked for, and why. */
struct call_lease {
	uint64_t id;
	struct calls *c;
	struct timer timer;	  /* silence and leases */
	int64_t since;		  /* silence counts from here at the earliest */
	struct story_call *story; /* NULL: nothing to tell yet */
	struct lease_shared *shared; /* NULL: nothing */
	struct media closed;	     /* through pinholes that have closed */
	TAILQ_ENTRY(call_lease) dirty_entry;
	bool dirty; /* worth a checkpoint; then on c->dirty */
	bool accepted, held, open;
	bool between; /* both ends are protected: either one's media is life */
	bool theirs;  /* another box judges its silence */
	bool changed; /* by what was seen here: tell other boxes */
	uint8_t why;  /* enum reason: pinholes last closed */
	uint8_t counted; /* its mark in the census */
};

/* See call_record(). */
#define RECORD_MAX (4 + CLAIMS_EXPORT_MAX + SIP_EXPORT_MAX)

/* See lease_silence(): with the default 300 s, more than half of RFC
 * 4028's. */
#define OUTSIDE_IDLES 4

struct calls {
	const struct conf *conf;
	struct engine_sink sink;
	bool live, activity;
	struct timers *timers;
	struct claims *claims;
	struct story *story;
	bool adopting;
	struct sip *sip;
	struct sip_external *external; /* conf's, in sip's terms */
	struct idmap leases;	       /* by the calls' ids */
	struct call_lease *found; /* by lease_find(); the next is often that */
	TAILQ_HEAD(, call_lease) dirty;
	struct census census;
	uint8_t record[RECORD_MAX];
};

static struct call_lease *
lease_find(struct calls *c, uint64_t id)
{
	if (c->found != NULL && c->found->id == id)
		return c->found;
	return c->found = idmap_find(&c->leases, id);
}

/* In the order of ids: the first behind this one; NULL ends it. */
static struct call_lease *
lease_after(const struct calls *c, uint64_t id)
{
	return idmap_from(&c->leases, id + 1);
}

static void lease_timer(struct timer *t, int64_t now);

static struct call_lease *
lease_get(struct calls *c, uint64_t id)
{
	struct call_lease *l = lease_find(c, id);

	if (l != NULL || (l = slab_new(sizeof(*l))) == NULL)
		return l;
	l->id = id;
	l->c = c;
	if (timer_begin(c->timers, &l->timer, lease_timer) != PH_OK) {
		slab_free(l, sizeof(*l));
		return NULL;
	}
	if (idmap_put(&c->leases, id, l) != PH_OK) {
		timer_end(c->timers, &l->timer);
		slab_free(l, sizeof(*l));
		return NULL;
	}
	return c->found = l;
}

static struct lease_shared *
lease_shared(struct call_lease *l)
{
	if (l->shared == NULL)
		l->shared = calloc(1, sizeof(*l->shared));
	return l->shared;
}

static void
lease_free(struct call_lease *l)
{
	census_forget(&l->c->census, &l->counted);
	free(l->shared);
	timer_end(l->c->timers, &l->timer);
	story_leave(l->c->story, l->story);
	if (l->dirty)
		TAILQ_REMOVE(&l->c->dirty, l, dirty_entry);
	l->c->found = NULL;
	idmap_remove(&l->c->leases, l->id);
	slab_free(l, sizeof(*l));
}

/*
 * How long the packet filter keeps a pinhole that nobody renews: as long as
 * silence is allowed, or as long as a call may ring.
 */
static int64_t
lease_length(const struct call_lease *l)
{
	const struct conf_sip *c = &l->c->conf->sip;

	return (l->accepted ? c->timeout_idle : c->timeout_setup) *
	    USEC_PER_SEC;
}

static void call_tell(struct call_lease *l, bool renewed);

/*
 * Media and signalling from the inside are life.  Media that only the outside
 * sends keeps a call for OUTSIDE_IDLES times `timeout idle`, so that a host
 * that only listens, and sends no RTCP, is not cut off at once.
 */
static struct silence
lease_silence(const struct call_lease *l)
{
	struct silence s = { .since = l->since,
		.timeout = l->c->conf->sip.timeout_idle * USEC_PER_SEC };

	claims_last_sent(l->c->claims, l->id, &s);
	if (l->shared != NULL && l->shared->inside > s.inside)
		s.inside = l->shared->inside;
	if (l->shared != NULL && l->shared->outside > s.outside)
		s.outside = l->shared->outside;
	s.grace = l->between ? SILENCE_EQUAL : (OUTSIDE_IDLES - 1) * s.timeout;
	return s;
}

static bool
lease_judges_silence(const struct call_lease *l)
{
	return l->c->activity && !l->held && !l->theirs;
}

static void
lease_schedule(struct call_lease *l, int64_t now)
{
	int64_t at = now + lease_length(l) / (l->theirs ? 4 : 2);
	struct silence s;

	if (!l->open || !l->c->live) {
		timer_clear(l->c->timers, &l->timer);
		return;
	}
	if (lease_judges_silence(l)) {
		s = lease_silence(l);
		at = silence_next(&s, lease_length(l), now);
	}
	timer_set(l->c->timers, &l->timer, at);
}

/* The owner of the call may not see the media that passes here. */
static void
lease_tell_seen(struct call_lease *l, int64_t now)
{
	struct lease_shared *shared = lease_shared(l);
	struct silence s = { 0 };
	struct calls *c = l->c;

	claims_last_sent(c->claims, l->id, &s);
	if (c->sink.share_seen == NULL || shared == NULL ||
	    (s.inside <= shared->told && s.outside <= shared->told))
		return;
	shared->told = now;
	c->sink.share_seen(c->sink.share_ctx, l->id, s.inside, s.outside);
}

static void
lease_timer(struct timer *t, int64_t now)
{
	struct call_lease *l = timer_owner(t, struct call_lease, timer);
	const struct silence s = lease_silence(l);
	struct calls *c = l->c;

	if (lease_judges_silence(l) && silence_over(&s, now)) {
		sip_silent(c->sip, l->id, now);
		return;
	}
	if (l->theirs)
		lease_tell_seen(l, now);
	claims_renew(c->claims, l->id, lease_length(l), now);
	lease_schedule(l, now);
	call_tell(l, true);
}

/* The end of a call that no message tells of. */
static bool
ends_untold(const struct sip_wants *w)
{
	switch (w->close) {
	case REASON_SETUP_TIMEOUT:
	case REASON_IDLE:
	case REASON_SESSION_TIMER:
	case REASON_MAX_DURATION:
	case REASON_SHUTDOWN:
	case REASON_CLOSED:
	case REASON_LIMIT:
		return w->nholes == 0;
	default:
		return false;
	}
}

struct hole_before {
	struct story *story;
	int64_t now;
};

static void
on_hole_before(void *ctx, const struct claims_view *v)
{
	const struct hole_before *b = ctx;

	story_hole(b->story, b->now, true, &v->hole, v->owner.call,
	    REASON_NONE);
}

/* Of that time the story has only the pinholes that were open. */
static void
lease_adopt_story(struct call_lease *l, const struct sip_wants *w, int64_t now)
{
	struct sip_about about;
	struct calls *c = l->c;
	struct hole_before before = { c->story, now };

	if (sip_about(c->sip, l->id, &about))
		now = about.began;
	l->story = story_join(c->story, w->call_id, w->nholes > 0, true, now);
	if (l->story != NULL)
		claims_view(c->claims, l->id, on_hole_before, &before);
}

static void
lease_tell(struct call_lease *l, const struct sip_wants *w, int64_t now)
{
	struct calls *c = l->c;

	if (l->story == NULL && c->adopting)
		lease_adopt_story(l, w, now);
	else if (l->story == NULL)
		l->story =
		    story_join(c->story, w->call_id, w->nholes > 0, false, now);
	if (ends_untold(w))
		story_end(c->story, l->story, w->close, now);
}

static void
on_wants(void *ctx, const struct sip_wants *w, int64_t now)
{
	struct calls *c = ctx;
	struct call_lease *l = lease_get(c, w->call);
	uint64_t closed = claims_counters(c->claims)->closed;
	struct claims_want want = { 0 };
	struct media media = { 0 };

	if (l == NULL)
		return;
	if (l->open && c->activity)
		media = media_of(c->claims, l->id);
	/* Silence counts anew when a call opens, is accepted or resumed. */
	if ((w->nholes > 0 && !l->open) || (w->accepted && !l->accepted) ||
	    l->held != w->held)
		l->since = now;
	l->accepted = w->accepted;
	l->held = w->held;
	l->between = w->between;
	l->open = w->nholes > 0;
	l->why = (uint8_t)w->close;
	want.asker = w->call;
	want.call = w->call_id;
	want.v = w->holes;
	want.n = w->nholes;
	want.open = w->open;
	want.close = w->close;
	want.lease = lease_length(l);
	story_counts(c->story);
	lease_tell(l, w, now);
	claims_want(c->claims, &want, now);
	if (claims_counters(c->claims)->closed != closed)
		media_closed(&l->closed, c->claims, l->id, &media);
	if (!timer_is_set(&l->timer) || !l->open)
		lease_schedule(l, now);
}

static void
on_refuse(void *ctx, struct span call_id, const struct sip_refusal *r,
    int64_t now)
{
	struct calls *c = ctx;
	struct event_refusal refusal = { r->src, r->dst, r->dport, r->reason,
		EVENT_SAID_SDP };

	story_refused(c->story, now, &refusal, call_id);
	claims_refuse(c->claims, &refusal, call_id, now);
}

static void
lease_dirty(struct call_lease *l)
{
	struct calls *c = l->c;

	if (l->dirty || c->sink.checkpoint == NULL)
		return;
	l->dirty = true;
	TAILQ_INSERT_TAIL(&c->dirty, l, dirty_entry);
}

/* Tell other boxes; `p` NULL: it is over. */
static bool
call_share(struct calls *c, uint64_t id, const void *p, size_t len,
    enum reason why)
{
	return c->sink.share != NULL && c->sink.checkpoint != NULL &&
	    c->sink.share(c->sink.share_ctx, id, p, len, why);
}

static void
on_changed(void *ctx, uint64_t call, int64_t now)
{
	struct calls *c = ctx;
	struct call_lease *l = lease_get(c, call);

	(void)now;
	story_counts(c->story);
	if (l == NULL)
		return;
	/*
	 * Only a message makes this box the owner: by time alone, every box
	 * changes the call in the same way.
	 */
	if (sip_hears(c->sip)) {
		l->changed = true;
		l->theirs = false;
	}
	lease_dirty(l);
}

static void
on_gone(void *ctx, uint64_t call)
{
	struct call_view v = { .id = call };
	struct calls *c = ctx;
	struct call_lease *l = lease_find(c, call);

	/* Of a call that was told of and is not over, tell what it was. */
	if (l != NULL && census_lives(l->counted))
		(void)calls_view(c, call, &v);
	v.over = true;
	(void)call_share(c, call, NULL, 0,
	    l != NULL ? (enum reason)l->why : REASON_NONE);
	if (l != NULL)
		lease_free(l);
	if (c->sink.call != NULL)
		c->sink.call(c->sink.ctx, &v);
	if (c->sink.checkpoint != NULL)
		c->sink.checkpoint(c->sink.ctx, call, NULL, 0);
}

static bool
on_silent(void *ctx, uint64_t call, int64_t timeout, int64_t now)
{
	struct calls *c = ctx;
	struct call_lease *l = lease_find(c, call);
	struct silence s;

	/* Another box may see its media: that one says when it is over. */
	if (l != NULL && l->theirs)
		return false;
	if (l == NULL || claims_last_seen(c->claims, call) == 0)
		return true;
	s = lease_silence(l);
	s.timeout = timeout;
	return silence_over(&s, now);
}

/* The protected side has sent a message in the call's dialog. */
static void
on_alive(void *ctx, uint64_t call, int64_t now)
{
	struct call_lease *l = lease_find(ctx, call);

	if (l != NULL)
		l->since = now;
}

static void
on_described(void *ctx, const struct sdp *sdp)
{
	struct calls *c = ctx;

	story_described(c->story, sdp);
}

struct calls *
calls_new(const struct calls_setup *setup)
{
	struct sip_sink up = { NULL, on_wants, on_refuse, on_changed, on_gone,
		on_silent, on_alive, on_described };
	struct calls *c = calloc(1, sizeof(*c));
	struct sip_config config;

	if (c == NULL)
		return NULL;
	c->conf = setup->conf;
	c->sink = *setup->sink;
	c->live = setup->place->live;
	c->activity = setup->place->activity;
	c->timers = setup->timers;
	c->claims = setup->claims;
	c->story = setup->story;
	idmap_init(&c->leases);
	TAILQ_INIT(&c->dirty);
	up.ctx = c;
	if (sip_terms(c->conf, setup->place, &c->external, &config) != PH_OK ||
	    (c->sip = sip_new(&config, &up, c->timers)) == NULL) {
		calls_free(c);
		return NULL;
	}
	return c;
}

void
calls_free(struct calls *c)
{
	struct call_lease *l;

	if (c == NULL)
		return;
	sip_free(c->sip);
	while ((l = lease_after(c, 0)) != NULL)
		lease_free(l);
	idmap_free(&c->leases);
	free(c->external);
	free(c);
}

struct sip *
calls_sip(const struct calls *c)
{
	return c->sip;
}

/*
 * Into c->record: u32 length of the pinholes, the pinholes, the call.
 * `closed`: its pinholes are no more, and a successor opens them anew.
 */
static bool
call_record(struct calls *c, uint64_t id, bool closed, size_t *nholes,
    size_t *ncall)
{
	struct writer w = writer_of(c->record, 4);

	*nholes = 0;
	if ((!closed &&
		claims_export(c->claims, id, c->record + 4, CLAIMS_EXPORT_MAX,
		    nholes) != PH_OK) ||
	    sip_export(c->sip, id, c->record + 4 + *nholes,
		sizeof(c->record) - 4 - *nholes, ncall) != PH_OK)
		return false;
	writer_u32(&w, (uint32_t)*nholes);
	return true;
}

static void
call_checkpoint(struct calls *c, struct call_lease *l, bool closed)
{
	size_t nholes, ncall;

	if (!call_record(c, l->id, closed, &nholes, &ncall)) {
		c->sink.checkpoint(c->sink.ctx, l->id, NULL, 0);
		(void)call_share(c, l->id, NULL, 0, (enum reason)l->why);
		return;
	}
	c->sink.checkpoint(c->sink.ctx, l->id, c->record, 4 + nholes + ncall);
	if (!l->changed)
		return;
	/* Other boxes have pinholes of their own, by other ids. */
	memset(c->record + nholes, 0, 4);
	if (call_share(c, l->id, c->record + nholes, 4 + ncall, REASON_NONE))
		l->changed = false;
}

bool
calls_record(struct calls *c, uint64_t id, const uint8_t **p, size_t *len,
    bool *changed)
{
	struct call_lease *l = lease_find(c, id);
	size_t nholes, ncall;

	if (l == NULL || !call_record(c, id, true, &nholes, &ncall))
		return false;
	*changed = l->changed;
	l->changed = false;
	*p = c->record;
	*len = 4 + ncall;
	return true;
}

bool
calls_view(const struct calls *c, uint64_t id, struct call_view *out)
{
	struct call_lease *l = lease_find((struct calls *)(uintptr_t)c, id);
	struct sip_about about;

	if (l == NULL || !sip_about(c->sip, id, &about))
		return false;
	*out = (struct call_view) { id, about.call_id, about.from, about.to,
		about.began, l->accepted, l->held, about.over, false,
		l->closed.seen, l->closed.packets };
	return true;
}

uint64_t
calls_after(struct calls *c, uint64_t after)
{
	const struct call_lease *l = lease_after(c, after);

	return l != NULL ? l->id : 0;
}

/* That it is over is told once. */
static void
call_tell(struct call_lease *l, bool renewed)
{
	struct calls *c = l->c;
	struct call_view v;

	if (c->sink.call == NULL || !calls_view(c, l->id, &v) ||
	    (v.over && census_over(l->counted)))
		return;
	census_count(&c->census, &l->counted, &v);
	v.renewed = renewed;
	c->sink.call(c->sink.ctx, &v);
}

void
calls_report(struct calls *c, struct counters *out)
{
	struct call_lease *l;
	struct call_view v;

	/* What nobody has been told of yet counts already. */
	TAILQ_FOREACH(l, &c->dirty, dirty_entry)
		if (calls_view(c, l->id, &v) && !census_over(l->counted)) {
			if (v.over)
				census_forget(&c->census, &l->counted);
			else
				census_count(&c->census, &l->counted, &v);
		}
	census_report(&c->census, out);
}

void
calls_flush(struct calls *c)
{
	struct call_lease *l;

	while ((l = TAILQ_FIRST(&c->dirty)) != NULL) {
		TAILQ_REMOVE(&c->dirty, l, dirty_entry);
		l->dirty = false;
		call_tell(l, false);
		call_checkpoint(c, l, false);
	}
}

bool
calls_unflushed(const struct calls *c)
{
	return !TAILQ_EMPTY(&c->dirty);
}

/* The reason to close the pinholes of a call that cannot be adopted. */
static enum reason
reason_of(enum ph_err why)
{
	switch (why) {
	case PH_EUNSUPPORTED:
		return REASON_POLICY;
	case PH_ELIMIT:
		return REASON_LIMIT;
	default:
		return REASON_SHUTDOWN;
	}
}

bool
calls_adopt(struct calls *c, const uint8_t *p, size_t len, int64_t now)
{
	struct claims_want none = { .open = REASON_NONE };
	struct cursor r = cursor_of(p, len);
	enum ph_err rc = PH_EUNSUPPORTED;
	struct span holes, call;
	struct call_lease *l;
	struct call_view view;
	uint64_t id;

	holes = cursor_span(&r, cursor_u32(&r));
	call = cursor_span(&r, cursor_left(&r));
	if (r.bad || sip_export_names(call.p, call.len, &id, &call) != PH_OK ||
	    id >= HELPER_FTP_ASKER)
		return false;
	/* A call of this id is here already. */
	if (lease_find(c, id) != NULL ||
	    claims_adopt(c->claims, id, call, holes.p, holes.len, -now, now) !=
		PH_OK)
		return true;
	c->adopting = true;
	if (c->conf->sip.on)
		rc = sip_import(c->sip, p + 4 + holes.len, len - 4 - holes.len,
		    now);
	c->adopting = false;
	if (rc != PH_OK) {
		none.asker = id;
		none.close = reason_of(rc);
		claims_want(c->claims, &none, now);
		return false;
	}
	if ((l = lease_find(c, id)) != NULL) {
		claims_renew(c->claims, id, lease_length(l), now);
		if (calls_view(c, id, &view))
			census_count(&c->census, &l->counted, &view);
	}
	return true;
}

enum ph_err
calls_adopt_peer(struct calls *c, const uint8_t *p, size_t len, bool fresh,
    int64_t now, uint64_t *id)
{
	struct cursor r = cursor_of(p, len);
	struct call_lease *l;
	struct span call;
	enum ph_err rc;

	/* Skip the names that the other box gave to its pinholes. */
	(void)cursor_span(&r, cursor_u32(&r));
	call = cursor_span(&r, cursor_left(&r));
	*id = 0;
	if (r.bad)
		return PH_EMALFORMED;
	if (!c->conf->sip.on)
		return PH_EUNSUPPORTED;
	c->adopting = true;
	rc = sip_import_peer(c->sip, call.p, call.len, fresh, now, id);
	c->adopting = false;
	if (rc == PH_OK && *id < HELPER_FTP_ASKER &&
	    (l = lease_get(c, *id)) != NULL && !l->changed)
		lease_dirty(l);
	return rc;
}

void
calls_role(struct calls *c, uint64_t id, enum calls_role role, int64_t now)
{
	struct call_lease *l = lease_find(c, id);
	struct silence s;

	/*
	 * This box has changed the call and is about to tell the share process,
	 * which then makes this box the owner: the role that it gives now is
	 * out of date.
	 */
	if (l == NULL || l->changed)
		return;
	if (role == CALLS_OURS && l->theirs)
		l->since = now;
	l->theirs = role == CALLS_THEIRS;
	if (role == CALLS_RELEASED || role == CALLS_LOST) {
		s = lease_silence(l);
		s.since = 0;
		if (role == CALLS_LOST)
			s.timeout = CALLS_LOST_S * USEC_PER_SEC;
		if (!c->activity || silence_over(&s, now)) {
			sip_end(c->sip, id, REASON_IDLE, now);
			return;
		}
		l->changed = true;
		lease_dirty(l);
	}
	lease_schedule(l, now);
}

void
calls_untold(struct calls *c)
{
	struct call_lease *l;

	for (l = lease_after(c, 0); l != NULL; l = lease_after(c, l->id))
		l->changed = l->changed || !l->theirs;
}

void
calls_seen(struct calls *c, uint64_t id, int64_t inside, int64_t outside)
{
	struct call_lease *l = lease_find(c, id);
	struct lease_shared *shared;

	if (l == NULL || (shared = lease_shared(l)) == NULL)
		return;
	if (inside > shared->inside)
		shared->inside = inside;
	if (outside > shared->outside)
		shared->outside = outside;
}

void
calls_end(struct calls *c, uint64_t id, enum reason why, int64_t now)
{
	(void)sip_end(c->sip, id, why, now);
}

bool
calls_media(struct calls *c, struct span call_id, struct silence *s)
{
	struct call_lease *l;
	struct silence leg;
	bool any = false;

	memset(s, 0, sizeof(*s));
	if (!c->activity)
		return false;
	for (l = lease_after(c, 0); l != NULL; l = lease_after(c, l->id)) {
		if (!l->open || l->story == NULL ||
		    !span_eq(l->story->call_id, call_id))
			continue;
		any = true;
		s->timeout =
		    silence_poll(c->conf->sip.timeout_idle * USEC_PER_SEC,
			claims_counters(c->claims)->tuples);
		if (l->since > s->since)
			s->since = l->since;
		memset(&leg, 0, sizeof(leg));
		claims_last_sent(c->claims, l->id, &leg);
		if (leg.inside > s->inside)
			s->inside = leg.inside;
		if (leg.outside > s->outside)
			s->outside = leg.outside;
	}
	return any;
}

void
calls_shutdown(struct calls *c, int64_t now)
{
	struct call_lease *l;

	/* The calls go on without us: a successor may adopt them. */
	if (c->sink.checkpoint != NULL) {
		calls_flush(c);
		for (l = lease_after(c, 0); l != NULL;
		     l = lease_after(c, l->id)) {
			l->changed = false;
			call_checkpoint(c, l, true);
		}
		c->sink.checkpoint = NULL;
	}
	sip_shutdown(c->sip, REASON_SHUTDOWN, now);
}
