/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/jsonw.h"
#include "src/base/timers.h"
#include "src/process/child.h"
#include "src/status/metrics.h"
#include "src/status/page.h"
#include "src/version.h"

struct sample {
	uint32_t calls, holes;	  /* at that time */
	uint32_t opened, refused; /* since the sample before */
	uint32_t p50, p99; /* of setups since then, microseconds; 0: none */
};

/* The counters at the last sample. */
struct last {
	int64_t at; /* 0: there is none */
	uint64_t opened, refused;
	struct histogram setup;
};

struct page {
	struct model *model;
	struct last last;
	struct sample v[PAGE_SAMPLES];
	size_t first, n;
	uint64_t taken; /* samples, ever */
};

struct page *
page_new(struct model *m)
{
	struct page *p = calloc(1, sizeof(*p));

	if (p != NULL)
		p->model = m;
	return p;
}

void
page_free(struct page *p)
{
	free(p);
}

static uint64_t
page_counter(const struct page *p, const char *name)
{
	uint64_t v;

	return model_counter(p->model, IPC_ENGINE, name, &v) ? v : 0;
}

/* A counter goes back when the engine has lost its journal. */
static uint64_t
page_grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static uint32_t
page_small(uint64_t v)
{
	return v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
}

static struct histogram
setup_since(const struct histogram *now, const struct histogram *before)
{
	struct histogram h = { { 0 }, 0 };
	int i;

	for (i = 0; i <= HISTOGRAM_BOUNDS; i++)
		h.n[i] = page_grown(now->n[i], before->n[i]);
	return h;
}

void
page_run(struct page *p, int64_t now)
{
	const struct model_counts t = model_counts(p->model);
	struct last before = p->last, *l = &p->last;
	struct histogram setup;
	struct sample *s;

	if (before.at != 0 && now - before.at < PAGE_EVERY)
		return;
	l->at = now;
	l->opened = page_counter(p, "pinholes_opened");
	l->refused = page_counter(p, "pinholes_refused");
	l->setup = metrics_histogram(p->model, "setup_us");
	if (before.at == 0)
		return;
	if (p->n == PAGE_SAMPLES) {
		p->first = (p->first + 1) % PAGE_SAMPLES;
		p->n--;
	}
	s = &p->v[(p->first + p->n++) % PAGE_SAMPLES];
	p->taken++;
	setup = setup_since(&l->setup, &before.setup);
	s->calls = page_small(t.calls);
	s->holes = page_small(t.holes);
	s->opened = page_small(page_grown(l->opened, before.opened));
	s->refused = page_small(page_grown(l->refused, before.refused));
	s->p50 = histogram_quantile(&setup, 500);
	s->p99 = histogram_quantile(&setup, 990);
}

static void
put_sample(const struct sample *s, struct strbuf *out)
{
	strbuf_fmt(out,
	    "[%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32
	    ",%" PRIu32 "]",
	    s->calls, s->holes, s->opened, s->refused, s->p50, s->p99);
}

void
page_history(const struct page *p, struct strbuf *out)
{
	size_t i;

	strbuf_fmt(out,
	    "event: history\ndata: {\"taken\":%" PRIu64
	    ",\"every\":%d,\"samples\":[",
	    p->taken, (int)(PAGE_EVERY / USEC_PER_SEC));
	for (i = 0; i < p->n; i++) {
		strbuf_str(out, i > 0 ? "," : "");
		put_sample(&p->v[(p->first + i) % PAGE_SAMPLES], out);
	}
	strbuf_str(out, "]}\n\n");
}

/* "name":[ before the objects of an array. */
static void
put_array(struct strbuf *out, const char *name)
{
	strbuf_fmt(out, ",\"%s\":[", name);
}

static void
put_refusals(const struct page *p, struct strbuf *out)
{
	const struct model_refusal *r;
	char buf[ADDR_STRLEN];
	struct jsonw w;
	size_t i;

	put_array(out, "refusals");
	for (i = 0; i < PAGE_REFUSALS; i++) {
		if ((r = model_refusal(p->model, i)) == NULL)
			break;
		strbuf_str(out, i > 0 ? "," : "");
		w = jsonw_begin(out);
		jsonw_time(&w, "ts", clock_wall(r->ts));
		jsonw_str(&w, "call", (struct span) { r->call, r->len });
		jsonw_str(&w, "src",
		    span_of(addr_format(&r->refusal.src, buf)));
		jsonw_str(&w, "dst",
		    span_of(addr_format(&r->refusal.dst, buf)));
		jsonw_uint(&w, "dport", r->refusal.dport);
		jsonw_str(&w, "reason",
		    span_of(reason_name(r->refusal.reason)));
		jsonw_end(&w);
	}
	strbuf_str(out, "]");
}

