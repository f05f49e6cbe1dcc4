/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/timers.h"
#include "src/engine/engine.h"
#include "src/engine/helpers.h"
#include "tests/unit/unit.h"

#define NOW   (1700000000 * USEC_PER_SEC)
#define FTP   "protect { 192.0.2.0/24 }\nftp { port 21 }\n"
#define TFTP  "protect { 192.0.2.0/24 }\ntftp { port 69 }\n"
#define RRQ   "\0\1file\0octet\0"
#define INNER 3 /* interfaces */
#define OTHER 4
#define OUTER 9

/* An engine, and all that came out of it. */
struct world {
	struct conf *conf;
	struct engine *e;
	char events[65536];
	struct strbuf out;
	uint64_t key; /* the last record */
	uint8_t record[512];
	size_t len;
	unsigned int records, forgotten;
	uint64_t fw_id; /* of the last pinhole opened */
	int64_t deadline;
	bool once; /* good for one connection */
};

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

static struct world *
world_new(const char *text)
{
	static const uint32_t inside[] = { INNER, OTHER };
	static const struct addr own[] = { { AF_INET, { 192, 0, 2, 1 } },
		{ AF_INET, { 198, 51, 100, 1 } } };
	struct world *w = calloc(1, sizeof(*w));
	struct engine_place place = { 0 };
	struct engine_sink sink = { w, on_commit, on_checkpoint, NULL, NULL };
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

static void
world_free(struct world *w)
{
	engine_free(w->e);
	conf_free(w->conf);
	free(w);
}

/* What happened since the last time. */
#define assert_events(w, want)                                                 \
	do {                                                                   \
		assert_string_equal((w)->events, want);                        \
		strbuf_reset(&(w)->out);                                       \
	} while (0)

static struct datagram
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

/* A client's line, or a server's, at an interface. */
static void
ftp(struct world *w, void **user, uint32_t ifindex, enum pkt_dir dir,
    const char *src, const char *dst, bool client, const char *text)
{
	struct datagram d = packet(IPPROTO_TCP, ifindex, dir, src,
	    client ? 40000 : 21, dst, client ? 21 : 40000);

	d.payload = span_of(text);
	assert_int_not_equal(engine_tcp(w->e, NOW, user, &d), CAPTURE_END);
}

static void
tftp(struct world *w, int64_t now, const char *src, uint16_t sport,
    const char *dst)
{
	struct datagram d =
	    packet(IPPROTO_UDP, INNER, PKT_IN, src, sport, dst, 69);

	d.payload = (struct span) { RRQ, sizeof(RRQ) - 1 };
	engine_udp(w->e, now, &d);
}

static void
what_is_seen_at_two_interfaces_is_watched_once(void **state)
{
	static const char a[] = "192.0.2.10", b[] = "192.0.2.77";
	struct world *w = world_new(FTP);
	void *here = NULL, *there = NULL;

	(void)state;
	/* Between two inside networks: each side counts where it comes in. */
	ftp(w, &here, INNER, PKT_IN, a, b, true, "PASV\r\n");
	ftp(w, &there, OTHER, PKT_OUT, a, b, true, "PASV\r\n");
	ftp(w, &there, OTHER, PKT_IN, b, a, false,
	    "227 (192,0,2,77,156,64)\r\n");
	ftp(w, &here, INNER, PKT_OUT, b, a, false,
	    "227 (192,0,2,77,156,64)\r\n");
	assert_events(w,
	    "open 1 in tcp 192.0.2.10 -> 192.0.2.77 port 40000 (request);");
	/* It is over when both have seen its end. */
	engine_tcp_end(w->e, here);
	engine_run(w->e, NOW);
	assert_events(w, "");
	engine_tcp_end(w->e, there);
	engine_run(w->e, NOW);
	assert_events(w,
	    "close 1 in tcp 192.0.2.10 -> 192.0.2.77 port 40000 (done);");
	world_free(w);
}

static void
only_what_passes_the_inside_counts(void **state)
{
	static const char in[] = "192.0.2.10", out[] = "198.51.100.7";
	struct world *w = world_new(FTP);
	void *user = NULL, *outside = NULL, *own = NULL;
	struct datagram d;

	(void)state;
	/* Forged: from inside, but it did not come in there. */
	ftp(w, &outside, OUTER, PKT_IN, in, out, true,
	    "PORT 192,0,2,10,156,64\r\n");
	ftp(w, &user, INNER, PKT_OUT, in, out, true,
	    "PORT 192,0,2,10,156,64\r\n");
	assert_events(w, "");
	ftp(w, &user, INNER, PKT_IN, in, out, true,
	    "PORT 192,0,2,10,156,64\r\n");
	assert_events(w,
	    "open 1 in tcp 198.51.100.7 -> 192.0.2.10 port 40000 (request);");
	ftp(w, &user, INNER, PKT_OUT, out, in, false, "500 no\r\n");
	assert_events(w,
	    "close 1 in tcp 198.51.100.7 -> 192.0.2.10 port 40000 (reject);");
	/* To the firewall itself, and between two that are not ours. */
	d = packet(IPPROTO_TCP, INNER, PKT_IN, in, 40000, "198.51.100.1", 21);
	d.payload = span_of("PORT 192,0,2,10,156,64\r\n");
	assert_int_equal(engine_tcp(w->e, NOW, &own, &d), CAPTURE_END);
	engine_tcp_end(w->e, own);
	assert_events(w, "");
	engine_tcp_end(w->e, user);
	engine_tcp_end(w->e, outside);
	world_free(w);
}

/* A stranger may choose his own port: from 21 to a web server, say. */
static void
the_end_that_was_connected_to_is_the_server(void **state)
{
	static const char in[] = "192.0.2.10", out[] = "198.51.100.7";
	/* clang-format off */
	static const struct {
		uint16_t		 in, out;	/* ports */
		enum stream_origin	 origin;	/* as the inside says it */
		bool			 opens;
	} rows[] = {
		{ 40000, 21, ORIGIN_SRC, true },
		{ 21, 40000, ORIGIN_DST, false },	/* its PORT is no command */
		{ 80, 21, ORIGIN_DST, false },
		{ 8080, 21, ORIGIN_DST, false },
		{ 40000, 21, ORIGIN_DST, false },
		{ 21, 21, ORIGIN_SRC, true },
		{ 21, 21, ORIGIN_DST, false },
		{ 40000, 21, ORIGIN_UNKNOWN, true },
		{ 1023, 21, ORIGIN_UNKNOWN, false },
		{ 1024, 21, ORIGIN_UNKNOWN, true },
		{ 80, 21, ORIGIN_UNKNOWN, false },
		{ 21, 21, ORIGIN_UNKNOWN, false },
		{ 21, 80, ORIGIN_UNKNOWN, false },
	};
	/* clang-format on */
	struct world *w;
	struct datagram d;
	void *user;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%u %u %d\n", rows[i].in, rows[i].out,
		    rows[i].origin);
		w = world_new(FTP);
		user = NULL;
		d = packet(IPPROTO_TCP, INNER, PKT_IN, in, rows[i].in, out,
		    rows[i].out);
		d.origin = (uint8_t)rows[i].origin;
		d.payload = span_of("PORT 192,0,2,10,21,56\r\n");
		(void)engine_tcp(w->e, NOW, &user, &d);
		assert_int_equal(strstr(w->events, "open") != NULL,
		    rows[i].opens);
		engine_tcp_end(w->e, user);
		world_free(w);
	}
}

