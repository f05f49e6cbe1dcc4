/* SPDX-License-Identifier: ISC */
#ifndef TESTS_TCPPLAY_H
#define TESTS_TCPPLAY_H

/* Segments between a client and a server, and who hears their bytes. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "src/base/strbuf.h"
#include "src/capture/tcpside.h"
#include "src/capture/tcpstream.h"
#include "tests/unit/unit.h"

#define SEC INT64_C(1000000)

struct heard {
	char text[512];
	struct strbuf b;
	size_t total;
	unsigned int ends;
	size_t stop_after; /* lose interest once so much was heard */
	char origin[32];   /* of each piece: - unknown, < source, > other */
	unsigned int answers, resumed;
};

static enum capture_more
on_tcp(void *ctx, void **user, const struct datagram *d)
{
	struct heard *h = ctx;

	*user = h;
	h->total += d->payload.len;
	h->answers += d->answers;
	h->resumed += d->resumed;
	if (d->joined)
		strbuf_str(&h->b, "|");
	strbuf_add(&h->b, d->payload);
	if (strlen(h->origin) < sizeof(h->origin) - 1)
		h->origin[strlen(h->origin)] = "-<>"[d->origin];
	if (d->payload.len > 0 && d->payload.p[0] == '?')
		return CAPTURE_LOST;
	if (d->payload.len > 0 && d->payload.p[0] == '!')
		return CAPTURE_END;
	if (d->payload.len > 0 && d->payload.p[0] == '<')
		return CAPTURE_PART;
	return h->stop_after == 0 || h->b.len < h->stop_after ? CAPTURE_WHOLE
							      : CAPTURE_END;
}

static void
on_end(void *ctx, void *user)
{
	(void)user;
	((struct heard *)ctx)->ends++;
}

static bool low_client; /* of the two addresses, the client's is the lower */

static inline struct addr
play_client(void)
{
	return low_client ? addr_v4(192, 0, 2, 7) : addr_v4(198, 51, 100, 7);
}

/* A connection has a lower and a higher end: each test with either client. */
#define RUN_BOTH_WAYS(tests)                                                   \
	(cmocka_run_group_tests_name("high client", tests, NULL, NULL) +       \
	    (low_client = true,                                                \
		cmocka_run_group_tests_name("low client", tests, NULL, NULL)))

#define BAD 0x100 /* with the flags: its checksum is not good */

struct seg {
	uint32_t seq;
	uint16_t flags;
	const char *bytes;
	bool back; /* from the server */
	uint32_t ack;
};

static void
feed_one(struct tcpstream *t, const struct seg *s, int64_t ts,
    const struct capture_sink *sink, struct capture_stats *stats)
{
	struct datagram d = { 0 };
	struct endpoint e;

	d.ts = ts;
	d.proto = IPPROTO_TCP;
	d.src.addr = play_client();
	d.src.port = 40000;
	d.dst.addr = addr_v4(192, 0, 2, 10);
	d.dst.port = 5060;
	if (s->back) {
		e = d.src;
		d.src = d.dst;
		d.dst = e;
	}
	d.payload = span_of(s->bytes);
	tcpstream_add(t, &d,
	    &(struct tcp_segment) { s->seq, s->ack, (uint8_t)s->flags,
		!(s->flags & BAD) },
	    sink, stats);
}

/* A sink that is given these segments hears this text. */
static inline void
feed(const struct seg *segs, size_t n, const char *want, size_t stop_after,
    struct capture_stats *stats)
{
	struct tcpstream *t = tcpstream_new();
	struct heard h = { 0 };
	struct capture_sink sink = { &h, NULL, on_tcp, on_end, NULL, NULL };
	size_t i;

	h.b = strbuf_of(h.text, sizeof(h.text));
	h.stop_after = stop_after;
	for (i = 0; i < n; i++)
		feed_one(t, &segs[i], (int64_t)i, &sink, stats);
	assert_string_equal(h.text, want);
	tcpstream_free(t, &sink);
	assert_int_equal(h.ends > 0, want[0] != '\0');
}

/* Client 9 and server 99 have met. */
#define MET                                                                    \
	{ 9, TCP_SYN, "", false, 0 }, { 99, TCP_SYN | TCP_ACK, "", true, 10 }, \
	{                                                                      \
		10, TCP_ACK, "", false, 100                                    \
	}
/* And the client has said "ab". */
#define SAID                                                                   \
	MET,                                                                   \
	{                                                                      \
		10, TCP_ACK, "ab", false, 100                                  \
	}

#endif
