/* "Send to every port of group A that is not in group B", as the RFC of April 2020 had it: the sample of its second
 * patch on maps of groups of all four forms. Only a model has that kernel (docs/semantics/multicast.md); there the helper
 * takes a map of maps, and an index of two numbers: the forward group's in the upper 16 bits, the exclude group's in the
 * lower.
 *
 * clang -O2 -g -target bpf -c multicast.bpf.c -o multicast.o && llvm-strip -g multicast.o
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

/* Forward groups 1 to 3 and exclude groups by ifindex. */
#define SLOTS (4 << 16)

struct index_group {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 8);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct bpf_devmap_val));
};

struct hash_group {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 8);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct bpf_devmap_val));
};

#define GROUPS(NAME, OUTER, MAX, INNER)           \
	struct {                                  \
		__uint(type, OUTER);              \
		__uint(max_entries, MAX);         \
		__type(key, __u32);               \
		__array(values, struct INNER);    \
	} NAME SEC(".maps")

GROUPS(groups_aa, BPF_MAP_TYPE_ARRAY_OF_MAPS, SLOTS, index_group);
GROUPS(groups_ha, BPF_MAP_TYPE_HASH_OF_MAPS, 16, index_group);
GROUPS(groups_hh, BPF_MAP_TYPE_HASH_OF_MAPS, 16, hash_group);
GROUPS(groups_ah, BPF_MAP_TYPE_ARRAY_OF_MAPS, SLOTS, hash_group);

struct ethernet {
	__u8 destination[6];
	__u8 source[6];
	__be16 type;
};

/* IPv6 goes to group 3, IPv4 to group 2, all else to group 1. */
static __always_inline __u32 forward_group(struct xdp_md *ctx)
{
	struct ethernet *frame = (void *)(long)ctx->data;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return 1;
	if (frame->type == bpf_htons(ETHERTYPE_IPV6))
		return 3;
	if (frame->type == bpf_htons(ETHERTYPE_IPV4))
		return 2;
	return 1;
}

#define MULTICAST(FORM)                                                           \
	SEC("xdp")                                                                \
	int multicast_##FORM(struct xdp_md *ctx)                                  \
	{                                                                         \
		__u32 index = forward_group(ctx) << 16 | ctx->ingress_ifindex;    \
                                                                                  \
		return bpf_redirect_map(&groups_##FORM, index, XDP_DROP);         \
	}

MULTICAST(aa)
MULTICAST(ha)
MULTICAST(hh)
MULTICAST(ah)

char LICENSE[] SEC("license") = "Dual MIT/GPL";
