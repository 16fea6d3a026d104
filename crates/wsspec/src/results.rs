//! Results for other programs: JSON, JUnit and Markdown.
//!
//! The JSON has a schema, `data/results-1.schema.json`; its number changes when
//! something that was there goes or means something else.

use std::fmt::Write as _;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;

use crate::report::{Counts, Explained, is_violation, trace};
use crate::runner::Judged;
use crate::verdict::{Finding, Outcome};

/// The number of the JSON's schema.
pub const SCHEMA: u32 = 1;

/// What a run has found, as data.
#[derive(Debug, Serialize)]
pub struct Results<'a> {
    schema: u32,
    wsspec: &'static str,
    target: String,
    seconds: f64,
    cases: Vec<CaseResult<'a>>,
}

#[derive(Debug, Serialize)]
struct CaseResult<'a> {
    id: &'a str,
    outcome: String,
    level: String,
    rule: &'a str,
    clauses: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    autobahn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    got: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    upstream: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trace: Vec<String>,
    seconds: f64,
}

impl<'a> Results<'a> {
    /// The results of a run over `target` that took so many seconds.
    #[must_use]
    pub fn new(target: &str, judged: &'a [Judged], seconds: f64) -> Self {
        Self {
            schema: SCHEMA,
            wsspec: env!("CARGO_PKG_VERSION"),
            target: target.to_owned(),
            seconds,
            cases: judged.iter().map(CaseResult::of).collect(),
        }
    }
}

impl<'a> CaseResult<'a> {
    fn of(judged: &'a Judged) -> Self {
        let case = judged.case;
        let expected = match &judged.finding {
            Some(Finding::Violation { expected, .. }) => Some(&**expected),
            _ => None,
        };
        // What holds needs no evidence, and would be most of the file.
        let trace = match judged.outcome {
            Outcome::Pass => Vec::new(),
            _ => trace(judged),
        };
        Self {
            id: case.id,
            outcome: judged.outcome.to_string(),
            level: case.level.to_string(),
            rule: case.rule(),
            clauses: case.clauses,
            autobahn: case.autobahn,
            expected,
            got: judged.finding.as_ref().map(Finding::got),
            note: judged.note.as_deref(),
            upstream: &judged.upstream,
            trace,
            seconds: judged.duration.as_secs_f64(),
        }
    }
}

/// The results as a JUnit report: one suite, one test a case. What is
/// `unsupported`, `blocked` or known counts as skipped; what the RFC leaves
/// open has passed.
///
/// # Errors
///
/// None but those of the XML writer.
pub fn junit(
    target: &str,
    judged: &[Judged],
    strict: bool,
) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new(target);
    for judged in judged {
        let mut test = TestCase::new(judged.case.id, status(judged, strict));
        test.set_time(judged.duration);
        test.set_classname(format!("wsspec.{}", judged.case.level));
        suite.add_test_case(test);
    }
    let mut report = quick_junit::Report::new("wsspec");
    report.add_test_suite(suite);
    report.to_string()
}

fn status(judged: &Judged, strict: bool) -> TestCaseStatus {
    let broken = judged.outcome == Outcome::Broken;
    if broken || is_violation(judged.outcome, strict) {
        let kind = match broken {
            true => NonSuccessKind::Error,
            false => NonSuccessKind::Failure,
        };
        let mut status = TestCaseStatus::non_success(kind);
        let got = judged.finding.as_ref().map(Finding::got);
        status.set_message(got.unwrap_or_else(|| judged.outcome.to_string()));
        status.set_type(judged.outcome.to_string());
        let text = Explained(judged).to_string();
        status.set_description(plain(&text));
        return status;
    }
    match judged.outcome {
        Outcome::Pass | Outcome::Info => TestCaseStatus::success(),
        outcome => {
            let mut status = TestCaseStatus::skipped();
            let why = judged.note.clone();
            let why = why.or(judged.finding.as_ref().map(Finding::got));
            status.set_type(outcome.to_string());
            status.set_message(why.unwrap_or_default());
            status
        }
    }
}

/// The results in Markdown, for the summary of a CI run: the counts, and each
/// case that fails, folded.
#[must_use]
pub fn markdown(target: &str, judged: &[Judged], strict: bool) -> String {
    let mut text = format!("## wsspec: {target}\n\n```text\n");
    text += &plain(&Counts::of(judged).to_string());
    text += "```\n";
    let broken = |judged: &&Judged| {
        judged.outcome == Outcome::Broken
            || is_violation(judged.outcome, strict)
    };
    for judged in judged.iter().filter(broken) {
        let (outcome, id) = (judged.outcome, judged.case.id);
        let explained = plain(&Explained(judged).to_string());
        // Longer than any run of backticks that a peer could send.
        let fence = "`".repeat(3 + most_backticks(&explained));
        _ = write!(
            text,
            "\n<details><summary><b>{outcome}</b> <code>{id}</code>: \
             {}</summary>\n\n{fence}text\n{explained}{fence}\n\n</details>\n",
            judged.case.rule()
        );
    }
    text
}

/// Without ANSI styles.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn most_backticks(text: &str) -> usize {
    let runs = text.split(|char| char != '`').map(str::len);
    runs.max().unwrap_or(0)
}
