/* SPDX-License-Identifier: ISC */
#ifndef TESTS_BSD_BPF_H
#define TESTS_BSD_BPF_H

/* bpf(4): what pcap.h does not have. */
#include <pcap/bpf.h>

enum { BIOCSETWF = 1, BIOCLOCK };

#endif