static void
a_data_connection_must_begin_in_time(void **state)
{
	static const char in[] = "192.0.2.10", out[] = "198.51.100.7";
	struct world *w = world_new(FTP);
	void *user = NULL;

	(void)state;
	ftp(w, &user, INNER, PKT_IN, in, out, true,
	    "PORT 192,0,2,10,156,64\r\n");
	assert_true(w->deadline == NOW + 2 * USEC_PER_SEC);
	assert_true(w->once);
	engine_run(w->e, NOW + 2 * USEC_PER_SEC - 1);
	assert_null(strstr(w->events, "close"));
	engine_run(w->e, NOW + 2 * USEC_PER_SEC);
	assert_non_null(strstr(w->events, "(idle)"));
	strbuf_reset(&w->out);
	/* Seen by the packet filter: it has begun. */
	ftp(w, &user, INNER, PKT_IN, in, out, true,
	    "PORT 192,0,2,10,156,65\r\n");
	engine_seen(w->e, w->fw_id, FW_SEEN_FROM | FW_SEEN_TO,
	    NOW + USEC_PER_SEC);
	engine_run(w->e, NOW + 5 * USEC_PER_SEC);
	assert_non_null(strstr(w->events, "(done)"));
	strbuf_reset(&w->out);
	/* No successor would know of it. */
	ftp(w, &user, INNER, PKT_IN, in, out, true,
	    "PORT 192,0,2,10,156,66\r\n");
	strbuf_reset(&w->out);
	engine_leave(w->e, NOW + 6 * USEC_PER_SEC);
	assert_events(w,
	    "close 3 in tcp 198.51.100.7 -> 192.0.2.10 port 40002 (shutdown);");
	engine_tcp_end(w->e, user);
	world_free(w);
}

