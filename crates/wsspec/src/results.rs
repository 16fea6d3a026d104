//! Results as data: what a run has found, to be written down and read again.
//!
//! The JSON has a schema, `data/results-1.schema.json`; its number changes when
//! something that was there goes or means something else. JUnit, Markdown and
//! the HTML page are made from the same data.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use serde::{Deserialize, Serialize};

use crate::cause::{self, Cause};
use crate::report::{Counts, ExplainedResult, Short, fails, trace};
use crate::runner::Judged;
use crate::verdict::{Finding, Level, Outcome};

/// The number of the JSON's schema.
pub const SCHEMA: u32 = 1;

/// What a run has found about one server, or about several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    schema: u32,
    /// The version of wsspec.
    pub wsspec: String,
    /// In the order in which they were judged.
    pub targets: Vec<Target>,
}

/// What a run has found about one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Its address, or the name that its `server.toml` gives it.
    pub name: String,
    /// How long the run took, in seconds.
    pub seconds: f64,
    /// In the order of the RFC.
    pub cases: Vec<CaseResult>,
}

/// What a case has found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseResult {
    /// The id of the case.
    pub id: String,
    /// The one word for it.
    pub outcome: Outcome,
    /// How strongly its rule binds.
    pub level: Level,
    /// The rule as a sentence.
    pub rule: String,
    /// The ids of the clauses that it tests.
    pub clauses: Vec<String>,
    /// The Autobahn|Testsuite case that it carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autobahn: Option<String>,
    /// What the rule asks for, where it is broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What came instead, what was observed, or why the case did not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
    /// What it has in common with other cases that need a look, in words; see
    /// [`crate::cause`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Why it is known, or stale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Threads about a known violation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upstream: Vec<String>,
    /// How often what came out, where that was not always the same.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unsteady: BTreeMap<Outcome, usize>,
    /// The connection that the case is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<String>,
    /// How long the case took, in seconds.
    pub seconds: f64,
}

/// Why a text holds no results.
#[derive(Debug, thiserror::Error)]
pub enum NotResults {
    /// It is something else.
    #[error("these are no results of wsspec: {0}")]
    Invalid(serde_json::Error),
    /// A later wsspec has written it.
    #[error("the results have schema {0}, and this wsspec reads {SCHEMA}")]
    Schema(u32),
}

impl Results {
    /// The results about these servers.
    #[must_use]
    pub fn new(targets: Vec<Target>) -> Self {
        Self {
            schema: SCHEMA,
            wsspec: env!("CARGO_PKG_VERSION").to_owned(),
            targets,
        }
    }

    /// Reads what `--format json` has written.
    ///
    /// # Errors
    ///
    /// Anything else.
    pub fn read(json: &str) -> Result<Self, NotResults> {
        /// All that every schema has.
        #[derive(Deserialize)]
        struct Any {
            schema: u32,
        }
        let any: Any =
            serde_json::from_str(json).map_err(NotResults::Invalid)?;
        if any.schema != SCHEMA {
            return Err(NotResults::Schema(any.schema));
        }
        serde_json::from_str(json).map_err(NotResults::Invalid)
    }
}

impl Target {
    /// What a run over `name` that took so many seconds has found.
    #[must_use]
    pub fn new(name: &str, judged: &[Judged], seconds: f64) -> Self {
        Self {
            name: name.to_owned(),
            seconds,
            cases: judged.iter().map(CaseResult::of).collect(),
        }
    }

    /// How many cases of each level came out how.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let cases = self.cases.iter();
        Counts::of(cases.map(|case| (case.level, case.outcome)))
    }
}

impl CaseResult {
    /// What a case has found, without its evidence but the trace.
    #[must_use]
    pub fn of(judged: &Judged) -> Self {
        let case = judged.case;
        let expected = match &judged.finding {
            Some(Finding::Violation { expected, .. }) => Some(expected.clone()),
            _ => None,
        };
        let clauses = case.clauses.iter();
        let mut result = Self {
            id: case.id.to_owned(),
            outcome: judged.outcome,
            level: case.level,
            rule: case.rule().to_owned(),
            clauses: clauses.map(|&id| id.to_owned()).collect(),
            autobahn: case.autobahn.map(str::to_owned),
            expected,
            got: judged.finding.as_ref().map(Finding::got),
            cause: None,
            note: judged.note.clone(),
            upstream: judged.upstream.clone(),
            unsteady: BTreeMap::new(),
            trace: trace(judged),
            seconds: judged.duration.as_secs_f64(),
        };
        result.cause = cause::name(&result);
        result
    }

