/* Reads a map as if its name were its memory. */
#include "../headers.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

SEC("xdp")
int read_handle(struct xdp_md *ctx)
{
	__u64 *values = (void *)&table;

	return values[1] ? XDP_PASS : XDP_DROP;
}
