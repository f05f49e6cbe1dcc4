/* SPDX-License-Identifier: ISC */
#ifndef TFTP_ALLOW_H
#define TFTP_ALLOW_H

#include "src/conf/conf.h"
#include "tftp/request.h"

/*
 * `allow` and `file` of the tftp block, for the helper and for the proxy:
 * NULL if the request may pass, or why not, for the client's eyes.
 */
const char *tftp_forbidden(const struct conf_tftp *conf,
    const struct tftp_request *r);

#endif
