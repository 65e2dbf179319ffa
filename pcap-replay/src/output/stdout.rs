//! Standard output and standard error, where a reader that went away is no error.

use std::io::{self, Write};

use crate::exit::Failure;

/// Prints to standard output. A closed pipe (`| head`) is quiet.
///
/// # Errors
/// If it cannot be written for another reason.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::output("standard output", &error))
        }
        _ => Ok(()),
    }
}

/// Prints to standard error; if that fails there is nowhere to say so.
pub fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
