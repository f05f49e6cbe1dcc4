/* SPDX-License-Identifier: ISC */
#ifndef TESTS_BSD_SYSCTL_H
#define TESTS_BSD_SYSCTL_H

#include <stddef.h>

int sysctlbyname(const char *name, void *old, size_t *oldlen, const void *new,
    size_t newlen);

#endif
