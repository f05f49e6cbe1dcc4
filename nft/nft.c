/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <linux/netfilter/nf_tables.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>

#include "nft/batch.h"
#include "nft/conntrack.h"
#include "nft/elements.h"
#include "nft/mirror.h"
#include "nft/netlink.h"
#include "nft/ruleset.h"
#include "nft/table.h"
#include "src/fw.h"

/* Elements put back at a time when our table has to be built again. */
#define REBUILD_CHUNK 20000

struct fw {
	const struct fw_config *config;
	struct nlsock *nl;
	struct ruleset *ruleset;
	struct mirror *mirror;
	struct batch batch;
	unsigned int parts; /* 1 << enum table_part: what the kernel has */
	bool rebuilt;	    /* and nobody has been told */
};

/* Create the table with these parts, or add them to it. */
static enum ph_err
add_parts(struct fw *fw, unsigned int parts, struct strbuf *why)
{
	size_t size = TABLE_NPARTS * table_text_size(fw->config);
	struct strbuf text;
	enum ph_err rc;
	char *p;
	int part;

	if ((p = malloc(size)) == NULL)
		return PH_ENOMEM;
	text = strbuf_of(p, size);
	for (part = 0; part < TABLE_NPARTS; part++)
		if (parts & 1u << part)
			(void)table_text(&text, fw->config,
			    (enum table_part)part);
	rc = text.full ? PH_ELIMIT : ruleset_run(fw->ruleset, p, why);
	free(p);
	return rc;
}

static enum ph_err
create(struct fw *fw, unsigned int parts, struct strbuf *why)
{
	enum ph_err rc;

	rc = add_parts(fw, parts | 1u << PART_BASE, why);
	if (rc == PH_OK)
		fw->parts = parts | 1u << PART_BASE;
	return rc;
}

static enum ph_err
ensure_parts(struct fw *fw, unsigned int parts)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	enum ph_err rc;

	parts &= ~fw->parts;
	if (parts == 0)
		return PH_OK;
	rc = add_parts(fw, parts, &why);
	if (rc == PH_OK)
		fw->parts |= parts;
	return rc;
}

static void
last_count(void *ctx, const struct element_seen *e)
{
	struct fw *fw = ctx;

	if (e->counted)
		mirror_counted(fw->mirror, &e->elem, e->packets);
}

static void
echoed(void *ctx, const struct nlmsghdr *nlh)
{
	struct fw *fw = ctx;

	if ((nlh->nlmsg_type & 0xff) == NFT_MSG_DELSETELEM)
		(void)elements_parse(nlh, fw->config->name, last_count, fw);
}

static int
send_batch(struct fw *fw)
{
	batch_end(&fw->batch);
	return nlsock_transact(fw->nl, &fw->batch, echoed, fw);
}

/*
 * Somebody removed our table, as every reload of /etc/nftables.conf does
 * (`flush ruleset`): build it again with everything that is open.
 */
static enum ph_err
rebuild(struct fw *fw, int64_t now)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct mirror_change c;
	void *iter = NULL;
	bool more = true;
	enum ph_err rc;
	int err;

	if ((rc = create(fw, fw->parts, &why)) != PH_OK)
		return rc;
	fw->rebuilt = true;
	mirror_count_reset(fw->mirror);
	while (more) {
		batch_begin(&fw->batch, nlsock_seq(fw->nl));
		while (fw->batch.nelements < REBUILD_CHUNK &&
		    (more = mirror_next(fw->mirror, &iter, &c)))
			if (c.deadline > now)
				batch_element(&fw->batch, NFT_MSG_NEWSETELEM,
				    NLM_F_CREATE, c.elem, c.elem->data,
				    timeout_ms(c.deadline, now));
		if (fw->batch.nelements > 0 && (err = send_batch(fw)) != 0)
			return nlsock_err(err);
	}
	return PH_OK;
}

/* What the mirror has been asked for, and nothing if that fails. */
static enum ph_err
stage(struct fw *fw, const struct fw_change *changes, size_t n)
{
	enum ph_err rc = PH_OK;
	size_t i;

	for (i = 0; i < n && rc == PH_OK; i++) {
		if (changes[i].op == FW_OPEN)
			rc = mirror_open(fw->mirror, &changes[i].hole);
		else if (changes[i].op == FW_CLOSE)
			rc = mirror_close(fw->mirror, &changes[i].hole);
		else
			rc = PH_EBAD;
	}
	if (rc != PH_OK)
		mirror_rollback(fw->mirror);
	return rc;
}

static unsigned int
parts_needed(struct fw *fw)
{
	struct mirror_change c;
	unsigned int parts = 0;
	size_t iter = 0;

	while (mirror_next_change(fw->mirror, &iter, &c))
		parts |= 1u << set_part(c.elem->set);
	return parts;
}

