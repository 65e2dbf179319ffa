/* Counts what is inside of VXLAN, by network identifier and inner ether type. */
#include "headers.h"

struct vxlan {
	__u8 flags;
	__u8 reserved[3];
	__u8 vni[3];
	__u8 last;
} __attribute__((packed));

struct flow {
	__u32 vni;
	__be16 type;
	__u16 unused;
};

struct volume {
	__u64 frames;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 512);
	__type(key, struct flow);
	__type(value, struct volume);
} inside SEC(".maps");

const volatile __u16 vxlan_port = 4789;

static __noinline int count(__u32 vni, __u32 type, __u64 bytes)
{
	struct flow flow = { .vni = vni, .type = type };
	struct volume first = { 1, bytes }, *volume;

	volume = bpf_map_lookup_elem(&inside, &flow);
	if (!volume)
		return bpf_map_update_elem(&inside, &flow, &first, BPF_NOEXIST);
	volume->frames++;
	volume->bytes += bytes;
	return 0;
}

SEC("xdp")
int vxlan(struct xdp_md *ctx)
{
	void *end = end_of(ctx);
	struct ipv4 *ip = ipv4_of(ctx);
	struct udp *udp = (void *)(ip + 1);
	struct vxlan *vxlan = (void *)(udp + 1);
	struct eth *inner = (void *)(vxlan + 1);

	if (!ip || ip->proto != PROTO_UDP || (void *)(inner + 1) > end)
		return XDP_PASS;
	if (udp->dst != bpf_htons(vxlan_port) || !(vxlan->flags & 8))
		return XDP_PASS;
	if (count(vxlan->vni[0] << 16 | vxlan->vni[1] << 8 | vxlan->vni[2], inner->type, end - (void *)inner))
		return XDP_ABORTED;
	return inner->dst[0] & 1 ? XDP_DROP : XDP_PASS;
}
