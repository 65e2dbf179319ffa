/* Writes to a map that programs may only read. */
#include "../headers.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} settings SEC(".maps");

SEC("xdp")
int write_read_only(struct xdp_md *ctx)
{
	__u32 key = 1;
	__u64 *setting = bpf_map_lookup_elem(&settings, &key);

	if (setting)
		*setting = ctx->ingress_ifindex;
	return XDP_PASS;
}
