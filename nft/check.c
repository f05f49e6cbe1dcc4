/* SPDX-License-Identifier: ISC */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nft/advice.h"
#include "nft/helper.h"
#include "nft/hold.h"
#include "nft/hook.h"
#include "nft/inspect.h"
#include "nft/nft.h"
#include "nft/table.h"

enum ph_err
nft_check_config(const struct fw_config *config, struct strbuf *why)
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

enum ph_err
nft_check_owner(struct nlsock *nl, const struct fw_config *config,
    struct strbuf *why)
{
	struct table_seen seen;
	int err;

	if ((err = inspect_table(nl, config->name, &seen)) != 0) {
		strbuf_fmt(why, "cannot look at nftables: %s", strerror(-err));
		return nlsock_err(err);
	}
	if (!seen.exists || (seen.parts & 1u << PART_BASE) != 0 ||
	    strncmp(seen.comment, TABLE_COMMENT, strlen(TABLE_COMMENT)) == 0)
		return PH_OK;
	strbuf_fmt(why,
	    "there is a table inet %s that is not ours; give us another name",
	    config->name);
	return PH_EBAD;
}

static void
why_next_line(struct strbuf *why)
{
	if (why->len > 0)
		strbuf_str(why, "\n");
}

/* "forward chain", "forward and input chains" */
static void
name_chains(struct strbuf *why, const bool lacks[ADVICE_HOOKS])
{
	static const char *const names[ADVICE_HOOKS] = { "forward", "input",
		"output" };
	size_t i, n = 0, said = 0;

	for (i = 0; i < ADVICE_HOOKS; i++)
		n += lacks[i];
	for (i = 0; i < ADVICE_HOOKS; i++)
		if (lacks[i])
			strbuf_fmt(why, "%s%s",
			    said++ == 0	    ? ""
				: said == n ? " and "
					    : ", ",
			    names[i]);
	strbuf_str(why, n > 1 ? " chains" : " chain");
}

/* Does firewalld drop them, whose users cannot add such a rule? */
static bool
advise_firewalld(const struct advice *a, const bool lacks[ADVICE_HOOKS],
    const struct fw_config *config, struct strbuf *why)
{
	static const char table[] = "inet firewalld ";
	static const char *const chains[ADVICE_HOOKS] = { "filter_FORWARD",
		"filter_INPUT", "filter_OUTPUT" };
	size_t i, n = 0;

	for (i = 0; i < ADVICE_HOOKS; i++)
		if (lacks[i] &&
		    strncmp(a->at[i].chain, table, sizeof(table) - 1) != 0)
			return false;
	strbuf_str(why,
	    "firewalld drops our packets; write in pinholed.conf:\n"
	    "    firewall nftables hook {");
	for (i = 0; i < ADVICE_HOOKS; i++)
		if (lacks[i] ||
		    hook_is(config, span_of("inet"), span_of("firewalld"),
			span_of(chains[i])))
			strbuf_fmt(why, "%s \"%s%s\"", n++ > 0 ? "," : "",
			    table, chains[i]);
	strbuf_str(why, " }");
	return true;
}

static void
advise_mark(const struct advice *a, const struct fw_config *config,
    struct strbuf *why)
{
	size_t n = config->local ? ADVICE_HOOKS : ADVICE_FORWARD + 1, i;
	bool lacks[ADVICE_HOOKS] = { false }, any = false;
	const struct advice_hook *h;

	for (i = 0; i < n; i++) {
		h = &a->at[i];
		lacks[i] = h->blocked && !h->heeds_mark;
		any = any || lacks[i];
		if (!h->blocked || !h->heeds_mark)
			continue;
		why_next_line(why);
		strbuf_fmt(why,
		    "chain %s drops packets before the rule that accepts our "
		    "mark; put that rule before this one:\n    %s",
		    h->chain, h->rule);
	}
	if (!any)
		return;
	why_next_line(why);
	if (advise_firewalld(a, lacks, config, why))
		return;
	strbuf_str(why, "no nftables rule accepts our packets; add to your ");
	name_chains(why, lacks);
	strbuf_fmt(why,
	    ", before anything that drops:\n"
	    "    meta mark & 0x%x == 0x%x accept",
	    config->mark, config->mark);
}

static void
check_advise(const struct fw_config *config, struct span ruleset,
    struct strbuf *why)
{
	static const char *const kinds[ADVICE_HOOKS] = { "forwarded",
		"incoming", "outgoing" };
	struct advice a = ruleset_advice(ruleset, config);
	size_t n = config->local ? ADVICE_HOOKS : ADVICE_FORWARD + 1, i;

	if (!a.at[ADVICE_FORWARD].guards) {
		why_next_line(why);
		strbuf_str(why,
		    "no nftables rule drops forwarded packets, so they may "
		    "all pass, pinhole or not");
	}
	advise_mark(&a, config, why);
	for (i = 0; i < n; i++)
		if (a.at[i].early) {
			why_next_line(why);
			strbuf_fmt(why,
			    "a chain that drops %s packets comes before ours "
			    "and cannot see our mark; give it a priority above "
			    "%d",
			    kinds[i], TABLE_PRIORITY);
		}
	if (a.offloads) {
		why_next_line(why);
		strbuf_fmt(why,
		    "a rule puts flows into a flowtable, where no pinhole "
		    "can be closed in time; before `flow add`, write:\n"
		    "    meta mark & 0x%x == 0",
		    config->mark);
	}
}

