/* SPDX-License-Identifier: ISC */
/*
 * The backend that prints the rules that pf would get.  Each change prints the
 * whole of every ruleset it touches: a comment with the command that would load
 * it, then the rules.  The rulesets that only call others are left out, for
 * pfctl -nf - reads one list of rules, in which each must stand for itself.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pf/holes.h"
#include "pf/rules.h"
#include "pf/text.h"
#include "pf/tree.h"
#include "src/fw/fw.h"

struct fw {
	const struct fw_config *config;
	enum p_dialect dialect;
	struct p_tree *tree;
	struct p_holes *holes;
};

static FILE *output;

void
pf_text_output(FILE *f)
{
	output = f;
}

static FILE *
out_file(void)
{
	return output != NULL ? output : stdout;
}

static void
text_close(struct fw *fw, bool keep)
{
	(void)keep;
	if (fw == NULL)
		return;
	p_holes_free(fw->holes);
	p_tree_free(fw->tree);
	free(fw);
}

static enum ph_err
text_check(const struct fw_config *config, struct strbuf *why)
{
	(void)config;
	(void)why;
	return PH_OK;
}

static enum ph_err
text_open(struct fw **out, const struct fw_config *config, int64_t now,
    struct strbuf *why)
{
	struct fw *fw;
	enum ph_err rc;

	(void)now;
	*out = NULL;
	if ((fw = calloc(1, sizeof(*fw))) == NULL)
		return PH_ENOMEM;
	fw->config = config;
	fw->dialect = config->dialect;
	if ((rc = p_tree_new(&fw->tree, fw->dialect, config)) != PH_OK ||
	    (rc = p_holes_new(&fw->holes, fw->tree, NULL, NULL)) != PH_OK) {
		strbuf_fmt(why, "anchor \"%s\": %s", config->name,
		    ph_strerror(rc));
		text_close(fw, false);
		return rc;
	}
	/*
	 * We print one anchor after the other, so that translation rules stand
	 * behind filter rules: pfctl must not insist on its order.
	 */
	if (fw->dialect == P_FREEBSD)
		fprintf(out_file(), "set require-order no\n");
	*out = fw;
	return PH_OK;
}

static enum ph_err
print_node(struct fw *fw, const struct p_node *n)
{
	const struct p_rule *v;
	char line[512];
	struct strbuf b;
	enum ph_err rc;
	size_t i, len;

	if ((rc = p_node_rules(fw->tree, n, p_node_part(n), &v, &len)) != PH_OK)
		return rc;
	if (p_node_is_top(n) || p_node_is_inner(n))
		return PH_OK;
	if (len == 0) {
		fprintf(out_file(), "# pfctl -a %s -F rules\n", p_node_path(n));
		return PH_OK;
	}
	fprintf(out_file(), "# pfctl -a %s -f -\n", p_node_path(n));
	for (i = 0; i < len; i++) {
		b = strbuf_of(line, sizeof(line));
		p_rule_print(&v[i], fw->dialect, fw->config, &b);
		fprintf(out_file(), "%s\n", line);
	}
	return PH_OK;
}

static enum ph_err
text_add(struct fw *fw, struct fw_entry *e)
{
	return p_holes_enter(fw->holes, e);
}

static void
text_remove(struct fw *fw, struct fw_entry *e)
{
	if (e->own != NULL)
		p_holes_remove(fw->holes, e->own);
}

static enum ph_err
text_commit(struct fw *fw, const struct fw_edit *edits, size_t n, int64_t now)
{
	const struct p_node *node;
	enum ph_err rc = PH_OK;

	(void)edits;
	(void)n;
	(void)now;
	for (node = p_tree_dirty(fw->tree); node != NULL && rc == PH_OK;
	     node = p_node_next(fw->tree, node))
		rc = print_node(fw, node);
	if (rc != PH_OK)
		return rc;
	p_tree_clean(fw->tree);
	return fflush(out_file()) == 0 ? PH_OK : PH_EIO;
}

static void
text_explain(const struct fw_config *config, const struct pinhole *hole,
    struct strbuf *out)
{
	p_explain(hole, config->dialect, config, out);
}

const struct fw_ops fw_pf_text = {
	.name = "pf-text",
	.caps = FW_CAP_OFFLINE | FW_CAP_RULES,
	.open = text_open,
	.check = text_check,
	.add = text_add,
	.remove = text_remove,
	.commit = text_commit,
	.explain = text_explain,
	.form = p_form,
	.close = text_close,
};
