/* SPDX-License-Identifier: ISC */
#ifndef SHARE_SECRETS_H
#define SHARE_SECRETS_H

#include <stddef.h>

#include "src/base/strbuf.h"
#include "src/conf/conf.h"
#include "src/share/record.h"

/*
 * The key of the group and the password of the server, read by root.
 */
#define SECRETS_KEY_MIN	 16
#define SECRETS_PASSWORD 512

struct secrets {
	uint8_t key[sizeof(((struct record_group *)NULL)->key)];
	size_t keylen;
	char password[SECRETS_PASSWORD];
	size_t passwordlen;
};

/* On failure `why` has the message, which begins with its place. */
PH_NODISCARD enum ph_err secrets_read(struct secrets *s,
    const struct conf_share *c, struct strbuf *why);
void secrets_wipe(struct secrets *s);

#endif
