/* Hands out port numbers from a pool, and takes back the last ones: a queue and a stack at work. */
#include "headers.h"

struct grant {
	__u32 owner;
	__u16 port;
	__u16 generation;
};

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 32);
	__type(value, struct grant);
} pool SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 16);
	__type(value, struct grant);
} returned SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct grant);
} owners SEC(".maps");

__u16 next_port = 1024;
__u64 refused;
__u64 overwritten;

static __always_inline int obtain(struct grant *grant)
{
	if (!bpf_map_pop_elem(&returned, grant))
		return 0;
	if (!bpf_map_peek_elem(&pool, grant) && grant->port % 3)
		return bpf_map_pop_elem(&pool, grant);
	grant->port = next_port++;
	grant->generation = 0;
	return bpf_map_push_elem(&pool, grant, BPF_ANY);
}

SEC("xdp")
int grant_ports(struct xdp_md *ctx)
{
	struct ipv4 *ip = ipv4_of(ctx);
	struct grant grant = {}, *found;
	__u32 owner;

	if (!ip)
		return XDP_PASS;
	owner = bpf_ntohl(ip->src) & 63;
	found = bpf_map_lookup_elem(&owners, &owner);
	if (found) {
		grant = *found;
		grant.generation++;
		if (bpf_map_push_elem(&returned, &grant, BPF_ANY)) {
			overwritten++;
			bpf_map_push_elem(&returned, &grant, BPF_EXIST);
		}
		bpf_map_delete_elem(&owners, &owner);
		return XDP_DROP;
	}
	if (obtain(&grant)) {
		refused++;
		return XDP_ABORTED;
	}
	grant.owner = owner;
	bpf_map_update_elem(&owners, &owner, &grant, BPF_ANY);
	return grant.port & 1 ? XDP_TX : XDP_PASS;
}
