/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/queue.h"
#include "src/base/silence.h"
#include "src/base/timers.h"
#include "src/fw/answers.h"
#include "src/fw/entries.h"
#include "src/fw/ledger.h"
#include "src/fw/meter.h"
#include "src/fw/table.h"

#define MODULE "fw"

/* Changes in one commit: bounded work, then the next message gets a look. */
#define COMMIT_MAX 2048

#define RETRY_FIRST INT64_C(1000) /* microseconds; doubled each time */
#define RETRY_LAST  (2 * USEC_PER_SEC)

struct fwtable {
	const struct fw_ops *ops;
	struct fw *fw;
	const struct fw_policy *policy;
	size_t max;
	struct entries entries;
	STAILQ_HEAD(, entry) dirty;
	bool settle_due; /* settle the backend after the next commit */
	int64_t retry_at, retry_wait;
	int64_t tick_at;
	int64_t activity_at;
	int64_t silence; /* as it is judged at the earliest; 0: never */
	struct fwcounters n;
	struct fw_meter meter;
	struct log_limit refused_log, failed_log;
	struct fw_edit edits[COMMIT_MAX];
	struct answers answers;
};

struct fwtable *
fwtable_new(const struct fw_ops *ops, struct fw *fw,
    const struct fw_policy *policy, const struct answers_sink *sink)
{
	struct fwtable *t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	answers_init(&t->answers, sink, &t->n.setup);
	STAILQ_INIT(&t->dirty);
	if (fw_entries_init(&t->entries) != PH_OK) {
		fwtable_free(t);
		return NULL;
	}
	t->ops = ops;
	t->fw = fw;
	t->policy = policy;
	t->meter = (struct fw_meter) { ops, fw, sink->clock, &t->n };
	t->max = fw_policy_max(policy);
	if (ops->activity != NULL)
		t->silence = fw_policy_silence(policy);
	return t;
}

static void
entry_mark_dirty(struct fwtable *t, struct entry *i)
{
	if (i->dirty)
		return;
	i->dirty = true;
	STAILQ_INSERT_TAIL(&t->dirty, i, dirty_entry);
}

static void
entry_count(struct fwtable *t, struct entry *i)
{
	if (i->e.in_filter != i->counted)
		t->n.open += i->e.in_filter ? 1 : (uint64_t)-1;
	i->counted = i->e.in_filter;
}

static void
entry_free(struct fwtable *t, struct entry *i)
{
	ledger_forget(t->ops, t->fw, &i->e);
	entry_count(t, i);
	fw_entries_remove(&t->entries, i);
}

/*
 * A packet filter that has more than half of the lease left needs not hear of a
 * later deadline yet: the answer of a call whose early media is open, another
 * call with the same tuple.  It hears in time, by entries_expire(), unless it
 * hears of the entry before.
 */
static bool
entry_may_wait(const struct entry *i, int64_t at, int64_t now)
{
	return i->e.in_filter && at > i->e.deadline &&
	    i->e.deadline - now > (at - now) / 2;
}

static void
entry_set_deadline(struct fwtable *t, struct entry *i, int64_t now)
{
	int64_t at = fw_entries_due(&t->entries, i);

	if (at != 0 && at != i->e.deadline && !entry_may_wait(i, at, now))
		entry_mark_dirty(t, i);
}

static void
claim_release(struct fwtable *t, struct fw_claim *claim)
{
	struct entry *i = fw_claim_entry(claim);

	claim->active = claim->stale = false;
	t->n.wanted--;
	entry_mark_dirty(t, i);
	(void)fw_entries_due(&t->entries, i);
}

/* All its claims have expired, the latest of them at `at`. */
static void
entry_expire(struct fwtable *t, struct entry *i, int64_t at)
{
	struct fw_claim *claim;
	int r;

	for (r = 0; r < ENTRY_CLAIMS; r++) {
		claim = &i->claim[r];
		if (!claim->active || claim->deadline > at)
			continue;
		if (!claim->stale)
			answers_add_id(&t->answers, (enum ipc_role)claim->role,
			    ANSWERS_CLOSED, claim->id);
		t->n.expired++;
		claim_release(t, claim);
	}
}

