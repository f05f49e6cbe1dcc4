/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/fw/answers.h"

static const enum ipc_type types[ANSWERS_NKINDS] = {
	[ANSWERS_CLOSED] = IPC_CLOSED,
	[ANSWERS_SEEN_FROM] = IPC_SEEN_FROM,
	[ANSWERS_SEEN_TO] = IPC_SEEN_TO,
};

void
answers_init(struct answers *a, const struct answers_sink *sink,
    struct histogram *setup)
{
	memset(a, 0, sizeof(*a));
	a->setup = setup;
	a->sink = *sink;
	TAILQ_INIT(&a->waiting);
}

void
answers_clear(struct answers *a)
{
	struct answer *b;

	while ((b = TAILQ_FIRST(&a->waiting)) != NULL) {
		TAILQ_REMOVE(&a->waiting, b, entry);
		free(b);
	}
}

struct answer *
answers_new(struct answers *a, enum ipc_role role, uint64_t seq)
{
	struct answer *b = calloc(1, sizeof(*b));
	struct ipc_msg m;

	if (b == NULL) {
		memset(&m, 0, sizeof(m));
		m.u.result.err = PH_ENOMEM;
		m.u.result.refused = UINT64_MAX;
		a->sink.send(a->sink.ctx, role, IPC_RESULT, seq, &m);
		return NULL;
	}
	b->role = role;
	b->seq = seq;
	TAILQ_INSERT_TAIL(&a->waiting, b, entry);
	return b;
}

void
answer_refuse(struct answer *b, unsigned int bit, enum ph_err rc)
{
	b->result.refused |= UINT64_C(1) << bit;
	/* One error for all changes: an attack (denied) before a bug (bad). */
	if (b->result.err == PH_OK || rc == PH_EDENIED ||
	    (rc == PH_EBAD && b->result.err != PH_EDENIED))
		b->result.err = rc;
}

static void
setup_measure(struct answers *a, const struct answer *b)
{
	if (b->stamp != 0 && b->result.err == PH_OK && a->sink.clock != NULL)
		histogram_add(a->setup, clock_wall(a->sink.clock()) - b->stamp);
}

void
answers_send(struct answers *a)
{
	struct answer *b;
	struct ipc_msg m;

	while ((b = TAILQ_FIRST(&a->waiting)) != NULL) {
		TAILQ_REMOVE(&a->waiting, b, entry);
		setup_measure(a, b);
		m.u.result = b->result;
		if (!b->quiet || b->result.err != PH_OK)
			a->sink.send(a->sink.ctx, b->role, IPC_RESULT, b->seq,
			    &m);
		free(b);
	}
}

static void
ids_send(struct answers *a, enum ipc_role role, enum answers_kind kind)
{
	struct ipc_msg *m = &a->ids[kind][role];

	if (m->u.ids.n > 0)
		a->sink.send(a->sink.ctx, role, types[kind], 0, m);
	m->u.ids.n = 0;
}

void
answers_add_id(struct answers *a, enum ipc_role role, enum answers_kind kind,
    uint64_t id)
{
	struct ipc_msg *m = &a->ids[kind][role];

	m->u.ids.ids[m->u.ids.n++] = id;
	if (m->u.ids.n == IPC_IDS)
		ids_send(a, role, kind);
}

void
answers_send_ids(struct answers *a, enum answers_kind kind)
{
	int r;

	for (r = 0; r < IPC_NROLES; r++)
		ids_send(a, (enum ipc_role)r, kind);
}

static void
packets_send(struct answers *a, enum ipc_role role)
{
	struct ipc_msg *m = &a->packets[role];

	if (m->u.packets.n > 0)
		a->sink.send(a->sink.ctx, role, IPC_PACKETS, 0, m);
	m->u.packets.n = 0;
}

void
answers_add_packets(struct answers *a, enum ipc_role role, uint64_t id,
    uint64_t packets)
{
	struct ipc_msg *m = &a->packets[role];

	m->u.packets.v[m->u.packets.n++] = (struct ipc_count) { id, packets };
	if (m->u.packets.n == IPC_COUNTS)
		packets_send(a, role);
}

void
answers_send_packets(struct answers *a)
{
	int r;

	for (r = 0; r < IPC_NROLES; r++)
		packets_send(a, (enum ipc_role)r);
}
