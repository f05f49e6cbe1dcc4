/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>

#include "nft/hook.h"
#include "nft/inspect.h"
#include "nft/nft.h"
#include "nft/table.h"

/*
 * How often to look whether our table still stands.  /etc/nftables.conf
 * begins with `flush ruleset`, so every reload of it takes our table away;
 * the question costs 2 us, the answer "something changed" some 100 us.
 */
#define LOOK_US (250 * 1000)

/* See struct sweep for what these mean. */
#define SWEEP_PAUSE_US 2000

/* A refused transaction costs some 10 ms, so it is not repeated at once. */
#define HOOK_AGAIN_US (1000 * 1000)

/*
 * Up to so many elements, one dump answers a question for activity, in some 10
 * ms.  A longer dump would keep new pinholes waiting.  So more elements are
 * read between other work, and the answer is what was read since the last
 * question.
 */
#define COUNT_AT_ONCE  4096
#define COUNT_SLICE    4
#define COUNT_PAUSE_US 1000

/* Dumps that a change overtakes are repeated, but not for ever. */
#define DUMP_TRIES 4

struct dump {
	struct fw *fw;
	void (*cb)(void *ctx, const struct element_seen *e);
	void *ctx;
};

static void
dump_received(void *ctx, const struct nlmsghdr *nlh)
{
	struct dump *d = ctx;

	if ((nlh->nlmsg_type & 0xff) == NFT_MSG_NEWSETELEM)
		(void)elements_parse(nlh, d->fw->config->name, d->cb, d->ctx);
}

/* Dump the elements of one set.  -EINTR: perhaps not all of them. */
static int
dump_set(struct fw *fw, unsigned int set,
    void (*cb)(void *ctx, const struct element_seen *e), void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[256];
	struct dump d = { fw, cb, ctx };
	int tries, rc = -EINTR;

	for (tries = 0; tries < DUMP_TRIES && rc == -EINTR; tries++)
		rc = nlsock_request(fw->nl,
		    elements_request(buf, fw->config->name, set), dump_received,
		    &d);
	return rc;
}

static void
element_counted(void *ctx, const struct element_seen *e)
{
	struct fw *fw = ctx;

	mirror_counted(fw->mirror, &e->elem, e->packets);
}

static bool
is_counted(const struct fw *fw, unsigned int set)
{
	return set_counts(set) && mirror_count(fw->mirror, set) > 0;
}

static bool
is_much(const struct fw *fw)
{
	unsigned int set;
	size_t n = 0;

	for (set = 0; set < SET_COUNT; set++)
		n += is_counted(fw, set) ? mirror_count(fw->mirror, set) : 0;
	return n > COUNT_AT_ONCE;
}

enum ph_err
nft_activity(struct fw *fw, fw_seen_fn seen, void *ctx, int64_t now)
{
	bool complete = true, much = is_much(fw);
	unsigned int set;
	int rc;

	mirror_count_begin(fw->mirror);
	for (set = 0; set < SET_COUNT; set++) {
		/*
		 * Elements for one connection are always read, for a missing
		 * one was used.
		 */
		if (!is_counted(fw, set) ||
		    (much && set_part(set) != PART_ONCE))
			continue;
		rc = dump_set(fw, set, element_counted, fw);
		if (rc == -EINTR)
			complete = false;
		else if (rc != 0)
			return nlsock_err(rc);
	}
	mirror_count_end(fw->mirror, complete, now, seen, ctx);
	if (much && !fw->counting) {
		fw->counting = true;
		fw->dumping = false;
		fw->counting_set = 0;
	}
	return PH_OK;
}

static int64_t
count_some(struct fw *fw, int64_t now)
{
	_Alignas(struct nlmsghdr) char buf[256];
	struct dump d = { fw, element_counted, fw };

	if (!fw->counting)
		return INT64_MAX;
	if (fw->dumping) {
		fw->dumping = nlsock_more(fw->counts, COUNT_SLICE,
				  dump_received, &d) == 1;
		return now + COUNT_PAUSE_US;
	}
	while (fw->counting_set < SET_COUNT &&
	    (!is_counted(fw, fw->counting_set) ||
		set_part(fw->counting_set) == PART_ONCE))
		fw->counting_set++;
	if (fw->counting_set == SET_COUNT) {
		fw->counting = false;
		return INT64_MAX;
	}
	fw->dumping = nlsock_dump(fw->counts,
			  elements_request(buf, fw->config->name,
			      fw->counting_set++)) == 0;
	return now;
}

