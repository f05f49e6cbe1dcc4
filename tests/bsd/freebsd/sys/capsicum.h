/* SPDX-License-Identifier: ISC */
#ifndef TESTS_BSD_CAPSICUM_H
#define TESTS_BSD_CAPSICUM_H

/* capsicum(4), cap_rights_limit(2), cap_ioctls_limit(2) */
#include <stddef.h>
#include <stdint.h>

typedef struct cap_rights {
	uint64_t bits[2];
} cap_rights_t;
typedef unsigned long cap_ioctl_t;

enum { CAP_READ, CAP_WRITE, CAP_IOCTL, CAP_EVENT };

cap_rights_t *cap_rights_init(cap_rights_t *rights, ...);
int cap_rights_limit(int fd, const cap_rights_t *rights);
int cap_ioctls_limit(int fd, const cap_ioctl_t *cmds, size_t n);
int cap_enter(void);

#endif
