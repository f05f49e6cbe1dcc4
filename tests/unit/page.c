/* SPDX-License-Identifier: ISC */
/* What the status page is sent, to the byte. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/timers.h"
#include "src/process/child.h"
#include "src/status/model.h"
#include "src/status/page.h"
#include "src/version.h"
#include "tests/unit/unit.h"

#define AT(s) ((s)*USEC_PER_SEC)

static struct model *m;
static struct model_source *engine;
static struct page *page;
static struct ipc_msg msg;
static char said[1 << 16];
static struct strbuf out;

static int
begin(void **state)
{
	(void)state;
	out = strbuf_of(said, sizeof(said));
	m = model_new();
	engine = model_source_new(m, IPC_ENGINE, 77);
	page = page_new(m);
	memset(&msg, 0, sizeof(msg));
	return 0;
}

static int
end(void **state)
{
	(void)state;
	page_free(page);
	model_free(m);
	return 0;
}

static void
say(enum ipc_type type)
{
	msg.hdr.type = type;
	assert_true(model_input(m, engine, AT(500), &msg));
	memset(&msg, 0, sizeof(msg));
}

static void
count(const char *name, uint64_t value)
{
	msg.u.feed_counters.n = 1;
	strlcpy(msg.u.feed_counters.v[0].name, name, IPC_NAME);
	msg.u.feed_counters.v[0].value = value;
	say(IPC_FEED_COUNTERS);
}

static void
call(uint64_t owner, enum ipc_call_state state)
{
	struct ipc_feed_call *c = &msg.u.feed_call;

	c->owner = owner;
	c->since = AT(100 + (int64_t)owner);
	c->state = state;
	c->from = addr_v4(198, 51, 100, (uint8_t)owner);
	c->to = addr_v4(192, 0, 2, 10);
	c->n = 2;
	memcpy(c->call, owner == 3 ? "\"x" : "cc", 2);
	say(IPC_FEED_CALL);
}

static void
hole(uint64_t id, uint64_t owner)
{
	struct ipc_feed_hole *h = &msg.u.feed_hole;

	h->hole.id = id;
	h->hole.to = addr_v4(192, 0, 2, 10);
	h->tuple = id + 100;
	h->owner = owner;
	h->was_open = 1;
	h->n = 2;
	memcpy(h->call, "cc", 2);
	say(IPC_FEED_HOLE);
}

static void
refusal(int i)
{
	struct ipc_feed_refusal *r = &msg.u.feed_refusal;

	r->ts = AT(200 + i);
	r->src = addr_v4(203, 0, 113, (uint8_t)i);
	r->dst = addr_v4(192, 0, 2, 22);
	r->dport = (uint16_t)(4000 + i);
	r->reason = REASON_ADDRESS;
	r->n = 1;
	r->call[0] = 'r';
	say(IPC_FEED_REFUSAL);
}

static const char *
history(void)
{
	strbuf_reset(&out);
	page_history(page, &out);
	return said;
}

/* The last sample in the history, or "". */
static const char *
last_sample(void)
{
	char *at, *to;

	(void)history();
	at = strrchr(said, '[');
	if ((to = strchr(at, ']')) != NULL)
		to[1] = '\0';
	return at;
}

static void
a_sample_is_taken_every_ten_seconds(void **state)
{
	(void)state;
	call(1, IPC_CALL_ACCEPTED);
	call(2, IPC_CALL_EARLY);
	call(3, IPC_CALL_ENDED);
	hole(1, 1);
	count("calls_state_accepted", 1);
	count("calls_state_early", 1);
	count("pinholes", 1);
	count("pinholes_opened", 100);
	count("pinholes_refused", 7);
	/* The first look is where others count from. */
	page_run(page, AT(1000));
	assert_string_equal(history(),
	    "event: history\ndata: {\"taken\":0,\"every\":10,\"samples\":[]}"
	    "\n\n");
	count("pinholes_opened", 103);
	count("pinholes_refused", 9);
	page_run(page, AT(1010) - 1);
	assert_non_null(strstr(history(), "\"taken\":0,"));
	page_run(page, AT(1010));
	assert_string_equal(history(),
	    "event: history\ndata: {\"taken\":1,\"every\":10,\"samples\":["
	    "[2,1,3,2,0,0]]}\n\n");
	/* An engine that has lost its counters has not gone back. */
	count("pinholes_opened", 1);
	count("pinholes_refused", 0);
	hole(2, 2);
	count("pinholes", 2);
	page_run(page, AT(1020));
	assert_string_equal(history(),
	    "event: history\ndata: {\"taken\":2,\"every\":10,\"samples\":["
	    "[2,1,3,2,0,0],[2,2,0,0,0,0]]}\n\n");
	count("pinholes_opened", 1 + (UINT64_C(1) << 33));
	page_run(page, AT(1030));
	assert_string_equal(last_sample(), "[2,2,4294967295,0,0,0]");
}