static void
entries_expire(struct fwtable *t, int64_t now)
{
	struct entry *i;
	int64_t at;

	while (
	    (i = fw_entries_first_due(&t->entries, &at)) != NULL && at <= now) {
		if (entry_due(i) <= at) {
			entry_expire(t, i, at);
			continue;
		}
		/* Only the packet filter's deadline is near. */
		i->e.deadline = entry_due(i);
		entry_mark_dirty(t, i);
	}
}

static void
say_refused(struct fwtable *t, const struct pinhole *h, const char *why,
    int64_t now)
{
	char text[512], a[ADDR_STRLEN];
	struct strbuf b = strbuf_of(text, sizeof(text));
	uint32_t missed;

	if (!log_may(&t->refused_log, now, &missed))
		return;
	strbuf_fmt(&b, "dir=%u proto=%u from=%s", h->dir, h->proto,
	    prefix_format(&h->from, a));
	strbuf_fmt(&b, " to=%s port=%u:%u", addr_format(&h->to, a), h->to_lo,
	    h->to_hi);
	if (missed > 0)
		strbuf_fmt(&b, " (and %u more like it)", missed);
	log_warnx(MODULE, "refused: %s: %s", why, text);
}

static enum ph_err
claim_want(struct fwtable *t, enum ipc_role role, const struct pinhole *h,
    int64_t now, struct entry **out)
{
	struct fw_claim *claim;
	struct entry *i;
	int64_t latest;

	i = fw_entries_find(&t->entries, h);
	if (i == NULL && fw_entries_count(&t->entries) >= t->max)
		return PH_ELIMIT;
	if (i == NULL && (i = fw_entries_new(&t->entries, h)) == NULL)
		return PH_ENOMEM;
	claim = entry_claim(i, role);
	if (claim->active && claim->role != role)
		return PH_ELIMIT;
	if (!claim->active)
		t->n.wanted++;
	claim->id = h->id;
	claim->role = role & 0x3f;
	claim->active = true;
	claim->stale = false;
	latest = now + fw_policy_lease(t->policy, role, h);
	claim->deadline = latest;
	if (h->deadline != 0 && h->deadline < latest)
		claim->deadline = h->deadline;
	entry_set_deadline(t, i, now);
	if (!i->e.in_filter)
		entry_mark_dirty(t, i);
	*out = i;
	return PH_OK;
}

/*
 * A cut is needed only while some claim keeps the outward pinhole open.  If it
 * fails, the old flows stay, and the call goes on.
 */
static void
change_cut(struct fwtable *t, const struct fw_change *c, int64_t now)
{
	struct pinhole out = c->hole;

	out.from_port = 0;
	if (c->hole.from_port == 0 || out.dir != PINHOLE_OUT ||
	    fw_entries_find(&t->entries, &out) == NULL) {
		t->n.denied++;
		return;
	}
	if (t->ops->cut != NULL)
		t->ops->cut(t->fw, &c->hole, now);
}

/* By the tuple, and by the id under which the client opened it last. */
static void
change_close(struct fwtable *t, enum ipc_role role, const struct pinhole *h)
{
	struct entry *i = fw_entries_find(&t->entries, h);
	struct fw_claim *claim;

	if (i == NULL)
		return;
	claim = entry_claim(i, role);
	if (fw_claim_is_of(claim, role) && !claim->stale && claim->id == h->id)
		claim_release(t, claim);
}

/* One change; its error goes into the batch's answer. */
static void
change_take(struct fwtable *t, struct answer *b, unsigned int bit,
    const struct fw_change *c, int64_t now)
{
	const char *why = "malformed";
	struct entry *i = NULL;
	enum ph_err rc = PH_EBAD;

	t->n.changes++;
	if (c->op == FW_CUT) {
		change_cut(t, c, now);
		return;
	}
	if (c->op == FW_CLOSE) {
		change_close(t, b->role, &c->hole);
		return;
	}
	if (c->op == FW_OPEN)
		rc = fw_policy_open(t->policy, b->role, &c->hole, &why);
	if (rc == PH_OK) {
		why = "too many pinholes";
		rc = claim_want(t, b->role, &c->hole, now, &i);
	}
	if (rc == PH_OK) {
		if (i->dirty) {
			i->asker = b;
			i->bit = (uint8_t)bit;
		}
		return;
	}
	answer_refuse(b, bit, rc);
	if (rc == PH_EDENIED)
		t->n.denied++;
	else if (rc == PH_EBAD)
		t->n.bad++;
	else
		t->n.limit++;
	say_refused(t, &c->hole, why, now);
}

