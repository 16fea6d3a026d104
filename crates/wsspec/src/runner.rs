//! The run: many cases at a time over one endpoint.
//!
//! A run must neither be slow nor depend on time. So most cases run side by
//! side, and whatever waiting in vain has decided is tried again when nothing
//! else runs: what comes late is not wrong.

mod deaths;
mod one;
mod plan;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rfc6455::Frame;
use tokio::sync::{Mutex, RwLock};

use crate::autobahn::Words;
use crate::case::{Boxed, Case, Weight};
use crate::dialer::{Dialer, Reply};
use crate::endpoint::Endpoint;
use crate::known::{KnownViolation, matches};
use crate::peer::Incoming;
use crate::record::SharedRecord;
use crate::verdict::{Finding, Outcome};
use crate::wire::Setting;

use one::judge;
use plan::{OnEnd, Plan};

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

/// How many cases that have waited in vain are tried again at a time.
const AGAIN_AT_A_TIME: usize = 8;

/// So many times the patience they have then.
const MORE_PATIENCE: u32 = 2;

/// So many are tried again at least. When all of them find the same as
/// before, the server was not slow, and the others are believed.
const ENOUGH_AGAIN: usize = 32;

/// So long cases are tried again. Who is slow for longer can't be told from
/// who is silent.
const LONGEST_AGAIN: Duration = Duration::from_secs(40);

/// Of a record so many events are kept, from its beginning and its end, unless
/// it is that of the only case.
const KEPT_EVENTS: usize = 128;

/// So many times the patience is the end of a case that goes on although each
/// of its steps is bounded: some have forty steps, and a witness takes ten.
const LONGEST_CASE: u32 = 500;

/// What several runs in one process share: while a case is tried again no
/// other one runs.
static MACHINE: RwLock<()> = RwLock::const_new(());

/// And servers of one run at a time are measured.
static MEASURING: Mutex<()> = Mutex::const_new(());

/// Runs cases over an endpoint.
#[derive(Debug)]
pub struct Runner {
    endpoint: Arc<Endpoint>,
    jobs: usize,
    /// Patterns of the cases that are expected to fail.
    expected: Vec<String>,
    tries_again: bool,
    /// What the last run has to tell beside its results.
    told: std::sync::Mutex<Vec<String>>,
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
    /// Whether it has waited for something that did not come in time.
    pub(crate) waited_in_vain: bool,
    /// Whether no other try can find something else.
    pub(crate) is_settled: bool,
}

