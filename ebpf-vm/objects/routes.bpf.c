/* Longest prefix match on the destination address; the route says where to. */
#include "common.h"

struct prefix {
	__u32 len;
	__be32 address;
};

struct route {
	__u32 port;
	__u8 mac[6];
	__u16 mtu;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct prefix);
	__type(value, struct route);
} routes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

SEC("xdp")
int route(struct xdp_md *ctx)
{
	void *end = end_of(ctx);
	struct eth *eth = start_of(ctx);
	struct ipv4 *ip = (void *)(eth + 1);
	struct prefix prefix = { 32, 0 };
	struct route *found;

	if ((void *)(ip + 1) > end || eth->type != bpf_htons(ETH_IPV4) || ip->ttl < 2)
		return XDP_PASS;
	prefix.address = ip->dst;
	found = bpf_map_lookup_elem(&routes, &prefix);
	if (!found || end - (void *)ip > found->mtu)
		return XDP_PASS;
	__builtin_memcpy(eth->dst, found->mac, 6);
	ip->ttl--;
	ip->sum += ip->sum >= 0xfeff ? 2 : 1;
	return bpf_redirect_map(&ports, found->port, XDP_DROP);
}
