/* Calls itself for each tag: a ninth function is too many. */
#include "../headers.h"

static __noinline __attribute__((optnone)) int depth(struct xdp_md *ctx, __u32 left)
{
	return left ? 1 + depth(ctx, left - 1) : 0;
}

SEC("xdp")
int recursion(struct xdp_md *ctx)
{
	return depth(ctx, ctx->data_end - ctx->data) & 1 ? XDP_DROP : XDP_PASS;
}
