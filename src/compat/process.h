/* SPDX-License-Identifier: ISC */
#ifndef COMPAT_PROCESS_H
#define COMPAT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* Make setproctitle(3) work; before anything else in main(). */
void process_title_init(int argc, char *argv[]);

/*
 * A number for the network stack we are in (a network namespace, a vnet
 * jail): two of us in different ones do not meet.
 */
uint64_t process_network(void);

/*
 * The number of an interface; 0: there is none of that name.  After the first
 * call it also works in a sandbox that allows no new sockets.
 */
uint32_t process_interface_index(const char *name);

/*
 * Have the calling process run before programs that only compute: above
 * ordinary programs, below the threads of the kernel.  Linux with autogroup
 * shares processors between sessions first, and there the process gets a
 * session of its own with that value.  False with errno.
 */
#define PROCESS_NICE (-15)
bool process_precede(void);

/*
 * Have the calling process run whenever it can, before all ordinary ones: round
 * robin scheduling, if the system has it and allows it.  False with errno.
 */
bool process_realtime(void);

/*
 * No processor may take longer than `us` to wake up, as long as the descriptor
 * that is returned stays open.  0: none sleeps at all.  -1 with errno; ENOTSUP
 * where the system has no such request.
 */
int process_cpu_latency(uint32_t us);

/* Is the interface in it?  The system may list those of others, too. */
bool process_has_interface(const char *name);

#endif
