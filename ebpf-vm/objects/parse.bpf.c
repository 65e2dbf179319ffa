/* Walks VLAN tags and IPv6 extension headers, and drops one UDP port. */
#include "common.h"

#define MAX_TAGS 4
#define MAX_EXTENSIONS 6

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
};

struct udp {
	__be16 src;
	__be16 dst;
	__be16 len;
	__u16 sum;
};

const volatile __u16 blocked_port = 4789;

static __always_inline int is_blocked(void *at, void *end)
{
	struct udp *udp = at;

	if ((void *)(udp + 1) > end)
		return XDP_ABORTED;
	return bpf_ntohs(udp->dst) == blocked_port ? XDP_DROP : XDP_PASS;
}

static __always_inline int walk_ipv6(void *at, void *end)
{
	struct ipv6 *ip = at;
	__u8 next;
	int i;

	if ((void *)(ip + 1) > end)
		return XDP_ABORTED;
	next = ip->next;
	at = ip + 1;
	for (i = 0; i < MAX_EXTENSIONS; i++) {
		struct extension *extension = at;

		if (next != 0 && next != 43 && next != 60)
			break;
		if ((void *)(extension + 1) > end)
			return XDP_ABORTED;
		next = extension->next;
		at += (extension->len + 1) * 8;
	}
	return next == 17 ? is_blocked(at, end) : XDP_PASS;
}

SEC("xdp")
int parse(struct xdp_md *ctx)
{
	void *end = end_of(ctx);
	struct eth *eth = start_of(ctx);
	void *at = eth + 1;
	struct ipv4 *ip;
	__be16 type;
	int i;

	if (at > end)
		return XDP_ABORTED;
	type = eth->type;
	for (i = 0; i < MAX_TAGS; i++) {
		struct vlan *vlan = at;

		if (type != bpf_htons(ETH_VLAN) && type != bpf_htons(ETH_QINQ))
			break;
		if ((void *)(vlan + 1) > end)
			return XDP_ABORTED;
		type = vlan->type;
		at = vlan + 1;
	}
	if (type == bpf_htons(ETH_IPV6))
		return walk_ipv6(at, end);
	ip = at;
	if (type != bpf_htons(ETH_IPV4))
		return XDP_PASS;
	if ((void *)(ip + 1) > end)
		return XDP_ABORTED;
	return ip->proto == 17 ? is_blocked(at + (ip->version_ihl & 15) * 4, end) : XDP_PASS;
}
