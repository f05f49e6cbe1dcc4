/* SPDX-License-Identifier: ISC */
/*
 * Link layers, fragments and TCP streams: a sequence of frames, each preceded
 * by its link type (an index), a time step and its length.
 */
#include <netinet/in.h>

#include <stdlib.h>

#include "src/base/wire.h"
#include "src/capture/link.h"
#include "src/capture/packet.h"

static const int dlts[] = { DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW,
	DLT_NULL, DLT_PFLOG };

/* Touch every byte, so that ASan sees one that is not there. */
static unsigned int
touch(const struct datagram *d)
{
	unsigned int sum = 0;
	size_t i;

	for (i = 0; i < d->payload.len; i++)
		sum += (unsigned char)d->payload.p[i];
	return sum;
}

static void
on_udp(void *ctx, const struct datagram *d)
{
	*(unsigned int *)ctx += touch(d);
}

static enum capture_more
on_tcp(void *ctx, void **user, const struct datagram *d)
{
	*(unsigned int *)ctx += touch(d);
	if (*user == NULL)
		*user = malloc(1);
	/* Every way to go on. */
	return d->payload.len == 0
	    ? CAPTURE_WHOLE
	    : (enum capture_more)(((unsigned char)d->payload.p[0] + 3u) % 4);
}

static void
on_end(void *ctx, void *user)
{
	(void)ctx;
	free(user);
}

/*
 * The reader of the next engine: it adopts each record that the first reader
 * wants to be remembered.
 */
static struct packets *successor;

static void
on_remember(void *ctx, uint64_t key, const void *p, size_t len)
{
	(void)ctx;
	if (len > 0)
		packets_adopt(successor, key, p, len, 1);
}

/*
 * packets_add() must only count, as ignored, a frame that packets_skip() says
 * may be skipped.
 */
static void
add_as_if_skipped(struct packets *p, const struct packet_source *from,
    int64_t now, struct span frame, const struct capture_sink *sink)
{
	struct capture_stats before, after;
	bool skip = packets_skip(p, from->dlt, frame);

	before = *packets_stats(p);
	packets_expire(p, now, sink);
	packets_add(p, from, now, frame, sink);
	after = *packets_stats(p);
	if (skip && !from->live &&
	    (after.packets != before.packets + 1 ||
		after.ignored != before.ignored + 1))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct capture_port ports[] = {
		{ IPPROTO_UDP, 5060 },
		{ IPPROTO_TCP, 5060 },
	};
	unsigned int sum = 0;
	struct capture_sink sink = { &sum, on_udp, on_tcp, on_end, on_remember,
		NULL };
	struct packets *p = packets_new(ports, 2);
	struct cursor c = cursor_of(data, len);
	int64_t now = 0;
	struct packet_source from = { 0 };
	struct span frame;
	uint8_t dlt;

	successor = packets_new(ports, 2);
	if (p == NULL || successor == NULL)
		return 0;
	while (cursor_left(&c) > 4) {
		dlt = cursor_u8(&c);
		now += cursor_u8(&c) * INT64_C(10000);
		from.dlt = dlts[dlt % (sizeof(dlts) / sizeof(dlts[0]))];
		from.live = from.has_mac = (dlt & 0x80) != 0;
		frame = cursor_span(&c, cursor_u16(&c));
		add_as_if_skipped(p, &from, now, frame, &sink);
		packets_flush(p, &sink);
		/* A record may hold any bytes. */
		packets_adopt(successor, CAPTURE_KEY_MIN + dlt, frame.p,
		    frame.len, now);
		packets_add(successor, &from, now, frame, &sink);
	}
	packets_expire(p, now + INT64_C(60000000), &sink);
	packets_free(p, &sink);
	packets_free(successor, &sink);
	return 0;
}
