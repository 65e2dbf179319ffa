/* What people write while they search: lines in the kernel's trace, and reads that may fail. */
#include "headers.h"

struct scratch {
	__u64 words[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

__u64 lines;
__s64 last_result;

SEC("xdp")
int debug(struct xdp_md *ctx)
{
	struct eth *eth = start_of(ctx);
	__u32 key = 0, bytes = ctx->data_end - ctx->data;
	struct scratch copy = {}, *scratch = bpf_map_lookup_elem(&scratches, &key);

	if (!scratch || (void *)(eth + 1) > end_of(ctx))
		return XDP_ABORTED;
	scratch->words[bytes & 3] += bytes;
	last_result = bpf_probe_read_kernel(&copy, sizeof(copy), scratch);
	if (copy.words[bytes & 3] % 64 == 0) {
		bpf_printk("type %x, %u bytes", bpf_ntohs(eth->type), bytes);
		lines++;
	}
	return copy.words[1] > copy.words[2] ? XDP_PASS : XDP_DROP;
}
