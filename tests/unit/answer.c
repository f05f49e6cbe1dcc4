/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/timers.h"
#include "src/status/answer.h"
#include "tests/unit/unit.h"

/* The answers of the control sockets, to the byte, for a small daemon. */

#define AT(s) (began + (s)*USEC_PER_SEC)
#define NOW   AT(1000)

static int64_t began;		  /* second 0 of all times here */
static struct ipc_feed_hole more; /* what the next pinholes have, too */
static int64_t later;		  /* so much later the next calls began */
static struct model *m;
static struct model_source *engine, *proxy;
static struct ipc_msg msg;
static char said[65536];
static struct strbuf out;

static void
say(struct model_source *s, enum ipc_type type)
{
	msg.hdr.type = type;
	assert_true(model_input(m, s, NOW, &msg));
	memset(&msg, 0, sizeof(msg));
}

static void
say_hole(struct model_source *s, uint64_t id, uint64_t owner, const char *call,
    int64_t since)
{
	struct ipc_feed_hole *h = &msg.u.feed_hole;

	h->hole = (struct pinhole) { .id = id,
		.proto = s == proxy ? IPPROTO_TCP : IPPROTO_UDP,
		.dir = id % 2 == 0 ? PINHOLE_OUT : PINHOLE_IN,
		.from = { addr_v4(198, 51, 100, (uint8_t)owner), 32 },
		.from_port = s == proxy ? 20 : 0,
		.to = addr_v4(192, 0, 2, 10),
		.to_lo = (uint16_t)(10000 + id),
		.to_hi = (uint16_t)(10001 + id),
		.deadline = since == AT(990) ? 0 : AT(1100) };
	if (more.hole.deadline != 0)
		h->hole.deadline = more.hole.deadline;
	h->was_open = more.was_open;
	h->seen = more.seen;
	h->packets = more.packets;
	h->tuple = id + 100;
	h->owner = owner;
	h->since = since;
	h->reason = s == proxy ? REASON_REQUEST : REASON_ANSWER;
	h->form = s == proxy ? FORM_TCP : FORM_STATE;
	h->n = (uint32_t)strlen(call);
	memcpy(h->call, call, h->n);
	say(s, IPC_FEED_HOLE);
}

static void
say_call(uint64_t owner, const char *call, enum ipc_call_state state)
{
	struct ipc_feed_call *c = &msg.u.feed_call;

	c->owner = owner;
	c->since = AT(900 + owner) + later;
	c->state = state;
	c->from = addr_v4(198, 51, 100, (uint8_t)owner);
	c->to = addr_v4(192, 0, 2, 10);
	c->n = (uint32_t)strlen(call);
	memcpy(c->call, call, c->n);
	say(engine, IPC_FEED_CALL);
}

static void
say_gone(uint64_t id, enum reason why)
{
	msg.u.feed_gone = (struct ipc_feed_gone) { id, AT(995), why, 0 };
	say(engine, IPC_FEED_HOLE_GONE);
}

static void
say_count(uint64_t tuple, uint64_t packets)
{
	msg.u.packets.n = 1;
	msg.u.packets.v[0] = (struct ipc_count) { tuple, packets };
	say(engine, IPC_PACKETS);
}

static void
say_seen(uint64_t tuple)
{
	msg.u.ids.n = 1;
	msg.u.ids.ids[0] = tuple;
	say(engine, IPC_FEED_SEEN);
}

static void
say_refusal(const char *call)
{
	struct ipc_feed_refusal *r = &msg.u.feed_refusal;

	r->ts = AT(950);
	r->src = addr_v4(203, 0, 113, 9);
	r->dst = addr_v4(192, 0, 2, 22);
	r->dport = 22;
	r->reason = REASON_PORT_RANGE;
	r->n = (uint32_t)strlen(call);
	memcpy(r->call, call, r->n);
	say(engine, IPC_FEED_REFUSAL);
}

