//! The model's side of a case: what the simulated kernel shows.
//!
//! Bursts are far apart in virtual time, so each is over before the next begins. A burst of
//! [`Inject::Poll`] is frames with one timestamp: all wait in the port's ring and one poll takes them. Of a
//! burst of [`Inject::Socket`] every frame has a time of its own (DRV-10).
//!
//! Two forms: without the story of frames the model takes the path that users' replays take, whole runs at
//! once where that is legal; with it, it goes frame by frame. Both give the same transcript.

use std::collections::BTreeMap;
use std::ops::Range;

use xdpsim_core::driver::veth::VethCounters;
use xdpsim_core::scenario::{Action, PortKind, Scenario};
use xdpsim_core::story::Step;
use xdpsim_core::{
    Batch, BuildError, Delivery, Desc, DevId, Domain, Errno, Event, FrameNo, Ingress, KernelVersion,
    Mutations, Nanos, Path, Plan, Report, Sink, Stamp, Timing,
};
use xdpsim_devmap::{Map, MapId, MapInfo, MapTable};

use crate::case::{Case, Inject};
use crate::transcript::Transcript;

/// Virtual time between bursts, and between the frames of a socket.
const APART: Nanos = Nanos(1_000_000);

/// Which kernel the model is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Its release.
    pub kernel: KernelVersion,
    /// Deliberate faults.
    pub mutations: Mutations,
    /// Which of its paths runs, where no story is asked for.
    pub path: Path,
    /// How many frames the receive rings have polled before the case, by the name of the veth end: a port,
    /// or `PORT.peer` for its far end. Ends that are not in it have fresh rings (DRV-06).
    pub polled: BTreeMap<String, u64>,
}

impl Options {
    /// A kernel of this release.
    #[must_use]
    pub fn of(kernel: KernelVersion) -> Self {
        Self { kernel, mutations: Mutations::empty(), path: Path::Auto, polled: BTreeMap::new() }
    }

    /// Does redirect info stay between softirqs (HLP-20.d)? Then nobody knows what a case finds there, and
    /// programs of the bench's own run in between; so the bench leaves nothing armed before each burst,
    /// and so does the model.
    #[must_use]
    pub fn redirect_info_stays(&self) -> bool {
        self.kernel < KernelVersion::BPF_NET_CONTEXT
    }

    /// The kernel that runs here, as `uname -r` calls itself.
    ///
    /// # Errors
    /// The release, if it has no number in front or is older than 6.1.
    pub fn host() -> Result<Self, String> {
        let file = "/proc/sys/kernel/osrelease";
        let release = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        kernel_version(release.trim()).map(Self::of)
    }
}

/// The version in a release such as `6.18.44-cloud-amd64`.
///
/// # Errors
/// The release, if it has no number in front or is older than 6.1.
pub fn kernel_version(release: &str) -> Result<KernelVersion, String> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let number = |n: Option<&str>| n.unwrap_or_default().to_owned();
    let text = format!("{}.{}", number(numbers.next()), number(numbers.next()));
    text.parse().map_err(|_| format!("the model has kernels from 6.1 on, and this is `{release}`"))
}

/// A case that was played, with all that the model knows and no kernel shows.
pub struct Played {
    /// What both sides show.
    pub transcript: Transcript,
    /// How frames ended.
    pub report: Report,
    /// Steps of all frames in the order in which they happened, if the story was asked for.
    pub story: Vec<Told>,
    /// Which frames left by each port, in the order of the transcript's deliveries.
    pub delivered: BTreeMap<String, Vec<FrameNo>>,
    /// Which frames each port passed to the stack, in order.
    pub passed: BTreeMap<String, Vec<FrameNo>>,
    /// How many ring entries each veth end polled in this case, by its name as in [`Options::polled`].
    pub polled: BTreeMap<String, u64>,
    /// The scenario with all names resolved.
    pub plan: Plan,
}

/// A step of a frame's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The frame, by its number in the case.
    pub frame: FrameNo,
    /// What happened.
    pub step: Step,
    /// How many events of the transcript came before.
    pub events: usize,
}

/// What the model shows of a case.
///
/// # Errors
/// The first thing of the scenario that cannot be built.
pub fn play(case: &Case, options: &Options) -> Result<Transcript, BuildError> {
    run::<false>(case, options).map(|played| played.transcript)
}

/// The same, with what is behind it, but for the story.
///
/// # Errors
/// The first thing of the scenario that cannot be built.
pub fn play_fully(case: &Case, options: &Options) -> Result<Played, BuildError> {
    run::<false>(case, options)
}

