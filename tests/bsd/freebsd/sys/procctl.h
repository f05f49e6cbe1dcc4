/* SPDX-License-Identifier: ISC */
#ifndef TESTS_BSD_PROCCTL_H
#define TESTS_BSD_PROCCTL_H

/* procctl(2) */
#include <sys/types.h>
#include <sys/wait.h>

enum { PROC_TRACE_CTL = 7, PROC_TRACE_CTL_DISABLE = 2 };

int procctl(idtype_t idtype, id_t id, int cmd, void *arg);

#endif
