//! The run: many cases at a time over one endpoint.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use rfc6455::{Frame, StatusCode};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::autobahn::{self, Words};
use crate::case::{Case, Judging, Run, Weight};
use crate::dialer::{Dialer, Reply};
use crate::endpoint::{self, Endpoint};
use crate::http2_peer::Http2Opener;
use crate::measured::Measured;
use crate::opener::{Opener, not_agreed};
use crate::peer::{Incoming, Peer};
use crate::record::{Record, SharedRecord};
use crate::verdict::{Finding, Outcome, Verdict};
use crate::wire::Setting;

/// How long silence lasts before it counts, if nobody says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How many cases run at a time, if nobody says otherwise. Most of them wait
/// for the server, and some servers take a second for each FIN.
pub const JOBS: usize = 192;

/// How many cases that move megabytes run at a time: none of them waits.
const VOLUMES_AT_A_TIME: usize = 8;

/// How many servers of a case's own run at a time: what is measured is not
/// time, but there are not many processors.
const OWN_AT_A_TIME: usize = 4;

/// Of a record so many events are kept, from its beginning and its end, unless
/// it is that of the only case.
const KEPT_EVENTS: usize = 128;

/// So many times the patience is the end of a case that goes on although each
/// of its steps is bounded: some have forty steps, and a witness takes ten.
const LONGEST_CASE: u32 = 500;

/// Runs cases over an endpoint.
#[derive(Debug)]
pub struct Runner {
    endpoint: Arc<Endpoint>,
    jobs: usize,
}

/// A case with what it found.
#[derive(Debug)]
pub struct Judged {
    /// The case.
    pub case: &'static Case,
    /// The one word for it.
    pub outcome: Outcome,
    /// What the case found, if the rule does not simply hold.
    pub finding: Option<Finding>,
    /// Why it is known, where it is; why it is stale, where it is.
    pub note: Option<String>,
    /// Threads about it, where it is known.
    pub upstream: Vec<String>,
    /// Autobahn's words, where the case carries one of Autobahn's.
    pub words: Option<Words>,
    /// One record per connection, in the order of opening.
    pub records: Vec<SharedRecord>,
    /// How long the case took.
    pub duration: Duration,
}

/// Why there is nothing to judge.
#[derive(Debug, thiserror::Error)]
pub enum NotReachable {
    /// Nobody accepts connections there.
    #[error("{0}")]
    NoConnection(String),
    /// Somebody does, who does not speak WebSocket.
    #[error("{url} is no WebSocket endpoint: {reply}")]
    NoWebSocket {
        /// The address.
        url: String,
        /// What came instead of a 101.
        reply: String,
    },
    /// A WebSocket is there, but no echo.
    #[error(
        "{url} does not echo, and every case needs that: a text is \
             answered by {got}"
    )]
    NoEcho {
        /// The address.
        url: String,
        /// What came instead of the text.
        got: String,
    },
}

impl Runner {
    /// A runner of up to `jobs` cases at a time; at least one.
    #[must_use]
    pub fn new(endpoint: Endpoint, jobs: usize) -> Self {
        Self {
            endpoint: Arc::new(endpoint),
            jobs: jobs.max(1),
        }
    }

