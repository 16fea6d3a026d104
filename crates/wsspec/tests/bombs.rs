//! A judge is a reader, too: where a server answers with bombs the cases end
//! with a violation, and the suite keeps to its memory.

#![cfg(target_os = "linux")]

mod peak;
#[expect(dead_code, reason = "this test needs a part of it")]
mod reference;

use std::time::Duration;

use peak::{MOST, peak};
use reference::{Defect, Kind, Reference};
use wsspec::{Endpoint, Finding, Runner, cases};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_with_bombs_costs_the_suite_no_memory() {
    let bombs = Some(Defect::AnswersWithBomb);
    let reference = Reference::start_as(Kind::Deflate, bombs).await;
    let url = reference.url().parse().expect("a URL");
    let mut endpoint = Endpoint::new(url, Duration::from_millis(250));
    endpoint.declared = Kind::Deflate.declared();
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
