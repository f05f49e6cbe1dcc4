/* SPDX-License-Identifier: ISC */
#include "src/base/err.h"

const char *
ph_strerror(enum ph_err e)
{
	switch (e) {
	case PH_OK:
		return "success";
	case PH_EMALFORMED:
		return "malformed";
	case PH_ETRUNC:
		return "truncated";
	case PH_EUNSUPPORTED:
		return "not supported";
	case PH_ELIMIT:
		return "limit reached";
	case PH_ENOMEM:
		return "out of memory";
	case PH_EAMBIGUOUS:
		return "ambiguous";
	case PH_EIO:
		return "input/output error";
	case PH_EAGAIN:
		return "busy";
	case PH_EEXIST:
		return "already exists";
	case PH_EGONE:
		return "gone";
	case PH_EBAD:
		return "bad request";
	case PH_EDENIED:
		return "not permitted";
	}
	return "unknown error";
}
