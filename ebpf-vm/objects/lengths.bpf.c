/* Frames get the length that they should have: Ethernet's padding goes, or the least length is filled up. */
#include "headers.h"

__u64 trimmed;
__u64 padded;
__u64 odd;

static __always_inline __s64 length(struct xdp_md *ctx)
{
	return end_of(ctx) - start_of(ctx);
}

SEC("xdp")
int trim(struct xdp_md *ctx)
{
	struct ipv4 *ip = ipv4_of(ctx);
	__s64 excess;

	if (!ip)
		return XDP_PASS;
	excess = end_of(ctx) - (void *)ip;
	excess -= bpf_ntohs(ip->len);
	if (excess < 0) {
		odd++;
		return XDP_DROP;
	}
	if (!excess)
		return XDP_PASS;
	if (bpf_xdp_adjust_tail(ctx, -excess))
		return XDP_ABORTED;
	trimmed++;
	return XDP_PASS;
}

SEC("xdp")
int pad(struct xdp_md *ctx)
{
	__u32 before = length(ctx), i;
	__u8 *data;

	if (before >= 60)
		return XDP_PASS;
	if (bpf_xdp_adjust_tail(ctx, 60 - before))
		return XDP_ABORTED;
	data = start_of(ctx);
	if ((void *)(data + 60) > end_of(ctx))
		return XDP_ABORTED;
	for (i = 14; i < 60; i++)
		if (i >= before)
			data[i] = 0;
	padded++;
	return XDP_TX;
}
