/* SPDX-License-Identifier: ISC */
#ifndef TESTS_BSD_IF_DL_H
#define TESTS_BSD_IF_DL_H

/* link_addr(3) */
#include <sys/types.h>

#define AF_LINK 18

struct sockaddr_dl {
	u_char sdl_len, sdl_family;
	u_short sdl_index;
	u_char sdl_type, sdl_nlen, sdl_alen, sdl_slen;
	char sdl_data[46];
};

#endif
