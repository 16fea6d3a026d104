//! One case over one endpoint: its code, its end, its evidence.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use rfc6455::{Frame, StatusCode};

use super::{Judged, KEPT_EVENTS, LONGEST_CASE};
use crate::autobahn::{self, Words};
use crate::case::{Case, Judging, Run, Weight};
use crate::dialer::Dialer;
use crate::endpoint;
use crate::http2_peer::Http2Opener;
use crate::measured::Measured;
use crate::opener::{Opener, not_agreed};
use crate::peer::Peer;
use crate::record::{Record, SharedRecord};
use crate::verdict::{Finding, Outcome, Verdict};
use crate::wire::Setting;

/// Runs a case to its end, whatever that is, and keeps its evidence.
pub(super) async fn judge(
    case: &'static Case,
    setting: Setting,
    keeps_all: bool,
) -> Judged {
    let begun = Instant::now();
    let records = Arc::clone(&setting.records);
    let endpoint = Arc::clone(&setting.endpoint);
    let longest = endpoint.patience * LONGEST_CASE;
    let verdict = tokio::time::timeout(longest, verdict(case, setting));
    let (verdict, waits) = endpoint::watching_waits(verdict).await;
    let verdict = verdict.unwrap_or_else(|_| {
        Err(Finding::Blocked(format!(
            "it did not end within {longest:?}"
        )))
    });
    // Silence where nobody was served tells nothing of this case's rule.
    let verdict = match verdict {
        Err(Finding::Violation { got, .. })
            if waits.unserved && case.weight() != Weight::Own =>
        {
            Err(Finding::Blocked(format!(
                "{got}; but meanwhile the server did not serve anybody"
            )))
        }
        verdict => verdict,
    };
    let records = std::mem::take(
        &mut *records
            .lock()
            .unwrap_or_else(PoisonError::into_inner),
    );
    let words = words(case, &records);
    if !keeps_all {
        for record in &records {
            record
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .shorten(KEPT_EVENTS);
        }
    }
    Judged {
        case,
        outcome: Outcome::of(case.level, &verdict),
        finding: verdict.err(),
        note: None,
        upstream: Vec::new(),
        words,
        records,
        duration: begun.elapsed(),
        waited_in_vain: waits.in_vain,
        is_settled: false,
    }
}

async fn verdict(case: &'static Case, setting: Setting) -> Verdict {
    if let Some(why) = case.is_beside(setting.endpoint.over) {
        return Err(Finding::Unsupported(why.to_owned()));
    }
    let seed = seed(case.id);
    let mut dialer = Dialer::new(setting.clone(), seed);
    match case.run {
        Run::Measured(run) | Run::MeasuredHttp2(run) => {
            let mut measured = Measured::start(setting, seed).await?;
            let verdict = run(&mut measured).await;
            let verdict = measured.outlives(verdict);
            measured.end().await;
            verdict
        }
        Run::Dialer(run) => run(&mut dialer).await,
        Run::Http2(run) => run(&mut Http2Opener::new(setting, seed)).await,
        Run::Opener(run) => run(&mut Opener::new(dialer)).await,
        Run::Peer(run) => match case.autobahn {
            None => run(&mut dialer.open().await?).await,
            Some(id) => {
                let peer = dialer.open_as_autobahn().await?;
                verdict_and_words(peer, run, id).await
            }
        },
        Run::Deflated(run) => {
            let mut opener = Opener::new(dialer);
            match case.autobahn {
                None => run(&mut opener.deflated(rfc7692::NAME).await?).await,
                Some(id) => {
                    let peer = opener.deflated_as_autobahn(id).await?;
                    match peer.agreement() {
                        Some(_) => verdict_and_words(peer, run, id).await,
                        None => not_implemented(peer, id).await,
                    }
                }
            }
        }
    }
}

/// Ends a case that needs compression where there is none, as Autobahn does.
async fn not_implemented(mut peer: Peer, id: &str) -> Verdict {
    let timer = autobahn::timer(id);
    if peer.endpoint().autobahn_timers {
        peer.set_timer(timer);
    }
    peer.send(Frame::close(StatusCode::NORMAL_CLOSURE, ""))
        .await?;
    peer.conclude(timer, Err(not_agreed()), true)
        .await
}

/// Runs a case that Autobahn has, too, to the end of its connection: Autobahn
/// also has a word for that.
async fn verdict_and_words(
    mut peer: Peer,
    run: fn(&mut Peer) -> Judging<'_>,
    id: &str,
) -> Verdict {
    let timer = autobahn::timer(id);
    let with_timers = peer.endpoint().autobahn_timers;
    if with_timers {
        peer.set_timer(timer);
    }
    let verdict = run(&mut peer).await;
    if matches!(verdict, Err(Finding::Unsupported(_))) && !with_timers {
        // Nobody asks how that ends.
        return verdict;
    }
    let tester_closes =
        peer.with_record(|record| autobahn::tester_closes(id, record));
    peer.conclude(timer, verdict, tester_closes).await
}

/// Autobahn's words for a case that carries one of Autobahn's; a connection
/// that never opened has some, too.
pub(super) fn words(case: &Case, records: &[SharedRecord]) -> Option<Words> {
    let id = case.autobahn?;
    let never_opened = Record::shared();
    let record = records.first().unwrap_or(&never_opened);
    let record = record
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    Some(autobahn::judge(id, &record))
}

/// The same case sends the same keys in every run (FNV-1a).
fn seed(id: &str) -> u64 {
    id.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
        })
}
