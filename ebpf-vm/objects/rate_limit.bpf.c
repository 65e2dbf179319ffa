/* A bucket of tokens for each source: time fills it, frames empty it. A lock guards time and tokens. */
#include "headers.h"

struct bucket {
	struct bpf_spin_lock lock;
	__u32 tokens;
	__u64 filled;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __be32);
	__type(value, struct bucket);
} buckets SEC(".maps");

const volatile __u64 ns_per_token = 1000000;
const volatile __u32 burst = 8;
__u64 passed;
__u64 dropped;

static __always_inline int take(struct bucket *bucket, __u64 now)
{
	__u64 fresh;
	int taken = 0;

	bpf_spin_lock(&bucket->lock);
	fresh = (now - bucket->filled) / ns_per_token;
	if (fresh) {
		bucket->tokens = fresh > burst - bucket->tokens ? burst : bucket->tokens + fresh;
		bucket->filled += fresh * ns_per_token;
	}
	if (bucket->tokens) {
		bucket->tokens--;
		taken = 1;
	}
	bpf_spin_unlock(&bucket->lock);
	return taken;
}

SEC("xdp")
int limit(struct xdp_md *ctx)
{
	struct ipv4 *ip = ipv4_of(ctx);
	struct bucket first = {}, *bucket;
	__u64 now = bpf_ktime_get_ns();
	__be32 source;

	if (!ip)
		return XDP_PASS;
	source = ip->src;
	bucket = bpf_map_lookup_elem(&buckets, &source);
	if (!bucket) {
		first.tokens = burst;
		first.filled = now;
		bpf_map_update_elem(&buckets, &source, &first, BPF_NOEXIST);
		bucket = bpf_map_lookup_elem(&buckets, &source);
		if (!bucket)
			return XDP_ABORTED;
	}
	if (!take(bucket, now)) {
		dropped++;
		return XDP_DROP;
	}
	passed++;
	return XDP_PASS;
}