/// The same, with the story of every frame.
///
/// # Errors
/// The first thing of the scenario that cannot be built.
pub fn tell(case: &Case, options: &Options) -> Result<Played, BuildError> {
    run::<true>(case, options)
}

fn run<const STORY: bool>(case: &Case, options: &Options) -> Result<Played, BuildError> {
    let plan = plan(&case.scenario, options)?;
    let tape: Tape<STORY> = Tape::default();
    let mut domain = plan.domain(0, Timing::Capture, true, tape);
    age(&mut domain, &plan, &options.polled);
    let frames = Frames::of(case);
    if options.redirect_info_stays() {
        let mut first = 0;
        for burst in &case.bursts {
            let behind = first + burst.frames.len();
            domain.others_redirect();
            domain.feed(&frames.batch(first..behind));
            first = behind;
        }
    } else {
        domain.feed(&frames.batch(0..frames.descs.len()));
    }
    domain.finish();
    Ok(finish(plan, &case.scenario, domain))
}

fn plan(scenario: &Scenario, options: &Options) -> Result<Plan, BuildError> {
    let mut scenario = scenario.clone();
    scenario.profile.kernel = options.kernel;
    scenario.profile.mutations = options.mutations;
    scenario.profile.path = options.path;
    Plan::new(&scenario)
}

fn age<S: Sink>(domain: &mut Domain<S>, plan: &Plan, polled: &BTreeMap<String, u64>) {
    for (name, dev) in ends(plan) {
        if let Some(&before) = polled.get(&name) {
            domain.age_rings(dev, before);
        }
    }
}

/// All veth ends, far ends included.
fn ends(plan: &Plan) -> Vec<(String, DevId)> {
    let both = |(dev, peer): (DevId, Option<DevId>)| [Some(dev), peer].into_iter().flatten();
    let mut devs: Vec<DevId> =
        plan.ports().map(|(dev, device)| (dev, device.peer())).flat_map(both).collect();
    devs.sort_unstable();
    devs.dedup();
    devs.into_iter().map(|dev| (plan.device(dev).name.clone(), dev)).collect()
}

/// The frames of all bursts, as a batch has them.
#[derive(Default)]
struct Frames {
    bytes: Vec<u8>,
    descs: Vec<Desc>,
    stamps: Vec<Nanos>,
    ports: Vec<DevId>,
}

impl Frames {
    fn batch(&self, range: Range<usize>) -> Batch<'_> {
        Batch {
            first: FrameNo(range.start as u64),
            bytes: &self.bytes,
            frames: &self.descs[range.clone()],
            stamps: &self.stamps[range.clone()],
            ingress: Ingress::Each(&self.ports[range]),
        }
    }

    fn of(case: &Case) -> Self {
        let (mut all, mut now) = (Self::default(), Nanos::ZERO);
        for burst in &case.bursts {
            now = now.after(APART);
            for (i, frame) in burst.frames.iter().enumerate() {
                if i > 0 && burst.how == Inject::Socket {
                    now = now.after(APART);
                }
                let no = FrameNo(all.descs.len() as u64);
                all.descs.push(Desc::arrived(all.bytes.len() as u32, frame.len() as u32, no));
                all.bytes.extend_from_slice(frame);
                all.stamps.push(now);
                // Ports are numbered in the scenario's order.
                all.ports.push(DevId(burst.port as u32));
            }
        }
        all
    }
}

/// Everything that a run gives away.
#[derive(Default)]
struct Tape<const STORY: bool> {
    events: Vec<Event>,
    delivered: Vec<(DevId, FrameNo, Vec<u8>)>,
    passed: Vec<(DevId, FrameNo, Vec<u8>)>,
    story: Vec<Told>,
}

impl<const STORY: bool> Sink for Tape<STORY> {
    const EVENTS: bool = true;
    const DELIVERIES: bool = true;
    const PASSED: bool = true;
    const STORY: bool = STORY;

    fn event(&mut self, _: Stamp, event: Event) {
        // Memory models come and go with programs and devices; the five tracepoints of the redirect path are
        // the other ones.
        if is_compared(&event) {
            self.events.push(event);
        }
    }

    fn delivered(&mut self, delivery: Delivery<'_>) {
        self.delivered.push((delivery.port, delivery.frame, delivery.bytes.to_vec()));
    }

