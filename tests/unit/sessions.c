/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/engine/explain.h"
#include "tests/unit/blocks.h"
#include "tests/unit/helpers_play.h"
#include "tests/unit/latest.h"
#include "tests/unit/random.h"

/* The stories of FTP connections and TFTP transfers. */

static char told[65536];

static void
on_told(void *ctx, const char *text)
{
	struct strbuf *b = ctx;

	strbuf_fmt(b, "%s\n", text);
}

/* The explanation of a name, in `told`. */
static enum tell_found
explain(const struct sessions *s, const struct story *story, const char *name,
    uint64_t id)
{
	struct strbuf b = strbuf_of(told, sizeof(told));
	struct tell t = { .story = story,
		.sessions = s,
		.line = on_told,
		.ctx = &b };
	/* What was there before is no result. */
	const struct session *session = (const void *)told;
	const struct story_call *call = (const void *)told;
	enum tell_found found;

	found = explain_find(&t, span_of(name), id, &call, &session);
	explain_tell(&t, span_of(name), found, call, session);
	return found;
}

static enum tell_found
ask(const struct world *w, const char *name, uint64_t id)
{
	return explain(engine_sessions(w->e), engine_story(w->e), name, id);
}

#define IN  "192.0.2.10"
#define OUT "198.51.100.7"

static void
ftp_says(struct world *w, void **user, bool client, const char *text)
{
	ftp(w, user, INNER, client ? PKT_IN : PKT_OUT, client ? IN : OUT,
	    client ? OUT : IN, client, text);
}

static void
an_ftp_connection_is_told(void **state)
{
	struct world *w = world_new(FTP);
	void *user = NULL;

	(void)state;
	ftp_says(w, &user, true, "USER x\r\n");
	assert_int_equal(ask(w, "ftp", 0), TELL_ONE);
	assert_string_equal(told,
	    "ftp/192.0.2.10:40000/198.51.100.7:21\n"
	    "began 2023-11-14 22:13:20.000 UTC; goes on, nothing was opened\n"
	    "Neither side has named a port yet.\n");
	ftp_says(w, &user, false, "230 hello\r\n");
	ftp_says(w, &user, true, "PORT 192,0,2,10,156,64\r\n");
	ftp_says(w, &user, false, "500 no\r\n");
	ftp_says(w, &user, true, "PORT 192,0,2,99,156,64\r\n");
	ftp_says(w, &user, false, "500 no\r\n");
	ftp_says(w, &user, true, "PORT 192,0,2,10,0,22\r\n");
	ftp_says(w, &user, false, "500 no\r\n");
	ftp_says(w, &user, true, "PASV\r\n");
	ftp_says(w, &user, false, "227 (198,51,100,7,156,64)\r\n");
	assert_int_equal(ask(w, "ftp/192.0.2.10:40000/198.51.100.7:21", 0),
	    TELL_ONE);
	assert_string_equal(told,
	    "ftp/192.0.2.10:40000/198.51.100.7:21\n"
	    "began 2023-11-14 22:13:20.000 UTC; goes on, 1 pinhole is open\n"
	    "    +0.000  192.0.2.10 -> 198.51.100.7  PORT or EPRT: the client "
	    "waits for the data connection at 192.0.2.10 port 40000\n"
	    "            opened 1: tcp from 198.51.100.7 to 192.0.2.10 port "
	    "40000 (request)\n"
	    "            closed 1: tcp from 198.51.100.7 to 192.0.2.10 port "
	    "40000 (reject): the other side refused\n"
	    "            not opened (address): 192.0.2.10 names 192.0.2.99, "
	    "which is not its own address; see `loose`\n"
	    "            not opened (port-range): 192.0.2.10 names port 22 of "
	    "192.0.2.10; ports below 1024 and those of SIP are never opened\n"
	    "            198.51.100.7 -> 192.0.2.10  227 or 229: the server "
	    "waits for the data connection at 198.51.100.7 port 40000\n"
	    "            opened 2: tcp from 192.0.2.10 to 198.51.100.7 port "
	    "40000 (request)\n");
	/* By the number of a pinhole; what an administrator does is told. */
	assert_int_equal(ask(w, "", 2), TELL_ONE);
	assert_int_equal(ask(w, "1", 0), TELL_ONE);
	assert_int_equal(ask(w, "", 3), TELL_NONE);
	assert_int_equal(engine_close(w->e, (struct span) { NULL, 0 },
			     HELPER_FTP_ASKER, NOW),
	    1);
	assert_int_equal(ask(w, "2", 0), TELL_ONE);
	assert_non_null(
	    strstr(told, "(closed): an administrator has closed it\n"));
	ftp_says(w, &user, true, "AUTH TLS\r\n");
	ftp_says(w, &user, false, "234 go on\r\n");
	engine_tcp_end(w->e, user);
	engine_run(w->e, NOW + USEC_PER_SEC);
	assert_int_equal(ask(w, "2", 0), TELL_ONE);
	assert_non_null(strstr(told, "UTC; over\n"));
	assert_non_null(strstr(told, "encrypted from here on"));
	assert_non_null(strstr(told, "+1.000  the control connection is"));
	world_free(w);
}

