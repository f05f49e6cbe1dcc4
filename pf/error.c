/* SPDX-License-Identifier: ISC */
#include <errno.h>

#include "pf/sys.h"

enum ph_err
p_error(int error)
{
	switch (error) {
	case 0:
	case EEXIST:
		return PH_OK;
	case EBUSY:
	case EAGAIN:
	case EINTR:
		return PH_EAGAIN;
	case ENOMEM:
	case ENOBUFS:
	case ENOSPC:
		return PH_ELIMIT;
	case EINVAL:
	case E2BIG:
	case EOPNOTSUPP:
		return PH_EBAD;
	/* Answers of pf to unknown calls; EACCES to one who may only read. */
	case ENOTTY:
	case ENODEV:
	case EACCES:
		return PH_EUNSUPPORTED;
	case EPERM:
	case ENXIO:
	case EBADF:
		return PH_EGONE;
	default:
		return PH_EIO;
	}
}