/* Ten of up to 500 us, and one of up to 20 ms: quantiles since the last. */
static void
setup(uint64_t quick, uint64_t slow)
{
	char name[IPC_NAME];
	uint64_t n;
	int i;

	for (i = 0; i < HISTOGRAM_BOUNDS; i++) {
		n = histogram_bounds[i] >= 20000 ? quick + slow
		    : histogram_bounds[i] >= 500 ? quick
						 : 0;
		snprintf(name, sizeof(name), "setup_us_le_%" PRIu32,
		    histogram_bounds[i]);
		count(name, n);
	}
	count("setup_us_count", quick + slow);
}

static void
setup_times_are_those_since_the_last_sample(void **state)
{
	char first[64];

	(void)state;
	setup(10, 1);
	page_run(page, AT(1000));
	page_run(page, AT(1010));
	assert_string_equal(last_sample(), "[0,0,0,0,0,0]");
	setup(20, 1);
	page_run(page, AT(1020));
	strlcpy(first, last_sample(), sizeof(first));
	assert_memory_equal(first, "[0,0,0,0,", 9);
	/* All were quick. */
	assert_in_range(strtol(first + 9, NULL, 10), 1, 500);
	assert_in_range(strtol(strrchr(first, ',') + 1, NULL, 10), 1, 500);
	setup(20, 11);
	page_run(page, AT(1030));
	strlcpy(first, last_sample(), sizeof(first));
	assert_in_range(strtol(first + 9, NULL, 10), 501, 20000);
	setup(120, 14);
	page_run(page, AT(1040));
	strlcpy(first, last_sample(), sizeof(first));
	assert_in_range(strtol(first + 9, NULL, 10), 1, 500);
	assert_in_range(strtol(strrchr(first, ',') + 1, NULL, 10), 501, 20000);
}

static void
the_last_hour_is_kept(void **state)
{
	char want[64];
	int i;

	(void)state;
	for (i = 0; i <= PAGE_SAMPLES + 5; i++) {
		count("pinholes_opened", (uint64_t)(i * (i + 1) / 2));
		page_run(page, AT(1000 + 10 * i));
	}
	snprintf(want, sizeof(want), "{\"taken\":%d,", PAGE_SAMPLES + 5);
	assert_non_null(strstr(history(), want));
	assert_non_null(strstr(said, "\"samples\":[[0,0,6,0,0,0],"));
	assert_string_equal(last_sample(), "[0,0,365,0,0,0]");
	strbuf_reset(&out);
	page_now(page, AT(9000), &out);
	assert_non_null(strstr(said, ",\"sample\":[0,0,365,0,0,0],"));
}

/* The time of an event, on the wall. */
static const char *
wall(int64_t at, char buf[32])
{
	int64_t t = clock_wall(at);

	snprintf(buf, 32, "%" PRId64 ".%06d", t / USEC_PER_SEC,
	    (int)(t % USEC_PER_SEC));
	return buf;
}

static void
health(uint32_t role, enum child_state state, int64_t since, uint32_t deaths)
{
	struct ipc_health h = { .role = role,
		.state = state,
		.since = since,
		.deaths = deaths };

	parties_health(model_parties(m), &h);
}

