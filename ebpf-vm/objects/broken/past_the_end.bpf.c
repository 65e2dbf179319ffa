/* Reads the destination port without looking where the frame ends. */
#include "../headers.h"

SEC("xdp")
int past_the_end(struct xdp_md *ctx)
{
	struct eth *eth = start_of(ctx);
	struct ipv4 *ip = (void *)(eth + 1);
	struct udp *udp = (void *)(ip + 1);

	if ((void *)(ip + 1) > end_of(ctx))
		return XDP_PASS;
	return udp->dst == bpf_htons(53) ? XDP_DROP : XDP_PASS;
}
