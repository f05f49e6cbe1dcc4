/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/fw/fw.h"
#include "tests/unit/trace_world.h"

#define COUNTERS 256

struct trace trace;

/* The counters as they were last shown. */
static struct {
	char name[COUNTERS_NAME];
	uint64_t value;
} counted[COUNTERS];
static size_t ncounted, at_counter;

void
trace_time(int64_t at)
{
	int64_t t = at - TRACE_BEGAN;

	if (at == 0)
		strbuf_str(&trace.out, "never");
	else if (at == INT64_MAX)
		strbuf_str(&trace.out, "no time");
	else if (t % USEC_PER_SEC == 0)
		strbuf_fmt(&trace.out, "%" PRId64, t / USEC_PER_SEC);
	else
		strbuf_fmt(&trace.out, "%s%" PRId64 ".%06d", t < 0 ? "-" : "",
		    (int64_t)(llabs(t) / USEC_PER_SEC),
		    (int)(llabs(t) % USEC_PER_SEC));
}

static void
put_end(const char *what, const struct endpoint *e)
{
	char text[ADDR_STRLEN];

	if (e->addr.af != AF_UNSPEC)
		strbuf_fmt(&trace.out, " %s %s", what,
		    endpoint_format(e, text));
}

void
trace_hole(const struct pinhole *h)
{
	struct strbuf *b = &trace.out;
	char text[ADDR_STRLEN];

	strbuf_fmt(b, "%" PRIu64 " %s %s ", h->id,
	    h->dir == PINHOLE_IN ? "in" : "out",
	    h->proto == IPPROTO_UDP ? "udp" : "tcp");
	if (h->from.addr.af == AF_UNSPEC)
		strbuf_str(b, "any");
	else
		strbuf_fmt(b, "%s/%u", addr_format(&h->from.addr, text),
		    h->from.len);
	if (h->from_port != 0)
		strbuf_fmt(b, " port %u", h->from_port);
	strbuf_fmt(b, " -> %s %u:%u", addr_format(&h->to, text), h->to_lo,
	    h->to_hi);
	put_end("redirected from", &h->rdr_from);
	put_end("nat to", &h->nat_to);
	if (h->once)
		strbuf_str(b, " once");
	if (h->class != 0)
		strbuf_fmt(b, " class %u", h->class);
}

static void
put_span(struct span s)
{
	strbuf_fmt(&trace.out, " \"%.*s\"", (int)s.len, s.len > 0 ? s.p : "");
}

static void
on_commit(void *ctx, const struct fw_change *c, size_t n)
{
	size_t i, k;

	(void)ctx;
	strbuf_fmt(&trace.out, "commit of %zu\n", n);
	for (i = 0; i < n; i++) {
		strbuf_str(&trace.out,
		    c[i].op == FW_OPEN ? "  open " : "  close ");
		trace_hole(&c[i].hole);
		strbuf_str(&trace.out, " until ");
		trace_time(c[i].hole.deadline);
		strbuf_str(&trace.out, "\n");
		for (k = 0; k < trace.nholes; k++)
			if (trace.hole[k].id == c[i].hole.id)
				break;
		if (c[i].op == FW_OPEN) {
			assert_true(k < TRACE_ROOM);
			trace.hole[k] = c[i].hole;
			trace.nholes += k == trace.nholes;
		} else if (k < trace.nholes)
			trace.hole[k] = trace.hole[--trace.nholes];
	}
}

static void
on_checkpoint(void *ctx, uint64_t key, const void *p, size_t len)
{
	size_t k;

	(void)ctx;
	for (k = 0; k < trace.nrecords; k++)
		if (trace.record[k].key == key)
			break;
	strbuf_fmt(&trace.out, "record %" PRIx64 "%s\n", key,
	    len == 0		     ? " is forgotten"
		: k < trace.nrecords ? " is written anew"
				     : "");
	if (len == 0) {
		if (k < trace.nrecords)
			trace.record[k] = trace.record[--trace.nrecords];
		return;
	}
	assert_true(k < TRACE_ROOM && len <= sizeof(trace.record[k].bytes));
	trace.record[k].key = key;
	trace.record[k].len = len;
	memcpy(trace.record[k].bytes, p, len);
	trace.nrecords += k == trace.nrecords;
}

static void
on_log(void *ctx, const char *text)
{
	(void)ctx;
	strbuf_fmt(&trace.out, "log: %s\n", text);
}

static void
put_call(const char *what, const struct call_view *v)
{
	char from[ADDR_STRLEN], to[ADDR_STRLEN];

	strbuf_fmt(&trace.out, "%s %" PRIx64, what, v->id);
	if (v->call_id.len > 0) {
		put_span(v->call_id);
		strbuf_fmt(&trace.out, " %s -> %s since ",
		    addr_format(&v->from, from), addr_format(&v->to, to));
		trace_time(v->since);
	}
	strbuf_fmt(&trace.out, "%s%s%s%s\n", v->accepted ? " accepted" : "",
	    v->held ? " held" : "", v->over ? " over" : "",
	    v->renewed ? " renewed" : "");
}

static void
on_call(void *ctx, const struct call_view *v)
{
	(void)ctx;
	put_call("told of", v);
}

static bool
on_share(void *ctx, uint64_t id, const void *p, size_t len, enum reason why)
{
	assert_ptr_equal(ctx, &trace.shared);
	strbuf_fmt(&trace.out, "shared %" PRIx64 "%s%s\n", id,
	    len > 0 ? "" : " over: ", len > 0 ? "" : reason_name(why));
	if (!trace.shares || len == 0)
		return trace.shares;
	assert_true(len <= sizeof(trace.shared.bytes));
	trace.shared.key = id;
	trace.shared.len = len;
	memcpy(trace.shared.bytes, p, len);
	return true;
}

