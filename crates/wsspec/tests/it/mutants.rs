//! Who judges the judge: a reference endpoint on which every case passes, and
//! one mutant per defect, each of which fails exactly the cases that it lists.
//!
//! A case that no mutant fails is not a test. `FULL=1` runs every case over
//! every mutant; otherwise a choice of pairs runs, always the same, in which
//! every case is failed by a mutant and every mutant fails a case.
//!
//! [`catalogue`] has the lists. `MUTANT=Http2` in the environment tries only
//! the mutants whose names begin so, with all their cases; then nobody asks
//! whether every case fails one.

mod catalogue;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
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
use catalogue::{Found, MUTANTS, is_listed};

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
    static ALL: LazyLock<BTreeMap<&str, Meets>> = LazyLock::new(|| {
        let meets = |id| {
            let mut fitting = MEETS.iter().rev();
            let fitting = fitting.find(|(_, it)| matches(it, id));
            fitting.map_or(Meets::Plain, |(meets, _)| *meets)
        };
        cases::all()
            .map(|it| (it.id, meets(it.id)))
            .collect()
    });
    ALL[case.id]
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
        | D::CountsTo256
        | D::FullBufferLosesByte => &[Meets::Deflate, Meets::Compressed],
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

const WAYS: [Meets; 15] = [
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
];

/// The cases that meet a mutant.
fn cases_of(defect: Option<Defect>) -> impl Iterator<Item = &'static Case> {
    cases::all().filter(move |case| {
        is_met(defect, meets(case)) && !is_apart(defect, case)
    })
}