/// Why there is nothing to judge.
#[derive(Debug, thiserror::Error)]
pub enum NotReachable {
    /// Nobody accepts connections there.
    #[error("{0}")]
    NoConnection(String),
    /// A server accepts the connection, but TLS or HTTP/2 fails on it.
    #[error("{0}")]
    NotServed(String),
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
            expected: Vec::new(),
            tries_again: true,
            told: std::sync::Mutex::default(),
        }
    }

    /// The same for a server that is known to break some rules: what fails as
    /// expected need not be tried again.
    #[must_use]
    pub fn expecting(mut self, known: &[&KnownViolation]) -> Self {
        let patterns = known.iter().flat_map(|it| it.case.as_slice());
        self.expected.extend(patterns.cloned());
        self
    }

    /// The same with one try for each case, for whoever judges the silence of
    /// a case otherwise.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.tries_again = false;
        self
    }

    /// Makes sure that there is something to judge: a right opening handshake
    /// is answered with 101, be that answer right or wrong in its details, and
    /// something comes back for a text.
    ///
    /// Most cases need an echo. If the server does not echo, the result is a
    /// sentence that tells the user so.
    ///
    /// # Errors
    ///
    /// A server that can't be tested, with the reason in a sentence.
    pub fn reach(&self) -> Boxed<'_, Result<Option<String>, NotReachable>> {
        Box::pin(self.reach_it())
    }

    async fn reach_it(&self) -> Result<Option<String>, NotReachable> {
        let Endpoint { url, patience, .. } = &*self.endpoint;
        // Nothing is there yet to tell slow from silent.
        let patient = Endpoint::unknown(url.clone(), *patience * 5);
        let patient = self.endpoint.like(patient);
        let mut dialer = Dialer::new(Setting::new(Arc::new(patient)), 0);
        let request = dialer.request();
        let answer = match dialer.dial(request).await {
            Ok(answer) => answer,
            Err(finding) => {
                let why = finding.got();
                return Err(match self.endpoint.connect_tcp().await {
                    Ok(_) => NotReachable::NotServed(why),
                    Err(_) => NotReachable::NoConnection(why),
                });
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
            return Ok(None);
        };
        let text = Incoming::from(Frame::text("wsspec"));
        // A server that loses the first message still gets a second one: a
        // case reports the loss.
        for _ in 0..2 {
            if peer.send(Frame::text("wsspec")).await.is_err() {
                return Ok(None);
            }
            match peer.next().await {
                Ok(got) if got == text => return Ok(None),
                Ok(got @ (Incoming::Message(..) | Incoming::Pong(_))) => {
                    return Ok(Some(format!(
                        "{url} does not echo, and most cases need that: the \
                         first answer to a text is {got}"
                    )));
                }
                Ok(Incoming::Silence(_)) => {}
                Ok(got) => {
                    return Err(NotReachable::NoEcho {
                        url: url.to_string(),
                        got: got.to_string(),
                    });
                }
                Err(_) => return Ok(None),
            }
        }
        Err(NotReachable::NoEcho {
            url: url.to_string(),
            got: "nothing".to_owned(),
        })
    }

    /// Runs the cases and gives the results back in the order of `cases`,
    /// whatever the order in which they end; `on_end` sees that order.
    ///
    /// Cases run side by side, as many as the server carries. A case that has
    /// ended the server's process fails, and the others are run on a new one.
    /// Where a case has waited in vain it is tried again when nothing else
    /// runs, and that counts.
    pub fn run<'a>(
        &'a self,
        cases: impl IntoIterator<Item = &'static Case>,
        on_end: impl FnMut(&Judged) + Send + 'a,
    ) -> Boxed<'a, Vec<Judged>> {
        self.run_all(cases.into_iter().collect(), Box::new(on_end))
    }

    /// The same, without parameters of type.
    fn run_all<'a>(
        &'a self,
        cases: Vec<&'static Case>,
        on_end: OnEnd<'a>,
    ) -> Boxed<'a, Vec<Judged>> {
        Box::pin(async move {
            for host in self.endpoint.hosts() {
                // If it does not start, the cases fail to connect and say so.
                _ = host.ensure().await;
            }
            let machine = MACHINE.read().await;
            let mut plan = Plan::new(self, cases, on_end).await;
            plan.run_all().await;
            drop(machine);
            plan.run_doubtful_again().await;
            plan.into_results()
        })
    }

    /// What a run has to tell beside its results: of a server that has ended
    /// and can't be judged to the end. Told once; where it is not empty the
    /// server has not passed.
    pub fn take_told(&self) -> Vec<String> {
        let told = self.told.lock();
        std::mem::take(&mut *told.unwrap_or_else(PoisonError::into_inner))
    }

    fn tell(&self, what: String) {
        let told = self.told.lock();
        told.unwrap_or_else(PoisonError::into_inner)
            .push(what);
    }

    /// Whether a result may be one of time and not of the server.
    fn is_doubtful(&self, judged: &Judged) -> bool {
        let is_doubtful = match &judged.finding {
            Some(Finding::Violation { .. }) => {
                judged.waited_in_vain || judged.case.weight() == Weight::Own
            }
            Some(Finding::Blocked(_)) => true,
            _ => false,
        };
        let mut expected = self.expected.iter();
        // With Autobahn's own timers a slow server has other words, as there.
        self.tries_again
            && !self.endpoint.autobahn_timers
            && is_doubtful
            && !judged.is_settled
            && !expected.any(|it| matches(it, judged.case.id))
    }
}

impl Judged {
    /// What a case has found without a connection of its own.
    fn without_run(case: &'static Case, finding: Finding) -> Self {
        let verdict = Err(finding);
        Self {
            case,
            outcome: Outcome::of(case.level, &verdict),
            finding: verdict.err(),
            note: None,
            upstream: Vec::new(),
            words: one::words(case, &[]),
            records: Vec::new(),
            duration: Duration::ZERO,
            waited_in_vain: false,
            is_settled: true,
        }
    }

    /// A case that panicked: ours is the fault, and the other cases go on.
    fn broken(case: &'static Case) -> Self {
        Self {
            outcome: Outcome::Broken,
            finding: None,
            note: Some("the case itself failed; please report it".to_owned()),
            ..Self::without_run(case, Finding::Blocked(String::new()))
        }
    }
}
