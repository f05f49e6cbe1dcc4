/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/queue.h"
#include "src/base/timers.h"
#include "src/base/tree.h"
#include "src/fw/answers.h"
#include "src/fw/table.h"

#define MODULE "fw"

/* Changes in one commit: bounded work, then the next message gets a look. */
#define COMMIT_MAX 2048

#define RETRY_FIRST  INT64_C(1000) /* microseconds; doubled each time */
#define RETRY_LAST   (2 * USEC_PER_SEC)
#define ACTIVITY_MIN USEC_PER_SEC
#define ACTIVITY_MAX (10 * USEC_PER_SEC)

/*
 * The engine may want what a proxy wants; two proxies, one of which is leaving,
 * do not: each has a place in an item, and there may be many items.
 */
#define NHOLDS 2

/* What one role wants of a tuple. */
struct hold {
	RB_ENTRY(hold) node; /* by id, among those of its role */
	struct item *item;
	uint64_t id;
	int64_t deadline;
	enum ipc_role role;
	bool held;
	bool stale; /* from before IPC_BEGIN; then it has no name */
};

struct item {
	RB_ENTRY(item) by_tuple;
	RB_ENTRY(item) by_id;
	TAILQ_ENTRY(item) dirty_entry;
	struct fwtable *t;
	struct pinhole hole; /* as the filter is told: its id is ours */
	struct hold hold[NHOLDS];
	struct timer timer;
	bool dirty; /* is on t->dirty */
	bool have;  /* the filter has it */
	/* Who asked last, to be told if it cannot be had. */
	struct answer *asker;
	uint8_t bit;
};

RB_HEAD(tuple_tree, item);
RB_HEAD(id_tree, item);
RB_HEAD(hold_tree, hold);

struct fwtable {
	const struct fw_ops *ops;
	struct fw *fw;
	const struct fw_policy *policy;
	size_t max;
	uint64_t next_id;
	size_t nitems;
	struct tuple_tree tuples;
	struct id_tree ids;
	struct hold_tree names[IPC_NROLES];
	struct timers timers;
	TAILQ_HEAD(, item) dirty;
	bool forget; /* settle the backend after the next commit */
	int64_t retry_at, retry_wait;
	int64_t tick_at;
	int64_t activity_at, activity_every; /* 0: never */
	struct fwtable_counters n;
	struct log_limit refused_log, failed_log;
	struct fw_change changes[COMMIT_MAX];
	struct answers answers;
};

static int
tuple_cmp(const struct item *a, const struct item *b)
{
	return pinhole_cmp(&a->hole, &b->hole);
}

static int
id_cmp(const struct item *a, const struct item *b)
{
	return a->hole.id < b->hole.id ? -1 : a->hole.id > b->hole.id;
}

static int
hold_cmp(const struct hold *a, const struct hold *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}

RB_GENERATE_STATIC(tuple_tree, item, by_tuple, tuple_cmp)
RB_GENERATE_STATIC(id_tree, item, by_id, id_cmp)
RB_GENERATE_STATIC(hold_tree, hold, node, hold_cmp)

struct fwtable *
fwtable_new(const struct fw_ops *ops, struct fw *fw,
    const struct fw_policy *policy, const struct answers_sink *sink)
{
	struct fwtable *t;
	int64_t every;
	int i;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->ops = ops;
	t->fw = fw;
	t->policy = policy;
	answers_init(&t->answers, sink);
	t->max = fw_policy_max(policy);
	RB_INIT(&t->tuples);
	RB_INIT(&t->ids);
	for (i = 0; i < IPC_NROLES; i++)
		RB_INIT(&t->names[i]);
	TAILQ_INIT(&t->dirty);
	timers_init(&t->timers);
	if (ops->activity != NULL) {
		every = fw_policy_silence(policy) / 4;
		t->activity_every = every < ACTIVITY_MIN ? ACTIVITY_MIN
		    : every > ACTIVITY_MAX		 ? ACTIVITY_MAX
							 : every;
	}
	return t;
}

