/* A function makes a tail call while its caller holds 256 bytes and more. */
#include "../headers.h"

int next(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *));
} programs SEC(".maps") = {
	.values = { [0] = (void *)&next },
};

SEC("xdp")
int next(struct xdp_md *ctx)
{
	return XDP_PASS;
}

static __noinline int leave(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &programs, 0);
	return 1;
}

SEC("xdp")
int tail_call_stack(struct xdp_md *ctx)
{
	__u8 buffer[300];

	buffer[0] = ctx->ingress_ifindex;
	/* Its address is used elsewhere, so all of it stays on the stack. */
	asm volatile("" : : "r"(buffer) : "memory");
	return leave(ctx) ? XDP_DROP : buffer[0];
}
