/* Forward to all ports of group A that are not in group B, on a kernel as it is. README.md says how, and its limits.
 *
 * A frame's index names both groups, as the multicast RFC had it: the forward group in the upper 16 bits, the exclude
 * group in the lower. Both are looked up, unshifted, in the map `groups`. Three forms, a program for ports and one for
 * entries each; use both of one form:
 *
 * by_note, by_note_egress  The exclude number travels in front of the frame, as metadata. Native mode.
 * by_mask, by_mask_egress  The same with sets of up to 64 ports as bits. Native mode.
 * by_cpu, by_cpu_egress    The exclude number waits in a variable of the CPU. Generic mode.
 *
 * by_list_egress is another program of entries for by_note: exclude groups are sorted lists of up to 64 ports.
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* build.sh sets these: one object for each pair. */
#ifndef CONTAINER
#define CONTAINER BPF_MAP_TYPE_HASH_OF_MAPS
#define GROUP BPF_MAP_TYPE_DEVMAP_HASH
#define SLOTS 1024
#endif

/* A group, keyed by ifindex; a DEVMAP needs more entries than the highest one. Exclude groups are of the same kind, but
 * their entries need no program. */
struct group {
	__uint(type, GROUP);
	__uint(max_entries, 64);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct bpf_devmap_val));
};

struct {
	__uint(type, CONTAINER);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__array(values, struct group);
} groups SEC(".maps");

/* Who sends what: type 0 stands for all that have no element of their own. */
struct arrival {
	__u32 port;
	__u32 type;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, struct arrival);
	__type(value, __u32);
} index_of SEC(".maps");

/* Exclude numbers as sets of bits, and each port's own bit, by ifindex. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, __u64);
} masks SEC(".maps"), bit_of SEC(".maps");

/* Exclude groups as lists of ifindexes that rise. */
#define LONGEST 64

struct list {
	__u32 length;
	__u32 ports[LONGEST];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct list);
} lists SEC(".maps");

/* The exclude number of the frame that this CPU forwards now. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} exclude_now SEC(".maps");

/* What becomes of copies whose note did not arrive, as in generic mode. Everything passes, as nothing is excluded; with
 * XDP_DROP (1) nothing does, so that nobody uses the wrong form unseen. */
const volatile __u32 without_note = XDP_PASS;

#define MARK 0x47584558

struct note {
	__u32 mark;
	__u32 exclude;
};

/* The forward group, if the frame has an index and there is such a group; the exclude number. */
static __always_inline void *forward_group(struct xdp_md *ctx, __u32 *exclude)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct arrival arrival = { .port = ctx->ingress_ifindex };
	__u32 forward, *index;

	if (data + 14 > end)
		return 0;
	arrival.type = bpf_ntohs(*(__be16 *)(data + 12));
	index = bpf_map_lookup_elem(&index_of, &arrival);
	if (!index) {
		arrival.type = 0;
		index = bpf_map_lookup_elem(&index_of, &arrival);
	}
	if (!index)
		return 0;
	forward = *index & 0xffff0000;
	*exclude = *index & 0xffff;
	return bpf_map_lookup_elem(&groups, &forward);
}

/* Is the port that this copy is to leave by in the exclude group? A group that does not exist excludes nothing. */
static __always_inline int verdict(struct xdp_md *ctx, __u32 exclude)
{
	__u32 port = ctx->egress_ifindex;
	void *group = bpf_map_lookup_elem(&groups, &exclude);

	return group && bpf_map_lookup_elem(group, &port) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int by_note(struct xdp_md *ctx)
{
	__u32 exclude;
	void *group = forward_group(ctx, &exclude);
	struct note *note;

	if (!group)
		return XDP_PASS;
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*note)))
		return XDP_ABORTED;
	note = (void *)(long)ctx->data_meta;
	if ((void *)(note + 1) > (void *)(long)ctx->data)
		return XDP_ABORTED;
	note->mark = MARK;
	note->exclude = exclude;
	return bpf_redirect_map(group, 0, BPF_F_BROADCAST);
}

SEC("xdp/devmap")
int by_note_egress(struct xdp_md *ctx)
{
	struct note *note = (void *)(long)ctx->data_meta;

	if ((void *)(note + 1) > (void *)(long)ctx->data || note->mark != MARK)
		return without_note;
	return verdict(ctx, note->exclude);
}

SEC("xdp/devmap")
int by_list_egress(struct xdp_md *ctx)
{
	struct note *note = (void *)(long)ctx->data_meta;
	__u32 port = ctx->egress_ifindex, below = 0, exclude, step;
	struct list *list;

	if ((void *)(note + 1) > (void *)(long)ctx->data || note->mark != MARK)
		return without_note;
	exclude = note->exclude;
	list = bpf_map_lookup_elem(&lists, &exclude);
	if (!list)
		return XDP_PASS;
	/* How many ports are below this one. */
#pragma unroll
	for (step = LONGEST; step; step >>= 1) {
		__u32 at = below + step - 1;

		if (at < LONGEST && at < list->length && list->ports[at] < port)
			below += step;
	}
	return below < LONGEST && below < list->length && list->ports[below] == port ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int by_mask(struct xdp_md *ctx)
{
	__u32 exclude;
	void *group = forward_group(ctx, &exclude);
	__u64 *mask, *note;

	if (!group)
		return XDP_PASS;
	mask = bpf_map_lookup_elem(&masks, &exclude);
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*note)))
		return XDP_ABORTED;
	note = (void *)(long)ctx->data_meta;
	if ((void *)(note + 1) > (void *)(long)ctx->data)
		return XDP_ABORTED;
	*note = mask ? *mask : 0;
	return bpf_redirect_map(group, 0, BPF_F_BROADCAST);
}

SEC("xdp/devmap")
int by_mask_egress(struct xdp_md *ctx)
{
	__u64 *bit, *note = (void *)(long)ctx->data_meta;
	__u32 port = ctx->egress_ifindex;

	if ((void *)(note + 1) > (void *)(long)ctx->data)
		return without_note;
	bit = bpf_map_lookup_elem(&bit_of, &port);
	return bit && *bit & *note ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int by_cpu(struct xdp_md *ctx)
{
	__u32 exclude, key = 0, *now;
	void *group = forward_group(ctx, &exclude);

	now = bpf_map_lookup_elem(&exclude_now, &key);
	if (!group || !now)
		return XDP_PASS;
	*now = exclude;
	return bpf_redirect_map(group, 0, BPF_F_BROADCAST);
}

SEC("xdp/devmap")
int by_cpu_egress(struct xdp_md *ctx)
{
	__u32 key = 0, *now = bpf_map_lookup_elem(&exclude_now, &key);

	return now ? verdict(ctx, *now) : XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
