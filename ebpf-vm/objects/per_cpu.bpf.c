/* Values of each CPU by itself, and a look at another's. */
#include "headers.h"

struct volume {
	__u64 frames;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct volume);
} by_source SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct volume);
} by_queue SEC(".maps");

SEC("xdp")
int per_cpu(struct xdp_md *ctx)
{
	struct ipv4 *ip = ipv4_of(ctx);
	__u64 bytes = ctx->data_end - ctx->data;
	struct volume first = { 1, bytes }, *volume;
	__u32 queue = ctx->rx_queue_index & 7, source;

	volume = bpf_map_lookup_elem(&by_queue, &queue);
	if (!volume)
		return XDP_ABORTED;
	volume->frames++;
	volume->bytes += bytes;
	if (!ip)
		return XDP_PASS;
	source = bpf_ntohl(ip->src) >> 8;
	volume = bpf_map_lookup_elem(&by_source, &source);
	if (volume) {
		volume->frames++;
		volume->bytes += bytes;
	} else {
		bpf_map_update_elem(&by_source, &source, &first, BPF_ANY);
	}
	volume = bpf_map_lookup_percpu_elem(&by_source, &source, bpf_get_smp_processor_id());
	return volume && volume->frames & 1 ? XDP_PASS : XDP_DROP;
}