static void
put_calls(const struct page *p, int64_t now, struct strbuf *out)
{
	static const char *const states[IPC_CALL_STATES] = { "early",
		"accepted", "held", "ended" };
	struct model_call *c = NULL;
	char buf[ADDR_STRLEN];
	struct jsonw w;
	int i;

	put_array(out, "list");
	for (i = 0; i < PAGE_CALLS; i++) {
		c = model_call_after(p->model, c != NULL ? c->owner : 0);
		if (c == NULL)
			break;
		strbuf_str(out, i > 0 ? "," : "");
		w = jsonw_begin(out);
		jsonw_str(&w, "call", (struct span) { c->call, c->len });
		jsonw_str(&w, "from", span_of(addr_format(&c->from, buf)));
		jsonw_str(&w, "to", span_of(addr_format(&c->to, buf)));
		jsonw_str(&w, "state", span_of(states[c->state]));
		jsonw_uint(&w, "age",
		    page_grown((uint64_t)now, (uint64_t)c->since) /
			USEC_PER_SEC);
		jsonw_uint(&w, "pinholes", c->nholes);
		jsonw_end(&w);
	}
	strbuf_str(out, "]");
}

static void
put_processes(const struct page *p, int64_t now, struct strbuf *out)
{
	static const char *const states[] = {
		[CHILD_NONE] = "down",
		[CHILD_STARTING] = "starting",
		[CHILD_READY] = "up",
		[CHILD_QUITTING] = "leaving",
	};
	const struct ipc_health *h;
	bool more = false;
	struct jsonw w;
	uint32_t i;

	put_array(out, "processes");
	for (i = 0; i < IPC_NPARTIES; i++) {
		h = &model_party(p->model, i)->health;
		if (metrics_process(i) == NULL || h->since == 0 ||
		    h->state > CHILD_QUITTING)
			continue;
		strbuf_str(out, more ? "," : "");
		more = true;
		w = jsonw_begin(out);
		jsonw_str(&w, "name", span_of(metrics_process(i)));
		jsonw_str(&w, "state", span_of(states[h->state]));
		jsonw_uint(&w, "deaths", h->deaths);
		jsonw_uint(&w, "age",
		    page_grown((uint64_t)now, (uint64_t)h->since) /
			USEC_PER_SEC);
		jsonw_end(&w);
	}
	strbuf_str(out, "]");
}

void
page_now(const struct page *p, int64_t now, struct strbuf *out)
{
	const struct model_counts t = model_counts(p->model);
	const struct ipc_about *about = model_about_of(p->model);
	struct histogram setup = metrics_histogram(p->model, "setup_us");
	struct jsonw w;

	strbuf_str(out, "event: now\ndata: ");
	w = jsonw_begin(out);
	jsonw_time(&w, "ts", clock_wall(now));
	jsonw_str(&w, "version", span_of(PINHOLED_VERSION));
	jsonw_str(&w, "backend", span_of(about->backend));
	jsonw_uint(&w, "uptime",
	    page_grown((uint64_t)now, (uint64_t)about->started) / USEC_PER_SEC);
	jsonw_uint(&w, "calls", t.calls);
	jsonw_uint(&w, "early", t.by_state[IPC_CALL_EARLY]);
	jsonw_uint(&w, "held", t.by_state[IPC_CALL_HELD]);
	jsonw_uint(&w, "pinholes", t.holes);
	jsonw_uint(&w, "opened", page_counter(p, "pinholes_opened"));
	jsonw_uint(&w, "refused", page_counter(p, "pinholes_refused"));
	jsonw_uint(&w, "drops", page_counter(p, "packets_dropped_by_kernel"));
	jsonw_uint(&w, "p50", histogram_quantile(&setup, 500));
	jsonw_uint(&w, "p99", histogram_quantile(&setup, 990));
	jsonw_uint(&w, "taken", p->taken);
	if (p->n > 0) {
		strbuf_str(out, ",\"sample\":");
		put_sample(&p->v[(p->first + p->n - 1) % PAGE_SAMPLES], out);
	}
	put_calls(p, now, out);
	put_refusals(p, out);
	put_processes(p, now, out);
	jsonw_end(&w);
	strbuf_str(out, "\n\n");
}
