/* SPDX-License-Identifier: ISC */
/*
 * Bytes as messages of a queue of packets.  Each call takes some off, and no
 * packet reaches beyond them.
 */
#include <stdlib.h>
#include <string.h>

#include "src/capture/nfqueue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct nfqueue_packet packet;
	struct span rest;
	size_t before;
	char *copy;

	/* Exactly as long, so that ASan sees one byte too far. */
	if ((copy = malloc(len > 0 ? len : 1)) == NULL)
		abort();
	memcpy(copy, data, len);
	for (rest = (struct span) { copy, len }; rest.len > 0;) {
		before = rest.len;
		if (nfqueue_next(&packet, &rest) == PH_OK &&
		    packet.ip.len > 0 &&
		    (packet.ip.p < copy ||
			packet.ip.p + packet.ip.len > copy + len))
			__builtin_trap();
		if (packet.stamp < 0 || rest.len >= before)
			__builtin_trap();
	}
	free(copy);
	return 0;
}
