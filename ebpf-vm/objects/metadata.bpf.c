/* Hints for whoever gets the frame next, in front of it: flow hash, VLAN, offsets of headers. */
#include "headers.h"

struct hints {
	__u32 hash;
	__u16 vlan;
	__u8 l3_offset;
	__u8 l4_offset;
	__u32 ipv6 : 1;
	__u32 fragment : 1;
	__u32 tagged : 1;
	__u32 proto : 8;
	__u32 length : 21;
};

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct bpf_cpumap_val);
} cpus SEC(".maps");

static __always_inline void find(struct xdp_md *ctx, struct hints *hints)
{
	void *end = end_of(ctx);
	struct eth *eth = start_of(ctx);
	struct vlan *vlan = (void *)(eth + 1);
	void *at = eth + 1;
	struct ipv4 *ip;
	__be16 type;

	if (at > end)
		return;
	type = eth->type;
	if (type == bpf_htons(ETH_VLAN) && (void *)(vlan + 1) <= end) {
		hints->tagged = 1;
		hints->vlan = bpf_ntohs(vlan->tag) & 0xfff;
		type = vlan->type;
		at = vlan + 1;
	}
	hints->l3_offset = at - start_of(ctx);
	if (type == bpf_htons(ETH_IPV6)) {
		hints->ipv6 = 1;
		return;
	}
	ip = at;
	if (type != bpf_htons(ETH_IPV4) || (void *)(ip + 1) > end)
		return;
	hints->fragment = !!(ip->frag & bpf_htons(0x3fff));
	hints->proto = ip->proto;
	hints->l4_offset = hints->l3_offset + (ip->version_ihl & 15) * 4;
	hints->hash = hash3(ip->src, ip->dst, ip->proto);
}

SEC("xdp")
int metadata(struct xdp_md *ctx)
{
	struct hints *to, hints = {};

	hints.length = ctx->data_end - ctx->data;
	find(ctx, &hints);
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(hints)))
		return XDP_ABORTED;
	to = (void *)(long)ctx->data_meta;
	if ((void *)(to + 1) > start_of(ctx))
		return XDP_ABORTED;
	*to = hints;
	return bpf_redirect_map(&cpus, hints.hash & 7, XDP_PASS);
}

/* On the other CPU: the hints decide, and go. */
SEC("xdp/cpumap")
int use(struct xdp_md *ctx)
{
	struct hints *hints = (void *)(long)ctx->data_meta;
	int verdict = XDP_PASS;

	if ((void *)(hints + 1) > start_of(ctx))
		return XDP_PASS;
	if (hints->fragment || hints->l3_offset > 18)
		verdict = XDP_DROP;
	bpf_xdp_adjust_meta(ctx, sizeof(*hints));
	return verdict;
}
