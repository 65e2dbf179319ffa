/* Takes a number for a pointer: an address that came in a frame. */
#include "../headers.h"

SEC("xdp")
int no_pointer(struct xdp_md *ctx)
{
	__u64 *data = start_of(ctx), *from;

	if ((void *)(data + 2) > end_of(ctx))
		return XDP_PASS;
	from = (void *)data[1];
	return *from ? XDP_PASS : XDP_DROP;
}
