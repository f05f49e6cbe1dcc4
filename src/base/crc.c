/* SPDX-License-Identifier: ISC */
#include "src/base/crc.h"

/* table[k] is for a byte with k bytes behind it: eight of them at a time. */
static uint32_t table[8][256];

static void
crc32_prepare(void)
{
	uint32_t i, j, v;

	for (i = 0; i < 256; i++) {
		for (v = i, j = 0; j < 8; j++)
			v = v >> 1 ^ (v & 1 ? 0xedb88320u : 0);
		table[0][i] = v;
	}
	for (j = 1; j < 8; j++)
		for (i = 0; i < 256; i++)
			table[j][i] = table[j - 1][i] >> 8 ^
			    table[0][table[j - 1][i] & 0xff];
}

uint32_t
crc32_of(uint32_t sum, const void *p, size_t len)
{
	const uint8_t *b = p;

	if (table[0][1] == 0)
		crc32_prepare();
	sum = ~sum;
	for (; len >= 8; len -= 8, b += 8) {
		sum ^= b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
		    (uint32_t)b[3] << 24;
		sum = table[7][sum & 0xff] ^ table[6][sum >> 8 & 0xff] ^
		    table[5][sum >> 16 & 0xff] ^ table[4][sum >> 24] ^
		    table[3][b[4]] ^ table[2][b[5]] ^ table[1][b[6]] ^
		    table[0][b[7]];
	}
	for (; len > 0; len--)
		sum = table[0][(sum ^ *b++) & 0xff] ^ sum >> 8;
	return ~sum;
}
