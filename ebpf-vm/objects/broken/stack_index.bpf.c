/* An index below the start of an array on the stack, and below the stack. */
#include "../headers.h"

SEC("xdp")
int stack_index(struct xdp_md *ctx)
{
	volatile __u32 table[16] = {};
	volatile int at = -130;

	table[at] = ctx->ingress_ifindex;
	return table[3] ? XDP_DROP : XDP_PASS;
}