static void
all_that_there_is_now(void **state)
{
	struct ipc_about about = { .started = AT(100), .backend = "nft" };
	static char want[4096];
	char ts[3][32];

	(void)state;
	parties_about(model_parties(m), &about);
	call(1, IPC_CALL_ACCEPTED);
	call(2, IPC_CALL_EARLY);
	call(3, IPC_CALL_HELD);
	hole(1, 1);
	hole(2, 1);
	refusal(1);
	refusal(2);
	count("calls_state_early", 1);
	count("calls_state_accepted", 1);
	count("calls_state_held", 1);
	count("pinholes", 2);
	count("pinholes_opened", 5);
	count("pinholes_refused", 6);
	count("packets_dropped_by_kernel", 8);
	health(IPC_ENGINE, CHILD_READY, AT(101), 0);
	health(IPC_PROXY, CHILD_NONE, 0, 0);
	health(IPC_FIREWALL, CHILD_STARTING, AT(7000), 3);
	health(IPC_MONITOR, CHILD_QUITTING + 1, AT(1), 0);
	health(IPC_STATUS_PROCESS, CHILD_NONE, AT(999), 1);
	page_now(page, AT(1000), &out);
	snprintf(want, sizeof(want),
	    "event: now\ndata: {\"ts\":%s,\"version\":\"%s\","
	    "\"backend\":\"nft\",\"uptime\":900,\"calls\":3,\"early\":1,"
	    "\"held\":1,\"pinholes\":2,\"opened\":5,\"refused\":6,\"drops\":8,"
	    "\"p50\":0,\"p99\":0,\"taken\":0,\"list\":["
	    "{\"call\":\"cc\",\"from\":\"198.51.100.1\","
	    "\"to\":\"192.0.2.10\",\"state\":\"accepted\",\"age\":899,"
	    "\"pinholes\":2},{\"call\":\"cc\",\"from\":\"198.51.100.2\","
	    "\"to\":\"192.0.2.10\",\"state\":\"early\",\"age\":898,"
	    "\"pinholes\":0},{\"call\":\"\\\"x\",\"from\":\"198.51.100.3\","
	    "\"to\":\"192.0.2.10\",\"state\":\"held\",\"age\":897,"
	    "\"pinholes\":0}],\"refusals\":[{\"ts\":%s,\"call\":\"r\","
	    "\"src\":\"203.0.113.2\",\"dst\":\"192.0.2.22\","
	    "\"dport\":4002,\"reason\":\"address\"},{\"ts\":%s,"
	    "\"call\":\"r\",\"src\":\"203.0.113.1\",\"dst\":\"192.0.2.22\","
	    "\"dport\":4001,\"reason\":\"address\"}],\"processes\":["
	    "{\"name\":\"engine\",\"state\":\"up\",\"deaths\":0,\"age\":899},"
	    "{\"name\":\"firewall\",\"state\":\"starting\",\"deaths\":3,"
	    "\"age\":0},{\"name\":\"status\",\"state\":\"down\",\"deaths\":1,"
	    "\"age\":1}]}\n\n",
	    wall(AT(1000), ts[0]), PINHOLED_VERSION, wall(AT(202), ts[1]),
	    wall(AT(201), ts[2]));
	assert_string_equal(said, want);
}

static size_t
times(const char *what)
{
	const char *p = said;
	size_t n = 0;

	while ((p = strstr(p, what)) != NULL) {
		n++;
		p++;
	}
	return n;
}

static void
lists_have_an_end(void **state)
{
	int i;

	(void)state;
	for (i = 1; i <= 50; i++) {
		call((uint64_t)i, IPC_CALL_ACCEPTED);
		refusal(i);
	}
	count("calls_state_accepted", 50);
	page_now(page, AT(1000), &out);
	assert_int_equal(times("\"from\":"), PAGE_CALLS);
	assert_int_equal(times("\"dport\":"), PAGE_REFUSALS);
	/* The oldest calls, and the newest refusals. */
	assert_non_null(strstr(said, "\"from\":\"198.51.100.1\""));
	assert_non_null(strstr(said, "\"from\":\"198.51.100.30\""));
	assert_non_null(strstr(said, "\"dport\":4050,"));
	assert_non_null(strstr(said, "\"dport\":4031,"));
	assert_non_null(strstr(said, "\"calls\":50,"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_sample_is_taken_every_ten_seconds),
		T(setup_times_are_those_since_the_last_sample),
		T(the_last_hour_is_kept),
		T(all_that_there_is_now),
		T(lists_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
