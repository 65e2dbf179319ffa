/*
 * For the benchmark: VLAN tags, IPv4 or IPv6 with extension headers, DSCP and UDP port rewritten with their
 * checksums, a counter by kind of frame. What it writes does not depend on what it has written before, so that a
 * frame which goes through it again takes the same path.
 */
#include "common.h"

#define MARK (46 << 2)
#define UDP 17

struct ipv6 {
	__be32 version_class_flow;
	__be16 len;
	__u8 next;
	__u8 hops;
	__u8 src[16];
	__u8 dst[16];
};

struct extension {
	__u8 next;
	__u8 len;
	__u8 rest[6];
};

struct udp {
	__be16 src;
	__be16 dst;
	__be16 len;
	__u16 sum;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} kinds SEC(".maps");

static __always_inline __u16 patched(__u16 sum, __u16 before, __u16 after)
{
	__u32 new = (__u16)~sum + (__u16)~before + after;

	new = (new & 0xffff) + (new >> 16);
	return ~((new & 0xffff) + (new >> 16));
}

static __always_inline void count(__u32 kind)
{
	__u64 *packets = bpf_map_lookup_elem(&kinds, &kind);

	if (packets)
		++*packets;
}

static __always_inline int ports(struct udp *udp, void *end)
{
	if ((void *)(udp + 1) > end) {
		count(0);
		return XDP_DROP;
	}
	__be16 before = udp->dst, after = bpf_htons(5000 + (bpf_ntohs(udp->src) & 0xff));

	udp->dst = after;
	if (udp->sum)
		udp->sum = patched(udp->sum, before, after);
	count(1);
	return XDP_TX;
}

SEC("xdp")
int parse(struct xdp_md *ctx)
{
	void *data = start_of(ctx), *end = end_of(ctx);
	struct eth *eth = data;
	void *at = eth + 1;

	if (at > end)
		return XDP_DROP;
	__be16 type = eth->type;

#pragma unroll
	for (int tags = 0; tags < 2; tags++) {
		if (type != bpf_htons(ETH_VLAN) && type != bpf_htons(ETH_QINQ))
			break;
		struct vlan *vlan = at;
		at = vlan + 1;
		if (at > end)
			return XDP_DROP;
		type = vlan->type;
	}
	if (type == bpf_htons(ETH_IPV4)) {
		struct ipv4 *ip = at;

		if ((void *)(ip + 1) > end)
			return XDP_DROP;
		__u32 bytes = (ip->version_ihl & 15) * 4;
		if (bytes < sizeof(*ip) || at + bytes > end)
			return XDP_DROP;
		__u16 before = *(__u16 *)ip;
		ip->tos = MARK | (ip->tos & 3);
		ip->sum = patched(ip->sum, before, *(__u16 *)ip);
		if (ip->proto == UDP)
			return ports(at + bytes, end);
		count(2);
		return XDP_PASS;
	}
	if (type == bpf_htons(ETH_IPV6)) {
		struct ipv6 *ip = at;

		at = ip + 1;
		if (at > end)
			return XDP_DROP;
		ip->version_class_flow =
			(ip->version_class_flow & ~bpf_htonl(0xfc << 20)) | bpf_htonl(MARK << 20);
		__u8 next = ip->next;
#pragma clang loop unroll(disable)
		for (int headers = 0; headers < 6; headers++) {
			if (next == UDP)
				return ports(at, end);
			/* Hop-by-hop options, routing, destination options. */
			if (next != 0 && next != 43 && next != 60)
				break;
			struct extension *extension = at;
			if ((void *)(extension + 1) > end)
				return XDP_DROP;
			next = extension->next;
			at += 8 + extension->len * 8;
		}
		count(3);
		return XDP_PASS;
	}
	count(4);
	return XDP_PASS;
}