/* One attempt: what was staged is in the kernel and the mirror, or neither. */
static enum ph_err
attempt(struct fw *fw, const struct fw_change *changes, size_t n, int64_t now)
{
	enum ph_err rc;

	if ((rc = stage(fw, changes, n)) != PH_OK)
		return rc;
	if ((rc = ensure_parts(fw, parts_needed(fw))) == PH_OK) {
		batch_begin(&fw->batch, nlsock_seq(fw->nl));
		batch_changes(&fw->batch, fw->mirror, now);
		if (fw->batch.full)
			rc = PH_ELIMIT;
		else if (fw->batch.nelements > 0)
			rc = nlsock_err(send_batch(fw));
	}
	if (rc == PH_OK)
		mirror_commit(fw->mirror);
	else
		mirror_rollback(fw->mirror);
	return rc;
}

static enum ph_err
nft_commit(struct fw *fw, const struct fw_change *changes, size_t n,
    int64_t now)
{
	enum ph_err rc;

	rc = attempt(fw, changes, n, now);
	if (rc != PH_EGONE)
		return rc;
	if (rebuild(fw, now) != PH_OK)
		return PH_EGONE;
	return attempt(fw, changes, n, now);
}

static void
nft_close(struct fw *fw, bool keep)
{
	char text[256], message[256];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct strbuf why = strbuf_of(message, sizeof(message));

	if (fw == NULL)
		return;
	/*
	 * First an empty table, so that nothing new passes and what runs
	 * stops; then the connections that are ours, for the user's chain
	 * would take them for its own; then the table.
	 */
	if (!keep && create(fw, 0, &why) == PH_OK &&
	    conntrack_delete(fw->nl, fw->config->mark) == PH_OK) {
		strbuf_fmt(&b, "add table inet %s\ndelete table inet %s\n",
		    fw->config->name, fw->config->name);
		(void)!ruleset_run(fw->ruleset, text, &why);
	}
	batch_free(&fw->batch);
	mirror_free(fw->mirror);
	ruleset_free(fw->ruleset);
	nlsock_close(fw->nl);
	free(fw);
}

static enum ph_err
check_config(const struct fw_config *config, struct strbuf *why)
{
	if (!table_name_ok(config->name)) {
		strbuf_fmt(why,
		    "\"%.40s\" cannot be the name of an nftables table",
		    config->name != NULL ? config->name : "");
		return PH_EBAD;
	}
	if (config->mark == 0) {
		strbuf_str(why, "the mark must not be 0");
		return PH_EBAD;
	}
	return PH_OK;
}

static enum ph_err
nft_open(struct fw **out, const struct fw_config *config, int64_t now,
    struct strbuf *why)
{
	struct fw *fw;
	enum ph_err rc;

	(void)now;
	*out = NULL;
	if ((rc = check_config(config, why)) != PH_OK)
		return rc;
	if ((fw = calloc(1, sizeof(*fw))) == NULL)
		return PH_ENOMEM;
	fw->config = config;
	batch_init(&fw->batch, config->name);
	if ((fw->mirror = mirror_new(config)) == NULL ||
	    (fw->nl = nlsock_open()) == NULL ||
	    (fw->ruleset = ruleset_new()) == NULL) {
		strbuf_fmt(why, "cannot open netlink: %s", strerror(errno));
		nft_close(fw, true);
		return PH_EIO;
	}
	rc = create(fw, 0, why);
	if (rc == PH_OK &&
	    (rc = conntrack_delete(fw->nl, config->mark)) != PH_OK)
		strbuf_str(why, "cannot delete connections by ctnetlink");
	if (rc != PH_OK) {
		nft_close(fw, true);
		return rc;
	}
	*out = fw;
	return PH_OK;
}

/* One line per set. */
static void
nft_explain(const struct fw_config *config, const struct pinhole *hole,
    struct strbuf *out)
{
	struct elem v[ELEM_MAX];
	char name[SET_NAMELEN];
	size_t i, n;

	if (hole_elements(hole, config, v, &n) != PH_OK)
		return;
	for (i = 0; i < n; i++) {
		if (i == 0 || v[i].set != v[i - 1].set)
			strbuf_fmt(out, "%sadd element inet %s %s { ",
			    i > 0 ? " }\n" : "", config->name,
			    set_name(v[i].set, name));
		else
			strbuf_str(out, ", ");
		elem_format(out, &v[i]);
	}
	strbuf_str(out, " }\n");
}

const struct fw_ops fw_nftables = {
	.name = "nftables",
	.caps = FW_CAP_DEADLINE | FW_CAP_NAT,
	.open = nft_open,
	.commit = nft_commit,
	.explain = nft_explain,
	.close = nft_close,
};
