//! Reading object files for a scenario, and what can be wrong with them.

use std::path::{Path, PathBuf};

use xdpsim_core::BuildError;
use xdpsim_vm::Engine;
use xdpsim_vm::load::{LoadError, LoadOptions, Object, limits};
use xdpsim_vm::machine;

/// An object file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What messages call it.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The program that was asked for, behind a colon.
    pub program: Option<String>,
}

/// How objects are loaded and run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Types to relocate to, instead of the object's own.
    pub btf: Option<Vec<u8>>,
    /// What runs programs.
    pub engine: Engine,
}

/// Why an object cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The file cannot be read.
    #[error("cannot read {file}: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is too long.
    #[error("{file} has more than {} MiB", limits::OBJECT >> 20)]
    TooLong {
        /// The file.
        file: String,
    },
    /// It is no object that can be loaded.
    #[error("{0}")]
    Load(#[from] LoadError),
    /// It cannot be made ready.
    #[error("{0}")]
    Build(#[from] machine::BuildError),
    /// No program, or several that could be meant.
    #[error("{object}: {what}")]
    Program {
        /// The object.
        object: String,
        /// What is wrong.
        what: String,
        /// What helps.
        help: String,
    },
    /// The scenario around it cannot be built.
    #[error("{0}")]
    Scenario(#[from] BuildError),
    /// What maps are to begin with is wrong.
    #[error("{0}")]
    Contents(crate::scenario::Problems),
    /// Numbers that make no ports.
    #[error("{0}")]
    Ports(#[from] crate::scenario::FlagsError),
}

impl ObjectError {
    /// What helps.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Read { .. } => "name an object file that can be read: `--object fwd.o`".to_owned(),
            Self::TooLong { .. } => "`llvm-strip -g` removes debugging data that is not needed".to_owned(),
            Self::Load(_) | Self::Build(_) | Self::Scenario(_) | Self::Ports(_) | Self::Contents(_) => {
                "objects are what `clang -O2 -g -target bpf -c fwd.bpf.c -o fwd.o` makes".to_owned()
            }
            Self::Program { help, .. } => help.clone(),
        }
    }
}

impl Source {
    /// Reads `FILE` or `FILE:PROGRAM`. A file whose name has a colon is taken as it is.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(spec: &str) -> Result<Self, ObjectError> {
        let (file, program) = match spec.rsplit_once(':') {
            Some((file, program)) if !Path::new(spec).exists() => (file, Some(program.to_owned())),
            _ => (spec, None),
        };
        let bytes = read(Path::new(file))?;
        Ok(Self { name: file.to_owned(), bytes, program })
    }

    /// Reads a file that is called `name` in messages.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read_as(name: &str, path: &Path) -> Result<Self, ObjectError> {
        Ok(Self { name: name.to_owned(), bytes: read(path)?, program: None })
    }

    pub(super) fn load(&self, options: &Options) -> Result<Object, ObjectError> {
        let options = LoadOptions { btf: options.btf.as_deref() };
        Ok(Object::load(&self.name, &self.bytes, options)?)
    }
}

/// Never more than a little beyond what an object may have.
fn read(path: &Path) -> Result<Vec<u8>, ObjectError> {
    use std::io::Read as _;
    let file = || path.display().to_string();
    let failed = |source| ObjectError::Read { file: file(), source };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(PathBuf::from(path)).map_err(failed)?;
    opened.take(limits::OBJECT as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limits::OBJECT { Err(ObjectError::TooLong { file: file() }) } else { Ok(bytes) }
}
