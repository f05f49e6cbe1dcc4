/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/base/timers.h"
#include "tests/unit/claims_play.h"

char told[LOG_SIZE], said[LOG_SIZE];
int64_t now;
struct claims *claims;
struct pinhole last;

static void
append(char *log, const char *text)
{
	assert_true(strlen(log) + strlen(text) < LOG_SIZE);
	strlcat(log, text, LOG_SIZE);
}

static void
on_commit(void *ctx, const struct fw_change *c, size_t n)
{
	char text[64];
	size_t i;

	(void)ctx;
	assert_in_range(n, 1, 64);
	for (i = 0; i < n; i++) {
		assert_int_equal(c[i].pad, 0);
		if (c[i].op == FW_OPEN) {
			last = c[i].hole;
			snprintf(text, sizeof(text), "+%" PRIu64 ":%u@%" PRId64,
			    c[i].hole.id, c[i].hole.to_lo,
			    c[i].hole.deadline / USEC_PER_SEC - 1000);
		} else if (c[i].op == FW_CUT) {
			assert_int_equal(c[i].hole.dir, PINHOLE_OUT);
			assert_int_equal(c[i].hole.id, 0);
			assert_int_equal(c[i].hole.deadline, 0);
			snprintf(text, sizeof(text), "/%u:%u",
			    c[i].hole.from_port, c[i].hole.to_lo);
		} else {
			assert_int_equal(c[i].op, FW_CLOSE);
			snprintf(text, sizeof(text), "-%" PRIu64 ":%u",
			    c[i].hole.id, c[i].hole.to_lo);
		}
		append(told, text);
	}
	append(told, ".");
}

/* The text between `key` and the next quote or comma. */
static const char *
value(const char *line, const char *key, char *out, size_t size)
{
	const char *p = strstr(line, key);

	assert_non_null(p);
	p += strlen(key);
	snprintf(out, size, "%.*s", (int)strcspn(p, "\","), p);
	return out;
}

static void
on_line(void *ctx, const char *line)
{
	char event[16], id[24] = "-", call[32], port[8], why[32], text[128];

	(void)ctx;
	if (strstr(line, "\"id\":") != NULL)
		value(line, "\"id\":", id, sizeof(id));
	snprintf(text, sizeof(text), "%s %s %s %s %s;",
	    value(line, "\"event\":\"", event, sizeof(event)), id,
	    value(line, "\"call\":\"", call, sizeof(call)),
	    value(line, "\"dport\":", port, sizeof(port)),
	    value(line, "\"reason\":\"", why, sizeof(why)));
	append(said, text);
}

struct claims *
table_from(size_t limit, uint64_t first_id)
{
	struct events ev = { .format = EVENTS_JSON, .line = on_line };
	struct claims_sink sink = { NULL, on_commit, NULL };
	struct claims *h = claims_new(limit, first_id, &ev, &sink);

	assert_non_null(h);
	return h;
}

struct claims *
table(size_t limit)
{
	return table_from(limit, 1);
}

int
claims_setup(void **state)
{
	(void)state;
	now = 1000 * USEC_PER_SEC;
	told[0] = said[0] = '\0';
	claims = table(1000);
	return 0;
}

int
claims_teardown(void **state)
{
	(void)state;
	claims_free(claims);
	return 0;
}

struct pinhole
hole(uint16_t port)
{
	struct addr phone = addr_v4(198, 51, 100, 7);
	struct pinhole p;

	memset(&p, 0, sizeof(p));
	p.proto = IPPROTO_UDP;
	p.dir = PINHOLE_IN;
	p.from = prefix_host(&phone);
	p.to = addr_v4(192, 0, 2, 10);
	p.to_lo = port;
	p.to_hi = port + 1;
	p.deadline = INT64_MAX; /* not for a wish to say */
	return p;
}
