//! Arguments of the small commands: `new`, `completions`, `man`; and of all commands.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::Shell;

/// `xdpsim new`.
#[derive(Clone, Debug, Args)]
pub struct NewArgs {
    /// The file to make; without it the scenario is printed
    #[arg(value_name = "SCENARIO.toml")]
    pub file: Option<PathBuf>,

    /// Replace the file if it exists
    #[arg(long, requires = "file")]
    pub force: bool,
}

/// `xdpsim completions`.
#[derive(Clone, Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// `xdpsim man`.
#[derive(Clone, Debug, Args)]
pub struct ManArgs {
    /// Write a page for each command into DIR; without it the page of xdpsim is printed
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Colours in what is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColourArg {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

pub(super) const NEW_AFTER: &str = "\
Examples:
  xdpsim new host.toml
        a scenario with comments to change as needed; `check`, `replay` and `test` take it as it is
";

pub(super) const COMPLETIONS_AFTER: &str = "\
Examples:
  xdpsim completions bash > ~/.local/share/bash-completion/completions/xdpsim
  xdpsim completions zsh > ~/.zfunc/_xdpsim
  xdpsim completions fish > ~/.config/fish/completions/xdpsim.fish
";

pub(super) const MAN_AFTER: &str = "\
Examples:
  xdpsim man ~/.local/share/man/man1
        then: man xdpsim-replay
";
