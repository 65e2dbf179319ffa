/* A table of its own for each tenant: a map in a map by VLAN, filled from outside or by the object. */
#include "headers.h"

struct policy {
	__u32 verdict;
	__u32 quota;
	__u64 frames;
};

struct table {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct policy);
};

struct table red SEC(".maps");
struct table blue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, struct table);
} tenants SEC(".maps") = {
	.values = { [5] = &red, [6] = &blue },
};

SEC("xdp")
int tenant(struct xdp_md *ctx)
{
	struct eth *eth = start_of(ctx);
	struct vlan *vlan = (void *)(eth + 1);
	struct policy *policy;
	__u32 id = 0, class;
	void *table;

	if ((void *)(eth + 1) > end_of(ctx))
		return XDP_DROP;
	if (eth->type == bpf_htons(ETH_VLAN) || eth->type == bpf_htons(ETH_QINQ)) {
		if ((void *)(vlan + 1) > end_of(ctx))
			return XDP_DROP;
		id = bpf_ntohs(vlan->tag) & 7;
	}
	table = bpf_map_lookup_elem(&tenants, &id);
	if (!table)
		return XDP_PASS;
	class = eth->src[0] & 15;
	policy = bpf_map_lookup_elem(table, &class);
	if (!policy)
		return XDP_ABORTED;
	if (++policy->frames > policy->quota + 20)
		return XDP_DROP;
	return policy->verdict & 1 ? XDP_TX : XDP_PASS;
}
