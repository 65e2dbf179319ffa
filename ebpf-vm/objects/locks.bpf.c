/* cpu: v3 v4 */
/* A ring of slots without locks: 64-bit compare-and-swap takes a slot, an exchange gives it back. */
#include "headers.h"

#define SLOTS 8

struct slot {
	__u64 owner;
	__u64 frames;
	__u64 best;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

__u64 turn;
__u32 narrow;
__u64 gate;

SEC("xdp")
int locks(struct xdp_md *ctx)
{
	struct eth *eth = start_of(ctx);
	__u64 who, before, best, bytes = ctx->data_end - ctx->data;
	struct slot *slot;
	__u32 key, old;

	if ((void *)(eth + 1) > end_of(ctx))
		return XDP_DROP;
	who = (__u64)eth->src[0] << 8 | eth->src[5] | 1;
	key = __sync_fetch_and_add(&turn, 1) % SLOTS;
	slot = bpf_map_lookup_elem(&slots, &key);
	if (!slot)
		return XDP_ABORTED;
	before = __sync_val_compare_and_swap(&slot->owner, 0, who);
	if (before && before != who) {
		__sync_lock_test_and_set(&slot->owner, who);
		return XDP_DROP;
	}
	best = slot->best;
	if (bytes > best)
		__sync_val_compare_and_swap(&slot->best, best, bytes);
	__sync_fetch_and_add(&slot->frames, 1);
	old = __sync_fetch_and_xor(&narrow, (__u32)bytes);
	__sync_fetch_and_or(&gate, 1ULL << (old & 63));
	if (__sync_fetch_and_and(&gate, ~(1ULL << (bytes & 63))) & 8)
		return XDP_TX;
	if (who & 2)
		__sync_lock_test_and_set(&slot->owner, 0);
	return XDP_PASS;
}
