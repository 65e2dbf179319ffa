//! `xdpsim run`: an object's program over a capture, frame by frame, as BPF_PROG_TEST_RUN does it for one.
//!
//! Owns the loop over frames. What maps begin with is [`contents`]', what is said about frames [`report`]'s, what maps
//! hold at the end [`dump`]'s.

mod contents;
mod dump;
mod report;
mod setup;

use std::io::{BufWriter, Write};
use std::path::Path;

use xdpsim_core::Nanos;
use xdpsim_vm::host::ProgIdx;
use xdpsim_vm::test_run::{Ebpf, Ran, Refused, TestRun};

use crate::capture::{CaptureReader, CaptureWriter, Fill, Format, FrameTable, ReadOptions, WriteOptions};
use crate::cli::RunArgs;
use crate::exit::{Exit, Failure};
use crate::output::stdout;
use report::{Report, error_line, frame_line};

/// Runs the command.
pub(super) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    check_standard_output(args)?;
    let (mut object, program) = setup::object(args)?;
    let mut reader = CaptureReader::open(&args.capture, &ReadOptions::default())?;
    let name = object.machine().program_at(program).map(|(_, program)| program.name.clone());
    let title = format!("{}, program {}", args.object.display(), name.unwrap_or_default());
    let mut course = Course { args, program, report: Report::new(title), now: 0, first: None, writer: None };
    let ended = course.frames(&mut object, &mut reader);
    if let Some(writer) = course.writer.take() {
        writer.finish()?;
    }
    let report = course.report;
    if let Some(path) = &args.dump_maps {
        dump::write(path, &mut object)?;
    }
    if !args.json && report.frames > 0 {
        let text = report.text(reader.file());
        let taken = [&args.write, &args.dump_maps].into_iter().flatten().any(|file| file == Path::new("-"));
        if taken { stdout::complain(&text) } else { stdout::print(&text)? }
    }
    let failure = ended.err().or_else(|| report.nothing(reader.file()));
    let Some(failure) = failure else { return Ok(report.exit()) };
    stdout::complain(&failure.render(super::colour()));
    if args.json {
        stdout::print(&error_line(&failure))?;
    }
    Ok(failure.exit())
}

/// Standard output has room for one.
fn check_standard_output(args: &RunArgs) -> Result<(), Failure> {
    let is_stdout = |path: &Option<std::path::PathBuf>| path.as_deref() == Some(Path::new("-"));
    let wanted = [
        (args.json, "--json"),
        (is_stdout(&args.write), "--write -"),
        (is_stdout(&args.dump_maps), "--dump-maps -"),
    ];
    let mut wanted = wanted.into_iter().filter(|(is, _)| *is);
    match (wanted.next(), wanted.next()) {
        (Some((_, one)), Some((_, two))) => Err(Failure::usage(
            format!("`{one}` and `{two}` both write to standard output"),
            "give one of them a file",
        )),
        _ => Ok(()),
    }
}

/// The run over a capture.
struct Course<'a> {
    args: &'a RunArgs,
    program: ProgIdx,
    report: Report,
    /// Virtual time: as in a replay it counts from the first frame and never runs backward.
    now: u64,
    first: Option<Nanos>,
    writer: Option<CaptureWriter>,
}

impl Course<'_> {
    /// All frames, up to a break of the capture or a fault at which to stop.
    fn frames(&mut self, object: &mut Ebpf, reader: &mut CaptureReader) -> Result<(), Failure> {
        let mut lines = BufWriter::new(std::io::stdout());
        let done = self.each(object, reader, &mut lines);
        match lines.flush() {
            Err(error) if done.is_ok() && error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Failure::output("standard output", &error))
            }
            _ => done,
        }
    }

    fn each(
        &mut self,
        object: &mut Ebpf,
        reader: &mut CaptureReader,
        lines: &mut impl Write,
    ) -> Result<(), Failure> {
        let mut table = FrameTable::default();
        while reader.fill(&mut table)? != Fill::End {
            if self.writer.is_none()
                && let Some(path) = &self.args.write
            {
                self.writer = Some(create(path, reader)?);
            }
            for index in 0..table.len() {
                let (frame, stamp) = (table.frame(index), table.stamps()[index]);
                let first = *self.first.get_or_insert(stamp);
                self.now = self.now.max(stamp.0.saturating_sub(first.0));
                object.bench_mut().now = self.now;
                let mut program = object.program_at(self.program).expect("it was found by name");
                let ran = program.test_run(TestRun { data_in: frame, ..TestRun::default() });
                if !self.take(frame, stamp, &ran, lines)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Books, prints and writes a frame; false at the end.
    fn take(
        &mut self,
        frame: &[u8],
        stamp: Nanos,
        ran: &Result<Ran, Refused>,
        lines: &mut impl Write,
    ) -> Result<bool, Failure> {
        let number = self.report.frames;
        self.report.add(ran);
        if self.args.json {
            let line = frame_line(number, frame, ran);
            match writeln!(lines, "{line}") {
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(false),
                Err(error) => return Err(Failure::output("standard output", &error)),
                Ok(()) => {}
            }
        }
        let Ok(ran) = ran else { return Ok(true) };
        if let Some(writer) = &mut self.writer {
            let left = &ran.data_out[ran.ctx_out.data as usize..];
            writer.write(stamp, left, left.len() as u32)?;
        }
        Ok(ran.fault.is_none() || !self.args.stop_on_fault)
    }
}

fn create(path: &Path, reader: &CaptureReader) -> Result<CaptureWriter, Failure> {
    let is_pcap = path.extension().is_some_and(|ending| ending == "pcap" || ending == "cap");
    let format = if is_pcap { Format::Pcap } else { Format::PcapNg };
    let options = WriteOptions { format, resolution: reader.resolution(), interface: "run".to_owned() };
    Ok(CaptureWriter::create(path, &options)?)
}
