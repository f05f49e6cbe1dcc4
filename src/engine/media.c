/* SPDX-License-Identifier: ISC */
#include "src/engine/media.h"

static void
on_hole(void *ctx, const struct claims_view *v)
{
	struct media *m = ctx;

	if (v->seen > m->seen)
		m->seen = v->seen;
	m->packets += v->packets;
}

struct media
media_of(struct claims *cs, uint64_t asker)
{
	struct media m = { 0 };

	claims_view(cs, asker, on_hole, &m);
	return m;
}

void
media_closed(struct media *m, struct claims *cs, uint64_t asker,
    const struct media *before)
{
	const struct media now = media_of(cs, asker);

	if (before->seen > m->seen)
		m->seen = before->seen;
	if (before->packets > now.packets)
		m->packets += before->packets - now.packets;
}
