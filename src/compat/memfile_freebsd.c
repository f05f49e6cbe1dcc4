/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>

#include <fcntl.h>

#include "src/compat/memfile.h"

int
memfile(void)
{
	/* Close-on-exec by definition. */
	return shm_open(SHM_ANON, O_RDWR, 0600);
}
