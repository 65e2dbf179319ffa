//! How a command ends: its exit code, and what it says when it fails.
//!
//! Owns the codes and the wording around messages; what is wrong is said by whoever finds it.

use serde::Serialize;
use xdpsim_core::BuildError;

use crate::capture::{CaptureError, WriteError};
use crate::near;
use crate::object::ObjectError;
use crate::scenario::{Colour, Finding, Problems};

/// The exit codes of `xdpsim`, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done; frames that the simulated kernel lost are results, not errors.
    Fine = 0,
    /// A check was asked for and found something.
    Findings = 1,
    /// A wrong argument, a scenario that cannot be run, a capture that cannot be read to its end.
    Input = 2,
    /// The simulator contradicts itself: never the user's fault.
    Internal = 3,
    /// No frame was replayed: a run that looks green and tested nothing.
    Nothing = 4,
}

impl Exit {
    /// The number for the operating system.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// One thing that went wrong, for people and for scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// A word for scripts, of [`Message::KINDS`].
    pub kind: &'static str,
    /// What is wrong, where, and what was expected.
    pub message: String,
    /// How to fix it.
    pub help: Option<String>,
    /// The capture.
    pub file: Option<String>,
    /// The packet at which a capture breaks, from 1.
    pub packet: Option<u64>,
    /// The byte offset at which it breaks, uncompressed.
    pub offset: Option<u64>,
}

impl Message {
    fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), help: None, file: None, packet: None, offset: None }
    }
}

impl Message {
    /// All words for scripts.
    pub const KINDS: [&str; 8] =
        ["usage", "capture", "output", "scenario", "nothing", "internal", "fault", "not_modelled"];

    /// The exit code of a command that says this.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self.kind {
            "internal" => Exit::Internal,
            "nothing" => Exit::Nothing,
            "fault" | "not_modelled" => Exit::Findings,
            _ => Exit::Input,
        }
    }
}

/// Why a command could not do what it was asked to.
#[derive(Clone, Debug)]
pub enum Failure {
    /// Something that one message says.
    Plain(Exit, Message),
    /// A scenario file with problems.
    Scenario(Problems),
}

impl Failure {
    /// A wrong argument.
    #[must_use]
    pub fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        let message = Message { help: Some(help.into()), ..Message::new("usage", message) };
        Self::Plain(Exit::Input, message)
    }

    /// A file or stream that cannot be read or written.
    #[must_use]
    pub fn output(what: &str, error: &std::io::Error) -> Self {
        let help = remedy(error).map(str::to_owned);
        Self::Plain(Exit::Input, Message { help, ..Message::new("output", format!("{what}: {error}")) })
    }

    /// A scenario that cannot be read at all.
    #[must_use]
    pub fn unreadable(file: &str, message: &str) -> Self {
        let message = Message::new("scenario", format!("{file}: cannot read the scenario: {message}"));
        let new = || "a scenario is a TOML file: `xdpsim new FILE` makes one to start from".to_owned();
        let help = Some(near::did_you_mean(file).unwrap_or_else(new));
        Self::Plain(Exit::Input, Message { file: Some(file.to_owned()), help, ..message })
    }

    /// A scenario made of flags that cannot be built.
    #[must_use]
    pub fn build(error: &BuildError) -> Self {
        Self::Plain(Exit::Input, Message::new("scenario", format!("the scenario cannot be built: {error}")))
    }

    /// A fault of the simulator.
    #[must_use]
    pub fn internal(what: impl Into<String>) -> Self {
        Self::Plain(Exit::Internal, Self::internal_message(what))
    }

    /// What is said about a fault of the simulator.
    #[must_use]
    pub fn internal_message(what: impl Into<String>) -> Message {
        let help = "this is a fault of xdpsim, please report it with the scenario and the capture";
        Message { help: Some(help.to_owned()), ..Message::new("internal", what) }
    }

    /// An object that cannot be run.
    #[must_use]
    pub fn object(error: &ObjectError) -> Self {
        if let ObjectError::Contents(problems) = error {
            return Self::Scenario(problems.clone());
        }
        Self::Plain(
            Exit::Input,
            Message { help: Some(error.help()), ..Message::new("usage", error.to_string()) },
        )
    }

    /// A program did what no program may do, and the run was to stop there.
    #[must_use]
    pub fn fault(story: impl Into<String>) -> Self {
        Self::Plain(Exit::Findings, Message::new("fault", story))
    }

    /// A run that came to its end, but not all that it says can be relied on.
    pub(crate) fn finding(kind: &'static str, what: String, help: &str) -> Message {
        Message { help: Some(help.to_owned()), ..Message::new(kind, what) }
    }

    /// No frames.
    #[must_use]
    pub fn nothing(message: impl Into<String>, help: impl Into<String>) -> Self {
        let message = Message { help: Some(help.into()), ..Message::new("nothing", message) };
        Self::Plain(Exit::Nothing, message)
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Plain(exit, _) => *exit,
            Self::Scenario(_) => Exit::Input,
        }
    }

    /// For people.
    #[must_use]
    pub fn render(&self, colour: Colour) -> String {
        match self {
            Self::Plain(_, Message { message, help: Some(help), .. }) => {
                format!("error: {message}\nhelp:  {help}\n")
            }
            Self::Plain(_, Message { message, .. }) => format!("error: {message}\n"),
            Self::Scenario(problems) => problems.render(colour),
        }
    }

    /// For scripts.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        match self {
            Self::Plain(_, message) => vec![message.clone()],
            Self::Scenario(problems) => problems.findings().iter().map(of_finding).collect(),
        }
    }
}

fn of_finding(finding: &Finding) -> Message {
    let place = match (finding.line, finding.column) {
        (Some(line), Some(column)) => format!("{}:{line}:{column}: ", finding.file),
        _ => format!("{}: ", finding.file),
    };
    let message = Message::new("scenario", format!("{place}{}", finding.message));
    Message { help: finding.help.clone(), file: Some(finding.file.clone()), ..message }
}

impl From<&CaptureError> for Message {
    fn from(error: &CaptureError) -> Self {
        let (file, packet, offset) = match error {
            CaptureError::Open { file, .. }
            | CaptureError::NotACapture { file, .. }
            | CaptureError::Link { file, .. } => (file, None, None),
            CaptureError::NoPort { file, packet, .. } => (file, Some(*packet), None),
            CaptureError::Read { file, packet, offset, .. }
            | CaptureError::Broken { file, packet, offset, .. } => (file, Some(*packet), Some(*offset)),
        };
        let (file, help) = (Some(file.clone()), error.help());
        Self { help, file, packet, offset, ..Self::new("capture", with_causes(error)) }
    }
}

impl From<CaptureError> for Failure {
    fn from(error: CaptureError) -> Self {
        Self::Plain(Exit::Input, Message::from(&error))
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref());
        let help = cause.and_then(remedy).map(str::to_owned);
        Self::Plain(Exit::Input, Message { help, ..Message::new("output", with_causes(&error)) })
    }
}

/// What to do about a file that cannot be written.
fn remedy(error: &std::io::Error) -> Option<&'static str> {
    use std::io::ErrorKind;
    Some(match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "write to a place where you may: your own directory, or /tmp"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room there, or write to another disk",
        ErrorKind::NotFound => "make the directory first, or correct its name",
        ErrorKind::NotADirectory => "a part of the path is a file: name a directory there",
        ErrorKind::IsADirectory => "name a file in that directory",
        ErrorKind::AlreadyExists => "name a directory: this is a file",
        _ => return None,
    })
}

/// The message of an error and of those behind it, on one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
