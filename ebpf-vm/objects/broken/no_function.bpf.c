/* Gives bpf_loop() a number where the function belongs. */
#include "../headers.h"

SEC("xdp")
int no_function(struct xdp_md *ctx)
{
	__u64 sum = 0;

	bpf_loop(4, (void *)0x400000123ULL, &sum, 0);
	return sum ? XDP_PASS : XDP_DROP;
}
