/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

/* cmocka needs these before it, in this order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

#endif
