/* SPDX-License-Identifier: ISC */
#include <stddef.h>

#include "src/base/form.h"

static const struct {
	const char *why, *counter;
} reasons[FORM_COUNT] = {
	[FORM_TCP] = { "TCP", "as_rule_tcp" },
	[FORM_ONCE] = { "good for one connection", "as_rule_once" },
	[FORM_PREFIX] = { "not from one host", "as_rule_prefix" },
	[FORM_ANY_PORT] = { "from any port", "as_rule_any_port" },
	[FORM_PORTS] = { "to more than one port", "as_rule_ports" },
	[FORM_TRANSLATED] = { "translated", "as_rule_translated" },
};

const char *
form_why(enum form f)
{
	return (unsigned int)f < FORM_COUNT ? reasons[f].why : NULL;
}

void
form_report(const struct form_counts *n, struct counters *c)
{
	uint64_t rules = 0;
	size_t i;

	for (i = 0; i < FORM_COUNT; i++)
		if (i != FORM_STATE)
			rules += n->opened[i];
	counters_put(c, "opened_as_states", n->opened[FORM_STATE]);
	counters_put(c, "opened_as_rules", rules);
	for (i = 0; i < FORM_COUNT; i++)
		if (reasons[i].counter != NULL)
			counters_put(c, reasons[i].counter, n->opened[i]);
}
