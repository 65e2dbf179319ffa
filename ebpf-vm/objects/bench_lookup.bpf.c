/* For the benchmark: Ethernet, IPv4, a route by destination, its counter, redirect. */
#include "common.h"

struct route {
	__u32 port;
	__u32 mtu;
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __be32);
	__type(value, struct route);
} routes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

SEC("xdp")
int lookup(struct xdp_md *ctx)
{
	void *data = start_of(ctx), *end = end_of(ctx);
	struct eth *eth = data;
	struct ipv4 *ip = data + sizeof(*eth);

	if ((void *)(ip + 1) > end)
		return XDP_DROP;
	if (eth->type != bpf_htons(ETH_IPV4) || ip->version_ihl != 0x45)
		return XDP_PASS;
	__be32 to = ip->dst;
	struct route *route = bpf_map_lookup_elem(&routes, &to);
	if (!route)
		return XDP_PASS;
	route->packets++;
	route->bytes += end - data;
	return bpf_redirect_map(&ports, route->port, 0);
}
