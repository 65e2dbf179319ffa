/* Maps as they were declared before BTF. */
#include "common.h"

struct bpf_map_def {
	__u32 type;
	__u32 key_size;
	__u32 value_size;
	__u32 max_entries;
	__u32 map_flags;
};

struct bpf_map_def SEC("maps") verdicts = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u32),
	.max_entries = 8,
};

struct bpf_map_def SEC("maps") tx = {
	.type = BPF_MAP_TYPE_DEVMAP,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u32),
	.max_entries = 8,
};

SEC("xdp")
int legacy(struct xdp_md *ctx)
{
	__u32 key = ctx->rx_queue_index & 7;
	__u32 *verdict = bpf_map_lookup_elem(&verdicts, &key);

	if (verdict && *verdict != XDP_REDIRECT)
		return *verdict;
	return bpf_redirect_map(&tx, key, 0);
}
