/* SPDX-License-Identifier: ISC */
/* What goes to libnftables, and which errors come back; without it. */
#include <errno.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>

#include "nft/ruleset.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

/* In place of libnftables. */
struct nft_ctx {
	unsigned int flags;
	bool dry, output, error;
};

static int contexts;
static bool no_context, no_output, no_error;
static bool fails;
static int error; /* errno of a command that fails */
static const char *complaint, *listing;
static char ran[64]; /* the last command, in brackets if it was dry */

struct nft_ctx *
nft_ctx_new(uint32_t flags)
{
	struct nft_ctx *ctx;

	assert_int_equal(flags, NFT_CTX_DEFAULT);
	if (no_context || (ctx = calloc(1, sizeof(*ctx))) == NULL)
		return NULL;
	contexts++;
	return ctx;
}

void
nft_ctx_free(struct nft_ctx *ctx)
{
	contexts--;
	free(ctx);
}

int
nft_ctx_buffer_output(struct nft_ctx *ctx)
{
	ctx->output = !no_output;
	return no_output;
}

int
nft_ctx_buffer_error(struct nft_ctx *ctx)
{
	ctx->error = !no_error;
	return no_error;
}

void
nft_ctx_output_set_flags(struct nft_ctx *ctx, unsigned int flags)
{
	ctx->flags = flags;
}

void
nft_ctx_set_dry_run(struct nft_ctx *ctx, bool dry)
{
	ctx->dry = dry;
}

int
nft_run_cmd_from_buffer(struct nft_ctx *ctx, const char *text)
{
	assert_true(ctx->output && ctx->error);
	/* Sets without their elements, and numbers for names. */
	assert_int_equal(ctx->flags,
	    NFT_CTX_OUTPUT_TERSE | NFT_CTX_OUTPUT_NUMERIC_ALL);
	strlcpy(ran, ctx->dry ? "(" : "", sizeof(ran));
	strlcat(ran, text, sizeof(ran));
	strlcat(ran, ctx->dry ? ")" : "", sizeof(ran));
	/* Success may leave any errno. */
	errno = error;
	return fails ? -1 : 0;
}

const char *
nft_ctx_get_error_buffer(struct nft_ctx *ctx)
{
	(void)ctx;
	return complaint;
}

const char *
nft_ctx_get_output_buffer(struct nft_ctx *ctx)
{
	(void)ctx;
	return listing;
}

static struct ruleset *ruleset;
static char text[128];
static struct strbuf why;

static int
setup(void **state)
{
	(void)state;
	no_context = no_output = no_error = fails = false;
	error = 0;
	complaint = listing = "";
	why = strbuf_of(text, sizeof(text));
	return (ruleset = ruleset_new()) == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	ruleset_free(ruleset);
	assert_int_equal(contexts, 0);
	return 0;
}

static void
an_error_has_a_class_and_a_line(void **state)
{
	/* clang-format off */
	static const struct { int error; enum ph_err rc; } t[] = {
	{ EPERM, PH_EDENIED }, { EBUSY, PH_EAGAIN }, { EINTR, PH_EAGAIN },
	{ ENOENT, PH_EIO }, { 0, PH_EIO },
	};
	/* clang-format on */
	size_t i;

	(void)state;
	complaint = "<cmdline>:1:1: Error\tof\nadd tables\n^^^^^^\n";
	for (i = 0; i < ROWS(t); i++) {
		fails = true;
		error = t[i].error;
		strbuf_reset(&why);
		errno = EDOM;
		assert_int_equal(ruleset_run(ruleset, "add", &why), t[i].rc);
		assert_int_equal(errno, t[i].error);
		assert_string_equal(text, "nft: <cmdline>:1:1: Error\\x09of");
		assert_string_equal(ran, "add");
		strbuf_reset(&why);
		assert_int_equal(ruleset_try(ruleset, "add", &why), t[i].rc);
		assert_string_equal(ran, "(add)");
		assert_string_equal(text, "nft: <cmdline>:1:1: Error\\x09of");
		fails = false;
		strbuf_reset(&why);
		assert_int_equal(ruleset_run(ruleset, "add", &why), PH_OK);
		assert_string_equal(ran, "add");
		assert_int_equal(ruleset_try(ruleset, "add", &why), PH_OK);
		assert_string_equal(ran, "(add)");
		assert_string_equal(text, "");
	}
}

static void
a_listing_is_a_copy(void **state)
{
	char *list;

	(void)state;
	listing = "table inet f {\n}\n";
	assert_non_null(list = ruleset_list(ruleset, &why));
	assert_string_equal(ran, "list ruleset");
	assert_string_equal(list, listing);
	assert_ptr_not_equal(list, listing);
	free(list);
	listing = NULL;
	assert_non_null(list = ruleset_list(ruleset, &why));
	assert_string_equal(list, "");
	free(list);
	fails = true;
	complaint = "no";
	assert_null(ruleset_list(ruleset, &why));
	assert_string_equal(text, "nft: no");
}

static void
without_a_context_there_is_no_ruleset(void **state)
{
	(void)state;
	starve(1);
	assert_null(ruleset_new());
	(void)starve_end();
	no_context = true;
	assert_null(ruleset_new());
	no_context = false;
	no_output = true;
	assert_null(ruleset_new());
	no_output = false;
	no_error = true;
	assert_null(ruleset_new());
	assert_int_equal(contexts, 1); /* the one of this test */
	ruleset_free(NULL);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_error_has_a_class_and_a_line),
		CASE(a_listing_is_a_copy),
		CASE(without_a_context_there_is_no_ruleset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