    /// Whether a run should fail for it.
    #[must_use]
    pub fn fails(&self, strict: bool) -> bool {
        fails(self.outcome, strict)
    }
}

/// The results as a JUnit report: one suite a server, one test a case. What is
/// `unsupported` or known counts as skipped, and what is `non-strict` as well
/// unless the run is strict; what the RFC leaves open has passed.
///
/// Each failure names its cause. One example of a cause is told in full, and
/// the others refer to it.
///
/// # Errors
///
/// None but those of the XML writer.
pub fn junit(
    results: &Results,
    strict: bool,
) -> Result<String, quick_junit::SerializeError> {
    let mut report = quick_junit::Report::new("wsspec");
    for target in &results.targets {
        let mut suite = TestSuite::new(target.name.as_str());
        let causes = Cause::all(&target.cases, strict);
        for case in &target.cases {
            let cause = causes.iter().find(|cause| {
                let mut its = cause.cases.iter();
                its.any(|it| it.id == case.id)
            });
            let mut test =
                TestCase::new(case.id.as_str(), status(case, cause, strict));
            let took = std::time::Duration::try_from_secs_f64(case.seconds);
            test.set_time(took.unwrap_or_default());
            test.set_classname(format!("wsspec.{}", case.level));
            suite.add_test_case(test);
        }
        report.add_test_suite(suite);
    }
    report.to_string()
}

fn status(
    case: &CaseResult,
    cause: Option<&Cause<'_>>,
    strict: bool,
) -> TestCaseStatus {
    if case.fails(strict) {
        let kind = match case.outcome {
            Outcome::Broken => NonSuccessKind::Error,
            _ => NonSuccessKind::Failure,
        };
        let mut status = TestCaseStatus::non_success(kind);
        let got = case.got.clone();
        let got = got.unwrap_or_else(|| case.outcome.to_string());
        status.set_type(case.outcome.to_string());
        match cause {
            Some(cause) if cause.cases.len() > 1 => {
                let (name, count) = (&cause.name, cause.cases.len());
                status
                    .set_message(format!("{got} [{count} cases with: {name}]"));
                let example = cause.example();
                let text = match example.id == case.id {
                    true => ExplainedResult(case).to_string(),
                    false => {
                        format!("{}  example   {}\n", Short(case), example.id)
                    }
                };
                status.set_description(plain(&text));
            }
            _ => {
                status.set_message(got);
                status
                    .set_description(plain(&ExplainedResult(case).to_string()));
            }
        }
        return status;
    }
    match case.outcome {
        Outcome::Pass | Outcome::Info => TestCaseStatus::success(),
        outcome => {
            let mut status = TestCaseStatus::skipped();
            let why = case.note.as_ref().or(case.got.as_ref());
            status.set_type(outcome.to_string());
            status.set_message(why.cloned().unwrap_or_default());
            status
        }
    }
}

/// The results in Markdown, for the summary of a CI run: the counts, and each
/// cause that fails the run, with one example in full, and its cases, folded.
#[must_use]
pub fn markdown(results: &Results, strict: bool) -> String {
    let mut text = String::new();
    for target in &results.targets {
        let counts = plain(&target.counts().to_string());
        let name = &target.name;
        _ = write!(text, "## wsspec: {name}\n\n```text\n{counts}```\n\n");
        let causes = Cause::all(&target.cases, strict);
        for cause in causes.iter().filter(|it| it.fails(strict)) {
            let (counts, name) = (cause.counts(), escaped(&cause.name));
            let explained = ExplainedResult(cause.example()).to_string();
            let explained = plain(&explained);
            // Longer than any run of backticks that a peer could send.
            let fence = "`".repeat(3 + most_backticks(&explained));
            let outcome = cause.example().outcome;
            _ = write!(
                text,
                "<details><summary><b>{outcome}</b> {counts}: \
                 {name}</summary>\n\n{fence}text\n{explained}{fence}\n\n"
            );
            let others = cause.cases.len() > 1;
            for case in cause.cases.iter().filter(|_| others) {
                _ = writeln!(text, "- `{}`", case.id);
            }
            _ = write!(text, "\n</details>\n\n");
        }
        for hint in cause::hints(&causes) {
            _ = write!(text, "Hint: {hint}\n\n");
        }
    }
    text
}

/// What a summary in HTML may hold.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('`', "&#96;")
}

/// Without ANSI styles.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn most_backticks(text: &str) -> usize {
    let runs = text.split(|char| char != '`').map(str::len);
    runs.max().unwrap_or(0)
}
