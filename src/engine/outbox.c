/* SPDX-License-Identifier: ISC */
#include "src/engine/outbox.h"

void
outbox_flush(struct outbox *o)
{
	size_t n = o->n;

	o->n = 0;
	if (n > 0)
		o->send(o->ctx, o->v, n);
}

void
outbox_forget(struct outbox *o)
{
	o->n = 0;
}

void
outbox_add(struct outbox *o, const struct fw_change *changes, size_t n,
    int64_t now)
{
	bool haste = false;
	size_t i;

	for (i = 0; i < n; i++) {
		if (o->n == IPC_BATCH)
			outbox_flush(o);
		if (o->n == 0)
			o->due = now + OUTBOX_WITHIN;
		o->v[o->n++] = changes[i];
		haste |= changes[i].op != FW_CLOSE;
	}
	if (haste || o->n == IPC_BATCH)
		outbox_flush(o);
}

int64_t
outbox_run(struct outbox *o, int64_t now)
{
	/* A clock that was set back must not make it wait. */
	if (o->n > 0 && (now >= o->due || o->due - now > OUTBOX_WITHIN))
		outbox_flush(o);
	return o->n > 0 ? o->due : INT64_MAX;
}
