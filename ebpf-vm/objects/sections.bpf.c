/* Variables in sections with names of their own, tables, strings and pointers between functions. */
#include "headers.h"

const __u16 well_known[8] SEC(".rodata.ports") = { 22, 53, 80, 123, 443, 853, 4789, 8080 };
__u64 seen_ports[8] SEC(".data.seen") = { 1, 2, 3 };
__u32 largest SEC(".bss.largest");
static const char names[4][8] = { "drop", "pass", "tx", "other" };
static __u32 letters[32];

static __noinline void spell(__u32 name)
{
	int i;

	for (i = 0; i < 8; i++) {
		__u8 letter = names[name & 3][i];

		letters[letter & 31]++;
	}
}

SEC("xdp")
int sections(struct xdp_md *ctx)
{
	struct ipv4 *ip = ipv4_of(ctx);
	struct ports *ports = (void *)(ip + 1);
	__u32 bytes = ctx->data_end - ctx->data;
	__u16 port;
	int i;

	if (bytes > largest)
		largest = bytes;
	if (!ip || (void *)(ports + 1) > end_of(ctx)) {
		spell(3);
		return XDP_PASS;
	}
	port = bpf_ntohs(ports->dst);
	for (i = 0; i < 8; i++) {
		if (well_known[i] == port) {
			seen_ports[i]++;
			spell(1);
			return XDP_PASS;
		}
	}
	spell(port & 1 ? 0 : 2);
	return port & 1 ? XDP_DROP : XDP_TX;
}
