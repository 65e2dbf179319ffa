//! `--object`: a world without a scenario, and how objects are loaded in any.

use std::path::{Path, PathBuf};

use super::world::Loaded;
use crate::cli::{KeysArg, WorldArgs};
use crate::exit::Failure;
use crate::object::{self, Keys, ObjectError, OnPorts, Ready};
use crate::output::columns::counted;
use crate::scenario::{Contents, ReplaySection, Source};

/// An object says itself what becomes of frames.
pub(super) fn alone(args: &WorldArgs) -> Result<String, Failure> {
    if args.broadcast || args.exclude_ingress {
        return Err(Failure::usage(
            "`--broadcast` and `--exclude-ingress` stand for a program, and `--object` is one",
            "leave out either; what an object broadcasts to are its DEVMAPs",
        ));
    }
    Ok(args.objects.object.clone().unwrap_or_default())
}

/// The world of an object and ports.
pub(super) fn from_flags(args: &WorldArgs, spec: &str) -> Result<Loaded, Failure> {
    let refused = |error: ObjectError| Failure::object(&error);
    let source = object::Source::read(spec).map_err(refused)?;
    let defaults = OnPorts::default();
    let ports = args.ports.unwrap_or(defaults.ports);
    let keys = match args.objects.keys {
        KeysArg::Index => Keys::Index,
        KeysArg::Ifindex => Keys::IfIndex,
    };
    let contents = args.objects.maps.as_deref().map(contents).transpose()?;
    let case = OnPorts { ports, program: args.objects.program.clone(), keys, contents };
    let Ready { scenario, code, template, notes } =
        object::on_ports(&source, &case, &options(args)?).map_err(refused)?;
    let ports = counted(u64::from(ports), "ideal port", "ideal ports");
    let name = format!("{} on {ports}", source.name);
    Ok(Loaded::plain(scenario, ReplaySection::default(), name).with_objects(code, template, notes))
}

/// The file of `--maps`.
fn contents(path: &Path) -> Result<Contents, Failure> {
    let name = path.display().to_string();
    let source = Source::read(path).map_err(|error| {
        Failure::usage(format!("{name}: cannot read contents of maps: {error}"), "name a TOML file")
    })?;
    Contents::read(&source).map_err(Failure::Scenario)
}

/// How objects are loaded and run.
pub(super) fn options(args: &WorldArgs) -> Result<object::Options, Failure> {
    let read = |file: &PathBuf| {
        let read = object::Source::read_as(&file.display().to_string(), file);
        read.map(|source| source.bytes).map_err(|error| Failure::object(&error))
    };
    let btf = args.objects.btf.as_ref().map(read).transpose()?;
    Ok(object::Options { btf, engine: args.objects.engine.unwrap_or_default() })
}
