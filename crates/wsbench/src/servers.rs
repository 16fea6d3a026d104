//! The servers of a comparison: built as for use, judged, started; and the
//! floors beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use wsspec::programs::{Built, Workspace};
use wsspec::runner::{JOBS, PATIENCE};
use wsspec::target::{Ended, Running, Server, TargetError, Variant};
use wsspec::{
    Endpoint, Host, Launcher, Level, Outcome, Runner, Selection, known,
};

use crate::frames::Protocol;
use crate::opening::Target;
use crate::processors::Processors;

/// The label of the floor that everything is compared with.
pub const FLOOR: &str = "floor (epoll)";

/// The label of the same once more: how far the two are apart is noise.
pub const FLOOR_AGAIN: &str = "floor again";

/// The label of the floor on tokio.
pub const FLOOR_ON_TOKIO: &str = "floor (tokio)";

/// Whether a label is that of a floor.
#[must_use]
pub fn is_floor(name: &str) -> bool {
    [FLOOR, FLOOR_AGAIN, FLOOR_ON_TOKIO].contains(&name)
}

/// What a server has to pass before it is measured: the MUSTs of framing.
const CASES: &str = "6455/5.*";

/// A server that runs and is measured.
#[derive(Debug)]
pub struct Participant {
    /// The label.
    pub name: String,
    /// Where it is.
    pub target: Target,
    /// Its process.
    pub running: Running,
    /// How to start it once more.
    pub launcher: Launcher,
    /// Where it runs.
    processors: Processors,
    /// What it declares, for another process of it.
    declared: wsspec::Declared,
    /// Whether it always listens at the same address, so that no second
    /// process of it can run.
    pub is_alone: bool,
    /// How many opening handshakes its process has answered, or will have when
    /// what is planned has been measured.
    pub answered: usize,
    /// Whether what it declares excludes the workload that is measured now.
    pub sits_out: bool,
    /// Why it is no longer measured.
    pub failed: Option<String>,
}

/// Why a server is not measured.
#[derive(Debug, thiserror::Error)]
pub enum NotMeasured {
    /// It could not be built or started.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Its address can't be used.
    #[error("its address can't be used: {0}")]
    Address(std::io::Error),
    /// Our own program, which is the floor, is not found.
    #[error("the program that runs can't be found: {0}")]
    Program(std::io::Error),
    /// Somebody else starts it.
    #[error("it has a url and no run: its process is not known")]
    NotOurs,
    /// There is nothing to judge.
    #[error("wsspec: {0}")]
    NotReachable(String),
    /// It breaks rules that it has to keep.
    #[error("wsspec: {0} is not kept, and it is not known")]
    Judged(String),
}

impl Participant {
    /// Starts what is ready to be measured.
    ///
    /// # Errors
    ///
    /// A server that does not start.
    pub fn start(
        name: &str,
        launcher: Launcher,
        protocol: Protocol,
        variant: &Variant,
        processors: Processors,
    ) -> Result<Self, NotMeasured> {
        let running = processors.of_servers(|| launcher.start())?;
        let declared = variant.declared();
        let target = Target::new(name, protocol, &running.url, &declared);
        Ok(Self {
            name: name.to_owned(),
            target: target.map_err(NotMeasured::Address)?,
            running,
            launcher,
            processors,
            declared,
            is_alone: variant.url.is_some(),
            answered: 0,
            sits_out: false,
            failed: None,
        })
    }

    /// Starts one more process of it.
    ///
    /// # Errors
    ///
    /// A server that does not start.
    pub fn another(&self) -> Result<(Running, Target), NotMeasured> {
        self.another_by(&self.launcher)
    }

    /// Starts one more process of it, run by another program, which these
    /// words start.
    ///
    /// # Errors
    ///
    /// A server that does not start.
    pub fn another_under(
        &self,
        program: &[String],
    ) -> Result<(Running, Target), NotMeasured> {
        self.another_by(&self.launcher.clone().under(program))
    }

    fn another_by(
        &self,
        launcher: &Launcher,
    ) -> Result<(Running, Target), NotMeasured> {
        let running = self.processors.of_servers(|| launcher.start())?;
        let protocol = self.target.protocol;
        let url = &running.url;
        let target = Target::new(&self.name, protocol, url, &self.declared);
        Ok((running, target.map_err(NotMeasured::Address)?))
    }

    /// What it declares.
    #[must_use]
    pub fn declared(&self) -> &wsspec::Declared {
        &self.declared
    }

