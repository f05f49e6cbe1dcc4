/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/jsonw.h"
#include "src/base/timers.h"
#include "src/status/answer.h"
#include "src/status/metrics.h"
#include "src/version.h"

void
answer_begin(struct answer *a, struct model *m, const struct request *r,
    int64_t now)
{
	memset(a, 0, sizeof(*a));
	a->model = m;
	a->request = r;
	a->now = now;
}

/* Filters. */

static bool
call_fits(const struct request *r, struct span call)
{
	size_t n = strlen(r->call);

	return call.len >= n && (n == 0 || memcmp(call.p, r->call, n) == 0);
}

static bool
age_fits(const struct request *r, int64_t since, int64_t now)
{
	int64_t age = now - since;

	return (r->older == -1 || age >= r->older * USEC_PER_SEC) &&
	    (r->younger == -1 || age < r->younger * USEC_PER_SEC);
}

static bool
has_address(const struct request *r, const struct prefix *from,
    const struct addr *to)
{
	return r->address.addr.af == AF_UNSPEC ||
	    prefix_contains(&r->address, to) ||
	    (from->addr.af != AF_UNSPEC && prefix_overlaps(&r->address, from));
}

static struct span
call_name(const struct model_call *c)
{
	return c != NULL ? (struct span) { c->call, c->len }
			 : (struct span) { NULL, 0 };
}

static bool
hole_fits(const struct request *r, const struct model_hole *h, int64_t now)
{
	int state = h->call != NULL ? (int)h->call->state : -1;
	const struct pinhole p = model_hole_pinhole(h);

	return has_address(r, &p.from, &p.to) &&
	    call_fits(r, call_name(h->call)) &&
	    (r->state == -1 || r->state == state) && age_fits(r, h->since, now);
}

static bool
call_wanted(const struct request *r, const struct model_call *c, int64_t now)
{
	struct prefix from = { c->from, (uint8_t)(addr_bytes(c->from.af) * 8) };
	const struct model_hole *h;
	struct pinhole p;

	if (!call_fits(r, call_name(c)) ||
	    (r->state != -1 && r->state != (int)c->state) ||
	    !age_fits(r, c->since, now))
		return false;
	if (has_address(r, &from, &c->to))
		return true;
	for (h = model_call_holes(c); h != NULL; h = STAILQ_NEXT(h, of_call)) {
		p = model_hole_pinhole(h);
		if (has_address(r, &p.from, &p.to))
			return true;
	}
	return false;
}

/* Values. */

static void
put_time(struct jsonw *w, const char *key, int64_t at)
{
	if (at == 0)
		jsonw_null(w, key);
	else
		jsonw_time(w, key, clock_wall(at));
}

static void
put_addr(struct jsonw *w, const char *key, const struct addr *a)
{
	char buf[ADDR_STRLEN];

	if (a->af == AF_UNSPEC)
		jsonw_null(w, key);
	else
		jsonw_str(w, key, span_of(addr_format(a, buf)));
}

static void
put_call(struct jsonw *w, struct span call)
{
	if (call.len > 0)
		jsonw_str(w, "call", call);
	else
		jsonw_null(w, "call");
}

/* As in an event of the log, and in that order: pinholed(8). */
static void
put_hole(struct jsonw *w, const struct pinhole *h, struct span call,
    enum reason why)
{
	char buf[ADDR_STRLEN];

	jsonw_uint(w, "id", h->id);
	jsonw_str(w, "dir", span_of(h->dir == PINHOLE_OUT ? "out" : "in"));
	put_call(w, call);
	jsonw_str(w, "proto", span_of(h->proto == IPPROTO_TCP ? "tcp" : "udp"));
	jsonw_str(w, "src", span_of(prefix_format(&h->from, buf)));
	if (h->from_port != 0)
		jsonw_uint(w, "sport", h->from_port);
	else
		jsonw_null(w, "sport");
	jsonw_str(w, "dst", span_of(addr_format(&h->to, buf)));
	jsonw_uint(w, "dport", h->to_lo);
	jsonw_uint(w, "dport_end", h->to_hi);
	jsonw_str(w, "reason", span_of(reason_name(why)));
}

