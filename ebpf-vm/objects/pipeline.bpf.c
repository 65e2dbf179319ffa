/* Stages that call one another at their ends; what one finds is kept for the next. */
#include "headers.h"

int stage_vlan(struct xdp_md *ctx);
int stage_ipv4(struct xdp_md *ctx);
int stage_l4(struct xdp_md *ctx);
int stage_again(struct xdp_md *ctx);

enum stage { VLAN, IPV4, L4, AGAIN, MISSING };

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 8);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *));
} stages SEC(".maps") = {
	.values = {
		[VLAN] = (void *)&stage_vlan,
		[IPV4] = (void *)&stage_ipv4,
		[L4] = (void *)&stage_l4,
		[AGAIN] = (void *)&stage_again,
	},
};

struct state {
	__u32 offset;
	__u32 tags;
	__u32 turns;
	__u32 proto;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct state);
} states SEC(".maps");

__u64 reached[5];

static __always_inline struct state *state_of(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&states, &key);
}

static __always_inline int by_type(struct xdp_md *ctx, __be16 type)
{
	if (type == bpf_htons(ETH_VLAN) || type == bpf_htons(ETH_QINQ))
		bpf_tail_call(ctx, &stages, VLAN);
	else if (type == bpf_htons(ETH_IPV4))
		bpf_tail_call(ctx, &stages, IPV4);
	else if (type == bpf_htons(ETH_ARP))
		bpf_tail_call(ctx, &stages, AGAIN);
	bpf_tail_call(ctx, &stages, MISSING);
	reached[MISSING]++;
	return XDP_PASS;
}

SEC("xdp")
int stage_vlan(struct xdp_md *ctx)
{
	struct state *state = state_of();
	struct vlan *vlan;

	reached[VLAN]++;
	if (!state || state->offset > 64)
		return XDP_ABORTED;
	vlan = start_of(ctx) + state->offset;
	if ((void *)(vlan + 1) > end_of(ctx))
		return XDP_DROP;
	state->offset += sizeof(*vlan);
	state->tags++;
	return by_type(ctx, vlan->type);
}

SEC("xdp")
int stage_ipv4(struct xdp_md *ctx)
{
	struct state *state = state_of();
	struct ipv4 *ip;

	reached[IPV4]++;
	if (!state || state->offset > 64)
		return XDP_ABORTED;
	ip = start_of(ctx) + state->offset;
	if ((void *)(ip + 1) > end_of(ctx))
		return XDP_DROP;
	state->offset += (ip->version_ihl & 15) * 4;
	state->proto = ip->proto;
	bpf_tail_call(ctx, &stages, L4);
	return XDP_ABORTED;
}

SEC("xdp")
int stage_l4(struct xdp_md *ctx)
{
	struct state *state = state_of();
	struct ports *ports;

	reached[L4]++;
	if (!state || state->offset > 128)
		return XDP_ABORTED;
	ports = start_of(ctx) + state->offset;
	if ((void *)(ports + 1) > end_of(ctx))
		return XDP_DROP;
	return state->proto == PROTO_UDP && ports->dst == bpf_htons(4789) ? XDP_DROP : XDP_TX;
}

/* Calls itself until there are no more calls. */
SEC("xdp")
int stage_again(struct xdp_md *ctx)
{
	struct state *state = state_of();

	reached[AGAIN]++;
	if (!state)
		return XDP_ABORTED;
	state->turns++;
	bpf_tail_call(ctx, &stages, AGAIN);
	return state->turns & 1 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int pipeline(struct xdp_md *ctx)
{
	struct eth *eth = start_of(ctx);
	struct state *state = state_of();

	if (!state || (void *)(eth + 1) > end_of(ctx))
		return XDP_ABORTED;
	state->offset = sizeof(*eth);
	state->tags = 0;
	return by_type(ctx, eth->type);
}
