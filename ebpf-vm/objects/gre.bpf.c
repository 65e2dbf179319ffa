/* The end of a GRE tunnel: the outer headers go, the inner frame goes on. */
#include "headers.h"

struct gre {
	__be16 flags;
	__be16 proto;
};

#define GRE_SUM 0x8000
#define GRE_KEY 0x2000
#define GRE_SEQ 0x1000

struct tunnel {
	__u64 frames;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __be32);
	__type(value, struct tunnel);
} tunnels SEC(".maps");

SEC("xdp")
int decapsulate(struct xdp_md *ctx)
{
	void *end = end_of(ctx);
	struct ipv4 *outer = ipv4_of(ctx);
	struct gre *gre = (void *)(outer + 1);
	struct tunnel first = {}, *tunnel;
	int bytes = sizeof(*outer) + sizeof(*gre);
	struct eth *eth, kept;
	__be32 from;
	__u16 flags;
	__be16 inner;

	if (!outer || outer->proto != PROTO_GRE || (void *)(gre + 1) > end)
		return XDP_PASS;
	flags = bpf_ntohs(gre->flags);
	if (flags & 7)
		return XDP_DROP;
	inner = gre->proto;
	if (inner != bpf_htons(ETH_IPV4) && inner != bpf_htons(ETH_IPV6))
		return XDP_PASS;
	bytes += flags & GRE_SUM ? 4 : 0;
	bytes += flags & GRE_KEY ? 4 : 0;
	bytes += flags & GRE_SEQ ? 4 : 0;
	from = outer->src;
	tunnel = bpf_map_lookup_elem(&tunnels, &from);
	if (!tunnel) {
		bpf_map_update_elem(&tunnels, &from, &first, BPF_NOEXIST);
		tunnel = bpf_map_lookup_elem(&tunnels, &from);
		if (!tunnel)
			return XDP_ABORTED;
	}
	tunnel->frames++;
	tunnel->bytes += end - (void *)outer;
	__builtin_memcpy(&kept, (void *)outer - sizeof(kept), sizeof(kept));
	if (bpf_xdp_adjust_head(ctx, bytes))
		return XDP_DROP;
	eth = start_of(ctx);
	if ((void *)(eth + 1) > end_of(ctx))
		return XDP_DROP;
	*eth = kept;
	eth->type = inner;
	return XDP_PASS;
}
