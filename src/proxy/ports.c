/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <stdlib.h>

#include "src/conf/conf.h"
#include "src/proxy/ports.h"

#define LO CONF_FTP_PROXY_PORT_LO
#define HI 65535

static uint8_t taken[(HI - LO) / 8 + 1];

static bool
port_is_taken(uint16_t port)
{
	unsigned int i = (unsigned int)port - LO;

	return taken[i / 8] >> i % 8 & 1;
}

static void
port_flip(uint16_t port)
{
	unsigned int i = (unsigned int)port - LO;

	taken[i / 8] ^= (uint8_t)(1u << i % 8);
}

uint16_t
ports_take(void)
{
	unsigned int n = HI - LO + 1, i;
	uint16_t port = (uint16_t)(LO + arc4random_uniform(n));

	for (i = 0; i < n; i++) {
		if (!port_is_taken(port)) {
			port_flip(port);
			return port;
		}
		port = port == HI ? LO : (uint16_t)(port + 1);
	}
	return 0;
}

void
ports_give(uint16_t port)
{
	port_flip(port);
}
