/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/compat/memfile.h"

int
memfile(void)
{
	char path[] = "/tmp/pinholed.XXXXXXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd != -1)
		unlink(path);
	return fd;
}
