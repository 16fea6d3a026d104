//! What a server's processes have taken, as Linux tells it in `/proc`, and
//! their system calls, as `perf` counts them.
//!
//! Processor time is that of each process's clock, which the scheduler keeps in
//! nanoseconds and which has the threads that have ended; what `/proc` tells of
//! a thread goes with it, and what it tells of a process is in ticks of 10 ms.
//! It is read while the server has nothing to do, since Linux brings a running
//! thread up to date at each tick only. The clock of a process that ends goes
//! with it; then its parent is asked for what its children took, in ticks. The
//! kernel's taskstats would tell it in nanoseconds, to root alone.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use rustix::process::{Pid, Resource, Rlimit, Signal};

/// How long `perf` may take to begin and to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// The event that a system call is.
const SYSTEM_CALLS: &str = "raw_syscalls:sys_enter";

/// Why something can't be measured.
#[derive(Debug, thiserror::Error)]
pub enum Unmeasured {
    /// A file of `/proc` can't be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A file of `/proc` says something else than expected.
    #[error("{path} can't be understood")]
    Strange {
        /// The file.
        path: String,
    },
    /// The clock of a process can't be read.
    #[error("the clock of process {id}: {error}")]
    NoClock {
        /// The process.
        id: u32,
        /// What the system says.
        error: Errno,
    },
    /// The processes have ended.
    #[error("the server's process has ended")]
    Ended,
    /// `perf` can't count.
    #[error("{0}")]
    Perf(String),
}

/// What a server's processes have taken up to a moment.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    processes: BTreeMap<u32, Process>,
    /// The context switches of each thread.
    threads: BTreeMap<u32, u64>,
}

/// What a process has taken, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Process {
    /// All its threads, those that have ended among them.
    own: u64,
    /// Its children that have ended and for which it has waited, with theirs.
    reaped: u64,
}

/// What a server has taken between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Processor time in nanoseconds.
    pub nanoseconds: u64,
    /// How much of it was taken by processes that have ended since, which is
    /// known in ticks of the clock.
    pub reaped: u64,
    /// Context switches, voluntary or not.
    pub switches: u64,
    /// How many threads ended meanwhile, whose switches are lost.
    pub ended_threads: usize,
}

impl Reading {
    /// Of the processes of this group, which a server and its children are.
    ///
    /// # Errors
    ///
    /// Processes that have ended, and a system without their clocks.
    pub fn of(group: u32) -> Result<Self, Unmeasured> {
        let mut reading = Self::default();
        for Member { id, has_ended } in members(group)? {
            match Process::read(id) {
                Ok(process) => drop(reading.processes.insert(id, process)),
                // One that ends just now is not there.
                Err(_) if !is_there(id) => continue,
                Err(error) => return Err(error),
            }
            // Whoever has not been waited for has a clock, and no threads.
            if has_ended {
                continue;
            }
            for thread in numbers(&format!("/proc/{id}/task"))? {
                let path = format!("/proc/{id}/task/{thread}");
                if let Ok(switches) = switches(&path) {
                    reading.threads.insert(thread, switches);
                }
            }
        }
        match reading.threads.is_empty() {
            true => Err(Unmeasured::Ended),
            false => Ok(reading),
        }
    }

    /// What has been taken since.
    #[must_use]
    pub fn since(&self, before: &Self) -> Used {
        let mut used = Used::default();
        for (id, now) in &self.processes {
            let then = before.processes.get(id).copied();
            let then = then.unwrap_or_default();
            used.nanoseconds += now.own.saturating_sub(then.own);
            used.reaped += now.reaped.saturating_sub(then.reaped);
        }
        // What is told of one that has ended is all that it ever took.
        let ended = before.processes.iter();
        let ended = ended.filter(|(id, _)| !self.processes.contains_key(id));
        let before_that: u64 = ended.map(|(_, it)| it.own + it.reaped).sum();
        used.reaped = used.reaped.saturating_sub(before_that);
        used.nanoseconds += used.reaped;
        for (id, now) in &self.threads {
            let then = before
                .threads
                .get(id)
                .copied()
                .unwrap_or_default();
            used.switches += now.saturating_sub(then);
        }
        let threads = before.threads.keys();
        used.ended_threads = threads
            .filter(|id| !self.threads.contains_key(id))
            .count();
        used
    }
}