/* Call 1 has two pinholes, call 2 one, and 3 is over; 50 is of a proxy. */
static int
begin(void **state)
{
	struct ipc_about about = { .started = AT(400),
		.backend = "nftables",
		.activity = 1,
		.n = 2,
		.tables = { "spammer", "blocked" } };

	(void)state;
	began = clock_now();
	memset(&more, 0, sizeof(more));
	later = 0;
	assert_non_null(m = model_new());
	engine = model_source_new(m, IPC_ENGINE, 70);
	proxy = model_source_new(m, IPC_PROXY, 71);
	parties_about(model_parties(m), &about);
	memset(&msg, 0, sizeof(msg));
	say_hole(engine, 5, 1, "a@pc", AT(901));
	say_hole(engine, 6, 1, "a@pc", AT(901));
	say_call(1, "a@pc", IPC_CALL_ACCEPTED);
	say_hole(engine, 7, 2, "b@pc", AT(990));
	say_call(2, "b@pc", IPC_CALL_EARLY);
	say_hole(engine, 8, 3, "c@pc", AT(903));
	say_call(3, "c@pc", IPC_CALL_ACCEPTED);
	say_count(108, 9);
	say_gone(8, REASON_BYE);
	say_call(3, "c@pc", IPC_CALL_ENDED);
	say_hole(proxy, 50, 9, "", AT(999));
	say_seen(105);
	say_count(105, 40);
	say_count(105, 41);
	say_seen(107);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	model_free(m);
	return 0;
}

/* Each time in `said` as seconds since `began`. */
static const char *
since_began(void)
{
	static const char *const keys[] = { "\"ts\":", "\"since\":",
		"\"last_media\":", "\"expires\":" };
	double began_wall = (double)clock_wall(began) / USEC_PER_SEC, at;
	char *p, *close, number[16];
	size_t i;

	for (i = 0; i < ROWS(keys); i++)
		for (p = said; (p = strstr(p, keys[i])) != NULL;) {
			p += strlen(keys[i]);
			at = strtod(p, &close);
			if (close == p)
				continue;
			snprintf(number, sizeof(number), "%.0f",
			    at - began_wall);
			memmove(p + strlen(number), close, strlen(close) + 1);
			memcpy(p, number, strlen(number));
		}
	return said;
}

static const char *
ask(const char *line)
{
	char error[512], text[ANSWER_LINE];
	struct strbuf why = strbuf_of(error, sizeof(error)), b;
	struct request r;
	struct answer a;

	assert_int_equal(verbs_parse(span_of(line), &r, &why), PH_OK);
	out = strbuf_of(said, sizeof(said));
	said[0] = '\0';
	answer_begin(&a, m, &r, NOW);
	for (;;) {
		b = strbuf_of(text, sizeof(text));
		if (!answer_next(&a, &b))
			return since_began();
		if (b.len > 0)
			strbuf_fmt(&out, "%s\n", text);
	}
}

static void
calls_and_pinholes_have_their_keys(void **state)
{
	(void)state;
	assert_string_equal(ask("show calls"),
	    "{\"call\":\"a@pc\",\"state\":\"accepted\","
	    "\"from\":\"198.51.100.1\",\"to\":\"192.0.2.10\",\"since\":901,"
	    "\"pinholes\":[5,6],\"packets\":41,\"last_media\":1000}\n"
	    "{\"call\":\"b@pc\",\"state\":\"early\","
	    "\"from\":\"198.51.100.2\",\"to\":\"192.0.2.10\",\"since\":902,"
	    "\"pinholes\":[7],\"packets\":null,\"last_media\":1000}\n");
	/* The packets of a pinhole that has closed still count for its call. */
	assert_string_equal(ask("show calls state ended"),
	    "{\"call\":\"c@pc\",\"state\":\"ended\","
	    "\"from\":\"198.51.100.3\",\"to\":\"192.0.2.10\",\"since\":903,"
	    "\"pinholes\":[],\"packets\":9,\"last_media\":null}\n");
	assert_string_equal(ask("show pinholes address 198.51.100.1/32"),
	    "{\"ts\":901,\"event\":\"open\",\"id\":5,\"dir\":\"in\","
	    "\"call\":\"a@pc\",\"proto\":\"udp\",\"src\":\"198.51.100.1\","
	    "\"sport\":null,\"dst\":\"192.0.2.10\",\"dport\":10005,"
	    "\"dport_end\":10006,\"reason\":\"answer\",\"packets\":41,"
	    "\"last_media\":1000,\"expires\":1100,\"form\":\"state\","
	    "\"form_why\":null}\n"
	    "{\"ts\":901,\"event\":\"open\",\"id\":6,\"dir\":\"out\","
	    "\"call\":\"a@pc\",\"proto\":\"udp\",\"src\":\"198.51.100.1\","
	    "\"sport\":null,\"dst\":\"192.0.2.10\",\"dport\":10006,"
	    "\"dport_end\":10007,\"reason\":\"answer\",\"packets\":0,"
	    "\"last_media\":null,\"expires\":1100,\"form\":\"state\","
	    "\"form_why\":null}\n");
	assert_non_null(strstr(ask("show pinholes younger 5"),
	    "\"id\":50,\"dir\":\"out\",\"call\":null,\"proto\":\"tcp\","
	    "\"src\":\"198.51.100.9\",\"sport\":20,"));
	assert_non_null(strstr(said, "\"form\":\"rule\",\"form_why\":\"TCP\""));
	assert_non_null(strstr(ask("show pinholes older 5 younger 20"),
	    "\"packets\":null,\"last_media\":1000,\"expires\":null,"));
}

