/* SPDX-License-Identifier: ISC */
#ifndef TESTS_PF_DIRECT_H
#define TESTS_PF_DIRECT_H

#include "pf/sys.h"
#include "src/fw/direct.h"

/* Changes to the one backend that p_open() has made, and its end. */
static const struct fw_ops direct_ops = {
	.add = p_add,
	.remove = p_remove,
	.commit = p_commit,
	.cut = p_cut,
};
static struct direct *direct;

static enum ph_err
commit(struct fw *fw, const struct fw_change *v, size_t n, int64_t now)
{
	if (direct == NULL)
		direct = direct_new(&direct_ops, fw);
	return direct_commit(direct, v, n, now);
}

static void
shut(struct fw *fw, bool keep)
{
	p_close(fw, keep);
	direct_free(direct);
	direct = NULL;
}

#endif
