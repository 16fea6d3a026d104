//! A judge reads, too: against servers that mean harm the suite keeps to its
//! memory. A program of its own, since a process has one peak.

#![cfg(target_os = "linux")]

mod bombs;
mod floods;
#[path = "../support/mod.rs"]
mod support;

/// What the suite may take, in KiB.
pub(crate) const MOST: u64 = 256 << 10;

/// The most that this process has had in RAM so far, in KiB.
pub(crate) fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status");
    let status = status.expect("this process");
    let mut lines = status.lines();
    let peak = lines.find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|it| it.trim().strip_suffix(" kB"));
    peak.and_then(|it| it.parse().ok())
        .expect("a number of KiB")
}