/* The ids of the pinholes, or the Call-IDs, that a filter lets through. */
static const struct {
	const char *line, *keys;
} filters[] = {
	{ "show pinholes", "5 6 7 50 " },
	{ "show pinholes address 198.51.100.2", "7 " },
	{ "show pinholes address 192.0.2.10", "5 6 7 50 " },
	{ "show pinholes address 192.0.2.11", "" },
	{ "show pinholes address 198.51.100.0/30", "5 6 7 " },
	{ "show pinholes call a@", "5 6 " },
	{ "show pinholes call a@pcx", "" },
	{ "show pinholes state accepted", "5 6 " },
	{ "show pinholes state early", "7 " },
	{ "show pinholes older 10", "5 6 7 " },
	{ "show pinholes older 11", "5 6 " },
	{ "show pinholes younger 10", "50 " },
	{ "show pinholes younger 11", "7 50 " },
	{ "show calls call b", "b@pc " },
	{ "show calls state early", "b@pc " },
	{ "show calls address 198.51.100.1", "a@pc " },
	{ "show calls address 192.0.2.10", "a@pc b@pc " },
	{ "show calls address 203.0.113.1", "" },
	{ "show calls older 99", "a@pc " },
	{ "show calls state ended call x", "" },
};

static void
filters_choose(void **state)
{
	const char *p, *key, *close;
	char keys[256];
	struct strbuf b;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(filters); i++) {
		print_message("%s\n", filters[i].line);
		key = strstr(filters[i].line, "calls") != NULL ? "{\"call\":\""
							       : "\"id\":";
		b = strbuf_of(keys, sizeof(keys));
		keys[0] = '\0';
		for (p = ask(filters[i].line); (p = strstr(p, key)) != NULL;) {
			p += strlen(key);
			close = strpbrk(p, ",\"");
			strbuf_add(&b,
			    (struct span) { p, (size_t)(close - p) });
			strbuf_str(&b, " ");
		}
		assert_string_equal(keys, filters[i].keys);
	}
}

static void
counter(struct model_source *s, const char *name, uint64_t v, bool gauge)
{
	msg.u.feed_counters.n = 1;
	snprintf(msg.u.feed_counters.v[0].name, IPC_NAME, "%s", name);
	msg.u.feed_counters.v[0].value = v;
	msg.u.feed_counters.v[0].gauge = gauge;
	say(s, IPC_FEED_COUNTERS);
}

static void
summary_and_counters_are_of_the_processes(void **state)
{
	(void)state;
	assert_string_equal(ask("show counters"), "");
	counter(engine, "calls_total", 3, false);
	counter(engine, "calls_total", 4, false);
	counter(engine, "packets", 1, false);
	counter(proxy, "sessions", 2, true);
	assert_non_null(strstr(ask("show summary"),
	    "\"backend\":\"nftables\",\"uptime\":600,\"calls\":0,"
	    "\"pinholes\":0,\"calls_total\":4,\"opens_total\":null,"
	    "\"refusals_total\":null,\"capture_drops\":null,"
	    "\"setup_us\":{\"p50\":null,\"p99\":null}}"));
	assert_string_equal(ask("show counters"),
	    "{\"process\":\"engine\",\"name\":\"calls_total\",\"value\":4,"
	    "\"type\":\"counter\"}\n"
	    "{\"process\":\"engine\",\"name\":\"packets\","
	    "\"value\":1,\"type\":\"counter\"}\n"
	    "{\"process\":\"proxy\",\"name\":\"sessions\",\"value\":2,"
	    "\"type\":\"gauge\"}\n");
	/* How many there are is counted where they are. */
	counter(engine, "calls_state_early", 1, true);
	counter(engine, "calls_state_accepted", 20, true);
	counter(engine, "calls_state_held", 300, true);
	counter(engine, "pinholes", 5, true);
	counter(proxy, "open", 60, true);
	assert_non_null(
	    strstr(ask("show summary"), "\"calls\":321,\"pinholes\":65,"));
	assert_int_equal(model_counts(m).by_state[IPC_CALL_HELD], 300);
	assert_int_equal(model_counts(m).by_state[IPC_CALL_ENDED], 0);
	/* Those of a proxy end with it, those of an engine do not. */
	model_source_gone(m, proxy);
	model_source_gone(m, engine);
	assert_int_equal(model_counts(m).holes, 5);
	assert_int_equal(model_counts(m).calls, 321);
}

