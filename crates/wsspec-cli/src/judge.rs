//! `wsspec URL`: all cases, or those that are asked for, over one endpoint.

use std::collections::BTreeMap;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wsspec::autobahn::Index;
use wsspec::report::is_violation;
use wsspec::results::Target;
use wsspec::runner::JOBS;
use wsspec::{
    Case, Endpoint, Judged, KnownViolation, Outcome, Runner, Url, autobahn,
    known,
};

use crate::arguments::{Format, Judge, Options, usage};
use crate::output::Output;
use crate::{Exit, reach, selected};

/// With Autobahn's timers a case that waits for its turn at the server is
/// late, so fewer run at a time.
const JOBS_AGAINST_TIMERS: usize = 16;

/// What a run over one server has found.
pub(crate) struct Finished {
    pub(crate) target: Target,
    pub(crate) index: Index,
    /// Where the server is, if it is still there when somebody reads this.
    pub(crate) stays_at: Option<Url>,
    pub(crate) exit: Exit,
}

pub(crate) async fn judge(arguments: &Judge) -> Exit {
    let options = &arguments.options;
    let url = arguments.url();
    let patience = options.patience.duration();
    let mut endpoint = Endpoint::new(url.clone(), patience);
    arguments.declare.apply(&mut endpoint);
    let mut output = Output::new(options);
    match judge_endpoint(endpoint, &[], options, &url.to_string()).await {
        Ok(finished) => {
            output.add(Finished {
                stays_at: Some(url.clone()),
                ..finished
            });
            output.finish()
        }
        Err(exit) => exit,
    }
}

/// Judges an endpoint of which something is known.
pub(crate) async fn judge_endpoint(
    mut endpoint: Endpoint,
    known: &[&KnownViolation],
    options: &Options,
    name: &str,
) -> Result<Finished, Exit> {
    let cases = cases(options);
    must_be_near(&endpoint.url, options.allow_public);
    let as_autobahn = options.format == Format::Autobahn;
    let hosts = endpoint.hosts();
    endpoint.autobahn_timers = as_autobahn;
    endpoint.full_volume = options.full_volume;
    let jobs = match as_autobahn {
        true => JOBS_AGAINST_TIMERS,
        false => JOBS,
    };
    let mut runner =
        Runner::new(endpoint, options.jobs.unwrap_or(jobs)).expecting(known);
    if options.repeat > 1 {
        // A second try would hide what is not the same each time.
        runner = runner.once();
    }
    reach(&runner).await?;

    let begun = Instant::now();
    let progress = progress((cases.len() * options.repeat) as u64);
    let mut runs = Vec::new();
    let mut failing = 0;
    for _ in 0..options.repeat {
        let judging = runner.run(cases.iter().copied(), |judged| {
            progress.inc(1);
            let is_known = known.iter().any(|it| it.names(judged.case));
            let (outcome, id) = (judged.outcome, judged.case.id);
            if is_violation(outcome, options.strict) && !is_known {
                failing += 1;
                // The end of the run tells which, by their causes.
                if options.verbose {
                    progress.println(format!("{outcome} {id}"));
                }
            }
            progress.set_message(match failing {
                0 => id.to_owned(),
                failing => format!("{failing} failing, {id}"),
            });
        });
        let mut judged = judging.await;
        known::apply(&mut judged, known);
        runs.push(judged);
    }
    progress.finish_and_clear();
    let ended = hosts.iter().find_map(|host| host.has_ended());
    if let Some(ended) = &ended {
        anstream::eprintln!("wsspec: {ended}");
    }

    let told = runner.take_told();
    for line in &told {
        anstream::eprintln!("wsspec: {line}");
    }

    let (judged, unsteady) = worst(runs);
    let seconds = begun.elapsed().as_secs_f64();
    let mut target = Target::new(name, &judged, seconds);
    for (result, unsteady) in target.cases.iter_mut().zip(unsteady) {
        result.unsteady = unsteady;
    }
    Ok(Finished {
        // A server that a case has ended has not kept it, whatever it said.
        exit: match ended.is_some() || !told.is_empty() {
            true => verdict(&target, options.strict).max(Exit::Violations),
            false => verdict(&target, options.strict),
        },
        target,
        index: autobahn::index(options.agent.as_deref(), &judged),
        stays_at: None,
    })
}

/// Ends the process with 2 for a server of other people's.
pub(crate) fn must_be_near(url: &Url, allow_public: bool) {
    if !allow_public && !url.is_near() {
        usage(&format!(
            "{url} is neither this machine nor in a private network. Many of \
             the cases are what an attacker would send; if it is yours, say \
             --allow-public"
        ));
    }
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

/// How often what came out of a case; empty if it was always the same.
type Unsteady = BTreeMap<Outcome, usize>;

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
    for outcomes in &mut outcomes {
        if outcomes.len() == 1 {
            outcomes.clear();
        }
    }
    (worst, outcomes)
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

fn verdict(target: &Target, strict: bool) -> Exit {
    let mut outcomes = target.cases.iter().map(|case| case.outcome);
    if outcomes.clone().any(|it| it == Outcome::Broken) {
        Exit::OwnFault
    } else if outcomes.any(|it| is_violation(it, strict)) {
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
