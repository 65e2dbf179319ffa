//! Deliberate faults of the model: each breaks one rule, so that the tests can be judged.
//!
//! Only with the feature `mutations`; without it [`Mutations::has`] is the constant `false` and the
//! branches are not even compiled in. Faults of the maps are planted in [`xdpsim_devmap`], as
//! [`MapMutations`].
//!
//! The fast path knows only the faults of its own: with any other the frame path runs.

use bitflags::bitflags;
use xdpsim_devmap::MapMutations;

bitflags! {
    /// A set of deliberate faults.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Mutations: u128 {
        /// A bulk queue is flushed when the 16th frame is stored (ENQ-03).
        const FLUSH_AT_16 = 1 << 0;
        /// Devices are flushed in order of first use (FLU-03).
        const FLUSH_FIFO = 1 << 1;
        /// The last entry's program runs for the whole queue (ENQ-04).
        const LAST_PROGRAM_WINS = 1 << 2;
        /// The last frame's ingress counts for the whole queue (ENQ-05).
        const LAST_DEV_RX_WINS = 1 << 3;
        /// Redirect info survives the redirect (HLP-19).
        const RI_NOT_CONSUMED = 1 << 4;
        /// Redirect info is cleared for every poll (HLP-22).
        const RI_PER_POLL = 1 << 5;
        /// A failed lookup disarms (HLP-12).
        const MISS_DISARMS = 1 << 6;
        /// Bad flags disarm (HLP-03).
        const BAD_FLAGS_DISARM = 1 << 7;
        /// Bad flags return the fallback verdict (HLP-03).
        const BAD_FLAGS_FALL_BACK = 1 << 8;
        /// The lookup takes all 64 bits of the key (HLP-10).
        const KEY_NOT_CUT = 1 << 9;
        /// EXCLUDE_INGRESS keeps the ingress (BRD-01).
        const INGRESS_KEPT = 1 << 10;
        /// Exclusion compares devices, not ifindex numbers (BRD-08).
        const EXCLUDE_BY_DEVICE = 1 << 11;
        /// Any number of upper devices is fine (BRD-08).
        const UPPERS_UNLIMITED = 1 << 12;
        /// A broadcast to nobody is an error (BRD-06).
        const NOBODY_IS_ERROR = 1 << 13;
        /// A bad target fails the whole broadcast (BRD-05).
        const SKIP_IS_ERROR = 1 << 14;
        /// Length is checked before the device's state (RED-04).
        const LENGTH_BEFORE_DOWN = 1 << 15;
        /// The length limit is one byte short (RED-04).
        const LENGTH_OFF_BY_ONE = 1 << 16;
        /// veth goes on behind a frame that is too long (DRV-04).
        const VETH_SKIPS_LONG = 1 << 17;
        /// The veth ring always holds 256 (DRV-06).
        const RING_CLEARS_AT_ONCE = 1 << 18;
        /// The driver is called for an empty bulk too, and wakes its peer (FLU-06).
        const EMPTY_BULK_FLUSHES = 1 << 19;
        /// XDP_TX wakes a peer without a program (DRV-08).
        const TX_WAKES_ANYBODY = 1 << 20;
        /// Every poll flushes (FLU-07).
        const FLUSH_ALWAYS = 1 << 21;
        /// A devmap program's writes reach every clone (DVP-05).
        const CLONES_SHARE_BYTES = 1 << 22;
        /// A devmap program's TX is kept (DVP-02).
        const ENTRY_TX_KEPT = 1 << 23;
        /// The redirect event comes before the enqueue (RED-12).
        const EVENT_BEFORE_ENQUEUE = 1 << 24;
        /// The event prints the key of the helper call (RED-13).
        const EVENT_KEY_AT_VERDICT = 1 << 25;
        /// ifindex is looked up in the initial namespace (RED-03).
        const IFINDEX_IN_INIT = 1 << 26;
        /// A clone that fails undoes the earlier ones (BRD-10).
        const CLONE_FAILURE_UNDOES = 1 << 27;
        /// drops counts the driver's refusals only (FLU-05).
        const DROPS_WITHOUT_PROGRAM = 1 << 28;
        /// veth compares with the port's own mtu (DRV-05).
        const VETH_OWN_MTU = 1 << 29;
        /// A partial flush passes the FLUSH flag (ENQ-03).
        const PARTIAL_FLUSH_WAKES = 1 << 30;
        /// The fast path takes groups with a device twice (`ARCHITECTURE.md`, "Two paths").
        const FAST_IGNORES_DUPLICATES = 1 << 31;
        /// The fast path does not compare lengths.
        const FAST_IGNORES_LENGTH = 1 << 32;
        /// The fast path ignores helper calls of devmap programs.
        const FAST_IGNORES_EFFECTS = 1 << 33;
        /// The fast path keeps its compiled groups over a change.
        const FAST_KEEPS_GROUPS = 1 << 34;
        /// The fast path fills queues without regard to their level.
        const FAST_WHOLE_RUNS = 1 << 35;
        /// A bulk queue holds 15 frames (ENQ-01).
        const BULK_OF_15 = 1 << 36;
        /// A device's place in the flush list is renewed with every frame (ENQ-02).
        const LIST_RENEWED = 1 << 37;
        /// Each frame runs its own entry's program (ENQ-04).
        const PROGRAM_PER_ENTRY = 1 << 38;
        /// Redirect info is cleared for every frame (HLP-21).
        const RI_PER_FRAME = 1 << 39;
        /// A devmap program's helper calls have no effect (DVP-09, HLP-23).
        const ENTRY_CALLS_IDLE = 1 << 40;
        /// Exclusion compares the ingress with keys of the map (BRD-08).
        const EXCLUDE_BY_KEY = 1 << 41;
        /// [`MapMutations::HASH_ASCENDING`] (BRD-03).
        const HASH_ASCENDING = 1 << 42;
        /// [`MapMutations::HASH_UPDATE_STAYS`] (BRD-03).
        const HASH_UPDATE_STAYS = 1 << 43;
        /// [`MapMutations::HASH_EXIST_NEEDS_KEY`] (MAP-04).
        const HASH_EXIST_NEEDS_KEY = 1 << 44;
        /// [`MapMutations::OWNER_NOT_STICKY`] (MAP-07).
        const OWNER_NOT_STICKY = 1 << 45;
        /// A port in generic mode works as in native mode (GEN-01).
        const GENERIC_IS_NATIVE = 1 << 46;
        /// Generic mode asks targets for NDO_XMIT (GEN-02).
        const GENERIC_ASKS_FEATURES = 1 << 47;
        /// Broadcast in generic mode leaves bad targets out (GEN-04).
        const GENERIC_SKIPS_BAD = 1 << 48;
        /// What a device does not transmit is an error of the redirect in generic mode (GEN-05).
        const GENERIC_XMIT_ERROR = 1 << 49;
        /// A device's first entry decides about the program of a whole poll in generic mode (GEN-06).
        const GENERIC_FIRST_PROGRAM = 1 << 50;
        /// Metadata reaches an entry's program in generic mode (GEN-06).
        const GENERIC_KEEPS_META = 1 << 51;
        /// Skbs with fragments can be cloned (GEN-08).
        const GENERIC_CLONES_FRAGS = 1 << 52;
        /// The event of a map redirect comes before the transmit in generic mode (GEN-10).
        const GENERIC_EVENT_FIRST = 1 << 53;
        /// Each skb has redirect info of its own in generic mode (GEN-12).
        const GENERIC_OWN_CONTEXT = 1 << 54;
        /// The forward key is the upper half of the index, shifted down (MCAST-02).
        const RFC_KEYS_SHIFTED = 1 << 64;
        /// The walk takes the forward group that the helper found (MCAST-05).
        const RFC_GROUP_OF_HELPER = 1 << 65;
        /// A missing exclude group excludes everybody (MCAST-09).
        const RFC_MISSING_IS_NOBODY = 1 << 66;
        /// Exclude key 0 means that there is no exclude group (MCAST-10).
        const RFC_ZERO_IS_NO_GROUP = 1 << 67;
        /// Keys of the exclude group are taken for ifindexes (MCAST-16).
        const RFC_EXCLUDES_BY_KEY = 1 << 68;
        /// The original goes to the first target (MCAST-17).
        const RFC_ORIGINAL_SENT = 1 << 69;
        /// The ingress is always excluded (MCAST-20).
        const RFC_EXCLUDES_INGRESS = 1 << 70;
        /// A bad target is skipped, not an error (MCAST-26).
        const RFC_SKIPS_BAD_TARGETS = 1 << 71;
        /// `bpf_redirect_map_multi()` has mainline's number for its flag (MCAST-40).
        const MULTI_FLAG_OF_MAINLINE = 1 << 72;
        /// Its flag does nothing without an exclude map, as in v2 (MCAST-42).
        const MULTI_INGRESS_NEEDS_MAP = 1 << 73;
        /// Its exclude map is a set of values in v8 to v20, too (MCAST-43).
        const MULTI_EXCLUDES_BY_VALUE = 1 << 74;
    }
}

