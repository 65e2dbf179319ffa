/* Inner maps in static slots: a devmap for each ingress port, a hash for each ether type. */
#include "common.h"

struct group {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
};

struct seen {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
};

struct group left SEC(".maps");
struct group right SEC(".maps");
struct seen seen_ipv4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct group);
} groups SEC(".maps") = {
	.values = { [1] = &left, [2] = &right },
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct seen);
} by_type SEC(".maps") = {
	.values = { [0] = &seen_ipv4 },
};

SEC("xdp")
int maps_of_maps(struct xdp_md *ctx)
{
	struct eth *eth = start_of(ctx);
	__u32 key = 0, port = ctx->ingress_ifindex & 3;
	__u64 one = 1, *count;
	void *inner;

	if ((void *)(eth + 1) > end_of(ctx))
		return XDP_DROP;
	if (eth->type == bpf_htons(ETH_IPV4)) {
		inner = bpf_map_lookup_elem(&by_type, &key);
		if (!inner)
			return XDP_ABORTED;
		key = eth->src[5];
		count = bpf_map_lookup_elem(inner, &key);
		if (count)
			*count += 1;
		else
			bpf_map_update_elem(inner, &key, &one, BPF_ANY);
	}
	inner = bpf_map_lookup_elem(&groups, &port);
	if (!inner)
		return XDP_PASS;
	return bpf_redirect_map(inner, 0, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS);
}
