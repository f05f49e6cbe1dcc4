/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>

#include <event2/event.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/strbuf.h"
#include "src/base/timers.h"
#include "tests/unit/proxy_link_play.h"

int64_t __wrap_clock_now(void);
int __wrap_event_add(struct event *ev, const struct timeval *tv);
int __real_event_add(struct event *ev, const struct timeval *tv);

struct event_base *base;
struct proxy *proxy;
struct ipc fw; /* our end */
struct ipc_msg msg;
int64_t now;
uint64_t first;
unsigned int lost, emptied, gone;
struct answered answered;
static struct channel channel;
static struct feed feed;
static struct ipc feed_ipc;
static char said[4096];
static const struct conf conf;
static struct event *timer;

int64_t
__wrap_clock_now(void)
{
	return now;
}

/* It looks at its questions once a second. */
int
__wrap_event_add(struct event *ev, const struct timeval *tv)
{
	if (tv != NULL && event_get_base(ev) == base) {
		assert_true(tv->tv_sec == 1 && tv->tv_usec == 0);
		timer = ev;
	}
	return __real_event_add(ev, tv);
}

void
on_answer(void *ctx, enum ph_err err)
{
	assert_ptr_equal(ctx, &answered);
	answered.n++;
	answered.err = err;
}

void
on_target(void *ctx, enum ph_err err, const struct endpoint *target)
{
	on_answer(ctx, err);
	answered.target = *target;
}

static void
on_gone(void *ctx)
{
	assert_ptr_equal(ctx, &answered);
	gone++;
}

static void
on_lost(void *ctx)
{
	(void)ctx;
	lost++;
}

static void
on_emptied(void *ctx)
{
	(void)ctx;
	emptied++;
}

/* "open 1 request;" with the id counted from that of the first pinhole. */
static void
on_line(void *ctx, const char *line)
{
	char event[16], why[24], text[96];
	const char *id = strstr(line, "\"id\":"),
		   *reason = strstr(line, "\"reason\":\"");
	uint64_t n = 0;

	(void)ctx;
	assert_non_null(reason);
	assert_int_equal(sscanf(strstr(line, "\"event\":\"") + 9, "%15[a-z]",
			     event),
	    1);
	assert_int_equal(sscanf(reason + 10, "%23[a-z-]", why), 1);
	if (id != NULL) {
		assert_int_equal(sscanf(id + 5, "%" SCNu64, &n), 1);
		n -= first - 1;
	}
	assert_non_null(strstr(line, "\"src\":\"198.51.100.7\","));
	assert_non_null(strstr(line, "\"dst\":\"192.0.2.10\",\"dport\":4"));
	snprintf(text, sizeof(text), "%s %u %s;", event, (unsigned int)n, why);
	strlcat(said, text, sizeof(said));
}

const char *
heard(void)
{
	static char text[sizeof(said)];

	strlcpy(text, said, sizeof(text));
	said[0] = '\0';
	return text;
}

void
turn(void)
{
	int i;

	for (i = 0; i < 4; i++)
		event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
}

void
second_is_over(void)
{
	struct event *ev = timer;

	assert_non_null(ev);
	timer = NULL;
	event_del(ev);
	event_active(ev, EV_TIMEOUT, 0);
	turn();
}

void
link_up(void)
{
	int fds[2];

	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_close(&fw);
	ipc_init(&fw, fds[1]);
	assert_int_equal(proxy_link(proxy, fds[0]), PH_OK);
	turn();
}

void
expect(enum ipc_type type)
{
	int fd;

	turn();
	assert_int_equal(ipc_recv(&fw, &msg, &fd), PH_OK);
	assert_int_equal(msg.hdr.type, type);
}

void
expect_nothing(void)
{
	int fd;

	turn();
	assert_int_equal(ipc_recv(&fw, &msg, &fd), PH_EAGAIN);
}

const struct fw_change *
expect_change(enum fw_op op)
{
	expect(IPC_COMMIT);
	assert_int_equal(msg.u.commit.n, 1);
	assert_int_equal(msg.u.commit.changes[0].op, op);
	return &msg.u.commit.changes[0];
}

void
result(enum ph_err err)
{
	uint64_t seq = msg.hdr.seq;

	memset(&msg, 0, sizeof(msg));
	msg.u.result.err = err;
	assert_int_equal(ipc_send(&fw, IPC_RESULT, seq, &msg, -1), PH_OK);
	turn();
}

void
about(enum ipc_type type, uint64_t fw_id)
{
	about_all(type, &fw_id, 1);
}

void
about_all(enum ipc_type type, const uint64_t *fw_id, uint32_t n)
{
	memset(&msg, 0, sizeof(msg));
	msg.u.ids.n = n;
	if (n > 0)
		memcpy(msg.u.ids.ids, fw_id, n * sizeof(*fw_id));
	assert_int_equal(ipc_send(&fw, type, 0, &msg, -1), PH_OK);
	turn();
}

int
link_setup_as(uint32_t number)
{
	struct proxy_setup s = { .fw = &channel,
		.conf = &conf,
		.number = number,
		.lost = on_lost,
		.emptied = on_emptied,
		.feed = &feed };

	memset(&answered, 0, sizeof(answered));
	gone = lost = emptied = 0;
	said[0] = '\0';
	now = 1000 * USEC_PER_SEC;
	ipc_init(&fw, -1);
	ipc_init(&feed_ipc, -1);
	memset(&feed, 0, sizeof(feed));
	feed_init(&feed, &feed.calls, &feed_ipc);
	if ((base = event_base_new()) == NULL)
		return -1;
	s.base = base;
	s.events.format = EVENTS_JSON;
	s.events.line = on_line;
	first = (UINT64_C(1) << 40) + (UINT64_C(1) << 28) * (number % 4096) + 1;
	return (proxy = proxy_new(&s)) != NULL ? 0 : -1;
}

int
link_setup(void **state)
{
	(void)state;
	if (link_setup_as(3) != 0)
		return -1;
	link_up();
	expect(IPC_BEGIN);
	expect(IPC_SETTLE);
	return 0;
}

int
link_teardown(void **state)
{
	(void)state;
	proxy_free(proxy);
	channel_close(&channel);
	ipc_close(&fw);
	event_base_free(base);
	return 0;
}

uint64_t
open_port(uint16_t port, bool renew)
{
	struct addr from = addr_v4(198, 51, 100, 7);
	struct proxy_wish w = { .lease_s = LEASE,
		.renew = renew,
		.answer = on_answer,
		.gone = on_gone,
		.ctx = &answered };

	w.hole.proto = IPPROTO_UDP;
	w.hole.dir = PINHOLE_IN;
	w.hole.from = prefix_host(&from);
	w.hole.to = addr_v4(192, 0, 2, 10);
	w.hole.to_lo = w.hole.to_hi = port;
	return proxy_open(proxy, &w);
}
