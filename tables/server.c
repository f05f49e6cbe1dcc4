/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/timers.h"
#include "src/base/wire.h"
#include "tables/entries.h"
#include "tables/replay.h"
#include "tables/server.h"
#include "tables/state.h"

#define RETRY	 (10 * USEC_PER_SEC)
#define TABLES	 65535
#define DROP_MAX 8 /* chunks of the journal that are cleared at a time */

struct server {
	struct server_config config;
	struct server_sink sink;
	const struct addr *own;
	size_t nown;
	struct entries *entries;
	struct replay *replay;
	uint32_t floor; /* as it was kept */
	bool complete;	/* what was loaded */
	bool unkept;	/* the newest chunk, as it was at that time */
	int64_t unkept_at;
	uint64_t last_id, last_stamp;
	uint64_t *flushed; /* of each table: what is not newer is going */
	bool resuming;
	uint16_t resume_table; /* what comes after these is still to be told */
	struct prefix resume_prefix;
	struct server_counters count;
};

/* A key of no bytes, so that a server without a key answers version 3, too. */
static const struct key no_key;

struct server *
server_new(const struct server_config *c, const struct server_sink *sink)
{
	struct server *s;

	if (c->ntable == 0 || c->ntable > TABLES ||
	    (s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->config = *c;
	s->sink = *sink;
	s->entries = entries_new(c->max);
	s->replay = replay_new(REPLAY_MAX);
	s->flushed = calloc(c->ntable, sizeof(*s->flushed));
	if (s->entries != NULL && s->replay != NULL && s->flushed != NULL)
		return s;
	server_free(s);
	return NULL;
}

void
server_free(struct server *s)
{
	if (s == NULL)
		return;
	entries_free(s->entries);
	replay_free(s->replay);
	free(s->flushed);
	free(s);
}

void
server_set_own(struct server *s, const struct addr *own, size_t n)
{
	s->own = own;
	s->nown = n;
}

/*
 * Keeping.
 */
static void
record_keep(struct server *s, const struct state_record *r)
{
	uint8_t buf[STATE_MAX];
	uint64_t key;
	size_t len;

	len = state_encode(r, &key, buf);
	s->sink.keep(s->sink.ctx, key, buf, len);
}

static void
keep_entry(struct server *s, const struct entry *x)
{
	struct state_record r = { .kind = STATE_ENTRY };
	const char *name = s->config.table[x->table];

	r.u.entry.id = x->id;
	r.u.entry.prefix = x->prefix;
	r.u.entry.until = x->until;
	memcpy(r.u.entry.table, name, strnlen(name, WIRE_NAME));
	record_keep(s, &r);
}

/* A chunk is kept when it is full, and at the end of a batch. */
static void
keep_chunk(struct server *s)
{
	struct state_record r = { .kind = STATE_CHUNK };

	s->unkept = false;
	r.u.chunk = *replay_chunk(s->replay);
	record_keep(s, &r);
}

static void
keep_floor(struct server *s)
{
	struct state_record r = { .kind = STATE_FLOOR };

	if (replay_floor(s->replay) == s->floor)
		return;
	r.u.floor = s->floor = replay_floor(s->replay);
	record_keep(s, &r);
}

static void
chunk_keep(struct server *s, int64_t now)
{
	uint64_t number;
	int i;

	s->unkept = true;
	s->unkept_at = now;
	if (replay_chunk(s->replay)->n == REPLAY_CHUNK)
		keep_chunk(s);
	keep_floor(s);
	for (i = 0; i < DROP_MAX; i++)
		if ((number = replay_dropped(s->replay)) != 0)
			s->sink.keep(s->sink.ctx, STATE_KEY_CHUNK | number,
			    NULL, 0);
}

static void
entry_drop(struct server *s, struct entry *x)
{
	s->sink.keep(s->sink.ctx, x->id, NULL, 0);
	entries_remove(s->entries, x);
}

/*
 * What the packet filter holds: the entries that are not within another.
 */
static bool
entry_is_living(const struct server *s, const struct entry *x, int64_t now)
{
	return x->until > now && x->stamp > s->flushed[x->table];
}

static bool
prefix_is_covered(struct server *s, uint16_t table, const struct prefix *p,
    int64_t now)
{
	struct entry *x = NULL;

	while ((x = entries_around(s->entries, table, p, x)) != NULL)
		if (entry_is_living(s, x, now))
			return true;
	return false;
}

static uint32_t
seconds_left(const struct entry *x, int64_t now)
{
	int64_t left;

	if (x->until == ENTRY_FOREVER)
		return 0;
	left = (x->until - now + USEC_PER_SEC - 1) / USEC_PER_SEC;
	return left < 1 ? 1 : left > UINT32_MAX ? UINT32_MAX : (uint32_t)left;
}

static void
change_emit(struct server *s, struct server_change *c)
{
	if (c->job != NULL)
		c->job->pending++;
	s->sink.change(s->sink.ctx, c);
}

static void
change_add(struct server *s, const struct entry *x, struct server_job *job,
    uint8_t entry, int64_t now)
{
	struct server_change c = { .command = SERVER_ADD,
		.table = x->table,
		.ttl_s = seconds_left(x, now),
		.prefix = x->prefix,
		.stamp = x->stamp,
		.job = job,
		.entry = entry };

	change_emit(s, &c);
}

/*
 * Hide the widest entries within `p` from the packet filter, or show them
 * again.  An entry whose time is over may still be in the packet filter.
 */
static void
within_hide_or_show(struct server *s, uint16_t table, const struct prefix *p,
    bool hide, int64_t now)
{
	struct server_change c = { .command = SERVER_DELETE,
		.table = table,
		.hidden = true };
	struct entry *x = NULL;
	struct prefix last = { { AF_INET, { 0 } }, 0 };
	bool any = false;

	while ((x = entries_within(s->entries, table, p, x)) != NULL) {
		if (any && prefix_contains(&last, &x->prefix.addr))
			continue;
		if (entry_is_living(s, x, now)) {
			any = true;
			last = x->prefix;
		} else if (!hide)
			continue;
		c.prefix = x->prefix;
		c.stamp = x->stamp;
		if (hide)
			change_emit(s, &c);
		else
			change_add(s, x, NULL, 0, now);
	}
}

static void
change_delete(struct server *s, uint16_t table, const struct prefix *p,
    struct server_job *job, uint8_t entry, int64_t now)
{
	struct server_change c = { .command = SERVER_DELETE,
		.table = table,
		.prefix = *p,
		.stamp = ++s->last_stamp,
		.job = job,
		.entry = entry };

	change_emit(s, &c);
	within_hide_or_show(s, table, p, false, now);
}

/*
 * Receiving.
 */
static void
job_refuse(struct server *s, struct server_job *job, uint8_t entry,
    enum server_verdict why)
{
	s->count.verdict[why]++;
	job->refused |= UINT64_C(1) << entry;
	if (job->verdict == SERVER_TAKEN)
		job->verdict = why;
}

static bool
is_never(const struct server *s, const struct prefix *p)
{
	/* This machine, and IPv4 by another name. */
	static const struct prefix always[] = {
		{ { AF_INET, { 127 } }, 8 },
		{ { AF_INET6, { [15] = 1 } }, 128 },
		{ { AF_INET6, { [10] = 0xff, [11] = 0xff } }, 96 },
	};
	size_t i;

	for (i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		if (prefix_overlaps(&always[i], p))
			return true;
	for (i = 0; i < s->config.nnever; i++)
		if (prefix_overlaps(&s->config.never[i], p))
			return true;
	for (i = 0; i < s->nown; i++)
		if (prefix_contains(p, &s->own[i]))
			return true;
	return false;
}

static int64_t
entry_deadline(const struct server *s, uint32_t ttl_s, int64_t now)
{
	if (ttl_s == 0 || (s->config.timeout != 0 && ttl_s > s->config.timeout))
		ttl_s = s->config.timeout;
	return ttl_s == 0 ? ENTRY_FOREVER : now + ttl_s * USEC_PER_SEC;
}

static void
entry_add_one(struct server *s, struct server_job *job, uint16_t table,
    uint8_t i, int64_t now)
{
	const struct wire_entry *e = &job->request.entries[i];
	const struct prefix *p = &e->prefix;
	struct entry *x;
	bool again;

	if (p->len == 0) {
		job_refuse(s, job, i, SERVER_MASK);
		return;
	}
	if (is_never(s, p)) {
		job_refuse(s, job, i, SERVER_NEVER);
		return;
	}
	x = entries_find(s->entries, table, p);
	again = x != NULL && entry_is_living(s, x, now);
	if (entries_add(s->entries, table, p, entry_deadline(s, e->ttl_s, now),
		++s->last_stamp, &x) != PH_OK) {
		job_refuse(s, job, i, SERVER_FULL);
		return;
	}
	if (x->id == 0)
		x->id = ++s->last_id;
	x->fresh = !again;
	if (again)
		s->count.renewed++;
	else
		s->count.added++;
	keep_entry(s, x);
	if (prefix_is_covered(s, table, p, now)) {
		x->fresh = false;
		return;
	}
	if (!again)
		within_hide_or_show(s, table, p, true, now);
	change_add(s, x, job, i, now);
}

static void delete (struct server *s, struct server_job *job, uint16_t table,
    uint8_t i, int64_t now)
{
	const struct prefix *p = &job->request.entries[i].prefix;
	struct entry *x = entries_find(s->entries, table, p);

	if (p->len == 0) {
		job_refuse(s, job, i, SERVER_MASK);
		return;
	}
	if (prefix_is_covered(s, table, p, now)) {
		/* The packet filter does not have it. */
		if (x != NULL) {
			s->count.removed++;
			entry_drop(s, x);
		}
		return;
	}
	/*
	 * If we end before the filter has removed it, the next start removes
	 * it.
	 */
	if (x != NULL) {
		x->until = now;
		entries_set_due(s->entries, x, now + RETRY);
		keep_entry(s, x);
	}
	change_delete(s, table, p, job, i, now);
}

static void
table_flush(struct server *s, struct server_job *job, uint16_t table)
{
	struct server_change c = { .command = SERVER_FLUSH,
		.table = table,
		.stamp = ++s->last_stamp,
		.job = job };

	s->flushed[table] = c.stamp;
	change_emit(s, &c);
}

static size_t
find_table(const struct server *s, const char *name)
{
	size_t i;

	if (s->config.force != SERVER_NONE)
		return s->config.force;
	for (i = 0; i < s->config.ntable; i++)
		if (strcmp(s->config.table[i], name) == 0)
			return i;
	return SERVER_NONE;
}

static void
carry_out(struct server *s, struct server_job *job, int64_t now)
{
	size_t table = find_table(s, job->request.table);
	uint8_t i;

	if (table == SERVER_NONE) {
		job_refuse(s, job, 0, SERVER_TABLE);
		return;
	}
	switch (job->request.command) {
	case WIRE_ADD:
		for (i = 0; i < job->request.n; i++)
			entry_add_one(s, job, (uint16_t)table, i, now);
		break;
	case WIRE_DELETE:
		for (i = 0; i < job->request.n; i++)
			delete (s, job, (uint16_t)table, i, now);
		break;
	case WIRE_FLUSH:
		table_flush(s, job, (uint16_t)table);
		break;
	default:
		job_refuse(s, job, 0, SERVER_COMMAND);
		break;
	}
}

static bool
addr_is_loopback(const struct addr *a)
{
	struct addr six = { AF_INET6, { [15] = 1 } };

	return (a->af == AF_INET && a->b[0] == 127) || addr_eq(a, &six);
}

/* Versions 1 and 2 do not name their key: try all. */
static const struct key *
request_signer(const struct server *s, const struct wire_request *r,
    struct span d, const struct addr *from)
{
	const struct key *k;
	size_t i;

	if (s->config.nkey == 0)
		return addr_is_loopback(from) ? &no_key : NULL;
	if (r->version == 3) {
		k = keys_find(s->config.key, s->config.nkey, r->key);
		return k != NULL && wire_verify(d, k) ? k : NULL;
	}
	for (i = 0; i < s->config.nkey; i++)
		if (wire_verify(d, &s->config.key[i]))
			return &s->config.key[i];
	return NULL;
}

static uint64_t
tag_of(struct span mac)
{
	struct cursor c = cursor_of(mac.p, mac.len);

	return cursor_u64(&c);
}

/* The verdict on the datagram as a whole. */
static enum server_verdict
request_judge(struct server *s, struct span d, const struct addr *from,
    int64_t now, struct server_job *job)
{
	const struct wire_request *r = &job->request;
	struct span mac;
	int64_t skew;

	switch (wire_parse(d, &job->request)) {
	case PH_OK:
		break;
	case PH_EUNSUPPORTED:
		return SERVER_VERSION;
	default:
		return SERVER_MALFORMED;
	}
	if ((job->key = request_signer(s, r, d, from)) == NULL)
		return SERVER_KEY;
	mac = wire_mac(d);
	memcpy(job->mac, mac.p, mac.len);
	skew = now - r->time * USEC_PER_SEC;
	if (skew > REPLAY_SKEW || skew < -REPLAY_SKEW)
		return SERVER_CLOCK;
	/* Without a key, repeated datagrams cannot be recognised. */
	if (job->key == &no_key)
		return SERVER_TAKEN;
	switch (replay_take(s->replay, tag_of(mac), r->time, now)) {
	case PH_OK:
		chunk_keep(s, now);
		return SERVER_TAKEN;
	case PH_ELIMIT:
	case PH_ENOMEM:
		return SERVER_FLOOD;
	default:
		return SERVER_REPLAY;
	}
}

enum server_verdict
server_receive(struct server *s, struct span d, const struct addr *from,
    int64_t now, struct server_job *job)
{
	enum server_verdict v;

	/* A later time may begin another chunk. */
	if (now != s->unkept_at)
		server_keep(s);
	memset(job, 0, sizeof(*job));
	s->count.received++;
	if ((v = request_judge(s, d, from, now, job)) != SERVER_TAKEN) {
		job->verdict = v;
		s->count.verdict[v]++;
		return v;
	}
	s->count.verdict[SERVER_TAKEN]++;
	carry_out(s, job, now);
	return job->verdict;
}

void
server_keep(struct server *s)
{
	if (s->unkept)
		keep_chunk(s);
}

/*
 * Afterwards.
 */
static void
table_flushed(struct server *s, const struct server_change *c)
{
	struct prefix none;
	struct entry *x, *next;

	memset(&none, 0, sizeof(none));
	for (x = entries_from(s->entries, c->table, &none);
	     x != NULL && x->table == c->table; x = next) {
		next = entries_next(x);
		if (x->stamp > c->stamp)
			continue;
		s->count.flushed++;
		entry_drop(s, x);
	}
}

static void
after_add(struct server *s, const struct server_change *c, bool done,
    bool later, int64_t now)
{
	struct entry *x = entries_find(s->entries, c->table, &c->prefix);

	if (x == NULL || x->stamp != c->stamp)
		return;
	if (done) {
		x->fresh = false;
		return;
	}
	/* The entries that it was to cover go back into the packet filter. */
	if (!x->fresh)
		return;
	x->until = now;
	within_hide_or_show(s, c->table, &c->prefix, false, now);
	/* The packet filter may have the entry or not: remove it. */
	if (later)
		entries_set_due(s->entries, x, now);
	else
		entry_drop(s, x);
}

static void
after_delete(struct server *s, const struct server_change *c, bool later)
{
	struct entry *x;

	if (c->hidden || later)
		return;
	x = entries_find(s->entries, c->table, &c->prefix);
	if (x == NULL || x->stamp > c->stamp)
		return;
	s->count.removed += c->job != NULL;
	entry_drop(s, x);
}

void
server_changed(struct server *s, const struct server_change *c, enum ph_err err,
    int64_t now)
{
	bool done = err == PH_OK || err == PH_EEXIST;
	bool later = err == PH_EAGAIN || err == PH_EIO;

	if (!done && c->job != NULL)
		job_refuse(s, c->job, c->entry,
		    err == PH_EDENIED ? SERVER_NEVER : SERVER_FILTER);
	if (c->job != NULL)
		c->job->pending--;
	switch (c->command) {
	case SERVER_ADD:
		after_add(s, c, done, later, now);
		break;
	case SERVER_DELETE:
		after_delete(s, c, later);
		break;
	case SERVER_FLUSH:
		if (done)
			table_flushed(s, c);
		else if (s->flushed[c->table] == c->stamp)
			s->flushed[c->table] = 0;
		break;
	}
}

size_t
server_reply(struct server *s, const struct server_job *job, int64_t now,
    uint8_t buf[WIRE_REPLY_LEN])
{
	static const uint8_t status[SERVER_NVERDICTS] = {
		[SERVER_CLOCK] = WIRE_CLOCK,
		[SERVER_FLOOD] = WIRE_BUSY,
		[SERVER_TABLE] = WIRE_TABLE,
		[SERVER_COMMAND] = WIRE_COMMAND,
		[SERVER_MASK] = WIRE_MASK,
		[SERVER_NEVER] = WIRE_NEVER,
		[SERVER_FULL] = WIRE_FULL,
		[SERVER_FILTER] = WIRE_REFUSED,
	};
	struct wire_reply r = { 0 };

	/* Strangers and repeated datagrams get no answer. */
	if (job->request.version != 3 || job->key == NULL ||
	    job->verdict == SERVER_REPLAY)
		return 0;
	r.command = job->request.command;
	r.status = status[job->verdict];
	r.time = (uint32_t)(now / USEC_PER_SEC);
	r.nonce = job->request.nonce;
	r.refused = job->refused;
	if (job->verdict == SERVER_CLOCK || job->verdict == SERVER_FLOOD ||
	    job->verdict == SERVER_TABLE || job->verdict == SERVER_COMMAND)
		r.refused = UINT64_MAX >> (64 - WIRE_ENTRIES);
	s->count.replied++;
	return wire_reply_build(&r, job->key, job->mac, buf);
}

void
server_expire(struct server *s, size_t n, int64_t now)
{
	struct entry *x;

	for (; n > 0 && (x = entries_due(s->entries)) != NULL && x->due <= now;
	     n--) {
		s->count.expired += x->due == x->until;
		/* Once more if it does not succeed. */
		entries_set_due(s->entries, x, now + RETRY);
		if (prefix_is_covered(s, x->table, &x->prefix, now))
			entry_drop(s, x);
		else
			change_delete(s, x->table, &x->prefix, NULL, 0, now);
	}
}

int64_t
server_next(struct server *s)
{
	struct entry *x = entries_due(s->entries);

	return x != NULL ? x->due : INT64_MAX;
}

/*
 * Starting.
 */
static enum ph_err
load_entry(struct server *s, const struct state_entry *e, int64_t now)
{
	struct entry *x;
	enum ph_err rc;
	size_t i;

	/* The names of the configuration, without `force`. */
	for (i = 0; i < s->config.ntable; i++)
		if (strcmp(s->config.table[i], e->table) == 0)
			break;
	if (i == s->config.ntable)
		return PH_EGONE;
	if (e->id > s->last_id)
		s->last_id = e->id;
	if (entries_find(s->entries, (uint16_t)i, &e->prefix) != NULL)
		return PH_EEXIST;
	/*
	 * If the configuration has changed and forbids the entry now, remove
	 * it.
	 */
	rc = entries_add(s->entries, (uint16_t)i, &e->prefix,
	    is_never(s, &e->prefix) ? now : e->until, ++s->last_stamp, &x);
	if (rc == PH_OK) {
		x->id = e->id;
		x->fresh = false;
		s->resuming = true;
	} else if (rc == PH_ELIMIT)
		/*
		 * There is less room now: remove the entry, for nobody else
		 * would.
		 */
		change_delete(s, (uint16_t)i, &e->prefix, NULL, 0, now);
	return rc;
}

enum ph_err
server_load(struct server *s, uint64_t key, const void *p, size_t len,
    int64_t now)
{
	struct state_record r;
	enum ph_err rc;

	if ((rc = state_decode(key, p, len, &r)) != PH_OK)
		return rc;
	switch (r.kind) {
	case STATE_ENTRY:
		return load_entry(s, &r.u.entry, now);
	case STATE_CHUNK:
		return replay_load(s->replay, &r.u.chunk, now);
	case STATE_FLOOR:
		return replay_load_floor(s->replay, r.u.floor, now);
	case STATE_END:
		s->complete = true;
		break;
	}
	/* The end record vouches for one start only, so forget it. */
	return PH_EGONE;
}

void
server_loaded(struct server *s, int64_t now)
{
	uint32_t second = (uint32_t)(now / USEC_PER_SEC);

	/* A process is never replaced within the same second. */
	if (!s->complete &&
	    replay_load_floor(s->replay, second - 1, now) == PH_OK)
		keep_floor(s);
}

void
server_end(struct server *s)
{
	struct state_record r = { .kind = STATE_END };

	server_keep(s);
	record_keep(s, &r);
}

bool
server_resume(struct server *s, size_t n, int64_t now)
{
	struct entry *x;

	if (!s->resuming)
		return false;
	x = entries_from(s->entries, s->resume_table, &s->resume_prefix);
	for (; x != NULL && n > 0; n--, x = entries_next(x))
		if (entry_is_living(s, x, now) &&
		    !prefix_is_covered(s, x->table, &x->prefix, now))
			change_add(s, x, NULL, 0, now);
	if (x != NULL) {
		s->resume_table = x->table;
		s->resume_prefix = x->prefix;
		return true;
	}
	s->resuming = false;
	return false;
}

void
server_begin_again(struct server *s)
{
	s->resuming = true;
	s->resume_table = 0;
	memset(&s->resume_prefix, 0, sizeof(s->resume_prefix));
}

void
server_counters(const struct server *s, struct server_counters *out)
{
	*out = s->count;
	out->entries = entries_count(s->entries);
	out->remembered = replay_count(s->replay);
}

struct entries *
server_entries(struct server *s)
{
	return s->entries;
}
