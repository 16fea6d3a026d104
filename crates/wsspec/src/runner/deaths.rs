//! Servers that end while they are judged: which case has done it, and what
//! the others find on a server that lives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Judged;
use super::plan::{Death, JOBS_AFTER_DEATH, Plan};
use crate::target::Ended;
use crate::verdict::{Finding, Outcome};

/// So long a run looks for the cases that have ended a server.
const LONGEST_SEARCH: Duration = Duration::from_secs(45);

impl Plan<'_> {
    /// Whether a server serves nobody any more because it has ended.
    pub(super) async fn has_died(&self, server: usize) -> bool {
        let endpoint = &self.servers[server].endpoint;
        match &endpoint.host {
            Some(host) if host.is_gone() => true,
            _ => endpoint.was_refused() && !self.accepts(server).await,
        }
    }

    /// The same where no case has been refused a connection.
    pub(super) async fn is_gone(&self, server: usize) -> bool {
        match &self.servers[server].endpoint.host {
            // One that had to make room has not ended by itself.
            Some(host) => host.is_gone(),
            None => !self.accepts(server).await,
        }
    }

    async fn accepts(&self, server: usize) -> bool {
        self.servers[server]
            .endpoint
            .connect_tcp()
            .await
            .is_ok()
    }

    /// Whether a server has survived what ran just now: what it was sent may
    /// take its time.
    async fn lives(&self, server: usize) -> bool {
        let endpoint = &self.servers[server].endpoint;
        let serves = endpoint.serves_within(endpoint.patience).await;
        let is_gone = endpoint
            .host
            .as_ref()
            .is_some_and(|it| it.is_gone());
        !is_gone && (serves || self.accepts(server).await)
    }

    /// Finds out which case has ended a server, and gives back what has still
    /// to run.
    pub(super) async fn after_death(&mut self, death: Death) -> Vec<usize> {
        let Death {
            server,
            suspects,
            rest,
        } = death;
        let begun = Instant::now();
        let how = self.revive(server).await;
        let how = match how {
            Ok(how) => how,
            Err(why) => return self.give_up(server, &suspects, rest, &why),
        };
        self.servers[server].jobs =
            self.servers[server].jobs.min(JOBS_AFTER_DEATH);
        let mut is_explained = false;
        for batch in suspects.chunks(JOBS_AFTER_DEATH) {
            let lost = self.servers[server].lost + begun.elapsed();
            if lost > LONGEST_SEARCH {
                let why = "the server ends again and again";
                return self.give_up(server, batch, rest, why);
            }
            let endpoint = Arc::clone(&self.servers[server].endpoint);
            let results = self
                .run_batch(batch, |_| Arc::clone(&endpoint))
                .await;
            if self.lives(server).await {
                for (index, judged) in results {
                    self.keep(index, judged);
                }
                continue;
            }
            for index in batch.iter().copied() {
                if let Err(why) = self.revive_if_gone(server).await {
                    return self.give_up(server, &suspects, rest, &why);
                }
                let endpoint = Arc::clone(&self.servers[server].endpoint);
                let results = self
                    .run_batch(&[index], |_| Arc::clone(&endpoint))
                    .await;
                let has_died = !self.lives(server).await;
                is_explained |= has_died;
                for (index, judged) in results {
                    if !has_died {
                        self.keep(index, judged);
                        continue;
                    }
                    let (duration, how) =
                        (judged.duration, self.revive(server).await);
                    if let Some(how) = self.ends_alone(server, duration).await {
                        let why = format!(
                            "the server ends on its own, while no client \
                             sends anything: {how}"
                        );
                        return self.give_up(server, batch, rest, &why);
                    }
                    self.keep(index, judged.has_ended_it(how));
                }
            }
            if let Err(why) = self.revive_if_gone(server).await {
                return self.give_up(server, &suspects, rest, &why);
            }
        }
        if let (false, Some(host), Some(how)) =
            (is_explained, &self.servers[server].endpoint.host, how)
        {
            // None of them does it alone; it must not pass unseen.
            host.keep_end(how);
        }
        self.servers[server].lost += begun.elapsed();
        rest
    }

    async fn revive_if_gone(&mut self, server: usize) -> Result<(), String> {
        match self.has_died(server).await {
            true => self.revive(server).await.map(drop),
            false => Ok(()),
        }
    }

    /// Starts a server again; how it had ended, or why that is impossible.
    async fn revive(&mut self, server: usize) -> Result<Option<Ended>, String> {
        let endpoint = Arc::clone(&self.servers[server].endpoint);
        let Some(host) = &endpoint.host else {
            return Err("the server accepts no connection any more, and \
                        wsspec can't start it again (wsspec run --exec can)"
                .to_owned());
        };
        let how = host.restart().await.map_err(|error| {
            format!("the server has ended and can't be started again: {error}")
        })?;
        self.servers[server].endpoint = Arc::new(endpoint.again(host.url(), 1));
        Ok(how)
    }

    /// How a server that has just been started ends while nothing is sent to
    /// it for so long as a case took: then the case has not ended it.
    async fn ends_alone(
        &self,
        server: usize,
        duration: Duration,
    ) -> Option<Ended> {
        let endpoint = &self.servers[server].endpoint;
        let host = endpoint.host.as_ref()?;
        host.ends_within(duration.min(endpoint.patience))
            .await
    }

    /// Ends the cases of a server that can't be judged any more.
    fn give_up(
        &mut self,
        server: usize,
        suspects: &[usize],
        rest: Vec<usize>,
        why: &str,
    ) -> Vec<usize> {
        let names: Vec<_> = suspects
            .iter()
            .map(|it| self.cases[*it].id)
            .collect();
        let names = names.join(", ");
        self.runner.tell(format!(
            "{why}. When it ended these cases ran: {names}. One of them may \
             have done it; run each alone with --case, and leave it out with \
             --exclude"
        ));
        for index in suspects.iter().copied() {
            let what = match suspects {
                [_] => "it ended while only this case ran",
                _ => "it ended while this case and others ran",
            };
            let finding = Finding::Blocked(format!("{why}; {what}"));
            let mut judged = Judged::without_run(self.cases[index], finding);
            if suspects.len() == 1 {
                judged.outcome = Outcome::Fail;
            }
            self.keep(index, judged);
        }
        let (gone, rest): (Vec<_>, Vec<_>) = rest
            .into_iter()
            .partition(|index| self.is_at(*index, server));
        for index in gone {
            let finding = Finding::Blocked(format!("not run: {why}"));
            let judged = Judged::without_run(self.cases[index], finding);
            self.keep(index, judged);
        }
        rest
    }
}

impl Judged {
    /// What a case has found that ended the server.
    fn has_ended_it(self, how: Result<Option<Ended>, String>) -> Self {
        let got = match how {
            Ok(Some(ended)) => ended.to_string(),
            Ok(None) => "it accepts no connection any more".to_owned(),
            Err(why) => why,
        };
        Self {
            outcome: Outcome::Fail,
            is_settled: true,
            finding: Some(Finding::violation(
                "the server to go on serving after this case",
                got,
            )),
            ..self
        }
    }
}
