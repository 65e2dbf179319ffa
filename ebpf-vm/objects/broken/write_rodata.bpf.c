/* Changes a constant. */
#include "../headers.h"

const volatile __u32 limit = 30;

SEC("xdp")
int write_rodata(struct xdp_md *ctx)
{
	if (ctx->data_end - ctx->data > limit)
		*(volatile __u32 *)&limit = 0;
	return XDP_PASS;
}
