/* An XDP program beside one of another type, with a map that both use and others may share. */
#include "common.h"
#include <bpf/bpf_core_read.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, __u64);
} marks SEC(".maps");

SEC("tc")
int egress(struct __sk_buff *skb)
{
	__u32 key = skb->ifindex;

	if (!bpf_core_field_exists(skb->mark))
		return 0;
	return bpf_map_lookup_elem(&marks, &key) ? 2 : 0;
}

SEC("xdp")
int ingress(struct xdp_md *ctx)
{
	__u32 key = ctx->ingress_ifindex;
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&marks, &key, &now, BPF_ANY);
	return XDP_PASS;
}
