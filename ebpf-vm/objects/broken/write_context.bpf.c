/* Writes to the context. */
#include "../headers.h"

SEC("xdp")
int write_context(struct xdp_md *ctx)
{
	ctx->rx_queue_index = 3;
	return XDP_PASS;
}