/* One more is not watched; one that is over makes room. */
static void
so_many_connections_of_ftp_are_watched(void **state)
{
	static const char in[] = "192.0.2.10", out[] = "198.51.100.7";
	static void *user[CONF_FTP_MAX + 1];
	struct world *w = world_new(FTP);
	struct datagram d;
	uint16_t i;

	(void)state;
	for (i = 0; i <= CONF_FTP_MAX; i++) {
		d = packet(IPPROTO_TCP, INNER, PKT_IN, in,
		    (uint16_t)(20000 + i), out, 21);
		d.payload = span_of("USER a\r\n");
		assert_int_equal(engine_tcp(w->e, NOW, &user[i], &d) ==
			CAPTURE_END,
		    i == CONF_FTP_MAX);
	}
	engine_tcp_end(w->e, user[7]);
	engine_run(w->e, NOW);
	user[7] = NULL;
	assert_int_not_equal(engine_tcp(w->e, NOW, &user[7], &d), CAPTURE_END);
	for (i = 0; i <= CONF_FTP_MAX; i++)
		if (user[i] != NULL)
			engine_tcp_end(w->e, user[i]);
	world_free(w);
}

/* The same, later: a client's line, or a server's. */
static void
ftp_at(struct world *w, void **user, int64_t now, bool client, const char *text)
{
	static const char in[] = "192.0.2.10", out[] = "198.51.100.7";
	struct datagram d = client
	    ? packet(IPPROTO_TCP, INNER, PKT_IN, in, 40000, out, 21)
	    : packet(IPPROTO_TCP, INNER, PKT_OUT, out, 21, in, 40000);

	d.payload = span_of(text);
	engine_run(w->e, now);
	assert_true(engine_tcp(w->e, now, user, &d));
}

#define ACTIVE(id, what, why)                                                  \
	what " " id " in tcp 198.51.100.7 -> 192.0.2.10 port 40000 (" why ");"

