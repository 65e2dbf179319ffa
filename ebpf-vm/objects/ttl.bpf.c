/* One hop less, with the checksum changed by as much; frames whose time is over are counted and dropped. */
#include "headers.h"

struct counters {
	__u64 forwarded;
	__u64 expired;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct counters);
} by_version SEC(".maps");

__noinline int count(__u32 version, int expired)
{
	struct counters *counters = bpf_map_lookup_elem(&by_version, &version);

	if (!counters)
		return XDP_ABORTED;
	if (expired) {
		counters->expired++;
		return XDP_DROP;
	}
	counters->forwarded++;
	return XDP_TX;
}

SEC("xdp")
int hop(struct xdp_md *ctx)
{
	void *end = end_of(ctx);
	struct eth *eth = start_of(ctx);
	struct ipv4 *ip = (void *)(eth + 1);
	struct ipv6 *ip6 = (void *)(eth + 1);

	if ((void *)(ip + 1) > end)
		return XDP_PASS;
	if (eth->type == bpf_htons(ETH_IPV4)) {
		if (ip->ttl <= 1)
			return count(0, 1);
		ip->sum = changed(ip->sum, *(__u16 *)&ip->ttl, *(__u16 *)&ip->ttl - 1);
		ip->ttl--;
		return count(0, 0);
	}
	if (eth->type != bpf_htons(ETH_IPV6) || (void *)(ip6 + 1) > end)
		return XDP_PASS;
	if (ip6->hops <= 1)
		return count(1, 1);
	ip6->hops--;
	return count(1, 0);
}
