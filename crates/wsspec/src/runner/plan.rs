//! The plan of a run: which cases run when, beside how many others.
//!
//! Nearly all of a run is waiting, so what follows begins as soon as what goes
//! before has begun: first what waits, then what moves megabytes, then what
//! can hold a server up for seconds, and what is measured.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OnceCell, Semaphore, watch};
use tokio::task::{Id, JoinSet};
use tokio::time::timeout;

use super::{
    AGAIN_AT_A_TIME, ENOUGH_AGAIN, Judged, LONGEST_AGAIN, MACHINE, MEASURING,
    MORE_PATIENCE, OWN_AT_A_TIME, Runner, VOLUMES_AT_A_TIME, judge,
};
use crate::case::{Case, Run, Weight};
use crate::dialer::Dialer;
use crate::endpoint::Endpoint;
use crate::opener::Opener;
use crate::verdict::Finding;
use crate::wire::Setting;

/// So many connections at a time show that a server carries any number of
/// cases; each step is tried only when the one before was.
const STEPS: [usize; 3] = [1, 8, 48];

/// A run of fewer cases does not ask how many the server carries.
const FEW: usize = 8;

/// After a death fewer cases run at a time: then fewer can have caused the
/// next one.
pub(super) const JOBS_AFTER_DEATH: usize = 16;

/// A case that has ended so long before a death may still have caused it.
const RECENT: Duration = Duration::from_secs(1);

/// Sees each result when it is certain.
pub(super) type OnEnd<'a> = Box<dyn FnMut(&Judged) + Send + 'a>;

/// What is to run, and what has come of it.
pub(super) struct Plan<'a> {
    pub(super) runner: &'a Runner,
    pub(super) cases: Vec<&'static Case>,
    results: Vec<Option<Judged>>,
    told: BTreeSet<usize>,
    /// The server itself, and after it its instances.
    pub(super) servers: Vec<Server>,
    /// Locked so that references to the plan can be sent; never contended.
    on_end: Mutex<OnEnd<'a>>,
}

/// A server, or an instance of it with other limits.
pub(super) struct Server {
    pub(super) endpoint: Arc<Endpoint>,
    /// Its cases, by their place in the plan.
    cases: BTreeSet<usize>,
    /// How many of them run at a time.
    pub(super) jobs: usize,
    /// Whether it agrees to compress.
    deflates: bool,
    /// How long its deaths have held the run up.
    pub(super) lost: Duration,
}

/// A server has gone while these cases ran.
pub(super) struct Death {
    pub(super) server: usize,
    pub(super) suspects: Vec<usize>,
    /// What has still to run, of any server.
    pub(super) rest: Vec<usize>,
}

/// The stages of a run, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Light,
    Volume,
    Heavy,
    Own,
    /// What is measured where only one server can run at a time.
    OwnAfterAll,
}

const STAGES: [Stage; 5] = [
    Stage::Light,
    Stage::Volume,
    Stage::Heavy,
    Stage::Own,
    Stage::OwnAfterAll,
];

/// Tells when a stage may begin.
struct Gate {
    open: watch::Sender<Stage>,
    /// How many cases of each stage have not begun.
    waiting: [AtomicUsize; 3],
    /// How many that use the shared server have not ended.
    unended: AtomicUsize,
}

impl Gate {
    fn new(stages: &[Stage]) -> Arc<Self> {
        let count = |stage| {
            let of_stage = stages.iter().filter(|it| **it == stage);
            AtomicUsize::new(of_stage.count())
        };
        let waiting = [Stage::Light, Stage::Volume, Stage::Heavy].map(count);
        let wire = stages.iter().filter(|it| **it < Stage::Own);
        let gate = Self {
            open: watch::Sender::new(Stage::Light),
            waiting,
            unended: AtomicUsize::new(wire.count()),
        };
        gate.open_more();
        Arc::new(gate)
    }

    async fn pass(&self, stage: Stage) {
        let mut open = self.open.subscribe();
        // The sender lives as long as whoever waits here.
        _ = open.wait_for(|open| *open >= stage).await;
    }

    fn has_begun(&self, stage: Stage) {
        if let Some(waiting) = self.waiting.get(stage as usize) {
            waiting.fetch_sub(1, Ordering::Relaxed);
            self.open_more();
        }
    }

    fn has_ended(&self) {
        self.unended.fetch_sub(1, Ordering::Relaxed);
        self.open_more();
    }

