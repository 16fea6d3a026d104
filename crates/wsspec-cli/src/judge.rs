//! `wsspec URL`: all cases, or those that are asked for, over one endpoint.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wsspec::report::{Counts, Explained, is_violation};
use wsspec::results::{Results, junit, markdown};
use wsspec::runner::JOBS;
use wsspec::{
    Case, Endpoint, Judged, KnownViolation, Outcome, Runner, Url, autobahn,
    known,
};

use crate::arguments::{Format, Judge, Options, usage};
use crate::{Exit, reach, selected, written};

/// With Autobahn's timers a case that waits for its turn at the server is
/// late, so fewer run at a time.
const JOBS_AGAINST_TIMERS: usize = 16;

pub(crate) async fn judge(arguments: &Judge) -> Exit {
    let options = &arguments.options;
    let patience = options.patience.duration();
    let endpoint = Endpoint::new(arguments.url().clone(), patience);
    judge_endpoint(endpoint, &[], options, Server::Stays).await
}

/// Judges an endpoint of which something is known, and writes the results.
pub(crate) async fn judge_endpoint(
    mut endpoint: Endpoint,
    known: &[&KnownViolation],
    options: &Options,
    server: Server,
) -> Exit {
    let cases = cases(options);
    let as_autobahn = options.format == Format::Autobahn;
    endpoint.autobahn_timers = as_autobahn;
    let url = endpoint.url.clone();
    let jobs = match as_autobahn {
        true => JOBS_AGAINST_TIMERS,
        false => JOBS,
    };
    let runner = Runner::new(endpoint, options.jobs.unwrap_or(jobs));
    if let Err(exit) = reach(&runner).await {
        return exit;
    }

    let begun = Instant::now();
    let progress = progress((cases.len() * options.repeat) as u64);
    let mut runs = Vec::new();
    for _ in 0..options.repeat {
        let judging = runner.run(cases.iter().copied(), |judged| {
            progress.inc(1);
            progress.set_message(judged.case.id);
        });
        let mut judged = judging.await;
        known::apply(&mut judged, known);
        runs.push(judged);
    }
    progress.finish_and_clear();

    let (judged, unsteady) = worst(runs);
    let run = Run {
        url: &url,
        judged: &judged,
        unsteady: &unsteady,
        took: begun.elapsed(),
        server,
    };
    written(run.write(options), verdict(&judged, options.strict))
}

/// The cases that are asked for.
pub(crate) fn cases(options: &Options) -> Vec<&'static Case> {
    let mut cases = selected(&options.select.selection());
    if options.format == Format::Autobahn {
        cases.retain(|case| case.autobahn.is_some());
    }
    if cases.is_empty() {
        usage("none of these cases carries one of Autobahn's");
    }
    cases
}

/// What came out, and of what.
struct Run<'a> {
    url: &'a Url,
    judged: &'a [Judged],
    unsteady: &'a [Unsteady],
    took: Duration,
    server: Server,
}

/// Whether the server is still there when somebody reads the results.
pub(crate) enum Server {
    Stays,
    /// It was started for the run, under this name.
    Ends(String),
}

/// A case that did not come out the same in every run, with how often what.
type Unsteady = (&'static Case, BTreeMap<Outcome, usize>);

/// Of each case the worst of its runs, and what was not always the same.
fn worst(runs: Vec<Vec<Judged>>) -> (Vec<Judged>, Vec<Unsteady>) {
    let mut runs = runs.into_iter();
    let mut worst = runs.next().unwrap_or_default();
    let mut outcomes: Vec<_> = worst
        .iter()
        .map(|judged| BTreeMap::from([(judged.outcome, 1)]))
        .collect();
    for run in runs {
        let all = worst.iter_mut().zip(&mut outcomes).zip(run);
        for ((worst, outcomes), judged) in all {
            *outcomes.entry(judged.outcome).or_default() += 1;
            if severity(judged.outcome) > severity(worst.outcome) {
                *worst = judged;
            }
        }
    }
    let unsteady = worst
        .iter()
        .map(|judged| judged.case)
        .zip(outcomes)
        .filter(|(_, outcomes)| outcomes.len() > 1)
        .collect();
    (worst, unsteady)
}

/// How much an outcome says against the server, or against the suite.
fn severity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Broken => 5,
        Outcome::Fail | Outcome::Stale => 4,
        Outcome::NonStrict => 3,
        Outcome::Blocked => 2,
        Outcome::Known | Outcome::Unsupported | Outcome::Info => 1,
        Outcome::Pass => 0,
    }
}

