/* SPDX-License-Identifier: ISC */
#include "src/base/crc.h"

uint32_t
crc32_of(uint32_t sum, const void *p, size_t len)
{
	static uint32_t table[256];
	const uint8_t *b = p;
	uint32_t i, j, v;

	if (table[1] == 0)
		for (i = 0; i < 256; i++) {
			for (v = i, j = 0; j < 8; j++)
				v = v >> 1 ^ (v & 1 ? 0xedb88320u : 0);
			table[i] = v;
		}
	for (sum = ~sum; len > 0; len--)
		sum = table[(sum ^ *b++) & 0xff] ^ sum >> 8;
	return ~sum;
}