static void
a_tftp_transfer_is_told(void **state)
{
	struct world *w =
	    world_new("protect { 192.0.2.0/24 }\ntftp { port 69\nallow read\n"
		      "timeout 30 }\n");
	static const char write[] = "\0\2a\"\33[2J\0octet";
	struct datagram d =
	    packet(IPPROTO_UDP, INNER, PKT_IN, IN, 2001, OUT, 69);

	(void)state;
	tftp(w, NOW, IN, 2000, OUT);
	tftp(w, NOW, IN, 2000, OUT);
	tftp(w, NOW, IN, 1000, OUT);
	d.payload = (struct span) { write, sizeof(write) };
	engine_udp(w->e, NOW, &d);
	assert_int_equal(ask(w, "tftp/192.0.2.10:2000", 0), TELL_ONE);
	assert_string_equal(told,
	    "tftp/192.0.2.10:2000/198.51.100.7 reads \"file\"\n"
	    "began 2023-11-14 22:13:20.000 UTC; goes on, 1 pinhole is open\n"
	    "    +0.000  opened 1: udp from 198.51.100.7 to 192.0.2.10 port "
	    "2000 (request)\n"
	    "            192.0.2.10 -> 198.51.100.7  asks again, or for "
	    "another file\n");
	assert_int_equal(ask(w, "tftp/192.0.2.10:2001", 0), TELL_ONE);
	assert_non_null(strstr(told, "writes \"a\"\\x1b[2J\"\n"));
	assert_non_null(strstr(told, "not opened: `allow` or `file`"));
	assert_int_equal(ask(w, "tftp", 0), TELL_MANY);
	assert_non_null(strstr(told,
	    "tftp/192.0.2.10:1000/198.51.100.7 reads "
	    "\"file\"  over, nothing was opened\n"));
	/* A question for an unknown name is answered with the list of names. */
	assert_int_equal(ask(w, "nobody", 0), TELL_NONE);
	assert_non_null(strstr(told, "TFTP transfers, the latest first:\n"));
	engine_run(w->e, NOW + 31 * USEC_PER_SEC);
	assert_int_equal(ask(w, "1", 0), TELL_ONE);
	assert_non_null(strstr(told, "UTC; over\n"));
	assert_non_null(strstr(told, "nothing came through it in `timeout`"));
	world_free(w);
}

static struct session_who
client(enum session_kind kind, uint64_t asker)
{
	return (struct session_who) { .kind = kind,
		.asker = asker,
		.client = { addr_v4(192, 0, 2, 10), 40000 },
		.server = { addr_v4(198, 51, 100, 7), 21 } };
}

static size_t
count(const struct sessions *s)
{
	const struct session *c;
	size_t n = 0;

	for (c = sessions_first(s); c != NULL; c = sessions_next(c))
		n++;
	return n;
}

static void
so_many_are_kept(void **state)
{
	struct sessions *s = sessions_new();
	struct session_who who;
	uint64_t i;

	(void)state;
	assert_non_null(s);
	who = client(SESSION_TFTP, 1000000);
	sessions_begin(s, &who, NOW);
	sessions_event(s, who.asker, SESSION_REPEATED, NULL, NOW);
	/* Of sessions without a record only SESSIONS_QUIET are kept. */
	for (i = 1; i <= 3000; i++) {
		who = client(SESSION_FTP, i);
		sessions_begin(s, &who, NOW);
	}
	assert_int_equal(count(s), SESSIONS_QUIET + 1);
	/* A session that is there already does not take another place. */
	for (i = 0; i < SESSIONS_QUIET; i++)
		sessions_begin(s, &who, NOW);
	assert_int_equal(sessions_first(s)->asker, 3001 - SESSIONS_QUIET);
	for (i = 3001; i <= 6000; i++) {
		who = client(SESSION_FTP, i);
		sessions_begin(s, &who, NOW);
		sessions_event(s, i, SESSION_IGNORED, NULL, NOW);
		/* This session changes all the time, and stays. */
		sessions_event(s, 3001, SESSION_IGNORED, NULL, NOW);
	}
	assert_true(count(s) <= SESSIONS_QUIET + SESSIONS_TOLD + 1);
	assert_true(count(s) > SESSIONS_TOLD);
	sessions_free(s);
}