/* And a process that was taken over cannot make us keep more. */
static void
counters_have_an_end(void **state)
{
	const char *p;
	char last[64];
	int i, k, n = 0;

	(void)state;
	for (i = 0; i < PARTIES_COUNTERS + 128; i += 128) {
		msg.u.feed_counters.n = 128;
		for (k = 0; k < 128; k++)
			snprintf(msg.u.feed_counters.v[k].name, IPC_NAME, "c%d",
			    i + k);
		say(engine, IPC_FEED_COUNTERS);
	}
	/* A name without an end is none, but those behind it are. */
	msg.u.feed_counters.n = 2;
	memset(msg.u.feed_counters.v[0].name, 'x', IPC_NAME);
	strlcpy(msg.u.feed_counters.v[1].name, "c0", IPC_NAME);
	msg.u.feed_counters.v[1].value = 9;
	say(engine, IPC_FEED_COUNTERS);
	for (p = ask("show counters"); (p = strstr(p, "\"name\"")) != NULL; p++)
		n++;
	assert_int_equal(n, PARTIES_COUNTERS);
	snprintf(last, sizeof(last), "\"c%d\"", PARTIES_COUNTERS - 1);
	assert_non_null(strstr(said, last));
	assert_non_null(strstr(said, "\"name\":\"c0\",\"value\":9,"));
	assert_null(strstr(said, "xx"));
}

/* Events, as a watcher with the filter gets them. */

struct watcher {
	struct model_watch watch;
	struct request request;
};

static void
on_event(void *ctx, const struct model_event *e)
{
	struct watcher *w = ctx;
	char text[ANSWER_LINE];
	struct strbuf b = strbuf_of(text, sizeof(text));

	if (answer_event(&w->request, e, &b))
		strbuf_fmt(&out, "%s\n", text);
}

static void
watch(struct watcher *w, const char *line)
{
	char error[512];
	struct strbuf why = strbuf_of(error, sizeof(error));

	assert_int_equal(verbs_parse(span_of(line), &w->request, &why), PH_OK);
	w->watch.event = on_event;
	w->watch.ctx = w;
	model_watch(m, &w->watch);
	out = strbuf_of(said, sizeof(said));
	said[0] = '\0';
}

static void
events_are_told_as_they_happen(void **state)
{
	struct watcher all, one;

	(void)state;
	watch(&all, "monitor");
	say_refusal("evil");
	assert_string_equal(since_began(),
	    "{\"ts\":950,\"event\":\"refuse\",\"call\":\"evil\","
	    "\"src\":\"203.0.113.9\",\"dst\":\"192.0.2.22\",\"dport\":22,"
	    "\"reason\":\"port-range\"}\n");
	out = strbuf_of(said, sizeof(said));
	say_gone(5, REASON_CLOSED);
	assert_string_equal(since_began(),
	    "{\"ts\":995,\"event\":\"close\",\"id\":5,\"dir\":\"in\","
	    "\"call\":\"a@pc\",\"proto\":\"udp\",\"src\":\"198.51.100.1\","
	    "\"sport\":null,\"dst\":\"192.0.2.10\",\"dport\":10005,"
	    "\"dport_end\":10006,\"reason\":\"closed\"}\n");
	model_unwatch(m, &all.watch);
	watch(&one, "monitor address 203.0.113.0/24");
	say_gone(6, REASON_CLOSED);
	assert_string_equal(said, "");
	say_refusal("again");
	assert_non_null(strstr(said, "\"call\":\"again\""));
	model_unwatch(m, &one.watch);
	watch(&one, "monitor call b");
	say_refusal("c");
	assert_string_equal(said, "");
	say_gone(7, REASON_BYE);
	assert_non_null(strstr(said, "\"id\":7"));
	model_unwatch(m, &one.watch);
	assert_string_equal(model_refusal(m, 1)->call, "again");
	assert_string_equal(model_refusal(m, 2)->call, "evil");
	assert_null(model_refusal(m, 3));
}

