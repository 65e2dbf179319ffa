/* The map's keys have 16 bytes, the one on the stack's end has 4. */
#include "../headers.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__uint(key_size, 16);
	__uint(value_size, 8);
} table SEC(".maps");

SEC("xdp")
int short_key(struct xdp_md *ctx)
{
	__u32 key = ctx->ingress_ifindex;

	return bpf_map_lookup_elem(&table, &key) ? XDP_PASS : XDP_DROP;
}