/* Rule or state, and what makes it a rule where there are states. */
static void
put_form(struct jsonw *w, enum form form)
{
	const char *why = form_why(form);

	jsonw_str(w, "form", span_of(form == FORM_STATE ? "state" : "rule"));
	if (why != NULL)
		jsonw_str(w, "form_why", span_of(why));
	else
		jsonw_null(w, "form_why");
}

/*
 * Packets that went through, or null where the backend tells no number of them:
 * none at all, or that there were some.
 */
static void
put_packets(struct jsonw *w, const struct model *m, uint64_t n, int64_t seen)
{
	if (n > 0 || (seen == 0 && model_about_of(m)->activity != 0))
		jsonw_uint(w, "packets", n);
	else
		jsonw_null(w, "packets");
}

static void
line_hole(const struct model *m, const struct model_hole *h, struct strbuf *out)
{
	const struct pinhole p = model_hole_pinhole(h);
	struct jsonw w = jsonw_begin(out);

	jsonw_time(&w, "ts", clock_wall(h->since));
	jsonw_str(&w, "event", SPAN_LITERAL("open"));
	put_hole(&w, &p, call_name(h->call), (enum reason)h->reason);
	put_packets(&w, m, h->packets, h->seen);
	put_time(&w, "last_media", h->seen);
	put_time(&w, "expires", h->deadline);
	put_form(&w, (enum form)h->form);
	jsonw_end(&w);
}

static void
line_call(const struct model *m, const struct model_call *c, struct strbuf *out)
{
	struct jsonw w = jsonw_begin(out);
	const struct model_hole *h;
	uint64_t packets = c->packets;

	put_call(&w, call_name(c));
	jsonw_str(&w, "state", span_of(verb_states[c->state]));
	put_addr(&w, "from", &c->from);
	put_addr(&w, "to", &c->to);
	put_time(&w, "since", c->since);
	jsonw_list_begin(&w, "pinholes");
	for (h = model_call_holes(c); h != NULL; h = STAILQ_NEXT(h, of_call)) {
		packets += h->packets;
		jsonw_list_uint(&w, h->id);
	}
	jsonw_list_end(&w);
	put_packets(&w, m, packets, c->seen);
	put_time(&w, "last_media", c->seen);
	jsonw_end(&w);
}

static void
put_counter(struct jsonw *w, const struct model *m, const char *key,
    const char *name)
{
	uint64_t v;

	if (model_counter(m, IPC_ENGINE, name, &v))
		jsonw_uint(w, key, v);
	else
		jsonw_null(w, key);
}

/* One quantile; null: none yet, or above all bounds. */
static void
put_quantile(struct jsonw *w, const char *key, const struct histogram *h,
    unsigned int permille)
{
	uint32_t us = histogram_quantile(h, permille);

	if (us == 0 || us == UINT32_MAX)
		jsonw_null(w, key);
	else
		jsonw_uint(w, key, us);
}

static void
line_summary(const struct answer *a, struct strbuf *out)
{
	const struct ipc_about *about = model_about_of(a->model);
	const struct model_counts t = model_counts(a->model);
	const struct histogram times = metrics_histogram(a->model, "setup_us");
	const struct histogram held = metrics_histogram(a->model, "held_us");
	struct jsonw w = jsonw_begin(out), setup;

	jsonw_str(&w, "version", span_of(PINHOLED_VERSION));
	jsonw_str(&w, "backend", span_of(about->backend));
	jsonw_uint(&w, "uptime",
	    (uint64_t)((a->now - about->started) / USEC_PER_SEC));
	jsonw_uint(&w, "calls", t.calls);
	jsonw_uint(&w, "pinholes", t.holes);
	put_counter(&w, a->model, "calls_total", "calls_total");
	put_counter(&w, a->model, "opens_total", "pinholes_opened");
	put_counter(&w, a->model, "refusals_total", "pinholes_refused");
	put_counter(&w, a->model, "capture_drops", "packets_dropped_by_kernel");
	setup = jsonw_object(&w, "setup_us");
	put_quantile(&setup, "p50", &times, 500);
	put_quantile(&setup, "p99", &times, 990);
	jsonw_end(&setup);
	if (histogram_count(&held) > 0) {
		setup = jsonw_object(&w, "held_us");
		put_quantile(&setup, "p50", &held, 500);
		put_quantile(&setup, "p99", &held, 990);
		jsonw_end(&setup);
	}
	jsonw_end(&w);
}

