/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sip/sip.h"
#include "sip/message.h"
#include "src/engine/calls.h"
#include "src/engine/engine.h"
#include "src/engine/helpers.h"
#include "src/engine/hep_policy.h"
#include "src/engine/hints.h"
#include "src/process/claims.h"
#include "src/engine/rate.h"
#include "src/engine/refusals.h"
#include "src/engine/sightings.h"
#include "src/engine/signalling.h"
#include "src/engine/sessions.h"
#include "src/engine/story.h"
#include "src/engine/stream.h"
#include "src/engine/words.h"

/* Lines a second about messages that are of no use. */
#define IGNORE_BURST 20

#define ECHO_TEXT "the protected host only sends it back"

struct engine_counters {
	uint64_t messages; /* parsed and used */
	uint64_t requests[SIP_UPDATE + 1];
	uint64_t responses;
	uint64_t rejected[SIP_REJECT_MAX];
	uint64_t not_ours;	  /* seen where it may not count */
	uint64_t streams_lost;	  /* where framing failed */
	uint64_t streams_joined;  /* taken up in their middle */
	uint64_t streams_skipped; /* segments before that */
	uint64_t rate_limited;
	uint64_t other_ports; /* not meant as signalling, by its ports */
	uint64_t echoes;
	uint64_t copies; /* mirrored and on the wire */
};

struct engine {
	const struct conf *conf;
	struct engine_place place;
	struct engine_sink sink;
	struct timers timers;
	struct shares stream_room;
	struct calls *calls;
	struct sip *sip; /* the calls' */
	struct claims *claims;
	struct rate *rate; /* NULL: no limit */
	struct echoes *echoes;
	struct sightings *sightings; /* NULL: nobody mirrors */
	struct engine_counters n;
	struct ftp_helper *ftp; /* NULL: not configured */
	struct tftp_helper *tftp;
	struct refusals refusals;
	struct events events; /* for what is only ignored */
	struct hints hints;
	struct story *story;
	struct sessions *sessions;
	int64_t ignored_since;
	uint32_t ignored; /* in the second that began then */
};

static void
on_commit(void *ctx, const struct fw_change *changes, size_t n)
{
	struct engine *e = ctx;

	e->sink.commit(e->sink.ctx, changes, n);
}

/* Log in one line how many refusals had no event. */
static void
log_not_shown(struct engine *e, uint64_t missed)
{
	char text[64];

	if (missed == 0 || e->sink.log_line == NULL)
		return;
	snprintf(text, sizeof(text), "%" PRIu64 " more refused, not shown",
	    missed);
	e->sink.log_line(e->sink.ctx, text);
}

static bool
on_may_refuse(void *ctx, const struct event_refusal *r, int64_t now)
{
	struct engine *e = ctx;
	uint64_t missed;
	bool may;

	may = refusals_may(&e->refusals, &r->src, r->reason, now, &missed);
	log_not_shown(e, missed);
	return may;
}

static void
on_hole(void *ctx, int64_t ts, bool open, const struct pinhole *h,
    const struct events_owner *owner, enum reason why)
{
	struct engine *e = ctx;

	if (owner->call.len > 0)
		story_hole(e->story, ts, open, h, owner->call, why);
	else
		sessions_hole(e->sessions, owner->id, open, h, why, ts);
}

static struct story *
engine_story_new(const struct engine *e)
{
	struct story_limits l = story_limits_live(e->conf->sip.limit_calls);

	return story_new(e->place.story != NULL ? e->place.story : &l);
}

static enum ph_err helpers_new(struct engine *e);

