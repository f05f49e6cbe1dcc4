/* SPDX-License-Identifier: ISC */
#include "tests/unit/starve.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__wrap_malloc(size_t size);
void *__real_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__real_strdup(const char *s);
int __wrap_asprintf(char **out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, in a build with _FORTIFY_SOURCE. */
int __wrap___asprintf_chk(char **out, int flag, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void __wrap_free(void *p);
void __real_free(void *p);

void *__wrap_slab_new(size_t size);
void *__real_slab_new(size_t size);
void __wrap_slab_free(void *p, size_t size);
void __real_slab_free(void *p, size_t size);

static unsigned int count, fails_at;
static int blocks;
static bool in_slab; /* which calls malloc() and free() itself */

void
starve(unsigned int n)
{
	count = 0;
	fails_at = n;
}

unsigned int
starve_end(void)
{
	fails_at = 0;
	return count;
}

static bool
fails(void)
{
	if (in_slab || ++count != fails_at)
		return false;
	errno = ENOMEM;
	return true;
}

int
starve_blocks(void)
{
	return blocks;
}

int
starve_left(int failed, int before)
{
	if (blocks == before)
		return failed;
	fprintf(stderr, "%d blocks are left\n", blocks - before);
	return failed + 1;
}

void *
__wrap_malloc(size_t size)
{
	if (fails())
		return NULL;
	blocks += !in_slab;
	return __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	if (fails())
		return NULL;
	blocks += !in_slab;
	return __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	if (fails())
		return NULL;
	blocks += p == NULL;
	return __real_realloc(p, size);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	if (fails())
		return NULL;
	blocks += p == NULL;
	return __real_reallocarray(p, n, size);
}

char *
__wrap_strdup(const char *s)
{
	if (fails())
		return NULL;
	blocks += !in_slab;
	return __real_strdup(s);
}

static int __attribute__((format(printf, 2, 0)))
print(char **out, const char *fmt, va_list ap)
{
	int n;

	if (fails())
		return -1;
	n = vasprintf(out, fmt, ap);
	blocks += n != -1;
	return n;
}

int
__wrap_asprintf(char **out, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = print(out, fmt, ap);
	va_end(ap);
	return n;
}

int
__wrap___asprintf_chk(char **out, int flag, const char *fmt, ...)
{
	va_list ap;
	int n;

	(void)flag;
	va_start(ap, fmt);
	n = print(out, fmt, ap);
	va_end(ap);
	return n;
}

void
__wrap_free(void *p)
{
	blocks -= !in_slab && p != NULL;
	__real_free(p);
}

void *
__wrap_slab_new(size_t size)
{
	void *p;

	if (fails())
		return NULL;
	in_slab = true;
	p = __real_slab_new(size);
	in_slab = false;
	blocks++;
	return p;
}

void
__wrap_slab_free(void *p, size_t size)
{
	blocks -= p != NULL;
	in_slab = true;
	__real_slab_free(p, size);
	in_slab = false;
}