static void
the_time_of_active_mode_runs_anew(void **state)
{
	struct world *w = world_new(FTP);
	int64_t now = NOW;
	void *user = NULL;

	(void)state;
	/* A server that takes 2.1 seconds to say yes. */
	ftp_at(w, &user, now, true, "PORT 192,0,2,10,156,64\r\n");
	ftp_at(w, &user, now += 2100000, false, "200 ok\r\n");
	assert_events(w,
	    ACTIVE("1", "open", "request") ACTIVE("1", "close", "idle")
		ACTIVE("2", "open", "request"));
	assert_true(w->deadline == now + 2 * USEC_PER_SEC);
	/* A client that thinks before it asks for the file. */
	ftp_at(w, &user, now += 1900000, true, "RETR file\r\n");
	assert_true(w->deadline == now + 2 * USEC_PER_SEC);
	ftp_at(w, &user, now += 1900000, false, "150 here\r\n");
	assert_events(w, "");
	/* It has begun: no other one comes by it. */
	ftp_at(w, &user, now += 500000, true, "RETR file\r\n");
	assert_events(w, ACTIVE("2", "close", "done"));
	ftp_at(w, &user, now, false, "226 done\r\n");
	ftp_at(w, &user, now, true, "RETR file\r\n");
	assert_events(w, "");
	/* Nor where the packet filter has seen it. */
	ftp_at(w, &user, now, true, "PORT 192,0,2,10,156,64\r\n");
	strbuf_reset(&w->out);
	engine_seen(w->e, w->fw_id, FW_SEEN_FROM, now + 1);
	ftp_at(w, &user, now + USEC_PER_SEC, true, "LIST\r\n");
	assert_true(w->deadline == now + 2 * USEC_PER_SEC);
	ftp_at(w, &user, now += 3 * USEC_PER_SEC, true, "LIST\r\n");
	assert_events(w, ACTIVE("3", "close", "done"));
	engine_tcp_end(w->e, user);
	user = NULL;
	/* The next one may be late again. */
	ftp_at(w, &user, now, true, "PORT 192,0,2,10,156,64\r\n");
	ftp_at(w, &user, now, false, "200 ok\r\n");
	ftp_at(w, &user, now, true, "RETR file\r\n");
	ftp_at(w, &user, now, false, "150 here\r\n");
	ftp_at(w, &user, now, false, "226 done\r\n");
	ftp_at(w, &user, now, true, "PORT 192,0,2,10,156,64\r\n");
	strbuf_reset(&w->out);
	ftp_at(w, &user, now += 2100000, false, "200 ok\r\n");
	assert_events(w,
	    ACTIVE("5", "close", "idle") ACTIVE("6", "open", "request"));
	/* What the server refuses is over. */
	ftp_at(w, &user, now, true, "PORT 192,0,2,10,156,64\r\n");
	ftp_at(w, &user, now, false, "500 no\r\n");
	ftp_at(w, &user, now, true, "LIST\r\n");
	assert_events(w,
	    ACTIVE("6", "close", "replaced") ACTIVE("7", "open", "request")
		ACTIVE("7", "close", "reject"));
	engine_tcp_end(w->e, user);
	world_free(w);
}

#define ALL                                                                    \
	"protect { 192.0.2.0/24 }\nsip { port { 5060 5080 } }\n"               \
	"ftp { port 21 }\ntftp { port 69 }\n"

static void
no_data_go_to_a_port_of_signalling(void **state)
{
	static const char in[] = "192.0.2.10", out[] = "198.51.100.7";
	struct world *w = world_new(ALL);
	void *user = NULL;

	(void)state;
	ftp(w, &user, INNER, PKT_IN, in, out, true,
	    "PORT 192,0,2,10,19,196\r\n");
	assert_events(w,
	    "refuse 192.0.2.10 -> 192.0.2.10 port 5060 "
	    "(port-range);");
	ftp(w, &user, INNER, PKT_IN, in, out, true, "EPSV\r\n");
	ftp(w, &user, INNER, PKT_OUT, out, in, false, "500 no\r\n");
	ftp(w, &user, INNER, PKT_OUT, out, in, false, "229 (|||5080|)\r\n");
	assert_events(w,
	    "refuse 198.51.100.7 -> 198.51.100.7 port 5080 "
	    "(port-range);");
	engine_tcp_end(w->e, user);
	/* That is read as SIP, which it is not. */
	tftp(w, NOW, in, 5060, out);
	assert_events(w, "");
	tftp(w, NOW, in, 5061, out);
	assert_non_null(strstr(w->events, "open "));
	world_free(w);
}

