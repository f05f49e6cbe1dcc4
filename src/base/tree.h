/* SPDX-License-Identifier: ISC */
#ifndef BASE_TREE_H
#define BASE_TREE_H

/*
 * Red-black trees, from the BSD base system or libbsd.  libbsd's copy uses
 * __unused without defining it.
 */
#include <sys/cdefs.h>

#include <stddef.h>

#ifndef __unused
#define __unused __attribute__((__unused__))
#endif
#include <sys/tree.h>

#endif
