/* A router that asks the kernel's tables: next hop, MAC addresses and port come from bpf_fib_lookup(). */
#include "headers.h"

#define AF_INET 2
#define AF_INET6 10

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} out_ports SEC(".maps");

/* What the lookup said, by its return value. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} answers SEC(".maps");

static __always_inline void note(__u32 answer)
{
	__u64 *count = bpf_map_lookup_elem(&answers, &answer);

	if (count)
		*count += 1;
}

SEC("xdp")
int forward(struct xdp_md *ctx)
{
	void *end = end_of(ctx);
	struct eth *eth = start_of(ctx);
	struct ipv4 *ip = (void *)(eth + 1);
	struct ipv6 *ip6 = (void *)(eth + 1);
	struct bpf_fib_lookup fib = {};
	long answer;

	if ((void *)(ip + 1) > end)
		return XDP_PASS;
	if (eth->type == bpf_htons(ETH_IPV4)) {
		if (ip->ttl <= 1)
			return XDP_PASS;
		fib.family = AF_INET;
		fib.tos = ip->tos;
		fib.l4_protocol = ip->proto;
		fib.tot_len = bpf_ntohs(ip->len);
		fib.ipv4_src = ip->src;
		fib.ipv4_dst = ip->dst;
	} else if (eth->type == bpf_htons(ETH_IPV6)) {
		if ((void *)(ip6 + 1) > end || ip6->hops <= 1)
			return XDP_PASS;
		fib.family = AF_INET6;
		fib.flowinfo = ip6->version_class_flow & bpf_htonl(0x0fffffff);
		fib.l4_protocol = ip6->next;
		fib.tot_len = bpf_ntohs(ip6->len);
		__builtin_memcpy(fib.ipv6_src, ip6->src, 16);
		__builtin_memcpy(fib.ipv6_dst, ip6->dst, 16);
	} else {
		return XDP_PASS;
	}
	fib.ifindex = ctx->ingress_ifindex;
	answer = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
	note(answer);
	if (answer != BPF_FIB_LKUP_RET_SUCCESS)
		return answer == BPF_FIB_LKUP_RET_BLACKHOLE ? XDP_DROP : XDP_PASS;
	if (eth->type == bpf_htons(ETH_IPV4)) {
		ip->ttl--;
		ip->sum += ip->sum >= 0xfeff ? 2 : 1;
	} else {
		ip6->hops--;
	}
	__builtin_memcpy(eth->dst, fib.dmac, 6);
	__builtin_memcpy(eth->src, fib.smac, 6);
	return bpf_redirect_map(&out_ports, fib.ifindex, 0);
}
