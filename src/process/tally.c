/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/process/tally.h"

void
tally_adopt(struct tally *t, const void *p, size_t len)
{
	counters_adopt(&t->before, p, len);
}

void
tally_tell(struct tally *t, enum counters_form form, struct strbuf *out)
{
	struct counters c = { .form = form, .out = out, .before = &t->before };

	t->list(t->ctx, &c);
}

void
tally_each(struct tally *t,
    void (*each)(void *ctx, const char *name, uint64_t v, bool gauge),
    void *ctx)
{
	struct counters c = { .form = COUNTERS_EACH,
		.before = &t->before,
		.each = each,
		.ctx = ctx };

	t->list(t->ctx, &c);
}

enum ph_err
tally_write(struct tally *t, struct checkpoint *journal, int64_t now)
{
	char text[COUNTERS_RECORD_MAX];
	struct strbuf b = strbuf_of(text, sizeof(text));
	enum ph_err rc;

	t->written_at = now;
	if (journal == NULL)
		return PH_OK;
	tally_tell(t, COUNTERS_RECORD, &b);
	if (b.len == t->written_len && memcmp(text, t->written, b.len) == 0)
		return PH_OK;
	rc = checkpoint_put(journal, TALLY_KEY, text, b.len);
	if (rc == PH_OK)
		rc = checkpoint_sync(journal);
	if (rc == PH_OK) {
		memcpy(t->written, text, b.len);
		t->written_len = b.len;
	}
	return rc;
}

enum ph_err
tally_run(struct tally *t, struct checkpoint *journal, int64_t now)
{
	if (now - t->written_at < TALLY_EVERY)
		return PH_OK;
	return tally_write(t, journal, now);
}
