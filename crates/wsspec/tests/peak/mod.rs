//! The most memory that a test's own process has had.

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