static struct hold *
item_hold(struct item *i, enum ipc_role role)
{
	return &i->hold[role == IPC_ENGINE ? 0 : 1];
}

static struct item *
item_find(struct fwtable *t, const struct pinhole *h)
{
	struct item key;

	key.hole = *h;
	return RB_FIND(tuple_tree, &t->tuples, &key);
}

static struct hold *
hold_find(struct fwtable *t, enum ipc_role role, uint64_t id)
{
	struct hold key;

	key.id = id;
	return RB_FIND(hold_tree, &t->names[role], &key);
}

static void
item_mark_dirty(struct item *i)
{
	if (i->dirty)
		return;
	i->dirty = true;
	TAILQ_INSERT_TAIL(&i->t->dirty, i, dirty_entry);
}

static bool
item_wanted(const struct item *i)
{
	int r;

	for (r = 0; r < NHOLDS; r++)
		if (i->hold[r].held)
			return true;
	return false;
}

static void
item_free(struct item *i)
{
	struct fwtable *t = i->t;

	if (i->dirty)
		TAILQ_REMOVE(&t->dirty, i, dirty_entry);
	timer_clear(&t->timers, &i->timer);
	RB_REMOVE(tuple_tree, &t->tuples, i);
	RB_REMOVE(id_tree, &t->ids, i);
	t->nitems--;
	free(i);
}

/* A new one, which nobody wants yet; NULL: no memory. */
static struct item *
item_new(struct fwtable *t, const struct pinhole *h)
{
	struct item *i;

	if ((i = calloc(1, sizeof(*i))) == NULL)
		return NULL;
	i->t = t;
	i->hole = *h;
	i->hole.id = ++t->next_id;
	i->hole.deadline = 0;
	RB_INSERT(tuple_tree, &t->tuples, i);
	RB_INSERT(id_tree, &t->ids, i);
	t->nitems++;
	return i;
}

static void on_deadline(void *arg, int64_t now);

/* The filter's deadline is the latest of its holders'. */
static void
item_set_deadline(struct item *i)
{
	int64_t at = 0;
	int r;

	for (r = 0; r < NHOLDS; r++)
		if (i->hold[r].held && i->hold[r].deadline > at)
			at = i->hold[r].deadline;
	if (at == 0)
		timer_clear(&i->t->timers, &i->timer);
	else
		timer_set(&i->t->timers, &i->timer, at, on_deadline, i);
	if (at != 0 && at != i->hole.deadline) {
		i->hole.deadline = at;
		item_mark_dirty(i);
	}
}

static void
hold_release(struct hold *hold)
{
	struct item *i = hold->item;

	if (!hold->stale)
		RB_REMOVE(hold_tree, &i->t->names[hold->role], hold);
	hold->held = hold->stale = false;
	i->t->n.wanted--;
	item_mark_dirty(i);
	item_set_deadline(i);
}