void
fwtable_commit(struct fwtable *t, enum ipc_role role, uint64_t seq,
    const struct ipc_commit *c, int64_t now)
{
	struct answer *b;
	uint32_t i;

	t->n.batches++;
	if ((b = answers_new(&t->answers, role, seq)) == NULL)
		return;
	b->stamp = c->stamp;
	b->quiet = c->quiet != 0;
	for (i = 0; i < c->n && i < IPC_BATCH; i++)
		change_take(t, b, i, &c->changes[i], now);
}

void
fwtable_begin(struct fwtable *t, enum ipc_role role)
{
	struct fw_claim *claim;
	struct hash_iter it;
	struct entry *i;

	for (i = fw_entries_first(&t->entries, &it); i != NULL;
	     i = fw_entries_next(&t->entries, &it)) {
		claim = entry_claim(i, role);
		if (fw_claim_is_of(claim, role))
			claim->stale = true;
	}
}

void
fwtable_settle(struct fwtable *t, enum ipc_role role)
{
	struct fw_claim *claim;
	struct hash_iter it;
	struct entry *i;

	for (i = fw_entries_first(&t->entries, &it); i != NULL;
	     i = fw_entries_next(&t->entries, &it)) {
		claim = entry_claim(i, role);
		if (fw_claim_is_of(claim, role) && claim->stale)
			claim_release(t, claim);
	}
}

void
fwtable_drop(struct fwtable *t, enum ipc_role role)
{
	fwtable_begin(t, role);
	fwtable_settle(t, role);
}

void
fwtable_forget_rest(struct fwtable *t)
{
	t->settle_due = t->ops->settle != NULL;
}

/* The edit that the filter needs for this entry; 0: none. */
static enum fw_edit_op
entry_edit(struct entry *i, struct fw_edit *edit)
{
	edit->entry = &i->e;
	if (entry_wanted(i)) {
		i->e.deadline = entry_due(i);
		edit->op = i->e.in_filter ? FW_REPLACE : FW_ADD;
	} else
		edit->op = i->e.in_filter ? FW_REMOVE : 0;
	return edit->op;
}

/* The filter now has this entry as we want it. */
static void
entry_settled(struct fwtable *t, struct entry *i)
{
	i->asker = NULL;
	STAILQ_REMOVE(&t->dirty, i, entry, dirty_entry);
	i->dirty = false;
	if (entry_wanted(i))
		entry_count(t, i);
	else
		entry_free(t, i);
}

static void
entry_give_up(struct fwtable *t, struct entry *i, enum ph_err rc, int64_t now)
{
	struct pinhole hole = fw_entry_hole(&i->e);
	int r;

	if (rc == PH_EBAD)
		t->n.bad++;
	else
		t->n.limit++;
	say_refused(t, &hole, ph_strerror(rc), now);
	if (i->asker != NULL)
		answer_refuse(i->asker, i->bit, rc);
	for (r = 0; r < ENTRY_CLAIMS; r++)
		if (i->claim[r].active)
			claim_release(t, &i->claim[r]);
	entry_settled(t, i);
}

static void
retry_later(struct fwtable *t, int64_t now)
{
	int64_t jitter;

	t->retry_wait = t->retry_wait == 0 ? RETRY_FIRST : t->retry_wait * 2;
	if (t->retry_wait > RETRY_LAST)
		t->retry_wait = RETRY_LAST;
	jitter = (int64_t)arc4random_uniform((uint32_t)t->retry_wait);
	t->retry_at = now + t->retry_wait / 2 + jitter;
	t->n.retries++;
}

