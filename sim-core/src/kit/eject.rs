//! A counterexample as two texts that stay: a scenario and a capture.
//!
//! Owns what is in them. If all programs are named ones, the scenario has an `[expect]` section, and
//! `xdpsim test` plays it for ever after. A program in Rust cannot be in a file: there a script repeats what it
//! did, so that `xdpsim check`, `replay` and `explain` take the scenario. With the program itself it is played
//! by a test that reads it back (`xdpsim::kept::read`), for ever after too.

use core::time::Duration;
use std::borrow::Cow;
use std::fmt::{self, Write};
use std::path::PathBuf;

use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::section_header::SectionHeaderBlock;
use pcap_file::pcapng::{PcapNgBlock, PcapNgWriteError, PcapNgWriter};
use pcap_file::{DataLink, Endianness};

use super::{Counterexample, stand_in};
use crate::engine::domain::Timing;

/// The variable of the environment that names the folder in which [`super::Property::check`] keeps what it
/// finds.
pub const EJECT_VARIABLE: &str = "XDPSIM_EJECT";

/// The files of a counterexample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ejected {
    /// The scenario.
    pub scenario: PathBuf,
    /// The capture, beside it.
    pub capture: PathBuf,
}

impl fmt::Display for Ejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.scenario.display(), self.capture.display())
    }
}

impl Counterexample {
    /// The scenario file: what was found, how to find it again, and the trial's scenario with a replay of the
    /// capture of this name.
    #[must_use]
    pub fn scenario_text(&self, capture: &str) -> String {
        let mut text = self.head();
        text += &stand_in::scenario(&self.trial, &self.own).to_toml();
        let mut line = |line: fmt::Arguments<'_>| _ = writeln!(text, "{line}");
        line(format_args!("\n[replay]"));
        if let Some(first) = self.trial.frames.first() {
            line(format_args!("ingress = {:?}", first.port));
        }
        if self.trial.timing == Timing::Asap {
            line(format_args!("timing = \"asap\""));
        }
        line(format_args!("captures = [{capture:?}]"));
        if self.own.is_empty() && self.ingresses().len() == 1 {
            line(format_args!("\n[expect]\narrivals = {}", self.trial.frames.len()));
            if !self.broken.silent.is_empty() {
                line(format_args!("silent = {:?}", self.broken.silent));
            }
        }
        text
    }

    /// The capture: pcapng, one interface for each port on which frames arrive, called as the port.
    ///
    /// # Errors
    /// If a frame is longer than the format's blocks can be.
    pub fn capture_bytes(&self) -> Result<Vec<u8>, PcapNgWriteError> {
        let section = SectionHeaderBlock { endianness: Endianness::Little, ..SectionHeaderBlock::default() };
        let mut writer = PcapNgWriter::with_section_header(Vec::new(), section)?;
        let ports = self.ingresses();
        for port in &ports {
            let resolution = InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO);
            let name = InterfaceDescriptionOption::IfName(Cow::Borrowed(port));
            let (linktype, options) = (DataLink::ETHERNET, vec![name, resolution]);
            writer.write_block(
                &InterfaceDescriptionBlock { linktype, snaplen: SNAPLEN, options }.into_block(),
            )?;
        }
        for sent in &self.trial.frames {
            let interface = ports.iter().position(|port| *port == sent.port).unwrap_or(0);
            let packet = EnhancedPacketBlock {
                interface_id: interface as u32,
                timestamp: Duration::from_nanos(sent.at.0),
                original_len: sent.bytes.len() as u32,
                data: Cow::Borrowed(&sent.bytes),
                options: Vec::new(),
            };
            writer.write_block(&packet.into_block())?;
        }
        Ok(writer.into_inner())
    }

    /// The ports on which frames arrive, each once.
    fn ingresses(&self) -> Vec<&str> {
        let mut ports: Vec<&str> = Vec::new();
        for sent in &self.trial.frames {
            if !ports.contains(&sent.port.as_str()) {
                ports.push(&sent.port);
            }
        }
        ports
    }

    /// The comment at the top.
    fn head(&self) -> String {
        let mut text = format!("# Found by the property `{}`: {}\n", self.property, self.broken);
        text += &format!("# Again: {}\n", self.command());
        let own: Vec<String> = self.own.keys().map(|name| format!("`{name}`")).collect();
        if !own.is_empty() {
            let (names, are) = (own.join(", "), if own.len() == 1 { "is a program" } else { "are programs" });
            text += &format!(
                "# {names} {are} in Rust. The script below repeats what was done with these frames,\n"
            );
            text += "# so that xdpsim can replay and explain it. The program itself plays them in a test that reads this\n";
            text += "# file: `Trial` from `xdpsim::kept::read`, then `play_with`.\n";
        }
        if self.ingresses().len() > 1 {
            text += "# Frames arrive on several ports: xdpsim replay THIS --interface auto\n";
        }
        text + "\n"
    }
}

/// Longer than any frame.
const SNAPLEN: u32 = 262_144;
