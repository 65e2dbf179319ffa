/* Reads behind the end of frames shorter than 66 bytes; sends the others to the next CPU. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} cpus SEC(".maps");

SEC("xdp")
int faulty(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;

	if (data[65] == 0)
		return XDP_DROP;
	return bpf_redirect_map(&cpus, 1, XDP_PASS);
}
