/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <linux/netfilter/nf_tables.h>

#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>

#include "nft/hold.h"
#include "nft/inspect.h"
#include "nft/nft.h"
#include "nft/table.h"

/* Elements put back at a time when our table has to be built again. */
#define REBUILD_CHUNK 20000

/* See struct sweep for what it means. */
#define SWEEP_URGENT_US (100 * 1000)

/* Create the table with these parts, or add them to it. */
static enum ph_err
add_parts(struct fw *fw, unsigned int parts, struct strbuf *why)
{
	enum ph_err rc;
	char *text;

	if ((rc = table_parts_text(fw->config, parts, &text)) != PH_OK)
		return rc;
	rc = ruleset_run(fw->ruleset, text, why);
	free(text);
	return rc;
}

enum ph_err
nft_create(struct fw *fw, unsigned int parts, struct strbuf *why)
{
	enum ph_err rc;

	hold_pause(fw->config, true);
	rc = add_parts(fw, parts | 1u << PART_BASE, why);
	if (rc == PH_OK)
		rc = hold_begin(fw->nl, &fw->batch, fw->config, why);
	hold_pause(fw->config, false);
	if (rc == PH_OK)
		fw->parts = parts | 1u << PART_BASE;
	return rc;
}

/*
 * The other parts jump from and to PART_BASE, so they cannot be added without
 * it.
 */
static bool
has_gone(struct fw *fw)
{
	struct table_seen seen;

	return inspect_table(fw->nl, fw->config->name, &seen) == 0 &&
	    (seen.parts & 1u << PART_BASE) == 0;
}

int
nft_generation(struct fw *fw, uint32_t *generation)
{
	int rc = inspect_generation(fw->nl, generation);

	*generation -= fw->own;
	return rc;
}

enum ph_err
nft_remember(struct fw *fw)
{
	struct table_seen seen;
	int rc;

	if ((rc = nft_generation(fw, &fw->generation)) == 0 &&
	    (rc = inspect_flowtables(fw->nl, &fw->flowtables)) == 0 &&
	    (rc = inspect_table(fw->nl, fw->config->name, &seen)) == 0)
		fw->print = seen.print;
	return nlsock_err(rc);
}

enum ph_err
nft_ensure_parts(struct fw *fw, unsigned int parts)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	enum ph_err rc;

	parts &= ~fw->parts;
	if (parts == 0)
		return PH_OK;
	if ((rc = add_parts(fw, parts, &why)) != PH_OK)
		return has_gone(fw) ? PH_EGONE : rc;
	fw->parts |= parts;
	return nft_remember(fw);
}

static void
last_count(void *ctx, const struct element_seen *e)
{
	struct fw *fw = ctx;

	if (e->counted)
		mirror_counted(fw->mirror, &e->elem, e->packets);
}

static void
echo_received(void *ctx, const struct nlmsghdr *nlh)
{
	struct fw *fw = ctx;

	if ((nlh->nlmsg_type & 0xff) == NFT_MSG_DELSETELEM)
		(void)elements_parse(nlh, fw->config->name, last_count, fw);
}

enum ph_err
nft_send(struct fw *fw)
{
	int rc;

	batch_end(&fw->batch);
	rc = nlsock_transact(fw->nl, &fw->batch, echo_received, fw);
	fw->own += rc == 0;
	return nlsock_err(rc);
}

/*
 * Somebody removed our table, as every reload of /etc/nftables.conf does
 * (`flush ruleset`): build it again with everything that is open.
 */
enum ph_err
nft_rebuild(struct fw *fw, int64_t now)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct mirror_change c;
	struct mirror_iter iter = { 0 };
	bool more = true;
	enum ph_err rc;

	if ((rc = nft_create(fw, fw->parts, &why)) != PH_OK)
		return rc;
	fw->rebuilt = true;
	mirror_count_reset(fw->mirror);
	while (more) {
		batch_begin(&fw->batch, nlsock_seq(fw->nl));
		while (fw->batch.nelements < REBUILD_CHUNK &&
		    (more = mirror_next(fw->mirror, &iter, &c)))
			if (c.deadline > now)
				batch_element(&fw->batch, NFT_MSG_NEWSETELEM,
				    NLM_F_CREATE, &c.elem, c.old_data,
				    timeout_ms(c.deadline, now));
		if (fw->batch.nelements > 0 && (rc = nft_send(fw)) != PH_OK)
			return rc;
	}
	return nft_remember(fw);
}

void
nft_sweep_soon(struct fw *fw, bool urgent, int64_t now)
{
	int64_t at = now + (urgent ? SWEEP_URGENT_US : NFT_SWEEP_US);

	if (at < fw->sweep_at)
		fw->sweep_at = at;
}
