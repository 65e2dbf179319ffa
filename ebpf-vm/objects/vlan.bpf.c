/* Translates VLAN ids, or takes the tag off where a port is to have untagged frames. */
#include "headers.h"

struct translation {
	__u16 to;
	__u8 untag;
	__u8 priority : 3;
	__u8 keep_priority : 1;
	__u8 unused : 4;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4094);
	__type(key, __u16);
	__type(value, struct translation);
} translations SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} outcomes SEC(".maps");

enum outcome { UNTAGGED, UNKNOWN, DONE };

static __always_inline void note(__u32 outcome)
{
	__u64 *count = bpf_map_lookup_elem(&outcomes, &outcome);

	if (count)
		*count += 1;
}

static __always_inline int take_tag(struct xdp_md *ctx)
{
	struct eth *eth = start_of(ctx);
	__u8 macs[12];

	if ((void *)(eth + 1) > end_of(ctx))
		return XDP_DROP;
	__builtin_memcpy(macs, eth, 12);
	if (bpf_xdp_adjust_head(ctx, sizeof(struct vlan)))
		return XDP_ABORTED;
	eth = start_of(ctx);
	if ((void *)(eth + 1) > end_of(ctx))
		return XDP_DROP;
	__builtin_memcpy(eth, macs, 12);
	return XDP_TX;
}

SEC("xdp")
int translate(struct xdp_md *ctx)
{
	struct eth *eth = start_of(ctx);
	struct vlan *vlan = (void *)(eth + 1);
	struct translation *found;
	__u16 tag, id;

	if ((void *)(vlan + 1) > end_of(ctx) || eth->type != bpf_htons(ETH_VLAN)) {
		note(UNTAGGED);
		return XDP_PASS;
	}
	tag = bpf_ntohs(vlan->tag);
	id = tag & 0xfff;
	found = bpf_map_lookup_elem(&translations, &id);
	if (!found) {
		note(UNKNOWN);
		return XDP_DROP;
	}
	note(DONE);
	if (found->untag & 1)
		return take_tag(ctx);
	if (!found->keep_priority)
		tag = found->priority << 13 | (tag & 0x1fff);
	vlan->tag = bpf_htons((tag & 0xf000) | (found->to & 0xfff));
	return XDP_TX;
}
