/* SPDX-License-Identifier: ISC */
#ifndef TESTS_SOCKETS_PLAY_H
#define TESTS_SOCKETS_PLAY_H

#include <sys/types.h>
#include <sys/socket.h>

#include <stdbool.h>

#include "src/base/strbuf.h"

/*
 * A system whose calls about sockets fail when a test says so.  The linker puts
 * them there (--wrap).
 */
extern char sockets_done[1024]; /* all calls, with what they were asked */
extern char sockets_dir[], sockets_path[64]; /* a directory, a name in it */
extern char sockets_text[512];		     /* of sockets_why */
extern struct strbuf sockets_why;
extern gid_t sockets_group;    /* of this process, for now */
extern uint16_t sockets_bound; /* the last port */
extern bool sockets_no_memory;
extern size_t sockets_room; /* for listeners: of how many, the last time */

int __real_socket(int domain, int type, int proto);
int __real_bind(int fd, const struct sockaddr *sa, socklen_t len);
int __real_close(int fd);
int __real_unlink(const char *p);
struct stat;
int __real_stat(const char *p, struct stat *st);

/* The call of this name fails from the n-th on; NULL: none.  All is forgotten.
 */
void sockets_fail_at(const char *name, unsigned int n, int error);
/* The lowest number that no descriptor has. */
int sockets_first_free(void);
int sockets_setup(void **state);
int sockets_teardown(void **state);

#endif