impl Process {
    fn read(id: u32) -> Result<Self, Unmeasured> {
        let path = format!("/proc/{id}/stat");
        let stat = Stat::parse(&read(&path)?).ok_or_else(|| strange(&path))?;
        let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
        Ok(Self {
            own: clock(id)?,
            reaped: stat.ticks_of_children * tick,
        })
    }
}

/// The clock of a process in nanoseconds.
fn clock(id: u32) -> Result<u64, Unmeasured> {
    let told = || {
        let id = i32::try_from(id).map_err(|_| Errno::ESRCH)?;
        let id = nix::unistd::Pid::from_raw(id);
        nix::time::clock_getcpuclockid(id)?.now()
    };
    let time = told().map_err(|error| Unmeasured::NoClock { id, error })?;
    let nanoseconds = Duration::from(time).as_nanos();
    Ok(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

fn is_there(id: u32) -> bool {
    Path::new(&format!("/proc/{id}")).exists()
}

/// The context switches of the thread with this folder.
fn switches(path: &str) -> Result<u64, Unmeasured> {
    let status = format!("{path}/status");
    let text = read(&status)?;
    let mut switches = 0;
    for name in ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"] {
        switches += field(&text, name).ok_or_else(|| strange(&status))?;
    }
    Ok(switches)
}

/// How the time of a thread was spent in which it had something to do, in
/// nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scheduled {
    /// On a processor.
    pub ran: u64,
    /// Waiting for a processor, on which something else ran.
    pub waited: u64,
}

impl Scheduled {
    /// Of the calling thread, up to now.
    ///
    /// # Errors
    ///
    /// A system that does not tell.
    pub fn own() -> Result<Self, Unmeasured> {
        Self::read("/proc/thread-self/schedstat")
    }

    /// What has been spent since.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            ran: self.ran.saturating_sub(before.ran),
            waited: self.waited.saturating_sub(before.waited),
        }
    }

    fn read(path: &str) -> Result<Self, Unmeasured> {
        Self::parse(&read(path)?).ok_or_else(|| strange(path))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split_whitespace();
        Some(Self {
            ran: fields.next()?.parse().ok()?,
            waited: fields.next()?.parse().ok()?,
        })
    }
}

/// The resident memory of the processes of a group, in octets.
///
/// Where it can be read it is counted page by page, in `smaps_rollup`; what
/// `status` has is a sum that each thread adds to now and then. Pages that
/// several processes share count in each.
///
/// # Errors
///
/// Processes that have ended.
pub fn resident(group: u32) -> Result<u64, Unmeasured> {
    let mut sum = 0;
    for Member { id, .. } in members(group)? {
        let rollup = read(&format!("/proc/{id}/smaps_rollup"));
        let counted = rollup.ok().and_then(|text| field(&text, "Rss"));
        let kib = counted.or_else(|| {
            let status = read(&format!("/proc/{id}/status")).ok()?;
            field(&status, "VmRSS")
        });
        sum += kib.unwrap_or(0) * 1024;
    }
    match sum {
        0 => Err(Unmeasured::Ended),
        sum => Ok(sum),
    }
}

/// Where [`resident`] memory is read.
#[must_use]
pub fn resident_is_from() -> &'static str {
    let rollup = read("/proc/self/smaps_rollup");
    match rollup.is_ok_and(|text| field(&text, "Rss").is_some()) {
        true => "Rss of smaps_rollup",
        false => "VmRSS of status",
    }
}

/// The memory of the machine, in octets; `None` where it does not tell.
#[must_use]
pub fn memory_of_machine() -> Option<u64> {
    let text = read("/proc/meminfo").ok()?;
    field(&text, "MemTotal").map(|kib| kib * 1024)
}

/// Lets this process and those that it starts open as many descriptors as
/// they may, and tells how many that is.
#[must_use]
pub fn raise_descriptors() -> u64 {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Where it stays as it was, it is read again as it is.
    _ = rustix::process::setrlimit(Resource::Nofile, raised);
    let limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current.unwrap_or(u64::MAX)
}

/// Counts the system calls of a server, until it is dropped.
#[derive(Debug)]
pub struct SystemCalls(Child);

