/* SPDX-License-Identifier: ISC */
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/*
 * CRC-32 (ISO 3309) of `p` behind what `sum` stands for, 0 at the beginning:
 * against torn writes and rotten bits.  It does not protect against somebody
 * who can write to the file.
 */
uint32_t crc32_of(uint32_t sum, const void *p, size_t len);

#endif
