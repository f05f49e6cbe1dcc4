/* SPDX-License-Identifier: ISC */
#include "tests/unit/blocks.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "sip/message.h"
#include "src/base/timers.h"
#include "tests/unit/starve.h"

/* Of osipparser2/osip_port.h, whose library calls no function of ours. */
void osip_set_allocators(void *(*allocate)(size_t size),
    void *(*resize)(void *p, size_t size), void (*release)(void *p));

void __real_timers_free(struct timers *ts);
void __wrap_timers_free(struct timers *ts);

static int before;
static size_t timers; /* that have not ended with their owners */

void
__wrap_timers_free(struct timers *ts)
{
	timers += ts->n;
	__real_timers_free(ts);
}

static void *
allocate(size_t size)
{
	return malloc(size);
}

static void *
resize(void *p, size_t size)
{
	return realloc(p, size);
}

static void
release(void *p)
{
	free(p);
}

int
blocks_begin(void **state)
{
	(void)state;
	osip_set_allocators(allocate, resize, release);
	if (sip_message_init() != PH_OK)
		return -1;
	before = starve_blocks();
	return 0;
}

int
blocks_end(int failed)
{
	if (timers > 0) {
		fprintf(stderr, "%zu timers are left\n", timers);
		failed++;
	}
	return starve_left(failed, before);
}
