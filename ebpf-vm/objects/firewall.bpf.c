/* A firewall: prefixes of both IPs that are denied, and ports that are open; verdicts are counted by rule. */
#include "headers.h"

struct prefix4 {
	__u32 len;
	__u8 address[4];
};

struct prefix6 {
	__u32 len;
	__u8 address[16];
};

struct rule {
	__u32 number;
	__u8 deny;
	__u8 unused[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1000);
	__type(key, struct prefix4);
	__type(value, struct rule);
} sources4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1000);
	__type(key, struct prefix6);
	__type(value, struct rule);
} sources6 SEC(".maps");

/* A bit for each port. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} open_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(".maps");

static __noinline int judge(const struct rule *rule)
{
	__u64 one = 1, *hit;
	__u32 number;

	if (!rule)
		return 0;
	number = rule->number;
	hit = bpf_map_lookup_elem(&hits, &number);
	if (hit)
		*hit += 1;
	else
		bpf_map_update_elem(&hits, &number, &one, BPF_NOEXIST);
	return rule->deny & 1;
}

static __always_inline int is_open(__be16 port)
{
	__u32 word = bpf_ntohs(port) / 64;
	__u64 *bits = bpf_map_lookup_elem(&open_ports, &word);

	return bits && *bits >> (bpf_ntohs(port) % 64) & 1;
}

static __always_inline int check_ports(void *at, void *end, __u8 proto)
{
	struct ports *ports = at;

	if (proto != PROTO_TCP && proto != PROTO_UDP)
		return XDP_PASS;
	if ((void *)(ports + 1) > end)
		return XDP_DROP;
	return is_open(ports->dst) ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	void *end = end_of(ctx);
	struct eth *eth = start_of(ctx);
	struct ipv4 *ip = ipv4_of(ctx);
	struct ipv6 *ip6 = (void *)(eth + 1);
	struct prefix6 source6 = { 128, {} };
	struct prefix4 source4 = { 32, {} };

	if (ip) {
		__builtin_memcpy(source4.address, &ip->src, 4);
		if (judge(bpf_map_lookup_elem(&sources4, &source4)))
			return XDP_DROP;
		return check_ports(ip + 1, end, ip->proto);
	}
	if ((void *)(ip6 + 1) > end || eth->type != bpf_htons(ETH_IPV6))
		return XDP_PASS;
	__builtin_memcpy(source6.address, ip6->src, 16);
	if (judge(bpf_map_lookup_elem(&sources6, &source6)))
		return XDP_DROP;
	return check_ports(ip6 + 1, end, ip6->next);
}
