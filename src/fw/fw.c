/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/fw/fw.h"

/* The first is the platform's default. */
static const struct fw_ops *const backends[] = {
#ifdef HAVE_PF
	&fw_pf,
#endif
#ifdef HAVE_NFTABLES
	&fw_nftables,
#endif
#ifdef HAVE_PF_TEXT
	&fw_pf_text,
#endif
	&fw_dryrun,
};

#define NBACKENDS (sizeof(backends) / sizeof(backends[0]))

const struct fw_ops *
fw_lookup(const char *name)
{
	size_t i;

	for (i = 0; i < NBACKENDS; i++)
		if (strcmp(backends[i]->name, name) == 0)
			return backends[i];
	return NULL;
}

void
fw_names(struct strbuf *out)
{
	size_t i;

	for (i = 0; i < NBACKENDS; i++) {
		if (i > 0)
			strbuf_str(out, ", ");
		strbuf_str(out, backends[i]->name);
	}
}
