//! The result as JUnit XML, which CI systems show: a suite for each scenario, a case for each
//! expectation.
//!
//! Without times and ids, so that equal results are equal bytes.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::judge::Broken;
use super::report::{Case, Verdict};
use crate::exit::Failure;
use crate::scenario::Colour;

/// The document.
///
/// # Errors
/// If the XML library cannot write it.
pub fn document(cases: &[Case]) -> Result<String, Failure> {
    let mut report = Report::new("xdpsim test");
    report.add_test_suites(cases.iter().map(suite));
    report.to_string().map_err(|error| Failure::internal(format!("the JUnit document: {error}")))
}

fn suite(case: &Case) -> TestSuite {
    let mut suite = TestSuite::new(case.file.as_str());
    match &case.verdict {
        Verdict::Failed(failure) => {
            let status = status(NonSuccessKind::Error, "cannot be run", &failure.render(Colour::Never));
            suite.add_test_case(TestCase::new("run", status));
        }
        Verdict::Unexpecting => {
            let mut status = TestCaseStatus::skipped();
            status.set_message("no `[expect]`, or an empty one");
            suite.add_test_case(TestCase::new("run", status));
        }
        Verdict::Passed | Verdict::Updated(_) => add(&mut suite, case, &[]),
        Verdict::Broken(broken) => add(&mut suite, case, broken),
    }
    suite
}

fn add(suite: &mut TestSuite, case: &Case, broken: &[Broken]) {
    for (line, name) in &case.expectations {
        let broken = broken.iter().find(|broken| (broken.line, &broken.what) == (*line, name));
        let status = broken.map_or_else(TestCaseStatus::success, |broken| {
            let message = format!("expected {}, found {}", broken.expected, broken.found);
            status(NonSuccessKind::Failure, &message, &broken.text(&case.file))
        });
        suite.add_test_case(TestCase::new(format!("line {line}: {name}"), status));
    }
}

fn status(kind: NonSuccessKind, message: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message).set_description(description);
    status
}
