/* Rewrites a DNS server's address; bpf_csum_diff() says by how much the sums change. */
#include "headers.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __be32);
	__type(value, __be32);
} servers SEC(".maps");

__u32 last_sum;

static __always_inline __u16 close_sum(__u32 sum)
{
	return ~fold(sum);
}

SEC("xdp")
int redirect_dns(struct xdp_md *ctx)
{
	void *end = end_of(ctx);
	struct ipv4 *ip = ipv4_of(ctx);
	struct udp *udp = (void *)(ip + 1);
	__be32 old, *to, new;
	__s64 diff;

	if (!ip || ip->proto != PROTO_UDP || (void *)(udp + 1) > end || udp->dst != bpf_htons(53))
		return XDP_PASS;
	old = ip->dst;
	to = bpf_map_lookup_elem(&servers, &old);
	if (!to)
		return XDP_PASS;
	new = *to;
	ip->dst = new;
	diff = bpf_csum_diff(&old, sizeof(old), &new, sizeof(new), (__u16)~ip->sum);
	if (diff < 0)
		return XDP_ABORTED;
	ip->sum = close_sum(diff);
	if (udp->sum) {
		diff = bpf_csum_diff(&old, sizeof(old), &new, sizeof(new), (__u16)~udp->sum);
		udp->sum = close_sum(diff);
	}
	last_sum = bpf_csum_diff(0, 0, (void *)ip, sizeof(*ip), 0);
	return XDP_TX;
}
