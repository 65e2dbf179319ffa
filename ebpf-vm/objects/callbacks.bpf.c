/* Functions that helpers call: a loop, and a walk over a map. */
#include "common.h"

struct sum {
	__u64 total;
	__u32 odd;
	__u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

static long add_index(__u32 i, struct sum *sum)
{
	sum->total += i;
	return i == 20;
}

static long add_value(void *map, __u32 *key, __u64 *value, struct sum *sum)
{
	sum->total += *value;
	sum->odd += *key & 1;
	return 0;
}

SEC("xdp")
int callbacks(struct xdp_md *ctx)
{
	struct sum sum = {};
	__u32 key = 3;
	__u64 value = ctx->data_end - ctx->data;

	bpf_map_update_elem(&table, &key, &value, BPF_ANY);
	bpf_loop(100, add_index, &sum, 0);
	bpf_for_each_map_elem(&table, add_value, &sum, 0);
	return sum.total == 210 + value && sum.odd == 4 ? XDP_PASS : XDP_ABORTED;
}