enum ph_err
engine_new(struct engine **out, const struct conf *conf,
    const struct engine_place *place, const struct events *ev,
    const struct engine_sink *sink)
{
	struct engine *e;
	struct claims_sink down = { NULL, on_commit,
		place->live ? on_may_refuse : NULL };
	struct calls_setup calls = { .conf = conf,
		.place = place,
		.sink = sink };
	enum ph_err rc;

	*out = NULL;
	if ((rc = sip_message_init()) != PH_OK)
		return rc;
	if ((e = calloc(1, sizeof(*e))) == NULL)
		return PH_ENOMEM;
	e->conf = conf;
	e->place = *place;
	e->sink = *sink;
	e->events = *ev;
	e->events.watch = (struct events_watch) { on_hole, e };
	shares_init(&e->stream_room);
	timers_init(&e->timers);
	down.ctx = e;
	calls.timers = &e->timers;
	if ((e->story = calls.story = engine_story_new(e)) == NULL ||
	    (e->sessions = sessions_new()) == NULL ||
	    (e->claims = calls.claims =
		    claims_new((size_t)conf->sip.limit_calls * 8 +
			    conf_max_transfers(conf),
			1, &e->events, &down)) == NULL ||
	    (e->calls = calls_new(&calls)) == NULL ||
	    (e->echoes = echoes_new()) == NULL || helpers_new(e) != PH_OK ||
	    (conf->hep.on && (e->sightings = sightings_new()) == NULL)) {
		engine_free(e);
		return PH_ENOMEM;
	}
	if (conf->sip.limit_rate > 0 &&
	    (e->rate = rate_new(conf->sip.limit_rate)) == NULL) {
		engine_free(e);
		return PH_ENOMEM;
	}
	e->sip = calls_sip(e->calls);
	*out = e;
	return PH_OK;
}

void
engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	calls_free(e->calls);
	ftp_helper_free(e->ftp);
	tftp_helper_free(e->tftp);
	claims_free(e->claims);
	rate_free(e->rate);
	echoes_free(e->echoes);
	sightings_free(e->sightings);
	story_free(e->story);
	sessions_free(e->sessions);
	timers_free(&e->timers);
	free(e);
}

static bool
is_inside(const struct engine *e, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < e->place.ninside; i++)
		if (e->place.inside[i] == ifindex)
			return true;
	return e->place.ninside == 0;
}

static bool
is_protected(const struct engine *e, const struct addr *a)
{
	return prefixes_contain(e->conf->protect.v, e->conf->protect.n, a);
}

/*
 * Whether a message counts where it was seen.  From a protected host: where
 * it comes in from the inside; from the firewall itself: where it goes out.
 * From outside: where the firewall has let it through to the inside, or to
 * itself.  Anything else is another sighting of the same packet, or forged.
 */
static bool
counts_here(const struct engine *e, const struct datagram *d)
{
	if (!e->place.live || d->dir == PKT_UNKNOWN)
		return true;
	if (is_protected(e, &d->src.addr)) {
		if (addrs_contain(e->place.own, e->place.nown, &d->src.addr))
			return d->dir == PKT_OUT;
		return d->dir == PKT_IN && is_inside(e, d->ifindex);
	}
	if (addrs_contain(e->place.own, e->place.nown, &d->dst.addr))
		return d->dir == PKT_IN;
	return d->dir == PKT_OUT && is_inside(e, d->ifindex);
}

static bool
is_sip(const struct engine *e, const struct datagram *d)
{
	return e->conf->sip.on && !hep_policy_is_packet(e->conf, d) &&
	    (ports_contain(&e->conf->sip.port, d->src.port) ||
		ports_contain(&e->conf->sip.port, d->dst.port));
}

/* Only the request of a transfer goes to a configured port. */
static bool
is_tftp(const struct engine *e, const struct datagram *d)
{
	return e->tftp != NULL &&
	    ports_contain(&e->conf->tftp.port, d->dst.port);
}

static bool
is_ftp(const struct engine *e, const struct datagram *d)
{
	return e->ftp != NULL &&
	    (ports_contain(&e->conf->ftp.port, d->src.port) ||
		ports_contain(&e->conf->ftp.port, d->dst.port));
}

