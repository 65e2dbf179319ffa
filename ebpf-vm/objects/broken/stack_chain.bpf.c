/* Three functions, each with its buffer: together they have more than the stack's 512 bytes. */
#include "../headers.h"

/* Says that the buffer's address is used elsewhere, so that all of it stays on the stack. */
#define keep(buffer) asm volatile("" : : "r"(buffer) : "memory")

static __noinline int third(struct xdp_md *ctx)
{
	__u8 buffer[200];

	keep(buffer);
	buffer[0] = ctx->rx_queue_index;
	keep(buffer);
	return buffer[7];
}

static __noinline int second(struct xdp_md *ctx)
{
	__u8 buffer[200];

	buffer[0] = 1;
	keep(buffer);
	return third(ctx) + buffer[7];
}

SEC("xdp")
int stack_chain(struct xdp_md *ctx)
{
	__u8 buffer[200];

	buffer[0] = 1;
	keep(buffer);
	return second(ctx) + buffer[7] > 5 ? XDP_DROP : XDP_PASS;
}
