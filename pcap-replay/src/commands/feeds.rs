//! From captures and the flags about them to the frames of a run.

use xdpsim_core::FrameNo;

use super::ingress;
use super::world::{Capture, World};
use crate::capture::{CaptureError, CaptureReader, ReadOptions};
use crate::cli::CorpusArgs;
use crate::exit::Failure;
use crate::feed::{Chained, Feed, Input, InterfacePorts, Limited, Looped, Mapped, Merged};

/// What is taken of captures.
#[derive(Clone)]
pub(super) struct Taking {
    pub read: ReadOptions,
    limit: Option<u64>,
    passes: u32,
    interfaces: Option<InterfacePorts>,
}

impl Taking {
    /// All frames, once.
    pub fn all(world: &World) -> Self {
        let read = ReadOptions { truncated: world.truncated, ..ReadOptions::default() };
        Self { read, limit: None, passes: 1, interfaces: world.interfaces.clone() }
    }

    /// The same, read in another way.
    pub fn reading(world: &World, read: ReadOptions) -> Self {
        Self { read, ..Self::all(world) }
    }

    /// What the flags say.
    pub fn new(world: &World, args: &CorpusArgs) -> Result<Self, Failure> {
        let interfaces = ingress::interfaces(&world.plan, &args.interface)?;
        let together = world.captures.iter().any(|capture| matches!(capture, Capture::Together(_)));
        if interfaces.is_some() && together {
            return Err(Failure::usage(
                "`--interface` and `--ingress PORT=FILE` both say on which port frames arrive",
                "leave one of them out",
            ));
        }
        let passes = args.passes.unwrap_or(1);
        let is_stdin = |path: &std::path::Path| path == std::path::Path::new("-");
        if passes > 1 && world.captures.iter().flat_map(Capture::files).any(is_stdin) {
            return Err(Failure::usage(
                "`--loop` cannot play standard input again",
                "write it to a file first",
            ));
        }
        let interfaces = interfaces.or_else(|| world.interfaces.clone());
        Ok(Self { limit: args.limit, passes, interfaces, ..Self::all(world) })
    }

    /// The frames of these captures, in a row.
    pub fn feed(&self, captures: &[Capture]) -> Result<Feed, CaptureError> {
        let (taking, captures) = (self.clone(), captures.to_vec());
        let open = move |first| taking.pass(&captures, first);
        Ok(Feed::new(match self.passes {
            0 | 1 => open(FrameNo(0))?,
            passes => Box::new(Looped::new(Box::new(open), passes)?),
        }))
    }

    fn pass(&self, captures: &[Capture], first: FrameNo) -> Result<Box<dyn Input>, CaptureError> {
        let input = match captures {
            [only] => self.open(only, first)?,
            several => {
                let (taking, captures) = (self.clone(), several.to_vec());
                let count = captures.len();
                Box::new(Chained::new(
                    Box::new(move |place, first| taking.open(&captures[place], first)),
                    count,
                ))
            }
        };
        Ok(match self.limit {
            None => input,
            Some(frames) => Box::new(Limited::new(input, frames)),
        })
    }

    fn open(&self, capture: &Capture, first: FrameNo) -> Result<Box<dyn Input>, CaptureError> {
        let options = ReadOptions { first, ..self.read };
        if let Capture::Together(lanes) = capture {
            // All of them are read at once.
            let buffer_bytes = (options.buffer_bytes / lanes.len().max(1)).max(64 * 1024);
            let options = ReadOptions { buffer_bytes, ..options };
            let open =
                |(port, path): &(_, std::path::PathBuf)| Ok((*port, CaptureReader::open(path, &options)?));
            let readers: Result<Vec<_>, CaptureError> = lanes.iter().map(open).collect();
            return Ok(Box::new(Merged::new(readers?, first)));
        }
        let reader = capture.open(&options)?;
        Ok(match &self.interfaces {
            // Made-up frames come from nowhere.
            Some(_) if matches!(capture, Capture::BuiltIn) => Box::new(reader),
            None => Box::new(reader),
            Some(ports) => Box::new(Mapped::new(reader, ports.clone())),
        })
    }
}