static void
packets_are_known_or_null(void **state)
{
	struct ipc_about about = { .backend = "dry-run" };

	(void)state;
	/* A call that ends before its pinholes do. */
	say_count(107, 12);
	say_call(2, "b@pc", IPC_CALL_ENDED);
	assert_non_null(
	    strstr(ask("show calls state ended call b"), "\"packets\":12,"));
	parties_about(model_parties(m), &about);
	assert_non_null(strstr(ask("show pinholes call a"), "\"packets\":41,"));
	assert_non_null(strstr(said, "\"packets\":null,\"last_media\":null"));
	assert_null(strstr(said, "\"packets\":0"));
}

static void
what_is_over_is_forgotten_in_time(void **state)
{
	char name[32];
	uint64_t i;

	(void)state;
	for (i = 0; i < MODEL_ENDED + 50; i++) {
		snprintf(name, sizeof(name), "n%d@pc", (int)i);
		say_refusal(name);
		say_call(1000 + i, name, IPC_CALL_ACCEPTED);
		say_call(1000 + i, name, IPC_CALL_ENDED);
	}
	assert_int_equal(model_totals(m)->calls, 2);
	assert_string_equal(model_refusal(m, 0)->call, name);
	assert_non_null(model_refusal(m, MODEL_REFUSALS - 1));
	assert_null(model_refusal(m, MODEL_REFUSALS));
	ask("show calls state ended");
	assert_non_null(strstr(said, "\"n249@pc\""));
	assert_non_null(strstr(said, "\"n50@pc\""));
	assert_null(strstr(said, "\"n49@pc\""));
}

static void
a_process_that_has_gone_takes_what_nobody_else_has(void **state)
{
	struct model_source *next;

	(void)state;
	model_source_gone(m, proxy);
	assert_null(model_hole_find(m, 50));
	model_source_gone(m, engine);
	assert_int_equal(model_totals(m)->holes, 3);
	next = model_source_new(m, IPC_ENGINE, 72);
	engine = next;
	say(engine, IPC_FEED_BEGIN);
	more = (struct ipc_feed_hole) { .was_open = 1,
		.seen = AT(1001),
		.packets = 50,
		.hole.deadline = AT(1200) };
	later = AT(1) - AT(0);
	say_hole(engine, 5, 1, "a@pc", AT(980));
	say_call(1, "a@pc", IPC_CALL_HELD);
	say_call(30, "d@pc", IPC_CALL_EARLY);
	assert_int_equal(model_totals(m)->holes, 3);
	say(engine, IPC_FEED_END);
	assert_int_equal(model_totals(m)->holes, 1);
	assert_int_equal(model_totals(m)->calls, 2);
	assert_int_equal(model_totals(m)->by_state[IPC_CALL_HELD], 1);
	assert_int_equal(model_totals(m)->by_state[IPC_CALL_EARLY], 1);
	assert_non_null(strstr(ask("show pinholes"),
	    "\"packets\":50,\"last_media\":1001,\"expires\":1200,"));
	/* The call began at the time that its first engine told. */
	assert_non_null(strstr(ask("show calls"), "\"since\":901"));
	/* Nonsense is dropped. */
	msg.u.feed_gone.reason = REASON_COUNT;
	msg.u.feed_gone.id = 5;
	say(engine, IPC_FEED_HOLE_GONE);
	msg.u.feed_call.state = IPC_CALL_STATES;
	msg.u.feed_call.owner = 1;
	say(engine, IPC_FEED_CALL);
	assert_non_null(model_hole_find(m, 5));
	assert_int_equal(model_totals(m)->by_state[IPC_CALL_HELD], 1);
	/* The same engine tells everything anew, and has nothing. */
	say(engine, IPC_FEED_BEGIN);
	say(engine, IPC_FEED_END);
	assert_int_equal(model_totals(m)->holes, 0);
	assert_int_equal(model_totals(m)->calls, 0);
	msg.hdr.type = IPC_QUIT;
	assert_false(model_input(m, engine, NOW, &msg));
}

static int asks[2], wholes;

static void
on_need(void *ctx, bool yes)
{
	(void)ctx;
	asks[yes]++;
}

static void
on_whole(void *ctx)
{
	(void)ctx;
	wholes++;
}

