//! A judge is a reader, too: where a server answers with bombs the cases end
//! with a violation, and the suite keeps to its memory.

use std::time::Duration;

use crate::{MOST, peak, support};
use wsspec::{Finding, Runner, cases};
use wsspec_reference::{Defect, Kind, Reference};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_with_bombs_costs_the_suite_no_memory() {
    let bombs = Some(Defect::AnswersWithBomb);
    let reference = Reference::start_as(Kind::Deflate, bombs).await;
    let patience = Duration::from_millis(250);
    let endpoint = support::endpoint(&reference, patience);
    let compressed = cases::all().filter(|case| {
        case.id.starts_with("7692/")
            || case.id.starts_with("hostile/compression/")
    });
    // As many at a time as in a run of one's own.
    let judged = Runner::new(endpoint, wsspec::runner::JOBS)
        .run(compressed, |_| {})
        .await;
    let inflated = judged.iter().filter(|judged| {
        matches!(&judged.finding, Some(Finding::Violation { got, .. })
            if got.starts_with("one that inflates to over"))
    });
    let inflated = inflated.count();
    assert!(inflated > 250, "{inflated} of {} cases", judged.len());
    let peak = peak();
    assert!(peak < MOST, "{} MiB", peak >> 10);
}
