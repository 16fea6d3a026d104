//! Which processors servers and generator run on: they share none, and a
//! server has as many on every machine.
//!
//! A runtime starts as many workers as it has processors, and what they cost
//! beyond the first is the machine's matter and not the server's. So a server
//! has one, unless more are asked for, and tokio, actix and Go see to the rest:
//! they count those that they may use.

use std::fmt;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// How the processors of this machine are shared out.
#[derive(Clone, Copy, Debug)]
pub struct Processors(Option<Shares>);

#[derive(Clone, Copy, Debug)]
struct Shares {
    servers: CpuSet,
    generator: CpuSet,
}

impl Processors {
    /// So many for a server, as far as they go, and the last one for the
    /// generator. Where there is only one, both have it.
    #[must_use]
    pub fn share(of_a_server: usize) -> Self {
        Self(sched_getaffinity(None).ok().and_then(|all| {
            let usable = (0..CpuSet::MAX_CPU).filter(|it| all.is_set(*it));
            let mut usable: Vec<usize> = usable.collect();
            let last = usable.pop()?;
            usable.truncate(of_a_server.max(1));
            let servers = set(&usable)?;
            let generator = set(&[last])?;
            Some(Shares { servers, generator })
        }))
    }

    /// Does something that starts a server: a process has the processors of
    /// the thread that starts it.
    pub fn of_servers<T>(self, start: impl FnOnce() -> T) -> T {
        self.on(|it| it.servers, start)
    }

    /// Does something that measures.
    pub fn of_generator<T>(self, measure: impl FnOnce() -> T) -> T {
        self.on(|it| it.generator, measure)
    }

    fn on<T>(self, share: fn(Shares) -> CpuSet, work: impl FnOnce() -> T) -> T {
        let before = sched_getaffinity(None);
        let (Some(shares), Ok(before)) = (self.0, before) else {
            return work();
        };
        // Where it is not allowed, the noise of a comparison shows it.
        _ = sched_setaffinity(None, &share(shares));
        let done = work();
        _ = sched_setaffinity(None, &before);
        done
    }
}

impl fmt::Display for Processors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(shares) => write!(
                f,
                "{} for a server, 1 for the generator",
                shares.servers.count()
            ),
            None => f.write_str("one for all: servers wait for the generator"),
        }
    }
}

fn set(numbers: &[usize]) -> Option<CpuSet> {
    let mut set = CpuSet::new();
    for number in numbers {
        set.set(*number);
    }
    (set.count() > 0).then_some(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> u32 {
        sched_getaffinity(None).expect("a set").count()
    }

    #[test]
    fn servers_and_generator_share_no_processor() {
        let before = allowed();
        let processors = Processors::share(1);
        let Some(shares) = processors.0 else {
            assert_eq!(before, 1, "{processors}");
            return;
        };
        assert_eq!(shares.servers.count(), 1);
        assert_eq!(shares.generator.count(), 1);
        assert_ne!(shares.servers, shares.generator);
        let within = processors.of_generator(|| {
            (allowed(), processors.of_servers(allowed), allowed())
        });
        assert_eq!(within, (1, 1, 1));
        assert_eq!(allowed(), before);
    }

    #[test]
    fn a_server_has_no_more_than_there_are() {
        let processors = Processors::share(CpuSet::MAX_CPU);
        if let Some(shares) = processors.0 {
            assert_eq!(shares.servers.count(), allowed() - 1);
        }
    }
}