struct strays {
	struct fw *fw;
	struct elem *v;
	size_t n, cap;
	bool full;
};

static void
collect_stray(void *ctx, const struct element_seen *e)
{
	struct strays *s = ctx;
	struct elem *v;
	size_t cap;

	if (mirror_has(s->fw->mirror, &e->elem))
		return;
	if (s->n == s->cap) {
		cap = s->cap > 0 ? s->cap * 2 : 64;
		if ((v = reallocarray(s->v, cap, sizeof(*v))) == NULL) {
			s->full = true;
			return;
		}
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = e->elem;
}

/* Add it first, so that the deletion does not fail if it has just expired. */
static enum ph_err
delete_strays(struct fw *fw, const struct strays *s)
{
	size_t i;

	if (s->n == 0)
		return PH_OK;
	batch_begin(&fw->batch, nlsock_seq(fw->nl));
	for (i = 0; i < s->n; i++)
		batch_element(&fw->batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE,
		    &s->v[i], s->v[i].data, 0);
	for (i = 0; i < s->n; i++)
		batch_element(&fw->batch, NFT_MSG_DELSETELEM, 0, &s->v[i], NULL,
		    0);
	return nft_send(fw);
}

enum ph_err
nft_settle(struct fw *fw, int64_t now)
{
	struct strays s = { .fw = fw };
	enum ph_err rc = PH_OK;
	unsigned int set;

	for (set = 0; set < SET_COUNT && rc == PH_OK; set++)
		if (set_exists(set) && fw->parts & 1u << set_part(set))
			rc = nlsock_err(dump_set(fw, set, collect_stray, &s));
	if (rc == PH_OK && s.full)
		rc = PH_ENOMEM;
	if (rc == PH_OK)
		rc = delete_strays(fw, &s);
	free(s.v);
	if (rc != PH_OK)
		return rc;
	mirror_expect_leftovers(fw->mirror, false);
	nft_begin_hooks(fw);
	nft_sweep_soon(fw, fw->flowtables, now);
	return PH_OK;
}

void
nft_begin_hooks(struct fw *fw)
{
	fw->hooking = true;
	fw->hooks_at = 0;
	if (nft_generation(fw, &fw->hooks_generation) != 0 ||
	    hook_begin(fw->nl, fw->ruleset, fw->config) != PH_OK)
		fw->hooks_generation = 0;
}

/* A reload of the chain's manager takes our rule away. */
static void
look_at_hooks(struct fw *fw, int64_t now)
{
	uint32_t generation;

	if (!fw->hooking || fw->config->nhooks == 0 ||
	    (now < fw->hooks_at && fw->hooks_at - now <= HOOK_AGAIN_US) ||
	    nft_generation(fw, &generation) != 0 ||
	    generation == fw->hooks_generation)
		return;
	if (hook_mend(fw->nl, fw->ruleset, fw->config) != PH_OK)
		fw->hooks_at = now + HOOK_AGAIN_US;
	else
		fw->hooks_generation = generation;
}

/* False when our table is not as we made it, or not there. */
static bool
still_stands(struct fw *fw)
{
	struct table_seen seen;
	uint32_t generation;

	if (nft_generation(fw, &generation) != 0)
		return true; /* without an answer, assume that our table is
				there */
	if (generation == fw->generation)
		return true;
	if (inspect_table(fw->nl, fw->config->name, &seen) != 0 ||
	    inspect_flowtables(fw->nl, &fw->flowtables) != 0)
		return true;
	if (!seen.exists || seen.print != fw->print)
		return false;
	fw->generation = generation;
	return true;
}

/*
 * When the user's ruleset is loaded anew, its sets are empty.  They have new
 * handles, by which we notice.
 */
void
nft_look_at_user_sets(struct fw *fw)
{
	struct user_table found;
	uint32_t generation;
	size_t i;

	if (fw->config->ntables == 0 || nft_generation(fw, &generation) != 0 ||
	    generation == fw->looked_at_generation)
		return;
	for (i = 0; i < fw->config->ntables; i++) {
		if (user_table_find(fw->nl, fw->config->tables[i],
			fw->config->name, &found) != 0)
			return;
		if (user_table_renewed(&fw->looked_at[i], &found))
			fw->emptied = true;
		fw->looked_at[i] = found;
	}
	fw->looked_at_generation = generation;
}

static int
id_cmp(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The key of @connections is the number that ctnetlink calls CTA_ID. */
static void
collect_outliving(void *ctx, const struct element_seen *e)
{
	struct fw *fw = ctx;
	uint32_t *v;

	if (e->elem.keylen != sizeof(*v))
		return;
	v = reallocarray(fw->outliving, fw->noutliving + 1, sizeof(*v));
	if (v == NULL)
		return;
	memcpy(&v[fw->noutliving++], e->elem.key, sizeof(*v));
	fw->outliving = v;
}

static bool
may_outlive(void *ctx, uint32_t ct_id)
{
	struct fw *fw = ctx;

	return fw->noutliving > 0 &&
	    bsearch(&ct_id, fw->outliving, fw->noutliving, sizeof(ct_id),
		id_cmp) != NULL;
}

static bool
flow_is_covered(void *ctx, const struct flow_view *v)
{
	struct fw *fw = ctx;

	return mirror_covers(fw->mirror, v);
}

static bool
read_outliving(void *ctx)
{
	struct fw *fw = ctx;

	fw->noutliving = 0;
	if (fw->parts & 1u << PART_ONCE &&
	    dump_set(fw, SET_CONNECTIONS, collect_outliving, fw) != 0)
		return false;
	if (fw->noutliving > 0)
		qsort(fw->outliving, fw->noutliving, sizeof(*fw->outliving),
		    id_cmp);
	return true;
}

static void
begin_sweep(struct fw *fw, int64_t now)
{
	fw->sweep_at = INT64_MAX;
	if (!read_outliving(fw)) {
		/* We cannot tell now which are closed: sweep later. */
		nft_sweep_soon(fw, false, now);
		return;
	}
	sweep_start(fw->sweep);
	fw->sweeping = true;
}

static int64_t
sweep_some(struct fw *fw, int64_t now)
{
	const struct sweep_question q = { flow_is_covered, may_outlive,
		read_outliving, fw };

	if (fw->sweep_at != INT64_MAX && fw->sweep_at - now > NFT_SWEEP_US)
		fw->sweep_at = now + NFT_SWEEP_US; /* the clock was set back */
	if (!fw->sweeping && now >= fw->sweep_at)
		begin_sweep(fw, now);
	if (fw->sweeping) {
		if (sweep_step(fw->sweep, &q) == 1)
			return now + SWEEP_PAUSE_US;
		fw->sweeping = false;
		if (sweep_left(fw->sweep) > 0)
			nft_sweep_soon(fw, false, now);
	}
	return fw->sweep_at;
}

static int64_t
deadline_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t
nft_tick(struct fw *fw, int64_t now, enum ph_err *err)
{
	enum ph_err rc = PH_OK;
	int64_t next;

	/* Look also when the clock was set back. */
	if (now >= fw->look_at || fw->look_at - now > LOOK_US) {
		fw->look_at = now + LOOK_US;
		if (!fw->config->yield && !still_stands(fw))
			rc = nft_rebuild(fw, now);
		nft_look_at_user_sets(fw);
		look_at_hooks(fw, now);
	}
	if (fw->rebuilt || rc != PH_OK)
		rc = PH_EGONE;
	fw->rebuilt = false;
	if (err != NULL)
		*err = rc;
	next = deadline_earlier(fw->look_at, count_some(fw, now));
	return deadline_earlier(next, sweep_some(fw, now));
}
