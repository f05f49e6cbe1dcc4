/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/queue.h"
#include "src/base/shares.h"
#include "src/base/tree.h"
#include "src/capture/ipfrag.h"

#define MAX_DATAGRAM 65535

struct piece {
	uint32_t off, len;
	bool more;
};

struct pending {
	RB_ENTRY(pending) node;
	TAILQ_ENTRY(pending) age;
	struct frag_key key;
	struct share_item item;
	int64_t since;
	bool condemned;
	uint8_t proto;
	uint32_t total; /* 0: the last piece is missing */
	uint32_t have;	/* bytes */
	uint8_t *data;
	uint32_t size; /* allocated */
	unsigned int npieces;
	struct piece pieces[FRAG_MAX_PIECES]; /* sorted by offset */
};

RB_HEAD(pending_tree, pending);

struct ipfrag {
	struct pending_tree tree;
	struct shares shares;
	TAILQ_HEAD(, pending) ages; /* oldest first */
	uint8_t *done;		    /* the datagram handed out last */
};

static int
key_cmp(const struct frag_key *a, const struct frag_key *b)
{
	int r;

	if ((r = addr_cmp(&a->src, &b->src)) != 0)
		return r;
	if ((r = addr_cmp(&a->dst, &b->dst)) != 0)
		return r;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	if (a->dir != b->dir)
		return (int)a->dir - (int)b->dir;
	return (int)a->proto - (int)b->proto;
}

static int
pending_cmp(const struct pending *a, const struct pending *b)
{
	return key_cmp(&a->key, &b->key);
}

RB_GENERATE_STATIC(pending_tree, pending, node, pending_cmp)

struct ipfrag *
ipfrag_new(void)
{
	struct ipfrag *f = calloc(1, sizeof(*f));

	if (f != NULL) {
		RB_INIT(&f->tree);
		shares_init(&f->shares);
		TAILQ_INIT(&f->ages);
	}
	return f;
}

static void
pending_free(struct ipfrag *f, struct pending *p)
{
	shares_remove(&f->shares, &p->item);
	RB_REMOVE(pending_tree, &f->tree, p);
	TAILQ_REMOVE(&f->ages, p, age);
	free(p->data);
	free(p);
}

void
ipfrag_free(struct ipfrag *f)
{
	if (f == NULL)
		return;
	while (!TAILQ_EMPTY(&f->ages))
		pending_free(f, TAILQ_FIRST(&f->ages));
	free(f->done);
	free(f);
}

int64_t
ipfrag_due(const struct ipfrag *f)
{
	const struct pending *p = TAILQ_FIRST(&f->ages);

	return p != NULL ? p->since + FRAG_TIMEOUT : INT64_MAX;
}

void
ipfrag_expire(struct ipfrag *f, int64_t now, struct capture_stats *stats)
{
	struct pending *p;

	while ((p = TAILQ_FIRST(&f->ages)) != NULL &&
	    now - p->since >= FRAG_TIMEOUT) {
		if (!p->condemned)
			stats->frag_timeouts++;
		pending_free(f, p);
	}
}

/*
 * Room for `more` bytes.  A flood in the name of a source costs that source
 * its oldest pieces, and nobody else.  False: `keep` would have to go.
 */
static bool
make_room(struct ipfrag *f, size_t more, const struct pending *keep,
    struct capture_stats *stats)
{
	struct pending *p;

	while (f->shares.used + more > FRAG_MAX_BYTES) {
		p = shares_worst(&f->shares);
		if (p == NULL || p == keep)
			return false;
		stats->frag_limits++;
		pending_free(f, p);
	}
	return true;
}

static struct pending *
pending_new(struct ipfrag *f, const struct frag_key *key, int64_t now,
    struct capture_stats *stats)
{
	struct pending *p;

