/* SPDX-License-Identifier: ISC */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

/*
 * Lists and tail queues.  glibc's <sys/queue.h> lacks the _SAFE forms, which
 * libbsd's overlay adds.
 */
#include <sys/queue.h>

#endif