impl Run<'_> {
    fn write(&self, options: &Options) -> std::io::Result<()> {
        let target = match &self.server {
            Server::Stays => self.url.to_string(),
            Server::Ends(name) => name.clone(),
        };
        let mut text = Vec::new();
        match options.format {
            Format::Text => self.report(&mut text, options)?,
            Format::Json => {
                let seconds = self.took.as_secs_f64();
                let results = Results::new(&target, self.judged, seconds);
                serde_json::to_writer_pretty(&mut text, &results)?;
                writeln!(text)?;
            }
            Format::Junit => {
                let junit = junit(&target, self.judged, options.strict);
                let junit = junit.map_err(std::io::Error::other)?;
                writeln!(text, "{junit}")?;
            }
            Format::Markdown => {
                let strict = options.strict;
                let markdown = markdown(&target, self.judged, strict);
                write!(text, "{markdown}")?;
            }
            Format::Autobahn => {
                let agent = options.agent.as_deref();
                let index = autobahn::index(agent, self.judged);
                serde_json::to_writer_pretty(&mut text, &index)?;
                writeln!(text)?;
            }
        }
        match &options.output {
            None => {
                let mut out = anstream::stdout().lock();
                out.write_all(&text)?;
                out.flush()
            }
            Some(path) => {
                // No colours in a file.
                let mut out = anstream::StripStream::new(File::create(path)?);
                out.write_all(&text)?;
                out.flush()
            }
        }
    }

    fn report(
        &self,
        out: &mut impl Write,
        options: &Options,
    ) -> std::io::Result<()> {
        let mut failed = None;
        for judged in self.judged {
            let needs_a_look = !matches!(
                judged.outcome,
                Outcome::Pass
                    | Outcome::Info
                    | Outcome::Unsupported
                    | Outcome::Known
            );
            if needs_a_look {
                failed = failed.or(Some(judged.case.id));
                writeln!(out, "{}", Explained(judged))?;
            } else if options.verbose {
                let (outcome, id) = (judged.outcome, judged.case.id);
                writeln!(out, "{outcome:11} {id}")?;
            }
        }
        for (case, outcomes) in self.unsteady {
            let outcomes: Vec<_> = outcomes
                .iter()
                .map(|(outcome, count)| format!("{outcome} {count}×"))
                .collect();
            writeln!(out, "unsteady    {}: {}", case.id, outcomes.join(", "))?;
        }
        let times = match options.repeat {
            1 => String::new(),
            times => format!(", {times} times,"),
        };
        writeln!(
            out,
            "{}: {} cases{times} in {:.1} s",
            self.url,
            self.judged.len(),
            self.took.as_secs_f64()
        )?;
        write!(out, "{}", Counts::of(self.judged))?;
        if let Some(id) = failed {
            let url = self.url;
            writeln!(out, "\nwsspec explain {id}    what the case is about")?;
            if let Server::Stays = self.server {
                writeln!(out, "wsspec replay {url} {id}    its whole trace")?;
            }
        }
        Ok(())
    }
}

fn verdict(judged: &[Judged], strict: bool) -> Exit {
    let has = |found: fn(&Judged, bool) -> bool| {
        judged.iter().any(|judged| found(judged, strict))
    };
    if has(|judged, _| judged.outcome == Outcome::Broken) {
        Exit::OwnFault
    } else if has(|judged, strict| is_violation(judged.outcome, strict)) {
        Exit::Violations
    } else {
        Exit::AsExpected
    }
}

/// A bar on a terminal, nothing elsewhere.
fn progress(length: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(
        Some(length),
        ProgressDrawTarget::stderr(),
    );
    let style = ProgressStyle::with_template("{pos}/{len} {wide_msg}");
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
