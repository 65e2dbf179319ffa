/* Frames that grow and shrink at both ends, and metadata in front of them. */
#include "common.h"

static __always_inline int add_tag(struct xdp_md *ctx, __u16 tag)
{
	struct eth *eth, *old;
	struct vlan *vlan;

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*vlan)))
		return -1;
	eth = start_of(ctx);
	old = start_of(ctx) + sizeof(*vlan);
	vlan = (void *)(eth + 1);
	if ((void *)(old + 1) > end_of(ctx) || (void *)(vlan + 1) > end_of(ctx))
		return -1;
	__builtin_memmove(eth, old, 12);
	eth->type = bpf_htons(ETH_VLAN);
	vlan->tag = bpf_htons(tag);
	return 0;
}

SEC("xdp.frags")
int push_tag(struct xdp_md *ctx)
{
	return add_tag(ctx, 42) ? XDP_DROP : XDP_TX;
}

SEC("xdp/cpumap")
int trim(struct xdp_md *ctx)
{
	int excess = (int)(ctx->data_end - ctx->data) - 64;

	if (excess > 0 && bpf_xdp_adjust_tail(ctx, -excess))
		return XDP_ABORTED;
	return XDP_PASS;
}

SEC("xdp")
int mark(struct xdp_md *ctx)
{
	__u32 *meta;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return XDP_ABORTED;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > start_of(ctx))
		return XDP_ABORTED;
	*meta = ctx->rx_queue_index + 1;
	return XDP_PASS;
}
