/* A loop that waits for what does not come. */
#include "../headers.h"

SEC("xdp")
int endless(struct xdp_md *ctx)
{
	volatile __u32 turns = 1;

	while (turns)
		turns |= 1;
	return XDP_PASS;
}
