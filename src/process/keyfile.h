/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_KEYFILE_H
#define PROCESS_KEYFILE_H

#include <stddef.h>

#include "src/base/err.h"
#include "src/base/strbuf.h"

/*
 * The first `size` bytes of a file that holds a key; *len is how many there
 * are.  The file is refused if it belongs to another user than root and
 * ourselves, or if others can read or write it.  `at` is the file's place in
 * the configuration.  On failure `why` has the message, which begins with it.
 */
PH_NODISCARD enum ph_err keyfile_load(const char *path, const char *at,
    void *secret, size_t size, size_t *len, struct strbuf *why);

#endif
