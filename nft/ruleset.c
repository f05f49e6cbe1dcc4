/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>

#include "nft/ruleset.h"

struct ruleset {
	struct nft_ctx *ctx;
};

struct ruleset *
ruleset_new(void)
{
	struct ruleset *r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	if ((r->ctx = nft_ctx_new(NFT_CTX_DEFAULT)) == NULL ||
	    nft_ctx_buffer_output(r->ctx) != 0 ||
	    nft_ctx_buffer_error(r->ctx) != 0) {
		ruleset_free(r);
		return NULL;
	}
	nft_ctx_output_set_flags(r->ctx,
	    NFT_CTX_OUTPUT_TERSE | NFT_CTX_OUTPUT_NUMERIC_ALL);
	return r;
}

void
ruleset_free(struct ruleset *r)
{
	if (r == NULL)
		return;
	if (r->ctx != NULL)
		nft_ctx_free(r->ctx);
	free(r);
}

/* The first line; below it, nft repeats the input and points at it. */
static void
explain_error(struct ruleset *r, struct strbuf *why)
{
	struct span text = span_of(nft_ctx_get_error_buffer(r->ctx)), rest;

	strbuf_str(why, "nft: ");
	strbuf_vis(why, span_cut(text, '\n', &rest));
}

enum ph_err
ruleset_run(struct ruleset *r, const char *text, struct strbuf *why)
{
	int saved;

	errno = 0;
	if (nft_run_cmd_from_buffer(r->ctx, text) == 0)
		return PH_OK;
	saved = errno;
	explain_error(r, why);
	errno = saved;
	return saved == EPERM		       ? PH_EDENIED
	    : saved == EBUSY || saved == EINTR ? PH_EAGAIN
					       : PH_EIO;
}

enum ph_err
ruleset_try(struct ruleset *r, const char *text, struct strbuf *why)
{
	enum ph_err rc;

	nft_ctx_set_dry_run(r->ctx, true);
	rc = ruleset_run(r, text, why);
	nft_ctx_set_dry_run(r->ctx, false);
	return rc;
}

char *
ruleset_list(struct ruleset *r, struct strbuf *why)
{
	const char *text;

	if (nft_run_cmd_from_buffer(r->ctx, "list ruleset") != 0) {
		explain_error(r, why);
		return NULL;
	}
	text = nft_ctx_get_output_buffer(r->ctx);
	return strdup(text != NULL ? text : "");
}