impl SystemCalls {
    /// Makes sure that they can be counted on this machine.
    ///
    /// # Errors
    ///
    /// Why they can't.
    pub fn check() -> Result<(), Unmeasured> {
        let mut child = perf(&["--", "true"])?;
        end(&mut child, false)?;
        counted(&mut child).map(|_| ())
    }

    /// Begins to count, for all threads of the group.
    ///
    /// # Errors
    ///
    /// Why that is not possible.
    pub fn begin(group: u32) -> Result<Self, Unmeasured> {
        let mut threads = 0;
        let mut processes = Vec::new();
        for Member { id, has_ended } in members(group)? {
            if !has_ended {
                threads += numbers(&format!("/proc/{id}/task"))?.len();
                processes.push(id.to_string());
            }
        }
        let mut counting = Self(perf(&["-p", &processes.join(",")])?);
        let folder = format!("/proc/{}/fd", counting.0.id());
        let deadline = Instant::now() + PATIENCE;
        while events(Path::new(&folder)) < threads {
            let ended = counting.0.try_wait();
            if ended.is_ok_and(|it| it.is_some()) || Instant::now() > deadline {
                return Err(Unmeasured::Perf(
                    "perf does not attach to the server".to_owned(),
                ));
            }
            std::thread::yield_now();
        }
        Ok(counting)
    }

    /// Ends, and tells how many there were.
    ///
    /// # Errors
    ///
    /// Something else than a number.
    pub fn end(mut self) -> Result<u64, Unmeasured> {
        end(&mut self.0, true)?;
        counted(&mut self.0)
    }
}

impl Drop for SystemCalls {
    fn drop(&mut self) {
        // What stays attached slows the server down in all that follows.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn perf(arguments: &[&str]) -> Result<Child, Unmeasured> {
    let mut command = Command::new("perf");
    command
        .args(["stat", "-x,", "-e", SYSTEM_CALLS])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
        .spawn()
        .map_err(|error| Unmeasured::Perf(format!("no perf: {error}")))
}

/// Waits for the end of `perf`, which comes by a signal where it counts for
/// others.
fn end(child: &mut Child, interrupt: bool) -> Result<(), Unmeasured> {
    let id = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw);
    if let (true, Some(id)) = (interrupt, id) {
        // If it has ended already, that is seen below.
        _ = rustix::process::kill_process(id, Signal::INT);
    }
    let deadline = Instant::now() + PATIENCE;
    while !child.try_wait().is_ok_and(|it| it.is_some()) {
        if Instant::now() > deadline {
            _ = child.kill();
            _ = child.wait();
            return Err(Unmeasured::Perf("perf does not end".to_owned()));
        }
        std::thread::yield_now();
    }
    Ok(())
}

/// The number in what `perf` has printed, which has ended.
fn counted(child: &mut Child) -> Result<u64, Unmeasured> {
    let mut printed = Vec::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr
            .read_to_end(&mut printed)
            .map_err(|error| Unmeasured::Perf(error.to_string()))?;
    }
    counted_in(&String::from_utf8_lossy(&printed), SYSTEM_CALLS)
}

/// The number of an event in what `perf stat -x,` prints.
///
/// # Errors
///
/// That there is none, with what there is instead.
pub(crate) fn counted_in(text: &str, event: &str) -> Result<u64, Unmeasured> {
    let mut lines = text.lines().filter(|it| it.contains(event));
    let line = lines.next().unwrap_or_default();
    let number = line.split(',').next().unwrap_or_default();
    number.parse().map_err(|_| {
        let said = text.trim().lines().next().unwrap_or_default();
        Unmeasured::Perf(format!("perf counts no {event}: {said}"))
    })
}

/// The number of an event in what a command prints that runs `perf stat -x,`.
///
/// # Errors
///
/// A command that can't be started, or prints no number.
pub(crate) fn count(words: &[String], event: &str) -> Result<u64, Unmeasured> {
    let mut words = words.iter();
    let output = Command::new(words.next().map_or("", String::as_str))
        .args(words)
        .stdin(Stdio::null())
        .output();
    let output = output
        .map_err(|error| Unmeasured::Perf(format!("no perf: {error}")))?;
    counted_in(&String::from_utf8_lossy(&output.stderr), event)
}

