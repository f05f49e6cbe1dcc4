/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "sip/message.h"
#include "src/base/err.h"
#include "src/engine/stream.h"

#define STREAM_MAX (SIP_MAX_HEAD + SIP_MAX_MESSAGE)

struct stream_side {
	struct shares *room;
	struct share_item item;
	char *p;
	size_t len, size;
	size_t need;	/* bytes before it is worth looking again */
	size_t scanned; /* no head ends in these */
	bool line;	/* its first line is there, and was looked at */
	bool lost;	/* what `p` has may be a message, or may be not */
	bool evicted;	/* a part of a message had to go */
};

struct stream {
	struct endpoint first;
	struct stream_side side[2];
};

struct consumer {
	void (*message)(void *ctx, struct span text, bool whole);
	void *ctx;
};

struct stream *
stream_new(const struct endpoint *first, struct shares *room)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->first = *first;
	s->side[0].room = s->side[1].room = room;
	s->side[0].item.owner = &s->side[0];
	s->side[1].item.owner = &s->side[1];
	return s;
}

static void
side_clear(struct stream_side *h)
{
	shares_remove(h->room, &h->item);
	free(h->p);
	h->p = NULL;
	h->len = h->size = h->need = h->scanned = 0;
	h->line = false;
}

void
stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	side_clear(&s->side[0]);
	side_clear(&s->side[1]);
	free(s);
}

/* Make room for a buffer of `size` bytes; false if `h` itself was evicted. */
static bool
side_charge(struct stream_side *h, const struct addr *src, size_t size)
{
	struct stream_side *worst;

	while (h->room->used + size - h->size > STREAM_ROOM) {
		if ((worst = shares_worst(h->room)) == NULL || worst == h)
			return false;
		side_clear(worst);
		worst->evicted = true;
	}
	if (h->item.share == NULL)
		return shares_add(h->room, &h->item, src, size);
	shares_resize(h->room, &h->item, size);
	return true;
}

static enum ph_err
side_append(struct stream_side *h, const struct addr *src, struct span bytes)
{
	size_t size = h->size == 0 ? 2048 : h->size;
	char *p;

	if (bytes.len == 0)
		return PH_OK;
	if (bytes.len > STREAM_MAX - h->len)
		return PH_ELIMIT;
	while (size < h->len + bytes.len)
		size *= 2;
	if (size != h->size) {
		if (!side_charge(h, src, size))
			return PH_ELIMIT;
		if ((p = realloc(h->p, size)) == NULL) {
			side_clear(h);
			return PH_ENOMEM;
		}
		h->p = p;
		h->size = size;
	}
	memcpy(h->p + h->len, bytes.p, bytes.len);
	h->len += bytes.len;
	return PH_OK;
}

/*
 * May there be a message now?  Its head ends in an empty line; before, only
 * its first byte and its first line say that there is none.  So a head that
 * comes one byte at a time is parsed three times.
 */
static bool
worth_looking(struct stream_side *h)
{
	bool look = h->len <= 2 || h->len >= SIP_MAX_HEAD;
	size_t i = h->scanned > 2 ? h->scanned - 2 : 0, n = h->len;

	if (h->need > 0)
		return n >= h->need;
	for (; i + 1 < n; i++) {
		if (h->p[i] != '\n')
			continue;
		if (!h->line || h->p[i + 1] == '\n' ||
		    (h->p[i + 1] == '\r' && i + 2 < n && h->p[i + 2] == '\n'))
			look = true;
		h->line = true;
	}
	h->scanned = n;
	return look;
}

/*
 * Hand on the messages at the beginning of `rest`; PH_ETRUNC: a part of
 * another is left, of which *need bytes are worth looking at.
 */
static enum ph_err
message_take(struct span *rest, size_t *need, const struct consumer *to)
{
	size_t skip;
	enum ph_err rc;

	do {
		skip = *need = 0;
		rc = sip_frame(*rest, &skip, need);
		*rest = span_sub(*rest, skip, rest->len);
		if (rc != PH_OK)
			break;
		if (to != NULL)
			to->message(to->ctx, span_sub(*rest, 0, *need), true);
		*rest = span_sub(*rest, *need, rest->len);
		*need = 0;
	} while (rest->len > 0);
	if (rc == PH_ETRUNC)
		return rest->len == 0 ? PH_OK : rc;
	if (rc != PH_OK && to != NULL)
		to->message(to->ctx, *rest, false);
	return rc;
}

