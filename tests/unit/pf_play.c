/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "tests/unit/pf_play.h"

struct pf_paper pf;

static struct p_sys played;
static const struct fw_config *config;

static uint64_t
mix(uint64_t sum, uint64_t v)
{
	return (sum ^ v) * UINT64_C(0x9e3779b97f4a7c15) + (sum >> 29);
}

static uint64_t
mix_addr(uint64_t sum, const struct addr *a)
{
	size_t i;

	for (i = 0; i < sizeof(a->b); i++)
		sum = mix(sum, a->b[i]);
	return mix(sum, a->af);
}

static uint64_t
mix_side(uint64_t sum, const struct p_side *s)
{
	sum = mix_addr(sum, &s->net.addr);
	return mix(mix(mix(sum, s->net.len), s->lo), s->hi);
}

uint64_t
pf_rule_print(const struct p_rule *r)
{
	uint64_t sum = mix(mix(1, r->action), r->way);

	sum = mix(mix(mix(sum, r->af), r->proto), r->label);
	sum = mix_side(mix_side(sum, &r->src), &r->dst);
	sum = mix(mix_addr(sum, &r->target.addr), r->target.port);
	return mix(sum, r->max_states);
}

static struct set *
set_find(const char *path, enum p_part part)
{
	size_t i;

	for (i = 0; i < pf.nsets; i++)
		if (strcmp(pf.sets[i].path, path) == 0 &&
		    pf.sets[i].part == part)
			return &pf.sets[i];
	return NULL;
}

static void
set_write(struct p_tree *tree, const struct p_node *n, enum p_part part)
{
	struct set *s = set_find(p_node_path(n), part);
	const struct p_rule *v;
	size_t i, len;

	assert_int_equal(p_node_rules(tree, n, part, &v, &len), PH_OK);
	if (s == NULL) {
		assert_true(pf.nsets < SETS);
		s = &pf.sets[pf.nsets++];
		strlcpy(s->path, p_node_path(n), sizeof(s->path));
		s->part = part;
	}
	s->n = len;
	s->sum = 0;
	for (i = 0; i < len; i++) {
		if (v[i].anchor[0] != '\0')
			continue;
		s->sum += pf_rule_print(&v[i]);
		assert_true(i == 0 || p_rule_cmp(&v[i - 1], &v[i]) < 0);
	}
}

static enum ph_err
paper_write(struct p_dev *d, struct p_tree *tree, const struct fw_config *c)
{
	const struct p_node *n;
	int part;

	(void)d;
	assert_ptr_equal(c, config);
	assert_non_null(p_tree_dirty(tree));
	if (++pf.writes == pf.fail_at)
		return PH_ELIMIT;
	for (n = p_tree_dirty(tree); n != NULL; n = p_node_next(tree, n))
		for (part = 0; part < P_NPARTS; part++)
			if (part == (int)p_node_part(n) ||
			    (p_node_is_top(n) && played.dialect == P_FREEBSD))
				set_write(tree, n, (enum p_part)part);
	return PH_OK;
}

static enum ph_err
paper_count(struct p_dev *d, const char *anchor, enum p_part part, size_t *n)
{
	const struct set *s = set_find(anchor, part);

	(void)d;
	*n = s != NULL ? s->n : 0;
	return PH_OK;
}

static enum ph_err
paper_states(struct p_dev *d, void (*found)(void *ctx, const struct p_state *s),
    void *ctx)
{
	static struct p_state v[ROWS(pf.v)];
	size_t i, n = pf.n;

	(void)d;
	if (pf.states_rc != PH_OK)
		return pf.states_rc;
	memcpy(v, pf.v, sizeof(v));
	for (i = 0; i < n; i++)
		found(ctx, &v[i]);
	return PH_OK;
}

static enum ph_err
paper_kill(struct p_dev *d, uint64_t id, uint32_t creator)
{
	size_t i;

	(void)d;
	if (id == UINT64_MAX)
		return PH_OK;
	if (pf.kill_rc != PH_OK)
		return pf.kill_rc;
	for (i = 0; i < pf.n; i++)
		if (pf.v[i].id == id && pf.v[i].creator == creator) {
			pf.v[i] = pf.v[--pf.n];
			pf.kills++;
			break;
		}
	return PH_OK;
}

static enum ph_err
paper_add(struct p_dev *d, const struct p_state *s, bool log)
{
	size_t i;

	(void)d;
	assert_int_equal(log, config->log);
	if (s->id == UINT64_MAX)
		return PH_OK;
	for (i = 0; i < pf.n; i++)
		if (pf.v[i].creator == s->creator && pf.v[i].id == s->id)
			return PH_EEXIST;
	if (pf.no_room_at > 0 && --pf.no_room_at == 0)
		return PH_ELIMIT;
	assert_true(pf.n < STATES);
	pf.v[pf.n++] = *s;
	return PH_OK;
}

struct p_sys
pf_play(enum p_dialect dialect, const struct fw_config *c)
{
	memset(&pf, 0, sizeof(pf));
	config = c;
	played = sys;
	played.dialect = dialect;
	played.write = paper_write;
	played.count = paper_count;
	played.states = paper_states;
	played.kill = paper_kill;
	played.add = paper_add;
	return played;
}