/* The helper of the kernel that reads the same calls as we do. */
static void
mention_sip_helper(const struct fw_config *config, struct span ruleset,
    struct strbuf *why)
{
	struct span rule = helper_sip_rule(ruleset);
	bool automatic = helper_sip_automatic();

	if (!config->calls || (rule.len == 0 && !automatic))
		return;
	why_next_line(why);
	strbuf_str(why,
	    "the kernel's own helper for SIP (nf_conntrack_sip, nf_nat_sip) "
	    "is at work; it rewrites SDP, and drops what it cannot read; ");
	if (rule.len > 0) {
		strbuf_str(why, "remove this rule:\n    ");
		strbuf_vis(why, rule);
	} else
		strbuf_str(why,
		    "turn it off:\n"
		    "    sysctl -w net.netfilter.nf_conntrack_helper=0");
}

/* Frames between the ports of a bridge do not come by the forward hook. */
static void
mention_bridges(struct strbuf *why)
{
	char path[300];
	struct dirent *e;
	DIR *d;

	if ((d = opendir("/sys/class/net")) == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "/sys/class/net/%s/brport",
		    e->d_name);
		if (e->d_name[0] == '.' || access(path, F_OK) == -1)
			continue;
		why_next_line(why);
		strbuf_fmt(why,
		    "%s is the port of a bridge; pinholes do not govern what "
		    "passes to another port of the same bridge",
		    e->d_name);
		break;
	}
	closedir(d);
}

/* Ask the kernel for a table like ours, without committing it. */
static enum ph_err
try_table(struct ruleset *r, const struct fw_config *config, struct strbuf *why)
{
	enum ph_err rc;
	char *text;

	rc = table_parts_text(config, TABLE_ALL_PARTS, &text);
	if (rc != PH_OK)
		return rc;
	rc = ruleset_try(r, text, why);
	free(text);
	return rc;
}

/* Sets that `tables` allows to be changed, and that do not exist. */
static void
look_for_tables(struct nlsock *nl, const struct fw_config *config,
    struct strbuf *why)
{
	struct user_table t;
	size_t i;

	for (i = 0; i < config->ntables; i++) {
		if (user_table_find(nl, config->tables[i], config->name, &t) !=
		    0)
			return;
		if (!t.v4.found && !t.v6.found) {
			why_next_line(why);
			strbuf_fmt(why,
			    "no nftables set is called %.64s; add to your "
			    "table:\n    set %.64s { type ipv4_addr; "
			    "flags interval, timeout; }",
			    config->tables[i], config->tables[i]);
		} else if (t.v4.ambiguous || t.v6.ambiguous) {
			why_next_line(why);
			strbuf_fmt(why,
			    "several nftables sets are called %.64s; say "
			    "family/table/%.64s",
			    config->tables[i], config->tables[i]);
		}
	}
}

static void
look_for_classes(const struct fw_config *config, struct strbuf *why)
{
	if (config->nclasses == 0)
		return;
	why_next_line(why);
	strbuf_str(why,
	    "tag and queue of a proxy are for pf; nftables has neither");
}

static enum ph_err
check_kernel(struct nlsock *nl, struct strbuf *why)
{
	uint32_t generation;
	int err = -errno;

	if (nl != NULL)
		err = inspect_generation(nl, &generation);
	if (err == 0)
		return PH_OK;
	if (err == -EPERM) {
		strbuf_str(why, "only root may look at nftables");
		return PH_EDENIED;
	}
	strbuf_fmt(why, "this kernel has no nftables: %s", strerror(-err));
	return PH_EUNSUPPORTED;
}

enum ph_err
nft_check(const struct fw_config *config, struct strbuf *why)
{
	struct ruleset *r = NULL;
	struct nlsock *nl;
	enum ph_err rc;
	char *text;

	if ((rc = nft_check_config(config, why)) != PH_OK)
		return rc;
	nl = nlsock_open();
	if ((rc = check_kernel(nl, why)) != PH_OK)
		goto out;
	if ((rc = nft_check_owner(nl, config, why)) != PH_OK)
		goto out;
	rc = PH_ENOMEM;
	if ((r = ruleset_new()) == NULL ||
	    (rc = try_table(r, config, why)) != PH_OK ||
	    (text = ruleset_list(r, why)) == NULL)
		goto out;
	if (!config->tables_only) {
		check_advise(config, span_of(text), why);
		hook_check(nl, config, why);
		mention_sip_helper(config, span_of(text), why);
		mention_bridges(why);
	}
	free(text);
	look_for_tables(nl, config, why);
	rc = hold_check(nl, config, why);
	look_for_classes(config, why);
out:
	ruleset_free(r);
	nlsock_close(nl);
	return rc;
}