/* Private addresses are hosts; a group, or nobody, is none. */
static void
data_go_to_hosts_only(void **state)
{
	static const struct {
		const char *data, *said;
	} rows[] = {
		{ "10,0,0,5,4,0", "open" },
		{ "10,0,0,5,3,255", "refuse" },
		{ "10,0,0,6,4,0", "open" },
		{ "224,0,0,5,4,0", "" },
		{ "127,0,0,1,4,0", "" },
		{ "0,0,0,0,4,0", "" },
		{ "172,16,0,7,4,0", "" },
	};
	struct world *w;
	char line[64];
	void *user;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].data);
		w = world_new("protect { 10.0.0.0/8 127.0.0.0/8 224.0.0.0/4 "
			      "0.0.0.0/32 }\nftp { port 21\nloose yes }\n");
		user = NULL;
		snprintf(line, sizeof(line), "PORT %s\r\n", rows[i].data);
		ftp(w, &user, INNER, PKT_IN, "10.0.0.5", "172.16.0.7", true,
		    line);
		assert_int_equal(strncmp(w->events, rows[i].said,
				     strlen(rows[i].said)),
		    0);
		if (rows[i].said[0] == '\0')
			assert_null(strstr(w->events, "open"));
		engine_tcp_end(w->e, user);
		world_free(w);
	}
}

/* What is refused takes the place of what was agreed on before. */
static void
a_port_that_is_refused_ends_the_one_before(void **state)
{
	struct world *w = world_new(ALL);
	void *user = NULL;

	(void)state;
	ftp_at(w, &user, NOW, true, "PORT 192,0,2,10,156,64\r\n");
	ftp_at(w, &user, NOW, false, "200 ok\r\n");
	ftp_at(w, &user, NOW + 3 * USEC_PER_SEC, true,
	    "PORT 192,0,2,10,19,196\r\n");
	assert_events(w,
	    ACTIVE("1", "open", "request")
		ACTIVE("1", "close", "idle") "refuse 192.0.2.10 -> 192.0.2.10 "
					     "port 5060 (port-range);");
	ftp_at(w, &user, NOW + 3 * USEC_PER_SEC, false, "200 ok\r\n");
	ftp_at(w, &user, NOW + 3 * USEC_PER_SEC, true, "RETR file\r\n");
	assert_events(w, "");
	engine_tcp_end(w->e, user);
	world_free(w);
}

#define OPENED "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 20000 (request);"
#define CLOSED(why)                                                            \
	"close 1 in udp 198.51.100.7 -> 192.0.2.10 port 20000 (" why ");"

static void
a_transfer_lasts_until_it_is_silent(void **state)
{
	struct world *w = world_new(TFTP), *next = world_new(TFTP);
	int64_t t;

	(void)state;
	tftp(w, NOW, "192.0.2.10", 20000, "198.51.100.7");
	assert_events(w, OPENED);
	for (t = NOW; t < NOW + 300 * USEC_PER_SEC; t += 10 * USEC_PER_SEC) {
		engine_seen(w->e, w->fw_id, FW_SEEN_FROM | FW_SEEN_TO, t);
		engine_run(w->e, t);
		/* Renewed in time. */
		assert_true(w->deadline >= t + 10 * USEC_PER_SEC);
	}
	t -= 10 * USEC_PER_SEC;
	assert_events(w, "");
	/* A successor hears that it still lives. */
	engine_adopt(next->e, w->key, w->record, w->len, t);
	assert_events(next, "");
	engine_run(next->e, t + 20 * USEC_PER_SEC);
	assert_events(next, "");
	world_free(next);
	engine_run(w->e, t + 30 * USEC_PER_SEC - 1);
	assert_events(w, "");
	engine_run(w->e, t + 30 * USEC_PER_SEC);
	assert_events(w, CLOSED("done"));
	assert_int_equal(w->forgotten, 1);
	/* Each request is one transfer, however often it is sent. */
	tftp(w, t, "192.0.2.10", 20000, "198.51.100.7");
	assert_true(w->deadline == t + 30 * USEC_PER_SEC);
	t += 20 * USEC_PER_SEC;
	tftp(w, t, "192.0.2.10", 20000, "198.51.100.7");
	assert_true(w->deadline == t + 30 * USEC_PER_SEC);
	assert_events(w,
	    "open 2 in udp 198.51.100.7 -> 192.0.2.10 port 20000 (request);");
	world_free(w);
}

