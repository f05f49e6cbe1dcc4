/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/helpers_play.h"

static void
on_line(void *ctx, const char *text)
{
	struct world *w = ctx;

	/* Without its time. */
	text = strchr(text, ' ');
	assert_non_null(text);
	strbuf_fmt(&w->out, "%s;", text + 1);
}

static void
on_commit(void *ctx, const struct fw_change *changes, size_t n)
{
	struct world *w = ctx;
	size_t i;

	for (i = 0; i < n; i++)
		if (changes[i].op == FW_OPEN) {
			w->fw_id = changes[i].hole.id;
			w->deadline = changes[i].hole.deadline;
			w->once = changes[i].hole.once != 0;
		}
}

static void
on_checkpoint(void *ctx, uint64_t key, const void *p, size_t len)
{
	struct world *w = ctx;

	if (len == 0) {
		w->forgotten++;
		return;
	}
	assert_true(len <= sizeof(w->record));
	w->records++;
	w->key = key;
	memcpy(w->record, p, len);
	w->len = len;
}

struct world *
world_new(const char *text)
{
	static const uint32_t inside[] = { INNER, OTHER };
	static const struct addr own[] = { { AF_INET, { 192, 0, 2, 1 } },
		{ AF_INET, { 198, 51, 100, 1 } } };
	struct world *w = calloc(1, sizeof(*w));
	struct engine_place place = { 0 };
	struct engine_sink sink = { .ctx = w,
		.commit = on_commit,
		.checkpoint = on_checkpoint };
	struct events ev = { 0 };

	assert_non_null(w);
	w->out = strbuf_of(w->events, sizeof(w->events));
	assert_int_equal(conf_parse(&w->conf, span_of(text), "test", NULL, 0,
			     stderr),
	    PH_OK);
	place.live = true;
	place.inside = inside;
	place.ninside = 2;
	place.own = own;
	place.nown = 2;
	place.activity = true;
	ev.line = on_line;
	ev.ctx = w;
	assert_int_equal(engine_new(&w->e, w->conf, &place, &ev, &sink), PH_OK);
	return w;
}

void
world_free(struct world *w)
{
	engine_free(w->e);
	conf_free(w->conf);
	free(w);
}

struct datagram
packet(uint8_t proto, uint32_t ifindex, enum pkt_dir dir, const char *src,
    uint16_t sport, const char *dst, uint16_t dport)
{
	struct datagram d = { 0 };

	d.ifindex = ifindex;
	d.dir = (uint8_t)dir;
	d.proto = proto;
	assert_int_equal(addr_parse(span_of(src), &d.src.addr), PH_OK);
	assert_int_equal(addr_parse(span_of(dst), &d.dst.addr), PH_OK);
	d.src.port = sport;
	d.dst.port = dport;
	return d;
}

void
ftp(struct world *w, void **user, uint32_t ifindex, enum pkt_dir dir,
    const char *src, const char *dst, bool client, const char *text)
{
	struct datagram d = packet(IPPROTO_TCP, ifindex, dir, src,
	    client ? 40000 : 21, dst, client ? 21 : 40000);

	d.payload = span_of(text);
	assert_int_not_equal(engine_tcp(w->e, NOW, user, &d), CAPTURE_END);
}

void
tftp(struct world *w, int64_t now, const char *src, uint16_t sport,
    const char *dst)
{
	struct datagram d =
	    packet(IPPROTO_UDP, INNER, PKT_IN, src, sport, dst, 69);

	d.payload = (struct span) { RRQ, sizeof(RRQ) - 1 };
	engine_udp(w->e, now, &d);
}

uint64_t
world_counted(const struct world *w, const char *name)
{
	char text[8192], key[64];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct counters c = { .form = COUNTERS_LINES, .out = &b };
	const char *p;

	engine_report(w->e, &c);
	assert_false(b.full);
	snprintf(key, sizeof(key), "\n%s ", name);
	p = strstr(text, key);
	assert_non_null(p);
	return strtoull(p + strlen(key), NULL, 10);
}
