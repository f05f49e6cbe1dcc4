/* SPDX-License-Identifier: ISC */
#ifndef SHARE_TRIAL_H
#define SHARE_TRIAL_H

#include "src/base/err.h"
#include "src/base/strbuf.h"
#include "src/share/secrets.h"
#include "src/share/tls.h"

/*
 * Whether the server lets a box with this configuration in, for pinholed -n:
 * TLS if there is any, the password, and a look at the stream.  What the server
 * says is untrusted, so this runs in a process without privilege.
 */
#define TRIAL_WITHIN 3 /* seconds */

/* Takes `fd`, which may still be connecting.  Else `why` has a clause. */
PH_NODISCARD enum ph_err trial_run(const struct conf_share *c,
    const struct secrets *secrets, struct tls *tls, int fd, struct strbuf *why);

#endif
