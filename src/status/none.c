/* SPDX-License-Identifier: ISC */
#include <stddef.h>

#include "src/status/process.h"

/* WITH_STATUS=OFF */
int (*const status_process)(const struct status_args *args) = NULL;