impl Mutations {
    /// Is this fault planted?
    #[inline(always)]
    #[must_use]
    pub fn has(self, fault: Self) -> bool {
        cfg!(feature = "mutations") && self.contains(fault)
    }

    /// Faults of the fast path.
    const OF_FAST_PATH: Self = Self::FAST_IGNORES_DUPLICATES
        .union(Self::FAST_IGNORES_LENGTH)
        .union(Self::FAST_IGNORES_EFFECTS)
        .union(Self::FAST_KEEPS_GROUPS)
        .union(Self::FAST_WHOLE_RUNS);

    /// Is a fault planted that only the frame path has?
    pub(crate) fn need_frame_path(self) -> bool {
        cfg!(feature = "mutations") && !Self::OF_FAST_PATH.contains(self)
    }

    /// Those that are the maps'.
    pub(crate) fn of_maps(self) -> MapMutations {
        let faults = [
            (Self::HASH_ASCENDING, MapMutations::HASH_ASCENDING),
            (Self::HASH_UPDATE_STAYS, MapMutations::HASH_UPDATE_STAYS),
            (Self::HASH_EXIST_NEEDS_KEY, MapMutations::HASH_EXIST_NEEDS_KEY),
            (Self::OWNER_NOT_STICKY, MapMutations::OWNER_NOT_STICKY),
        ];
        let planted = faults.into_iter().filter(|(fault, _)| self.has(*fault));
        planted.map(|(_, fault)| fault).collect()
    }
}
