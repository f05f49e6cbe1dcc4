/* SPDX-License-Identifier: ISC */
#ifndef BASE_FORM_H
#define BASE_FORM_H

#include <stdint.h>

#include "src/base/counters.h"

/*
 * What a pinhole is in the packet filter.  Where some become states ("firewall
 * pf states"), the form of all others is the reason why they are rules.
 */
enum form {
	FORM_RULE, /* as are all pinholes of this packet filter */
	FORM_STATE,
	/* rules, because */
	FORM_TCP,
	FORM_ONCE,
	FORM_PREFIX,
	FORM_ANY_PORT,
	FORM_PORTS,
	FORM_TRANSLATED,
	FORM_COUNT
};

/* Why it is a rule and no state: "from any port"; NULL if there is no why. */
const char *form_why(enum form f);

/* How many opened in each form; counters of pinholed(8). */
struct form_counts {
	uint64_t opened[FORM_COUNT];
};

void form_report(const struct form_counts *n, struct counters *c);

#endif
