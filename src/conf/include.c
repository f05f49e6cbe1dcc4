/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <string.h>

#include "src/base/strbuf.h"
#include "src/conf/parse.h"

static enum ph_err
read_file(struct parse *p, FILE *f, struct span *out)
{
	size_t size = 4096, len = 0, n;
	char *text = NULL, *grown;

	for (;;) {
		if ((grown = conf_alloc(p, size)) == NULL)
			return PH_ENOMEM;
		if (len > 0)
			memcpy(grown, text, len);
		text = grown;
		while (
		    len < size && (n = fread(text + len, 1, size - len, f)) > 0)
			len += n;
		if (len < size)
			break;
		if (len > CONF_MAX_FILE)
			return PH_ELIMIT;
		size *= 2;
	}
	if (ferror(f))
		return PH_EIO;
	if (len > CONF_MAX_FILE)
		return PH_ELIMIT;
	out->p = text;
	out->len = len;
	return PH_OK;
}

enum ph_err
conf_push_file(struct parse *p, const char *path)
{
	struct span text;
	struct stat st;
	enum ph_err rc;
	FILE *f;

	if ((f = fopen(path, "re")) == NULL)
		return PH_EIO;
	errno = 0;
	if (fstat(fileno(f), &st) == -1)
		rc = PH_EIO;
	else if (S_ISDIR(st.st_mode)) { /* some systems let it be read */
		errno = EISDIR;
		rc = PH_EIO;
	} else if (conf_reading(p, &st))
		rc = PH_EEXIST;
	else
		rc = read_file(p, f, &text);
	fclose(f);
	if (rc == PH_OK && !conf_push(p, path, text, &st))
		rc = p->nomem ? PH_ENOMEM : PH_ELIMIT;
	return rc;
}

void
conf_include(struct parse *p, const struct lexeme *name)
{
	const char *from = name->at.file, *slash = strrchr(from, '/'), *why;
	char path[4096];
	struct strbuf b = strbuf_of(path, sizeof(path));
	enum ph_err rc = PH_EUNSUPPORTED;

	if (name->bad)
		return;
	if (p->memory) {
		conf_error(p, &name->at, "\"include\" works in files only");
		return;
	}
	/* The path is relative to the file with the include line. */
	if (name->text[0] != '/' && slash != NULL)
		strbuf_add(&b,
		    (struct span) { from, (size_t)(slash - from) + 1 });
	strbuf_str(&b, name->text);
	if (b.full) {
		conf_error(p, &name->at, "this path is too long");
		return;
	}
	switch (rc = conf_push_file(p, path)) {
	case PH_OK:
	case PH_ENOMEM:
		return;
	case PH_EIO:
		why = strerror(errno);
		break;
	case PH_EEXIST:
		why = "it includes itself";
		break;
	case PH_ELIMIT:
		why = "too much text, or nested too deeply";
		break;
	default:
		why = ph_strerror(rc);
		break;
	}
	conf_error(p, &name->at, "cannot include \"%s\": %s", path, why);
}
