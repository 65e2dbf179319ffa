/* Who sends most: a sketch counts all sources in little room, a short list keeps the largest. */
#include "headers.h"

#define ROWS 4
#define COLUMNS 64
#define LARGEST 8

struct sketch {
	__u32 counts[ROWS][COLUMNS];
};

struct hitter {
	__be32 source;
	__u32 frames;
};

struct list {
	struct hitter hitters[LARGEST];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sketch);
} sketches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct list);
} lists SEC(".maps");

static __always_inline __u32 count(struct sketch *sketch, __be32 source)
{
	__u32 least = ~0U;
	int row;

#pragma unroll
	for (row = 0; row < ROWS; row++) {
		__u32 column = hash3(source, row, 0) % COLUMNS;
		__u32 frames = ++sketch->counts[row][column];

		if (frames < least)
			least = frames;
	}
	return least;
}

static __always_inline void keep(struct list *list, __be32 source, __u32 frames)
{
	int i, at = 0;

#pragma unroll
	for (i = 0; i < LARGEST; i++) {
		if (list->hitters[i].source == source) {
			list->hitters[i].frames = frames;
			return;
		}
		if (list->hitters[i].frames < list->hitters[at & (LARGEST - 1)].frames)
			at = i;
	}
	at &= LARGEST - 1;
	if (list->hitters[at].frames < frames) {
		list->hitters[at].source = source;
		list->hitters[at].frames = frames;
	}
}

SEC("xdp")
int heavy_hitters(struct xdp_md *ctx)
{
	struct ipv4 *ip = ipv4_of(ctx);
	struct sketch *sketch;
	struct list *list;
	__u32 key = 0;

	if (!ip)
		return XDP_PASS;
	sketch = bpf_map_lookup_elem(&sketches, &key);
	list = bpf_map_lookup_elem(&lists, &key);
	if (!sketch || !list)
		return XDP_ABORTED;
	keep(list, ip->src, count(sketch, ip->src));
	return XDP_PASS;
}
