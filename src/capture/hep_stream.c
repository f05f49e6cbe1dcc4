/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/capture/hep_stream.h"

struct hep_stream {
	size_t len;
	char p[HEP_MAX];
};

struct hep_stream *
hep_stream_new(void)
{
	struct hep_stream *s = malloc(sizeof(*s));

	if (s != NULL)
		s->len = 0;
	return s;
}

void
hep_stream_free(struct hep_stream *s)
{
	free(s);
}

/* How many bytes of the packet that has begun are still missing. */
static enum ph_err
hep_stream_missing(const struct hep_stream *s, size_t *missing)
{
	enum ph_err rc;
	size_t len;

	rc = hep_frame((struct span) { s->p, s->len }, &len);
	if (rc == PH_ETRUNC)
		len = HEP_HEAD;
	*missing = len > s->len ? len - s->len : 0;
	return rc;
}

enum ph_err
hep_stream_add(struct hep_stream *s, struct span bytes,
    void (*packet)(void *ctx, struct span bytes), void *ctx)
{
	size_t missing, n;
	enum ph_err rc;

	for (;;) {
		rc = hep_stream_missing(s, &missing);
		if (rc == PH_EMALFORMED)
			return rc;
		if (rc == PH_OK && missing == 0) {
			packet(ctx, (struct span) { s->p, s->len });
			s->len = 0;
			continue;
		}
		if (bytes.len == 0)
			return PH_OK;
		/* At most HEP_MAX, for a length has two bytes. */
		n = missing < bytes.len ? missing : bytes.len;
		memcpy(s->p + s->len, bytes.p, n);
		s->len += n;
		bytes = span_sub(bytes, n, bytes.len);
	}
}
