//! A server process of a case's own, so that what the case sees in it is the
//! case's doing: memory, processor time, descriptors, its end.
//!
//! Measured on Linux, where `/proc` tells; elsewhere these cases are
//! `unsupported`.

use std::sync::Arc;
use std::time::Duration;

use rfc6455::Frame;

use crate::dialer::Dialer;
use crate::endpoint::{Declared, Endpoint};
use crate::host::Own;
use crate::http2_peer::Http2Opener;
use crate::opener::Opener;
use crate::peer::{Incoming, Peer};
use crate::verdict::{Finding, Verdict};
use crate::wire::Setting;

/// How long to wait between two looks at a process.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// A server that runs for one case, and can be measured.
#[derive(Debug)]
pub struct Measured {
    own: Own,
    opener: Opener,
}

impl Measured {
    /// Starts the server, and has a text echoed and a Close answered: what is set up once is not
    /// to be measured.
    ///
    /// # Errors
    ///
    /// [`Finding::Unsupported`] where nobody knows how to start one or where
    /// nothing can be measured, [`Finding::Blocked`] if it does not start.
    pub(crate) async fn start(
        setting: Setting,
        seed: u64,
    ) -> Result<Self, Finding> {
        let Some(host) = &setting.endpoint.host else {
            return Err(Finding::Unsupported(
                "wsspec has not started the server; `wsspec run` does"
                    .to_owned(),
            ));
        };
        if !cfg!(target_os = "linux") {
            return Err(Finding::Unsupported(
                "processes are measured on Linux alone".to_owned(),
            ));
        }
        let own = host.start_own().await.map_err(|error| {
            Finding::Blocked(format!("no server of its own: {error}"))
        })?;
        let shared = &setting.endpoint;
        let url = own.running.url.clone();
        let endpoint = shared.like(Endpoint::new(url, shared.patience));
        let setting = Setting {
            endpoint: Arc::new(endpoint),
            ..setting
        };
        let opener = Opener::new(Dialer::new(setting, seed));
        let mut measured = Self { own, opener };
        let are_counted = measured.declared().max_connections.is_some();
        let mut peer = match measured.open().await {
            Ok(peer) => peer,
            Err(finding) => {
                measured.end().await;
                return Err(finding);
            }
        };
        peer.is_aside();
        let tried = async {
            peer.expect_nothing().await?;
            peer.send(Frame::close_without_code()).await?;
            peer.expect_close().await?;
            // Its place has to be free where places are counted; elsewhere
            // nobody waits for TCP.
            if are_counted {
                while !matches!(peer.next().await?, Incoming::End(_)) {}
            }
            Ok(())
        };
        let tried = tried.await.map_err(|finding: Finding| {
            Finding::Blocked(format!(
                "no text is echoed and no Close answered: {}",
                finding.got()
            ))
        });
        let is_it = tried.and_then(|()| {
            measured
                .group()?
                .listens(measured.opener.endpoint().url.port())
        });
        match is_it {
            Ok(()) => Ok(measured),
            Err(finding) => {
                measured.end().await;
                Err(finding)
            }
        }
    }

    /// What a case has found, unless the server has not survived it.
    pub(crate) fn outlives(&self, verdict: Verdict) -> Verdict {
        match (verdict, self.group()) {
            (Err(Finding::Blocked(_)), Err(dead)) => Err(dead),
            (verdict, _) => verdict,
        }
    }

    pub(crate) async fn end(self) {
        self.own.end().await;
    }

    /// Opens connections to it.
    pub fn dialer(&mut self) -> &mut Dialer {
        self.opener.dialer()
    }

    /// Opens connections of HTTP/2 to it.
    pub fn http2(&mut self) -> Http2Opener {
        Http2Opener::new(self.dialer().setting().clone(), 0)
    }

    /// What the server declares.
    #[must_use]
    pub fn declared(&self) -> &Declared {
        &self.opener.endpoint().declared
    }

