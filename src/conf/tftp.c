/* SPDX-License-Identifier: ISC */
#include <fnmatch.h>
#include <string.h>

#include "src/conf/conf.h"

const char *
conf_tftp_forbids(const struct conf_tftp *conf, bool write, struct span file)
{
	const struct strings *patterns = &conf->file;
	char name[512];
	size_t i;

	if (!(write ? conf->allow_write : conf->allow_read))
		return "not allowed here";
	if (patterns->n == 0)
		return NULL;
	if (file.len >= sizeof(name))
		return "file name too long";
	memcpy(name, file.p, file.len);
	name[file.len] = '\0';
	for (i = 0; i < patterns->n; i++)
		if (fnmatch(patterns->v[i], name, 0) == 0)
			return NULL;
	return "no such file for you";
}
