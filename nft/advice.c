/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft/advice.h"
#include "nft/hook.h"
#include "nft/table.h"
#include "src/base/strbuf.h"

#define CHAINS_MAX 1024
#define DEPTH_MAX  16	 /* as in the kernel */
#define STEPS_MAX  65536 /* rules looked at for one base chain */
#define LINE_LEN   1024

struct chain {
	struct span family, table, name;
	struct span rules;   /* its lines */
	enum advice_at hook; /* ADVICE_HOOKS: no base chain */
	bool early, policy_drop;
};

struct ruleset_view {
	struct chain *chain;
	size_t n;
	uint32_t mark;
	const struct fw_config *config;
};

/* A packet with our mark, on its way through the rules of one base chain. */
struct walk {
	const struct ruleset_view *view;
	const struct chain *base;
	unsigned int steps;
	bool heeds, guards, unknown;
	const struct chain *culprit_chain;
	struct span culprit; /* the first rule that may drop it */
};

static bool
line_has(const char *line, const char *word)
{
	return strstr(line, word) != NULL;
}

/* A number after `word`, decimal or 0x...; false if there is none. */
static bool
number_after(const char *line, const char *word, uint32_t *out)
{
	const char *p = strstr(line, word);
	char *end;

	if (p == NULL)
		return false;
	p += strlen(word);
	*out = (uint32_t)strtoul(p, &end, 0);
	return end != p;
}

/*
 * The rule without indentation, comment and quoted text, such as log prefixes.
 */
static void
plain_line(char out[LINE_LEN], struct span line)
{
	size_t i, n = 0;
	bool quoted = false;
	char *p;

	for (i = 0; i < line.len && n < LINE_LEN - 1; i++) {
		if (line.p[i] == '"')
			quoted = !quoted;
		else if (!quoted && (n > 0 || line.p[i] != '\t'))
			out[n++] = line.p[i];
	}
	out[n] = '\0';
	if ((p = strstr(out, " comment")) != NULL && (p[8] & ~' ') == '\0')
		*p = '\0';
}

/*
 * "meta mark & 0x00010000 == 0x00010000", "meta mark 0x00010000", or a set or
 * map, which we do not look into.  A mask must let our bits count.
 */
static bool
tests_mark(const char *line, uint32_t mark)
{
	uint32_t v;

	if (number_after(line, "meta mark & ", &v))
		return (v & mark) != 0;
	if (number_after(line, "meta mark ", &v))
		return (v & mark) == mark;
	return line_has(line, "meta mark @") || line_has(line, "meta mark {") ||
	    line_has(line, "meta mark vmap");
}

/* Is the word one of the rule's? */
static bool
rule_has_word(const char *line, const char *word)
{
	size_t n = strlen(word);
	const char *p;

	for (p = line; (p = strstr(p, word)) != NULL; p += n)
		if ((p == line || p[-1] == ' ') &&
		    (p[n] == '\0' || p[n] == ' '))
			return true;
	return false;
}

static bool
lets_pass(const char *line)
{
	return rule_has_word(line, "accept") || rule_has_word(line, "jump") ||
	    rule_has_word(line, "goto") || rule_has_word(line, "vmap") ||
	    rule_has_word(line, "return");
}

/* "ct state 0x1": new packets, 0x8, are not among those. */
static bool
spares_new(const char *line)
{
	const char *p = strstr(line, "ct state ");

	return p != NULL && !line_has(p, "!=") && !line_has(p, "0x8") &&
	    !line_has(p, "new");
}

/* Whether a rule that drops or rejects can hit packets of ours. */
static bool
is_obstacle(const char *line)
{
	static const char *const narrow[] = { " saddr ", "limit rate over",
		"ct count over", "fib daddr", "pkttype", "tcp flags", "icmp" };
	char match[LINE_LEN], *verdict;
	size_t i;

	strlcpy(match, line, sizeof(match));
	if ((verdict = strstr(match, "reject")) != NULL)
		*verdict = '\0';
	for (i = 0; i < sizeof(narrow) / sizeof(narrow[0]); i++)
		if (line_has(match, narrow[i]))
			return false;
	return !spares_new(match);
}

