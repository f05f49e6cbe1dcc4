/* SPDX-License-Identifier: ISC */
#ifndef TESTS_PROXY_FTP_PLAY_H
#define TESTS_PROXY_FTP_PLAY_H

#include "tests/unit/proxy_play.h"

/* One FTP proxy, its clients and its server. */
#define WELCOME	    "220 welcome\r\n"
#define UNREACHABLE "421 The server cannot be reached\r\n"

extern struct proxy_ftp *ftp_service;

int ftp_setup(void **state);
int ftp_teardown(void **state);
/* Once more, for what has changed in `lines`. */
void ftp_start(void);

/* A client connects. */
void ftp_arrive(void);
/* Our connection has come to the server. */
void ftp_server_take(void);
/* Both, and the server's greeting reaches the client. */
void ftp_begin(void);
/* The client says something, and the server answers. */
void ftp_exchange(const char *command, const char *reply);
void ftp_login(void);

/* The name that the server sees. */
struct endpoint ftp_ours(void);

#endif
