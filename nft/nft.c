/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <linux/netfilter/nf_tables.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>

#include "nft/hook.h"
#include "nft/inspect.h"
#include "nft/nft.h"
#include "nft/table.h"

static enum ph_err
nft_add(struct fw *fw, struct fw_entry *e)
{
	return mirror_add(fw->mirror, e);
}

static void
nft_remove(struct fw *fw, struct fw_entry *e)
{
	mirror_remove(fw->mirror, e);
}

static void
nft_forget(struct fw *fw, struct fw_entry *e)
{
	mirror_forget(fw->mirror, e);
}

/* The work that a commit causes. */
struct needs {
	unsigned int parts;
	bool changes; /* what is there already */
	bool closes;
	bool urgent;
};

static struct needs
needs_of(struct fw *fw)
{
	struct needs needs = { .urgent = fw->flowtables };
	struct mirror_change c;
	size_t iter = 0;

	while (mirror_next_change(fw->mirror, &iter, MIRROR_ALL_OPS, &c)) {
		needs.parts |= 1u << set_part(c.elem.set);
		needs.changes |= c.op != MIRROR_ADD;
		if (c.op == MIRROR_REMOVE) {
			needs.closes = true;
			needs.urgent |= set_part(c.elem.set) == PART_NAT;
		}
	}
	return needs;
}

static enum ph_err
carry_out(struct fw *fw, const struct needs *needs, bool careful, int64_t now)
{
	enum ph_err rc;

	if (needs->parts == 0)
		return PH_OK;
	if ((rc = nft_ensure_parts(fw, needs->parts)) != PH_OK)
		return rc;
	batch_begin(&fw->batch, nlsock_seq(fw->nl));
	batch_changes(&fw->batch, fw->mirror, careful, now);
	return fw->batch.full ? PH_ELIMIT : nft_send(fw);
}

static enum ph_err
nft_commit(struct fw *fw, const struct fw_edit *edits, size_t n, int64_t now)
{
	struct needs needs;
	enum ph_err rc;

	if ((rc = mirror_begin(fw->mirror, edits, n)) != PH_OK)
		return rc;
	needs = needs_of(fw);
	rc = carry_out(fw, &needs, false, now);
	/* Somebody has deleted an element. */
	if (rc == PH_EGONE && needs.changes)
		rc = carry_out(fw, &needs, true, now);
	/* Somebody has deleted the table. */
	if (rc == PH_EGONE && !fw->config->yield &&
	    nft_rebuild(fw, now) == PH_OK)
		rc = carry_out(fw, &needs, true, now);
	mirror_end(fw->mirror, rc == PH_OK);
	if (rc == PH_OK && needs.closes)
		nft_sweep_soon(fw, needs.urgent, now);
	return rc;
}

static void
nft_cut(struct fw *fw, const struct pinhole *hole, int64_t now)
{
	(void)now;
	conntrack_cut(fw->nl, fw->config->mark, hole);
}

static enum ph_err
nft_original(struct fw *fw, const struct fw_flow *flow, struct endpoint *out)
{
	return conntrack_original(fw->nl, flow, out);
}

static enum ph_err
find_user_table(struct fw *fw, size_t index)
{
	return nlsock_err(user_table_find(fw->nl, fw->config->tables[index],
	    fw->config->name, &fw->user[index]));
}

/*
 * Forget the user's sets if somebody has changed a ruleset since the last
 * nft_table().  If a set of intervals has replaced a set of hosts, an address
 * that is added as a host would become an interval up to the next element.
 */
static void
forget_if_changed(struct fw *fw, uint32_t *generation)
{
	size_t i;

	if (inspect_generation(fw->nl, generation) == 0 &&
	    *generation == fw->user_generation)
		return;
	for (i = 0; i < fw->config->ntables; i++)
		fw->user[i].looked_up = false;
}

static enum ph_err
nft_table(struct fw *fw, size_t index, enum fw_table_op op,
    const struct prefix *v, size_t n, uint32_t ttl_s)
{
	uint32_t before = 0, after = 0;
	struct user_table *t;
	enum ph_err rc;

	if (index >= fw->config->ntables)
		return PH_EBAD;
	t = &fw->user[index];
	forget_if_changed(fw, &before);
	if (!t->looked_up && (rc = find_user_table(fw, index)) != PH_OK)
		return rc;
	rc = user_table_change(fw->nl, &fw->batch, t, op, v, n, ttl_s);
	/*
	 * If the generation grew by one at most, only our own batch has changed
	 * anything.
	 */
	if (inspect_generation(fw->nl, &after) == 0 &&
	    (after == before || after == before + 1))
		fw->user_generation = after;
	return rc;
}