/* "accept", "counter packets 0 bytes 0 accept": whatever the packet. */
static bool
is_for_all(const char *line, const char *verdict)
{
	unsigned long long packets, bytes;
	int n = 0;

	if (sscanf(line, "counter packets %llu bytes %llu %n", &packets, &bytes,
		&n) == 2)
		line += n;
	return strcmp(line, verdict) == 0;
}

static const struct chain *
find_chain(const struct walk *w, struct span name)
{
	const struct ruleset_view *v = w->view;
	size_t i;

	for (i = 0; i < v->n; i++)
		if (span_eq(v->chain[i].name, name) &&
		    span_eq(v->chain[i].table, w->base->table) &&
		    span_eq(v->chain[i].family, w->base->family))
			return &v->chain[i];
	return NULL;
}

static bool walk_chain(struct walk *w, const struct chain *c, int depth);

/*
 * Walk each chain that the rule leads to; true: one of them lets no packet
 * return.
 */
static bool
walk_jumps(struct walk *w, const char *line, int depth)
{
	static const char *const verbs[] = { "jump ", "goto " };
	const struct chain *c;
	const char *p;
	bool ends = false;
	size_t i;

	for (i = 0; i < 2; i++)
		for (p = line; (p = strstr(p, verbs[i])) != NULL;) {
			p += strlen(verbs[i]);
			c = find_chain(w,
			    (struct span) { p, strcspn(p, " ,}") });
			if (c != NULL && walk_chain(w, c, depth + 1))
				ends = true;
		}
	return ends;
}

/*
 * The rule leads to one of several chains, by interface or the like: the best
 * of them counts.
 */
static void
walk_map(struct walk *w, const char *line, int depth)
{
	struct walk before = *w;

	if (line_has(line, "vmap @"))
		w->unknown = true;
	(void)walk_jumps(w, line, depth);
	if (w->heeds && before.culprit_chain == NULL)
		w->culprit_chain = NULL;
}

static void
walk_blame(struct walk *w, const struct chain *c, struct span rule)
{
	w->guards = true;
	if (w->heeds || w->culprit_chain != NULL)
		return;
	w->culprit_chain = c;
	w->culprit = rule;
}

/* True: no packet goes on behind this rule. */
static bool
walk_rule(struct walk *w, const struct chain *c, struct span rule, int depth)
{
	char line[LINE_LEN];

	plain_line(line, rule);
	if (tests_mark(line, w->view->mark) && lets_pass(line))
		w->heeds = true;
	else if (rule_has_word(line, "vmap"))
		walk_map(w, line, depth);
	else if (rule_has_word(line, "jump") || rule_has_word(line, "goto"))
		return walk_jumps(w, line, depth);
	else if (rule_has_word(line, "queue"))
		w->unknown = true;
	else if (rule_has_word(line, "drop") || rule_has_word(line, "reject")) {
		if (is_obstacle(line))
			walk_blame(w, c, rule);
	} else
		return is_for_all(line, "accept");
	return false;
}

static bool
walk_chain(struct walk *w, const struct chain *c, int depth)
{
	struct span rest = c->rules, line;
	char text[LINE_LEN];

	if (hook_is(w->view->config, c->family, c->table, c->name))
		w->heeds = true;
	while (rest.len > 0 && depth < DEPTH_MAX) {
		line = span_cut(rest, '\n', &rest);
		plain_line(text, line);
		if (++w->steps > STEPS_MAX) {
			w->unknown = true;
			return true;
		}
		if (strncmp(text, "type ", 5) == 0)
			continue;
		if (is_for_all(text, "return"))
			return false;
		if (walk_rule(w, c, line, depth))
			return true;
	}
	return false;
}

static void
text_copy(char *dst, size_t size, struct span text)
{
	struct strbuf b = strbuf_of(dst, size);

	while (text.len > 0 && *text.p == '\t')
		text = span_sub(text, 1, text.len - 1);
	strbuf_vis(&b, text);
}

static void
look_at_base(const struct ruleset_view *v, const struct chain *c,
    struct advice_hook *out)
{
	struct walk w = { .view = v, .base = c };
	struct strbuf where;

