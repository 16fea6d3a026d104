//! Who judges the judge: a reference endpoint on which every case passes, and
//! one mutant per defect, each of which fails exactly the cases that it lists.
//!
//! A case that no mutant fails is not a test.
//!
//! `MUTANT=Http2` in the environment tries only those whose names begin so; then
//! nobody asks whether every case fails one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use wsspec::case::Case;
use wsspec::known::matches;
use wsspec::report::Explained;
use wsspec::{
    Endpoint, Finding, Host, Judged, Launcher, Level, Outcome, Runner, cases,
};
use wsspec_reference::{Defect, Kind, Reference};

use crate::support;

/// Short, because the endpoint is in this process: what is slow for the cases
/// is as slow for their witness.
const PATIENCE: Duration = Duration::from_millis(250);

/// How a case meets the endpoint. Not every mutant is met in every way: one
/// that is no different there would only take its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meets {
    /// With others, over one endpoint.
    Plain,
    /// The endpoint asks for an origin and a credential, and has deadlines.
    Guarded,
    /// The endpoint takes messages of 16 MiB.
    Large,
    /// Alone: what it does to the endpoint others would feel.
    Alone,
    /// As a process of its own.
    Process,
    /// As a process of its own that serves five.
    Limited,
    /// As a process of its own that answers eight opening handshakes.
    Rated,
    /// The endpoint closes connections when their time is over.
    Timed,
    /// The endpoint agrees to compress.
    Deflate,
    /// The same; what takes long, as it is many messages.
    Compressed,
    /// The same, alone.
    DeflateAlone,
    /// The same, as a process of its own.
    DeflateProcess,
    /// The endpoint is behind TLS.
    Secure,
    /// The endpoint is behind HTTP/2.
    Http2,
    /// The same as a process of its own.
    Http2Process,
}

/// The last pattern that matches decides; what none matches is plain.
const MEETS: &[(Meets, &str)] = &[
    (Meets::Guarded, "6455/10.2/*"),
    (Meets::Guarded, "6455/4.2.1/request-without-origin"),
    (Meets::Guarded, "6455/4.2.2/known-subprotocol"),
    (Meets::Guarded, "9110/11.6.1/*"),
    (Meets::Guarded, "hostile/access/*"),
    (Meets::Guarded, "hostile/slow/*"),
    (Meets::Large, "6455/6.2/*"),
    (Meets::Alone, "hostile/slow/many-half-requests"),
    (Meets::Alone, "hostile/connections/*"),
    (Meets::Process, "hostile/memory/*"),
    (Meets::Process, "hostile/processor/*"),
    (Meets::Process, "hostile/descriptors/*"),
    (Meets::Process, "hostile/shutdown/*"),
    (Meets::Limited, "hostile/connections/over-the-number*"),
    (Meets::Rated, "hostile/rate/*"),
    (Meets::Timed, "hostile/slow/no-message"),
    (Meets::Timed, "hostile/slow/too-old"),
    (Meets::Timed, "hostile/slow/reads-nothing"),
    (Meets::Deflate, "7692/*"),
    (Meets::Compressed, "7692/7.1/*"),
    (Meets::Compressed, "7692/7.2/*"),
    (Meets::Deflate, "hostile/compression/*"),
    (
        Meets::DeflateAlone,
        "hostile/compression/garbage-fails-alone",
    ),
    (Meets::DeflateProcess, "hostile/memory/compressed-*"),
    (Meets::DeflateProcess, "hostile/processor/empty-blocks"),
    (Meets::Secure, "6455/10.6/*"),
    (Meets::Secure, "6455/4.2.2/no-switch-without-tls"),
    (Meets::Secure, "6455/4.2.2/failed-tls-handshake-ends"),
    (Meets::Secure, "6455/4.2.2/everything-is-in-the-tunnel"),
    (Meets::Secure, "6455/7.1.1/tls-ends-with-close-notify"),
    (Meets::Http2, "8441/*"),
    (Meets::Http2, "9220/*"),
    (Meets::Http2, "hostile/http2/*"),
    (Meets::Http2Process, "hostile/memory/empty-data-frames"),
    (Meets::Http2Process, "hostile/memory/stalled-streams"),
];

fn meets(case: &Case) -> Meets {
    let fitting = MEETS.iter().rev();
    let mut fitting = fitting.filter(|(_, it)| matches(it, case.id));
    fitting
        .next()
        .map_or(Meets::Plain, |(meets, _)| *meets)
}

/// The ways in which a mutant is met.
fn is_met(defect: Option<Defect>, meets: Meets) -> bool {
    use Defect as D;
    let Some(defect) = defect else { return true };
    let ways: &[Meets] = match defect {
        D::WrongOctets => &[
            Meets::Plain,
            Meets::Large,
            Meets::Deflate,
            Meets::Compressed,
            Meets::Secure,
        ],
        D::TextAsBinary | D::BinaryAsText | D::EmptyNotEchoed => {
            &[Meets::Plain, Meets::Large, Meets::Deflate]
        }
        D::EchoCut
        | D::EchoInFragments
        | D::FewFragments
        | D::FragmentsCounted
        | D::FrameInOneSegment => &[Meets::Plain, Meets::Large],
        D::EmptyFragmentIsError
        | D::EmptyLastFragmentIgnored
        | D::FailsWithoutClose
        | D::FailsWith1000
        | D::FailsWith1011
        | D::FailsAndStaysOpen => &[Meets::Plain, Meets::Deflate],
        D::NoTakeoverNotKept
        | D::ServerWindowNotKept
        | D::NeverCompresses
        | D::BufferUsedAgain
        | D::InflatesWith9Bits
        | D::CountsTo256 => &[Meets::Deflate, Meets::Compressed],
        D::GarbageEndsServing => &[Meets::DeflateAlone],
        D::InflatesWhole | D::BlocksReadAgain => &[Meets::DeflateProcess],
        D::LargeBuffers => &[Meets::Process, Meets::DeflateProcess],
        D::TlsAwaitedAsHttp => &[Meets::Plain],
        D::Http2KeepsEmptyFrames | D::Http2StalledHasRoom => {
            &[Meets::Http2Process]
        }
        _ if defect >= D::Http2SettingNotSaid => &[Meets::Http2],
        _ if defect >= D::TlsNotNeeded => &[Meets::Secure],
        _ if defect >= D::UnknownParameterAccepted => &[Meets::Deflate],
        _ if defect >= D::ShutdownSilent && defect < D::NumberNotKept => {
            &[Meets::Process]
        }
        D::NumberNotKept | D::NumberRefusedWith400 => &[Meets::Limited],
        D::RateNotKept | D::RateRefusedWith400 => &[Meets::Rated],
        D::UnmaskedAccepted => &[Meets::Plain, Meets::Http2],
        _ if defect >= D::IdleNotTimed => &[Meets::Timed],
        D::AnyLengthAwaited => &[Meets::Plain, Meets::Process],
        _ if defect >= D::AllocatesAnnounced => &[Meets::Process],
        _ if defect >= D::ResetEndsServing => &[Meets::Alone],
        _ if defect >= D::OriginNotChecked => &[Meets::Guarded],
        _ => &[Meets::Plain],
    };
    ways.contains(&meets)
}

/// The results of all cases that meet the mutant, in their order.
async fn judge(defect: Option<Defect>) -> Vec<Judged> {
    let mut judged = Vec::new();
    for way in [
        Meets::Plain,
        Meets::Guarded,
        Meets::Large,
        Meets::Alone,
        Meets::Process,
        Meets::Limited,
        Meets::Rated,
        Meets::Timed,
        Meets::Deflate,
        Meets::Compressed,
        Meets::DeflateAlone,
        Meets::DeflateProcess,
        Meets::Secure,
        Meets::Http2,
        Meets::Http2Process,
    ] {
        if !is_met(defect, way) {
            continue;
        }
        let cases: Vec<_> = cases::all()
            .filter(|case| meets(case) == way)
            .filter(|case| !is_apart(defect, case))
            .collect();
        judged.extend(match way {
            Meets::Plain => over(Kind::Plain, defect, cases).await,
            Meets::Guarded => over(Kind::Guarded, defect, cases).await,
            Meets::Large => over(Kind::Large, defect, cases).await,
            Meets::Alone | Meets::DeflateAlone => {
                let kind = match way {
                    Meets::DeflateAlone => Kind::Deflate,
                    _ => Kind::Plain,
                };
                let mut judged = Vec::new();
                for case in cases {
                    let alone = over(kind, defect, vec![case]);
                    judged.extend(alone.await);
                }
                judged
            }
            Meets::Process => as_process(Kind::Large, defect, cases).await,
            Meets::Limited => as_process(Kind::Limited, defect, cases).await,
            Meets::DeflateProcess => {
                as_process(Kind::Deflate, defect, cases).await
            }
            Meets::Rated => as_process(Kind::Rated, defect, cases).await,
            Meets::Timed => over(Kind::Timed, defect, cases).await,
            Meets::Deflate | Meets::Compressed => {
                over(Kind::Deflate, defect, cases).await
            }
            Meets::Secure => over(Kind::Secure, defect, cases).await,
            Meets::Http2 => over(Kind::Http2, defect, cases).await,
            Meets::Http2Process => as_process(Kind::Http2, defect, cases).await,
        });
    }
    let order: BTreeMap<_, _> = cases::all()
        .map(|case| case.id)
        .zip(0..)
        .collect();
    judged.sort_by_key(|judged: &Judged| order[judged.case.id]);
    judged
}

/// What costs memory costs no processor time, and what does at the beginning
/// makes no difference at the end: cases that start a process each meet only
/// the mutants of their kind.
fn is_apart(defect: Option<Defect>, case: &Case) -> bool {
    use Defect as D;
    let Some(defect) = defect else { return false };
    let kind = match defect {
        D::HeadReadAgain | D::OfferReadAgain => "hostile/processor/*",
        D::KeepsDescriptors => "hostile/descriptors/*",
        _ if defect >= D::ShutdownSilent => "hostile/shutdown/*",
        _ => "hostile/memory/*",
    };
    meets(case) == Meets::Process && !matches(kind, case.id)
}

async fn over(
    kind: Kind,
    defect: Option<Defect>,
    cases: Vec<&'static Case>,
) -> Vec<Judged> {
    let reference = Reference::start_as(kind, defect).await;
    // A deadline that is kept may be seen late on a busy machine.
    let patience = match kind {
        Kind::Guarded | Kind::Timed => 3 * PATIENCE,
        _ => PATIENCE,
    };
    let endpoint = support::endpoint(&reference, patience);
    Runner::new(endpoint, 32).run(cases, |_| {}).await
}

/// The endpoint in processes of its own, as `wsspec run` starts one.
async fn as_process(
    kind: Kind,
    defect: Option<Defect>,
    cases: Vec<&'static Case>,
) -> Vec<Judged> {
    let program = std::env::current_exe().expect("this test's program");
    let defect = defect
        .map(|it| format!("{it:?}"))
        .unwrap_or_default();
    let launcher = Launcher::shell(&format!(
        "REFERENCE='{kind:?} {defect}' exec '{}' --exact \
         mutants::the_reference_as_a_process --ignored --nocapture",
        program.display()
    ));
    let host = Arc::new(Host::start(launcher).expect("a process"));
    // What is measured is not time, and what stalls stalls only once.
    let mut endpoint = Endpoint::new(host.url().clone(), 4 * PATIENCE);
    support::reach(kind, &mut endpoint);
    endpoint.host = Some(Arc::clone(&host));
    let judged = Runner::new(endpoint, 2).run(cases, |_| {}).await;
    host.end();
    judged
}

#[test]
#[ignore = "it is the endpoint that other tests start"]
fn the_reference_as_a_process() {
    let setup = std::env::var("REFERENCE").expect("who starts it says how");
    let (kind, defect) = setup.split_once(' ').expect("kind and defect");
    let kinds = [
        Kind::Large,
        Kind::Limited,
        Kind::Rated,
        Kind::Deflate,
        Kind::Http2,
    ];
    let kind = kinds.iter().find(|it| format!("{it:?}") == kind);
    let defect = Defect::ALL
        .iter()
        .find(|it| format!("{it:?}") == defect);
    wsspec_reference::serve_as_child(*kind.expect("a kind"), defect.copied());
}

