/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/base/crc.h"
#include "src/base/queue.h"
#include "src/base/strbuf.h"
#include "src/base/tree.h"
#include "src/engine/sightings.h"

struct sighting {
	RB_ENTRY(sighting) node;
	TAILQ_ENTRY(sighting) age;
	int64_t at;
	bool mirrored; /* the first of it was */
	struct addr src, dst;
	size_t len;
	char text[384]; /* what tells messages apart */
};

RB_HEAD(sighting_tree, sighting);

struct sightings {
	struct sighting_tree tree;
	TAILQ_HEAD(, sighting) ages; /* oldest first */
	size_t n;
};

static int
sighting_cmp(const struct sighting *a, const struct sighting *b)
{
	int r;

	if ((r = addr_cmp(&a->src, &b->src)) != 0 ||
	    (r = addr_cmp(&a->dst, &b->dst)) != 0)
		return r;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->text, b->text, a->len);
}

RB_GENERATE_STATIC(sighting_tree, sighting, node, sighting_cmp)

struct sightings *
sightings_new(void)
{
	struct sightings *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	RB_INIT(&s->tree);
	TAILQ_INIT(&s->ages);
	return s;
}

static void
sighting_forget(struct sightings *s, struct sighting *x)
{
	RB_REMOVE(sighting_tree, &s->tree, x);
	TAILQ_REMOVE(&s->ages, x, age);
	s->n--;
	free(x);
}

void
sightings_free(struct sightings *s)
{
	if (s == NULL)
		return;
	while (!TAILQ_EMPTY(&s->ages))
		sighting_forget(s, TAILQ_FIRST(&s->ages));
	free(s);
}

/* Spans are copied; one that is too long is cut. */
static void
key_of(struct sighting *key, const struct datagram *d,
    const struct sip_message *m)
{
	struct strbuf b = strbuf_of(key->text, sizeof(key->text));
	const struct {
		struct span text;
		size_t most;
	} parts[] = { { m->branch, 80 }, { m->from_tag, 50 }, { m->to_tag, 50 },
		{ m->call_id, 120 } };
	size_t i;

	memset(key, 0, sizeof(*key));
	key->src = d->src.addr;
	key->dst = d->dst.addr;
	strbuf_fmt(&b, "%d %d %u %u %x", m->request, m->method, m->status,
	    m->cseq, crc32_of(0, m->sdp.p, m->sdp.len));
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		strbuf_str(&b, " ");
		strbuf_add(&b, span_sub(parts[i].text, 0, parts[i].most));
	}
	key->len = b.len;
}

static void
sighting_add(struct sightings *s, const struct sighting *key)
{
	struct sighting *x;

	if (s->n >= SIGHTINGS_MAX)
		sighting_forget(s, TAILQ_FIRST(&s->ages));
	if ((x = malloc(sizeof(*x))) == NULL)
		return;
	*x = *key;
	RB_INSERT(sighting_tree, &s->tree, x);
	TAILQ_INSERT_TAIL(&s->ages, x, age);
	s->n++;
}

bool
sightings_input(struct sightings *s, int64_t now, const struct datagram *d,
    const struct sip_message *m)
{
	struct sighting key, *x;

	while ((x = TAILQ_FIRST(&s->ages)) != NULL &&
	    now - x->at > SIGHTINGS_WITHIN)
		sighting_forget(s, x);
	key_of(&key, d, m);
	if ((x = RB_FIND(sighting_tree, &s->tree, &key)) != NULL)
		return x->mirrored != d->mirrored;
	key.at = now;
	key.mirrored = d->mirrored;
	sighting_add(s, &key);
	return false;
}
