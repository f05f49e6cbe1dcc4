/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "sip/message.h"
#include "src/engine/stream.h"

#define STREAM_MAX (SIP_MAX_HEAD + SIP_MAX_MESSAGE)

struct half_stream {
	char *p;
	size_t len, size;
	size_t need; /* bytes before it is worth looking again */
};

struct stream {
	struct endpoint first;
	struct stream_room *room;
	struct half_stream half[2];
};

struct stream *
stream_new(const struct endpoint *first, struct stream_room *room)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->first = *first;
		s->room = room;
	}
	return s;
}

static void
half_free(struct stream *s, struct half_stream *h)
{
	s->room->used -= h->size;
	free(h->p);
	memset(h, 0, sizeof(*h));
}

void
stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	half_free(s, &s->half[0]);
	half_free(s, &s->half[1]);
	free(s);
}

static enum ph_err
append(struct stream *s, struct half_stream *h, struct span bytes)
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
		if (s->room->used + size - h->size > STREAM_ROOM)
			return PH_ELIMIT;
		if ((p = realloc(h->p, size)) == NULL)
			return PH_ENOMEM;
		s->room->used += size - h->size;
		h->p = p;
		h->size = size;
	}
	memcpy(h->p + h->len, bytes.p, bytes.len);
	h->len += bytes.len;
	return PH_OK;
}

enum ph_err
stream_add(struct stream *s, const struct endpoint *src, struct span bytes,
    void (*message)(void *ctx, struct span text), void *ctx)
{
	struct half_stream *h = &s->half[endpoint_cmp(src, &s->first) != 0];
	struct span rest;
	size_t skip, len, n;
	enum ph_err rc;

	/* A segment may be as large as the window: feed it in pieces. */
	while (bytes.len > 0) {
		rest = bytes;
		n = bytes.len;
		if (h->len > 0) {
			n = STREAM_MAX - h->len;
			if ((rc = append(s, h, span_sub(bytes, 0, n))) != PH_OK)
				return rc;
			rest = (struct span) { h->p, h->len };
		}
		bytes = span_sub(bytes, n, bytes.len);
		if (rest.len < h->need)
			continue;
		do {
			skip = len = 0;
			rc = sip_frame(rest, &skip, &len);
			rest = span_sub(rest, skip, rest.len);
			if (rc != PH_OK)
				break;
			message(ctx, span_sub(rest, 0, len));
			rest = span_sub(rest, len, rest.len);
		} while (rest.len > 0);
		if (rc != PH_OK && rc != PH_ETRUNC)
			return rc;
		if (rest.len >= STREAM_MAX)
			return PH_ELIMIT;
		if (rest.len == 0)
			half_free(s, h);
		else if (h->len == 0)
			rc = append(s, h, rest);
		else if (rest.p != h->p)
			memmove(h->p, rest.p, rest.len);
		if (rc != PH_OK && rc != PH_ETRUNC)
			return rc;
		h->len = rest.len;
		h->need = rest.len > 0 ? len : 0;
	}
	return PH_OK;
}