    /// How long silence lasts before it counts.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.opener.endpoint().patience
    }

    /// An open connection.
    ///
    /// # Errors
    ///
    /// [`Finding::Blocked`] if the server does not switch.
    pub async fn open(&mut self) -> Result<Peer, Finding> {
        self.opener.open().await
    }

    /// An open connection with compression, as the plain offer agrees on it.
    ///
    /// # Errors
    ///
    /// As [`Opener::deflated`].
    pub async fn deflated(&mut self) -> Result<Peer, Finding> {
        self.opener.deflated(rfc7692::NAME).await
    }

    /// So many open connections.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn open_many(
        &mut self,
        count: usize,
    ) -> Result<Vec<Peer>, Finding> {
        let mut peers = Vec::with_capacity(count);
        for _ in 0..count {
            let peer = self.opener.open().await?;
            // The first stands for all.
            if !peers.is_empty() {
                peer.is_aside();
            }
            peers.push(peer);
        }
        Ok(peers)
    }

    /// Holds if other connections are served; then the server has also had
    /// its turns with what was sent before.
    ///
    /// # Errors
    ///
    /// A server that serves nobody.
    pub async fn serves(&mut self) -> Verdict {
        for _ in 0..3 {
            let mut peer = self.opener.open().await?;
            peer.is_aside();
            peer.expect_nothing().await?;
        }
        Ok(())
    }

    /// Begins to measure memory.
    ///
    /// # Errors
    ///
    /// A process that can't be measured.
    pub fn memory(&self) -> Result<Memory, Finding> {
        let group = self.group()?;
        group.forget_peak()?;
        Ok(Memory {
            before: group.peak()?,
            group,
        })
    }

    /// The processor time that the server has taken so far.
    ///
    /// # Errors
    ///
    /// A process that can't be measured.
    pub fn processor_time(&self) -> Result<Duration, Finding> {
        self.group()?.processor_time()
    }

    /// How many descriptors it has open.
    ///
    /// # Errors
    ///
    /// A process that can't be measured.
    pub fn descriptors(&self) -> Result<usize, Finding> {
        self.group()?.descriptors()
    }

    /// Waits until no more descriptors are open than these; how many there
    /// are when the patience is over.
    ///
    /// # Errors
    ///
    /// A process that can't be measured.
    pub async fn descriptors_back_to(
        &mut self,
        count: usize,
    ) -> Result<usize, Finding> {
        let deadline = tokio::time::Instant::now() + 2 * self.patience();
        loop {
            let now = self.descriptors()?;
            if now <= count || tokio::time::Instant::now() > deadline {
                return Ok(now);
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Whether, within this time, it comes to take no more connections, and
    /// not only because it has ended.
    pub async fn refuses_within(&mut self, deadline: Duration) -> bool {
        let deadline = tokio::time::Instant::now() + deadline;
        let mut taken = 0;
        while self.opener.open().await.is_ok() {
            taken += 1;
            if tokio::time::Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        // One or two may have been on their way.
        taken < 3 || self.group().is_ok()
    }

    /// A connection as soon as the server takes one, within the patience.
    ///
    /// # Errors
    ///
    /// The last that came instead.
    pub async fn open_when_possible(&mut self) -> Result<Peer, Finding> {
        let deadline = tokio::time::Instant::now() + 2 * self.patience();
        loop {
            match self.opener.open().await {
                Err(_) if tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(BETWEEN_LOOKS).await;
                }
                result => return result,
            }
        }
    }

    /// Asks the server to end, as a service manager does: SIGTERM.
    pub fn terminate(&mut self) {
        #[cfg(unix)]
        self.own
            .running
            .signal(rustix::process::Signal::TERM);
    }

    /// Whether the server's process ends within this time.
    pub async fn ends_within(&mut self, deadline: Duration) -> bool {
        let deadline = tokio::time::Instant::now() + deadline;
        while self.own.running.wait(Duration::ZERO).is_none()
            || self.group().is_ok()
        {
            if tokio::time::Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        true
    }

    fn group(&self) -> Result<Group, Finding> {
        Group::of(self.own.running.pid)
    }
}

/// The memory of a server since a moment.
#[derive(Debug)]
pub struct Memory {
    group: Group,
    before: u64,
}

impl Memory {
    /// By how many octets the resident memory has grown at most.
    ///
    /// # Errors
    ///
    /// A process that can't be measured.
    pub fn growth(&self) -> Result<u64, Finding> {
        Ok(self.group.peak()?.saturating_sub(self.before))
    }

    /// Holds if it has never grown by more than this.
    ///
    /// # Errors
    ///
    /// By how much it has, if that is more.
    pub fn is_within(&self, octets: u64, what: &str) -> Verdict {
        let growth = self.growth()?;
        if growth <= octets {
            return Ok(());
        }
        Err(Finding::violation(
            format_args!("at most {} MiB more memory {what}", mib(octets)),
            format_args!("{} MiB more", mib(growth)),
        ))
    }
}

fn mib(octets: u64) -> u64 {
    octets.div_ceil(1 << 20)
}

/// A server's processes: it may be a shell that has started it, or have
/// children.
#[derive(Debug)]
struct Group(#[cfg(target_os = "linux")] Vec<procfs::process::Process>);

#[cfg(target_os = "linux")]
impl Group {
    fn of(leader: u32) -> Result<Self, Finding> {
        let leader = i32::try_from(leader).unwrap_or_default();
        let all = procfs::process::all_processes().map_err(unmeasured)?;
        let members: Vec<_> = all
            .flatten()
            .filter(|process| {
                process.stat().is_ok_and(|stat| {
                    stat.pgrp == leader && !matches!(stat.state, 'Z' | 'X')
                })
            })
            .collect();
        match members.is_empty() {
            true => Err(Finding::violation(
                "the server's process to live on",
                "it has ended",
            )),
            false => Ok(Self(members)),
        }
    }

    /// Holds if one of them is who listens at this port: what is started may
    /// only have asked somebody else to.
    fn listens(&self, port: u16) -> Verdict {
        use procfs::net::TcpState;
        let sockets = procfs::net::tcp().into_iter().flatten();
        let sockets = sockets.chain(procfs::net::tcp6().into_iter().flatten());
        let listening: Vec<_> = sockets
            .filter(|it| {
                it.state == TcpState::Listen && it.local_address.port() == port
            })
            .map(|it| it.inode)
            .collect();
        let holds = |process: &procfs::process::Process| {
            let descriptors = process.fd().into_iter().flatten().flatten();
            descriptors.into_iter().any(|it| match it.target {
                procfs::process::FDTarget::Socket(inode) => {
                    listening.contains(&inode)
                }
                _ => false,
            })
        };
        match self.0.iter().any(holds) {
            true => Ok(()),
            false => Err(Finding::Unsupported(
                "the process that wsspec has started is not the one that \
                 listens, so that it can't be measured"
                    .to_owned(),
            )),
        }
    }

    fn forget_peak(&self) -> Result<(), Finding> {
        for process in &self.0 {
            process
                .clear_refs(procfs::process::ClearRefs::PeakRSS)
                .map_err(unmeasured)?;
        }
        Ok(())
    }

    fn peak(&self) -> Result<u64, Finding> {
        let mut sum = 0;
        for process in &self.0 {
            // One that has ended meanwhile has none.
            let status = process.status().ok();
            sum += status.and_then(|it| it.vmhwm).unwrap_or(0) * 1024;
        }
        match sum {
            0 => Err(Finding::violation(
                "the server's process to live on",
                "it has ended",
            )),
            sum => Ok(sum),
        }
    }

    fn processor_time(&self) -> Result<Duration, Finding> {
        let mut ticks = 0;
        for process in &self.0 {
            let stat = process.stat().map_err(unmeasured)?;
            ticks += stat.utime + stat.stime;
            // What its children took that have ended.
            ticks += u64::try_from(stat.cutime + stat.cstime).unwrap_or(0);
        }
        let millis = ticks * 1000 / procfs::ticks_per_second();
        Ok(Duration::from_millis(millis))
    }

    fn descriptors(&self) -> Result<usize, Finding> {
        let counts = self.0.iter().map(|it| it.fd_count());
        let counts: Result<Vec<_>, _> = counts.collect();
        Ok(counts.map_err(unmeasured)?.iter().sum())
    }
}

#[cfg(target_os = "linux")]
#[expect(clippy::needless_pass_by_value, reason = "it is mapped over")]
fn unmeasured(error: procfs::ProcError) -> Finding {
    Finding::Blocked(format!("the process can't be measured: {error}"))
}

#[cfg(not(target_os = "linux"))]
impl Group {
    fn of(_leader: u32) -> Result<Self, Finding> {
        Ok(Self())
    }

    fn listens(&self, _port: u16) -> Verdict {
        elsewhere()
    }

    fn forget_peak(&self) -> Result<(), Finding> {
        elsewhere()
    }

    fn peak(&self) -> Result<u64, Finding> {
        elsewhere()
    }

    fn processor_time(&self) -> Result<Duration, Finding> {
        elsewhere()
    }

    fn descriptors(&self) -> Result<usize, Finding> {
        elsewhere()
    }
}

#[cfg(not(target_os = "linux"))]
fn elsewhere<T>() -> Result<T, Finding> {
    Err(Finding::Unsupported(
        "processes are measured on Linux alone".to_owned(),
    ))
}
