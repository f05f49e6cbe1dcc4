/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/share/boxes.h"

struct box *
boxes_get(struct boxes *b, const char *name, int64_t now)
{
	struct box *x = NULL;
	size_t i;

	for (i = 0; i < b->n; i++)
		if (strcmp(b->v[i].name, name) == 0)
			return &b->v[i];
	if (b->n < BOXES_MAX)
		x = &b->v[b->n++];
	/* A dead box without calls makes room. */
	for (i = 0; x == NULL && i < b->n; i++)
		if (b->v[i].calls == 0 && !box_alive(&b->v[i], now))
			x = &b->v[i];
	if (x == NULL)
		return NULL;
	memset(x, 0, sizeof(*x));
	memcpy(x->name, name, strlen(name) + 1);
	x->heard = now;
	return x;
}

bool
boxes_hello(struct box *x, const struct record *r, uint32_t owns, bool leaves,
    int64_t now)
{
	/*
	 * A record of an earlier process of that box must be newer, too: else
	 * two replayed ones could alternate.
	 */
	if (r->written <= x->written)
		return false;
	x->written = r->written;
	x->owns = owns;
	x->gone = leaves;
	x->heard = now;
	return true;
}

bool
box_alive(const struct box *x, int64_t now)
{
	return !x->gone && now - x->heard < BOXES_LEASE;
}

size_t
boxes_alive(const struct boxes *b, int64_t now)
{
	size_t i, n = 0;

	for (i = 0; i < b->n; i++)
		n += box_alive(&b->v[i], now);
	return n;
}

size_t
boxes_rank(const struct boxes *b, const char *name, int64_t now)
{
	size_t i, n = 0;

	for (i = 0; i < b->n; i++)
		n += box_alive(&b->v[i], now) && strcmp(b->v[i].name, name) < 0;
	return n;
}

void
boxes_excuse(struct boxes *b, int64_t now)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (!b->v[i].gone)
			b->v[i].heard = now;
}