/// The results of these cases over the mutant, in their order, with so many
/// times the patience.
async fn judge(
    defect: Option<Defect>,
    chosen: Vec<&'static Case>,
    factor: u32,
) -> Vec<Judged> {
    let mut judged = Vec::new();
    for way in WAYS {
        let cases: Vec<_> = chosen
            .iter()
            .copied()
            .filter(|case| meets(case) == way)
            .collect();
        if cases.is_empty() {
            continue;
        }
        let over = |kind, defect, cases| over(kind, defect, cases, factor);
        let as_process =
            |kind, defect, cases| as_process(kind, defect, cases, factor);
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
    factor: u32,
) -> Vec<Judged> {
    let reference = Reference::start_as(kind, defect).await;
    // A deadline that is kept may be seen late on a busy machine.
    let patience = match kind {
        Kind::Guarded | Kind::Timed => 3 * PATIENCE,
        _ => PATIENCE,
    };
    let endpoint = support::endpoint(&reference, factor * patience);
    Runner::new(endpoint, 32)
        .once()
        .run(cases, |_| {})
        .await
}

/// The endpoint in processes of its own, as `wsspec run` starts one.
async fn as_process(
    kind: Kind,
    defect: Option<Defect>,
    cases: Vec<&'static Case>,
    factor: u32,
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
    let patience = 4 * factor * PATIENCE;
    let mut endpoint = Endpoint::new(host.url(), patience);
    support::reach(kind, &mut endpoint);
    endpoint.host = Some(Arc::clone(&host));
    let judged = Runner::new(endpoint, 2)
        .once()
        .run(cases, |_| {})
        .await;
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
    let mut all = judge(None, cases_of(None).collect(), 1).await;
    let is_expected = |judged: &Judged| match judged.case.level {
        Level::May => judged.outcome == Outcome::Info,
        _ => matches!(judged.outcome, Outcome::Pass | Outcome::Info),
    };
    again(None, &mut all, is_expected).await;
    for judged in all {
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
        let mut judged = over(kind, None, plain.collect(), 1).await;
        for judged in &mut judged {
            if !is_alike(judged) {
                let mut alone = over(kind, None, vec![judged.case], 8).await;
                *judged = alone.remove(0);
            }
        }
        let judges = judged
            .iter()
            .filter(|it| it.outcome != Outcome::Unsupported);
        assert!(judges.count() > 300, "{kind:?}");
        for judged in judged {
            if !is_alike(&judged) {
                wrong += &format!("\n{kind:?}: {}", Explained(&judged));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn is_alike(judged: &Judged) -> bool {
    matches!(
        judged.outcome,
        Outcome::Pass | Outcome::Info | Outcome::Unsupported
    )
}

/// Judges again, alone and with more patience, what came out otherwise than
/// expected: beside some hundred others an answer may be late.
async fn again(
    defect: Option<Defect>,
    judged: &mut [Judged],
    is_expected: impl Fn(&Judged) -> bool,
) {
    for judged in judged {
        if !is_expected(judged) {
            let mut alone = judge(defect, vec![judged.case], 8).await;
            *judged = alone.remove(0);
        }
    }
}

/// Whether a mutant should fail a case.
fn should_fail(defect: Defect, listed: &[&str], case: &Case) -> bool {
    // Whoever overlooks something here reads whole frames first.
    let inside = INSIDE_A_FRAME
        .iter()
        .any(|it| matches(it, case.id));
    is_listed(listed, case) || defect.overlooks() && inside
}

fn fails(judged: &Judged) -> bool {
    !matches!(judged.outcome, Outcome::Pass | Outcome::Info)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mutant_fails_exactly_the_cases_that_it_lists() {
    let mut failed_by_any = BTreeSet::new();
    let mut observed = BTreeMap::<_, BTreeSet<String>>::new();
    let mut accepts = ByDefect::new();
    let mut bugs = ByDefect::new();
    let mut found = BTreeMap::<_, Found>::new();
    let mut wrong = String::new();
    let mut ran = 0;
    for (defect, listed, judged) in judge_catalogue().await {
        ran += judged.len();
        let violations = judged
            .iter()
            .filter(|it| matches!(it.finding, Some(Finding::Violation { .. })))
            .count();
        for judged in &judged {
            let id = judged.case.id;
            let fails = fails(judged);
            let should = should_fail(defect, listed, judged.case);
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
            let is_implied = should && !is_listed(listed, judged.case);
            let found = found.entry(defect).or_default();
            match (fails, is_implied) {
                (true, false) => found.fails.push(judged.case),
                (false, false) => found.passes.push(judged.case),
                (_, true) => {}
            }
            if fails && !should {
                wrong +=
                    &format!("\n{defect:?} also fails\n{}", Explained(judged));
            }
            if should && !fails {
                wrong += &format!("\n{defect:?} does not fail {id}\n");
            }
        }
    }
    for (head, pattern) in catalogue::names_nothing() {
        wrong += &format!("\n{head} lists {pattern}: no such case\n");
    }
    if std::env::var_os("BLESS").is_some() {
        catalogue::write(&found);
        wrong.clear();
    }
    if chosen().is_some() {
        assert!(wrong.is_empty(), "{wrong}");
        return;
    }
    for case in cases::all() {
        let tells_apart = match case.level {
            Level::May if !is_full() => true,
            Level::May => observed
                .get(case.id)
                .is_some_and(|it| it.len() > 1),
            _ => failed_by_any.contains(case.id),
        };
        if !tells_apart {
            wrong += &format!("\n{} tells no mutant apart\n", case.id);
        }
    }
    for (defect, found) in &found {
        if is_full() && found.fails.is_empty() && !ALLOWED.contains(defect) {
            wrong += &format!("\n{defect:?} fails no case\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    if !is_full() {
        let all = MUTANTS.iter();
        let all = all.map(|(defect, _)| cases_of(Some(*defect)).count());
        let all: usize = all.sum();
        println!(
            "{ran} of {all} pairs of a mutant and a case ran; FULL=1 runs all"
        );
        return;
    }
    if std::env::var_os("BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/explained.tsv");
        let all = cases_of(None).collect();
        let text = explained(&judge(None, all, 1).await, &accepts, &bugs);
        std::fs::write(path, text).expect("data/explained.tsv is written");
    } else {
        check_explained(&bugs);
    }
}

/// What a server may do. No case fails it; some observe it.
const ALLOWED: [Defect; 12] = [
    Defect::OffersNotRead,
    Defect::EarlyFramesLost,
    Defect::PingsFirst,
    Defect::EchoInFragments,
    Defect::OriginAbsentAllowed,
    Defect::OriginNormalised,
    Defect::SubprotocolNotNamed,
    Defect::NoTakeoverUnasked,
    Defect::ClientTakeoverNotAnswered,
    Defect::ServerWindowUnasked,
    Defect::NoOctetsIsEmpty,
    Defect::Http2AnyProtocol,
];

/// Whether every case runs over every mutant.
fn is_full() -> bool {
    ["FULL", "BLESS", "MUTANT"]
        .iter()
        .any(|it| std::env::var_os(it).is_some())
}

/// So many cases that a mutant fails are chosen, and as many that it passes.
const CHOSEN: usize = 6;

/// The same of cases that start a process and measure it, which takes long.
const CHOSEN_AS_PROCESS: usize = 1;

/// The cases of a mutant that are run where not all are: those for which it is
/// the most telling mutant, and a few of both kinds by a fixed order that is as
/// good as chance.
fn choice(defect: Defect, listed: &[&str]) -> Vec<&'static Case> {
    if is_full() {
        return cases_of(Some(defect)).collect();
    }
    let mut in_order: Vec<_> = cases_of(Some(defect)).collect();
    in_order.sort_by_key(|case| {
        let name = format!("{defect:?} {}", case.id);
        name.bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            })
    });
    let telling = &MOST_TELLING[&defect];
    let mut counts = [[0; 2]; 2];
    in_order.retain(|case| {
        let is_process = matches!(
            meets(case),
            Meets::Process
                | Meets::DeflateProcess
                | Meets::Http2Process
                | Meets::Alone
        );
        let most = match is_process {
            true => CHOSEN_AS_PROCESS,
            false => CHOSEN,
        };
        let fails = should_fail(defect, listed, case);
        let count = &mut counts[usize::from(is_process)][usize::from(fails)];
        *count += 1;
        *count <= most || telling.contains(case.id)
    });
    in_order
}

/// Of each mutant the cases that it is known to fail where few others do: one
/// mutant that surely fails the case, or several that may.
static MOST_TELLING: LazyLock<BTreeMap<Defect, BTreeSet<&'static str>>> =
    LazyLock::new(|| {
        let mut telling: BTreeMap<Defect, BTreeSet<&'static str>> = MUTANTS
            .iter()
            .map(|(defect, _)| (*defect, BTreeSet::new()))
            .collect();
        for case in cases::all() {
            let explained = wsspec::explain::explanation(case.id);
            let known = explained.iter().flat_map(|it| &it.bugs);
            let known = known.filter_map(|what| {
                let mut mutants = MUTANTS.iter();
                mutants.find(|(defect, listed)| {
                    defect.what() == *what && should_fail(*defect, listed, case)
                })
            });
            let mut chosen: Vec<_> = known.take(1).collect();
            if chosen.is_empty() {
                let mutants = MUTANTS.iter().filter(|(defect, listed)| {
                    should_fail(*defect, listed, case)
                        && is_met(Some(*defect), meets(case))
                });
                chosen = mutants.rev().take(4).collect();
            }
            for (defect, _) in chosen {
                telling
                    .entry(*defect)
                    .or_default()
                    .insert(case.id);
            }
        }
        telling
    });

/// How the names of the mutants begin that are tried, if not all are.
fn chosen() -> Option<String> {
    std::env::var("MUTANT").ok()
}

/// Several mutants at a time: most of the time a run waits for what a
/// violator does not do. Those that compress keep the processors busy instead,
/// and come when no other mutant's time counts.
async fn judge_catalogue() -> Vec<(Defect, &'static [&'static str], Vec<Judged>)>
{
    let (busy, waiting): (Vec<_>, Vec<_>) = MUTANTS
        .iter()
        .map(|(defect, listed)| (*defect, listed.as_slice()))
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
                let chosen = choice(defect, listed);
                (defect, listed, judge(Some(defect), chosen, 1).await)
            });
        }
        judged.extend(running.join_all().await);
    }
    judged.sort_by_key(|(defect, ..)| *defect);
    for (defect, listed, judged) in &mut judged {
        again(Some(*defect), judged, |judged| {
            fails(judged) == should_fail(*defect, listed, judged.case)
        })
        .await;
    }
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
    let listed: Vec<_> = MUTANTS
        .iter()
        .map(|(defect, _)| *defect)
        .collect();
    assert_eq!(listed, Defect::ALL, "in the order of their definition");
}

const INSIDE_A_FRAME: [&str; 2] = [
    "6455/8.1/invalid-text-fails-early/frame*",
    "hostile/length/illegal-header/*",
];
