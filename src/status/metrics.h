/* SPDX-License-Identifier: ISC */
#ifndef STATUS_METRICS_H
#define STATUS_METRICS_H

#include "src/base/histogram.h"
#include "src/base/strbuf.h"
#include "src/status/model.h"

/*
 * What is counted, as Prometheus reads it: the text format 0.0.4, base units,
 * labels that have few values and never one from the network.  Names, types and
 * labels are documented in pinholed-metrics(7).
 */
void metrics_write(const struct model *m, struct strbuf *out);

/*
 * A histogram of the engine, from its counters: "setup_us", "commit_us".  Of
 * zeros if it has not told them.
 */
struct histogram metrics_histogram(const struct model *m, const char *name);

/* A process by its number in ipc.h; NULL: it is not shown. */
const char *metrics_process(uint32_t role);

/* For the tests: the i-th metric's name, or the i-th counter's; NULL: no more.
 */
const char *metrics_name(size_t i);
const char *metrics_counter(size_t i);

#endif