static void
on_share_seen(void *ctx, uint64_t id, int64_t inside, int64_t outside)
{
	assert_ptr_equal(ctx, &trace.shared);
	strbuf_fmt(&trace.out, "shared %" PRIx64 " seen inside ", id);
	trace_time(inside);
	strbuf_str(&trace.out, " outside ");
	trace_time(outside);
	strbuf_str(&trace.out, "\n");
}

static void
put_event(const char *what, int64_t ts, enum reason why)
{
	if (ts != trace.now) {
		strbuf_str(&trace.out, "at ");
		trace_time(ts);
		strbuf_str(&trace.out, ": ");
	}
	strbuf_fmt(&trace.out, "%s (%s) ", what, reason_name(why));
}

static void
on_opened(void *ctx, int64_t ts, const struct pinhole *h,
    const struct events_owner *owner, enum reason why)
{
	(void)ctx;
	put_event("opened", ts, why);
	trace_hole(h);
	strbuf_fmt(&trace.out, " of %" PRIx64 " tuple %" PRIu64, owner->id,
	    owner->tuple);
	put_span(owner->call);
	strbuf_str(&trace.out, "\n");
}

static void
on_closed(void *ctx, int64_t ts, const struct pinhole *h, enum reason why)
{
	(void)ctx;
	put_event("closed", ts, why);
	trace_hole(h);
	strbuf_str(&trace.out, "\n");
}

static void
on_refused(void *ctx, int64_t ts, const struct event_refusal *r,
    struct span call)
{
	static const char *const said[] = { "SDP", "FTP", "TFTP" };
	char src[ADDR_STRLEN], dst[ADDR_STRLEN];

	(void)ctx;
	put_event("refused", ts, r->reason);
	strbuf_fmt(&trace.out, "%s in %s named %s port %u",
	    addr_format(&r->src, src), said[r->said], addr_format(&r->dst, dst),
	    r->dport);
	put_span(call);
	strbuf_str(&trace.out, "\n");
}

/* The tap has told of all others. */
static void
on_event_line(void *ctx, const char *text)
{
	const char *word = strchr(text, ' ');

	(void)ctx;
	assert_non_null(word);
	if (strncmp(word, " ignore", 7) == 0)
		strbuf_fmt(&trace.out, "%s\n", word + 1);
}

static const struct events_tap tap = { NULL, on_opened, on_closed, on_refused };

void
trace_begin(void)
{
	struct events ev = { .format = EVENTS_TEXT,
		.verbose = 2,
		.line = on_event_line,
		.tap = &tap };
	struct engine_sink sink = { NULL, on_commit,
		trace.journal ? on_checkpoint : NULL, on_log, on_call, on_share,
		on_share_seen, &trace.shared };

	engine_free(trace.engine);
	ncounted = 0;
	trace.nholes = 0;
	trace.next = INT64_MAX;
	assert_int_equal(engine_new(&trace.engine, trace.conf, &trace.place,
			     &ev, &sink),
	    PH_OK);
}

void
trace_end(void)
{
	engine_free(trace.engine);
	conf_free(trace.conf);
	memset(&trace, 0, sizeof(trace));
}

static void
view_call(void *ctx, const struct call_view *v)
{
	(void)ctx;
	put_call("call", v);
}

static void
view_hole(void *ctx, const struct claims_view *v)
{
	(void)ctx;
	strbuf_str(&trace.out, "  has ");
	trace_hole(&v->hole);
	strbuf_fmt(&trace.out, " of %" PRIx64 " tuple %" PRIu64, v->owner.id,
	    v->owner.tuple);
	put_span(v->owner.call);
	strbuf_fmt(&trace.out, " (%s) since ", reason_name(v->why));
	trace_time(v->since);
	strbuf_str(&trace.out, " until ");
	trace_time(v->hole.deadline);
	strbuf_str(&trace.out, " seen ");
	trace_time(v->seen);
	strbuf_fmt(&trace.out, " packets %" PRIu64 "\n", v->packets);
}

void
trace_view(void)
{
	const struct engine_viewer v = { NULL, view_call, view_hole };
	uint64_t at = 0;

	while (engine_view(trace.engine, &at, &v))
		continue;
}

static void
on_counter(void *ctx, const char *name, uint64_t v, bool gauge)
{
	size_t i = at_counter++;
	bool *any = ctx;

	assert_true(i < COUNTERS);
	if (i >= ncounted) {
		ncounted = i + 1;
		strlcpy(counted[i].name, name, sizeof(counted[i].name));
		counted[i].value = 0;
	}
	assert_string_equal(counted[i].name, name);
	/* How many bytes things take differs between machines. */
	if (counted[i].value == v || strcmp(name, "sip_bytes") == 0)
		return;
	strbuf_str(&trace.out, *any ? ", " : "counted ");
	*any = true;
	if (gauge)
		strbuf_fmt(&trace.out, "%s %" PRIu64, name, v);
	else
		strbuf_fmt(&trace.out, "%s %+" PRId64, name,
		    (int64_t)(v - counted[i].value));
	counted[i].value = v;
}

void
trace_changes(void)
{
	bool any = false;
	struct counters c = { .form = COUNTERS_EACH,
		.each = on_counter,
		.ctx = &any };
	int64_t next = engine_next(trace.engine);

	at_counter = 0;
	engine_report(trace.engine, &c);
	if (any)
		strbuf_str(&trace.out, "\n");
	if (next == trace.next)
		return;
	trace.next = next;
	strbuf_str(&trace.out, "next at ");
	trace_time(next);
	strbuf_str(&trace.out, "\n");
}