/* The filter may have lost any entry. */
static void
filter_lost(struct fwtable *t)
{
	struct hash_iter it;
	struct entry *i;

	t->n.lost++;
	for (i = fw_entries_first(&t->entries, &it); i != NULL;
	     i = fw_entries_next(&t->entries, &it))
		entry_mark_dirty(t, i);
}

static void
commit_failed(struct fwtable *t, enum ph_err rc, int64_t now)
{
	uint32_t missed;

	if (rc != PH_EAGAIN && log_may(&t->failed_log, now, &missed))
		log_warnx(MODULE,
		    "%s: cannot change pinholes: %s; trying again",
		    t->ops->name, ph_strerror(rc));
	if (rc == PH_EGONE)
		filter_lost(t);
	retry_later(t, now);
}

/* The progress of commit_one_by_one(). */
struct commit_one_by_one {
	enum ph_err full; /* the first limit that was hit, or PH_OK */
	bool again;	  /* even a new deadline was refused */
};

/*
 * Commit one entry of a commit that was refused as a whole.  Returns false on
 * an error that concerns all entries.
 */
static bool
commit_one(struct fwtable *t, struct entry *i, struct commit_one_by_one *s,
    int64_t now)
{
	struct fw_edit edit;
	enum ph_err rc = PH_OK;

	if (entry_edit(i, &edit) == FW_ADD && s->full != PH_OK)
		rc = s->full;
	else if (edit.op != 0)
		rc = fw_meter_commit(&t->meter, &edit, 1, now);
	switch (rc) {
	case PH_OK:
		entry_settled(t, i);
		return true;
	case PH_ELIMIT:
	case PH_ENOMEM:
		if (edit.op == FW_REMOVE)
			break;
		/* New calls are refused, old ones kept. */
		if (i->e.in_filter)
			s->again = true;
		else {
			s->full = rc;
			entry_give_up(t, i, rc, now);
		}
		return true;
	case PH_EBAD:
		/*
		 * The filter refuses to close an entry only if it does not have
		 * it.
		 */
		entry_give_up(t, i, rc, now);
		return true;
	default:
		break;
	}
	commit_failed(t, rc, now);
	return false;
}

/*
 * Find the entries for which a commit was refused, by a commit for each.  Those
 * that close come first, for they make room.
 */
static bool
commit_one_by_one(struct fwtable *t, size_t n, int64_t now)
{
	struct commit_one_by_one s = { PH_OK, false };
	struct entry *i, *next;
	size_t left = n;

	STAILQ_FOREACH_SAFE(i, &t->dirty, dirty_entry, next) {
		if (left-- == 0)
			break;
		if (entry_wanted(i))
			continue;
		n--;
		if (!commit_one(t, i, &s, now))
			return false;
	}
	left = n;
	STAILQ_FOREACH_SAFE(i, &t->dirty, dirty_entry, next) {
		if (left-- == 0)
			break;
		if (!commit_one(t, i, &s, now))
			return false;
	}
	if (s.again)
		retry_later(t, now);
	return !s.again;
}

/* One commit.  Returns false if another one now would fail, too. */
static bool
commit_some(struct fwtable *t, int64_t now)
{
	struct entry *i, *next;
	size_t n = 0, taken = 0;
	enum ph_err rc;

	STAILQ_FOREACH(i, &t->dirty, dirty_entry) {
		if (n == COMMIT_MAX)
			break;
		taken++;
		n += entry_edit(i, &t->edits[n]) != 0;
	}
	rc = n == 0 ? PH_OK : fw_meter_commit(&t->meter, t->edits, n, now);
	t->n.commits += n > 0;
	switch (rc) {
	case PH_OK:
		break;
	case PH_ELIMIT:
	case PH_ENOMEM:
	case PH_EBAD:
		return commit_one_by_one(t, taken, now);
	default:
		commit_failed(t, rc, now);
		return false;
	}
	t->retry_wait = 0;
	for (i = STAILQ_FIRST(&t->dirty); taken-- > 0; i = next) {
		next = STAILQ_NEXT(i, dirty_entry);
		entry_settled(t, i);
	}
	return true;
}