/* One end alone: the outside for one timeout more, the inside as long as both.
 */
static void
a_transfer_that_one_end_has_begun_is_done(void **state)
{
	static const struct {
		unsigned int ends;
		int64_t done; /* seconds */
	} rows[] = { { FW_SEEN_FROM, 60 }, { FW_SEEN_TO, 40 } };
	struct world *w;
	int64_t end;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		w = world_new(TFTP);
		tftp(w, NOW, "192.0.2.10", 20000, "198.51.100.7");
		engine_seen(w->e, w->fw_id, rows[i].ends,
		    NOW + 10 * USEC_PER_SEC);
		end = NOW + rows[i].done * USEC_PER_SEC;
		engine_run(w->e, NOW + 20 * USEC_PER_SEC);
		for (int64_t t = NOW + 21 * USEC_PER_SEC; t < end;
		     t += USEC_PER_SEC) {
			if (rows[i].ends == FW_SEEN_FROM)
				engine_seen(w->e, w->fw_id, FW_SEEN_FROM, t);
			engine_run(w->e, t);
			assert_null(strstr(w->events, "close"));
		}
		engine_run(w->e, end);
		assert_events(w, OPENED CLOSED("done"));
		world_free(w);
	}
}

static void
a_client_has_its_share_of_transfers(void **state)
{
	struct world *w = world_new(TFTP);
	unsigned int i;

	(void)state;
	for (i = 0; i < HELPER_TFTP_SHARE; i++) {
		strbuf_reset(&w->out);
		tftp(w, NOW, "192.0.2.10", (uint16_t)(2000 + i),
		    "198.51.100.7");
		assert_non_null(strstr(w->events, "open "));
	}
	strbuf_reset(&w->out);
	tftp(w, NOW, "192.0.2.10", 60000, "198.51.100.7");
	assert_events(w, "refuse 192.0.2.10 -> 192.0.2.10 port 60000 (limit);");
	/* Which is said only so often. */
	for (i = 0; i < 100; i++)
		tftp(w, NOW, "192.0.2.10", 60000, "198.51.100.7");
	assert_true(w->out.len < 1000);
	strbuf_reset(&w->out);
	tftp(w, NOW, "192.0.2.77", 20000, "198.51.100.7");
	assert_non_null(strstr(w->events, "open "));
	/* And there is room again when they are over. */
	engine_run(w->e, NOW + 31 * USEC_PER_SEC);
	strbuf_reset(&w->out);
	tftp(w, NOW + 31 * USEC_PER_SEC, "192.0.2.10", 60000, "198.51.100.7");
	assert_non_null(strstr(w->events, "open "));
	world_free(w);
}

/* A stranger's request to a server inside, whoever it says that he is. */
static void
spoofed(struct world *w, int64_t now, unsigned int n)
{
	char src[32];
	struct datagram d;

	snprintf(src, sizeof(src), "203.%u.%u.%u", n >> 16, n >> 8 & 255,
	    n & 255);
	d = packet(IPPROTO_UDP, INNER, PKT_OUT, src, 20000, "192.0.2.10", 69);
	d.payload = (struct span) { RRQ, sizeof(RRQ) - 1 };
	engine_udp(w->e, now, &d);
}

