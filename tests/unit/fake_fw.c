/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/timers.h"
#include "tests/unit/fake_fw.h"
#include "tests/unit/unit.h"

struct fw fake;
struct fake_answers got[IPC_NROLES];
struct conf *conf;
struct fwtable *table;
struct ipc_commit batch;
int64_t now;

struct pinhole *
fake_find(uint64_t id)
{
	size_t i;

	for (i = 0; i < fake.n; i++)
		if (fake.hole[i].id == id)
			return &fake.hole[i];
	return NULL;
}

static enum ph_err
fake_commit(struct fw *fw, const struct fw_edit *c, size_t n, int64_t at)
{
	struct pinhole hole, *h;
	size_t i, more = 0;
	enum ph_err rc = fw->fail;

	(void)at;
	assert_true(n > 0);
	fw->commits++;
	fw->clock += fw->slow;
	if (n > fw->largest)
		fw->largest = n;
	if (fw->lost) {
		fw->lost = false;
		fw->was_lost = true;
		fw->n = 0;
		return PH_EGONE;
	}
	fw->fail = PH_OK;
	if (fw->nfails > 0) {
		fw->fail = fw->fails[0];
		memmove(fw->fails, fw->fails + 1, sizeof(fw->fails[0]) * 7);
		fw->nfails--;
	}
	if (rc != PH_OK)
		return rc;
	for (i = 0; i < n; i++) {
		if (c[i].op != FW_REMOVE &&
		    fw_entry_hole(c[i].entry).to_lo == fw->bad_port)
			return PH_EBAD;
		h = fake_find(c[i].entry->id);
		if (c[i].op != FW_REMOVE && h == NULL)
			more++;
		if (c[i].op == FW_REMOVE && h != NULL)
			more--;
	}
	if (fw->n + more > fw->room && more > 0)
		return PH_ELIMIT;
	fw->changes += (unsigned int)n;
	for (i = 0; i < n; i++) {
		h = fake_find(c[i].entry->id);
		if (c[i].op == FW_REMOVE) {
			assert_true(h != NULL || fw->was_lost);
			if (h == NULL)
				continue;
			fw->entry[h - fw->hole] = fw->entry[--fw->n];
			*h = fw->hole[fw->n];
		} else if (h == NULL) {
			assert_true(c[i].op == FW_ADD || fw->was_lost);
			fw->entry[fw->n] = c[i].entry;
			fw->hole[fw->n++] = fw_entry_hole(c[i].entry);
		} else {
			assert_int_equal(c[i].op, FW_REPLACE);
			hole = fw_entry_hole(c[i].entry);
			assert_int_equal(pinhole_cmp(h, &hole), 0);
			h->deadline = c[i].entry->deadline;
		}
	}
	return PH_OK;
}

static void
fake_cut(struct fw *fw, const struct pinhole *hole, int64_t at)
{
	(void)hole;
	(void)at;
	fw->cuts++;
}

static enum ph_err
fake_settle(struct fw *fw, int64_t at)
{
	(void)at;
	fw->settles++;
	return fw->settle_rc;
}

static enum ph_err
fake_activity(struct fw *fw, fw_seen_fn seen, void *ctx, int64_t at)
{
	size_t i;

	(void)at;
	for (i = 0; fw->seen_all && i < fw->n; i++) {
		fw->entry[i]->packets += fw->packets;
		seen(ctx, fw->entry[i], fw->seen_all);
	}
	return fw->activity_rc;
}

static int64_t
fake_tick(struct fw *fw, int64_t at, enum ph_err *err)
{
	(void)at;
	*err = fw->tick_err;
	if (fw->tick_err == PH_EGONE) {
		fw->was_lost = true;
		fw->n = 0;
	}
	fw->tick_err = PH_OK;
	return fw->next_tick == 0 ? INT64_MAX : fw->next_tick;
}

static int64_t
fake_clock(void)
{
	return fake.clock;
}

const struct fw_ops fake_ops = {
	.name = "fake",
	.commit = fake_commit,
	.cut = fake_cut,
	.settle = fake_settle,
	.activity = fake_activity,
	.tick = fake_tick,
};

const struct fw_ops bare_ops = {
	.name = "bare",
	.commit = fake_commit,
};

