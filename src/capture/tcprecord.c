/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include "src/base/wire.h"
#include "src/capture/tcpconn.h"
#include "src/capture/tcpstream.h"

/*
 * The layout of a connection's record in the journal, and its greatest length.
 */
#define RECORD_LAYOUT 2
#define RECORD_MAX    (1 + 2 * (17 + 2) + 4 + 1 + 2 * TCPSIDE_RECORD)

enum {
	RECORD_CLIENT_A = 1,
	RECORD_MIDSTREAM = 2,
	RECORD_DEAF = 4,
	RECORD_SUPPOSED = 8,
};

static void
put_endpoint(struct writer *w, const struct endpoint *e)
{
	writer_addr(w, &e->addr);
	writer_u16(w, e->port);
}

static struct endpoint
get_endpoint(struct cursor *r)
{
	struct endpoint e = { .addr = cursor_addr(r) };

	e.port = cursor_u16(r);
	return e;
}

bool
tcpstream_flush(struct tcpstream *t, const struct capture_sink *sink)
{
	bool changed = !TAILQ_EMPTY(&t->changed);
	uint8_t record[RECORD_MAX];
	struct writer w;
	struct conn *c;

	while ((c = TAILQ_FIRST(&t->changed)) != NULL) {
		TAILQ_REMOVE(&t->changed, c, change);
		c->changed = false;
		if (c->key == 0)
			c->key = t->next_key++;
		w = writer_of(record, sizeof(record));
		writer_u8(&w, RECORD_LAYOUT);
		put_endpoint(&w, &c->a);
		put_endpoint(&w, &c->b);
		writer_u32(&w, c->ifindex);
		writer_u8(&w,
		    (c->client_a ? RECORD_CLIENT_A : 0) |
			(c->midstream ? RECORD_MIDSTREAM : 0) |
			(c->deaf ? RECORD_DEAF : 0) |
			(c->supposed ? RECORD_SUPPOSED : 0));
		tcpside_export(&c->side[0], &w);
		tcpside_export(&c->side[1], &w);
		sink->remember(sink->ctx, c->key, record, w.len);
	}
	return changed;
}

void
tcpstream_adopt(struct tcpstream *t, uint64_t key, const void *p, size_t len,
    int64_t now)
{
	static const struct capture_sink nobody;
	struct capture_stats none = { 0 };
	struct feed f = { .t = t, .now = now, .sink = &nobody, .stats = &none };
	struct cursor r = cursor_of(p, len), side[2];
	struct conn of;
	uint8_t layout = cursor_u8(&r), flags;

	if (key < CAPTURE_KEY_MIN || key >= CAPTURE_KEY_MAX - 1)
		return;
	if (layout == LOST_RECORD) {
		if (lost_adopt(&t->lost, key, &r) && key >= t->next_key)
			t->next_key = key + 1;
		return;
	}
	of.a = get_endpoint(&r);
	of.b = get_endpoint(&r);
	of.ifindex = cursor_u32(&r);
	flags = cursor_u8(&r);
	side[0] = r;
	cursor_skip(&r, TCPSIDE_RECORD);
	side[1] = r;
	cursor_skip(&r, TCPSIDE_RECORD);
	if (r.bad || cursor_left(&r) > 0 || layout != RECORD_LAYOUT ||
	    of.a.addr.af == AF_UNSPEC || of.a.addr.af != of.b.addr.af ||
	    endpoint_cmp(&of.a, &of.b) >= 0)
		return;
	if (t->open_room.n >= TCP_MAX_CONNS || tcpstream_find(t, &of) != NULL ||
	    (f.c = conn_new(&f, &of, flags & RECORD_CLIENT_A)) == NULL)
		return;
	tcpside_import(&f.c->side[0], &of.a.addr, &side[0]);
	tcpside_import(&f.c->side[1], &of.b.addr, &side[1]);
	f.c->midstream = (flags & RECORD_MIDSTREAM) != 0;
	f.c->deaf = (flags & RECORD_DEAF) != 0;
	f.c->supposed = (flags & RECORD_SUPPOSED) != 0;
	f.c->adopted = f.c->resumed = true;
	f.c->key = key;
	conn_open(&f);
	if (key >= t->next_key)
		t->next_key = key + 1;
}