/* `limit rate`: INVITEs of outside sources, before they cost a parse. */
static bool
too_often(struct engine *e, int64_t now, const struct datagram *d,
    struct span text)
{
	if (e->rate == NULL || !span_has_prefix(text, "INVITE ") ||
	    is_protected(e, &d->src.addr) ||
	    rate_allow(e->rate, &d->src.addr, now))
		return false;
	e->n.rate_limited++;
	return true;
}

/* An event for -vv, at most IGNORE_BURST a second: strangers send these. */
static void
engine_show_ignored(struct engine *e, int64_t now, const struct datagram *d,
    const char *why)
{
	if (now - e->ignored_since >= USEC_PER_SEC) {
		e->ignored_since = now;
		e->ignored = 0;
	}
	if (e->ignored++ < IGNORE_BURST)
		events_ignore(&e->events, now, &d->src.addr, &d->dst.addr, why);
}

/* The same for a message that belongs to no call, as far as we know. */
static void
engine_ignore(struct engine *e, int64_t now, const struct datagram *d,
    const char *why)
{
	story_ignored(e->story, now, d, (struct span) { NULL, 0 }, why);
	engine_show_ignored(e, now, d, why);
}

/* See signalling.h; of a TCP connection, `d` is its first bytes. */
static bool
is_meant(struct engine *e, int64_t now, const struct datagram *d)
{
	if (signalling_fits(e->conf, d))
		return true;
	e->n.other_ports++;
	engine_ignore(e, now, d,
	    "only the stranger's port is that of SIP, not the protected "
	    "host's");
	return false;
}

static void
helper_log(void *ctx, const char *text)
{
	struct engine *e = ctx;

	if (e->sink.log_line != NULL)
		e->sink.log_line(e->sink.ctx, text);
}

static void
helper_ignore(void *ctx, int64_t now, const struct datagram *d, const char *why)
{
	engine_ignore(ctx, now, d, why);
}

static void
helper_remember(void *ctx, uint64_t key, const void *p, size_t len)
{
	struct engine *e = ctx;

	if (e->sink.checkpoint != NULL)
		e->sink.checkpoint(e->sink.ctx, key, p, len);
}

/* A helper that is not configured stays NULL. */
static enum ph_err
helpers_new(struct engine *e)
{
	const struct conf *c = e->conf;
	struct helper_place place = { 0 };

	place.conf = c;
	place.own = e->place.own;
	place.nown = e->place.nown;
	place.activity = e->place.activity;
	place.claims = e->claims;
	place.sessions = e->sessions;
	place.timers = &e->timers;
	place.log_line = helper_log;
	place.ignore = helper_ignore;
	place.remember = helper_remember;
	place.ctx = e;
	if (c->ftp.on && c->ftp.port.n > 0 &&
	    (e->ftp = ftp_helper_new(&place)) == NULL)
		return PH_ENOMEM;
	if (c->tftp.on && c->tftp.port.n > 0 &&
	    (e->tftp = tftp_helper_new(&place)) == NULL)
		return PH_ENOMEM;
	return PH_OK;
}

static void
sip_message_rejected(struct engine *e, int64_t now, const struct datagram *d,
    struct span text, enum sip_reject why)
{
	struct sip_glance g;

	e->n.rejected[why]++;
	engine_show_ignored(e, now, d, sip_reject_text(why));
	if (why == SIP_REJECT_NOISE)
		return;
	if (sip_message_glance(&g, text))
		sip_overhear(e->sip, now, d, &g);
	story_ignored(e->story, now, d, g.call_id.word[0],
	    sip_reject_text(why));
}

static void
sip_message_in(struct engine *e, int64_t now, const struct datagram *d,
    struct span text, bool stream)
{
	enum sip_reject why = SIP_REJECT_NONE;
	const char *misfit;
	struct sip_message m;

