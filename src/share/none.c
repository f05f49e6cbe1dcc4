/* SPDX-License-Identifier: ISC */
#include <stddef.h>

#include "src/share/process.h"

/* WITH_SHARE=OFF */
int (*const share_process)(const struct share_args *args) = NULL;
