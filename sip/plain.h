/* SPDX-License-Identifier: ISC */
#ifndef SIP_PLAIN_H
#define SIP_PLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/span.h"

/*
 * From, To, Via, CSeq and Contact in the forms that nearly all agents write,
 * of which there is one reading: no blanks but the one that the grammar asks
 * for, no quotes but around a name of letters and digits, no escapes, no
 * brackets within brackets, no lists, no parameter that matters twice.
 *
 * Each function says false to everything else, and libosip2 is asked then.
 * What one of them reads, libosip2 would have read in the same way: the fuzz
 * target compares the two.  Allocates nothing; the spans are of the value.
 * Private to message.c.
 */
#define PLAIN_MAX 512 /* bytes of a value */

/* Number and method of CSeq, RFC 3261 section 20.16. */
bool plain_cseq(struct span value, uint32_t *number, struct span *method);
/* The tag of From or To, empty if there is none. */
bool plain_party(struct span value, struct span *tag);
/* The branch of a Via that stands alone, empty if there is none. */
bool plain_via(struct span value, struct span *branch);
/* The address of a Contact, AF_UNSPEC if its host is a name. */
bool plain_contact(struct span value, struct addr *out);

#endif
