/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/compat/memfile.h"

/*
 * An ordinary file: FreeBSD's anonymous shared memory does not grow when it
 * is written to.
 */
int
memfile_open(void)
{
	char path[] = "/var/run/pinholed.XXXXXXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd != -1)
		unlink(path);
	return fd;
}
