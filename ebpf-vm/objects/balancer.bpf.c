/* A load balancer: a flow's hash chooses a slot of a ring, the slot a server; frames go there in IPv4 in IPv4. */
#include "headers.h"

#define SLOTS 251

struct flow {
	__be32 src;
	__be32 dst;
	struct ports ports;
};

struct service {
	__be32 address;
	__be16 port;
	__u16 proto;
};

struct server {
	__be32 address;
	__u8 mac[6];
	__u16 weight;
	__u64 frames;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct service);
	__type(value, __u32);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct server);
} servers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct flow);
	__type(value, __u32);
} sticky SEC(".maps");

const volatile __be32 own_address = 0x0100000a;

static __always_inline struct server *choose(struct flow *flow)
{
	__u32 slot, *at = bpf_map_lookup_elem(&sticky, flow);

	if (!at) {
		slot = hash3(flow->src, flow->dst, flow->ports.src << 16 | flow->ports.dst) % SLOTS;
		at = bpf_map_lookup_elem(&ring, &slot);
		if (!at)
			return 0;
		slot = *at;
		bpf_map_update_elem(&sticky, flow, &slot, BPF_ANY);
		return bpf_map_lookup_elem(&servers, &slot);
	}
	slot = *at;
	return bpf_map_lookup_elem(&servers, &slot);
}

static __always_inline int encapsulate(struct xdp_md *ctx, struct server *server)
{
	struct ipv4 *outer, *inner;
	struct eth *eth, *old;

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*outer)))
		return XDP_ABORTED;
	eth = start_of(ctx);
	outer = (void *)(eth + 1);
	old = (void *)eth + sizeof(*outer);
	inner = (void *)(outer + 1);
	if ((void *)(inner + 1) > end_of(ctx) || (void *)(old + 1) > end_of(ctx))
		return XDP_DROP;
	__builtin_memcpy(eth->src, old->dst, 6);
	__builtin_memcpy(eth->dst, server->mac, 6);
	eth->type = bpf_htons(ETH_IPV4);
	*outer = (struct ipv4){
		.version_ihl = 0x45,
		.tos = inner->tos,
		.len = bpf_htons(bpf_ntohs(inner->len) + sizeof(*outer)),
		.id = inner->id,
		.ttl = 64,
		.proto = PROTO_IPIP,
		.src = own_address,
		.dst = server->address,
	};
	outer->sum = ipv4_sum(outer);
	return XDP_TX;
}

SEC("xdp")
int balance(struct xdp_md *ctx)
{
	struct ipv4 *ip = ipv4_of(ctx);
	struct ports *ports = (void *)(ip + 1);
	struct service service = {};
	struct server *server;
	struct flow flow = {};

	if (!ip || (void *)(ports + 1) > end_of(ctx))
		return XDP_PASS;
	service.address = ip->dst;
	service.port = ports->dst;
	service.proto = ip->proto;
	if (!bpf_map_lookup_elem(&services, &service))
		return XDP_PASS;
	flow.src = ip->src;
	flow.dst = ip->dst;
	flow.ports = *ports;
	server = choose(&flow);
	if (!server)
		return XDP_DROP;
	server->frames++;
	return encapsulate(ctx, server);
}
