/* A learning switch: who is behind which port, by MAC address and VLAN; unknown ones are flooded. */
#include "headers.h"

struct station {
	__u8 mac[6];
	__u16 vlan;
};

struct seat {
	__u32 port;
	__u32 moves;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct station);
	__type(value, struct seat);
} stations SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
} ports SEC(".maps");

static __always_inline void learn(struct station *who, __u32 port)
{
	struct seat fresh = { port, 0 }, *seat = bpf_map_lookup_elem(&stations, who);

	if (!seat) {
		bpf_map_update_elem(&stations, who, &fresh, BPF_NOEXIST);
	} else if (seat->port != port) {
		seat->port = port;
		seat->moves++;
	}
}

SEC("xdp")
int switch_frames(struct xdp_md *ctx)
{
	struct eth *eth = start_of(ctx);
	struct vlan *vlan = (void *)(eth + 1);
	struct station who = {};
	struct seat *seat;

	if ((void *)(eth + 1) > end_of(ctx))
		return XDP_DROP;
	if (eth->src[0] & 1)
		return XDP_DROP;
	if (eth->type == bpf_htons(ETH_VLAN)) {
		if ((void *)(vlan + 1) > end_of(ctx))
			return XDP_DROP;
		who.vlan = bpf_ntohs(vlan->tag) & 0xfff;
	}
	__builtin_memcpy(who.mac, eth->src, 6);
	learn(&who, ctx->ingress_ifindex);
	__builtin_memcpy(who.mac, eth->dst, 6);
	seat = eth->dst[0] & 1 ? 0 : bpf_map_lookup_elem(&stations, &who);
	if (!seat)
		return bpf_redirect_map(&ports, 0, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS);
	if (seat->port == ctx->ingress_ifindex)
		return XDP_DROP;
	return bpf_redirect_map(&ports, seat->port, XDP_PASS);
}