	if (!walk_chain(&w, c, 0) && c->policy_drop)
		walk_blame(&w, c, (struct span) { "", 0 });
	out->guards |= w.guards;
	if (w.guards && c->early && c->policy_drop)
		out->early = true;
	else if (w.culprit_chain != NULL && !w.unknown && !out->blocked) {
		out->blocked = true;
		out->heeds_mark = w.heeds;
		where = strbuf_of(out->chain, sizeof(out->chain));
		strbuf_vis(&where, w.culprit_chain->family);
		strbuf_str(&where, " ");
		strbuf_vis(&where, w.culprit_chain->table);
		strbuf_str(&where, " ");
		strbuf_vis(&where, w.culprit_chain->name);
		text_copy(out->rule, sizeof(out->rule), w.culprit);
	}
}

/* "type filter hook forward priority -150; policy drop;" */
static void
read_base(struct chain *c, const char *line)
{
	static const char *const hooks[ADVICE_HOOKS] = { "hook forward ",
		"hook input ", "hook output " };
	const char *p;
	size_t i;

	for (i = 0; i < ADVICE_HOOKS; i++)
		if (strncmp(line, "type filter ", 12) == 0 &&
		    line_has(line, hooks[i]))
			c->hook = (enum advice_at)i;
	c->policy_drop = line_has(line, "policy drop");
	p = strstr(line, "priority ");
	c->early = p != NULL &&
	    strtol(p + strlen("priority "), NULL, 10) <= TABLE_PRIORITY;
}

/* The word behind `before` in "\tchain forward {". */
static bool
block_name(struct span line, const char *before, struct span *name)
{
	struct span rest;

	if (!span_has_prefix(line, before))
		return false;
	rest = span_sub(line, strlen(before), line.len - strlen(before));
	*name = span_cut(rest, '{', &rest);
	if (name->len > 0 && name->p[name->len - 1] == ' ')
		name->len--;
	return true;
}

static bool
has_our_packets(struct span family)
{
	return span_eq_str(family, "inet") || span_eq_str(family, "ip") ||
	    span_eq_str(family, "ip6");
}

/* Read the rules of one chain, down to its closing brace. */
static struct span
read_chain(struct chain *c, struct span rest)
{
	struct span line, all = rest;
	char text[LINE_LEN];
	const char *end = rest.p;

	c->hook = ADVICE_HOOKS;
	while (rest.len > 0) {
		line = span_cut(rest, '\n', &rest);
		if (span_eq_str(line, "\t}"))
			break;
		end = line.p + line.len;
		plain_line(text, line);
		if (strncmp(text, "type ", 5) == 0)
			read_base(c, text);
	}
	c->rules = (struct span) { all.p, (size_t)(end - all.p) };
	return rest;
}

static void
read_ruleset(struct ruleset_view *v, struct span rest, const char *own_table,
    bool *offloads)
{
	struct span line, name, family = { "", 0 }, table = { "", 0 };
	char text[LINE_LEN];
	struct chain *c;

	while (rest.len > 0) {
		line = span_cut(rest, '\n', &rest);
		if (block_name(line, "table ", &name))
			family = span_cut(name, ' ', &table);
		if ((span_eq_str(family, "inet") &&
			span_eq_str(table, own_table)) ||
		    !block_name(line, "\tchain ", &name) || v->n == CHAINS_MAX)
			continue;
		c = &v->chain[v->n++];
		c->family = family;
		c->table = table;
		c->name = name;
		rest = read_chain(c, rest);
		for (name = c->rules; name.len > 0;) {
			line = span_cut(name, '\n', &name);
			plain_line(text, line);
			if ((line_has(text, "flow add @") ||
				line_has(text, "flow offload @")) &&
			    !tests_mark(text, v->mark))
				*offloads = true;
		}
	}
}

struct advice
ruleset_advice(struct span ruleset, const struct fw_config *config)
{
	struct ruleset_view v = { NULL, 0, config->mark, config };
	struct advice a;
	size_t i;

	memset(&a, 0, sizeof(a));
	if ((v.chain = calloc(CHAINS_MAX, sizeof(*v.chain))) == NULL)
		return a;
	read_ruleset(&v, ruleset, config->name, &a.offloads);
	for (i = 0; i < v.n; i++)
		if (v.chain[i].hook < ADVICE_HOOKS &&
		    has_our_packets(v.chain[i].family))
			look_at_base(&v, &v.chain[i], &a.at[v.chain[i].hook]);
	free(v.chain);
	return a;
}
