/* SPDX-License-Identifier: ISC */
#include "src/compat/sandbox.h"

/* In place of the sandbox, for a process that is tested without root. */
void __wrap_sandbox_missing(bool firewall, struct strbuf *out);
enum ph_err __wrap_sandbox_prepare(struct sandbox *out, const char *user,
    bool required, const char *rundir, struct strbuf *why);
enum ph_err __wrap_sandbox_enter(enum sandbox_role role,
    const struct sandbox *s, struct strbuf *why);

void
__wrap_sandbox_missing(bool firewall, struct strbuf *out)
{
	(void)firewall;
	(void)out;
}

enum ph_err
__wrap_sandbox_prepare(struct sandbox *out, const char *user, bool required,
    const char *rundir, struct strbuf *why)
{
	(void)out;
	(void)user;
	(void)required;
	(void)rundir;
	(void)why;
	return PH_OK;
}

enum ph_err
__wrap_sandbox_enter(enum sandbox_role role, const struct sandbox *s,
    struct strbuf *why)
{
	(void)role;
	(void)s;
	(void)why;
	return PH_OK;
}
