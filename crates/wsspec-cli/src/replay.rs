//! `wsspec replay`: one case alone, with everything that went over the wire.

use std::fmt::Write as _;
use std::sync::PoisonError;

use wsspec::report::{Explained, is_violation};
use wsspec::{Endpoint, Judged, Runner, Selection};

use crate::arguments::{Replay, usage};
use crate::judge::must_be_near;
use crate::{Exit, print, reach, selected};

pub(crate) async fn replay(arguments: &Replay) -> Exit {
    let selection = Selection {
        cases: vec![arguments.case.clone()],
        ..Selection::default()
    };
    let cases = selected(&selection);
    if cases.len() > 1 {
        let count = cases.len();
        usage(&format!(
            "{:?} stands for {count} cases, and one is replayed at a time",
            arguments.case
        ));
    }
    let patience = arguments.patience.duration();
    let mut endpoint = Endpoint::new(arguments.url.clone(), patience);
    arguments.declare.apply(&mut endpoint);
    must_be_near(&endpoint.url, arguments.allow_public);
    let runner = Runner::new(endpoint, 1);
    if let Err(exit) = reach(&runner).await {
        return exit;
    }
    let judged = runner.run(cases, |_| {}).await;
    let mut text = String::new();
    for judged in &judged {
        text += &transcript(judged, arguments.hex);
    }
    let broken = judged
        .iter()
        .any(|judged| is_violation(judged.outcome, true));
    let failed = judged
        .iter()
        .any(|judged| judged.outcome == wsspec::Outcome::Broken);
    let exit = match (failed, broken) {
        (true, _) => Exit::OwnFault,
        (false, true) => Exit::Violations,
        (false, false) => Exit::AsExpected,
    };
    print(text.as_bytes(), exit)
}

fn transcript(judged: &Judged, hex: bool) -> String {
    let mut text = Explained(judged).without_trace().to_string();
    for (number, record) in (1..).zip(&judged.records) {
        let record = record
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        _ = writeln!(text, "\n  connection {number}");
        for line in record.transcript(hex) {
            _ = writeln!(text, "  {line}");
        }
    }
    text
}
