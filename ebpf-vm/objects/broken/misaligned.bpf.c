/* Counts atomically where no 64-bit word begins. */
#include "../headers.h"

struct counter {
	__u32 kind;
	__u64 frames;
} __attribute__((packed));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct counter);
} counters SEC(".maps");

SEC("xdp")
int misaligned(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct counter *counter = bpf_map_lookup_elem(&counters, &key);

	if (!counter)
		return XDP_ABORTED;
	asm volatile("lock *(u64 *)(%[at] + 4) += %[one]" : : [at] "r"(counter), [one] "r"(1ULL) : "memory");
	return XDP_PASS;
}
