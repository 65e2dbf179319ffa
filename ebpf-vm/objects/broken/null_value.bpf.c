/* Uses what a lookup returned without a test. */
#include "../headers.h"

struct flow {
	__u64 frames;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct flow);
} flows SEC(".maps");

SEC("xdp")
int null_value(struct xdp_md *ctx)
{
	__u32 key = ctx->ingress_ifindex;
	struct flow *flow = bpf_map_lookup_elem(&flows, &key);

	flow->bytes += ctx->data_end - ctx->data;
	return XDP_PASS;
}
