/* Source NAT: addresses and ports of flows are rewritten, checksums follow. */
#include "headers.h"

struct flow {
	__be32 src;
	__be32 dst;
	struct ports ports;
	__u8 proto;
	__u8 unused[3];
};

struct binding {
	__be32 src;
	__be16 port;
	__u16 unused;
	__u64 frames;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct flow);
	__type(value, struct binding);
} bindings SEC(".maps");

const volatile __be32 public_address = 0x0700000a;
const volatile __u16 first_port = 20000;
__u16 used_ports;

static __always_inline void rewrite_words(__u16 *sum, __be32 from, __be32 to)
{
	*sum = changed(*sum, from, to);
	*sum = changed(*sum, from >> 16, to >> 16);
}

SEC("xdp")
int nat(struct xdp_md *ctx)
{
	void *end = end_of(ctx);
	struct ipv4 *ip = ipv4_of(ctx);
	struct ports *ports = (void *)(ip + 1);
	struct binding fresh = {}, *binding;
	struct flow flow = {};
	__u16 *sum;

	if (!ip || (void *)(ports + 1) > end || ip->frag & bpf_htons(0x1fff))
		return XDP_PASS;
	if (ip->proto == PROTO_TCP)
		sum = (void *)ports + 16;
	else if (ip->proto == PROTO_UDP)
		sum = (void *)ports + 6;
	else
		return XDP_PASS;
	if ((void *)(sum + 1) > end)
		return XDP_DROP;
	flow.src = ip->src;
	flow.dst = ip->dst;
	flow.ports = *ports;
	flow.proto = ip->proto;
	binding = bpf_map_lookup_elem(&bindings, &flow);
	if (!binding) {
		fresh.src = public_address;
		fresh.port = bpf_htons(first_port + used_ports);
		if (bpf_map_update_elem(&bindings, &flow, &fresh, BPF_NOEXIST))
			return XDP_DROP;
		used_ports++;
		binding = bpf_map_lookup_elem(&bindings, &flow);
		if (!binding)
			return XDP_ABORTED;
	}
	binding->frames++;
	rewrite_words(&ip->sum, ip->src, binding->src);
	if (ip->proto == PROTO_TCP || *sum) {
		rewrite_words(sum, ip->src, binding->src);
		*sum = changed(*sum, ports->src, binding->port);
		if (ip->proto == PROTO_UDP && !*sum)
			*sum = 0xffff;
	}
	ip->src = binding->src;
	ports->src = binding->port;
	return XDP_TX;
}
