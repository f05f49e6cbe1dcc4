/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/slab.h"
#include "src/engine/story.h"

#define LOG_STEP 128 /* a usual call takes two */
#define RECENT	 1024

/*
 * A record in a log: this, then two addresses as writer_addr() writes them,
 * then the streams of an SDP.  It never leaves this process.
 */
struct record {
	uint8_t len; /* of all of it */
	uint8_t kind, times, reason;
	/*
	 * Of a message: method, status and CSeq.  Of a pinhole and a refusal:
	 * ports.
	 */
	uint16_t method; /* with REQUEST and WITHIN */
	uint16_t status, port[2];
	uint32_t number; /* CSeq, or the pinhole's */
	/* Only of a message. */
	uint8_t body, why, nstreams;
	/* Only of a pinhole. */
	uint8_t proto, dir, prefix;
	int64_t at;
};
#define RECORD_MAX 255
#define REQUEST	   0x100
#define WITHIN	   0x200

RB_HEAD(story_tree, story_call);
TAILQ_HEAD(story_list, story_call);

struct story {
	struct story_limits limits;
	struct story_tree calls;
	/* Found lately, for several calls are in their setup at a time. */
	struct story_call *recent[RECENT];
	struct story_list list[STORY_STATES]; /* longest unchanged first */
	struct story_list logs[STORY_STATES]; /* those that have a log */
	size_t n[STORY_STATES];
	size_t bytes;
	uint64_t dropped;
	/* The message at hand, until story_judged() knows whether it counts. */
	struct {
		bool here, counts;
		struct span call_id; /* borrowed until story_judged() */
		struct story_entry e;
	} current;
	struct {
		const char *text;
		uint64_t n;
	} why[STORY_WHYS];
	struct story_stray stray[STORY_STRAYS];
	uint64_t nstrays;
};

/*
 * Each call's log stays under 4 KiB, most need a sixteenth of that.  Of many
 * calls, one in four keeps its log.
 */
struct story_limits
story_limits_live(uint32_t calls)
{
	struct story_limits l = { 1024, 200, (size_t)calls * 64, 4096 };

	if (l.bytes < 1024 * 1024)
		l.bytes = 1024 * 1024;
	if (l.bytes > 4 * 1024 * 1024)
		l.bytes = 4 * 1024 * 1024;
	return l;
}

const struct story_limits story_limits_file = { 1000000, 1000000,
	256 * 1024 * 1024, 32768 };

const struct story_limits story_limits_none = { 0, 0, 0, 0 };

static bool
nobody_asks(const struct story *s)
{
	return s->limits.log == 0;
}

static int
story_cmp(const struct story_call *a, const struct story_call *b)
{
	return span_cmp(a->call_id, b->call_id);
}

RB_GENERATE_STATIC(story_tree, story_call, node, story_cmp)

struct story *
story_new(const struct story_limits *l)
{
	struct story *s = calloc(1, sizeof(*s));
	int i;

	if (s == NULL)
		return NULL;
	s->limits = *l;
	RB_INIT(&s->calls);
	for (i = 0; i < STORY_STATES; i++) {
		TAILQ_INIT(&s->list[i]);
		TAILQ_INIT(&s->logs[i]);
	}
	return s;
}

static size_t
call_size(size_t name)
{
	return offsetof(struct story_call, name) + name;
}

/* Forget what a story says, but not that there is one. */
static void
log_drop(struct story *s, struct story_call *c)
{
	if (c->size > 0)
		TAILQ_REMOVE(&s->logs[c->state], c, with_log);
	s->bytes -= c->size;
	free(c->log);
	c->log = NULL;
	c->len = c->size = 0;
	c->cut = true;
	s->dropped++;
}

/* Where this Call-ID would be; eight bytes of it tell most apart. */
static struct story_call **
recent_slot(struct story *s, struct span call_id)
{
	size_t at = call_id.len, step = call_id.len / 8 + 1, i;

	for (i = 0; i < call_id.len; i += step)
		at = at * 31 + (unsigned char)call_id.p[i];
	return &s->recent[at % RECENT];
}

static void
call_forget(struct story *s, struct story_call *c)
{
	struct story_call **slot = recent_slot(s, c->call_id);

	if (*slot == c)
		*slot = NULL;
	log_drop(s, c);
	TAILQ_REMOVE(&s->list[c->state], c, entry);
	s->n[c->state]--;
	RB_REMOVE(story_tree, &s->calls, c);
	slab_free(c, call_size(c->call_id.len));
}

