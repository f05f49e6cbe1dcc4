/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "src/conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/*
 * Any bytes are a configuration or a list of errors, never both, and what a
 * configuration promises holds.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static FILE *null;
	const struct conf_define defines[] = { { "pbx", "192.0.2.10" } };
	struct span text = { (const char *)data, len };
	struct conf *c;
	enum ph_err rc;
	long before;

	if (null == NULL && (null = fopen("/dev/null", "w")) == NULL)
		abort();
	rewind(null);
	rc = conf_parse(&c, text, "fuzz", defines, 1, null);
	before = ftell(null);
	if ((rc == PH_OK) != (c != NULL) || (rc == PH_OK) != (before == 0))
		abort();
	if (rc != PH_OK)
		return 0;
	if (c->sip.on &&
	    (c->protect.n == 0 || c->sip.port.n == 0 || c->sip.media.n == 0 ||
		c->sip.media_lo < 1024 || c->sip.media_lo > c->sip.media_hi))
		abort();
	if (c->firewall == NULL || c->name == NULL || c->user == NULL ||
	    c->control == NULL || c->state == NULL || c->mark == 0)
		abort();
	conf_free(c);
	return 0;
}
