/* A large switch over protocols, some cases with much in them, and jumps over far distances. */
#include "headers.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 32);
	__type(key, __u32);
	__type(value, __u64);
} classes SEC(".maps");

static __always_inline __u32 class_of_type(__u16 type)
{
	switch (type) {
	case 0x0800: return 1;
	case 0x0806: return 2;
	case 0x0842: return 3;
	case 0x22ea: return 4;
	case 0x22f0: return 5;
	case 0x22f3: return 6;
	case 0x6003: return 7;
	case 0x8035: return 8;
	case 0x809b: return 9;
	case 0x80f3: return 10;
	case 0x8100: return 11;
	case 0x8137: return 12;
	case 0x8204: return 13;
	case 0x86dd: return 14;
	case 0x8808: return 15;
	case 0x8809: return 16;
	case 0x8847: return 17;
	case 0x8848: return 17;
	case 0x8863: return 18;
	case 0x8864: return 18;
	case 0x888e: return 19;
	case 0x88a8: return 11;
	case 0x88cc: return 20;
	case 0x88e5: return 21;
	case 0x88f7: return 22;
	default: return type < 1536 ? 23 : 0;
	}
}

static __always_inline int verdict_of_proto(__u8 proto, __u32 seed)
{
	switch (proto) {
	case 0: return seed & 1 ? XDP_PASS : XDP_DROP;
	case 1: seed ^= seed << 13; return seed & 2 ? XDP_PASS : XDP_TX;
	case 2: seed ^= seed >> 17; return seed % 3 ? XDP_PASS : XDP_TX;
	case 3: return seed % 5 ? XDP_DROP : XDP_TX;
	case 4: return seed % 7 > 3 ? XDP_DROP : XDP_TX;
	case 5: return XDP_DROP;
	case 6: return seed * 2654435761U >> 31 ? XDP_PASS : XDP_TX;
	case 7: return XDP_TX;
	case 8: return -seed & 1 ? XDP_PASS : XDP_TX;
	case 9: return (seed | 4) % 6 ? XDP_PASS : XDP_TX;
	case 17: return seed / 10 % 2 ? XDP_PASS : XDP_TX;
	case 47: return XDP_DROP;
	default: return XDP_PASS;
	}
}

SEC("xdp")
int dispatch(struct xdp_md *ctx)
{
	struct eth *eth = start_of(ctx);
	struct ipv4 *ip = (void *)(eth + 1);
	__u64 *count;
	__u32 class;

	if ((void *)(eth + 1) > end_of(ctx))
		return XDP_DROP;
	class = class_of_type(bpf_ntohs(eth->type));
	count = bpf_map_lookup_elem(&classes, &class);
	if (!count)
		return XDP_ABORTED;
	*count += 1;
#ifdef __BPF_FEATURE_GOTOL
	/* Where a compiler needs more than 32,768 instructions for it, it writes the far jump itself. */
	asm volatile("if %[c] == 1 goto 2f\ngotol 1f\n2: %[c] ^= 0\n1:" : [c] "+r"(class));
#endif
	if (class != 1 || (void *)(ip + 1) > end_of(ctx))
		return XDP_PASS;
	return verdict_of_proto(ip->proto, ip->src ^ ip->dst);
}
