/* SPDX-License-Identifier: ISC */
#include <err.h>

#include "tests/pf/newer.h"

void
newer_kernel(void)
{
	errx(1, "-N: only FreeBSD has lost its old calls");
}
