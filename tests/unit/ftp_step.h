/* SPDX-License-Identifier: ISC */
#ifndef TEST_FTP_STEP_H
#define TEST_FTP_STEP_H

#include <stddef.h>

#include "ftp/reader.h"

/* Bytes that one side of a control connection sends. */
struct step {
	enum ftp_side side;
	const char *text;
	size_t n;
};

#define C(s)                                                                   \
	{                                                                      \
		FTP_CLIENT, s, sizeof(s) - 1                                   \
	}
#define S(s)                                                                   \
	{                                                                      \
		FTP_SERVER, s, sizeof(s) - 1                                   \
	}

#endif
