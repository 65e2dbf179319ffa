/* Follows TCP connections of both IPs through their states; what fits no state is dropped. */
#include "headers.h"

enum state { NONE, SYN_SENT, SYN_RECEIVED, ESTABLISHED, CLOSING, CLOSED };

struct address {
	__u64 halves[2];
};

struct connection {
	struct address low;
	struct address high;
	__be16 low_port;
	__be16 high_port;
	__u32 unused;
};

struct track {
	enum state state;
	__u32 from_low : 1;
	__u32 fins : 2;
	__u32 resets : 5;
	__u32 frames : 24;
	__u64 bytes[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct connection);
	__type(value, struct track);
} connections SEC(".maps");

struct frame {
	struct address src;
	struct address dst;
	struct tcp *tcp;
};

static __always_inline int read_frame(struct xdp_md *ctx, struct frame *frame)
{
	void *end = end_of(ctx);
	struct eth *eth = start_of(ctx);
	struct ipv4 *ip = ipv4_of(ctx);
	struct ipv6 *ip6 = (void *)(eth + 1);

	if (ip) {
		if (ip->proto != PROTO_TCP)
			return -1;
		frame->src.halves[0] = ip->src;
		frame->dst.halves[0] = ip->dst;
		frame->tcp = (void *)(ip + 1);
	} else {
		if ((void *)(ip6 + 1) > end || eth->type != bpf_htons(ETH_IPV6) || ip6->next != PROTO_TCP)
			return -1;
		__builtin_memcpy(&frame->src, ip6->src, 16);
		__builtin_memcpy(&frame->dst, ip6->dst, 16);
		frame->tcp = (void *)(ip6 + 1);
	}
	return (void *)(frame->tcp + 1) > end ? -1 : 0;
}

static __noinline int next_state(enum state state, __u32 flags, __u32 same_way)
{
	if (flags & TCP_RST)
		return CLOSED;
	switch (state) {
	case NONE:
	case CLOSED:
		return (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN ? SYN_SENT : -1;
	case SYN_SENT:
		if (same_way)
			return flags & TCP_SYN ? SYN_SENT : -1;
		return (flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) ? SYN_RECEIVED : -1;
	case SYN_RECEIVED:
		return same_way && flags & TCP_ACK ? ESTABLISHED : SYN_RECEIVED;
	case ESTABLISHED:
		return flags & TCP_FIN ? CLOSING : flags & TCP_SYN ? -1 : ESTABLISHED;
	default:
		return flags & TCP_FIN ? CLOSED : CLOSING;
	}
}

SEC("xdp")
int conntrack(struct xdp_md *ctx)
{
	struct connection connection = {};
	struct track fresh = {}, *track;
	struct frame frame = {};
	int from_low, next;

	if (read_frame(ctx, &frame))
		return XDP_PASS;
	from_low = frame.src.halves[0] < frame.dst.halves[0] ||
		   (frame.src.halves[0] == frame.dst.halves[0] && frame.src.halves[1] <= frame.dst.halves[1]);
	connection.low = from_low ? frame.src : frame.dst;
	connection.high = from_low ? frame.dst : frame.src;
	connection.low_port = from_low ? frame.tcp->src : frame.tcp->dst;
	connection.high_port = from_low ? frame.tcp->dst : frame.tcp->src;
	track = bpf_map_lookup_elem(&connections, &connection);
	if (!track) {
		fresh.from_low = from_low;
		if (bpf_map_update_elem(&connections, &connection, &fresh, BPF_NOEXIST))
			return XDP_ABORTED;
		track = bpf_map_lookup_elem(&connections, &connection);
		if (!track)
			return XDP_ABORTED;
	}
	track->frames++;
	track->bytes[from_low & 1] += ctx->data_end - ctx->data;
	next = next_state(track->state, frame.tcp->flags, track->from_low == from_low);
	if (next < 0)
		return XDP_DROP;
	if (next == CLOSED)
		track->resets += !!(frame.tcp->flags & TCP_RST);
	track->state = next;
	return XDP_PASS;
}
