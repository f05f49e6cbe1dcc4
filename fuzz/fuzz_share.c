/* SPDX-License-Identifier: ISC */
/*
 * Records from a server of Redis that an attacker controls, as a box reads
 * them: one after the other, each behind its length.  The table of calls stays
 * within its limit, and the engine is asked for nothing that it does not have.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/wire.h"
#include "src/share/group.h"

#define LIMIT 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct group *group;
static uint64_t next_id;

static void
on_write(void *ctx, const uint8_t *key, uint64_t version, const uint8_t *p,
    size_t len)
{
	const int64_t *now = ctx;

	(void)p;
	if (len > RECORD_MAX)
		__builtin_trap();
	group_written(group, key, version, version % 3 != 0, *now);
}

static void
on_publish(void *ctx, const uint8_t *p, size_t len)
{
	(void)ctx;
	(void)p;
	if (len > RECORD_MAX)
		__builtin_trap();
}

static void
on_renew(void *ctx, const uint8_t *key)
{
	(void)ctx;
	group_renewed(group, key, key[0] % 2 == 0);
}

static size_t
on_room(void *ctx)
{
	(void)ctx;
	return 1;
}

static void
on_offer(void *ctx, const uint8_t *key, struct span body, bool fresh)
{
	const int64_t *time = ctx;

	if (body.len > RECORD_BODY_MAX)
		__builtin_trap();
	group_took(group, key, fresh ? 0 : ++next_id % LIMIT + 1,
	    fresh ? PH_EUNSUPPORTED : PH_OK, *time);
}

static void
on_end(void *ctx, uint64_t id, enum reason why)
{
	const int64_t *now = ctx;

	if (id == 0 || (unsigned int)why >= REASON_COUNT)
		__builtin_trap();
	group_gone(group, id, why, *now);
}

static void
on_seen(void *ctx, uint64_t id, uint32_t inside_s, uint32_t outside_s)
{
	(void)ctx;
	(void)inside_s;
	(void)outside_s;
	if (id == 0)
		__builtin_trap();
}

static void
on_role(void *ctx, uint64_t id, enum group_role role)
{
	(void)ctx;
	(void)role;
	if (id == 0)
		__builtin_trap();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	int64_t now = 1000000 * USEC_PER_SEC;
	struct group_setup setup = { .group = { .name = "fw" },
		.name = "fw1",
		.boot = 1,
		.limit = LIMIT,
		.ops = { on_write, on_write, on_publish, on_renew, on_room,
		    on_offer, on_end, on_seen, on_role, &now } };
	struct cursor r = cursor_of(data, len);
	struct group_stats stats;
	struct span record;

	if ((group = group_new(&setup, now)) == NULL)
		return 0;
	next_id = 0;
	group_call(group, 3, span_of("own"), span_of("body"), true, now);
	group_joined(group, now);
	while (cursor_left(&r) > 2) {
		record = cursor_span(&r, cursor_u16(&r));
		if (r.bad)
			record = cursor_span(&r, 0);
		group_record(group, record.p, record.len, now);
		now += USEC_PER_SEC;
		(void)group_run(group, now);
		if (r.bad)
			break;
	}
	group_lost(group, now);
	(void)group_run(group, now + BOXES_LEASE);
	group_stats(group, &stats);
	if (stats.calls > 2 * LIMIT)
		__builtin_trap();
	group_free(group);
	return 0;
}
