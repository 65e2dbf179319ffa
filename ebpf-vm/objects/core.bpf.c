/* Accesses that are relocated by type: fields, existence, sizes, enum values. */
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct xdp_md {
	__u32 data;
	__u32 data_end;
	__u32 data_meta;
	__u32 ingress_ifindex;
	__u32 rx_queue_index;
	__u32 egress_ifindex;
};

struct own {
	__u32 first;
	struct {
		__u16 pad;
		__u16 second;
	} inside;
	__u64 array[4];
};

#pragma clang attribute pop

enum xdp_action { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT };

struct {
	__uint(type, 2);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct own);
} state SEC(".maps");

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("xdp")
int core(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct own *own = bpf_map_lookup_elem(&state, &key);

	if (!own)
		return XDP_ABORTED;
	own->first += ctx->data_end - ctx->data;
	own->inside.second = ctx->ingress_ifindex;
	if (bpf_core_field_exists(own->array))
		own->array[2] = bpf_core_field_offset(own->array) + bpf_core_type_size(struct own);
	return bpf_core_enum_value(enum xdp_action, XDP_PASS);
}
