/* One program for each ether type, in slots that the object fills itself. */
#include "common.h"

int drop_arp(struct xdp_md *ctx);
int count_ipv4(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *));
} handlers SEC(".maps") = {
	.values = {
		[1] = (void *)&drop_arp,
		[3] = (void *)&count_ipv4,
	},
};

__u64 ipv4_frames;

SEC("xdp")
int drop_arp(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("xdp")
int count_ipv4(struct xdp_md *ctx)
{
	ipv4_frames++;
	return XDP_PASS;
}

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	struct eth *eth = start_of(ctx);

	if ((void *)(eth + 1) > end_of(ctx))
		return XDP_DROP;
	if (eth->type == bpf_htons(0x0806))
		bpf_tail_call(ctx, &handlers, 1);
	else if (eth->type == bpf_htons(ETH_IPV4))
		bpf_tail_call(ctx, &handlers, 3);
	else
		bpf_tail_call(ctx, &handlers, 2);
	return XDP_TX;
}
