/* SPDX-License-Identifier: ISC */
/*
 * -b pf: this system's own pf.
 */
#include "pf/holes.h"
#include "pf/sys.h"

static enum ph_err
native_open(struct fw **out, const struct fw_config *config, int64_t now,
    struct strbuf *why)
{
	return p_open(out, &p_sys_native, config, now, why);
}

static enum ph_err
native_check(const struct fw_config *config, struct strbuf *why)
{
	return p_check(&p_sys_native, config, why);
}

static void
native_explain(const struct fw_config *config, const struct pinhole *hole,
    struct strbuf *out)
{
	p_explain(hole, p_sys_native.dialect, config, out);
}

const struct fw_ops fw_pf = {
	.name = "pf",
	.caps = FW_CAP_HOLD,
	.open = native_open,
	.check = native_check,
	.add = p_add,
	.remove = p_remove,
	.commit = p_commit,
	.cut = p_cut,
	.settle = p_settle,
	.activity = p_activity,
	.tick = p_tick,
	.original = p_original,
	.table = p_table,
	.explain = native_explain,
	.form = p_form,
	.close = p_close,
};