void
story_free(struct story *s)
{
	if (s == NULL)
		return;
	while (!RB_EMPTY(&s->calls))
		call_forget(s, RB_ROOT(&s->calls));
	free(s);
}

static struct story_call *
call_find(struct story *s, struct span call_id)
{
	struct story_call **slot = recent_slot(s, call_id);
	struct story_call key, *c = *slot;

	if (c != NULL && span_eq(c->call_id, call_id))
		return c;
	key.call_id = call_id;
	if ((c = RB_FIND(story_tree, &s->calls, &key)) != NULL)
		*slot = c;
	return c;
}

static void
call_bound(struct story *s, enum story_state state)
{
	size_t max = state == STORY_ENDED ? s->limits.ended : s->limits.asked;

	if (state != STORY_LIVE && s->n[state] > max)
		call_forget(s, TAILQ_FIRST(&s->list[state]));
}

/* Put it at the end of the list where it belongs, and keep that in bounds. */
static void
call_place(struct story *s, struct story_call *c)
{
	enum story_state state = c->legs > 0 ? STORY_LIVE
	    : c->mattered		     ? STORY_ENDED
					     : STORY_ASKED;

	if (state == c->state && TAILQ_NEXT(c, entry) == NULL &&
	    (c->size == 0 || TAILQ_NEXT(c, with_log) == NULL))
		return;
	TAILQ_REMOVE(&s->list[c->state], c, entry);
	if (c->size > 0)
		TAILQ_REMOVE(&s->logs[c->state], c, with_log);
	s->n[c->state]--;
	c->state = (uint8_t)state;
	TAILQ_INSERT_TAIL(&s->list[c->state], c, entry);
	if (c->size > 0)
		TAILQ_INSERT_TAIL(&s->logs[c->state], c, with_log);
	s->n[c->state]++;
	call_bound(s, c->state);
}

static struct story_call *
call_begin(struct story *s, struct span call_id, int64_t now)
{
	struct story_call *c = slab_new(call_size(call_id.len));

	if (c == NULL)
		return NULL;
	memcpy(c->name, call_id.p, call_id.len);
	c->call_id = (struct span) { c->name, call_id.len };
	c->began = c->last = now;
	c->state = STORY_ASKED;
	RB_INSERT(story_tree, &s->calls, c);
	*recent_slot(s, c->call_id) = c;
	TAILQ_INSERT_TAIL(&s->list[c->state], c, entry);
	s->n[c->state]++;
	call_bound(s, c->state);
	return c;
}

/* The story to drop for another's sake: the oldest of the least worth. */
static bool
make_room(struct story *s, const struct story_call *keep)
{
	static const enum story_state order[] = { STORY_ASKED, STORY_ENDED,
		STORY_LIVE };
	struct story_call *c;
	size_t i;

	for (i = 0; i < STORY_STATES; i++)
		TAILQ_FOREACH(c, &s->logs[order[i]], with_log) {
			if (c == keep)
				continue;
			if (c->state == STORY_LIVE)
				log_drop(s, c);
			else
				call_forget(s, c);
			return true;
		}
	return false;
}

/*
 * The log is as long as it may be.  Its first quarter says how the call began;
 * leave out what comes after that, until `need` bytes are free.
 */
static void
log_thin(struct story_call *c, size_t need)
{
	size_t from = 0, to;

	while (from < c->len && from < c->size / 4)
		from += c->log[from];
	for (to = from; to < c->len && c->size - c->len + (to - from) < need;
	     c->left_out++)
		to += c->log[to];
	memmove(c->log + from, c->log + to, c->len - to);
	c->len -= to - from;
}

static bool
log_reserve(struct story *s, struct story_call *c, size_t need)
{
	size_t size = (c->len + need + LOG_STEP - 1) / LOG_STEP * LOG_STEP;
	uint8_t *p;

	if (size > s->limits.log)
		size = s->limits.log;
	if (size > c->size) {
		while (s->bytes + size - c->size > s->limits.bytes &&
		    make_room(s, c))
			continue;
		if (s->bytes + size - c->size > s->limits.bytes ||
		    (p = realloc(c->log, size)) == NULL) {
			c->left_out++;
			return false;
		}
		if (c->size == 0)
			TAILQ_INSERT_TAIL(&s->logs[c->state], c, with_log);
		s->bytes += size - c->size;
		c->log = p;
		c->size = (uint32_t)size;
	}
	if (c->size - c->len < need)
		log_thin(c, need);
	return c->size - c->len >= need;
}

/* As writer_addr() does it, which is too much to call for each record. */
static uint8_t *
put_addr(uint8_t *p, const struct addr *a)
{
	uint8_t n = (uint8_t)addr_bytes(a->af);

	*p++ = n;
	if (n == 4)
		memcpy(p, a->b, 4);
	else
		memcpy(p, a->b, n);
	return p + n;
}

