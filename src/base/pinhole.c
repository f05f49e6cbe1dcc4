/* SPDX-License-Identifier: ISC */
#include "src/base/pinhole.h"

int
pinhole_cmp(const struct pinhole *a, const struct pinhole *b)
{
	int r;

	if (a->proto != b->proto)
		return (int)a->proto - (int)b->proto;
	if (a->dir != b->dir)
		return (int)a->dir - (int)b->dir;
	if (a->once != b->once)
		return (int)a->once - (int)b->once;
	if (a->from_port != b->from_port)
		return (int)a->from_port - (int)b->from_port;
	if (a->to_lo != b->to_lo)
		return (int)a->to_lo - (int)b->to_lo;
	if (a->to_hi != b->to_hi)
		return (int)a->to_hi - (int)b->to_hi;
	if ((r = prefix_cmp(&a->from, &b->from)) != 0)
		return r;
	if ((r = addr_cmp(&a->to, &b->to)) != 0)
		return r;
	if ((r = endpoint_cmp(&a->rdr_from, &b->rdr_from)) != 0)
		return r;
	return endpoint_cmp(&a->nat_to, &b->nat_to);
}
