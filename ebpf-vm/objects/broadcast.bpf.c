/* A copy for every port but the one it came from; each copy gets its egress port's MAC address. */
#include "common.h"

struct mac {
	__u8 bytes[6];
	__u16 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 32);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32);
	__type(key, __u32);
	__type(value, struct mac);
} port_mac SEC(".maps");

SEC("xdp")
int broadcast(struct xdp_md *ctx)
{
	return bpf_redirect_map(&ports, 0, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS);
}

SEC("xdp/devmap")
int source_mac(struct xdp_md *ctx)
{
	struct eth *eth = start_of(ctx);
	__u32 port = ctx->egress_ifindex;
	struct mac *mac;

	if ((void *)(eth + 1) > end_of(ctx))
		return XDP_DROP;
	mac = bpf_map_lookup_elem(&port_mac, &port);
	if (mac)
		__builtin_memcpy(eth->src, mac->bytes, 6);
	return XDP_PASS;
}