/// Asks all processes of a group to end, but the one that leads it.
///
/// # Errors
///
/// Processes that have ended.
pub(crate) fn end_all_but_leader(group: u32) -> Result<(), Unmeasured> {
    for Member { id, .. } in members(group)? {
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| id != group) {
            // One that ends just now is as good.
            _ = rustix::process::kill_process(pid, Signal::TERM);
        }
    }
    Ok(())
}

/// How many events a process has open.
fn events(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten();
    entries
        .filter(|entry| {
            std::fs::read_link(entry.path())
                .is_ok_and(|to| to.to_string_lossy().contains("perf_event"))
        })
        .count()
}

/// A process of a group.
struct Member {
    id: u32,
    /// Whether it has ended, and nobody has waited for it yet.
    has_ended: bool,
}

/// The processes of a group, of which at least one has not ended.
fn members(group: u32) -> Result<Vec<Member>, Unmeasured> {
    let mut members = Vec::new();
    for id in numbers("/proc")? {
        let stat = read(&format!("/proc/{id}/stat")).unwrap_or_default();
        if let Some(stat) = Stat::parse(&stat)
            && stat.group == group
        {
            let has_ended = stat.has_ended;
            members.push(Member { id, has_ended });
        }
    }
    match members.iter().all(|it| it.has_ended) {
        true => Err(Unmeasured::Ended),
        false => Ok(members),
    }
}

/// What is used of a process's `stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    has_ended: bool,
    group: u32,
    /// Of all children that have ended and have been waited for.
    ticks_of_children: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name may hold anything, and ends at the last parenthesis.
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            has_ended: matches!(*fields.first()?, "Z" | "X"),
            group: fields.get(2)?.parse().ok()?,
            ticks_of_children: number(13)? + number(14)?,
        })
    }
}

/// The entries of a folder that are numbers.
fn numbers(folder: &str) -> Result<Vec<u32>, Unmeasured> {
    let entries =
        std::fs::read_dir(folder).map_err(|error| Unmeasured::Unreadable {
            path: folder.to_owned(),
            error,
        })?;
    let names = entries.flatten().map(|entry| entry.file_name());
    let numbers = names.filter_map(|name| name.to_str()?.parse().ok());
    Ok(numbers.collect())
}

/// The number behind a name and a colon.
fn field(text: &str, name: &str) -> Option<u64> {
    let mut values = text.lines().filter_map(|line| {
        let value = line.strip_prefix(name)?.strip_prefix(':')?;
        value.split_whitespace().next()
    });
    values.next()?.parse().ok()
}

fn read(path: &str) -> Result<String, Unmeasured> {
    std::fs::read_to_string(path).map_err(|error| Unmeasured::Unreadable {
        path: path.to_owned(),
        error,
    })
}

