/* SPDX-License-Identifier: ISC */
#include "src/capture/merge.h"

void
merge_begin(struct merge *m, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		m->empty_at[i] = INT64_MIN;
}

/* Read every handle that holds nothing and was last found empty before `ts`. */
static enum ph_err
merge_fill(struct merge *m, size_t n, const struct merge_source *source,
    int64_t ts)
{
	int64_t now;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		if (m->holds[i] || m->empty_at[i] >= ts)
			continue;
		now = source->clock(source->ctx);
		rc = source->read(source->ctx, i, &m->held[i]);
		if (rc < 0)
			return PH_EGONE;
		if ((m->holds[i] = rc > 0))
			m->empty_at[i] = INT64_MIN;
		else
			/* A frame of that time was read before: it is past. */
			m->empty_at[i] = now > ts ? now : ts;
	}
	return PH_OK;
}

/* The handle with the earliest frame; n: none holds one. */
static size_t
merge_earliest(const struct merge *m, size_t n)
{
	size_t first = n, i;

	for (i = 0; i < n; i++)
		if (m->holds[i] &&
		    (first == n || m->held[i].ts < m->held[first].ts))
			first = i;
	return first;
}

enum ph_err
merge_next(struct merge *m, size_t n, const struct merge_source *source,
    size_t *which, struct merge_frame *out)
{
	enum ph_err rc;

	if ((rc = merge_fill(m, n, source, INT64_MIN + 1)) != PH_OK)
		return rc;
	if ((*which = merge_earliest(m, n)) == n)
		return PH_EAGAIN;
	/* A handle that was empty may have an earlier frame by now. */
	if ((rc = merge_fill(m, n, source, m->held[*which].ts)) != PH_OK)
		return rc;
	*which = merge_earliest(m, n);
	*out = m->held[*which];
	m->holds[*which] = false;
	return PH_OK;
}
