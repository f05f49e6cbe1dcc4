/* SPDX-License-Identifier: ISC */
#ifndef PROXY_PORTS_H
#define PROXY_PORTS_H

#include <stdint.h>

/*
 * The ports where data connections of FTP come to us, from
 * CONF_FTP_PROXY_PORT_LO on: each is given out once, in no order.  No socket
 * has them; the packet filter redirects what comes to them.  All services of
 * the process share them.
 */
uint16_t ports_take(void); /* 0: none is free */
void ports_give(uint16_t port);

#endif