static void
on_deadline(void *arg, int64_t now)
{
	struct item *i = arg;
	struct fwtable *t = i->t;
	struct hold *hold;
	int r;

	for (r = 0; r < NHOLDS; r++) {
		hold = &i->hold[r];
		if (!hold->held || hold->deadline > now)
			continue;
		if (!hold->stale)
			answers_add_id(&t->answers, hold->role, ANSWERS_CLOSED,
			    hold->id);
		t->n.expired++;
		hold_release(hold);
	}
	item_set_deadline(i);
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
hold_want(struct fwtable *t, enum ipc_role role, const struct pinhole *h,
    int64_t now, struct item **out)
{
	struct hold *old, *hold;
	struct item *i;
	int64_t latest;

	i = item_find(t, h);
	if (i == NULL && t->nitems >= t->max)
		return PH_ELIMIT;
	/* The same name for something else: the old one is given up. */
	old = hold_find(t, role, h->id);
	if (old != NULL && old->item != i)
		hold_release(old);
	if (i == NULL && (i = item_new(t, h)) == NULL)
		return PH_ENOMEM;
	hold = item_hold(i, role);
	if (hold->held && hold->role != role)
		return PH_ELIMIT;
	hold->role = role;
	if (hold->held && !hold->stale && hold->id != h->id)
		RB_REMOVE(hold_tree, &t->names[role], hold);
	if (!hold->held || hold->stale || hold->id != h->id) {
		if (!hold->held)
			t->n.wanted++;
		hold->item = i;
		hold->id = h->id;
		hold->held = true;
		hold->stale = false;
		RB_INSERT(hold_tree, &t->names[role], hold);
	}
	hold->deadline = h->deadline;
	latest = now + fw_policy_lease(t->policy, role, h);
	if (hold->deadline == 0 || hold->deadline > latest)
		hold->deadline = latest;
	item_set_deadline(i);
	if (!i->have)
		item_mark_dirty(i);
	*out = i;
	return PH_OK;
}

/* It is of use while somebody wants the pinhole that its answers come by. */
static void
change_cut(struct fwtable *t, const struct fw_change *c, int64_t now)
{
	struct pinhole out = c->hole;
	enum ph_err rc;

	out.from_port = 0;
	if (c->hole.from_port == 0 || out.dir != PINHOLE_OUT ||
	    item_find(t, &out) == NULL) {
		t->n.denied++;
		return;
	}
	/* A failure leaves what there was; the call goes on. */
	rc = t->ops->commit(t->fw, c, 1, now);
	if (rc != PH_OK)
		t->n.bad++;
}

/* One change; what is wrong with it goes into the batch's answer. */
static void
change_take(struct fwtable *t, struct answer *b, unsigned int bit,
    const struct fw_change *c, int64_t now)
{
	const char *why = "malformed";
	struct item *i = NULL;
	enum ph_err rc = PH_EBAD;
	struct hold *hold;

	t->n.changes++;
	if (c->op == FW_CUT) {
		change_cut(t, c, now);
		return;
	}
	if (c->op == FW_CLOSE) {
		hold = hold_find(t, b->role, c->hole.id);
		if (hold != NULL)
			hold_release(hold);
		return;
	}
	if (c->op == FW_OPEN)
		rc = fw_policy_open(t->policy, b->role, &c->hole, &why);
	if (rc == PH_OK) {
		why = "too many pinholes";
		rc = hold_want(t, b->role, &c->hole, now, &i);
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
	for (i = 0; i < c->n && i < IPC_BATCH; i++)
		change_take(t, b, i, &c->changes[i], now);
}

void
fwtable_begin(struct fwtable *t, enum ipc_role role)
{
	struct hold *h;

	while ((h = RB_ROOT(&t->names[role])) != NULL) {
		RB_REMOVE(hold_tree, &t->names[role], h);
		h->stale = true;
	}
}

void
fwtable_settle(struct fwtable *t, enum ipc_role role)
{
	struct hold *h;
	struct item *i;

	RB_FOREACH(i, tuple_tree, &t->tuples) {
		h = item_hold(i, role);
		if (h->held && h->stale && h->role == role)
			hold_release(h);
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
	t->forget = t->ops->settle != NULL;
}

/* What the filter has to be told about this one; 0: nothing. */
static uint32_t
item_change(struct item *i, struct fw_change *c)
{
	bool want_it = item_wanted(i);

	memset(c, 0, sizeof(*c));
	if (!want_it && !i->have)
		return 0;
	c->op = want_it ? FW_OPEN : FW_CLOSE;
	c->hole = i->hole;
	return c->op;
}

/* The filter now is as we want it, as far as this one goes. */
static void
item_settled(struct item *i)
{
	struct fwtable *t = i->t;
	bool want_it = item_wanted(i);

	if (want_it != i->have)
		t->n.open += want_it ? 1 : (uint64_t)-1;
	i->have = want_it;
	i->asker = NULL;
	TAILQ_REMOVE(&t->dirty, i, dirty_entry);
	i->dirty = false;
	if (!want_it)
		item_free(i);
}

static void
item_give_up(struct item *i, enum ph_err rc, int64_t now)
{
	struct fwtable *t = i->t;
	int r;

	if (rc == PH_EBAD)
		t->n.bad++;
	else
		t->n.limit++;
	say_refused(t, &i->hole, ph_strerror(rc), now);
	if (i->asker != NULL)
		answer_refuse(i->asker, i->bit, rc);
	for (r = 0; r < NHOLDS; r++)
		if (i->hold[r].held)
			hold_release(&i->hold[r]);
	item_settled(i);
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

/* Everything has to be opened again. */
static void
filter_lost(struct fwtable *t)
{
	struct item *i, *next;

	t->n.lost++;
	t->n.open = 0;
	for (i = RB_MIN(tuple_tree, &t->tuples); i != NULL; i = next) {
		next = RB_NEXT(tuple_tree, &t->tuples, i);
		i->have = false;
		item_mark_dirty(i);
	}
}

static void
commit_failed(struct fwtable *t, enum ph_err rc, int64_t now)
{
	uint32_t missed;

	if (rc != PH_EAGAIN && log_may(&t->failed_log, now, &missed))
		log_warnx(MODULE, "%s: %s; trying again", t->ops->name,
		    ph_strerror(rc));
	if (rc == PH_EGONE)
		filter_lost(t);
	retry_later(t, now);
}

/* How it goes, one change at a time. */
struct commit_singly {
	enum ph_err full; /* why nothing new fits, once that is known */
	bool again;	  /* a new deadline did not, either */
};

/*
 * One of a commit that was refused as a whole.  Returns false if the filter no
 * longer answers sensibly.
 */
static bool
commit_one(struct fwtable *t, struct item *i, struct commit_singly *s,
    int64_t now)
{
	struct fw_change c;
	enum ph_err rc = PH_OK;

	if (item_change(i, &c) == FW_OPEN && !i->have && s->full != PH_OK)
		rc = s->full;
	else if (c.op != 0)
		rc = t->ops->commit(t->fw, &c, 1, now);
	switch (rc) {
	case PH_OK:
	case PH_EEXIST:
		item_settled(i);
		return true;
	case PH_ELIMIT:
	case PH_ENOMEM:
		if (c.op == FW_CLOSE)
			break;
		/* New calls are refused, old ones kept. */
		if (i->have)
			s->again = true;
		else {
			s->full = rc;
			item_give_up(i, rc, now);
		}
		return true;
	case PH_EBAD:
		/* What cannot be closed is not there. */
		if (i->have)
			t->n.open--;
		i->have = false;
		item_give_up(i, rc, now);
		return true;
	default:
		break;
	}
	commit_failed(t, rc, now);
	return false;
}

/*
 * Find out what a commit was refused for.  Closing comes first, for it makes
 * room; then one at a time.
 */
static bool
commit_singly(struct fwtable *t, size_t n, int64_t now)
{
	struct commit_singly s = { PH_OK, false };
	struct item *i, *next;
	size_t left = n;

	TAILQ_FOREACH_SAFE(i, &t->dirty, dirty_entry, next) {
		if (left-- == 0)
			break;
		if (item_wanted(i))
			continue;
		n--;
		if (!commit_one(t, i, &s, now))
			return false;
	}
	left = n;
	TAILQ_FOREACH_SAFE(i, &t->dirty, dirty_entry, next) {
		if (left-- == 0)
			break;
		if (!commit_one(t, i, &s, now))
			return false;
	}
	if (s.again)
		retry_later(t, now);
	return !s.again;
}

/* One commit.  Returns false if there is no use going on now. */
static bool
commit_some(struct fwtable *t, int64_t now)
{
	struct item *i, *next;
	size_t n = 0, taken = 0;
	enum ph_err rc;

	TAILQ_FOREACH(i, &t->dirty, dirty_entry) {
		if (n == COMMIT_MAX)
			break;
		taken++;
		n += item_change(i, &t->changes[n]) != 0;
	}
	rc = n == 0 ? PH_OK : t->ops->commit(t->fw, t->changes, n, now);
	t->n.commits += n > 0;
	switch (rc) {
	case PH_OK:
	case PH_EEXIST:
		break;
	case PH_ELIMIT:
	case PH_ENOMEM:
	case PH_EBAD:
		return commit_singly(t, taken, now);
	default:
		commit_failed(t, rc, now);
		return false;
	}
	t->retry_wait = 0;
	for (i = TAILQ_FIRST(&t->dirty); taken-- > 0; i = next) {
		next = TAILQ_NEXT(i, dirty_entry);
		item_settled(i);
	}
	return true;
}

static void
on_seen(void *ctx, uint64_t id, unsigned int ends)
{
	struct fwtable *t = ctx;
	const struct hold *h;
	struct item *i, key;
	int r;

	key.hole.id = id;
	if ((i = RB_FIND(id_tree, &t->ids, &key)) == NULL)
		return;
	for (r = 0; r < NHOLDS; r++) {
		h = &i->hold[r];
		if (!h->held || h->stale)
			continue;
		if (ends & FW_SEEN_FROM)
			answers_add_id(&t->answers, h->role, ANSWERS_SEEN_FROM,
			    h->id);
		if (ends & FW_SEEN_TO)
			answers_add_id(&t->answers, h->role, ANSWERS_SEEN_TO,
			    h->id);
	}
}

static void
filter_activity(struct fwtable *t, int64_t now)
{
	enum ph_err rc = PH_OK;
	uint32_t missed;

	if (t->activity_every == 0 || now < t->activity_at)
		return;
	t->activity_at = now + t->activity_every;
	if (t->n.open > 0)
		rc = t->ops->activity(t->fw, on_seen, t, now);
	if (rc != PH_OK && rc != PH_EAGAIN &&
	    log_may(&t->failed_log, now, &missed))
		log_warnx(MODULE, "%s: cannot tell silence: %s", t->ops->name,
		    ph_strerror(rc));
	answers_send_ids(&t->answers, ANSWERS_SEEN_FROM);
	answers_send_ids(&t->answers, ANSWERS_SEEN_TO);
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
		log_warnx(MODULE, "%s: what was ours is gone; opening it again",
		    t->ops->name);
		filter_lost(t);
	}
}

static int64_t
earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t
fwtable_run(struct fwtable *t, int64_t now)
{
	int64_t next;

	timers_run(&t->timers, now);
	answers_send_ids(&t->answers, ANSWERS_CLOSED);
	if (now >= t->retry_at) {
		t->retry_at = 0;
		while (!TAILQ_EMPTY(&t->dirty) && commit_some(t, now))
			continue;
	}
	if (TAILQ_EMPTY(&t->dirty)) {
		answers_send(&t->answers);
		if (t->forget) {
			enum ph_err rc = t->ops->settle(t->fw, now);

			t->forget = false;
			if (rc != PH_OK)
				log_warnx(MODULE, "%s: leftovers remain: %s",
				    t->ops->name, ph_strerror(rc));
		}
	}
	filter_activity(t, now);
	/* The backend may have work from the commit just made. */
	filter_tick(t, now);

	next = earliest(timers_next(&t->timers), t->tick_at);
	if (!TAILQ_EMPTY(&t->dirty))
		next = earliest(next, t->retry_at);
	if (t->activity_every != 0 && t->n.open > 0)
		next = earliest(next, t->activity_at);
	return next;
}

bool
fwtable_settled(const struct fwtable *t)
{
	return TAILQ_EMPTY(&t->dirty);
}

bool
fwtable_idle(const struct fwtable *t)
{
	return t->n.wanted == 0 && fwtable_settled(t);
}

const struct fwtable_counters *
fwtable_counters(const struct fwtable *t)
{
	return &t->n;
}

void
fwtable_free(struct fwtable *t)
{
	struct item *i;

	if (t == NULL)
		return;
	while ((i = RB_ROOT(&t->tuples)) != NULL)
		item_free(i);
	answers_clear(&t->answers);
	free(t);
}