    /// Opens every stage before which nothing waits any more.
    fn open_more(&self) {
        let none = |count: &AtomicUsize| count.load(Ordering::Relaxed) == 0;
        let begun = self
            .waiting
            .iter()
            .take_while(|it| none(it))
            .count();
        let open = match none(&self.unended) {
            true => Stage::OwnAfterAll,
            false => STAGES[begun],
        };
        self.open.send_if_modified(|now| {
            let is_more = open > *now;
            *now = open.max(*now);
            is_more
        });
    }
}

impl<'a> Plan<'a> {
    pub(super) async fn new(
        runner: &'a Runner,
        cases: Vec<&'static Case>,
        on_end: OnEnd<'a>,
    ) -> Self {
        let endpoint = &runner.endpoint;
        let instances = endpoint.instances.iter().map(|(_, it)| it);
        let all = std::iter::once(endpoint).chain(instances);
        let mut servers = Vec::new();
        for (n, endpoint) in all.enumerate() {
            let of_server = (0..cases.len()).filter(|index| {
                let instance = runner.endpoint.instance_for(cases[*index]);
                instance.map_or(0, |it| it + 1) == n
            });
            let of_server: BTreeSet<_> = of_server.collect();
            let is_large = of_server.len() > FEW;
            servers.push(Server {
                jobs: match is_large {
                    true => jobs(endpoint, runner.jobs).await,
                    false => most(endpoint).min(runner.jobs),
                },
                deflates: !is_large || deflates(endpoint).await,
                endpoint: Arc::clone(endpoint),
                cases: of_server,
                lost: Duration::ZERO,
            });
        }
        let mut results = Vec::new();
        results.resize_with(cases.len(), || None);
        Self {
            runner,
            cases,
            results,
            told: BTreeSet::new(),
            servers,
            on_end: Mutex::new(on_end),
        }
    }

    /// Runs all cases, on a new server where one has died.
    pub(super) async fn run_all(&mut self) {
        let mut pending: Vec<_> = (0..self.cases.len()).collect();
        while let Some(death) = self.run_side_by_side(&pending).await {
            pending = self.after_death(death).await;
        }
    }

    fn tell(&mut self, judged: &Judged) {
        let on_end = self.on_end.get_mut();
        on_end.unwrap_or_else(PoisonError::into_inner)(judged);
    }

    fn server_of(&self, index: usize) -> usize {
        let mut servers = self.servers.iter();
        servers
            .position(|server| server.cases.contains(&index))
            .unwrap_or(0)
    }

    pub(super) fn is_at(&self, index: usize, server: usize) -> bool {
        self.server_of(index) == server
    }

    fn stage(&self, index: usize) -> Stage {
        let case = self.cases[index];
        let deflates = self.servers[self.server_of(index)].deflates;
        match (case.weight(), &case.run) {
            (Weight::Own, _) => Stage::Own,
            // All that they do is to find that.
            (_, Run::Deflated(_)) if !deflates => Stage::Light,
            (Weight::Light, _) => Stage::Light,
            (Weight::Volume, _) => Stage::Volume,
            (Weight::Heavy, _) => Stage::Heavy,
        }
    }

    fn setting(&self, index: usize) -> Setting {
        let server = &self.servers[self.server_of(index)];
        Setting::new(Arc::clone(&server.endpoint))
    }

    /// Keeps a result, and tells of it unless it may still become another one.
    pub(super) fn keep(&mut self, index: usize, judged: Judged) {
        if !self.runner.is_doubtful(&judged) && self.told.insert(index) {
            self.tell(&judged);
        }
        self.results[index] = Some(judged);
    }