static void
on_send(void *ctx, enum ipc_role role, enum ipc_type type, uint64_t seq,
    struct ipc_msg *m)
{
	(void)ctx;
	switch (type) {
	case IPC_RESULT:
		got[role].results++;
		got[role].last = m->u.result;
		got[role].last_seq = seq;
		break;
	case IPC_CLOSED:
		assert_in_range(m->u.ids.n, 1, IPC_IDS);
		got[role].closed += m->u.ids.n;
		got[role].closed_id = m->u.ids.ids[m->u.ids.n - 1];
		break;
	case IPC_SEEN_TO:
		got[role].seen_to += m->u.ids.n;
		break;
	case IPC_SEEN_FROM:
		assert_in_range(m->u.ids.n, 1, IPC_IDS);
		got[role].seen += m->u.ids.n;
		got[role].seen_id = m->u.ids.ids[0];
		break;
	case IPC_PACKETS:
		assert_in_range(m->u.packets.n, 1, IPC_COUNTS);
		got[role].counts += m->u.packets.n;
		got[role].count = m->u.packets.v[m->u.packets.n - 1];
		break;
	default:
		fail();
	}
}

struct fw_policy policy;
static struct addr own; /* the firewall's */

void
make_table(const struct fw_ops *ops)
{
	struct answers_sink sink = { NULL, on_send, fake_clock };

	fwtable_free(table);
	table = fwtable_new(ops, &fake, &policy, &sink);
	assert_non_null(table);
}

int
fake_setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	memset(&got, 0, sizeof(got));
	memset(&batch, 0, sizeof(batch));
	fake.room = FAKE_ROOM;
	now = 1000 * USEC_PER_SEC;
	if (conf_parse(&conf,
		span_of("protect 192.0.2.0/24\nsip { limit calls 100\n"
			"external 198.51.100.1 for 192.0.2.10\n"
			"redirect yes }\n"
			"tftp { proxy on 192.0.2.1 port 6969 timeout 600 }\n"),
		"test", NULL, 0, stderr) != PH_OK)
		return -1;
	policy.conf = conf;
	policy.own = &own;
	policy.nown = 1;
	own = addr_v4(198, 51, 100, 1);
	make_table(&fake_ops);
	return 0;
}

int
fake_teardown(void **state)
{
	(void)state;
	fwtable_free(table);
	table = NULL;
	conf_free(conf);
	return 0;
}

static uint16_t ports[8192]; /* of the ids: where each was opened last */

/* To close, no port is needed. */
void
add(enum fw_op op, uint64_t id, uint16_t port, int64_t for_s)
{
	struct fw_change *c = &batch.changes[batch.n++];
	struct addr phone = addr_v4(198, 51, 100, 7);

	if (op == FW_OPEN && id < ROWS(ports))
		ports[id] = port;
	if (op == FW_CLOSE && port == 0 && id < ROWS(ports))
		port = ports[id];
	memset(c, 0, sizeof(*c));
	c->op = op;
	c->hole.id = id;
	c->hole.deadline = now + for_s * USEC_PER_SEC;
	c->hole.proto = IPPROTO_UDP;
	c->hole.dir = PINHOLE_IN;
	c->hole.from = prefix_host(&phone);
	c->hole.to = addr_v4(192, 0, 2, 10);
	c->hole.to_lo = c->hole.to_hi = port;
	/* Redirected, so that engine and proxy may want the same. */
	c->hole.rdr_from = (struct endpoint) { own, port };
}

void
send_as(enum ipc_role role, uint64_t seq)
{
	fwtable_commit(table, role, seq, &batch, now);
	batch.n = 0;
}

void
open_one(uint64_t id, uint16_t port, int64_t for_s)
{
	add(FW_OPEN, id, port, for_s);
	send_as(IPC_ENGINE, id);
}

bool
has(uint16_t port)
{
	size_t i;

	for (i = 0; i < fake.n; i++)
		if (fake.hole[i].to_lo == port)
			return true;
	return false;
}

int64_t
left(uint16_t port)
{
	size_t i;

	for (i = 0; i < fake.n; i++)
		if (fake.hole[i].to_lo == port)
			return (fake.hole[i].deadline - now) / USEC_PER_SEC;
	return -1;
}
