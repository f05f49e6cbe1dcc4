/* SPDX-License-Identifier: ISC */
/* Check, before anything is changed, whether pf lets our rules take effect. */
#include "pf/sys.h"

static void
ignore_state(void *ctx, const struct p_state *s)
{
	(void)ctx;
	(void)s;
}

static const char *
part_words(enum p_part part)
{
	return part == P_RDR ? "redirection"
	    : part == P_NAT  ? "translation"
			     : "filter";
}

enum ph_err
p_check(const struct p_sys *sys, const struct fw_config *c, struct strbuf *why)
{
	static const enum p_part parts[] = { P_NAT, P_RDR, P_PASS };
	bool on = true, yes, missing[P_NPARTS] = { false };
	struct p_dev *dev;
	enum ph_err rc;
	size_t i;

	if ((rc = sys->open(&dev, false, why)) != PH_OK)
		return rc;
	if (sys->states(dev, ignore_state, NULL) == PH_EUNSUPPORTED)
		strbuf_str(why,
		    "this kernel does not list its states: no call ends "
		    "because its media is silent\n");
	rc = sys->enabled(dev, &on);
	if (rc == PH_OK && !on)
		strbuf_str(why, "pf is not enabled: pfctl -e\n");
	for (i = 0; i < P_NPARTS; i++) {
		if (parts[i] != P_PASS &&
		    (!c->translate || sys->dialect == P_OPENBSD))
			continue;
		yes = true;
		rc = sys->hooked(dev, c->name, parts[i], &yes);
		missing[parts[i]] =
		    rc == PH_EUNSUPPORTED || (rc == PH_OK && !yes);
		if (rc == PH_EUNSUPPORTED)
			strbuf_fmt(why,
			    "this kernel does not show the %s rules of "
			    "pf.conf; they must call our anchor\n",
			    part_words(parts[i]));
		else if (missing[parts[i]])
			strbuf_fmt(why,
			    "the %s rules of pf.conf do not call our anchor\n",
			    part_words(parts[i]));
	}
	p_divert_check(sys, dev, c, why);
	sys->close(dev);
	if (missing[P_PASS] || missing[P_RDR] || missing[P_NAT]) {
		strbuf_str(why,
		    rc == PH_EUNSUPPORTED
			? "pf.conf needs, before any quick rule:\n"
			: "add to pf.conf, before any quick rule:\n");
		p_hook_print(sys->dialect, c, missing[P_PASS], missing[P_RDR],
		    missing[P_NAT], why);
	}
	return PH_OK;
}
