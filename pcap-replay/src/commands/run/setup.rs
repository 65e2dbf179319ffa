//! From arguments to an object that is ready: loaded, its variables set, its maps filled, its program chosen.

use std::path::Path;

use xdpsim_vm::host::ProgIdx;
use xdpsim_vm::load::{Attach, LoadError, LoadOptions, Object, limits};
use xdpsim_vm::machine::Machine;
use xdpsim_vm::test_run::Ebpf;

use super::contents::Contents;
use crate::cli::RunArgs;
use crate::exit::Failure;
use crate::near;

/// The object under test, and the program to run.
pub(super) fn object(args: &RunArgs) -> Result<(Ebpf, ProgIdx), Failure> {
    let contents = args.maps.as_deref().map(Contents::read).transpose()?;
    let mut object = load(args)?;
    if let Some(contents) = &contents {
        contents.set_globals(&mut object)?;
    }
    let mut builder = Machine::builder().object(object).cpus(args.cpus).engine(args.engine);
    if let Some(contents) = &contents {
        builder = contents.add_inner(builder)?;
    }
    let machine = builder.build().map_err(|error| {
        Failure::usage(error.to_string(), "`xdpsim run --help` says what objects are taken")
    })?;
    let program = choose(&machine, args)?;
    let mut object = Ebpf::from_machine(machine, args.seed);
    // As where BPF_PROG_TEST_RUN runs: nobody has opened the buffers.
    object.bench_mut().listening = false;
    if let Some(contents) = &contents {
        contents.fill(&mut object)?;
    }
    Ok((object, program))
}

fn load(args: &RunArgs) -> Result<Object, Failure> {
    let name = args.object.display().to_string();
    let bytes = read(&args.object, "the object")?;
    let btf = args.btf.as_deref().map(|path| read(path, "the types")).transpose()?;
    if args.object.extension().is_some_and(|ending| ending == "c") {
        return Err(Failure::usage(
            format!("{name}: this is source, not an object"),
            "compile it: clang -target bpf -O2 -g -c fwd.c -o fwd.o",
        ));
    }
    Object::load(&name, &bytes, LoadOptions { btf: btf.as_deref() }).map_err(|error| refused(&error, args))
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>, Failure> {
    let file = path.display();
    let too_long = || {
        Failure::usage(
            format!("{file}: {what} is longer than {} MiB", limits::OBJECT >> 20),
            "name an object that clang made for the target bpf",
        )
    };
    let cannot = |error: std::io::Error| {
        let near = near::did_you_mean(&file.to_string());
        let help = near.unwrap_or_else(|| "name a file that exists and can be read".to_owned());
        Failure::usage(format!("{file}: cannot read {what}: {error}"), help)
    };
    let long = std::fs::metadata(path).is_ok_and(|data| data.len() > limits::OBJECT as u64);
    if long {
        return Err(too_long());
    }
    std::fs::read(path).map_err(cannot)
}

/// What is wrong with an object, and what helps.
fn refused(error: &LoadError, args: &RunArgs) -> Failure {
    let turned = args.capture.extension().is_some_and(|ending| ending == "o");
    let help = if turned {
        "the object comes first: xdpsim run OBJECT CAPTURE".to_owned()
    } else {
        error.remedy.clone()
    };
    Failure::usage(format!("{}{}: {}", error.object, error.place, error.what), help)
}

/// The program that was named, or the only one.
fn choose(machine: &Machine, args: &RunArgs) -> Result<ProgIdx, Failure> {
    let runnable: Vec<_> =
        machine.programs().filter(|(_, _, program)| program.attach == Attach::Interface).collect();
    let names: Vec<&str> = runnable.iter().map(|(_, _, program)| program.name.as_str()).collect();
    let file = args.object.display();
    if let Some(name) = &args.prog {
        let found = machine.program(name).map_err(|error| {
            Failure::usage(format!("{file}: {error}"), format!("name one with --prog: {}", names.join(", ")))
        })?;
        return match runnable.iter().any(|(at, ..)| *at == found) {
            true => Ok(found),
            false => Err(Failure::usage(
                format!(
                    "{file}: program `{name}` is for entries of maps, and cannot be run on a frame alone"
                ),
                match names[..] {
                    [] => "the object has no program for interfaces: SEC(\"xdp\")".to_owned(),
                    _ => format!("name one for interfaces: {}", names.join(", ")),
                },
            )),
        };
    }
    match runnable[..] {
        [(only, ..)] => Ok(only),
        [] => Err(Failure::usage(
            format!("{file}: all of its programs are for entries of maps"),
            "mark a program for interfaces with SEC(\"xdp\")",
        )),
        _ => Err(Failure::usage(
            format!("{file} has {} programs", names.len()),
            format!("say which: --prog {}", names.join(", --prog ")),
        )),
    }
}
