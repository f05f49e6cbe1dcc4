/* SPDX-License-Identifier: ISC */
#ifndef TESTS_BSD_OPENBSD_UNISTD_H
#define TESTS_BSD_OPENBSD_UNISTD_H

/* pledge(2), unveil(2), getrtable(2) */
#include_next <unistd.h>

int pledge(const char *promises, const char *execpromises);
int unveil(const char *path, const char *permissions);
int getrtable(void);

#endif
