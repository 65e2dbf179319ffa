/* Frames for a user's own stack go to AF_XDP sockets, the rest is spread over CPUs by flow. */
#include "headers.h"

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u32);
} cpus SEC(".maps");

const volatile __u16 port_low = 4000;
const volatile __u16 port_high = 4999;
const volatile __u32 cpu_count = 4;
__u64 steered;

SEC("xdp")
int steer(struct xdp_md *ctx)
{
	struct ipv4 *ip = ipv4_of(ctx);
	struct udp *udp = (void *)(ip + 1);
	__u32 queue = ctx->rx_queue_index;
	__u16 port;

	if (!ip)
		return XDP_PASS;
	if (ip->proto == PROTO_UDP && (void *)(udp + 1) <= end_of(ctx)) {
		port = bpf_ntohs(udp->dst);
		if (port >= port_low && port <= port_high) {
			steered++;
			if (bpf_map_lookup_elem(&sockets, &queue))
				return bpf_redirect_map(&sockets, queue, XDP_DROP);
			return bpf_redirect_map(&sockets, queue, XDP_DROP);
		}
	}
	return bpf_redirect_map(&cpus, hash3(ip->src, ip->dst, 0) % cpu_count, XDP_PASS);
}

SEC("xdp/cpumap")
int arrived(struct xdp_md *ctx)
{
	return ipv4_of(ctx) ? XDP_PASS : XDP_DROP;
}
