/* Walks IPv6 extension headers with bpf_loop(), reading each through bpf_xdp_load_bytes(). */
#include "headers.h"

struct walk {
	struct xdp_md *ctx;
	__u32 at;
	__u8 next;
	__u8 failed;
	__u8 seen;
	__u8 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} protocols SEC(".maps");

static long step(__u32 i, struct walk *walk)
{
	__u8 header[2];

	if (walk->next != 0 && walk->next != 43 && walk->next != 60)
		return 1;
	if (bpf_xdp_load_bytes(walk->ctx, walk->at, header, sizeof(header))) {
		walk->failed = 1;
		return 1;
	}
	walk->next = header[0];
	walk->at += (header[1] + 1) * 8;
	walk->seen++;
	return 0;
}

SEC("xdp.frags")
int extensions(struct xdp_md *ctx)
{
	struct eth *eth = start_of(ctx);
	struct ipv6 *ip6 = (void *)(eth + 1);
	struct walk walk = { .ctx = ctx };
	__u64 *count;
	__u32 key;

	if ((void *)(ip6 + 1) > end_of(ctx) || eth->type != bpf_htons(ETH_IPV6))
		return XDP_PASS;
	walk.at = sizeof(*eth) + sizeof(*ip6);
	walk.next = ip6->next;
	bpf_loop(12, step, &walk, 0);
	if (walk.failed)
		return XDP_DROP;
	key = walk.next;
	count = bpf_map_lookup_elem(&protocols, &key);
	if (count)
		*count += walk.seen + 1;
	return walk.seen > 3 ? XDP_DROP : XDP_PASS;
}