fn strange(path: &str) -> Unmeasured {
    Unmeasured::Strange {
        path: path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// Of processes with what they and their children took, and of threads
    /// with their switches.
    fn reading(
        processes: &[(u32, u64, u64)],
        threads: &[(u32, u64)],
    ) -> Reading {
        let processes = processes.iter();
        let processes =
            processes.map(|&(id, own, reaped)| (id, Process { own, reaped }));
        Reading {
            processes: processes.collect(),
            threads: threads.iter().copied().collect(),
        }
    }

    #[test]
    fn what_was_taken_is_the_sum_over_processes_and_threads() {
        let before = reading(&[(1, 100, 9)], &[(1, 10), (2, 5)]);
        let after = reading(&[(1, 180, 9), (7, 7, 0)], &[(1, 11), (3, 2)]);
        let used = Used {
            nanoseconds: 87,
            reaped: 0,
            switches: 3,
            ended_threads: 1,
        };
        assert_eq!(after.since(&before), used);
    }

    #[test]
    fn of_a_process_that_has_ended_what_it_had_taken_before_is_not_counted() {
        // The second has a child of its own that ended before.
        let before = reading(&[(1, 100, 0), (2, 40, 10)], &[(1, 1)]);
        // It took 25 more, and one that nobody has seen took 5.
        let after = reading(&[(1, 101, 80)], &[(1, 1)]);
        let used = after.since(&before);
        assert_eq!((used.nanoseconds, used.reaped), (31, 30));
        // Nobody has waited for it: its clock is lost.
        let lost = reading(&[(1, 101, 0)], &[(1, 1)]).since(&before);
        assert_eq!((lost.nanoseconds, lost.reaped), (1, 0));
    }

    #[test]
    fn what_a_thread_took_does_not_end_with_it() {
        let own = std::process::id();
        let before = Process::read(own).expect("a clock");
        let ran = std::thread::spawn(|| {
            let spent = || Scheduled::own().expect("a time").ran;
            let begun = spent();
            while spent() < begun + 20_000_000 {
                std::hint::spin_loop();
            }
            spent() - begun
        });
        let ran = ran.join().expect("a thread");
        let after = Process::read(own).expect("a clock");
        assert!(after.own - before.own >= ran, "{before:?} {after:?}");
    }

    #[test]
    fn what_a_child_took_does_not_end_with_it() {
        let mut shell = Command::new("sh");
        let script = "echo; read x; (i=0; while [ $i -lt 300000 ]; do \
                      i=$((i+1)); done); echo; read x";
        shell.args(["-c", script]);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped());
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        let mut shell = shell.spawn().expect("a shell");
        let mut input = shell.stdin.take().expect("its input");
        let mut output = shell.stdout.take().expect("its output");
        let mut line = [0];
        output.read_exact(&mut line).expect("a line");
        let before = Reading::of(shell.id()).expect("a reading");
        input
            .write_all(b"\n")
            .expect("a shell that reads");
        output.read_exact(&mut line).expect("a line");
        let after = Reading::of(shell.id()).expect("a reading");
        drop(input);
        shell.wait().expect("its end");
        let used = after.since(&before);
        assert!(used.reaped >= 20_000_000, "{used:?}");
        assert!(used.nanoseconds >= used.reaped, "{used:?}");
        let ended = Reading::of(shell.id());
        assert!(matches!(ended, Err(Unmeasured::Ended)));
    }

    #[test]
    fn the_number_stands_in_the_first_field() {
        let text = "listening on ws://127.0.0.1:1/ws\n\
                    34,,syscalls:sys_enter_setsockopt,1234,100.00,,\n";
        let event = "syscalls:sys_enter_setsockopt";
        assert_eq!(counted_in(text, event).ok(), Some(34));
        assert!(counted_in(text, SYSTEM_CALLS).is_err());
        let none = "<not supported>,,raw_syscalls:sys_enter,0,100.00,,\n";
        let told = counted_in(none, SYSTEM_CALLS).expect_err("no number");
        assert!(told.to_string().contains("<not supported>"), "{told}");
    }

    #[test]
    fn a_name_with_a_parenthesis_is_a_name() {
        let times = "3 4 5 6 7 8 9 10 11 12 40 30 15";
        let stat = format!("7 (a) Z 1 (b)) S 1 42 {times}");
        let stat = Stat::parse(&stat).expect("a process");
        let expected = Stat {
            has_ended: false,
            group: 42,
            ticks_of_children: 70,
        };
        assert_eq!(stat, expected);
        assert_eq!(Stat::parse("7 (a) Z 1"), None);
    }

    #[test]
    fn resident_memory_is_no_less_than_what_is_touched() {
        let group = rustix::process::getpgrp().as_raw_nonzero().get();
        let group = u32::try_from(group).expect("a number");
        let touched = vec![1_u8; 32 << 20];
        let resident = resident(group).expect("memory");
        assert!(resident >= touched.len() as u64, "{resident}");
        let told = resident_is_from();
        let has_rollup = Path::new("/proc/self/smaps_rollup").exists();
        assert_eq!(told.contains("smaps_rollup"), has_rollup);
    }

    #[test]
    fn the_time_in_the_queue_is_the_second_number() {
        let parse = Scheduled::parse;
        let told = parse("1500 200 3\n").expect("two numbers");
        let (ran, waited) = (1500, 200);
        assert_eq!(told, Scheduled { ran, waited });
        assert_eq!(parse("1500\n"), None);
        let later = parse("1700 230 4\n").expect("two numbers");
        let (ran, waited) = (200, 30);
        assert_eq!(later.since(&told), Scheduled { ran, waited });
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "VmRSSx:\t1 kB\nVmRSS:\t  1744 kB\nother:\tno\n";
        assert_eq!(field(text, "VmRSS"), Some(1744));
        assert_eq!(field(text, "other"), None);
        assert_eq!(field(text, "Vm"), None);
    }
}
