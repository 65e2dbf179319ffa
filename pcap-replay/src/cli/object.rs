//! Arguments about stock objects: which one, and how its programs run.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use xdpsim_vm::Engine;

/// An object instead of a scenario, and how objects run anywhere.
#[derive(Clone, Debug, Default, Args)]
pub struct ObjectArgs {
    /// Without a scenario: this object's program runs on all ports, and its DEVMAPs hold them
    #[arg(long, value_name = "FILE[:PROGRAM]", help_heading = "Instead of a scenario")]
    pub object: Option<String>,

    /// With --object: the program for the ports, if there are several
    #[arg(long = "prog", value_name = "NAME", requires = "object", help_heading = "Instead of a scenario")]
    pub program: Option<String>,

    /// With --object: the keys under which its DEVMAPs hold ports 1 to N: 0 to N-1, or their ifindexes 1 to N
    #[arg(long, value_enum, default_value_t, requires = "object", help_heading = "Instead of a scenario")]
    pub keys: KeysArg,

    /// With --object: what maps and variables begin with, as TOML: [maps.NAME] with keys and values, [globals]
    #[arg(long, value_name = "FILE", requires = "object", help_heading = "Instead of a scenario")]
    pub maps: Option<PathBuf>,

    /// What runs the programs of objects: jit, interpreter or reference, where this build has them [default: the
    /// fastest]
    #[arg(long, value_name = "ENGINE", help_heading = "Objects")]
    pub engine: Option<Engine>,

    /// Relocate objects to the types in FILE, such as /sys/kernel/btf/vmlinux [default: their own]
    #[arg(long, value_name = "FILE", help_heading = "Objects")]
    pub btf: Option<PathBuf>,
}

/// How DEVMAPs are filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum KeysArg {
    /// 0 to N-1.
    #[default]
    Index,
    /// 1 to N.
    Ifindex,
}
