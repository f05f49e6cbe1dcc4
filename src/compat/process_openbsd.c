/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/socket.h>

#include <unistd.h>

#include "src/compat/process.h"

void
process_title_init(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
}

uint64_t
process_network(void)
{
	return (uint64_t)getrtable();
}