	if (too_often(e, now, d, text)) {
		engine_ignore(e, now, d,
		    "more INVITEs than `limit rate` allows");
		return;
	}
	if (sip_message_parse(&m, text, stream, &why) != PH_OK) {
		sip_message_rejected(e, now, d, text, why);
		return;
	}
	/* Not of a BYE: a host that sends one back can only end its own call.
	 */
	if (!stream && m.method != SIP_BYE &&
	    echoes_input(e->echoes, e->conf, now, d, &m)) {
		e->n.echoes++;
		story_ignored(e->story, now, d, m.call_id, ECHO_TEXT);
		engine_show_ignored(e, now, d, ECHO_TEXT);
		sip_message_free(&m);
		return;
	}
	if (e->sightings != NULL && sightings_input(e->sightings, now, d, &m)) {
		e->n.copies++;
		sip_message_free(&m);
		return;
	}
	e->n.messages++;
	if (m.request)
		e->n.requests[m.method]++;
	else
		e->n.responses++;
	story_hear(e->story, now, d, &m);
	misfit = words_misfit(sip_input(e->sip, now, d, &m), &m);
	story_judged(e->story, misfit);
	if (misfit != NULL)
		engine_show_ignored(e, now, d, misfit);
	sip_message_free(&m);
}

static void
engine_note_hint(struct engine *e, int64_t now, const struct datagram *d)
{
	hints_message(&e->hints, now, d,
	    is_protected(e, &d->src.addr) || is_protected(e, &d->dst.addr));
}

void
engine_view_holes(struct engine *e, uint64_t owner,
    const struct engine_viewer *v)
{
	claims_view(e->claims, owner, v->hole, v->ctx);
}

bool
engine_view(struct engine *e, uint64_t *at, const struct engine_viewer *v)
{
	uint64_t call = calls_after(e->calls, *at);
	uint64_t owner = claims_asker_after(e->claims, *at);
	struct call_view view;

	if (call == 0 && owner == 0)
		return false;
	*at = call == 0 || (owner != 0 && owner < call) ? owner : call;
	if (*at == call && calls_view(e->calls, call, &view))
		v->call(v->ctx, &view);
	engine_view_holes(e, *at, v);
	return true;
}

size_t
engine_close(struct engine *e, struct span call_id, uint64_t owner, int64_t now)
{
	struct claims_want none = { .asker = owner, .close = REASON_CLOSED };
	uint64_t before = claims_counters(e->claims)->closed;

	if (call_id.len > 0)
		return sip_close(e->sip, call_id, REASON_CLOSED, now);
	if (owner != 0)
		claims_want(e->claims, &none, now);
	return (size_t)(claims_counters(e->claims)->closed - before);
}

void
engine_verbose(struct engine *e, int verbose)
{
	e->events.verbose = verbose;
	claims_verbose(e->claims, verbose);
}

bool
engine_media(struct engine *e, struct span call_id, struct silence *s)
{
	return calls_media(e->calls, call_id, s);
}

const struct story *
engine_story(const struct engine *e)
{
	return e->story;
}

const struct sessions *
engine_sessions(const struct engine *e)
{
	return e->sessions;
}

struct calls *
engine_calls(const struct engine *e)
{
	return e->calls;
}

struct hints *
engine_hints(struct engine *e)
{
	return &e->hints;
}

void
engine_udp(struct engine *e, int64_t now, const struct datagram *d)
{
	bool sip = is_sip(e, d);

	engine_run(e, now);
	if (d->mirrored) {
		sip_message_in(e, now, d, d->payload, d->proto != IPPROTO_UDP);
		return;
	}
	if (sip)
		engine_note_hint(e, now, d);
	else if (!is_tftp(e, d)) {
		hints_elsewhere(&e->hints, now, d);
		return;
	}
	if (!counts_here(e, d)) {
		e->n.not_ours++;
		return;
	}
	if (sip && is_meant(e, now, d))
		sip_message_in(e, now, d, d->payload, false);
	else if (!sip)
		tftp_helper_input(e->tftp, now, d);
}

struct stream_feed {
	struct engine *e;
	int64_t now;
	const struct datagram *d;
};

static void
on_stream_message(void *ctx, struct span text, bool whole)
{
	struct stream_feed *f = ctx;
	struct sip_glance g;

	if (whole)
		sip_message_in(f->e, f->now, f->d, text, true);
	else if (sip_message_glance(&g, text))
		sip_overhear(f->e->sip, f->now, f->d, &g);
}

