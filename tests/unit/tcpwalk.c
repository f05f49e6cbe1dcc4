/* SPDX-License-Identifier: ISC */
/*
 * Two ends talk over a network that delays, reorders and repeats segments.
 * What is heard is what they hear; and where some segments were not seen,
 * never anything else.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "src/capture/tcpstream.h"
#include "tests/unit/unit.h"

#define SEC    INT64_C(1000000)
#define BYTES  250 /* that each end says, all of them different */
#define FLIGHT 8   /* segments on their way */

struct party {
	struct endpoint at;
	uint32_t first;	   /* number of its first byte */
	char text[BYTES];  /* what it says */
	uint32_t sent;	   /* of that; BYTES + 1: and its FIN */
	bool has[BYTES];   /* what it has of the other's */
	uint32_t received; /* of that, without gaps */
	bool fin_came;	   /* the other's */
	bool fin;	   /* and all before it */
	uint32_t heard;	   /* of what it says, up to where */
	uint32_t nheard;   /* how much of it */
};

struct flight {
	bool from_client, fin;
	uint32_t seq, len, ack;
};

void *__wrap_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_malloc(size_t size);

static bool scarce; /* memory is: one in ten allocations fails */

static bool
it_fails(void)
{
	return scarce && random() % 10 == 0;
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return it_fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_malloc(size_t size)
{
	return it_fails() ? NULL : __real_malloc(size);
}

static struct party client, server;
static struct flight flight[FLIGHT];
static size_t nflight;
static int64_t now;
static unsigned int ends, njoined;
static struct capture_stats stats;

static enum capture_more
on_bytes(void *ctx, void **user, const struct datagram *d)
{
	bool from_client = d->src.port == client.at.port;
	struct party *from = from_client ? &client : &server;
	const struct party *to = from_client ? &server : &client;
	uint32_t at = from->heard, len = (uint32_t)d->payload.len;

	assert_ptr_equal(ctx, &stats);
	*user = &stats;
	assert_int_equal(endpoint_cmp(&d->src, &from->at), 0);
	assert_int_equal(endpoint_cmp(&d->dst, &to->at), 0);
	assert_int_equal(d->proto, IPPROTO_TCP);
	assert_int_equal(d->ifindex, 7);
	assert_int_equal(d->dir, from_client ? PKT_IN : PKT_OUT);
	assert_int_equal(d->origin, from_client ? ORIGIN_SRC : ORIGIN_DST);
	assert_true(d->ts == now);
	assert_false(d->resumed);
	if (d->joined) {
		njoined++;
		while (at + len <= BYTES &&
		    memcmp(from->text + at, d->payload.p, len) != 0)
			at++;
		/* The other end has it. */
		assert_true(at + len <= to->received);
	}
	assert_true(at + len <= BYTES);
	assert_memory_equal(from->text + at, d->payload.p, len);
	from->heard = at + len;
	from->nheard += len;
	return CAPTURE_WHOLE;
}

static void
on_over(void *ctx, void *user)
{
	assert_ptr_equal(ctx, user);
	ends++;
}

static const struct capture_sink sink = { &stats, NULL, on_bytes, on_over, NULL,
	NULL };

static void
party_begin(struct party *p, const struct addr *a, uint16_t port)
{
	size_t i;

	memset(p, 0, sizeof(*p));
	p->at = (struct endpoint) { *a, port };
	/* Half of them begin again at 0 while they talk. */
	p->first = random() % 2 ? (uint32_t)random() : 0u - (BYTES / 2);
	for (i = 0; i < BYTES; i++)
		p->text[i] = (char)i;
}

static void
see(struct tcpstream *t, bool from_client, uint32_t seq, uint32_t ack,
    uint8_t flags, struct span bytes)
{
	const struct party *from = from_client ? &client : &server;
	const struct party *to = from_client ? &server : &client;
	const struct tcp_segment g = { seq, ack, flags, true };
	struct datagram d = { 0 };

	d.ts = now;
	d.proto = IPPROTO_TCP;
	d.ifindex = 7;
	d.dir = from_client ? PKT_IN : PKT_OUT;
	d.src = from->at;
	d.dst = to->at;
	d.payload = bytes;
	tcpstream_add(t, &d, &g, &sink, &stats);
}

/* A segment of what is new, or of what the other end may not have. */
static void
send_any(void)
{
	struct flight *f = &flight[nflight];
	bool from_client = random() % 2;
	struct party *from = from_client ? &client : &server;
	const struct party *to = from_client ? &server : &client;
	uint32_t len = 1 + (uint32_t)random() % 30;

	if (nflight == FLIGHT)
		return;
	*f = (struct flight) { .from_client = from_client,
		.ack = from->received + from->fin };
	switch (random() % 4) {
	case 0: /* again */
		if (to->received > BYTES || from->sent == to->received)
			break;
		f->seq = to->received;
		f->len = len;
		break;
	case 1: /* nothing, but what it has */
		f->seq = from->sent;
		break;
	default:
		f->seq = from->sent < BYTES ? from->sent : BYTES;
		f->len = len;
		if (random() % 2 && from->sent > 5)
			f->seq -= (uint32_t)random() % 5; /* some of it again */
		break;
	}
	if (f->seq + f->len > BYTES)
		f->len = BYTES - (f->seq < BYTES ? f->seq : BYTES);
	f->fin = f->seq + f->len == BYTES;
	if (f->seq + f->len + f->fin > from->sent)
		from->sent = f->seq + f->len + f->fin;
	nflight++;
}

/* Any of those on their way arrives; perhaps it is not seen. */
static void
arrive_any(struct tcpstream *t, bool seen)
{
	size_t i = (size_t)random() % nflight;
	const struct flight f = flight[i];
	struct party *from = f.from_client ? &client : &server;
	struct party *to = f.from_client ? &server : &client;

	if (random() % 8 != 0) /* or it comes once more */
		flight[i] = flight[--nflight];
	if (f.len > 0)
		memset(to->has + f.seq, true, f.len);
	while (to->received < BYTES && to->has[to->received])
		to->received++;
	to->fin_came = to->fin_came || f.fin;
	to->fin = to->fin_came && to->received == BYTES;
	if (seen)
		see(t, f.from_client, from->first + f.seq, to->first + f.ack,
		    TCP_ACK | (f.fin ? TCP_FIN : 0),
		    (struct span) { f.len > 0 ? from->text + f.seq : NULL,
			f.len });
}

static struct tcpstream *
meet(void)
{
	/* The client has the lower address, or the higher. */
	const struct addr one = addr_v4(198, 51, 100, 7);
	const struct addr other = addr_v4(192, 0, 2, 10);
	bool swap = random() % 2;
	struct tcpstream *t = tcpstream_new();

	assert_non_null(t);
	memset(&stats, 0, sizeof(stats));
	nflight = ends = njoined = 0;
	now = SEC;
	party_begin(&client, swap ? &other : &one, 40000);
	party_begin(&server, swap ? &one : &other, 5060);
	see(t, true, client.first - 1, 0, TCP_SYN, (struct span) { NULL, 0 });
	see(t, false, server.first - 1, client.first, TCP_SYN | TCP_ACK,
	    (struct span) { NULL, 0 });
	see(t, true, client.first, server.first, TCP_ACK,
	    (struct span) { NULL, 0 });
	assert_int_equal(stats.tcp_connections, 1);
	return t;
}

static void
all_that_arrives_is_heard_at_once(void **state)
{
	struct tcpstream *t;
	unsigned int turn, steps;

	(void)state;
	srandom(1);
	for (turn = 0; turn < 200; turn++) {
		t = meet();
		for (steps = 0; steps < 10000 && ends == 0; steps++) {
			now += random() % 1000;
			send_any();
			if (nflight == 0 || random() % 3 == 0)
				continue;
			arrive_any(t, true);
			assert_int_equal(client.heard, server.received);
			assert_int_equal(server.heard, client.received);
		}
		assert_int_equal(ends, 1);
		assert_true(client.fin && server.fin);
		assert_int_equal(client.heard, BYTES);
		assert_int_equal(server.heard, BYTES);
		assert_int_equal(stats.tcp_connections, 1);
		assert_int_equal(stats.tcp_gaps + stats.tcp_midstream, 0);
		assert_int_equal(stats.tcp_implausible, 0);
		assert_int_equal(stats.tcp_conflicts + stats.tcp_limits, 0);
		/* Nothing is left that would have to be looked after. */
		assert_true(tcpstream_due(t) == INT64_MAX);
		tcpstream_free(t, &sink);
		assert_int_equal(ends, 1);
	}
}

static void
what_was_not_seen_is_left_out(void **state)
{
	uint64_t gaps = 0, heard = 0;
	unsigned int turn, steps;
	struct tcpstream *t;

	(void)state;
	srandom(2);
	for (turn = 0; turn < 200; turn++) {
		t = meet();
		for (steps = 0; steps < 4000 && ends == 0; steps++) {
			now += random() % 50000;
			send_any();
			if (nflight > 0)
				arrive_any(t, random() % 8 != 0);
			if (client.fin && server.fin)
				break;
			assert_true(client.heard <= server.received);
			assert_true(server.heard <= client.received);
		}
		assert_int_equal(stats.tcp_implausible, 0);
		assert_int_equal(stats.tcp_conflicts + stats.tcp_limits, 0);
		/* Of each end one may not have been read behind. */
		assert_true(stats.tcp_gaps <= njoined + 2);
		gaps += stats.tcp_gaps;
		heard += client.nheard + server.nheard;
		tcpstream_free(t, &sink);
		assert_int_equal(ends, 1);
	}
	print_message("%llu gaps, %llu bytes\n", (unsigned long long)gaps,
	    (unsigned long long)heard);
	assert_true(gaps > 100);
	assert_true(heard > (uint64_t)200 * 2 * BYTES / 2);
}

/* What there is no memory for is not read, and nothing else is. */
static void
without_memory_nothing_false_is_heard(void **state)
{
	uint64_t heard = 0;
	unsigned int turn, steps;
	struct tcpstream *t;

	(void)state;
	srandom(3);
	for (turn = 0; turn < 200; turn++) {
		t = meet();
		scarce = true;
		for (steps = 0; steps < 2000; steps++) {
			now += random() % 50000;
			send_any();
			if (nflight > 0)
				arrive_any(t, true);
			if (client.fin && server.fin)
				break;
			assert_true(client.heard <= server.received);
			assert_true(server.heard <= client.received);
		}
		scarce = false;
		heard += client.nheard + server.nheard;
		assert_int_equal(stats.tcp_implausible, 0);
		assert_int_equal(stats.tcp_conflicts + stats.tcp_limits, 0);
		tcpstream_free(t, &sink);
		assert_true(ends <= 1);
	}
	assert_true(heard > (uint64_t)200 * 2 * BYTES / 2);
}

/* The first segments, too, may find no memory. */
static void
without_memory_no_connection_begins(void **state)
{
	const struct span none = { NULL, 0 }, ab = { "ab", 2 };
	struct tcpstream *t = meet();
	unsigned int i;

	(void)state;
	tcpstream_free(t, &sink);
	for (i = 0; i < 200; i++) {
		assert_non_null(t = tcpstream_new());
		memset(&stats, 0, sizeof(stats));
		ends = 0;
		client.heard = server.heard = 0;
		client.text[0] = 'a';
		client.text[1] = 'b';
		scarce = true;
		if (i % 2 == 0) {
			see(t, true, client.first - 1, 0, TCP_SYN, none);
			see(t, false, server.first - 1, client.first,
			    TCP_SYN | TCP_ACK, none);
		}
		see(t, true, client.first, server.first, TCP_ACK, ab);
		scarce = false;
		tcpstream_free(t, &sink);
		assert_true(ends <= 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_arrives_is_heard_at_once),
		cmocka_unit_test(what_was_not_seen_is_left_out),
		cmocka_unit_test(without_memory_nothing_false_is_heard),
		cmocka_unit_test(without_memory_no_connection_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
