//! One behaviour, one verdict: what a server does wrong fails the case of that
//! rule, and a case that can't tell anything then is skipped and names it.

use std::time::Duration;

use wsspec::known::matches;
use wsspec::{Case, Endpoint, Finding, Judged, Outcome, Runner, cases};
use wsspec_reference::{AGE, Defect, Kind, Reference};

use crate::support;

const PATIENCE: Duration = Duration::from_millis(250);

async fn judge(endpoint: Endpoint, patterns: &[&str]) -> Vec<Judged> {
    let any = |case: &&Case| patterns.iter().any(|it| matches(it, case.id));
    Runner::new(endpoint, 32)
        .run(cases::all().filter(any), |_| {})
        .await
}

fn ids<'a>(judged: &'a [Judged], outcomes: &[Outcome]) -> Vec<&'a str> {
    let fitting = judged
        .iter()
        .filter(|it| outcomes.contains(&it.outcome));
    fitting.map(|it| it.case.id).collect()
}

/// A defect, the cases that look at it, and those of them that fail.
type Row = (
    Kind,
    Defect,
    &'static [&'static str],
    &'static [&'static str],
);

const ROWS: &[Row] = &[
    (
        Kind::Plain,
        Defect::CloseNotAnswered,
        &[
            "6455/5.1/server-*",
            "6455/5.4/control-between-fragments/close",
            "6455/5.5.1/*",
            "6455/5.5.3/*",
            "6455/7.1.1/*",
            "6455/7.4/*",
            "hostile/control/data-behind-close",
        ],
        &["6455/5.5.1/close-is-answered/code"],
    ),
    (
        Kind::Plain,
        Defect::UpgradeNotChecked,
        &["6455/4.2.1/upgrade-*", "9110/7.8/*", "9112/2.2/*"],
        &["6455/4.2.1/upgrade-is-websocket/*"],
    ),
    (
        Kind::Plain,
        Defect::VersionAtLeast13,
        &["6455/4.2.1/*", "9112/*", "hostile/access/*"],
        &[
            "6455/4.2.1/version-is-13/14",
            "6455/4.2.1/version-is-13/255",
            "6455/4.2.1/version-is-13/269",
        ],
    ),
    (Kind::Plain, Defect::EmptyNotEchoed, &["6455/5.3/*"], &[]),
    (
        Kind::Plain,
        Defect::TcpStaysOpen,
        &["6455/5.4/control-*", "6455/5.5.1/nothing-*"],
        &[],
    ),
    (
        Kind::Plain,
        Defect::ClosesTwice,
        &[
            "6455/5.2/*-fails/*",
            "6455/7.1.7/*",
            "6455/8.1/*",
            "6455/5.5.1/*",
        ],
        &[
            "6455/5.5.1/close-is-sent-once/*",
            "6455/5.5.1/closes-may-cross",
            "6455/5.5.1/nothing-counts-after-close/close",
        ],
    ),
    (
        Kind::Deflate,
        Defect::UnknownParameterAccepted,
        &["hostile/handshake/odd-extension/*"],
        &[],
    ),
    (
        Kind::Deflate,
        Defect::SmallWindowIs400,
        &["7692/5/*", "7692/7.1.2.1/*", "7692/7.1.2.2/*"],
        &["7692/5/offer-is-no-error/*-8"],
    ),
    (
        Kind::Deflate,
        Defect::ClientWindowUnasked,
        &["7692/5/*", "7692/6/*", "7692/7.1.*", "7692/7.2.3/*"],
        &[
            "7692/5/answer-fits-the-offer",
            "7692/7.1.2.2/window-only-if-offered/*",
        ],
    ),
    (
        Kind::Deflate,
        Defect::AcceptedEndsWithSemicolon,
        &[
            "7692/5/*",
            "7692/6/*",
            "7692/7/*",
            "7692/7.2.3/*",
            "7692/7.2/*/16",
        ],
        &["7692/5/answer-fits-the-offer"],
    ),
    (
        Kind::Http2,
        Defect::Http2FailureEndsConnection,
        &["8441/3/*"],
        &[],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_behaviour_fails_the_case_of_its_rule_alone() {
    let mut wrong = String::new();
    for (kind, defect, looked_at, failing) in ROWS {
        let reference = Reference::start_as(*kind, Some(*defect)).await;
        let endpoint = support::endpoint(&reference, PATIENCE);
        for judged in judge(endpoint, looked_at).await {
            let id = judged.case.id;
            let fails =
                matches!(judged.outcome, Outcome::Fail | Outcome::NonStrict);
            let should = failing.iter().any(|it| matches(it, id));
            if fails != should || judged.outcome == Outcome::Blocked {
                let finding = &judged.finding;
                wrong += &format!(
                    "{defect:?} {id}: {}, {finding:?}\n",
                    judged.outcome
                );
            }
            if let Some(Finding::Unsupported(why)) = &judged.finding
                && let Some(named) = named(why)
                && !cases::all().any(|case| matches(named, case.id))
            {
                wrong += &format!("{id} names {named}: no such case\n");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The case that is said to show why another is skipped.
fn named(why: &str) -> Option<&str> {
    why.strip_suffix(" shows it")?.rsplit(' ').next()
}

/// Cases with messages of up to 131,072 bytes, and some with more.
const OF_LENGTH: &[&str] = &[
    "6455/5.2/any-length-is-echoed/*",
    "6455/5.4/*",
    "6455/6.2/long-frame-is-echoed/*-kib",
    "6455/6.2/long-message-is-echoed/*-in-64",
    "7692/7.1/window-9/*",
    "7692/7.2/prose/*",
    "hostile/text/*",
    "hostile/control/*",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_not_declared_is_no_failure() {
    let reference = Reference::start_as(Kind::Small, None).await;
    let url = reference.url().parse().expect("a URL");
    let judged = judge(Endpoint::new(url, PATIENCE), OF_LENGTH).await;
    let failed = ids(
        &judged,
        &[Outcome::Fail, Outcome::NonStrict, Outcome::Blocked],
    );
    assert_eq!(failed, [""; 0]);
    let mut limited = judged
        .iter()
        .filter(|it| it.outcome == Outcome::Unsupported);
    let text = limited
        .find(|it| it.case.id == "6455/5.2/any-length-is-echoed/text-65536")
        .and_then(|it| it.finding.as_ref())
        .expect("a message over the limit")
        .got();
    assert!(text.contains("echoes a message of 8192 bytes"), "{text}");
    assert!(text.contains("--max-message"), "{text}");
    assert!(limited.count() > 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_under_the_declared_one_is_a_failure() {
    let reference = Reference::start_as(Kind::Small, None).await;
    let url = reference.url().parse().expect("a URL");
    let mut endpoint = Endpoint::new(url, PATIENCE);
    endpoint.declared.max_message = Some(1 << 20);
    let judged =
        judge(endpoint, &["6455/5.2/any-length-is-echoed/*-6553*"]).await;
    assert_eq!(ids(&judged, &[Outcome::Fail]).len(), judged.len());
}

#[tokio::test]
async fn an_age_that_comes_first_leaves_a_deadline_unseen() {
    let defect = Some(Defect::SendNotTimed);
    let reference = Reference::start_as(Kind::Timed, defect).await;
    let mut endpoint = support::endpoint(&reference, PATIENCE);
    endpoint.declared.send_deadline = Some(AGE);
    let judged = judge(endpoint, &["hostile/slow/reads-nothing"]).await;
    assert_eq!(ids(&judged, &[Outcome::Unsupported]).len(), 1);
}