/* The reader of a TCP connection: one of these. */
struct listener {
	struct stream *sip;
	struct ftp_watch *ftp;
};

static enum capture_more
sip_stream_in(struct engine *e, int64_t now, struct stream *s,
    const struct datagram *d)
{
	struct stream_feed feed = { e, now, d };
	enum capture_more more = stream_add(s, d, on_stream_message, &feed);

	if (more != CAPTURE_LOST) {
		e->n.streams_joined += d->joined;
		return more;
	}
	if (d->joined) {
		e->n.streams_skipped++;
		engine_ignore(e, now, d,
		    "what came before it in its TCP connection was not seen, "
		    "and no whole message begins here");
	} else {
		e->n.streams_lost++;
		engine_ignore(e, now, d,
		    "in its TCP connection, what should be a message is none");
	}
	return more;
}

static struct listener *
listener_new(struct engine *e, int64_t now, const struct datagram *d)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	if (is_sip(e, d) && is_meant(e, now, d)) {
		l->sip = stream_new(&d->src, &e->stream_room);
		if (l->sip != NULL)
			return l;
	} else if (is_ftp(e, d))
		return l;
	free(l);
	return NULL;
}

enum capture_more
engine_tcp(struct engine *e, int64_t now, void **user, const struct datagram *d)
{
	struct listener *l = *user;

	engine_run(e, now);
	if (is_sip(e, d))
		engine_note_hint(e, now, d);
	else if (!is_ftp(e, d))
		return CAPTURE_END;
	/* The other direction of the connection may count here. */
	if (!counts_here(e, d))
		return CAPTURE_WHOLE;
	if (l == NULL && (l = *user = listener_new(e, now, d)) == NULL)
		return CAPTURE_END;
	if (l->sip != NULL)
		return sip_stream_in(e, now, l->sip, d);
	return ftp_helper_input(e->ftp, now, &l->ftp, d);
}

void
engine_tcp_end(struct engine *e, void *user)
{
	struct listener *l = user;

	if (l == NULL)
		return;
	stream_free(l->sip);
	if (l->ftp != NULL)
		ftp_helper_end(e->ftp, l->ftp);
	free(l);
}

void
engine_run(struct engine *e, int64_t now)
{
	timers_run(&e->timers, now);
	if (e->refusals.missed > 0)
		log_not_shown(e, refusals_missed(&e->refusals, now));
	if (e->ftp != NULL)
		ftp_helper_run(e->ftp, now);
	if (e->place.live)
		hints_run(&e->hints, now, e->sink.log_line, e->sink.ctx);
}

int64_t
engine_next(struct engine *e)
{
	return timers_next(&e->timers);
}

void
engine_seen(struct engine *e, uint64_t id, unsigned int ends, int64_t now)
{
	claims_seen(e->claims, id, ends, now);
}

void
engine_packets(struct engine *e, uint64_t id, uint64_t packets)
{
	claims_packets(e->claims, id, packets);
}

void
engine_lost(struct engine *e, uint64_t id)
{
	claims_lost(e->claims, id);
}

void
engine_resend(struct engine *e, int64_t now)
{
	claims_resend(e->claims, now);
}

void
engine_gather(struct engine *e, bool yes)
{
	claims_gather(e->claims, yes);
}

void
engine_flush(struct engine *e)
{
	calls_flush(e->calls);
}

void
engine_adopt(struct engine *e, uint64_t key, const void *p, size_t len,
    int64_t now)
{
	bool mine = true;

	if (key < HELPER_TFTP_ASKER)
		mine = calls_adopt(e->calls, p, len, now);
	else if (e->tftp != NULL)
		tftp_helper_adopt(e->tftp, key, p, len, now);
	else {
		tftp_helper_drop(e->claims, key, p, len, now);
		mine = false;
	}
	/* Delete it, or the next engine would open and close it again. */
	if (!mine)
		helper_remember(e, key, NULL, 0);
}

