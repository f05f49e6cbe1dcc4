/* SPDX-License-Identifier: ISC */
/*
 * The inputs of the nftables backend: the kernel's messages (first byte even)
 * and the user's ruleset and table names (odd).
 */
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>

#include "nft/batch.h"
#include "nft/advice.h"
#include "nft/table.h"
#include "nft/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
seen(void *ctx, const struct element_seen *e)
{
	char text[256];
	struct strbuf b = strbuf_of(text, sizeof(text));

	(void)ctx;
	if (e->elem.set > SET_CONNECTIONS || e->elem.keylen > ELEM_KEYLEN ||
	    e->elem.datalen > ELEM_DATALEN)
		__builtin_trap();
	/* Only what is laid out like an element can be shown as one. */
	if (e->elem.set != SET_CONNECTIONS)
		elem_format(&b, &e->elem);
}

static void
message(const uint8_t *data, size_t len)
{
	struct nlmsghdr *nlh;

	/* libmnl takes it for granted that messages are padded. */
	if (len < sizeof(*nlh) || (nlh = calloc(1, MNL_ALIGN(len))) == NULL)
		return;
	memcpy(nlh, data, len);
	nlh->nlmsg_len = (uint32_t)len;
	if (mnl_nlmsg_ok(nlh, (int)len))
		(void)elements_parse(nlh, "pinholed", seen, NULL);
	free(nlh);
}

static const char *const hooks[] = { "inet t c" };
static const struct fw_config config = { .name = "pinholed",
	.mark = 0x10000,
	.hooks = hooks,
	.nhooks = 1 };

static void
text(const uint8_t *data, size_t len)
{
	char *s = malloc(len + 1);

	if (s == NULL)
		return;
	memcpy(s, data, len);
	s[len] = '\0';
	(void)ruleset_advice((struct span) { s, len }, &config);
	(void)user_name_matches(s, 1, "filter", "spammer6");
	if (table_name_ok(s) && strpbrk(s, " \n;{}\"") != NULL)
		__builtin_trap();
	free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	if (data[0] % 2 == 0)
		message(data + 1, len - 1);
	else
		text(data + 1, len - 1);
	return 0;
}
