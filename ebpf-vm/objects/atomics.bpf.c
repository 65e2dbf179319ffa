/* cpu: v3 v4 */
/* Atomic operations with and without a result, of both widths. */
#include "common.h"

struct state {
	__u64 sum;
	__u64 bits;
	__u64 last;
	__u64 owner;
	__u32 narrow;
	__u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct state);
} states SEC(".maps");

SEC("xdp")
int atomics(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 bytes = ctx->data_end - ctx->data;
	struct state *state = bpf_map_lookup_elem(&states, &key);
	__u64 before;

	if (!state)
		return XDP_ABORTED;
	__sync_fetch_and_add(&state->narrow, 1);
	before = __sync_fetch_and_add(&state->sum, bytes);
	__sync_fetch_and_or(&state->bits, 1ULL << (bytes & 63));
	before ^= __sync_fetch_and_and(&state->bits, ~2ULL);
	before += __sync_fetch_and_xor(&state->bits, 4ULL);
	before += __sync_lock_test_and_set(&state->last, before);
	if (__sync_val_compare_and_swap(&state->owner, 0, bytes) == 0)
		return XDP_TX;
	return before & 1 ? XDP_PASS : XDP_DROP;
}
