/* Calculates with a map's name: what it then passes to a helper is no map. */
#include "../headers.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

SEC("xdp")
int moved_handle(struct xdp_md *ctx)
{
	__u32 key = 1;
	__u64 *value = bpf_map_lookup_elem((void *)&table + 8, &key);

	return value ? XDP_PASS : XDP_DROP;
}
