//! What a server's processes have taken, as Linux tells it in `/proc`, and
//! their system calls, as `perf` counts them.
//!
//! Processor time comes from `schedstat`, in nanoseconds; `stat` counts in
//! ticks of the clock. It is read while the server has nothing to do, since
//! Linux brings a running thread up to date at each tick only. A thread that
//! ends takes its time along: how many did is told, not what they took.

use std::collections::{BTreeMap, HashSet};
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
    /// The processes have ended.
    #[error("the server's process has ended")]
    Ended,
    /// `perf` can't count.
    #[error("{0}")]
    Perf(String),
}

/// What all threads of a server have taken up to a moment.
#[derive(Clone, Debug, Default)]
pub struct Reading(BTreeMap<u32, Thread>);

#[derive(Clone, Copy, Debug, Default)]
struct Thread {
    nanoseconds: u64,
    switches: u64,
}

/// What a server has taken between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Processor time in nanoseconds.
    pub nanoseconds: u64,
    /// Context switches, voluntary or not.
    pub switches: u64,
    /// How many threads ended meanwhile; what they took is lost.
    pub ended_threads: usize,
}

impl Reading {
    /// Of the processes of this group, which a server and its children are.
    ///
    /// # Errors
    ///
    /// Processes that have ended.
    pub fn of(group: u32) -> Result<Self, Unmeasured> {
        let mut threads = BTreeMap::new();
        for process in members(group)? {
            for thread in numbers(&format!("/proc/{process}/task"))? {
                // One that ends just now is not there.
                let path = format!("/proc/{process}/task/{thread}");
                if let Ok(read) = Thread::read(&path) {
                    threads.insert(thread, read);
                }
            }
        }
        match threads.is_empty() {
            true => Err(Unmeasured::Ended),
            false => Ok(Self(threads)),
        }
    }

    /// What has been taken since.
    #[must_use]
    pub fn since(&self, before: &Self) -> Used {
        let mut used = Used::default();
        for (id, now) in &self.0 {
            let then = before.0.get(id).copied().unwrap_or_default();
            used.nanoseconds +=
                now.nanoseconds.saturating_sub(then.nanoseconds);
            used.switches += now.switches.saturating_sub(then.switches);
        }
        let threads = before.0.keys();
        used.ended_threads = threads
            .filter(|id| !self.0.contains_key(id))
            .count();
        used
    }
}

impl Thread {
    fn read(path: &str) -> Result<Self, Unmeasured> {
        let status = format!("{path}/status");
        let text = read(&status)?;
        let mut switches = 0;
        for name in ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"] {
            switches += field(&text, name).ok_or_else(|| strange(&status))?;
        }
        Ok(Self {
            nanoseconds: Scheduled::read(&format!("{path}/schedstat"))?.ran,
            switches,
        })
    }
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
/// # Errors
///
/// Processes that have ended.
pub fn resident(group: u32) -> Result<u64, Unmeasured> {
    let mut sum = 0;
    for process in members(group)? {
        let text = read(&format!("/proc/{process}/status"));
        let text = text.unwrap_or_default();
        sum += field(&text, "VmRSS").unwrap_or(0) * 1024;
    }
    match sum {
        0 => Err(Unmeasured::Ended),
        sum => Ok(sum),
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
        for process in members(group)? {
            threads += numbers(&format!("/proc/{process}/task"))?.len();
            processes.push(process.to_string());
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
    let text = String::from_utf8_lossy(&printed);
    let mut lines = text
        .lines()
        .filter(|it| it.contains(SYSTEM_CALLS));
    let line = lines.next().unwrap_or_default();
    let number = line.split(',').next().unwrap_or_default();
    number.parse().map_err(|_| {
        let said = text.trim().lines().next().unwrap_or_default();
        Unmeasured::Perf(format!("perf counts no {SYSTEM_CALLS}: {said}"))
    })
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

/// The processes of a group that have not ended.
fn members(group: u32) -> Result<Vec<u32>, Unmeasured> {
    let mut members = HashSet::new();
    for process in numbers("/proc")? {
        let stat = read(&format!("/proc/{process}/stat")).unwrap_or_default();
        // The name may hold anything, and ends at the last parenthesis.
        let fields = stat
            .rsplit_once(')')
            .map_or("", |(_, fields)| fields);
        let mut fields = fields.split_whitespace();
        let (state, its_group) = (fields.next(), fields.nth(1));
        let has_ended = matches!(state, None | Some("Z" | "X"));
        if !has_ended && its_group.and_then(|it| it.parse().ok()) == Some(group)
        {
            members.insert(process);
        }
    }
    match members.is_empty() {
        true => Err(Unmeasured::Ended),
        false => Ok(members.into_iter().collect()),
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
    use super::*;

    fn reading(threads: &[(u32, u64, u64)]) -> Reading {
        let threads = threads.iter();
        let threads = threads.map(|&(id, nanoseconds, switches)| {
            let thread = Thread {
                nanoseconds,
                switches,
            };
            (id, thread)
        });
        Reading(threads.collect())
    }

    #[test]
    fn what_was_taken_is_the_sum_over_threads() {
        let before = reading(&[(1, 100, 10), (2, 50, 5)]);
        let after = reading(&[(1, 130, 11), (3, 7, 2)]);
        let used = Used {
            nanoseconds: 37,
            switches: 3,
            ended_threads: 1,
        };
        assert_eq!(after.since(&before), used);
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
