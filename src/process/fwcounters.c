/* SPDX-License-Identifier: ISC */
#include <stddef.h>
#include <stdio.h>

#include "src/process/fwcounters.h"

/* Duplicates count as success, and a filter never answers the others. */
static const char *const classes[FWCOUNTERS_ERRORS] = {
	[-PH_ELIMIT] = "limit",
	[-PH_ENOMEM] = "memory",
	[-PH_EIO] = "system",
	[-PH_EAGAIN] = "again",
	[-PH_EGONE] = "gone",
	[-PH_EBAD] = "bad",
	[-PH_EDENIED] = "denied",
};

#define AT(member) offsetof(struct fwcounters, member)

static const struct {
	const char *name;
	size_t offset;
} rows[] = {
	{ "filter_batches", AT(batches) },
	{ "filter_changes", AT(changes) },
	{ "filter_commits", AT(commits) },
	{ "filter_retries", AT(retries) },
	{ "filter_lost", AT(lost) },
	{ "filter_denied", AT(denied) },
	{ "filter_bad", AT(bad) },
	{ "filter_limit", AT(limit) },
	{ "filter_expired", AT(expired) },
	{ "inline_released", AT(held_released) },
	{ "inline_expired", AT(held_expired) },
	{ "inline_dropped", AT(held_dropped) },
};

/* The struct is numbers of one size; the first that only grows is this. */
#define NUMBERS (sizeof(struct fwcounters) / sizeof(uint64_t))
#define GROWING (AT(batches) / sizeof(uint64_t))

static uint64_t
value_at(const struct fwcounters *n, size_t offset)
{
	return *(const uint64_t *)(const void *)((const char *)n + offset);
}

void
fwcounters_merge(struct fwcounters *to, const struct fwcounters *from)
{
	const uint64_t *v = (const void *)from;
	uint64_t *sum = (void *)to;
	size_t i;

	for (i = 0; i < NUMBERS; i++)
		sum[i] = i < GROWING ? v[i] : sum[i] + v[i];
}

struct fwcounters
fwcounters_since(const struct fwcounters *now, const struct fwcounters *before)
{
	const uint64_t *v = (const void *)before;
	struct fwcounters d = *now;
	uint64_t *sum = (void *)&d;
	size_t i;

	for (i = GROWING; i < NUMBERS; i++)
		sum[i] -= v[i];
	return d;
}

void
fwcounters_put(const struct fwcounters *n, struct counters *c)
{
	char name[COUNTERS_NAME];
	size_t i;

	counters_put_gauge(c, "filter_open", n->open);
	counters_put_gauge(c, "filter_wanted", n->wanted);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		counters_put(c, rows[i].name, value_at(n, rows[i].offset));
	for (i = 0; i < FWCOUNTERS_ERRORS; i++) {
		if (classes[i] == NULL)
			continue;
		snprintf(name, sizeof(name), "filter_error_%s", classes[i]);
		counters_put(c, name, n->errors[i]);
	}
	histogram_put(&n->commit, c, "commit_us");
	histogram_put(&n->setup, c, "setup_us");
	histogram_put(&n->held, c, "held_us");
}
