/* Counts frames by their first bytes in every kind of map that holds values. */
#include "common.h"

struct count {
	__u64 frames;
	__u64 bytes;
};

#define COUNTERS(name, kind, entries)           \
	struct {                                \
		__uint(type, kind);             \
		__uint(max_entries, entries);   \
		__type(key, __u32);             \
		__type(value, struct count);    \
	} name SEC(".maps")

COUNTERS(in_array, BPF_MAP_TYPE_ARRAY, 256);
COUNTERS(in_percpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, 256);
COUNTERS(in_hash, BPF_MAP_TYPE_HASH, 128);
COUNTERS(in_percpu_hash, BPF_MAP_TYPE_PERCPU_HASH, 128);
COUNTERS(in_lru_hash, BPF_MAP_TYPE_LRU_HASH, 128);

static __always_inline void count(void *map, __u32 key, __u64 bytes)
{
	struct count first = { 1, bytes };
	struct count *found = bpf_map_lookup_elem(map, &key);

	if (!found) {
		bpf_map_update_elem(map, &key, &first, BPF_NOEXIST);
		return;
	}
	found->frames++;
	found->bytes += bytes;
}

SEC("xdp")
int counters(struct xdp_md *ctx)
{
	__u8 *data = start_of(ctx);
	__u64 bytes = ctx->data_end - ctx->data;
	__u32 key;

	if ((void *)(data + 14) > end_of(ctx))
		return XDP_DROP;
	key = data[5];
	count(&in_array, key, bytes);
	count(&in_percpu_array, key, bytes);
	count(&in_hash, key, bytes);
	count(&in_percpu_hash, key, bytes);
	count(&in_lru_hash, key, bytes);
	if (data[11] == 0xff)
		bpf_map_delete_elem(&in_hash, &key);
	return XDP_PASS;
}
