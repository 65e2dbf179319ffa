/* cpu: v1 v2 v3 */
/* A kernel function that may be missing: tested for before it is called. */
#include "common.h"

extern int bpf_xdp_maybe(struct xdp_md *ctx) __attribute__((section(".ksyms"), weak));

SEC("xdp")
int with_or_without(struct xdp_md *ctx)
{
	if (bpf_xdp_maybe)
		return bpf_xdp_maybe(ctx);
	return XDP_PASS;
}
