/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/strbuf.h"
#include "tests/unit/proxy_tables_play.h"

struct proxy_tables *tables_service;
struct key tables_key;
static struct keyfiles keys = { &tables_key, 1 };
struct iface tables_own;
static struct prefix never[1];
static char bad[] = "bad", good[] = "good";
char *tables_names[] = { bad, good, NULL };
static uint64_t nonce;
static uint8_t request_mac[MAC_SHA256_LEN];
struct checkpoint *tables_journal;
int tables_files[2];

void
tables_start(bool first_run)
{
	struct proxy_tables_setup s = { &keys, &tables_own, first_run };

	tables_service = proxy_tables_start(&play, &at, &s);
	assert_non_null(tables_service);
}

int
tables_file(void)
{
	char name[] = "/tmp/proxy_tables.XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd != -1);
	unlink(name);
	return fd;
}

int
tables_prepare(void **state)
{
	struct addr a = addr_v4(192, 0, 2, 0);

	if (play_begin(state) != 0)
		return -1;
	play.now = T0;
	memset(&at, 0, sizeof(at));
	at.kind = LISTEN_TABLES;
	at.fd = play_socket(SOCK_DGRAM, "127.0.0.1", &at.at);
	client = play_connect(SOCK_DGRAM, CLIENT, &at.at);
	assert_int_equal(key_set(&tables_key, "ops", span_of(SECRET)), PH_OK);
	never[0] = prefix_host(&a);
	never[0].len = 24;
	play.conf.tables.on = true;
	play.conf.tables.allow = (struct strings) { tables_names, 2 };
	play.conf.tables.never = (struct prefixes) { never, 1 };
	play.conf.tables.max = 1000;
	memset(&tables_own, 0, sizeof(tables_own));
	tables_own.own[0] = addr_v4(10, 0, 0, 1);
	tables_own.nown = 1;
	tables_journal = NULL;
	tables_files[0] = tables_file();
	tables_files[1] = tables_file();
	return 0;
}

int
tables_setup(void **state)
{
	if (tables_prepare(state) != 0)
		return -1;
	tables_start(true);
	proxy_tables_begin(tables_service, NULL, PH_EIO);
	return 0;
}

int
tables_teardown(void **state)
{
	proxy_tables_stop(tables_service);
	checkpoint_close(tables_journal);
	close(tables_files[0]);
	close(tables_files[1]);
	close(at.fd);
	close(client);
	return play_end(state);
}

/* "203.0.113.9/32 ..." for a table; send it, and let it be read. */
void
tables_ask_in(const char *table, uint8_t command, const char *what,
    uint32_t ttl_s)
{
	struct wire_request r = { .version = 3, .command = command };
	struct span rest = span_of(what), word;
	uint8_t buf[WIRE_MAX];
	struct span mac;
	size_t n;

	r.time = (uint32_t)(play.now / USEC_PER_SEC);
	r.nonce = ++nonce;
	strlcpy(r.key, "ops", sizeof(r.key));
	strlcpy(r.table, table, sizeof(r.table));
	while (rest.len > 0) {
		word = span_cut(rest, ' ', &rest);
		assert_int_equal(prefix_parse(word, &r.entries[r.n].prefix),
		    PH_OK);
		r.entries[r.n++].ttl_s = ttl_s;
	}
	n = wire_build(&r, &tables_key, buf);
	assert_int_not_equal(n, 0);
	mac = wire_mac((struct span) { (char *)buf, n });
	memcpy(request_mac, mac.p, sizeof(request_mac));
	assert_int_equal(send(client, buf, n, 0), n);
	play_run();
}

void
tables_ask(uint8_t command, const char *what, uint32_t ttl_s)
{
	tables_ask_in("bad", command, what, ttl_s);
}

/* The client is told so. */
void
tables_assert_reply(enum wire_status status, uint64_t refused)
{
	const char *p = play_read(client);
	struct wire_reply r;

	assert_int_equal(play_got(), WIRE_REPLY_LEN);
	assert_int_equal(wire_reply_parse((struct span) { p, play_got() },
			     &tables_key, request_mac, &r),
	    PH_OK);
	assert_int_equal(r.status, status);
	assert_int_equal(r.refused, refused);
}

void
tables_assert_no_reply(void)
{
	assert_string_equal(play_read(client), "");
	assert_int_equal(play_got(), 0);
}

/* Question `i` as "add 0 60 203.0.113.9 203.0.113.10". */
void
tables_assert_asked(size_t i, const char *want)
{
	static const char *const ops[] = { [FW_TABLE_ADD] = "add",
		[FW_TABLE_DELETE] = "delete",
		[FW_TABLE_FLUSH] = "flush" };
	const struct play_table *x = &play.table[i];
	char text[1024], prefix[ADDR_STRLEN];
	struct strbuf b = strbuf_of(text, sizeof(text));
	size_t k;

	assert_int_equal(play.ntables, i + 1);
	strbuf_fmt(&b, "%s ", ops[x->t.op]);
	strbuf_fmt(&b, "%u %u", x->t.index, x->t.ttl_s);
	for (k = 0; k < x->t.n; k++)
		strbuf_fmt(&b, " %s", prefix_format(&x->v[k], prefix));
	assert_string_equal(text, want);
}

void
tables_answer(enum ph_err err)
{
	struct play_table *x = &play.table[play.ntables - 1];
	proxy_answer *f = x->answer;

	assert_non_null(f);
	x->answer = NULL;
	f(x->ctx, err);
	play_run();
}

int64_t
tables_next_question(void)
{
	size_t nasked = play.ntables;
	int64_t wait = play_timer_us;

	play_timer_fire();
	assert_int_equal(play.ntables, nasked + 1);
	return wait;
}
