/* For the benchmark: SipHash over the first words of a frame, and a second loop over what came out. */
#include "common.h"

#define WORDS 5
#define ROTATE(value, by) ((value) << (by) | (value) >> (64 - (by)))
#define ROUND                                                                                                        \
	do {                                                                                                         \
		v0 += v1; v1 = ROTATE(v1, 13) ^ v0; v0 = ROTATE(v0, 32);                                             \
		v2 += v3; v3 = ROTATE(v3, 16) ^ v2;                                                                  \
		v0 += v3; v3 = ROTATE(v3, 21) ^ v0;                                                                  \
		v2 += v1; v1 = ROTATE(v1, 17) ^ v2; v2 = ROTATE(v2, 32);                                             \
	} while (0)

SEC("xdp")
int alu(struct xdp_md *ctx)
{
	void *data = start_of(ctx), *end = end_of(ctx);
	__u64 v0 = 0x736f6d6570736575, v1 = 0x646f72616e646f6d, v2 = 0x6c7967656e657261, v3 = 0x7465646279746573;
	__u64 *word = data;

#pragma clang loop unroll(disable)
	for (int words = 0; words < WORDS; words++) {
		if ((void *)(word + 1) > end)
			break;
		__u64 m = *word++;
		v3 ^= m;
		ROUND;
		ROUND;
		v0 ^= m;
	}
	v2 ^= 0xff;
	ROUND;
	ROUND;
	ROUND;
	ROUND;
	__u64 hash = v0 ^ v1 ^ v2 ^ v3;
	__u32 bits = 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 16; i++) {
		bits += hash & 1;
		hash = (hash >> 3) * 0x9e3779b1 + i;
	}
	return bits & 1 ? XDP_PASS : XDP_TX;
}