static void
put_streams(struct writer *w, const struct story_entry *e)
{
	uint8_t i;

	for (i = 0; i < e->nstreams && i < STORY_STREAMS; i++) {
		writer_addr(w, &e->stream[i].where.addr);
		writer_u16(w, e->stream[i].where.port);
		writer_u8(w, e->stream[i].mode);
		writer_u8(w, e->stream[i].fault);
	}
}

static void
record_of_message(struct record *r, const struct story_entry *e)
{
	r->method = (uint16_t)(e->method | (e->request ? REQUEST : 0) |
	    (e->within ? WITHIN : 0));
	r->status = e->status;
	r->number = e->cseq;
	r->body = e->body;
	r->why = e->why;
	r->nstreams = e->nstreams;
}

static void
record_of_hole(struct record *r, const struct pinhole *h)
{
	r->method = h->from_port;
	r->status = 0;
	r->port[0] = h->to_lo;
	r->port[1] = h->to_hi;
	r->number = (uint32_t)h->id;
	r->proto = h->proto;
	r->dir = h->dir;
	r->prefix = h->from.len;
}

static void
call_write(struct story *s, struct story_call *c, const struct story_entry *e)
{
	struct record r = { .kind = (uint8_t)e->kind,
		.times = 1,
		.reason = (uint8_t)e->reason,
		.at = e->at };
	bool hole = e->kind == STORY_OPEN || e->kind == STORY_CLOSE;
	uint8_t bytes[RECORD_MAX], *p = bytes + sizeof(r);
	struct writer w;

	if (hole)
		record_of_hole(&r, &e->hole);
	else if (e->kind == STORY_REFUSE)
		r.port[0] = e->dport;
	else
		record_of_message(&r, e);
	p = put_addr(p, hole ? &e->hole.from.addr : &e->from);
	p = put_addr(p, hole ? &e->hole.to : &e->to);
	if (!hole && e->nstreams > 0) {
		w = writer_of(p, sizeof(bytes) - (size_t)(p - bytes));
		put_streams(&w, e);
		p += w.len;
	}
	r.len = (uint8_t)(p - bytes);
	memcpy(bytes, &r, sizeof(r));
	c->last = e->at;
	if (!log_reserve(s, c, r.len))
		return;
	memcpy(c->log + c->len, bytes, r.len);
	c->len += r.len;
	call_place(s, c);
}

static void
get_message(const struct record *r, struct story_entry *e)
{
	e->request = (r->method & REQUEST) != 0;
	e->within = (r->method & WITHIN) != 0;
	e->method = r->method & 0xff;
	e->status = r->status;
	e->cseq = r->number;
	e->body = r->body;
	e->why = r->why;
	e->nstreams = r->nstreams;
}

static void
get_streams(struct cursor *c, struct story_entry *e)
{
	size_t i;

	for (i = 0; i < e->nstreams && i < STORY_STREAMS; i++) {
		e->stream[i].where.addr = cursor_addr(c);
		e->stream[i].where.port = cursor_u16(c);
		e->stream[i].mode = cursor_u8(c);
		e->stream[i].fault = cursor_u8(c);
	}
}

static void
get_hole(const struct record *r, struct story_entry *e)
{
	struct pinhole *h = &e->hole;

	h->from_port = r->method;
	h->to_lo = r->port[0];
	h->to_hi = r->port[1];
	h->id = r->number;
	h->proto = r->proto;
	h->dir = r->dir;
	h->from.addr = e->from;
	h->from.len = r->prefix;
	h->to = e->to;
}

struct cursor
story_records(const struct story_call *c)
{
	return cursor_of(c->log, c->len);
}

bool
story_read(struct cursor *c, struct story_entry *e)
{
	struct record r;

	memset(e, 0, sizeof(*e));
	if (cursor_left(c) == 0)
		return false;
	cursor_copy(c, &r, sizeof(r));
	e->kind = (enum story_kind)r.kind;
	e->times = r.times;
	e->reason = (enum reason)r.reason;
	e->at = r.at;
	e->from = cursor_addr(c);
	e->to = cursor_addr(c);
	if (e->kind == STORY_OPEN || e->kind == STORY_CLOSE)
		get_hole(&r, e);
	else if (e->kind == STORY_REFUSE)
		e->dport = r.port[0];
	else
		get_message(&r, e);
	get_streams(c, e);
	return !c->bad;
}