void
engine_leave(struct engine *e, int64_t now)
{
	if (e->ftp != NULL)
		ftp_helper_shutdown(e->ftp, now);
}

void
engine_shutdown(struct engine *e, int64_t now)
{
	engine_leave(e, now);
	if (e->tftp != NULL)
		tftp_helper_shutdown(e->tftp, now);
	calls_shutdown(e->calls, now);
}

uint64_t
engine_opened(const struct engine *e)
{
	return claims_counters(e->claims)->opened;
}

void
engine_totals(const struct engine *e, uint64_t *messages, uint64_t *calls)
{
	*messages = e->n.messages;
	*calls = sip_counters(e->sip)->calls_total;
}

void
engine_report(const struct engine *e, struct counters *c)
{
	static const char *const requests[SIP_UPDATE + 1] = {
		[SIP_OTHER] = "sip_other",
		[SIP_INVITE] = "sip_invite",
		[SIP_ACK] = "sip_ack",
		[SIP_BYE] = "sip_bye",
		[SIP_CANCEL] = "sip_cancel",
		[SIP_PRACK] = "sip_prack",
		[SIP_UPDATE] = "sip_update",
	};
	const struct sip_counters *s = sip_counters(e->sip);
	char name[COUNTERS_NAME];
	size_t i;

	counters_put(c, "sip_messages", e->n.messages);
	for (i = 0; i <= SIP_UPDATE; i++)
		counters_put(c, requests[i], e->n.requests[i]);
	counters_put(c, "sip_responses", e->n.responses);
	for (i = SIP_REJECT_NONE + 1; i < SIP_REJECT_MAX; i++) {
		snprintf(name, sizeof(name), "sip_rejected_%s",
		    sip_reject_name(i));
		counters_put(c, name, e->n.rejected[i]);
	}
	counters_put(c, "seen_elsewhere", e->n.not_ours);
	counters_put(c, "sip_streams_lost", e->n.streams_lost);
	counters_put(c, "sip_streams_joined", e->n.streams_joined);
	counters_put(c, "sip_segments_skipped", e->n.streams_skipped);
	counters_put(c, "sip_not_protected", s->not_protected);
	counters_put(c, "sip_unmatched", s->unmatched);
	counters_put(c, "sip_no_dialog", s->no_dialog);
	counters_put(c, "sip_forged", s->forged);
	counters_put(c, "sip_retransmissions", s->retransmissions);
	counters_put(c, "sdp_malformed", s->sdp_malformed);
	counters_put(c, "sdp_ambiguous", s->sdp_ambiguous);
	counters_put_gauge(c, "sip_bytes", s->bytes);
	counters_put_gauge(c, "calls", s->calls);
	counters_put_gauge(c, "calls_accepted", s->accepted);
	counters_put_gauge(c, "dialogs_early", s->dialogs[DIALOG_EARLY]);
	counters_put_gauge(c, "dialogs_confirmed",
	    s->dialogs[DIALOG_CONFIRMED]);
	counters_put(c, "calls_total", s->calls_total);
	counters_put(c, "calls_accepted_total", s->accepted_total);
	counters_put(c, "calls_evicted", s->evicted);
	counters_put(c, "limit_calls", s->limit_calls);
	counters_put(c, "limit_per_source", s->limit_source);
	counters_put(c, "limit_rate", e->n.rate_limited);
	counters_put(c, "sip_other_ports", e->n.other_ports);
	counters_put(c, "sip_echoes", e->n.echoes);
	counters_put(c, "sip_copies", e->n.copies);
	counters_put(c, "limit_dialogs", s->limit_dialogs);
	counters_put(c, "limit_transactions", s->limit_transactions);
	if (e->ftp != NULL)
		ftp_helper_report(e->ftp, c);
	if (e->tftp != NULL)
		tftp_helper_report(e->tftp, c);
	claims_report(e->claims, c);
}
