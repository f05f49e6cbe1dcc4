/* SPDX-License-Identifier: ISC */
#ifndef TESTS_BSD_FREEBSD_UNISTD_H
#define TESTS_BSD_FREEBSD_UNISTD_H

#include_next <unistd.h>

int feature_present(const char *feature);

#endif
