/* SPDX-License-Identifier: ISC */
#ifndef FW_CONFIG_H
#define FW_CONFIG_H

#include <stdbool.h>

#include "src/base/err.h"
#include "src/conf/conf.h"
#include "src/fw/fw.h"

/*
 * The settings of a backend, from a configuration.  This is one place, for the
 * engine, the firewall process and the replay must agree.
 */

/* `out` borrows from `conf`; its arrays are for fwconfig_free(). */
PH_NODISCARD enum ph_err fwconfig_of(const struct conf *conf,
    struct fw_config *out);
void fwconfig_free(struct fw_config *c);

/* The `class` of the pinholes of this proxy line. */
uint16_t fwconfig_class(const struct conf *conf, const struct conf_proxy *line);

#endif