static void
a_flood_of_sources_costs_its_own_transfers(void **state)
{
	struct world *w = world_new(TFTP);
	uint64_t busy;
	unsigned int i;

	(void)state;
	tftp(w, NOW, "192.0.2.10", 20000, "198.51.100.7");
	assert_events(w, OPENED);
	spoofed(w, NOW + 1, 0);
	busy = w->fw_id;
	for (i = 1; i < CONF_TFTP_MAX - 1; i++) {
		strbuf_reset(&w->out);
		spoofed(w, NOW + 2, i);
	}
	assert_non_null(strstr(w->events, "open "));
	engine_seen(w->e, busy, FW_SEEN_FROM | FW_SEEN_TO, NOW + 10);
	/* The silent ones go, the oldest first; not the client's inside. */
	for (; i < CONF_TFTP_MAX + 100; i++) {
		strbuf_reset(&w->out);
		spoofed(w, NOW + 20, i);
		assert_non_null(strstr(w->events, "(limit)"));
		assert_null(strstr(w->events, "203.0.0.0 "));
		assert_null(strstr(w->events, "-> 192.0.2.10 "));
		assert_non_null(strstr(w->events, "open "));
	}
	/* Which may always ask. */
	strbuf_reset(&w->out);
	tftp(w, NOW + 30, "192.0.2.10", 20001, "198.51.100.7");
	assert_non_null(
	    strstr(w->events, "-> 192.0.2.10 port 20001 (request)"));
	world_free(w);
}

/* A table full of protected clients: one of them gives way to another. */
static void
clients_inside_share_the_table(void **state)
{
	struct world *w = world_new(TFTP);
	char src[32];
	unsigned int i;

	(void)state;
	for (i = 0; i < CONF_TFTP_MAX; i++) {
		strbuf_reset(&w->out);
		snprintf(src, sizeof(src), "192.0.2.%u", 10 + i % 200);
		tftp(w, NOW + i, src, (uint16_t)(20000 + i / 200),
		    "198.51.100.7");
		assert_non_null(strstr(w->events, "open "));
	}
	strbuf_reset(&w->out);
	spoofed(w, NOW + USEC_PER_SEC, 1);
	assert_null(strstr(w->events, "open "));
	assert_null(strstr(w->events, "close "));
	strbuf_reset(&w->out);
	tftp(w, NOW + USEC_PER_SEC, "192.0.2.250", 20000, "198.51.100.7");
	assert_non_null(strstr(w->events, "close "));
	assert_non_null(strstr(w->events, "(limit)"));
	assert_non_null(strstr(w->events, "-> 192.0.2.250 port 20000"));
	world_free(w);
}

static void
a_successor_takes_transfers_over(void **state)
{
	struct world *w = world_new(TFTP), *next = world_new(TFTP);
	struct world *changed =
	    world_new("protect { 192.0.2.77 }\ntftp { port 69 }\n");
	struct world *stopped = world_new(TFTP), *late = world_new(TFTP);
	struct world *without = world_new(FTP);
	int64_t soon = NOW + 5 * USEC_PER_SEC;

	(void)state;
	tftp(w, NOW, "192.0.2.10", 20000, "198.51.100.7");
	assert_events(w, OPENED);
	/* Without a word, under its old name. */
	engine_adopt(next->e, w->key, w->record, w->len, soon);
	assert_events(next, "");
	assert_int_equal(next->fw_id, w->fw_id);
	/* Twice is once. */
	engine_adopt(next->e, w->key, w->record, w->len, soon);
	tftp(next, soon, "192.0.2.10", 20000, "198.51.100.7");
	assert_events(next, "");
	/* New ones have names of their own. */
	tftp(next, soon, "192.0.2.10", 20001, "198.51.100.7");
	assert_events(next,
	    "open 2 in udp 198.51.100.7 -> 192.0.2.10 port 20001 (request);");
	assert_true(next->key > w->key);
	engine_run(next->e, soon + 30 * USEC_PER_SEC);
	assert_events(next,
	    CLOSED("idle") "close 2 in udp 198.51.100.7 -> 192.0.2.10 port "
			   "20001 (idle);");
	/* No longer allowed, or long ago: it closes. */
	engine_adopt(changed->e, w->key, w->record, w->len, soon);
	assert_events(changed, CLOSED("policy"));
	engine_adopt(late->e, w->key, w->record, w->len,
	    NOW + 61 * USEC_PER_SEC);
	assert_events(late, CLOSED("idle"));
	engine_adopt(without->e, w->key, w->record, w->len, soon);
	assert_events(without, CLOSED("policy"));
	/* A record lasts for two timeouts, and none is of the future. */
	world_free(late);
	late = world_new(TFTP);
	engine_adopt(late->e, w->key, w->record, w->len,
	    NOW + 59 * USEC_PER_SEC);
	assert_events(late, "");
	world_free(late);
	late = world_new(TFTP);
	engine_adopt(late->e, w->key, w->record, w->len, NOW - 1);
	assert_events(late, CLOSED("idle"));
	/* And it is forgotten, or the next one would close it again. */
	assert_int_equal(changed->forgotten, 1);
	assert_int_equal(late->forgotten, 1);
	assert_int_equal(without->forgotten, 1);
	assert_int_equal(next->forgotten, 2);
	/* After a stop, it opens anew. */
	engine_shutdown(w->e, NOW + USEC_PER_SEC);
	assert_events(w, CLOSED("shutdown"));
	engine_adopt(stopped->e, w->key, w->record, w->len, soon);
	assert_events(stopped, OPENED);
	world_free(w);
	world_free(next);
	world_free(changed);
	world_free(stopped);
	world_free(late);
	world_free(without);
}