    /// Whether it has turns in the workload that is measured now.
    #[must_use]
    pub fn takes_part(&self) -> bool {
        self.failed.is_none() && !self.sits_out
    }

    /// Where it runs.
    #[must_use]
    pub fn processors(&self) -> Processors {
        self.processors
    }

    /// Whether it is one of the raw echoes.
    #[must_use]
    pub fn is_floor(&self) -> bool {
        self.target.protocol == Protocol::Raw
    }

    /// How its process has ended, if it has.
    pub fn has_ended(&mut self) -> Option<Ended> {
        self.running.has_ended()
    }
}

/// Starts the floors, with the program that this is.
///
/// # Errors
///
/// One that does not start.
pub fn floors(
    program: &Path,
    processors: Processors,
) -> Result<Vec<Participant>, NotMeasured> {
    let program = program.to_string_lossy().into_owned();
    let on_epoll = vec![program, "floor".to_owned()];
    let mut on_tokio = on_epoll.clone();
    on_tokio.push("--tokio".to_owned());
    let floors = [
        (FLOOR, &on_epoll),
        (FLOOR_AGAIN, &on_epoll),
        (FLOOR_ON_TOKIO, &on_tokio),
    ];
    let started = floors.map(|(name, words)| {
        let (launcher, variant) = (Launcher::new(words), Variant::default());
        Participant::start(name, launcher, Protocol::Raw, &variant, processors)
    });
    started.into_iter().collect()
}

/// Builds what cargo builds of these servers with all optimisation, the
/// programs of one workspace in as few calls as their features allow.
///
/// # Errors
///
/// A folder that is in no workspace of cargo.
pub fn build_programs<'a>(
    servers: impl Iterator<Item = (&'a Server, &'a Variant)>,
) -> Result<Built, TargetError> {
    let mut workspaces = BTreeMap::new();
    for (server, variant) in servers {
        if let Some(program) = &variant.cargo {
            let workspace = Workspace::of(&server.folder)?;
            let (_, programs) = workspaces
                .entry(workspace.root.clone())
                .or_insert((workspace, BTreeSet::new()));
            programs.insert(program.clone());
        }
    }
    let mut built = Built::new();
    for (workspace, programs) in workspaces.into_values() {
        let programs: Vec<_> = programs.into_iter().collect();
        built.extend(workspace.build_all(&programs, true, |_| true)?);
    }
    Ok(built)
}

/// Tells how to start a variant, of whose programs cargo has built its own.
///
/// # Errors
///
/// A variant that can't be built, or that somebody else starts.
pub fn build(
    server: &Server,
    variant: &Variant,
    built: &Built,
) -> Result<Launcher, NotMeasured> {
    let run = server.build_with(variant, built)?;
    match run.is_empty() {
        true => Err(NotMeasured::NotOurs),
        false => Ok(server.launcher(&run).at(variant.url.clone())),
    }
}

/// Judges a process of its own: an echo that breaks the rules of framing may
/// be fast for that.
///
/// # Errors
///
/// The rules that it breaks.
pub fn judge(
    server: &Server,
    name: &str,
    variant: &Variant,
    launcher: &Launcher,
) -> Result<(), NotMeasured> {
    let unreachable = NotMeasured::NotReachable;
    let selection = Selection {
        cases: vec![CASES.to_owned()],
        levels: vec![Level::Must],
        ..Selection::default()
    };
    let cases = selection.cases();
    let cases = cases.map_err(|error| unreachable(error.to_string()))?;
    let mut endpoint = Endpoint::of(Host::start(launcher.clone())?, PATIENCE);
    endpoint.declared = variant.declared();
    let hosts = endpoint.hosts();
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| unreachable(error.to_string()))?;
    let runner = Runner::new(endpoint, JOBS);
    let judged = runtime.block_on(async {
        match runner.reach().await {
            Ok(None) => Ok(runner.run(cases, |_| {}).await),
            Ok(Some(hint)) => Err(unreachable(hint)),
            Err(error) => Err(unreachable(error.to_string())),
        }
    });
    runtime.shutdown_background();
    for host in hosts {
        host.end();
    }
    let mut judged = judged?;
    known::apply(&mut judged, &server.known(name));
    let broken: Vec<_> = judged
        .iter()
        .filter(|it| {
            let bad = [Outcome::Fail, Outcome::Blocked, Outcome::Broken];
            bad.contains(&it.outcome)
        })
        .map(|it| it.case.id)
        .collect();
    match broken.is_empty() {
        true => Ok(()),
        false => Err(NotMeasured::Judged(broken.join(", "))),
    }
}