    fn passed(&mut self, port: DevId, frame: FrameNo, bytes: &[u8]) {
        self.passed.push((port, frame, bytes.to_vec()));
    }

    fn step(&mut self, _: Stamp, frame: FrameNo, step: Step) {
        self.story.push(Told { frame, step, events: self.events.len() });
    }
}

fn finish<const STORY: bool>(plan: Plan, scenario: &Scenario, domain: Domain<Tape<STORY>>) -> Played {
    let mut report = Report::default();
    report.add(&plan, &domain);
    let polled = |dev| domain.veth_counters(dev).map_or(0, |counters| counters.xdp_packets);
    let polled = ends(&plan).into_iter().map(|(name, dev)| (name, polled(dev))).collect();
    let mut transcript = Transcript {
        operations: operations(scenario, &domain),
        maps: maps(domain.maps()),
        counters: counters(&plan, scenario, &domain),
        ..Transcript::default()
    };
    let Tape { events, delivered, passed, story } = domain.into_sink();
    transcript.events = events;
    // Nobody sees what goes from one end of a pair to the other before that end's program does.
    let far_ends = |(port, ..): &(DevId, FrameNo, Vec<u8>)| {
        plan.device(*port).peer().is_some_and(|peer| plan.port(&plan.device(peer).name).is_none())
    };
    let delivered = delivered.into_iter().filter(far_ends).collect();
    let delivered = by_port(&plan, delivered, &mut transcript.deliveries);
    let passed = by_port(&plan, passed, &mut transcript.passed);
    Played { transcript, report, story, delivered, passed, polled, plan }
}

/// Is it one of the five tracepoints that both sides record?
#[must_use]
pub fn is_compared(event: &Event) -> bool {
    use Event::{BulkTx, DevmapXmit, Exception, Redirect};
    matches!(event, Redirect { .. } | Exception { .. } | DevmapXmit { .. } | BulkTx { .. })
}

/// Entries that the scenario begins with were all written, or it could not have been built.
fn operations<S: Sink>(scenario: &Scenario, domain: &Domain<S>) -> Vec<Result<(), Errno>> {
    let entries = scenario.maps.iter().map(|map| map.entries.len()).sum::<usize>();
    let mut all = vec![Ok(()); entries + scenario.changes.len()];
    for failed in domain.changes_failed() {
        all[entries + failed.index] = Err(failed.errno);
    }
    all
}

/// Sorts frames by port: their bytes into the transcript, their numbers into the result.
fn by_port(
    plan: &Plan,
    frames: Vec<(DevId, FrameNo, Vec<u8>)>,
    bytes_by_port: &mut BTreeMap<String, Vec<Vec<u8>>>,
) -> BTreeMap<String, Vec<FrameNo>> {
    let mut numbers: BTreeMap<String, Vec<FrameNo>> = BTreeMap::new();
    for (port, frame, bytes) in frames {
        let name = &plan.device(port).name;
        numbers.entry(name.clone()).or_default().push(frame);
        bytes_by_port.entry(name.clone()).or_default().push(bytes);
    }
    numbers
}

fn counters<S: Sink>(plan: &Plan, scenario: &Scenario, domain: &Domain<S>) -> BTreeMap<String, VethCounters> {
    let veths =
        plan.ports().zip(&scenario.ports).filter(|(_, spec)| matches!(spec.kind, PortKind::Veth { .. }));
    let counted =
        veths.filter_map(|((dev, device), _)| Some((device.name.clone(), domain.veth_counters(dev)?)));
    counted.collect()
}

/// What the system calls read out of every map.
fn maps(table: &MapTable) -> BTreeMap<String, Vec<(u32, MapInfo)>> {
    let content = |id: MapId| (table.get(id).map_or_else(String::new, name), entries(table, id));
    table.ids().map(content).collect()
}

fn name(map: &Map) -> String {
    map.attr().name.clone()
}

fn entries(table: &MapTable, id: MapId) -> Vec<(u32, MapInfo)> {
    let mut entries = Vec::new();
    let mut at = table.get_next_key(id, None);
    while let Ok(key) = at {
        entries.extend(table.lookup(id, key).ok().map(|info| (key.0, info)));
        at = table.get_next_key(id, Some(key));
    }
    entries
}

/// Does the change touch a device, so that a house has to be put back in order afterwards?
#[must_use]
pub fn changes_a_device(action: &Action) -> bool {
    !matches!(action, Action::UpdateEntry { .. } | Action::DeleteEntry { .. })
}