static void
a_long_one_loses_its_middle(void **state)
{
	struct sessions *s = sessions_new();
	struct session_who who = client(SESSION_FTP, 1);
	struct pinhole h = { .proto = IPPROTO_TCP,
		.from = prefix_host(&who.server.addr),
		.to = who.client.addr };
	const struct story_limits few = { 1, 1, 1024, 512 };
	struct story *story = story_new(&few);
	const struct session_record *r;
	uint64_t last = 0;
	size_t i, n = 0;

	(void)state;
	assert_non_null(s);
	sessions_begin(s, &who, NOW);
	/* Twice the same is one record; another asker's is nobody's. */
	sessions_event(s, 1, SESSION_IGNORED, NULL, NOW);
	sessions_event(s, 1, SESSION_IGNORED, NULL, NOW);
	sessions_event(s, 2, SESSION_IGNORED, NULL, NOW);
	assert_int_equal(session_record(sessions_first(s), 0)->times, 2);
	assert_null(session_record(sessions_first(s), 1));
	for (i = 1; i <= 200; i++) {
		h.id = (i + 1) / 2;
		sessions_hole(s, 1, i % 2 == 1, &h, REASON_REQUEST, NOW);
		if (i == 30)
			assert_int_equal(session_left_out(sessions_first(s)),
			    31 - SESSION_RECORDS);
	}
	for (i = 0; (r = session_record(sessions_first(s), i)) != NULL; i++) {
		assert_true(r->id >= last);
		last = r->id;
		n += r->id;
	}
	assert_int_equal(i, SESSION_RECORDS);
	/* 0 1 1 2, and then 91 to 100, each twice. */
	assert_int_equal(n, 4 + 10 * 191);
	assert_int_equal(session_left_out(sessions_first(s)), 201 - 24);
	assert_int_equal(sessions_first(s)->open, 0);
	/* Two pinholes of the same place are two; one is found by its end. */
	for (h.id = 101; h.id <= 103; h.id++)
		sessions_hole(s, 1, true, &h, REASON_REQUEST, NOW);
	assert_int_equal(sessions_first(s)->n, 204);
	assert_int_equal(explain(s, story, "", 92), TELL_ONE);
	assert_int_equal(explain(s, story, "", 91), TELL_NONE);
	story_free(story);
	sessions_free(s);
}

static void
same_records(const struct session_record *a, const struct session_record *b)
{
	assert_int_equal(a->at, b->at);
	assert_int_equal(a->event, b->event);
	assert_int_equal(a->times, b->times);
	assert_int_equal(a->reason, b->reason);
	assert_int_equal(endpoint_cmp(&a->where, &b->where), 0);
	assert_true(addr_eq(&a->from, &b->from));
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->proto, b->proto);
	assert_int_equal(a->from_len, b->from_len);
}

/* What a session is to be, with all of its records. */
struct model {
	struct session_record r[400];
	uint32_t n, opened, open, refused;
	bool over;
};

static void
model_write(struct model *m, const struct session_record *r)
{
	struct session_record *last = m->n > 0 ? &m->r[m->n - 1] : NULL;

	if (last != NULL && last->event == r->event && last->id == r->id &&
	    last->reason == r->reason &&
	    endpoint_cmp(&last->where, &r->where) == 0)
		last->times++;
	else
		m->r[m->n++] = *r;
}

static void
model_compare(const struct model *m, const struct session *c)
{
	uint32_t left = m->n > SESSION_RECORDS ? m->n - SESSION_RECORDS : 0;
	const struct session_record *r;
	uint32_t i;

	assert_int_equal(c->n, m->n);
	assert_int_equal(c->opened, m->opened);
	assert_int_equal(c->open, m->open);
	assert_int_equal(c->refused, m->refused);
	assert_int_equal(c->over, m->over);
	assert_int_equal(session_left_out(c), left);
	for (i = 0; (r = session_record(c, i)) != NULL; i++)
		same_records(r, &m->r[i < SESSION_HEAD ? i : i + left]);
	assert_int_equal(i, m->n - left);
}

