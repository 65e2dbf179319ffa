//! `xdpsim --version --json`: what this build knows, for scripts and bug reports.

use serde::Serialize;
use xdpsim_devmap::rule::RuleId;

use super::checked::CHECKED;
use crate::output::json;

/// A kernel beside which campaigns were played.
#[derive(Serialize)]
pub(super) struct Checked {
    /// Its series: `6.12`.
    pub kernel: &'static str,
    /// How many clauses of the rules were exercised there, without a difference.
    pub clauses: u32,
}

#[derive(Serialize)]
struct Document {
    schema: u32,
    name: &'static str,
    version: &'static str,
    /// Rules of docs/semantics that this build knows.
    rules: usize,
    /// Kernels on which campaigns found no difference (docs/conformance).
    kernels: &'static [Checked],
}

/// The document.
pub(super) fn document() -> String {
    json::pretty(&Document {
        schema: json::SCHEMA,
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        rules: RuleId::ALL.len(),
        kernels: CHECKED,
    })
}
