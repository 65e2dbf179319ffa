/* Moves the packet's start and writes through the old pointer. */
#include "../headers.h"

SEC("xdp")
int stale_pointer(struct xdp_md *ctx)
{
	struct eth *eth = start_of(ctx);

	if ((void *)(eth + 1) > end_of(ctx))
		return XDP_PASS;
	if (bpf_xdp_adjust_head(ctx, sizeof(struct vlan)))
		return XDP_ABORTED;
	eth->dst[0] = 2;
	return XDP_TX;
}
