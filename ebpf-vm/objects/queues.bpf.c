/* Elements that are pushed and popped, and events for whoever listens. */
#include "common.h"

struct event {
	__u64 time;
	__u32 bytes;
	__u32 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 4);
	__type(value, __u32);
} free_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 4);
	__type(value, __u32);
} last_lengths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} samples SEC(".maps");

SEC("xdp")
int queues(struct xdp_md *ctx)
{
	__u32 bytes = ctx->data_end - ctx->data, port = 0, top = 0;
	struct event *event;

	bpf_map_push_elem(&last_lengths, &bytes, BPF_EXIST);
	if (bpf_map_pop_elem(&free_ports, &port) < 0)
		port = bpf_get_prandom_u32() & 7;
	bpf_map_push_elem(&free_ports, &port, BPF_ANY);
	bpf_map_peek_elem(&last_lengths, &top);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		event->time = bpf_ktime_get_ns();
		event->bytes = top;
		event->port = port;
		bpf_ringbuf_submit(event, 0);
	}
	bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU, &top, sizeof(top));
	return XDP_PASS;
}