    /// Runs cases until all have ended, or a server has died.
    async fn run_side_by_side(&mut self, pending: &[usize]) -> Option<Death> {
        let keeps_all = self.cases.len() == 1;
        let stages: Vec<_> = pending.iter().map(|it| self.stage(*it)).collect();
        let gate = Gate::new(&stages);
        let permits: Vec<_> = self
            .servers
            .iter()
            .map(|server| {
                let jobs = |most: usize| {
                    Arc::new(Semaphore::new(server.jobs.min(most)))
                };
                [
                    jobs(usize::MAX),
                    jobs(VOLUMES_AT_A_TIME),
                    jobs(usize::MAX),
                    jobs(OWN_AT_A_TIME),
                ]
            })
            .collect();
        let begun: Arc<[AtomicBool]> = self
            .cases
            .iter()
            .map(|_| AtomicBool::new(false))
            .collect();
        let measuring = Arc::new(OnceCell::new());
        let mut running = JoinSet::new();
        let mut tasks: BTreeMap<Id, usize> = BTreeMap::new();
        let mut wire = Vec::new();
        // The last first: what takes long, and whoever is slow with it, stands
        // at the end.
        for (index, stage) in pending.iter().copied().zip(stages).rev() {
            let case = self.cases[index];
            let setting = self.setting(index);
            let permits =
                Arc::clone(&permits[self.server_of(index)][stage as usize]);
            let gate = Arc::clone(&gate);
            let begun = Arc::clone(&begun);
            // Who tries again sees what was measured beside others.
            let takes_turns = stage == Stage::Own && self.runner.tries_again;
            let measuring = takes_turns.then(|| Arc::clone(&measuring));
            let task = running.spawn(async move {
                let mut opens = stage;
                if let (Stage::Own, Some(host)) =
                    (stage, &setting.endpoint.host)
                    && host.is_exclusive().await
                {
                    opens = Stage::OwnAfterAll;
                }
                gate.pass(opens).await;
                let permit = permits.acquire_owned().await;
                if let Some(measuring) = &measuring {
                    measuring.get_or_init(|| MEASURING.lock()).await;
                }
                begun[index].store(true, Ordering::Relaxed);
                gate.has_begun(stage);
                let judged = judge(case, setting, keeps_all).await;
                if stage < Stage::Own {
                    gate.has_ended();
                }
                drop(permit);
                (index, judged)
            });
            tasks.insert(task.id(), index);
            if stage < Stage::Own {
                wire.push((index, task));
            }
        }
        drop(measuring);
        let mut died = None;
        let mut recent: Vec<(Instant, usize)> = Vec::new();
        while let Some(ended) = running.join_next_with_id().await {
            let (index, judged) = match ended {
                Ok((_, ended)) => ended,
                Err(error) => {
                    if error.is_panic()
                        && let Some(index) = tasks.get(&error.id())
                    {
                        let broken = Judged::broken(self.cases[*index]);
                        self.keep(*index, broken);
                        gate.has_ended();
                    }
                    continue;
                }
            };
            let is_wire = self.cases[index].weight() != Weight::Own;
            if is_wire && judged.server_has_ended_it() {
                recent.retain(|(when, _)| when.elapsed() < RECENT);
                recent.push((Instant::now(), index));
            }
            self.keep(index, judged);
            let server = self.server_of(index);
            if is_wire && died.is_none() && self.has_died(server).await {
                died = Some(server);
                // Their results would be those of nobody.
                for (_, task) in &wire {
                    task.abort();
                }
            }
        }
        if died.is_none() {
            // The last of them may have done it.
            let servers = wire
                .iter()
                .map(|(index, _)| self.server_of(*index));
            for server in servers.collect::<BTreeSet<_>>() {
                if self.is_gone(server).await {
                    died = Some(server);
                }
            }
        }
        let server = died?;
        let unended = wire
            .iter()
            .map(|(index, _)| *index)
            .filter(|index| self.results[*index].is_none());
        let (mut suspects, rest): (Vec<_>, Vec<_>) =
            unended.partition(|index| {
                self.server_of(*index) == server
                    && begun[*index].load(Ordering::Relaxed)
            });
        let recent = recent.into_iter().map(|(_, index)| index);
        suspects.extend(recent.filter(|it| self.server_of(*it) == server));
        Some(Death {
            server,
            suspects,
            rest,
        })
    }

    /// Runs some cases at a server, beside nothing else.
    pub(super) async fn run_batch(
        &self,
        cases: &[usize],
        endpoint: impl Fn(usize) -> Arc<Endpoint>,
    ) -> Vec<(usize, Judged)> {
        let mut running = JoinSet::new();
        let mut tasks = BTreeMap::new();
        for index in cases.iter().copied() {
            let case = self.cases[index];
            let setting = Setting::new(endpoint(index));
            let task = running.spawn(async move {
                let keeps_all = false;
                (index, judge(case, setting, keeps_all).await)
            });
            tasks.insert(task.id(), index);
        }
        let mut results = Vec::new();
        while let Some(ended) = running.join_next_with_id().await {
            match ended {
                Ok((_, result)) => results.push(result),
                Err(error) => {
                    if let Some(index) = tasks.get(&error.id()) {
                        let case = self.cases[*index];
                        results.push((*index, Judged::broken(case)));
                    }
                }
            }
        }
        results
    }