/* Anything may happen to either of two sessions. */
static void
each_record_is_as_it_was_told(void **state)
{
	static struct model m[2];
	struct sessions *s = sessions_new();
	struct session_record r;
	struct event_refusal refusal;
	struct pinhole h = { .proto = IPPROTO_TCP };
	struct session_who who;
	uint32_t bits, k;
	uint64_t asker;
	int64_t now;
	int i;

	(void)state;
	assert_non_null(s);
	for (k = 0; k < 2; k++) {
		who = client((enum session_kind)k, k + 1);
		sessions_begin(s, &who, NOW);
	}
	for (i = 0; i < 600; i++) {
		bits = pick(1u << 24);
		k = (bits >> 8) & 1;
		asker = k + 1;
		now = NOW + i;
		memset(&r, 0, sizeof(r));
		r.at = now;
		r.times = 1;
		r.where.addr = addr_v4(192, 0, 2, (bits >> 9) & 1);
		r.where.port = (bits >> 10) & 1;
		r.reason = REASON_REQUEST + ((bits >> 11) & 1);
		r.from = addr_v4(198, 51, 100, (bits >> 12) & 1);
		r.id = (bits >> 13) & 1;
		h.to = r.where.addr;
		h.to_lo = r.where.port;
		h.from = prefix_host(&r.from);
		h.id = r.id;
		switch ((bits >> 16) % 4) {
		case 0:
			r.event = SESSION_ACTIVE + ((bits >> 20) & 1);
			r.reason = 0;
			r.id = 0;
			memset(&r.from, 0, sizeof(r.from));
			sessions_event(s, asker, (enum session_event)r.event,
			    &r.where, now);
			break;
		case 1:
			r.event = SESSION_REFUSE;
			r.id = 0;
			refusal = (struct event_refusal) { .src = r.from,
				.dst = r.where.addr,
				.dport = r.where.port,
				.reason = (enum reason)r.reason };
			m[k].refused++;
			sessions_refused(s, asker, &refusal, now);
			/* Another asker's is nobody's. */
			sessions_refused(s, 77, &refusal, now);
			break;
		default:
			r.event = (bits >> 16) % 4 == 2 ? SESSION_OPEN
							: SESSION_CLOSE;
			r.proto = IPPROTO_TCP;
			r.from_len = 32;
			if (r.event == SESSION_OPEN) {
				m[k].opened++;
				m[k].open++;
			} else if (m[k].open > 0)
				m[k].open--;
			sessions_hole(s, asker, r.event == SESSION_OPEN, &h,
			    (enum reason)r.reason, now);
			sessions_hole(s, 77, true, &h, REASON_REQUEST, now);
			break;
		}
		model_write(&m[k], &r);
		model_compare(&m[0], sessions_first(s));
		model_compare(&m[1], sessions_next(sessions_first(s)));
	}
	for (i = 0; i < 70000; i++)
		sessions_event(s, 1, SESSION_OVER, NULL, NOW);
	assert_true(sessions_first(s)->over);
	assert_int_equal(session_record(sessions_first(s), SESSION_RECORDS - 1)
			     ->times,
	    UINT16_MAX);
	sessions_free(s);
}

/* Of a file's name, as much as there is room for. */
static void
a_name_is_kept_to_its_bound(void **state)
{
	static const size_t lens[] = { 0, 1, 2, 63, 64, 65, 300 };
	struct sessions *s = sessions_new();
	const struct session *c;
	struct session_who who;
	char name[300];
	size_t i, n;

	(void)state;
	assert_non_null(s);
	memset(name, 'n', sizeof(name));
	for (i = 0; i < ROWS(lens); i++) {
		who = client(SESSION_TFTP, i + 1);
		who.file = (struct span) { name, lens[i] };
		who.write = i & 1;
		who.adopted = i & 2;
		sessions_begin(s, &who, NOW + (int64_t)i);
	}
	for (i = 0, c = sessions_first(s); c != NULL;
	     i++, c = sessions_next(c)) {
		n = lens[i] < SESSION_FILE ? lens[i] : SESSION_FILE;
		assert_int_equal(c->kind, SESSION_TFTP);
		assert_int_equal(c->asker, i + 1);
		assert_int_equal(c->filelen, n);
		assert_memory_equal(c->file, name, n);
		assert_int_equal(c->write, i & 1);
		assert_int_equal(c->adopted, (i & 2) != 0);
		assert_int_equal(c->began, NOW + (int64_t)i);
		assert_int_equal(c->client.port, 40000);
		assert_int_equal(c->server.port, 21);
	}
	assert_int_equal(i, ROWS(lens));
	sessions_free(s);
}

