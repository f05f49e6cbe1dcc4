/* SPDX-License-Identifier: ISC */
#ifndef TESTS_LATEST_H
#define TESTS_LATEST_H

#include <stddef.h>
#include <stdint.h>

/*
 * Into `order` go the numbers of the `max` latest of these times, the latest
 * first, and of the same time the first of them; returns how many there are.
 */
static inline size_t
latest(const int64_t *at, size_t n, size_t *order, size_t max)
{
	size_t i, k, m = 0;

	for (i = 0; i < n; i++) {
		for (k = m; k > 0 && at[order[k - 1]] < at[i]; k--)
			if (k < max)
				order[k] = order[k - 1];
		if (k < max)
			order[k] = i;
		m += m < max;
	}
	return m;
}

#endif
