/* SPDX-License-Identifier: ISC */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/status/verbs.h"

/*
 * A line for the control socket.  What is read, written as a line and read
 * again is the same.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[2048], once[VERB_LINE + 1], twice[VERB_LINE + 1];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct strbuf a = strbuf_of(once, sizeof(once));
	struct strbuf b = strbuf_of(twice, sizeof(twice));
	struct request r;

	if (verbs_parse((struct span) { (const char *)data, size }, &r, &why) !=
	    PH_OK)
		return 0;
	verbs_format(&r, &a);
	if (verbs_parse((struct span) { once, a.len }, &r, &why) != PH_OK)
		abort();
	verbs_format(&r, &b);
	if (strcmp(once, twice) != 0)
		abort();
	return 0;
}