    /// Runs once more, a few at a time and beside nothing else, what time may
    /// have decided.
    pub(super) async fn run_doubtful_again(&mut self) {
        let is_doubtful = |judged: &Judged| self.runner.is_doubtful(judged);
        let doubtful = self.results.iter().enumerate();
        let doubtful = doubtful.filter_map(|(index, judged)| {
            let judged = judged.as_ref()?;
            is_doubtful(judged).then_some(index)
        });
        let doubtful = evenly(doubtful.collect());
        if doubtful.is_empty() {
            return;
        }
        let _alone = MACHINE.write().await;
        let patient: Vec<_> = self
            .servers
            .iter()
            .map(|server| {
                let endpoint = &server.endpoint;
                Arc::new(endpoint.again(endpoint.url.clone(), MORE_PATIENCE))
            })
            .collect();
        let begun = Instant::now();
        let mut tried = 0;
        let mut has_changed = false;
        let (own, wire): (Vec<_>, Vec<_>) = doubtful
            .iter()
            .copied()
            .partition(|it| self.cases[*it].weight() == Weight::Own);
        let at_a_time = self.servers[0].jobs.min(AGAIN_AT_A_TIME);
        let batches = own.chunks(1).chain(wire.chunks(at_a_time));
        for batch in batches {
            if tried >= ENOUGH_AGAIN && !has_changed {
                break;
            }
            if begun.elapsed() > LONGEST_AGAIN {
                break;
            }
            let endpoint =
                |index: usize| Arc::clone(&patient[self.server_of(index)]);
            let results = self.run_batch(batch, endpoint).await;
            tried += batch.len();
            for (index, mut judged) in results {
                if !self.runner.is_doubtful(&judged) {
                    has_changed = true;
                    judged.note = Some(
                        "it was late or came to nothing beside other cases, \
                         and was tried again alone"
                            .to_owned(),
                    );
                }
                self.results[index] = Some(judged);
            }
        }
    }

    pub(super) fn into_results(mut self) -> Vec<Judged> {
        let results = std::mem::take(&mut self.results);
        let mut all = Vec::new();
        for (index, judged) in results.into_iter().enumerate() {
            let judged =
                judged.unwrap_or_else(|| Judged::broken(self.cases[index]));
            if self.told.insert(index) {
                self.tell(&judged);
            }
            all.push(judged);
        }
        all
    }
}

impl Judged {
    /// Whether the server has ended a connection of the case, or none could
    /// be opened.
    fn server_has_ended_it(&self) -> bool {
        matches!(self.finding, Some(Finding::Blocked(_)))
            || self.records.iter().any(|record| {
                let record = record
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                record.has_ended()
            })
    }
}

/// The same indices, the first of each section before the second: so that the
/// first few stand for all kinds.
fn evenly(indices: Vec<usize>) -> Vec<usize> {
    let step = indices.len().div_ceil(ENOUGH_AGAIN).max(1);
    let firsts = (0..step).flat_map(|first| {
        let part = indices.iter().skip(first).step_by(step);
        part.copied().collect::<Vec<_>>()
    });
    firsts.collect()
}

/// How many cases may run at a time as the server declares it: a case has up
/// to two connections, and a witness.
fn most(endpoint: &Endpoint) -> usize {
    let most = endpoint.declared.max_connections;
    most.map_or(usize::MAX, |most| (most / 3).max(1))
}

/// How many cases run at a time at a server: as many as wanted, or fewer where
/// it does not serve so many connections at once.
async fn jobs(endpoint: &Arc<Endpoint>, wanted: usize) -> usize {
    let wanted = wanted.min(most(endpoint));
    if endpoint.declared.max_handshakes.is_some() {
        return wanted;
    }
    let mut open = Vec::new();
    for step in STEPS.into_iter().chain([wanted]) {
        let step = step.min(wanted);
        let before = open.len();
        let mut opening = JoinSet::new();
        for _ in before..step {
            let endpoint = Arc::clone(endpoint);
            let at_most = endpoint.patience / 2;
            opening.spawn(async move {
                timeout(at_most, endpoint.served())
                    .await
                    .ok()
                    .flatten()
            });
        }
        open.extend(opening.join_all().await.into_iter().flatten());
        if open.is_empty() {
            // Nobody is served, so that this tells nothing.
            return wanted;
        }
        if open.len() < step {
            return wanted.min((open.len() / 3).max(1));
        }
    }
    wanted
}

/// Whether a server agrees to compress when it is offered plainly.
async fn deflates(endpoint: &Arc<Endpoint>) -> bool {
    let setting = Setting::new(Arc::clone(endpoint));
    let mut opener = Opener::new(Dialer::new(setting, 0));
    let peer = opener.deflated(rfc7692::NAME).await;
    !matches!(peer, Err(Finding::Unsupported(_)))
}
