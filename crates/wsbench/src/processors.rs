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
pub struct Processors {
    /// How many a server should have.
    asked: usize,
    /// How many it may use.
    of_a_server: usize,
    shares: Option<Shares>,
}

#[derive(Clone, Copy, Debug)]
struct Shares {
    servers: CpuSet,
    generator: CpuSet,
}

impl Processors {
    /// So many for a server, as far as they go, and the last one for the
    /// generator. Where there is only one, or the system does not let us
    /// choose, all have all.
    #[must_use]
    pub fn share(of_a_server: usize) -> Self {
        let asked = of_a_server.max(1);
        let all = sched_getaffinity(None).ok();
        let usable = all.as_ref().map(numbers).unwrap_or_default();
        let shares = shares(&usable, asked).filter(can_be_applied);
        let of_a_server = match &shares {
            Some(shares) => numbers(&shares.servers).len(),
            None => usable.len().max(1),
        };
        Self {
            asked,
            of_a_server,
            shares,
        }
    }

    /// How many processors a server may use.
    #[must_use]
    pub fn of_a_server(self) -> usize {
        self.of_a_server
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
        let (Some(shares), Ok(before)) = (self.shares, before) else {
            return work();
        };
        // It could be done when they were shared out.
        _ = sched_setaffinity(None, &share(shares));
        let done = work();
        _ = sched_setaffinity(None, &before);
        done
    }
}

impl fmt::Display for Processors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(shares) = &self.shares else {
            return f.write_str(
                "nothing is pinned: servers, generator and others take \
                 processors from each other, so ratios are less sure",
            );
        };
        let names = |set: &CpuSet| {
            let names = numbers(set).into_iter();
            let names: Vec<_> = names.map(|it| it.to_string()).collect();
            names.join(" and ")
        };
        let servers = names(&shares.servers);
        let generator = names(&shares.generator);
        let word = match self.of_a_server {
            1 => "processor",
            _ => "processors",
        };
        write!(
            f,
            "{word} {servers} for a server, {generator} for the generator"
        )?;
        match self.asked > self.of_a_server {
            true => write!(f, "; a server should have had {}", self.asked),
            false => Ok(()),
        }
    }
}

/// Shares out the processors that we may use; `None` where they are too few.
fn shares(usable: &[usize], of_a_server: usize) -> Option<Shares> {
    let (last, others) = usable.split_last()?;
    let servers = &others[..of_a_server.min(others.len())];
    Some(Shares {
        servers: set(servers)?,
        generator: set(&[*last])?,
    })
}

/// Whether the system lets us choose so: it is tried, and undone.
fn can_be_applied(shares: &Shares) -> bool {
    let Ok(before) = sched_getaffinity(None) else {
        return false;
    };
    let can_be = [shares.servers, shares.generator]
        .iter()
        .all(|share| {
            sched_setaffinity(None, share).is_ok()
                && sched_getaffinity(None).is_ok_and(|it| it == *share)
        });
    _ = sched_setaffinity(None, &before);
    can_be
}

/// The numbers of the processors in a set, rising.
fn numbers(set: &CpuSet) -> Vec<usize> {
    let all = 0..CpuSet::MAX_CPU;
    all.filter(|it| set.is_set(*it)).collect()
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
        let Some(shares) = processors.shares else {
            assert_eq!(before, 1, "{processors}");
            assert_eq!(processors.of_a_server(), 1);
            return;
        };
        assert_eq!(processors.of_a_server(), 1);
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
        if let Some(shares) = processors.shares {
            assert_eq!(shares.servers.count(), allowed() - 1);
        }
    }

    #[test]
    fn it_is_told_which_they_are() {
        let told = |usable: &[usize], asked| {
            let shares = shares(usable, asked);
            let servers = shares.map(|it| numbers(&it.servers).len());
            let processors = Processors {
                asked,
                of_a_server: servers.unwrap_or(1),
                shares,
            };
            processors.to_string()
        };
        let one = "processor 0 for a server, 1 for the generator";
        assert_eq!(told(&[0, 1], 1), one);
        let two = "processors 2 and 3 for a server, 7 for the generator";
        assert_eq!(told(&[2, 3, 5, 7], 2), two);
        let fewer = "processors 0 and 1 for a server, 2 for the generator; a \
                     server should have had 4";
        assert_eq!(told(&[0, 1, 2], 4), fewer);
        assert!(told(&[0], 1).starts_with("nothing is pinned"));
    }
}
