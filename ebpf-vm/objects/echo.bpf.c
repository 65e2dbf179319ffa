/* Answers ICMP echo requests and ARP requests on the spot. */
#include "headers.h"

struct arp {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_len;
	__u8 protocol_len;
	__be16 operation;
	__u8 sender_mac[6];
	__u8 sender[4];
	__u8 target_mac[6];
	__u8 target[4];
} __attribute__((packed));

struct mac {
	__u8 bytes[6];
	__u16 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __be32);
	__type(value, struct mac);
} own_addresses SEC(".maps");

__u64 echoes;
__u64 arp_replies;

static __always_inline int answer_arp(struct eth *eth, void *end)
{
	struct arp *arp = (void *)(eth + 1);
	struct mac *own;
	__be32 target;

	if ((void *)(arp + 1) > end || arp->operation != bpf_htons(1) || arp->protocol != bpf_htons(ETH_IPV4))
		return XDP_PASS;
	__builtin_memcpy(&target, arp->target, 4);
	own = bpf_map_lookup_elem(&own_addresses, &target);
	if (!own)
		return XDP_PASS;
	arp->operation = bpf_htons(2);
	__builtin_memcpy(arp->target, arp->sender, 4);
	__builtin_memcpy(arp->target_mac, arp->sender_mac, 6);
	__builtin_memcpy(arp->sender, &target, 4);
	__builtin_memcpy(arp->sender_mac, own->bytes, 6);
	__builtin_memcpy(eth->dst, eth->src, 6);
	__builtin_memcpy(eth->src, own->bytes, 6);
	arp_replies++;
	return XDP_TX;
}

SEC("xdp")
int echo(struct xdp_md *ctx)
{
	void *end = end_of(ctx);
	struct eth *eth = start_of(ctx);
	struct ipv4 *ip = (void *)(eth + 1);
	struct icmp *icmp = (void *)(ip + 1);
	__be32 address;

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	if (eth->type == bpf_htons(ETH_ARP))
		return answer_arp(eth, end);
	if (eth->type != bpf_htons(ETH_IPV4) || (void *)(icmp + 1) > end)
		return XDP_PASS;
	if (ip->version_ihl != 0x45 || ip->proto != PROTO_ICMP || icmp->type != 8)
		return XDP_PASS;
	icmp->type = 0;
	icmp->sum = changed(icmp->sum, bpf_htons(0x0800), 0);
	address = ip->dst;
	ip->dst = ip->src;
	ip->src = address;
	swap_macs(eth);
	echoes++;
	return XDP_TX;
}