/* The record of this message, or NULL. */
static uint8_t *
record_find(const struct story_call *c, const struct story_entry *e)
{
	uint8_t bytes[2 * (1 + sizeof(e->to.b))], *p;
	struct record want, r;
	size_t len;

	record_of_message(&want, e);
	len = (size_t)(put_addr(put_addr(bytes, &e->from), &e->to) - bytes);
	for (p = c->log; p != NULL && p < c->log + c->len; p += p[0]) {
		if (p[offsetof(struct record, kind)] != e->kind)
			continue;
		memcpy(&r, p, sizeof(r));
		if (r.number == want.number && r.method == want.method &&
		    r.status == want.status && r.len >= sizeof(r) + len &&
		    memcmp(p + sizeof(r), bytes, len) == 0)
			return p;
	}
	return NULL;
}

static bool
seen_before(struct story_call *c, const struct story_entry *e)
{
	uint8_t *p = record_find(c, e);

	if (p == NULL)
		return false;
	p[offsetof(struct record, times)] +=
	    p[offsetof(struct record, times)] < UINT8_MAX;
	c->last = e->at;
	return true;
}

/* Does this response answer a request within a dialog? */
static bool
answers_within(const struct story_call *c, const struct story_entry *e)
{
	struct story_entry request = { .kind = STORY_MESSAGE,
		.request = true,
		.within = true,
		.method = e->method,
		.cseq = e->cseq,
		.from = e->to,
		.to = e->from };

	return record_find(c, &request) != NULL;
}

/* The number of a reason; those beyond STORY_WHYS share the last one. */
static uint8_t
why_number(struct story *s, const char *why)
{
	uint8_t i;

	for (i = 0; i < STORY_WHYS - 1; i++)
		if (s->why[i].text == NULL || s->why[i].text == why)
			break;
	if (s->why[i].text == NULL)
		s->why[i].text = i < STORY_WHYS - 1 ? why : "other reasons";
	return i;
}

static void
call_ignore(struct story *s, struct story_call *c, struct story_entry *e,
    uint8_t why)
{
	e->kind = STORY_IGNORE;
	e->why = why;
	if (seen_before(c, e))
		return;
	if (c->nignored == STORY_IGNORED) {
		c->left_out++;
		return;
	}
	c->nignored++;
	call_write(s, c, e);
}

void
story_ignored(struct story *s, int64_t now, const struct datagram *d,
    struct span call_id, const char *why)
{
	struct story_call *c;
	struct story_stray *t;
	struct story_entry e = { .at = now };
	uint8_t n;

	if (nobody_asks(s))
		return;
	n = why_number(s, why);
	s->why[n].n++;
	if (call_id.len > 0 && (c = call_find(s, call_id)) != NULL) {
		e.from = d->src.addr;
		e.to = d->dst.addr;
		call_ignore(s, c, &e, n);
		return;
	}
	t = &s->stray[s->nstrays++ % STORY_STRAYS];
	t->at = now;
	t->src = d->src.addr;
	t->dst = d->dst.addr;
	t->why = why;
}

void
story_hear(struct story *s, int64_t now, const struct datagram *d,
    const struct sip_message *m)
{
	struct story_entry *e = &s->current.e;

	if (nobody_asks(s))
		return;
	s->current.here = true;
	s->current.counts = false;
	s->current.call_id = span_sub(m->call_id, 0, STORY_NAME);
	memset(e, 0, offsetof(struct story_entry, stream));
	e->at = now;
	e->kind = STORY_MESSAGE;
	e->request = m->request;
	e->within = m->to_tag.len > 0;
	e->method = (uint8_t)m->method;
	e->status = m->status;
	e->cseq = m->cseq;
	e->body = (uint8_t)m->body;
	e->from = d->src.addr;
	e->to = d->dst.addr;
}

void
story_described(struct story *s, const struct sdp *sdp)
{
	struct story_entry *e = &s->current.e;
	uint8_t i;

	if (!s->current.here)
		return;
	e->nstreams = sdp->nmedia;
	for (i = 0; i < sdp->nmedia && i < STORY_STREAMS; i++) {
		e->stream[i].where.addr = sdp->media[i].addr;
		e->stream[i].where.port = sdp->media[i].port;
		e->stream[i].mode = (uint8_t)sdp->media[i].mode;
		e->stream[i].fault = (uint8_t)sdp->media[i].fault;
	}
}

void
story_counts(struct story *s)
{
	s->current.counts = true;
}

