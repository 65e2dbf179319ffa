/* Frames of several buffers: read and written through helpers, at offsets that the frame itself says. */
#include "headers.h"

__u64 rewritten;
__s64 last_error;

SEC("xdp.frags")
int fragments(struct xdp_md *ctx)
{
	__u32 total = bpf_xdp_get_buff_len(ctx);
	__u8 head[34], tail[8];
	long error;
	int i;

	error = bpf_xdp_load_bytes(ctx, 0, head, sizeof(head));
	if (error) {
		last_error = error;
		return XDP_PASS;
	}
	error = bpf_xdp_load_bytes(ctx, total - sizeof(tail), tail, sizeof(tail));
	if (error)
		return XDP_ABORTED;
	for (i = 0; i < 8; i++)
		tail[i] ^= head[6 + (i & 3)];
	error = bpf_xdp_store_bytes(ctx, total - sizeof(tail), tail, sizeof(tail));
	if (error)
		return XDP_ABORTED;
	rewritten++;
	last_error = bpf_xdp_store_bytes(ctx, total - (head[0] & 15), tail, 4);
	return last_error ? XDP_DROP : XDP_TX;
}
