/* Gives bpf_loop() an address in the middle of a function. */
#include "../headers.h"

static long add(__u32 i, __u64 *sum)
{
	*sum += i;
	return 0;
}

SEC("xdp")
int in_the_middle(struct xdp_md *ctx)
{
	__u64 sum = 0;

	bpf_loop(4, (void *)add + 1000, &sum, 0);
	return sum ? XDP_PASS : XDP_DROP;
}
