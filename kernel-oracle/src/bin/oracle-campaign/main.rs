//! One campaign of the oracle on the running kernel, told as one JSON document.
//!
//! `oracle-campaign [--map-operations N] [--cases N] [--seed S] [--json FILE|-]`. The kernel matrix runs it,
//! as a static program, on kernels that have nothing else. Progress goes to standard error, the document to
//! the file or to standard output. Exit codes: 0 no difference; 1 the document lists differences; 2 the
//! arguments are wrong; 3 this machine cannot run a campaign, or the document cannot be written.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
mod checks;
#[cfg(target_os = "linux")]
mod document;
#[cfg(target_os = "linux")]
mod options;
#[cfg(target_os = "linux")]
mod play;
#[cfg(target_os = "linux")]
mod progress;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    use options::Options;

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = match Options::parse(&arguments) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("oracle-campaign: {why}");
            return ExitCode::from(2);
        }
    };
    let played = play::play(&options).and_then(|document| {
        document.write(&options.json)?;
        Ok(document)
    });
    match played {
        Ok(document) if document.differences.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(why) => {
            eprintln!("oracle-campaign: {why}");
            ExitCode::from(3)
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("oracle-campaign: compares the model with a Linux kernel, so it needs Linux");
    ExitCode::from(3)
}
