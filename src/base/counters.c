/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/base/counters.h"
#include "src/base/span.h"

static uint64_t
counters_inherited(const struct counters_before *before, const char *name)
{
	size_t i;

	for (i = 0; before != NULL && i < before->n; i++)
		if (strcmp(before->v[i].name, name) == 0)
			return before->v[i].value;
	return 0;
}

static void
counters_print(struct counters *c, const char *name, uint64_t v, bool gauge)
{
	if (c->form == COUNTERS_EACH)
		c->each(c->ctx, name, v, gauge);
	else if (c->form == COUNTERS_WORDS)
		strbuf_fmt(c->out, "%s%s=%" PRIu64, c->out->len > 0 ? " " : "",
		    name, v);
	else
		strbuf_fmt(c->out, "%s %" PRIu64 "\n", name, v);
}

void
counters_put(struct counters *c, const char *name, uint64_t v)
{
	char full[COUNTERS_NAME];

	snprintf(full, sizeof(full), "%s%s", c->prefix != NULL ? c->prefix : "",
	    name);
	counters_print(c,
	    c->form == COUNTERS_RECORD || c->form == COUNTERS_EACH ? full
								   : name,
	    v + counters_inherited(c->before, full), false);
}

void
counters_put_gauge(struct counters *c, const char *name, uint64_t v)
{
	if (c->form != COUNTERS_RECORD)
		counters_print(c, name, v, true);
}

void
counters_adopt(struct counters_before *before, const void *p, size_t len)
{
	struct span rest = { p, len }, line, name, number;
	uint64_t value;

	before->n = 0;
	while (rest.len > 0 && before->n < COUNTERS_MAX) {
		line = span_cut(rest, '\n', &rest);
		name = span_cut(line, ' ', &number);
		if (name.len >= COUNTERS_NAME ||
		    !span_number(number, UINT64_MAX, &value))
			continue;
		memcpy(before->v[before->n].name, name.p, name.len);
		before->v[before->n].name[name.len] = '\0';
		before->v[before->n++].value = value;
	}
}