    /// Makes sure that there is something to judge: a right opening handshake
    /// is answered with 101, be that answer right or wrong in its details, and
    /// a text is echoed.
    ///
    /// # Errors
    ///
    /// What is there instead, in a sentence.
    pub async fn reach(&self) -> Result<(), NotReachable> {
        let Endpoint { url, patience, .. } = &*self.endpoint;
        // Nothing is there yet to tell slow from silent.
        let patient = Endpoint::unknown(url.clone(), *patience * 5);
        let patient = self.endpoint.like(patient);
        let mut dialer = Dialer::new(Setting::new(Arc::new(patient)), 0);
        let request = dialer.request();
        let answer = match dialer.dial(request).await {
            Ok(answer) => answer,
            Err(finding) => {
                return Err(NotReachable::NoConnection(finding.got()));
            }
        };
        if !answer.is_switch() {
            return Err(NotReachable::NoWebSocket {
                url: url.to_string(),
                reply: match answer.reply() {
                    Reply::Head(head) => format!(
                        "a right opening handshake is answered {} {}",
                        head.status, head.reason
                    ),
                    other => other.to_string(),
                },
            });
        }
        // A 101 that is wrong in its details is a case's matter, and so is a
        // frame that no server may send.
        let Ok(mut peer) = answer.into_peer() else {
            return Ok(());
        };
        let text = Frame::text("wsspec");
        let answered = match peer.send(text.clone()).await {
            Ok(()) => peer.next().await,
            Err(finding) => Err(finding),
        };
        match answered {
            Ok(got) if got != Incoming::from(text) => {
                Err(NotReachable::NoEcho {
                    url: url.to_string(),
                    got: got.to_string(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Runs the cases and gives the results back in the order of `cases`,
    /// whatever the order in which they end; `on_end` sees that order.
    ///
    /// Cases that measure nothing but the wire run side by side.
    pub async fn run(
        &self,
        cases: impl IntoIterator<Item = &'static Case>,
        mut on_end: impl FnMut(&Judged),
    ) -> Vec<Judged> {
        for host in self.endpoint.hosts() {
            // Where it does not come back the cases find nobody, and say so.
            _ = host.ensure().await;
        }
        let cases: Vec<_> = cases.into_iter().collect();
        let mut results: Vec<Option<Judged>> = Vec::new();
        results.resize_with(cases.len(), || None);
        // What can hold a server up for seconds comes when nobody else waits.
        for weight in
            [Weight::Light, Weight::Volume, Weight::Heavy, Weight::Own]
        {
            let mut running = JoinSet::new();
            for (instance, endpoint) in self.instances() {
                let part = cases.iter().copied().enumerate();
                let part = part.filter(|(_, case)| {
                    case.weight() == weight
                        && self.endpoint.instance_for(case) == instance
                });
                let keeps_all = cases.len() == 1;
                self.start(&mut running, endpoint, part, weight, keeps_all);
            }
            while let Some(ended) = running.join_next().await {
                if let Ok((index, judged)) = ended {
                    on_end(&judged);
                    results[index] = Some(judged);
                }
            }
        }
        results
            .into_iter()
            .zip(&cases)
            .map(|(judged, case)| judged.unwrap_or_else(|| broken(case)))
            .collect()
    }

    /// The server itself, and behind it its instances with their numbers.
    fn instances(
        &self,
    ) -> impl Iterator<Item = (Option<usize>, &Arc<Endpoint>)> {
        let instances = self.endpoint.instances.iter().enumerate();
        let instances = instances.map(|(n, (_, it))| (Some(n), it));
        std::iter::once((None, &self.endpoint)).chain(instances)
    }

    fn jobs_for(&self, endpoint: &Endpoint, weight: Weight) -> usize {
        // A case has up to two connections, and a witness.
        let most = endpoint.declared.max_connections;
        let most = most.map_or(usize::MAX, |most| (most / 3).max(1));
        most.min(match weight {
            Weight::Volume => self.jobs.min(VOLUMES_AT_A_TIME),
            Weight::Own => self.jobs.min(OWN_AT_A_TIME),
            _ => self.jobs,
        })
    }

    /// Starts cases, the last first: what takes long, and whoever is slow with
    /// it, stands at the end.
    fn start(
        &self,
        running: &mut JoinSet<(usize, Judged)>,
        endpoint: &Arc<Endpoint>,
        cases: impl DoubleEndedIterator<Item = (usize, &'static Case)>,
        weight: Weight,
        keeps_all: bool,
    ) {
        let jobs = self.jobs_for(endpoint, weight);
        let permits = Arc::new(Semaphore::new(jobs));
        for (index, case) in cases.rev() {
            let setting = Setting::new(Arc::clone(endpoint));
            let permits = Arc::clone(&permits);
            running.spawn(async move {
                let permit = permits.acquire_owned().await;
                let judged = judge(case, setting, keeps_all).await;
                drop(permit);
                (index, judged)
            });
        }
    }
}

async fn judge(
    case: &'static Case,
    setting: Setting,
    keeps_all: bool,
) -> Judged {
    let begun = Instant::now();
    let records = Arc::clone(&setting.records);
    let endpoint = Arc::clone(&setting.endpoint);
    let longest = endpoint.patience * LONGEST_CASE;
    let verdict = tokio::time::timeout(longest, verdict(case, setting));
    let (verdict, unserved) = endpoint::with_witness(verdict).await;
    let verdict = verdict.unwrap_or_else(|_| {
        Err(Finding::Blocked(format!(
            "it did not end within {longest:?}"
        )))
    });
    // Silence where nobody was served tells nothing of this case's rule.
    let verdict = match verdict {
        Err(Finding::Violation { got, .. })
            if unserved && case.weight() != Weight::Own =>
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
fn words(case: &Case, records: &[SharedRecord]) -> Option<Words> {
    let id = case.autobahn?;
    let never_opened = Record::shared();
    let record = records.first().unwrap_or(&never_opened);
    let record = record
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    Some(autobahn::judge(id, &record))
}

/// A case that panicked: ours is the fault, and the other cases go on.
fn broken(case: &'static Case) -> Judged {
    Judged {
        case,
        outcome: Outcome::Broken,
        finding: None,
        note: Some("the case itself failed; please report it".to_owned()),
        upstream: Vec::new(),
        words: None,
        records: Vec::new(),
        duration: Duration::ZERO,
    }
}

/// The same case sends the same keys in every run (FNV-1a).
fn seed(id: &str) -> u64 {
    id.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
        })
}
