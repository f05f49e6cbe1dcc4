/* SPDX-License-Identifier: ISC */
#include <unistd.h>

#include "src/share/process.h"
#include "src/share/trial.h"

/* WITH_SHARE=OFF */
int (*const share_process)(const struct share_args *args) = NULL;

bool
share_possible(const struct conf_share *c, struct strbuf *why)
{
	strbuf_fmt(why, "%sthis build cannot share calls: it needs hiredis",
	    c->at);
	return false;
}

enum ph_err
trial_run(const struct conf_share *c, const struct secrets *secrets,
    struct tls *tls, int fd, struct strbuf *why)
{
	(void)c;
	(void)secrets;
	(void)tls;
	close(fd);
	strbuf_str(why, "this build cannot share calls");
	return PH_EUNSUPPORTED;
}