/* The message at hand has done something: what it did comes after it. */
static void
current_write(struct story *s, struct span call_id)
{
	struct story_entry *e = &s->current.e;
	struct story_call *c;

	if (!s->current.here || !span_eq(s->current.call_id, call_id))
		return;
	s->current.here = false;
	c = call_find(s, call_id);
	if (c == NULL && (c = call_begin(s, call_id, s->current.e.at)) == NULL)
		return;
	e->within = e->request && e->within;
	if (e->method == SIP_INVITE && e->status >= 200 && e->status < 300) {
		c->mattered = true;
		e->within = answers_within(c, e);
	}
	/*
	 * A message that changed something is written, even if it repeats one.
	 */
	if (s->current.counts || !seen_before(c, e))
		call_write(s, c, e);
}

/* Methods that change nothing, and 100, are not worth a line. */
static bool
is_telling(const struct story_entry *e)
{
	return e->method != SIP_OTHER && e->status != 100;
}

void
story_judged(struct story *s, const char *misfit)
{
	struct story_entry *e = &s->current.e;
	struct story_call *c;
	uint8_t why;

	if (!s->current.here)
		return;
	if (misfit != NULL) {
		why = why_number(s, misfit);
		s->why[why].n++;
		if ((c = call_find(s, s->current.call_id)) != NULL)
			call_ignore(s, c, e, why);
		else
			s->stray[s->nstrays++ % STORY_STRAYS] =
			    (struct story_stray) { e->at, e->from, e->to,
				    misfit };
	} else if (is_telling(e) &&
	    ((s->current.counts && e->request && e->method == SIP_INVITE) ||
		call_find(s, s->current.call_id) != NULL))
		current_write(s, s->current.call_id);
	s->current.here = false;
}

struct story_call *
story_join(struct story *s, struct span call_id, bool create, bool adopted,
    int64_t now)
{
	struct story_call *c;

	if (nobody_asks(s))
		return NULL;
	current_write(s, call_id);
	c = call_find(s, call_id);
	if (c == NULL) {
		if (!create || (c = call_begin(s, call_id, now)) == NULL)
			return NULL;
		c->adopted = adopted;
		c->cut = !adopted;
	}
	c->legs++;
	call_place(s, c);
	return c;
}

void
story_leave(struct story *s, struct story_call *c)
{
	if (c == NULL)
		return;
	c->legs--;
	call_place(s, c);
}

void
story_end(struct story *s, struct story_call *c, enum reason why, int64_t now)
{
	struct story_entry e = { .at = now, .kind = STORY_END, .reason = why };

	if (c != NULL)
		call_write(s, c, &e);
}

void
story_hole(struct story *s, int64_t now, bool open, const struct pinhole *hole,
    struct span call_id, enum reason why)
{
	struct story_entry e = { .at = now,
		.kind = open ? STORY_OPEN : STORY_CLOSE,
		.reason = why,
		.hole = *hole };
	struct story_call *c;

	current_write(s, call_id);
	if ((c = call_find(s, call_id)) == NULL)
		return;
	c->mattered = true;
	call_write(s, c, &e);
}

void
story_refused(struct story *s, int64_t now, const struct event_refusal *r,
    struct span call_id)
{
	struct story_entry e = { .at = now,
		.kind = STORY_REFUSE,
		.reason = r->reason,
		.from = r->src,
		.to = r->dst,
		.dport = r->dport };
	struct story_call *c;

	current_write(s, call_id);
	if ((c = call_find(s, call_id)) == NULL)
		return;
	c->mattered = true;
	call_write(s, c, &e);
}

const struct story_call *
story_first(const struct story *s)
{
	return RB_MIN(story_tree, (struct story_tree *)(uintptr_t)&s->calls);
}

const struct story_call *
story_next(const struct story_call *c)
{
	return RB_NEXT(story_tree, NULL, (struct story_call *)(uintptr_t)c);
}

const struct story_call *
story_find_from(const struct story *s, struct span call_id)
{
	struct story_call key;

	key.call_id = call_id;
	return RB_NFIND(story_tree, (struct story_tree *)(uintptr_t)&s->calls,
	    &key);
}

const char *
story_why(const struct story *s, size_t i, uint64_t *n)
{
	if (i >= STORY_WHYS || s->why[i].text == NULL)
		return NULL;
	*n = s->why[i].n;
	return s->why[i].text;
}

const struct story_stray *
story_stray(const struct story *s, size_t i)
{
	if (i >= STORY_STRAYS || i >= s->nstrays)
		return NULL;
	return &s->stray[(s->nstrays - 1 - i) % STORY_STRAYS];
}

size_t
story_bytes(const struct story *s)
{
	return s->bytes;
}

uint64_t
story_dropped(const struct story *s)
{
	return s->dropped;
}