static bool
nft_emptied(struct fw *fw)
{
	bool emptied = fw->emptied;

	fw->emptied = false;
	return emptied;
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
	 * First empty the table, so that no packet of ours passes.  Then delete
	 * our connections, for the user's chain would accept them as
	 * established.  Then delete the table.
	 */
	if (!keep)
		(void)!hook_end(fw->nl, fw->ruleset, fw->config);
	if (!keep && nft_create(fw, 0, &why) == PH_OK &&
	    conntrack_delete(fw->nl, fw->config->mark) == PH_OK) {
		strbuf_fmt(&b, "add table inet %s\ndelete table inet %s\n",
		    fw->config->name, fw->config->name);
		(void)!ruleset_run(fw->ruleset, text, &why);
	}
	batch_free(&fw->batch);
	mirror_free(fw->mirror);
	sweep_free(fw->sweep);
	free(fw->outliving);
	free(fw->user);
	free(fw->looked_at);
	ruleset_free(fw->ruleset);
	nlsock_close(fw->counts);
	nlsock_close(fw->nl);
	free(fw);
}

static struct fw *
fw_new(const struct fw_config *config)
{
	struct fw *fw;

	if ((fw = calloc(1, sizeof(*fw))) == NULL)
		return NULL;
	fw->config = config;
	fw->sweep_at = INT64_MAX;
	batch_init(&fw->batch, config->name);
	if ((fw->user = calloc(config->ntables + 1, sizeof(*fw->user))) ==
		NULL ||
	    (fw->looked_at = calloc(config->ntables + 1,
		 sizeof(*fw->looked_at))) == NULL ||
	    (fw->mirror = mirror_new(config)) == NULL ||
	    (fw->nl = nlsock_open()) == NULL ||
	    (fw->counts = nlsock_open()) == NULL ||
	    (fw->sweep = sweep_new(config->mark)) == NULL ||
	    (fw->ruleset = ruleset_new()) == NULL) {
		nft_close(fw, true);
		return NULL;
	}
	return fw;
}

/*
 * Take over the table of an earlier run, if its layout is ours.  Its elements
 * stay until the mirror knows which are still needed.  Maps are emptied at
 * once, for an old key with other data would make an addition fail.
 */
static enum ph_err
table_adopt(struct fw *fw, bool *adopted)
{
	char comment[TABLE_COMMENTLEN];
	struct table_seen seen;
	unsigned int set;
	int rc;

	*adopted = false;
	if ((rc = inspect_table(fw->nl, fw->config->name, &seen)) != 0)
		return nlsock_err(rc);
	if (!seen.exists ||
	    strcmp(seen.comment, table_comment(fw->config, comment)) != 0 ||
	    seen.nrules != table_rules(fw->config, seen.parts))
		return PH_OK;
	fw->parts = seen.parts;
	*adopted = true;
	mirror_expect_leftovers(fw->mirror, true);
	if ((fw->parts & 1u << PART_NAT) == 0)
		return PH_OK;
	batch_begin(&fw->batch, nlsock_seq(fw->nl));
	for (set = 0; set < SET_COUNT; set++)
		if (set_part(set) == PART_NAT)
			batch_flush_set(&fw->batch, set);
	return nft_send(fw);
}

static enum ph_err
set_up(struct fw *fw, bool *created, struct strbuf *why)
{
	/* Add this part now, so that no connection has to wait for it. */
	unsigned int parts = fw->config->once ? 1u << PART_ONCE : 0;
	bool adopted = false;
	enum ph_err rc;

	if ((rc = nft_check_owner(fw->nl, fw->config, why)) != PH_OK)
		return rc;
	if (fw->config->adopt && (rc = table_adopt(fw, &adopted)) != PH_OK) {
		strbuf_str(why, "cannot look at our old table");
		return rc;
	}
	if (!adopted && (rc = nft_create(fw, parts, why)) != PH_OK)
		return rc;
	*created = !adopted;
	/*
	 * The new table is empty and in force, so connections of an earlier run
	 * are over.
	 */
	if (!fw->config->adopt &&
	    (rc = conntrack_delete(fw->nl, fw->config->mark)) != PH_OK) {
		strbuf_str(why, "cannot delete our old connections");
		return rc;
	}
	if ((rc = nft_remember(fw)) != PH_OK)
		strbuf_str(why, "cannot look at our new table");
	return rc;
}

static enum ph_err
nft_open(struct fw **out, const struct fw_config *config, int64_t now,
    struct strbuf *why)
{
	bool created = false;
	struct fw *fw;
	enum ph_err rc;

	*out = NULL;
	if ((rc = nft_check_config(config, why)) != PH_OK)
		return rc;
	if ((fw = fw_new(config)) == NULL) {
		strbuf_fmt(why, "cannot open netlink: %s", strerror(errno));
		return PH_EIO;
	}
	if ((rc = set_up(fw, &created, why)) != PH_OK) {
		nft_close(fw, !created);
		return rc;
	}
	fw->look_at = now;
	nft_look_at_user_sets(fw);
	fw->emptied = false;
	if (!config->adopt)
		nft_begin_hooks(fw);
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
	.caps = FW_CAP_DEADLINE | FW_CAP_LATCH | FW_CAP_HOLD,
	.open = nft_open,
	.check = nft_check,
	.add = nft_add,
	.remove = nft_remove,
	.commit = nft_commit,
	.forget = nft_forget,
	.cut = nft_cut,
	.settle = nft_settle,
	.activity = nft_activity,
	.tick = nft_tick,
	.original = nft_original,
	.table = nft_table,
	.emptied = nft_emptied,
	.explain = nft_explain,
	.close = nft_close,
};
