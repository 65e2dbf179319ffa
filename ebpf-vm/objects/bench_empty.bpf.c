/* For the benchmark: what a run costs by itself. */
#include "common.h"

SEC("xdp")
int empty(struct xdp_md *ctx)
{
	return XDP_PASS;
}
