/* SPDX-License-Identifier: ISC */
#ifndef COMPAT_MEMFILE_H
#define COMPAT_MEMFILE_H

/*
 * A file without a name, readable and writable, that lives as long as a
 * descriptor to it, close-on-exec.  -1 with errno.
 */
int memfile_open(void);

#endif
