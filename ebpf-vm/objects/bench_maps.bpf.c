/* For the benchmark: counters for each CPU, an LRU hash of flows, a route by longest prefix, redirect. */
#include "common.h"

struct flow {
	__be32 src;
	__be32 dst;
	__be16 sport;
	__be16 dport;
	__u32 proto;
};

struct seen {
	__u64 packets;
	__u64 bytes;
};

struct prefix {
	__u32 bits;
	__be32 to;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct seen);
} totals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct flow);
	__type(value, struct seen);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u32);
} routes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

static __always_inline void count(__u32 what, __u64 bytes)
{
	struct seen *seen = bpf_map_lookup_elem(&totals, &what);

	if (seen) {
		seen->packets++;
		seen->bytes += bytes;
	}
}

SEC("xdp")
int maps(struct xdp_md *ctx)
{
	void *data = start_of(ctx), *end = end_of(ctx);
	struct eth *eth = data;
	struct ipv4 *ip = data + sizeof(*eth);
	__be16 *port = (void *)(ip + 1);

	count(0, end - data);
	if ((void *)(port + 2) > end || eth->type != bpf_htons(ETH_IPV4) || ip->version_ihl != 0x45)
		return XDP_PASS;
	struct flow flow = {
		.src = ip->src, .dst = ip->dst, .sport = port[0], .dport = port[1], .proto = ip->proto,
	};
	struct seen *seen = bpf_map_lookup_elem(&flows, &flow);
	if (seen) {
		seen->packets++;
		seen->bytes += end - data;
	} else {
		struct seen first = { 1, end - data };
		bpf_map_update_elem(&flows, &flow, &first, BPF_ANY);
	}
	struct prefix prefix = { 32, ip->dst };
	__u32 *to = bpf_map_lookup_elem(&routes, &prefix);
	if (!to)
		return XDP_DROP;
	count(1, end - data);
	return bpf_redirect_map(&ports, *to, 0);
}