#[tokio::test]
async fn every_case_passes_on_the_reference() {
    let mut wrong = String::new();
    for judged in judge(None).await {
        let expected = match (judged.case.level, judged.outcome) {
            (Level::May, outcome) => outcome == Outcome::Info,
            // It holds, and says how much it is.
            _ if judged.case.id.ends_with("idle-connections") => {
                judged.outcome == Outcome::Info
            }
            (_, outcome) => outcome == Outcome::Pass,
        };
        if !expected {
            wrong += &format!("\n{}", Explained(&judged));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What carries the frames makes no difference to any case of frames.
#[tokio::test(flavor = "multi_thread")]
async fn frames_are_judged_alike_over_tls_and_http2() {
    let mut wrong = String::new();
    for kind in [Kind::Secure, Kind::Http2] {
        let plain = cases::all().filter(|case| meets(case) == Meets::Plain);
        let judged = over(kind, None, plain.collect()).await;
        let judges = judged
            .iter()
            .filter(|it| it.outcome != Outcome::Unsupported);
        assert!(judges.count() > 300, "{kind:?}");
        for judged in judged {
            if !matches!(
                judged.outcome,
                Outcome::Pass | Outcome::Info | Outcome::Unsupported
            ) {
                wrong += &format!("\n{kind:?}: {}", Explained(&judged));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mutant_fails_exactly_the_cases_that_it_lists() {
    let mut failed_by_any = BTreeSet::new();
    let mut observed = BTreeMap::<_, BTreeSet<String>>::new();
    let mut accepts = ByDefect::new();
    let mut bugs = ByDefect::new();
    let mut wrong = String::new();
    for (defect, listed, judged) in judge_catalogue().await {
        let violations = judged
            .iter()
            .filter(|it| matches!(it.finding, Some(Finding::Violation { .. })))
            .count();
        for judged in &judged {
            let id = judged.case.id;
            let fails =
                !matches!(judged.outcome, Outcome::Pass | Outcome::Info);
            // Whoever overlooks something here reads whole frames first.
            let inside = INSIDE_A_FRAME.iter().any(|it| matches(it, id));
            let late = defect.overlooks() && inside;
            let should = is_listed(listed, judged.case) || late;
            if let Some(Finding::Observed(what)) = &judged.finding {
                observed
                    .entry(id)
                    .or_default()
                    .insert(what.clone());
            }
            if let Some(Finding::Violation { expected, .. }) = &judged.finding {
                accepts
                    .entry(id)
                    .or_default()
                    .insert((violations, expected.clone()));
                bugs.entry(id)
                    .or_default()
                    .insert((violations, defect.what()));
            }
            // Whatever is blocked has failed nothing.
            if matches!(judged.outcome, Outcome::Fail | Outcome::NonStrict) {
                failed_by_any.insert(id);
            }
            if fails && !should {
                wrong +=
                    &format!("\n{defect:?} also fails\n{}", Explained(judged));
            }
            if should && !fails {
                wrong += &format!("\n{defect:?} does not fail {id}\n");
            }
        }
        for pattern in listed.iter().map(|it| it.trim_start_matches('!')) {
            if !cases::all().any(|case| names(pattern, case)) {
                wrong +=
                    &format!("\n{defect:?} lists {pattern}: no such case\n");
            }
        }
    }
    if chosen().is_some() {
        assert!(wrong.is_empty(), "{wrong}");
        return;
    }
    for case in cases::all() {
        let tells_apart = match case.level {
            Level::May => observed
                .get(case.id)
                .is_some_and(|it| it.len() > 1),
            _ => failed_by_any.contains(case.id),
        };
        if !tells_apart {
            wrong += &format!("\n{} tells no mutant apart\n", case.id);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    if std::env::var_os("BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/explained.tsv");
        let text = explained(&judge(None).await, &accepts, &bugs);
        std::fs::write(path, text).expect("data/explained.tsv is written");
    } else {
        check_explained(&bugs);
    }
}

/// How the names of the mutants begin that are tried, if not all are.
fn chosen() -> Option<String> {
    std::env::var("MUTANT").ok()
}

/// Several mutants at a time: most of the time a run waits for what a
/// violator does not do. Those that compress keep the processors busy instead,
/// and come when no other mutant's time counts.
async fn judge_catalogue() -> Vec<(Defect, &'static [&'static str], Vec<Judged>)>
{
    let (busy, waiting): (Vec<_>, Vec<_>) = CATALOGUE
        .iter()
        .copied()
        .filter(|(defect, _)| {
            let name = format!("{defect:?}");
            chosen().is_none_or(|it| name.starts_with(&it))
        })
        .partition(|(defect, _)| is_met(Some(*defect), Meets::Deflate));
    let mut judged = Vec::new();
    for part in [waiting, busy] {
        let at_a_time = Arc::new(Semaphore::new(6));
        let mut running = JoinSet::new();
        for (defect, listed) in part {
            let at_a_time = Arc::clone(&at_a_time);
            running.spawn(async move {
                let _permit = at_a_time.acquire_owned().await;
                (defect, listed, judge(Some(defect)).await)
            });
        }
        judged.extend(running.join_all().await);
    }
    judged.sort_by_key(|(defect, ..)| *defect);
    judged
}

/// What a case is said to accept and to find, by the number of violations that
/// the defect has in all: what few cases find says most of them.
type ByDefect<T> = BTreeMap<&'static str, BTreeSet<(usize, T)>>;

/// Lines of a conversation that are kept, from its beginning and its end.
const KEPT_LINES: usize = 12;

/// A defect with more violations is found by any case that needs an echo.
const EVERYWHERE: usize = 200;

/// `data/explained.tsv`, which is written with `BLESS=1`.
fn explained(
    reference: &[Judged],
    accepts: &ByDefect<String>,
    bugs: &ByDefect<&str>,
) -> String {
    let mut text = String::new();
    for judged in reference {
        let id = judged.case.id;
        for line in conversation(judged) {
            text += &format!("{id}\tline\t{line}\n");
        }
        for what in most_telling(accepts.get(id), 2) {
            text += &format!("{id}\taccepts\t{what}\n");
        }
        for what in most_telling(bugs.get(id), 5) {
            text += &format!("{id}\tbug\t{what}\n");
        }
    }
    text
}

fn conversation(judged: &Judged) -> Vec<String> {
    let conversations: Vec<_> = judged
        .records
        .iter()
        .map(|record| {
            let record = record.lock().expect("a record");
            record.trace(judged.case.is_about_handshake())
        })
        .collect();
    let mut lines: Vec<_> = conversations
        .join(&String::new())
        .iter()
        .map(|line| without_port(line))
        .collect();
    if lines.len() > 2 * KEPT_LINES + 1 {
        let left_out = lines.len() - 2 * KEPT_LINES;
        let last = lines.len() - KEPT_LINES;
        lines.splice(KEPT_LINES..last, [format!("… {left_out} lines …")]);
    }
    lines
}

fn most_telling<T: Ord>(
    all: Option<&BTreeSet<(usize, T)>>,
    most: usize,
) -> Vec<&T> {
    let mut seen = BTreeSet::new();
    let all = all.into_iter().flatten();
    let telling: Vec<_> = all
        .filter(|(_, what)| seen.insert(what))
        .collect();
    let only_these = telling
        .first()
        .is_some_and(|(count, _)| *count <= EVERYWHERE);
    telling
        .into_iter()
        .filter(|(count, _)| !only_these || *count <= EVERYWHERE)
        .take(most)
        .map(|(_, what)| what)
        .collect()
}

/// The port is another in each run.
fn without_port(line: &str) -> String {
    let Some((before, behind)) = line.split_once("127.0.0.1:") else {
        return line.to_owned();
    };
    let rest = behind.trim_start_matches(|it: char| it.is_ascii_digit());
    format!("{before}127.0.0.1:8080{rest}")
}

/// Every case has its conversation, and every bug that it is said to find is
/// one that it has found just now.
fn check_explained(bugs: &ByDefect<&str>) {
    for case in cases::all() {
        let id = case.id;
        let explanation = wsspec::explain::explanation(id)
            .unwrap_or_else(|| panic!("{id} is not explained: {HOW}"));
        assert!(!explanation.conversation.is_empty(), "{id}: {HOW}");
        let found: BTreeSet<_> = bugs
            .get(id)
            .into_iter()
            .flatten()
            .map(|(_, what)| *what)
            .collect();
        assert_eq!(
            explanation.bugs.is_empty(),
            found.is_empty(),
            "{id}: {HOW}"
        );
        for bug in &explanation.bugs {
            assert!(found.contains(bug), "{id} does not find {bug:?}: {HOW}");
        }
    }
}

const HOW: &str = "`BLESS=1 cargo test -p wsspec --test it mutants` writes it";

#[test]
fn every_defect_is_in_the_catalogue_once() {
    let listed: Vec<_> = CATALOGUE
        .iter()
        .map(|(defect, _)| *defect)
        .collect();
    assert_eq!(listed, Defect::ALL, "in the order of their definition");
}

const INSIDE_A_FRAME: [&str; 2] = [
    "6455/8.1/invalid-text-fails-early/frame*",
    "hostile/length/illegal-header/*",
];

/// The last pattern that matches decides; `!` takes away.
fn is_listed(patterns: &[&str], case: &Case) -> bool {
    patterns.iter().fold(false, |listed, pattern| {
        match pattern.strip_prefix('!') {
            Some(pattern) => listed && !names(pattern, case),
            None => listed || names(pattern, case),
        }
    })
}

/// Whether a pattern is one for the id, or stands for every case of a kind.
fn names(pattern: &str, case: &Case) -> bool {
    let any = |patterns: &[&str]| {
        patterns
            .iter()
            .any(|pattern| matches(pattern, case.id))
    };
    match pattern {
        AUTOBAHN => case.autobahn.is_some(),
        NEEDS_A_CONNECTION => {
            any(NEEDS_A_CONNECTION_CASES)
                && case.id != "hostile/handshake/tls-at-a-plain-port"
        }
        NEEDS_AN_ECHO => any(NEEDS_AN_ECHO_CASES),
        NEEDS_A_COMPRESSED_ECHO => any(NEEDS_A_COMPRESSED_ECHO_CASES),
        REFERS_FAR_BACK => any(REFERS_FAR_BACK_CASES),
        NEEDS_AN_ANSWER_TO_CLOSE => any(NEEDS_AN_ANSWER_TO_CLOSE_CASES),
        pattern => matches(pattern, case.id),
    }
}

const AUTOBAHN: &str = "(carries a case of Autobahn's)";

const NEEDS_A_CONNECTION: &str = "(begins with a right opening handshake)";

/// What a case that begins with a right opening handshake can be.
const NEEDS_A_CONNECTION_CASES: &[&str] = &[
    "6455/8.1/*",
    "6455/5.2/*",
    "6455/4.2.1/*",
    "6455/5.4/*",
    "6455/7.4/*",
    "6455/5.5.1/*",
    "6455/7.1.7/*",
    "6455/5.5.2/*",
    "6455/5.1/client-frames-are-masked/*",
    "6455/5.3/*",
    "6455/5.5/control-is-short/*",
    "6455/5.5.3/pong-needs-no-answer/*",
    "6455/4.2.2/refusal-lists-the-version/*",
    "6455/4.2.2/frame-before-the-101",
    "6455/4.2.2/request-octet-by-octet",
    "6455/4.2.2/unknown-resource-is-refused",
    "9110/5.6.1/empty-elements-are-passed-over",
    "6455/5.1/*",
    "6455/5.5/*",
    "6455/7.1.1/tcp-ends-in-order",
    "6455/7.1.4/*",
    "6455/9.1/*",
    "6455/7.4.1/*",
    "6455/10.4/*",
    "6455/10.7/*",
    "9110/5.4/*",
    "9110/7.8/*",
    "9112/*",
    "hostile/*",
];

const NEEDS_AN_ANSWER_TO_CLOSE: &str = "(has a Close answered)";

/// What a case that has a right Close answered can be.
const NEEDS_AN_ANSWER_TO_CLOSE_CASES: &[&str] = &[
    "6455/5.1/server-frames-are-not-masked",
    "6455/5.2/server-bits-are-zero",
    "6455/5.4/control-between-fragments/close",
    "6455/5.5/server-control-is-short",
    "6455/5.5.1/close-is-answered/*",
    "6455/5.5.1/answer-repeats-the-code/*",
    "6455/5.5.1/empty-close-has-no-code",
    "6455/5.5.1/tcp-ends-after-both-closes",
    "6455/5.5.1/nothing-comes-after-own-close",
    "6455/5.5.1/close-is-answered-soon",
    "6455/5.5.1/nothing-counts-after-close/*",
    "6455/5.5.3/pong-needs-no-answer/empty",
    "6455/5.5.3/pong-needs-no-answer/payload",
    "6455/7.1.1/tcp-ends-in-order",
    "6455/5.5.1/messages-before-a-close",
    "6455/7.4/valid-code-is-answered/*",
    "6455/7.4/later-code-is-answered/*",
    "hostile/control/data-behind-close",
];

const NEEDS_AN_ECHO: &str = "(has a text echoed)";

/// What a case that has a text echoed can be.
const NEEDS_AN_ECHO_CASES: &[&str] = &[
    "6455/4.2.1/connection-is-a-list/*",
    "6455/4.2.1/connection-on-two-lines",
    "6455/4.2.1/upgrade-is-a-list",
    "6455/4.2.2/request-octet-by-octet",
    "9110/5.6.1/empty-elements-are-passed-over",
    "6455/4.2.1/target-names-the-resource/*",
    "6455/7.4.1/server-demands-no-extension",
    "9110/7.8/frames-begin-behind-the-content/*",
    "9112/2.2/empty-line-is-passed-over",
    "9112/3/target-of-8000-octets-is-taken",
    "9112/9.3/connection-persists-behind-a-refusal",
    "9112/9.3.2/answers-come-in-order",
    "hostile/handshake/long-field/*",
    "hostile/handshake/many-fields/*",
    "hostile/handshake/long-offer/*",
    "hostile/handshake/odd-extension/*",
    "hostile/handshake/frames-behind-the-request",
    "7692/7/*",
    "hostile/compression/bomb*",
];

const NEEDS_A_COMPRESSED_ECHO: &str = "(has a message echoed compressed)";

/// What a case can be that has a message echoed where that was agreed.
const NEEDS_A_COMPRESSED_ECHO_CASES: &[&str] = &[
    "7692/5/answer-fits-the-offer",
    "7692/6/opcode-is-the-messages/*",
    "7692/6/server-sets-rsv1-on-first-frames",
    "7692/6/utf8-is-for-the-inflated-text",
    "7692/6.1/*",
    "7692/6.2/*",
    "7692/7.1.1/client-context-is-kept",
    "7692/7.1.1.1/no-takeover-is-answered",
    "7692/7.1.1.1/no-takeover-is-kept",
    "7692/7.1.1.2/fresh-messages-are-echoed",
    "7692/7.1.2.1/window-is-kept/*",
    "7692/7.1.2.2/*",
    "7692/7.2.1/tail-is-cut",
    "7692/7.2.2/not-inflating-fails/*",
    "7692/7.2.2/unfinished-block-fails/*",
    "7692/7.2.3/*",
    "7692/7.2.3.4/*",
    "7692/7.2.3.6/empty-*",
    "7692/8/at-the-limit-is-echoed",
    "7692/8/length-tells",
    "hostile/compression/bomb-behind-messages",
    "hostile/compression/empty-blocks/*",
];

const REFERS_FAR_BACK: &str = "(sends what refers over 256 octets back)";

/// What a case can be where something is said again much later.
const REFERS_FAR_BACK_CASES: &[&str] = &[
    "7692/6/server-sets-rsv1-on-first-frames",
    "7692/6.1/echoes-are-compressed",
    "7692/6.1/fragments/*",
    "7692/6.2/ping-between-fragments",
    "7692/7.1.1/client-context-is-kept",
    "7692/7.1.1.1/no-takeover-is-kept",
    "7692/7.1.2.1/window-is-kept/*",
    "7692/7.1.2.2/window-is-no-larger/*",
    "7692/7.2.1/tail-is-cut",
];

/// Each defect with the cases that it fails.
const CATALOGUE: &[(Defect, &[&str])] = &[
    // Reading the request.
    (Defect::AnyMethod, &["6455/4.2.1/method-is-get/*"]),
    (
        Defect::MethodWithoutCase,
        &["6455/4.2.1/method-is-get/lower-case"],
    ),
    (
        Defect::Http10IsSwitched,
        &["6455/4.2.1/http-version-is-1.1"],
    ),
    (
        Defect::HostNotChecked,
        &[
            "6455/4.2.1/host-is-present/*",
            "9112/3.2/invalid-host-is-400",
        ],
    ),
    (
        Defect::UpgradeWithCase,
        &["6455/4.2.1/upgrade-in-any-case/*", AUTOBAHN],
    ),
    (
        Defect::UpgradeSubstring,
        &[
            "6455/4.2.1/upgrade-is-websocket/longer",
            "6455/4.2.1/upgrade-is-websocket/prefixed",
        ],
    ),
    (
        Defect::UpgradeNotChecked,
        &[
            "6455/4.2.1/upgrade-is-websocket/*",
            "9112/2.2/bare-cr-is-invalid/*",
            "9112/2.2/first-line-with-a-blank-is-no-field",
            "9110/7.8/switches-to-what-is-named/h2c",
        ],
    ),
    (Defect::UpgradeNoList, &["6455/4.2.1/upgrade-is-a-list"]),
    (
        Defect::ConnectionWithCase,
        &["6455/4.2.1/connection-in-any-case/*"],
    ),
    (
        Defect::ConnectionSubstring,
        &[
            "6455/4.2.1/connection-has-upgrade/longer",
            "6455/4.2.1/connection-has-upgrade/prefixed",
            "6455/4.2.1/connection-has-upgrade/hyphened",
        ],
    ),
    (
        Defect::ConnectionNotChecked,
        &["6455/4.2.1/connection-has-upgrade/*"],
    ),
    (
        Defect::ConnectionNoList,
        &[
            "6455/4.2.1/connection-is-a-list/*",
            "6455/4.2.1/connection-on-two-lines",
            "9110/5.6.1/empty-elements-are-passed-over",
        ],
    ),
    (
        Defect::ConnectionFirstLine,
        &["6455/4.2.1/connection-on-two-lines"],
    ),
    (
        Defect::EmptyElementIsError,
        &["9110/5.6.1/empty-elements-are-passed-over"],
    ),
    (
        Defect::KeyNotChecked,
        &[
            "6455/4.2.1/key-has-16-octets/*",
            "6455/4.2.1/key-is-present/*",
            "6455/4.2.1/key-is-base64/*",
        ],
    ),
    (
        Defect::KeyLengthOnly,
        &[
            "6455/4.2.1/key-has-16-octets/17",
            "6455/4.2.1/key-has-16-octets/18",
            "6455/4.2.1/key-is-base64/bad-alphabet",
        ],
    ),
    (Defect::KeyFirstCounts, &["6455/4.2.1/key-is-present/twice"]),
    (
        Defect::KeyOfZerosRefused,
        &["6455/4.2.2/accept-belongs-to-the-key/extremes"],
    ),
    (
        Defect::VersionNotChecked,
        &[
            "6455/4.2.1/version-is-13/14",
            "6455/4.2.1/version-is-13/255",
            "6455/4.2.1/version-is-13/269",
            "6455/4.2.1/version-is-13/fraction",
            "6455/4.2.1/version-is-13/leading-zero",
            "6455/4.2.1/version-is-13/list",
            "6455/4.2.1/version-is-13/missing",
            "6455/4.2.1/version-is-13/text",
            "6455/4.2.1/no-frames-after-a-refusal",
            "9112/6.3/refused-content-is-no-request/*",
            "9112/9.3/connection-persists-behind-a-refusal",
        ],
    ),
    (
        Defect::VersionAtLeast13,
        &[
            "6455/4.2.1/version-is-13/14",
            "6455/4.2.1/version-is-13/255",
            "6455/4.2.1/version-is-13/269",
            "6455/4.2.1/no-frames-after-a-refusal",
            "9112/6.3/refused-content-is-no-request/*",
            "9112/9.3/connection-persists-behind-a-refusal",
        ],
    ),
    (
        Defect::VersionDigitsOnly,
        &[
            "6455/4.2.1/version-is-13/fraction",
            "6455/4.2.1/version-is-13/leading-zero",
            "6455/4.2.1/version-is-13/list",
        ],
    ),
    (Defect::VersionCutToOctet, &["6455/4.2.1/version-is-13/269"]),
    (
        Defect::FieldOrderMatters,
        &[
            "6455/4.2.1/fields-in-any-form/lower-case",
            "6455/4.2.1/fields-in-any-form/other-order",
            "6455/4.2.1/fields-in-any-form/upper-case",
        ],
    ),
    (
        Defect::FieldNamesWithCase,
        &[
            "6455/4.2.1/fields-in-any-form/lower-case",
            "6455/4.2.1/fields-in-any-form/upper-case",
        ],
    ),
    (
        Defect::FewFields,
        &["6455/4.2.1/fields-in-any-form/unknown"],
    ),
    (
        Defect::TargetPathOnly,
        &["6455/4.2.1/target-names-the-resource/absolute"],
    ),
    (
        Defect::QueryIsPath,
        &[
            "6455/4.2.1/target-names-the-resource/query",
            "9112/3/target-of-8000-octets-is-taken",
        ],
    ),
    (
        Defect::ShortTargets,
        &["9112/3/target-of-8000-octets-is-taken"],
    ),
    (
        Defect::DiesOfOctets,
        &["6455/8.1/request-may-hold-any-octet/*"],
    ),
    (Defect::OffersNotRead, &[]),
    (
        Defect::BreaksOnLongOffers,
        &["hostile/handshake/long-offer/*"],
    ),
    (
        Defect::BreaksOnOddNames,
        &["hostile/handshake/odd-extension/*"],
    ),
    (
        Defect::LongHeadDropped,
        &["9110/5.4/*", "9112/3/too-long-target-is-refused"],
    ),
    (
        Defect::LongHeadHangs,
        &[
            "9110/5.4/*",
            "9112/3/too-long-target-is-refused",
            "hostile/handshake/long-field/*",
            "hostile/handshake/many-fields/100000",
        ],
    ),
    (
        Defect::ManyFieldsHang,
        &[
            "9110/5.4/*",
            "9112/3/too-long-target-is-refused",
            "hostile/handshake/long-field/*",
            "hostile/handshake/many-fields/*",
        ],
    ),
    // Reading HTTP around it.
    (
        Defect::EmptyLineIsError,
        &["9112/2.2/empty-line-is-passed-over"],
    ),
    (
        Defect::BareCrDropped,
        &["9112/2.2/bare-cr-is-invalid/in-a-value"],
    ),
    (
        Defect::BareCrEndsLine,
        &["9112/2.2/bare-cr-is-invalid/as-line-end"],
    ),
    (
        Defect::LinesTrimmed,
        &["9112/2.2/first-line-with-a-blank-is-no-field"],
    ),
    (
        Defect::BlankBeforeColonDropped,
        &["9112/5.1/blank-before-the-colon-is-400"],
    ),
    (
        Defect::FoldedLineDropped,
        &["9112/5.2/folded-field-is-400-or-unfolded"],
    ),
    (
        Defect::HostValueNotChecked,
        &["9112/3.2/invalid-host-is-400"],
    ),
    (
        Defect::LengthAndCodingTaken,
        &["9112/6.1/length-and-coding-end-the-connection"],
    ),
    (
        Defect::CodingNotChecked,
        &["9112/6.3/coding-without-chunks-is-refused"],
    ),
    (
        Defect::LengthNotChecked,
        &["9112/6.3/invalid-length-is-refused/*"],
    ),
    (
        Defect::ContentNotRead,
        &[
            "9110/7.8/continue-comes-before-the-switch",
            "9110/7.8/frames-begin-behind-the-content/*",
            "9112/6.3/refused-content-is-no-request/*",
        ],
    ),
    (
        Defect::ContinueNotSaid,
        &["9110/7.8/continue-comes-before-the-switch"],
    ),
    (
        Defect::EndsBehindRefusal,
        &["9112/9.3/connection-persists-behind-a-refusal"],
    ),
    (Defect::PipelinedLost, &["9112/9.3.2/answers-come-in-order"]),
    (
        Defect::AnswersBehindClose,
        &["9112/9.6/nothing-counts-behind-close"],
    ),
    (
        Defect::SwitchesAfterRefusal,
        &[
            "6455/4.2.1/no-frames-after-a-refusal",
            "9112/6.3/refused-content-is-no-request/*",
            "9112/9.3/connection-persists-behind-a-refusal",
        ],
    ),
    // Answering it.
    (
        Defect::Status200,
        &[
            "6455/*",
            "!6455/4.2.2/frame-before-the-101",
            "9110/5.6.1/empty-elements-are-passed-over",
            "9110/5.4/*",
            "9110/7.8/*",
            "9112/*",
            "hostile/*",
            "!hostile/handshake/tls-at-a-plain-port",
        ],
    ),
    (
        Defect::Answers10,
        &[NEEDS_A_CONNECTION, "6455/4.2.2/status-is-101"],
    ),
    (
        Defect::AnswerLacksUpgrade,
        &[NEEDS_A_CONNECTION, "6455/4.2.2/upgrade-is-websocket"],
    ),
    (
        Defect::AnswerLacksConnection,
        &[NEEDS_A_CONNECTION, "6455/4.2.2/connection-has-upgrade"],
    ),
    (
        Defect::WrongAccept,
        &[NEEDS_A_CONNECTION, "6455/4.2.2/accept-belongs-to-the-key/*"],
    ),
    (
        Defect::AcceptWithBlanks,
        &["6455/4.2.2/accept-belongs-to-the-key/blanks"],
    ),
    (
        Defect::SubprotocolNotOffered,
        &[
            "6455/4.2.2/subprotocol-only-if-offered/another",
            "6455/4.2.1/malformed-subprotocol-is-not-chosen/two-words",
            "6455/4.2.1/malformed-subprotocol-is-not-chosen/semicolon",
            "6455/4.2.1/malformed-subprotocol-is-not-chosen/quoted",
            "6455/4.2.1/malformed-subprotocol-is-not-chosen/tab",
            "6455/4.2.2/subprotocol-is-one-token/*",
        ],
    ),
    (
        Defect::SubprotocolUnasked,
        &[
            "6455/4.2.2/subprotocol-only-if-offered/*",
            "6455/4.2.2/subprotocol-is-one-token/*",
        ],
    ),
    (
        Defect::SubprotocolsAsOffered,
        &[
            "6455/4.2.1/malformed-subprotocol-is-not-chosen/*",
            "6455/4.2.2/subprotocol-is-one-token/one-line",
        ],
    ),
    (
        Defect::CopiesControlOctets,
        &["hostile/handshake/octets-are-not-reflected/*"],
    ),
    (
        Defect::ExtensionFieldEmpty,
        &[
            "6455/4.2.2/extension-only-if-offered/unknown",
            "6455/4.2.2/extension-only-if-offered/two-unknown",
            "6455/4.2.2/extension-only-if-offered/two-lines",
            "6455/4.2.2/extension-field-is-not-empty",
            "6455/9.1/malformed-extensions-are-not-accepted/semicolon",
            "6455/9.1/malformed-extensions-are-not-accepted/no-value",
            "6455/9.1/malformed-extensions-are-not-accepted/no-name",
            "6455/9.1/malformed-extensions-are-not-accepted/two-words",
            "6455/9.1/malformed-extensions-are-not-accepted/open-quote",
            "6455/9.1/malformed-extensions-are-not-accepted/quoted-blank",
        ],
    ),
    (
        Defect::DemandsExtension,
        &[
            "6455/7.4.1/server-demands-no-extension",
            "hostile/handshake/long-offer/extension-parameters",
            "hostile/handshake/odd-extension/constructor",
            "hostile/handshake/odd-extension/prototype",
            "hostile/handshake/odd-extension/parameter",
        ],
    ),
    (
        Defect::AnyExtension,
        &[
            "6455/4.2.2/extension-only-if-offered/unknown",
            "6455/4.2.2/extension-only-if-offered/two-unknown",
            "6455/4.2.2/extension-only-if-offered/two-lines",
            "6455/9.1/malformed-extensions-are-not-accepted/semicolon",
            "6455/9.1/malformed-extensions-are-not-accepted/no-value",
            "6455/9.1/malformed-extensions-are-not-accepted/no-name",
            "6455/9.1/malformed-extensions-are-not-accepted/two-words",
            "6455/9.1/malformed-extensions-are-not-accepted/open-quote",
            "6455/9.1/malformed-extensions-are-not-accepted/quoted-blank",
        ],
    ),
    (
        Defect::ExtensionUnasked,
        &["6455/4.2.2/extension-only-if-offered/*"],
    ),
    (Defect::LengthIn101, &["6455/4.2.2/no-body-in-101"]),
    (Defect::EarlyFramesLost, &[]),
    (
        Defect::RequestInOneSegment,
        &["6455/4.2.2/request-octet-by-octet"],
    ),
    (
        Defect::RefusalIs500,
        &["6455/10.7/*", "9112/3.2/invalid-host-is-400"],
    ),
    (
        Defect::RefusalIs200,
        &[
            "6455/4.2.1/version-is-13/*",
            "6455/4.2.1/method-is-get/*",
            "6455/4.2.1/key-has-16-octets/*",
            "6455/4.2.1/key-is-present/*",
            "6455/4.2.1/host-is-present/*",
            "6455/4.2.1/key-is-base64/*",
            "!6455/4.2.1/method-is-get/options",
            "6455/4.2.1/no-frames-after-a-refusal",
            "6455/4.2.2/unknown-resource-is-refused",
            "6455/10.7/*",
            "9112/3.2/invalid-host-is-400",
            "9112/6.3/refused-content-is-no-request/*",
            "9112/9.3/connection-persists-behind-a-refusal",
            "!6455/4.2.1/method-is-get/connect",
        ],
    ),
    (
        Defect::RefusalWithoutVersion,
        &["6455/4.2.2/refusal-lists-the-version/*"],
    ),
    (
        Defect::UnknownResourceIs200,
        &[
            "6455/4.2.2/unknown-resource-is-refused",
            "6455/10.7/refusal-has-a-fitting-status/resource",
        ],
    ),
    (
        Defect::NoAllow,
        &["9110/15.5.6/405-has-allow", "9110/15.5.6/*"],
    ),
    (Defect::NoUpgradeIn426, &["9110/15.5.22/426-has-upgrade"]),
    // Framing.
    (
        Defect::UnmaskedAccepted,
        &[
            "6455/5.1/client-frames-are-masked/*",
            "6455/5.1/how-an-unmasked-frame-ends",
            "8441/5/unmasked-frame-fails",
        ],
    ),
    (
        Defect::ReservedBitsIgnored,
        &[
            "6455/5.2/reserved-bits-fail/*",
            "!6455/5.2/reserved-bits-fail/close-rsv123",
            "6455/7.1.7/close-frame-before-failing/reserved-bit",
        ],
    ),
    (
        Defect::ReservedBitsInControlIgnored,
        &[
            "6455/5.2/reserved-bits-fail/p*",
            "6455/5.2/reserved-bits-fail/close-rsv1",
        ],
    ),
    (
        Defect::ReservedOpcodeIgnored,
        &[
            "6455/5.2/reserved-opcode-fails/*",
            "6455/7.1.7/*/reserved-opcode",
            "6455/7.1.7/how-a-failed-connection-ends",
        ],
    ),
    (
        Defect::ReservedDataIsText,
        &[
            "6455/5.2/reserved-opcode-fails/*",
            "6455/7.1.7/*/reserved-opcode",
            "!6455/5.2/reserved-opcode-fails/unfinished-3",
            "!6455/5.2/reserved-opcode-fails/unfinished-4",
            "!6455/5.2/reserved-opcode-fails/unfinished-5",
            "!6455/5.2/reserved-opcode-fails/unfinished-6",
            "!6455/5.2/reserved-opcode-fails/unfinished-7",
            "6455/7.1.7/how-a-failed-connection-ends",
        ],
    ),
    (
        Defect::LongerLengthAccepted,
        &["6455/5.2/longer-length-form-fails/*"],
    ),
    (
        Defect::AnyLengthAwaited,
        &[
            "6455/5.2/length-top-bit-fails/*",
            "hostile/length/*",
            "hostile/memory/frame-over-the-limit",
        ],
    ),
    (
        Defect::MasksItsFrames,
        &[
            NEEDS_AN_ECHO,
            "6455/8.1/*",
            "6455/5.2/*",
            "6455/5.4/*",
            "6455/7.4/*",
            "6455/5.5.1/*",
            "6455/7.1.7/*",
            "6455/5.5.2/*",
            "6455/4.2.1/*-any-*",
            "6455/5.1/client-frames-are-masked/*",
            "6455/5.3/*",
            "6455/5.5/control-is-short/*",
            "6455/5.5.3/pong-needs-no-answer/*",
            "6455/4.2.2/frame-before-the-101",
            "6455/5.1/*",
            "6455/5.5/*",
            "6455/7.1.1/tcp-ends-in-order",
            "6455/7.1.4/lost-connection-is-ended/after-a-message",
            "6455/10.4/*",
            "hostile/length/*",
            "hostile/fragments/*",
            "hostile/control/*",
            "hostile/text/*",
            "!6455/8.1/request-may-hold-any-octet/*",
            "6455/7.4.1/*",
            "9110/7.8/switches-to-what-is-named/websocket-and-h2c",
            "9110/7.8/switches-to-what-is-named/h2c-and-websocket",
        ],
    ),
    (
        Defect::LongLengths,
        &[
            NEEDS_AN_ECHO,
            "6455/8.1/*",
            "6455/5.2/*",
            "6455/5.4/*",
            "6455/7.4/*",
            "6455/5.5.1/*",
            "6455/7.1.7/*",
            "6455/5.5.2/*",
            "6455/4.2.1/*-any-*",
            "6455/5.1/client-frames-are-masked/*",
            "6455/5.3/*",
            "6455/5.5/control-is-short/*",
            "6455/5.5.3/pong-needs-no-answer/*",
            "!6455/5.2/any-length-is-echoed/binary-65536",
            "!6455/5.2/any-length-is-echoed/binary-65536-in-pieces",
            "!6455/5.2/any-length-is-echoed/text-65536",
            "!6455/5.2/any-length-is-echoed/text-65536-in-pieces",
            "!6455/5.4/fragments-are-joined/of-1300-octets",
            "6455/4.2.2/frame-before-the-101",
            "6455/5.1/*",
            "6455/5.5/*",
            "6455/7.1.1/tcp-ends-in-order",
            "6455/7.1.4/lost-connection-is-ended/after-a-message",
            "6455/10.4/over-the-limit-fails/*",
            "6455/10.4/over-the-limit-closes-with-1009/*",
            "hostile/length/*",
            "hostile/fragments/*",
            "hostile/control/*",
            "!6455/8.1/request-may-hold-any-octet/*",
            "6455/7.4.1/*",
            "9110/7.8/switches-to-what-is-named/websocket-and-h2c",
            "9110/7.8/switches-to-what-is-named/h2c-and-websocket",
        ],
    ),
    (
        Defect::SetsReservedBit,
        &[
            NEEDS_AN_ECHO,
            "6455/4.2.1/upgrade-in-any-case/*",
            "6455/4.2.1/connection-in-any-case/*",
            "6455/4.2.1/fields-in-any-form/*",
            "6455/4.2.2/frame-before-the-101",
            "6455/5.1/*",
            "6455/5.2/*",
            "6455/5.3/*",
            "6455/5.4/*",
            "6455/5.5/*",
            "6455/5.5.1/*",
            "6455/5.5.2/*",
            "6455/5.5.3/*",
            "6455/7.1.1/tcp-ends-in-order",
            "6455/7.1.4/lost-connection-is-ended/after-a-message",
            "6455/7.1.7/*",
            "6455/7.4/*",
            "6455/8.1/text-is-echoed/*",
            "6455/8.1/invalid-text-fails/*",
            "6455/8.1/invalid-text-fails-early/*",
            "6455/10.4/*",
            "hostile/length/*",
            "hostile/fragments/*",
            "hostile/control/*",
            "hostile/text/*",
            "6455/7.4.1/*",
            "9110/7.8/switches-to-what-is-named/websocket-and-h2c",
            "9110/7.8/switches-to-what-is-named/h2c-and-websocket",
        ],
    ),
    (
        Defect::LimitNotKept,
        &[
            "6455/10.4/over-the-limit-fails/*",
            "6455/10.4/over-the-limit-closes-with-1009/*",
            "hostile/length/announced/limit-and-1",
        ],
    ),
    (Defect::LimitTooLow, &["6455/10.4/at-the-limit-is-echoed/*"]),
    (
        Defect::PingsFirst,
        &[
            "6455/8.1/invalid-text-fails-early/frame",
            "6455/8.1/invalid-text-fails-early/frame-inside-a-character",
        ],
    ),
    (
        Defect::PongsFirst,
        &[
            "6455/4.2.1/target-names-the-resource/*",
            "6455/4.2.1/upgrade-in-any-case/*",
            "6455/4.2.1/upgrade-is-a-list",
            "6455/4.2.1/connection-in-any-case/*",
            "6455/4.2.1/connection-is-a-list/*",
            "6455/4.2.1/connection-on-two-lines",
            "6455/4.2.1/fields-in-any-form/*",
            "6455/4.2.2/request-octet-by-octet",
            "6455/5.1/client-frames-are-masked/*",
            "6455/5.1/server-frames-are-not-masked",
            "6455/5.2/*",
            "6455/5.3/*",
            "6455/5.4/*",
            "6455/5.5/*",
            "6455/5.5.1/close-is-answered/*",
            "6455/5.5.1/answer-repeats-the-code/*",
            "6455/5.5.1/empty-close-has-no-code",
            "6455/5.5.1/tcp-ends-after-both-closes",
            "6455/5.5.1/nothing-comes-after-own-close",
            "6455/5.5.1/close-is-answered-soon",
            "6455/5.5.1/nothing-counts-after-close/*",
            "6455/5.5.1/close-body-has-a-code",
            "6455/5.5.1/reason-is-utf8",
            "6455/5.5.1/longest-reason-is-utf8",
            "6455/5.5.2/*",
            "6455/5.5.3/*",
            "6455/7.1.1/tcp-ends-in-order",
            "6455/7.1.4/*",
            "6455/7.1.7/*",
            "6455/5.1/how-an-unmasked-frame-ends",
            "6455/7.4/*",
            "6455/7.4.1/server-demands-no-extension",
            "6455/8.1/text-is-echoed/*",
            "6455/8.1/invalid-text-fails/*",
            "6455/8.1/invalid-text-fails-early/*",
            "6455/10.4/*",
            "9110/5.6.1/empty-elements-are-passed-over",
            "9110/7.8/frames-begin-behind-the-content/*",
            "9112/2.2/empty-line-is-passed-over",
            "9112/3/target-of-8000-octets-is-taken",
            "9112/9.3/connection-persists-behind-a-refusal",
            "9112/9.3.2/answers-come-in-order",
            "hostile/handshake/long-field/*",
            "hostile/handshake/many-fields/*",
            "hostile/handshake/long-offer/*",
            "hostile/handshake/odd-extension/*",
            "hostile/handshake/frames-behind-the-request",
            "hostile/length/*",
            "hostile/fragments/*",
            "hostile/control/*",
            "hostile/text/*",
            "6455/5.5.1/closes-may-cross",
            "9110/7.8/switches-to-what-is-named/websocket-and-h2c",
            "9110/7.8/switches-to-what-is-named/h2c-and-websocket",
        ],
    ),
    (
        Defect::Greets,
        &[
            NEEDS_AN_ECHO,
            "6455/8.1/*",
            "6455/5.2/*",
            "6455/5.4/*",
            "6455/7.4/*",
            "6455/5.5.1/*",
            "6455/7.1.7/*",
            "6455/5.5.2/*",
            "6455/4.2.1/*-any-*",
            "6455/5.1/client-frames-are-masked/*",
            "6455/5.3/*",
            "6455/5.5/control-is-short/*",
            "6455/5.5.3/pong-needs-no-answer/*",
            "!6455/5.5.1/messages-before-a-close",
            "6455/5.1/server-frames-are-not-masked",
            "6455/5.5/*",
            "6455/7.1.1/tcp-ends-in-order",
            "6455/10.4/*",
            "hostile/length/*",
            "hostile/fragments/*",
            "hostile/control/*",
            "hostile/text/*",
            "!6455/8.1/request-may-hold-any-octet/*",
            "6455/5.1/how-an-unmasked-frame-ends",
            "9110/7.8/switches-to-what-is-named/websocket-and-h2c",
            "9110/7.8/switches-to-what-is-named/h2c-and-websocket",
        ],
    ),
    // Echoing.
    (
        Defect::TextAsBinary,
        &[
            NEEDS_AN_ECHO,
            "6455/8.1/text-is-echoed/*",
            "6455/4.2.1/*-any-*",
            "6455/5.2/any-length-is-echoed/text-*",
            "6455/5.4/fragments-are-joined/*",
            "6455/5.4/control-between-fragments/*ping*",
            "6455/5.5.2/ping-is-answered-soon/*",
            "!6455/5.4/fragments-are-joined/binary",
            "!6455/8.1/text-is-echoed/not-utf8-as-binary",
            "6455/5.2/reserved-bits-fail/text-rsv1",
            "6455/5.2/reserved-bits-fail/text-rsv2",
            "6455/5.2/reserved-bits-fail/text-rsv23",
            "6455/5.2/reserved-opcode-fails/5",
            "6455/5.2/reserved-opcode-fails/6",
            "6455/5.2/reserved-opcode-fails/7",
            "6455/5.2/reserved-opcode-fails/d",
            "6455/5.2/reserved-opcode-fails/e",
            "6455/5.2/reserved-opcode-fails/f",
            "6455/5.4/continuation-needs-a-start/after-a-message",
            "6455/5.4/continuation-needs-a-start/after-a-whole-message",
            "6455/5.4/control-between-fragments/pong",
            "6455/5.4/fragments-may-be-empty/all",
            "6455/5.4/fragments-may-be-empty/first",
            "6455/5.4/fragments-may-be-empty/first-and-last",
            "6455/5.5.1/close-is-answered/after-a-message",
            "6455/5.5.3/pong-needs-no-answer/then-text",
            "6455/5.1/server-frames-are-not-masked",
            "6455/5.2/server-bits-are-zero",
            "6455/5.5/server-control-is-short",
            "6455/5.5.1/nothing-comes-after-own-close",
            "6455/10.4/at-the-limit-is-echoed/text",
            "hostile/fragments/many-empty",
            "hostile/fragments/thousand-at-once",
            "hostile/fragments/ping-between-each",
            "hostile/control/many-pongs",
            "hostile/text/*",
            "9110/7.8/switches-to-what-is-named/websocket-and-h2c",
            "9110/7.8/switches-to-what-is-named/h2c-and-websocket",
            "6455/6.2/long-frame-is-echoed/text-64-kib",
            "6455/6.2/long-frame-is-echoed/text-256-kib",
            "6455/6.2/long-frame-is-echoed/text-1-mib",
            "6455/6.2/long-frame-is-echoed/text-4-mib",
            "6455/6.2/long-frame-is-echoed/text-8-mib",
            "6455/6.2/long-frame-is-echoed/text-16-mib",
            "6455/6.2/long-message-is-echoed/text-in-64",
            "6455/6.2/long-message-is-echoed/text-in-256",
            "6455/6.2/long-message-is-echoed/text-in-1-kib",
            "6455/6.2/long-message-is-echoed/text-in-4-kib",
            "6455/6.2/long-message-is-echoed/text-in-16-kib",
            "6455/6.2/long-message-is-echoed/text-in-64-kib",
            "6455/6.2/long-message-is-echoed/text-in-256-kib",
            "6455/6.2/long-message-is-echoed/text-in-1-mib",
            "6455/6.2/long-message-is-echoed/text-in-4-mib",
            "6455/6.2/segments-do-not-matter/text-in-64",
            "6455/6.2/segments-do-not-matter/text-in-128",
            "6455/6.2/segments-do-not-matter/text-in-256",
            "6455/6.2/segments-do-not-matter/text-in-512",
            "6455/6.2/segments-do-not-matter/text-in-1024",
            "6455/6.2/segments-do-not-matter/text-in-2048",
            "6455/6.2/message-behind-message/text-of-0",
            "6455/6.2/message-behind-message/text-of-16",
            "6455/6.2/message-behind-message/text-of-64",
            "6455/6.2/message-behind-message/text-of-256",
            "6455/6.2/message-behind-message/text-of-1024",
            "6455/6.2/message-behind-message/text-of-4096",
            NEEDS_A_COMPRESSED_ECHO,
            "!7692/6/opcode-is-the-messages/binary",
            "!7692/8/at-the-limit-is-echoed",
        ],
    ),
    (
        Defect::BinaryAsText,
        &[
            "6455/5.2/any-length-is-echoed/binary-*",
            "6455/5.3/*",
            "6455/5.4/fragments-are-joined/alternating",
            "6455/5.4/fragments-are-joined/binary",
            "6455/5.4/fragments-may-be-empty/last",
            "6455/8.1/text-is-echoed/not-utf8-as-binary",
            "6455/5.1/server-frames-are-not-masked",
            "6455/5.2/server-bits-are-zero",
            "6455/5.5/server-control-is-short",
            "6455/10.4/at-the-limit-is-echoed/binary",
            "hostile/fragments/one-octet-each",
            "hostile/control/ping-behind-a-long-message",
            "6455/6.2/long-frame-is-echoed/binary-64-kib",
            "6455/6.2/long-frame-is-echoed/binary-256-kib",
            "6455/6.2/long-frame-is-echoed/binary-1-mib",
            "6455/6.2/long-frame-is-echoed/binary-4-mib",
            "6455/6.2/long-frame-is-echoed/binary-8-mib",
            "6455/6.2/long-frame-is-echoed/binary-16-mib",
            "6455/6.2/long-message-is-echoed/binary-in-64",
            "6455/6.2/long-message-is-echoed/binary-in-256",
            "6455/6.2/long-message-is-echoed/binary-in-1-kib",
            "6455/6.2/long-message-is-echoed/binary-in-4-kib",
            "6455/6.2/long-message-is-echoed/binary-in-16-kib",
            "6455/6.2/long-message-is-echoed/binary-in-64-kib",
            "6455/6.2/long-message-is-echoed/binary-in-256-kib",
            "6455/6.2/long-message-is-echoed/binary-in-1-mib",
            "6455/6.2/long-message-is-echoed/binary-in-4-mib",
            "6455/6.2/segments-do-not-matter/binary-in-64",
            "6455/6.2/segments-do-not-matter/binary-in-128",
            "6455/6.2/segments-do-not-matter/binary-in-256",
            "6455/6.2/segments-do-not-matter/binary-in-512",
            "6455/6.2/segments-do-not-matter/binary-in-1024",
            "6455/6.2/segments-do-not-matter/binary-in-2048",
            "6455/6.2/message-behind-message/binary-of-0",
            "6455/6.2/message-behind-message/binary-of-16",
            "6455/6.2/message-behind-message/binary-of-64",
            "6455/6.2/message-behind-message/binary-of-256",
            "6455/6.2/message-behind-message/binary-of-1024",
            "6455/6.2/message-behind-message/binary-of-4096",
            "7692/6/opcode-is-the-messages/binary",
            "7692/8/at-the-limit-is-echoed",
            "hostile/compression/bomb-behind-messages",
        ],
    ),
    (
        Defect::WrongOctets,
        &[
            NEEDS_AN_ECHO,
            "6455/8.1/text-is-echoed/*",
            "6455/5.2/any-length-is-echoed/*",
            "6455/4.2.1/*-any-*",
            "6455/5.4/fragments-are-joined/*",
            "6455/5.3/*",
            "6455/5.4/control-between-fragments/*ping*",
            "6455/5.5.2/ping-is-answered-soon/*",
            "!6455/5.2/any-length-is-echoed/binary-0",
            "!6455/5.2/any-length-is-echoed/text-0",
            "!6455/8.1/text-is-echoed/empty",
            "6455/5.2/reserved-bits-fail/text-rsv1",
            "6455/5.2/reserved-bits-fail/text-rsv2",
            "6455/5.2/reserved-bits-fail/text-rsv23",
            "6455/5.2/reserved-opcode-fails/5",
            "6455/5.2/reserved-opcode-fails/6",
            "6455/5.2/reserved-opcode-fails/7",
            "6455/5.2/reserved-opcode-fails/d",
            "6455/5.2/reserved-opcode-fails/e",
            "6455/5.2/reserved-opcode-fails/f",
            "6455/5.4/continuation-needs-a-start/after-a-message",
            "6455/5.4/continuation-needs-a-start/after-a-whole-message",
            "6455/5.4/control-between-fragments/pong",
            "6455/5.4/fragments-may-be-empty/first",
            "6455/5.4/fragments-may-be-empty/first-and-last",
            "6455/5.4/fragments-may-be-empty/last",
            "6455/5.5.1/close-is-answered/after-a-message",
            "6455/5.5.3/pong-needs-no-answer/then-text",
            "6455/5.1/server-frames-are-not-masked",
            "6455/5.2/server-bits-are-zero",
            "6455/5.5/server-control-is-short",
            "6455/5.5.1/nothing-comes-after-own-close",
            "6455/10.4/at-the-limit-is-echoed/*",
            "hostile/fragments/many-empty",
            "hostile/fragments/one-octet-each",
            "hostile/fragments/thousand-at-once",
            "hostile/fragments/ping-between-each",
            "hostile/control/many-pongs",
            "hostile/control/ping-behind-a-long-message",
            "hostile/text/*",
            "9110/7.8/switches-to-what-is-named/websocket-and-h2c",
            "9110/7.8/switches-to-what-is-named/h2c-and-websocket",
            "6455/6.2/long-frame-is-echoed/*",
            "6455/6.2/long-message-is-echoed/*",
            "6455/6.2/segments-do-not-matter/*",
            "6455/6.2/message-behind-message/text-of-16",
            "6455/6.2/message-behind-message/text-of-64",
            "6455/6.2/message-behind-message/text-of-256",
            "6455/6.2/message-behind-message/text-of-1024",
            "6455/6.2/message-behind-message/text-of-4096",
            "6455/6.2/message-behind-message/binary-of-16",
            "6455/6.2/message-behind-message/binary-of-64",
            "6455/6.2/message-behind-message/binary-of-256",
            "6455/6.2/message-behind-message/binary-of-1024",
            "6455/6.2/message-behind-message/binary-of-4096",
            NEEDS_A_COMPRESSED_ECHO,
            "!7692/7.2.3/any-block-is-inflated/empty-fixed",
            "!7692/7.2.3/any-block-is-inflated/empty-dynamic",
            "!7692/7.2.3.6/empty-message",
            "7692/7.1/*",
            "7692/7.2/*",
            "6455/10.6/echo-over-tls",
        ],
    ),
    (
        Defect::EchoCut,
        &[
            "6455/5.2/any-length-is-echoed/*-65536*",
            "6455/5.4/fragments-are-joined/of-1300-octets",
            "6455/10.4/at-the-limit-is-echoed/*",
            "hostile/control/ping-behind-a-long-message",
            "hostile/text/*",
            "6455/6.2/long-frame-is-echoed/*",
            "6455/6.2/long-message-is-echoed/*",
            "6455/6.2/segments-do-not-matter/*",
        ],
    ),
    (
        Defect::EmptyNotEchoed,
        &[
            "6455/5.3/any-key-is-a-key/*",
            "6455/5.2/any-length-is-echoed/*-0",
            "6455/5.4/fragments-may-be-empty/all",
            "6455/8.1/text-is-echoed/empty",
            "6455/6.2/message-behind-message/text-of-0",
            "6455/6.2/message-behind-message/binary-of-0",
            "7692/7.2.3.6/empty-*",
            "7692/7.2.3/any-block-is-inflated/empty-fixed",
            "7692/7.2.3/any-block-is-inflated/empty-dynamic",
        ],
    ),
    (Defect::EchoInFragments, &[]),
    (
        Defect::EchoedTwice,
        &[
            "6455/8.1/text-is-echoed/*",
            "6455/5.2/any-length-is-echoed/*",
            "6455/5.3/any-key-is-a-key/*",
            "6455/5.4/control-between-fragments/*ping*",
            "6455/5.5.2/ping-is-answered-soon/*",
            "!6455/8.1/text-is-echoed/not-utf8-as-binary",
            "6455/5.2/reserved-bits-fail/text-rsv1",
            "6455/5.2/reserved-bits-fail/text-rsv2",
            "6455/5.2/reserved-bits-fail/text-rsv23",
            "6455/5.2/reserved-opcode-fails/5",
            "6455/5.2/reserved-opcode-fails/6",
            "6455/5.2/reserved-opcode-fails/7",
            "6455/5.2/reserved-opcode-fails/d",
            "6455/5.2/reserved-opcode-fails/e",
            "6455/5.2/reserved-opcode-fails/f",
            "6455/5.4/continuation-needs-a-start/after-a-message",
            "6455/5.4/continuation-needs-a-start/after-a-whole-message",
            "6455/5.4/fragments-are-joined/alternating",
            "6455/5.4/fragments-are-joined/of-1300-octets",
            "6455/5.4/fragments-are-joined/two",
            "6455/5.4/fragments-are-joined/two-apart",
            "6455/5.4/fragments-are-joined/two-octet-by-octet",
            "6455/5.4/fragments-may-be-empty/all",
            "6455/5.4/fragments-may-be-empty/first-and-last",
            "6455/5.5.1/close-is-answered/after-a-message",
            "6455/5.1/server-frames-are-not-masked",
            "6455/5.2/server-bits-are-zero",
            "6455/5.5/server-control-is-short",
            "6455/5.5.1/nothing-comes-after-own-close",
            "hostile/handshake/frames-behind-the-request",
            "hostile/control/ping-behind-a-long-message",
            "!6455/8.1/text-is-echoed/odd-*",
        ],
    ),
    // Fragmentation.
    (
        Defect::FragmentsEchoedAlone,
        &[
            "6455/5.4/fragments-are-joined/*",
            "6455/5.4/control-between-fragments/*",
            "6455/5.4/messages-do-not-interleave/*",
            "6455/8.1/text-is-echoed/cut-*",
            "6455/5.5.2/ping-is-answered-soon/*",
            "6455/5.1/client-frames-are-masked/continuation",
            "6455/5.2/reserved-bits-fail/continuation-rsv1",
            "6455/5.4/continuation-needs-a-start/after-a-message",
            "6455/5.4/fragments-may-be-empty/all",
            "6455/5.4/fragments-may-be-empty/first",
            "6455/5.4/fragments-may-be-empty/first-and-last",
            "6455/7.1.7/close-frame-before-failing/interleaved",
            "6455/8.1/invalid-text-fails-early/fragment",
            "6455/8.1/invalid-text-fails-early/fragment-inside-a-character",
            "6455/8.1/invalid-text-fails/surrogate-cut-everywhere",
            "6455/10.4/over-the-limit-fails/fragments",
            "6455/10.4/over-the-limit-closes-with-1009/fragments",
            "hostile/fragments/*",
            "hostile/control/ping-behind-a-long-message",
            "hostile/text/*",
        ],
    ),
    (
        Defect::FrameInOneSegment,
        &[
            "6455/5.2/any-length-is-echoed/*-6553*",
            "6455/5.3/any-cut-is-unmasked",
            "6455/5.4/control-between-fragments/ping-octet-by-octet",
            "6455/5.4/fragments-are-joined/of-1300-octets",
            "6455/5.4/fragments-are-joined/two-octet-by-octet",
            "6455/5.5.2/ping-is-answered/octet-by-octet",
            "6455/5.5.2/ping-is-answered/ten-octet-by-octet",
            "6455/8.1/invalid-text-fails-early/frame",
            "6455/8.1/invalid-text-fails-early/frame-inside-a-character",
            "6455/10.4/at-the-limit-is-echoed/*",
            "6455/10.4/over-the-limit-closes-with-1009/fragments",
            "hostile/fragments/many-empty",
            "hostile/fragments/one-octet-each",
            "hostile/fragments/thousand-at-once",
            "hostile/fragments/ping-between-each",
            "hostile/control/many-pongs",
            "hostile/control/ping-behind-a-long-message",
            "hostile/text/*",
            "6455/6.2/long-frame-is-echoed/*",
            "6455/6.2/long-message-is-echoed/*",
            "6455/6.2/segments-do-not-matter/*",
            "6455/6.2/message-behind-message/text-of-4096",
            "6455/6.2/message-behind-message/binary-of-4096",
        ],
    ),
    (
        Defect::FragmentsAreText,
        &[
            "6455/5.4/fragments-are-joined/alternating",
            "6455/5.4/fragments-are-joined/binary",
            "6455/5.4/fragments-may-be-empty/last",
            "hostile/fragments/one-octet-each",
            "hostile/control/ping-behind-a-long-message",
        ],
    ),
    (
        Defect::FewFragments,
        &[
            "6455/5.4/fragments-are-joined/hundred*",
            "hostile/fragments/many-empty",
            "hostile/fragments/one-octet-each",
            "hostile/fragments/thousand-at-once",
            "hostile/fragments/ping-between-each",
            "6455/6.2/long-message-is-echoed/text-in-64",
            "6455/6.2/long-message-is-echoed/text-in-256",
            "6455/6.2/long-message-is-echoed/text-in-1-kib",
            "6455/6.2/long-message-is-echoed/text-in-4-kib",
            "6455/6.2/long-message-is-echoed/text-in-16-kib",
            "6455/6.2/long-message-is-echoed/text-in-64-kib",
            "6455/6.2/long-message-is-echoed/binary-in-64",
            "6455/6.2/long-message-is-echoed/binary-in-256",
            "6455/6.2/long-message-is-echoed/binary-in-1-kib",
            "6455/6.2/long-message-is-echoed/binary-in-4-kib",
            "6455/6.2/long-message-is-echoed/binary-in-16-kib",
            "6455/6.2/long-message-is-echoed/binary-in-64-kib",
        ],
    ),
    (
        Defect::FragmentsCounted,
        &[
            "hostile/fragments/many-empty",
            "hostile/fragments/one-octet-each",
            "6455/6.2/long-message-is-echoed/text-in-64",
            "6455/6.2/long-message-is-echoed/text-in-256",
            "6455/6.2/long-message-is-echoed/text-in-1-kib",
            "6455/6.2/long-message-is-echoed/binary-in-64",
            "6455/6.2/long-message-is-echoed/binary-in-256",
            "6455/6.2/long-message-is-echoed/binary-in-1-kib",
        ],
    ),
    (
        Defect::EmptyFragmentIsError,
        &[
            "6455/5.4/fragments-may-be-empty/*",
            "6455/8.1/text-is-echoed/cut-everywhere-*",
            "hostile/fragments/many-empty",
            "hostile/fragments/ping-between-each",
            "hostile/control/ping-behind-a-long-message",
            "hostile/text/*",
            "7692/6.1/fragments/empty-between",
        ],
    ),
    (
        Defect::EmptyLastFragmentIgnored,
        &[
            "6455/8.1/text-is-echoed/cut-everywhere-*",
            "6455/5.4/fragments-may-be-empty/all",
            "6455/5.4/fragments-may-be-empty/first-and-last",
            "6455/5.4/fragments-may-be-empty/last",
            "hostile/fragments/ping-between-each",
            "hostile/control/ping-behind-a-long-message",
            "hostile/text/*",
            "7692/6.1/fragments/empty-between",
        ],
    ),
    (
        Defect::PongHeldBack,
        &[
            "6455/5.5.2/ping-is-answered-soon/*",
            "hostile/fragments/ping-between-each",
        ],
    ),
    (
        Defect::PongEndsMessage,
        &["6455/5.4/control-between-fragments/pong"],
    ),
    (
        Defect::CloseInMessageIsError,
        &["6455/5.4/control-between-fragments/close"],
    ),
    (
        Defect::StrayContinuationIgnored,
        &[
            "6455/5.4/continuation-needs-a-start/*",
            "6455/7.1.7/*/continuation",
        ],
    ),
    (
        Defect::StrayContinuationStarts,
        &[
            "6455/7.1.7/*/continuation",
            "6455/5.4/continuation-needs-a-start/after-a-whole-message",
            "6455/5.4/continuation-needs-a-start/last",
            "6455/5.4/continuation-needs-a-start/last-apart",
            "6455/5.4/continuation-needs-a-start/last-octet-by-octet",
            "6455/5.4/continuation-needs-a-start/wrong-order-finished",
        ],
    ),
    (
        Defect::Interleaving,
        &[
            "6455/5.4/messages-do-not-interleave/*",
            "6455/7.1.7/close-frame-before-failing/interleaved",
        ],
    ),
    (
        Defect::InterleavingOfTypes,
        &[
            "6455/5.4/messages-do-not-interleave/binary-in-text",
            "6455/5.4/messages-do-not-interleave/text-in-binary",
        ],
    ),
    (
        Defect::ControlFinIgnored,
        &[
            "6455/7.1.7/*/fragmented-*",
            "6455/5.4/control-is-not-fragmented/close",
            "6455/5.4/control-is-not-fragmented/ping",
            "6455/5.4/control-is-not-fragmented/pong-alone",
        ],
    ),
    (
        Defect::ControlFragmentsJoined,
        &[
            "6455/5.4/control-is-not-fragmented/*",
            "6455/7.1.7/*/fragmented-*",
        ],
    ),
    // Control frames.
    (
        Defect::LongControl,
        &["6455/5.5/control-is-short/*", "6455/7.1.7/*/long-*"],
    ),
    (
        Defect::LongControl64Bits,
        &["6455/5.5/control-is-short/ping-65536"],
    ),
    (
        Defect::PongPadded,
        &[
            "6455/5.1/server-frames-are-not-masked",
            "6455/5.2/server-bits-are-zero",
            "6455/5.4/control-between-fragments/ping",
            "6455/5.4/control-between-fragments/ping-apart",
            "6455/5.4/control-between-fragments/ping-octet-by-octet",
            "6455/5.5/server-control-is-short",
            "6455/5.5.2/*",
            "6455/5.5.3/pong-needs-no-answer/then-ping",
            "hostile/fragments/ping-between-each",
            "hostile/control/many-pings",
            "hostile/control/ping-behind-a-long-message",
        ],
    ),
    (
        Defect::CloseOvertakes,
        &["6455/5.5.1/nothing-comes-after-own-close"],
    ),
    (Defect::ResetsAfterClose, &["6455/7.1.1/tcp-ends-in-order"]),
    (Defect::FinNotNoticed, &["6455/7.1.4/*"]),
    (
        Defect::CloseNotAnswered,
        &[
            "6455/5.5.1/*",
            "6455/7.4/valid-code-is-answered/*",
            "6455/7.4/later-code-is-answered/*",
            "!6455/5.5.1/close-body-has-a-code",
            "!6455/5.5.1/messages-before-a-close",
            "!6455/5.5.1/reason-is-utf8",
            "6455/5.4/control-between-fragments/close",
            "6455/5.5.3/pong-needs-no-answer/empty",
            "6455/5.5.3/pong-needs-no-answer/payload",
            "6455/5.1/server-frames-are-not-masked",
            "6455/5.2/server-bits-are-zero",
            "6455/5.5/server-control-is-short",
            "6455/7.1.1/tcp-ends-in-order",
            "hostile/control/data-behind-close",
            "!6455/5.5.1/longest-reason-is-utf8",
            "!6455/5.5.1/closes-may-cross",
        ],
    ),
    (
        Defect::CloseIgnored,
        &[
            "6455/5.1/server-frames-are-not-masked",
            "6455/5.2/server-bits-are-zero",
            "6455/5.4/control-between-fragments/close",
            "6455/5.5/server-control-is-short",
            "6455/5.5.1/close-is-answered/*",
            "6455/5.5.1/answer-repeats-the-code/*",
            "6455/5.5.1/empty-close-has-no-code",
            "6455/5.5.1/tcp-ends-after-both-closes",
            "6455/5.5.1/nothing-comes-after-own-close",
            "6455/5.5.1/close-is-answered-soon",
            "6455/5.5.1/nothing-counts-after-close/*",
            "6455/5.5.1/close-body-has-a-code",
            "6455/5.5.1/reason-is-utf8",
            "6455/5.5.1/longest-reason-is-utf8",
            "6455/5.5.3/pong-needs-no-answer/empty",
            "6455/5.5.3/pong-needs-no-answer/payload",
            "6455/7.1.1/tcp-ends-in-order",
            "6455/7.1.7/close-frame-before-failing/one-octet-close",
            "6455/7.1.7/close-frame-before-failing/reason-not-utf8",
            "6455/7.4/*",
            "hostile/control/data-behind-close",
        ],
    ),
    (
        Defect::CloseWithReasonNotAnswered,
        &[
            "6455/5.5.1/answer-repeats-the-code/*",
            "6455/5.5.1/close-is-answered/longest-reason",
            "6455/5.5.1/close-is-answered/reason",
        ],
    ),
    (
        Defect::CloseAnsweredWithoutCode,
        &["6455/5.5.1/answer-repeats-the-code/*"],
    ),
    (
        Defect::CloseAnsweredWith1000,
        &[
            "6455/5.5.1/answer-repeats-the-code/1001",
            "6455/5.5.1/answer-repeats-the-code/4999",
        ],
    ),
    (
        Defect::CloseAnsweredWith1001,
        &[
            "6455/5.4/control-between-fragments/close",
            "6455/5.5.1/answer-repeats-the-code/1000",
            "6455/5.5.1/answer-repeats-the-code/4999",
            "6455/5.5.1/empty-close-has-no-code",
            "6455/5.5.3/pong-needs-no-answer/empty",
            "6455/5.5.3/pong-needs-no-answer/payload",
            "6455/7.4/valid-code-is-answered/1000",
            "6455/7.4/valid-code-is-answered/1002",
            "6455/7.4/valid-code-is-answered/1003",
            "6455/7.4/valid-code-is-answered/1007",
            "6455/7.4/valid-code-is-answered/1008",
            "6455/7.4/valid-code-is-answered/1009",
            "6455/7.4/valid-code-is-answered/1010",
            "6455/7.4/valid-code-is-answered/1011",
            "6455/7.4/valid-code-is-answered/3000",
            "6455/7.4/valid-code-is-answered/3999",
            "6455/7.4/valid-code-is-answered/4000",
            "6455/7.4/valid-code-is-answered/4999",
            "6455/7.4/later-code-is-answered/*",
        ],
    ),
    (Defect::CloseAnsweredWith1006, &[NEEDS_AN_ANSWER_TO_CLOSE]),
    (
        Defect::CloseAnsweredWithRubbish,
        &[NEEDS_AN_ANSWER_TO_CLOSE],
    ),
    (
        Defect::TextBehindOwnClose,
        &[
            "6455/5.2/any-length-is-echoed/*",
            "6455/5.4/fragments-are-joined/two",
            "6455/5.4/fragments-are-joined/two-apart",
            "6455/5.4/fragments-are-joined/two-octet-by-octet",
            "6455/5.4/fragments-are-joined/of-1300-octets",
            "6455/5.4/fragments-may-be-empty/first-and-last",
            "6455/5.4/fragments-may-be-empty/all",
            "6455/5.4/control-between-fragments/ping",
            "6455/5.4/control-between-fragments/ping-apart",
            "6455/5.4/control-between-fragments/ping-octet-by-octet",
            "6455/5.4/control-between-fragments/close",
            "6455/5.5.1/close-is-answered/*",
            "6455/5.5.1/tcp-ends-after-both-closes",
            "6455/5.5.1/nothing-comes-after-own-close",
            "6455/5.5.1/nothing-counts-after-close/*",
            "6455/5.5.2/ping-is-answered/empty",
            "6455/5.5.2/ping-is-answered/text",
            "6455/5.5.2/ping-is-answered/binary",
            "6455/5.5.2/ping-is-answered/longest",
            "6455/5.5.2/ping-is-answered/octet-by-octet",
            "6455/5.5.2/ping-is-answered/ten",
            "6455/5.5.2/ping-is-answered/ten-octet-by-octet",
            "6455/5.5.2/ping-is-answered-soon/*",
            "6455/5.5.3/pong-needs-no-answer/empty",
            "6455/5.5.3/pong-needs-no-answer/payload",
            "6455/5.5.3/pong-needs-no-answer/then-ping",
            "6455/7.1.1/tcp-ends-in-order",
            "6455/7.4/valid-code-is-answered/*",
            "6455/8.1/text-is-echoed/empty",
            "6455/8.1/text-is-echoed/latin",
            "6455/8.1/text-is-echoed/cut-between-characters",
            "6455/8.1/text-is-echoed/cut-everywhere-latin",
            "6455/8.1/text-is-echoed/cut-everywhere-greek",
            "6455/8.1/text-is-echoed/plain-68656c6c6f24776f726c64",
            "6455/8.1/text-is-echoed/plain-68656c6c6fc2a2776f726c64",
            "6455/8.1/text-is-echoed/plain-68656c6c6fe282ac776f726c64",
            "6455/8.1/text-is-echoed/plain-68656c6c6ff0a4ada2776f726c64",
            "6455/8.1/text-is-echoed/plain-cebae1bdb9cf83cebcceb5",
            "6455/8.1/text-is-echoed/prefix-ceba",
            "6455/8.1/text-is-echoed/prefix-cebae1bdb9",
            "6455/8.1/text-is-echoed/prefix-cebae1bdb9cf83",
            "6455/8.1/text-is-echoed/prefix-cebae1bdb9cf83cebc",
            "6455/8.1/text-is-echoed/prefix-cebae1bdb9cf83cebcceb5",
            "6455/8.1/text-is-echoed/smallest-00",
            "6455/8.1/text-is-echoed/smallest-c280",
            "6455/8.1/text-is-echoed/smallest-e0a080",
            "6455/8.1/text-is-echoed/smallest-f0908080",
            "6455/8.1/text-is-echoed/largest-7f",
            "6455/8.1/text-is-echoed/largest-dfbf",
            "6455/8.1/text-is-echoed/largest-efbfbf",
            "6455/8.1/text-is-echoed/largest-f48fbfbf",
            "6455/8.1/text-is-echoed/boundary-ed9fbf",
            "6455/8.1/text-is-echoed/boundary-ee8080",
            "6455/8.1/text-is-echoed/boundary-efbfbd",
            "6455/8.1/text-is-echoed/boundary-f48fbfbf",
            "6455/8.1/text-is-echoed/non-character-efbfbe",
            "6455/8.1/text-is-echoed/non-character-efbfbf",
            "6455/8.1/text-is-echoed/non-character-f09fbfbe",
            "6455/8.1/text-is-echoed/non-character-f09fbfbf",
            "6455/8.1/text-is-echoed/non-character-f0afbfbe",
            "6455/8.1/text-is-echoed/non-character-f0afbfbf",
            "6455/8.1/text-is-echoed/non-character-f0bfbfbe",
            "6455/8.1/text-is-echoed/non-character-f0bfbfbf",
            "6455/8.1/text-is-echoed/non-character-f18fbfbe",
            "6455/8.1/text-is-echoed/non-character-f18fbfbf",
            "6455/8.1/text-is-echoed/non-character-f19fbfbe",
            "6455/8.1/text-is-echoed/non-character-f19fbfbf",
            "6455/8.1/text-is-echoed/non-character-f1afbfbe",
            "6455/8.1/text-is-echoed/non-character-f1afbfbf",
            "6455/8.1/text-is-echoed/non-character-f1bfbfbe",
            "6455/8.1/text-is-echoed/non-character-f1bfbfbf",
            "6455/8.1/text-is-echoed/non-character-f28fbfbe",
            "6455/8.1/text-is-echoed/non-character-f28fbfbf",
            "6455/8.1/text-is-echoed/non-character-f29fbfbe",
            "6455/8.1/text-is-echoed/non-character-f29fbfbf",
            "6455/8.1/text-is-echoed/non-character-f2afbfbe",
            "6455/8.1/text-is-echoed/non-character-f2afbfbf",
            "6455/8.1/text-is-echoed/non-character-f2bfbfbe",
            "6455/8.1/text-is-echoed/non-character-f2bfbfbf",
            "6455/8.1/text-is-echoed/non-character-f38fbfbe",
            "6455/8.1/text-is-echoed/non-character-f38fbfbf",
            "6455/8.1/text-is-echoed/non-character-f39fbfbe",
            "6455/8.1/text-is-echoed/non-character-f39fbfbf",
            "6455/8.1/text-is-echoed/non-character-f3afbfbe",
            "6455/8.1/text-is-echoed/non-character-f3afbfbf",
            "6455/8.1/text-is-echoed/non-character-f3bfbfbe",
            "6455/8.1/text-is-echoed/non-character-f3bfbfbf",
            "6455/8.1/text-is-echoed/non-character-f48fbfbe",
            "6455/8.1/text-is-echoed/non-character-f48fbfbf",
            "6455/8.1/text-is-echoed/special-efbfb9",
            "6455/8.1/text-is-echoed/special-efbfba",
            "6455/8.1/text-is-echoed/special-efbfbb",
            "6455/8.1/text-is-echoed/special-efbfbc",
            "6455/8.1/text-is-echoed/special-efbfbd",
            "6455/8.1/text-is-echoed/special-efbfbe",
            "6455/8.1/text-is-echoed/special-efbfbf",
            "hostile/control/data-behind-close",
        ],
    ),
    (
        Defect::EmptyCloseIs1005,
        &[
            "6455/5.5.1/close-is-answered/empty",
            "6455/5.5.1/empty-close-has-no-code",
        ],
    ),
    (
        Defect::EmptyCloseIs1001,
        &["6455/5.5.1/empty-close-has-no-code"],
    ),
    (
        Defect::TcpStaysOpen,
        &[
            "6455/5.5.1/nothing-counts-after-close/*",
            "6455/5.4/control-between-fragments/close",
            "6455/5.5.1/tcp-ends-after-both-closes",
            "6455/5.5.1/nothing-comes-after-own-close",
            "6455/7.1.1/tcp-ends-in-order",
            "9112/6.1/length-and-coding-end-the-connection",
            "9112/6.3/coding-without-chunks-is-refused",
            "9112/9.6/nothing-counts-behind-close",
            "9112/6.3/invalid-length-is-refused/*",
            "hostile/control/data-behind-close",
        ],
    ),
    (
        Defect::SecondCloseAnswered,
        &["6455/5.5.1/nothing-counts-after-close/close"],
    ),
    (
        Defect::PingAfterCloseAnswered,
        &["6455/5.5.1/nothing-counts-after-close/ping"],
    ),
    (
        Defect::TextAfterCloseEchoed,
        &[
            "6455/5.5.1/nothing-counts-after-close/text",
            "hostile/control/data-behind-close",
        ],
    ),
    (
        Defect::AnyCloseCode,
        &[
            "6455/7.4/invalid-code-fails/*",
            "6455/7.4.1/reserved-code-is-not-sent/*",
        ],
    ),
    (
        Defect::CloseCodesFrom3000,
        &[
            "6455/7.4/invalid-code-fails/32768",
            "6455/7.4/invalid-code-fails/5000",
            "6455/7.4/invalid-code-fails/65535",
        ],
    ),
    (
        Defect::LaterCloseCodesRefused,
        &["6455/7.4/later-code-is-answered/*"],
    ),
    (
        Defect::ApplicationCloseCodesRefused,
        &[
            "6455/5.5.1/answer-repeats-the-code/4999",
            "6455/7.4/valid-code-is-answered/4000",
            "6455/7.4/valid-code-is-answered/4999",
        ],
    ),
    (
        Defect::OneOctetClose,
        &[
            "6455/5.5.1/close-body-has-a-code",
            "6455/7.1.7/close-frame-before-failing/one-octet-close",
        ],
    ),
    (
        Defect::ReasonNotChecked,
        &[
            "6455/5.5.1/reason-is-utf8",
            "6455/7.1.7/close-frame-before-failing/reason-not-utf8",
            "6455/5.5.1/longest-reason-is-utf8",
        ],
    ),
    (
        Defect::PingNotAnswered,
        &[
            "6455/5.5.2/*",
            "6455/5.4/control-between-fragments/*ping*",
            "6455/5.5.3/pong-needs-no-answer/then-ping",
            "6455/5.1/server-frames-are-not-masked",
            "6455/5.2/server-bits-are-zero",
            "6455/5.5/server-control-is-short",
            "hostile/fragments/ping-between-each",
            "hostile/control/many-pings",
            "hostile/control/ping-behind-a-long-message",
        ],
    ),
    (
        Defect::PingAnsweredTwice,
        &[
            "6455/5.1/server-frames-are-not-masked",
            "6455/5.2/server-bits-are-zero",
            "6455/5.4/control-between-fragments/ping",
            "6455/5.4/control-between-fragments/ping-apart",
            "6455/5.4/control-between-fragments/ping-octet-by-octet",
            "6455/5.5/server-control-is-short",
            "6455/5.5.2/*",
            "6455/5.5.3/pong-needs-no-answer/then-ping",
            "hostile/fragments/ping-between-each",
            "hostile/control/many-pings",
        ],
    ),
    (
        Defect::PongEmpty,
        &[
            "6455/5.5.2/*",
            "6455/5.4/control-between-fragments/*ping*",
            "!6455/5.5.2/ping-is-answered/empty",
            "6455/5.5.3/pong-needs-no-answer/then-ping",
            "6455/5.1/server-frames-are-not-masked",
            "6455/5.2/server-bits-are-zero",
            "6455/5.5/server-control-is-short",
            "hostile/fragments/ping-between-each",
            "hostile/control/many-pings",
            "hostile/control/ping-behind-a-long-message",
        ],
    ),
    (
        Defect::PongEndsAtNul,
        &[
            "6455/5.5.2/ping-is-answered/binary",
            "6455/5.5.2/ping-is-answered/every-octet-value",
        ],
    ),
    (
        Defect::PongCut,
        &[
            "6455/5.5.2/ping-is-answered/every-octet-value",
            "6455/5.5.2/ping-is-answered/longest",
            "6455/5.5.2/ping-is-answered/octet-by-octet",
            "6455/5.1/server-frames-are-not-masked",
            "6455/5.2/server-bits-are-zero",
            "6455/5.5/server-control-is-short",
            "hostile/control/many-pings",
        ],
    ),
    (
        Defect::PongAsText,
        &[
            "6455/5.5.2/ping-is-answered/binary",
            "6455/5.5.2/ping-is-answered/every-octet-value",
            "6455/5.5.2/ping-is-answered/longest",
            "6455/5.5.2/ping-is-answered/octet-by-octet",
            "6455/5.1/server-frames-are-not-masked",
            "6455/5.2/server-bits-are-zero",
            "6455/5.5/server-control-is-short",
        ],
    ),
    (
        Defect::FirstPingOnly,
        &[
            "6455/5.5.2/ping-is-answered/every-octet-value",
            "6455/5.5.2/ping-is-answered/ten*",
            "hostile/control/many-pings",
        ],
    ),
    (
        Defect::PongAnswered,
        &[
            "6455/5.5.3/pong-needs-no-answer/*",
            "6455/5.4/control-between-fragments/pong",
            "hostile/control/many-pongs",
        ],
    ),
    (
        Defect::PongIsError,
        &[
            "6455/5.5.3/pong-needs-no-answer/*",
            "6455/5.4/control-between-fragments/pong",
            "hostile/control/many-pongs",
        ],
    ),
    (
        Defect::PongWithPayloadIsError,
        &[
            "6455/5.4/control-between-fragments/pong",
            "6455/5.5.3/pong-needs-no-answer/payload",
            "6455/5.5.3/pong-needs-no-answer/then-ping",
            "6455/5.5.3/pong-needs-no-answer/then-text",
            "hostile/control/many-pongs",
        ],
    ),
    // Text.
    (
        Defect::NotUtf8Echoed,
        &[
            "6455/8.1/invalid-text-*",
            "6455/7.1.7/close-frame-before-failing/not-utf8",
            "hostile/fragments/more-behind-invalid-text",
        ],
    ),
    (
        Defect::Utf8AtMessageEnd,
        &[
            "6455/8.1/invalid-text-fails-early/*",
            "hostile/fragments/more-behind-invalid-text",
        ],
    ),
    (
        Defect::Utf8AtFrameEnd,
        &[
            "6455/8.1/invalid-text-fails-early/frame",
            "6455/8.1/invalid-text-fails-early/frame-inside-a-character",
        ],
    ),
    (
        Defect::Utf8EachFrameAlone,
        &[
            "6455/8.1/text-is-echoed/cut-everywhere-*",
            "6455/8.1/invalid-text-fails-early/fragment-inside-a-character",
            "6455/8.1/invalid-text-fails-early/frame",
            "6455/8.1/invalid-text-fails-early/frame-inside-a-character",
            "hostile/text/*",
        ],
    ),
    (
        Defect::NotUtf8Is1002,
        &[
            "6455/7.1.7/close-frame-before-failing/not-utf8",
            "6455/10.4/over-the-limit-closes-with-1009/*",
        ],
    ),
    // Failing the connection.
    (
        Defect::FailsWithoutClose,
        &[
            "6455/7.1.7/close-frame-before-failing/*",
            "6455/10.4/over-the-limit-closes-with-1009/*",
            "7692/6/misplaced-rsv1-closes-with-1002",
            "7692/6/not-utf8-closes-with-1007",
            "7692/7.2.2/not-inflating-closes/*",
            "7692/8/over-the-limit-closes-with-1009",
        ],
    ),
    (
        Defect::FailsWith1000,
        &[
            "6455/7.4/invalid-code-fails/*",
            "6455/7.1.7/close-frame-before-failing/*",
            "6455/5.1/client-frames-are-masked/close",
            "6455/5.2/reserved-bits-fail/close-rsv1",
            "6455/5.2/reserved-bits-fail/close-rsv123",
            "6455/5.4/control-is-not-fragmented/close",
            "6455/5.5.1/close-body-has-a-code",
            "6455/5.5.1/reason-is-utf8",
            "6455/5.5/control-is-short/close-126",
            "6455/5.5.1/longest-reason-is-utf8",
            "6455/10.4/over-the-limit-closes-with-1009/*",
            "7692/6/misplaced-rsv1-closes-with-1002",
            "7692/6/not-utf8-closes-with-1007",
            "7692/7.2.2/not-inflating-closes/*",
            "7692/8/over-the-limit-closes-with-1009",
            "7692/6/misplaced-rsv1-fails/*",
            "hostile/compression/bomb*",
        ],
    ),
    (
        Defect::FailsWith1011,
        &[
            "6455/7.1.7/close-frame-before-failing/*",
            "6455/10.4/over-the-limit-closes-with-1009/*",
            "7692/6/misplaced-rsv1-closes-with-1002",
            "7692/6/not-utf8-closes-with-1007",
            "7692/7.2.2/not-inflating-closes/*",
            "7692/8/over-the-limit-closes-with-1009",
        ],
    ),
    (
        Defect::FailsAndStaysOpen,
        &[
            "6455/8.1/invalid-text-fails/*",
            "6455/5.2/reserved-opcode-fails/*",
            "6455/7.1.7/*",
            "6455/7.4/invalid-code-fails/*",
            "6455/5.2/reserved-bits-fail/*",
            "6455/5.4/continuation-needs-a-start/*",
            "6455/5.1/client-frames-are-masked/*",
            "6455/5.2/longer-length-form-fails/*",
            "6455/5.5/control-is-short/*",
            "6455/5.4/messages-do-not-interleave/*",
            "6455/5.4/control-is-not-fragmented/*",
            "6455/5.2/length-top-bit-fails/*",
            "6455/5.5.1/close-body-has-a-code",
            "6455/5.5.1/reason-is-utf8",
            "6455/5.5.1/longest-reason-is-utf8",
            "6455/10.4/over-the-limit-fails/*",
            "6455/10.4/over-the-limit-closes-with-1009/*",
            "hostile/length/*",
            "hostile/fragments/more-behind-invalid-text",
            "6455/5.1/how-an-unmasked-frame-ends",
            "6455/5.5.1/closes-may-cross",
            "7692/6/misplaced-*",
            "7692/6/not-utf8-*",
            "7692/6/other-reserved-bits-fail/*",
            "7692/6/rsv1-without-agreement-fails",
            "7692/7.2.2/*",
            "7692/8/over-the-limit-*",
            "hostile/compression/bomb*",
        ],
    ),
    (
        Defect::ProcessesAfterFailing,
        &[
            "6455/8.1/invalid-text-fails/*",
            "6455/5.2/reserved-opcode-fails/*",
            "6455/7.1.7/*",
            "6455/7.4/invalid-code-fails/*",
            "6455/5.2/reserved-bits-fail/*",
            "6455/5.4/continuation-needs-a-start/*",
            "6455/5.1/client-frames-are-masked/*",
            "6455/5.2/longer-length-form-fails/*",
            "6455/5.5/control-is-short/*",
            "6455/5.4/messages-do-not-interleave/*",
            "6455/5.4/control-is-not-fragmented/*",
            "6455/5.5.1/close-body-has-a-code",
            "6455/5.5.1/reason-is-utf8",
            "6455/5.5.1/longest-reason-is-utf8",
            "hostile/fragments/more-behind-invalid-text",
            "6455/5.1/how-an-unmasked-frame-ends",
            "6455/5.5.1/closes-may-cross",
        ],
    ),
    // Who may connect.
    (
        Defect::OriginNotChecked,
        &[
            "6455/10.2/foreign-origin-is-refused/*",
            "6455/10.2/refusal-is-403",
            "hostile/access/origin/*",
        ],
    ),
    (
        Defect::OriginPrefix,
        &[
            "6455/10.2/foreign-origin-is-refused/as-beginning",
            "6455/10.2/foreign-origin-is-refused/as-user",
            "6455/10.2/foreign-origin-is-refused/other-port",
            "hostile/access/origin/list",
        ],
    ),
    (
        Defect::OriginSuffix,
        &["6455/10.2/foreign-origin-is-refused/as-end"],
    ),
    (
        Defect::OriginHostOnly,
        &[
            "6455/10.2/foreign-origin-is-refused/other-port",
            "6455/10.2/foreign-origin-is-refused/other-scheme",
        ],
    ),
    (
        Defect::OriginNullAllowed,
        &["6455/10.2/foreign-origin-is-refused/null"],
    ),
    (
        Defect::OriginFirstCounts,
        &["hostile/access/origin/second-line"],
    ),
    (
        Defect::OriginLastCounts,
        &["hostile/access/origin/first-line"],
    ),
    (Defect::OriginEmptyAllowed, &["hostile/access/origin/empty"]),
    (
        Defect::OriginDroppedByConnection,
        &["hostile/access/origin/named-in-connection"],
    ),
    (Defect::OriginAbsentAllowed, &[]),
    (Defect::OriginNormalised, &[]),
    (Defect::OriginRefusedWith400, &["6455/10.2/refusal-is-403"]),
    (
        Defect::CredentialNotChecked,
        &[
            "hostile/access/credential/*",
            "hostile/access/credential-as-subprotocol/wrong",
            "hostile/access/credential-is-not-inherited",
        ],
    ),
    (
        Defect::CredentialAbsentAllowed,
        &[
            "hostile/access/credential-as-subprotocol/wrong",
            "hostile/access/credential/absent",
            "hostile/access/credential/named-in-connection",
            "hostile/access/credential-is-not-inherited",
        ],
    ),
    (
        Defect::CredentialPrefix,
        &["hostile/access/credential/longer"],
    ),
    (
        Defect::CredentialCompletes,
        &[
            "hostile/access/credential/empty",
            "hostile/access/credential/shorter",
            "hostile/access/credential/scheme-alone",
            "hostile/access/credential/other-scheme",
        ],
    ),
    (
        Defect::CredentialAnyScheme,
        &["hostile/access/credential/other-scheme"],
    ),
    (
        Defect::CredentialInherited,
        &["hostile/access/credential-is-not-inherited"],
    ),
    (Defect::NoChallenge, &["9110/11.6.1/401-has-a-challenge"]),
    (Defect::SubprotocolNotNamed, &[]),
    (
        Defect::RefusalRepeatsFields,
        &["hostile/access/secret-is-not-repeated/refusal"],
    ),
    (
        Defect::CloseRepeatsText,
        &["hostile/access/secret-is-not-repeated/close"],
    ),
    (
        Defect::SubprotocolCredentialNotChecked,
        &["hostile/access/credential-as-subprotocol/wrong"],
    ),
    (
        Defect::SubprotocolCredentialNotRead,
        &["hostile/access/credential-as-subprotocol/right"],
    ),
    (
        Defect::SubprotocolCredentialNamed,
        &["hostile/access/credential-as-subprotocol/not-named"],
    ),
    // Time.
    (
        Defect::HandshakeNotTimed,
        &[
            "hostile/slow/no-request",
            "hostile/slow/request-without-end",
        ],
    ),
    (
        Defect::HandshakeTimerRestarts,
        &["hostile/slow/request-without-end"],
    ),
    (Defect::PingsNotCounted, &["hostile/slow/pings-unanswered"]),
    (Defect::CloseAwaited, &["hostile/slow/close-unanswered"]),
    // Other connections.
    (Defect::ResetEndsServing, &["hostile/connections/reset/*"]),
    (
        Defect::FewUnfinishedRequests,
        &["hostile/slow/many-half-requests"],
    ),
    (Defect::SharedBuffer, &["hostile/connections/no-cross-talk"]),
    // What it costs.
    (
        Defect::AllocatesAnnounced,
        &["hostile/memory/announced-lengths"],
    ),
    (Defect::KeepsSegments, &["hostile/memory/octet-by-octet"]),
    (
        Defect::KeepsFragments,
        &["hostile/memory/fragments-without-end"],
    ),
    (
        Defect::UnfinishedHasRoom,
        &["hostile/memory/unfinished-messages"],
    ),
    (
        Defect::LargeBuffers,
        &[
            "hostile/memory/announced-lengths",
            "hostile/memory/unfinished-messages",
            "hostile/memory/idle-connections",
            "hostile/memory/compressed-idle-connections",
        ],
    ),
    (
        Defect::QueuesWithoutEnd,
        &[
            "hostile/memory/pongs-that-nobody-reads",
            "hostile/memory/echoes-that-nobody-reads",
        ],
    ),
    (
        Defect::KeepsDescriptors,
        &["hostile/descriptors/connections-that-are-gone"],
    ),
    (Defect::HeadReadAgain, &["hostile/processor/long-field"]),
    (Defect::OfferReadAgain, &["hostile/processor/long-offer/*"]),
    // The end of the process.
    (
        Defect::ShutdownSilent,
        &["hostile/shutdown/close-with-1001"],
    ),
    (Defect::ShutdownWaits, &["hostile/shutdown/silent-clients"]),
    (
        Defect::ShutdownAccepts,
        &[
            "hostile/shutdown/silent-clients",
            "hostile/shutdown/no-new-connections",
            "hostile/shutdown/half-a-request",
        ],
    ),
    (
        Defect::ShutdownSwitches,
        &["hostile/shutdown/half-a-request"],
    ),
    (
        Defect::NumberNotKept,
        &["hostile/connections/over-the-number*"],
    ),
    (
        Defect::NumberRefusedWith400,
        &["hostile/connections/over-the-number-is-503"],
    ),
    (Defect::RateNotKept, &["hostile/rate/*"]),
    (
        Defect::RateRefusedWith400,
        &["hostile/rate/over-the-number-is-429"],
    ),
    (Defect::IdleNotTimed, &["hostile/slow/no-message"]),
    (
        Defect::IdleEndsSilently,
        &["hostile/slow/no-message", "hostile/slow/too-old"],
    ),
    (
        Defect::AgeNotTimed,
        &["hostile/slow/no-message", "hostile/slow/too-old"],
    ),
    (Defect::SendNotTimed, &["hostile/slow/reads-nothing"]),
    // Agreeing on permessage-deflate.
    (
        Defect::UnknownParameterAccepted,
        &["7692/7/unknown-parameter-is-declined/*"],
    ),
    (
        Defect::WindowParsedAsNumber,
        &[
            "7692/7/bad-value-is-declined/window-08",
            "7692/7/bad-value-is-declined/window-015",
            "7692/7/bad-value-is-declined/window-plus-9",
            "7692/7/bad-value-is-declined/client-window-08",
        ],
    ),
    (
        Defect::WindowIsFraction,
        &["7692/7/bad-value-is-declined/window-8.0"],
    ),
    (
        Defect::WindowNotInRange,
        &[
            "7692/7/bad-value-is-declined/window-0",
            "7692/7/bad-value-is-declined/window-7",
            "7692/7/bad-value-is-declined/window-16",
            "7692/7/bad-value-is-declined/window-99999",
            "7692/7/bad-value-is-declined/client-window-7",
            "7692/7/bad-value-is-declined/client-window-16",
        ],
    ),
    (
        Defect::NegativeWindowAccepted,
        &["7692/7/bad-value-is-declined/window-minus-*"],
    ),
    (
        Defect::WindowNoNumberIsLargest,
        &[
            "7692/7/bad-value-is-declined/window-8.0",
            "7692/7/bad-value-is-declined/window-text",
            "7692/7/bad-value-is-declined/client-window-text",
        ],
    ),
    (
        Defect::WindowNeedsNoValue,
        &["7692/7/bad-value-is-declined/window-without-value"],
    ),
    (
        Defect::ValueNotRead,
        &["7692/7/bad-value-is-declined/*-takeover-with-value"],
    ),
    (
        Defect::RepeatedParameterAccepted,
        &["7692/7/repeated-parameter-is-declined/*"],
    ),
    (Defect::QuotedValueDeclined, &["7692/7.1.2/value-in-quotes"]),
    (Defect::DeclinesWith400, &["7692/5/declining-is-silent"]),
    (
        Defect::AllOffersAccepted,
        &["7692/5/accepted-once", "7692/5/first-offer-is-preferred"],
    ),
    (
        Defect::LastOfferPreferred,
        &["7692/5/first-offer-is-preferred"],
    ),
    (Defect::FirstOfferOnly, &["7692/5/next-offer-is-accepted"]),
    (
        Defect::NoTakeoverDeclined,
        &[
            "7692/5/first-offer-is-preferred",
            "7692/7.1.1.1/no-takeover-is-accepted",
            "7692/7.1.1.1/no-takeover-is-kept",
        ],
    ),
    (
        Defect::NoTakeoverNotAnswered,
        &[
            "7692/5/first-offer-is-preferred",
            "7692/7.1.1.1/no-takeover-is-answered",
            "7692/7.1.1.1/no-takeover-is-kept",
        ],
    ),
    (
        Defect::NoTakeoverNotKept,
        &[
            "7692/7.1.1.1/no-takeover-is-answered",
            "7692/7.1.1.1/no-takeover-is-kept",
            "7692/7.1/no-takeover*",
            "7692/7.1/three-offers/*",
        ],
    ),
    (Defect::NoTakeoverUnasked, &[]),
    (Defect::ClientTakeoverNotAnswered, &[]),
    (
        Defect::ServerWindowNotAnswered,
        &[
            "7692/7.1.2/value-in-quotes",
            "7692/7.1.2.1/window-is-answered/*",
            "7692/7.1.2.1/window-is-kept/*",
            "7692/7.1.2.2/window-only-if-offered/with-server-window",
        ],
    ),
    (
        Defect::ServerWindowLarger,
        &[
            "7692/7.1.2.1/window-is-answered/*",
            "!7692/7.1.2.1/window-is-answered/15",
            "7692/7.1.2.1/window-is-kept/*",
            "7692/7.1.2.2/window-only-if-offered/with-server-window",
        ],
    ),
    (
        Defect::ServerWindowAtLeast9,
        &[
            "7692/7.1.2.1/window-is-answered/8",
            "7692/7.1.2.1/window-is-kept/8",
        ],
    ),
    (
        Defect::ServerWindowNotKept,
        &[
            "7692/7.1.2.1/window-is-kept/*",
            "7692/7.1/no-takeover-window-9/*",
            "7692/7.1/three-offers/*",
            // Without takeover nothing is as far back there.
            "!7692/7.1/*/16",
            "!7692/7.1/*/64",
            "!7692/7.1/*/256",
            "7692/7.1/window-9/*",
        ],
    ),
    (Defect::ServerWindowUnasked, &[]),
    (
        Defect::ClientWindowUnasked,
        &[
            "7692/*",
            // All that don't begin with the plain offer.
            "!7692/5/accepted-once",
            "!7692/5/declining-is-silent",
            "!7692/7/*",
            "!7692/7.1.1.1/no-takeover-is-accepted",
            "!7692/7.1.2.2/window-is-no-larger/*",
            "!7692/7.1.2.2/window-without-a-value",
            "hostile/compression/*",
        ],
    ),
    (
        Defect::ClientWindowWithoutValue,
        &[
            "7692/7.1.2.2/window-is-no-larger/*",
            "7692/7.1.2.2/window-without-a-value",
        ],
    ),
    (
        Defect::ClientWindowLarger,
        &[
            "7692/7.1.2.2/window-is-no-larger/*",
            "!7692/7.1.2.2/window-is-no-larger/15",
        ],
    ),
    // Compressing.
    (
        Defect::NeverCompresses,
        &["7692/7.1.2.1/window-is-kept/*", "7692/7.2.1/tail-is-cut"],
    ),
    (Defect::Rsv1OnContinuations, &[NEEDS_A_COMPRESSED_ECHO]),
    (
        Defect::Rsv1OnPongs,
        &[
            "7692/6/server-sets-rsv1-on-first-frames",
            "7692/6.2/ping-between-fragments",
        ],
    ),
    (Defect::TailNotCut, &[NEEDS_A_COMPRESSED_ECHO]),
    (Defect::FullBufferLosesByte, &["7692/7.2/fills-a-buffer/*"]),
    // Inflating.
    (
        Defect::ClientContextDropped,
        &[
            "7692/5/answer-fits-the-offer",
            "7692/6/server-sets-rsv1-on-first-frames",
            "7692/6.1/fragments/*",
            "7692/6.1/mixed-messages",
            "7692/6.2/*",
            "7692/7.1.1/client-context-is-kept",
            "7692/7.1.1.1/no-takeover-is-answered",
            "7692/7.1.1.1/no-takeover-is-kept",
            "7692/7.1.2.1/window-is-kept/*",
            "7692/7.1.2.2/*",
            // Shorter than what repeats, where it is the compressor's.
            "!7692/7.1.2.2/window-is-no-larger/9",
            "!7692/7.1.2.2/window-is-no-larger/10",
            "!7692/7.1.2.2/window-only-if-offered/with-takeover",
            "7692/7.2.3.6/empty-between-others",
            "hostile/compression/bomb-behind-messages",
        ],
    ),
    (
        Defect::UncompressedResetsInflater,
        &["7692/6.1/mixed-messages"],
    ),
    (
        Defect::PingResetsInflater,
        &["7692/6.2/ping-between-fragments"],
    ),
    (
        Defect::InflatesWith9Bits,
        &[
            REFERS_FAR_BACK,
            "!7692/7.1.2.2/window-is-no-larger/[89]",
            "7692/7.1/*",
            "7692/7.2/*",
            // Without takeover nothing is as far back there.
            "!7692/7.[12]/*/16",
            "!7692/7.[12]/*/64",
            "!7692/7.[12]/*/256",
            "!7692/7.2/compressed/1024",
        ],
    ),
    (
        Defect::InflatesWith8Bits,
        &[
            REFERS_FAR_BACK,
            "!7692/7.1.2.2/window-is-no-larger/8",
            "hostile/compression/bomb-behind-messages",
        ],
    ),
    (
        Defect::BufferUsedAgain,
        &[
            "7692/7.1.2.2/window-is-no-larger/*",
            "7692/7.2.3.6/empty-between-others",
            "7692/7.2/html/*",
        ],
    ),
    (
        Defect::CountsTo256,
        &["7692/7.[12]/*/16", "7692/7.[12]/*/64", "7692/7.[12]/*/256"],
    ),
    (
        Defect::FragmentsInflatedAlone,
        &[
            "7692/6.1/fragments/*",
            "7692/6.2/ping-between-fragments",
            "hostile/compression/bomb-in-fragments",
        ],
    ),
    (
        Defect::StoredNotKnown,
        &[
            "7692/6/utf8-is-for-the-inflated-text",
            "7692/7.1.2.2/window-is-no-larger/*",
            "7692/7.2.3/any-block-is-inflated/last-stored",
            "7692/7.2.3/any-block-is-inflated/one-of-each",
            "7692/7.2.3/any-block-is-inflated/reference-into-*",
            "7692/7.2.3/any-block-is-inflated/stored",
        ],
    ),
    (
        Defect::FixedNotKnown,
        &[
            NEEDS_A_COMPRESSED_ECHO,
            "!7692/6/utf8-is-for-the-inflated-text",
            "!7692/7.1.1.2/fresh-messages-are-echoed",
            "!7692/7.1.2.1/window-is-kept/1*",
            "!7692/7.1.2.2/window-is-no-larger/*",
            "!7692/7.2.2/*",
            "!7692/7.2.3/*stored",
            "!7692/7.2.3/*dynamic",
            "!7692/7.2.3/any-block-is-inflated/one-of-each",
            "!7692/7.2.3/any-block-is-inflated/reference-into-*",
            "!7692/7.2.3.6/empty-message",
            "!7692/8/*",
            "!hostile/compression/bomb-behind-messages",
        ],
    ),
    (
        Defect::DynamicNotKnown,
        &[
            "7692/6.1/fragments/*",
            "7692/7.1.1/client-context-is-kept",
            "7692/7.1.1.1/no-takeover-is-kept",
            "7692/7.1.1.2/fresh-messages-are-echoed",
            "7692/7.1.2.1/window-is-kept/*",
            "7692/7.1.2.2/window-is-no-larger/*",
            "7692/7.2.3/any-block-is-inflated/*dynamic",
            "7692/8/at-the-limit-is-echoed",
            "7692/8/over-the-limit-closes-with-1009",
            "hostile/compression/bomb*",
        ],
    ),
    (
        Defect::LastBlockEndsInflater,
        &["7692/7.2.3.4/last-block-and-next-message"],
    ),
    (
        Defect::EndsAtLastBlock,
        &["7692/7.2.3/any-block-is-inflated/more-behind-the-last"],
    ),
    (
        Defect::EndsAtTail,
        &[
            "7692/7.2.3/any-block-is-inflated/empty-stored-between",
            "hostile/compression/bomb",
            "hostile/compression/bomb-in-fragments",
            "hostile/compression/empty-blocks/stored",
        ],
    ),
    (Defect::EmptyCompressedNotEchoed, &["7692/7.2.3.6/empty-*"]),
    (Defect::NoOctetsIsEmpty, &[]),
    (Defect::NotInflatingEchoed, &["7692/7.2.2/*"]),
    (Defect::NotInflatingIgnored, &["7692/7.2.2/*"]),
    (
        Defect::UnfinishedBlockTaken,
        &["7692/7.2.2/unfinished-block-fails/*"],
    ),
    (
        Defect::CompressedNotUtf8Echoed,
        &[
            "7692/6/not-utf8-closes-with-1007",
            "7692/6/not-utf8-fails/*",
        ],
    ),
    (
        Defect::Utf8OfCompressed,
        &[
            NEEDS_A_COMPRESSED_ECHO,
            "!7692/6/opcode-is-the-messages/binary",
            "!7692/8/*",
            "!7692/7.2.2/*",
            // These happen to be UTF-8 when they are compressed, too.
            "!7692/7.2.3/any-block-is-inflated/empty-fixed",
            "!7692/7.2.3/any-block-is-inflated/reference",
            "!7692/7.2.3/any-block-is-inflated/overlapping-reference",
            "!7692/7.2.3.6/empty-message",
            "!hostile/compression/bomb-behind-messages",
        ],
    ),
    (
        Defect::LimitOfCompressed,
        &[
            "7692/8/over-the-limit-*",
            "hostile/compression/bomb-behind-messages",
        ],
    ),
    (
        Defect::Rsv1InControlIgnored,
        &[
            "7692/6/misplaced-rsv1-closes-with-1002",
            "7692/6/misplaced-rsv1-fails/*",
            "!7692/6/misplaced-rsv1-fails/continuation*",
        ],
    ),
    (
        Defect::Rsv1InContinuationIgnored,
        &["7692/6/misplaced-rsv1-fails/continuation*"],
    ),
    (
        Defect::OtherBitsIgnored,
        &["7692/6/other-reserved-bits-fail/*"],
    ),
    (
        Defect::Rsv1WithoutAgreement,
        &["7692/6/rsv1-without-agreement-fails"],
    ),
    // Compressing against others.
    (
        Defect::OverTheLimitCut,
        &["7692/8/over-the-limit-*", "hostile/compression/bomb*"],
    ),
    (Defect::AnswersWithBomb, &[NEEDS_A_COMPRESSED_ECHO]),
    (
        Defect::GarbageEndsServing,
        &["hostile/compression/garbage-fails-alone"],
    ),
    (Defect::InflatesWhole, &["hostile/memory/compressed-bomb"]),
    (Defect::BlocksReadAgain, &["hostile/processor/empty-blocks"]),
    // TLS.
    (Defect::TlsNotNeeded, &["6455/4.2.2/no-switch-without-tls"]),
    (
        Defect::FailedTlsHangs,
        &["6455/4.2.2/failed-tls-handshake-ends"],
    ),
    (
        Defect::TlsMayBePassedBy,
        &[
            "6455/4.2.2/everything-is-in-the-tunnel",
            "6455/4.2.2/no-switch-without-tls",
        ],
    ),
    (
        Defect::NoCloseNotify,
        &["6455/7.1.1/tls-ends-with-close-notify"],
    ),
    (
        Defect::TlsAwaitedAsHttp,
        &["hostile/handshake/tls-at-a-plain-port"],
    ),
    // WebSocket over HTTP/2.
    (Defect::Http2SettingNotSaid, &["8441/3/setting-is-1"]),
    (
        Defect::Http2SettingIs2,
        &["8441/*", "hostile/http2/*", "9220/*"],
    ),
    (
        Defect::Http2SettingTakenBack,
        &[
            "8441/3/setting-is-not-taken-back",
            "hostile/http2/opened-and-reset",
            "hostile/http2/rapid-reset",
        ],
    ),
    (
        Defect::Http2ClientSettingCounts,
        &["8441/3/clients-setting-has-no-effect/0"],
    ),
    (
        Defect::Http2ClientSettingIsError,
        &["8441/3/clients-setting-has-no-effect/*"],
    ),
    (
        Defect::Http2AnyMethod,
        &[
            "8441/4/protocol-needs-connect",
            "8441/4/malformed-ends-one-stream/get",
        ],
    ),
    (Defect::Http2Tunnels, &["8441/4/connects-to-nobody"]),
    (Defect::Http2AnyProtocol, &[]),
    (
        Defect::Http2AnswersWith101,
        &[
            "8441/*",
            "hostile/http2/*",
            "9220/*",
            "!8441/3/setting-is-1",
        ],
    ),
    (Defect::Http2AnswersAccept, &["8441/5/key-plays-no-part"]),
    (Defect::Http2KeyRefused, &["8441/5/key-does-no-harm"]),
    (
        Defect::Http2SubprotocolsAsOffered,
        &["8441/5/subprotocol-is-offered"],
    ),
    (
        Defect::Http2AnyExtension,
        &["8441/5/unknown-extension-is-not-accepted"],
    ),
    (
        Defect::Http2UpperCaseNames,
        &[
            "8441/5/names-are-in-lower-case",
            "8441/5/requests-beside-a-websocket",
        ],
    ),
    (
        Defect::Http2AnswerHasLength,
        &["8441/5/answer-has-no-length"],
    ),
    (
        Defect::Http2EarlyFramesLost,
        &["8441/5/frames-before-the-answer"],
    ),
    (
        Defect::Http2PaddingIsData,
        &["8441/5/data-frames-do-not-matter"],
    ),
    (
        Defect::Http2StreamStaysOpen,
        &[
            "8441/3/setting-is-not-taken-back",
            "8441/5/stream-ends-after-both-closes",
            "8441/5/failing-ends-the-stream",
            "8441/5/end-of-stream-is-fin",
            "8441/5/violation-disturbs-no-other",
            "8441/5/unmasked-frame-fails",
        ],
    ),
    (
        Defect::Http2ResetsAfterClose,
        &["8441/5/stream-ends-after-both-closes"],
    ),
    (
        Defect::Http2FailureEndsConnection,
        &[
            "8441/3/setting-is-not-taken-back",
            "8441/5/stream-ends-after-both-closes",
            "8441/5/failing-ends-the-stream",
            "8441/5/violation-disturbs-no-other",
            "8441/5/unmasked-frame-fails",
        ],
    ),
    (
        Defect::Http2EndOfStreamIgnored,
        &["8441/5/end-of-stream-is-fin"],
    ),
    (
        Defect::Http2ResetEndsConnection,
        &[
            "8441/5/reset-ends-one-stream",
            "hostile/http2/opened-and-reset",
        ],
    ),
    (
        Defect::Http2StreamsMixed,
        &[
            "8441/5/streams-are-apart",
            "8441/4/connects-to-nobody",
            "8441/5/end-of-stream-is-fin",
            "8441/5/reset-ends-one-stream",
            "8441/5/violation-disturbs-no-other",
            "8441/5/stalled-stream-holds-up-none",
            "8441/5/window-is-kept",
            "8441/4/malformed-ends-one-stream/*",
        ],
    ),
    (
        Defect::Http2OnlyWebSockets,
        &["8441/5/requests-beside-a-websocket"],
    ),
    (
        Defect::Http2StalledBlocks,
        &[
            "8441/5/stalled-stream-holds-up-none",
            "8441/5/window-is-kept",
        ],
    ),
    (Defect::Http2WindowIgnored, &["8441/5/window-is-kept"]),
    (
        Defect::Http2SchemeNotNeeded,
        &[
            "8441/4/incomplete-connect-is-refused/scheme",
            "8441/4/malformed-ends-one-stream/without-scheme",
        ],
    ),
    (
        Defect::Http2PathNotNeeded,
        &[
            "8441/4/incomplete-connect-is-refused/path",
            "8441/4/malformed-ends-one-stream/without-path",
        ],
    ),
    (
        Defect::Http2ConnectionFieldsIgnored,
        &[
            "8441/5/field-of-a-connection-is-refused/*",
            "8441/4/malformed-ends-one-stream/upgrade",
            "8441/4/malformed-ends-one-stream/connection",
        ],
    ),
    (Defect::Http2VersionNotChecked, &["8441/5/version-is-13/*"]),
    (
        Defect::Http2AccessNotChecked,
        &["8441/5/access-is-checked/*"],
    ),
    (
        Defect::Http2MalformedEndsConnection,
        &["8441/4/malformed-ends-one-stream/*"],
    ),
    (
        Defect::Http2ControlOctetsTaken,
        &["hostile/http2/value-with-control-octet/*"],
    ),
    (
        Defect::Http2ResetsEndServing,
        &[
            "hostile/http2/rapid-reset",
            "hostile/http2/opened-and-reset",
        ],
    ),
    (
        Defect::Http2KeepsEmptyFrames,
        &["hostile/memory/empty-data-frames"],
    ),
    (
        Defect::Http2StalledHasRoom,
        &["hostile/memory/stalled-streams"],
    ),
];
