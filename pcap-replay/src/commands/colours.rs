//! Colours: only for somebody who watches, and not if they said no.
//!
//! `--color` decides; without it a stream that is a terminal is coloured unless `NO_COLOR` is set.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::sync::OnceLock;

use clap::ColorChoice;

use crate::cli::ColourArg;
use crate::scenario::Colour;

/// What `--color` said: once for the process, as the terminal is.
static CHOSEN: OnceLock<ColourArg> = OnceLock::new();

/// Remembers what the arguments say. Later calls change nothing.
pub(super) fn choose(colour: ColourArg) {
    CHOSEN.get_or_init(|| colour);
}

/// Colours on standard error.
pub(super) fn colour() -> Colour {
    on(&std::io::stderr())
}

/// Colours on standard output.
pub(super) fn on_stdout() -> Colour {
    on(&std::io::stdout())
}

fn on(stream: &impl IsTerminal) -> Colour {
    let unwanted = || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match CHOSEN.get().copied().unwrap_or_default() {
        ColourArg::Always => Colour::Always,
        ColourArg::Auto if stream.is_terminal() && !unwanted() => Colour::Always,
        ColourArg::Auto | ColourArg::Never => Colour::Never,
    }
}

/// What the arguments say before they are understood: help and errors about them have colours too.
pub(super) fn of_clap(arguments: &[OsString]) -> ColorChoice {
    let words: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let said = |word: &str| {
        words.contains(&format!("--color={word}").as_str())
            || words.windows(2).any(|pair| pair == ["--color", word])
    };
    match (said("always"), said("never")) {
        (true, false) => ColorChoice::Always,
        (_, true) => ColorChoice::Never,
        (false, false) => ColorChoice::Auto,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_resort_is_what_the_terminal_can() {
        let choice = |words: &str| of_clap(&words.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(choice("xdpsim replay"), ColorChoice::Auto);
        assert_eq!(choice("xdpsim --color never replay"), ColorChoice::Never);
        assert_eq!(choice("xdpsim replay --color=always"), ColorChoice::Always);
    }
}
