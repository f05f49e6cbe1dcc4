/* SPDX-License-Identifier: ISC */
/*
 * A call from a state file that somebody has written: what is taken must be
 * fit to live with, and to be written down again.
 */
#include <sys/socket.h>

#include <stdlib.h>

#include "sip/sip.h"

static void
on_wants(void *ctx, const struct sip_wants *w, int64_t now)
{
	size_t i;

	(void)ctx;
	(void)now;
	for (i = 0; i < w->nholes; i++)
		if (w->holes[i].to_lo > w->holes[i].to_hi ||
		    w->holes[i].to_lo < 1024)
			__builtin_trap();
}

static void
on_refuse(void *ctx, struct span call_id, const struct sip_refusal *r,
    int64_t now)
{
	(void)ctx;
	(void)call_id;
	(void)r;
	(void)now;
}

static void
on_changed(void *ctx, uint64_t call, int64_t now)
{
	(void)ctx;
	(void)call;
	(void)now;
}

static void
on_call(void *ctx, uint64_t call)
{
	(void)ctx;
	(void)call;
}

static void
on_alive(void *ctx, uint64_t call, int64_t now)
{
	(void)ctx;
	(void)call;
	(void)now;
}

static bool
on_silent(void *ctx, uint64_t call, int64_t timeout, int64_t now)
{
	(void)ctx;
	(void)call;
	(void)timeout;
	(void)now;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char out[SIP_EXPORT_MAX];
	struct sip_sink sink = { NULL, on_wants, on_refuse, on_changed, on_call,
		on_silent, on_alive, NULL };
	struct prefix all = { { AF_INET, { 0 } }, 0 };
	struct sip_config config = { 0 };
	struct timers timers;
	struct span call_id;
	struct sip *sip;
	uint64_t id;
	size_t n;

	config.policy.protect = config.policy.server = config.policy.media =
	    &all;
	config.policy.nprotect = config.policy.nserver = config.policy.nmedia =
	    1;
	config.policy.media_lo = 1024;
	config.policy.media_hi = 65535;
	config.policy.max_streams = 16;
	config.early_media = true;
	config.limit_calls = 10;
	config.limit_per_source = 10;
	config.timeout_setup = 180;
	config.timeout_max = 43200;
	timers_init(&timers);
	if ((sip = sip_new(&config, &sink, &timers)) == NULL)
		return 0;
	if (sip_import(sip, data, len, USEC_PER_SEC) == PH_OK &&
	    sip_export_names(data, len, &id, &call_id) == PH_OK &&
	    sip_counters(sip)->calls > 0 &&
	    sip_export(sip, id, out, sizeof(out), &n) != PH_OK)
		__builtin_trap();
	timers_run(&timers, 1000 * USEC_PER_SEC);
	sip_shutdown(sip, REASON_SHUTDOWN, 1000 * USEC_PER_SEC);
	sip_free(sip);
	timers_free(&timers);
	return 0;
}
