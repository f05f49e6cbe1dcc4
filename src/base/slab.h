/* SPDX-License-Identifier: ISC */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stddef.h>

/*
 * Memory for the small structs of which there are hundreds of thousands.
 *
 * malloc() adds eight bytes to each piece and rounds it up to sixteen, which is
 * an eighth of what a call takes.  Here, pieces of one size, rounded up to
 * eight, fill pages of their own; a page without pieces goes back to malloc(),
 * but for one of each size.  A piece is zeroed, and aligned for pointers and
 * numbers of eight bytes.
 *
 * Its owner knows its size, and says it again when it gives the piece back; an
 * other size, where it can be told, ends the process.  Larger pieces than
 * SLAB_MAX are malloc()'s.  With a sanitizer all are, so that it sees a piece
 * which is used too long.
 */
#define SLAB_MAX 512

void *slab_new(size_t size); /* NULL: no memory */
void slab_free(void *p, size_t size);

#endif
