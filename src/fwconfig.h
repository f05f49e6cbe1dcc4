/* SPDX-License-Identifier: ISC */
#ifndef FWCONFIG_H
#define FWCONFIG_H

#include "src/base/err.h"
#include "src/conf/conf.h"
#include "src/fw.h"

/*
 * From a configuration to what a packet filter backend, and whoever listens
 * for it, has to know: in one place, for the engine, the firewall process and
 * the replay must agree.
 */

/* `out` borrows from `conf`; its arrays are for fwconfig_free(). */
PH_NODISCARD enum ph_err fwconfig_of(const struct conf *conf,
    struct fw_config *out);
void fwconfig_free(struct fw_config *c);

/* What `class` pinholes of this proxy line are of. */
uint16_t fwconfig_class(const struct conf *conf, const struct conf_proxy *line);

struct capture_port;

/* The ports worth capturing; the caller frees *out. */
PH_NODISCARD enum ph_err fwconfig_ports(const struct conf *conf,
    struct capture_port **out, size_t *n);

#endif
