/* Variables of all sections. */
#include "common.h"

enum mode { COUNT, SAMPLE };

struct limits {
	__u32 low;
	__u32 high;
};

const volatile enum mode mode = SAMPLE;
const volatile struct limits limits = { 60, 1514 };
const volatile __u8 greeting[8] = "hello";
__u64 seen;
__u64 out_of_limits;
__u32 every = 4;
static volatile __s32 balance = -3;

SEC("xdp")
int globals(struct xdp_md *ctx)
{
	__u32 bytes = ctx->data_end - ctx->data;

	seen++;
	balance++;
	if (bytes < limits.low || bytes > limits.high) {
		out_of_limits++;
		return XDP_DROP;
	}
	if (mode == SAMPLE && every && seen % every == 0)
		return greeting[seen % 8] ? XDP_TX : XDP_DROP;
	return XDP_PASS;
}
