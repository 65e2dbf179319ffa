/* The sample of multicast.bpf.c after the later series (v2 to v20), whose helper takes a map of those who get a copy and a
 * map of those who do not. The program looks both up itself. The helper never had a number of its own in Linux, so it is
 * declared as a kernel function; only a model has it (docs/semantics/multicast.md, MCAST-39).
 *
 * clang -O2 -g -target bpf -c two_maps.bpf.c -o two_maps.o && llvm-strip -g two_maps.o
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

extern long bpf_redirect_map_multi(void *map, void *ex_map, __u64 flags) __ksym;

struct group {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 8);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct bpf_devmap_val));
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, struct group);
} forward SEC(".maps"), exclude SEC(".maps");

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

SEC("xdp")
int multicast(struct xdp_md *ctx)
{
	__u32 group = forward_group(ctx), ingress = ctx->ingress_ifindex;
	void *map = bpf_map_lookup_elem(&forward, &group);
	void *ex_map = bpf_map_lookup_elem(&exclude, &ingress);

	if (!map || !ex_map)
		return XDP_DROP;
	return bpf_redirect_map_multi(map, ex_map, 0);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
