/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>

#include "src/base/histogram.h"

const uint32_t histogram_bounds[HISTOGRAM_BOUNDS] = { 20, 30, 40, 50, 70, 100,
	150, 250, 500, 1000, 2500, 5000, 10000, 20000, 50000, 100000, 250000,
	500000, 1000000 };

void
histogram_add(struct histogram *h, int64_t us)
{
	uint64_t value = us > 0 ? (uint64_t)us : 0;
	int i;

	for (i = 0; i < HISTOGRAM_BOUNDS && value > histogram_bounds[i]; i++)
		continue;
	h->n[i]++;
	h->sum += value;
}

uint64_t
histogram_count(const struct histogram *h)
{
	uint64_t count = 0;
	int i;

	for (i = 0; i <= HISTOGRAM_BOUNDS; i++)
		count += h->n[i];
	return count;
}

uint32_t
histogram_quantile(const struct histogram *h, unsigned int permille)
{
	uint64_t count = histogram_count(h), below = 0;
	int i;

	if (count == 0)
		return 0;
	for (i = 0; i < HISTOGRAM_BOUNDS; i++) {
		below += h->n[i];
		/* In floating point, for a product of them might not fit. */
		if ((double)below * 1000 >= (double)count * permille)
			return histogram_bounds[i];
	}
	return UINT32_MAX;
}

void
histogram_put(const struct histogram *h, struct counters *c, const char *name)
{
	char full[COUNTERS_NAME];
	uint64_t below = 0;
	int i;

	for (i = 0; i < HISTOGRAM_BOUNDS; i++) {
		below += h->n[i];
		snprintf(full, sizeof(full), "%s_le_%" PRIu32, name,
		    histogram_bounds[i]);
		counters_put(c, full, below);
	}
	snprintf(full, sizeof(full), "%s_count", name);
	counters_put(c, full, below + h->n[HISTOGRAM_BOUNDS]);
	snprintf(full, sizeof(full), "%s_sum", name);
	counters_put(c, full, h->sum);
}

/* 2500 us are "0.0025": no exponent, and no zeros at the end. */
static void
put_seconds(struct strbuf *out, uint64_t us)
{
	char digits[8];
	int n;

	strbuf_fmt(out, "%" PRIu64, us / 1000000);
	if (us % 1000000 == 0)
		return;
	n = snprintf(digits, sizeof(digits), "%06u",
	    (unsigned int)(us % 1000000));
	while (n > 1 && digits[n - 1] == '0')
		n--;
	strbuf_fmt(out, ".%.*s", n, digits);
}

void
histogram_prometheus(const struct histogram *h, const char *name,
    const char *help, struct strbuf *out)
{
	uint64_t below = 0;
	int i;

	strbuf_fmt(out, "# HELP %s %s\n# TYPE %s histogram\n", name, help,
	    name);
	for (i = 0; i < HISTOGRAM_BOUNDS; i++) {
		below += h->n[i];
		strbuf_fmt(out, "%s_bucket{le=\"", name);
		put_seconds(out, histogram_bounds[i]);
		strbuf_fmt(out, "\"} %" PRIu64 "\n", below);
	}
	below += h->n[HISTOGRAM_BOUNDS];
	strbuf_fmt(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum ", name,
	    below, name);
	put_seconds(out, h->sum);
	strbuf_fmt(out, "\n%s_count %" PRIu64 "\n", name, below);
}
