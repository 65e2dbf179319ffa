/* Some frames are told: headers into a ring buffer, or, if they are long, an event for perf. */
#include "headers.h"

struct sample {
	__u32 port;
	__u32 bytes;
	__u8 start[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16384);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} long_frames SEC(".maps");

const volatile __u32 one_in = 16;
__u64 told;
__u64 lost;
__u64 thrown_away;
__u64 ring_bytes;
__s64 last_errno;

static __always_inline void tell(struct xdp_md *ctx, __u32 bytes)
{
	struct sample *sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
	__u32 i;

	if (!sample) {
		lost++;
		return;
	}
	sample->port = ctx->ingress_ifindex;
	sample->bytes = bytes;
	for (i = 0; i < sizeof(sample->start); i++) {
		__u8 *byte = start_of(ctx) + i;

		if ((void *)(byte + 1) > end_of(ctx))
			break;
		sample->start[i] = *byte;
	}
	if (i < 34) {
		bpf_ringbuf_discard(sample, BPF_RB_NO_WAKEUP);
		thrown_away++;
		return;
	}
	bpf_ringbuf_submit(sample, 0);
	told++;
}

SEC("xdp")
int sampling(struct xdp_md *ctx)
{
	__u32 bytes = ctx->data_end - ctx->data;
	struct sample head = {};

	if (one_in > 1 && bpf_get_prandom_u32() % one_in)
		return XDP_PASS;
	if (bytes > 128) {
		head.bytes = bytes;
		last_errno = bpf_perf_event_output(ctx, &long_frames, BPF_F_CURRENT_CPU, &head, 8);
	} else {
		tell(ctx, bytes);
	}
	if (bytes & 1)
		bpf_ringbuf_output(&samples, &bytes, sizeof(bytes), BPF_RB_NO_WAKEUP);
	ring_bytes = bpf_ringbuf_query(&samples, BPF_RB_PROD_POS);
	return XDP_PASS;
}
