/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <unistd.h>

#include "src/compat/process.h"

void
process_title_init(int argc, char *argv[])
{
	setproctitle_init(argc, argv, environ);
}

uint64_t
process_network(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) == 0 ? (uint64_t)st.st_ino : 0;
}
