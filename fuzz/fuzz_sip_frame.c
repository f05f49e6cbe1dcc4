/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "sip/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

/*
 * However the bytes arrive, the message is the same one: every part of it
 * asks for more, whatever follows changes nothing, and the parser agrees.
 */
static void
check_message(struct span text)
{
	size_t skip, len, step = text.len / 64 + 1, n;
	struct sip_message m;
	enum sip_reject why;

	for (n = 0; n < text.len; n += step) {
		check(
		    sip_frame(span_sub(text, 0, n), &skip, &len) == PH_ETRUNC);
		check(skip == 0 && (len == 0 || len == text.len));
	}
	check(sip_frame(text, &skip, &len) == PH_OK);
	check(skip == 0 && len == text.len);
	if (sip_message_parse(&m, text, true, &why) != PH_OK)
		check(why != SIP_REJECT_LENGTH);
	sip_message_free(&m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span rest = { (const char *)data, len };
	static bool ready;
	size_t skip, n;
	enum ph_err rc;

	if (!ready) {
		check(sip_message_init() == PH_OK);
		ready = true;
	}
	while ((rc = sip_frame(rest, &skip, &n)) == PH_OK) {
		check(n > 0 && n <= SIP_MAX_MESSAGE);
		check(skip <= rest.len && n <= rest.len - skip);
		check_message(span_sub(rest, skip, n));
		rest = span_sub(rest, skip + n, rest.len);
	}
	check(rc == PH_ETRUNC || rc == PH_EMALFORMED || rc == PH_ELIMIT);
	check(skip <= rest.len);
	if (rc == PH_ETRUNC) {
		check(n == 0 || n > rest.len - skip);
		check(n <= SIP_MAX_MESSAGE);
		/*
		 * sip_frame() never waits for more bytes than the largest
		 * message has.
		 */
		check(rest.len - skip < SIP_MAX_MESSAGE);
	}
	return 0;
}
