/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>

#include "src/compat/memfile.h"

int
memfile_open(void)
{
	return memfd_create("pinholed", MFD_CLOEXEC);
}