	if (!make_room(f, sizeof(*p), NULL, stats) ||
	    (p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	p->item.owner = p;
	if (!shares_add(&f->shares, &p->item, &key->src, sizeof(*p))) {
		free(p);
		return NULL;
	}
	p->key = *key;
	p->since = now;
	RB_INSERT(pending_tree, &f->tree, p);
	TAILQ_INSERT_TAIL(&f->ages, p, age);
	return p;
}

static void
pending_condemn(struct ipfrag *f, struct pending *p,
    struct capture_stats *stats)
{
	if (!p->condemned)
		stats->frag_overlaps++;
	p->condemned = true;
	shares_resize(&f->shares, &p->item, sizeof(*p));
	free(p->data);
	p->data = NULL;
}

static enum ph_err
pending_reserve(struct ipfrag *f, struct pending *p, uint32_t end,
    struct capture_stats *stats)
{
	uint32_t size = p->size == 0 ? 2048 : p->size;
	uint8_t *data;

	while (size < end)
		size *= 2;
	if (size == p->size)
		return PH_OK;
	if (!make_room(f, size - p->size, p, stats))
		return PH_ELIMIT;
	if ((data = realloc(p->data, size)) == NULL)
		return PH_ENOMEM;
	shares_resize(&f->shares, &p->item, sizeof(*p) + size);
	p->data = data;
	p->size = size;
	return PH_OK;
}

/*
 * The place of the piece: PH_OK with its index in *at, PH_EEXIST for an exact
 * repetition, PH_EMALFORMED for an overlap.
 */
static enum ph_err
pending_place(const struct pending *p, uint32_t off, bool more,
    struct span data, unsigned int *at)
{
	uint32_t len = (uint32_t)data.len;
	unsigned int i;

	for (i = 0; i < p->npieces; i++)
		if (off < p->pieces[i].off + p->pieces[i].len)
			break;
	*at = i;
	if (i == p->npieces || off + len <= p->pieces[i].off)
		return PH_OK;
	if (p->pieces[i].off == off && p->pieces[i].len == len &&
	    p->pieces[i].more == more &&
	    memcmp(p->data + off, data.p, len) == 0)
		return PH_EEXIST;
	return PH_EMALFORMED;
}

/*
 * All fragments but the last are multiples of eight long, nothing is empty,
 * nothing goes past the end, and there is but one end.
 */
static bool
piece_fits(const struct pending *p, uint32_t off, bool more, size_t len)
{
	const struct piece *last =
	    p->npieces > 0 ? &p->pieces[p->npieces - 1] : NULL;
	size_t end = off + len;

	if (len == 0 || len > MAX_DATAGRAM || end > MAX_DATAGRAM ||
	    (p->total != 0 && end > p->total))
		return false;
	if (more)
		return len % 8 == 0;
	return (p->total == 0 || end == p->total) &&
	    (last == NULL || last->off + last->len <= end);
}

enum ph_err
ipfrag_add(struct ipfrag *f, int64_t now, const struct frag_key *key,
    uint32_t off, bool more, uint8_t proto, struct span data,
    struct span *whole, uint8_t *wholeproto, struct capture_stats *stats)
{
	struct pending find, *p;
	uint32_t end = off + (uint32_t)data.len;
	unsigned int at;
	enum ph_err rc;

	stats->fragments++;
	ipfrag_expire(f, now, stats);
	find.key = *key;
	if ((p = RB_FIND(pending_tree, &f->tree, &find)) == NULL &&
	    (p = pending_new(f, key, now, stats)) == NULL)
		return PH_ELIMIT;
	if (p->condemned)
		return PH_EMALFORMED;
	if (!piece_fits(p, off, more, data.len)) {
		pending_condemn(f, p, stats);
		return PH_EMALFORMED;
	}
	switch (rc = pending_place(p, off, more, data, &at)) {
	case PH_OK:
		break;
	case PH_EEXIST:
		return PH_ETRUNC;
	default:
		pending_condemn(f, p, stats);
		return rc;
	}
	if (p->npieces == FRAG_MAX_PIECES ||
	    (rc = pending_reserve(f, p, end, stats)) != PH_OK) {
		stats->frag_limits++;
		pending_free(f, p);
		return PH_ELIMIT;
	}
	memmove(&p->pieces[at + 1], &p->pieces[at],
	    (p->npieces - at) * sizeof(p->pieces[0]));
	p->pieces[at] = (struct piece) { off, (uint32_t)data.len, more };
	p->npieces++;
	memcpy(p->data + off, data.p, data.len);
	p->have += (uint32_t)data.len;
	if (off == 0)
		p->proto = proto;
	if (!more)
		p->total = end;
	if (p->total == 0 || p->have < p->total)
		return PH_ETRUNC;
	free(f->done);
	f->done = p->data;
	p->data = NULL;
	*whole = (struct span) { (const char *)f->done, p->total };
	*wholeproto = p->proto;
	pending_free(f, p);
	return PH_OK;
}
