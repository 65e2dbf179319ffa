/* Calls that the verifier of the RFC's tree refuses, too: maps of maps with keys of 8 bytes, and of CPUs. */
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

struct ports {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
};

struct cpus {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u64);
	__array(values, struct ports);
} wide SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, struct cpus);
} of_cpus SEC(".maps");

SEC("xdp")
int keys_of_8_bytes(struct xdp_md *ctx)
{
	return bpf_redirect_map(&wide, 0x10001, 0);
}

SEC("xdp")
int groups_of_cpus(struct xdp_md *ctx)
{
	return bpf_redirect_map(&of_cpus, 0x10001, 0);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