/* Somebody may have written it who has taken over the predecessor. */
static void
nothing_in_a_record_is_believed(void **state)
{
	struct world *w = world_new(TFTP), *next;
	uint8_t record[sizeof(w->record)];
	size_t i, at;
	unsigned int bit;

	(void)state;
	tftp(w, NOW, "192.0.2.10", 20000, "198.51.100.7");
	for (i = 0; i < w->len; i++) {
		next = world_new(TFTP);
		engine_adopt(next->e, w->key, w->record, i, NOW);
		engine_shutdown(next->e, NOW);
		world_free(next);
	}
	/* Whatever is changed in it: the inside, and no low port. */
	for (at = 0; at < w->len; at++)
		for (bit = 0; bit < 8; bit++) {
			memcpy(record, w->record, w->len);
			record[at] ^= (uint8_t)(1u << bit);
			next = world_new(TFTP);
			engine_adopt(next->e, w->key, record, w->len, NOW);
			strbuf_reset(&next->out);
			engine_shutdown(next->e, NOW);
			if (next->out.len > 0)
				assert_true(strstr(next->events,
						"-> 192.0.2.") != NULL ||
				    strstr(next->events, "udp 192.0.2.") !=
					NULL);
			world_free(next);
		}
	/* An endless name. */
	next = world_new(TFTP);
	engine_adopt(next->e, UINT64_MAX, w->record, w->len, NOW);
	engine_adopt(next->e, HELPER_FTP_ASKER, w->record, w->len, NOW);
	engine_shutdown(next->e, NOW);
	assert_events(next, "");
	world_free(next);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_is_seen_at_two_interfaces_is_watched_once),
		cmocka_unit_test(only_what_passes_the_inside_counts),
		cmocka_unit_test(the_end_that_was_connected_to_is_the_server),
		cmocka_unit_test(a_data_connection_must_begin_in_time),
		cmocka_unit_test(so_many_connections_of_ftp_are_watched),
		cmocka_unit_test(the_time_of_active_mode_runs_anew),
		cmocka_unit_test(no_data_go_to_a_port_of_signalling),
		cmocka_unit_test(a_transfer_lasts_until_it_is_silent),
		cmocka_unit_test(a_transfer_that_one_end_has_begun_is_done),
		cmocka_unit_test(a_client_has_its_share_of_transfers),
		cmocka_unit_test(a_flood_of_sources_costs_its_own_transfers),
		cmocka_unit_test(data_go_to_hosts_only),
		cmocka_unit_test(a_port_that_is_refused_ends_the_one_before),
		cmocka_unit_test(clients_inside_share_the_table),
		cmocka_unit_test(a_successor_takes_transfers_over),
		cmocka_unit_test(nothing_in_a_record_is_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
