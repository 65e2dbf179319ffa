// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Five XDP tracepoints into one ring buffer, for the namespaces in `namespaces` only.
//
// No header is needed to build it. The kernel's types are named as far as they are read, and their offsets
// are corrected when the object is loaded (preserve_access_index), so one object fits all kernels with BTF.

typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define KERNEL __attribute__((preserve_access_index))
#define VALUE(name, type) type *name
#define NUMBER(name, number) int (*name)[number]

enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_RINGBUF = 27 };
enum { BPF_MAP_TYPE_UNSPEC = 0, BPF_MAP_TYPE_DEVMAP = 14, BPF_MAP_TYPE_DEVMAP_HASH = 25 };
enum { NAMESPACES = 256, RING_BYTES = 4 << 20, BY_IFINDEX = 0x7fffffff, NO_WAKEUP = 1 };
enum { XDP_TX = 3, XDP_REDIRECT = 4 };

static void *(*map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static void *(*ringbuf_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*ringbuf_submit)(void *data, u64 flags) = (void *)132;

struct ns_common {
	unsigned int inum;
} KERNEL;

struct net {
	struct ns_common ns;
} KERNEL;

typedef struct {
	struct net *net;
} KERNEL possible_net_t;

struct net_device {
	int ifindex;
	possible_net_t nd_net;
} KERNEL;

struct bpf_prog_aux {
	u32 id;
} KERNEL;

struct bpf_prog {
	struct bpf_prog_aux *aux;
} KERNEL;

// The order of `Tracepoint` in trace/event.rs.
enum tracepoint { REDIRECT, REDIRECT_ERR, EXCEPTION, DEVMAP_XMIT, BULK_TX };

// `RawEvent` in trace/event.rs: fourteen words.
struct event {
	u32 tracepoint;
	u32 netns;
	u32 prog_id;
	u32 act;
	u32 ifindex;
	s32 err;
	u32 to_netns;
	u32 to_ifindex;
	u32 map_type;
	u32 map_id;
	u32 map_index;
	s32 sent;
	s32 drops;
	u32 unused;
};

struct {
	NUMBER(type, BPF_MAP_TYPE_HASH);
	NUMBER(max_entries, NAMESPACES);
	VALUE(key, u32);
	VALUE(value, u32);
} namespaces SEC(".maps");

struct {
	NUMBER(type, BPF_MAP_TYPE_RINGBUF);
	NUMBER(max_entries, RING_BYTES);
} events SEC(".maps");

struct {
	NUMBER(type, BPF_MAP_TYPE_ARRAY);
	NUMBER(max_entries, 1);
	VALUE(key, u32);
	VALUE(value, u64);
} lost SEC(".maps");

// A zeroed event of a device's namespace, or nothing: not ours, or no room.
static __attribute__((always_inline)) struct event *begin(enum tracepoint tracepoint,
							   const struct net_device *dev)
{
	u32 netns = dev->nd_net.net->ns.inum, zero = 0;

	if (!map_lookup_elem(&namespaces, &netns))
		return 0;
	struct event *event = ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		u64 *count = map_lookup_elem(&lost, &zero);
		if (count)
			__sync_fetch_and_add(count, 1);
		return 0;
	}
	*event = (struct event){ .tracepoint = tracepoint, .netns = netns, .ifindex = dev->ifindex };
	return event;
}

// `tgt`, the third argument, points to something that begins with the device; the kernel declares it as
// `const void *`. It is read as bytes, because the verifier of 6.1 refuses to load an argument of that type.
static __attribute__((always_inline)) void target(struct event *event, const u64 *ctx)
{
	struct net_device *dev = 0;
	const void *tgt = 0;
	struct net *net = 0;

	if (probe_read_kernel(&tgt, sizeof(tgt), &ctx[2]) || !tgt)
		return;
	if (probe_read_kernel(&dev, sizeof(dev), tgt))
		return;
	probe_read_kernel(&event->to_ifindex, sizeof(u32), &dev->ifindex);
	if (!probe_read_kernel(&net, sizeof(net), &dev->nd_net.net))
		probe_read_kernel(&event->to_netns, sizeof(u32), &net->ns.inum);
}

// (dev, prog, tgt, err, map_type, map_id, index), printed as the kernel prints them.
static __attribute__((always_inline)) int redirect(enum tracepoint tracepoint, u64 *ctx)
{
	const struct net_device *dev = (void *)ctx[0];
	const struct bpf_prog *prog = (void *)ctx[1];
	struct event *event = begin(tracepoint, dev);

	if (!event)
		return 0;
	event->prog_id = prog->aux->id;
	event->act = XDP_REDIRECT;
	event->err = ctx[3];
	event->map_type = ctx[4];
	event->map_id = ctx[5];
	event->map_index = ctx[6];
	if (event->map_type == BPF_MAP_TYPE_DEVMAP || event->map_type == BPF_MAP_TYPE_DEVMAP_HASH) {
		target(event, ctx);
	} else if (event->map_type == BPF_MAP_TYPE_UNSPEC && event->map_id == BY_IFINDEX) {
		event->to_netns = event->netns;
		event->to_ifindex = event->map_index;
		event->map_index = 0;
	}
	ringbuf_submit(event, NO_WAKEUP);
	return 0;
}

SEC("tp_btf/xdp_redirect") int xdp_redirect(u64 *ctx)
{
	return redirect(REDIRECT, ctx);
}

SEC("tp_btf/xdp_redirect_err") int xdp_redirect_err(u64 *ctx)
{
	return redirect(REDIRECT_ERR, ctx);
}

// (dev, prog, act)
SEC("tp_btf/xdp_exception") int xdp_exception(u64 *ctx)
{
	const struct net_device *dev = (void *)ctx[0];
	const struct bpf_prog *prog = (void *)ctx[1];
	struct event *event = begin(EXCEPTION, dev);

	if (!event)
		return 0;
	event->prog_id = prog->aux->id;
	event->act = ctx[2];
	ringbuf_submit(event, NO_WAKEUP);
	return 0;
}

// (from_dev, to_dev, sent, drops, err)
SEC("tp_btf/xdp_devmap_xmit") int xdp_devmap_xmit(u64 *ctx)
{
	const struct net_device *from = (void *)ctx[0];
	const struct net_device *to = (void *)ctx[1];
	struct event *event = begin(DEVMAP_XMIT, from);

	if (!event)
		return 0;
	event->act = XDP_REDIRECT;
	event->to_netns = to->nd_net.net->ns.inum;
	event->to_ifindex = to->ifindex;
	event->sent = ctx[2];
	event->drops = ctx[3];
	event->err = ctx[4];
	ringbuf_submit(event, NO_WAKEUP);
	return 0;
}

// (dev, sent, drops, err)
SEC("tp_btf/xdp_bulk_tx") int xdp_bulk_tx(u64 *ctx)
{
	const struct net_device *dev = (void *)ctx[0];
	struct event *event = begin(BULK_TX, dev);

	if (!event)
		return 0;
	event->act = XDP_TX;
	event->sent = ctx[1];
	event->drops = ctx[2];
	event->err = ctx[3];
	ringbuf_submit(event, NO_WAKEUP);
	return 0;
}

char gpl_compatible[] SEC("license") = "Dual MIT/GPL";
