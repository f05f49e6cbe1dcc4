/* SPDX-License-Identifier: ISC */
/*
 * Bytes as one packet of HEP, and as a stream of them that is cut up: in both
 * the same packets must be found.
 */
#include <stdlib.h>
#include <string.h>

#include "src/capture/hep_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t packets, good;

static void
on_packet(void *ctx, struct span packet)
{
	struct hep h;
	size_t len;

	(void)ctx;
	if (hep_frame(packet, &len) != PH_OK || len != packet.len)
		__builtin_trap();
	packets++;
	if (hep_decode(&h, packet) != PH_OK)
		return;
	good++;
	if (h.bytes.len > packet.len || h.key.len > HEP_KEY_MAX ||
	    addr_bytes(h.src.addr.af) == 0 || h.src.addr.af != h.dst.addr.af)
		__builtin_trap();
	(void)hep_key_eq(h.key, h.bytes);
}

static enum ph_err
play(const uint8_t *data, size_t len, size_t size)
{
	struct hep_stream *s = hep_stream_new();
	enum ph_err rc = PH_OK;
	size_t n;

	if (s == NULL)
		abort();
	packets = good = 0;
	for (; len > 0 && rc == PH_OK; data += n, len -= n) {
		n = size < len ? size : len;
		rc = hep_stream_add(s, (struct span) { (const char *)data, n },
		    on_packet, NULL);
	}
	hep_stream_free(s);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t whole_packets, whole_good;
	enum ph_err rc;
	struct hep h;
	char *copy;

	/* Exactly as long, so that ASan sees one byte too far. */
	if ((copy = malloc(len > 0 ? len : 1)) == NULL)
		abort();
	memcpy(copy, data, len);
	if (hep_decode(&h, (struct span) { copy, len }) == PH_OK &&
	    h.bytes.len > len)
		__builtin_trap();
	free(copy);
	rc = play(data, len, len);
	whole_packets = packets;
	whole_good = good;
	if (play(data, len, 7) != rc || packets != whole_packets ||
	    good != whole_good)
		__builtin_trap();
	return 0;
}
