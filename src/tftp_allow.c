/* SPDX-License-Identifier: ISC */
#include <fnmatch.h>
#include <string.h>

#include "src/tftp_allow.h"

const char *
tftp_forbidden(const struct conf_tftp *conf, const struct tftp_request *r)
{
	const struct strings *patterns = &conf->file;
	char name[512];
	size_t i;

	if (!(r->op == TFTP_RRQ ? conf->allow_read : conf->allow_write))
		return "not allowed here";
	if (patterns->n == 0)
		return NULL;
	if (r->file.len >= sizeof(name))
		return "file name too long";
	memcpy(name, r->file.p, r->file.len);
	name[r->file.len] = '\0';
	for (i = 0; i < patterns->n; i++)
		if (fnmatch(patterns->v[i], name, 0) == 0)
			return NULL;
	return "no such file for you";
}
