/* A table of connections that ages: every so many frames a walk over the map removes what is old. */
#include "headers.h"

struct pair {
	__be32 src;
	__be32 dst;
};

struct entry {
	__u64 last_frame;
	__u64 frames;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct pair);
	__type(value, struct entry);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} totals SEC(".maps");

const volatile __u64 max_age = 40;
const volatile __u64 every = 16;
__u64 now;
__u64 removed;
__u64 visited;

struct walk {
	__u64 oldest;
	__u32 removed;
	__u32 kept;
};

static long visit(void *map, struct pair *pair, struct entry *entry, struct walk *walk)
{
	if (entry->last_frame + max_age < now) {
		bpf_map_delete_elem(map, pair);
		walk->removed++;
		return 0;
	}
	walk->kept++;
	if (entry->last_frame < walk->oldest)
		walk->oldest = entry->last_frame;
	return 0;
}

static long add_up(void *map, __u32 *key, __u64 *value, __u64 *sum)
{
	*sum += *value;
	return *key == 2;
}

SEC("xdp")
int expiry(struct xdp_md *ctx)
{
	struct ipv4 *ip = ipv4_of(ctx);
	struct entry first = {}, *entry;
	struct walk walk = { ~0ULL, 0, 0 };
	struct pair pair;
	__u32 key = 1;
	__u64 *total, sum = 0;

	now++;
	if (!ip)
		return XDP_PASS;
	pair.src = ip->src;
	pair.dst = ip->dst;
	entry = bpf_map_lookup_elem(&connections, &pair);
	if (entry) {
		entry->last_frame = now;
		entry->frames++;
	} else {
		first.last_frame = now;
		bpf_map_update_elem(&connections, &pair, &first, BPF_ANY);
	}
	total = bpf_map_lookup_elem(&totals, &key);
	if (total)
		*total += 1;
	if (every && now % every == 0) {
		bpf_for_each_map_elem(&connections, visit, &walk, 0);
		removed += walk.removed;
		visited += bpf_for_each_map_elem(&totals, add_up, &sum, 0);
		return walk.kept > 4 ? XDP_TX : sum & 1 ? XDP_DROP : XDP_PASS;
	}
	return XDP_PASS;
}
