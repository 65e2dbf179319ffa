/* Signed numbers of all widths, out of frames: with v4 loads that extend the sign, divisions and remainders. */
#include "headers.h"

struct reading {
	__s8 tiny;
	__s8 more;
	__s16 small;
	__s32 middle;
	__s64 large;
} __attribute__((packed));

struct sums {
	__s64 total;
	__s64 least;
	__s64 largest;
	__s64 quotients;
	__s64 remainders;
	__u64 swapped;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sums);
} sums SEC(".maps");

#ifdef __BPF_FEATURE_SDIV_SMOD
static __noinline __s64 divide(__s64 a, __s64 b)
{
	return a / b;
}

static __noinline __s32 remain(__s32 a, __s32 b)
{
	return a % b;
}
#else
static __noinline __s64 divide(__s64 a, __s64 b)
{
	__u64 quotient = (__u64)(a < 0 ? -a : a) / (__u64)(b < 0 ? -b : b);

	return (a < 0) == (b < 0) ? quotient : -quotient;
}

static __noinline __s32 remain(__s32 a, __s32 b)
{
	return a - (__s32)divide(a, b) * b;
}
#endif

SEC("xdp")
int readings(struct xdp_md *ctx)
{
	struct eth *eth = start_of(ctx);
	struct reading *reading = (void *)(eth + 1);
	__u32 key = 0;
	struct sums *all = bpf_map_lookup_elem(&sums, &key);
	volatile __s16 kept[4];
	__s64 sum;

	if (!all)
		return XDP_ABORTED;
	if ((void *)(reading + 1) > end_of(ctx))
		return XDP_PASS;
	kept[0] = reading->tiny;
	kept[1] = reading->small;
	kept[2] = reading->middle >> 3;
	kept[3] = reading->large >> 60;
	sum = (__s64)kept[0] + kept[1] * 2 + kept[2] + kept[3] + reading->middle;
	all->total += sum;
	if (sum < all->least)
		all->least = sum;
	if (sum > all->largest)
		all->largest = sum;
	all->quotients += divide(reading->large, reading->tiny);
	all->remainders += remain(reading->middle, reading->small);
	all->swapped ^= __builtin_bswap64(reading->large) + __builtin_bswap32(reading->middle) +
			__builtin_bswap16(reading->small);
	return sum < 0 ? XDP_DROP : reading->more < 0 ? XDP_TX : XDP_PASS;
}
