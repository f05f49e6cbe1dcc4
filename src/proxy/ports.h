/* SPDX-License-Identifier: ISC */
#ifndef PROXY_PORTS_H
#define PROXY_PORTS_H

#include <stdint.h>

/*
 * The ports that the FTP proxy names for data connections, from
 * CONF_FTP_PROXY_PORT_LO to 65535, each for one at a time, chosen at random.
 * No socket is bound to them: the packet filter redirects connections to them.
 * All services of the process share them.
 */
uint16_t ports_take(void); /* 0: none is free */
void ports_give(uint16_t port);

#endif
