//! Counterexamples that were kept: `xdpsim check` takes them, `xdpsim test` fails until the bug is gone, and a
//! program in Rust plays them again.

use crate::cli;
use cli::Folder;
use xdpsim_core::kit::{Counterexample, OwnPrograms, Property, laws};
use xdpsim_core::scenario::{ProgramKind, ProgramSpec};
use xdpsim_core::strategies::scenarios::{self, MAP_ID};
use xdpsim_core::strategies::{frames, timelines, trials};
use xdpsim_core::{Ctx, FrameMut, RedirectFlags, XdpAction, XdpProgram};

/// A program of the scenario file sends back what it gets.
fn of_a_named_program() -> Box<Counterexample> {
    let flood = ProgramKind::Broadcast { map: scenarios::MAP.into(), flags: RedirectFlags::empty() };
    let around = scenarios::around_program(ProgramSpec::xdp("flood", flood));
    let trials = trials::of(around, frames::good(), timelines::any_timeline());
    Property::new("flooding").seed(5).find(trials, laws::no_frame_back).expect_err("it sends back")
}

#[test]
fn a_kept_scenario_fails_until_the_bug_is_gone() {
    let folder = Folder::new();
    of_a_named_program().eject(&folder.path("kept")).expect("two files");
    folder.run("check kept/flooding.toml").fine();
    let said = folder.run("test kept");
    assert_eq!(said.code, 1, "{}", said.whole());
    assert!(said.whole().contains("silence on port `p1`"), "{}", said.whole());

    let text = String::from_utf8(folder.read("kept/flooding.toml")).expect("text");
    folder.write("kept/flooding.toml", text.replace("exclude_ingress = false", "exclude_ingress = true"));
    let said = folder.run("test kept");
    assert_eq!(said.code, 0, "{}", said.whole());
}

/// A hub that forgets a flag, or not.
#[derive(Clone)]
struct Hub {
    flags: RedirectFlags,
}

impl XdpProgram for Hub {
    fn run(&mut self, ctx: &mut Ctx<'_>, _: &mut FrameMut<'_>) -> XdpAction {
        ctx.redirect_map(MAP_ID, 0, (RedirectFlags::BROADCAST | self.flags).bits())
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(self.clone())
    }
}

#[test]
fn a_program_in_rust_plays_what_was_kept_of_it() {
    let folder = Folder::new();
    let bug = Hub { flags: RedirectFlags::empty() };
    let property = Property::new("hub").program("hub", bug.clone()).seed(1);
    let found = property.find(trials::around("hub"), laws::no_frame_back).expect_err("it sends back");
    let kept = found.eject(&folder.path("kept")).expect("two files");
    folder.run("check kept/hub.toml").fine();

    let story = folder.run("explain kept/hub.toml kept/hub.pcapng --frame 1").fine();
    assert!(story.contains("bpf_redirect_map(&ports, 0, BPF_F_BROADCAST)"), "{story}");
    assert!(story.contains("delivered: left by p1"), "{story}");

    let trial = xdpsim::kept::read(&kept.scenario).expect("what was kept");
    assert_eq!(trial.frames, found.trial.frames);
    let law = |hub: Hub| {
        let own = OwnPrograms::from([("hub".to_owned(), Box::new(hub) as Box<dyn XdpProgram>)]);
        laws::no_frame_back(&trial.play_with(&own).expect("it builds"))
    };
    assert_eq!(law(bug), Err(found.broken.clone()));
    assert_eq!(law(Hub { flags: RedirectFlags::EXCLUDE_INGRESS }), Ok(()));
}

#[test]
fn what_cannot_be_read_back_is_named() {
    let folder = Folder::new();
    let why = |name: &str| xdpsim::kept::read(&folder.path(name)).expect_err("no trial").to_string();
    assert!(why("none.toml").starts_with("cannot read the scenario "), "{}", why("none.toml"));
    folder.write("bad.toml", "[[port]]\nnam = \"a\"\n");
    assert!(why("bad.toml").contains("has errors, the first: "), "{}", why("bad.toml"));
    folder.write("bare.toml", "[[port]]\nname = \"a\"\n");
    assert!(why("bare.toml").contains("names no capture"), "{}", why("bare.toml"));
    folder.write("lost.toml", "[[port]]\nname = \"a\"\n[replay]\ncaptures = [\"x.pcap\"]\n");
    assert!(why("lost.toml").contains("x.pcap"), "{}", why("lost.toml"));
}