/* Calls and pinholes are here while a reader needs them, all or none. */
static void
what_nobody_needs_is_dropped(void **state)
{
	const struct model_asker asker = { on_need, on_whole, NULL };
	struct model_watch watch = { 0 };
	int64_t now = NOW;

	(void)state;
	model_free(m);
	asks[0] = asks[1] = wholes = 0;
	m = model_new();
	model_ask_by(m, &asker);
	engine = model_source_new(m, IPC_ENGINE, 70);
	proxy = model_source_new(m, IPC_PROXY, 71);
	/* Nobody needs them: a call that is over is remembered. */
	assert_false(model_needed(m));
	say(engine, IPC_FEED_BEGIN);
	say_hole(engine, 5, 1, "a@pc", AT(901));
	say_call(1, "a@pc", IPC_CALL_ACCEPTED);
	say(engine, IPC_FEED_END);
	msg.u.feed_call.packets = 12;
	say_call(3, "c@pc", IPC_CALL_ENDED);
	assert_int_equal(model_totals(m)->holes, 0);
	assert_int_equal(model_totals(m)->calls, 0);
	assert_non_null(
	    strstr(ask("show calls state ended"), "\"packets\":12,"));
	/* They are all there when the last source has told its own. */
	assert_false(model_need(m, now));
	assert_false(model_need(m, now));
	assert_int_equal(asks[true], 1);
	/* What was on its way before, and an end without a beginning. */
	say_hole(engine, 9, 1, "a@pc", AT(901));
	say(engine, IPC_FEED_END);
	assert_int_equal(model_totals(m)->holes, 0);
	say(engine, IPC_FEED_BEGIN);
	say_hole(engine, 5, 1, "a@pc", AT(901));
	say_call(1, "a@pc", IPC_CALL_ACCEPTED);
	say(proxy, IPC_FEED_BEGIN);
	say_hole(proxy, 50, 9, "", AT(999));
	say(engine, IPC_FEED_END);
	assert_false(model_need(m, now));
	assert_int_equal(wholes, 0);
	say(proxy, IPC_FEED_END);
	assert_int_equal(wholes, 1);
	assert_true(model_need(m, now));
	assert_int_equal(model_totals(m)->holes, 2);
	/* One who monitors needs them as long as it does. */
	now += MODEL_KEEP;
	model_watch(m, &watch);
	model_tick(m, now);
	model_unwatch(m, &watch);
	model_tick(m, now - 1);
	assert_int_equal(model_totals(m)->holes, 2);
	model_tick(m, now);
	assert_int_equal(asks[false], 1);
	assert_int_equal(model_totals(m)->holes, 0);
	assert_int_equal(model_totals(m)->calls, 0);
	say_gone(5, REASON_BYE);
	assert_string_equal(ask("show calls"), "");
	assert_non_null(strstr(ask("show calls state ended"), "c@pc"));
}

/* An engine that goes before it has told everything has told nothing. */
static void
half_of_it_is_not_all(void **state)
{
	const struct model_asker asker = { on_need, on_whole, NULL };

	(void)state;
	model_free(m);
	asks[0] = asks[1] = wholes = 0;
	m = model_new();
	model_ask_by(m, &asker);
	engine = model_source_new(m, IPC_ENGINE, 70);
	assert_false(model_need(m, NOW));
	say(engine, IPC_FEED_BEGIN);
	say_hole(engine, 5, 1, "a@pc", AT(901));
	model_source_gone(m, engine);
	assert_false(model_need(m, NOW));
	engine = model_source_new(m, IPC_ENGINE, 72);
	say(engine, IPC_FEED_BEGIN);
	say_hole(engine, 6, 1, "a@pc", AT(901));
	assert_false(model_need(m, NOW));
	say(engine, IPC_FEED_END);
	assert_int_equal(wholes, 1);
	assert_true(model_need(m, NOW));
	assert_int_equal(model_totals(m)->holes, 1);
	assert_non_null(model_hole_find(m, 6));
	/* And one that has told all has, until its successor has, too. */
	model_source_gone(m, engine);
	engine = model_source_new(m, IPC_ENGINE, 73);
	assert_true(model_need(m, NOW));
	assert_int_equal(model_totals(m)->holes, 1);
	/* Nobody needs to know what it held any more. */
	model_tick(m, NOW + MODEL_KEEP);
	assert_false(model_need(m, NOW));
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(calls_and_pinholes_have_their_keys),
		CASE(filters_choose),
		CASE(summary_and_counters_are_of_the_processes),
		CASE(counters_have_an_end),
		CASE(events_are_told_as_they_happen),
		CASE(packets_are_known_or_null),
		CASE(what_is_over_is_forgotten_in_time),
		CASE(a_process_that_has_gone_takes_what_nobody_else_has),
		CASE(what_nobody_needs_is_dropped),
		CASE(half_of_it_is_not_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