static enum ph_err
side_follow(struct stream_side *h, const struct addr *src, struct span bytes,
    const struct consumer *to)
{
	struct span rest;
	size_t n, need;
	enum ph_err rc;

	/* A segment may be as large as the window: feed it in pieces. */
	while (bytes.len > 0) {
		rest = bytes;
		n = bytes.len;
		if (h->len > 0) {
			n = STREAM_MAX - h->len;
			if ((rc = side_append(h, src, span_sub(bytes, 0, n))) !=
			    PH_OK)
				return rc;
			rest = (struct span) { h->p, h->len };
		}
		bytes = span_sub(bytes, n, bytes.len);
		if (h->len > 0 && !worth_looking(h))
			continue;
		if ((rc = message_take(&rest, &need, to)) != PH_OK &&
		    rc != PH_ETRUNC)
			return rc;
		if (rest.len >= STREAM_MAX)
			return PH_ELIMIT;
		if (rest.len == 0)
			side_clear(h);
		else if (h->len == 0) {
			if ((rc = side_append(h, src, rest)) != PH_OK)
				return rc;
		} else if (rest.p != h->p) {
			memmove(h->p, rest.p, rest.len);
			h->scanned = 0;
			h->line = false;
		}
		h->len = rest.len;
		h->need = need;
	}
	return PH_OK;
}

/* Whether whole messages fill these bytes; PH_ETRUNC: more must come. */
static enum ph_err
ends_well(struct span text, size_t *need)
{
	size_t all = text.len;
	enum ph_err rc = message_take(&text, need, NULL);

	if (rc == PH_ETRUNC && *need > 0)
		*need += all - text.len;
	return rc;
}

/* A segment to a direction that is lost: PH_OK, it no longer is. */
static enum ph_err
side_seek(struct stream_side *h, const struct addr *src, struct span bytes,
    const struct consumer *to)
{
	struct span text = bytes;
	enum ph_err rc = PH_EMALFORMED;
	size_t need, none;

	if (h->len > 0 && (rc = side_append(h, src, bytes)) == PH_OK) {
		if (!worth_looking(h))
			return PH_ETRUNC;
		text = (struct span) { h->p, h->len };
		rc = ends_well(text, &need);
	}
	if (rc != PH_OK && rc != PH_ETRUNC) {
		/* The bytes before are no message; the new ones may be one. */
		side_clear(h);
		text = bytes;
		if (!sip_starts(text))
			return PH_EMALFORMED;
		rc = ends_well(text, &need);
		if (rc == PH_ETRUNC && side_append(h, src, bytes) != PH_OK)
			return PH_ELIMIT;
	}
	if (rc == PH_ETRUNC) {
		h->need = need;
		return rc;
	}
	if (rc == PH_OK)
		rc = message_take(&text, &none, to);
	side_clear(h);
	return rc;
}

enum capture_more
stream_add(struct stream *s, const struct datagram *d,
    void (*message)(void *ctx, struct span text, bool whole), void *ctx)
{
	struct stream_side *h = &s->side[endpoint_cmp(&d->src, &s->first) != 0];
	const struct consumer to = { message, ctx };
	enum ph_err rc;

	if (d->joined && !h->lost) {
		side_clear(h);
		h->lost = true;
	}
	if (h->lost)
		rc = side_seek(h, &d->src.addr, d->payload, &to);
	else
		rc = h->evicted ? PH_ELIMIT
				: side_follow(h, &d->src.addr, d->payload, &to);
	h->evicted = false;
	if (rc == PH_OK) {
		h->lost = false;
		return h->len > 0 ? CAPTURE_PART : CAPTURE_WHOLE;
	}
	if (!h->lost)
		side_clear(h);
	h->lost = true;
	return CAPTURE_LOST;
}
