/* SYNs without answer, by source: who has too many is dropped. */
#include "headers.h"

union address {
	__u8 bytes[16];
	__be32 words[4];
	__u64 halves[2];
};

struct score {
	__u32 syns;
	__u32 acks;
	__u64 dropped;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, union address);
	__type(value, struct score);
} scores SEC(".maps");

const volatile __u32 allowed = 3;

static __always_inline struct tcp *tcp_of(struct xdp_md *ctx, union address *from)
{
	void *end = end_of(ctx);
	struct eth *eth = start_of(ctx);
	struct ipv4 *ip = (void *)(eth + 1);
	struct ipv6 *ip6 = (void *)(eth + 1);
	struct tcp *tcp = 0;

	if ((void *)(ip + 1) > end)
		return 0;
	if (eth->type == bpf_htons(ETH_IPV4) && ip->proto == PROTO_TCP) {
		from->words[3] = ip->src;
		from->words[2] = bpf_htonl(0xffff);
		tcp = (void *)ip + (ip->version_ihl & 15) * 4;
	} else if (eth->type == bpf_htons(ETH_IPV6)) {
		if ((void *)(ip6 + 1) > end || ip6->next != PROTO_TCP)
			return 0;
		__builtin_memcpy(from, ip6->src, 16);
		tcp = (void *)(ip6 + 1);
	}
	return tcp && (void *)(tcp + 1) <= end ? tcp : 0;
}

SEC("xdp")
int syn_flood(struct xdp_md *ctx)
{
	union address from = {};
	struct score first = {}, *score;
	struct tcp *tcp = tcp_of(ctx, &from);

	if (!tcp)
		return XDP_PASS;
	score = bpf_map_lookup_elem(&scores, &from);
	if (!score) {
		bpf_map_update_elem(&scores, &from, &first, BPF_NOEXIST);
		score = bpf_map_lookup_elem(&scores, &from);
		if (!score)
			return XDP_ABORTED;
	}
	if ((tcp->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		__sync_fetch_and_add(&score->syns, 1);
		if (score->syns > allowed + 2 * score->acks) {
			__sync_fetch_and_add(&score->dropped, 1);
			return XDP_DROP;
		}
	} else if (tcp->flags & TCP_ACK) {
		__sync_fetch_and_add(&score->acks, 1);
	}
	return XDP_PASS;
}