static void
on_seen(void *ctx, struct fw_entry *e, unsigned int ends)
{
	struct fwtable *t = ctx;
	const struct fw_claim *h;
	enum ipc_role role;
	int r;

	for (r = 0; e != NULL && r < ENTRY_CLAIMS; r++) {
		h = &entry_of(e)->claim[r];
		role = (enum ipc_role)h->role;
		if (!h->active || h->stale)
			continue;
		if (ends & FW_SEEN_FROM)
			answers_add_id(&t->answers, role, ANSWERS_SEEN_FROM,
			    h->id);
		if (ends & FW_SEEN_TO)
			answers_add_id(&t->answers, role, ANSWERS_SEEN_TO,
			    h->id);
		if (e->packets > 0)
			answers_add_packets(&t->answers, role, h->id,
			    e->packets);
	}
}

static void
filter_activity(struct fwtable *t, int64_t now)
{
	enum ph_err rc = PH_OK;
	uint32_t missed;

	if (t->silence == 0 || now < t->activity_at)
		return;
	t->activity_at = now + silence_poll(t->silence, t->n.open);
	if (t->n.open > 0)
		rc = t->ops->activity(t->fw, on_seen, t, now);
	if (rc != PH_OK && rc != PH_EAGAIN &&
	    log_may(&t->failed_log, now, &missed))
		log_warnx(MODULE,
		    "%s: cannot tell which pinholes have had packets: %s",
		    t->ops->name, ph_strerror(rc));
	answers_send_ids(&t->answers, ANSWERS_SEEN_FROM);
	answers_send_ids(&t->answers, ANSWERS_SEEN_TO);
	answers_send_packets(&t->answers);
}

static void
filter_tick(struct fwtable *t, int64_t now)
{
	enum ph_err err = PH_OK;

	if (t->ops->tick == NULL) {
		t->tick_at = INT64_MAX;
		return;
	}
	t->tick_at = t->ops->tick(t->fw, now, &err);
	if (err == PH_EGONE) {
		log_warnx(MODULE,
		    "%s: somebody removed our rules; opening all pinholes "
		    "again",
		    t->ops->name);
		filter_lost(t);
	}
}

int64_t
fwtable_run(struct fwtable *t, int64_t now)
{
	int64_t next;

	entries_expire(t, now);
	answers_send_ids(&t->answers, ANSWERS_CLOSED);
	if (now >= t->retry_at) {
		t->retry_at = 0;
		while (!STAILQ_EMPTY(&t->dirty) && commit_some(t, now))
			continue;
	}
	if (STAILQ_EMPTY(&t->dirty)) {
		answers_send(&t->answers);
		if (t->settle_due) {
			enum ph_err rc = t->ops->settle(t->fw, now);

			t->settle_due = false;
			if (rc != PH_OK)
				log_warnx(MODULE,
				    "%s: cannot remove the pinholes of an "
				    "earlier run: %s",
				    t->ops->name, ph_strerror(rc));
		}
	}
	filter_activity(t, now);
	/* The backend may have work from the commit just made. */
	filter_tick(t, now);

	(void)fw_entries_first_due(&t->entries, &next);
	next = timers_earlier(next, t->tick_at);
	if (!STAILQ_EMPTY(&t->dirty))
		next = timers_earlier(next, t->retry_at);
	if (t->silence != 0 && t->n.open > 0)
		next = timers_earlier(next, t->activity_at);
	return next;
}

bool
fwtable_settled(const struct fwtable *t)
{
	return STAILQ_EMPTY(&t->dirty);
}

bool
fwtable_idle(const struct fwtable *t)
{
	return t->n.wanted == 0 && fwtable_settled(t);
}

struct fwcounters *
fwtable_mutable_counters(struct fwtable *t)
{
	return &t->n;
}

const struct fwcounters *
fwtable_counters(const struct fwtable *t)
{
	return &t->n;
}

void
fwtable_free(struct fwtable *t)
{
	if (t == NULL)
		return;
	fw_entries_free(&t->entries);
	answers_clear(&t->answers);
	free(t);
}
