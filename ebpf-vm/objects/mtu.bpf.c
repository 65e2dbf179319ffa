/* Frames that a port cannot send are told apart before they go there. */
#include "headers.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __be32);
	__type(value, __u32);
} neighbours SEC(".maps");

__u64 too_long;
__u64 failed;
__u32 last_mtu;

SEC("xdp")
int mtu(struct xdp_md *ctx)
{
	struct ipv4 *ip = ipv4_of(ctx);
	__u32 mtu = 0, *port;
	__be32 to;
	int result;

	if (!ip)
		return XDP_PASS;
	to = ip->dst;
	port = bpf_map_lookup_elem(&neighbours, &to);
	if (!port)
		return XDP_PASS;
	result = bpf_check_mtu(ctx, *port, &mtu, 0, 0);
	last_mtu = mtu;
	if (result == BPF_MTU_CHK_RET_FRAG_NEEDED) {
		too_long++;
		return XDP_DROP;
	}
	if (result) {
		failed++;
		return XDP_ABORTED;
	}
	return bpf_redirect(*port, 0);
}
