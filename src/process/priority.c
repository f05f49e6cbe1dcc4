/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <string.h>

#include "src/base/log.h"
#include "src/compat/process.h"
#include "src/process/priority.h"

void
priority_take(const struct conf *conf, const char *module)
{
	bool done = true;

	switch (conf->priority) {
	case PRIORITY_NORMAL:
		return;
	case PRIORITY_HIGH:
		done = process_precede();
		break;
	case PRIORITY_REALTIME:
		done = process_realtime();
		break;
	}
	if (!done)
		log_warnx(module,
		    "cannot have the priority of the configuration: %s",
		    strerror(errno));
}

int
priority_cpu_latency(const struct conf *conf, const char *module)
{
	int fd;

	if (conf->cpu_latency == CONF_CPU_LATENCY_ANY)
		return -1;
	fd = process_cpu_latency(conf->cpu_latency);
	if (fd == -1)
		log_warnx(module,
		    "cannot have the cpu-latency of the configuration: %s",
		    strerror(errno));
	return fd;
}
