/* Functions that call functions: static and global, each with a stack of its own. */
#include "common.h"

static __noinline __u32 fold(__u32 sum)
{
	return (sum & 0xffff) + (sum >> 16);
}

static __noinline __u32 sum_words(struct xdp_md *ctx, __u32 from, __u32 words)
{
	__u32 sum = 0, i;

	for (i = 0; i < 16; i++) {
		__u8 *data = start_of(ctx);
		__u32 at = from + i * 2;

		if (i >= words || at > 1500 || (void *)(data + at + 2) > end_of(ctx))
			break;
		sum += data[at] << 8 | data[at + 1];
	}
	return fold(fold(sum));
}

__noinline int checksum(struct xdp_md *ctx)
{
	volatile __u32 kept[8] = {};

	kept[3] = sum_words(ctx, 14, 10);
	return kept[3] ^ 0xffff;
}

SEC("xdp")
int subprograms(struct xdp_md *ctx)
{
	return checksum(ctx) ? XDP_PASS : XDP_TX;
}

SEC("xdp")
int second(struct xdp_md *ctx)
{
	return sum_words(ctx, 0, 7) & 1 ? XDP_DROP : checksum(ctx) & 3;
}