/* Of one client's requests that are forbidden, so many begin a story. */
static void
forbidden_requests_begin_few_stories(void **state)
{
	static const char write[] = "\0\2a\0octet";
	struct world *w = world_new("protect { 192.0.2.0/24 }\n"
				    "tftp { port 69\nallow read }\n");
	struct datagram d;
	char host[32];
	unsigned int i;

	(void)state;
	for (i = 0; i < 30; i++) {
		snprintf(host, sizeof(host), "198.51.100.%u", i + 10);
		d = packet(IPPROTO_UDP, INNER, PKT_IN, IN, (uint16_t)(2000 + i),
		    host, 69);
		d.payload = (struct span) { write, sizeof(write) };
		engine_udp(w->e, NOW, &d);
	}
	assert_int_equal(count(engine_sessions(w->e)), 10);
	/* Others have their own share, whatever server they ask. */
	for (i = 0; i < 5; i++) {
		snprintf(host, sizeof(host), "192.0.2.%u", i + 20);
		d = packet(IPPROTO_UDP, INNER, PKT_IN, host, 2000, OUT, 69);
		d.payload = (struct span) { write, sizeof(write) };
		engine_udp(w->e, NOW, &d);
	}
	assert_int_equal(count(engine_sessions(w->e)), 15);
	assert_int_equal(world_counted(w, "tftp_forbidden"), 35);
	assert_int_equal(world_counted(w, "tftp_requests"), 35);
	world_free(w);
}

/* However short the beginning of a name, it says which are listed. */
static void
a_beginning_chooses(void **state)
{
	static const char *const names[] = { "f", "ftp/192.0.2.10:1", "t",
		"tftp/192.0.2.10:1" };
	const struct story_limits few = { 1, 1, 1024, 512 };
	struct sessions *s = sessions_new();
	struct story *story = story_new(&few);
	struct session_who who;
	size_t i;
	bool ftp;

	(void)state;
	for (i = 0; i < 8; i++) {
		who = client(i % 2 == 0 ? SESSION_FTP : SESSION_TFTP, i + 1);
		who.client.port = (uint16_t)(i < 4 ? 1000 + i : 2000 + i);
		sessions_begin(s, &who, NOW);
	}
	for (i = 0; i < ROWS(names); i++) {
		ftp = names[i][0] == 'f';
		assert_int_equal(explain(s, story, names[i], 0), TELL_MANY);
		assert_int_equal(strstr(told, "  ftp/") != NULL, ftp);
		assert_int_equal(strstr(told, "  tftp/") != NULL, !ftp);
		assert_non_null(strstr(told, ":100"));
		assert_int_equal(strstr(told, ":200") != NULL, i % 2 == 0);
	}
	assert_int_equal(explain(s, story, "tftp/192.0.2.10:1003", 0),
	    TELL_ONE);
	story_free(story);
	sessions_free(s);
}

/* The latest sessions are listed, latest first; of the same time, in order. */
static void
the_latest_are_listed(void **state)
{
	const struct story_limits few = { 1, 1, 1024, 512 };
	static const size_t many[] = { 1, 19, 20, 21, 22, 60 };
	struct story *story = story_new(&few);
	size_t order[TELL_LIST], i, k, n;
	struct session_who who;
	struct sessions *s;
	char want[128], *p;
	int64_t at[64];

	(void)state;
	for (k = 0; k < ROWS(many); k++) {
		assert_non_null(s = sessions_new());
		for (i = 0; i < many[k]; i++) {
			who = client(SESSION_TFTP, i + 1);
			who.client.port = (uint16_t)(1000 + i);
			at[i] = NOW + pick(40) * USEC_PER_SEC;
			sessions_begin(s, &who, at[i]);
		}
		n = latest(at, many[k], order, TELL_LIST);
		assert_int_equal(explain(s, story, "nobody", 0), TELL_NONE);
		p = strstr(told, "latest first:\n");
		assert_non_null(p);
		for (i = 0; i < n; i++) {
			p = strchr(p, '\n') + 1;
			snprintf(want, sizeof(want),
			    "  tftp/192.0.2.10:%zu/198.51.100.7  over",
			    1000 + order[i]);
			assert_int_equal(strncmp(p + 29, want, strlen(want)),
			    0);
		}
		assert_string_equal(strchr(p, '\n'), "\n");
		sessions_free(s);
	}
	story_free(story);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ftp_connection_is_told),
		cmocka_unit_test(a_tftp_transfer_is_told),
		cmocka_unit_test(so_many_are_kept),
		cmocka_unit_test(a_long_one_loses_its_middle),
		cmocka_unit_test(each_record_is_as_it_was_told),
		cmocka_unit_test(a_name_is_kept_to_its_bound),
		cmocka_unit_test(a_beginning_chooses),
		cmocka_unit_test(forbidden_requests_begin_few_stories),
		cmocka_unit_test(the_latest_are_listed),
	};

	return blocks_end(cmocka_run_group_tests(tests, blocks_begin, NULL));
}
