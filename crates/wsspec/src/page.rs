//! The results as one HTML page that needs nothing else.
//!
//! The page is `data/report.html`; what it shows is JSON that is put into it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::cause::{Cause, hints};
use crate::clauses::clause;
use crate::explain::explanation;
use crate::results::{CaseResult, Results, SCHEMA, Target};
use crate::verdict::{Level, Outcome};

/// Where the data goes.
const PLACE: &str = "__DATA__";

/// What the page shows: each case once, and what it found at each server.
#[derive(Serialize)]
struct Data<'a> {
    schema: u32,
    wsspec: &'a str,
    clauses: BTreeMap<&'a str, ClauseData>,
    cases: Vec<CaseData<'a>>,
    targets: Vec<TargetData<'a>>,
}

#[derive(Serialize)]
struct ClauseData {
    level: &'static str,
    section: String,
    rule: &'static str,
}

#[derive(Serialize)]
struct CaseData<'a> {
    id: &'a str,
    level: Level,
    rule: &'a str,
    clauses: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    autobahn: Option<&'a str>,
    accepts: Vec<&'static str>,
}

#[derive(Serialize)]
struct TargetData<'a> {
    name: &'a str,
    seconds: f64,
    strict: bool,
    causes: Vec<CauseData<'a>>,
    hints: Vec<String>,
    results: BTreeMap<&'a str, &'a CaseResult>,
}

/// What failing cases have in common.
#[derive(Serialize)]
struct CauseData<'a> {
    name: String,
    counts: String,
    /// Whether the run fails for it.
    fails: bool,
    outcome: Outcome,
    example: &'a str,
    patterns: Vec<(String, usize)>,
}

fn target_data(target: &Target, strict: bool) -> TargetData<'_> {
    let causes = Cause::all(&target.cases, strict);
    let results = target.cases.iter();
    TargetData {
        name: &target.name,
        seconds: target.seconds,
        strict,
        hints: hints(&causes),
        causes: causes
            .iter()
            .map(|cause| CauseData {
                name: cause.name.clone(),
                counts: cause.counts(),
                fails: cause.fails(strict),
                outcome: cause.example().outcome,
                example: &cause.example().id,
                patterns: cause.patterns(),
            })
            .collect(),
        results: results
            .map(|case| (case.id.as_str(), case))
            .collect(),
    }
}

/// The page, as a file of its own.
///
/// # Errors
///
/// None but those of the JSON writer.
pub fn page(
    results: &Results,
    strict: bool,
) -> Result<String, serde_json::Error> {
    let mut seen = BTreeSet::new();
    let all = results
        .targets
        .iter()
        .flat_map(|target| &target.cases);
    let cases: Vec<_> = all
        .filter(|case| seen.insert(case.id.as_str()))
        .map(|case| CaseData {
            id: &case.id,
            level: case.level,
            rule: &case.rule,
            clauses: &case.clauses,
            autobahn: case.autobahn.as_deref(),
            accepts: explanation(&case.id)
                .map(|it| it.accepts.clone())
                .unwrap_or_default(),
        })
        .collect();
    let clauses = cases
        .iter()
        .flat_map(|case| case.clauses)
        .filter_map(|id| Some((id.as_str(), clause(id)?)))
        .map(|(id, clause)| {
            let data = ClauseData {
                level: clause.level,
                section: clause.section(),
                rule: clause.rule,
            };
            (id, data)
        });
    let data = Data {
        schema: SCHEMA,
        wsspec: &results.wsspec,
        clauses: clauses.collect(),
        targets: results
            .targets
            .iter()
            .map(|target| target_data(target, strict))
            .collect(),
        cases,
    };
    // Nothing that a peer has sent may end the element it stands in.
    let json = serde_json::to_string(&data)?.replace('<', "\\u003c");
    Ok(include_str!("../data/report.html").replacen(PLACE, &json, 1))
}
