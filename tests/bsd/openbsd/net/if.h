/* SPDX-License-Identifier: ISC */
#ifndef TESTS_BSD_OPENBSD_IF_H
#define TESTS_BSD_OPENBSD_IF_H

/* SIOCGIFRDOMAIN of netintro(4) */
#include_next <net/if.h>

#define ifr_rdomainid  ifr_metric
#define SIOCGIFRDOMAIN 160

#endif
