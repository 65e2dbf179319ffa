/* Marks traffic classes: the DSCP of both IPs by destination port; bit fields say what a class does. */
#include "headers.h"

struct class {
	__u8 dscp : 6;
	__u8 ecn_capable : 1;
	__u8 drop : 1;
	__u8 unused;
	__u16 index;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, __be16);
	__type(value, struct class);
} classes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} marked SEC(".maps");

static __always_inline struct class *class_of(void *at, void *end)
{
	struct ports *ports = at;
	__be16 port;

	if ((void *)(ports + 1) > end)
		return 0;
	port = ports->dst;
	return bpf_map_lookup_elem(&classes, &port);
}

static __always_inline __u8 mark(const struct class *class, __u8 old)
{
	__u8 ecn = class->ecn_capable ? old & 3 : 0;
	__u32 dscp = class->dscp;
	__u64 *count = bpf_map_lookup_elem(&marked, &dscp);

	if (count)
		__sync_fetch_and_add(count, 1);
	return dscp << 2 | ecn;
}

SEC("xdp")
int dscp(struct xdp_md *ctx)
{
	void *end = end_of(ctx);
	struct eth *eth = start_of(ctx);
	struct ipv4 *ip = ipv4_of(ctx);
	struct ipv6 *ip6 = (void *)(eth + 1);
	struct class *class;
	__u16 old;
	__u8 bits;

	if (ip) {
		class = class_of(ip + 1, end);
		if (!class || class->drop)
			return class ? XDP_DROP : XDP_PASS;
		old = *(__u16 *)ip;
		ip->tos = mark(class, ip->tos);
		ip->sum = changed(ip->sum, old, *(__u16 *)ip);
		return XDP_TX;
	}
	if ((void *)(ip6 + 1) > end || eth->type != bpf_htons(ETH_IPV6))
		return XDP_PASS;
	class = class_of(ip6 + 1, end);
	if (!class || class->drop)
		return class ? XDP_DROP : XDP_PASS;
	bits = mark(class, bpf_ntohl(ip6->version_class_flow) >> 20);
	ip6->version_class_flow &= bpf_htonl(0xf00fffff);
	ip6->version_class_flow |= bpf_htonl((__u32)bits << 20);
	return XDP_TX;
}
