/* SPDX-License-Identifier: ISC */
#ifndef FW_PROCESS_H
#define FW_PROCESS_H

#include <stdbool.h>

#include "src/compat/packetq.h"
#include "src/compat/sandbox.h"
#include "src/conf/conf.h"
#include "src/fw/fw.h"

/*
 * The firewall process: holds the packet filter and nothing else.
 *
 *  1. As root: open the backend; sandbox_enter(); IPC_READY to the monitor.
 *  2. IPC_CLIENT brings a client (the engine, a proxy); one of each role.
 *     What a client asks for is checked by policy.h and kept by table.h.
 *  3. A client is gone: what the engine wanted stays until its deadline or
 *     until its successor has spoken; what a proxy wanted closes.
 *  4. IPC_QUIT: with `keep`, leave the packet filter as it is for the
 *     successor; without, remove what is ours.
 *  5. The monitor is gone: carry on.  Only then SIGTERM counts, as IPC_QUIT
 *     without `keep`; so does having neither a client nor a pinhole left.
 */
/*
 * With `inline yes` it also lets go the packets of signalling that the kernel
 * holds: release.h.
 */
struct fwproc_args {
	const struct conf *conf;
	const struct fw_ops *ops;
	const struct sandbox *sandbox;
	int monitor_fd;
	const struct packetq *queue; /* of signalling that waits */
	bool adopt; /* take over what is in the packet filter */
};

/* Returns the exit status of the process. */
int fwproc_main(const struct fwproc_args *args);

#endif