/* The walks. */

static bool
next_call(struct answer *a, struct strbuf *out)
{
	struct model_call *c;
	size_t i;

	if (a->request->state != IPC_CALL_ENDED) {
		c = model_call_after(a->model, a->after);
		if (c == NULL)
			return false;
		a->after = c->owner;
	} else {
		c = model_ended_first(a->model);
		for (i = 0; c != NULL && i < a->ended; i++)
			c = TAILQ_NEXT(c, ended_entry);
		if (c == NULL)
			return false;
		a->ended++;
	}
	if (call_wanted(a->request, c, a->now))
		line_call(a->model, c, out);
	return true;
}

static bool
next_hole(struct answer *a, struct strbuf *out)
{
	struct model_hole *h = model_hole_after(a->model, a->after);

	if (h == NULL)
		return false;
	a->after = h->id;
	if (hole_fits(a->request, h, a->now))
		line_hole(a->model, h, out);
	return true;
}

static const char *
party_name(uint32_t role)
{
	const char *name = metrics_process(role);

	return name != NULL ? name : "leaving";
}

static bool
next_counter(struct answer *a, struct strbuf *out)
{
	const struct model_party *p;
	const struct model_counter *c;
	struct jsonw w;

	for (; a->role < IPC_NPARTIES; a->role++, a->i = 0) {
		p = model_party(a->model, a->role);
		if (a->i >= p->ncounters)
			continue;
		c = &p->counters[a->i++];
		w = jsonw_begin(out);
		jsonw_str(&w, "process", span_of(party_name(a->role)));
		jsonw_str(&w, "name", span_of(c->name));
		jsonw_uint(&w, "value", c->value);
		jsonw_str(&w, "type", span_of(c->gauge ? "gauge" : "counter"));
		jsonw_end(&w);
		return true;
	}
	return false;
}

bool
answer_next(struct answer *a, struct strbuf *out)
{
	switch (a->request->verb) {
	case VERB_SHOW_CALLS:
		return next_call(a, out);
	case VERB_SHOW_PINHOLES:
		return next_hole(a, out);
	case VERB_SHOW_COUNTERS:
		return next_counter(a, out);
	case VERB_SHOW_SUMMARY:
		if (a->i++ > 0)
			return false;
		line_summary(a, out);
		return true;
	default:
		return false;
	}
}

/* Events. */

static bool
refusal_fits(const struct request *r, const struct model_event *e)
{
	const struct event_refusal *f = &e->refusal->refusal;
	struct prefix src = { f->src, (uint8_t)(addr_bytes(f->src.af) * 8) };

	return call_fits(r, e->call) && has_address(r, &src, &f->dst);
}

static void
line_refusal(const struct model_event *e, struct strbuf *out)
{
	const struct event_refusal *f = &e->refusal->refusal;
	struct jsonw w = jsonw_begin(out);
	char buf[ADDR_STRLEN];

	jsonw_time(&w, "ts", clock_wall(e->ts));
	jsonw_str(&w, "event", SPAN_LITERAL("refuse"));
	put_call(&w, e->call);
	jsonw_str(&w, "src", span_of(addr_format(&f->src, buf)));
	jsonw_str(&w, "dst", span_of(addr_format(&f->dst, buf)));
	jsonw_uint(&w, "dport", f->dport);
	jsonw_str(&w, "reason", span_of(reason_name(e->reason)));
	jsonw_end(&w);
}

bool
answer_event(const struct request *r, const struct model_event *e,
    struct strbuf *out)
{
	struct pinhole p;
	struct jsonw w;

	if (e->kind == MODEL_REFUSED) {
		if (!refusal_fits(r, e))
			return false;
		line_refusal(e, out);
		return true;
	}
	if (!hole_fits(r, e->hole, e->ts))
		return false;
	w = jsonw_begin(out);
	jsonw_time(&w, "ts", clock_wall(e->ts));
	jsonw_str(&w, "event",
	    span_of(e->kind == MODEL_OPENED ? "open" : "close"));
	p = model_hole_pinhole(e->hole);
	put_hole(&w, &p, e->call, e->reason);
	jsonw_end(&w);
	return true;
}
