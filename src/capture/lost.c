/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "src/capture/lost.h"

#define RECORD_MAX (1 + 2 * 17 + 1)

static int
pair_cmp(const struct lost_pair *x, const struct lost_pair *y)
{
	int r = addr_cmp(&x->source, &y->source);

	return r != 0 ? r : addr_cmp(&x->server, &y->server);
}

RB_GENERATE_STATIC(lost_tree, lost_pair, node, pair_cmp)

void
lost_init(struct lost *l)
{
	RB_INIT(&l->tree);
	TAILQ_INIT(&l->ages);
	l->n = 0;
}

static void
pair_free(struct lost *l, struct lost_pair *x)
{
	RB_REMOVE(lost_tree, &l->tree, x);
	TAILQ_REMOVE(&l->ages, x, age);
	l->n--;
	free(x);
}

void
lost_clear(struct lost *l)
{
	while (!TAILQ_EMPTY(&l->ages))
		pair_free(l, TAILQ_FIRST(&l->ages));
}

static struct lost_pair *
pair_find(struct lost *l, const struct addr *client, const struct addr *server)
{
	struct lost_pair key;

	key.source = addr_source(client);
	key.server = *server;
	return RB_FIND(lost_tree, &l->tree, &key);
}

static struct lost_pair *
pair_new(struct lost *l, const struct addr *client, const struct addr *server)
{
	struct lost_pair *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->source = addr_source(client);
	x->server = *server;
	RB_INSERT(lost_tree, &l->tree, x);
	TAILQ_INSERT_TAIL(&l->ages, x, age);
	l->n++;
	return x;
}

static void
pair_remember(struct lost_pair *x, const struct capture_sink *sink,
    uint64_t *next_key)
{
	uint8_t record[RECORD_MAX];
	struct writer w = writer_of(record, sizeof(record));

	if (x->key == 0)
		x->key = (*next_key)++;
	writer_u8(&w, LOST_RECORD);
	writer_addr(&w, &x->source);
	writer_addr(&w, &x->server);
	writer_u8(&w, x->mute);
	sink->remember(sink->ctx, x->key, record, w.len);
}

void
lost_note(struct lost *l, const struct addr *client, const struct addr *server,
    bool mute, const struct capture_sink *sink, uint64_t *next_key)
{
	struct lost_pair *x = pair_find(l, client, server), *oldest;
	bool keeps = sink != NULL && sink->remember != NULL;

	if (x != NULL && (x->mute || !mute)) {
		TAILQ_REMOVE(&l->ages, x, age);
		TAILQ_INSERT_TAIL(&l->ages, x, age);
		return;
	}
	if (x == NULL && l->n == LOST_MAX) {
		oldest = TAILQ_FIRST(&l->ages);
		if (keeps && oldest->key != 0)
			sink->remember(sink->ctx, oldest->key, NULL, 0);
		pair_free(l, oldest);
	}
	if (x == NULL && (x = pair_new(l, client, server)) == NULL)
		return;
	x->mute = mute;
	if (keeps)
		pair_remember(x, sink, next_key);
}

unsigned int
lost_between(struct lost *l, const struct addr *a, const struct addr *b)
{
	const struct lost_pair *by_a, *by_b;

	if (l->n == 0)
		return 0;
	by_a = pair_find(l, a, b);
	by_b = pair_find(l, b, a);
	return (by_a != NULL ? LOST_BY_A : 0) | (by_b != NULL ? LOST_BY_B : 0) |
	    ((by_a != NULL && by_a->mute) || (by_b != NULL && by_b->mute)
		    ? LOST_MUTE
		    : 0);
}

bool
lost_adopt(struct lost *l, uint64_t key, struct cursor *r)
{
	struct addr source = cursor_addr(r), server = cursor_addr(r);
	bool mute = cursor_bool(r);
	struct lost_pair *x;

	if (r->bad || cursor_left(r) > 0 || source.af == AF_UNSPEC ||
	    source.af != server.af || l->n >= LOST_MAX ||
	    pair_find(l, &source, &server) != NULL ||
	    (x = pair_new(l, &source, &server)) == NULL)
		return false;
	x->mute = mute;
	x->key = key;
	return true;
}
